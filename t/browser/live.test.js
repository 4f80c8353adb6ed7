/*
 * Copyright (C) the ngx_http_chat_module authors
 */

import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { accessible, inLog, launch, onlyPolls, open, shot, signIn, site,
         write } from './browser.js';

const console_ = `${site.prefix}console/`;
const mark = Date.now().toString(36);

/* names are isolated from the text around them */
const HERE = /Dana\W* is here/;
const DANA = /Dana\W* is typing/;
const VISITOR = /Visitor\W* is typing/;

let browser;

before(async () => {
    browser = await launch();
});

after(() => browser?.close());


/* What a page has asked of the stream, by transport. */
async function watch(page) {
    const session = await page.context().newCDPSession(page);
    const seen = { sockets: [], events: 0, polls: 0, posts: [] };

    await session.send('Network.enable');
    session.on('Network.webSocketHandshakeResponseReceived',
               ({ response }) => seen.sockets.push(response.status));
    page.on('request', (request) => {
        const { pathname } = new URL(request.url());

        if (request.method() === 'POST') {
            seen.posts.push(pathname.replace(/.*\//, ''));
        } else if (pathname.endsWith('/v1/stream')) {
            if (request.headers().accept === 'text/event-stream') {
                seen.events++;
            } else {
                seen.polls++;
            }
        }
    });

    return seen;
}


/* The shop with a loader from another prefix. */
async function plain(page) {
    await page.route(`${site.page}plain.html`, (route) => route.fulfill({
        contentType: 'text/html',
        body: '<!doctype html><html lang="en"><title>Shop</title>'
              + '<script src="/plain/w.js" async></script>',
    }));
    await page.goto(`${site.page}plain.html`);
}


/* A visitor who has written, and an agent who has that open. */
async function pair(text, prepare = async () => {}) {
    const visitor = await open(browser, 'about:blank');
    const agent = await open(browser, 'about:blank');

    for (const one of [visitor, agent]) {
        one.seen = await watch(one.page);
        await prepare(one.page);
    }

    await visitor.page.goto(site.page);
    await agent.page.goto(console_);
    await signIn(agent.page);
    await visitor.page.getByRole('button', { name: 'Open chat' }).click();
    await write(visitor.page, 'Write a message', text);
    await agent.page.getByRole('link', { name: text }).click();
    await inLog(agent.page, text).waitFor();

    return { visitor, agent };
}


async function leave(...those) {
    for (const { context } of those) {
        await context.close();
    }
}


function bubbles(page) {
    return page.getByRole('log').locator('.bubble').allTextContents();
}


function master() {
    return existsSync(process.env.CHAT_NGINX_PID)
           ? Number(readFileSync(process.env.CHAT_NGINX_PID, 'utf8')) : 0;
}


test('each page has one WebSocket for everything', async () => {
    const { visitor, agent } = await pair(`Live ${mark}`);

    await write(agent.page, 'Write a reply', `Answer ${mark}`);
    await inLog(visitor.page, `Answer ${mark}`).waitFor();
    await write(visitor.page, 'Write a message', `More ${mark}`);
    await inLog(agent.page, `More ${mark}`).waitFor();
    await agent.page.getByRole('link', { name: `More ${mark}` }).waitFor();
    await visitor.page.getByText('Seen').last().waitFor();

    for (const { seen } of [visitor, agent]) {
        assert.deepEqual(seen.sockets, [101]);
        assert.deepEqual([seen.events, seen.polls], [0, 0]);
        assert.ok(!seen.posts.includes('messages'), `${seen.posts}`);
    }

    assert.deepEqual(visitor.faults, []);
    assert.deepEqual(agent.faults, []);
    await leave(visitor, agent);
});


test('both sides see who is there and who is typing', async () => {
    const { visitor, agent } = await pair(`Typing ${mark}`);
    const reply = agent.page.getByRole('textbox', { name: 'Write a reply' });
    const field = visitor.page.getByRole('textbox');

    await agent.page.getByText('on the page now').waitFor();

    await reply.fill('Let me');
    await visitor.page.getByText(DANA).waitFor();
    await accessible(visitor.page);
    await shot(visitor.page, 'widget-typing');
    await reply.press('Enter');
    await inLog(visitor.page, 'Let me').waitFor();
    await visitor.page.getByText(HERE).waitFor();
    await visitor.page.getByText(DANA)
                      .waitFor({ state: 'hidden' });

    await field.fill('And');
    await agent.page.getByText(VISITOR).waitFor();
    await accessible(agent.page);
    await shot(agent.page, 'console-typing');
    await field.fill('');
    await agent.page.getByText(VISITOR)
                    .waitFor({ state: 'hidden' });

    /* The typing of a note is nobody else's business. */
    await agent.page.getByRole('checkbox', { name: 'Internal note' }).check();
    await agent.page.getByRole('textbox', { name: 'Write an internal note' })
                    .fill('Careful');
    await write(visitor.page, 'Write a message', `Next ${mark}`);
    await inLog(agent.page, `Next ${mark}`).waitFor();
    assert.equal(await visitor.page.getByText(DANA).count(), 0);

    await leave(visitor, agent);
});


test('without WebSocket it is server-sent events', async () => {
    const visitor = await open(browser, 'about:blank');
    const agent = await open(browser, console_);

    visitor.seen = await watch(visitor.page);
    await plain(visitor.page);
    await signIn(agent.page);
    await visitor.page.getByRole('button', { name: 'Open chat' }).click();
    await write(visitor.page, 'Write a message', `Events ${mark}`);
    await agent.page.getByRole('link', { name: `Events ${mark}` }).click();
    await write(agent.page, 'Write a reply', `Sent ${mark}`);
    await inLog(visitor.page, `Sent ${mark}`).waitFor();
    await visitor.page.getByText(HERE).waitFor();
    await write(visitor.page, 'Write a message', `Back ${mark}`);
    await inLog(agent.page, `Back ${mark}`).waitFor();

    assert.ok(!visitor.seen.sockets.includes(101));
    assert.equal(visitor.seen.events, 1);
    assert.equal(visitor.seen.polls, 0);
    assert.ok(visitor.seen.posts.includes('messages'));
    assert.deepEqual(await bubbles(visitor.page), ['Events', 'Sent', 'Back']
                     .map((text) => `${text} ${mark}`));
    await leave(visitor, agent);
});


test('without either it is the long poll', async () => {
    const { visitor, agent } = await pair(`Poll ${mark}`, onlyPolls);

    await write(agent.page, 'Write a reply', `Answer ${mark}`);
    await inLog(visitor.page, `Answer ${mark}`).waitFor();
    await write(visitor.page, 'Write a message', `Further ${mark}`);
    await inLog(agent.page, `Further ${mark}`).waitFor();
    await agent.page.getByRole('link', { name: `Further ${mark}` }).waitFor();

    for (const { seen } of [visitor, agent]) {
        assert.ok(!seen.sockets.includes(101));
        assert.ok(seen.polls > 0);
    }

    await leave(visitor, agent);
});


test('a page for which WebSocket hangs does not wait for it', async () => {
    const { visitor, agent } = await pair(`Hang ${mark}`, (page) =>
        page.routeWebSocket(/\/v1\/stream/, () => {}));

    await write(agent.page, 'Write a reply', `Answer ${mark}`);
    await inLog(visitor.page, `Answer ${mark}`).waitFor();
    assert.ok(visitor.seen.events > 0);
    await leave(visitor, agent);
});


test('reloads lose nothing and repeat nothing', async () => {
    const first = `Reload ${mark}`;
    const { visitor, agent } = await pair(first);
    const said = [first];

    for (let i = 0; i < 24; i++) {
        const text = `Line ${i} ${mark}`;

        if (i % 8 === 4) {
            process.kill(master(), 'SIGHUP');
        }

        said.push(text);
        await (i % 2 ? write(visitor.page, 'Write a message', text)
                     : write(agent.page, 'Write a reply', text));
        await inLog(i % 2 ? agent.page : visitor.page, text).waitFor();
        await sleep(250);
    }

    for (const { page, seen } of [visitor, agent]) {
        assert.deepEqual(await bubbles(page), said);
        assert.ok(seen.sockets.length > 1, 'it has connected again');
        assert.deepEqual([seen.events, seen.polls], [0, 0]);
    }

    assert.equal(await visitor.page.getByText('Connection lost').count(), 0);
    await leave(visitor, agent);
});


test('a server that goes away comes back to what was typed', async () => {
    const { visitor, agent } = await pair(`Gone ${mark}`);
    const pid = master();

    process.kill(pid, 'SIGTERM');
    await visitor.page.getByText('Connection lost. Trying again…').waitFor();
    await agent.page.getByText('Connection lost at').waitFor();
    await shot(visitor.page, 'widget-lost');

    await write(visitor.page, 'Write a message', `Wait ${mark}`);
    await write(agent.page, 'Write a reply', `Here ${mark}`);

    while (existsSync(process.env.CHAT_NGINX_PID)) {
        await sleep(50);
    }

    const [command, ...args] = process.env.CHAT_NGINX_COMMAND.split(' ');

    assert.equal(spawnSync(command, args).status, 0);

    await inLog(agent.page, `Wait ${mark}`).waitFor({ timeout: 60000 });
    await inLog(visitor.page, `Here ${mark}`).waitFor({ timeout: 60000 });
    await visitor.page.getByText('Connection lost')
                      .waitFor({ state: 'hidden' });
    await agent.page.getByText('Connection lost')
                    .waitFor({ state: 'hidden' });

    for (const { page } of [visitor, agent]) {
        assert.deepEqual((await bubbles(page)).sort(), [
            `Gone ${mark}`, `Here ${mark}`, `Wait ${mark}`]);
    }

    /* What had failed is tried again. */
    await inLog(agent.page, `Wait ${mark}`).waitFor();
    assert.equal(visitor.seen.sockets.at(-1), 101);
    assert.ok(visitor.seen.sockets.length > 1);
    await leave(visitor, agent);
});


test('no connection while nobody looks', async () => {
    const { visitor, agent } = await pair(`Quiet ${mark}`);

    await agent.page.getByText('on the page now').waitFor();
    await visitor.page.getByRole('button', { name: 'Close', exact: true })
                      .click();
    await visitor.page.evaluate(() => {
        Object.defineProperty(document, 'visibilityState',
                              { value: 'hidden', configurable: true });
        document.dispatchEvent(new Event('visibilitychange'));
    });

    /* 15 s after the last stream has ended */
    await agent.page.getByText('on the page now')
                    .waitFor({ state: 'hidden', timeout: 30000 });

    await write(agent.page, 'Write a reply', `Later ${mark}`);
    await inLog(agent.page, `Later ${mark}`).waitFor();
    assert.equal(await inLog(visitor.page, `Later ${mark}`).count(), 0);
    await visitor.page.evaluate(() => {
        delete document.visibilityState;
        document.dispatchEvent(new Event('visibilitychange'));
    });
    await visitor.page.getByRole('button', {
        name: 'Open chat, 1 unread message' }).waitFor();
    await leave(visitor, agent);
});
