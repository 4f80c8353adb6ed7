/* Copyright (C) the ngx_http_chat_module authors */

/*
 * What a member does with a conversation, as calls of the HTTP API.
 */


/**
 * A conversation as it is now, and the last page of its record.
 *
 * @param {Api} api
 * @param {string} id
 * @returns {Promise<{conversation: any, page: Page}>}
 */
export async function load(api, id) {
    const [conversation, page] = await Promise.all([
        api.call('GET', path(id)),
        api.call('GET', `${path(id)}/events`),
    ]);

    return { conversation, page };
}


/**
 * @param {Api} api
 * @param {{id: string, events: ChatEvent[]}} talk
 * @returns {Promise<Page>}
 */
export function earlier(api, talk) {
    return api.call('GET', `${path(talk.id)}/events`,
                    { query: { before: talk.events[0]?.seq } });
}


/**
 * What came after a cursor; without one, the last page.
 *
 * @param {Api} api
 * @param {string} id
 * @param {string} [since]
 * @returns {Promise<Page>}
 */
export function later(api, id, since) {
    return api.call('GET', `${path(id)}/events`, {
        query: { since: since || null, limit: 200 } });
}


/**
 * @param {Api} api
 * @param {Outgoing} item its text begins the conversation
 */
export async function begin(api, item) {
    const ack = await api.call('POST', 'conversations', {
        body: message(item),
    });

    return { conversation: ack.id, seq: ack.seq, next: ack.next,
             created_at: ack.created_at };
}


/**
 * @param {Api} api
 * @param {string} id
 * @param {Outgoing} item
 */
export async function send(api, id, item) {
    const ack = await api.call(
        'POST', `${path(id)}/${item.to ? 'responses' : 'messages'}`,
        { body: message(item) });

    return { conversation: id, ...ack };
}


/**
 * A message as a call and as a frame carry it.
 *
 * @param {Outgoing} item
 */
export function message(item) {
    return {
        client_msg_id: item.id,
        text: item.to ? undefined : item.text,
        seq: item.to,
        response: item.response,
        attachments: item.attachments?.map((it) => it.id),
        visibility: item.visibility === 'internal' ? 'internal' : undefined,
        expected_seq: item.expected_seq,
    };
}


/**
 * What may be lost: the next read mark covers it, typing ends by itself.
 *
 * @param {Api} api
 * @param {string} id
 * @param {'read' | 'typing'} type
 * @param {object} body
 */
export function tell(api, id, type, body) {
    api.call('POST', `${path(id)}/${type}`, { body }).catch(() => null);
}


/**
 * @param {Api} api
 * @param {string} id
 * @param {object} change
 * @returns {Promise<Summary>}
 */
export function change(api, id, change) {
    return api.call('PATCH', path(id), { body: change });
}


/** @param {string} id */
function path(id) {
    return `conversations/${encodeURIComponent(id)}`;
}
