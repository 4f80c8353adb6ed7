// A client of the stream for the tests: long poll and server-sent events over
// HTTP/1.1 and HTTP/2, and WebSocket, behind one interface.  "h1" and "h2" are
// cleartext, h2 with prior knowledge; "h1s" and "h2s" are over TLS, where ALPN
// decides.

import crypto from 'node:crypto';
import fs from 'node:fs';
import http from 'node:http';
import http2 from 'node:http2';
import https from 'node:https';

import {Parser} from './parser.mjs';

export const env = JSON.parse(process.env.CHAT_STREAM);

const tls = {
    ca: env.ca && fs.readFileSync(env.ca), servername: 'localhost',
};


// One connection for one request.  Resolves with {status, headers, body}, a
// readable stream, once the header is there; close() aborts it.

export function start(protocol, method, path, headers, body, signal) {
    return protocol.startsWith('h2')
        ? start2(protocol, method, path, headers, body, signal)
        : start1(protocol, method, path, headers, body, signal);
}

function start1(protocol, method, path, headers, body, signal) {
    return new Promise((resolve, reject) => {
        const request = request1(protocol, {method, path, headers, signal});

        request.on('response', (response) => resolve({
            status: response.statusCode, headers: response.headers,
            version: response.httpVersion, body: response,
            alpn: response.socket.alpnProtocol,
            close: () => request.destroy(),
        }));
        request.on('error', reject);
        request.end(body);
    });
}

function request1(protocol, options) {
    const module = protocol === 'h1s' ? https : http;

    return module.request({
        ...tls, ALPNProtocols: ['http/1.1'], host: '127.0.0.1',
        port: env[protocol], agent: false, ...options,
    });
}

function start2(protocol, method, path, headers, body, signal) {
    return new Promise((resolve, reject) => {
        const scheme = protocol === 'h2s' ? 'https' : 'http';
        const session = http2.connect(
            `${scheme}://127.0.0.1:${env[protocol]}`,
            protocol === 'h2s' ? tls : {});
        const request = session.request({
            ':method': method, ':path': path, ...headers,
        }, {endStream: body === undefined, signal});

        session.on('error', reject);
        request.on('error', reject);
        request.on('close', () => session.close());
        request.on('response', (head) => resolve({
            status: head[':status'], headers: head, version: '2.0',
            body: request, alpn: session.alpnProtocol,
            close: () => {
                request.close(http2.constants.NGHTTP2_CANCEL);
            },
        }));

        if (body !== undefined) {
            request.end(body);
        }
    });
}

export async function text(body) {
    body.setEncoding('utf8');

    let all = '';

    for await (const part of body) {
        all += part;
    }

    return all;
}


// The handshake of a WebSocket: {status, headers, socket, head}, or an answer
// as that of start().

export function upgrade(protocol, path, headers) {
    return new Promise((resolve, reject) => {
        const key = crypto.randomBytes(16).toString('base64');
        const request = request1(protocol, {path, headers: {
            connection: 'Upgrade', upgrade: 'websocket',
            'sec-websocket-version': '13', 'sec-websocket-key': key,
            'sec-websocket-protocol': 'chat.v1', ...headers,
        }});
        const accept = crypto.createHash('sha1')
            .update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
            .digest('base64');

        request.on('upgrade', (response, socket, head) => {
            if (response.headers['sec-websocket-accept'] !== accept) {
                reject(new Error('wrong Sec-WebSocket-Accept'));
                return;
            }

            resolve({status: response.statusCode, headers: response.headers,
                     socket, head});
        });
        request.on('response', (response) => resolve({
            status: response.statusCode, headers: response.headers,
            body: response,
        }));
        request.on('error', reject);
        request.end();
    });
}

const CLOSE = 8, PING = 9, PONG = 10;

// Frames over the socket of such a handshake.  on(json, frames) for each
// message, ended(code) once, 1006 when there was no close frame.

export class Frames {
    buffer = Buffer.alloc(0);
    code = 1006;

    constructor({socket, head}, on, ended) {
        this.socket = socket;
        this.on = on;

        socket.on('data', (part) => this.feed(part));
        socket.on('error', () => socket.destroy());
        socket.on('close', () => ended(this.code));

        this.feed(head);
    }

    send(json) {
        this.write(1, Buffer.from(JSON.stringify(json)));
    }

    write(opcode, payload) {
        const mask = crypto.randomBytes(4);
        const long = payload.length > 125;
        const head = Buffer.from([0x80 | opcode,
            0x80 | (long ? 126 : payload.length),
            ...long ? [payload.length >> 8, payload.length & 255] : []]);

        if (payload.length > 65535) {
            throw new Error('a frame is too long');
        }

        this.socket.write(Buffer.concat([head, mask,
            payload.map((byte, i) => byte ^ mask[i & 3])]));
    }

    feed(part) {
        this.buffer = Buffer.concat([this.buffer, part]);

        for (;;) {
            const b = this.buffer;
            const n = b.length < 2 ? 0 : b[1];
            const head = n < 126 ? 2 : n === 126 ? 4 : 10;

            if (b.length < head) {
                return;
            }

            const length = n < 126 ? n : n === 126 ? b.readUInt16BE(2)
                : Number(b.readBigUInt64BE(2));

            if (b.length < head + length) {
                return;
            }

            this.buffer = b.subarray(head + length);
            this.frame(b[0] & 15, b.subarray(head, head + length));
        }
    }

    frame(opcode, payload) {
        if (opcode === CLOSE) {
            this.code = payload.length ? payload.readUInt16BE(0) : 1005;
            this.write(CLOSE, payload);
            this.socket.end();

        } else if (opcode === PING) {
            this.write(PONG, payload);

        } else if (opcode === 1) {
            this.on(JSON.parse(payload.toString()), this);
        }
    }

    pause() { this.socket.pause(); }
    resume() { this.socket.resume(); }
    close() { this.socket.destroy(); }
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
        const answer = await call(env.plain, who, 'POST',
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

export async function until(f, what, ms = 30000) {
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

        if (this.transport === 'ws') {
            await this.websocket();
        } else if (this.transport === 'sse') {
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

    // The same over a WebSocket.

    async websocket() {
        const answer = await upgrade(this.protocol, '/support/v1/stream',
            {authorization: `Bearer ${env.tokens[this.who]}`,
             ...this.options.headers});

        this.status = answer.status;
        this.headers = answer.headers;
        this.workers.add(Number(answer.headers['x-worker']));

        if (answer.status !== 101) {
            this.problem = JSON.parse(await text(answer.body));
            return;
        }

        this.opened++;
        this.over = false;

        this.answer = new Frames(answer, (json) => this.message(json),
            (code) => {
                this.codes.push(code);
                this.over = true;

                if (this.running && this.options.again) {
                    this.again();
                }
            });

        this.answer.send({
            type: 'subscribe', ref: 1, conversation: this.options.conversation,
            ...this.next !== null ? {since: this.next} : {},
        });

        const before = this.opened;
        await until(() => this.subscribed >= before || this.over
            || this.problem, 'the begin of the stream');
    }

    codes = [];

    message(json) {
        this.raw.push({data: json});

        if (json.type === 'subscribed' || json.type === 'events') {
            this.state = json.state ?? this.state;
            this.events.push(...json.events);
            this.next = json.next;

            if (!json.complete) {
                this.resets.push(json.reason);
            }

            this.subscribed += json.type === 'subscribed' ? 1 : 0;
        } else if (json.type === 'error') {
            this.problem = json;
        } else if (json.type === 'bye') {
            this.byes.push(json);
        } else if (json.seq !== undefined) {
            this.events.push(json);
            this.next = `${env.epoch}.${json.seq}`;
        } else if (json.type !== 'welcome' && json.type !== 'heartbeat') {
            this.signals.push(json);
        }
    }

    // Slow: nothing is read from the connection.

    pause() {
        this.paused = true;

        if (this.transport === 'ws') {
            this.answer.pause();
        }
    }

    resume() {
        this.paused = false;

        if (this.transport === 'ws') {
            this.answer.resume();
        }
    }

    async again() {
        while (this.running) {
            try {
                this.ended = null;
                await (this.transport === 'ws' ? this.websocket()
                                               : this.stream());
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

    async has(n, ms = 30000) {
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
    const answer = await start(env.plain, 'GET', '/status', {});
    const lines = (await text(answer.body)).split('\n')
        .filter((line) => line.startsWith(name));

    return lines.reduce((sum, line) => sum + Number(line.split(' ').pop()),
        0);
}
