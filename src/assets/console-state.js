/* Copyright (C) the ngx_http_chat_module authors */

import { acknowledged, changed, without } from './outgoing.js';
import { alone, earlierPage, known, lastPage, newTalk, nextPage, readMarks,
         readUpTo, withSignal, withState } from './talk.js';

/*
 * What the console knows, as a pure function of what happened.
 */


/**
 * @typedef {object} ConsoleState
 * @property {'starting' | 'signin' | 'in'} phase
 * @property {Agent | null} agent
 * @property {{busy: boolean, problem: string | null}} signin
 * @property {string} view
 * @property {Record<string, Summary> | null} list null until it is loaded
 * @property {boolean} more whether there are conversations below the list
 * @property {string} selected a conversation id, or ''
 * @property {Summary | null} conversation the selected one
 * @property {Talk | null} talk its record
 * @property {Outgoing[]} outgoing of all conversations
 * @property {{inbox: Line, talk: Line}} lines
 * @property {string | null} problem a problem code
 */

/**
 * @typedef {{type: 'starting', up: boolean, now: number}
 *     | {type: 'signing'}
 *     | {type: 'refused', problem: string}
 *     | {type: 'signedin', agent: Agent}
 *     | {type: 'signedout', problem: string | null}
 *     | {type: 'view', view: string}
 *     | {type: 'inbox', page: InboxPage, first: boolean}
 *     | {type: 'below', conversations: Summary[], more: boolean}
 *     | {type: 'selected', id: string}
 *     | {type: 'loaded', id: string, conversation: Summary, page: Page,
 *        read: Record<string, number>}
 *     | {type: 'conversation', conversation: Summary}
 *     | {type: 'events', id: string, events: ChatEvent[]}
 *     | {type: 'page', page: Page}
 *     | {type: 'earlier', id: string, page: Page}
 *     | {type: 'state', state: LiveState}
 *     | {type: 'signal', signal: Signal}
 *     | {type: 'seen', seq: number}
 *     | {type: 'line', of: 'inbox' | 'talk', up: boolean, now: number}
 *     | {type: 'problem', problem: string | null}
 *     | {type: 'queued', item: Outgoing}
 *     | {type: 'outgoing', id: string, change: OutgoingChange}
 *     | {type: 'sent', item: Outgoing, ack: any}
 *     | {type: 'discarded', id: string}} ConsoleEvent
 */

/** The filters of each view of the inbox. */
/** @type {Record<string, Record<string, string>>} */
export const VIEWS = {
    all: {},
    open: { status: 'open' },
    mine: { assignee: 'me' },
    none: { assignee: 'none', status: 'open' },
    resolved: { status: 'resolved' },
};

const UP = { up: true, since: 0 };
const RANK = ['open', 'pending', 'snoozed', 'resolved'];

/** @type {ConsoleState} */
export const INITIAL = {
    phase: 'starting',
    agent: null,
    signin: { busy: false, problem: null },
    view: 'all',
    list: null,
    more: false,
    selected: '',
    conversation: null,
    talk: null,
    outgoing: [],
    lines: { inbox: UP, talk: UP },
    problem: null,
};


/**
 * @param {ConsoleState} state
 * @param {ConsoleEvent} event
 * @returns {ConsoleState}
 */
export function reduce(state, event) {
    switch (event.type) {

    case 'starting':
    case 'signing':
    case 'refused':
    case 'signedin':
    case 'signedout':
        return reduceSession(state, event);

    case 'view':
        return { ...state, view: event.view, list: null, more: false };

    case 'inbox':
        return reduceInbox(state, event);

    case 'below':
        return { ...state, more: event.more,
                 list: merged(state.list || {}, event.conversations) };

    case 'selected':
        return { ...state, selected: event.id, talk: null, problem: null,
                 conversation: state.list?.[event.id] || null,
                 lines: { ...state.lines, talk: UP } };

    case 'line':
        return state.lines[event.of].up === event.up ? state
               : { ...state, lines: { ...state.lines, [event.of]:
                                      { up: event.up, since: event.now } },
                   talk: event.of === 'talk' && state.talk
                         ? alone(state.talk) : state.talk };

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

    default:
        return reduceTalk(state, event);
    }
}


/**
 * @param {ConsoleState} state
 * @param {ConsoleEvent} event
 * @returns {ConsoleState}
 */
function reduceSession(state, event) {
    switch (event.type) {

    case 'starting':
        return { ...state, phase: 'starting',
                 lines: { ...state.lines,
                          inbox: { up: event.up, since: event.now } } };

    case 'signing':
        return { ...state, signin: { busy: true, problem: null } };

    case 'refused':
        return { ...state, signin: { busy: false, problem: event.problem } };

    case 'signedin':
        /* What another agent has left behind is not shown. */
        return {
            ...(state.agent?.id === event.agent.id
                ? state : { ...INITIAL, selected: state.selected }),
            phase: 'in', agent: event.agent, list: null,
            signin: INITIAL.signin, lines: INITIAL.lines,
        };

    case 'signedout':
        return { ...(event.problem === null ? INITIAL : state),
                 selected: state.selected, phase: 'signin',
                 signin: { busy: false, problem: event.problem } };

    default:
        return state;
    }
}


/**
 * @param {ConsoleState} state
 * @param {Extract<ConsoleEvent, {type: 'inbox'}>} event
 * @returns {ConsoleState}
 */
function reduceInbox(state, event) {
    const { conversations, more } = event.page;
    const list = merged(event.first ? {} : state.list || {}, conversations);
    const mine = conversations.find((it) => it.id === state.selected);

    for (const conversation of conversations) {
        if (conversation.in === false) {
            delete list[conversation.id];
        }
    }

    return {
        ...state, list,
        more: event.first ? more : state.more,
        conversation: mine ? later(state.conversation, mine)
                           : state.conversation,
    };
}


/**
 * @param {ConsoleState} state
 * @param {ConsoleEvent} event
 * @returns {ConsoleState}
 */
function reduceTalk(state, event) {
    const { talk } = state;

    switch (event.type) {

    case 'conversation':
        return withConversation(state, event.conversation);

    case 'loaded':
        return event.id !== state.selected ? state : {
            ...withConversation(state, event.conversation),
            problem: null,
            talk: readMarks(lastPage(newTalk(event.id), event.page),
                            event.read),
        };

    case 'sent':
        return {
            ...state,
            outgoing: without(state.outgoing, event.item.id),
            talk: talk && talk.id === event.ack.conversation
                  ? known(talk, [acknowledged(event.item, event.ack,
                                              self(state))])
                  : talk,
        };

    case 'events':
        return talk?.id === event.id
               ? { ...state, talk: known(talk, event.events) } : state;

    case 'earlier':
        return talk?.id === event.id
               ? { ...state, talk: earlierPage(talk, event.page) } : state;

    case 'page':
        return talk ? { ...state, talk: nextPage(talk, event.page) } : state;

    case 'state':
        return talk ? { ...state, talk: withState(talk, event.state) }
                    : state;

    case 'signal':
        return talk ? { ...state, talk: withSignal(talk, event.signal) }
                    : state;

    case 'seen':
        return talk ? seen(state, talk, event.seq) : state;

    default:
        return state;
    }
}


/**
 * The agent has read up to here: the list need not wait to hear of it.
 *
 * @param {ConsoleState} state
 * @param {Talk} talk
 * @param {number} seq
 * @returns {ConsoleState}
 */
function seen(state, talk, seq) {
    const entry = state.list?.[talk.id];

    return {
        ...state,
        talk: readUpTo(talk, self(state), seq),
        list: entry && (entry.last?.seq || 0) <= seq
              ? { ...state.list, [talk.id]: { ...entry, unread: 0 } }
              : state.list,
    };
}


/**
 * @param {ConsoleState} state
 * @param {Summary} conversation
 * @returns {ConsoleState}
 */
function withConversation(state, conversation) {
    const { id } = conversation;

    return {
        ...state,
        conversation: id === state.selected
                      ? later(state.conversation, conversation)
                      : state.conversation,
        list: state.list?.[id]
              ? { ...state.list, [id]: later(state.list[id], conversation) }
              : state.list,
    };
}


/**
 * @param {Record<string, Summary>} list
 * @param {Summary[]} conversations
 */
function merged(list, conversations) {
    const all = { ...list };

    for (const conversation of conversations) {
        all[conversation.id] = later(all[conversation.id] || null,
                                     conversation);
    }

    return all;
}


/**
 * Of two summaries the one with the higher version, then the higher seq.
 *
 * @param {Summary | null} have
 * @param {Summary} come
 */
function later(have, come) {
    if (have === null || have.id !== come.id) {
        return come;
    }

    const age = come.version - have.version
                || (come.last?.seq || 0) - (have.last?.seq || 0);

    return age < 0 ? have : { ...have, ...come };
}


/**
 * The agent as the sender of messages.
 *
 * @param {ConsoleState} state
 * @returns {Person}
 */
export function self(state) {
    return { kind: 'agent', id: state.agent?.id || '',
             name: state.agent?.name };
}


/**
 * Open ones first, then by the last message.
 *
 * @param {Record<string, Summary>} list
 */
export function ordered(list) {
    return Object.values(list).sort(
        (a, b) => RANK.indexOf(a.status) - RANK.indexOf(b.status)
                  || (b.last?.created_at || '')
                     .localeCompare(a.last?.created_at || ''));
}


/**
 * When the connection was lost, in ms since 1970, or 0.
 *
 * @param {ConsoleState} state
 */
export function downSince(state) {
    const down = Object.values(state.lines).filter((line) => !line.up);

    return down.length ? Math.min(...down.map((line) => line.since)) : 0;
}
