/*
 * Copyright (C) the ngx_http_chat_module authors
 */

import { test } from 'node:test';
import assert from 'node:assert/strict';
import * as widget from '../../../src/assets/widget-state.js';
import * as desk from '../../../src/assets/console-state.js';
import { newOutgoing } from '../../../src/assets/outgoing.js';

const visitor = { id: 'v1', name: null, verified: false };
const agent = { id: 'a1', name: 'Dana', email: 'd@a.test', role: 'agent' };
const empty = { events: [], next: 'e.0', complete: true, more: false };


function run(module, ...events) {
    return events.reduce(module.reduce, module.INITIAL);
}


function summary(id, more = {}) {
    return { id, status: 'open', visitor, assignee: null, unread: 0,
             version: 1, next: 'e.1',
             last: { seq: 1, sender: visitor, text: 'x',
                     created_at: '2026-01-01T00:00:00Z' }, ...more };
}


/* A widget whose session has begun, with these conversations. */
function begun(...conversations) {
    return [{ type: 'session', visitor, conversations, lane: 'new:1' },
            { type: 'ready' }];
}


function loaded(id, ...events) {
    return { type: 'loaded', id, conversation: summary(id),
             page: { ...empty, events } };
}


function message(seq, sender, more = {}) {
    return { type: 'message', seq, sender, text: `m${seq}`,
             created_at: `2026-01-02T00:00:0${seq}Z`, ...more };
}


test('widget: the first message begins a conversation', () => {
    const item = newOutgoing('c1', 'new:1', 'hi', 'public', 'now');
    const before = run(widget, { type: 'opened' }, ...begun(),
                       { type: 'queued', item });

    assert.equal(before.talk, null);
    assert.equal(widget.beginning(before), true);
    assert.deepEqual(widget.followed(before), []);
    assert.deepEqual(widget.waiting(before), [item]);

    const after = widget.reduce(before, {
        type: 'sent', item, ack: { conversation: 't', seq: 1, next: 'e.1',
                                   created_at: 'then' } });

    assert.deepEqual(after.outgoing, []);
    assert.equal(after.lane, 't');
    assert.equal(after.talk.id, 't');
    assert.equal(after.talk.next, '');
    assert.deepEqual(after.talk.events, [{
        type: 'message', seq: 1, id: undefined, client_msg_id: 'c1',
        sender: { kind: 'visitor', id: 'v1' }, visibility: 'public',
        text: 'hi', created_at: 'then' }]);
    assert.deepEqual(after.list.map((it) => [it.id, it.last.text]),
                     [['t', 'hi']]);
    assert.deepEqual(widget.followed(after), [{ id: 't', since: '' }]);
});


test('widget: what was written behind the first message goes with it', () => {
    const [a, b] = ['a', 'b'].map((id) => newOutgoing(
        id, 'new:1', id, 'public', 'now'));
    const state = run(widget, ...begun(), { type: 'queued', item: a },
        { type: 'queued', item: b }, { type: 'queued', item: b },
        { type: 'sent', item: a, ack: { conversation: 't', seq: 1 } });

    assert.deepEqual(widget.waiting(state).map((it) => it.id), ['b']);
});


test('widget: an answer that waits is no message', () => {
    const item = { ...newOutgoing('c2', 't', '', 'public', 'now'), to: 1,
                   response: { rating: 4 } };
    const before = run(widget, ...begun(summary('t')),
                       loaded('t', message(1, { kind: 'agent', id: 'a1' })),
                       { type: 'queued', item });

    assert.deepEqual(widget.waiting(before), []);
    assert.equal(before.outgoing.length, 1);

    const after = widget.reduce(before, {
        type: 'sent', item, ack: { conversation: 't', seq: 2 } });

    assert.deepEqual(after.outgoing, []);
    assert.equal(after.talk.events.length, 1);
    assert.equal(after.list[0].last.seq, 1);
});


test('widget: a page that is empty joins what another tab begins', () => {
    const item = newOutgoing('c1', 'new:2', 'hi', 'public', 'now');
    const joined = run(widget, ...begun(), { type: 'queued', item });

    assert.equal(joined.lane, 'new:2');

    const busy = run(widget, ...begun(summary('t')), loaded('t'),
                     { type: 'queued', item });

    assert.equal(busy.lane, 't');
    assert.deepEqual(widget.waiting(busy), []);
});


test('widget: no line while closed in a hidden tab', () => {
    const state = run(widget, ...begun(summary('t')), loaded('t'));

    assert.equal(widget.followed(state).length, 1);

    const hidden = widget.reduce(state, { type: 'visible', visible: false });

    assert.equal(widget.followed(hidden).length, 0);
    assert.equal(widget.followed(
        widget.reduce(hidden, { type: 'opened' })).length, 1);
});


test('widget: the one that is shown is followed, and others that go on', () => {
    const state = run(widget, ...begun(summary('t'), summary('u'),
        summary('v', { status: 'resolved' }), summary('w'), summary('x')),
        { type: 'lane', lane: 'u' }, loaded('u'));

    assert.deepEqual(widget.followed(state).map(({ id }) => id),
                     ['u', 't', 'w']);
});


test('widget: what comes in another conversation counts', () => {
    const state = run(widget, ...begun(summary('t'), summary('u')),
        { type: 'lane', lane: 't' }, loaded('t'),
        { type: 'page', id: 'u', page: { ...empty, next: 'e.2',
            events: [message(2, { kind: 'agent', id: 'a1' })] } },
        { type: 'page', id: 'u', page: { ...empty, next: 'e.2',
            events: [message(2, { kind: 'agent', id: 'a1' })] } },
        { type: 'page', id: 't', page: { ...empty, next: 'e.2',
            events: [message(2, { kind: 'agent', id: 'a1' })] } });

    assert.equal(widget.unseen(state), 2);
    assert.equal(state.list[0].id, 'u');
    assert.equal(state.list[0].last.text, 'm2');

    const there = widget.reduce(state, { type: 'lane', lane: 'u' });

    assert.equal(there.talk, null);
    assert.equal(widget.unseen(there), 2);
});


test('widget: the list says what the last message was changed to', () => {
    const dana = { kind: 'agent', id: 'a1' };
    const change = (type, seq, to, more) => ({ type: 'page', id: 'u', page: {
        ...empty, events: [{ type, seq, to, sender: dana, ...more }] } });
    const before = run(widget, ...begun(summary('t'), summary('u')),
        { type: 'page', id: 'u', page: { ...empty, next: 'e.2',
            events: [message(2, dana)] } },
        change('edit', 3, 1, { text: 'an older one' }),
        change('edit', 4, 2, { text: 'better' }));
    const last = (state) => state.list.find((it) => it.id === 'u').last;

    assert.deepEqual([last(before).text, last(before).seq], ['better', 2]);
    assert.equal(widget.unseen(before), 1);

    const after = widget.reduce(before, change('redaction', 5, 2));

    assert.deepEqual([last(after).text, last(after).seq], [undefined, 2]);
    assert.equal(widget.unseen(after), 1);

    /* One that comes as it is now; a file without a text is none. */
    const come = (more) => last(widget.reduce(before, {
        type: 'page', id: 'u', page: { ...empty, next: 'e.9',
            events: [message(6, dana, more)] } })).text;

    assert.equal(come({ text: undefined, redacted: true }), undefined);
    assert.equal(come({ text: '' }), '');
});


test('widget: what is known of the visitor by now', () => {
    const state = run(widget, ...begun(summary('t')),
                      { type: 'problem', problem: 'gone' },
                      { type: 'visitor', visitor: { ...visitor,
                                                    consent: '2' } });

    assert.equal(state.visitor.consent, '2');
    assert.equal(state.problem, 'gone');
    assert.equal(widget.reduce(state, { type: 'starting' }).problem, null);
});


test('widget: another visitor does not see what the last one had', () => {
    const state = run(widget, ...begun(summary('t')), loaded('t'),
                      { type: 'session', visitor: { ...visitor, id: 'v2' },
                        conversations: [], lane: 'new:9' });

    assert.equal(state.talk, null);
    assert.equal(state.lane, 'new:9');
    assert.deepEqual(state.list, []);
});


test('widget: what was written goes on when the conversation is gone', () => {
    const state = run(widget, ...begun(summary('t')), loaded('t'),
                      { type: 'gone', id: 't', lane: 'new:3' });

    assert.equal(state.lane, 'new:3');
    assert.deepEqual([state.talk, state.list], [null, []]);
});


test('widget: goes on with the latest that is not resolved', () => {
    const old = summary('old');
    const done = summary('done', { status: 'resolved', last: {
        ...old.last, created_at: '2026-02-01T00:00:00Z' } });

    assert.equal(widget.current([done, old]).id, 'old');
    assert.equal(widget.current([done]).id, 'done');
    assert.equal(widget.current([]), null);
});


test('console: a later summary wins, whichever comes first', () => {
    const state = run(desk, { type: 'signedin', agent },
        { type: 'found', fresh: true, more: false,
          conversations: [summary('t', { version: 3 })] },
        { type: 'inbox', page: { next: '2', more: false,
          conversations: [summary('t', { version: 2, unread: 9 })] } });

    assert.equal(state.list.t.version, 3);
    assert.equal(state.list.t.unread, 0);
});


test('console: what leaves the filter leaves the list', () => {
    const state = run(desk, { type: 'signedin', agent },
        { type: 'selected', id: 't' },
        { type: 'found', fresh: true, more: false,
          conversations: [summary('t'), summary('u')] },
        { type: 'inbox', page: { next: '2', more: false,
          conversations: [summary('t', { version: 2, in: false,
                                         status: 'resolved' })] } });

    assert.deepEqual(Object.keys(state.list), ['u']);
    assert.equal(state.conversation.status, 'resolved');
});


test('console: open ones first, then the latest', () => {
    const at = (id, status, created_at) =>
        [id, summary(id, { status, last: { ...summary(id).last,
                                           created_at } })];
    const list = Object.fromEntries([
        at('a', 'resolved', '2026-03-01'), at('b', 'open', '2026-01-01'),
        at('c', 'open', '2026-02-01'), at('d', 'pending', '2026-03-01')]);

    assert.deepEqual(desk.ordered(list).map((it) => it.id),
                     ['c', 'b', 'd', 'a']);
});


test('console: signing out leaves nothing behind', () => {
    const state = run(desk, { type: 'signedin', agent },
        { type: 'found', fresh: true, more: false,
          conversations: [summary('t')] },
        { type: 'queued', item: newOutgoing('c', 't', 'x', 'public', '') },
        { type: 'signedout', problem: null });

    assert.deepEqual(state, { ...desk.INITIAL, phase: 'signin' });
});


test('console: an ended session keeps what was not sent', () => {
    const item = newOutgoing('c', 't', 'x', 'public', '');
    const events = [{ type: 'signedin', agent }, { type: 'queued', item },
                    { type: 'signedout', problem: 'ended' }];

    assert.deepEqual(run(desk, ...events, { type: 'signedin', agent })
                     .outgoing, [item]);
    assert.deepEqual(run(desk, ...events, {
        type: 'signedin', agent: { ...agent, id: 'a2' } }).outgoing, []);
});


test('console: says since when the connection is lost', () => {
    const state = run(desk, { type: 'signedin', agent },
        { type: 'line', of: 'talk', up: false, now: 200 },
        { type: 'line', of: 'inbox', up: false, now: 100 },
        { type: 'line', of: 'inbox', up: false, now: 300 });

    assert.equal(desk.downSince(state), 100);
    assert.equal(desk.downSince(desk.reduce(
        state, { type: 'line', of: 'inbox', up: true, now: 400 })), 200);
});
