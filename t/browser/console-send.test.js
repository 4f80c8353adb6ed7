/*
 * Copyright (C) the ngx_http_chat_module authors
 */

/*
 * Cards that agents send: made in a dialog, answered in the widget, and shown
 * with their answers as these come.
 */

import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { accessible, inLog, launch, open, shot, write } from './browser.js';
import { as, desk, leave, said, visitor } from './console-page.js';
import { embed, openChat } from './widget-page.js';

const mark = Date.now().toString(36);
const LANGUAGES = ['en', 'ar', 'he'];
const KINDS = ['choices', 'rating', 'form'];

const WORDS = Object.fromEntries(await Promise.all(LANGUAGES.map(
    async (lang) => [lang, (await import(
        `../../src/assets/${lang}-console.js`)).default])));

let browser;

before(async () => {
    browser = await launch();
});

after(() => browser?.close());


/* A visitor in a page with the widget, who has written. */
async function customer(text) {
    const one = await open(browser, 'about:blank');

    await embed(one.page);
    await openChat(one.page);
    await write(one.page, 'Write a message', text);
    await one.page.getByText('Sent').waitFor();

    return one;
}


/* The line of a log that asks that, of the console or of the widget. */
const asks = (page, question) => page.locator('.line').filter({
    has: page.getByText(question, { exact: true }) });

const cardOf = (page, question) => asks(page, question).locator('.asked');

const dialogOf = (page) => page.getByRole('dialog', { name: 'Send a card' });

const field = (dialog, name) => dialog.getByLabel(name, { exact: true });

const send = (dialog) => dialog.getByRole('button', { name: 'Send a card' })
                               .click();


/* The dialog, opened by its key. */
async function begin(page) {
    await page.keyboard.press('Alt+KeyQ');
    await dialogOf(page).waitFor();

    return dialogOf(page);
}


/* The messages with that text, as they are stored. */
async function stored(id, text) {
    const { events } = await as('ada', 'GET', `conversations/${id}/events`);

    return events.filter((it) => it.type === 'message' && it.text === text);
}


function row(page, text) {
    return page.locator('.list').getByRole('link', { name: text });
}


test('a poll is answered in the widget, and the console shows it at once',
     async () =>
{
    const question = `Tea or coffee? ${mark}`;
    const ann = await customer(`Poll ${mark}`);
    const { page, faults, ...dana } = await desk(browser, 'dana', '#/all');
    const card = cardOf(page, question);
    const chosen = card.locator('[data-chosen]');

    await row(page, `Poll ${mark}`).click();
    await inLog(page, `Poll ${mark}`).waitFor();
    await page.getByRole('button', { name: 'Card', exact: true }).click();

    const dialog = dialogOf(page);

    await dialog.waitFor();
    await field(dialog, 'Question').fill(question);

    /* Enter goes from line to line, and makes further ones. */
    await field(dialog, 'Option 1').fill('Tea');
    await field(dialog, 'Option 1').press('Enter');
    await page.keyboard.type('Milk');
    await page.keyboard.press('Enter');
    await field(dialog, 'Option 3').fill('Coffee');
    await dialog.getByRole('button', { name: 'Remove Option 2' }).click();
    await field(dialog, 'Option 3').waitFor({ state: 'detached' });
    assert.equal(await field(dialog, 'Option 2').inputValue(), 'Coffee');
    await accessible(page);
    await shot(page, 'console-card');
    await send(dialog);

    await card.getByText('Not answered yet.').waitFor();
    assert.deepEqual((await card.locator('li').allTextContents())
                     .map((it) => it.trim()), ['Tea', 'Coffee']);

    const answer = (name) => asks(ann.page, question)
                             .getByRole('button', { name }).click();

    await answer('Coffee');
    await chosen.filter({ hasText: 'Coffee' }).waitFor();
    await card.getByText('Answered, ').waitFor();
    await page.locator('.other .bubble').getByText('Coffee').waitFor();
    await accessible(page);
    await shot(page, 'console-answered');

    /* The last answer counts. */
    await answer('Tea');
    await chosen.filter({ hasText: 'Tea' }).waitFor();
    assert.equal(await chosen.count(), 1);

    await page.reload();
    await chosen.filter({ hasText: 'Tea' }).waitFor();
    assert.equal(await chosen.count(), 1);
    assert.deepEqual([...faults, ...ann.faults], []);
    await leave(dana, ann);
});


test('a rating and a form, with what was answered', async () => {
    const rating = `How was it? ${mark}`;
    const form = `Where to? ${mark}`;
    const ann = await customer(`Ask ${mark}`);
    const { page, faults, ...dana } = await desk(browser, 'dana', '#/all');

    await row(page, `Ask ${mark}`).click();
    await inLog(page, `Ask ${mark}`).waitFor();

    const id = new URL(page.url()).hash.split('/').pop();
    let dialog = await begin(page);

    await field(dialog, 'Kind').selectOption({ label: 'Rating' });
    await field(dialog, 'Question').fill(rating);
    await dialog.getByLabel('Can be answered only once').check();
    await send(dialog);
    await cardOf(page, rating).getByText('Not answered yet.').waitFor();

    dialog = await begin(page);
    await field(dialog, 'Kind').selectOption({ label: 'Form' });
    await field(dialog, 'Question').fill(form);
    await field(dialog, 'Field 1').fill('Street');
    await dialog.getByLabel('Required').check();
    await dialog.getByRole('button', { name: 'Add a question' }).click();
    await field(dialog, 'Field 2').fill('דוא״ל');
    await dialog.locator('#card-type-1').selectOption('email');
    await field(dialog, 'Text of the button').fill('Hand in');
    await accessible(page);
    await send(dialog);
    await cardOf(page, form).getByText('Not answered yet.').waitFor();

    const asked = async (text) => (await stored(id, text)).map(
        (it) => it.card);

    assert.deepEqual(await asked(rating), [{ type: 'rating', once: true }]);
    assert.deepEqual(await asked(form), [{
        type: 'form', submit: 'Hand in', fields: [
            { name: 'street', label: 'Street', type: 'text',
              required: true },
            { name: 'field-2', label: 'דוא״ל', type: 'email',
              required: false }] }]);

    const stars = asks(ann.page, rating);

    await stars.getByRole('radio').nth(3).check();
    await stars.getByLabel('Comment (optional)').fill('quick\nand warm');
    await stars.getByRole('button', { name: 'Send' }).click();
    await cardOf(page, rating).getByText('4 of 5').waitFor();
    assert.equal(await cardOf(page, rating).locator('.comment')
                       .textContent(), 'quick\nand warm');

    const fields = asks(ann.page, form);

    await fields.getByLabel('Street').fill('12 Hill Road');
    await fields.getByRole('button', { name: 'Hand in' }).click();
    await cardOf(page, form).getByText('12 Hill Road').waitFor();
    assert.deepEqual(await cardOf(page, form).locator('dt, dd')
                           .allTextContents(),
                     ['Street', '12 Hill Road', 'דוא״ל', '–']);
    assert.deepEqual([...faults, ...ann.faults], []);
    await leave(dana, ann);
});


test('what was begun is there after Escape and a reload', async () => {
    const one = await visitor(`Begun ${mark}`);
    const two = await visitor(`Other ${mark}`);
    const { page, faults, ...dana } = await desk(browser, 'dana',
                                                 `#/all/c/${one.id}`);

    await inLog(page, `Begun ${mark}`).waitFor();

    let dialog = await begin(page);

    await field(dialog, 'Question').fill('Which one?');
    await field(dialog, 'Option 1').fill('This one');
    await dialog.getByLabel('Several answers may be chosen').check();
    await page.keyboard.press('Escape');
    await dialog.waitFor({ state: 'hidden' });
    await page.reload();
    await inLog(page, `Begun ${mark}`).waitFor();

    dialog = await begin(page);
    assert.deepEqual([
        await field(dialog, 'Question').inputValue(),
        await field(dialog, 'Option 1').inputValue(),
        await dialog.getByLabel('Several answers may be chosen')
                    .isChecked()], ['Which one?', 'This one', true]);
    await page.keyboard.press('Escape');
    await dialog.waitFor({ state: 'hidden' });

    /* It is of its conversation. */
    await row(page, `Other ${mark}`).click();
    await inLog(page, `Other ${mark}`).waitFor();
    dialog = await begin(page);
    assert.equal(await field(dialog, 'Question').inputValue(), '');
    assert.deepEqual(await said(two.id), [`Other ${mark}`]);
    assert.deepEqual(faults, []);
    await leave(dana);
});


test('what is wrong is said at its field, by the server as well',
     async () =>
{
    const { id } = await visitor(`Wrong ${mark}`);
    const { page, ...dana } = await desk(browser, 'dana', `#/all/c/${id}`);
    const wrong = (dialog, name) => field(dialog, name).evaluate(
        (it) => document.getElementById(it.getAttribute('aria-describedby')
                                        || '')?.textContent);
    const long = `${'long '.repeat(300)}${mark}`;

    await inLog(page, `Wrong ${mark}`).waitFor();

    let dialog = await begin(page);

    await send(dialog);
    assert.deepEqual([await wrong(dialog, 'Question'),
                      await wrong(dialog, 'Option 1'),
                      await wrong(dialog, 'Option 2')],
                     Array(3).fill('Please fill this in.'));
    assert.equal(await field(dialog, 'Question').evaluate(
        (it) => it === document.activeElement), true);
    await accessible(page);

    await field(dialog, 'Question').fill(long);
    await field(dialog, 'Option 1').fill('א'.repeat(201));
    await field(dialog, 'Option 2').fill('no');
    await send(dialog);
    assert.equal(await wrong(dialog, 'Option 1'), 'This is too long.');
    assert.equal(await wrong(dialog, 'Question'), undefined);
    await field(dialog, 'Option 1').fill('yes');
    assert.equal(await wrong(dialog, 'Option 1'), undefined);

    /* This site takes no more than 1,024 bytes. */
    await send(dialog);
    await dialog.getByText('holds something that cannot be sent').waitFor();
    assert.match(await wrong(dialog, 'Question'), /holds something/);
    assert.equal(await field(dialog, 'Question').inputValue(), long);
    assert.equal(await field(dialog, 'Option 2').inputValue(), 'no');
    assert.equal(await page.locator('.own').count(), 0);

    await page.route(/\/messages$/, (route) => route.fulfill({
        status: 422, contentType: 'application/problem+json',
        body: '{"status":422,"code":"invalid_field","field":"card"}' }));
    await field(dialog, 'Question').fill(`Short ${mark}`);
    await send(dialog);
    await dialog.getByRole('alert')
                .getByText('holds something that cannot be sent').waitFor();
    await page.unroute(/\/messages$/);
    await send(dialog);
    await cardOf(page, `Short ${mark}`).waitFor();
    await page.locator('.own[data-state=sent]').waitFor();
    assert.equal(await page.locator('.own').count(), 1);
    assert.deepEqual(await said(id), [`Wrong ${mark}`, `Short ${mark}`]);
    await leave(dana);
});


test('a card that may have arrived is sent again, and stored once',
     async () =>
{
    const question = `Once? ${mark}`;
    const { id } = await visitor(`Twice ${mark}`);
    const { page, ...dana } = await desk(browser, 'dana', `#/all/c/${id}`);

    await inLog(page, `Twice ${mark}`).waitFor();

    /* Stored, but the page does not hear of it. */
    await page.route(/\/messages$/, async (route) => {
        await route.fetch().catch(() => null);
        await route.fulfill({ status: 503,
                              contentType: 'application/problem+json',
                              body: '{"status":503,"code":"unavailable"}' })
                   .catch(() => null);
    });

    const dialog = await begin(page);

    await field(dialog, 'Question').fill(question);
    await field(dialog, 'Option 1').fill('yes');
    await field(dialog, 'Option 2').fill('no');
    await Promise.all([page.waitForResponse(/\/messages$/), send(dialog)]);
    await page.reload();
    await page.unroute(/\/messages$/);
    await cardOf(page, question).waitFor();

    /* Nothing is left to be sent. */
    await page.waitForFunction(() => !Object.keys(localStorage).some(
        (key) => key.includes('#out:')));
    assert.equal(await cardOf(page, question).count(), 1);
    assert.equal((await stored(id, question)).length, 1);
    await leave(dana);
});


for (const lang of LANGUAGES) {
    for (const colorScheme of ['light', 'dark']) {
        test(`cards, ${lang}, ${colorScheme}`, async () => {
            const t = WORDS[lang];
            const { id } = await visitor(`Look ${lang} ${mark}`);

            await as('dana', 'POST', `conversations/${id}/messages`, {
                client_msg_id: `look-${lang}-${colorScheme}`,
                text: `Poll ${mark}`, card: { type: 'choices', options: [
                    { id: 'a', text: 'أ' }, { id: 'b', text: 'b' }] } });

            const { page, faults, ...dana } = await desk(
                browser, 'dana', `#/all/c/${id}`, {
                    locale: lang, colorScheme, reducedMotion: 'reduce',
                    viewport: { width: 320, height: 568 } });

            await cardOf(page, `Poll ${mark}`).getByText(t['card.open'])
                                              .waitFor();
            await accessible(page);
            await page.keyboard.press('Alt+KeyQ');

            const dialog = page.getByRole('dialog', {
                name: t['card.title'] });

            await dialog.waitFor();

            for (const kind of KINDS) {
                await dialog.locator('#card-kind').selectOption(kind);
                await dialog.getByRole('button', { name: t['card.title'] })
                            .click();
                await dialog.getByText(t['card.need']).first().waitFor();
                await accessible(page);
                assert.equal(await dialog.evaluate(
                    (it) => it.scrollWidth <= it.clientWidth), true);
            }

            assert.deepEqual(faults, []);
            await leave(dana);
        });
    }
}
