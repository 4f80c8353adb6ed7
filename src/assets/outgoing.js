/* Copyright (C) the ngx_http_chat_module authors */

import { same } from './talk.js';

/*
 * What is written but not yet in the record: pure functions over the list
 * that the page shows below the log.
 */


/**
 * @param {string} id
 * @param {string} lane
 * @param {string} text
 * @param {Outgoing['visibility']} visibility
 * @param {string} now
 * @returns {Outgoing}
 */
export function newOutgoing(id, lane, text, visibility, now) {
    return { id, lane, text, visibility, state: 'queued', reason: null,
             created_at: now };
}


/**
 * @param {Outgoing[]} list
 * @param {string} id
 * @param {OutgoingChange} change
 */
export function changed(list, id, change) {
    return list.map((item) => item.id === id ? { ...item, ...change } : item);
}


/**
 * @param {Outgoing[]} list
 * @param {string} id
 */
export function without(list, id) {
    return list.filter((item) => item.id !== id);
}


/**
 * The event that an acknowledgement stands for.
 *
 * @param {Outgoing} item
 * @param {{seq: number, id?: string, created_at?: string}} ack
 * @param {Person} sender
 * @returns {ChatEvent}
 */
export function acknowledged(item, ack, sender) {
    return { type: 'message', seq: ack.seq, id: ack.id,
             client_msg_id: item.id, sender, visibility: item.visibility,
             text: item.text, created_at: ack.created_at || item.created_at,
             ...item.attachments && { attachments: item.attachments } };
}


/**
 * The items that the record does not hold yet.
 *
 * @param {Outgoing[]} list
 * @param {ChatEvent[]} events
 * @param {Person} sender
 */
export function unrecorded(list, events, sender) {
    const ids = new Set(events.filter((event) => same(event.sender, sender))
                              .map((event) => event.client_msg_id));

    return list.filter((item) => !ids.has(item.id));
}
