/*
 * Copyright (C) the ngx_http_chat_module authors
 */

import { test } from 'node:test';
import assert from 'node:assert/strict';
import { webcrypto } from 'node:crypto';
import { Problem } from '../../../src/assets/api.js';
import { newOutgoing } from '../../../src/assets/outgoing.js';
import { createShared } from '../../../src/assets/shared.js';
import { createWidgetOutbox } from '../../../src/assets/widget-outbox.js';

/* a global of browsers that Node 18 has under another name */
globalThis.crypto ??= webcrypto;

const turn = () => new Promise((resolve) => setImmediate(resolve));
const dana = { kind: 'agent', id: 'a', name: 'Dana' };


async function turns(n = 20) {
    for (let i = 0; i < n; i++) {
        await turn();
    }
}


/* A browser: tabs that hear each other, and locks that they pass on. */
function browser() {
    const all = new Set();
    const queues = new Map();

    async function take(what, act, steal) {
        const queue = queues.get(what) || [];

        queues.set(what, queue);

        if (steal && queue.length) {
            queue.shift().lose();
        }

        let next = () => {};
        const turnOf = new Promise((resolve) => {
            next = resolve;
        });
        const lost = new Promise((_, reject) => {
            queue[steal ? 'unshift' : 'push']({
                next, lose: () => reject(new Error('stolen')) });
        });

        if (queue[0].next === next) {
            next();
        }

        await turnOf;

        try {
            return await Promise.race([act(), lost]);
        } finally {
            const at = queue.findIndex((it) => it.next === next);

            if (at >= 0) {
                queue.splice(at, 1);
                queue[0]?.next();
            }
        }
    }

    return {
        tab() {
            const listeners = new Set();
            let asleep = false;
            const hear = (message) => !asleep && setImmediate(
                () => listeners.forEach((it) => it(message)));

            all.add(hear);

            return {
                shared: true,
                post: (message) => [...all].filter((it) => it !== hear)
                    .forEach((it) => it(structuredClone(message))),
                listen(listener) {
                    listeners.add(listener);

                    return () => listeners.delete(listener);
                },
                alone: (what, act, { steal } = {}) => take(what, act, steal),
                close: () => all.delete(hear),
                sleep() {
                    asleep = true;
                },
            };
        },
    };
}


/* A stream that is told what comes. */
function fakeStream(log) {
    const sinks = new Map();

    return {
        sinks,
        made: 0,
        make() {
            this.made++;

            return {
                subscribe: ({ conversation, since }, sink) => {
                    log.push(`subscribe ${conversation} ${since}`);
                    sinks.set(conversation, sink);

                    return {
                        close: () => log.push(`close ${conversation}`),
                        wake() {},
                    };
                },
                send: async () => log.push('send'),
                read: () => log.push('read'),
                typing: () => log.push('typing'),
                wake() {},
                close: () => log.push('closed'),
            };
        },
    };
}


function listener(seen) {
    return {
        page: (page) => seen.push(...page.events),
        state: (state) => seen.push(state.typing.length ? 'typing' : 'state'),
        signal: (signal) => seen.push(signal.type),
        line: (up) => seen.push(up ? 'up' : 'down'),
        end: (problem) => seen.push(problem.code),
    };
}


function page(...events) {
    return { events, next: `e.${events.at(-1)}`, complete: true,
             more: false };
}


const still = {
    now: () => 0,
    random: () => 0,
    after: (ms, call) => {
        still.timers.add(call);

        return () => still.timers.delete(call);
    },
    timers: new Set(),
    go() {
        const due = [...still.timers];

        still.timers.clear();
        due.forEach((call) => call());
    },
};


test('shared: two tabs, one stream, the second reads what it missed',
     async () =>
{
    const log = [];
    const asked = [];
    const { tab } = browser();
    const stream = fakeStream(log);
    const api = {
        async call(method, path, { query }) {
            asked.push(query.since);
            stream.sinks.get('t').page(page(5));
            await turns();

            return page(3, 4, 5);
        },
    };
    const make = () => stream.make();
    const one = createShared(api, tab(), make, still);
    const other = createShared(api, tab(), make, still);
    const [first, second] = [[], []];

    one.subscribe({ conversation: 't', since: 'e.1' }, listener(first));
    await turns();
    stream.sinks.get('t').line(true);
    stream.sinks.get('t').page(page(2, 3));
    stream.sinks.get('t').signal({ type: 'typing', sender: dana, on: true });
    await turns();
    other.subscribe({ conversation: 't', since: 'e.2' }, listener(second));
    await turns(60);
    stream.sinks.get('t').page(page(6));
    await turns();

    assert.equal(stream.made, 1);
    assert.deepEqual(log, ['subscribe t e.1']);
    assert.deepEqual(asked, ['e.2']);
    assert.deepEqual(first, ['up', 2, 3, 'typing', 5, 6]);
    assert.deepEqual(second, ['up', 'typing', 3, 4, 5, 5, 6]);
});


test('shared: when the leader goes, the next goes on from where it was',
     async () =>
{
    const log = [];
    const { tab } = browser();
    const stream = fakeStream(log);
    const api = { call: async () => page() };
    const make = () => stream.make();
    const one = createShared(api, tab(), make, still);
    const other = createShared(api, tab(), make, still);
    const seen = [];

    one.subscribe({ conversation: 't', since: 'e.1' }, listener([]));
    await turns();
    api.call = async () => ({ ...page(), next: 'e.1' });
    other.subscribe({ conversation: 't', since: 'e.1' }, listener(seen));
    await turns();
    stream.sinks.get('t').page(page(2));
    await turns();
    one.close();
    await turns();
    stream.sinks.get('t').page(page(3));
    await turns();

    assert.equal(stream.made, 2);
    assert.deepEqual(log, ['subscribe t e.1', 'closed', 'subscribe t e.2']);
    assert.deepEqual(seen.filter(Number), [2, 3]);
});


test('shared: a leader that is asleep loses the lead', async () => {
    const log = [];
    const { tab } = browser();
    const stream = fakeStream(log);
    const api = { call: async () => page() };
    const make = () => stream.make();
    const sleeper = tab();
    const one = createShared(api, sleeper, make, still);
    const other = createShared(api, tab(), make, still);
    const seen = [];

    one.subscribe({ conversation: 't', since: 'e.1' }, listener([]));
    await turns();
    sleeper.sleep();
    other.subscribe({ conversation: 't', since: 'e.1' }, listener(seen));
    await turns();
    assert.equal(stream.made, 1);
    still.go();
    await turns();
    assert.equal(stream.made, 2);
    stream.sinks.get('t').page(page(2));
    await turns();
    assert.deepEqual(seen, [2]);
});


test('shared: an inbox is one, and begins anew for who joins', async () => {
    const log = [];
    const { tab } = browser();
    const stream = fakeStream(log);
    const make = () => stream.make();
    const one = createShared({}, tab(), make, still);
    const other = createShared({}, tab(), make, still);
    const [first, second] = [[], []];
    const inbox = (seen) => ({
        ...listener(seen),
        inbox: ({ conversations }, anew) => seen.push(
            `${anew} ${conversations.join()}`),
    });
    const topic = { inbox: '', filter: {} };
    const tell = (anew, ...conversations) => stream.sinks.get(undefined)
        .inbox({ conversations, next: '', more: false }, anew);

    const line = one.subscribe(topic, inbox(first));

    await turns();
    stream.sinks.get(undefined).line(true);
    tell(true, 'a', 'b');
    await turns();
    other.subscribe(topic, inbox(second));
    await turns();
    tell(false, 'c');
    await turns();
    assert.deepEqual(first, ['up', 'true a,b', 'false c']);
    assert.deepEqual(second, ['up', 'true ', 'false c']);

    /* The typing of a note is that of a note in every tab. */
    const said = [];
    const third = createShared({ async call(...args) {
        said.push(args[2].body);
    } }, tab(), make, still);

    third.tell('t', 'typing', { on: true, visibility: 'internal' });
    assert.deepEqual(said, [{ on: true, visibility: 'internal' }]);

    line.close();
    one.close();
    await turns();
    tell(false, 'd');
    await turns();
    assert.equal(stream.made, 2);
    assert.equal(second.at(-1), 'false d');
});


/* What is kept, for the tabs of one browser. */
function shelf() {
    const lanes = new Map();
    let kept = [];
    let last = 0;

    return {
        add: async (item) => kept.push({ ...item, n: ++last }),
        all: async () => [...kept],
        put: async (item) => {
            kept = kept.map((it) => it.n === item.n ? item : it);
        },
        remove: async (n) => {
            kept = kept.filter((it) => it.n !== n);
        },
        begun: async (n, lane, conversation) => {
            lanes.set(lane, conversation);
            kept = kept.filter((it) => it.n !== n);
        },
        lane: async (lane) => lanes.get(lane),
    };
}


function item(id, lane = 'new:1') {
    return newOutgoing(id, lane, id, 'public', '');
}


function outbox(tabs, kept, send, log) {
    return createWidgetOutbox(kept, tabs, {
        send,
        queued: (it) => log.push(`queued ${it.id}`),
        change: (id, { state }) => log.push(`${state} ${id}`),
        sent: (it, ack) => log.push(`sent ${it.id} ${ack.conversation}`),
        discarded: (id) => log.push(`discarded ${id}`),
    });
}


test('outbox: one tab sends for all, in order, into one conversation',
     async () =>
{
    const { tab } = browser();
    const kept = shelf();
    const calls = [];
    const [a, b] = [[], []];
    const send = (who) => async (it) => {
        calls.push(`${who} ${it.id} ${it.lane}`);
        await turns(5);

        return { conversation: 't' };
    };
    const one = outbox(tab(), kept, send('one'), a);
    const other = outbox(tab(), kept, send('other'), b);

    await one.add(item('x'));
    await other.add(item('y'));
    await one.add(item('z'));
    await turns(80);

    assert.deepEqual(calls.map((it) => it.replace(/^\w+ /, '')),
                     ['x new:1', 'y t', 'z t']);
    assert.deepEqual(a.filter((it) => it.startsWith('sent')),
                     ['sent x t', 'sent y t', 'sent z t']);
    assert.deepEqual(b.filter((it) => it.startsWith('sent')),
                     ['sent x t', 'sent y t', 'sent z t']);
    assert.deepEqual(await kept.all(), []);
});


test('outbox: what is refused waits for the visitor, and blocks nobody',
     async () =>
{
    const { tab } = browser();
    const kept = shelf();
    const log = [];
    let refuse = true;
    const one = outbox(tab(), kept, async (it) => {
        if (it.id === 'x' && refuse) {
            throw new Problem(422, { code: 'invalid_field' });
        }

        return { conversation: 't' };
    }, log);

    await one.add(item('x'));
    await one.add(item('y'));
    await turns(40);
    assert.deepEqual((await kept.all()).map((it) => [it.id, it.state]),
                     [['x', 'failed']]);

    refuse = false;
    await one.retry('x');
    await turns(40);
    assert.deepEqual(log.slice(-3), ['queued x', 'sending x', 'sent x t']);
    assert.deepEqual(await kept.all(), []);
});


test('outbox: what an earlier visit has left is sent', async () => {
    const { tab } = browser();
    const kept = shelf();
    const log = [];

    await kept.add(item('x'));

    const one = outbox(tab(), kept, async () => ({ conversation: 't' }), log);

    await one.resume();
    await turns(40);
    assert.deepEqual(log, ['queued x', 'sending x', 'sent x t']);
});
