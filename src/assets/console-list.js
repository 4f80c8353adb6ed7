/* Copyright (C) the ngx_http_chat_module authors */

/*
 * The list of conversations: what belongs to a view, and in which order.
 */

/** @typedef {import('./console-route.js').View} View */
/** @typedef {'newest' | 'waiting' | 'priority'} Order */


/** @type {Order[]} */
export const ORDERS = ['newest', 'waiting', 'priority'];

const RANK = ['open', 'pending', 'snoozed', 'resolved'];

/** @type {Record<string, number>} */
const URGENCY = { urgent: 0, high: 1, low: 3 };

/** @type {WeakMap<object, {order: Order, items: Summary[]}>} */
const sorted = new WeakMap();


/**
 * The order of a view where none was chosen: who is to be answered first,
 * where somebody looks for that.
 *
 * @param {View} view
 * @returns {Order}
 */
export function usual({ name }) {
    return name === 'mine' || name === 'none' ? 'waiting' : 'newest';
}


/**
 * The arguments of the call that lists a view.
 *
 * @param {View} view
 * @param {Order} order
 * @returns {Record<string, string | null>}
 */
export function queryOf(view, order) {
    const query = { order: order === 'newest' ? null : order };

    switch (view.name) {

    case 'mine':
        return { ...query, assignee: 'me' };

    case 'none':
        return { ...query, assignee: 'none', status: 'open' };

    case 'status':
    case 'team':
    case 'label':
        return { ...query, [view.name]: view.value };

    case 'search':
        return { ...query, q: view.value };

    default:
        return query;
    }
}


/**
 * Whether a conversation belongs to a view.  What a search has found, only
 * the server knows: it stays.
 *
 * @param {View} view
 * @param {Summary} item
 * @param {string} me
 * @param {boolean} had whether it is in the list
 */
export function belongs(view, item, me, had) {
    switch (view.name) {

    case 'mine':
        return item.assignee?.id === me;

    case 'none':
        return item.assignee === null && item.status === 'open';

    case 'status':
        return item.status === view.value;

    case 'team':
        return view.value === 'none' ? !item.team
                                     : item.team?.id === view.value;

    case 'label':
        return (item.labels || []).includes(view.value);

    case 'search':
        return had;

    /* What is read stays until another view is looked at. */
    case 'mentions':
        return had || (item.mentions || 0) > 0;

    default:
        return true;
    }
}


/**
 * Whether a visitor waits there for this agent, or for anybody, and the agent
 * has not seen it.
 *
 * @param {Summary} item
 * @param {string} me
 */
export function asks({ unread, waiting_since: since, status, assignee }, me) {
    return unread > 0 && Boolean(since) && status !== 'resolved'
           && (!assignee || assignee.id === me);
}


/**
 * @param {Record<string, Summary>} list
 * @param {Summary[]} conversations
 */
export function merged(list, conversations) {
    const all = { ...list };

    for (const conversation of conversations) {
        all[conversation.id] = later(all[conversation.id], conversation);
    }

    return all;
}


/**
 * The newer of two summaries; unread counts have no version, so the one that
 * came last wins where nothing else differs.
 *
 * @param {Summary | null | undefined} have
 * @param {Summary} come
 * @returns {Summary}
 */
export function later(have, come) {
    if (!have || have.id !== come.id) {
        return come;
    }

    const age = come.version - have.version
                || (come.last?.seq || 0) - (have.last?.seq || 0);

    /* A summary does not tell all that is known of the visitor. */
    return age < 0 ? have
           : { ...have, ...come,
               visitor: { ...have.visitor, ...come.visitor } };
}


/**
 * Open ones first, then by the order; it is worked out once for each list.
 *
 * @param {Record<string, Summary>} list
 * @param {Order} [order]
 * @returns {Summary[]}
 */
export function ordered(list, order = 'newest') {
    const had = sorted.get(list);

    if (had?.order === order) {
        return had.items;
    }

    const items = Object.values(list).sort(
        (a, b) => compare(a, b, order)
                  || RANK.indexOf(a.status) - RANK.indexOf(b.status)
                  || descending(a.last?.created_at, b.last?.created_at)
                  || descending(a.id, b.id));

    sorted.set(list, { order, items });

    return items;
}


/**
 * @param {Summary} a
 * @param {Summary} b
 * @param {Order} order
 */
function compare(a, b, order) {
    switch (order) {

    case 'waiting':
        return Number(!a.waiting_since) - Number(!b.waiting_since)
               || descending(b.waiting_since, a.waiting_since);

    case 'priority':
        return (URGENCY[a.priority || ''] ?? 2)
               - (URGENCY[b.priority || ''] ?? 2);

    default:
        return 0;
    }
}


/**
 * @param {string | null | undefined} a
 * @param {string | null | undefined} b
 */
function descending(a, b) {
    const [one, other] = [a || '', b || ''];

    return one === other ? 0 : one < other ? 1 : -1;
}
