/*
 * Copyright (C) the ngx_http_chat_module authors
 */

/*
 * Who the visitor is: what is asked before a chat, consent, an address for
 * when nobody is there, what the site says of him, and the end of it all.
 */

import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { accessible, inLog, launch, open, shot, site, write } from './browser.js';
import { desk, embed, hostOf, openChat, until } from './widget-page.js';

const mark = Date.now().toString(36);
const ASKING = new URL('/asking/', site.page).href;
const SINGLE = new URL('/single/', site.page).href;
const STYLED = new URL('/styled/', site.page).href;
const [PLAIN_SITE, ASKING_SITE] = process.env.CHAT_IDENTITY_SITES.split(' ');
const LOOKS = {
    light: { colorScheme: 'light', forcedColors: 'none' },
    dark: { colorScheme: 'dark', forcedColors: 'none' },
    forced: { colorScheme: 'light', forcedColors: 'active' },
};
const SIZES = [[1280, 800], [375, 667], [320, 568]];

/* What a label is in each language. */
const WORDS = Object.fromEntries(await Promise.all(['en', 'ar', 'he'].map(
    async (lang) => [lang, {
        ...(await import(`../../src/assets/${lang}-widget.js`)).default,
        ...(await import(`../../src/assets/${lang}-ask.js`)).default }])));

const noa = () => desk({ prefix: ASKING,
                         token: process.env.CHAT_ASKING_TOKEN });

let browser;

before(async () => {
    browser = await launch();
});

after(() => browser?.close());


/* What the site signs for somebody. */
function token(aud, claims) {
    const text = [{ alg: 'HS256', typ: 'JWT', kid: 'hs' },
                  { aud, exp: Math.floor(Date.now() / 1000) + 600, ...claims }]
                 .map((it) => Buffer.from(JSON.stringify(it))
                                    .toString('base64url')).join('.');

    return `${text}.${createHmac('sha256', process.env.CHAT_IDENTITY_SECRET)
                      .update(text).digest('base64url')}`;
}


const launcher = (page) => page.getByRole('button', { name: 'Open chat' });
const field = (page) => page.getByRole('textbox', {
    name: 'Write a message' });
const start = (page) => page.getByRole('button', { name: 'Start chat' });

const focused = (locator) => until(async () => assert.equal(
    await locator.evaluate((it) => it.getRootNode().activeElement === it),
    true));


/* Before the first chat with the site that asks. */
async function begin(page, name) {
    await launcher(page).click();
    await page.getByLabel('Name').fill(name);
    await page.getByRole('checkbox', { name: 'I agree' }).check();
    await start(page).click();
    await field(page).waitFor();
}


test('what is asked before a chat, once', async () => {
    const { page, context, faults } = await open(browser, 'about:blank');

    await embed(page, { prefix: ASKING });
    await launcher(page).click();
    await page.getByText('Before we start:').last().waitFor();
    await focused(page.getByLabel('Name'));
    assert.equal(await field(page).isVisible(), false);
    assert.deepEqual(await page.locator('.first .input').evaluateAll(
        (all) => all.map((it) => it.autocomplete)), ['name', 'email', '']);

    /* What is missing, and what is wrong. */
    await page.keyboard.press('Enter');
    await page.getByText('Please fill this in.').waitFor();
    await page.getByLabel('Name').fill(`Ann ${mark}`);
    await page.getByLabel('E-mail').fill('nobody');
    await start(page).click();
    await page.getByText('Please write an address').waitFor();
    await focused(page.getByLabel('E-mail'));
    await page.getByLabel('E-mail').fill('ann@shop.test');
    await page.getByLabel('Order number').fill('A-17');
    await start(page).click();
    await page.getByText('Please agree first.').waitFor();
    await accessible(page);
    assert.equal(await page.getByRole('link', { name: 'Read more' })
                           .getAttribute('href'),
                 'https://shop.test/privacy');

    /* By the keyboard: the box, and the form. */
    await focused(page.getByRole('checkbox'));
    await page.keyboard.press('Space');
    await page.keyboard.press('Enter');
    await field(page).waitFor();
    await focused(field(page));
    assert.equal(await start(page).count(), 0);

    await write(page, 'Write a message', `Asked ${mark}`);
    await page.getByText('Sent').waitFor();

    const id = await noa().find(`Asked ${mark}`);
    const { visitor } = await noa().state(id);

    assert.deepEqual(
        [visitor.name, visitor.email, visitor.verified, visitor.attributes,
         visitor.consent.version, visitor.consent.locale],
        [`Ann ${mark}`, 'ann@shop.test', false, { order: 'A-17' }, '2026-11',
         'en']);

    await page.reload();
    await inLog(page, `Asked ${mark}`).waitFor();
    await field(page).waitFor();
    assert.equal(await page.getByLabel('Name').count(), 0);
    assert.equal(await page.getByRole('checkbox').count(), 0);
    assert.deepEqual(faults, []);
    await context.close();
});


test('nothing is sent before what is to be agreed to is', async () => {
    const { page, context, faults } = await open(browser, 'about:blank');
    const text = `Early ${mark}`;
    const begins = [];

    page.on('request', (request) => {
        if (request.method() === 'POST'
            && request.url().endsWith('/v1/conversations'))
        {
            begins.push(request.url());
        }
    });
    await embed(page, { prefix: ASKING });
    await page.evaluate((it) => window.chat('message', it, { send: true }),
                        text);
    await inLog(page, text).waitFor();
    await page.getByRole('checkbox', { name: 'I agree' }).waitFor();
    await page.getByText('Waiting').waitFor();
    await accessible(page);

    /* It is kept, and waits all the same. */
    await page.reload();
    await inLog(page, text).waitFor();
    await page.getByRole('checkbox', { name: 'I agree' }).waitFor();
    await page.getByText('Waiting').waitFor();
    assert.deepEqual(begins, []);

    await page.getByLabel('Name').fill('Ann');
    await page.getByRole('checkbox', { name: 'I agree' }).check();
    await start(page).click();
    await page.getByText('Sent').waitFor();
    await field(page).waitFor();
    assert.equal(begins.length, 1);

    const { visitor } = await noa().state(await noa().find(text));

    assert.equal(visitor.consent.version, '2026-11');
    assert.deepEqual(faults, []);
    await context.close();
});


test('what was filled in survives a refusal', async () => {
    const { page, context } = await open(browser, 'about:blank');
    const path = /v1\/session$/;

    await embed(page, { prefix: ASKING });
    await launcher(page).click();
    await page.getByLabel('Name').fill('Ann');
    await page.getByRole('checkbox').check();
    await page.route(path, (route) => route.request().method() === 'PATCH'
        ? route.fulfill({ status: 503, body: '{"code":"unavailable"}',
                          contentType: 'application/problem+json' })
        : route.continue());
    await start(page).click();
    await page.getByText('cannot be reached').waitFor();
    assert.equal(await page.getByLabel('Name').inputValue(), 'Ann');
    await page.unroute(path);
    await start(page).click();
    await field(page).waitFor();
    await context.close();
});


test('whom the site has identified is asked for consent alone', async () => {
    const { page, context, faults } = await open(browser, 'about:blank');

    await embed(page, { prefix: ASKING });
    await launcher(page).waitFor();
    await page.evaluate((identity) => window.chat.boot({ identity }),
                        token(ASKING_SITE, { sub: `u-${mark}`, name: 'Bea' }));
    await launcher(page).click();
    await page.getByRole('checkbox', { name: 'I agree' }).waitFor();
    assert.equal(await page.getByLabel('Name').count(), 0);
    await page.getByRole('checkbox', { name: 'I agree' }).check();
    await start(page).click();
    await write(page, 'Write a message', `Known ${mark}`);
    await page.getByText('Sent').waitFor();

    const { visitor } = await noa().state(await noa().find(`Known ${mark}`));

    assert.deepEqual([visitor.name, visitor.verified, visitor.external_id,
                      visitor.consent.version],
                     ['Bea', true, `u-${mark}`, '2026-11']);
    assert.deepEqual(faults, []);
    await context.close();
});


test('nobody is there: a text, and where to answer', async () => {
    const { page, context, faults } = await open(browser, 'about:blank');
    const omar = desk({ prefix: SINGLE, token: process.env.CHAT_SINGLE_TOKEN });

    await embed(page, { prefix: SINGLE });
    await launcher(page).click();
    await page.getByText('Nobody is here right now.').waitFor();
    await page.locator('.here', { hasText: 'Away' }).waitFor();
    await focused(field(page));
    await write(page, 'Write a message', `Late ${mark}`);
    await page.getByText('Sent').waitFor();
    await page.getByLabel('E-mail').fill('late@shop.test');
    await accessible(page);
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByText('Thank you. We answer to late@shop.test.')
              .waitFor();
    assert.equal(await page.getByLabel('E-mail').count(), 0);

    const id = await omar.find(`Late ${mark}`);

    assert.equal((await omar.state(id)).visitor.email, 'late@shop.test');
    assert.deepEqual(faults, []);
    await context.close();
});


test('one conversation: what would begin another goes into the first',
     async () =>
{
    const { page, context, faults } = await open(browser, 'about:blank');
    const omar = desk({ prefix: SINGLE, token: process.env.CHAT_SINGLE_TOKEN });

    await embed(page, { prefix: SINGLE, csp: false });
    await launcher(page).click();
    await page.getByText('Nobody is here right now.').waitFor();

    /* Begun elsewhere; this page does not know. */
    const id = await page.evaluate(async ([prefix, text]) => {
        const answer = await fetch(`${prefix}v1/conversations`, {
            method: 'POST', headers: { 'Content-Type': 'application/json' },
            body: JSON.stringify({ client_msg_id: 'first', text }) });

        return (await answer.json()).id;
    }, [SINGLE, `First ${mark}`]);

    await write(page, 'Write a message', `Second ${mark}`);
    await inLog(page, `Second ${mark}`).waitFor();
    await inLog(page, `First ${mark}`).waitFor();
    await until(async () => assert.equal(
        await omar.find(`Second ${mark}`), id));
    assert.equal((await omar.texts(`First ${mark}`)).length, 2);

    /* There is no other to begin. */
    await page.getByRole('button', { name: 'More', exact: true }).click();
    await page.getByRole('button', { name: 'Download conversation' })
              .waitFor();
    assert.equal(await page.getByRole('button', {
        name: 'New conversation' }).count(), 0);
    assert.deepEqual(faults.filter((it) => !/409/.test(it)), []);
    await context.close();
});


test('one conversation, as the page says', async () => {
    const { page, context } = await open(browser, 'about:blank');

    await embed(page, { attributes: 'data-single' });
    await openChat(page);
    await write(page, 'Write a message', `Alone ${mark}`);
    await page.getByText('Sent').waitFor();
    await page.getByRole('button', { name: 'More', exact: true }).click();
    await page.getByRole('button', { name: 'End conversation' }).waitFor();
    assert.equal(await page.getByRole('button', {
        name: 'New conversation' }).count(), 0);
    await context.close();
});


/* The side of the page, the colour, whether it is dark, and the heading. */
function look(page) {
    return hostOf(page, (host) => [
        host.getBoundingClientRect().x > innerWidth / 2 ? 'right' : 'left',
        getComputedStyle(host.shadowRoot.querySelector('.launcher'))
            .backgroundColor,
        host.hasAttribute('data-dark'), host.lang,
        host.shadowRoot.querySelector('#title').textContent]);
}


test('language and looks: of the site, unless the page says', async () => {
    const { page, context, faults } = await open(browser, 'about:blank');
    const green = 'rgb(10, 125, 85)';
    const title = 'שאלו את החנות';

    /* It does not change sides under the pointer. */
    await embed(page, { prefix: STYLED, lang: '' });
    await launcher(page).click();
    await page.getByRole('heading', { name: title }).waitFor();
    assert.deepEqual(await look(page), ['right', green, true, 'he', title]);

    /* A later page knows it from the beginning. */
    await page.evaluate(() => window.chat.close());
    await page.reload();
    await page.getByRole('button', { name: WORDS.he['launcher.open'] })
              .waitFor();
    assert.deepEqual((await hostOf(page, (host) => [
        host.getBoundingClientRect().x < innerWidth / 2, host.dir,
        getComputedStyle(host.shadowRoot.querySelector('.launcher'))
            .backgroundColor])), [true, 'rtl', green]);

    /* What the page says is heard. */
    await embed(page, { prefix: STYLED, attributes: 'data-title="Mine"'
        + ' data-theme="light" data-accent="#ffe14d" data-side="right"' });
    await launcher(page).click();
    await page.getByRole('heading', { name: 'Mine' }).waitFor();
    await field(page).waitFor();
    assert.deepEqual(await look(page), ['right', 'rgb(255, 225, 77)', false,
                                        'en', 'Mine']);
    assert.deepEqual(faults, []);
    await context.close();
});


test('who it is, what is known, and what happened, from the page', async () => {
    const { page, context, faults } = await open(browser, site.page);
    const tracked = [];

    page.on('request', (request) => {
        if (request.url().endsWith('/v1/track')) {
            tracked.push(...request.postDataJSON().map(
                ({ name, url, data }) => [name, url, data]));
        }
    });

    await launcher(page).waitFor();
    await page.evaluate(() => {
        window.chat.track('cart.add', { sku: 'A-1' });
        window.chat.set({ plan: 'gold' });
    });
    assert.deepEqual(tracked, [], 'nothing is told before it is opened');
    await openChat(page);
    await until(() => assert.deepEqual(
        tracked, [['cart.add', site.page, { sku: 'A-1' }]]));
    await write(page, 'Write a message', `Who ${mark}`);
    await page.getByText('Sent').waitFor();

    const id = await desk().find(`Who ${mark}`);

    await page.evaluate(() => window.chat.set({ name: 'Cleo', visits: 3 }));
    await until(async () => {
        const { visitor } = await desk().state(id);

        assert.deepEqual([visitor.name, visitor.verified, visitor.attributes],
                         ['Cleo', false, { plan: 'gold', visits: 3 }]);
    });

    /* What was said anonymously is his who is identified. */
    await page.evaluate((it) => window.chat.identify(it), token(PLAIN_SITE, {
        sub: `c-${mark}`, name: 'Cleo Case', email: 'cleo@shop.test' }));
    await inLog(page, `Who ${mark}`).waitFor();
    await write(page, 'Write a message', `Me ${mark}`);
    await desk().find(`Me ${mark}`);

    const { visitor } = await desk().state(id);

    assert.deepEqual([visitor.name, visitor.verified, visitor.external_id],
                     ['Cleo Case', true, `c-${mark}`]);
    assert.equal(await desk().find(`Me ${mark}`), id);
    await page.evaluate(() => window.chat.track('page'));
    await until(() => assert.equal(tracked.length, 2));
    assert.deepEqual(faults, []);
    await context.close();
});


/* What is kept in the browser, and whether the server knows it. */
function left(page) {
    return page.evaluate(async (prefix) => [
        localStorage.length, sessionStorage.length,
        (await indexedDB.databases()).length,
        (await fetch(`${prefix}v1/conversations`)).status], site.prefix);
}


test('shutdown: nothing is left, here, in another tab, at the server',
     async () =>
{
    const { page, context } = await open(browser, site.page);
    const other = await context.newPage();

    await openChat(page);
    await write(page, 'Write a message', `Gone ${mark}`);
    await page.getByText('Sent').waitFor();
    await other.goto(site.page);
    await launcher(other).click();
    await inLog(other, `Gone ${mark}`).waitFor();
    await field(other).fill('half a secret');

    await page.evaluate(() => window.chat.shutdown());
    await launcher(page).waitFor({ state: 'detached' });
    await field(other).waitFor({ state: 'detached' });
    assert.equal(await inLog(other, `Gone ${mark}`).count(), 0);

    for (const tab of [page, other]) {
        await until(async () => assert.deepEqual(await left(tab),
                                                 [0, 0, 0, 401]));
    }

    assert.deepEqual(await context.cookies(), []);

    /* The other tab has its launcher, as before the first click. */
    await launcher(other).click();
    await other.getByText('How can we help?').waitFor();
    assert.equal(await field(other).inputValue(), '');
    await write(other, 'Write a message', `Anew ${mark}`);
    await other.getByText('Sent').waitFor();
    assert.equal((await desk().texts(`Anew ${mark}`)).length, 1);

    /* This one too, once it is back. */
    await page.evaluate(() => window.chat.boot());
    await launcher(page).click();
    await inLog(page, `Anew ${mark}`).waitFor();
    await context.close();
});


test('shutdown that the server does not hear of is told', async () => {
    const { page, context } = await open(browser, site.page);

    await openChat(page);
    await write(page, 'Write a message', `Deaf ${mark}`);
    await page.getByText('Sent').waitFor();
    await page.route(/v1\/session$/, (route) => route.abort());
    await assert.rejects(page.evaluate(() => window.chat.shutdown()),
                         /unavailable/);
    await until(async () => assert.deepEqual(
        (await left(page)).slice(0, 3), [0, 0, 0]));
    await context.close();
});


const STATES = {
    async 'before a chat'(page, lang, words) {
        await embed(page, { prefix: ASKING, lang });
        await page.getByRole('button', { name: words['launcher.open'] })
                  .click();
        await page.getByRole('button', { name: words.start }).click();
        await page.getByText(words.need).waitFor();
    },

    async away(page, lang, words) {
        await embed(page, { prefix: SINGLE, lang });
        await page.getByRole('button', { name: words['launcher.open'] })
                  .click();
        await page.getByText(words.away).waitFor();
    },

    async 'away, written'(page, lang, words) {
        await page.getByRole('textbox', { name: words['composer.label'] })
                  .fill(`${lang} ${mark}`);
        await page.keyboard.press('Enter');
        await page.locator('[data-state=sent]').waitFor();
        await page.getByRole('button', { name: words.save }).waitFor();
    },
};


for (const [lang, words] of Object.entries(WORDS)) {
    test(`what is asked, ${lang}: wide and narrow, light, dark, forced`,
         async () =>
    {
        const { page, context } = await open(browser, 'about:blank');

        for (const [name, reach] of Object.entries(STATES)) {
            await page.setViewportSize({ width: 1280, height: 800 });
            await page.emulateMedia(LOOKS.light);
            await reach(page, lang, words);
            await everyLook(page, name, lang);
        }

        await context.close();
    });
}


/* Accessible in every look and width, with nothing cut off. */
async function everyLook(page, name, lang) {
    for (const [width, height] of SIZES) {
        await page.setViewportSize({ width, height });

        for (const [look, media] of Object.entries(LOOKS)) {
            await page.emulateMedia({ reducedMotion: 'reduce', ...media });

            try {
                await accessible(page);
            } catch (error) {
                error.message = `${name}, ${look}, ${width}: `
                                + error.message;
                throw error;
            }

            await shot(page, `all/${lang}-${name.replace(/\W+/g, '-')}-${
                             look}-${width}`);
        }

        assert.deepEqual(await hostOf(page, (host) => [
            ...host.shadowRoot.querySelectorAll('.panel *')]
            .filter((it) => it.checkVisibility() && it.clientWidth > 1
                    && it.localName !== 'textarea'
                    && !it.matches('.hidden')
                    && it.scrollWidth > it.clientWidth + 1
                    && getComputedStyle(it).display !== 'inline')
            .map((it) => it.className)), [], `${name} at ${width} px`);
    }
}


test('what being asked weighs', async () => {
    const { page, context } = await open(browser, 'about:blank');
    let sum = 0;
    let count = 0;

    page.on('requestfinished', async (request) => {
        if (/assets\/(widget-(card|prechat)|..-ask)/.test(request.url())) {
            sum += (await request.sizes()).responseBodySize;
            count++;
        }
    });
    await embed(page, { prefix: ASKING });
    await begin(page, 'Ann');
    await until(() => assert.equal(count, 3));
    assert.ok(sum <= 4.75 * 1024, `it has ${sum} bytes`);
    await context.close();
});
