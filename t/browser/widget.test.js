/*
 * Copyright (C) the ngx_http_chat_module authors
 */

import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { accessible, inLog, launch, open, site, write } from './browser.js';
import { desk, embed, hostOf, openChat, until } from './widget-page.js';

const mark = Date.now().toString(36);

let browser;

before(async () => {
    browser = await launch();
});

after(() => browser?.close());


test('calls before the loader is there are kept, in their order', async () => {
    const { page, context, faults } = await open(browser, 'about:blank');

    await embed(page, {
        head: `<script>window.chat=window.chat||function(){(chat.q=chat.q||[])
               .push(arguments)};
               window.heard = [];
               for (const name of ['ready', 'open', 'message:sent',
                                   'conversation:start', 'close'])
                   chat('on', name, () => heard.push(name));
               chat('message', 'Early ${mark}', { send: true })</script>`,
        csp: false,
    });
    await inLog(page, `Early ${mark}`).waitFor();
    await page.getByText('Sent').waitFor();
    await page.evaluate(() => window.chat.close());
    await page.getByRole('button', { name: 'Open chat' }).waitFor();
    await until(async () => assert.deepEqual(
        [...await page.evaluate(() => window.heard)].sort(),
        ['close', 'conversation:start', 'message:sent', 'open', 'ready']));
    assert.deepEqual(faults, []);
    await context.close();
});


test('the loader by its hash, with its integrity', async () => {
    const { page, context, faults } = await open(browser, 'about:blank');
    const text = Buffer.from(await (await fetch(`${site.prefix}w.js`))
                                   .arrayBuffer());
    const of = (name, as) => createHash(name).update(text).digest(as);
    const src = `assets/w-${of('sha256', 'hex').slice(0, 8)}.js`;
    const { headers } = await fetch(site.prefix + src);

    assert.equal(headers.get('cache-control'),
                 'public, max-age=31536000, immutable');
    await embed(page, { src, attributes:
        `crossorigin integrity="sha384-${of('sha384', 'base64')}"` });
    await openChat(page);
    await write(page, 'Write a message', `Pinned ${mark}`);
    await page.getByText('Sent').waitFor();
    assert.deepEqual(faults, []);
    await context.close();
});


test('methods: show, hide, once, off, unread, locale, theme, shutdown',
     async () =>
{
    const { page, context, faults } = await open(browser, site.page);
    const launcher = page.getByRole('button', { name: 'Open chat' });

    await launcher.waitFor();
    assert.equal(await page.evaluate(() => window.chat.getUnread()), 0);
    await page.evaluate(() => window.chat.hide());
    await launcher.waitFor({ state: 'hidden' });
    await page.evaluate(() => window.chat('show'));
    await launcher.waitFor();

    await page.evaluate(() => {
        window.heard = [];
        window.chat.once('open', () => window.heard.push('once'));
        const end = window.chat.on('open', () => window.heard.push('on'));

        document.addEventListener('chat:open', () => window.heard.push('dom'));
        window.chat.on('close', end);
    });

    for (const method of ['open', 'close', 'toggle', 'toggle', 'toggle']) {
        await page.evaluate((name) => window.chat(name), method);
    }

    assert.deepEqual(await page.evaluate(() => window.heard),
                     ['dom', 'once', 'on', 'dom', 'dom']);

    await write(page, 'Write a message', `Methods ${mark}`);
    await page.getByText('Sent').waitFor();
    await page.evaluate(() => window.chat.message('A draft'));
    await page.evaluate(() => window.chat.setLocale('he'));

    const field = page.getByRole('textbox', { name: 'כתיבת הודעה' });

    await field.waitFor();
    assert.equal(await field.inputValue(), 'A draft');
    await inLog(page, `Methods ${mark}`).waitFor();
    await page.evaluate(() => window.chat.setTheme('dark'));
    assert.equal(await hostOf(page, (host) => host.hasAttribute('data-dark')),
                 true);
    await page.evaluate(() => window.chat.update({ accent: '#ffe14d',
                                                   side: 'left' }));
    assert.deepEqual(await hostOf(page, (host) => [
        getComputedStyle(host.shadowRoot.querySelector('.launcher')).color,
        host.getBoundingClientRect().left < 100]), ['rgb(0, 0, 0)', true]);
    await accessible(page);

    await page.evaluate(() => window.chat.shutdown());
    assert.equal(await page.getByRole('textbox').count(), 0);
    assert.deepEqual(await page.evaluate(async () => [
        localStorage.length, sessionStorage.length,
        (await indexedDB.databases()).length]), [0, 0, 0]);
    await page.evaluate(() => window.chat.boot({ lang: 'en' }));
    await launcher.waitFor();
    assert.deepEqual(faults, []);
    await context.close();
});


test('a second tag, a body that is replaced: one launcher, the same state',
     async () =>
{
    const { page, context, faults } = await open(browser, 'about:blank');

    await embed(page, { csp: false });
    await openChat(page);
    await write(page, 'Write a message', `Once ${mark}`);
    await page.getByText('Sent').waitFor();
    await page.getByRole('textbox').fill('half a sentence');

    await page.evaluate((src) => new Promise((resolve) => {
        const script = document.createElement('script');

        script.src = src;
        script.onload = resolve;
        document.head.append(script);
    }), `${site.prefix}w.js`);
    await page.evaluate(() => {
        history.pushState({}, '', '/elsewhere');
        document.body.replaceWith(document.createElement('body'));
    });

    await inLog(page, `Once ${mark}`).waitFor();
    assert.equal(await page.getByRole('textbox').inputValue(),
                 'half a sentence');
    assert.equal(await page.getByRole('textbox').count(), 1);
    assert.equal(await inLog(page, `Once ${mark}`).count(), 1);
    assert.deepEqual(faults, []);
    await context.close();
});


test('a page of another origin has a token instead of a cookie', async () => {
    const agent = desk();
    const { page, context, faults } = await open(browser, 'about:blank');

    await embed(page, { url: `${process.env.CHAT_FAR_URL}far.html` });
    await openChat(page);
    await write(page, 'Write a message', `Far ${mark}`);
    await page.getByText('Sent').waitFor();

    const id = await agent.find(`Far ${mark}`);

    await agent.say(id, `Near ${mark}`);
    await inLog(page, `Near ${mark}`).waitFor();
    assert.deepEqual(await context.cookies(), []);

    await page.reload();
    await inLog(page, `Near ${mark}`).waitFor();
    await agent.say(id, `Again ${mark}`);
    await inLog(page, `Again ${mark}`).waitFor();
    assert.deepEqual(faults, []);
    await context.close();
});


test('several conversations, ended and begun', async () => {
    const agent = desk();
    const { page, context, faults } = await open(browser, site.page);
    const item = async (name) => {
        await page.getByRole('button', { name: 'More' }).click();
        await page.getByRole('button', { name }).click();
    };

    await openChat(page);
    await write(page, 'Write a message', `One ${mark}`);
    await page.getByText('Sent').waitFor();
    await item('New conversation');
    await page.getByText('How can we help?').waitFor();
    await write(page, 'Write a message', `Two ${mark}`);
    await page.getByText('Sent').waitFor();
    assert.equal(await inLog(page, `One ${mark}`).count(), 0);

    await agent.say(await agent.find(`One ${mark}`), `To one ${mark}`);
    await page.getByRole('button', { name: 'Conversations' }).click();
    await page.getByRole('button', { name: 'To one' }).waitFor();
    await page.getByText('1 new').waitFor();
    await accessible(page);
    await page.getByRole('button', { name: 'To one' }).click();
    await inLog(page, `To one ${mark}`).waitFor();
    await inLog(page, `One ${mark}`).waitFor();

    await item('End conversation');
    await inLog(page, 'The conversation was marked as resolved.').waitFor();
    await page.getByRole('button', { name: 'New conversation' }).waitFor();
    await accessible(page);
    await write(page, 'Write a message', `Still ${mark}`);
    await inLog(page, 'The conversation is open again.').waitFor();

    const saved = page.waitForEvent('download');

    await item('Download conversation');

    const text = readFileSync(await (await saved).path(), 'utf8');

    for (const line of [`One ${mark}`, `To one ${mark}`, 'Dana', 'You']) {
        assert.ok(text.includes(line), text);
    }

    assert.deepEqual(faults, []);
    await context.close();
});


test('an agent is seen, heard of while away, and what is seen is', async () => {
    const agent = desk();
    const { page, context } = await open(browser, site.page);

    await openChat(page);
    await write(page, 'Write a message', `Read ${mark}`);
    await page.getByText('Sent').waitFor();

    const id = await agent.find(`Read ${mark}`);

    await agent.read(id, 1);
    await page.getByText('Seen').waitFor();
    await page.getByRole('button', { name: 'Close', exact: true }).click();
    await page.evaluate(() => {
        Object.defineProperty(document, 'visibilityState',
                              { value: 'hidden', configurable: true });
    });
    await agent.say(id, `Hello ${mark}`);
    await page.getByRole('button', {
        name: 'Open chat, 1 unread message' }).waitFor();
    await page.evaluate(() => {
        delete document.visibilityState;
        document.dispatchEvent(new Event('visibilitychange'));
    });
    await page.getByText('New message from').waitFor({ state: 'attached' });
    await context.close();
});


test('a message that nobody sees is in the title and heard, unless muted',
     async () =>
{
    const agent = desk();
    const { page, context } = await open(browser, 'about:blank');

    await page.addInitScript(() => {
        window.tones = 0;
        window.AudioContext = class {
            currentTime = 0;
            destination = {};
            createOscillator() {
                window.tones++;

                return { frequency: {}, connect: (to) => to, start() {},
                         stop() {} };
            }
            createGain() {
                return { connect: (to) => to, gain: {
                    setValueAtTime() {}, linearRampToValueAtTime() {},
                    exponentialRampToValueAtTime() {} } };
            }
        };
    });
    await page.goto(site.page);

    const title = await page.title();
    const look = (at) => page.evaluate((state) => {
        Object.defineProperty(document, 'visibilityState',
                              { value: state, configurable: true });
        document.dispatchEvent(new Event('visibilitychange'));
    }, at);

    await openChat(page);
    await write(page, 'Write a message', `Sound ${mark}`);
    await page.getByText('Sent').waitFor();

    const id = await agent.find(`Sound ${mark}`);

    await look('hidden');
    await agent.say(id, `Heard ${mark}`);
    await until(async () => assert.equal(await page.title(), `(1) ${title}`));
    assert.equal(await page.evaluate(() => window.tones), 2);
    await look('visible');
    await until(async () => assert.equal(await page.title(), title));

    await page.getByRole('button', { name: 'More' }).click();
    await page.getByRole('button', { name: 'Turn sound off' }).click();
    await look('hidden');
    await agent.say(id, `Quiet ${mark}`);
    await until(async () => assert.match(await page.title(), /^\(/));
    assert.equal(await page.evaluate(() => window.tones), 2);
    await context.close();
});


test('addresses are links that lead where they say', async () => {
    const { page, context } = await open(browser, site.page);

    await openChat(page);
    await write(page, 'Write a message',
                'See https://a.test/b?c=1, (http://d.test/e) or '
                + 'https://bank.test@evil.test/ or javascript:alert(1)');
    await page.getByRole('link', { name: 'a.test' }).waitFor();
    assert.deepEqual(await page.getByRole('log').getByRole('link')
        .evaluateAll((all) => all.map((a) => [a.href, a.textContent, a.rel])),
        [['https://a.test/b?c=1', 'https://a.test/b?c=1'],
         ['http://d.test/e', 'http://d.test/e']]
        .map((it) => [...it, 'noopener noreferrer nofollow']));
    await context.close();
});


test('earlier messages come as one scrolls, and nothing jumps', async () => {
    const { page, context } = await open(browser, site.page);
    const log = page.getByRole('log');

    await openChat(page);
    await write(page, 'Write a message', `Line 1 ${mark}`);
    await page.getByText('Sent').waitFor();

    const id = await desk().find(`Line 1 ${mark}`);

    for (let i = 2; i <= 120; i++) {
        await desk().say(id, `Line ${i} ${mark}`);
    }

    await page.reload();
    await inLog(page, `Line 120 ${mark}`).waitFor();
    assert.equal(await log.locator('.bubble').count(), 50);

    /* A line that is in view stays where it is. */
    const top = await log.evaluate((node) => new Promise((resolve) => {
        const line = node.querySelectorAll('.bubble')[1];

        node.scrollTop = 60;

        const at = line.getBoundingClientRect().top;

        new MutationObserver((_, it) => {
            it.disconnect();
            requestAnimationFrame(() => resolve(
                Math.abs(line.getBoundingClientRect().top - at)));
        }).observe(node.querySelector('ol'), { childList: true });
    }));

    /* Heights are fractions, what is scrolled are whole pixels. */
    assert.ok(top < 5, `it moved by ${top} px`);
    await until(async () => {
        await log.evaluate((node) => {
            node.scrollTop = 0;
        });
        await inLog(page, `Line 1 ${mark}`).waitFor({ timeout: 1000 });
    });
    assert.deepEqual(await log.locator('.bubble').allTextContents(),
                     Array.from({ length: 120 },
                                (_, i) => `Line ${i + 1} ${mark}`));
    await context.close();
});


/* What is said while the page does nothing is there when it is back. */
for (const [name, sleep, wake] of [
    ['asleep', (session) => session.send('Page.setWebLifecycleState',
                                         { state: 'frozen' }),
     (session) => session.send('Page.setWebLifecycleState',
                               { state: 'active' })],
    ['in the cache of the browser', (session, page) => page.evaluate(
        () => window.dispatchEvent(new PageTransitionEvent(
            'pagehide', { persisted: true }))),
     (session, page) => page.evaluate(
         () => window.dispatchEvent(new PageTransitionEvent(
             'pageshow', { persisted: true })))],
])
{
    test(`a page that was ${name} misses nothing`, async () => {
        const { page, context, faults } = await open(browser, site.page);
        const session = await context.newCDPSession(page);
        const text = `Before, ${name} ${mark}`;

        await openChat(page);
        await write(page, 'Write a message', text);
        await page.getByText('Sent').waitFor();

        const id = await desk().find(text);

        await sleep(session, page);
        await desk().say(id, `Meanwhile ${mark}`);
        await wake(session, page);
        await inLog(page, `Meanwhile ${mark}`).waitFor();
        await write(page, 'Write a message', `After, ${name} ${mark}`);
        await until(async () => assert.deepEqual(
            await desk().texts(text), [text, `After, ${name} ${mark}`]));
        assert.deepEqual(faults, []);
        await context.close();
    });
}


/* An answer of the server to a call of the page. */
function refuse(page, path, status, code) {
    return page.route(path, (route) => route.request().method() === 'POST'
        ? route.fulfill({ status, contentType: 'application/problem+json',
                          body: JSON.stringify({ status, code }) })
        : route.continue());
}


test('each failure is a sentence, and nothing typed is lost', async () => {
    const { page, context } = await open(browser, site.page);
    const field = page.getByRole('textbox', { name: 'Write a message' });
    const call = /v1\/conversations/;

    await openChat(page);
    await field.fill('x'.repeat(16385));
    await page.getByText('The message is too long.').waitFor();
    await accessible(page);
    await field.press('Enter');
    assert.equal((await field.inputValue()).length, 16385);

    for (const [status, code, said] of [
        [422, 'invalid_field', 'The message holds something that cannot'],
        [403, 'forbidden', 'Chat is not available to you here.'],
        [413, 'too_large', 'The message is too long.'],
    ])
    {
        await refuse(page, call, status, code);
        await write(page, 'Write a message', `Kept ${code}`);
        await page.getByText(said).waitFor();
        await page.getByText('A message was not sent.').waitFor();
        await accessible(page);
        await page.unroute(call);
        await page.getByRole('button', { name: 'Delete' }).click();
        await page.getByRole('button', { name: 'Delete' })
                  .waitFor({ state: 'hidden' });
    }

    await refuse(page, call, 503, 'unavailable');
    await write(page, 'Write a message', `Kept ${mark}`);
    await page.getByText('Still trying to send…').waitFor();
    await accessible(page);
    await page.unroute(call);
    await page.getByText('Sent', { exact: false }).last().waitFor();
    await desk().find(`Kept ${mark}`);

    /* Blocked: what was typed stays, and can be sent again. */
    await refuse(page, /v1\/session/, 403, 'forbidden');
    await field.fill(`Typed ${mark}`);
    await page.reload();
    await page.getByText('Chat is not available to you here.').waitFor();
    assert.equal(await field.inputValue(), `Typed ${mark}`);
    await accessible(page);
    await page.unroute(/v1\/session/);
    await page.getByRole('button', { name: 'Try again' }).first().click();
    await field.press('Enter');
    await desk().find(`Typed ${mark}`);
    await context.close();
});


/* How many messages are in the outbox of this browser. */
async function kept() {
    const [{ name }] = await indexedDB.databases();
    const db = await new Promise((resolve) => {
        const request = indexedDB.open(String(name));

        request.onsuccess = () => resolve(request.result);
    });
    const count = await new Promise((resolve) => {
        const request = db.transaction('outbox').objectStore('outbox').count();

        request.onsuccess = () => resolve(request.result);
    });

    db.close();

    return count;
}


test('what was not sent when the page was left is sent later', async () => {
    const { page, context } = await open(browser, site.page);

    await openChat(page);
    await page.getByRole('textbox').fill('.');
    await page.locator('.log').waitFor({ state: 'attached' });
    await page.route(/v1\/conversations/, (route) => route.abort());

    for (const i of [1, 2, 3]) {
        await write(page, 'Write a message', `Left ${i} ${mark}`);
    }

    await page.getByText('Still trying to send…').waitFor();

    /* A message that is not kept yet is still the draft. */
    await until(async () => assert.equal(await page.evaluate(kept), 3));
    await page.close();

    /* Killed, not left: another tab of the browser goes on. */
    const other = await context.newPage();

    await other.goto(site.page);
    await until(async () => assert.deepEqual(
        await desk().texts(`Left 3 ${mark}`),
        [1, 2, 3].map((i) => `Left ${i} ${mark}`)));
    await context.close();
});


test('a reload in the middle of sending repeats nothing', async () => {
    const { page, context } = await open(browser, site.page);
    let cut = true;

    await page.routeWebSocket(/v1\/stream/, (socket) => socket.close());
    await openChat(page);

    /* It arrives, and the answer does not. */
    await page.route(/v1\/conversations$/, async (route) => {
        if (cut) {
            await route.fetch();
            cut = false;
        }

        await route.abort();
    });
    await write(page, 'Write a message', `First ${mark}`);
    await write(page, 'Write a message', `Second ${mark}`);
    await until(async () => assert.equal(cut, false));
    await page.unroute(/v1\/conversations$/);
    await page.reload();
    await inLog(page, `Second ${mark}`).waitFor();
    await until(async () => assert.deepEqual(
        await desk().texts(`Second ${mark}`),
        [`First ${mark}`, `Second ${mark}`]));
    await until(async () => assert.deepEqual(
        await page.getByRole('log').locator('.bubble').allTextContents(),
        [`First ${mark}`, `Second ${mark}`]));
    await context.close();
});


test('three tabs have one stream and lose nothing of 500 messages',
     async () =>
{
    const context = await browser.newContext();
    const tabs = [];
    const sockets = [];
    const watch = (page) => page.on('websocket', (socket) => sockets.push(
        () => !page.isClosed() && !socket.isClosed()));
    const one = () => until(async () => assert.equal(
        sockets.filter((alive) => alive()).length, 1));

    for (let i = 0; i < 3; i++) {
        const page = await context.newPage();

        watch(page);
        await page.goto(site.page);
        tabs.push(page);

        if (i === 0) {
            await openChat(page);
            await write(page, 'Write a message', `Tabs ${mark}`);
            await page.getByText('Sent').waitFor();
        } else {
            await page.getByRole('button', { name: 'Open chat' }).click();
            await inLog(page, `Tabs ${mark}`).waitFor();
        }
    }

    await one();

    const agent = desk();
    const wanted = [`Tabs ${mark}`];

    await agent.known(wanted[0]);

    for (let i = 0; i < 500; i++) {
        const text = `No ${i} ${mark}`;

        wanted.push(text);
        await tabs[i % 3].evaluate(
            (it) => window.chat.message(it, { send: true }), text);

        /* The network fails, and a tab goes, in the middle. */
        if (i === 150 || i === 350) {
            await context.setOffline(true);
        } else if (i === 170 || i === 370) {
            await context.setOffline(false);
        } else if (i === 250) {
            await tabs[0].close();
            tabs[0] = await context.newPage();
            watch(tabs[0]);
            await tabs[0].goto(site.page);
        }
    }

    await until(async () => assert.equal(
        (await agent.texts(wanted[0])).length,
        wanted.length), 120000);

    const texts = await agent.texts(wanted[0]);

    assert.deepEqual([...texts].sort(), [...wanted].sort());

    for (const page of tabs.slice(1)) {
        await until(async () => assert.deepEqual(
            await page.getByRole('log').locator('.bubble').allTextContents(),
            texts));
    }

    await one();
    await context.close();
});
