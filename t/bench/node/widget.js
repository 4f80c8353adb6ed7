/*
 * Copyright (C) the ngx_http_chat_module authors
 */

/*
 * widget.js <prefix> <pairs>: what the widget costs a page where the processor
 * is four times slower, beside the same page without the tag, in turns.
 * Nothing but the debugger looks at the page.  Prints one JSON object.
 */

'use strict';

const { SIZE, main, open, quantile } = require('./page.js');

const [, , prefix, pairs] = process.argv;
const SLOWER = 4;

/* The middle of the launcher. */
const PLACE = [SIZE.width - 48, SIZE.height - 48];

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


async function load(browser, tag) {
    const { page, ask, until, click, script, close }
        = await open(browser, NOTES, SLOWER);

    await page.route('**/page.html', (route) => route.fulfill({
        contentType: 'text/html; charset=utf-8',
        body: BODY.replace('TAG', tag ? TAG : '') }));
    await page.goto(`${prefix}page.html`);
    await until(tag ? '!!document.body?.lastElementChild?.shadowRoot'
                    : 'document.readyState === "complete"');

    const closed = await script();
    const { tasks } = await ask('window.seen');
    let more = 0;

    if (tag) {
        await click(...PLACE);
        await until('!!window.seen.focus');
        more = await script() - closed;
    }

    const seen = await ask('window.seen');

    await close();

    return { closed, open: more, tasks, shift: seen.shift,
             focus: seen.focus - seen.click };
}


main(async (browser) => {
    const without = [];
    const tagged = [];

    for (let i = 0; i < Number(pairs); i++) {
        for (const tag of i % 2 ? [true, false] : [false, true]) {
            (tag ? tagged : without).push(await load(browser, tag));
        }
    }

    const all = (list, name) => quantile(0.5, list.map((it) => it[name]));

    return {
        page_ms: all(without, 'closed'),
        closed_ms: all(tagged, 'closed') - all(without, 'closed'),
        open_ms: all(tagged, 'open'), focus_ms: all(tagged, 'focus'),
        tasks: all(tagged, 'tasks') - all(without, 'tasks'),
        shift: Math.max(...tagged.map((it) => it.shift)),
    };
});
