/* Copyright (C) the ngx_http_chat_module authors */

/*
 * The loader: puts the launcher into the page and loads the widget when it
 * is opened.  Until then nothing is stored and nothing else is requested.
 *
 * <script src="/support/w.js" async></script>
 *     data-lang="en"     language, else that of the page or the browser
 *     data-name="chat"   the one global name that is used
 *
 * docs/widget.md has the other attributes and the methods.
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
    const WORDS = { en: 'Open chat', ar: 'فتح المحادثة', he: 'פתיחת הצ׳אט' };
    const RTL = /^(ar|he)/;
    const MOST = 50;
    const ICON = 'M12 3c5 0 9 3.4 9 7.7s-4 7.7-9 7.7c-.9 0-1.8-.1-2.6-.3'
                 + 'L5 20.8v-4.3a7.3 7.3 0 0 1-2-5C3 6.4 7 3 12 3Z';
    const CROSS = 'M6.7 5.3 12 10.6l5.3-5.3 1.4 1.4-5.3 5.3 5.3 5.3-1.4 1.4'
                  + '-5.3-5.3-5.3 5.3-1.4-1.4 5.3-5.3-5.3-5.3Z';

    const STYLE = `
:host {
    all: initial !important;
    position: fixed !important;
    inset-block-end: calc(var(--chat-inset-block, 20px)
        + env(safe-area-inset-bottom, 0px)) !important;
    inset-inline: auto var(--chat-inset-inline, 20px) !important;
    z-index: var(--chat-z, 2147483000) !important;
    contain: layout style !important;
    color-scheme: light dark !important;
}
:host([data-side=start]) {
    inset-inline: var(--chat-inset-inline, 20px) auto !important;
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
    color: var(--chat-accent-fg, var(--chat-auto-fg, #fff));
    box-shadow: 0 1px 3px #0a14323d, 0 6px 20px #0a143238;
    cursor: pointer;
}
.launcher:hover { filter: brightness(1.08) }
.launcher:focus-visible {
    outline: 3px solid #fff;
    box-shadow: 0 0 0 6px #111;
}
.launcher svg { inline-size: 28px; block-size: 28px; fill: currentColor }
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
`;

    const page = /** @type {any} */ (window);
    const name = script.dataset.name || 'chat';
    const early = page[name];

    if (early && early.loaded) {
        return;
    }

    /* as w.js, or as assets/w-<hash>.js */
    const base = new URL('.', script.src.replace(/assets\/w-.*/, '')).href;
    const key = `chat:${base.replace(location.origin, '')}`;

    /* Of an earlier page: what the site says where the page does not. */
    /** @type {Record<string, any>} */
    const site = {};
    /** @type {Record<string, any>} */
    const settings = Object.assign(Object.create(site), script.dataset);

    if ('single' in settings) {
        settings.single = true;
    }
    /** @type {Map<string, Set<(detail: any) => void>>} */
    const listeners = new Map();
    /** @type {Promise<any> | null} */
    let panel = null;
    let tries = 0;
    let ended = false;

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

    const host = make('div', {});
    const root = host.attachShadow({ mode: 'open' });
    const sheet = new CSSStyleSheet();
    const badge = make('span', { 'class': 'badge', 'hidden': '',
                                 'aria-hidden': 'true' });
    const launcher = make('button', {
        'type': 'button', 'class': 'launcher', 'part': 'launcher',
        'aria-expanded': 'false',
    });

    sheet.replaceSync(STYLE);
    root.adoptedStyleSheets = [sheet];
    launcher.append(icon(ICON, 'talk'), icon(CROSS, 'cross'), badge);
    launcher.addEventListener('click', () => call('toggle').catch(() => {}));
    root.append(launcher);

    /* What the settings say, as far as it concerns the launcher. */
    const apply = () => {
        const lang = [settings.lang, document.documentElement.lang,
                      site.locale, ...navigator.languages]
                     .map((tag) => (tag || '').toLowerCase().split('-')[0])
                     .find((tag) => tag in WORDS) || 'en';
        const rtl = RTL.test(lang);
        const { side, accent } = settings;

        host.lang = settings.locale = lang;
        host.dir = rtl ? 'rtl' : 'ltr';
        host.dataset.side = side === (rtl ? 'right' : 'left') ? 'start'
                                                              : side || 'end';

        if (!panel) {
            launcher.setAttribute('aria-label', WORDS[lang]);
        }

        if (accent) {
            host.style.setProperty('--chat-accent', accent);
        }

        /* Black or white, whichever can be read on the accent. */
        const colour = getComputedStyle(launcher).backgroundColor;

        if (/^rgb/.test(colour)) {
            const [r, g, b] = (colour.match(/[\d.]+/g) || []).map(
                (it) => ((+it / 255 + .055) / 1.055) ** 2.4);

            host.style.setProperty('--chat-auto-fg',
                .2126 * r + .7152 * g + .0722 * b > .179 ? '#000' : '#fff');
        }
    };

    /**
     * @param {string} event
     * @param {any} [detail]
     */
    const emit = (event, detail) => {
        host.dispatchEvent(new CustomEvent(`chat:${event}`, {
            detail, bubbles: true }));
        (listeners.get(event) || []).forEach((it) => it(detail));
    };

    const frame = { base, key, settings, host, root, launcher, badge, emit,
                    told: /** @type {any[]} */ ([]),
                    /* It stays where it is, whichever way texts now go. */
                    site(/** @type {object} */ says) {
                        Object.assign(site, { side: settings.side
                            || (host.dir === 'rtl' ? 'left' : 'right') },
                            says);
                        apply();
                    },
                    forget: () => forget(true) };

    /* A module that failed to load is asked for under another name. */
    const load = () => {
        panel = panel || import(
            tries ? `${base}assets/widget.js?retry=${tries}`
                  : base + 'assets/widget.js')
            .then((widget) => widget.mount(frame))
            .catch((error) => {
                panel = null;
                tries++;
                throw error;
            })
            .finally(() => launcher.removeAttribute('aria-busy'));

        return panel;
    };

    /**
     * @param {string} event
     * @param {(detail: any) => void} listener
     */
    const on = (event, listener) => {
        listeners.set(event, (listeners.get(event) || new Set())
                             .add(listener));

        return () => off(event, listener);
    };

    /**
     * @param {string} event
     * @param {(detail: any) => void} listener
     */
    const off = (event, listener) => listeners.get(event)?.delete(listener);

    /** @param {object} [more] */
    const update = async (more) => {
        Object.assign(settings, more);
        apply();
        await panel?.then((it) => it.update());
    };

    /**
     * What the page tells of the visitor is kept for when there is one.
     *
     * @param {string} what
     */
    const tell = (what) => async (/** @type {any[]} */ ...args) => {
        const { told } = frame;

        told.push([what, new Date(), location.href, ...args]);

        if (told[MOST]) {
            told.shift();
        }

        await panel?.then((it) => it.tell());
    };

    /**
     * The visitor is gone, from this page and, unless they know, the others.
     *
     * @param {boolean} [known]
     */
    const forget = (known) => {
        const had = panel || stored() ? load() : null;

        settings.identity = panel = null;
        frame.told = [];
        apply();

        return had?.then((it) => it.shutdown(known));
    };

    /** What needs no more than the loader. @type {Record<string, any>} */
    const own = {
        on,
        off,

        once(/** @type {string} */ event,
             /** @type {(detail: any) => void} */ listener)
        {
            const end = on(event, (detail) => {
                end();
                listener(detail);
            });

            return end;
        },

        async show() {
            host.hidden = false;
        },

        async hide() {
            await panel?.then((it) => it.close());
            host.hidden = true;
        },

        update,
        setLocale: (/** @type {string} */ lang) => update({ lang }),
        setTheme: (/** @type {string} */ theme) => update({ theme }),
        identify: (/** @type {string} */ identity) => update({ identity }),
        set: tell('set'),
        track: tell('track'),

        boot(/** @type {object} */ more) {
            ended = false;
            attach();

            return update(more);
        },

        async shutdown() {
            ended = true;
            host.remove();
            await forget();
        },

        getUnread: async () => panel ? (await panel).getUnread() : 0,
    };

    /**
     * @param {string} method
     * @param {...unknown} args
     */
    const call = (method, ...args) => {
        if (method in own) {
            return own[method](...args);
        }

        launcher.setAttribute('aria-busy', 'true');

        return load().then((it) => {
            launcher.removeAttribute('aria-busy');

            return it[method](...args);
        });
    };

    /* 3: a panel that was open, 2: a conversation, 1: a session. */
    const stored = () => {
        try {
            return sessionStorage.getItem(key) ? 3
                   : localStorage.getItem(key) ? 2
                   : localStorage.getItem(key + '#token') ? 1 : 0;
        } catch {
            return 0;
        }
    };

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
        if (!ended && !host.isConnected && document.body) {
            attach();
        }
    });

    const start = () => {
        if (ended) {
            return;
        }

        try {
            Object.assign(site, JSON.parse(
                localStorage.getItem(key + '#site') || '{}'));
        } catch {
            /* denied */
        }

        host.hidden = 'hidden' in settings;
        attach();
        apply();
        emit('ready');

        const back = stored();

        if (back > 1) {
            (back > 2 ? call('restore') : load()).catch(() => {});
        }
    };

    const api = call.bind(null);

    page[name] = Object.assign(api, { loaded: true });
    ('open close toggle message startConversation '
     + Object.keys(own).join(' ')).split(' ').forEach((method) => {
        page[name][method] = call.bind(null, method);
    });

    ((early && early.q) || []).forEach(
        (/** @type {[string]} */ args) => Promise.resolve(call(...args))
                                          .catch(() => {}));

    /* Colours that are forced are not those to be read on. */
    matchMedia('(forced-colors: active)').onchange = apply;

    const idle = page.requestIdleCallback
                 || ((/** @type {() => void} */ f) => setTimeout(f, 1));
    const ready = () => idle(start, { timeout: 2000 });

    if (document.body) {
        ready();
    } else {
        document.addEventListener('DOMContentLoaded', ready);
    }
})();
