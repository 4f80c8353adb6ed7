/*
 * Copyright (C) the ngx_http_chat_module authors
 */

/*
 * An administrator names the origin of another page in the console, and that
 * page has the widget from then on.
 */

import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { accessible, inLog, launch, open, site, write } from './browser.js';
import { as, desk, leave } from './console-page.js';
import { desk as agent, embed, openChat, until } from './widget-page.js';

const mark = Date.now().toString(36);
const far = new URL(process.env.CHAT_FAR_URL).origin;

let browser;

before(async () => {
    browser = await launch();
});

after(() => browser?.close());


async function preflight() {
    const { status } = await fetch(`${site.prefix}v1/session`, {
        method: 'OPTIONS', headers: { Origin: far } });

    return status;
}


test('the console has a field for origins', async () => {
    const { page, faults, ...ada } = await desk(browser, 'ada',
                                                '#/settings/site');
    const field = page.getByLabel('Origins', { exact: true });
    const save = page.getByRole('button', { name: 'Save', exact: true });
    const done = page.locator('.settings').getByText('Done.');
    const stored = async () => (await as('ada', 'GET', 'site')).origins;

    await field.waitFor();
    assert.deepEqual([await field.getAttribute('dir'),
                      await field.inputValue()], ['ltr', '']);
    assert.equal(await preflight(), 403);

    /* What is wrong is said at the field; what is typed stays. */
    await field.fill('https://shop.test/page');
    await save.click();
    await field.locator('xpath=following-sibling::*[1][@role="alert"]')
               .getByText('Each line is a scheme').waitFor();
    assert.deepEqual(await field.evaluate((it) =>
        [it.getAttribute('aria-invalid'), it === document.activeElement,
         it.value]), ['true', true, 'https://shop.test/page']);
    await accessible(page);
    assert.equal(await stored(), null);

    await field.fill(`HTTPS://Shop.Test:443\n\n${far} `);
    await save.click();
    await done.waitFor();
    assert.deepEqual(await stored(), ['https://shop.test', far]);
    assert.deepEqual([await field.inputValue(),
                      await field.getAttribute('aria-invalid')],
                     [`https://shop.test\n${far}`, null]);
    await until(async () => assert.equal(await preflight(), 204));
    assert.deepEqual(faults.filter((it) => !it.includes('422')), []);
    await leave(ada);
});


test('a page of that origin has the widget', async () => {
    const dana = agent();
    const { page, context, faults } = await open(browser, 'about:blank');

    await embed(page, { url: `${far}/far.html` });
    await openChat(page);
    await write(page, 'Write a message', `Far ${mark}`);
    await page.getByText('Sent').waitFor();

    const id = await dana.find(`Far ${mark}`);

    await dana.say(id, `Near ${mark}`);
    await inLog(page, `Near ${mark}`).waitFor();
    assert.deepEqual(await context.cookies(), []);
    assert.deepEqual(faults, []);
    await context.close();
});


test('without it, it has none', async () => {
    const { page, faults, ...ada } = await desk(browser, 'ada',
                                                '#/settings/site');
    const field = page.getByLabel('Origins', { exact: true });

    await field.waitFor();
    await field.fill('');
    await page.getByRole('button', { name: 'Save', exact: true }).click();
    await page.locator('.settings').getByText('Done.').waitFor();
    assert.equal((await as('ada', 'GET', 'site')).origins, null);
    await until(async () => assert.equal(await preflight(), 403));
    assert.deepEqual(faults, []);
    await leave(ada);
});
