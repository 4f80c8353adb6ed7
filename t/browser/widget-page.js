/*
 * Copyright (C) the ngx_http_chat_module authors
 */

/*
 * Pages with the widget, and the other side of the conversation.
 */

import assert from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';
import { site } from './browser.js';

const CSP = "default-src 'none'; script-src PREFIX; connect-src PREFIX WS; "
            + "img-src data:; "
            + "require-trusted-types-for 'script'; trusted-types 'none'";


/* Tries until what is expected holds. */
export async function until(check, ms = 30000) {
    const end = Date.now() + ms;

    for ( ; ; ) {
        try {
            return await check();
        } catch (error) {
            if (Date.now() > end) {
                throw error;
            }
        }

        await pause(100);
    }
}


/* A page with nothing but the widget, and a strict policy. */
export async function embed(page, { url = `${site.page}embed.html`, head = '',
                                    attributes = '', csp = true, lang = 'en',
                                    prefix = site.prefix,
                                    src = 'w.js' } = {})
{
    const { origin, host } = new URL(prefix);

    await page.route(url, (route) => route.fulfill({
        contentType: 'text/html; charset=utf-8',
        headers: csp ? { 'Content-Security-Policy': CSP
            .replaceAll('PREFIX', origin).replace('WS', `ws://${host}`) } : {},
        body: `<!doctype html><html lang="${lang}"><title>Shop</title>
               <meta name="viewport" content="width=device-width">${head}
               <link rel="icon" href="data:,">
               <script src="${prefix}${src}" async ${attributes}></script>
               <main><h1>Shop</h1></main>`,
    }));
    await page.goto(url);
}


export async function openChat(page) {
    await page.getByRole('button', { name: 'Open chat' }).click();
    await page.getByRole('textbox', { name: 'Write a message' }).waitFor();
}


/* Runs a function in the page with the element that holds the widget. */
export function hostOf(page, act) {
    return page.evaluate(`(${act})([...document.body.children]
                          .find((it) => it.shadowRoot))`);
}


/* All that the page holds and the browser keeps for it, as text. */
export function everything(page) {
    return page.evaluate(async () => {
        const roots = [document, ...Array.from(
            document.querySelectorAll('*'), (it) => it.shadowRoot)];
        const rows = await Promise.all((await indexedDB.databases()).map(
            ({ name }) => new Promise((resolve, reject) => {
                const opening = indexedDB.open(name);

                opening.onerror = reject;
                opening.onsuccess = () => {
                    const db = opening.result;
                    const names = [...db.objectStoreNames];
                    const reading = names.length ? db.transaction(names)
                        : { objectStore: () => null };
                    const all = names.map((it) =>
                        reading.objectStore(it).getAll());

                    reading.onabort = reject;
                    reading.oncomplete = () => {
                        db.close();
                        resolve(all.map((it) => it.result));
                    };

                    if (!names.length) {
                        db.close();
                        resolve([]);
                    }
                };
            })));

        return JSON.stringify([
            document.title,
            roots.map((it) => it && (it.body || it).innerHTML),
            roots.flatMap((it) => it ? Array.from(
                it.querySelectorAll('input, textarea'), (one) => one.value)
                : []),
            { ...localStorage }, { ...sessionStorage }, rows]);
    });
}


/* An agent without a browser. */
export function desk({ prefix = site.prefix,
                       token = process.env.CHAT_AGENT_TOKEN } = {})
{
    const call = async (method, path, body) => {
        const answer = await fetch(`${prefix}v1/${path}`, {
            method, body: body && JSON.stringify(body),
            headers: { 'Authorization': `Bearer ${token}`,
                       ...(body ? { 'Content-Type': 'application/json' }
                                : {}) },
        });
        const text = await answer.text();

        assert.ok(answer.ok, `${method} ${path}: ${answer.status} ${text}`);

        return text ? JSON.parse(text) : null;
    };

    let said = 0;

    return {
        /* The conversation in which that was said. */
        find: (text) => until(async () => {
            const { conversations } = await call(
                'GET', 'conversations?limit=20');

            for (const { id } of conversations) {
                const { events } = await call(
                    'GET', `conversations/${id}/events?limit=200`);

                if (events.some((it) => it.text === text)) {
                    return id;
                }
            }

            throw new Error(`nobody has said "${text}"`);
        }),

        /* The latest conversation whose last text that is. */
        findLast: (text) => until(async () => {
            const { conversations } = await call(
                'GET', 'conversations?limit=5');
            const found = conversations.find((it) => it.last.text === text);

            assert.ok(found, text);

            return found.id;
        }),

        /* There from now on, until what is returned is called. */
        async online() {
            const stop = new AbortController();
            const { signal } = stop;

            (async () => {
                while (!signal.aborted) {
                    try {
                        const { body } = await fetch(
                            `${prefix}v1/stream?inbox=`, { signal, headers: {
                                Authorization: `Bearer ${token}`,
                                Accept: 'text/event-stream' } });

                        await body.pipeTo(new WritableStream(), { signal });
                    } catch {
                        await pause(100);
                    }
                }
            })();

            await until(async () => {
                const answer = await fetch(`${prefix}v1/session`, {
                    method: 'POST', body: '{"mode":"bearer"}',
                    headers: { 'Content-Type': 'application/json' } });

                assert.equal((await answer.json()).availability, 'online');
            });

            return () => stop.abort();
        },

        typing: (id) => call('POST', `conversations/${id}/typing`,
                             { on: true }),

        say: (id, text, card) => call('POST', `conversations/${id}/messages`,
            { client_msg_id: `desk-${Date.now()}-${said++}`, text, card }),

        edit: (id, seq, text) => call(
            'PATCH', `conversations/${id}/messages/${seq}`, { text }),
        redact: (id, seq) => call(
            'DELETE', `conversations/${id}/messages/${seq}`),

        /* The number of the message that says so. */
        async numberOf(id, text) {
            const { events } = await call(
                'GET', `conversations/${id}/events?limit=200`);

            return events.find((it) => it.text === text).seq;
        },

        state: (id) => call('GET', `conversations/${id}`),
        all: async () => (await call('GET', 'conversations')).conversations,

        /* What the visitor has answered, by the text of the question. */
        async answers(id) {
            const { events } = await call(
                'GET', `conversations/${id}/events?limit=200`);

            return events.filter((it) => it.type === 'response').map((it) => [
                events.find(({ seq }) => seq === it.to).text, it.response,
                it.text]);
        },

        read: (id, seq) => call('POST', `conversations/${id}/read`, { seq }),

        /* What visitors have said in the conversation with that text. */
        async texts(text) {
            const id = await this.known(text);
            const all = [];
            let page = await call('GET',
                                  `conversations/${id}/events?limit=200`);

            all.unshift(...page.events);

            while (page.more) {
                page = await call('GET', `conversations/${id}/events`
                                  + `?limit=200&before=${all[0].seq}`);
                all.unshift(...page.events);
            }

            return all.filter((it) => it.type === 'message'
                                      && it.sender.kind === 'visitor')
                      .map((it) => it.text);
        },

        async known(text) {
            found.set(text, found.get(text) || await this.find(text));

            return found.get(text);
        },
    };
}


const found = new Map();
