/*
 * Copyright (C) the ngx_http_chat_module authors
 */

/*
 * Cards in the widget: each kind answered in its place, by pointer and by
 * keyboard, kept through a reload, and seen by the other side.
 */

import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { accessible, inLog, launch, noSockets, open, site, write }
    from './browser.js';
import { desk, openChat, until } from './widget-page.js';

const mark = Date.now().toString(36);
const LOOKS = ['light', 'dark'];
const CARDS = {
    'Tea or coffee?': { type: 'choices', options: [
        { id: 't', text: 'Tea' }, { id: 'c', text: 'Coffee' }] },
    'What goes with it?': { type: 'choices', multiple: true, options: [
        { id: 'm', text: 'Milk' }, { id: 's', text: 'Sugar' },
        { id: 'h', text: 'Honey' }] },
    'How was it?': { type: 'rating', once: true },
    'Where shall it go?': { type: 'form', submit: 'Hand in', fields: [
        { name: 'street', label: 'Street', required: true },
        { name: 'email', label: 'E-mail', required: true },
        { name: 'more', label: 'Anything else', type: 'long' }] },
    'See also': { type: 'links', links: [
        { title: 'Opening hours', url: 'https://shop.test/hours?a=b',
          text: 'All week' }] },
};
const [POLL, MANY, RATING, FORM, LINKS] = Object.keys(CARDS);

let browser;

before(async () => {
    browser = await launch();
});

after(() => browser?.close());


/* A conversation in which the agent has asked; its id. */
async function asked(page, text, ...questions) {
    await openChat(page);
    await write(page, 'Write a message', text);
    await page.getByText('Sent').waitFor();

    const id = await desk().find(text);

    for (const question of questions) {
        await desk().say(id, question, CARDS[question]);
    }

    return id;
}


/* The line of the log that asks that. */
const line = (page, question) => page.locator('.other').filter({
    has: page.locator('.bubble > p', { hasText: question }) });

const closed = async (card) => assert.equal(
    await card.locator('fieldset').evaluate((it) => it.disabled), true);

const recorded = (page, question) => line(page, question)
    .getByText('Your answer is recorded.').waitFor();


test('a poll: chosen, recorded, changed, there after a reload', async () => {
    const { page, context, faults } = await open(browser, site.page);
    const id = await asked(page, `Poll ${mark}`, POLL);
    const button = (name) => line(page, POLL).getByRole('button', { name });
    const pressed = async (name) => assert.equal(
        await button(name).getAttribute('aria-pressed'), 'true');

    await button('Coffee').click();
    await recorded(page, POLL);
    await page.locator('.own').filter({ hasText: 'Coffee' }).waitFor();
    await pressed('Coffee');
    await until(async () => assert.deepEqual(
        await desk().answers(id),
        [[POLL, { options: ['c'] }, 'Coffee']]));

    await button('Tea').click();
    await until(() => pressed('Tea'));
    await page.locator('.own').filter({ hasText: 'Tea' }).waitFor();
    assert.equal(await button('Coffee').getAttribute('aria-pressed'),
                 'false');

    await page.reload();
    await button('Tea').waitFor();
    await until(() => pressed('Tea'));
    await recorded(page, POLL);
    assert.equal(await page.locator('.own').count(), 3);
    assert.deepEqual(faults, []);
    await context.close();
});


test('several choices, a rating, a form, links', async () => {
    const { page, context, faults } = await open(browser, site.page);
    const id = await asked(page, `All ${mark}`, MANY, RATING, FORM, LINKS);
    const many = line(page, MANY);
    const rating = line(page, RATING);
    const form = line(page, FORM);

    /* What is missing is said, and the focus goes there. */
    await many.getByRole('button', { name: 'Send' }).click();
    await many.getByText('Please choose an answer.').waitFor();
    await many.getByRole('checkbox', { name: 'Milk' }).check();
    await many.getByRole('checkbox', { name: 'Honey' }).check();
    await many.getByRole('button', { name: 'Send' }).click();
    await recorded(page, MANY);

    await rating.getByRole('radio', { name: 'Good', exact: false }).first()
                .check();
    await rating.getByLabel('Comment (optional)').fill('quick\nand warm');
    await rating.getByRole('button', { name: 'Send' }).click();
    await recorded(page, RATING);
    await closed(rating);

    await form.getByRole('button', { name: 'Hand in' }).click();
    await form.getByText('Please fill this in.').first().waitFor();
    await until(async () => assert.equal(await form.getByLabel('Street')
        .evaluate((it) => it.getRootNode().activeElement === it), true));
    await accessible(page);
    await form.getByLabel('Street').fill('12 Hill Road');
    await form.getByLabel('E-mail').fill('ann at shop');
    await form.getByRole('button', { name: 'Hand in' }).click();
    await form.getByText('Please write an address').waitFor();
    await form.getByLabel('E-mail').fill('ann@shop.test');
    await form.getByRole('button', { name: 'Hand in' }).click();
    await recorded(page, FORM);

    assert.deepEqual(await line(page, LINKS).getByRole('link').evaluateAll(
        (all) => all.map((a) => [a.textContent, a.href, a.rel])),
        [['Opening hours', 'https://shop.test/hours?a=b',
          'noopener noreferrer']]);

    const answers = [
        [MANY, { options: ['m', 'h'] }, 'Milk, Honey'],
        [RATING, { rating: 4, comment: 'quick\nand warm' },
         '4/5: quick\nand warm'],
        [FORM, { fields: { street: '12 Hill Road',
                           email: 'ann@shop.test' } }, null],
    ];

    await until(async () => assert.deepEqual(
        (await desk().answers(id)).map((it, i) =>
            i === 2 ? [it[0], it[1], null] : it), answers));

    await page.reload();
    await recorded(page, FORM);
    assert.equal(await form.getByLabel('Street').inputValue(),
                 '12 Hill Road');
    assert.equal(await form.getByLabel('E-mail').inputValue(),
                 'ann@shop.test');
    assert.equal(await many.getByRole('checkbox', { name: 'Sugar' })
                           .isChecked(), false);
    assert.equal(await many.getByRole('checkbox', { name: 'Honey' })
                           .isChecked(), true);
    assert.equal(await rating.locator('input[value="4"]').isChecked(), true);
    await closed(rating);
    assert.deepEqual(faults, []);
    await context.close();
});


test('by the keyboard alone', async () => {
    const { page, context, faults } = await open(browser, site.page);
    const id = await asked(page, `Keys ${mark}`, POLL, RATING);

    await line(page, RATING).getByRole('button', { name: 'Send' }).waitFor();
    await page.getByRole('textbox', { name: 'Write a message' }).focus();

    const press = async (...keys) => {
        for (const key of keys) {
            await page.keyboard.press(key);
        }
    };

    await press('Shift+Tab', 'Shift+Tab', 'Shift+Tab', 'Space', 'ArrowUp');

    const rating = Number(await line(page, RATING).locator('input:checked')
                                                  .inputValue());

    await press('Tab', 'o', 'k', 'Tab', 'Enter');
    await recorded(page, RATING);

    /* Answered once and for all: the focus stays in the card. */
    await until(async () => assert.equal(await line(page, RATING)
        .locator('[role=status]').evaluate(
            (it) => it.getRootNode().activeElement === it), true));

    await press('Shift+Tab', 'Enter');
    await recorded(page, POLL);
    await until(async () => assert.deepEqual(
        (await desk().answers(id)).map((it) => it[1]),
        [{ rating, comment: 'ok' }, { options: ['c'] }]));
    assert.deepEqual(faults, []);
    await context.close();
});


test('an answer that does not arrive is kept, tried again, stored once',
     async () =>
{
    const { page, context } = await open(browser, site.page);
    const id = await asked(page, `Again ${mark}`, POLL, RATING, FORM);
    const tea = line(page, POLL).getByRole('button', { name: 'Tea' });
    const form = line(page, FORM);
    const rating = line(page, RATING);
    const path = /\/responses$/;
    const wake = () => page.evaluate(
        () => window.dispatchEvent(new Event('online')));

    /* Stored, but the page does not hear of it. */
    await page.route(path, async (route) => {
        await route.fetch();
        await route.fulfill({ status: 503, body: '{"code":"unavailable"}',
                              contentType: 'application/problem+json' });
    });
    await tea.click();
    await line(page, POLL).getByText('Still trying to send').waitFor();
    await page.unroute(path);
    await wake();
    await recorded(page, POLL);
    await until(async () => assert.equal(
        (await desk().answers(id)).length, 1));

    /* The page is left before it could be sent. */
    await page.route(path, (route) => route.abort());
    await form.getByLabel('Street').fill('12 Hill Road');
    await form.getByLabel('E-mail').fill('ann@shop.test');
    await form.getByRole('button', { name: 'Hand in' }).click();
    await form.getByText('Still trying to send').waitFor();
    await page.reload();
    await form.getByText('Still trying to send').waitFor();
    assert.equal(await form.getByLabel('Street').inputValue(),
                 '12 Hill Road');
    await page.unroute(path);
    await wake();
    await recorded(page, FORM);
    await until(async () => assert.deepEqual(
        (await desk().answers(id)).map((it) => it[1]),
        [{ options: ['t'] }, { fields: { street: '12 Hill Road',
                                         email: 'ann@shop.test' } }]));
    assert.equal(await page.getByText('Not sent').count(), 0);

    /* Another page was quicker. */
    await page.route(path, (route) => route.fulfill({
        status: 409, body: '{"status":409,"code":"conflict"}',
        contentType: 'application/problem+json' }));
    await rating.getByRole('radio').first().check();
    await rating.getByRole('button', { name: 'Send' }).click();
    await rating.getByText('This has been answered already.').waitFor();
    await context.close();
});


test('a part that does not come is asked for again', async () => {
    const { page, context } = await open(browser, 'about:blank');
    let tries = 0;

    await page.route(/assets\/widget-card/, (route) => tries++
        ? route.continue() : route.abort());
    await page.goto(site.page);
    await asked(page, `Late ${mark}`, POLL);
    await line(page, POLL).getByRole('button', { name: 'Tea' }).click();
    await recorded(page, POLL);
    assert.ok(tries > 1);
    await context.close();
});


test('a card of another kind is its text', async () => {
    const { page, context, faults } = await open(browser, 'about:blank');

    await noSockets(page);
    await page.route(/\/events(\?|$)/, async (route) => {
        const answer = await route.fetch();
        const text = (await answer.text()).replaceAll('"choices"', '"dance"');

        await route.fulfill({ response: answer, body: text });
    });
    await page.route(/v1\/stream/, (route) => route.abort());
    await page.goto(site.page);
    await openChat(page);
    await write(page, 'Write a message', `Odd ${mark}`);
    await page.getByText('Sent').waitFor();

    const id = await desk().find(`Odd ${mark}`);

    await desk().say(id, POLL, CARDS[POLL]);
    await page.reload();
    await inLog(page, POLL).waitFor();
    await page.locator('.other .file[hidden]').waitFor({ state: 'attached' });
    assert.equal(await page.getByRole('button', { name: 'Tea' }).count(), 0);
    assert.deepEqual(faults.filter((it) => !/ERR_FAILED|WebSocket/.test(it)),
                     []);
    await context.close();
});


for (const lang of ['en', 'ar', 'he']) {
    test(`accessible, ${lang}: light and dark, wide and narrow`, async () => {
        const { page, context } = await open(browser, site.page);

        await asked(page, `Look ${lang} ${mark}`, ...Object.keys(CARDS));
        await page.evaluate((to) => window.chat.setLocale(to), lang);
        await line(page, POLL).getByRole('button').first().click();
        await line(page, FORM).getByRole('button').click();
        await line(page, FORM).locator('[aria-invalid]').first().waitFor();

        for (const [width, height] of [[1280, 800], [320, 568]]) {
            await page.setViewportSize({ width, height });

            for (const colorScheme of LOOKS) {
                await page.emulateMedia({ colorScheme,
                                          reducedMotion: 'reduce' });
                await accessible(page);
            }

            assert.equal(await page.locator('.log').evaluate(
                (it) => it.scrollWidth <= it.clientWidth), true,
                         `nothing is cut off at ${width} px`);
        }

        await context.close();
    });
}


test('what cards weigh', async () => {
    const { page, context } = await open(browser, 'about:blank');
    const loads = [];

    page.on('requestfinished', async (request) => {
        if (/assets\/(widget-(card|prechat)|..-ask)/.test(request.url())) {
            loads.push((await request.sizes()).responseBodySize);
        }
    });
    await page.goto(site.page);
    await openChat(page);
    await write(page, 'Write a message', `Weight ${mark}`);
    await page.getByText('Sent').waitFor();
    assert.deepEqual(loads, [], 'what is not needed is not loaded');

    const id = await desk().find(`Weight ${mark}`);

    await desk().say(id, POLL, CARDS[POLL]);
    await line(page, POLL).getByRole('button').first().waitFor();
    await until(() => assert.equal(loads.length, 2));

    const sum = loads.reduce((all, bytes) => all + bytes, 0);

    assert.ok(sum <= 3.25 * 1024, `cards have ${sum} bytes`);
    await context.close();
});
