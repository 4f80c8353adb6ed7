// A binary upgrade with open streams, and the way back: USR2, WINCH, QUIT.

import fs from 'node:fs';
import test from 'node:test';
import assert from 'node:assert/strict';

import {call, env, open, send, sleep, stop, until} from './client.mjs';

const pid = `${env.root}/logs/nginx.pid`;
const patience = 60000;

test.after(stop);

function read(path) {
    try {
        return Number(fs.readFileSync(path, 'utf8'));
    } catch {
        return 0;
    }
}

function proc(of, file) {
    try {
        return fs.readFileSync(`/proc/${of}/${file}`, 'utf8');
    } catch {
        return '';
    }
}

function alive(one) {
    return /\) [^ZX]/.test(proc(one, 'stat'));
}

// A new master is a child of the old one.

function workers(master) {
    return proc(master, `task/${master}/children`).split(' ')
        .filter(Boolean).map(Number).filter((one) => alive(one)
            && proc(one, 'cmdline').startsWith('nginx: worker process'));
}

// A new master beside the old one, both with workers.

async function another() {
    const old = read(pid);

    process.kill(old, 'SIGUSR2');

    const fresh = await until(() => {
        const now = read(pid);

        return read(`${pid}.oldbin`) === old && now !== 0 && now !== old
            && workers(now).length === 2 && now;
    }, 'a new master with workers', patience);

    return [old, fresh];
}

async function leave(master) {
    const began = Date.now();

    process.kill(master, 'SIGWINCH');
    await until(() => workers(master).length === 0, 'the workers go',
        patience);

    return Date.now() - began;
}

async function quit(master) {
    process.kill(master, 'SIGQUIT');
    await until(() => !alive(master), `master ${master} goes`, patience);
}


// Readers of each transport, and somebody who never stops.

const readers = [];
let id, last = 1, count = 1, speaking = true, speaker;

test.before(async () => {
    const answer = await call('h1', 'alice', 'POST', 'conversations',
        {client_msg_id: 'upgrade', text: 'hello'});

    id = answer.json.id;

    for (let i = 0; i < 12; i++) {
        readers.push(await open(['poll', 'sse', 'ws'][i % 3], 'h1', 'alice',
            {conversation: id, since: `${env.epoch}.1`, again: true}));
    }

    speaker = (async () => {
        for (; speaking; count++) {
            last = await send('dana', id, `${count}`);
            await sleep(10);
        }
    })();
});

// Everybody is with a worker of that master, and hears what is said there.

async function moved(master) {
    const seen = last;

    await until(() => readers.every((reader) =>
        workers(master).includes([...reader.workers].at(-1))
        && reader.events.at(-1)?.seq > seen), 'the readers move', patience);
}

const streams = () => readers.filter((reader) =>
    reader.transport !== 'poll');


test('R7: USR2, WINCH, QUIT: everybody moves to the new binary', async () => {
    const [old, fresh] = await another();
    const served = readers.flatMap((reader) => [...reader.workers]);

    assert.ok(served.some((worker) => workers(old).includes(worker)));
    assert.equal(workers(old).length, 2, 'both serve');

    const took = await leave(old);

    await moved(fresh);

    // each was told, before its worker went

    for (const reader of streams()) {
        assert.deepEqual(reader.byes.map((bye) => bye.code), [1012]);
        assert.ok(reader.byes[0].after_ms >= 0);
    }

    assert.ok(streams().filter((reader) => reader.transport === 'ws')
        .every((reader) => reader.codes.join() === '1012'));

    // chat_drain and 2 s, on a machine that has the time for it

    assert.ok(took < (env.drain + 10) * 1000, `${took} ms`);

    await quit(old);
    assert.equal(read(pid), fresh);
    assert.ok(!fs.existsSync(`${pid}.oldbin`));
});


test('R7: back out: WINCH, HUP to the old, QUIT to the new', async () => {
    const [old, fresh] = await another();

    await leave(old);
    await moved(fresh);

    process.kill(old, 'SIGHUP');
    await until(() => workers(old).length === 2, 'the old one has workers',
        patience);

    await quit(fresh);
    await moved(old);
    await until(() => read(pid) === old, 'the pid file', patience);

    for (const reader of streams()) {
        assert.ok(reader.byes.length >= 3);
        assert.ok(reader.byes.every((bye) => bye.code === 1012));
    }
});


test('R1, R4: every acknowledged message, once and in order', async () => {
    speaking = false;
    await speaker;

    assert.equal(last, count);

    for (const reader of readers) {
        await reader.has(last - 1);
        assert.deepEqual(reader.seqs(),
            Array.from({length: last - 1}, (_, i) => i + 2));
        assert.deepEqual(reader.resets, []);
    }
});
