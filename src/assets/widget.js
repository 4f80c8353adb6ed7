/* Copyright (C) the ngx_http_chat_module authors */

import * as calls from './calls.js';
import { asProblem, createApi } from './api.js';
import { delay, nap } from './backoff.js';
import { createI18n } from './i18n.js';
import { createStore } from './kernel.js';
import { createView } from './widget-view.js';
import { newOutgoing } from './outgoing.js';
import { part } from './part.js';
import { remember } from './remember.js';
import { uuid } from './uuid.js';
import { beginning, INITIAL, reduce, unseen } from './widget-state.js';

/** @type {Record<string, (suffix: string) => Promise<any>>} */
const CATALOGUES = {
    en: (suffix) => import('./en-widget.js' + suffix),
    ar: (suffix) => import('./ar-widget.js' + suffix),
    he: (suffix) => import('./he-widget.js' + suffix),
};

const living = part((suffix) => import('./widget-live.js' + suffix));
const telling = part((suffix) => import('./widget-person.js' + suffix));


/** @typedef {ReturnType<typeof
 *     import('./widget-live.js').createLive>} Live */


/**
 * Puts the widget into the frame that the loader made.
 *
 * @param {Frame} frame
 * @returns {Promise<Panel>}
 */
export async function mount(frame) {
    const { settings, key } = frame;
    const memory = remember(key);
    const bearer = settings.mode === 'bearer'
                   || new URL(frame.base).origin !== location.origin;
    /** @type {Record<string, string>} */
    const headers = {};
    const api = createApi(frame.base, headers);
    const store = createStore(reduce, { ...INITIAL,
                                        lane: memory.last() || fresh() });
    const actions = {
        close: () => panel.close(),
        start,
        earlier,
        select,
        begin: () => select(fresh()),

        list() {
            store.dispatch({ type: 'view', view: 'list' });
            api.call('GET', 'conversations').then((answer) => store.dispatch({
                type: 'listed', conversations: answer.conversations }), wrong);
        },

        /** @param {number} seq */
        seen(seq) {
            const { talk } = store.get();

            if (talk) {
                store.dispatch({ type: 'seen', id: talk.id, seq });
                live?.read(talk.id, seq);
            }
        },

        /** @param {boolean} on */
        typing: (on) => live?.typing(on) || false,

        memory,

        /**
         * @param {string} text
         * @param {Attachment[]} [files]
         * @param {{to: number, response: CardAnswer}} [answer]
         */
        async send(text, files, answer) {
            const { lane } = store.get();
            const item = { ...newOutgoing(uuid(), lane, text, 'public',
                                          new Date().toISOString()),
                           attachments: files, ...answer };

            store.dispatch({ type: 'queued', item });
            memory.talk(lane);
            await (await alive()).outbox.add(item);

            if (memory.draft(draftOf(lane)) === text) {
                memory.keepDraft(draftOf(lane), '');
            }
        },

        /** @param {string} id */
        retry: (id) => live?.outbox.retry(id),
        /** @param {string} id */
        discard: (id) => live?.outbox.discard(id),

        /** @param {string} text */
        draft(text) {
            /* What is sent stays a draft until it is kept. */
            if (text) {
                memory.keepDraft(draftOf(store.get().lane), text);
                alive();
            }
        },

        /** @param {Visitor} visitor */
        known(visitor) {
            store.dispatch({ type: 'visitor', visitor });
            live?.wake();
        },

        drafted: () => memory.draft(draftOf(store.get().lane)),

        api: () => api,
        wrong,
    };

    /** @type {Live | null} */
    let live = null;
    /** @type {Promise<Live> | null} */
    let loading = null;
    let furnish = () => {};
    /** @type {Promise<void> | null} */
    let starting = null;
    let pause = nap(0);
    let ended = false;
    let reading = false;
    /** @type {ReturnType<typeof createView>} */
    let view;

    /**
     * Loads what is needed to talk, until that works.
     *
     * @returns {Promise<Live>}
     */
    function alive() {
        if (loading) {
            return loading;
        }

        loading = living().then(({ createLive, furniture }) => {
            furnish = () => view.furnish(furniture);
            furnish();

            const made = createLive({ api, frame, memory, store, fresh, start,
                                      load, wrong });

            live = made;

            return made;
        }).catch(async () => {
            store.dispatch({ type: 'line', up: false, now: Date.now() });
            pause = nap(delay(1));
            await pause.done;
            loading = null;

            return alive();
        });

        return loading;
    }

    /** Opens the session and reads the conversation, until that works. */
    function start() {
        starting = starting || run().finally(() => {
            starting = null;
        });
        pause.wake();

        return starting;
    }

    async function run() {
        for (let failures = 1; !ended; failures++) {
            store.dispatch({ type: 'starting' });

            try {
                do {
                    await session();
                } while (settings.identity);

                return;
            } catch (error) {
                const problem = asProblem(error);

                store.dispatch({ type: 'failed', problem: problem.code });

                if (!problem.passing) {
                    return;
                }

                pause = nap(delay(failures, problem.retryAfter));
                await pause.done;
            }
        }
    }

    /* Another tab may have another token meanwhile. */
    function sign(token = memory.token()) {
        if (bearer && token) {
            headers.Authorization = `Bearer ${token}`;
        }
    }

    async function session() {
        const { identity } = settings;

        sign();

        /** @type {Session} */
        const answer = await api.call('POST', 'session', { body: {
            mode: bearer ? 'bearer' : undefined,
            locale: settings.locale,
            time_zone: Intl.DateTimeFormat().resolvedOptions().timeZone,
            identity: identity || undefined,
        } });

        memory.keepToken(answer.token || '1');
        sign(answer.token);
        if (settings.identity === identity) {
            settings.identity = null;
        }

        if (store.get().visitor?.id !== answer.visitor.id) {
            live?.reset();
        }

        store.dispatch({ ...answer, type: 'session', lane: fresh() });
        await heed(answer.site);

        if (beginning(store.get())) {
            /* What another tab is about to begin is left to it. */
            memory.talk(memory.last().startsWith('new:') ? memory.last() : '');
        } else {
            memory.talk(store.get().lane);
            alive();
            await read(store.get().lane);
        }

        store.dispatch({ type: 'ready' });
        view.draft();
        panel.tell();
    }

    /**
     * What the site says; the launcher stays on its side until the next page.
     *
     * @param {Site} [site]
     */
    async function heed({ title, locale, theme, one_conversation } = {
        name: '' })
    {
        const { side, ...says } = { ...theme, theme: theme?.scheme, title,
                                    locale, single: one_conversation };
        const before = settings.locale;

        memory.keepSite({ side, ...says });
        frame.site(says);
        view.theme();

        if (before !== settings.locale) {
            await show();
        }
    }

    /** @param {string} id */
    async function read(id) {
        store.dispatch({ type: 'loaded', id, ...await calls.load(api, id) });
    }

    /**
     * Shows a conversation, or the beginning of one.
     *
     * @param {string} lane
     */
    function select(lane) {
        store.dispatch({ type: 'lane', lane });
        view.update(store.get());
        view.draft();
        view.focus();

        if (!beginning(store.get()) && !store.get().talk) {
            load(lane);
        }
    }

    /** @param {string} id */
    function load(id) {
        read(id).catch((error) => {
            const { code } = asProblem(error);

            if (code === 'gone' || code === 'not_found') {
                store.dispatch({ type: 'gone', id, lane: fresh() });
            }

            wrong(error);
        });
    }

    /** @param {Error} error */
    function wrong(error) {
        const { code } = asProblem(error);

        store.dispatch({ type: 'problem', problem: code });
        frame.emit('error', { code });
    }

    async function earlier() {
        const { talk } = store.get();

        if (!talk || reading) {
            return;
        }

        reading = true;

        try {
            store.dispatch({ type: 'earlier', id: talk.id,
                             page: await calls.earlier(api, talk) });
        } catch (error) {
            wrong(asProblem(error));
        }

        reading = false;
    }

    function wake() {
        pause.wake();
        live?.wake();
    }

    function back() {
        live?.back();
        wake();
    }

    /**
     * Another tab has begun to talk, or forgotten the visitor.
     *
     * @param {StorageEvent} event
     */
    function told({ key: name, newValue }) {
        if (name === `${key}#token` && !newValue) {
            frame.forget();
        } else if (name === key && newValue && !live
                   && store.get().phase === 'ready')
        {
            start();
        }
    }

    function look() {
        store.dispatch({ type: 'visible',
                         visible: document.visibilityState === 'visible' });
        wake();
    }

    /** The view in the language of the settings. */
    async function show() {
        const { locale } = settings;
        const load = part(CATALOGUES[locale] || CATALOGUES.en);
        const catalogue = await load().catch(load);

        if (locale === settings.locale) {
            const open = store.get().open && view?.focused();

            view?.close();
            view = createView(frame, createI18n(locale, catalogue.default),
                              actions);
            furnish();
            view.update(store.get());
            view.draft();

            if (open) {
                view.focus();
            }
        }
    }

    /** @type {Panel} */
    const panel = {
        async open() {
            if (!store.get().open) {
                store.dispatch({ type: 'opened' });
                memory.open(true);
                frame.emit('open');
            }

            view.update(store.get());
            view.focus();

            if (['idle', 'failed'].includes(store.get().phase)) {
                start();
            }
        },

        async close() {
            if (store.get().open) {
                store.dispatch({ type: 'closed' });
                memory.open(false);
                frame.emit('close');
            }
        },

        toggle: () => store.get().open ? panel.close() : panel.open(),

        async restore() {
            /* A panel that covers the page is not opened unasked. */
            if (!view.narrow()) {
                store.dispatch({ type: 'opened' });
            }
        },

        async message(text, options) {
            await panel.open();

            if (options?.send) {
                await actions.send(text);
            } else {
                view.write(text);
            }
        },

        async startConversation() {
            await panel.open();
            await starting;
            actions.begin();
        },

        getUnread: () => unseen(store.get()),

        async tell() {
            if (store.get().phase === 'ready' && frame.told.length) {
                (await telling()).tell(api, frame);
            }
        },

        async update() {
            await show();

            if (settings.identity && store.get().phase !== 'idle') {
                await start();
            }
        },

        async shutdown(known) {
            const end = !known && memory.token();

            ended = true;
            pause.wake();
            view.update(INITIAL);
            view.close();
            listening.abort();
            memory.forget();
            await Promise.all([
                (known ? loading : alive())?.then((it) => it.forget()),
                end && api.call('DELETE', 'session').catch((error) => {
                    if (asProblem(error).passing) {
                        throw error;
                    }
                }),
            ]);
        },
    };

    sign();
    await show();

    const listening = new AbortController();
    const { signal } = listening;

    signal.addEventListener('abort', store.subscribe(
        (state) => view.update(state)));
    window.addEventListener('online', wake, { signal });
    window.addEventListener('pagehide', () => live?.leave(), { signal });
    window.addEventListener('storage', told, { signal });
    window.addEventListener('pageshow', back, { signal });
    document.addEventListener('visibilitychange', look, { signal });
    matchMedia('(prefers-color-scheme: dark)').addEventListener(
        'change', () => view.theme(), { signal });

    if (memory.any()) {
        start();
        alive();
    }

    return panel;
}


/** The name of a conversation that has yet to begin. */
function fresh() {
    return `new:${uuid()}`;
}


/**
 * What is typed before a conversation has begun has one place.
 *
 * @param {string} lane
 */
function draftOf(lane) {
    return lane.startsWith('new:') ? '' : lane;
}
