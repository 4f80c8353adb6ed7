/*
 * Copyright (C) the ngx_http_chat_module authors
 */

/*
 * What agents are told of, and how: by a sound, a note on the desktop, the
 * count in the title, each for itself.
 */

import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { accessible, inLog, launch, shot } from './browser.js';
import { as, consolePage, desk, leave, visitor } from './console-page.js';
import { until } from './widget-page.js';

const mark = Date.now().toString(36);
const PLAIN = 'Support console';
/* Longer than what comes close together. */
const WHILE = 5000;

const NOBODY = 'A message in a conversation that nobody has';
const TEAM = 'A conversation for a team of yours';
const MINE = 'A message in a conversation of yours';
const GIVEN = 'A conversation is assigned to you';
const NAMED = 'A note mentions you';

let browser;

before(async () => {
    browser = await launch();
});

after(() => browser?.close());


function row(page, text) {
    return page.locator('.list').getByRole('link', { name: text });
}


function note(who, id, text) {
    return as(who, 'POST', `conversations/${id}/messages`, {
        client_msg_id: randomUUID(), text, visibility: 'internal' });
}


async function give(id, who) {
    const { agent } = await as(who, 'GET', 'agent/session');

    await as('sam', 'PATCH', `conversations/${id}`, { assignee: agent.id });
}


/* A page that is told of all that happens from now on. */
async function following(hash, who, prepare = async () => {}) {
    let begun;
    const ready = new Promise((resolve) => {
        begun = resolve;
    });
    const one = await desk(browser, who, hash, {}, async (page) => {
        page.on('websocket', (socket) => socket.on('framereceived',
            ({ payload }) => {
                if (String(payload).includes('"inbox":true')) {
                    begun();
                }
            }));
        await prepare(page);
    });

    await ready;

    return one;
}


/* One that counts its tones and notes, whose time can be moved on. */
function listening(hash, who) {
    return following(hash, who, async (page) => {
        await page.clock.install();
        await page.context().addInitScript(() => {
            window.tones = 0;
            window.notes = [];
            window.answer = 'denied';
            window.AudioContext = class {
                currentTime = 0;
                destination = {};
                createOscillator() {
                    window.tones++;

                    return { frequency: {}, connect: (to) => to, start() {},
                             stop() {} };
                }
                createGain() {
                    return { connect: (to) => to, gain: {
                        setValueAtTime() {}, linearRampToValueAtTime() {},
                        exponentialRampToValueAtTime() {} } };
                }
            };
            window.Notification = class {
                static permission = 'default';
                static async requestPermission() {
                    Notification.permission = window.answer;

                    return window.answer;
                }
                constructor(title, { body }) {
                    window.notes.push([title, body]);
                    window.note = this;
                }
                close() {}
            };
            Object.defineProperty(navigator, 'userActivation', {
                value: { hasBeenActive: true } });
            Object.defineProperty(document, 'hidden', {
                get: () => window.away === true });
        });
    });
}


const tones = (page, wanted) => page.waitForFunction(
    (count) => window.tones === count, wanted);

const titled = (page, wanted) => page.waitForFunction(
    (title) => document.title === title, wanted);


/* Turns something on or off, and comes back to the list. */
async function set(page, changes, hash) {
    await page.evaluate(() => {
        location.hash = '#/settings/me';
    });

    for (const [name, on] of Object.entries(changes)) {
        await page.getByRole('checkbox', { name, exact: true })
                  .setChecked(on);
    }

    await page.evaluate((wanted) => {
        location.hash = wanted;
    }, hash);
    await page.locator('.list').waitFor();
}


test('the title counts what is wanted, once, and nothing that is muted',
     async () =>
{
    const one = await visitor(`Title one ${mark}`);
    const two = await visitor(`Title two ${mark}`);
    const { page, faults, ...dana } = await following('#/mine', 'dana');

    await page.getByText('Nothing here.').waitFor();
    await titled(page, `(2) ${PLAIN}`);
    await set(page, { [`${NOBODY}: Title`]: false }, '#/mine');
    await titled(page, PLAIN);

    /* It is his, and not read: one. */
    await give(one.id, 'dana');
    await row(page, `Title one ${mark}`).waitFor();
    await titled(page, `(1) ${PLAIN}`);
    await set(page, { [`${MINE}: Title`]: false }, '#/mine');
    assert.equal(await page.title(), `(1) ${PLAIN}`);
    await set(page, { [`${GIVEN}: Title`]: false }, '#/mine');
    await titled(page, PLAIN);
    await set(page, { [`${GIVEN}: Title`]: true }, '#/mine');
    await titled(page, `(1) ${PLAIN}`);

    /* Until he has looked at it. */
    await row(page, `Title one ${mark}`).click();
    await inLog(page, `Title one ${mark}`).waitFor();
    await titled(page, PLAIN);
    await page.getByRole('button', { name: 'Mute this conversation' })
              .click();
    await set(page, { [`${MINE}: Title`]: true }, '#/mine');
    await one.say(`Muted ${mark}`);
    await row(page, `Muted ${mark}`).waitFor();
    assert.equal(await page.title(), PLAIN);

    await note('sam', two.id, `@Dana please ${mark}`);
    await titled(page, `(1) ${PLAIN}`);
    await set(page, { [`${NAMED}: Title`]: false }, '#/mine');
    await titled(page, PLAIN);

    /* It is kept. */
    await page.goto(`${consolePage}#/settings/me`);
    await page.reload();
    await page.getByRole('checkbox', { name: `${MINE}: Title` }).waitFor();
    assert.deepEqual(await Promise.all([NAMED, MINE, GIVEN].map((name) =>
        page.getByRole('checkbox', { name: `${name}: Title` }).isChecked())),
        [false, true, true]);
    await accessible(page);
    await shot(page, 'console-notices');
    assert.deepEqual(faults, []);
    await leave(dana);
});


test('a sound for what is wanted', async () => {
    const { page, faults, ...noa } = await listening('#/all', 'noa');

    await set(page, { [`${NOBODY}: Sound`]: false,
                      [`${MINE}: Sound`]: false }, '#/all');

    const one = await visitor(`Sound one ${mark}`);

    /* A row is there when it has been told of. */
    await row(page, `Sound one ${mark}`).waitFor();
    await page.clock.fastForward(WHILE);
    assert.equal(await page.evaluate(() => window.tones), 0);

    await give(one.id, 'noa');
    await row(page, `Sound one ${mark}`).filter({ hasText: 'Noa' }).waitFor();
    await page.clock.fastForward(WHILE);
    await tones(page, 2);

    await one.say(`Sound more ${mark}`);
    await row(page, `Sound more ${mark}`).waitFor();
    await page.clock.fastForward(WHILE);
    assert.equal(await page.evaluate(() => window.tones), 2);

    await set(page, { [`${NOBODY}: Sound`]: true }, '#/all');
    await visitor(`Sound two ${mark}`);
    await row(page, `Sound two ${mark}`).waitFor();
    await page.clock.fastForward(WHILE);
    await tones(page, 4);
    assert.deepEqual(faults, []);
    await leave(noa);
});


test('a note on the desktop, once that is allowed, for what is wanted',
     async () =>
{
    const { id: team } = await as('ada', 'POST', 'teams', {
        name: `Mine ${mark}` });
    const { agent } = await as('lea', 'GET', 'agent/session');

    await as('ada', 'PATCH', `agents/${agent.id}`, { teams: [team] });

    const { page, faults, ...lea } = await listening('#/settings/me', 'lea');
    const box = (name) => page.getByRole('checkbox', {
        name: `${name}: Desktop` });
    const one = await visitor(`Desktop one ${mark}`, { name: 'Ann' });

    await box(NAMED).click();
    await page.getByText('The browser does not allow it.').waitFor();
    assert.equal(await box(NAMED).isChecked(), false);
    await page.evaluate(() => {
        window.answer = 'granted';
    });
    await box(NAMED).click();
    await page.getByText('The browser does not allow it.')
              .waitFor({ state: 'hidden' });
    await box(TEAM).check();
    await set(page, {}, '#/all');
    await row(page, `Desktop one ${mark}`).waitFor();
    await page.evaluate(() => {
        window.away = true;
    });

    const notes = () => page.evaluate(() => window.notes);

    await one.say(`Desktop more ${mark}`);
    await row(page, `Desktop more ${mark}`).waitFor();
    await page.clock.fastForward(WHILE);
    assert.deepEqual(await notes(), []);

    await as('sam', 'PATCH', `conversations/${one.id}`, { team });
    await row(page, `Desktop more ${mark}`)
        .filter({ hasText: `Mine ${mark}` }).waitFor();
    await page.clock.fastForward(WHILE);
    await page.waitForFunction(() => window.notes.length === 1);

    await note('sam', one.id, `@Lea look ${mark}`);
    await row(page, `@Lea look ${mark}`).waitFor();
    await page.clock.fastForward(WHILE);
    await page.waitForFunction(() => window.notes.length === 2);
    assert.deepEqual(await notes(), [
        ['For your team: \u2068Ann\u2069', `Desktop more ${mark}`],
        ['\u2068Sam\u2069 mentioned you', `@Lea look ${mark}`]]);

    await page.evaluate(() => window.note.onclick());
    await inLog(page, `@Lea look ${mark}`).waitFor();
    assert.deepEqual(faults, []);
    await leave(lea);
});


test('what another tab shows is not told of', async () => {
    const one = await visitor(`Tab one ${mark}`);
    const two = await visitor(`Tab two ${mark}`);
    const { page, faults, ...noa } = await listening(`#/all/c/${one.id}`,
                                                     'noa');
    const second = await noa.context.newPage();

    await inLog(page, `Tab one ${mark}`).waitFor();
    await page.waitForFunction((id) => Object.entries(localStorage).some(
        ([key, value]) => key.endsWith('looked') && value === id), one.id);
    await second.goto(`${consolePage}#/mine`);
    await second.locator('.desk').waitFor();
    await give(one.id, 'noa');
    await row(second, `Tab one ${mark}`).waitFor();
    await page.clock.fastForward(WHILE);
    assert.equal(await second.evaluate(() => window.tones), 0);

    /* What neither shows is. */
    await give(two.id, 'noa');
    await row(page, `Tab two ${mark}`).filter({ hasText: 'Noa' }).waitFor();
    await page.clock.fastForward(WHILE);
    await until(async () => assert.notEqual(
        await page.evaluate(() => window.tones)
        + await second.evaluate(() => window.tones), 0));
    assert.deepEqual(faults, []);
    await leave(noa);
});
