/*
 * Copyright (C) the ngx_http_chat_module authors
 */

/*
 * Pages in Chromium, for what is measured in them: nothing but the debugger
 * looks at a page, and its processor is made slower if that is asked for.
 */

'use strict';

const { chromium } = require('../../browser/node_modules/playwright-core');

const SIZE = { width: 1280, height: 800 };
const WITHIN = 60000;
const SETTLED = 1000;

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));


function launch() {
    return chromium.launch({
        executablePath: process.env.CHAT_CHROMIUM || '/usr/bin/chromium',
        args: ['--headless', '--no-sandbox', '--disable-gpu',
               '--no-first-run', '--disable-background-networking'] });
}


/*
 * A page in a context of its own, with a script that runs before those of
 * the page and a processor that is so many times slower.
 */
async function open(browser, notes, slower) {
    const context = await browser.newContext({ viewport: SIZE });
    const page = await context.newPage();
    const session = await context.newCDPSession(page);

    /* the value of an expression, or of its promise */
    const ask = async (expression) => {
        const { result, exceptionDetails: wrong } = await session.send(
            'Runtime.evaluate',
            { expression, awaitPromise: true, returnByValue: true });

        if (wrong) {
            throw new Error(`${expression}: ${wrong.exception?.description
                                              || wrong.text}`);
        }

        return result.value;
    };

    const until = async (expression) => {
        for (const end = Date.now() + WITHIN; !await ask(expression); ) {
            if (Date.now() > end) {
                throw new Error(`never: ${expression}`);
            }

            await pause(50);
        }
    };

    const click = async (x, y) => {
        for (const type of ['mousePressed', 'mouseReleased']) {
            await session.send('Input.dispatchMouseEvent', {
                type, x, y, button: 'left', clickCount: 1 });
        }
    };

    /* ms of script so far, once nothing happens any more */
    const script = async () => {
        await pause(SETTLED);

        const { metrics } = await session.send('Performance.getMetrics');

        return 1000 * metrics.find((it) => it.name === 'ScriptDuration').value;
    };

    /* ms of each task of the main thread while something is done */
    const tasks = async (run) => {
        await browser.startTracing(page, { categories: [
            '__metadata', 'disabled-by-default-devtools.timeline'] });
        await run();

        const { traceEvents: all } = JSON.parse(
            String(await browser.stopTracing()));
        const thread = ({ pid, tid }) => `${pid}/${tid}`;
        const main = new Set(all.filter(
            ({ name, args }) => name === 'thread_name'
                                && args.name === 'CrRendererMain')
            .map(thread));

        return all.filter((it) => it.name === 'RunTask'
                                  && main.has(thread(it)))
                  .map(({ dur = 0 }) => dur / 1000);
    };

    await page.addInitScript(notes);
    await session.send('Performance.enable', { timeDomain: 'threadTicks' });
    await session.send('Emulation.setCPUThrottlingRate', { rate: slower });

    return { page, session, ask, until, click, script, tasks,
             close: () => context.close() };
}


/* What the share of all values does not exceed. */
function quantile(share, list) {
    const sorted = [...list].sort((a, b) => a - b);

    return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)];
}


/* Runs a program that prints one JSON object. */
async function program(run) {
    const browser = await launch();

    try {
        console.log(JSON.stringify(await run(browser)));
    } finally {
        await browser.close();
    }
}


function main(run) {
    program(run).catch((error) => {
        console.error(String(error));
        process.exitCode = 1;
    });
}


module.exports = { SIZE, main, open, pause, quantile };
