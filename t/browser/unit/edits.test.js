/*
 * Copyright (C) the ngx_http_chat_module authors
 */

import { test } from 'node:test';
import assert from 'node:assert/strict';
import { allowed, asNow, notYet }
    from '../../../src/assets/console-edits.js';
import { eventKey } from '../../../src/assets/talk.js';
import { newOutgoing } from '../../../src/assets/outgoing.js';

const dana = { kind: 'agent', id: 'a1', name: 'Dana' };
const ann = { kind: 'visitor', id: 'v1', name: 'Ann' };
const AT = '2026-01-01T00:00:00.000Z';
const NOW = Date.parse(AT);


function message(seq, sender, more = {}) {
    return { type: 'message', seq, sender, text: `m${seq}`,
             client_msg_id: `c${seq}`, created_at: AT, ...more };
}


function state(role, id = dana.id) {
    return { agent: { id, name: 'Dana', email: 'd@a.test', role } };
}


test('a message says what it was changed to, under another name', () => {
    const had = [message(1, ann), message(2, dana), message(3, dana)];
    const events = [
        ...had,
        { type: 'edit', seq: 4, sender: dana, to: 2, text: 'once',
          created_at: '2026-01-01T00:01:00.000Z' },
        { type: 'edit', seq: 5, sender: dana, to: 2, text: 'twice',
          created_at: '2026-01-01T00:02:00.000Z' },
        { type: 'redaction', seq: 6, sender: dana, to: 3, created_at: AT },
    ];
    const now = asNow(events, dana);

    assert.deepEqual(now.map(({ text }) => text),
                     ['m1', 'twice', '', 'once', 'twice', undefined]);
    assert.deepEqual(now.slice(0, 3).map(({ attachments }) =>
        attachments.map(({ own, edited, redacted }) =>
            [own, edited, redacted])),
        [[[false, false, false]], [[true, true, false]],
         [[true, false, true]]]);

    /* What was not changed is the line that it was. */
    assert.equal(eventKey(now[0]), eventKey(had[0]));
    assert.notEqual(eventKey(now[1]), eventKey(had[1]));
    assert.notEqual(eventKey(now[2]), eventKey(had[2]));

    /* The record itself is as it was. */
    assert.equal(had[1].text, 'm2');
    assert.equal(had[1].attachments, undefined);
});


test('one that was read as it is now needs no event', () => {
    const file = { id: 'f' };
    const [edited, gone, plain] = asNow([
        message(1, ann, { edited_at: AT }),
        message(2, ann, { redacted: true, text: null, attachments: [file] }),
        message(3, ann, { attachments: [file] })], dana);

    assert.equal(edited.attachments[0].edited, true);
    assert.deepEqual([gone.text, gone.attachments.length], ['', 1]);
    assert.equal(plain.attachments[0], file);

    /* The text of a change goes with the message. */
    assert.equal(asNow([message(1, ann),
        { type: 'edit', seq: 2, sender: ann, to: 1, text: null }], dana)[0]
        .attachments[0].redacted, true);
});


test('what is on its way has the place of what it becomes', () => {
    const item = newOutgoing('c7', 't', 'hi', 'public', AT);
    const [one] = notYet([item], [], dana);
    const [event] = asNow([message(7, dana)], dana);

    assert.equal(one.attachments[0].of, event.attachments[0].of);
    assert.deepEqual(notYet([item], [message(7, dana)], dana), []);
    assert.equal(item.attachments, undefined);
});


test('who may change, take back and read what', () => {
    const events = [message(1, ann), message(2, dana),
                    message(3, dana, { card: { type: 'rating' } }),
                    message(4, dana, { redacted: true }),
                    message(5, dana, { edited_at: AT })];
    const may = (role, seq, later = 0) => {
        const { edit, redact, history } = allowed(
            events[seq - 1], events, state(role), NOW + later);

        return `${edit ? 'e' : ''}${redact ? 'r' : ''}${history ? 'h' : ''}`;
    };
    const LATE = 15 * 60 * 1000;

    assert.deepEqual([1, 2, 3, 4, 5].map((seq) => may('agent', seq)),
                     ['', 'er', 'r', '', 'er']);
    assert.deepEqual([1, 2, 3, 4, 5].map((seq) => may('admin', seq)),
                     ['r', 'er', 'r', 'h', 'erh']);
    assert.deepEqual([2, 5].map((seq) => may('agent', seq, LATE)), ['', '']);
    assert.deepEqual([2, 5].map((seq) => may('supervisor', seq, LATE)),
                     ['r', 'rh']);
});
