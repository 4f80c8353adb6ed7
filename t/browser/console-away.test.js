/*
 * Copyright (C) the ngx_http_chat_module authors
 */

/*
 * PostgreSQL, away and hanging, as agents see it: they read on, what they
 * write waits, and none of it is lost or comes twice.
 */

import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { accessible, inLog, launch, shot, write } from './browser.js';
import { desk, leave, said, until, visitor } from './console-page.js';
import { server } from './outage.js';

const mark = Date.now().toString(36);
const AWAY = 'The store has been away since';
const REPLY = 'Write a reply';

const postgres = server('CHAT_POSTGRES', 'fsync=off');

let browser;

before(async () => {
    browser = await launch();
});

after(() => browser?.close());


/* What the API answers: each worker has its own connections to be restored. */
async function answered(act) {
    let answer = null;

    await until(async () => {
        answer = await act().catch(() => null);

        return answer !== null;
    });

    return answer;
}


/* Until a message is stored; who is told so does not wait longer for that. */
function arrived(page, text) {
    const line = page.locator('.line[data-state=sent]')
                     .filter({ hasText: text });

    return until(async () => {
        await page.evaluate(() => window.dispatchEvent(new Event('online')));

        return line.waitFor({ timeout: 2000 }).then(() => true, () => false);
    });
}


for (const [how, name, ...mode] of [['without', 'is away', 'immediate'],
                                    ['frozen', 'hangs']])
{
    test(`PostgreSQL ${name}: agents read, and what they write waits`,
         async () =>
    {
        const [asked, first, second, half] = ['Asked', 'First', 'Second',
            'Half a reply'].map((it) => `${it} ${how} ${mark}`);

        /* Each has one: who is quicker in the same one goes before. */
        const one = await answered(() => visitor(asked));
        const other = await answered(() => visitor(asked));
        const dana = await desk(browser, 'dana', `#/all/c/${one.id}`);
        const sam = await desk(browser, 'sam', `#/all/c/${other.id}`);
        const all = [[dana.page, one.id, first], [sam.page, other.id, second]];
        const field = (page) => page.getByRole('textbox', { name: REPLY });
        const resolve = (page) => page.locator('.talk').getByRole('button', {
            name: 'Resolve', exact: true });

        for (const [page] of all) {
            await inLog(page, asked).waitFor();
        }

        await postgres[how](async () => {
            for (const [page, , text] of all) {
                await write(page, REPLY, text);
                await field(page).fill(half);
            }

            for (const [page, , text] of all) {
                await page.getByText(AWAY).waitFor();
                await inLog(page, asked).waitFor();
                await inLog(page, text).waitFor();
                assert.equal(await resolve(page).isDisabled(), true);
                assert.equal(await page.getByLabel('Priority').isDisabled(),
                             true);
                await accessible(page);
            }

            await shot(sam.page, `console-outage-${how}`);

            /* One of them reloads the page, the other one does not. */
            await dana.page.reload();
            await dana.page.getByText('Connection lost at').waitFor();
        }, ...mode);

        for (const [page, id, text] of all) {
            await arrived(page, text);
            await page.getByText(AWAY).waitFor({ state: 'hidden' });
            await page.locator('.talk button:enabled')
                      .filter({ hasText: 'Resolve' }).waitFor();
            assert.equal(await inLog(page, text).count(), 1);
            assert.equal(await field(page).inputValue(), half);
            assert.deepEqual(await answered(() => said(id)), [asked, text]);
        }

        await leave(dana, sam);
    });
}
