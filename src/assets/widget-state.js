/* Copyright (C) the ngx_http_chat_module authors */

import { acknowledged, changed, without } from './outgoing.js';
import { alone, earlierPage, known, lastPage, newTalk, nextPage, readMarks,
         readUpTo, withSignal, withState } from './talk.js';

/*
 * What the widget knows, as a pure function of what happened.
 */


/**
 * @typedef {object} WidgetState
 * @property {'idle' | 'starting' | 'ready' | 'failed'} phase
 * @property {boolean} open
 * @property {boolean} visible whether the tab is
 * @property {Visitor | null} visitor
 * @property {Talk | null} talk
 * @property {Outgoing[]} outgoing
 * @property {Line} line
 * @property {string | null} problem a problem code
 */

/**
 * @typedef {{type: 'opened'} | {type: 'closed'}
 *     | {type: 'visible', visible: boolean}
 *     | {type: 'starting'}
 *     | {type: 'session', visitor: Visitor}
 *     | {type: 'ready'}
 *     | {type: 'failed', problem: string}
 *     | {type: 'loaded', id: string, page: Page,
 *        read: Record<string, number>}
 *     | {type: 'page', page: Page}
 *     | {type: 'earlier', page: Page}
 *     | {type: 'state', state: LiveState}
 *     | {type: 'signal', signal: Signal}
 *     | {type: 'seen', seq: number}
 *     | {type: 'gone'}
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
        return { ...state, visible: event.visible };

    case 'starting':
        return { ...state, phase: 'starting', problem: null };

    case 'session':
        return { ...state, visitor: event.visitor,
                 talk: state.visitor?.id === event.visitor.id ? talk : null };

    case 'ready':
        return { ...state, phase: 'ready' };

    case 'failed':
        return { ...state, phase: 'failed', problem: event.problem };

    case 'loaded':
        return { ...state, phase: 'ready',
                 talk: readMarks(lastPage(newTalk(event.id), event.page),
                                 event.read) };

    case 'gone':
        return { ...state, talk: null };

    case 'line':
        return state.line.up === event.up ? state
               : { ...state, talk: talk && alone(talk),
                   line: { up: event.up, since: event.now } };

    case 'problem':
        return { ...state, problem: event.problem };

    case 'queued':
        return { ...state, problem: null,
                 outgoing: [...state.outgoing, event.item] };

    case 'outgoing':
        return { ...state,
                 outgoing: changed(state.outgoing, event.id, event.change) };

    case 'discarded':
        return { ...state, outgoing: without(state.outgoing, event.id) };

    case 'sent':
        return sent(state, event.item, event.ack);

    default:
        return talk ? { ...state, talk: reduceTalk(state, talk, event) }
                    : state;
    }
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
 * @param {Outgoing} item
 * @param {any} ack
 * @returns {WidgetState}
 */
function sent(state, item, ack) {
    const talk = state.talk && state.talk.id === ack.conversation
                 ? state.talk : newTalk(ack.conversation);

    return {
        ...state,
        talk: known(talk, [acknowledged(item, ack, self(state))]),
        outgoing: without(state.outgoing, item.id),
    };
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
 * Whether live delivery is wanted: while the panel is open, or while there
 * is a conversation and somebody may look at the page.
 *
 * @param {WidgetState} state
 */
export function wantsLine(state) {
    return state.phase === 'ready' && state.talk !== null
           && (state.open || state.visible);
}


/**
 * The conversation to go on with: the latest that is not resolved, else the
 * latest.
 *
 * @param {Summary[]} conversations
 */
export function current(conversations) {
    const latest = [...conversations].sort(
        (a, b) => (b.last?.created_at || '')
                  .localeCompare(a.last?.created_at || ''));

    return latest.find((it) => it.status !== 'resolved') || latest[0] || null;
}
