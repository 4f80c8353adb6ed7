/* Copyright (C) the ngx_http_chat_module authors */

import { acknowledged, changed, without } from './outgoing.js';
import { alone, earlierPage, known, lastPage, newTalk, nextPage,
         readMarks, readUpTo, same, unread, withSignal, withState }
    from './talk.js';

/*
 * What the widget knows, as a pure function of what happened.
 */

const BEGINNING = /^new:/;
const FOLLOWED = 3;


/**
 * @typedef {object} WidgetState
 * @property {'idle' | 'starting' | 'ready' | 'failed'} phase
 * @property {boolean} open
 * @property {boolean} visible whether the tab is
 * @property {Visitor | null} visitor
 * @property {'talk' | 'list'} view
 * @property {Summary[]} list the latest activity first
 * @property {string} lane the conversation that is shown, or the name of one
 *     that will begin with its first message
 * @property {Talk | null} talk its record
 * @property {Outgoing[]} outgoing of all conversations
 * @property {Line} line
 * @property {string | null} problem a problem code
 * @property {Session['upload']} [upload]
 * @property {Session['site']} [site]
 * @property {Session['availability']} [availability]
 */

/**
 * @typedef {{type: 'opened'} | {type: 'closed'}
 *     | {type: 'visible', visible: boolean}
 *     | {type: 'visitor', visitor: Visitor}
 *     | {type: 'starting'}
 *     | ({type: 'session', lane: string} & Session)
 *     | {type: 'ready'}
 *     | {type: 'failed', problem: string}
 *     | {type: 'view', view: 'talk' | 'list'}
 *     | {type: 'listed', conversations: Summary[]}
 *     | {type: 'lane', lane: string}
 *     | {type: 'loaded', id: string, page: Page, conversation: Summary
 *        & {read?: Record<string, number>}}
 *     | {type: 'page', id: string, page: Page}
 *     | {type: 'earlier', id: string, page: Page}
 *     | {type: 'state', id: string, state: LiveState}
 *     | {type: 'signal', id: string, signal: Signal}
 *     | {type: 'seen', id: string, seq: number}
 *     | {type: 'gone', id: string, lane: string}
 *     | {type: 'line', up: boolean, now: number}
 *     | {type: 'problem', problem: string | null}
 *     | {type: 'queued', item: Outgoing}
 *     | {type: 'outgoing', id: string, change: OutgoingChange}
 *     | {type: 'sent', item: Outgoing, ack: any}
 *     | {type: 'discarded', id: string}} WidgetEvent
 */


/** @type {WidgetState} */
export const INITIAL = {
    phase: 'idle',
    open: false,
    visible: true,
    visitor: null,
    view: 'talk',
    list: [],
    lane: '',
    talk: null,
    outgoing: [],
    line: { up: true, since: 0 },
    problem: null,
};


/**
 * @param {WidgetState} state
 * @param {WidgetEvent} event
 * @returns {WidgetState}
 */
export function reduce(state, event) {
    const { talk } = state;

    switch (event.type) {

    case 'opened':
    case 'closed':
        return { ...state, open: event.type === 'opened' };

    case 'visible':
    case 'visitor':
    case 'view':
    case 'problem':
        return { ...state,
                 [event.type]: /** @type {any} */ (event)[event.type] };

    case 'starting':
    case 'ready':
    case 'failed':
        return { ...state, phase: event.type,
                 problem: 'problem' in event ? event.problem : null };

    case 'session':
        return session(state, event);

    case 'listed':
        return { ...state, list: ordered(event.conversations) };

    case 'lane':
        return event.lane === state.lane ? { ...state, view: 'talk' }
               : { ...leave(state), view: 'talk', lane: event.lane };

    case 'loaded':
        return event.id !== state.lane ? state
               : { ...state, phase: 'ready',
                   list: listed(state.list, event.conversation),
                   talk: readMarks(lastPage(newTalk(event.id), event.page),
                                   event.conversation.read || {}) };

    case 'gone':
        return { ...state, list: state.list.filter((it) => it.id !== event.id),
                 ...(state.lane === event.id
                     ? { talk: null, lane: event.lane } : {}) };

    case 'line':
        return state.line.up === event.up ? state
               : { ...state, talk: talk && alone(talk),
                   line: { up: event.up, since: event.now } };

    case 'queued':
        return queued(state, event.item);

    case 'outgoing':
        return { ...state,
                 outgoing: changed(state.outgoing, event.id, event.change) };

    case 'discarded':
        return { ...state, outgoing: without(state.outgoing, event.id) };

    case 'sent':
        return sent(state, event.item, event.ack);

    case 'page':
        return { ...withTalk(state, event),
                 list: touched(state, event.id, event.page.events) };

    default:
        return withTalk(state, event);
    }
}


/**
 * @param {WidgetState} state
 * @param {Extract<WidgetEvent, {id: string}>} event
 * @returns {WidgetState}
 */
function withTalk(state, event) {
    const { talk } = state;

    return talk && talk.id === event.id
           ? { ...state, talk: reduceTalk(state, talk, event) } : state;
}


/**
 * @param {WidgetState} state
 * @param {Talk} talk
 * @param {WidgetEvent} event
 * @returns {Talk}
 */
function reduceTalk(state, talk, event) {
    switch (event.type) {

    case 'page':
        return nextPage(talk, event.page);

    case 'earlier':
        return earlierPage(talk, event.page);

    case 'state':
        return withState(talk, event.state);

    case 'signal':
        return withSignal(talk, event.signal);

    case 'seen':
        return readUpTo(talk, self(state), event.seq);

    default:
        return talk;
    }
}


/**
 * @param {WidgetState} state
 * @param {Session & {lane: string}} answer its lane is that of a conversation
 *     that has not begun
 * @returns {WidgetState}
 */
function session(state, { visitor, conversations, lane, upload, site,
                          availability })
{
    const known = state.visitor === null || state.visitor.id === visitor.id;
    const chosen = beginning(state) && state.list.length > 0
                   || state.outgoing.some((it) => it.lane === state.lane)
                   || conversations.some((it) => it.id === state.lane);
    const kept = known && chosen ? state.lane : '';

    return {
        ...state,
        visitor,
        upload,
        site,
        availability,
        list: ordered(conversations),
        talk: known ? state.talk : null,
        lane: kept || current(conversations)?.id
              || (known && beginning(state) && state.lane) || lane,
    };
}


/**
 * What lies in the other conversations is counted in the list.
 *
 * @param {WidgetState} state
 * @returns {WidgetState}
 */
function leave(state) {
    const { talk } = state;
    const list = state.list.map((it) => talk && it.id === talk.id
                   ? { ...it, unread: unread(talk, self(state)) } : it);

    return { ...state, list, talk: null, problem: null };
}


/**
 * A page that has nothing of its own yet joins what another tab begins.
 *
 * @param {WidgetState} state
 * @param {Outgoing} item
 * @returns {WidgetState}
 */
function queued(state, item) {
    if (state.outgoing.some((it) => it.id === item.id)) {
        return state;
    }

    const fresh = fits(state) && BEGINNING.test(item.lane);

    return { ...state, problem: null, lane: fresh ? item.lane : state.lane,
             outgoing: [...state.outgoing, item] };
}


/** @param {WidgetState} state */
function fits(state) {
    return beginning(state) && !state.list.length
           && !state.outgoing.some((it) => it.lane === state.lane);
}


/**
 * @param {WidgetState} state
 * @param {Outgoing} item
 * @param {any} ack
 * @returns {WidgetState}
 */
function sent(state, item, ack) {
    const id = ack.conversation;
    const events = item.to ? [] : [acknowledged(item, ack, self(state))];
    const shown = state.lane === item.lane || state.lane === id
                  || (fits(state) && item.lane !== id);
    const talk = state.talk && state.talk.id === id ? state.talk
                                                 : newTalk(id);
    const next = { ...state, list: begun(state, id, ack) };

    return {
        ...next,
        lane: shown ? id : state.lane,
        talk: shown ? known(talk, events) : state.talk,
        list: touched(next, id, events),
        outgoing: without(state.outgoing, item.id).map(
            (it) => it.lane === item.lane ? { ...it, lane: id } : it),
    };
}


/**
 * The list with a conversation that has just begun.
 *
 * @param {WidgetState} state
 * @param {string} id
 * @param {any} ack
 * @returns {Summary[]}
 */
function begun(state, id, ack) {
    return state.list.some((it) => it.id === id) ? state.list
           : [{ id, status: 'open', visitor: { id: self(state).id },
                assignee: null, last: null, unread: 0, version: 0,
                next: ack.next || '' }, ...state.list];
}


/**
 * The list after something has happened in a conversation.
 *
 * @param {WidgetState} state
 * @param {string} id
 * @param {ChatEvent[]} events
 * @returns {Summary[]}
 */
function touched(state, id, events) {
    const had = state.list.find((it) => it.id === id);

    if (!had || !events.length) {
        return state.list;
    }

    const now = events.reduce((it, event) => {
        const { last } = it;

        if (event.type === 'status' && event.status) {
            return { ...it, status: event.status };
        }

        /* What was changed, or taken back, and has no text any more. */
        if (last?.seq === event.to && /^(edit|reda)/.test(event.type)) {
            return { ...it, last: last && { ...last, text: event.text } };
        }

        return event.type !== 'message' || event.seq <= (last?.seq || 0)
               ? it
               : { ...it,
                   last: { seq: event.seq, sender: event.sender,
                           text: event.text,
                           created_at: event.created_at || '' },
                   unread: same(event.sender, self(state)) ? it.unread
                           : it.unread + 1 };
    }, had);

    return ordered(listed(state.list, now));
}


/**
 * @param {Summary[]} list
 * @param {Summary} summary
 */
function listed(list, summary) {
    return list.some((it) => it.id === summary.id)
           ? list.map((it) => it.id === summary.id ? { ...it, ...summary }
                                                   : it)
           : [summary, ...list];
}


/**
 * The visitor as the sender of messages.
 *
 * @param {WidgetState} state
 * @returns {Person}
 */
export function self(state) {
    return { kind: 'visitor', id: state.visitor?.id || '' };
}


/**
 * Whether the conversation that is shown has yet to begin.
 *
 * @param {WidgetState} state
 */
export function beginning(state) {
    return state.lane === '' || BEGINNING.test(state.lane);
}


/**
 * The messages that wait to be sent in the conversation that is shown.
 *
 * @param {WidgetState} state
 */
export function waiting(state) {
    return state.outgoing.filter((it) => it.lane === state.lane && !it.to);
}


/**
 * How many messages of others have not been read, in all conversations.
 *
 * @param {WidgetState} state
 */
export function unseen(state) {
    const { list, talk } = state;
    const here = talk ? unread(talk, self(state)) : 0;

    return list.reduce((sum, it) => it.id === talk?.id ? sum
                                    : sum + it.unread, here);
}


/**
 * The status of the conversation that is shown.
 *
 * @param {WidgetState} state
 */
export function status(state) {
    return state.list.find((it) => it.id === state.lane)?.status || 'open';
}


/**
 * The conversations to follow, the one that is shown first, while the panel
 * is open, or while somebody may look at the page.
 *
 * @param {WidgetState} state
 * @returns {{id: string, since: string}[]}
 */
export function followed(state) {
    const { talk, list } = state;

    if (state.phase !== 'ready' || !(state.open || state.visible)) {
        return [];
    }

    return [
        ...(talk ? [{ id: talk.id, since: talk.next }] : []),
        ...list.filter((it) => it.id !== talk?.id && it.status !== 'resolved'
                               && it.next)
               .map((it) => ({ id: it.id, since: it.next })),
    ].slice(0, FOLLOWED);
}


/**
 * The last message of somebody else.
 *
 * @param {WidgetState} state
 * @returns {{seq: number, sender: Person, text: string,
 *            conversation: string} | null}
 */
export function latest(state) {
    const { talk } = state;
    const event = talk && [...talk.events].reverse().find(
        (it) => it.type === 'message' && !same(it.sender, self(state)));

    return event ? { seq: event.seq, sender: event.sender,
                     text: event.text || '', conversation: talk.id } : null;
}


/**
 * The conversation to go on with: the latest that is not resolved, else the
 * latest.
 *
 * @param {Summary[]} conversations
 */
export function current(conversations) {
    const latest = ordered(conversations);

    return latest.find((it) => it.status !== 'resolved') || latest[0] || null;
}


/** @param {Summary[]} conversations */
function ordered(conversations) {
    return [...conversations].sort(
        (a, b) => (b.last?.created_at || '')
                  .localeCompare(a.last?.created_at || ''));
}

