// Splits a body into server-sent events, as a browser does.

export class Parser {
    buffer = '';
    fields = {};
    comments = 0;

    *feed(part) {
        this.buffer += part;

        for (;;) {
            const at = this.buffer.indexOf('\n');

            if (at < 0) {
                return;
            }

            const line = this.buffer.slice(0, at);
            this.buffer = this.buffer.slice(at + 1);

            if (line === '') {
                const event = this.fields;
                this.fields = {};

                if ('data' in event || 'retry' in event) {
                    yield event;
                }

                continue;
            }

            const colon = line.indexOf(':');

            if (colon === 0) {
                this.comments++;
                continue;
            }

            const name = colon < 0 ? line : line.slice(0, colon);
            const value = colon < 0 ? ''
                : line.slice(colon + 1).replace(/^ /, '');

            this.fields[name] = name === 'data' && 'data' in this.fields
                ? `${this.fields.data}\n${value}` : value;
        }
    }
}
