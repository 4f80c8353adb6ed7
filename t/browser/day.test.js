/*
 * Copyright (C) the ngx_http_chat_module authors
 */

/*
 * What a day leaves behind in the console: a long list has few rows in the
 * page, and 5,000 events neither memory nor listeners.
 */

import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { launch } from './browser.js';
import { as, desk, leave, visitor } from './console-page.js';

const EVENTS = 5000;
const AT_ONCE = 25;
const TALKS = 40;
const PATIENCE = { timeout: 300000 };
const MEGABYTE = 1024 * 1024;

let browser;

before(async () => {
    browser = await launch();
});

after(() => browser?.close());


test('of a list of 10,000 few rows are in the page', async () => {
    const { page, faults, ...dana } = await desk(browser, 'dana',
                                                 '#/status/resolved');

    await page.locator('.list li').first().waitFor();

    const most = await page.waitForFunction(() => {
        const box = document.querySelector('.scroll');
        const rows = document.querySelectorAll('.list li');
        const last = Number(rows[rows.length - 1]
                            ?.getAttribute('aria-posinset'));

        window.most = Math.max(window.most || 0, rows.length);
        box.scrollTop = box.scrollHeight;

        return last === 10000 && window.most;
    }, null, PATIENCE);

    assert.ok(await most.jsonValue() <= 200);
    assert.deepEqual(faults, []);
    await leave(dana);
});


/* What the page has in memory once what is not needed has gone. */
async function weigh(page, session) {
    await page.evaluate(() => {
        location.hash = '#/all';
    });
    await page.getByText('Choose a conversation.').waitFor();

    /* The second finds what the finalizers of the first have let go. */
    await session.send('HeapProfiler.collectGarbage');
    await session.send('HeapProfiler.collectGarbage');

    const { usedSize } = await session.send('Runtime.getHeapUsage');
    const { metrics } = await session.send('Performance.getMetrics');
    const of = (wanted) => metrics.find(({ name }) => name === wanted).value;

    return { heap: usedSize, listeners: of('JSEventListeners'),
             nodes: of('Nodes') };
}


test('a day of 5,000 events leaves nothing behind', async () => {
    const talks = [];

    for (let i = 0; i < TALKS; i++) {
        talks.push(await visitor(`Day ${i}`));
    }

    const { page, faults, ...dana } = await desk(browser, 'dana', '#/all');
    const session = await page.context().newCDPSession(page);
    let count = 0;

    await session.send('Performance.enable');

    /* Each of what happens in a conversation, and the agent goes about. */
    const happen = async (n) => {
        const { id, say } = talks[n % TALKS];

        switch (n % 5) {

        case 0:
            return as('ada', 'POST', `conversations/${id}/messages`, {
                client_msg_id: randomUUID(), text: `Answer ${n}` });

        case 1:
            return as('ada', 'PATCH', `conversations/${id}`, {
                priority: n % 2 ? 'high' : 'low' });

        case 2:
            return as('ada', 'POST', `conversations/${id}/messages`, {
                client_msg_id: randomUUID(), text: `Note ${n}`,
                visibility: 'internal' });

        default:
            return say(`Message ${n}`);
        }
    };

    const pass = async (events) => {
        for (const end = count + events; count < end; count += AT_ONCE) {
            const open = talks[count / AT_ONCE % TALKS];

            await page.evaluate((hash) => {
                location.hash = hash;
            }, `#/all/c/${open.id}`);
            await Promise.all(Array.from({ length: AT_ONCE },
                                         (_, i) => happen(count + i)));
            await open.say(`Seen ${count}`);
            await page.getByRole('log').getByText(`Seen ${count}`,
                                                  { exact: true }).waitFor();
        }
    };

    await pass(500);

    const start = await weigh(page, session);

    await pass(EVENTS - 500);

    const end = await weigh(page, session);
    const grown = `${JSON.stringify(start)} ${JSON.stringify(end)}`;

    console.log(`# ${grown}`);
    assert.ok(end.heap - start.heap < 10 * MEGABYTE, grown);
    assert.ok(end.listeners - start.listeners < 100, grown);
    assert.ok(end.nodes - start.nodes < 2000, grown);
    assert.deepEqual(faults, []);
    await leave(dana);
});
