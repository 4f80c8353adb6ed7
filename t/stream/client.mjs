// A client of the stream for the tests: HTTP/1.1 and HTTP/2 (cleartext, with
// prior knowledge), long poll and server-sent events, behind one interface.

import http from 'node:http';
import http2 from 'node:http2';

export const env = JSON.parse(process.env.CHAT_STREAM);


// One connection for one request.  Resolves with {status, headers, body}, a
// readable stream, once the header is there; close() aborts it.

function start(protocol, method, path, headers, body, signal) {
    return protocol === 'h2' ? start2(method, path, headers, body, signal)
                             : start1(method, path, headers, body, signal);
}

function start1(method, path, headers, body, signal) {
    return new Promise((resolve, reject) => {
        const request = http.request({
            host: '127.0.0.1', port: env.h1, method, path, headers,
            agent: false, signal,
        }, (response) => resolve({
            status: response.statusCode, headers: response.headers,
            version: response.httpVersion, body: response,
            close: () => request.destroy(),
        }));

        request.on('error', reject);
        request.end(body);
    });
}

function start2(method, path, headers, body, signal) {
    return new Promise((resolve, reject) => {
        const session = http2.connect(`http://127.0.0.1:${env.h2}`);
        const request = session.request({
            ':method': method, ':path': path, ...headers,
        }, {endStream: body === undefined, signal});

        session.on('error', reject);
        request.on('error', reject);
        request.on('close', () => session.close());
        request.on('response', (head) => resolve({
            status: head[':status'], headers: head, version: '2.0',
            body: request,
            close: () => {
                request.close(http2.constants.NGHTTP2_CANCEL);
            },
        }));

        if (body !== undefined) {
            request.end(body);
        }
    });
}

async function text(body) {
    body.setEncoding('utf8');

    let all = '';

    for await (const part of body) {
        all += part;
    }

    return all;
}


// One call of the API as that member: {status, headers, json}.

export async function call(protocol, who, method, path, json, more = {}) {
    const headers = {...more};

    if (who !== null) {
        headers.authorization = `Bearer ${env.tokens[who] ?? who}`;
    }

    if (json !== undefined) {
        headers['content-type'] = 'application/json';
    }

    const answer = await start(protocol, method, `/support/v1/${path}`,
        headers, json === undefined ? undefined : JSON.stringify(json));
    const body = await text(answer.body);

    return {
        status: answer.status, headers: answer.headers,
        json: body ? JSON.parse(body) : null,
    };
}

let sent = 0;

// Sends a message, until it is stored; returns its seq.

export async function send(who, conversation, message, more = {}) {
    const id = `n-${process.pid}-${++sent}`;

    for (;;) {
        const answer = await call('h1', who, 'POST',
            `conversations/${conversation}/messages`,
            {client_msg_id: id, text: message, ...more}).catch(() => null);

        if (answer && (answer.status === 201 || answer.status === 200)) {
            return answer.json.seq;
        }

        if (answer && answer.status < 500) {
            throw new Error(`send: ${answer.status}`);
        }

        await sleep(50);
    }
}

export function sleep(ms) {
    return new Promise((resolve) => setTimeout(resolve, ms));
}

// Calls f until it returns something true; rejects after so many ms.

export async function until(f, what, ms = 10000) {
    const deadline = Date.now() + ms;

    for (;;) {
        const value = await f();

        if (value) {
            return value;
        }

        if (Date.now() > deadline) {
            throw new Error(`in vain: ${what}`);
        }

        await sleep(20);
    }
}


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


// A reader of one conversation, by either transport.  "events" are those with
// a seq, in the order in which they came; "signals" those without; "next" is
// the cursor to resume from.  After start() has resolved nothing is missed.

export class Reader {
    events = [];
    signals = [];
    resets = [];
    conversations = [];
    byes = [];
    raw = [];
    workers = new Set();
    state = null;
    next = null;
    retry = null;
    status = null;
    problem = null;
    running = false;
    opened = 0;
    abort = new AbortController();

    constructor(transport, protocol, who, options) {
        this.transport = transport;
        this.protocol = protocol;
        this.who = who;
        this.options = options;
        this.next = options.since ?? null;
    }

    path(more) {
        const query = new URLSearchParams({...this.options.query, ...more});

        if (this.options.conversation) {
            query.set('conversation', this.options.conversation);
        }

        return `/support/v1/stream?${query}`;
    }

    // Resolves when the first answer, or the begin of the stream, is there.

    async start() {
        this.running = true;

        if (this.transport === 'sse') {
            await this.stream();
        } else {
            await this.poll({wait: 0});

            if (this.status === 200) {
                this.loop = this.polls();
            }
        }

        return this;
    }

    async polls() {
        while (this.running) {
            await this.poll({}).catch(() => sleep(50));

            if (this.status !== 200 && this.status !== 503) {
                return;
            }
        }
    }

    async poll(more) {
        const query = {wait: '20', ...more};

        if (this.next !== null) {
            query.since = this.next;
        }

        if (this.state) {
            query.state = this.state.version;
        }

        const answer = await start(this.protocol, 'GET', this.path(query),
            {authorization: `Bearer ${env.tokens[this.who]}`}, undefined,
            this.abort.signal);

        this.workers.add(Number(answer.headers['x-worker']));
        this.headers = answer.headers;

        const json = JSON.parse(await text(answer.body));

        this.status = answer.status;

        if (answer.status !== 200) {
            this.problem = json;
            return;
        }

        this.opened++;

        if (!json.complete) {
            this.resets.push(json.reason);
        }

        this.events.push(...json.events);
        this.state = json.state ?? this.state;
        this.next = json.next;
    }

    // One stream; resolves with its begin.  "again": resumes when it ends.

    async stream() {
        const headers = {
            accept: 'text/event-stream', ...this.options.headers,
            authorization: `Bearer ${env.tokens[this.who]}`,
        };
        const query = {};

        if (this.last !== undefined) {
            headers['last-event-id'] = this.last;
        } else if (this.next !== null) {
            query.since = this.next;
        }

        const answer = await start(this.protocol, 'GET', this.path(query),
            headers);

        this.answer = answer;
        this.status = answer.status;
        this.headers = answer.headers;
        this.workers.add(Number(answer.headers['x-worker']));

        if (answer.status !== 200) {
            this.problem = JSON.parse(await text(answer.body));
            return;
        }

        this.opened++;
        this.ended = this.read(answer);

        if (this.options.wait !== false) {
            const before = this.opened;
            await until(() => this.subscribed >= before || this.over,
                'the begin of the stream');
        }
    }

    subscribed = 0;

    async read(answer) {
        const parser = new Parser();

        this.parser = parser;
        this.over = false;
        answer.body.setEncoding('utf8');

        try {
            for await (const part of answer.body) {
                for (const event of parser.feed(part)) {
                    this.take(event);
                }

                while (this.paused) {
                    await sleep(20);
                }
            }

            this.clean = true;
        } catch {
            this.clean = false;
        }

        this.over = true;

        if (this.running && this.options.again) {
            await this.again();
        }
    }

    async again() {
        while (this.running) {
            try {
                this.ended = null;
                await this.stream();
                return;
            } catch {
                await sleep(50);
            }
        }
    }

    take(event) {
        this.raw.push(event);

        if (event.retry !== undefined) {
            this.retry = Number(event.retry);
        }

        if (event.data === undefined) {
            return;
        }

        const json = JSON.parse(event.data);

        if (json.type !== event.event) {
            throw new Error(`event ${event.event} is a ${json.type}`);
        }

        if (event.id !== undefined) {
            this.last = this.next = event.id;
        }

        if (json.type === 'subscribed') {
            this.state = json.state ?? this.state;
            this.subscribed++;

            if (!json.complete) {
                this.resets.push(json.reason ?? 'inbox');
            }

            if (this.next === null || !json.complete) {
                this.next = json.next;
            }
        } else if (json.type === 'bye') {
            this.byes.push(json);
        } else if (json.type === 'conversation') {
            this.conversations.push(json);
        } else if (json.seq !== undefined) {
            this.events.push(json);
        } else {
            this.signals.push(json);
        }
    }

    seqs() {
        return this.events.map((event) => event.seq);
    }

    // Until that many events are there, or the test fails.

    async has(n, ms = 10000) {
        await until(() => this.events.length >= n,
            `${this.transport} ${this.protocol}: ${n} events of `
            + `${this.events.length}`, ms);
        return this;
    }

    stop() {
        this.running = false;
        this.abort.abort();
        this.answer?.close();
    }
}

const readers = new Set();

export async function open(transport, protocol, who, options) {
    const reader = new Reader(transport, protocol, who, options);

    readers.add(reader);
    return reader.start();
}

// Whatever a test has left.

export function stop() {
    readers.forEach((reader) => reader.stop());
    readers.clear();
}

// A metric of chat_status, summed over the labels that are not named.

export async function metric(name) {
    const answer = await start('h1', 'GET', '/status', {});
    const lines = (await text(answer.body)).split('\n')
        .filter((line) => line.startsWith(name));

    return lines.reduce((sum, line) => sum + Number(line.split(' ').pop()),
        0);
}
