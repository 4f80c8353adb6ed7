/* Copyright (C) the ngx_http_chat_module authors */

import { ALL } from './console-route.js';
import { acknowledged, changed, without } from './outgoing.js';
import { asks, belongs, later, merged, usual } from './console-list.js';
import { alone, earlierPage, known, lastPage, newTalk, nextPage, readMarks,
         readUpTo, withSignal, withState } from './talk.js';

export { ordered } from './console-list.js';

/*
 * What the console knows, as a pure function of what happened.
 */


/**
 * @typedef {object} ConsoleState
 * @property {'starting' | 'signin' | 'in'} phase
 * @property {Agent | null} agent
 * @property {{busy: boolean, problem: string | null, factor: boolean}} signin
 *     factor: whether a code is asked for beside the password
 * @property {string} invitation the token of a set-up link, or ''
 * @property {import('./console-route.js').View} view
 * @property {import('./console-list.js').Order} order
 * @property {string} page a page of the settings, or ''
 * @property {Desk} desk who and what there is to choose from
 * @property {Record<string, Summary> | null} list null until it is loaded
 * @property {Mention[]} mentions of the agent, not read yet
 * @property {Map<string, Summary>} waiting the conversations, of any view, in which a
 *     visitor waits for this agent, or for anybody
 * @property {boolean} bad whether what is searched for makes no sense
 * @property {boolean} more whether there are conversations below the list
 * @property {string} selected a conversation id, or ''
 * @property {Summary | null} conversation the selected one
 * @property {Talk | null} talk its record
 * @property {Outgoing[]} outgoing of all conversations
 * @property {{inbox: Line, talk: Line}} lines
 * @property {string | null} problem a problem code
 * @property {string | null} won who has got what was to be assigned
 * @property {number} away since when nothing can be changed, in ms since
 *     1970, or 0
 */

/**
 * @typedef {{type: 'starting', up: boolean, now: number}
 *     | {type: 'signing'}
 *     | {type: 'refused', problem: string | null, factor?: boolean}
 *     | {type: 'signedin', agent: Agent}
 *     | {type: 'signedout', problem: string | null}
 *     | {type: 'invited', token: string}
 *     | {type: 'view', view: import('./console-route.js').View,
 *        order?: import('./console-list.js').Order}
 *     | {type: 'order', order: import('./console-list.js').Order}
 *     | {type: 'settings', page: string}
 *     | {type: 'desk', desk: Partial<Desk>}
 *     | {type: 'found', conversations: Summary[], more: boolean,
 *        fresh: boolean, bad?: boolean}
 *     | {type: 'mentions', mentions: Mention[]}
 *     | {type: 'waiting', conversations: Summary[], told: Set<string>}
 *     | {type: 'won', by: string}
 *     | {type: 'gone', id?: string, visitor?: string}
 *     | {type: 'away', now: number}
 *     | {type: 'inbox', page: InboxPage}
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

const UP = { up: true, since: 0 };

/** @type {ConsoleState} */
export const INITIAL = {
    phase: 'starting',
    agent: null,
    signin: { busy: false, problem: null, factor: false },
    invitation: '',
    view: ALL,
    order: 'newest',
    page: '',
    desk: { agents: [], teams: [], labels: [], canned: [] },
    list: null,
    mentions: [],
    waiting: new Map(),
    bad: false,
    more: false,
    selected: '',
    conversation: null,
    talk: null,
    outgoing: [],
    lines: { inbox: UP, talk: UP },
    problem: null,
    won: null,
    away: 0,
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

    case 'invited':
        return { ...state, invitation: event.token };

    case 'view':
        return { ...state, view: event.view, list: null, more: false,
                 bad: false, order: event.order || usual(event.view) };

    case 'order':
        return { ...state, order: event.order, list: null, more: false };

    case 'settings':
        return { ...state, page: event.page };

    case 'desk':
        return { ...state, desk: { ...state.desk, ...event.desk } };

    /* Of some has been told since they were asked for. */
    case 'waiting':
        return { ...state, waiting: waits(
            new Map([...state.waiting].filter(([id]) => event.told.has(id))),
            event.conversations.filter(({ id }) => !event.told.has(id)),
            state) };

    case 'inbox':
        return reduceInbox({ ...state, waiting: waits(
            state.waiting, event.page.conversations, state) }, event);

    case 'found':
        return reduceFound(state, event);

    case 'mentions':
        return { ...state, mentions: event.mentions };

    case 'won':
        return { ...state, won: event.by };

    case 'gone':
        return { ...state, waiting: new Map([...state.waiting].filter(
            ([id, { visitor }]) => id !== event.id
                                   && visitor.id !== event.visitor)),
                 list: state.list && Object.fromEntries(
            Object.entries(state.list).filter(([id, { visitor }]) =>
                id !== event.id && visitor.id !== event.visitor)) };

    case 'away':
        return (state.away > 0) === (event.now > 0) ? state
               : { ...state, away: event.now,
                   problem: state.problem === 'unavailable' ? null
                            : state.problem };

    case 'selected':
        return { ...state, selected: event.id, talk: null, problem: null,
                 won: null,
                 conversation: state.list?.[event.id] || null,
                 lines: { ...state.lines, talk: UP } };

    case 'line':
        return state.lines[event.of].up === event.up ? state
               : { ...state, lines: { ...state.lines, [event.of]:
                                      { up: event.up, since: event.now } },
                   talk: event.of === 'talk' && state.talk
                         ? alone(state.talk) : state.talk };

    case 'problem':
        return { ...state, problem: event.problem, won: null };

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
        return { ...state, signin: { ...state.signin, busy: true,
                                     problem: null } };

    case 'refused':
        return { ...state, signin: {
            busy: false, problem: event.problem,
            factor: event.factor ?? state.signin.factor } };

    case 'signedin':
        /* What another agent has left behind is not shown. */
        return {
            ...(state.agent?.id === event.agent.id
                ? state : afresh(state)),
            phase: 'in', agent: event.agent, list: null,
            signin: INITIAL.signin, lines: INITIAL.lines,
        };

    case 'signedout':
        return { ...(event.problem === null ? afresh(state) : state),
                 phase: 'signin',
                 signin: { ...INITIAL.signin, problem: event.problem } };

    default:
        return state;
    }
}


/**
 * Nothing but what the address says.
 *
 * @param {ConsoleState} state
 * @returns {ConsoleState}
 */
function afresh({ selected, view, order, page, invitation }) {
    return { ...INITIAL, selected, view, order, page, invitation };
}


/**
 * What has happened anywhere in the inbox.
 *
 * @param {ConsoleState} state
 * @param {Extract<ConsoleEvent, {type: 'inbox'}>} event
 * @returns {ConsoleState}
 */
function reduceInbox(state, event) {
    const { conversations } = event.page;
    /* Of one that was erased there is the id alone. */
    const mine = conversations.find((it) => it.id === state.selected
                                            && it.status);
    const had = state.list || {};
    const all = merged(had, conversations);
    const conversation = mine ? later(state.conversation, mine)
                              : state.conversation;

    /* A part of a list is none. */
    if (state.list === null) {
        return { ...state, conversation };
    }

    for (const { id, in: within } of conversations) {
        if (within === false
            || !belongs(state.view, all[id], state.agent?.id || '',
                        Object.hasOwn(had, id)))
        {
            delete all[id];
        }
    }

    return { ...state, list: all, conversation };
}


/**
 * Those that wait, as some conversations are now.
 *
 * @param {Map<string, Summary>} had
 * @param {Summary[]} conversations
 * @param {ConsoleState} state
 */
function waits(had, conversations, { agent }) {
    const waiting = new Map(had);

    for (const item of conversations) {
        waiting.delete(item.id);

        if (asks(item, agent?.id || '')) {
            waiting.set(item.id, item);
        }
    }

    return waiting;
}


/**
 * A page of the list; the first one begins it anew.
 *
 * @param {ConsoleState} state
 * @param {Extract<ConsoleEvent, {type: 'found'}>} event
 * @returns {ConsoleState}
 */
function reduceFound(state, { conversations, more, fresh, bad = false }) {
    const had = state.list || {};
    const come = fresh ? conversations.map((it) => later(had[it.id], it))
                       : conversations;

    return { ...state, more, bad, list: merged(fresh ? {} : had, come) };
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
                  ? known(talk, [{ ...acknowledged(event.item, event.ack,
                                                   self(state)),
                                   ...event.item.card && {
                                       card: event.item.card } }])
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
        return talk ? { ...state, talk: withState(talk, event.state),
                        conversation: placed(state.conversation,
                                             event.state.queue) }
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
 * @param {Summary | null} conversation
 * @param {Queue | null} [queue] its place, if that is told
 */
function placed(conversation, queue) {
    const had = conversation?.queue;

    return !conversation || queue === undefined
           || had?.position === queue?.position && had?.wait === queue?.wait
           ? conversation : { ...conversation, queue };
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
              ? { ...state.list, [talk.id]: { ...entry, unread: 0,
                                              mentions: 0 } }
              : state.list,
        mentions: state.mentions.filter((it) => it.conversation !== talk.id
                                                || it.seq > seq),
        waiting: (state.conversation?.last?.seq || 0) > seq ? state.waiting
                 : new Map([...state.waiting].filter(
                     ([id]) => id !== talk.id)),
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
 * When the connection was lost, in ms since 1970, or 0.
 *
 * @param {ConsoleState} state
 */
export function downSince(state) {
    const down = Object.values(state.lines).filter((line) => !line.up);

    return down.length ? Math.min(...down.map((line) => line.since)) : 0;
}
