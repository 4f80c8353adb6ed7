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


test('widget: the first message begins a conversation', () => {
    const item = newOutgoing('c1', 'visitor', 'hi', 'public', 'now');
    const before = run(widget, { type: 'opened' },
                       { type: 'session', visitor }, { type: 'ready' },
                       { type: 'queued', item });

    assert.equal(before.talk, null);
    assert.equal(widget.wantsLine(before), false);
    assert.deepEqual(before.outgoing, [item]);

    const after = widget.reduce(before, {
        type: 'sent', item, ack: { conversation: 't', seq: 1,
                                   created_at: 'then' } });

    assert.deepEqual(after.outgoing, []);
    assert.equal(after.talk.id, 't');
    assert.equal(after.talk.next, '');
    assert.deepEqual(after.talk.events, [{
        type: 'message', seq: 1, id: undefined, client_msg_id: 'c1',
        sender: { kind: 'visitor', id: 'v1' }, visibility: 'public',
        text: 'hi', created_at: 'then' }]);
    assert.equal(widget.wantsLine(after), true);
});


test('widget: no line while closed in a hidden tab', () => {
    const state = run(widget, { type: 'session', visitor },
                      { type: 'loaded', id: 't', page: empty, read: {} });

    assert.equal(widget.wantsLine(state), true);

    const hidden = widget.reduce(state, { type: 'visible', visible: false });

    assert.equal(widget.wantsLine(hidden), false);
    assert.equal(widget.wantsLine(
        widget.reduce(hidden, { type: 'opened' })), true);
});


test('widget: another visitor does not see what the last one had', () => {
    const state = run(widget, { type: 'session', visitor },
                      { type: 'loaded', id: 't', page: empty, read: {} },
                      { type: 'session', visitor: { ...visitor, id: 'v2' } });

    assert.equal(state.talk, null);
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
        { type: 'inbox', first: true, page: { next: '1', more: false,
          conversations: [summary('t', { version: 3 })] } },
        { type: 'inbox', first: false, page: { next: '2', more: false,
          conversations: [summary('t', { version: 2, unread: 9 })] } });

    assert.equal(state.list.t.version, 3);
    assert.equal(state.list.t.unread, 0);
});


test('console: what leaves the filter leaves the list', () => {
    const state = run(desk, { type: 'signedin', agent },
        { type: 'selected', id: 't' },
        { type: 'inbox', first: true, page: { next: '1', more: false,
          conversations: [summary('t'), summary('u')] } },
        { type: 'inbox', first: false, page: { next: '2', more: false,
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
        { type: 'inbox', first: true, page: { next: '1', more: false,
          conversations: [summary('t')] } },
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
