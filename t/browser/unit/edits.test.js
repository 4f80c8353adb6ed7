/*
 * Copyright (C) the ngx_http_chat_module authors
 */

import { test } from 'node:test';
import assert from 'node:assert/strict';
import { allowed, notYet, withTools }
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


test('each message has its tools beside its files', () => {
    const file = { id: 'f' };
    const had = [message(1, ann, { attachments: [file] }), message(2, dana),
                 message(3, dana, { redacted: true, text: undefined }),
                 { type: 'status', seq: 4, sender: dana }];
    const all = withTools(had, dana);

    assert.equal(all[0].attachments[0], file);
    assert.deepEqual(all.slice(0, 3).map(({ attachments }) => {
        const { of, ...tools } = attachments.at(-1);

        return [of, tools];
    }), [['visitor:v1/c1', { own: false, redacted: false }],
         ['agent:a1/c2', { own: true, redacted: false }],
         ['agent:a1/c3', { own: true, redacted: true }]]);
    assert.equal(all[3], had[3]);
    assert.deepEqual(all.map(eventKey), had.map(eventKey));

    /* The record itself is as it was. */
    assert.equal(had[1].attachments, undefined);
});


test('what is on its way has the place of what it becomes', () => {
    const item = newOutgoing('c7', 't', 'hi', 'public', AT);
    const [one] = notYet([item], [], dana);
    const [event] = withTools([message(7, dana)], dana);

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
            events[seq - 1], state(role), NOW + later);

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
