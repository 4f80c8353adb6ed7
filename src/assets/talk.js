/* Copyright (C) the ngx_http_chat_module authors */

/*
 * The record of one conversation: pure functions from a talk to a talk.
 * seq has holes where events are internal; nothing is concluded from them.
 */

const CHANGE = /^(edit|redaction)$/;
const GONE = { text: undefined, attachments: undefined, card: undefined,
               response: undefined, redacted: true };


/**
 * @param {string} id
 * @returns {Talk}
 */
export function newTalk(id) {
    return { id, events: [], next: '', earlier: false, read: {},
             typing: [], here: [] };
}


/**
 * The last page, as read without a cursor: here "more" means earlier events.
 *
 * @param {Talk} talk
 * @param {Page} page
 * @returns {Talk}
 */
export function lastPage(talk, page) {
    return { ...talk, events: merge([], page.events), next: page.next,
             earlier: page.more };
}


/**
 * What came after the cursor.  A page that is not complete replaces all.
 *
 * @param {Talk} talk
 * @param {Page} page
 * @returns {Talk}
 */
export function nextPage(talk, page) {
    if (page.complete === false) {
        return { ...talk, events: merge([], page.events), next: page.next,
                 earlier: (page.events[0]?.seq ?? 2) > 1 };
    }

    return { ...talk, events: merge(talk.events, page.events),
             next: page.next,
             typing: talk.typing.filter((person) => !page.events.some(
                 (it) => it.type === 'message' && same(it.sender, person))) };
}


/**
 * @param {Talk} talk
 * @param {Page} page
 * @returns {Talk}
 */
export function earlierPage(talk, page) {
    return { ...talk, events: merge(talk.events, page.events),
             earlier: page.more };
}


/**
 * Events known from elsewhere, such as the acknowledgement of a message.
 * The cursor stays: what lies between is still to come.  What the record has
 * already may have been changed since.
 *
 * @param {Talk} talk
 * @param {ChatEvent[]} events
 * @returns {Talk}
 */
export function known(talk, events) {
    return { ...talk, events: merge(events, talk.events) };
}


/**
 * Read marks only go up.
 *
 * @param {Talk} talk
 * @param {Record<string, number>} marks
 * @returns {Talk}
 */
export function readMarks(talk, marks) {
    const read = { ...talk.read };

    for (const [id, seq] of Object.entries(marks)) {
        read[id] = Math.max(read[id] || 0, seq);
    }

    return { ...talk, read };
}


/**
 * @param {Talk} talk
 * @param {Person} reader
 * @param {number} seq
 */
export function readUpTo(talk, reader, seq) {
    return readMarks(talk, { [personKey(reader)]: seq });
}


/**
 * @param {Talk} talk
 * @param {LiveState} state
 * @returns {Talk}
 */
export function withState(talk, state) {
    return { ...readMarks(talk, state.read), typing: state.typing || [],
             here: (state.presence || []).filter((it) => it.online) };
}


/**
 * A change of the state: a read mark, typing or presence.
 *
 * @param {Talk} talk
 * @param {Signal} signal
 * @returns {Talk}
 */
export function withSignal(talk, signal) {
    switch (signal.type) {

    case 'read':
        return readUpTo(talk, signal.sender, signal.upto);

    case 'typing':
        return { ...talk, typing: toggled(talk.typing, signal.sender,
                                          signal.on) };

    case 'presence':
        return { ...talk, here: toggled(talk.here, signal.participant,
                                        signal.online) };

    default:
        return talk;
    }
}


/**
 * Nobody can be told of while the line is down.
 *
 * @param {Talk} talk
 * @returns {Talk}
 */
export function alone(talk) {
    return { ...talk, typing: [], here: [] };
}


/**
 * @param {Person[]} people
 * @param {Person} person
 * @param {boolean} on
 */
function toggled(people, person, on) {
    const others = people.filter((it) => !same(it, person));

    return on ? [...others, person] : others;
}


/**
 * @param {Talk} talk
 */
export function head(talk) {
    return talk.events.length ? talk.events[talk.events.length - 1].seq : 0;
}


/**
 * How many messages of others lie above a reader's mark.
 *
 * @param {Talk} talk
 * @param {Person} reader
 */
export function unread(talk, reader) {
    const upto = talk.read[personKey(reader)] || 0;

    return talk.events.filter((event) => event.type === 'message'
                                         && event.seq > upto
                                         && !same(event.sender, reader))
                      .length;
}


/**
 * The highest seq that anybody of a kind has read.
 *
 * @param {Talk} talk
 * @param {Person['kind']} kind
 */
export function readBy(talk, kind) {
    return Object.entries(talk.read)
                 .filter(([id]) => id.startsWith(`${kind}:`))
                 .reduce((most, [, seq]) => Math.max(most, seq), 0);
}


/**
 * @param {Person} one
 * @param {Person} other
 */
export function same(one, other) {
    return one.kind === other.kind && one.id === other.id;
}


/**
 * The name of a message on the page.  It holds the sender, since an id
 * chosen by one client may be repeated by another.
 *
 * @param {Person} sender
 * @param {string} clientMsgId
 */
export function messageKey(sender, clientMsgId) {
    return `${personKey(sender)}/${clientMsgId}`;
}


/**
 * @param {ChatEvent} event
 */
export function eventKey(event) {
    return event.type === 'message' && event.client_msg_id
           ? messageKey(event.sender, event.client_msg_id)
           : `#${event.seq}`;
}


/** @param {Person} person */
function personKey(person) {
    return `${person.kind}:${person.id}`;
}


/**
 * Each message says what it was changed to last.  Of one that was taken back
 * nothing is left, in the events of its changes and answers neither.
 *
 * @param {ChatEvent[]} have
 * @param {ChatEvent[]} come
 * @returns {ChatEvent[]}
 */
function merge(have, come) {
    const all = new Map([...have, ...come].map((it) => [it.seq, it]));
    const ordered = () => [...all.values()].sort((a, b) => a.seq - b.seq);

    for (const { type, to, text, created_at: at } of ordered()) {
        if (!CHANGE.test(type)) {
            continue;
        }

        all.forEach((it, seq) => {
            if (seq === to && text) {
                all.set(seq, { ...it, text, edited_at: at });
            } else if (!text && (seq === to || it.to === to)) {
                all.set(seq, { ...it, ...GONE });
            }
        });
    }

    return ordered();
}
