/*
 * Copyright (C) the ngx_http_chat_module authors
 */

/*
 * What agents do with messages, with customers, and with each other.
 */

import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { accessible, inLog, launch, shot, write } from './browser.js';
import { as, desk, leave, reply, said, visitor } from './console-page.js';

const mark = Date.now().toString(36);

let browser;

before(async () => {
    browser = await launch();
});

after(() => browser?.close());


function row(page, text) {
    return page.locator('.list').getByRole('link', { name: text });
}


/* The line of the log in which a text stands. */
function line(page, text) {
    return page.locator('.log .line').filter({
        has: page.getByText(text, { exact: true }) });
}


function more(page, text) {
    return line(page, text).getByRole('button', {
        name: 'Change or remove this message' });
}


test('a reply is changed and taken back, and everybody sees it', async () => {
    const { id } = await visitor(`Edit ${mark}`);
    const dana = await desk(browser, 'dana', `#/all/c/${id}`);
    const sam = await desk(browser, 'sam', `#/all/c/${id}`);
    const { page } = dana;
    const dialog = page.getByRole('dialog', { name: 'Message' });
    const press = (one, name) => one.getByRole('button', {
        name, exact: true }).click();

    await inLog(page, `Edit ${mark}`).waitFor();
    await inLog(sam.page, `Edit ${mark}`).waitFor();

    /* What others say is not a plain agent's to change. */
    assert.equal(await more(page, `Edit ${mark}`).count(), 0);

    await write(page, 'Write a reply', `Wrogn ${mark}`);
    await more(page, `Wrogn ${mark}`).click();
    await accessible(page);
    await shot(page, 'console-edit');
    await dialog.getByLabel('Text').fill(`Wrong ${mark}`);
    await press(dialog, 'Save');
    await inLog(page, `Wrong ${mark}`).waitFor();
    assert.equal(await inLog(page, `Wrogn ${mark}`).count(), 0);
    await line(page, `Wrong ${mark}`).getByText('Edited').waitFor();
    await line(sam.page, `Wrong ${mark}`).getByText('Edited').waitFor();
    assert.equal(await page.evaluate(
        () => document.activeElement?.getAttribute('role')), 'log');

    /* By a key, and not at all. */
    await page.keyboard.press('Alt+KeyU');
    assert.equal(await dialog.getByLabel('Text').inputValue(),
                 `Wrong ${mark}`);
    await dialog.getByLabel('Text').fill(`Right ${mark}`);
    await page.keyboard.press('Escape');
    await dialog.waitFor({ state: 'hidden' });
    await inLog(page, `Wrong ${mark}`).waitFor();
    assert.deepEqual(await said(id), [`Edit ${mark}`, `Wrong ${mark}`]);

    /* A supervisor reads what it said, and takes it back. */
    const other = sam.page.getByRole('dialog', { name: 'Message' });

    await more(sam.page, `Wrong ${mark}`).click();
    await other.getByText(`Wrogn ${mark}`).waitFor();
    await other.getByText('Changed by \u2068Dana').waitFor();
    assert.equal(await other.getByLabel('Text').isVisible(), false);
    await accessible(sam.page);
    await shot(sam.page, 'console-history');
    await press(other, 'Remove the message');
    await other.getByText('and do not come back').waitFor();
    assert.equal(await line(sam.page, `Wrong ${mark}`).count(), 1);
    await press(other, 'Remove for good');

    for (const one of [page, sam.page]) {
        await inLog(one, 'This message was removed.').waitFor();
        assert.equal(await inLog(one, `Wrong ${mark}`).count(), 0);
    }

    await page.reload();
    await inLog(page, 'This message was removed.').waitFor();
    await more(sam.page, 'This message was removed.').click();
    await other.getByText('Removed by \u2068Sam').waitFor();
    assert.equal(await other.getByText(`Wrogn ${mark}`).count(), 0);
    await press(other, 'Cancel');

    /* So is what a visitor has said. */
    await more(sam.page, `Edit ${mark}`).click();
    await press(other, 'Remove the message');
    await press(other, 'Remove for good');
    await page.waitForFunction(() =>
        document.querySelectorAll('.log .mark').length === 2);
    assert.deepEqual((await said(id)).filter(Boolean), []);
    assert.deepEqual([...dana.faults, ...sam.faults], []);
    await leave(dana, sam);
});


test('a change that is refused says so, and is still there', async () => {
    const { id } = await visitor(`Refuse ${mark}`);

    await reply('dana', id, `Said ${mark}`);

    const { page, ...dana } = await desk(browser, 'dana', `#/all/c/${id}`);
    const dialog = page.getByRole('dialog', { name: 'Message' });
    const save = dialog.getByRole('button', { name: 'Save' });

    await page.route(/\/messages\/\d+$/, (route) => route.fulfill({
        status: 403, contentType: 'application/problem+json',
        body: '{"status":403,"code":"forbidden"}' }));
    await more(page, `Said ${mark}`).click();
    await dialog.getByLabel('Text').fill(`Better ${mark}`);
    await save.click();
    await dialog.getByText('You are not allowed to do this.').waitFor();
    await page.unroute(/\/messages\/\d+$/);
    await save.click();
    await inLog(page, `Better ${mark}`).waitFor();
    await row(page, `Better ${mark}`).waitFor();
    await leave(dana);
});
