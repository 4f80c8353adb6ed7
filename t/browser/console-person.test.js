/*
 * Copyright (C) the ngx_http_chat_module authors
 */

/*
 * The panel of a customer: the browser, what time it is there, and what
 * agents know and change.
 */

import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { accessible, inLog, launch, open, shot, site, write }
    from './browser.js';
import { as, call, desk, leave, visitor } from './console-page.js';
import { embed, openChat } from './widget-page.js';
import { HOSTILE } from './hostile.js';

const mark = Date.now().toString(36);
const FIREFOX = 'Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:132.0) '
                + 'Gecko/20100101 Firefox/132.0';
const NOON = new Date('2026-01-15T12:00:20Z');
const AT_ONCE = 4;

let browser;

before(async () => {
    browser = await launch();
});

after(() => browser?.close());


function details(page) {
    return page.getByRole('complementary', { name: 'Details' });
}


/* What the panel says under a label. */
function fact(page, label) {
    return details(page).locator('dl > div').filter({
        has: page.locator('dt').getByText(label, { exact: true }),
    }).locator('dd');
}


function press(one, name) {
    return one.getByRole('button', { name, exact: true }).click();
}


/* A visitor of whom the browser has said something. */
async function from(text, agent, zone) {
    const answer = await fetch(`${site.prefix}v1/session`, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json', 'User-Agent': agent },
        body: JSON.stringify({ mode: 'bearer', time_zone: zone }),
    });

    assert.equal(answer.status, 200);

    const { token } = await answer.json();

    return call(token, 'POST', 'conversations', {
        client_msg_id: randomUUID(), text });
}


test('the browser of a visitor, his language and what time it is there',
     async () =>
{
    const shop = await open(browser, 'about:blank', {
        userAgent: FIREFOX, locale: 'he-IL', timezoneId: 'Asia/Dubai' });
    const words = (await import('../../src/assets/he-widget.js')).default;

    await embed(shop.page, { lang: 'he' });
    await shop.page.getByRole('button', { name: words['launcher.open'] })
              .click();
    await shop.page.getByRole('textbox').fill(`From afar ${mark}`);
    await shop.page.getByRole('textbox').press('Enter');

    const { page, faults, ...dana } = await desk(
        browser, 'dana', '#/all', { timezoneId: 'UTC' });

    await page.locator('.list').getByRole('link', {
        name: `From afar ${mark}` }).click();
    await fact(page, 'Device').getByText('Firefox 132 · Linux', {
        exact: true }).waitFor();
    assert.equal(await fact(page, 'Device').getAttribute('title'), FIREFOX);
    assert.equal(await fact(page, 'Language').textContent(), 'Hebrew');
    assert.match(await fact(page, 'Local time').textContent(),
                 /^\w{3},? \d{1,2}:\d\d\s[AP]M \(\+4 hr\)$/);
    assert.equal(await fact(page, 'Local time').getAttribute('title'),
                 'Asia/Dubai');
    await accessible(page);
    await shot(page, 'console-device');
    assert.deepEqual([...shop.faults, ...faults], []);
    await leave(shop, dana);
});


test('the time goes on, and is that of who is shown', async () => {
    const far = await from(`Far ${mark}`, FIREFOX, 'Asia/Dubai');
    const { id } = await visitor(`Nowhere ${mark}`);
    const { page, ...dana } = await desk(
        browser, 'dana', `#/all/c/${far.id}`, { timezoneId: 'UTC' },
        (one) => one.clock.install({ time: NOON }));
    const time = fact(page, 'Local time');
    const show = async (other, text) => {
        await page.evaluate((hash) => {
            location.hash = hash;
        }, `#/all/c/${other}`);
        await inLog(page, text).waitFor();
    };

    await time.getByText(/^Thu,? 4:0\d\sPM \(\+4 hr\)$/).waitFor();

    for (let minutes = 10; minutes <= 30; minutes += 10) {
        await page.clock.fastForward(10 * 60 * 1000);
        await time.getByText(new RegExp(`^Thu,? 4:${minutes / 10}\\d\\sPM `))
                  .waitFor();
    }

    await show(id, `Nowhere ${mark}`);
    await time.waitFor({ state: 'detached' });
    await page.clock.fastForward(10 * 60 * 1000);
    await fact(page, 'First message').waitFor();
    assert.equal(await time.count(), 0);

    await show(far.id, `Far ${mark}`);
    await time.getByText(/^Thu,? 4:4\d\sPM /).waitFor();
    await leave(dana);
});


test('attributes are changed, added and taken away', async () => {
    const { id, token } = await visitor(`Attributes ${mark}`, {
        name: `Noa ${mark}`,
        attributes: { plan: 'free', seats: 3, trial: true, Name: 'Eve' } });
    const { page, faults, ...dana } = await desk(browser, 'dana',
                                                 `#/all/c/${id}`);
    const dialog = page.getByRole('dialog', { name: 'Change details' });
    const group = dialog.getByRole('group', { name: 'Attributes' });
    const added = (i) => [group.getByLabel('Attribute', { exact: true })
                               .nth(i),
                          group.getByLabel('Value', { exact: true }).nth(i)];

    /* What the page calls "Name" is not the name. */
    await fact(page, 'plan').getByText('free').waitFor();
    assert.deepEqual(await fact(page, 'Name').allTextContents(),
                     [`Noa ${mark}`, 'Eve']);

    await press(details(page), 'Change details');
    await group.getByLabel('plan', { exact: true }).fill('gold');
    await group.getByLabel('seats', { exact: true }).fill('4');
    await group.getByRole('button', { name: 'Remove \u2068trial' }).click();
    await press(group, 'Add an attribute');
    await added(0)[0].fill('no good');
    await added(0)[1].fill('<b>north</b>');
    await press(dialog, 'Save');

    /* The server says what it is about; nothing was changed. */
    await group.getByText('A name begins with a letter').waitFor();
    assert.deepEqual(await added(0)[0].evaluate((it) => [
        it === document.activeElement, it.getAttribute('aria-invalid'),
        document.getElementById(it.getAttribute('aria-describedby'))
                .textContent.slice(0, 6)]), [true, 'true', 'A name']);
    await accessible(page);
    await shot(page, 'console-attributes');
    assert.equal((await as('ada', 'GET', `conversations/${id}`))
                 .visitor.attributes.plan, 'free');

    await added(0)[0].fill('plan');
    await press(dialog, 'Save');
    await group.getByText('There is an attribute of that name.').waitFor();
    await added(0)[0].fill('region');
    await press(dialog, 'Save');
    await dialog.waitFor({ state: 'hidden' });
    await fact(page, 'region').getByText('<b>north</b>', { exact: true })
                              .waitFor();
    assert.equal(await fact(page, 'plan').textContent(), 'gold');
    assert.equal(await fact(page, 'trial').count(), 0);
    assert.deepEqual((await as('ada', 'GET', `conversations/${id}`))
                     .visitor.attributes,
                     { plan: 'gold', seats: 4, Name: 'Eve',
                       region: '<b>north</b>' });

    /* Emptied is taken away; what is not changed is not sent. */
    const sent = [];

    page.on('request', (request) => {
        if (request.method() === 'PATCH') {
            sent.push(request.postDataJSON());
        }
    });
    await press(details(page), 'Change details');
    await group.getByLabel('region', { exact: true }).fill('');
    await press(dialog, 'Save');
    await dialog.waitFor({ state: 'hidden' });
    await fact(page, 'region').waitFor({ state: 'detached' });
    await press(details(page), 'Change details');
    await press(dialog, 'Save');
    await dialog.waitFor({ state: 'hidden' });
    assert.deepEqual(sent, [{ attributes: { region: null } }]);

    /* 422 is told in the console of the browser as well. */
    assert.deepEqual(faults.filter((it) => !/\b422\b/.test(it)), []);
    await call(token, 'DELETE', 'session');
    await leave(dana);
});


test('a field that the server refuses says so', async () => {
    const { id } = await visitor(`Refused ${mark}`);
    const { page, ...dana } = await desk(browser, 'dana', `#/all/c/${id}`);
    const dialog = page.getByRole('dialog', { name: 'Change details' });

    await inLog(page, `Refused ${mark}`).waitFor();
    await press(details(page), 'Change details');
    await dialog.getByLabel('Name', { exact: true }).fill(`Rea ${mark}`);
    await dialog.getByLabel('E-mail', { exact: true }).fill('rea@shop');
    await page.route(/\/v1\/visitors\/[^/]+$/, (route) => route.fulfill({
        status: 422, contentType: 'application/problem+json',
        body: '{"status":422,"code":"invalid_field","field":"email"}' }));
    await press(dialog, 'Save');
    await dialog.getByText('This is no e-mail address.').waitFor();
    assert.equal(await dialog.getByLabel('E-mail', { exact: true }).evaluate(
        (it) => it === document.activeElement
                && it.getAttribute('aria-describedby')
                   === it.parentNode.querySelector('.problem').id), true);
    await accessible(page);

    await page.unroute(/\/v1\/visitors\/[^/]+$/);
    await dialog.getByLabel('E-mail', { exact: true }).fill('rea@shop.test');
    await press(dialog, 'Save');
    await dialog.waitFor({ state: 'hidden' });
    await fact(page, 'E-mail').getByText('rea@shop.test').waitFor();
    await leave(dana);
});


test('what the site has said is not the agents\' to change', async () => {
    const { page, faults, ...dana } = await desk(
        browser, 'dana', `#/all/c/${process.env.CHAT_VERIFIED}`);
    const dialog = page.getByRole('dialog', { name: 'Change details' });
    const group = dialog.getByRole('group', { name: 'Attributes' });

    await details(page).getByText('Verified: the site says who this is.')
                       .waitFor();
    assert.equal(await fact(page, 'plan ✓').textContent(), 'gold');
    assert.equal(await fact(page, 'Name ✓').textContent(), 'VIP');
    assert.equal(await fact(page, 'Name').textContent(), 'Vera');

    await press(details(page), 'Change details');
    await dialog.getByText('stay as they are').waitFor();
    await accessible(page);
    await shot(page, 'console-claimed');

    for (const [one, label, fixed] of [
        [dialog, 'Name', true], [dialog, 'E-mail', true],
        [group, 'plan', true], [group, 'size', false]])
    {
        assert.equal(await one.getByLabel(label, { exact: true }).first()
                              .evaluate((it) => it.readOnly), fixed, label);
    }

    assert.equal(await group.getByRole('button', {
        name: 'Remove \u2068plan' }).count(), 0);
    await group.getByLabel('size', { exact: true }).fill('XL');
    await press(dialog, 'Save');
    await dialog.waitFor({ state: 'hidden' });
    await fact(page, 'size').getByText('XL').waitFor();
    assert.deepEqual(faults, []);
    await leave(dana);
});


test('a hostile browser is text', async () => {
    const agents = HOSTILE.map((text) =>
        Buffer.from(text.replace(/[\r\n\0]/g, ' ')).toString('latin1').trim());
    const rest = [...agents.keys()];
    const ids = [];

    await Promise.all(Array.from({ length: AT_ONCE }, async () => {
        for (let i = rest.shift(); i !== undefined; i = rest.shift()) {
            ids[i] = (await from(`Hostile ${i} ${mark}`, agents[i], 'UTC')).id;
        }
    }));

    const { page, faults, ...dana } = await desk(browser, 'dana', '#/all');
    let dialogs = 0;

    page.on('dialog', (one) => {
        dialogs++;
        one.dismiss();
    });

    for (const [i, id] of ids.entries()) {
        await page.evaluate((hash) => {
            location.hash = hash;
        }, `#/all/c/${id}`);
        await inLog(page, `Hostile ${i} ${mark}`).waitFor();

        const { visitor: it } = await as('ada', 'GET', `conversations/${id}`);
        const device = fact(page, 'Device');

        /* What it says of itself, but for what turns the text around. */
        await device.waitFor();
        assert.equal(await device.evaluate((node) =>
            `${node.childElementCount} ${node.title}`),
            `0 ${it.user_agent.replace(
                /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, '')}`);
    }

    assert.equal(dialogs, 0);
    assert.deepEqual(faults, []);
    await leave(dana);
});
