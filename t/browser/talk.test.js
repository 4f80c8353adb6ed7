/*
 * Copyright (C) the ngx_http_chat_module authors
 */

import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { accessible, inLog, launch, noSockets, onlyPolls, open, shot, signIn,
         site, write } from './browser.js';

const console_ = `${site.prefix}console/`;
const mark = Date.now().toString(36);

let browser;

before(async () => {
    browser = await launch();
});

after(() => browser?.close());


test('a visitor and an agent talk, and both reload', async () => {
    const visitor = await open(browser, site.page);
    const agent = await open(browser, console_);

    await signIn(agent.page);

    await visitor.page.getByRole('button', { name: 'Open chat' }).click();
    await visitor.page.getByRole('textbox').waitFor();
    await accessible(visitor.page);
    await shot(visitor.page, 'widget-empty');
    await write(visitor.page, 'Write a message', `Hello ${mark}`);
    await inLog(visitor.page, `Hello ${mark}`).waitFor();

    const entry = agent.page.getByRole('link', { name: `Hello ${mark}` });

    await entry.waitFor();
    await entry.click();
    await inLog(agent.page, `Hello ${mark}`).waitFor();

    await write(agent.page, 'Write a reply', `Good day ${mark}`);
    await inLog(visitor.page, `Good day ${mark}`).waitFor();
    await write(visitor.page, 'Write a message', `Thanks ${mark}`);
    await inLog(agent.page, `Thanks ${mark}`).waitFor();

    await accessible(visitor.page);
    await accessible(agent.page);
    await shot(visitor.page, 'widget-talk');
    await shot(agent.page, 'console-talk');

    await visitor.page.reload();
    await agent.page.reload();

    for (const { page } of [visitor, agent]) {
        for (const text of ['Hello', 'Good day', 'Thanks']) {
            await inLog(page, `${text} ${mark}`).waitFor();
            assert.equal(await inLog(page, `${text} ${mark}`).count(), 1);
        }
    }

    assert.deepEqual(visitor.faults, []);
    assert.deepEqual(agent.faults, []);
    await visitor.context.close();
    await agent.context.close();
});


test('what an agent formats looks so for both, and nothing else', async () => {
    const visitor = await open(browser, site.page);
    const agent = await open(browser, console_);
    const bold = (page, name) => page.locator('.bubble strong',
                                              { hasText: name });

    await signIn(agent.page);
    await visitor.page.getByRole('button', { name: 'Open chat' }).click();
    await write(visitor.page, 'Write a message', `**Raw ${mark}** <b>x</b>`);
    await agent.page.getByRole('link', { name: `**Raw ${mark}**` }).click();
    await inLog(agent.page, `**Raw ${mark}** <b>x</b>`).waitFor();
    assert.equal(await agent.page.locator('.bubble strong').count(), 0);

    const field = agent.page.getByRole('textbox', { name: 'Write a reply' });

    await field.fill(`Press Save ${mark}`);
    await field.evaluate((node) => node.setSelectionRange(6, 10));
    await field.press('Control+b');
    assert.equal(await field.inputValue(), `Press **Save** ${mark}`);
    await field.press('Control+b');
    assert.equal(await field.inputValue(), `Press Save ${mark}`);
    await field.press('Control+b');
    await field.press('Control+z');
    assert.equal(await field.inputValue(), `Press Save ${mark}`);

    await field.fill(`**Save ${mark}**:\n- _one_\n- \`two\`\n`
                     + '> <img src=x onerror=alert(1)>\nhttps://a.test/_b_');
    await field.press('Enter');

    for (const { page } of [agent, visitor]) {
        const bubble = page.locator('.bubble', {
            has: page.locator('strong', { hasText: mark }) });

        await bold(page, `Save ${mark}`).waitFor();
        assert.deepEqual(await bubble.locator('li').allTextContents(),
                         ['one', 'two']);
        assert.equal(await bubble.locator('li em').textContent(), 'one');
        assert.equal(await bubble.locator('li code').textContent(), 'two');
        assert.equal(await bubble.locator('blockquote').textContent(),
                     '<img src=x onerror=alert(1)>');
        assert.equal(await bubble.locator('a').getAttribute('href'),
                     'https://a.test/_b_');
        await accessible(page);
    }

    assert.equal(await visitor.page.locator('.bubble strong').count(), 1);
    await visitor.page.reload();
    await bold(visitor.page, `Save ${mark}`).waitFor();
    assert.deepEqual(visitor.faults, []);
    assert.deepEqual(agent.faults, []);
    await visitor.context.close();
    await agent.context.close();
});


test('nothing is stored or requested before the first open', async () => {
    const { page, context, faults } = await open(browser, 'about:blank');
    const asked = [];

    page.on('request', (request) => asked.push(request.url()));
    await page.goto(site.page);

    const launcher = page.getByRole('button', { name: 'Open chat' });

    await launcher.waitFor();
    await accessible(page);
    await shot(page, 'widget-closed');
    assert.deepEqual(asked.filter((url) => url.startsWith(site.prefix)),
                     [`${site.prefix}w.js`]);
    assert.deepEqual(await context.cookies(), []);
    assert.equal(await page.evaluate(
        () => localStorage.length + sessionStorage.length), 0);

    await launcher.focus();
    await page.keyboard.press('Enter');

    const field = page.getByRole('textbox', { name: 'Write a message' });

    await field.waitFor();
    await page.waitForFunction(() => {
        const host = document.activeElement;

        return host?.shadowRoot?.activeElement?.localName === 'textarea';
    });
    await page.keyboard.press('Escape');
    await field.waitFor({ state: 'hidden' });
    assert.equal(await launcher.evaluate(
        (node) => node.getRootNode().activeElement === node), true);
    assert.deepEqual(faults, []);
    await context.close();
});


test('the launcher survives a page that replaces its content', async () => {
    const { page, context, faults } = await open(browser, site.page);
    const launcher = page.getByRole('button', { name: 'Open chat' });

    await launcher.waitFor();
    await page.evaluate(() => document.body.replaceChildren());
    await launcher.waitFor();
    await page.evaluate(() => {
        document.body.replaceWith(document.createElement('body'));
    });
    await launcher.waitFor();

    assert.equal(await launcher.count(), 1);
    await launcher.click();
    await page.getByRole('textbox').waitFor();
    assert.deepEqual(faults, []);
    await context.close();
});


test('a note stays inside and a closed panel counts what it missed',
     async () =>
{
    const visitor = await open(browser, site.page);
    const agent = await open(browser, console_);

    await signIn(agent.page);
    await visitor.page.getByRole('button', { name: 'Open chat' }).click();
    await write(visitor.page, 'Write a message', `Notes ${mark}`);
    await agent.page.getByRole('link', { name: `Notes ${mark}` }).click();
    await visitor.page.getByRole('button', { name: 'Close', exact: true })
                 .click();

    await agent.page.getByRole('checkbox', { name: 'Internal note' })
               .check();
    await write(agent.page, 'Write an internal note', `Secret ${mark}`);
    await inLog(agent.page, `Secret ${mark}`).waitFor();
    await shot(agent.page, 'console-note');
    await accessible(agent.page);
    await agent.page.getByRole('checkbox', { name: 'Internal note' })
               .uncheck();
    await write(agent.page, 'Write a reply', `Public ${mark}`);

    await visitor.page.getByRole('button', {
        name: 'Open chat, 1 unread message' }).click();
    await inLog(visitor.page, `Public ${mark}`).waitFor();
    assert.equal(await inLog(visitor.page, `Secret ${mark}`).count(), 0);

    assert.deepEqual(visitor.faults, []);
    assert.deepEqual(agent.faults, []);
    await visitor.context.close();
    await agent.context.close();
});


test('an agent takes, resolves and reopens a conversation', async () => {
    const visitor = await open(browser, site.page);
    const agent = await open(browser, console_);
    const button = (name) => agent.page.getByRole('button',
                                                  { name, exact: true });

    await signIn(agent.page);
    await visitor.page.getByRole('button', { name: 'Open chat' }).click();
    await write(visitor.page, 'Write a message', `Work ${mark}`);
    await agent.page.getByRole('link', { name: `Work ${mark}` }).click();

    await button('Assign to me').click();
    await button('Unassign').waitFor();
    await button('Resolve').click();
    await button('Reopen').waitFor();
    await inLog(visitor.page, 'The conversation was marked as resolved.')
          .waitFor();
    await button('Reopen').click();
    await button('Resolve').waitFor();
    await button('Unassign').click();
    await button('Assign to me').waitFor();
    await inLog(visitor.page, 'The conversation is open again.').waitFor();

    await button('Sign out').click();
    await agent.page.getByRole('button', { name: 'Sign in' }).waitFor();
    await accessible(agent.page);
    await shot(agent.page, 'console-signin');
    await agent.page.reload();
    await agent.page.getByRole('button', { name: 'Sign in' }).waitFor();

    assert.deepEqual(visitor.faults, []);
    assert.deepEqual(agent.faults, []);
    await visitor.context.close();
    await agent.context.close();
});


test('what was typed while the server was away is sent once', async () => {
    const { page, context } = await open(browser, 'about:blank');
    let away = false;
    const kept = [];

    await onlyPolls(page);
    await page.goto(site.page);
    await page.getByRole('button', { name: 'Open chat' }).click();
    await write(page, 'Write a message', `Before ${mark}`);
    await page.getByText('Sent').waitFor();

    /* Nothing gets through, but of the first message only the answer. */
    await page.route(`${site.prefix}v1/**`, async (route) => {
        const { client_msg_id: id } = route.request().postDataJSON() || {};

        if (!away) {
            return route.continue();
        }

        if (id && kept.length === 0) {
            kept.push(id);
            await route.fetch();
        }

        return route.abort();
    });

    away = true;
    await write(page, 'Write a message', `During ${mark}`);
    await write(page, 'Write a message', `Later ${mark}`);
    await page.getByText('Waiting').waitFor();
    await page.getByText('Connection lost. Trying again…').waitFor();
    assert.equal(kept.length, 1);
    away = false;

    await page.waitForFunction(() => {
        const root = [...document.body.children]
                     .map((node) => node.shadowRoot).find(Boolean);
        const own = [...root.querySelectorAll('.own')];

        return own.length === 3
               && own.every((line) => ['sent', 'seen']
                                      .includes(line.dataset.state));
    });

    await page.reload();
    await inLog(page, `Later ${mark}`).waitFor();

    const texts = await page.getByRole('log').locator('.bubble')
                            .allTextContents();

    assert.deepEqual(texts, ['Before', 'During', 'Later']
                            .map((text) => `${text} ${mark}`));
    await context.close();
});


test('an agent whose session has ended loses nothing', async () => {
    const visitor = await open(browser, site.page);
    const agent = await open(browser, 'about:blank');

    await noSockets(agent.page);
    await agent.page.goto(console_);
    await signIn(agent.page);
    await visitor.page.getByRole('button', { name: 'Open chat' }).click();
    await write(visitor.page, 'Write a message', `Long ${mark}`);
    await agent.page.getByRole('link', { name: `Long ${mark}` }).click();

    /* It ends between the key and the request. */
    await agent.page.route(/\/messages$/, async (route) => {
        await agent.context.clearCookies();
        await route.continue();
    }, { times: 1 });
    await write(agent.page, 'Write a reply', `Kept ${mark}`);
    await agent.page.getByText('Your session has ended.').waitFor();
    await accessible(agent.page);
    await signIn(agent.page);

    await inLog(visitor.page, `Kept ${mark}`).waitFor();
    assert.equal(await inLog(agent.page, `Kept ${mark}`).count(), 1);
    assert.deepEqual(visitor.faults, []);
    await visitor.context.close();
    await agent.context.close();
});


test('an agent who does not see the latest is told', async () => {
    const visitor = await open(browser, site.page);
    const one = await open(browser, 'about:blank');
    const other = await open(browser, console_);
    const button = ({ page }, name) => page.getByRole('button',
                                                      { name, exact: true });
    let away = false;

    const polls = new Set();

    await onlyPolls(one.page, () => away);
    one.page.on('request', (request) => polls.add(request));
    one.page.on('requestfinished', (request) => polls.delete(request));
    one.page.on('requestfailed', (request) => polls.delete(request));
    await one.page.goto(console_);
    await visitor.page.getByRole('button', { name: 'Open chat' }).click();
    await write(visitor.page, 'Write a message', `Both ${mark}`);

    for (const agent of [one, other]) {
        await signIn(agent.page);
        await agent.page.getByRole('link', { name: `Both ${mark}` }).click();
        await button(agent, 'Resolve').waitFor();
    }

    away = true;

    /* What was asked before is still answered, by this message. */
    const last = [...polls];

    await write(visitor.page, 'Write a message', `More ${mark}`);
    await one.page.getByText('Connection lost at').waitFor();
    await Promise.all(last.map(async (request) =>
        (await request.response())?.finished()));
    await shot(one.page, 'console-lost');
    await button(other, 'Resolve').click();
    await button(other, 'Reopen').waitFor();

    await button(one, 'Assign to me').click();
    await one.page.getByText('Somebody changed this conversation').waitFor();
    await button(one, 'Reopen').waitFor();
    await button(one, 'Assign to me').click();
    await button(other, 'Unassign').waitFor();

    away = false;
    await inLog(one.page, `More ${mark}`).waitFor();
    await one.page.getByText('Connection lost at').waitFor(
        { state: 'hidden' });

    for (const agent of [visitor, one, other]) {
        await agent.context.close();
    }
});


test('a message is announced once, not again when it is sent', async () => {
    const { page, context } = await open(browser, site.page);
    const log = page.getByRole('log');

    await page.getByRole('button', { name: 'Open chat' }).click();
    await write(page, 'Write a message', `First ${mark}`);
    await log.locator('[data-state=sent]').waitFor();

    await write(page, 'Write a message', `Second ${mark}`);
    await log.locator('[data-state=sent]').nth(1).waitFor();

    await log.evaluate((node) => {
        window.nodes = [];
        new MutationObserver((changes) => {
            for (const { addedNodes, removedNodes } of changes) {
                window.nodes.push(...[...addedNodes, ...removedNodes]
                    .map((it) => it.localName || '')
                    .filter((name) => name !== ''));
            }
        }).observe(node, { childList: true, subtree: true });
    });
    await write(page, 'Write a message', `Third ${mark}`);
    await log.locator('[data-state=sent]').nth(2).waitFor();
    assert.deepEqual(await page.evaluate(() => window.nodes), ['li']);
    assert.equal(await log.evaluate(
        (node) => node.getAttribute('aria-live')), null);
    assert.equal(await log.locator('.meta').first().getAttribute(
        'aria-live'), 'off');
    await context.close();
});


test('hostile text is text', async () => {
    const visitor = await open(browser, site.page);
    const agent = await open(browser, console_);
    const text = `<img src=x onerror=alert(1)>${mark} \u202egpj.exe {{1}}`;
    let dialogs = 0;

    agent.page.on('dialog', (dialog) => {
        dialogs++;
        dialog.dismiss();
    });
    await signIn(agent.page);
    await visitor.page.getByRole('button', { name: 'Open chat' }).click();
    await write(visitor.page, 'Write a message', text);
    await agent.page.getByRole('link', { name: mark }).first().waitFor();
    await agent.page.getByRole('link', { name: `onerror=alert(1)>${mark}` })
                    .click();
    await inLog(agent.page, text).waitFor();

    assert.equal(dialogs, 0);
    assert.deepEqual(visitor.faults, []);
    assert.deepEqual(agent.faults, []);
    await visitor.context.close();
    await agent.context.close();
});


const looks = {
    dark: { colorScheme: 'dark' },
    forced: { forcedColors: 'active', reducedMotion: 'reduce' },
    phone: { viewport: { width: 375, height: 667 } },
    narrow: { viewport: { width: 320, height: 568 } },
};

for (const [name, look] of Object.entries(looks)) {
    test(`both pages, ${name}`, async () => {
        const visitor = await open(browser, site.page, look);
        const agent = await open(browser, console_, look);
        const text = `Look ${name} ${mark}`;

        await agent.page.getByRole('button', { name: 'Sign in' }).waitFor();
        await accessible(agent.page);
        await signIn(agent.page);
        await visitor.page.getByRole('button', { name: 'Open chat' }).click();
        await write(visitor.page, 'Write a message', text);
        await agent.page.getByRole('link', { name: text }).click();
        await write(agent.page, 'Write a reply', 'مرحبا abc 123\nHello');
        await agent.page.getByRole('checkbox', { name: 'Internal note' })
                   .check();
        await write(agent.page, 'Write an internal note', 'Be nice');
        await inLog(agent.page, 'Be nice').waitFor();
        await inLog(visitor.page, 'Hello').waitFor();

        assert.equal(await inLog(visitor.page, 'مرحبا abc 123').evaluate(
            (node) => getComputedStyle(node).direction), 'rtl');

        for (const { page } of [visitor, agent]) {
            await accessible(page);
            assert.equal(await page.evaluate(() => document.documentElement
                         .scrollWidth <= innerWidth), true);
        }

        await shot(visitor.page, `widget-${name}`);
        await shot(agent.page, `console-${name}`);

        if (look.reducedMotion) {
            assert.equal(await visitor.page.evaluate(
                () => document.getAnimations().length), 0);
        }

        await visitor.page.getByRole('button', { name: 'Close', exact: true })
                     .click();
        await visitor.page.getByRole('button', { name: /^Open chat/ })
                     .waitFor();

        assert.deepEqual(visitor.faults, []);
        assert.deepEqual(agent.faults, []);
        await visitor.context.close();
        await agent.context.close();
    });
}


test('what a page weighs', async () => {
    const { page, context } = await open(browser, 'about:blank');
    const loads = [];

    page.on('requestfinished', (request) => {
        if (request.url().startsWith(site.prefix)) {
            loads.push(weight(request));
        }
    });

    await page.goto(site.page);
    await page.getByRole('button', { name: 'Open chat' }).waitFor();

    const [[loader, size, caching], ...others] = await Promise.all(loads);

    assert.equal(loader, 'w.js');
    assert.equal(caching, 'public, max-age=300');
    assert.ok(size <= 3 * 1024, `the loader has ${size} bytes`);
    assert.deepEqual(others, []);

    await page.getByRole('button', { name: 'Open chat' }).click();
    await page.getByRole('textbox').waitFor();

    const opened = (await Promise.all(loads))
                   .filter(([path]) => path.startsWith('assets/'));
    const sum = opened.reduce((all, [, bytes]) => all + bytes, 0);

    assert.ok(opened.length <= 2, `${opened.length} files`);
    assert.ok(sum <= 14 * 1024, `the first open has ${sum} bytes`);
    opened.forEach(([path, , kept]) => {
        assert.match(path, /-[0-9a-f]{8}\.js$/);
        assert.equal(kept, 'public, max-age=31536000, immutable');
    });

    await write(page, 'Write a message', `Weight ${mark}`);
    await page.getByText('Sent').waitFor();

    const all = (await Promise.all(loads))
                .filter(([path]) => !path.startsWith('v1/'))
                .reduce((bytes, [, more]) => bytes + more, 0);

    assert.ok(all <= 25 * 1024, `the whole session has ${all} bytes`);
    await context.close();
});


/* What is asked for, the bytes on the wire, and how long they hold. */
async function weight(request) {
    const { responseBodySize } = await request.sizes();
    const headers = await (await request.response()).allHeaders();

    return [request.url().slice(site.prefix.length), responseBodySize,
            headers['cache-control']];
}
