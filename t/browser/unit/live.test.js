/*
 * Copyright (C) the ngx_http_chat_module authors
 */

import { test } from 'node:test';
import assert from 'node:assert/strict';
import { Problem } from '../../../src/assets/api.js';
import { createLadder } from '../../../src/assets/backoff.js';
import { newOutgoing } from '../../../src/assets/outgoing.js';
import { createSocket } from '../../../src/assets/socket.js';
import { createParser, subscribe as events }
    from '../../../src/assets/sse.js';
import { createStream } from '../../../src/assets/stream.js';
import { newTalk, nextPage, withSignal, withState }
    from '../../../src/assets/talk.js';
import { createTyping } from '../../../src/assets/typing.js';

const turn = () => new Promise((resolve) => setImmediate(resolve));
const dana = { kind: 'agent', id: 'a', name: 'Dana' };


/* A clock that stands still until it is told to go on. */
function fakeClock(random = 0.5) {
    const timers = new Set();
    let now = 1000000;

    return {
        now: () => now,
        random: () => random,

        after(ms, call) {
            const timer = { at: now + ms, call };

            timers.add(timer);

            return () => timers.delete(timer);
        },

        go(ms) {
            const end = now + ms;

            for ( ; ; ) {
                const next = [...timers].filter(({ at }) => at <= end)
                                        .sort((a, b) => a.at - b.at)[0];

                if (next === undefined) {
                    break;
                }

                timers.delete(next);
                now = next.at;
                next.call();
            }

            now = end;
        },

        pending: () => timers.size,
    };
}


function parse(...pieces) {
    const seen = [];
    const feed = createParser(({ id, type, data }) => {
        seen.push([id, type, data]);
    });

    pieces.forEach(feed);

    return seen;
}


test('sse: events, comments, ids and several lines of data', () => {
    assert.deepEqual(parse('retry: 1500\n\n:\n\n'
                           + 'id: e.1\nevent: message\ndata: {"a":1}\n\n'
                           + 'data:x\ndata: y\n\nevent: typing\n\n'
                           + ': said\nevent: bye\ndata\n\ndata: rest'), [
        ['e.1', 'message', '{"a":1}'],
        ['', 'message', 'x\ny'],
        ['', 'bye', ''],
    ]);
});


test('sse: how long to wait is a number, within reason', () => {
    const waits = [];
    const feed = createParser(() => {}, (ms) => waits.push(ms));

    feed('retry: 1500\n\nretry: soon\nretry: 999999999\n\n');
    assert.deepEqual(waits, [1500, 60000]);
});


test('sse: whatever ends the lines and wherever it is cut', () => {
    const lines = ['id: e.7', 'event: status', 'data: a: b', 'data:  c', '',
                   'data: d', '', ''];
    const whole = [['e.7', 'status', 'a: b\n c'], ['', 'message', 'd']];

    for (const end of ['\n', '\r\n', '\r']) {
        /* A CR is known to be alone when something follows it. */
        const text = lines.join(end) + (end === '\r' ? ':' : '');

        for (let cut = 0; cut <= text.length; cut++) {
            assert.deepEqual(parse(text.slice(0, cut), text.slice(cut)),
                             whole);
        }

        assert.deepEqual(parse(...text), whole);
    }
});


/* An answer of the stream that says these pieces and ends. */
function sseAnswer(...pieces) {
    const bytes = new TextEncoder();

    return new Response(new ReadableStream({
        start(controller) {
            pieces.forEach((it) => controller.enqueue(bytes.encode(it)));
            controller.close();
        },
    }), { headers: { 'Content-Type': 'text/event-stream' } });
}


function sseLog(answers, topic, time) {
    const log = [];
    const api = {
        async open(path, query, accept, signal) {
            const answer = answers.shift();

            log.push(['open', query.since]);

            if (answer === undefined) {
                return new Promise((_, reject) => signal.addEventListener(
                    'abort', () => reject(new Problem(0))));
            }

            if (answer instanceof Problem) {
                throw answer;
            }

            return answer;
        },
    };
    const line = events(api, topic, {
        page: ({ events: list, next, complete }) => log.push(
            ['page', next, list.length, complete]),
        state: ({ version }) => log.push(['state', version]),
        signal: ({ type }) => log.push(['signal', type]),
        line: (up) => log.push(['line', up]),
        end: ({ code }) => log.push(['end', code]),
    }, time);

    return { log, line };
}


test('sse: goes on from the last cursor when it was told to', async () => {
    const time = fakeClock();
    const { log, line } = sseLog([
        sseAnswer('event: subscribed\ndata: {"type":"subscribed",'
                  + '"complete":true,"next":"e.1","state":{"version":4}}\n\n',
                  'id: e.2\ndata: {"type":"message","seq":2}\n\n',
                  'event: typing\ndata: {"type":"typing"}\n\n',
                  'event: bye\ndata: {"type":"bye","after_ms":900}\n\n'),
    ], { conversation: 't', since: 'e.1' }, time);

    for (let i = 0; i < 20; i++) {
        await turn();
    }

    const seen = [['open', 'e.1'], ['state', 4], ['line', true],
                  ['page', 'e.2', 1, true], ['signal', 'typing']];

    assert.deepEqual(log, seen);
    time.go(899);
    await turn();
    assert.deepEqual(log, seen);
    time.go(1);
    await turn();
    assert.deepEqual(log.slice(5), [['open', 'e.2']]);
    line.close();
});


test('sse: another kind of answer is none; a refusal is the end', async () => {
    const time = fakeClock(0);
    const { log } = sseLog([
        new Response('{}', { headers: { 'Content-Type': 'text/plain' } }),
        new Problem(403),
        new Problem(404, { code: 'not_found' }),
    ], { conversation: 't' }, time);

    for (let i = 0; i < 6; i++) {
        await turn();
        time.go(0);
    }

    assert.deepEqual(log.filter(([what]) => what !== 'open'), [
        ['line', false], ['line', false], ['end', 'not_found']]);
});


test('reconnect: full jitter below a doubling ceiling', () => {
    const time = fakeClock(0.999999);
    const ladder = createLadder(time);
    const steps = Array.from({ length: 8 }, () => ladder.down());

    assert.deepEqual(steps, [499, 999, 1999, 3999, 7999, 15999, 19999,
                             19999]);

    /* Only what has lasted counts. */
    ladder.up();
    time.go(9999);
    assert.equal(ladder.down(), 19999);
    ladder.up();
    time.go(10000);
    assert.equal(ladder.down(), 499);
    assert.equal(createLadder(fakeClock(0)).down(), 0);
});


/* What a socket does with a server that the test plays. */
function socket(random = 0.5) {
    const time = fakeClock(random);
    const made = [];
    const log = [];

    globalThis.WebSocket = class {
        constructor(url, protocol) {
            Object.assign(this, { url, protocol, readyState: 0, sent: [] });
            made.push(this);
        }

        send(text) {
            this.sent.push(JSON.parse(text));
        }

        close(code) {
            this.readyState = 3;
            this.code = code;
        }

        open() {
            this.readyState = 1;
            this.onopen();
            this.say({ type: 'welcome' });
        }

        say(frame) {
            this.onmessage({ data: JSON.stringify(frame) });
        }

        end(code) {
            this.readyState = 3;
            this.onclose({ code });
        }
    };

    const sink = {
        page: ({ next, events: list }) => log.push(['page', next,
                                                     list.length]),
        state: ({ version }) => log.push(['state', version]),
        signal: ({ type }) => log.push(['signal', type]),
        inbox: ({ conversations }, first) => log.push(
            ['inbox', conversations.length, first]),
        line: (up) => log.push(['line', up]),
        end: ({ code }) => log.push(['end', code]),
    };

    return { time, made, log, sink, carrier: createSocket('ws://x', time) };
}


function subscribed({ sent }, more = {}) {
    const { ref, conversation } = sent.at(-1);

    return { type: 'subscribed', ref, conversation, complete: true,
             more: false, next: 'e.1', events: [], ...more };
}


test('socket: all topics of a page on one connection', () => {
    const { made, log, sink, carrier } = socket();
    const talk = { conversation: 't', since: 'e.0' };

    carrier.subscribe({ inbox: '', filter: { status: 'open' } }, sink);
    carrier.subscribe(talk, sink);
    assert.equal(made.length, 1);
    assert.equal(made[0].protocol, 'chat.v1');
    made[0].open();

    const [list, one] = made[0].sent;

    assert.deepEqual(list, { type: 'subscribe', ref: 1,
                             inbox: { status: 'open' } });
    assert.deepEqual(one, { type: 'subscribe', ref: 2, conversation: 't',
                            since: 'e.0' });
    made[0].say({ type: 'subscribed', ref: 1, inbox: true,
                  conversations: [{}, {}], more: false, complete: true });
    made[0].say(subscribed(made[0], { state: { version: 3 } }));
    made[0].say({ type: 'message', conversation: 't', seq: 2 });
    made[0].say({ type: 'message', conversation: 'other', seq: 2 });
    made[0].say({ type: 'unknown', conversation: 't' });
    made[0].say({ type: 'typing', conversation: 't' });
    made[0].say({ type: 'conversation', id: 't' });
    made[0].say({ type: 'heartbeat', heads: { t: 'e.2', other: 'e.9' } });
    assert.deepEqual(log, [
        ['inbox', 2, true], ['line', true],
        ['page', 'e.1', 0], ['state', 3], ['line', true],
        ['page', 'e.1', 1], ['signal', 'typing'], ['inbox', 1, false],
        ['page', 'e.2', 0],
    ]);
    assert.equal(talk.since, 'e.2');
});


test('socket: is lost, comes back and goes on from the cursor', () => {
    const { time, made, log, sink, carrier } = socket();

    carrier.subscribe({ conversation: 't' }, sink);
    made[0].open();
    made[0].say(subscribed(made[0]));
    made[0].end(1006);
    log.length = 0;

    time.go(249);
    assert.equal(made.length, 1);
    time.go(1);
    assert.equal(made.length, 2);
    assert.deepEqual(log, [], 'nothing is said of a short while');

    made[1].end(1006);
    assert.deepEqual(log, [['line', false]]);
    time.go(500);
    made[2].open();
    assert.deepEqual(made[2].sent[0].since, 'e.1');
    made[2].say(subscribed(made[2]));
    assert.deepEqual(log.at(-1), ['line', true]);

    /* A planned end says when to come back. */
    log.length = 0;
    made[2].say({ type: 'bye', code: 1012, after_ms: 3200 });
    made[2].end(1012);
    time.go(3199);
    assert.equal(made.length, 3);
    time.go(1);
    assert.equal(made.length, 4);
    made[3].open();
    made[3].say(subscribed(made[3]));
    time.go(10000);
    assert.deepEqual(log, [['page', 'e.1', 0], ['line', true]]);
});


test('socket: is dead after 40 s of silence', () => {
    const { time, made, sink, carrier } = socket(0);

    carrier.subscribe({ conversation: 't' }, sink);
    made[0].open();
    time.go(39000);
    made[0].say({ type: 'heartbeat', heads: {} });
    time.go(39999);
    assert.equal(made.length, 1);
    time.go(1);
    assert.equal(made[0].readyState, 3);
    assert.equal(made.length, 2);
});


test('socket: close codes from 4400 end it, those below do not', () => {
    for (const [code, word] of [[4401, 'unauthenticated'], [4410, 'gone'],
                                [4403, 'forbidden'], [4400, 'refused'],
                                [4429, 'rate_limited'],
                                [4004, 'unauthenticated']])
    {
        const { time, made, log, sink, carrier } = socket(0);

        carrier.subscribe({ conversation: 't' }, sink);
        made[0].open();
        made[0].end(code);
        time.go(60000);
        assert.deepEqual(log, [['end', word]]);
        assert.equal(made.length, 1);
    }

    for (const code of [1000, 1001, 1006, 1011, 1012, 1013, 4001, 4005]) {
        const { time, made, log, sink, carrier } = socket(0);

        carrier.subscribe({ conversation: 't' }, sink);
        made[0].open();
        made[0].end(code);
        time.go(1);
        assert.equal(made.length, 2, `${code}`);
        assert.deepEqual(log.filter(([what]) => what === 'end'), []);
    }
});


test('socket: a message is answered, refused, or to be sent again',
     async () =>
{
    const { time, made, sink, carrier } = socket(0);
    const said = { type: 'send', conversation: 't', text: 'x' };
    const code = (promise) => promise.then(() => 'sent',
        (problem) => `${problem.code} ${problem.passing}`);

    carrier.subscribe({ conversation: 't' }, sink);
    assert.equal(carrier.request(said), null);
    assert.equal(carrier.tell(said), false);
    made[0].open();

    const answers = Array.from({ length: 4 }, () => carrier.request(said));
    const [a, b, c] = made[0].sent.slice(1).map(({ ref }) => ref);

    made[0].say({ type: 'error', ref: b, code: 'stale' });
    made[0].say({ type: 'error', ref: c, code: 'unavailable',
                  retry_after_ms: 700 });
    made[0].say({ type: 'sent', ref: a, seq: 5 });
    assert.equal((await answers[0]).seq, 5);
    assert.equal(await code(answers[1]), 'stale false');
    assert.equal(await code(answers[2]), 'unavailable true');
    time.go(10000);
    assert.equal(await code(answers[3]), 'unavailable true');

    /* What the server could not read is not sent again. */
    for (const [how, word] of [[1006, 'unavailable true'],
                               [1009, 'too_large false'],
                               [1007, 'invalid_field false'],
                               [4401, 'unauthenticated false']])
    {
        const answer = carrier.request(said);

        made.at(-1).end(how);
        assert.equal(await code(answer), word);
        time.go(1);

        if (how < 4400) {
            made.at(-1).open();
        }
    }
});


test('socket: ends a while after the last topic', () => {
    const { time, made, sink, carrier } = socket();
    const line = carrier.subscribe({ conversation: 't' }, sink);

    made[0].open();
    made[0].say(subscribed(made[0]));
    line.close();
    assert.equal(made[0].sent.at(-1).type, 'unsubscribe');
    time.go(500);

    const other = carrier.subscribe({ conversation: 'u' }, sink);

    time.go(2000);
    assert.equal(made[0].readyState, 1);
    other.close();
    time.go(1000);
    assert.equal(made[0].code, 1000);
    assert.equal(time.pending(), 0);
});


/* Transports whose lines the test moves. */
function chooser() {
    const time = fakeClock();
    const log = [];
    const lines = [[], [], []];
    const kinds = lines.map((list, level) => () => {
        let mine = null;

        return {
            subscribe(topic, sink) {
                log.push(`open ${level}`);
                mine = sink;
                list.push(sink);

                return { close() {}, wake() {} };
            },
            request: level ? undefined
                     : () => Promise.resolve({ seq: 9 }),
            wake() {},
            close() {
                log.push(`close ${level}`);
            },
        };
    });
    const asked = [];
    const api = {
        async call(method, path) {
            asked.push(path);

            return { seq: 1 };
        },
    };
    const stream = createStream(api, 'visitor', kinds, time);
    const heard = [];
    const sink = {
        page: ({ next }) => heard.push(next),
        signal: (signal) => heard.push(`${signal.type} ${signal.on}`),
        line: (up) => heard.push(up),
        end: ({ code }) => heard.push(code),
    };
    const line = stream.subscribe({ conversation: 't' }, sink);

    return { time, log, asked, stream, heard, line, sink,
             at: (level) => lines[level].at(-1) };
}


test('chooser: the first that brings anything within 3 s', () => {
    const { time, log, heard, at } = chooser();

    time.go(2999);
    assert.deepEqual(log, ['open 0']);
    time.go(1);
    assert.deepEqual(log, ['open 0', 'close 0', 'open 1']);
    at(1).line(false);
    assert.deepEqual(log.slice(3), ['close 1', 'open 2']);
    assert.deepEqual(heard, []);

    /* The last one has no other behind it. */
    at(2).line(false);
    assert.deepEqual(heard, [false]);
    time.go(3000);
    at(2).page({ next: 'e.1' });
    at(2).line(true);
    assert.deepEqual(heard, [false, 'e.1', true]);
});


test('chooser: what worked is kept until it fails for long', () => {
    const { time, log, heard, at } = chooser();

    at(0).line(true);
    time.go(3600000);
    at(0).line(false);
    at(0).line(false);
    at(0).line(true);
    at(0).line(false);
    at(0).line(false);
    assert.deepEqual(log, ['open 0']);
    at(0).line(false);
    assert.deepEqual(log, ['open 0', 'close 0', 'open 1']);
    assert.equal(heard.at(-1), false);
    at(1).line(true);
    assert.equal(heard.at(-1), true);
});


test('chooser: a better one is tried beside it, at longer intervals', () => {
    const { time, log, heard, at } = chooser();

    at(0).line(false);
    at(1).line(true);
    log.length = 0;
    time.go(60000);
    assert.deepEqual(log, ['open 0']);
    at(1).page({ next: 'e.5' });
    at(0).line(false);
    assert.deepEqual(log, ['open 0', 'close 0']);
    assert.deepEqual(heard, [true, 'e.5']);
    time.go(119999);
    assert.equal(log.length, 2);
    time.go(1);
    at(0).page({ next: 'e.6' });
    at(0).line(true);
    assert.deepEqual(log.slice(2), ['open 0', 'close 1']);

    /* Whatever the old one still says is not heard. */
    at(1).page({ next: 'e.4' });
    at(1).line(false);
    assert.deepEqual(heard, [true, 'e.5', 'e.6', true]);
});


test('chooser: after an outage the best is tried at once', () => {
    const { log, heard, at } = chooser();

    at(0).line(true);

    for (let i = 0; i < 3; i++) {
        at(0).line(false);
    }

    at(1).line(false);
    at(2).line(false);
    log.length = 0;
    at(2).line(true);
    assert.deepEqual(log, ['open 0']);
    at(0).line(true);
    assert.deepEqual(log, ['open 0', 'close 2']);
    assert.equal(heard.at(-1), true);
});


test('chooser: remembers what works here', () => {
    const { log, line, stream, at, sink } = chooser();

    at(0).line(false);
    at(1).line(true);
    line.close();
    stream.close();
    log.length = 0;
    stream.subscribe({ conversation: 't' }, sink);
    assert.deepEqual(log, ['open 1']);
});


test('chooser: messages go over the socket, else over HTTP', async () => {
    const { asked, stream, at } = chooser();
    const item = newOutgoing('c', 'l', 'x', 'public', '');

    assert.equal((await stream.send('t', item)).seq, 1);
    at(0).line(true);
    assert.deepEqual(await stream.send('t', item),
                     { conversation: 't', seq: 9 });
    assert.deepEqual(asked, ['conversations/t/messages']);
});


test('chooser: an end is an end for every transport', () => {
    const { time, log, heard, at } = chooser();

    at(0).end(new Problem(410, { code: 'gone' }));
    time.go(600000);
    assert.deepEqual(heard, ['gone']);
    assert.deepEqual(log, ['open 0', 'close 0']);
});


test('chooser: typing fades when nobody says that it has ended', () => {
    const { time, heard, at } = chooser();
    const on = { type: 'typing', sender: dana, on: true };

    at(0).line(true);
    at(0).signal(on);
    time.go(5000);
    at(0).signal(on);
    time.go(7999);
    assert.deepEqual(heard, [true, 'typing true', 'typing true']);
    time.go(1);
    assert.equal(heard.at(-1), 'typing false');
});


test('talk: state, signals, and a message that ends typing', () => {
    const before = withState(newTalk('t'), {
        version: 1, read: { 'agent:a': 3 }, typing: [],
        presence: [{ ...dana, online: true }] });
    const talk = [
        { type: 'typing', sender: dana, on: true },
        { type: 'read', sender: dana, upto: 2 },
    ].reduce(withSignal, before);

    assert.deepEqual(talk.read, { 'agent:a': 3 });
    assert.deepEqual(talk.here.map(({ name }) => name), ['Dana']);
    assert.deepEqual(talk.typing, [dana]);

    const after = nextPage(talk, {
        next: 'e.4', complete: true, more: false,
        events: [{ type: 'message', seq: 4, sender: dana }] });

    assert.deepEqual(after.typing, []);
    assert.deepEqual(withSignal(after, { type: 'presence', participant: dana,
                                         online: false }).here, []);
});


test('typing: told at most every 3 s, and when it ends', () => {
    const time = fakeClock();
    const told = [];
    let anybody = false;
    const typing = createTyping((on) => anybody && told.push(on) > 0, time);

    typing.input('a');
    anybody = true;
    typing.input(' ');
    typing.input('a');
    typing.input('ab');
    assert.deepEqual(told, [true]);
    time.go(3000);
    typing.input('abc');
    typing.input('');
    typing.input('');
    assert.deepEqual(told, [true, true, false]);
    typing.input('d');
    assert.deepEqual(told, [true, true, false]);
    typing.stop();
    assert.deepEqual(told, [true, true, false]);
});
