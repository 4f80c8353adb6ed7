/*
 * Copyright (C) the ngx_http_chat_module authors
 */

/*
 * PostgreSQL and Redis, away and hanging, as the visitor sees it: a sentence,
 * and nothing that was typed is lost or comes twice.
 */

import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { accessible, inLog, launch, open, site, write } from './browser.js';
import { server } from './outage.js';
import { desk, openChat, until } from './widget-page.js';

const mark = Date.now().toString(36);
const TRYING = 'Still trying to send…';
const AWAY = 'The chat cannot be reached right now.';

let browser;

before(async () => {
    browser = await launch();
});

after(() => browser?.close());


const postgres = server('CHAT_POSTGRES', 'fsync=off');
const redis = server('CHAT_REDIS');
const field = (page) => page.getByRole('textbox');

/* What the visitor has said in the end, and what the page shows of it. */
async function agree(page, ...said) {
    await until(async () => {
        await page.evaluate(() => window.dispatchEvent(new Event('online')));
        assert.deepEqual(await desk().texts(said[0]), said);
    });
    await until(async () => assert.deepEqual(
        await page.locator('.own .bubble').allTextContents(), said));
    await page.getByText(TRYING).waitFor({ state: 'detached' });
    await page.getByText(AWAY).waitFor({ state: 'hidden' });
}


test('PostgreSQL is away: what is typed waits, and is sent once', async () => {
    const { page, context } = await open(browser, site.page);
    const later = await open(browser, site.page);
    const [one, two, three] = ['One', 'Two', 'Three'].map(
        (it) => `${it} ${mark}`);

    await openChat(page);
    await write(page, 'Write a message', one);
    await page.getByText('Sent').waitFor();

    await postgres.without(async () => {
        await write(page, 'Write a message', two);
        await page.getByText(TRYING).waitFor();
        await accessible(page);
        await field(page).fill('half a sentence');

        /* Somebody who comes meanwhile is told, and may write. */
        await openChat(later.page);
        await later.page.getByText(AWAY).waitFor();
        await accessible(later.page);
        await write(later.page, 'Write a message', three);
        await inLog(later.page, three).waitFor();
    }, 'immediate');

    await agree(page, one, two);
    assert.equal(await field(page).inputValue(), 'half a sentence');
    await agree(later.page, three);
    await context.close();
    await later.context.close();
});


test('PostgreSQL hangs: the same', async () => {
    const { page, context } = await open(browser, site.page);
    const [one, two] = ['Four', 'Five'].map((it) => `${it} ${mark}`);

    await openChat(page);
    await write(page, 'Write a message', one);
    await page.getByText('Sent').waitFor();

    await postgres.frozen(async () => {
        await write(page, 'Write a message', two);
        await page.getByText(TRYING).waitFor();
        await page.reload();
        await page.getByText(AWAY).waitFor();
        await inLog(page, two).waitFor();
    });

    await agree(page, one, two);
    await context.close();
});


for (const [how, name] of [['without', 'is away'], ['frozen', 'hangs']]) {
    test(`Redis ${name}: messages come and go`, async () => {
        const { page, context } = await open(browser, site.page);
        const [one, two] = ['Six', 'Seven'].map(
            (it) => `${it} ${how} ${mark}`);

        await openChat(page);
        await write(page, 'Write a message', one);
        await page.getByText('Sent').waitFor();

        const id = await desk().find(one);

        await redis[how](async () => {
            await write(page, 'Write a message', two);
            await page.locator('[data-state=sent]').nth(1).waitFor();
            await desk().say(id, `Answer ${how} ${mark}`);
            await inLog(page, `Answer ${how} ${mark}`).waitFor();
            assert.equal(await page.getByText('Connection lost').count(), 0);
            assert.equal(await page.getByText(AWAY).isVisible(), false);
        });

        /* What is not stored is there again, once Redis is. */
        await until(async () => {
            await desk().typing(id);
            await page.getByText(/is typing/).waitFor({ timeout: 2000 });
        });
        await agree(page, one, two);
        await context.close();
    });
}
