// Sending: one message after the other, each until it is acknowledged, with
// the same client_msg_id, by HTTP or on the client's socket.

import {call, sleep} from './http.mjs';
import {textOf} from './history.mjs';

const DOUBLED = 0.05;       // are sent twice at the same time
const ABANDONED = 0.02;     // of those without an answer are given up
const LONG = 0.02;

export class Sender {
    count = 0;
    busy = false;

    constructor(run, client, k, more) {
        Object.assign(this, {run, client, k, notes: 0, ...more});
    }

    // Until the run ends.

    async start() {
        while (this.run.sending) {
            const mean = 1000 * this.run.senders.length / this.run.rate;

            await this.run.pause(-Math.log(1 - Math.random()) * mean);

            if (this.run.sending && this.run.invoked < this.run.most) {
                this.busy = true;
                await this.message();
                this.busy = false;
            }
        }
    }

    async message() {
        const more = Math.random() < LONG
            ? `:${2 * Math.ceil(Math.random() * 2700)}` : '';
        const m = `${this.client.name}-${this.k.slice(-4)}-${++this.count}`
            + more;
        const note = Math.random() < this.notes;

        this.run.invoked++;

        if (Math.random() < this.changes) {
            this.change();
        }

        await this.deliver(m, note);
    }

    // Both, where it is doubled, end with the same answer.

    async deliver(m, note) {
        const began = this.run.history.now();
        const doubled = Math.random() < DOUBLED;
        const outcomes = await Promise.all(
            (doubled ? [0, 1] : [0]).map(() => this.repeat(m, note)));

        if (outcomes.includes('ok')) {
            this.run.acknowledged(m, began);
        }
    }

    async repeat(m, note) {
        for (let tries = 1; ; tries++) {
            const outcome = await this.attempt(m, note);

            if (outcome === 'ok' || outcome === 'fail') {
                return outcome;
            }

            if (Math.random() < ABANDONED || this.run.over) {
                this.run.abandoned++;
                return 'unknown';
            }

            await sleep(Math.min(50 * 2 ** tries, 1000)
                        * (0.5 + Math.random()));
        }
    }

    async attempt(m, note) {
        const {client, k, run} = this;
        const socket = client.reader?.send && client.reader.connected
            && Math.random() < 0.7;
        const via = socket ? 'ws' : 'http';
        const fields = {client_msg_id: m, text: textOf(m)};

        if (note) {
            fields.visibility = 'internal';
        }

        const began = run.history.write(client.name, 'invoke',
                                        {k, m, via, note});
        const answer = socket ? await this.onSocket(fields)
                              : await this.byRequest(fields);

        if (answer.seq !== undefined) {
            run.history.write(client.name, 'ok',
                {k, m, via, seq: answer.seq, dup: answer.duplicate});
            return 'ok';
        }

        // those that say that nothing was stored
        const refused = ['rate_limited', 'invalid_field', 'forbidden', 'gone',
                         'not_found', 'unauthenticated', 'too_large']
            .includes(answer.code);

        run.history.write(client.name, refused ? 'fail' : 'unknown',
                          {k, m, code: answer.code});
        run.refused(answer.code, answer.ms ?? run.history.now() - began);

        return refused && answer.code !== 'rate_limited' ? 'fail' : 'again';
    }

    async onSocket(fields) {
        return await this.client.reader.send(this.k, fields)
            ?? {code: 'none'};
    }

    async byRequest(fields) {
        const target = this.client.target();

        try {
            const answer = await call(target, this.client.token, 'POST',
                `${this.client.prefix}v1/conversations/${this.k}/messages`,
                fields, {keep: Math.random() < 0.5 && this.client.name});

            return answer.status < 300 ? answer.json
                : {code: answer.json?.code ?? `status ${answer.status}`,
                   ms: answer.ms};

        } catch {
            this.client.failed();
            return {code: 'none'};
        }
    }

    // A change of the status, and of the assignee: events that are no
    // messages.  Nobody asks whether it came to pass.

    change() {
        const status = ['open', 'pending', 'resolved'][
            Math.floor(Math.random() * 3)];
        const body = Math.random() < 0.5 ? {status}
            : {assignee: Math.random() < 0.5 ? this.client.id : null};

        call(this.client.target(), this.client.token, 'PATCH',
            `${this.client.prefix}v1/conversations/${this.k}`, body)
            .catch(() => {});
    }
}
