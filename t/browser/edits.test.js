/*
 * Copyright (C) the ngx_http_chat_module authors
 */

/*
 * Messages that are changed or taken back while the widget shows them: by
 * each transport, after a pause, in every tab, in the list, with files and
 * cards; and that nothing is left of them.
 */

import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { accessible, inLog, launch, noSockets, onlyPolls, open, shot, site,
         write } from './browser.js';
import { desk, everything, openChat, until } from './widget-page.js';

const mark = Date.now().toString(36);
const GONE = 'Message removed';
const sam = () => desk({ token: process.env.CHAT_SUPERVISOR_TOKEN });

let browser;

before(async () => {
    browser = await launch();
});

after(() => browser?.close());


const sent = (page) => page.locator('.own[data-state=sent]');


/* A visitor who has written that, and the conversation's id. */
async function begun(text, prepare = async () => {}) {
    const visitor = await open(browser, 'about:blank');

    await prepare(visitor.page);
    await visitor.page.goto(site.page);
    await openChat(visitor.page);
    await write(visitor.page, 'Write a message', text);
    await sent(visitor.page).waitFor();

    return { ...visitor, id: await desk().find(text) };
}


/* What the agent says, once the page shows it; its number. */
async function told(page, id, text, card) {
    const { seq } = await desk().say(id, text, card);

    await line(page, text).waitFor();

    return seq;
}


const line = (page, text) => page.locator('.line').filter({
    has: page.locator('.bubble > p').getByText(text, { exact: true }) });

const bubbles = (page) => page.getByRole('log').locator('.bubble')
                              .allTextContents();

async function nothingOf(page, ...texts) {
    const all = await everything(page);

    texts.forEach((text) => assert.ok(!all.includes(text), text));
}


/* How often the stream has answered, by transport, and what is open of it. */
async function watch(page) {
    const session = await page.context().newCDPSession(page);
    const seen = { sockets: 0, events: 0, polls: 0, open: 0 };
    const on = (name, act) => page.on(name, (it) => {
        const request = name === 'response' ? it.request() : it;

        if (new URL(request.url()).pathname.endsWith('/v1/stream')) {
            act(request.headers().accept === 'text/event-stream' ? 'events'
                                                                 : 'polls');
        }
    });

    await session.send('Network.enable');
    session.on('Network.webSocketHandshakeResponseReceived',
               () => seen.sockets++);
    session.on('Network.webSocketCreated', () => seen.open++);
    session.on('Network.webSocketClosed', () => seen.open--);
    on('response', (kind) => seen[kind]++);
    on('request', () => seen.open++);
    on('requestfinished', () => seen.open--);
    on('requestfailed', () => seen.open--);

    return seen;
}


const TRANSPORTS = {
    'WebSocket': [async () => {}, 'sockets'],
    'server-sent events': [noSockets, 'events'],
    'long poll': [onlyPolls, 'polls'],
};

for (const [name, [prepare, by]] of Object.entries(TRANSPORTS)) {
    test(`changed and taken back, by ${name}`, async () => {
        const hello = `Hello ${name} ${mark}`;
        const [wrong, right] = [`Zebra ${name} ${mark}`, `Ass ${name} ${mark}`];
        let seen;
        const { page, context, id } = await begun(hello, async (it) => {
            seen = await watch(it);
            await prepare(it);
        });
        const seq = await told(page, id, wrong);
        const node = await line(page, wrong).elementHandle();
        const announced = page.locator('.panel ~ .hidden[role=status]');

        await desk().edit(id, seq, right);
        await line(page, right).getByText('Edited', { exact: true }).waitFor();
        assert.deepEqual(await bubbles(page), [hello, `${right}Edited`]);
        await nothingOf(page, wrong);

        /* It is the line that it was, and is not read out once more. */
        assert.equal(await node.evaluate((it) => it.isConnected
            && it.querySelector('.bubble').ariaLive), 'off');
        assert.equal(await announced.textContent(), '');

        await desk().redact(id, seq);
        await inLog(page, GONE).waitFor();
        assert.deepEqual(await bubbles(page), [hello, GONE]);
        assert.equal(await node.evaluate((it) => it.isConnected
            && it.querySelector('.bubble').ariaLive), 'off');
        assert.equal(await announced.textContent(), '');

        /* What the visitor has written as well. */
        await sam().redact(id, await desk().numberOf(id, hello));
        await until(async () => assert.deepEqual(await bubbles(page),
                                                 [GONE, GONE]));
        await nothingOf(page, wrong, right, hello);
        assert.ok(seen[by] > 0);

        await page.reload();
        await page.getByRole('log').locator('.bubble').nth(1).waitFor();
        assert.deepEqual(await bubbles(page), [GONE, GONE]);
        await context.close();
    });
}


test('what has changed while nobody looked', async () => {
    const hello = `Pause ${mark}`;
    const [wrong, right, oops, next] = ['Yak', 'Gnu', 'Emu', 'Owl'].map(
        (it) => `${it} ${mark}`);
    let seen;
    const { page, context, faults, id } = await begun(hello, async (it) => {
        seen = await watch(it);
    });
    const first = await told(page, id, wrong);
    const second = await told(page, id, oops);

    await page.getByRole('button', { name: 'Close', exact: true }).click();
    await page.evaluate(() => {
        Object.defineProperty(document, 'visibilityState',
                              { value: 'hidden', configurable: true });
        document.dispatchEvent(new Event('visibilitychange'));
    });
    await until(() => assert.equal(seen.open, 0));

    await desk().edit(id, first, right);
    await desk().redact(id, second);
    await desk().say(id, next);
    await page.evaluate(() => {
        delete document.visibilityState;
        document.dispatchEvent(new Event('visibilitychange'));
    });
    await page.getByRole('button', { name: /^Open chat/ }).click();
    await inLog(page, next).waitFor();
    assert.deepEqual(await bubbles(page), [hello, `${right}Edited`, GONE,
                                           next]);
    await nothingOf(page, wrong, oops);
    assert.deepEqual(faults, []);
    await context.close();
});


test('every tab, whichever has the connection', async () => {
    const hello = `Tabs ${mark}`;
    const [wrong, right, oops] = ['Cat', 'Dog', 'Rat'].map(
        (it) => `${it} ${mark}`);
    const { page, context, id } = await begun(hello);
    const first = await told(page, id, wrong);
    const second = await told(page, id, oops);
    const other = await context.newPage();

    await other.goto(site.page);
    await other.getByRole('button', { name: /^Open chat/ }).click();
    await inLog(other, oops).waitFor();
    await desk().edit(id, first, right);

    for (const one of [page, other]) {
        await inLog(one, right).waitFor();
        assert.deepEqual(await bubbles(one), [hello, `${right}Edited`, oops]);
        await nothingOf(one, wrong);
    }

    await page.close();
    await desk().redact(id, second);
    await inLog(other, GONE).waitFor();
    await nothingOf(other, oops);
    await context.close();
});


test('the list of conversations', async () => {
    const [first, second] = [`One ${mark}`, `Two ${mark}`];
    const [wrong, right] = ['Cow', 'Pig'].map((it) => `${it} ${mark}`);
    const { page, context, faults, id } = await begun(first);
    const seq = await told(page, id, wrong);
    const entry = page.locator('.entry').filter({ hasText: 'Dana' });

    await page.getByRole('button', { name: 'More', exact: true }).click();
    await page.getByRole('button', { name: 'New conversation' }).click();
    await write(page, 'Write a message', second);
    await inLog(page, second).waitFor();
    await sent(page).waitFor();
    await page.getByRole('button', { name: 'Conversations' }).click();
    await entry.getByText(wrong).waitFor();

    await desk().edit(id, seq, right);
    await entry.getByText(right).waitFor();
    await nothingOf(page, wrong);
    await desk().redact(id, seq);
    await entry.getByText(GONE).waitFor();
    await nothingOf(page, right);
    await accessible(page);
    await shot(page, 'widget-list-removed');

    /* As the server has it. */
    await page.reload();
    await page.getByRole('button', { name: 'Conversations' }).click();
    await entry.getByText(GONE).waitFor();
    assert.deepEqual(faults, []);
    await context.close();
});


test('files go with their message', async () => {
    const text = `Filed ${mark}`;
    const name = `secret-${mark}.png`;
    const { page, context, id } = await begun(`Files ${mark}`);

    await page.getByRole('button', { name: 'Attach a file' }).waitFor();

    const [chooser] = await Promise.all([
        page.waitForEvent('filechooser'),
        page.getByRole('button', { name: 'Attach a file' }).click()]);

    await chooser.setFiles([{ name, mimeType: 'image/png', buffer: Buffer.from(
        'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwAD'
        + 'hgGAWjR9awAAAABJRU5ErkJggg==', 'base64') }]);
    await page.getByRole('status').filter({ hasText: 'is attached' })
              .waitFor({ state: 'attached' });
    await write(page, 'Write a message', text);
    await page.locator('.own .file').getByRole('link', { name }).waitFor();
    await until(() => desk().numberOf(id, text));

    await sam().redact(id, await desk().numberOf(id, text));
    await inLog(page, GONE).waitFor();
    assert.equal(await page.locator('.log .file').count(), 0);
    await nothingOf(page, text, name, '/attachments/');
    await context.close();
});


test('a card goes with what was to be answered', async () => {
    const question = `Tea or coffee ${mark}?`;
    const { page, context, id } = await begun(`Cards ${mark}`);
    const seq = await told(page, id, question, {
        type: 'choices', options: [{ id: 't', text: `Tea ${mark}` },
                                   { id: 'c', text: `Coffee ${mark}` }] });
    const button = page.getByRole('button', { name: `Coffee ${mark}` });
    const kept = async () => (await everything(page)).includes('"response"');
    let tried = 0;

    /* The answer waits. */
    await page.route(/\/responses$/, (route) => {
        tried++;

        return route.abort();
    });
    await button.click();
    await until(() => assert.ok(tried > 0));
    assert.equal(await kept(), true);
    await button.focus();

    await sam().redact(id, seq);
    await inLog(page, GONE).waitFor();
    assert.equal(await button.count(), 0);
    assert.equal(await page.locator('.ask').count(), 0);
    await nothingOf(page, question, `Coffee ${mark}`);
    assert.equal(await page.getByRole('log').evaluate(
        (it) => it.getRootNode().activeElement === it), true);

    /* It is refused, and not kept for another time. */
    await page.unroute(/\/responses$/);
    await until(async () => assert.equal(await kept(), false), 60000);
    assert.equal(await page.getByText('Not sent').count(), 0);
    assert.deepEqual(await bubbles(page), [`Cards ${mark}`, GONE]);
    await context.close();
});


test('in every language and look', async () => {
    const { page, context, id } = await begun(`Looks ${mark}`);
    const [edited, removed] = [await told(page, id, `Old ${mark}`),
                               await told(page, id, `Bad ${mark}`)];

    await desk().edit(id, edited, `New ${mark}`);
    await desk().redact(id, removed);
    await sam().redact(id, await desk().numberOf(id, `Looks ${mark}`));

    for (const lang of ['en', 'ar', 'he']) {
        const { default: words } = await import(
            `../../src/assets/${lang}-widget.js`);

        await page.evaluate((to) => window.chat.setLocale(to), lang);
        await line(page, `New ${mark}`)
              .getByText(words['message.edited'], { exact: true }).waitFor();
        await until(async () => assert.equal(
            await inLog(page, words['message.redacted']).count(), 2));

        for (const look of [
            { colorScheme: 'light', forcedColors: 'none' },
            { colorScheme: 'dark', forcedColors: 'none' },
            { colorScheme: 'light', forcedColors: 'active' }])
        {
            await page.emulateMedia({ ...look, reducedMotion: 'reduce' });
            await accessible(page);
        }

        await page.emulateMedia({ colorScheme: 'light',
                                  forcedColors: 'none' });
        await shot(page, `widget-edits-${lang}`);
    }

    await context.close();
});
