/*
 * Copyright (C) the ngx_http_chat_module authors
 */

/*
 * Chromium for the tests: pages that note every console error and every
 * violation of a content security policy, and axe-core.
 */

import { mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import assert from 'node:assert/strict';
import path from 'node:path';
import { chromium } from 'playwright-core';

const axe = readFileSync(createRequire(import.meta.url)
                         .resolve('axe-core/axe.min.js'), 'utf8');

const ARGS = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic',
              '--no-first-run', '--disable-background-networking',
              '--disable-component-update', '--disable-sync',
              '--disable-features=LocalNetworkAccessChecks'];

const RULES = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa',
               'best-practice'];


function setting(name, fallback) {
    const value = process.env[name] ?? fallback;

    assert.ok(value, `the environment must name ${name}`);

    return value;
}


/* Where the page with the widget is, and the prefix of the chat. */
export const site = {
    page: setting('CHAT_BASE_URL'),
    prefix: new URL(setting('CHAT_PREFIX', '/support/'),
                    setting('CHAT_BASE_URL')).href,
    email: setting('CHAT_AGENT_EMAIL', 'agent@example.com'),
    password: setting('CHAT_AGENT_PASSWORD', 'demo-agent-password'),
};


/* A browser with an empty profile. */
export function launch() {
    return chromium.launch({
        executablePath: setting('CHAT_CHROMIUM', '/usr/bin/chromium'),
        args: ARGS,
    });
}


/*
 * A page in a context of its own.  "faults" fills with whatever a visitor
 * could find in the console; being told that nobody is signed in, and that
 * the server knows nobody without a password, is no fault.
 */
export async function open(browser, url, options = {}) {
    const context = await browser.newContext({
        viewport: { width: 1280, height: 800 }, ...options,
    });
    const page = await context.newPage();
    const faults = [];

    page.on('console', (message) => {
        const from = message.location().url;

        if (message.type() === 'error'
            && !(from.endsWith('/v1/agent/session')
                 && /\b(401|422)\b/.test(message.text())))
        {
            faults.push(`${message.text()} (${from})`);
        }
    });
    page.on('pageerror', (error) => faults.push(String(error)));
    await page.exposeFunction('reportViolation',
                              (text) => faults.push(text));
    await page.addInitScript(() => {
        document.addEventListener('securitypolicyviolation', (event) => {
            window.reportViolation(`CSP: ${event.violatedDirective} `
                                   + event.blockedURI);
        });
    });

    await page.goto(url);

    return { page, context, faults };
}


/* Runs axe-core as the debugger does, with the page's own policy in force. */
export async function accessible(page) {
    const session = await page.context().newCDPSession(page);

    const run = async (expression) => {
        const { result, exceptionDetails } = await session.send(
            'Runtime.evaluate',
            { expression, awaitPromise: true, returnByValue: true });

        assert.equal(exceptionDetails, undefined);

        return result.value;
    };

    /* What is fading in has not its colours yet. */
    await run(`Promise.all([document, ...Array.from(
        document.querySelectorAll('*'), (it) => it.shadowRoot)]
        .flatMap((it) => it ? it.getAnimations() : [])
        .filter((it) => it.effect.getTiming().iterations < 9)
        .map((it) => it.finished.catch(() => 0))).then(() => 0)`);
    await run(`${axe}; 0`);

    const found = await run(`axe.run(document, {
        runOnly: ${JSON.stringify(RULES)}, resultTypes: ['violations'],
    }).then((it) => it.violations.map((v) => v.id + ': '
        + v.nodes.map((n) => n.target.join(' ') + ' ' + n.failureSummary)
          .join('; ')))`);

    await session.detach();
    assert.deepEqual(found, []);
}


/* A picture for whoever looks at the output, if CHAT_SHOTS names a place. */
export async function shot(page, name) {
    const { CHAT_SHOTS } = process.env;

    if (CHAT_SHOTS) {
        mkdirSync(CHAT_SHOTS, { recursive: true });
        await page.screenshot({ path: path.join(CHAT_SHOTS, `${name}.png`) });
    }
}


/* A place where WebSockets do not get through. */
export function noSockets(page) {
    return page.routeWebSocket(/\/v1\/stream/, (socket) => socket.close());
}


/* A place where nothing does that goes on; nor do polls while "away". */
export async function onlyPolls(page, away = () => false) {
    await noSockets(page);
    await page.route(/\/v1\/stream/, (route) =>
        away() || route.request().headers().accept === 'text/event-stream'
        ? route.abort() : route.continue());
}


export async function signIn(page) {
    await page.getByLabel('E-mail').fill(site.email);
    await page.getByLabel('Password').fill(site.password);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByRole('navigation', { name: 'Conversations' }).waitFor();
}


export async function write(page, field, text) {
    await page.getByRole('textbox', { name: field }).fill(text);
    await page.getByRole('textbox', { name: field }).press('Enter');
}


export function inLog(page, text) {
    return page.getByRole('log').getByText(text, { exact: true });
}
