// Server-sent events over HTTP/2 that wait: so many streams on so many
// connections, each of a visitor in a conversation of its own.
//
//     node h2.js <port> <connections> <streams of each> <vars>
//
// Prints "ready" when each stream has been subscribed, and ends with its
// standard input.

'use strict';

const fs = require('node:fs');
const http2 = require('node:http2');

const [port, connections, streams, vars] = process.argv.slice(2);
const lines = fs.readFileSync(vars, 'utf8').trim().split('\n')
    .map((line) => line.split(' '));
const inflight = 100;
const sessions = [];
let opened = 0;
let subscribed = 0;

// The next one of all, over the connections in turn.

function open() {
    if (opened === connections * streams) {
        return;
    }

    const [token, conversation] = lines[opened];
    const stream = sessions[opened++ % connections].request({
        ':path': `/support/v1/stream?conversation=${conversation}`,
        'accept': 'text/event-stream',
        'authorization': `Bearer ${token}`,
    });
    let text = '';

    stream.on('response', (headers) => {
        if (headers[':status'] !== 200) {
            process.exit(1);
        }
    });
    stream.on('data', (data) => {
        if (text !== null && (text += data).includes('event: subscribed')) {
            text = null;
            open();

            if (++subscribed === connections * streams) {
                process.stdout.write('ready\n');
            }
        }
    });
    stream.on('error', () => process.exit(1));
}

for (let i = 0; i < connections; i++) {
    const session = http2.connect(`http://127.0.0.1:${port}`);

    session.on('error', () => process.exit(1));
    sessions.push(session);
}

for (let i = 0; i < inflight; i++) {
    open();
}

process.stdin.on('end', () => process.exit(0)).resume();
