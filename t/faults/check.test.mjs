// The checker finds each kind of a broken history, and nothing in a good one.

import assert from 'node:assert/strict';
import {test} from 'node:test';

import {check} from './check.mjs';

const talk = {site: 'one', visitor: 'v'};

function message(seq, m, more = {}) {
    return {conversation: 'k', seq, type: 'message', internal: false,
            sender: 'v', m, text: m, ...more};
}

// A visitor and an agent, a note, a change of status, and a reader of each
// kind who has everything.

function good() {
    const record = {
        conversations: {k: {...talk}, other: {site: 'one', visitor: 'w'},
                        far: {site: 'two', visitor: 'x'}},
        events: [
            message(1, 'a'),
            message(2, 'b', {sender: 'g'}),
            message(3, 'n', {sender: 'g', internal: true}),
            {conversation: 'k', seq: 4, type: 'status', internal: false,
             sender: 'g', m: null, text: null},
            message(5, 'c'),
            {...message(1, 'o', {sender: 'w'}), conversation: 'other'},
            {...message(1, 'f', {sender: 'x'}), conversation: 'far'},
        ],
    };
    const history = [
        {c: 'V', e: 'who', kind: 'visitor', id: 'v', site: 'one',
         transport: 'ws'},
        {c: 'W', e: 'who', kind: 'visitor', id: 'w', site: 'one',
         transport: 'sse'},
        {c: 'X', e: 'who', kind: 'visitor', id: 'x', site: 'two',
         transport: 'sse'},
        {c: 'G', e: 'who', kind: 'agent', id: 'g', site: 'one',
         transport: 'poll'},
        {c: 'V', e: 'invoke', k: 'new', m: 'a'},
        {c: 'V', e: 'ok', k: 'new', id: 'k', m: 'a', seq: 1},
        {c: 'W', e: 'invoke', k: 'new', m: 'o'},
        {c: 'W', e: 'unknown', k: 'new', m: 'o'},
        {c: 'X', e: 'invoke', k: 'new', m: 'f'},
        {c: 'X', e: 'ok', k: 'new', id: 'far', m: 'f', seq: 1},
        {c: 'V', e: 'subscribe', k: 'k', since: 1},
        {c: 'G', e: 'subscribe', k: 'k', since: 0},
        {c: 'G', e: 'received', k: 'k', seq: 1, type: 'message', m: 'a'},
        {c: 'G', e: 'invoke', k: 'k', m: 'b'},
        {c: 'G', e: 'unknown', k: 'k', m: 'b'},
        {c: 'G', e: 'invoke', k: 'k', m: 'b'},
        {c: 'G', e: 'ok', k: 'k', m: 'b', seq: 2, dup: true},
        {c: 'V', e: 'received', k: 'k', seq: 2, type: 'message', m: 'b'},
        {c: 'G', e: 'invoke', k: 'k', m: 'n', note: true},
        {c: 'G', e: 'ok', k: 'k', m: 'n', seq: 3},
        {c: 'G', e: 'received', k: 'k', seq: 2, type: 'message', m: 'b'},
        {c: 'G', e: 'received', k: 'k', seq: 3, type: 'message', m: 'n'},
        {c: 'V', e: 'subscribe', k: 'k', since: 3},
        {c: 'V', e: 'received', k: 'k', seq: 4, type: 'status', m: null},
        {c: 'G', e: 'subscribe', k: 'k', since: 3},
        {c: 'G', e: 'received', k: 'k', seq: 4, type: 'status', m: null},
        {c: 'V', e: 'invoke', k: 'k', m: 'c'},
        {c: 'V', e: 'ok', k: 'k', m: 'c', seq: 5},
        {c: 'V', e: 'invoke', k: 'k', m: 'z'},
        {c: 'V', e: 'fail', k: 'k', m: 'z', code: 422},
        {c: 'V', e: 'invoke', k: 'k', m: 'y'},
        {c: 'V', e: 'received', k: 'k', seq: 5, type: 'message', m: 'c'},
        {c: 'G', e: 'received', k: 'k', seq: 5, type: 'message', m: 'c'},
    ].map((line, i) => ({t: i, ...line}));

    return {history, record};
}

function kinds({history, record}) {
    return check(history, record).kinds;
}

// The line of the history that has all of these members.

function line(run, like) {
    const found = run.history.filter((one) => Object.entries(like)
        .every(([name, value]) => one[name] === value));

    assert.equal(found.length, 1, JSON.stringify(like));
    return found[0];
}

function without(run, like) {
    const one = line(run, like);

    run.history = run.history.filter((other) => other !== one);
    return run;
}

function stored(run, m) {
    return run.record.events.find((event) => event.m === m);
}

test('a good history', () => {
    const result = check(good().history, good().record);

    assert.deepEqual(result.kinds, {});
    assert.deepEqual(result.violations, []);
    assert.deepEqual({...result.counts, via: null}, {
        invoked: 8, acknowledged: 5, refused: 1, unknown: 2, via: null,
        received: {ws: 3, poll: 5}, reconnects: 2, resets: 0, events: 7,
    });
});

const broken = {
    'lost at the end': [(run) => {
        run.record.events = run.record.events.filter((e) => e.m !== 'c');
    }, {'lost': 1, 'not in the record': 2}],

    'lost in the middle': [(run) => {
        const row = stored(run, 'b');
        row.m = row.text = 'q';
        run.history.push({c: 'G', t: 90, e: 'invoke', k: 'k', m: 'q'});
    }, {'lost': 1, 'differs': 2, 'stored out of order': 1}],

    'stored twice': [(run) => {
        run.record.events.push(message(6, 'c'));
        run.history.push(
            {c: 'V', e: 'received', k: 'k', seq: 6, type: 'message', m: 'c'},
            {c: 'G', e: 'received', k: 'k', seq: 6, type: 'message', m: 'c'});
    }, {'stored twice': 1}],

    'a hole in the numbers': [(run) => {
        stored(run, 'c').seq = 7;
        line(run, {c: 'V', e: 'ok', m: 'c'}).seq = 7;
    }, {'not dense': 1}, 'not dense'],

    'a number given twice': [(run) => {
        stored(run, 'c').seq = 4;
    }, {'not dense': 1}, 'not dense'],

    'an event of no conversation': [(run) => {
        run.record.events.push({...message(1, 'q'), conversation: 'none'});
    }, {'orphan': 1, 'never sent': 1}],

    'acknowledged with another number': [(run) => {
        line(run, {c: 'V', e: 'ok', m: 'c'}).seq = 4;
    }, {'other seq': 1}],

    'two answers': [(run) => {
        run.history.push({c: 'V', t: 91, e: 'invoke', k: 'k', m: 'c'},
                         {c: 'V', t: 92, e: 'ok', k: 'k', m: 'c', seq: 6});
    }, {'two answers': 1}],

    'stored, and nobody sent it': [(run) => {
        stored(run, 'c').sender = 'w';
    }, {'never sent': 1, 'lost': 1}],

    'begins a conversation, is elsewhere': [(run) => {
        run.record.events.push(message(6, 'o', {sender: 'w'}));
    }, {'never sent': 1, 'behind': 2}],

    'refused and stored': [(run) => {
        const row = stored(run, 'c');
        without(run, {c: 'V', e: 'ok', m: 'c'});
        run.history.push({c: 'V', t: 93, e: 'fail', k: 'k', m: 'c'});
        assert.ok(row);
    }, {'refused and stored': 1}],

    'a note for everybody': [(run) => {
        stored(run, 'n').internal = false;
    }, {'other visibility': 1, 'gap': 1}],

    'stored out of order': [(run) => {
        const [a, b] = [stored(run, 'a'), stored(run, 'c')];
        [a.m, a.text, b.m, b.text] = ['c', 'c', 'a', 'a'];
    }, {'stored out of order': 4}, 'stored out of order'],

    'gap': [(run) => without(run, {c: 'G', e: 'received', seq: 2}),
            {'gap': 1}],

    'gap at a new subscription': [(run) => {
        without(run, {c: 'V', e: 'received', seq: 4});
        line(run, {c: 'V', e: 'subscribe', since: 3}).since = 4;
    }, {'gap': 1}],

    'behind': [(run) => without(run, {c: 'V', e: 'received', seq: 5}),
               {'behind': 1}],

    'duplicate': [(run) => {
        const one = line(run, {c: 'G', e: 'received', seq: 5});
        run.history.push({...one});
    }, {'duplicate': 1}],

    'again what was before the cursor': [(run) => {
        const one = line(run, {c: 'G', e: 'received', seq: 2});
        run.history.push({...one});
    }, {'reordered': 1}],

    'reordered': [(run) => {
        const [a, b] = [line(run, {c: 'G', e: 'received', seq: 2}),
                        line(run, {c: 'G', e: 'received', seq: 3})];
        [a.seq, a.m, b.seq, b.m] = [3, 'n', 2, 'b'];
    }, {'gap': 1, 'reordered': 1}],

    'a note at a visitor': [(run) => {
        run.history.push({c: 'V', e: 'received', k: 'k', seq: 3,
                          type: 'message', m: 'n'});
    }, {'received a note': 1}],

    'another visitor\'s conversation': [(run) => {
        run.history.push({c: 'V', e: 'received', k: 'other', seq: 1,
                          type: 'message', m: 'o'});
    }, {'received another conversation': 1}],

    'another visitor\'s note': [(run) => {
        run.history.push({c: 'W', e: 'received', k: 'k', seq: 3,
                          type: 'message', m: 'n'});
    }, {'received another conversation': 1}],

    'a conversation that does not exist': [(run) => {
        run.history.push({c: 'V', e: 'received', k: 'none', seq: 1,
                          type: 'message', m: 'o'});
    }, {'received another conversation': 1}],

    'another site\'s conversation': [(run) => {
        run.history.push({c: 'G', e: 'received', k: 'far', seq: 1,
                          type: 'message', m: 'f'});
    }, {'received another site': 1}],

    'another text': [(run) => {
        line(run, {c: 'V', e: 'received', seq: 5}).text = 'C';
    }, {'differs': 1}],

    'another type': [(run) => {
        line(run, {c: 'V', e: 'received', seq: 4}).type = 'assignment';
    }, {'differs': 1}],

    'received, and not in the record': [(run) => {
        run.history.push({c: 'V', e: 'received', k: 'k', seq: 6,
                          type: 'message', m: 'q'});
    }, {'not in the record': 1}],

    'reset': [(run) => {
        run.history.push(
            {c: 'V', e: 'reset', k: 'k', why: 'epoch'},
            {c: 'V', e: 'received', k: 'k', seq: 5, type: 'message', m: 'c'});
    }, {'reset': 1}],

    'nobody knows who': [(run) => {
        run.history.push({c: 'Q', e: 'received', k: 'k', seq: 1});
    }, {'bad history': 1}],

    'an answer to nothing': [(run) => {
        run.history.push({c: 'V', e: 'ok', k: 'k', m: 'q', seq: 9});
    }, {'bad history': 1}],

    'a line of no meaning': [(run) => {
        run.history.push({c: 'V', e: 'sings', k: 'k'});
    }, {'bad history': 1}],
};

for (const [name, [change, expected, only]] of Object.entries(broken)) {
    test(`found: ${name}`, () => {
        const run = good();

        change(run);

        const found = kinds(run);

        if (only) {
            assert.ok(found[only] > 0, JSON.stringify(found));
        } else {
            assert.deepEqual(found, expected);
        }
    });
}

test('a reset is allowed where history has changed', () => {
    const run = good();

    run.record.resets = ['epoch'];
    run.history.push(
        {c: 'V', e: 'reset', k: 'k', why: 'epoch'},
        {c: 'V', e: 'received', k: 'k', seq: 4, type: 'status', m: null},
        {c: 'V', e: 'received', k: 'k', seq: 5, type: 'message', m: 'c'});
    assert.deepEqual(kinds(run), {});

    run.history.splice(-2, 1);
    assert.deepEqual(kinds(run), {}, 'it begins somewhere');

    run.history.pop();
    assert.deepEqual(kinds(run), {behind: 1}, 'and ends at the end');
});

test('who has left need not have everything', () => {
    const run = without(good(), {c: 'V', e: 'received', seq: 5});

    run.history.push({c: 'V', e: 'leave', k: 'k'});
    assert.deepEqual(kinds(run), {});
});

test('of many findings some are told and all are counted', () => {
    const run = good();
    const one = line(run, {c: 'G', e: 'received', seq: 5});

    run.history.push(...Array.from({length: 100}, () => ({...one})));

    const result = check(run.history, run.record);

    assert.equal(result.kinds.duplicate, 100);
    assert.equal(result.violations.length, 20);
});
