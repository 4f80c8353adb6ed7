// What a reader of the stream may rely on, whatever carries it: the same
// cases for long poll, server-sent events and, over HTTP/1.1, WebSocket, over
// the protocol in CHAT_STREAM.

import test from 'node:test';
import assert from 'node:assert/strict';

import {
    Reader, call, env, metric, open, send, sleep, stop, until,
} from './client.mjs';

const protocol = env.protocol;
const one = protocol.startsWith('h1');
const streams = one ? ['sse', 'ws'] : ['sse'];
const transports = ['poll', ...streams];

test.afterEach(stop);

let created = 0;

async function conversation(...texts) {
    const answer = await call(protocol, 'alice', 'POST', 'conversations',
        {client_msg_id: `c-${process.pid}-${++created}`, text: texts[0]});

    assert.equal(answer.status, 201);

    for (const text of texts.slice(1)) {
        await send('alice', answer.json.id, text);
    }

    return answer.json.id;
}

function range(from, to) {
    return Array.from({length: to - from + 1}, (_, i) => from + i);
}

// Readers on both workers.

async function everywhere(transport, who, options) {
    const readers = [];

    await until(async () => {
        readers.push(await open(transport, protocol, who, options));
        return new Set(readers.flatMap((r) => [...r.workers])).size === 2
            && readers.length >= 2;
    }, 'readers on both workers');

    return readers;
}


// What a WebSocket may not have: a handshake, or a subscription.

async function refused() {
    const id = await conversation('one');
    const stranger = await open('ws', protocol, 'nobody', {conversation: id});

    assert.equal(stranger.status, 401);

    for (const [who, options, code] of [
        ['bob', {conversation: id}, 'not_found'],
        ['alice', {conversation: 'x'}, 'not_found'],
        ['alice', {conversation: env.gone}, 'gone'],
        ['alice', {conversation: id, since: 'x'}, 'invalid_field'],
    ]) {
        const reader = await open('ws', protocol, who, options);

        assert.equal(reader.problem.code, code, JSON.stringify(options));
        reader.stop();
    }
}


// One that is there all the time, for its heartbeat.

let idle;

test.before(async () => {
    idle = await new Reader('sse', protocol, 'bob',
        {conversation: env.quiet, since: `${env.epoch}.1`}).start();
    assert.equal(idle.status, 200);
});


for (const transport of transports) {
    const name = `${transport} over ${protocol}`;

    test(`${name}: from the beginning, in order, without notes`, async () => {
        const id = await conversation('one', 'two');
        await send('dana', id, 'a note', {visibility: 'internal'});
        await send('dana', id, 'four');

        const options = {conversation: id, since: `${env.epoch}.0`};
        const visitor = await open(transport, protocol, 'alice', options);
        const agent = await open(transport, protocol, 'dana', options);

        await visitor.has(3);
        await agent.has(4);

        assert.deepEqual(visitor.seqs(), [1, 2, 4]);
        assert.deepEqual(agent.seqs(), [1, 2, 3, 4]);
        assert.equal(agent.events[2].visibility, 'internal');
        assert.equal(visitor.next, `${env.epoch}.4`);
        assert.equal(typeof visitor.state.version, 'number');
        assert.deepEqual(visitor.resets, []);

        await send('dana', id, 'another note', {visibility: 'internal'});
        await send('dana', id, 'six');
        await visitor.has(4);
        await agent.has(6);

        assert.deepEqual(visitor.seqs(), [1, 2, 4, 6]);
        assert.deepEqual(agent.seqs(), range(1, 6));
        assert.ok(!JSON.stringify(visitor.raw).includes('note'));

        visitor.stop();
        agent.stop();
    });

    test(`${name}: without a cursor the last 50`, async () => {
        const reader = await open(transport, protocol, 'dana',
            {conversation: env.long});

        await reader.has(50);
        assert.deepEqual(reader.seqs(), range(env.length - 49, env.length));
        assert.equal(reader.next, `${env.epoch}.${env.length}`);
        assert.deepEqual(reader.resets, []);
        reader.stop();
    });

    test(`${name}: more than a page, once and in order`, async () => {
        const reader = await open(transport, protocol, 'dana',
            {conversation: env.long, since: `${env.epoch}.3`});

        await reader.has(env.length - 3);
        assert.deepEqual(reader.seqs(), range(4, env.length));
        reader.stop();
    });

    test(`${name}: resumes where it was, elsewhere`, async () => {
        const id = await conversation('one', 'two', 'three');
        const first = await open(transport, protocol, 'alice',
            {conversation: id, since: `${env.epoch}.1`});

        await first.has(2);
        first.stop();

        const missed = await send('dana', id, 'while away');
        const readers = await everywhere(transport, 'alice',
            {conversation: id, since: first.next});

        for (const reader of readers) {
            await reader.has(1);
            assert.deepEqual(reader.seqs(), [missed]);
            reader.stop();
        }
    });

    test(`${name}: live on every worker, once and in order`, async () => {
        const id = await conversation('hello');
        const readers = await everywhere(transport, 'alice',
            {conversation: id, since: `${env.epoch}.1`});

        await Promise.all(range(1, 40).map((n) => send('dana', id, `${n}`)));

        for (const reader of readers) {
            await reader.has(40);
            assert.deepEqual(reader.seqs(), range(2, 41));
            reader.stop();
        }
    });

    test(`${name}: another epoch, and ahead of the log`, async () => {
        for (const [reason, since] of [['epoch', '0123456789abcdef.1'],
                                       ['ahead', `${env.epoch}.500`]])
        {
            const id = await conversation('one', 'two');
            const reader = await open(transport, protocol, 'alice',
                {conversation: id, since});

            await reader.has(2);
            assert.deepEqual(reader.resets, [reason]);
            assert.deepEqual(reader.seqs(), [1, 2]);

            const seq = await send('dana', id, 'live');
            await reader.has(3);
            assert.equal(reader.events[2].seq, seq);
            reader.stop();
        }
    });

    test(`${name}: what it may not read is a problem`, async () => {
        if (transport === 'ws') {
            await refused();
            return;
        }

        const id = await conversation('one');
        const none = '01a20000-0000-7000-8000-000000000000';
        const cases = [
            ['bob', {conversation: id}, 404, 'not_found'],
            ['alice', {conversation: none}, 404, 'not_found'],
            ['alice', {conversation: 'x'}, 404, 'not_found'],
            ['alice', {conversation: env.gone}, 410, 'gone'],
            ['alice', {conversation: id, since: 'x'}, 422, 'invalid_field'],
            ['alice', {}, 422, 'invalid_field'],
            ['alice', {query: {inbox: ''}}, 403, 'forbidden'],
            ['dana', {query: {inbox: '', status: 'lost'}}, 422,
             'invalid_field'],
            ['dana', {query: {inbox: 'yesterday'}}, 422, 'invalid_field'],
            ['nobody', {conversation: id}, 401, 'unauthenticated'],
        ];

        for (const [who, options, status, code] of cases) {
            const reader = await open(transport, protocol, who, options);

            assert.equal(reader.status, status, JSON.stringify(options));
            assert.equal(reader.problem.code, code);
            assert.match(reader.headers['content-type'],
                /^application\/problem\+json/);
        }
    });

    test(`${name}: a client that goes away leaves nothing`, async () => {
        const label = transport === 'ws' ? 'websocket' : transport;
        const gauge = `chat_connections{transport="${label}"`;
        const id = await conversation('hello');
        const before = await until(async () => {
            const n = await metric(gauge);
            await sleep(100);
            return n === await metric(gauge) && [n];
        }, 'a quiet gauge');
        const readers = [];

        for (let i = 0; i < 10; i++) {
            readers.push(await open(transport, protocol, 'alice',
                {conversation: id, since: `${env.epoch}.1`}));
        }

        await until(async () => await metric(gauge) === before[0] + 10,
            'ten readers are counted');

        readers.forEach((reader) => reader.stop());

        await until(async () => await metric(gauge) <= before[0],
            'they are gone');
        await send('dana', id, 'nobody hears it');
    });

    test(`${name}: read marks and typing`, async () => {
        const id = await conversation('hello');
        const reader = await open(transport, protocol, 'alice',
            {conversation: id, since: `${env.epoch}.1`});
        const dana = `agent:${env.dana}`;

        assert.deepEqual(reader.state.read, {});
        assert.equal((await call(env.plain, 'dana', 'POST',
            `conversations/${id}/read`, {seq: 1})).status, 204);

        await until(() => reader.state.read[dana] === 1
            || reader.signals.some((signal) => signal.type === 'read'
                && signal.upto === 1 && signal.sender.id === env.dana),
        'the read mark');

        // who types says so again and again: a poll may be elsewhere by then

        await until(async () => {
            await call(env.plain, 'dana', 'POST',
                `conversations/${id}/typing`, {on: true});
            await sleep(100);

            return reader.state.typing.some((p) => p.id === env.dana)
                || reader.signals.some((signal) => signal.type === 'typing'
                    && signal.on && signal.sender.id === env.dana);
        }, 'typing');

        assert.deepEqual(reader.events, []);
        assert.ok(reader.raw.every((event) => event.id === undefined));
        reader.stop();
    });
}


// Presence: by a stream of another, whose conversation it is.

test(`sse over ${protocol}: who is there`, async () => {
    const id = await conversation('hello');

    await call(env.plain, 'dana', 'PATCH', `conversations/${id}`,
        {assignee: env.dana});

    const reader = await open('sse', protocol, 'alice',
        {conversation: id, since: `${env.epoch}.1`});
    const agent = await open('sse', protocol, 'dana',
        {conversation: id, since: `${env.epoch}.1`});

    await until(() => reader.signals.some((signal) =>
        signal.type === 'presence' && signal.online
        && signal.participant.id === env.dana), 'presence');
    await until(() => agent.state.presence.some((p) => p.kind === 'visitor'
        && p.online)
        || agent.signals.some((signal) => signal.type === 'presence'),
    'presence in the state');

    reader.stop();
    agent.stop();
});


test(`sse over ${protocol}: headers and the first event`, async () => {
    const id = await conversation('one', 'two');
    const reader = await open('sse', protocol, 'alice', {
        conversation: id, since: `${env.epoch}.1`,
        headers: {'accept-encoding': 'gzip'},
    });

    await reader.has(1);

    assert.equal(reader.answer.version, one ? '1.1' : '2.0');
    assert.equal(reader.answer.alpn,
        protocol === 'h1s' ? 'http/1.1' : protocol === 'h2s' ? 'h2' : one
            ? undefined : 'h2c');
    assert.equal(reader.headers['content-type'], 'text/event-stream');
    assert.equal(reader.headers['cache-control'], 'no-store');
    assert.equal(reader.headers['x-accel-buffering'], 'no');
    assert.equal(reader.headers['x-content-type-options'], 'nosniff');
    assert.equal(reader.headers['content-encoding'], undefined);
    assert.equal(reader.headers['content-length'], undefined);
    assert.ok(reader.retry >= 1500 && reader.retry < 3000);

    const [retry, subscribed, message] = reader.raw;
    const first = JSON.parse(subscribed.data);

    assert.equal(retry.data, undefined);
    assert.equal(subscribed.event, 'subscribed');
    assert.equal(subscribed.id, undefined);
    assert.equal(first.conversation, id);
    assert.equal(first.complete, true);
    assert.equal(first.more, false);
    assert.equal(first.next, `${env.epoch}.1`);
    assert.equal(first.events, undefined);
    assert.deepEqual(Object.keys(first.state).sort(),
        ['presence', 'queue', 'read', 'typing', 'version']);
    assert.equal(message.id, `${env.epoch}.2`);
    assert.equal(message.event, 'message');
    assert.equal(JSON.parse(message.data).text, 'two');
    reader.stop();
});


test(`sse over ${protocol}: Last-Event-ID wins over since`, async () => {
    const id = await conversation('one', 'two', 'three');
    const reader = await open('sse', protocol, 'alice', {
        conversation: id, since: `${env.epoch}.0`,
        headers: {'last-event-id': `${env.epoch}.2`},
    });

    await reader.has(1);
    assert.deepEqual(reader.seqs(), [3]);
    reader.stop();

    const wrong = await open('sse', protocol, 'alice', {
        conversation: id, headers: {'last-event-id': 'x'},
    });

    assert.equal(wrong.status, 422);
    assert.equal(wrong.problem.field, 'Last-Event-ID');
});


test(`sse over ${protocol}: HEAD`, async () => {
    const id = await conversation('one');
    const answer = await call(protocol, 'alice', 'HEAD',
        `stream?conversation=${id}`, undefined,
        {accept: 'text/event-stream'});

    assert.equal(answer.status, 200);
    assert.equal(answer.headers['content-type'], 'text/event-stream');
});


test(`sse over ${protocol}: text of several lines is one event`, async () => {
    const id = await conversation('one\ntwo\n\nid: 7\nevent: x');
    const reader = await open('sse', protocol, 'alice',
        {conversation: id, since: `${env.epoch}.0`});

    await reader.has(1);
    assert.equal(reader.events[0].text, 'one\ntwo\n\nid: 7\nevent: x');
    reader.stop();
});


// A reader that does not read: nothing is lost, and memory is bounded.

for (const transport of streams) {
    test(`${transport} over ${protocol}: a slow reader`, async () => {
        const id = await conversation('hello');
        const reader = await open(transport, protocol, 'alice',
            {conversation: id, since: `${env.epoch}.1`});
        const other = await open(transport, protocol, 'dana',
            {conversation: id, since: `${env.epoch}.1`});
        const text = 'x'.repeat(16000);

        reader.pause();

        for (let i = 0; i < 60; i++) {
            await Promise.all(range(1, 10).map(() => send('dana', id, text)));
            await call(env.plain, 'dana', 'POST', `conversations/${id}/typing`,
                {on: i % 2 === 0});
        }

        await other.has(600);
        await send('dana', id, 'the last');
        await call(env.plain, 'dana', 'POST', `conversations/${id}/read`,
            {seq: 602});

        reader.resume();
        await reader.has(601);
        await other.has(601);

        assert.deepEqual(reader.seqs(), range(2, 602));
        assert.deepEqual(other.seqs(), range(2, 602));
        assert.equal(reader.events[600].text, 'the last');

        // signals may have been left out, the state not

        await until(() => reader.state.read[`agent:${env.dana}`] === 602
            || reader.signals.some((signal) => signal.type === 'read'
                && signal.upto === 602), 'the read mark');

        reader.stop();
        other.stop();
    });
}


test(`sse over ${protocol}: an inbox`, async () => {
    const agent = await open('sse', protocol, 'dana',
        {query: {inbox: '', status: 'open'}});

    await until(() => agent.conversations.length > 0, 'the list');
    assert.equal(agent.resets.length, 0);
    assert.ok(agent.conversations.every((summary) => summary.in));
    assert.ok(agent.conversations.every((summary) => summary.status
        === 'open'));

    const id = await conversation('a new one');
    const of = (check) => agent.conversations.find((summary) =>
        summary.id === id && check(summary));

    await until(() => of((summary) => summary.in
        && summary.last.text === 'a new one'), 'a new conversation');

    await call('h1', 'alice', 'PATCH', `conversations/${id}`,
        {status: 'resolved'});
    await until(() => of((summary) => !summary.in
        && summary.status === 'resolved'), 'it leaves the filter');

    // the cursor of the last of a batch

    const cursor = agent.conversations.findLast((summary) => summary.inbox)
        .inbox;
    agent.stop();

    const again = await open('sse', protocol, 'dana',
        {query: {inbox: cursor, status: 'open'}});
    const next = await conversation('while listening');

    await until(() => again.conversations.some((summary) =>
        summary.id === next), 'what is new since the cursor');
    assert.ok(again.conversations.length < 10);
    assert.deepEqual(again.events, []);
    again.stop();
});


test(`sse over ${protocol}: an inbox and a conversation`, async () => {
    const id = await conversation('one', 'two');
    const agent = await open('sse', protocol, 'dana',
        {conversation: id, since: `${env.epoch}.0`, query: {inbox: ''}});

    await agent.has(2);
    await until(() => agent.subscribed === 2
        && agent.conversations.some((summary) => summary.id === id),
    'both');
    agent.stop();
});


// A heartbeat, and that a stream stays.

test(`sse over ${protocol}: a heartbeat`, async () => {
    await until(() => idle.parser.comments >= 1, 'a comment', 22000);
    assert.equal(idle.over, false);

    const seq = await send('dana', env.quiet, 'still there');
    await idle.has(1);
    assert.deepEqual(idle.seqs(), [seq]);
    idle.stop();
});


// A reload: everybody is asked to come again, and nothing is missed.

for (const transport of transports) {
    test(`${transport} over ${protocol}: a reload`, async () => {
        const id = await conversation('hello');
        const readers = await Promise.all(range(1, 12).map(() =>
            open(transport, protocol, 'alice',
                {conversation: id, since: `${env.epoch}.1`, again: true})));
        const before = new Set(readers.flatMap((r) => [...r.workers]));
        let n = 1;

        process.kill(env.pid, 'SIGHUP');

        const began = Date.now();

        while (Date.now() - began < (env.drain + 2) * 1000) {
            n = await send('dana', id, 'during the reload');
            await sleep(20);
        }

        for (const pid of before) {
            assert.throws(() => process.kill(pid, 0), `worker ${pid} is gone`);
        }

        const last = await send('dana', id, 'the last');

        assert.equal(last, n + 1);

        for (const reader of readers) {
            await reader.has(last - 1);
            assert.deepEqual(reader.seqs(), range(2, last));
            assert.deepEqual(reader.resets, []);

            if (transport === 'ws') {
                assert.deepEqual(reader.codes, [1012]);
            }

            if (transport !== 'poll') {
                assert.deepEqual(reader.byes.map((bye) => bye.code), [1012]);
                assert.ok(reader.byes[0].after_ms >= 0);
                assert.ok(reader.opened > 1);
            }

            reader.stop();
        }

        const ends = new Set(readers.map((reader) => reader.byes.length));

        assert.equal(ends.size, 1);
    });
}


test(`${protocol}: all readers are gone in the end`, async () => {
    await until(async () => await metric('chat_connections') === 0,
        'gauges at 0');
});
