/* Copyright (C) the ngx_http_chat_module authors */

/*
 * The loader: puts the launcher into the page and loads the widget when it
 * is opened.  Until then nothing is stored and nothing else is requested.
 *
 * <script src="/support/w.js" async></script>
 *     data-lang="en"     language, else that of the page or the browser
 *     data-name="chat"   the one global name that is used
 */

(() => {
    'use strict';

    const script = /** @type {HTMLScriptElement | null} */ (
        document.currentScript
        || document.querySelector('script[src*="/w.js"]'));

    if (script === null) {
        return;
    }

    /** @type {Record<string, string>} */
    const WORDS = { en: 'Open chat' };
    const RTL = /^(ar|he)/;
    const ICON = 'M5 4h14a2 2 0 0 1 2 2v8.5a2 2 0 0 1-2 2h-6.2L7.5 20.6v-4.1H5'
                 + 'a2 2 0 0 1-2-2V6a2 2 0 0 1 2-2Z';
    const CROSS = 'M6.7 5.3 12 10.6l5.3-5.3 1.4 1.4-5.3 5.3 5.3 5.3-1.4 1.4'
                  + '-5.3-5.3-5.3 5.3-1.4-1.4 5.3-5.3-5.3-5.3Z';

    const STYLE = `
:host {
    all: initial !important;
    position: fixed !important;
    inset-block-end: calc(var(--chat-inset-block, 20px)
        + env(safe-area-inset-bottom, 0px)) !important;
    inset-inline-end: var(--chat-inset-inline, 20px) !important;
    z-index: var(--chat-z, 2147483000) !important;
    contain: layout style !important;
    color-scheme: light dark !important;
}
:host([hidden]) { display: none !important }
.launcher {
    all: unset;
    box-sizing: border-box;
    display: grid;
    place-items: center;
    position: relative;
    inline-size: 56px;
    block-size: 56px;
    border: 1px solid transparent;
    border-radius: 50%;
    background: var(--chat-accent, #1f5eff);
    color: var(--chat-accent-fg, #fff);
    box-shadow: 0 4px 16px rgb(10 20 50 / .28);
    cursor: pointer;
}
.launcher:hover { filter: brightness(1.08) }
.launcher:focus-visible {
    outline: 3px solid #fff;
    box-shadow: 0 0 0 6px #111;
}
.launcher svg { inline-size: 26px; block-size: 26px; fill: currentColor }
.launcher[aria-expanded=true] .talk,
.launcher[aria-expanded=false] .cross { display: none }
.launcher[aria-busy=true] svg { opacity: .5 }
.badge {
    position: absolute;
    inset-block-start: -4px;
    inset-inline-end: -4px;
    box-sizing: border-box;
    min-inline-size: 22px;
    padding-inline: 6px;
    border: 1px solid #fff;
    border-radius: 11px;
    background: #b3142b;
    color: #fff;
    font: 600 12px/20px system-ui, sans-serif;
    text-align: center;
}
[hidden] { display: none !important }
@media (forced-colors: active) {
    .launcher { border-color: ButtonText }
    .launcher svg { fill: ButtonText }
}`;

    const page = /** @type {any} */ (window);
    const name = script.dataset.name || 'chat';
    const early = page[name];

    if (early && early.loaded) {
        return;
    }

    const base = new URL('.', script.src).href;
    const key = `chat:${new URL(base).pathname}`;
    const lang = [script.dataset.lang, document.documentElement.lang,
                  ...navigator.languages]
                 .map((tag) => (tag || '').toLowerCase().split('-')[0])
                 .find((tag) => tag in WORDS) || 'en';

    /** @type {Promise<any> | null} */
    let panel = null;
    let tries = 0;

    /**
     * @param {string} tag
     * @param {Record<string, string>} props
     * @param {string} [ns]
     */
    const make = (tag, props, ns = 'http://www.w3.org/1999/xhtml') => {
        const node = document.createElementNS(ns, tag);

        Object.keys(props).forEach((k) => node.setAttribute(k, props[k]));

        return /** @type {any} */ (node);
    };

    /**
     * @param {string} d
     * @param {string} of
     */
    const icon = (d, of) => {
        const ns = 'http://www.w3.org/2000/svg';
        const svg = make('svg', { 'viewBox': '0 0 24 24', 'class': of,
                                  'aria-hidden': 'true' }, ns);

        svg.append(make('path', { d }, ns));

        return svg;
    };

    const host = make('div', { lang, dir: RTL.test(lang) ? 'rtl' : 'ltr' });
    const root = host.attachShadow({ mode: 'open' });
    const sheet = new CSSStyleSheet();
    const badge = make('span', { 'class': 'badge', 'hidden': '',
                                 'aria-hidden': 'true' });
    const launcher = make('button', {
        'type': 'button', 'class': 'launcher', 'part': 'launcher',
        'aria-label': WORDS[lang], 'aria-expanded': 'false',
    });

    sheet.replaceSync(STYLE);
    root.adoptedStyleSheets = [sheet];
    launcher.append(icon(ICON, 'talk'), icon(CROSS, 'cross'), badge);
    launcher.addEventListener('click', () => call('toggle').catch(() => {}));
    root.append(launcher);

    /* A module that failed to load is asked for under another name. */
    const load = () => {
        panel = panel || import(
            tries ? `${base}assets/widget.js?retry=${tries}`
                  : base + 'assets/widget.js')
            .then((widget) => widget.mount({ base, key, lang, host, root,
                                             launcher, badge }))
            .catch((error) => {
                panel = null;
                tries++;
                throw error;
            })
            .finally(() => launcher.removeAttribute('aria-busy'));

        return panel;
    };

    /**
     * @param {string} method
     * @param {...unknown} args
     */
    const call = (method, ...args) => {
        launcher.setAttribute('aria-busy', 'true');

        return load().then((it) => {
            launcher.removeAttribute('aria-busy');

            return it[method](...args);
        });
    };

    /** @param {Storage} storage */
    const stored = (storage) => storage.getItem(key);

    const attach = () => {
        const { body } = document;

        if (!host.isConnected) {
            body.append(host);
        }

        watch.observe(document.documentElement, { childList: true });
        watch.observe(body, { childList: true });
    };

    /* A page that replaces its content keeps the launcher. */
    const watch = new MutationObserver(() => {
        if (!host.isConnected && document.body) {
            attach();
        }
    });

    const start = () => {
        attach();

        /* Someone who comes back: only what an earlier visit has stored. */
        try {
            if (stored(sessionStorage)) {
                call('restore').catch(() => {});
            } else if (stored(localStorage)) {
                load().catch(() => {});
            }
        } catch {
            /* storage is denied */
        }
    };

    /** Methods: open, close, toggle; each returns a promise. */
    const api = call.bind(null);

    page[name] = Object.assign(api, { loaded: true });
    ((early && early.q) || []).forEach(
        (/** @type {[string]} */ args) => call(...args).catch(() => {}));

    const idle = page.requestIdleCallback
                 || ((/** @type {() => void} */ f) => setTimeout(f, 1));
    const ready = () => idle(start, { timeout: 2000 });

    if (document.body) {
        ready();
    } else {
        document.addEventListener('DOMContentLoaded', ready);
    }
})();
