// A network between two sides, which can be made a bad one.
//
// proxy.mjs <from> <to>: each is a port of 127.0.0.1 or the path of a Unix
// socket; port 0 is any.  Prints "ready <port or path>".  On standard input,
// a line each:
//
//   good
//   slow <ms> <part>    each piece comes after 0.5 to 1.5 times ms, a part
//                       (0..1) of them after 1 s more, as if sent again
//   hold                nothing passes, in either direction; what was on its
//                       way passes when it ends ("good"), or, on one
//                       connection of two, never: that one is reset
//   lose <n>            of each n-th connection the first reply is not
//                       delivered, and the connection is reset
//   drop <n>            a connection is reset after n bytes to 2n of replies
//
// Answers each with "ok", and at the end of its input prints what it did.

import net from 'node:net';
import fs from 'node:fs';
import readline from 'node:readline';

const [from, to] = process.argv.slice(2)
    .map((end) => /^\d+$/.test(end) ? {port: Number(end), host: '127.0.0.1'}
                                    : {path: end});
const pairs = new Set();
const done = {connections: 0, lost: 0, reset: 0, bytes: 0};
let mode = ['good'];

function reset(pair) {
    done.reset++;

    if (from.port !== undefined) {
        pair.client.resetAndDestroy();
    }

    pair.client.destroy();
    pair.server.destroy();
}

// One direction: pieces in their order, each when its time has come.

class Direction {
    queue = [];
    busy = false;

    constructor(pair, source, sink, reply) {
        Object.assign(this, {pair, source, sink, reply});

        source.on('data', (data) => {
            this.queue.push({data, at: Date.now() + this.delay()});
            source.pause();
            this.pass();
        });
        source.on('end', () => {
            this.ended = true;
            this.pass();
        });
    }

    delay() {
        if (mode[0] !== 'slow') {
            return 0;
        }

        return mode[1] * (0.5 + Math.random())
            + (Math.random() < mode[2] ? 1000 : 0);
    }

    pass() {
        if (this.busy || mode[0] === 'hold') {
            return;
        }

        const piece = this.queue[0];

        if (!piece) {
            if (this.ended) {
                this.sink.end();
            } else {
                this.source.resume();
            }

            return;
        }

        const wait = piece.at - Date.now();

        if (wait > 0) {
            this.busy = true;
            setTimeout(() => {
                this.busy = false;
                this.pass();
            }, wait);
            return;
        }

        this.queue.shift();
        done.bytes += piece.data.length;

        if (this.reply && this.bad(piece.data.length)) {
            return;
        }

        this.sink.write(piece.data);
        this.pass();
    }

    bad(length) {
        const {pair} = this;

        pair.replied += length;

        if ((mode[0] === 'lose' && pair.n % mode[1] === 0)
            || (mode[0] === 'drop'
                && pair.replied > mode[1] * (1 + (pair.n * 7 % 10) / 10)))
        {
            done.lost++;
            reset(pair);
            return true;
        }

        return false;
    }
}

const server = net.createServer({allowHalfOpen: true}, (client) => {
    const pair = {
        client, server: net.connect({...to, allowHalfOpen: true}), replied: 0,
        n: ++done.connections,
    };

    pair.directions = [
        new Direction(pair, pair.client, pair.server, false),
        new Direction(pair, pair.server, pair.client, true),
    ];
    pairs.add(pair);

    for (const socket of [pair.client, pair.server]) {
        socket.setNoDelay(true);
        socket.on('error', () => {});
        socket.on('close', () => {
            // the other side learns of it, unless nothing passes
            const other = socket === client ? pair.server : client;

            if (mode[0] === 'hold') {
                pair.broken = true;
            } else {
                other.destroy();
                pairs.delete(pair);
            }
        });
    }
});

function set(words) {
    const was = mode[0];

    mode = words.map((word, i) => i > 0 ? Number(word) : word);

    if (was !== 'hold') {
        return;
    }

    for (const pair of [...pairs]) {
        if (pair.broken || pair.n % 2 === 0) {
            reset(pair);
            pairs.delete(pair);
        } else {
            pair.directions.forEach((direction) => direction.pass());
        }
    }
}

if (from.path) {
    fs.rmSync(from.path, {force: true});
}

server.listen(from, () => {
    if (from.path) {
        fs.chmodSync(from.path, 0o777);
    }

    process.stdout.write(`ready ${from.path ?? server.address().port}\n`);
});

const input = readline.createInterface({input: process.stdin});

input.on('line', (line) => {
    set(line.split(' '));
    process.stdout.write('ok\n');
});

input.on('close', () => {
    process.stdout.write(`${JSON.stringify(done)}\n`);
    process.exit(0);
});
