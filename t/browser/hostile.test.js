/*
 * Copyright (C) the ngx_http_chat_module authors
 */

/*
 * Each text of the corpus as a name, an attribute and its name, a page, the
 * name of a file and a message: it is text in the console and in the widget,
 * nothing is run, and no policy has anything to report.
 */

import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { launch, open, site } from './browser.js';
import { as, call, desk, leave } from './console-page.js';
import { embed, openChat } from './widget-page.js';
import { HOSTILE } from './hostile.js';

const EACH = 43;
const AT_ONCE = 4;
const MOST = 100;

/* What none of the pages has, and what nobody can write into them. */
const STRANGE = 'iframe, object, embed, base, math, template, video, source, '
                + 'form[action], body script, body style, body link, '
                + 'body meta, svg script, animate, marquee, '
                + 'img:not([src*="/v1/attachments/"]), '
                + '[onerror], [onload], [onfocus], [onclick], [onmouseover]';

let browser;

before(async () => {
    browser = await launch();
});

after(() => browser?.close());


/* A few at a time, in order. */
async function each(items, act) {
    const rest = [...items.entries()];

    await Promise.all(Array.from({ length: AT_ONCE }, async () => {
        for (let next = rest.shift(); next; next = rest.shift()) {
            await act(next[1], next[0]);
        }
    }));
}


/* A name is shorter than a text, and has no control characters. */
function named(text) {
    return [...text.replace(/[\0-\x1f]/g, ' ')].slice(0, MOST).join('');
}


/* Stores what is refused in no other way than by saying so. */
async function tried(token, method, path, body) {
    const answer = await fetch(`${site.prefix}v1/${path}`, {
        method, body: typeof body === 'string' ? body : JSON.stringify(body),
        headers: { Authorization: `Bearer ${token}`,
                   'Content-Type': 'application/json' } });
    const text = await answer.text();

    assert.ok(answer.ok || answer.status === 422,
              `${method} ${path}: ${answer.status} ${text}`);

    return answer.ok && text ? JSON.parse(text) : null;
}


async function hostile(text) {
    const name = named(text);
    const { token } = await call(null, 'POST', 'session', {
        mode: 'bearer', page: `https://shop.test/?${encodeURI(name)}` });

    await call(token, 'PATCH', 'session', {
        name, attributes: { said: name } });
    await tried(token, 'PATCH', 'session', {
        attributes: { [name.slice(0, 40)]: name } });
    await tried(token, 'PATCH', 'session', { email: `${name}@a.test` });
    await tried(token, 'POST', 'track', [
        { name: 'page', url: `https://shop.test/${name}`,
          data: { title: name } }]);

    const { id } = await call(token, 'POST', 'conversations', {
        client_msg_id: randomUUID(), text });
    const file = await tried(
        token, 'PUT', `attachments/${encodeURIComponent(
            `${name.replace(/[/\\]/g, '_').slice(0, 60)}.txt`)}`, 'x');

    await call(token, 'POST', `conversations/${id}/messages`, {
        client_msg_id: randomUUID(), text,
        attachments: file ? [file.id] : [] });

    return { id, token, file };
}


function watch(page) {
    const seen = { dialogs: 0 };

    page.on('dialog', (dialog) => {
        seen.dialogs++;
        dialog.dismiss();
    });

    return seen;
}


/* Markup of a visitor, anywhere in a page. */
function strange(page) {
    return page.evaluate((wanted) => [document, ...Array.from(
        document.querySelectorAll('*'), (it) => it.shadowRoot)]
        .flatMap((root) => root ? [
            ...root.querySelectorAll(wanted),
            ...[...root.querySelectorAll('a[href]')].filter(
                (it) => !/^https?:$/.test(it.protocol))] : [])
        .map((it) => it.outerHTML), STRANGE);
}


test('the console shows text', async () => {
    const all = [];

    assert.ok(HOSTILE.length >= 200);
    await each(HOSTILE, async (text, i) => {
        all[i] = await hostile(text);
    });

    const files = all.filter(({ file }) => file).length;

    assert.ok(files >= 200, `${files} files`);

    const { page, faults, ...dana } = await desk(browser, 'dana', '#/all');
    const seen = watch(page);

    for (const [i, { id }] of all.entries()) {
        await page.evaluate((hash) => {
            location.hash = hash;
        }, `#/all/c/${id}`);

        /* The message is there twice, its text unchanged. */
        await page.waitForFunction(([text]) => [...document.querySelectorAll(
            '.log .bubble')].filter((it) =>
            it.firstElementChild?.textContent === text).length === 2,
            [HOSTILE[i]]);

        /* What the page has told of each stands there, too. */
        if (i === 0) {
            await page.getByText('What happened on the site').click();
        }

        /* Marks that turn the text around them are not shown. */
        await page.waitForFunction((name) => {
            const plain = (it) => it.replace(/[^\p{L}\p{N}\p{P}\p{S}]/gu, '');
            const values = [...document.querySelectorAll('.side dd')];

            return values.filter((it) => plain(it.textContent)
                                         === plain(name)).length >= 2;
        }, named(HOSTILE[i]));
    }

    assert.deepEqual(await strange(page), []);
    await page.evaluate(() => {
        location.hash = '#/search/alert';
    });
    await page.locator('.list li').first().waitFor();
    assert.deepEqual(await strange(page), []);
    assert.equal(seen.dialogs, 0);
    assert.deepEqual(faults, []);
    await leave(dana);
});


test('the widget shows text', async () => {
    const { agents } = await as('ada', 'GET', 'agents');
    const dana = agents.find(({ name }) => name === 'Dana');

    await as('ada', 'PATCH', `agents/${dana.id}`, { name: HOSTILE[0] });

    for (let i = 0; i < HOSTILE.length; i += EACH) {
        const some = HOSTILE.slice(i, i + EACH);
        const { id, token } = await hostile(some[0]);

        for (const text of some.slice(1)) {
            await call(token, 'POST', `conversations/${id}/messages`, {
                client_msg_id: randomUUID(), text });
        }

        await as('dana', 'POST', `conversations/${id}/messages`, {
            client_msg_id: randomUUID(), text: some[0] });

        const { page, context, faults } = await open(browser, 'about:blank');
        const seen = watch(page);

        await context.addCookies([{
            name: `chat-visitor-${process.env.CHAT_SITE}`, value: token,
            url: site.page }]);
        await embed(page);
        await openChat(page);

        for (const text of some) {
            await page.waitForFunction((wanted) => {
                const { shadowRoot } = [...document.body.children].find(
                    (it) => it.shadowRoot);

                return [...shadowRoot.querySelectorAll('.log .bubble')].some(
                    (it) => it.firstElementChild?.textContent === wanted);
            }, text);
        }

        assert.deepEqual(await strange(page), []);
        assert.equal(seen.dialogs, 0);
        assert.deepEqual(faults, []);
        await context.close();
    }
});
