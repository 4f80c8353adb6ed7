// Clients that behave badly, each kind for itself.
//
// hostile.mjs <kind> <options as JSON>: port, prefix, token, conversation,
// and those of the kind.  Prints what came of it as JSON.
//
//   abort     sends every beginning of a request, a handshake, a frame, and
//             goes away
//   slow      "sockets" that read nothing, until standard input ends
//   flood     "seconds" of messages as fast as they go
//   knock     "seconds" of handshakes as fast as they go, from one address
//   crowd     a new visitor from each of "addresses" addresses

import net from 'node:net';
import crypto from 'node:crypto';

import {call, sleep} from './http.mjs';

const [kind, text] = process.argv.slice(2);
const options = JSON.parse(text);
const {port, prefix, token, conversation} = options;


function request(method, path, headers, body = '') {
    return Buffer.from([`${method} ${prefix}${path} HTTP/1.1`,
        'Host: localhost', `Authorization: Bearer ${token}`,
        ...body ? ['Content-Type: application/json',
                   `Content-Length: ${Buffer.byteLength(body)}`] : [],
        ...headers, '', body].join('\r\n'));
}

function handshake() {
    return request('GET', 'v1/stream', ['Connection: Upgrade',
        'Upgrade: websocket', 'Sec-WebSocket-Version: 13',
        'Sec-WebSocket-Protocol: chat.v1',
        `Sec-WebSocket-Key: ${crypto.randomBytes(16).toString('base64')}`]);
}

function frame(json) {
    const data = Buffer.from(JSON.stringify(json));
    const mask = crypto.randomBytes(4);
    const head = data.length < 126 ? Buffer.from([0x81, 0x80 | data.length])
        : Buffer.from([0x81, 0xfe, data.length >> 8, data.length & 255]);

    return Buffer.concat([head, mask,
                          data.map((byte, i) => byte ^ mask[i % 4])]);
}

// Sends the text, waits for an answer if there are later bytes, sends the
// beginning of them, and goes away: politely or not.

function abort(first, rest, hard) {
    return new Promise((resolve) => {
        const socket = net.connect({port, host: '127.0.0.1'});
        const leave = () => setTimeout(() => {
            hard ? socket.resetAndDestroy() : socket.end();
            hard || socket.destroySoon();
            resolve();
        }, Math.random() * 3);

        socket.on('error', () => resolve());
        socket.on('connect', () => {
            if (!first) {
                socket.write(rest, leave);
                return;
            }

            socket.write(first);
            socket.once('data', () => socket.write(rest, leave));
        });
    });
}

const kinds = {
    async abort() {
        const id = () => crypto.randomUUID();
        const requests = [
            [null, request('POST', 'v1/session', [], '{"mode":"bearer"}')],
            [null, request('POST', `v1/conversations/${conversation}/messages`,
                [], JSON.stringify({client_msg_id: id(), text: 'shalom'}))],
            [null, request('GET', `v1/stream?conversation=${conversation}`,
                ['Accept: text/event-stream'])],
            [null, request('GET', `v1/stream?conversation=${conversation}`
                + '&wait=5', [])],
            [null, request('GET', `v1/conversations/${conversation}/events`,
                [])],
            [null, handshake()],
            [handshake(), frame({type: 'subscribe', ref: 1, conversation})],
            [handshake(), frame({type: 'send', ref: 1, conversation,
                                 client_msg_id: id(), text: 'shalom'})],
            [handshake(), Buffer.concat([
                frame({type: 'subscribe', ref: 1, conversation}),
                Buffer.from([0x89, 0x84, 0, 0, 0, 0, 1, 2, 3, 4]),
                Buffer.from([0x88, 0x82, 0, 0, 0, 0, 3, 0xe8])])],
        ];
        let count = 0;

        for (const [first, rest] of requests) {
            const all = [];

            for (let n = 0; n <= rest.length; n++) {
                all.push([rest.subarray(0, n), n % 2 === 0]);
            }

            await inParallel(16, all, ([part, hard]) => {
                count++;
                return abort(first, part, hard);
            });
        }

        return {count};
    },

    async slow() {
        const sockets = Array.from({length: options.sockets}, (_, i) => {
            const socket = net.connect({port, host: '127.0.0.1'});

            socket.on('error', () => {});
            socket.on('close', () => {
                socket.gone = true;
            });
            socket.on('connect', () => {
                if (i % 2) {
                    socket.write(request('GET',
                        `v1/stream?conversation=${conversation}`,
                        ['Accept: text/event-stream']));
                } else {
                    socket.write(Buffer.concat([handshake(), frame({
                        type: 'subscribe', ref: 1, conversation})]));
                }

                // the beginning comes, and then nothing more is taken
                socket.once('data', () => {
                    socket.pause();
                    socket.began = true;
                });
            });

            return socket;
        });

        while (sockets.some((socket) => !socket.began && !socket.gone)) {
            await sleep(20);
        }

        process.stdout.write('ready\n');
        process.stdin.resume();
        await new Promise((resolve) => process.stdin.on('end', resolve));

        const gone = sockets.filter((socket) => socket.gone).length;

        sockets.forEach((socket) => socket.destroy());
        return {sockets: sockets.length, gone};
    },

    async flood() {
        const codes = {};
        const end = Date.now() + options.seconds * 1000;
        let n = 0;

        await Promise.all(Array.from({length: 32}, async (_, i) => {
            while (Date.now() < end) {
                const answer = await call({port}, token, 'POST',
                    `${prefix}v1/conversations/${conversation}/messages`,
                    {client_msg_id: `f-${process.pid}-${++n}`, text: 'more'},
                    {keep: `flood ${i}`}).catch(() => ({status: 0}));

                codes[answer.status] = (codes[answer.status] ?? 0) + 1;
            }
        }));

        return {codes};
    },

    async knock() {
        const codes = {};
        const end = Date.now() + options.seconds * 1000;

        await Promise.all(Array.from({length: 32}, async () => {
            while (Date.now() < end) {
                const status = await knock(options.address);

                codes[status] = (codes[status] ?? 0) + 1;
            }
        }));

        return {codes};
    },

    async crowd() {
        const codes = {};
        const all = Array.from({length: options.addresses}, (_, i) =>
            `127.${1 + (i >> 16)}.${(i >> 8) & 255}.${i & 255}`);

        await inParallel(32, all, async (address) => {
            const status = await knock(address, request('POST', 'v1/session',
                ['Connection: close'], '{"mode":"bearer"}')
                .toString().replace(/Authorization.*\r\n/, ''));

            codes[status] = (codes[status] ?? 0) + 1;
        });

        return {codes};
    },
};

// One request from an address: the status of its answer.

function knock(localAddress, bytes = handshake().toString()
                                .replace(/Authorization.*\r\n/, ''))
{
    return new Promise((resolve) => {
        const socket = net.connect({port, host: '127.0.0.1', localAddress});

        socket.on('error', () => resolve('error'));
        socket.on('close', () => resolve('closed'));
        socket.on('connect', () => socket.write(bytes));
        socket.once('data', (data) => {
            resolve(data.toString('latin1', 9, 12));
            socket.destroy();
        });
    });
}

async function inParallel(n, items, f) {
    const rest = [...items];

    await Promise.all(Array.from({length: n}, async () => {
        while (rest.length > 0) {
            await f(rest.pop());
        }
    }));
}

const result = await kinds[kind]();

process.stdout.write(`${JSON.stringify(result)}\n`);
process.exit(0);
