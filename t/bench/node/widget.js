/*
 * Copyright (C) the ngx_http_chat_module authors
 */

/*
 * widget.js <prefix> <pairs>: what the widget costs a page where the processor
 * is four times slower, beside the same page without the tag, in turns.
 * Nothing but the debugger looks at the page.  Prints one JSON object.
 */

'use strict';

const { chromium } = require('../../browser/node_modules/playwright-core');

const [, , prefix, pairs] = process.argv;
const SLOWER = 4;
const SETTLED = 1000;
const WITHIN = 60000;

/* The middle of the launcher. */
const SIZE = { width: 1280, height: 800 };
const PLACE = { x: SIZE.width - 48, y: SIZE.height - 48 };

const TEXT = '<p>A lamp that is as bright as you like, and no brighter.</p>';
const BODY = `<!doctype html><html lang="en"><title>Shop</title>
<link rel="icon" href="data:,">TAG<h1>Shop</h1>${TEXT.repeat(60)}`;
const TAG = `<script src="${prefix}w.js" async></script>`;

/* What the page notes of itself. */
const NOTES = `(() => {
    const seen = window.seen = { shift: 0, tasks: 0 };
    const watch = (type, note) => new PerformanceObserver((list) =>
        list.getEntries().forEach(note)).observe({ type, buffered: true });

    watch('layout-shift', (it) => { seen.shift += it.value; });
    watch('longtask', () => { seen.tasks++; });

    /* What moves within a shadow tree is no event outside. */
    const look = () => {
        const { shadowRoot } = document.activeElement;

        if (shadowRoot && shadowRoot.activeElement.localName === 'textarea') {
            seen.focus = performance.now();
        } else {
            requestAnimationFrame(look);
        }
    };

    addEventListener('click', () => {
        seen.click = performance.now();
        look();
    }, true);
})()`;

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));


async function load(browser, tag) {
    const context = await browser.newContext({ viewport: SIZE });
    const page = await context.newPage();
    const session = await context.newCDPSession(page);

    const ask = async (expression) => (await session.send(
        'Runtime.evaluate', { expression, returnByValue: true })).result.value;

    const until = async (expression) => {
        for (const end = Date.now() + WITHIN; !await ask(expression); ) {
            if (Date.now() > end) {
                throw new Error(`never: ${expression}`);
            }

            await pause(50);
        }
    };

    /* ms of script so far, once nothing happens any more */
    const script = async () => {
        await pause(SETTLED);

        const { metrics } = await session.send('Performance.getMetrics');

        return 1000 * metrics.find((it) => it.name === 'ScriptDuration').value;
    };

    await page.route('**/page.html', (route) => route.fulfill({
        contentType: 'text/html; charset=utf-8',
        body: BODY.replace('TAG', tag ? TAG : '') }));
    await page.addInitScript(NOTES);
    await session.send('Performance.enable',
                       { timeDomain: 'threadTicks' });
    await session.send('Emulation.setCPUThrottlingRate', { rate: SLOWER });
    await page.goto(`${prefix}page.html`);
    await until(tag ? '!!document.body.lastElementChild.shadowRoot'
                    : 'document.readyState === "complete"');

    const closed = await script();
    const { tasks } = await ask('window.seen');
    let open = 0;

    if (tag) {
        for (const type of ['mousePressed', 'mouseReleased']) {
            await session.send('Input.dispatchMouseEvent', {
                type, ...PLACE, button: 'left', clickCount: 1 });
        }

        await until('!!window.seen.focus');
        open = await script() - closed;
    }

    const seen = await ask('window.seen');

    await context.close();

    return { closed, open, tasks, shift: seen.shift,
             focus: seen.focus - seen.click };
}


function median(list) {
    return [...list].sort((a, b) => a - b)[list.length >> 1];
}


(async () => {
    const browser = await chromium.launch({
        executablePath: process.env.CHAT_CHROMIUM || '/usr/bin/chromium',
        args: ['--headless', '--no-sandbox', '--disable-gpu',
               '--no-first-run', '--disable-background-networking'] });
    const without = [];
    const tagged = [];

    for (let i = 0; i < Number(pairs); i++) {
        for (const tag of i % 2 ? [true, false] : [false, true]) {
            (tag ? tagged : without).push(await load(browser, tag));
        }
    }

    await browser.close();

    const all = (list, name) => median(list.map((it) => it[name]));

    console.log(JSON.stringify({
        page_ms: all(without, 'closed'),
        closed_ms: all(tagged, 'closed') - all(without, 'closed'),
        open_ms: all(tagged, 'open'), focus_ms: all(tagged, 'focus'),
        tasks: all(tagged, 'tasks') - all(without, 'tasks'),
        shift: Math.max(...tagged.map((it) => it.shift)),
    }));
})().catch((error) => {
    console.error(String(error));
    process.exit(1);
});
