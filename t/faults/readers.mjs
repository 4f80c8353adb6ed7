// Clients that read conversations and resume, by each transport.
//
// A reader belongs to a client, which has: name, token, prefix, target() to
// connect to (another one after failed()), and in "talks", by conversation,
// what it reads: {epoch, seq}, the cursor.  received() of the run is told of
// every event, subscribed() when a conversation is read up to its head.

import WebSocket from 'ws';

import {Parser} from '../stream/parser.mjs';
import {call, open, sleep} from './http.mjs';
import {textOf} from './history.mjs';

const KEPT = 300;           // ms to wait before connecting again, on average

function pause(factor = 1) {
    return sleep(KEPT * factor * (0.5 + Math.random()));
}

class Reader {
    running = true;
    connected = false;
    stopped = null;

    constructor(run, client) {
        Object.assign(this, {run, client});
    }

    write(e, more) {
        return this.run.history.write(this.client.name, e, more);
    }

    subscribe(k) {
        this.client.talks.get(k).live = false;
        this.write('subscribe', {k, since: this.client.talks.get(k).seq});
        return this.since(k);
    }

    since(k) {
        const talk = this.client.talks.get(k);

        return talk.seq === null ? undefined : `${talk.epoch}.${talk.seq}`;
    }

    cursor(k, next) {
        const talk = this.client.talks.get(k);
        const at = next.lastIndexOf('.');
        const seq = Number(next.slice(at + 1));

        talk.epoch = next.slice(0, at);
        talk.seq = talk.seq === null ? seq : Math.max(talk.seq, seq);
    }

    // A page of a conversation, or the begin of one that is read.

    page(k, page) {
        const talk = this.client.talks.get(k);

        if (talk && page.complete === false) {
            this.write('reset', {k, why: page.reason});
            talk.seq = null;
        }

        (page.events ?? []).forEach((event) => this.event(event, k));

        if (talk && page.next) {
            this.cursor(k, page.next);
        }
    }

    event(event, k = event.conversation) {
        const talk = this.client.talks.get(event.conversation);
        const m = event.client_msg_id ?? null;
        const line = {k: event.conversation, seq: event.seq,
                      type: event.type, m};

        if (event.type === 'message' && event.text !== textOf(m)) {
            line.text = event.text.slice(0, 100);
        }

        const t = this.write('received', line);

        this.run.received(this.client, event, t);

        if (talk && k === event.conversation) {
            talk.seq = Math.max(talk.seq ?? 0, event.seq);
        }
    }

    // Told to stop by the server: nothing a client can mend.

    stop(why) {
        this.stopped = why;
        this.running = false;
        this.run.stopped(this.client, why);
    }

    close() {
        this.running = false;
    }
}


export class SocketReader extends Reader {
    pending = new Map();
    ref = 0;

    async start() {
        while (this.running) {
            await this.connection();

            if (this.running) {
                await (this.after ? sleep(this.after) : pause());
            }
        }
    }

    connection() {
        const target = this.client.target();
        const ws = new WebSocket(
            `ws://${target.host ?? '127.0.0.1'}:${target.port}`
            + `${this.client.prefix}v1/stream`, 'chat.v1', {
                headers: {authorization: `Bearer ${this.client.token}`},
                perMessageDeflate: false, handshakeTimeout: 10000,
            });
        let heard = Date.now();
        const pulse = setInterval(() => {
            if (Date.now() - heard > this.run.dead) {
                ws.terminate();

            } else if (this.connected) {
                ws.ping();
            }
        }, 2000);

        this.ws = ws;
        this.after = 0;

        return new Promise((resolve) => {
            ws.on('open', () => {
                this.connected = true;

                for (const k of this.client.talks.keys()) {
                    this.ask(k);
                }
            });

            ws.on('unexpected-response', (request, response) => {
                if ([401, 403].includes(response.statusCode)) {
                    this.stop(`handshake ${response.statusCode}`);
                }

                request.destroy();
                ws.terminate();
            });

            ws.on('message', (data) => {
                heard = Date.now();
                this.frame(JSON.parse(data));
            });

            ws.on('pong', () => {
                heard = Date.now();
            });

            ws.on('error', () => this.client.failed());

            ws.on('close', (code) => {
                clearInterval(pulse);
                this.connected = false;
                this.client.talks.forEach((talk) => {
                    talk.live = false;
                });
                this.pending.forEach((answer) => answer(null));
                this.pending.clear();
                this.run.closed(code);

                if (code >= 4400 || [1002, 1003, 1007, 1009].includes(code)) {
                    this.stop(`close ${code}`);
                }

                resolve();
            });
        });
    }

    say(frame) {
        if (this.ws.readyState === WebSocket.OPEN) {
            this.ws.send(JSON.stringify(frame));
        }
    }

    ask(k) {
        if (this.running && this.connected) {
            this.say({type: 'subscribe', ref: `s ${k}`, conversation: k,
                      since: this.subscribe(k)});
        }
    }

    // Sends a message: its answer, or null when there is none.

    send(k, fields) {
        if (!this.connected) {
            return Promise.resolve(null);
        }

        const ref = ++this.ref;

        return new Promise((resolve) => {
            const timer = setTimeout(() => {
                this.pending.delete(ref);
                resolve(null);
            }, 12000);

            this.pending.set(ref, (answer) => {
                clearTimeout(timer);
                resolve(answer);
            });

            this.say({type: 'send', ref, conversation: k, ...fields});
        });
    }

    frame(frame) {
        const k = frame.conversation;

        switch (frame.type) {

        case 'subscribed':
        case 'events':
            this.page(k, frame);

            if (!frame.more && this.client.talks.has(k)) {
                this.client.talks.get(k).live = true;
            }

            return;

        case 'heartbeat':
            for (const [id, next] of Object.entries(frame.heads ?? {})) {
                if (this.client.talks.get(id)?.seq != null) {
                    this.cursor(id, next);
                }
            }

            return;

        case 'bye':
            this.after = Math.max(frame.after_ms, 1);
            return;

        case 'sent':
            this.pending.get(frame.ref)?.(frame);
            this.pending.delete(frame.ref);
            return;

        case 'error':
            if (typeof frame.ref === 'string') {
                const id = frame.ref.slice(2);

                if (!this.client.talks.has(id)) {
                    return;
                }

                if (['not_found', 'gone', 'forbidden'].includes(frame.code)) {
                    this.stop(`subscribe: ${frame.code}`);
                    return;
                }

                pause(2).then(() => this.ask(id));
                return;
            }

            this.pending.get(frame.ref)?.(frame);
            this.pending.delete(frame.ref);
            return;

        default:
            if (frame.seq !== undefined) {
                this.event(frame);
            }
        }
    }

    // Its connection is lost.

    drop() {
        this.ws?.terminate();
    }

    close() {
        super.close();
        this.drop();
    }
}


// Those that read one conversation at a time have a part for each.

class Parts extends Reader {
    abort = new AbortController();

    start() {
        return Promise.all([...this.client.talks.keys()].map((k) =>
            this.read(k)));
    }

    path(k, more) {
        return `${this.client.prefix}v1/stream?`
            + new URLSearchParams({conversation: k, ...more});
    }

    // Whether to go on after an answer that is none.

    async refused(status) {
        if ([401, 403, 404, 410].includes(status)) {
            this.stop(`status ${status}`);
        } else {
            await pause(2);
        }
    }

    drop() {
        const old = this.abort;

        this.abort = new AbortController();
        old.abort();
    }

    close() {
        super.close();
        this.abort.abort();
    }
}


export class EventStreamReader extends Parts {
    async read(k) {
        const talk = this.client.talks.get(k);

        while (this.running) {
            try {
                await this.stream(k);
            } catch {
                this.client.failed();
            }

            talk.live = false;

            if (this.running) {
                await (talk.after ? sleep(talk.after) : pause());
            }
        }
    }

    async stream(k) {
        const talk = this.client.talks.get(k);
        const since = this.subscribe(k);
        const headers = {accept: 'text/event-stream'};
        const query = {};

        talk.after = 0;

        // as a browser does it, the second time
        if (since !== undefined && talk.opened) {
            headers['last-event-id'] = since;
        } else if (since !== undefined) {
            query.since = since;
        }

        const answer = await open(this.client.target(), this.client.token,
            'GET', this.path(k, query), {headers, signal: this.abort.signal});

        if (answer.status !== 200) {
            answer.body.resume();
            await this.refused(answer.status);
            return;
        }

        talk.opened = true;

        const parser = new Parser();
        let heard = Date.now();
        const pulse = setInterval(() => {
            if (Date.now() - heard > Math.max(this.run.dead, 45000)) {
                answer.close();
            }
        }, 2000);

        answer.body.setEncoding('utf8');

        try {
            for await (const part of answer.body) {
                heard = Date.now();

                for (const event of parser.feed(part)) {
                    this.take(k, event);
                }
            }
        } finally {
            clearInterval(pulse);
            this.run.closed('sse');
        }
    }

    take(k, event) {
        if (event.data === undefined) {
            return;
        }

        const talk = this.client.talks.get(k);
        const json = JSON.parse(event.data);

        if (json.type === 'subscribed') {
            // where it begins, and not where its events end
            const {next, ...begin} = json;

            this.page(k, begin);
            talk.live = true;

            if (talk.seq === null && next && json.complete !== false) {
                this.cursor(k, next);
            }

        } else if (json.type === 'bye') {
            talk.after = Math.max(json.after_ms, 1);

            if (json.code >= 4400) {
                this.stop(`bye ${json.code}`);
            }

        } else if (json.seq !== undefined) {
            this.event(json, k);
        }

        if (event.id !== undefined) {
            this.cursor(k, event.id);
        }
    }
}


export class PollReader extends Parts {
    async read(k) {
        const talk = this.client.talks.get(k);

        while (this.running) {
            try {
                await this.poll(k);
            } catch {
                talk.live = false;
                this.client.failed();

                if (this.running) {
                    await pause();
                }
            }
        }
    }

    // What follows an answer goes on from it; after anything else a poll
    // begins anew.

    async poll(k) {
        const talk = this.client.talks.get(k);
        const since = talk.live ? this.since(k) : this.subscribe(k);
        const query = {wait: talk.live ? this.run.wait : 0};

        if (since !== undefined) {
            query.since = since;
        }

        const answer = await call(this.client.target(), this.client.token,
            'GET', this.path(k, query), undefined, {
                signal: this.abort.signal, keep: `${this.client.name} ${k}`,
                timeout: this.run.wait * 1000 + 12000,
            });

        if (answer.status !== 200) {
            talk.live = false;
            await this.refused(answer.status);
            return;
        }

        this.page(k, answer.json);
        talk.live = true;
    }
}

export const readers = {
    ws: SocketReader, sse: EventStreamReader, poll: PollReader,
};
