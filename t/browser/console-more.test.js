/*
 * Copyright (C) the ngx_http_chat_module authors
 */

/*
 * What agents do with messages, with customers, and with each other.
 */

import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { accessible, inLog, launch, shot, site, write } from './browser.js';
import { as, call, desk, leave, reply, said, until, visitor, WITHIN }
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


/* How the server answers the visitor. */
async function status(token, path) {
    const { status: number } = await fetch(`${site.prefix}v1/${path}`, {
        headers: { Authorization: `Bearer ${token}` } });

    return number;
}


test('the panel has all that a customer has said and done', async () => {
    const { id, token } = await visitor(`First ${mark}`, { name: 'Ann' });

    await as('dana', 'PATCH', `conversations/${id}`, { status: 'resolved' });
    await call(token, 'POST', 'track', [
        { name: 'cart.add', url: 'https://shop.test/lamps?id=7',
          data: { product: `Heron ${mark}`, count: 2 } },
        { name: 'cart.open' }]);

    const second = await call(token, 'POST', 'conversations', {
        client_msg_id: randomUUID(), text: `Second ${mark}` });

    /* The first is in no list of this page. */
    const { page, faults, ...dana } = await desk(
        browser, 'dana', `#/mine/c/${second.id}`);
    const panel = page.getByRole('complementary', { name: 'Details' });
    const other = panel.getByRole('link', { name: `First ${mark}` });

    await other.waitFor();
    assert.match(await other.textContent(), /^Resolved · /);
    assert.equal(await panel.getByRole('link', { name: `Second ${mark}` })
                            .count(), 0);
    await panel.getByText('What happened on the site').click();
    await panel.getByText('cart.add').waitFor();
    await panel.getByText(`count: 2, product: Heron ${mark}`).waitFor();
    assert.deepEqual(await panel.locator('.others a[target]').evaluateAll(
        (links) => links.map(({ href, rel }) => [href, rel])),
        [['https://shop.test/lamps?id=7', 'noopener noreferrer nofollow']]);
    await accessible(page);
    await panel.getByText(`count: 2, product: Heron ${mark}`)
               .scrollIntoViewIfNeeded();
    await shot(page, 'console-customer');

    await other.click();
    await inLog(page, `First ${mark}`).waitFor();
    await panel.getByRole('link', { name: `Second ${mark}` }).waitFor();
    assert.deepEqual(faults, []);
    await leave(dana);
});


test('more than a page of what a customer has said', async () => {
    const { id, token } = await visitor(`Page 0 ${mark}`);

    for (let i = 1; i <= 12; i++) {
        await call(token, 'POST', 'conversations', {
            client_msg_id: randomUUID(), text: `Page ${i} ${mark}` });
    }

    const { page, faults, ...dana } = await desk(browser, 'dana',
                                                 `#/mine/c/${id}`);
    const links = page.locator('.customer details').first()
                      .getByRole('link');

    await links.nth(9).waitFor();
    assert.equal(await links.count(), 10);
    await page.locator('.customer').getByRole('button', {
        name: 'Show earlier entries' }).click();
    await links.nth(11).waitFor();
    assert.equal(await links.count(), 12);
    assert.deepEqual(faults, []);
    await leave(dana);
});


test('a customer is given a name, blocked and let in again', async () => {
    const { id, token } = await visitor(`Block ${mark}`);
    const { page, faults, ...dana } = await desk(browser, 'dana',
                                                 `#/all/c/${id}`);
    const panel = page.getByRole('complementary', { name: 'Details' });
    const dialog = page.getByRole('dialog');
    const press = (one, name) => one.getByRole('button', {
        name, exact: true }).click();

    await press(panel, 'Change details');
    await accessible(page);
    await dialog.getByLabel('Name').fill(`Noa ${mark}`);
    await dialog.getByLabel('E-mail').fill('noa@shop.test');
    await press(dialog, 'Save');
    await dialog.waitFor({ state: 'hidden' });
    await panel.getByText('noa@shop.test').waitFor();
    await row(page, `Noa ${mark}`).waitFor();
    await panel.getByText('Not verified').waitFor();

    const { visitor: now } = await as('sam', 'GET', `conversations/${id}`);

    assert.deepEqual([now.name, now.email, now.verified],
                     [`Noa ${mark}`, 'noa@shop.test', false]);

    await press(panel, 'Block');
    await panel.getByText('Blocked: this visitor cannot write.').waitFor();
    await page.locator('.title').getByText('blocked').waitFor();
    await accessible(page);
    await shot(page, 'console-blocked');
    await until(async () =>
        await status(token, `conversations/${id}`) === 401);
    await page.reload();
    await press(panel, 'Unblock');
    await panel.getByText('Blocked: this visitor cannot write.')
               .waitFor({ state: 'hidden' });

    const later = await as('sam', 'GET', `conversations/${id}`);

    assert.notEqual(later.visitor.blocked, true);

    /* Erasing is for others. */
    assert.equal(await panel.getByRole('button', { name: 'Erase' }).count(),
                 0);
    assert.deepEqual(faults, []);
    await leave(dana);
});


test('a supervisor erases a customer, by a word', async () => {
    const { id, token } = await visitor(`Erase ${mark}`, { name: 'Ann' });
    const dana = await desk(browser, 'dana', '#/all');
    const sam = await desk(browser, 'sam', `#/all/c/${id}`);
    const dialog = sam.page.getByRole('dialog');
    const go = dialog.getByRole('button', { name: 'Erase for good' });

    await row(dana.page, `Erase ${mark}`).waitFor();
    await sam.page.getByRole('button', { name: 'Erase', exact: true })
                  .click();
    await dialog.getByText('Erase \u2068Ann\u2069?').waitFor();
    await accessible(sam.page);
    await shot(sam.page, 'console-erase');
    await go.click();
    await dialog.getByRole('alert').getByText('to confirm').waitFor();
    await dialog.getByRole('textbox').fill('everything');
    await go.click();
    assert.equal(await status(token, `conversations/${id}`), 200);
    await dialog.getByRole('textbox').fill('Erase');
    await go.click();
    await dialog.waitFor({ state: 'hidden' });
    await row(sam.page, `Erase ${mark}`).waitFor({ state: 'detached' });
    await sam.page.getByText('Choose a conversation.').waitFor();
    await until(async () =>
        await status(token, `conversations/${id}`) !== 200);

    /* Who still has it in a list is told when he opens it. */
    if (await row(dana.page, `Erase ${mark}`).count()) {
        await dana.page.evaluate((hash) => {
            location.hash = hash;
        }, `#/all/c/${id}`);
        await dana.page.getByRole('alert')
                       .getByText('This conversation was removed.')
                       .waitFor();
    }

    await row(dana.page, `Erase ${mark}`).waitFor({ state: 'detached' });
    assert.deepEqual(sam.faults.filter((it) => !it.includes('410')), []);
    await leave(dana, sam);
});


test('who is mentioned in a note is told, and finds it', async () => {
    const { id } = await visitor(`Mention ${mark}`);
    const dana = await desk(browser, 'dana', `#/all/c/${id}`);
    const sam = await desk(browser, 'sam', '#/mine');
    const note = `Please look @Sam ${mark}`;
    const field = dana.page.getByRole('textbox', {
        name: 'Write an internal note' });
    const views = sam.page.getByRole('navigation', { name: 'Views' });
    const option = dana.page.locator('.canned').getByRole('option');

    await inLog(dana.page, `Mention ${mark}`).waitFor();
    await views.getByRole('link', { name: 'Mentions' }).waitFor();

    /* In a reply nobody is. */
    await dana.page.getByRole('textbox', { name: 'Write a reply' })
              .pressSequentially('Ask @sa');
    assert.equal(await option.count(), 0);
    await dana.page.getByRole('textbox', { name: 'Write a reply' }).fill('');

    await dana.page.keyboard.press('Alt+KeyP');
    await field.pressSequentially('Please look @sa');
    await option.first().waitFor();
    assert.deepEqual(await option.allTextContents().then((all) =>
        all.map((it) => it.trim())), ['@Sam']);
    await accessible(dana.page);
    await shot(dana.page, 'console-mention');
    await field.press('Enter');
    assert.equal(await field.inputValue(), 'Please look @Sam ');
    await field.pressSequentially(mark);
    await field.press('Enter');
    await inLog(dana.page, note).waitFor();

    await views.getByRole('link', { name: 'Mentions 1 unread' }).click();
    await row(sam.page, note).waitFor();
    assert.equal(new URL(sam.page.url()).hash, '#/mentions');
    await accessible(sam.page);
    await shot(sam.page, 'console-mentions');
    await row(sam.page, note).click();
    await inLog(sam.page, note).waitFor();

    /* It is read, and there until one looks elsewhere. */
    await views.getByText('1 unread').waitFor({ state: 'hidden' });
    assert.equal(await row(sam.page, `@Sam ${mark}`).count(), 1);
    await sam.page.keyboard.press('Alt+Digit1');
    await sam.page.getByRole('heading', { name: 'Mine' }).waitFor();
    await sam.page.keyboard.press('Alt+Digit4');
    await sam.page.getByRole('heading', { name: 'Mentions' }).waitFor();
    await sam.page.getByText('Nothing here.').waitFor();
    assert.deepEqual([...dana.faults, ...sam.faults], []);
    await leave(dana, sam);
});


async function automatic(name) {
    const { agents } = await as('ada', 'GET', 'agents');

    return agents.find((it) => it.name === name).automatic;
}


test('who touches nothing is away for now, and back with a touch',
     async () =>
{
    const { page, ...dana } = await desk(
        browser, 'dana', '#/all', {}, (one) => one.clock.install());
    const choice = page.getByLabel('Your availability');

    await choice.selectOption('busy');
    await until(async () => await automatic('Dana') === null);
    await page.clock.fastForward(11 * 60 * 1000);
    await page.getByText('Away for now').waitFor();
    await until(async () => await automatic('Dana') === 'away');
    assert.equal(await choice.inputValue(), 'busy');
    await shot(page, 'console-idle');

    await page.keyboard.press('Shift');
    await page.getByText('Away for now').waitFor({ state: 'detached' });
    await until(async () => await automatic('Dana') === null);
    assert.equal(await choice.inputValue(), 'busy');
    await choice.selectOption('online');
    await until(async () => {
        const { agents } = await as('ada', 'GET', 'agents');

        return agents.find((it) => it.name === 'Dana').availability
               === 'online';
    });
    await leave(dana);
});


test('how conversations find agents is set for the site and for teams',
     async () =>
{
    const { page, faults, ...ada } = await desk(browser, 'ada',
                                                '#/settings/site');
    const save = page.getByRole('button', { name: 'Save', exact: true });
    const done = page.locator('.settings').getByText('Done.');

    /* No policy that would give away what other tests have open. */
    await page.locator('#record-after').fill('20');
    await save.click();
    await page.getByRole('alert').getByText('A number from 30 to 3,600.')
              .waitFor();
    await page.locator('#record-after').fill('90');
    await save.click();
    await done.waitFor();
    assert.deepEqual((await as('ada', 'GET', 'site')).assignment,
                     { policy: 'manual', away_after: 90 });
    await accessible(page);
    await shot(page, 'console-policies');
    await page.locator('#record-after').fill('');
    await save.click();
    await until(async () =>
        (await as('ada', 'GET', 'site')).assignment === null);

    await page.goto(page.url().replace('/site', '/teams'));
    await page.getByRole('button', { name: 'Add', exact: true }).click();
    await page.getByLabel('Name').fill(`Turn ${mark}`);
    await page.locator('#record-assignment')
              .selectOption({ label: 'Agents in turn' });
    await accessible(page);
    await save.click();
    await page.locator('.records li').filter({ hasText: `Turn ${mark}` })
              .filter({ hasText: 'Agents in turn' }).waitFor();

    const team = async () => (await as('ada', 'GET', 'teams')).teams.find(
        ({ name }) => name === `Turn ${mark}`);

    assert.equal((await team()).assignment, 'round_robin');
    await page.locator('.records li').filter({ hasText: `Turn ${mark}` })
              .getByRole('button', { name: 'Change' }).click();
    await page.locator('#record-assignment')
              .selectOption({ label: 'As at the site' });
    await save.click();
    await until(async () => (await team()).assignment === null);
    assert.deepEqual(faults.filter((it) => !it.includes('422')), []);
    await leave(ada);
});


test('since when a visitor waits, and at which place', async () => {
    /* A line that nobody is there to take from. */
    const { id: team } = await as('ada', 'POST', 'teams', {
        name: `Line ${mark}`, assignment: 'least_loaded' });
    const first = await visitor(`Line 1 ${mark}`);
    const second = await visitor(`Line 2 ${mark}`);

    for (const { id } of [first, second]) {
        await as('ada', 'PATCH', `conversations/${id}`, { team });
    }

    await until(async () => (await as('ada', 'GET',
        `conversations/${second.id}`)).queue?.position === 2);

    const { page, faults, ...dana } = await desk(browser, 'dana',
                                                 `#/all/c/${second.id}`);

    await page.locator('.title').getByText('No. 2 in the line').waitFor();
    await row(page, `Line 2 ${mark}`).filter({ hasText: 'No. 2 in the line' })
                                     .waitFor();
    await row(page, `Line 1 ${mark}`).filter({ hasText: 'waits since' })
                                     .waitFor();
    await accessible(page);
    await shot(page, 'console-line');

    /* The one before is answered, and the place moves. */
    await reply('sam', first.id, `Here ${mark}`);
    await page.locator('.title').getByText('No. 1 in the line')
              .waitFor({ timeout: 2 * WITHIN });
    assert.deepEqual(faults, []);
    await leave(dana);
});


test('what is escalated is with a team, and urgent, at once', async () => {
    const { id: team } = await as('ada', 'POST', 'teams', {
        name: `Second level ${mark}` });
    const { agent } = await as('dana', 'GET', 'agent/session');
    const { id } = await visitor(`Escalate ${mark}`);

    await as('dana', 'PATCH', `conversations/${id}`, { assignee: agent.id });

    const { page, faults, ...dana } = await desk(browser, 'dana',
                                                 `#/all/c/${id}`);
    const dialog = page.getByRole('dialog', { name: 'Escalate' });

    await inLog(page, `Escalate ${mark}`).waitFor();
    await page.getByRole('complementary').getByRole('button', {
        name: 'Escalate' }).waitFor();
    await page.keyboard.press('Alt+KeyR');
    await dialog.waitFor();
    await accessible(page);
    await shot(page, 'console-escalate');
    await dialog.getByLabel('Team').selectOption({
        label: `Second level ${mark}` });
    await dialog.getByLabel('Reason').fill(`Waits <b>since</b> ${mark}`);
    await dialog.getByRole('button', { name: 'Escalate' }).click();
    await dialog.waitFor({ state: 'hidden' });
    await page.locator('.title').getByText('Not assigned').waitFor();
    await page.locator('.log .change').filter({
        hasText: `Waits <b>since</b> ${mark}` }).waitFor();
    await row(page, `Escalate ${mark}`).filter({ hasText: 'Urgent' })
                                       .waitFor();

    const now = await as('sam', 'GET', `conversations/${id}`);
    const { events } = await as('sam', 'GET', `conversations/${id}/events`);

    assert.deepEqual([now.team.id, now.priority, now.assignee],
                     [team, 'urgent', null]);
    assert.deepEqual(events.filter(({ type }) => type === 'change')
                           .map(({ reason }) => reason),
                     [`Waits <b>since</b> ${mark}`]);

    /* It is there for whoever opens the conversation later. */
    await page.reload();
    await page.locator('.log .change').filter({
        hasText: 'Reason:' }).filter({
        hasText: `Waits <b>since</b> ${mark}` }).waitFor();

    await as('dana', 'PATCH', `conversations/${id}`, {
        assignee: agent.id, reason: `Knows ${mark}` });
    await page.locator('.log .change').filter({
        hasText: `Knows ${mark}` }).filter({ hasText: 'assigned' }).waitFor();
    assert.deepEqual(faults, []);
    await leave(dana);
});
