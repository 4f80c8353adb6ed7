/*
 * Copyright (C) the ngx_http_chat_module authors
 */

import { test } from 'node:test';
import assert from 'node:assert/strict';
import { webcrypto } from 'node:crypto';
import { Problem } from '../../../src/assets/api.js';
import { delay } from '../../../src/assets/backoff.js';
import { createOutbox } from '../../../src/assets/outbox.js';
import { newOutgoing } from '../../../src/assets/outgoing.js';
import { subscribe } from '../../../src/assets/poll.js';
import { uuid } from '../../../src/assets/uuid.js';

/* a global of browsers that Node 18 has under another name */
globalThis.crypto ??= webcrypto;

const turn = () => new Promise((resolve) => setImmediate(resolve));


function item(id, lane = 'l') {
    return newOutgoing(id, lane, id, 'public', '');
}


/* An outbox whose server answers what the test has lined up. */
function box(...answers) {
    const log = [];
    const outbox = createOutbox({
        async send(it) {
            const answer = answers.shift();

            log.push(`send ${it.id}`);

            if (answer instanceof Problem) {
                throw answer;
            }

            return answer;
        },
        change: (id, change) => log.push(`${change.state} ${id}`),
        sent: (it, ack) => log.push(`sent ${it.id} ${ack}`),
        refused: (it) => log.push(`refused ${it.id}`),
    });

    return { outbox, log };
}


test('uuid: version 7, in the order of time', () => {
    const before = Date.now();
    const id = uuid();

    assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab]/);
    assert.equal(id.length, 36);

    const time = parseInt(id.slice(0, 8) + id.slice(9, 13), 16);

    assert.ok(time >= before && time <= Date.now());
    assert.notEqual(uuid(), id);
});


test('backoff: full jitter below a doubling ceiling', () => {
    assert.equal(delay(1, 0, () => 0), 200);
    assert.ok(delay(1, 0, () => 0.999) <= 1200);
    assert.ok(delay(3, 0, () => 0.999) > 4000);
    assert.ok(delay(99, 0, () => 0.999) <= 30200);
    assert.ok(delay(1, 5000, () => 0) >= 5000);
});


test('outbox: one after the other, each until it is taken', async () => {
    const { outbox, log } = box(new Problem(503), 1, 2);

    outbox.add(item('a'));
    outbox.add(item('b'));
    await turn();
    assert.deepEqual(log, ['sending a', 'send a', 'waiting a']);

    outbox.wake();
    await turn();
    await turn();
    assert.deepEqual(log.slice(3), ['send a', 'sent a 1', 'sending b',
                                    'send b', 'sent b 2']);
});


test('outbox: a refused message does not hold back the next', async () => {
    const { outbox, log } = box(new Problem(422), 2, 3);

    outbox.add(item('a'));
    outbox.add(item('b'));
    await turn();
    await turn();
    assert.deepEqual(log, ['sending a', 'send a', 'failed a', 'refused a',
                           'sending b', 'send b', 'sent b 2']);

    outbox.retry('a');
    await turn();
    assert.deepEqual(log.slice(7), ['queued a', 'sending a', 'send a',
                                    'sent a 3']);
    outbox.retry('a');
    await turn();
    assert.equal(log.length, 11);
});


test('outbox: lanes do not wait for each other', async () => {
    const { outbox, log } = box(new Problem(0), 2);

    outbox.add(item('a', 'one'));
    outbox.add(item('b', 'two'));
    await turn();
    assert.ok(log.includes('sent b 2'));
    assert.ok(!log.some((line) => line.startsWith('sent a')));
    outbox.wake();
});


/* Polls against lined-up answers; ends when there are no more. */
async function poll(topic, answers) {
    const log = [];

    await new Promise((resolve) => {
        const api = {
            async call(method, path, { query, signal }) {
                const answer = answers.shift();

                log.push(query);

                if (answer === undefined) {
                    resolve();
                    return new Promise((_, reject) => {
                        signal.addEventListener(
                            'abort', () => reject(new Problem(0)));
                    });
                }

                if (answer instanceof Problem) {
                    throw answer;
                }

                return answer;
            },
        };
        const line = subscribe(api, topic, {
            page: (page) => log.push(['page', page.next]),
            state: (state) => log.push(['state', state.version]),
            inbox: (page) => log.push(['inbox', page.next]),
            line(up) {
                log.push(['line', up]);
                setImmediate(() => line.wake());
            },
            end(problem) {
                log.push(['end', problem.code]);
                resolve();
            },
        });
    });

    return log;
}


test('poll: goes on from the cursor of the last answer', async () => {
    const log = await poll({ conversation: 't', since: 'e.1' }, [
        { events: [{ seq: 2 }], next: 'e.2', complete: true,
          state: { version: 4, read: {} } },
        new Problem(503),
        { events: [], next: 'e.2', complete: true,
          state: { version: 4, read: {} } },
    ]);
    const asked = log.filter((it) => !Array.isArray(it))
                     .map(({ since, state, wait }) => [since, state, wait]);

    assert.deepEqual(asked, [['e.1', 0, 25], ['e.2', 4, 25],
                             ['e.2', 4, 0], ['e.2', 4, 25]]);
    assert.deepEqual(log.filter(Array.isArray), [
        ['page', 'e.2'], ['state', 4], ['line', true], ['line', false],
        ['line', true]]);
});


test('poll: the inbox with its filters', async () => {
    const log = await poll({ inbox: '', filter: { status: 'open' } }, [
        { inbox: { conversations: [{ id: 'x' }], next: '7', more: false } },
    ]);

    assert.equal(log[0].inbox, '');
    assert.equal(log[0].status, 'open');
    assert.deepEqual(log[1], ['inbox', '7']);
    assert.equal(log[3].inbox, '7');
});


test('poll: what is refused for good ends it', async () => {
    const log = await poll({ conversation: 't' },
                           [new Problem(410, { code: 'gone' })]);

    assert.deepEqual(log.slice(1), [['end', 'gone']]);
});
