/*
 * Copyright (C) the ngx_http_chat_module authors
 */

/*
 * The console in every language and look, through axe-core; the pages of the
 * settings; and a phone.
 */

import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { accessible, inLog, launch, open, shot } from './browser.js';
import { as, call, consolePage, desk, leave, reply, visitor }
    from './console-page.js';

const mark = Date.now().toString(36);
const SCHEMES = ['light', 'dark'];
const PAGES = ['me', 'people', 'teams', 'labels', 'site', 'signing', 'programs',
               'audit', 'canned'];
const SAID = {
    en: ['Hello, is the Heron lamp in stock?', 'Yes, two of them.'],
    ar: ['مرحبًا، هل مصباح Heron متوفر؟', 'نعم، بقي اثنان.'],
    he: ['שלום, האם המנורה Heron במלאי?', 'כן, נשארו שתיים.'],
};

/* What a label is in each language, from the catalogues themselves. */
const WORDS = Object.fromEntries(await Promise.all(Object.keys(SAID).map(
    async (lang) => [lang, (await import(
        `../../src/assets/${lang}-console.js`)).default])));

let browser;

before(async () => {
    browser = await launch();
    await as('ada', 'POST', 'teams', { name: 'Second level' });
});

after(() => browser?.close());


for (const [lang, [asked, answered]] of Object.entries(SAID)) {
    for (const colorScheme of SCHEMES) {
        test(`every view, ${lang}, ${colorScheme}`, async () => {
            const t = WORDS[lang];
            const options = { locale: lang, colorScheme,
                              reducedMotion: 'reduce' };
            const door = await open(browser, consolePage, options);

            await door.page.getByRole('button', { name: t['signin.submit'] })
                      .waitFor();
            await accessible(door.page);
            await leave(door);

            const { id } = await visitor(asked, { name: 'Noa' });

            await reply('sam', id, answered);

            const { page, faults, ...one } = await desk(
                browser, 'ada', `#/all/c/${id}`, options);

            await inLog(page, answered).waitFor();
            await page.evaluate(() =>
                performance.setResourceTimingBufferSize(5000));
            assert.deepEqual(await page.evaluate(() =>
                [document.documentElement.lang, document.dir]),
                [lang, lang === 'en' ? 'ltr' : 'rtl']);
            await accessible(page);
            await shot(page, `console-${lang}-${colorScheme}`);

            await page.getByRole('checkbox', {
                name: t['composer.internal'] }).check();
            await accessible(page);

            await page.getByRole('button', { name: t['help.button'] })
                      .click();
            await page.getByRole('dialog').waitFor();
            await accessible(page);
            await page.keyboard.press('Escape');

            /* What is asked in a dialog. */
            for (const name of ['message.more', 'customer.change',
                                'customer.erase', 'side.escalate'])
            {
                await page.getByRole('button', { name: t[name], exact: true })
                          .first().click();
                await page.getByRole('dialog').waitFor();
                await accessible(page);
                await shot(page, `console-${lang}-${colorScheme}-${name}`);
                await page.keyboard.press('Escape');
                await page.getByRole('dialog').waitFor({ state: 'hidden' });
            }

            await page.getByText(t['customer.track']).click();
            await page.locator('.customer details').last()
                      .getByText(t['records.none']).waitFor();
            await accessible(page);
            await shot(page, `console-${lang}-${colorScheme}-customer`);
            await page.getByRole('link', { name: t['inbox.mentions'] })
                      .click();
            await page.getByRole('heading', { name: t['inbox.mentions'] })
                      .waitFor();
            await accessible(page);

            for (const name of PAGES) {
                await page.goto(`${consolePage}#/settings/${name}`);
                await page.locator('.settings').getByRole('heading', {
                    name: t[`settings.${name}`] }).waitFor();
                await accessible(page);
                await shot(page, `console-${lang}-${colorScheme}-${name}`);
            }

            await page.getByRole('button', { name: t['records.add'] })
                      .click();
            await page.getByRole('dialog').waitFor();
            await accessible(page);
            await shot(page, `console-${lang}-${colorScheme}-add`);

            /* All that was loaded, compressed, with one language. */
            const sizes = await page.evaluate(() =>
                [...performance.getEntriesByType('navigation'),
                 ...performance.getEntriesByType('resource')]
                .filter(({ name }) => !name.includes('/v1/'))
                .map((it) => [it.name, it.encodedBodySize]));
            const sum = sizes.reduce((all, [, size]) => all + size, 0);

            assert.ok(sizes.length >= 3, JSON.stringify(sizes));
            assert.ok(sum <= 60 * 1024, `the console has ${sum} bytes`);
            assert.deepEqual(faults, []);
            await leave(one);
        });
    }
}


test('an administrator invites somebody, who sets an account up',
     async () =>
{
    const { page, faults, ...ada } = await desk(browser, 'ada',
                                                '#/settings/people');
    const name = `Noa ${mark}`;

    await page.getByRole('button', { name: 'Add' }).click();
    await page.getByLabel('E-mail').fill(`noa-${mark}@a.test`);
    await page.getByLabel('Name').fill(name);
    await page.getByLabel('Role').selectOption('supervisor');
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByRole('listitem').filter({ hasText: name })
              .filter({ hasText: 'Invited' }).waitFor();

    const link = await page.getByLabel('Link to set up the account')
                           .inputValue();

    await shot(page, 'console-people');

    const noa = await open(browser, link);

    await noa.page.getByLabel('Password').fill('correct horse battery');
    await accessible(noa.page);
    await shot(noa.page, 'console-setup');
    assert.equal(new URL(noa.page.url()).hash, '');
    await noa.page.getByRole('button', { name: 'Set up' }).click();
    await noa.page.getByText(name).waitFor();

    /* Once. */
    const late = await open(browser, link);

    await late.page.getByLabel('Password').fill('correct horse battery');
    await late.page.getByRole('button', { name: 'Set up' }).click();
    await late.page.getByText('This link was used already').waitFor();
    assert.deepEqual(faults, []);
    await leave(ada, noa, late);
});


test('labels, teams and replies are made, changed and removed', async () => {
    const { page, faults, ...ada } = await desk(browser, 'ada',
                                                '#/settings/labels');
    const button = (name) => page.getByRole('button', { name, exact: true });
    const entry = (text) => page.locator('.records li')
                                .filter({ hasText: text });

    await button('Add').click();
    await page.getByLabel('Name').fill(`new-${mark}`);
    await button('Save').click();
    await entry(`new-${mark}`).waitFor();
    await page.getByRole('link', { name: `new-${mark}` }).waitFor();

    await button('Add').click();
    await page.getByLabel('Name').fill(`new-${mark}`);
    await button('Save').click();
    await page.getByRole('dialog')
              .getByText('This name is used already').waitFor();
    await button('Cancel').click();
    await entry(`new-${mark}`).getByRole('button', { name: 'Remove' })
                              .click();
    await page.getByRole('dialog').getByRole('button', { name: 'Remove' })
              .click();
    await entry(`new-${mark}`).waitFor({ state: 'detached' });

    await page.goto(`${consolePage}#/settings/canned`);
    await button('Add').click();
    await page.getByLabel('Shortcut').fill(`made-${mark}`);
    await page.getByLabel('Text').fill('Hello <b>{{visitor.name}}</b>');
    await button('Save').click();
    await entry(`made-${mark}`).getByRole('button', { name: 'Change' })
                               .click();
    await page.getByLabel('Title').fill('Hello again');
    await button('Save').click();
    await entry('Hello again').waitFor();
    await shot(page, 'console-replies');

    await page.goto(`${consolePage}#/settings/teams`);
    await button('Add').click();
    await page.getByLabel('Name').fill(`Second ${mark}`);
    await page.getByRole('checkbox', { name: 'Sam' }).check();
    await button('Save').click();
    await entry(`Second ${mark}`).filter({ hasText: 'Sam' }).waitFor();
    await page.getByRole('link', { name: `Second ${mark}` }).waitFor();

    const { teams } = await as('ada', 'GET', 'teams');
    const made = teams.find((it) => it.name === `Second ${mark}`);

    assert.deepEqual(made.members.map((it) => it.name), ['Sam']);

    /* A duplicate was refused, and nothing else was wrong. */
    assert.deepEqual(faults.filter((it) => !it.includes('422')), []);
    await leave(ada);
});


test('an agent chooses a language, and ends the other sessions',
     async () =>
{
    const { page, faults, ...dana } = await desk(browser, 'dana',
                                                 '#/settings/me');

    await page.locator('.records').getByText('Here').waitFor();
    assert.equal(await page.getByRole('link', { name: 'Labels', exact: true })
                           .count(), 0);
    await page.getByLabel('Language').selectOption('he');
    await page.locator('.settings')
              .getByRole('heading', { name: WORDS.he['settings.me'] })
              .waitFor();
    assert.equal(await page.evaluate(() => document.dir), 'rtl');
    await shot(page, 'console-mine-he');
    assert.deepEqual(faults, []);
    await leave(dana);
});


test('a phone shows one pane at a time', async () => {
    const text = `Phone ${mark}`;
    const said = `Said ${mark}`;
    const { id } = await visitor(text, { name: `Noa ${'of Lod '.repeat(5)}`,
                                         email: 'noa@shop.test' });

    await reply('dana', id, said);

    const { page, faults, ...dana } = await desk(
        browser, 'dana', '', { viewport: { width: 320, height: 568 } });
    const panes = () => page.evaluate(() =>
        [...document.querySelectorAll('.pane')]
        .filter((it) => it.offsetParent !== null)
        .map((it) => it.classList[1]));
    const shown = async (...names) => {
        assert.deepEqual(await panes(), names);
        assert.equal(await page.evaluate(() => document.documentElement
                     .scrollWidth <= innerWidth), true);
        await accessible(page);
    };
    const asked = async (name, ...under) => {
        await page.getByRole('button', { name, exact: true }).click();
        await page.getByRole('dialog').waitFor();
        await shown(...under);
        await shot(page, `console-phone-${name.split(' ')[0]}`);
        await page.keyboard.press('Escape');
        await page.getByRole('dialog').waitFor({ state: 'hidden' });
    };

    await page.getByRole('link', { name: said }).waitFor();
    await shown('list');
    await shot(page, 'console-phone-list');
    await page.getByRole('button', { name: 'Views' }).click();
    await page.getByRole('link', { name: 'Unassigned' }).waitFor();
    await shown('views');
    await shot(page, 'console-phone-views');
    await page.getByRole('link', { name: 'All', exact: true }).click();
    await page.getByRole('link', { name: said }).click();
    await inLog(page, text).waitFor();
    await inLog(page, said).waitFor();
    await shown('talk');
    await shot(page, 'console-phone-talk');
    await asked('Change or remove this message', 'talk');
    await page.getByRole('button', { name: 'Details' }).click();
    await page.getByRole('heading', { name: 'Customer' }).waitFor();
    await shown('side');
    await shot(page, 'console-phone-side');
    await asked('Escalate', 'side');
    await asked('Change details', 'side');
    await page.getByRole('button', { name: 'Close' }).click();
    await inLog(page, text).waitFor();
    await page.getByRole('button', { name: 'Back to the list' }).click();
    await page.getByRole('link', { name: said }).waitFor();
    await shown('list');
    assert.notEqual(id, '');
    assert.deepEqual(faults, []);
    await leave(dana);
});


test('an administrator changes what the site says of itself', async () => {
    const { page, faults, ...ada } = await desk(browser, 'ada',
                                                '#/settings/site');
    const save = page.getByRole('button', { name: 'Save', exact: true });
    const before = await as('ada', 'GET', 'site');

    await page.locator('#record-title-en').fill(`Ask us ${mark}`);
    await page.locator('#record-title-he').fill('שאלו אותנו');
    await page.locator('#record-scheme').selectOption('dark');
    await page.locator('#record-single').check();
    await page.getByRole('button', { name: 'Add a question' }).click();
    await page.getByLabel('Name of the field').fill('order');
    await page.getByLabel('Question', { exact: true }).fill('Your order?');
    await page.getByLabel('Required').check();
    await save.click();
    await page.locator('.settings').getByText('Done.').waitFor();
    await accessible(page);
    await shot(page, 'console-site');

    const now = await as('ada', 'GET', 'site');

    assert.ok(now.version > before.version);
    assert.deepEqual([now.title, now.theme.scheme, now.one_conversation,
                      now.prechat.fields],
                     [{ en: `Ask us ${mark}`, he: 'שאלו אותנו' }, 'dark',
                      true, [{ name: 'order', label: 'Your order?',
                               type: 'text', required: true }]]);

    /* A question that is taken away, and a text that is wrong. */
    await page.getByRole('button', { name: 'Remove' }).click();
    await page.locator('#record-version').fill('no blanks');
    await save.click();
    await page.getByRole('alert').getByText('Something is wrong with this').waitFor();
    await page.locator('#record-version').fill('');
    await page.locator('#record-single').uncheck();
    await save.click();
    await page.locator('.settings').getByText('Done.').waitFor();
    assert.equal((await as('ada', 'GET', 'site')).prechat, null);
    assert.deepEqual(faults.filter((it) => !it.includes('422')), []);
    await leave(ada);
});


test('keys are made, their secret is told once, and they end', async () => {
    const { page, faults, ...ada } = await desk(browser, 'ada',
                                                '#/settings/programs');
    const button = (name) => page.getByRole('button', { name, exact: true });
    const entry = (text) => page.locator('.records li')
                                .filter({ hasText: text });

    await button('Add').click();
    await page.getByLabel('Name').fill(`Orders ${mark}`);
    await page.getByRole('checkbox', { name: 'people:read' }).check();
    await button('Save').click();
    await entry(`Orders ${mark}`).filter({ hasText: 'people:read' })
                                 .waitFor();

    const token = await page.getByLabel('The secret').inputValue();

    assert.ok((await call(token, 'GET', 'agents')).agents.length >= 3);
    await entry(`Orders ${mark}`).getByRole('button', { name: 'Remove' })
                                 .click();
    await page.getByRole('dialog').getByRole('button', { name: 'Remove' })
              .click();
    await entry(`Orders ${mark}`).waitFor({ state: 'detached' });

    await page.goto(`${consolePage}#/settings/signing`);
    await page.locator('.settings').getByRole('heading', {
        name: 'Signing keys' }).waitFor();
    await button('Add').click();
    await page.getByLabel('Name of the key').fill(`k-${mark}`);
    await button('Save').click();
    await entry(`k-${mark}`).waitFor();
    assert.ok((await page.getByLabel('The secret').inputValue()).length
              >= 32);
    assert.deepEqual(faults, []);
    await leave(ada);
});
