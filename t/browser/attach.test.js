/*
 * Copyright (C) the ngx_http_chat_module authors
 */

/*
 * Files in the widget: picked, pasted, dropped, cancelled, refused, tried
 * again, kept through a reload, and shown to both sides.
 */

import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { accessible, launch, open, site } from './browser.js';
import { embed, openChat, until } from './widget-page.js';

const mark = Date.now();
const TEXT = { name: 'notes.txt', mimeType: 'text/plain',
               buffer: Buffer.from('some notes') };
let browser;

before(async () => {
    browser = await launch();
});

after(() => browser?.close());


/* A photo as a camera makes it, with the place where it was taken. */
async function photo(page, width, height) {
    const bytes = Buffer.from(await page.evaluate(async ([x, y]) => {
        const canvas = document.createElement('canvas');

        canvas.width = x;
        canvas.height = y;
        canvas.getContext('2d').fillRect(0, 0, x / 2, y / 2);

        const blob = await new Promise((resolve) => canvas.toBlob(
            resolve, 'image/jpeg'));

        return [...new Uint8Array(await blob.arrayBuffer())];
    }, [width, height]));
    const place = Buffer.from('Exif\0\0GPS-CANARY');
    const app1 = Buffer.from([0xff, 0xe1, 0, place.length + 2]);

    return { name: 'photo.jpg', mimeType: 'image/jpeg', buffer:
        Buffer.concat([bytes.subarray(0, 2), app1, place,
                       bytes.subarray(2)]) };
}


async function pick(page, ...files) {
    const [chooser] = await Promise.all([
        page.waitForEvent('filechooser'),
        page.locator('.composer .tool').click()]);

    await chooser.setFiles(files);
}


/* Files that come by an event of the browser. */
function bring(page, event, files) {
    return page.getByRole('textbox').evaluate((node, [type, list]) => {
        const data = new DataTransfer();

        for (const { name, kind, text } of list) {
            data.items.add(new File([text], name, { type: kind }));
        }

        const init = { bubbles: true, composed: true, cancelable: true };

        node.dispatchEvent(type === 'paste'
            ? new ClipboardEvent(type, { ...init, clipboardData: data })
            : new DragEvent(type, { ...init, dataTransfer: data }));
    }, [event, files]);
}


async function ask(path) {
    const answer = await fetch(`${site.prefix}v1/${path}`, { headers: {
        Authorization: `Bearer ${process.env.CHAT_AGENT_TOKEN}` } });

    assert.equal(answer.status, 200);

    return answer;
}


/* The latest event that carries a file of that name, as an agent sees it. */
function carried(name) {
    return until(async () => {
        const { conversations } = await (await ask('conversations')).json();

        for (const { id } of conversations) {
            const { events } = await (await ask(
                `conversations/${id}/events`)).json();
            const found = events.findLast((it) => it.attachments?.some(
                (file) => file.name === name));

            if (found) {
                return found;
            }
        }

        throw new Error(`nobody has sent ${name}`);
    });
}


async function bytesOf(id) {
    return Buffer.from(await (await ask(`attachments/${id}`)).arrayBuffer());
}


const send = (page) => page.locator('.send');
const chips = (page) => page.locator('.files li');


test('a photo is picked, made smaller, sent and shown', async () => {
    const { page, context, faults } = await open(browser, site.page);
    const loads = [];

    page.on('requestfinished', async (request) => {
        if (request.url().includes('/assets/')) {
            loads.push([request.url(),
                        (await request.sizes()).responseBodySize]);
        }
    });

    await openChat(page);
    await page.getByRole('button', { name: 'Attach a file' }).waitFor();
    assert.ok(!loads.some(([url]) => url.includes('attach')),
              'what is not needed is not loaded');

    await pick(page, await photo(page, 3000, 1500));
    await page.getByRole('status').filter({ hasText: 'is attached' })
              .waitFor({ state: 'attached' });
    await accessible(page);
    await until(() => {
        const found = loads.filter(([url]) => url.includes('-attach-'));
        const sum = found.reduce((all, [, bytes]) => all + bytes, 0);

        assert.equal(found.length, 2);
        assert.ok(sum <= 3584, `files have ${sum} bytes`);
    });

    await send(page).click();
    await page.getByText('Sent').waitFor();
    await until(async () => assert.equal(
        await page.locator('.own .file img').evaluate(
            (img) => img.complete && img.naturalWidth), 2000));
    await accessible(page);

    const event = await carried('photo.jpg');
    const [file] = event.attachments;

    assert.equal(event.text, '');
    assert.deepEqual([file.type, file.width, file.height],
                     ['image/jpeg', 2000, 1000]);
    assert.ok(!(await bytesOf(file.id)).includes('GPS-CANARY'));
    assert.equal(await chips(page).count(), 0);
    assert.deepEqual(faults, []);
    await context.close();
});


test('files are pasted and dropped, taken back, and go with a text',
     async () =>
{
    const { page, context, faults } = await open(browser, site.page);

    await openChat(page);
    await page.getByRole('button', { name: 'Attach a file' }).waitFor();
    await bring(page, 'paste', [
        { name: `paste-${mark}.csv`, kind: 'text/csv', text: 'a,b' }]);
    await bring(page, 'drop', [
        { name: `drop-${mark}.txt`, kind: 'text/plain', text: 'dropped' },
        { name: 'other.txt', kind: 'text/plain', text: 'other' }]);
    await until(async () => assert.deepEqual(
        [await chips(page).count(),
         await chips(page).locator('progress:not([hidden])').count()],
        [3, 0]));

    const away = page.getByRole('button', { name: 'Remove \u2068other.txt' });

    await away.focus();
    await page.keyboard.press('Enter');
    assert.equal(await chips(page).count(), 2);
    assert.ok(await page.getByRole('textbox').evaluate(
        (node) => node.getRootNode().activeElement === node));

    await page.keyboard.type(`With files ${mark}`);
    await page.keyboard.press('Enter');
    await page.getByText('Sent').waitFor();

    const event = await carried(`drop-${mark}.txt`);

    assert.equal(event.text, `With files ${mark}`);
    assert.deepEqual(event.attachments.map((it) => it.name),
                     [`paste-${mark}.csv`, `drop-${mark}.txt`]);

    const link = page.getByRole('link', { name: `drop-${mark}.txt` });
    const [download] = await Promise.all([page.waitForEvent('download'),
                                          link.click()]);

    assert.equal(download.suggestedFilename(), `drop-${mark}.txt`);
    assert.deepEqual(faults, []);
    await context.close();
});


test('an upload is waited for, and can be cancelled', async () => {
    const { page, context, faults } = await open(browser, site.page);
    let held = 0;

    await openChat(page);
    await page.route(/v1\/attachments/, () => {
        held++;
    });
    await pick(page, TEXT);
    await until(() => assert.equal(held, 1));
    await page.getByRole('progressbar', { name: 'Uploading' }).waitFor();
    await accessible(page);

    await page.getByRole('textbox').fill('not yet');
    assert.equal(await send(page).getAttribute('aria-disabled'), 'true');
    await page.getByRole('textbox').press('Enter');
    assert.equal(await page.getByRole('textbox').inputValue(), 'not yet');

    await page.getByRole('button', { name: 'Remove' }).click();
    assert.equal(await chips(page).count(), 0);
    assert.equal(await send(page).getAttribute('aria-disabled'), null);
    assert.deepEqual(faults, []);
    await context.close();
});


test('what is refused is said, what fails is tried again', async () => {
    const { page, context, faults } = await open(browser, site.page);

    await openChat(page);

    for (const [lang, kind, large] of [
        ['en', 'cannot be sent', 'is too large'],
        ['ar', 'لا يمكن إرسال', 'كبير جدًا'],
        ['he', 'אי אפשר לשלוח', 'גדול מדי']])
    {
        let failures = 1;

        await page.evaluate((locale) => window.chat.setLocale(locale), lang);
        await page.locator('.composer .tool').waitFor();
        await page.route(/attachments\/notes/, (route) =>
            failures-- > 0 ? route.fulfill({ status: 503, body: '{}' })
                           : route.continue());
        await pick(page, TEXT, { name: 'page.html', mimeType: 'text/html',
                                 buffer: Buffer.from('<script>') },
                   { name: 'large.txt', mimeType: 'text/plain',
                     buffer: Buffer.alloc(1100000, 'x') });
        await page.getByText(kind).waitFor();
        await page.getByText(large).waitFor();
        await until(async () => assert.equal(
            await chips(page).locator('progress:not([hidden])').count(), 0));
        assert.equal(await chips(page).locator('.bad:not(:empty)').count(), 2);
        assert.equal(await send(page).getAttribute('aria-disabled'), 'true');
        await accessible(page);
        await page.unroute(/attachments\/notes/);

        while (await chips(page).count()) {
            await chips(page).first().getByRole('button').last().click();
        }
    }

    assert.deepEqual(faults.filter((it) => !/ (503|415) /.test(it)), []);
    await context.close();
});


test('what has been uploaded is still there after a reload', async () => {
    const { page, context, faults } = await open(browser, site.page);
    const name = `kept-${mark}.txt`;

    await openChat(page);
    await pick(page, { ...TEXT, name });
    await page.getByRole('status').filter({ hasText: 'is attached' })
              .waitFor({ state: 'attached' });
    await page.getByRole('textbox').fill(`Kept ${mark}`);
    await page.locator('.log').waitFor({ state: 'attached' });
    await page.reload();
    await chips(page).filter({ hasText: name }).waitFor();
    assert.equal(await page.getByRole('textbox').inputValue(), `Kept ${mark}`);

    await send(page).click();
    await page.getByText('Sent').waitFor();
    assert.equal((await carried(name)).text, `Kept ${mark}`);
    await page.reload();
    await page.getByRole('link', { name }).waitFor();
    assert.equal(await chips(page).count(), 0);
    assert.deepEqual(faults, []);
    await context.close();
});


test('where a policy lets no pictures in, there is the name', async () => {
    const { page, context } = await open(browser, site.page);
    const picture = await photo(page, 40, 30);

    await embed(page);
    await openChat(page);
    await pick(page, { ...picture, name: 'small.jpg' });
    await page.getByRole('status').filter({ hasText: 'is attached' })
              .waitFor({ state: 'attached' });
    await send(page).click();
    await page.getByRole('link', { name: 'small.jpg' }).waitFor();
    await until(async () => assert.equal(
        await page.locator('.file img').count(), 0));
    await context.close();
});


test('a page of another origin: with its token, both ways', async () => {
    const { page, context, faults } = await open(browser, 'about:blank');
    const name = `far-${mark}.txt`;

    await embed(page, { url: `${process.env.CHAT_FAR_URL}far.html`,
                        csp: false });
    await openChat(page);
    await page.getByRole('button', { name: 'Attach a file' }).waitFor();
    await pick(page, await photo(page, 300, 200), { ...TEXT, name });
    await until(async () => assert.deepEqual(
        [await chips(page).count(),
         await chips(page).locator('progress:not([hidden])').count()],
        [2, 0]));
    await send(page).click();
    await page.getByText('Sent').waitFor();
    await until(async () => assert.equal(
        await page.locator('.own .file img').evaluate(
            (img) => img.complete && img.naturalWidth), 300));

    const [download] = await Promise.all([
        page.waitForEvent('download'),
        page.getByRole('link', { name }).click()]);

    assert.equal(download.suggestedFilename(), name);
    assert.equal(readFileSync(await download.path(), 'utf8'), 'some notes');

    const { attachments } = await carried(name);

    assert.equal(attachments.length, 2);
    assert.ok(!(await bytesOf(attachments[0].id)).includes('GPS-CANARY'));
    assert.deepEqual(await context.cookies(), []);
    assert.deepEqual(faults, []);
    await context.close();
});


test('what is loaded on demand, all of it', async () => {
    const { page, context } = await open(browser, 'about:blank');
    const loads = new Map();

    page.on('requestfinished', async (request) => {
        const [, part] = request.url().match(
            /assets\/(widget-(?:card|prechat|attach|files)|..-(?:ask|attach))/)
            || [];

        if (part) {
            loads.set(part, (await request.sizes()).responseBodySize);
        }
    });
    await embed(page, { prefix: new URL('/asking/', site.page).href });
    await page.getByRole('button', { name: 'Open chat' }).click();
    await page.getByLabel('Name').fill('Ann');
    await page.getByRole('button', { name: 'Start chat' }).click();
    await page.getByRole('textbox', { name: 'Write a message' }).waitFor();
    await page.getByRole('button', { name: 'Attach a file' }).waitFor();
    await pick(page, TEXT);
    await chips(page).waitFor();
    await until(() => assert.deepEqual([...loads.keys()].sort(), [
        'en-ask', 'en-attach', 'widget-attach', 'widget-card', 'widget-files',
        'widget-prechat']));

    const sum = [...loads.values()].reduce((all, bytes) => all + bytes, 0);

    assert.ok(sum <= 8 * 1024, `all of it has ${sum} bytes`);
    await context.close();
});
