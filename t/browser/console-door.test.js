/*
 * Copyright (C) the ngx_http_chat_module authors
 */

/*
 * Signing in: with the code of a second factor, which the agent sets up and
 * ends, and as whom nginx says it is.
 */

import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { accessible, launch, open, shot, signIn, site } from './browser.js';
import { as, consolePage, desk, leave } from './console-page.js';

const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
const STEP = 30000;

let browser;

before(async () => {
    browser = await launch();
});

after(() => browser?.close());


/* The code of RFC 6238, some steps from now. */
function code(secret, steps = 0) {
    const bits = [...secret].map((it) => LETTERS.indexOf(it).toString(2)
                                                .padStart(5, '0')).join('');
    const key = Buffer.from(bits.match(/.{8}/g).map((it) => parseInt(it, 2)));
    const time = Buffer.alloc(8);

    time.writeBigUInt64BE(BigInt(Math.floor(Date.now() / STEP) + steps));

    const mac = createHmac('sha1', key).update(time).digest();
    const at = mac[19] & 15;

    return String((mac.readUInt32BE(at) & 0x7fffffff) % 1000000)
           .padStart(6, '0');
}


async function settings(page) {
    await page.goto(`${consolePage}#/settings/me`);
    await page.locator('.settings').getByRole('heading', {
        name: 'Second factor' }).waitFor();
}


async function signOut(page) {
    await page.getByRole('button', { name: 'Sign out', exact: true }).first()
              .click();
    await page.getByRole('button', { name: 'Sign in', exact: true })
              .waitFor();
}


async function password(page) {
    await page.getByLabel('E-mail').fill(site.email);
    await page.getByLabel('Password').fill(site.password);
    await page.getByRole('button', { name: 'Sign in', exact: true }).click();
}


test('a second factor is set up, asked for, and ended', async () => {
    const { page, context } = await open(browser, consolePage);
    const button = (name) => page.getByRole('button', { name, exact: true });
    const field = page.getByLabel('Code', { exact: true });
    const inside = page.getByRole('navigation', { name: 'Conversations' });

    await context.grantPermissions(['clipboard-read', 'clipboard-write']);
    await signIn(page);
    await settings(page);

    /* It does not count before a code of it is known. */
    await button('Set up a second factor').click();
    await page.getByLabel('Key', { exact: true }).waitFor();
    await button('Cancel').click();
    await page.locator('#factor-secret').waitFor({ state: 'hidden' });
    await button('Set up a second factor').click();
    await page.locator('#factor-secret').waitFor();

    const secret = await page.locator('#factor-secret').inputValue();
    const href = await page.locator('.factor a').getAttribute('href');

    assert.match(secret, /^[A-Z2-7]{32}$/);
    assert.match(href, new RegExp(`^otpauth://totp/.*secret=${secret}`));
    assert.equal(await page.locator('.factor a').textContent(), href);
    await accessible(page);
    await shot(page, 'console-factor');

    await page.getByLabel('Code that it shows').fill('000000');
    await button('Turn on').click();
    await page.getByText('The code is not right. Is the clock').waitFor();
    await page.getByLabel('Code that it shows').fill(code(secret));
    await button('Turn on').click();
    await page.locator('.codes li').first().waitFor();

    const codes = await page.locator('.codes li').allTextContents();

    assert.equal(new Set(codes).size, 10);
    await accessible(page);
    await button('Copy the codes').click();
    await page.getByText('The codes are copied.').waitFor();
    assert.equal(await page.evaluate(() => navigator.clipboard.readText()),
                 codes.join('\n'));
    await button('I have kept them').click();
    await page.locator('.codes li').first().waitFor({ state: 'detached' });
    await page.reload();
    await button('Turn off the second factor').waitFor();
    assert.equal(await page.getByText(codes[0]).count(), 0);

    /* A code that was not used yet. */
    await signOut(page);
    assert.equal(await field.isVisible(), false);
    await password(page);
    await page.getByText('Please enter the code of your second factor')
              .waitFor();
    assert.equal(await field.evaluate(
        (node) => node === document.activeElement), true);
    await accessible(page);
    await shot(page, 'console-code');
    await field.fill('999 99');
    await field.press('Enter');
    await page.getByText('The code is not right, or was used already.')
              .waitFor();
    assert.equal(await field.inputValue(), '');
    await field.fill(code(secret, 1));
    await field.press('Enter');
    await inside.or(page.locator('.settings')).first().waitFor();

    /* One for when the authenticator is lost. */
    await signOut(page);
    await password(page);
    await field.fill(codes[3].toLowerCase());
    await field.press('Enter');
    await button('Sign out').first().waitFor();
    await settings(page);
    await page.locator('#factor-password').fill('not this');
    await button('Turn off the second factor').click();
    await page.locator('.factor').getByText('The password is not right.')
              .waitFor();
    await page.locator('#factor-password').fill(site.password);
    await button('Turn off the second factor').click();
    await button('Set up a second factor').waitFor();

    await signOut(page);
    await password(page);
    await button('Sign out').first().waitFor();
    await leave({ context });
});


test('an administrator takes a second factor away', async () => {
    const { secret } = await as('sam', 'POST', 'agent/totp');

    await as('sam', 'POST', 'agent/totp/confirm', { code: code(secret) });

    const { page, faults, ...ada } = await desk(browser, 'ada',
                                                '#/settings/people');
    const entry = page.locator('.records li').filter({ hasText: 'Sam' });

    /* By its key: the row may still move below a pointer. */
    await entry.getByRole('button', { name: 'Turn off the second factor' })
               .press('Enter');
    await page.getByText('Done.').waitFor();
    assert.equal((await as('sam', 'GET', 'agent/session')).agent.totp, false);
    assert.deepEqual(faults, []);
    await leave(ada);
});


test('whom nginx knows is signed in, and out when he wants', async () => {
    const known = new URL('/known/console/', site.page).href;
    const { page, ...one } = await open(browser, 'about:blank', {
        extraHTTPHeaders: { 'X-User': 'sam@a.test' } });
    const button = page.getByRole('button', {
        name: 'Sign in without a password' });

    await page.goto(known);
    await page.locator('.desk').waitFor();
    await page.locator('.me').filter({ hasText: 'Sam' }).waitFor();
    await signOut(page);
    await button.waitFor();
    await accessible(page);

    /* Who has left stays away until he comes himself. */
    await page.reload();
    await button.click();
    await page.locator('.desk').waitFor();
    await signOut(page);

    await page.setExtraHTTPHeaders({ 'X-User': 'nobody@a.test' });
    await button.click();
    await page.getByText('but you are no agent here.').waitFor();
    await page.setExtraHTTPHeaders({ 'X-User': '' });
    await button.click();
    await page.getByText('The server does not know who you are.').waitFor();
    await leave(one);
});


test('where nginx knows nobody there is no such button', async () => {
    const { page, faults, ...one } = await open(browser, consolePage);

    await page.getByRole('button', { name: 'Sign in', exact: true })
              .waitFor();
    assert.equal(await page.getByRole('button', {
        name: 'Sign in without a password' }).count(), 0);
    assert.deepEqual(faults, []);
    await leave(one);
});
