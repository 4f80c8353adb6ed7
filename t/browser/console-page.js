/*
 * Copyright (C) the ngx_http_chat_module authors
 */

/*
 * What the tests of the console do: agents who are signed in, visitors who
 * write, both by the API where it is not what is tested.
 */

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { noSockets, open, site } from './browser.js';

export const consolePage = `${site.prefix}console/`;
export const WITHIN = 30000;

const agents = JSON.parse(process.env.CHAT_AGENTS || '{}');


/* Calls the API as the holder of a token. */
export async function call(token, method, path, body) {
    const answer = await fetch(`${site.prefix}v1/${path}`, {
        method,
        headers: { ...token && { Authorization: `Bearer ${token}` },
                   ...body && { 'Content-Type': 'application/json' } },
        body: body && JSON.stringify(body),
    });
    const text = await answer.text();

    assert.ok(answer.ok, `${method} ${path}: ${answer.status} ${text}`);

    return text === '' ? null : JSON.parse(text);
}


/* Calls the API as an agent. */
export function as(who, method, path, body) {
    return call(agents[who], method, path, body);
}


/* A visitor who has written, and can write more. */
export async function visitor(text, about) {
    const { token } = await call(null, 'POST', 'session', {
        mode: 'bearer', locale: 'he', page: 'https://shop.test/lamps' });

    if (about) {
        await call(token, 'PATCH', 'session', about);
    }

    const { id } = await call(token, 'POST', 'conversations', {
        client_msg_id: randomUUID(), text });

    return {
        id, token,
        say: (more) => call(token, 'POST', `conversations/${id}/messages`, {
            client_msg_id: randomUUID(), text: more }),
    };
}


export function reply(who, id, text) {
    return as(who, 'POST', `conversations/${id}/messages`, {
        client_msg_id: randomUUID(), text });
}


/* The messages of a conversation, as an agent sees them. */
export async function said(id) {
    const { events } = await as('ada', 'GET', `conversations/${id}/events`);

    return events.filter(({ type }) => type === 'message')
                 .map(({ text }) => text);
}


/* A browser in which an agent is signed in, at a place of the console. */
export async function desk(browser, who, hash = '', options = {},
                           prepare = async () => {})
{
    const one = await open(browser, 'about:blank', options);

    await one.context.addCookies([{
        name: `chat-agent-${process.env.CHAT_SITE}`, value: agents[who],
        url: site.page }]);
    await prepare(one.page);
    await one.page.goto(consolePage + hash);
    await one.page.locator('.desk').waitFor();

    return one;
}


export async function leave(...those) {
    for (const { context } of those) {
        await context.close();
    }
}


/*
 * A place where only polls get through; while it is cut off their answers
 * do not.
 */
export async function cutOff(page, cut) {
    await noSockets(page);
    await page.route(/\/v1\/stream/, async (route) => {
        const { accept } = route.request().headers();
        const response = accept === 'text/event-stream' || cut() ? null
            : await route.fetch({ timeout: 0 }).catch(() => null);

        await (response && !cut() ? route.fulfill({ response })
                                  : route.abort()).catch(() => null);
    });
}


/* The WebSockets of a page that are open. */
const sockets = new WeakMap();

export function watchLines(page) {
    sockets.set(page, new Set());
    page.on('websocket', (socket) => {
        sockets.get(page).add(socket);
        socket.on('close', () => sockets.get(page).delete(socket));
    });
}


export function lines(page) {
    return sockets.get(page).size;
}


/* Until something is so. */
export async function until(holds) {
    const end = Date.now() + WITHIN;

    while (!await holds()) {
        assert.ok(Date.now() < end, String(holds));
        await new Promise((resolve) => {
            setTimeout(resolve, 50);
        });
    }
}
