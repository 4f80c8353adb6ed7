/*
 * Copyright (C) the ngx_http_chat_module authors
 */

import { test } from 'node:test';
import assert from 'node:assert/strict';
import * as talks from '../../../src/assets/talk.js';
import { unrecorded, newOutgoing }
    from '../../../src/assets/outgoing.js';

const EPOCH = '00112233aabbccdd';
const anna = { kind: 'visitor', id: 'v1' };
const dana = { kind: 'agent', id: 'a1' };


function message(seq, sender, more = {}) {
    return { type: 'message', seq, sender, text: `m${seq}`,
             client_msg_id: `c${seq}`, ...more };
}


function page(events, more = {}) {
    const last = events.length ? events[events.length - 1].seq : 0;

    return { events, next: `${EPOCH}.${last}`, complete: true, more: false,
             ...more };
}


function seqs(talk) {
    return talk.events.map((event) => event.seq);
}


test('pages are joined in order, without repeats', () => {
    let talk = talks.lastPage(talks.newTalk('t'), page(
        [message(5, anna), message(6, dana)], { more: true }));

    assert.equal(talk.earlier, true);

    talk = talks.nextPage(talk, page([message(6, dana), message(9, anna)]));
    assert.deepEqual(seqs(talk), [5, 6, 9]);
    assert.equal(talk.next, `${EPOCH}.9`);
    assert.equal(talk.earlier, true);

    talk = talks.earlierPage(talk, page([message(1, anna)]));
    assert.deepEqual(seqs(talk), [1, 5, 6, 9]);
    assert.equal(talk.next, `${EPOCH}.9`);
    assert.equal(talk.earlier, false);
});


test('an acknowledgement does not move the cursor', () => {
    let talk = talks.lastPage(talks.newTalk('t'), page([message(1, anna)]));

    talk = talks.known(talk, [message(3, anna)]);
    assert.equal(talk.next, `${EPOCH}.1`);

    talk = talks.nextPage(talk, page([message(2, dana), message(3, anna)]));
    assert.deepEqual(seqs(talk), [1, 2, 3]);
});


test('an answer that is not complete replaces what is known', () => {
    let talk = talks.lastPage(talks.newTalk('t'), page(
        [message(1, anna), message(2, dana)]));

    talk = talks.nextPage(talk, page([message(4, anna)], {
        complete: false, reason: 'epoch', next: 'ffeeffeeffeeffee.4' }));
    assert.deepEqual(seqs(talk), [4]);
    assert.equal(talk.next, 'ffeeffeeffeeffee.4');
    assert.equal(talk.earlier, true);
});


/* What is done with a message. */
function change(type, seq, to, more = {}) {
    return { type, seq, to, sender: dana, created_at: `at ${seq}`, ...more };
}


const edit = (seq, to, text) => change('edit', seq, to, { text });
const redaction = (seq, to) => change('redaction', seq, to);

const said = (talk) => talk.events.filter(({ type }) => type === 'message')
                                  .map(({ text }) => text);


test('a message says what it was changed to last', () => {
    const had = message(2, dana);
    let talk = talks.lastPage(talks.newTalk('t'),
                              page([message(1, anna), had]));

    talk = talks.nextPage(talk, page([edit(3, 2, 'once'), edit(4, 2, 'twice'),
                                      edit(5, 1, 'mine')]));
    assert.deepEqual(said(talk), ['mine', 'twice']);
    assert.equal(talk.events[1].edited_at, 'at 4');
    assert.equal(talk.next, `${EPOCH}.5`);
    assert.equal(had.text, 'm2');

    /* The same page once more, and the message as another tab had it. */
    talk = talks.nextPage(talk, page([edit(3, 2, 'once'), edit(4, 2, 'twice')]));
    talk = talks.known(talk, [message(2, dana)]);
    assert.deepEqual(said(talk), ['mine', 'twice']);

    /* An answer that is older than what was told of meanwhile. */
    talk = talks.earlierPage(talk, page([message(1, anna)]));
    assert.deepEqual(said(talk), ['mine', 'twice']);
});


test('nothing is left of a message that was taken back', () => {
    const secret = message(2, dana, { text: 'zebra', card: { type: 'links' },
                                      attachments: [{ name: 'zebra.txt' }] });
    const gone = (talk) => {
        const event = talk.events.find(({ seq }) => seq === 2);

        assert.equal(event.redacted, true);
        assert.ok(!JSON.stringify(talk).includes('zebra'));
        assert.equal(talks.eventKey(event), 'agent:a1/c2');
    };
    let talk = talks.lastPage(talks.newTalk('t'),
                              page([message(1, anna), secret]));

    talk = talks.nextPage(talk, page([edit(3, 2, 'a zebra')]));
    talk = talks.nextPage(talk, page([message(4, anna), redaction(5, 2)]));
    gone(talk);
    assert.deepEqual(said(talk), ['m1', undefined, 'm4']);

    /* Whatever comes late. */
    gone(talks.known(talk, [secret]));
    gone(talks.earlierPage(talk, page([secret])));
    gone(talks.nextPage(talk, page([edit(3, 2, 'a zebra')])));

    /* Of a change that is read later the text is gone as well. */
    gone(talks.nextPage(talks.lastPage(talks.newTalk('t'), page([secret])),
                        page([change('edit', 3, 2)])));

    /* What was taken back lies above what is read. */
    gone(talks.earlierPage(talks.lastPage(talks.newTalk('t'),
        page([redaction(5, 2)], { more: true })), page([secret])));

    /* An answer to a card is no change of it, and goes with it. */
    talk = talks.nextPage(talks.lastPage(talks.newTalk('t'), page([secret])),
                          page([change('response', 3, 2, {
                              text: 'a zebra', response: { rating: 5 } })]));
    assert.deepEqual(said(talk), ['zebra']);
    talk = talks.nextPage(talk, page([redaction(4, 2)]));
    gone(talk);
    assert.equal(talk.events[1].response, undefined);
});


test('unread is what others wrote above the mark', () => {
    let talk = talks.lastPage(talks.newTalk('t'), page(
        [message(1, dana), message(2, anna), message(3, dana),
         { type: 'status', seq: 4, sender: dana, status: 'resolved' }]));

    assert.equal(talks.unread(talk, anna), 2);
    talk = talks.readUpTo(talk, anna, 1);
    assert.equal(talks.unread(talk, anna), 1);
    talk = talks.readMarks(talk, { 'visitor:v1': 3, 'agent:a1': 2 });
    assert.equal(talks.unread(talk, anna), 0);
    assert.equal(talks.readBy(talk, 'agent'), 2);
    talk = talks.readMarks(talk, { 'visitor:v1': 1 });
    assert.equal(talks.unread(talk, anna), 0, 'marks only go up');
});


test('an id repeated by somebody else names another line', () => {
    const one = message(1, dana, { client_msg_id: 'x' });
    const other = message(2, anna, { client_msg_id: 'x' });

    assert.notEqual(talks.eventKey(one), talks.eventKey(other));
    assert.equal(talks.eventKey(one), talks.messageKey(dana, 'x'));
});


test('what the record holds is not shown as outgoing', () => {
    const mine = newOutgoing('x', 'lane', 'hi', 'public', '');

    assert.deepEqual(unrecorded([mine], [
        message(1, dana, { client_msg_id: 'x' })], anna), [mine]);
    assert.deepEqual(unrecorded([mine], [
        message(1, anna, { client_msg_id: 'x' })], anna), []);
});
