/*
 * Copyright (C) the ngx_http_chat_module authors
 */

/*
 * Every state of the widget in every language, look and width, through
 * axe-core; the keyboard alone; and that nothing of the page moves.
 */

import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { accessible, launch, open, shot, site } from './browser.js';
import { desk, embed, hostOf, until } from './widget-page.js';

const mark = Date.now().toString(36);
const SIZES = [[1280, 800], [375, 667], [320, 568]];
const still = { reducedMotion: 'reduce' };
const LOOKS = {
    light: { ...still, colorScheme: 'light', forcedColors: 'none' },
    dark: { ...still, colorScheme: 'dark', forcedColors: 'none' },
    forced: { ...still, colorScheme: 'light', forcedColors: 'active' },
};
const SAID = {
    en: ['Hello, is the Heron lamp in stock?',
         'Yes, two of them. See https://shop.test/lamps/heron',
         'Ordered today, it is with you on Thursday.', 'Thank you!'],
    ar: ['مرحبًا، هل مصباح Heron متوفر؟',
         'نعم، بقي اثنان. https://shop.test/lamps/heron',
         'بالطلب اليوم يصل يوم الخميس.', 'شكرًا!'],
    he: ['שלום, האם המנורה Heron במלאי?',
         'כן, נשארו שתיים. https://shop.test/lamps/heron',
         'בהזמנה היום המשלוח מגיע ביום חמישי.', 'תודה!'],
};

const ASKED = {
    en: ['Tea or coffee?', 'Tea', 'Coffee', 'How was it?'],
    ar: ['شاي أم قهوة؟', 'شاي', 'قهوة', 'كيف كان ذلك؟'],
    he: ['תה או קפה?', 'תה', 'קפה', 'איך היה?'],
};

/* What a label is in each language, from the catalogues themselves. */
const WORDS = Object.fromEntries(await Promise.all(Object.keys(SAID).map(
    async (lang) => [lang, (await import(
        `../../src/assets/${lang}-widget.js`)).default])));
const { WORDS: MENU } = await import('../../src/assets/widget-more.js');

let browser;
let leave;

before(async () => {
    leave = await desk().online();
    browser = await launch();
});

after(() => {
    leave?.();

    return browser?.close();
});


/* The states, each going on from the one before. */
const STATES = {
    async closed({ launcher }) {
        await launcher.waitFor();
    },

    async empty({ launcher, field, page }) {
        await launcher.click();
        await field.waitFor();
        await page.locator('.intro').waitFor();
    },

    async talk({ page, field, lang, at }) {
        const [first, answer, more, last] = SAID[lang];
        const agent = desk();

        await field.fill(first);
        await field.press('Enter');
        await page.locator('[data-state=sent]').waitFor();
        at.id = await agent.findLast(first);
        await agent.say(at.id, answer);
        await agent.say(at.id, more);
        await agent.read(at.id, 1);
        await page.locator('.other').nth(1).waitFor();
        await field.fill(last);
        await field.press('Enter');
        await page.locator('.own').nth(1).waitFor();
    },

    async typing({ page, at }) {
        await desk().typing(at.id);
        await page.locator('.typing:not(:empty)').waitFor();
    },

    async cards({ page, lang, at }) {
        const [question, tea, coffee, rating] = ASKED[lang];

        await desk().say(at.id, question, { type: 'choices', options: [
            { id: 't', text: tea }, { id: 'c', text: coffee }] });
        await desk().say(at.id, rating, { type: 'rating' });
        await page.locator('.ask button').nth(2).waitFor();
        await page.locator('.ask button').first().click();
        await page.locator('[aria-pressed=true]').waitFor();
        await page.locator('.ask button').nth(2).click();
        await page.locator('.ask .bad:not(:empty)').waitFor();
    },

    async menu({ page, lang, words }) {
        await page.getByRole('button', { name: words.more, exact: true })
                  .click();
        await page.getByRole('button', { name: MENU[lang].save })
                  .waitFor();
    },

    async failed({ page, field }) {
        await page.keyboard.press('Escape');
        await page.routeWebSocket(/v1\/stream/, (socket) => socket.close());
        await page.route(/messages$/, (route) => route.fulfill({
            status: 422, contentType: 'application/problem+json',
            body: '{"status":422,"code":"invalid_field"}' }));
        await page.reload();
        await page.locator('.own').nth(1).waitFor();
        await field.fill('✗');
        await field.press('Enter');
        await page.locator('[data-state=failed]').waitFor();
    },

    async offline({ page, words }) {
        await page.route(/v1\/stream/, (route) => route.abort());
        await page.reload();
        await page.getByText(words['line.down']).waitFor();
        await page.unroute(/v1\/stream/);
        await page.unroute(/messages$/);
    },

    async list({ page, words }) {
        await page.getByRole('button', { name: words.list, exact: true })
                  .click();
        await page.locator('.entry').waitFor();
    },

    async ended({ page, lang, words }) {
        await page.locator('.entry').click();
        await page.locator('.own').nth(1).waitFor();
        await page.getByRole('button', { name: words.more, exact: true })
                  .click();
        await page.getByRole('button', { name: MENU[lang].end }).click();
        await page.locator('.talk .over').waitFor();
    },

    async unread({ page, at, words }) {
        await page.getByRole('button', { name: words.close, exact: true })
                  .click();
        await desk().say(at.id, 'One more thing');
        await page.locator('.badge').waitFor();
    },
};


for (const lang of Object.keys(SAID)) {
    test(`every state, ${lang}: wide and narrow, light, dark, forced colours`,
         async () =>
    {
        const { page, context, faults } = await open(browser, 'about:blank');
        const words = WORDS[lang];
        const it = {
            page, lang, words, at: {},
            launcher: page.getByRole('button', {
                name: words['launcher.open'] }),
            field: page.getByRole('textbox', {
                name: words['composer.label'] }),
        };

        await page.goto(`${site.page}?lang=${lang}`);

        if (lang !== 'en') {
            await page.evaluate((to) => {
                document.documentElement.lang = to;
                document.documentElement.dir = 'rtl';
            }, lang);
        }

        await page.addInitScript((to) => {
            document.addEventListener('DOMContentLoaded', () => {
                document.documentElement.lang = to;
                document.documentElement.dir = to === 'en' ? 'ltr' : 'rtl';
            });
        }, lang);
        await page.reload();

        for (const [state, reach] of Object.entries(STATES)) {
            await page.setViewportSize({ width: 1280, height: 800 });
            await page.emulateMedia(LOOKS.light);
            await reach(it);

            for (const [width, height] of SIZES) {
                await page.setViewportSize({ width, height });

                for (const [look, media] of Object.entries(LOOKS)) {
                    await page.emulateMedia(media);
                    await settled(page);

                    try {
                        await accessible(page);
                    } catch (error) {
                        error.message = `${state}, ${look}, ${width}: `
                                        + error.message;
                        throw error;
                    }

                    await picture(page, lang, state, look, width);
                }

                assert.equal(await page.evaluate(() => document
                    .documentElement.scrollWidth <= innerWidth), true,
                             `${state} at ${width} px`);
            }
        }

        assert.equal(await hostOf(page, (host) =>
            host.shadowRoot.getAnimations().length), 0);
        assert.deepEqual(faults.filter((text) => !/422|ERR_FAILED|WebSocket/
                                                  .test(text)), []);
        await context.close();
    });
}


/* The colours follow what the page is told a moment later. */
function settled(page) {
    return page.evaluate(() => new Promise((resolve) => {
        requestAnimationFrame(() => requestAnimationFrame(resolve));
    }));
}


/* What is worth a look in the documentation, and what may be looked at. */
function picture(page, lang, state, look, width) {
    const names = {
        'en/closed/light/1280': 'widget-closed',
        'en/talk/light/1280': 'widget-open',
        'en/talk/dark/1280': 'widget-dark',
        'en/talk/light/375': 'widget-phone',
        'en/cards/light/1280': 'widget-cards',
        'ar/talk/light/1280': 'widget-arabic',
        'he/talk/light/375': 'widget-hebrew-phone',
    };

    return shot(page, names[`${lang}/${state}/${look}/${width}`]
                || `all/${lang}-${state}-${look}-${width}`);
}


test('colours that are forced no more can be read', async () => {
    const { page, context } = await open(browser, 'about:blank');

    await page.emulateMedia(LOOKS.forced);
    await page.goto(site.page);
    await page.getByRole('button', { name: 'Open chat' }).click();
    await page.getByRole('textbox').waitFor();

    for (const look of ['light', 'forced', 'dark']) {
        await page.emulateMedia(LOOKS[look]);
        await until(() => accessible(page));
    }

    await context.close();
});


test('texts half as long again find their place', async () => {
    const { page, context } = await open(browser, 'about:blank', {
        viewport: { width: 320, height: 568 } });
    const long = (text) => text.replace(/(\w+)(?![^{]*\})/g, '$1$1');

    await page.route(/en-widget/, async (route) => {
        const catalogue = Object.fromEntries(Object.entries(WORDS.en).map(
            ([key, value]) => [key, typeof value === 'string' ? long(value)
                : Object.fromEntries(Object.entries(value).map(
                    ([form, text]) => [form, long(text)]))]));

        await route.fulfill({
            contentType: 'text/javascript',
            body: `export default ${JSON.stringify(catalogue)}` });
    });
    await embed(page);
    await page.getByRole('button', { name: 'Open chat' }).click();
    await page.getByRole('textbox').fill(`${'Wide'.repeat(60)} ${mark}`);
    await page.getByRole('textbox').press('Enter');
    await page.locator('[data-state=sent]').waitFor();
    await page.getByRole('button', { name: 'MoreMore' }).click();
    await page.locator('.menu button').first().waitFor();
    await accessible(page);
    assert.deepEqual(await hostOf(page, (host) => [
        ...host.shadowRoot.querySelectorAll('.panel, .panel *')]
        .filter((it) => it.checkVisibility() && it.localName !== 'textarea'
                && it.scrollWidth > it.clientWidth + 1 && it.clientWidth > 1
                && getComputedStyle(it).display !== 'inline')
        .map((it) => it.className)), []);
    await context.close();
});


test('from right to left, with no text of its own', async () => {
    const { page, context } = await open(browser, 'about:blank', {
        viewport: { width: 320, height: 568 } });
    const turned = (text) => `\u27e6${text}\u27e7`;

    /* Each text of the catalogue has a mark: one without is of the code. */
    await page.route(/ar-widget/, async (route) => {
        const catalogue = Object.fromEntries(Object.entries(WORDS.ar).map(
            ([key, value]) => [key, typeof value === 'string'
                ? turned(value)
                : Object.fromEntries(Object.entries(value).map(
                    ([form, text]) => [form, turned(text)]))]));

        await route.fulfill({
            contentType: 'text/javascript',
            body: `export default ${JSON.stringify(catalogue)}` });
    });
    await embed(page, { lang: 'ar' });
    await page.locator('.launcher').click();
    await page.getByRole('textbox').fill(`\u27e6Turned ${mark}\u27e7`);
    await page.getByRole('textbox').press('Enter');
    await page.locator('[data-state=sent]').waitFor();
    await accessible(page);
    assert.deepEqual(await hostOf(page, (host) => {
        const all = [...host.shadowRoot.querySelectorAll('*')];
        const said = all.flatMap((it) => [
            it.getAttribute('aria-label'), it.getAttribute('placeholder'),
            ...[...it.childNodes].filter((node) => node.nodeType === 3)
                                 .map((node) => node.data)]);

        return said.filter((it) => it && /\p{L}/u.test(it)
                                   && !it.includes('\u27e6'));
    }), []);

    /* What is at the start of the line is on the right. */
    assert.equal(await hostOf(page, (host) => {
        const [first, last] = [...host.shadowRoot.querySelectorAll(
            '.head button')].filter((it) => it.checkVisibility())
            .map((it) => it.getBoundingClientRect().x);

        return getComputedStyle(host.shadowRoot.querySelector('.panel'))
               .direction === 'rtl' && first > last;
    }), true);
    await context.close();
});


test('the log is a polite live region for what is added', async () => {
    const { page, context } = await open(browser, 'about:blank');
    const session = await context.newCDPSession(page);

    await embed(page);
    await page.getByRole('button', { name: 'Open chat' }).click();
    await page.getByRole('textbox').fill(`Live ${mark}`);
    await page.getByRole('textbox').press('Enter');
    await page.getByText('Sent').waitFor();

    const { nodes } = await session.send('Accessibility.getFullAXTree');
    const of = (role) => nodes.filter((it) => it.role?.value === role);
    const value = (node, name) => node.properties.find(
        (it) => it.name === name)?.value.value;
    const [log] = of('log');

    assert.equal(of('log').length, 1);
    assert.equal(log.name.value, 'Messages');
    assert.equal(value(log, 'live'), 'polite');
    assert.equal(value(log, 'atomic') || false, false);
    assert.equal(value(log, 'relevant'), 'additions');
    assert.equal(value(log, 'busy') || false, false);
    assert.equal(of('dialog')[0].name.value, 'Chat with us');
    await context.close();
});


test('the keyboard alone: open, write, list, menu, close', async () => {
    const { page, context, faults } = await open(browser, 'about:blank');
    const press = async (...keys) => {
        for (const key of keys) {
            await page.keyboard.press(key);
        }
    };
    const at = () => hostOf(page, (host) => {
        const node = host.shadowRoot.activeElement;

        return node && (node.getAttribute('aria-label')
                        || node.textContent).trim();
    });
    const reach = (name) => until(async () => assert.equal(await at(), name));

    await embed(page);
    await page.getByRole('button', { name: 'Open chat' }).waitFor();
    await press('Tab');
    await reach('Open chat');
    await press('Enter');
    await reach('Write a message');
    await page.keyboard.type('By hand');
    await press('Shift+Enter');
    await page.keyboard.type('in two lines');
    await press('Enter');
    await page.getByText('Sent').waitFor();
    await reach('Write a message');

    /* An input method that is at work keeps the key. */
    await page.keyboard.type('kana');
    await hostOf(page, (host) => {
        host.shadowRoot.querySelector('textarea').dispatchEvent(
            new KeyboardEvent('keydown', { key: 'Enter', isComposing: true,
                                           bubbles: true }));
    });
    assert.equal(await page.getByRole('textbox').inputValue(), 'kana');
    await press('Control+Enter');
    await until(async () => assert.equal(
        await page.getByRole('textbox').inputValue(), ''));

    await press('Shift+Tab');
    await reach('Messages');
    await press('Shift+Tab', 'Shift+Tab');
    await reach('More');
    await press('Enter');
    await reach('New conversation');
    await press('Escape');
    await reach('More');
    await press('Shift+Tab');
    await reach('Conversations');
    await press('Enter');
    await until(async () => assert.match(await at(), /kana/));
    await press('Enter');
    await reach('Write a message');
    await press('Escape');
    await reach('Open chat');

    /* Every place that a pointer can hit is large enough. */
    await press('Enter');
    await reach('Write a message');

    for (const box of await hostOf(page, (host) => [
        ...host.shadowRoot.querySelectorAll('button')]
        .filter((it) => it.checkVisibility())
        .map((it) => it.getBoundingClientRect().toJSON())))
    {
        assert.ok(box.width >= 24 && box.height >= 24, JSON.stringify(box));
    }

    assert.deepEqual(faults, []);
    await context.close();
});


test('on a phone the panel keeps the focus and the page its scrolling',
     async () =>
{
    const { page, context, faults } = await open(browser, 'about:blank', {
        viewport: { width: 375, height: 667 }, hasTouch: true });

    await embed(page, { head: '<script>0</script>', csp: false });
    await page.getByRole('button', { name: 'Open chat' }).tap();
    await page.getByRole('textbox').waitFor();
    assert.equal(await page.evaluate(
        () => document.documentElement.style.overflow), 'hidden');

    for (let i = 0; i < 12; i++) {
        await page.keyboard.press('Tab');
        assert.equal(await page.evaluate(() => document.activeElement
            === document.body || document.activeElement.shadowRoot !== null),
                     true);
    }

    assert.equal(await hostOf(page, (host) => parseFloat(getComputedStyle(
        host.shadowRoot.querySelector('textarea')).fontSize) >= 16), true);
    await page.getByRole('button', { name: 'Close', exact: true }).tap();
    await page.getByRole('button', { name: 'Open chat' }).waitFor();
    assert.equal(await page.evaluate(
        () => document.documentElement.style.overflow), '');
    assert.deepEqual(faults, []);
    await context.close();
});


test('nothing of the page moves, by the strictest policy', async () => {
    const { page, context, faults } = await open(browser, 'about:blank');

    await page.addInitScript(() => {
        window.shifts = [];
        new PerformanceObserver((list) => list.getEntries().forEach((it) => {
            window.shifts.push([it.value, it.hadRecentInput, it.startTime,
                ...it.sources.map((from) => [from.node?.nodeName,
                    JSON.stringify(from.previousRect),
                    JSON.stringify(from.currentRect)])]);
        })).observe({ type: 'layout-shift', buffered: true });
    });

    /* The panel has been seen for a while when the server answers. */
    let answer;
    const held = new Promise((resolve) => {
        answer = resolve;
    });

    await page.route(/v1\/session$/, async (route) => {
        await held;
        await route.continue();
    });
    await embed(page);
    await page.getByRole('button', { name: 'Open chat' }).click();
    await page.getByRole('textbox').waitFor();
    await hostOf(page, (host) => Promise.all(host.shadowRoot.getAnimations()
        .map((it) => it.finished)).then(() => 0));
    await settled(page);
    answer();
    await page.getByRole('textbox').fill(`Still ${mark}`);
    await page.getByRole('textbox').press('Enter');
    await page.getByText('Sent').waitFor();
    await page.getByRole('button', { name: 'Close', exact: true }).click();
    await desk().say(await desk().find(`Still ${mark}`), 'A badge');
    await page.locator('.badge').waitFor();
    assert.deepEqual(await page.evaluate(() => window.shifts), []);
    assert.equal(await page.evaluate(
        () => document.querySelectorAll('body > *').length), 2);
    assert.deepEqual(faults, []);
    await context.close();
});


test('any accent can be read', async () => {
    const { page, context } = await open(browser, 'about:blank');
    const accents = Array.from({ length: 50 }, (_, i) =>
        `hsl(${i * 36 % 360} ${30 + i % 3 * 35}% ${10 + i * 7 % 80}%)`);

    await embed(page);
    await page.getByRole('button', { name: 'Open chat' }).waitFor();

    for (const accent of accents) {
        const ratio = await page.evaluate(async (to) => {
            await window.chat.update({ accent: to });

            const { color, backgroundColor } = getComputedStyle(
                [...document.body.children].find((it) => it.shadowRoot)
                .shadowRoot.querySelector('.launcher'));
            const [one, other] = [color, backgroundColor].map((it) => {
                const [r, g, b] = it.match(/[\d.]+/g).map((c) => c <= 10
                    ? c / 3294.6 : ((c / 255 + .055) / 1.055) ** 2.4);

                return .2126 * r + .7152 * g + .0722 * b;
            });

            return (Math.max(one, other) + .05) / (Math.min(one, other) + .05);
        }, accent);

        assert.ok(ratio >= 4.5, `${accent}: ${ratio}`);
    }

    await context.close();
});
