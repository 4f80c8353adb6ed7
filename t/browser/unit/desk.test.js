/*
 * Copyright (C) the ngx_http_chat_module authors
 */

import { test } from 'node:test';
import assert from 'node:assert/strict';
import { called, filled, matching }
    from '../../../src/assets/console-canned.js';
import { createIdle } from '../../../src/assets/console-idle.js';
import { keysOf } from '../../../src/assets/console-keys.js';
import { belongs, later, ordered, queryOf }
    from '../../../src/assets/console-list.js';
import { differing, given } from '../../../src/assets/console-people.js';
import { parseRoute, routeTo, setupToken }
    from '../../../src/assets/console-route.js';
import { snoozes } from '../../../src/assets/console-side.js';
import { chosen } from '../../../src/assets/console-words.js';
import { INITIAL, reduce } from '../../../src/assets/console-state.js';

const ID = '01a2020a-c714-732e-b4e2-f14454f55b80';


function summary(id, more = {}) {
    return { id, status: 'open', assignee: null, unread: 0, version: 1,
             next: 'e.1', team: null, labels: [], priority: null,
             visitor: { id: 'v1', name: null, verified: false },
             last: { seq: 1, text: 'x', created_at: '2026-01-01T00:00:00Z' },
             ...more };
}


test('an address is what it says, and nothing else', () => {
    const views = [{ name: 'mine', value: '' }, { name: 'all', value: '' },
                   { name: 'mentions', value: '' },
                   { name: 'label', value: 'a/b c%' },
                   { name: 'search', value: 'is:open "x y" #/c/' }];

    for (const view of views) {
        assert.deepEqual(parseRoute(routeTo(view)),
                         { view, id: '', page: '' });
        assert.deepEqual(parseRoute(routeTo(view, ID)),
                         { view, id: ID, page: '' });
    }

    assert.deepEqual(parseRoute(`#${ID}`), { view: null, id: ID, page: '' });
    assert.equal(parseRoute('#/settings/teams').page, 'teams');
    assert.equal(parseRoute('#/settings/__proto__').page, 'me');

    for (const other of ['', '#', '#/', '#/other', '#/label', '#/%E0%A4%A',
                         '#javascript:alert(1)', '#/mine/c/../x'])
    {
        assert.equal(parseRoute(other).id, '', other);
    }

    assert.equal(setupToken(`#setup=${'a'.repeat(43)}`), 'a'.repeat(43));
    assert.equal(setupToken('#setup=short'), '');
});


test('what belongs to a view', () => {
    const mine = summary('a', { assignee: { id: 'me' } });
    const team = summary('b', { team: { id: 't' }, labels: ['vip'],
                                status: 'pending' });
    const views = {
        mine: [true, false], none: [false, false], all: [true, true],
        'status/pending': [false, true], 'team/t': [false, true],
        'team/none': [true, false], 'label/vip': [false, true],
        'search/x': [false, false], mentions: [false, false],
    };

    for (const [key, wanted] of Object.entries(views)) {
        const [name, value = ''] = key.split('/');

        assert.deepEqual([mine, team].map((it) => belongs(
            { name, value }, it, 'me', false)), wanted, key);
    }

    assert.ok(belongs({ name: 'search', value: 'x' }, mine, 'me', true));
    assert.ok(belongs({ name: 'mentions', value: '' }, mine, 'me', true));
    assert.ok(belongs({ name: 'mentions', value: '' },
                      { ...mine, mentions: 2 }, 'me', false));
    assert.deepEqual(queryOf({ name: 'none', value: '' }, 'newest'),
                     { order: null, assignee: 'none', status: 'open' });
    assert.deepEqual(queryOf({ name: 'search', value: 'a' }, 'waiting'),
                     { order: 'waiting', q: 'a' });
});


test('the orders of a list', () => {
    const list = Object.fromEntries([
        summary('a', { waiting_since: '2026-01-03', priority: 'low' }),
        summary('b', { waiting_since: '2026-01-02' }),
        summary('c', { priority: 'urgent' }),
    ].map((it) => [it.id, it]));
    const ids = (order) => ordered(list, order).map((it) => it.id).join('');

    assert.equal(ids('waiting'), 'bac');
    assert.equal(ids('priority'), 'cba');
    assert.equal(ids('newest'), 'cba');
    assert.equal(ordered(list, 'newest'), ordered(list, 'newest'));
});


test('a summary does not take away what is known of the visitor', () => {
    const had = summary('a', { visitor: { id: 'v', email: 'a@b.test' } });
    const come = summary('a', { version: 2, visitor: { id: 'v',
                                                       name: 'Ann' } });

    assert.deepEqual(later(had, come).visitor,
                     { id: 'v', email: 'a@b.test', name: 'Ann' });
    assert.equal(later(come, had).version, 2);
});


test('the list goes with its view', () => {
    const events = [
        { type: 'view', view: { name: 'status', value: 'open' } },
        { type: 'found', fresh: true, more: true,
          conversations: [summary('a'), summary('b')] },
        { type: 'inbox', page: { conversations: [
            summary('a', { version: 2, status: 'resolved' }),
            summary('c'), summary('d', { status: 'pending' })] } }];
    const state = events.reduce(reduce, INITIAL);

    assert.deepEqual(Object.keys(state.list).sort(), ['b', 'c']);
    assert.equal(state.more, true);
    assert.equal(reduce(state, { type: 'order', order: 'waiting' }).list,
                 null);

    /* A page that was asked for before a change comes after it. */
    assert.equal(reduce(state, { type: 'found', fresh: true, more: false,
        conversations: [summary('c', { version: 0 })] }).list.c.version, 1);
});


test('since when the store is away, and who was quicker', () => {
    const away = [{ type: 'problem', problem: 'unavailable' },
                  { type: 'away', now: 5 }, { type: 'away', now: 9 }]
                 .reduce(reduce, INITIAL);

    assert.equal(away.away, 5);
    assert.deepEqual([reduce(away, { type: 'away', now: 0 })]
                     .map((it) => [it.away, it.problem]), [[0, null]]);

    const won = [{ type: 'problem', problem: 'conflict' },
                 { type: 'won', by: 'Sam' }].reduce(reduce, INITIAL);

    assert.equal(won.won, 'Sam');
    assert.equal(reduce(won, { type: 'problem', problem: null }).won, null);
});


test('canned replies by their letters, and what is filled in', () => {
    const all = ['refund', 'return', 'greeting'].map((shortcut) => (
        { id: shortcut, shortcut, title: 'Title', text: '', locale: null }));
    const names = (typed) => matching(all, typed, 'en').map(
        (it) => it.id);

    assert.deepEqual(names('re'), ['refund', 'return', 'greeting']);
    assert.deepEqual(names('rfd'), ['refund']);
    assert.deepEqual(names('TITLE').length, 3);
    assert.deepEqual(names('zz'), []);
    assert.equal(filled('Hi {{ visitor.name }}, {{other}} {{toString}}',
                        { 'visitor.name': '{{agent.name}}' }),
                 'Hi {{agent.name}}, {{other}} {{toString}}');
});


test('colleagues by the beginning of one of their names', () => {
    const people = ['Dana Levi', 'Dan', 'Levana', 'نور'].map(
        (name) => ({ id: name, name }));
    const names = (typed) => called(people, typed).map(({ name }) => name);

    assert.deepEqual(names('da'), ['Dana Levi', 'Dan']);
    assert.deepEqual(names('LEV'), ['Dana Levi', 'Levana']);
    assert.deepEqual(names('dana l'), ['Dana Levi']);
    assert.deepEqual(names('نو'), ['نور']);
    assert.deepEqual(names('').length, 4);

    /* It is there already: Enter is not for the list. */
    assert.deepEqual(names('levana'), []);
    assert.deepEqual(names('dan '), []);
});


test('what was read mentions nobody any more, and what is gone is', () => {
    const mention = (conversation, seq) => (
        { conversation, seq, sender: { kind: 'agent', id: 'x' }, text: '@me',
          created_at: '2026-01-01T00:00:00Z' });
    const state = [
        { type: 'signedin', agent: { id: 'me', name: 'Me', email: '',
                                     role: 'agent' } },
        { type: 'found', fresh: true, more: false, conversations: [
            summary('a', { mentions: 2, unread: 1 }),
            summary('b', { mentions: 1 })] },
        { type: 'mentions', mentions: [mention('a', 1), mention('a', 3),
                                       mention('b', 1)] },
        { type: 'selected', id: 'a' },
        { type: 'loaded', id: 'a', conversation: summary('a'), read: {},
          page: { events: [], next: 'e.1', complete: true, more: false } },
        { type: 'seen', seq: 2 },
    ].reduce(reduce, INITIAL);

    assert.deepEqual(state.mentions.map((it) => [it.conversation, it.seq]),
                     [['a', 3], ['b', 1]]);
    assert.equal(state.list.a.mentions, 0);
    assert.deepEqual(Object.keys(reduce(state, { type: 'gone', id: 'a' })
                                 .list), ['b']);
    assert.deepEqual(reduce(state, { type: 'gone', visitor: 'v1' }).list, {});
});


test('what waits is counted, whatever the view', () => {
    const waits = { unread: 1, waiting_since: '2026-01-01T00:00:00Z' };
    const inbox = (state, ...conversations) =>
        reduce(state, { type: 'inbox', page: { conversations } });
    const has = (state, ...ids) =>
        assert.deepEqual([...state.waiting.keys()].sort(), ids);
    let state = { ...INITIAL, agent: { id: 'me' },
                  view: { name: 'status', value: 'snoozed' } };

    state = inbox(state, summary('a', waits), summary('b', waits),
                  summary('c', { ...waits, assignee: { id: 'other' } }),
                  summary('d', { ...waits, status: 'resolved' }),
                  summary('e', { unread: 1 }));
    has(state, 'a', 'b');
    state = inbox(state, summary('a', { ...waits, unread: 0 }),
                  summary('c', { ...waits, assignee: { id: 'me' } }));
    has(state, 'b', 'c');

    /* An answer that is older than what was told does not count. */
    state = reduce(state, { type: 'waiting', told: new Set(['a', 'c']),
                            conversations: [summary('a', waits),
                                            summary('f', waits)] });
    has(state, 'c', 'f');
    state = reduce(state, { type: 'gone', id: 'f' });
    has(state, 'c');
});


test('keys are known by their place', () => {
    const press = (code, key, more = {}) => keysOf({
        code, key, altKey: false, ctrlKey: false, metaKey: false,
        shiftKey: false, ...more });

    assert.equal(press('KeyJ', 'ת', { altKey: true }), 'Alt+KeyJ');
    assert.equal(press('KeyK', 'k', { metaKey: true }), 'Mod+KeyK');
    assert.equal(press('Slash', '?', { shiftKey: true }), '?');
    assert.equal(press('Slash', '؟', { shiftKey: true }), '?');
    assert.equal(press('KeyJ', 'J', { shiftKey: true }), 'Shift+KeyJ');
});


test('when a snoozed conversation wakes', () => {
    const at = (text) => Object.fromEntries(snoozes(new Date(text)).map(
        ([name, time]) => [name, `${time.getDay()} ${time.getHours()}`]));

    assert.deepEqual(at('2026-11-22T15:00'), {
        hour: '0 16', later: '0 18', tomorrow: '1 9', monday: '1 9' });
    assert.equal(snoozes(new Date('2026-11-23T08:00'))[3][1].getDate(), 30);
});


test('idle after a while, back with a touch, whatever was chosen', () => {
    const kept = new Map();
    const told = [];
    const state = { availability: 'busy', automatic: null };
    let now = 1;
    let look = () => {};
    const idle = createIdle({
        keeper: { own: (name) => kept.get(name) || '',
                  keepOwn: (name, value) => kept.set(name, value) },
        state: () => state,
        tell(on) {
            state.automatic = on ? 'away' : null;
            told.push(on);
        },
        clock: { now: () => now, random: Math.random, after(ms, call) {
            look = call;

            return () => {};
        } },
    });

    const pass = (ms) => {
        now += ms;
        look();
    };

    pass(599000);
    idle.touch();
    pass(599000);
    assert.deepEqual(told, []);
    pass(1000);
    pass(600000);
    assert.deepEqual(told, [true]);
    assert.equal(state.availability, 'busy');
    idle.touch();
    assert.deepEqual(told, [true, false]);

    /* The server has forgotten it, as of one without a stream. */
    pass(600000);
    state.automatic = null;
    pass(30000);
    idle.touch();
    assert.deepEqual(told.splice(0), [true, false, true, true, false]);

    /* It does not know yet that somebody is there. */
    state.automatic = 'away';
    pass(30000);
    assert.deepEqual(told.splice(0), [false]);

    state.availability = 'away';
    pass(1200000);
    assert.deepEqual(told, []);
});


test('what is sent of a form', () => {
    assert.deepEqual(given({ a: '', b: null, c: [], d: 0, e: 'x' }),
                     { d: 0, e: 'x' });
    assert.deepEqual(differing(
        { name: 'a', capacity: null, teams: [{ id: 't' }], disabled: false },
        { name: 'b', capacity: null, teams: ['t'], disabled: true }),
        { name: 'b', disabled: true });
});


test('the language that was chosen, else one of the browser', () => {
    assert.equal(chosen('he', ['ar']), 'he');
    assert.equal(chosen('', ['fr', 'ar-EG', 'en']), 'ar');
    assert.equal(chosen('toString', ['xx']), 'en');
});
