/*
 * Copyright (C) the ngx_http_chat_module authors
 */

/*
 * How the console is laid out: in which order lists are, how wide the panes,
 * and what all of it weighs.
 */

import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { accessible, inLog, launch, shot } from './browser.js';
import { as, consolePage, desk, leave, reply, visitor }
    from './console-page.js';

const mark = Date.now().toString(36);

let browser;

before(async () => {
    browser = await launch();
});

after(() => browser?.close());


function row(page, text) {
    return page.locator('.list').getByRole('link', { name: text });
}


/* Until the list is that. */
function listed(page, ...texts) {
    return page.waitForFunction((wanted) => JSON.stringify(Array.from(
        document.querySelectorAll('.list li'), (li) => [
            Number(li.getAttribute('aria-posinset')),
            li.querySelector('.preview').textContent])
        .sort(([a], [b]) => a - b).map(([, text]) => text))
        === JSON.stringify(wanted), texts);
}


test('who waits longest is first, and who does not wait comes after',
     async () =>
{
    const { agent } = await as('dana', 'GET', 'agent/session');
    const all = [];

    for (const name of ['one', 'two', 'three']) {
        const it = await visitor(`Wait ${name} ${mark}`);

        await as('sam', 'PATCH', `conversations/${it.id}`,
                 { assignee: agent.id });
        all.push(it);
    }

    await reply('sam', all[2].id, `Done three ${mark}`);

    const { page, faults, ...dana } = await desk(browser, 'dana', '#/mine');
    const order = page.getByLabel('Order', { exact: true });

    await listed(page, `Wait one ${mark}`, `Wait two ${mark}`,
                 `Done three ${mark}`);
    assert.equal(await order.inputValue(), 'waiting');

    /* The visitor writes more, and still waits since the first. */
    await all[1].say(`More two ${mark}`);
    await listed(page, `Wait one ${mark}`, `More two ${mark}`,
                 `Done three ${mark}`);
    await reply('sam', all[0].id, `Done one ${mark}`);
    await listed(page, `More two ${mark}`, `Done one ${mark}`,
                 `Done three ${mark}`);

    /* Each kind of view has its own, and keeps what was chosen. */
    await order.selectOption('newest');
    await listed(page, `Done one ${mark}`, `More two ${mark}`,
                 `Done three ${mark}`);
    await page.getByRole('link', { name: 'Unassigned' }).click();
    await page.getByRole('heading', { name: 'Unassigned' }).waitFor();
    assert.equal(await order.inputValue(), 'waiting');
    await page.getByRole('link', { name: 'All', exact: true }).click();
    await page.getByRole('heading', { name: 'All', exact: true }).waitFor();
    assert.equal(await order.inputValue(), 'newest');
    await page.goto(`${consolePage}#/mine`);
    await page.reload();
    await listed(page, `Done one ${mark}`, `More two ${mark}`,
                 `Done three ${mark}`);
    assert.equal(await order.inputValue(), 'newest');
    assert.deepEqual(faults, []);
    await leave(dana);
});


const width = (page, pane) => page.locator(`.${pane}`).evaluate(
    (it) => Math.round(it.getBoundingClientRect().width));

const edge = (page, name) => page.getByRole('separator', { name });

/* What an edge says of its pane. */
async function told(page, name) {
    return edge(page, name).evaluate((it) => ['min', 'now', 'max'].map(
        (what) => Number(it.getAttribute(`aria-value${what}`))));
}

/* Until the pane is as wide, and its edge says so. */
function settled(page, pane, name, wanted) {
    return page.waitForFunction(([selector, label, pixels]) =>
        Math.abs(document.querySelector(selector).getBoundingClientRect()
                 .width - pixels) < 1
        && Number(document.querySelector(`[aria-label="${label}"]`)
                  .getAttribute('aria-valuenow')) === pixels,
        [`.${pane}`, name, wanted]);
}


/* The width of the list as it first was in the page, and each after that. */
function watched(page) {
    return page.addInitScript(() => {
        window.widths = [];

        const look = () => {
            const list = document.querySelector('.list');

            if (list?.offsetWidth) {
                const now = Math.round(list.getBoundingClientRect().width);

                if (window.widths.at(-1) !== now) {
                    window.widths.push(now);
                }
            }

            requestAnimationFrame(look);
        };

        requestAnimationFrame(look);
    });
}


test('the edges of panes go by keys, and stay where they are', async () => {
    const { id } = await visitor(`Edge ${mark}`);
    const { page, faults, ...dana } = await desk(
        browser, 'dana', `#/all/c/${id}`, {}, watched);

    await inLog(page, `Edge ${mark}`).waitFor();

    for (const [pane, name, more] of [
        ['views', 'Width of the views', 'ArrowRight'],
        ['list', 'Width of the list', 'ArrowRight'],
        ['side', 'Width of the details', 'ArrowLeft']])
    {
        const less = more === 'ArrowRight' ? 'ArrowLeft' : 'ArrowRight';
        const was = await width(page, pane);

        await settled(page, pane, name, was);
        await edge(page, name).focus();
        await page.keyboard.press(more);
        await settled(page, pane, name, was + 16);
        await page.keyboard.press(less);
        await page.keyboard.press(less);
        await settled(page, pane, name, was - 16);

        const [least, now, most] = await told(page, name);

        assert.ok(least < now && now < most, `${least} ${now} ${most}`);
        await page.keyboard.press('Home');
        await settled(page, pane, name, least);
        await page.keyboard.press('ArrowUp');
        await page.keyboard.press(less);
        assert.equal(await width(page, pane), least);
        await page.keyboard.press('End');
        await settled(page, pane, name, most);
        assert.ok(await width(page, 'talk') >= 319);
        await accessible(page);
        await page.keyboard.press('Enter');
        await settled(page, pane, name, was);
    }

    await edge(page, 'Width of the list').focus();
    await page.keyboard.press('ArrowLeft');

    const wanted = await width(page, 'list');

    /* After a reload it is as wide from the first. */
    await page.reload();
    await inLog(page, `Edge ${mark}`).waitFor();
    await settled(page, 'list', 'Width of the list', wanted);
    assert.deepEqual(await page.evaluate(() => window.widths), [wanted]);
    await shot(page, 'console-edges');
    assert.deepEqual(faults, []);
    await leave(dana);
});


test('the edges go by the pointer', async () => {
    const { id } = await visitor(`Drag ${mark}`);
    const { page, faults, ...dana } = await desk(browser, 'dana',
                                                 `#/all/c/${id}`);
    const { mouse } = page;

    await inLog(page, `Drag ${mark}`).waitFor();

    for (const [pane, name, by] of [['list', 'Width of the list', -40],
                                    ['side', 'Width of the details', 30]])
    {
        const was = await width(page, pane);
        const { x, y, width: wide, height } = await edge(page, name)
            .boundingBox();

        await mouse.move(x + wide / 2, y + height / 2);
        await mouse.down();
        await mouse.move(x + wide / 2 + by / 2, y + height / 2);
        await mouse.move(x + wide / 2 + by, y + height / 2);
        await mouse.up();
        await settled(page, pane, name,
                      pane === 'side' ? was - by : was + by);

        /* It is not moved any more. */
        await mouse.move(x - 100, y + height / 2);
        await edge(page, name).dblclick();
        await settled(page, pane, name, was);
    }

    assert.deepEqual(faults, []);
    await leave(dana);
});


test('from right to left the keys go the other way', async () => {
    const { id } = await visitor(`Mirror ${mark}`);
    const { page, faults, ...dana } = await desk(
        browser, 'dana', `#/all/c/${id}`, { locale: 'he' });
    const words = (await import('../../src/assets/he-console.js')).default;

    await inLog(page, `Mirror ${mark}`).waitFor();

    for (const [pane, more] of [['views', 'ArrowLeft'],
                                ['list', 'ArrowLeft'],
                                ['side', 'ArrowRight']])
    {
        const name = words[`pane.${pane}`];
        const was = await width(page, pane);

        await edge(page, name).focus();
        await page.keyboard.press(more);
        await settled(page, pane, name, was + 16);

        /* It lies over the border of its pane. */
        const box = await edge(page, name).boundingBox();
        const of = await page.locator(`.${pane}`).boundingBox();
        const border = pane === 'side' ? of.x + of.width : of.x;

        assert.ok(box.x < border && border < box.x + box.width,
                  JSON.stringify([box, of]));
    }

    await accessible(page);
    assert.deepEqual(faults, []);
    await leave(dana);
});


test('where there is less room panes have less, and a phone has no edges',
     async () =>
{
    const { id } = await visitor(`Room ${mark}`);
    const { page, faults, ...dana } = await desk(
        browser, 'dana', `#/all/c/${id}`,
        { viewport: { width: 1600, height: 800 } });

    await inLog(page, `Room ${mark}`).waitFor();

    for (const name of ['views', 'list', 'details']) {
        await edge(page, `Width of the ${name}`).focus();
        await page.keyboard.press('End');
    }

    for (const size of [1600, 1280, 1000, 720]) {
        await page.setViewportSize({ width: size, height: 800 });
        assert.equal(await page.evaluate(() => document.documentElement
                     .scrollWidth <= innerWidth), true, `${size} px`);
        assert.ok(await width(page, 'talk') >= 319, `${size} px`);
        assert.equal(await page.evaluate(() => {
            const [views, list, talk] = ['views', 'list', 'talk'].map(
                (name) => document.querySelector(`.${name}`)
                                  .getBoundingClientRect());

            return views.right <= list.left && list.right <= talk.left
                   && views.top === talk.top;
        }), true, `${size} px`);
        await accessible(page);
    }

    await page.setViewportSize({ width: 400, height: 800 });
    await edge(page, 'Width of the list').waitFor({ state: 'hidden' });
    assert.equal(await page.getByRole('separator').count(), 0);
    assert.deepEqual(faults, []);
    await leave(dana);
});


test('what the console weighs', async () => {
    const { id } = await visitor(`Weight ${mark}`);
    const loads = [];
    const { page, ...dana } = await desk(
        browser, 'dana', `#/all/c/${id}`, { locale: 'ar' }, async (one) => {
            one.on('requestfinished', async (request) => {
                if (/\/(assets|console)\//.test(request.url())) {
                    loads.push(request.sizes());
                }
            });
        });

    await inLog(page, `Weight ${mark}`).waitFor();

    const sizes = await Promise.all(loads);
    const sum = sizes.reduce((all, it) => all + it.responseBodySize, 0);

    console.log(`# ${sizes.length} files, ${sum} bytes`);
    assert.ok(sizes.length <= 6, `${sizes.length} files`);
    assert.ok(sum <= 60 * 1024, `the console has ${sum} bytes`);
    await leave(dana);
});
