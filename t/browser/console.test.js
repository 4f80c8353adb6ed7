/*
 * Copyright (C) the ngx_http_chat_module authors
 */

/*
 * What agents do with conversations, alone and against each other.
 */

import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { inLog, launch, noSockets, shot, write } from './browser.js';
import { as, call, cutOff, desk, leave, lines, reply, said, visitor,
         watchLines } from './console-page.js';

const mark = Date.now().toString(36);

let browser;

before(async () => {
    browser = await launch();
});

after(() => browser?.close());


function row(page, text) {
    return page.locator('.list').getByRole('link', { name: text });
}


test('each view and each conversation has an address', async () => {
    const { id } = await visitor(`Address ${mark}`);
    const { page, faults, ...one } = await desk(browser, 'dana');

    await page.getByRole('link', { name: 'Unassigned' }).click();
    await row(page, `Address ${mark}`).click();
    await inLog(page, `Address ${mark}`).waitFor();
    assert.equal(new URL(page.url()).hash, `#/none/c/${id}`);

    await page.reload();
    await inLog(page, `Address ${mark}`).waitFor();
    await page.getByRole('heading', { name: 'Unassigned' }).waitFor();

    /* What does not belong to a view leaves it, and is still open. */
    await page.getByRole('button', { name: 'Assign to me' }).click();
    await row(page, `Address ${mark}`).waitFor({ state: 'detached' });
    await inLog(page, `Address ${mark}`).waitFor();

    await page.getByRole('link', { name: 'Mine' }).click();
    await row(page, `Address ${mark}`).waitFor();
    await page.goBack();
    await inLog(page, `Address ${mark}`).waitFor();
    assert.deepEqual(faults, []);
    await leave(one);
});


test('a search finds by its grammar, and says when it makes no sense',
     async () =>
{
    const found = await visitor(`Refund of the lamp ${mark}`);
    const other = await visitor(`Refund of the chair ${mark}`);

    await as('dana', 'PATCH', `conversations/${other.id}`,
             { status: 'pending' });

    const { page, ...one } = await desk(browser, 'dana');
    const field = page.getByRole('searchbox', { name: 'Search' });

    await field.fill(`is:open "refund of" ${mark}`);
    await field.press('Enter');
    await row(page, `lamp ${mark}`).waitFor();
    assert.equal(await row(page, `chair ${mark}`).count(), 0);

    /* It stays as it was found, and as it is now. */
    await found.say(`Anybody ${mark}`);
    await row(page, `Anybody ${mark}`).waitFor();

    await field.fill('before:yesterday');
    await field.press('Enter');
    await page.getByText('This cannot be searched for.').waitFor();
    await leave(one);
});


test('the order is the longest wait, or the priority', async () => {
    const first = await visitor(`Order one ${mark}`);
    const second = await visitor(`Order two ${mark}`);

    await as('dana', 'PATCH', `conversations/${first.id}`,
             { labels: [], priority: 'urgent' });
    await as('dana', 'PATCH', `conversations/${second.id}`,
             { priority: 'low' });

    const { page, ...one } = await desk(
        browser, 'dana', `#/search/${encodeURIComponent(`Order ${mark}`)}`);
    const names = () => page.locator('.list .preview').allTextContents();
    const order = page.getByLabel('Order', { exact: true });
    const firstIs = (text) => page.waitForFunction(
        (wanted) => document.querySelector('.list .preview')
                            ?.textContent === wanted, text);

    await firstIs(`Order two ${mark}`);
    await order.selectOption('waiting');
    await firstIs(`Order one ${mark}`);
    await order.selectOption('newest');
    await firstIs(`Order two ${mark}`);
    await order.selectOption('priority');
    await firstIs(`Order one ${mark}`);
    assert.deepEqual(await names(), [`Order one ${mark}`,
                                     `Order two ${mark}`]);
    await leave(one);
});


test('of two who take a conversation one is told who has it', async () => {
    const { id } = await visitor(`Taken ${mark}`);
    const dana = await desk(browser, 'dana', `#/all/c/${id}`);
    const sam = await desk(browser, 'sam', `#/all/c/${id}`);
    const take = ({ page }) => page.getByRole('button', {
        name: 'Assign to me' });

    await take(dana).waitFor();
    await take(sam).waitFor();

    /* Dana's request is under way while Sam's is answered. */
    await dana.page.route(/\/conversations\/[^/]+$/, async (route) => {
        if (route.request().method() === 'PATCH') {
            await take(sam).click();
            await sam.page.getByRole('button', { name: 'Unassign' })
                     .waitFor();
        }

        await route.continue();
    });
    await take(dana).click();
    await dana.page.getByText('Sam\u2069 was quicker').waitFor();
    await dana.page.getByText('Assigned to \u2068Sam').waitFor();
    await shot(dana.page, 'console-won');
    await leave(dana, sam);
});


test('an answer that is behind waits for one key', async () => {
    const { id, say } = await visitor(`Behind ${mark}`);
    let away = false;
    const dana = await desk(browser, 'dana', `#/all/c/${id}`, {},
                            (page) => cutOff(page, () => away));

    await inLog(dana.page, `Behind ${mark}`).waitFor();
    away = true;
    await say(`More ${mark}`);
    await dana.page.getByText('Connection lost at').waitFor();
    await reply('sam', id, `Sam says ${mark}`);
    await write(dana.page, 'Write a reply', `Dana says ${mark}`);
    await dana.page.getByText('Sam\u2069 has answered in the meantime')
              .waitFor();

    /* What was missed is there to be read. */
    await inLog(dana.page, `More ${mark}`).waitFor();
    await inLog(dana.page, `Sam says ${mark}`).waitFor();
    await shot(dana.page, 'console-stale');
    assert.deepEqual(await said(id), ['Behind', 'More', 'Sam says'].map(
        (text) => `${text} ${mark}`));

    await dana.page.getByRole('textbox', { name: 'Write a reply' }).focus();
    await dana.page.keyboard.press('Alt+Enter');
    await dana.page.getByText('has answered in the meantime')
              .waitFor({ state: 'hidden' });
    await dana.page.waitForFunction(() =>
        document.querySelectorAll('.own[data-state=sent]').length === 1);
    assert.deepEqual((await said(id)).slice(-1), [`Dana says ${mark}`]);
    await leave(dana);
});


test('the panel changes what it shows, and the log has it', async () => {
    await as('ada', 'POST', 'labels', { name: `label-${mark}` });
    await as('ada', 'POST', 'teams', { name: `Team ${mark}` });

    const { id } = await visitor(`Panel ${mark}`, {
        name: 'Ann', email: 'ann@shop.test', attributes: { order: 'A-17' } });
    const { page, faults, ...one } = await desk(browser, 'dana',
                                                `#/all/c/${id}`);
    const panel = page.getByRole('complementary', { name: 'Details' });

    await panel.getByText('Not verified').waitFor();
    await panel.getByText('ann@shop.test').waitFor();
    await panel.getByText('A-17').waitFor();
    await panel.getByText('Hebrew').waitFor();

    await panel.locator('#priority').selectOption('urgent');
    await inLog(page, '\u2068Dana\u2069 set the priority: \u2068Urgent\u2069.')
        .waitFor();
    await row(page, `Panel ${mark}`).filter({ hasText: 'Urgent' }).waitFor();

    await panel.getByRole('checkbox', { name: `label-${mark}` }).check();
    await row(page, `Panel ${mark}`).filter({ hasText: `label-${mark}` })
                                    .waitFor();
    await page.getByRole('link', { name: `label-${mark}` }).first().click();
    await row(page, `Panel ${mark}`).waitFor();
    await row(page, `Panel ${mark}`).click();

    await panel.locator('#team').selectOption({ label: `Team ${mark}` });
    await inLog(page, `\u2068Dana\u2069 gave the conversation to the team `
                      + `\u2068Team ${mark}\u2069.`).waitFor();

    await panel.locator('#until').selectOption({ label: 'For an hour' });
    await page.waitForFunction(
        () => document.querySelector('#status').value === 'snoozed');
    await panel.locator('#until').selectOption({ label: 'Wake now' });
    await page.waitForFunction(
        () => document.querySelector('#status').value === 'open');

    await panel.locator('#assignee').selectOption({ label: 'Sam' });
    await page.getByText('Assigned to \u2068Sam').waitFor();
    await shot(page, 'console-panel');

    const now = await as('sam', 'GET', `conversations/${id}`);

    assert.deepEqual([now.priority, now.labels, now.team.name,
                      now.assignee.name, now.status],
                     ['urgent', [`label-${mark}`], `Team ${mark}`, 'Sam',
                      'open']);
    assert.deepEqual(faults, []);
    await leave(one);
});


test('a reply that is written already is found and filled in', async () => {
    await as('sam', 'POST', 'canned', {
        shortcut: `hi${mark}`, title: 'Greeting',
        text: `Hello {{visitor.name}}, this is {{agent.name}} ${mark}` });

    const { id } = await visitor(`Canned ${mark}`, { name: 'Ann' });
    const { page, faults, ...one } = await desk(browser, 'dana',
                                                `#/all/c/${id}`);
    const field = page.getByRole('textbox', { name: 'Write a reply' });
    const option = page.getByRole('option', { name: 'Greeting' });

    await field.pressSequentially(`/hi${mark.slice(0, 3)}`);
    await option.first().waitFor();
    await shot(page, 'console-canned');
    await field.press('Escape');
    await option.first().waitFor({ state: 'hidden' });
    await field.fill('');
    await field.pressSequentially(`/hi${mark}`);
    await option.waitFor();
    await field.press('Enter');
    assert.equal(await field.inputValue(),
                 `Hello Ann, this is Dana ${mark}`);
    await field.press('Enter');
    await inLog(page, `Hello Ann, this is Dana ${mark}`).waitFor();
    assert.deepEqual(faults, []);
    await leave(one);
});


test('what is typed is there after a reload, a note as a note', async () => {
    const one = await visitor(`Draft one ${mark}`);
    const two = await visitor(`Draft two ${mark}`);
    const { page, ...dana } = await desk(browser, 'dana',
                                         `#/all/c/${one.id}`);

    await page.getByRole('textbox', { name: 'Write a reply' })
              .fill('Half a reply');
    await row(page, `Draft two ${mark}`).click();
    await inLog(page, `Draft two ${mark}`).waitFor();
    await page.getByRole('checkbox', { name: 'Internal note' }).check();
    await page.getByRole('textbox', { name: 'Write an internal note' })
              .fill('Half a note');
    await page.reload();

    await inLog(page, `Draft two ${mark}`).waitFor();
    assert.equal(await page.getByRole('textbox', {
        name: 'Write an internal note' }).inputValue(), 'Half a note');
    await page.getByText('Only your team sees this note.').waitFor();
    await row(page, `Draft one ${mark}`).click();
    await inLog(page, `Draft one ${mark}`).waitFor();
    assert.equal(await page.getByRole('textbox', {
        name: 'Write a reply' }).inputValue(), 'Half a reply');
    assert.deepEqual(await said(two.id), [`Draft two ${mark}`]);
    await leave(dana);
});


test('while the store is away one reads, and what is written waits',
     async () =>
{
    const { id } = await visitor(`Away ${mark}`);
    const { page, ...dana } = await desk(browser, 'dana', `#/all/c/${id}`, {},
                                         noSockets);
    const gone = (route) => route.fulfill({
        status: 503, headers: { 'Retry-After': '1' },
        contentType: 'application/problem+json',
        body: '{"status":503,"code":"unavailable"}' });

    await inLog(page, `Away ${mark}`).waitFor();
    await page.route(/\/v1\/ready$/, gone);
    await page.route(/\/v1\/conversations\//, gone);
    await write(page, 'Write a reply', `Patience ${mark}`);
    await page.getByText('The store has been away since').waitFor();
    assert.equal(await page.getByRole('button', { name: 'Resolve' })
                           .isDisabled(), true);
    await shot(page, 'console-away');
    await page.reload();
    await page.unroute(/\/v1\/ready$/);
    await page.unroute(/\/v1\/conversations\//);

    await inLog(page, `Patience ${mark}`).waitFor();
    await page.getByText('The store has been away since')
              .waitFor({ state: 'hidden' });
    await page.waitForFunction(() =>
        document.querySelectorAll('.own[data-state=sent]').length === 1);
    assert.deepEqual(await said(id), [`Away ${mark}`, `Patience ${mark}`]);
    await leave(dana);
});


test('a file goes with a reply', async () => {
    const { id } = await visitor(`File ${mark}`);
    const { page, faults, ...dana } = await desk(browser, 'dana',
                                                 `#/all/c/${id}`);
    const [chooser] = await Promise.all([
        page.waitForEvent('filechooser'),
        page.getByRole('button', { name: 'Attach' }).click()]);

    await chooser.setFiles({ name: 'notes.txt', mimeType: 'text/plain',
                             buffer: Buffer.from('some notes') });
    await page.getByRole('button', { name: /Remove .*notes.txt/ }).waitFor();
    await page.locator('.files progress').waitFor({ state: 'hidden' });
    await page.reload();
    await page.getByRole('button', { name: /Remove .*notes.txt/ }).waitFor();
    await write(page, 'Write a reply', `With a file ${mark}`);
    await page.getByRole('log').getByRole('link', { name: 'notes.txt' })
              .waitFor();
    assert.deepEqual(faults, []);
    await leave(dana);
});


test('everything goes by keys', async () => {
    const { id } = await visitor(`Keys ${mark}`);
    const { page, faults, ...dana } = await desk(
        browser, 'dana', `#/search/${encodeURIComponent(`Keys ${mark}`)}`);
    const { keyboard } = page;
    const focus = (selector) => page.waitForFunction(
        (wanted) => document.activeElement?.matches(wanted), selector);

    await row(page, `Keys ${mark}`).waitFor();
    await keyboard.press('Alt+KeyJ');
    await inLog(page, `Keys ${mark}`).waitFor();

    await keyboard.press('Alt+KeyP');
    await focus('.noting textarea');
    await keyboard.type(`Noted ${mark}`);
    await keyboard.press('Enter');
    await inLog(page, `Noted ${mark}`).waitFor();

    await keyboard.press('Alt+KeyL');
    await focus('.composer:not(.noting) textarea');
    await keyboard.type(`Done ${mark}`);
    await keyboard.press('Enter');
    await inLog(page, `Done ${mark}`).waitFor();

    await keyboard.press('Alt+KeyA');
    await page.getByRole('button', { name: 'Unassign' }).waitFor();
    await keyboard.press('Alt+KeyM');
    await focus('#until');
    await keyboard.press('Alt+KeyO');
    await page.getByRole('complementary').waitFor({ state: 'hidden' });
    await keyboard.press('Alt+KeyT');
    await focus('#team');
    await keyboard.press('Alt+KeyE');
    await page.getByRole('button', { name: 'Reopen' }).waitFor();

    await keyboard.press('Alt+KeyC');
    await focus('.list a');
    await keyboard.press('ArrowDown');
    await keyboard.press('Escape');
    await page.getByText('Choose a conversation.').waitFor();

    await keyboard.press('Shift+Slash');
    await page.getByRole('dialog', { name: 'Keys and commands' }).waitFor();
    await shot(page, 'console-help');
    await keyboard.type('unassigned');
    await keyboard.press('Enter');
    await page.getByRole('heading', { name: 'Unassigned' }).waitFor();
    await keyboard.press('Slash');
    await focus('#search');
    await keyboard.press('Control+KeyK');
    await page.getByRole('dialog').waitFor();
    await keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'hidden' });
    await focus('#search');

    assert.equal((await as('dana', 'GET', `conversations/${id}`)).status,
                 'resolved');
    assert.deepEqual(faults, []);
    await leave(dana);
});


test('the title counts what waits in any view, and the lines are one',
     async () =>
{
    const before = await visitor(`Before ${mark}`);
    const { page, faults, ...dana } = await desk(
        browser, 'dana', '#/status/snoozed', {}, watchLines);
    const { agent } = await as('dana', 'GET', 'agent/session');
    const { agent: other } = await as('sam', 'GET', 'agent/session');
    const assign = (id, assignee) =>
        as('ada', 'PATCH', `conversations/${id}`, { assignee });

    /* As many as the API has of those that nobody has, or this agent. */
    const counted = async () => {
        const found = await Promise.all(['me', 'none'].map((assignee) => as(
            'dana', 'GET', `conversations?order=waiting&limit=200&assignee=${
                assignee}`)));
        const count = found.flatMap((it) => it.conversations).filter(
            (it) => it.unread > 0 && it.waiting_since
                    && it.status !== 'resolved').length;

        await page.waitForFunction((title) => document.title === title,
                                   count ? `(${count}) Support console`
                                         : 'Support console');

        return count;
    };

    const had = await counted();

    assert.ok(had > 0);

    /* One that comes, goes to another agent, and is this one's. */
    const after = await visitor(`After ${mark}`);

    assert.equal(await counted(), had + 1);
    await assign(after.id, other.id);
    assert.equal(await counted(), had);
    await assign(after.id, agent.id);
    assert.equal(await counted(), had + 1);

    /* What is answered, or seen, does not wait. */
    await reply('sam', before.id, `Answer ${mark}`);
    assert.equal(await counted(), had);
    await page.evaluate((hash) => {
        location.hash = hash;
    }, `#/status/snoozed/c/${after.id}`);
    await inLog(page, `After ${mark}`).waitFor();
    await page.waitForFunction((title) => document.title === title,
                               had > 1 ? `(${had - 1}) Support console`
                                       : 'Support console');
    assert.equal(lines(page), 1);
    assert.deepEqual(faults, []);
    await leave(dana);
});


test('tabs have one connection, and each goes on without the other',
     async () =>
{
    const { id, say } = await visitor(`Tabs ${mark}`);
    const first = await desk(browser, 'dana', `#/all/c/${id}`, {},
                             watchLines);
    const second = await first.context.newPage();

    watchLines(second);
    await inLog(first.page, `Tabs ${mark}`).waitFor();
    await second.goto(first.page.url());
    await inLog(second, `Tabs ${mark}`).waitFor();
    await say(`Both ${mark}`);

    for (const page of [first.page, second]) {
        await inLog(page, `Both ${mark}`).waitFor();
        await row(page, `Both ${mark}`).waitFor();
    }

    assert.equal(lines(first.page) + lines(second), 1);
    await write(second, 'Write a reply', `From the second ${mark}`);
    await inLog(first.page, `From the second ${mark}`).waitFor();

    await first.page.close();
    await say(`Alone ${mark}`);
    await inLog(second, `Alone ${mark}`).waitFor();
    await row(second, `Alone ${mark}`).waitFor();
    assert.equal(lines(second), 1);
    await leave(first);
});


test('a long list is loaded as it is read, and few rows of it are there',
     async () =>
{
    const { page, faults, ...dana } = await desk(browser, 'dana',
                                                 '#/status/resolved');
    const scroll = page.locator('.scroll');

    await row(page, /Row \d+/).first().waitFor();

    await page.waitForFunction(() => {
        const box = document.querySelector('.scroll');
        const last = document.querySelector('.list li:last-child');

        box.scrollTop = box.scrollHeight;

        return Number(last?.getAttribute('aria-posinset')) >= 1200;
    });

    const rows = await page.locator('.list li').count();

    assert.ok(rows <= 200, `${rows} rows`);

    /* What comes on top does not move what is being read. */
    await scroll.evaluate((node) => {
        node.scrollTop = node.scrollHeight / 2;
    });

    /* The rows of that place are drawn with the next frame. */
    await page.waitForFunction(() => {
        const box = document.querySelector('.scroll');
        const row = box.querySelector('li');

        return row.getBoundingClientRect().top
               < box.getBoundingClientRect().top;
    });

    const middle = () => scroll.evaluate((node) => {
        const { top } = node.getBoundingClientRect();

        return [...node.querySelectorAll('li')].find(
            (li) => li.getBoundingClientRect().top >= top)?.dataset.id;
    });
    const other = await visitor(`Top ${mark}`);
    const size = await page.locator('.list li').first()
                           .getAttribute('aria-setsize');
    const reading = await middle();

    await as('dana', 'PATCH', `conversations/${other.id}`,
             { status: 'resolved' });
    await page.waitForFunction((had) => document.querySelector('.list li')
        .getAttribute('aria-setsize') !== had, size);
    assert.equal(await middle(), reading);
    await scroll.evaluate((node) => {
        node.scrollTop = 0;
    });
    await row(page, `Top ${mark}`).waitFor();
    assert.deepEqual(faults, []);
    await leave(dana);
});


test('who signs out leaves nothing in the browser', async () => {
    const { id } = await visitor(`Leave ${mark}`);
    const { token } = await as('ada', 'POST', 'agents', {
        email: `leave-${mark}@a.test`, name: 'Lea' });
    const password = 'correct horse battery';

    await call(null, 'POST', 'agent/setup', { token, password });

    const { page, ...one } = await desk(browser, 'sam', `#/all/c/${id}`);

    await page.getByRole('textbox', { name: 'Write a reply' })
              .fill('A secret');
    await one.context.clearCookies();
    await page.reload();
    await page.getByLabel('E-mail').fill(`leave-${mark}@a.test`);
    await page.getByLabel('Password').fill(password);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await inLog(page, `Leave ${mark}`).waitFor();

    const field = page.getByRole('textbox', { name: 'Write a reply' });

    assert.equal(await field.inputValue(), '');
    await field.fill('My own');

    const second = await one.context.newPage();

    await second.goto(page.url());
    await second.getByRole('button', { name: 'Sign out' }).waitFor();
    await page.getByRole('button', { name: 'Sign out' }).click();
    await second.getByRole('button', { name: 'Sign in' }).waitFor();
    await page.getByRole('button', { name: 'Sign in' }).waitFor();
    assert.doesNotMatch(await page.evaluate(
        () => JSON.stringify(localStorage)), /My own/);
    await leave(one);
});
