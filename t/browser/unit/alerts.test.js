/*
 * Copyright (C) the ngx_http_chat_module authors
 */

/*
 * What an agent is told of, and when.
 */

import { test } from 'node:test';
import assert from 'node:assert/strict';
import { alertsOf, createWants, knownOf, unknown, waits }
    from '../../../src/assets/console-alerts.js';
import { createI18n } from '../../../src/assets/i18n.js';
import { createNotice } from '../../../src/assets/console-notice.js';
import english from '../../../src/assets/en-console.js';
import { INITIAL } from '../../../src/assets/console-state.js';

const visitor = { kind: 'visitor', id: 'v' };


function summary(more = {}) {
    return { id: 'a', status: 'open', assignee: null, team: null, unread: 1,
             version: 1, visitor: { id: 'visitor', name: 'Ann' },
             last: { seq: 1, sender: visitor, text: 'x' }, ...more };
}


/* A keeper of its own. */
function kept() {
    const all = new Map();

    return { get: (name) => all.get(name) || '', watch() {},
             put: (name, value) => all.set(name, value) };
}


test('what there is to tell of a conversation', () => {
    const mine = { assignee: { id: 'me' } };
    const ours = { team: { id: 't' } };
    const more = { last: { seq: 4, sender: visitor, text: 'x' } };
    const of = (had, come) => alertsOf(summary(come), knownOf(summary(had)),
                                       'me', ['t']);

    assert.deepEqual(of({}, {}), []);
    assert.deepEqual(of({}, more), ['none']);
    assert.deepEqual(of(ours, { ...ours, ...more }), ['team']);
    assert.deepEqual(of({}, ours), ['team']);
    assert.deepEqual(of({}, { team: { id: 'other' } }), []);
    assert.deepEqual(of(mine, { ...mine, ...more }), ['mine']);
    assert.deepEqual(of({}, mine), ['assigned']);
    assert.deepEqual(of({}, { ...mine, ...more }), ['mine', 'assigned']);
    assert.deepEqual(of(mine, {}), []);
    assert.deepEqual(of({}, { assignee: { id: 'you' }, ...more }), []);
    assert.deepEqual(of({}, { mentions: 1, assignee: { id: 'you' } }),
                     ['mention']);

    /* What is read elsewhere, and what agents say. */
    assert.deepEqual(of({}, { ...more, unread: 0 }), []);
    assert.deepEqual(of({}, { last: { seq: 4, text: 'x', sender: {
        kind: 'agent', id: 'you' } } }), []);
});


test('of what was not known it is not said that it was given', () => {
    const of = (item) => alertsOf(item, unknown(item), 'me', []);
    const mine = { assignee: { id: 'me' } };

    assert.deepEqual(of(summary(mine)), ['mine', 'assigned']);
    assert.deepEqual(of(summary({ ...mine, unread: 0 })), ['assigned']);
    assert.deepEqual(of(summary({ ...mine, last: {
        seq: 9, sender: visitor, text: 'x' } })), ['mine']);
});


test('what waits, and what is wanted', () => {
    const { wants, want } = createWants(kept());

    assert.deepEqual([summary(), summary({ team: { id: 't' } }),
                      summary({ assignee: { id: 'me' } }),
                      summary({ assignee: { id: 'you' } }),
                      summary({ status: 'resolved' }),
                      summary({ unread: 0 })].map(
        (it) => waits(it, 'me', ['t']).join()),
        ['none', 'team', 'mine', '', '', '']);

    assert.deepEqual(['sound', 'desktop', 'title'].map(
        (way) => wants('mine', way)), [true, false, true]);
    want('mine', 'sound', false);
    want('mine', 'desktop', true);
    want('mention', 'title', false);
    want('mention', 'title', true);
    assert.deepEqual(['sound', 'desktop', 'title'].map(
        (way) => wants('mine', way)), [false, true, true]);
    assert.equal(wants('none', 'sound'), true);
    assert.equal(wants('mention', 'title'), true);
});


test('what comes close together is told of once, in one tab', () => {
    const notes = [];
    const timers = [];
    const keeper = kept();
    let now = 100000;

    globalThis.document = { hasFocus: () => false, hidden: true };
    globalThis.Notification = class {
        static permission = 'granted';
        constructor(title) {
            notes.push(title);
        }
    };
    globalThis.window = {
        Notification, addEventListener() {},
        setTimeout: (call, ms) => timers.push({ call, at: now + ms }),
    };

    const state = { ...INITIAL, phase: 'in', list: {},
                    agent: { id: 'me', name: 'Me', email: '' } };
    const make = () => createNotice({
        i18n: createI18n('en', english), keeper, open() {}, now: () => now });
    const [one, other] = [make(), make()];
    const come = (...ids) => [one, other].forEach((notice) => notice.news({
        conversations: ids.map((id) => summary({ id })) }, state, false));

    /* Both have their timers; whose is first tells. */
    const pass = (ms) => {
        now += ms;

        for (const it of timers.splice(0)) {
            if (it.at <= now) {
                it.call();
            } else {
                timers.push(it);
            }
        }
    };

    one.want('none', 'sound', false);
    one.want('none', 'desktop', true);
    come('a');
    pass(500);
    assert.deepEqual(notes, ['New message from \u2068Ann\u2069']);
    come('b');
    pass(1000);
    come('c', 'd');
    pass(1000);
    assert.equal(notes.length, 1);
    pass(3000);
    assert.deepEqual(notes.slice(1), ['News in 3 conversations']);

    one.mute('e');
    come('e');
    pass(9000);
    assert.equal(notes.length, 2);
    one.want('none', 'desktop', false);
    come('f');
    pass(9000);
    assert.equal(notes.length, 2);
});
