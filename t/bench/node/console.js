/*
 * Copyright (C) the ngx_http_chat_module authors
 */

/*
 * console.js <prefix> <what> <slower> <vars> <count>: what an agent waits for
 * in the console, where the processor is so many times slower.
 *
 * signin  from the click on "Sign in" until the list is painted
 * first   with the first page of the list: from a key until another
 *         conversation with 50 messages is painted, and from the frame of a
 *         message until that is
 * all     the same, once the whole list of so many was scrolled through, and
 *         what that took
 *
 * A line of <vars> has the token of a visitor and his conversation, the
 * newest first.  Prints one JSON object.
 */

'use strict';

const { readFileSync } = require('node:fs');
const { main, open, pause, quantile } = require('./page.js');

const [, , prefix, what, slower, vars, count] = process.argv;
const EMAIL = 'agent@example.com';
const PASSWORD = 'demo-agent-password';

/* How often another conversation, and a message of it; and one elsewhere. */
const TIMES = 40;
const ELSEWHERE = 10;
const GAP = 50;
const SHOWN = 50;

/* A hand on a wheel: pixels, and pixels a second. */
const FAR = 30000;
const SPEED = 20000;

/* Alt+J */
const NEXT = { modifiers: 1, code: 'KeyJ', key: 'j',
               windowsVirtualKeyCode: 74 };

/* What the page notes of itself. */
const NOTES = `(() => {
    const { WebSocket: Socket } = window;
    const seen = window.seen = { word: '', frame: 0, rows: 0 };
    const one = (selector) => document.querySelector(selector);
    const every = (selector) => document.querySelectorAll(selector);

    window.WebSocket = class extends Socket {
        constructor(...args) {
            super(...args);
            this.addEventListener('message', ({ data, timeStamp }) => {
                if (seen.word && !seen.frame && data.includes(seen.word)) {
                    seen.frame = timeStamp;
                }
            });
        }
    };

    /* A message is handled once the frame has been painted. */
    const painted = () => new Promise((resolve) =>
        requestAnimationFrame(() => {
            const { port1, port2 } = new MessageChannel();

            port1.onmessage = () => resolve(performance.now());
            port2.postMessage(0);
        }));

    const when = (is) => new Promise((resolve) => {
        const watch = new MutationObserver(look);

        function look() {
            if (is()) {
                watch.disconnect();
                resolve(painted());
            }
        }

        watch.observe(document, { subtree: true, childList: true,
                                  attributes: true, characterData: true });
        look();
    });

    const next = (type) => new Promise((resolve) => addEventListener(
        type, (event) => resolve(event.timeStamp),
        { capture: true, once: true }));

    /* where the button of the form is, once there is one */
    seen.form = async (email, password) => {
        await when(() => one('.signin button[type=submit]'));
        one('#email').value = email;
        one('#password').value = password;

        const it = one('.signin button[type=submit]')
                   .getBoundingClientRect();

        return [it.x + it.width / 2, it.y + it.height / 2];
    };

    seen.list = async () => {
        const began = await next('click');
        const ended = await when(() => one('.list .scroll:not([hidden]) li'));
        const calls = performance.getEntriesByType('resource')
                      .filter((it) => it.startTime >= began);
        const asked = calls.find((it) => it.name.endsWith('/agent/session'));

        return { list_ms: ended - began, calls: calls.filter(
                     (it) => it.startTime < ended).length,
                 password_ms: asked && asked.duration };
    };

    const full = (before) => {
        const lines = one('.log .lines');

        return !one('.log').hidden && lines.childElementCount >= ${SHOWN}
               && lines.firstElementChild !== before;
    };

    seen.turn = async () => {
        const before = one('.log .lines').firstElementChild;
        const began = await next('keydown');

        return await when(() => full(before)) - began;
    };

    seen.go = (id) => {
        const before = one('.log .lines').firstElementChild;

        location.hash = '#/all/c/' + id;

        return when(() => full(before));
    };

    /* A message as the last line of the log, or in the row of the list. */
    seen.expect = (text, id) => {
        const place = id ? '.list li[data-id="' + id + '"] .preview'
                         : '.log .lines > :last-child';

        seen.word = text;
        seen.frame = 0;
        seen.got = when(() => one(place)?.textContent.includes(text))
            .then((at) => ({ frame: seen.frame, at,
                             now: performance.timeOrigin + at }));
    };

    /* Until the last row of the list is there. */
    seen.fill = (all) => new Promise((resolve) => {
        const began = performance.now();
        const box = one('.scroll');

        const step = () => {
            const rows = every('.list li');
            const last = rows[rows.length - 1];

            seen.rows = Math.max(seen.rows, rows.length);

            if (Number(last?.getAttribute('aria-posinset')) >= all) {
                resolve(performance.now() - began);
                return;
            }

            box.scrollTop = box.scrollHeight;
            requestAnimationFrame(step);
        };

        step();
    });

    /* The most rows there are at the end of any frame, until told. */
    seen.count = () => {
        seen.counting = true;

        const step = () => {
            seen.rows = Math.max(seen.rows, every('.list li').length);
            seen.counting && requestAnimationFrame(step);
        };

        step();
    };

    /* where the list is, which is scrolled to its top */
    seen.top = () => {
        const box = one('.scroll');
        const it = box.getBoundingClientRect();

        box.scrollTop = 0;

        return [it.x + it.width / 2, it.y + it.height / 2];
    };
})()`;

const talks = readFileSync(vars, 'utf8').trim().split('\n')
              .map((line) => line.split(' '));


async function signIn({ page, ask, click }) {
    await page.goto(`${prefix}console/`);

    const place = await ask(
        `seen.form(${JSON.stringify(EMAIL)}, ${JSON.stringify(PASSWORD)})`);
    const list = ask('seen.list()');

    /* what is asked first is there first */
    await ask('0');
    await click(...place);

    return list;
}


/* Each conversation of the list after the other, by its key. */
async function turn({ ask, session }) {
    const list = [];

    for (let i = 0; i < TIMES; i++) {
        const turned = ask('seen.turn()');

        await ask('0');

        for (const type of ['rawKeyDown', 'keyUp']) {
            await session.send('Input.dispatchKeyEvent', { type, ...NEXT });
        }

        list.push(await turned);
        await pause(GAP);
    }

    return list;
}


async function say([token, id], text) {
    const answer = await fetch(
        `${prefix}v1/conversations/${id}/messages`, {
            method: 'POST',
            headers: { Authorization: `Bearer ${token}`,
                       'Content-Type': 'application/json' },
            body: JSON.stringify({ client_msg_id: text.replaceAll(' ', '-'),
                                   text }),
        });

    if (!answer.ok) {
        throw new Error(`${answer.status} ${await answer.text()}`);
    }
}


/* A message at a time, in the conversation that is open or in another. */
async function hear({ ask }, talk, isOpen, what) {
    const text = `Message ${what} at ${Date.now()}`;

    await ask(`seen.expect(${JSON.stringify(text)}, `
              + `${isOpen ? "''" : JSON.stringify(talk[1])})`);

    const sent = Date.now();

    await say(talk, text);

    const { frame, at, now } = await ask('seen.got');

    if (!frame) {
        throw new Error(`no frame had "${text}"`);
    }

    await pause(GAP);

    return { shown: at - frame, late: now - sent };
}


async function messages(one) {
    const [open, ...others] = talks;
    const log = [];
    const list = [];

    await one.ask(`seen.go(${JSON.stringify(open[1])})`);
    await pause(GAP);

    for (let i = 0; i < TIMES; i++) {
        log.push(await hear(one, open, true, i));
    }

    for (let i = 0; i < ELSEWHERE; i++) {
        list.push(await hear(one, others[i], false, i));
    }

    return { log, list };
}


/* There and back, with a hand on the wheel. */
async function scroll({ ask, session }) {
    const [x, y] = await ask('seen.top()');

    for (const yDistance of [-FAR, FAR]) {
        await session.send('Input.synthesizeScrollGesture', {
            x, y, yDistance, speed: SPEED, gestureSourceType: 'mouse' });
    }
}


main(async (browser) => {
    const one = await open(browser, NOTES, Number(slower));
    const signin = await signIn(one);
    const result = {};

    if (what === 'signin') {
        await one.close();

        return signin;
    }

    if (what === 'all') {
        const filling = await one.tasks(async () => {
            result.fill_ms = await one.ask(`seen.fill(${Number(count)})`);
        });

        await one.ask('seen.count()');

        const scrolling = await one.tasks(() => scroll(one));

        result.rows = await one.ask('seen.counting = false, seen.rows');
        result.filling_ms = Math.max(...filling);
        result.scrolling_ms = Math.max(...scrolling);
        result.scrolling_over = scrolling.filter((ms) => ms > 50).length;
        await one.ask('seen.top()');
    }

    const turns = await turn(one);
    const { log, list } = await messages(one);
    const of = (those, name) => those.map((it) => it[name]);
    const all = { turn: turns, log: of(log, 'shown'), late: of(log, 'late'),
                  list: of(list, 'shown'), listed: of(list, 'late') };

    for (const [name, times] of Object.entries(all)) {
        result[`${name}_p50`] = quantile(0.5, times);
        result[`${name}_p95`] = quantile(0.95, times);
        result[`${name}_max`] = Math.max(...times);
    }

    await one.close();

    return result;
});
