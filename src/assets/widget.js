/* Copyright (C) the ngx_http_chat_module authors */

import * as calls from './calls.js';
import { asProblem, createApi, Problem } from './api.js';
import { delay, nap } from './backoff.js';
import { createI18n } from './i18n.js';
import { createOutbox } from './outbox.js';
import { createStore } from './kernel.js';
import { createView } from './widget-view.js';
import { newOutgoing } from './outgoing.js';
import { remember } from './remember.js';
import { createStream } from './stream.js';
import { uuid } from './uuid.js';
import { current, INITIAL, reduce, wantsLine } from './widget-state.js';

/** @type {Record<string, () => Promise<{default: Catalogue}>>} */
const CATALOGUES = { en: () => import('./en-widget.js') };

const LANE = 'visitor';


/**
 * Puts the widget into the frame that the loader made.
 *
 * @param {Frame} frame
 * @returns {Promise<Panel>}
 */
export async function mount(frame) {
    const catalogue = await (CATALOGUES[frame.lang] || CATALOGUES.en)();
    const i18n = createI18n(frame.lang, catalogue.default);
    const api = createApi(frame.base);
    const stream = createStream(api, 'visitor');
    const store = createStore(reduce, INITIAL);
    const memory = remember(frame.key);

    const view = createView(frame, i18n, {
        close: () => panel.close(),
        start,
        earlier,
        seen(seq) {
            const { talk } = store.get();

            if (talk) {
                store.dispatch({ type: 'seen', seq });
                stream.read(talk.id, seq);
            }
        },
        typing(on) {
            if (lineOf !== '') {
                stream.typing(lineOf, on, false);
            }

            return lineOf !== '';
        },
        send(text) {
            const item = newOutgoing(uuid(), LANE, text, 'public',
                                     new Date().toISOString());

            store.dispatch({ type: 'queued', item });
            outbox.add(item);
        },
        retry: (id) => outbox.retry(id),
        discard(id) {
            outbox.discard(id);
            store.dispatch({ type: 'discarded', id });
        },
    });

    const outbox = createOutbox({
        send,
        change: (id, change) => store.dispatch({ type: 'outgoing', id,
                                                 change }),
        sent(item, ack) {
            store.dispatch({ type: 'sent', item, ack });
            memory.talk(true);
        },
    });

    /** @type {Subscription | null} */
    let line = null;
    let lineOf = '';
    /** @type {Promise<void> | null} */
    let starting = null;
    let pause = nap(0);
    let away = false;
    let expired = 0;

    /** Opens the session and reads the conversation, until that works. */
    function start() {
        starting = starting || run().finally(() => {
            starting = null;
        });
        pause.wake();

        return starting;
    }

    async function run() {
        for (let failures = 1; ; failures++) {
            store.dispatch({ type: 'starting' });

            try {
                await session();
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

    async function session() {
        /** @type {Session} */
        const answer = await api.call('POST', 'session', { body: {} });
        const summary = current(answer.conversations);

        if (store.get().visitor?.id !== answer.visitor.id) {
            stream.close();
        }

        store.dispatch({ type: 'session', visitor: answer.visitor });
        memory.talk(summary !== null);

        if (summary === null) {
            store.dispatch({ type: 'ready' });
            return;
        }

        const { conversation, page } = await calls.load(api, summary.id);

        store.dispatch({ type: 'loaded', id: summary.id, page,
                         read: conversation.read || {} });
    }

    /**
     * @param {Outgoing} item
     * @returns {Promise<any>}
     */
    async function send(item) {
        if (starting) {
            await starting;
        }

        const { talk } = store.get();

        try {
            return await (talk ? stream.send(talk.id, item)
                               : calls.begin(api, item));
        } catch (error) {
            const { code } = /** @type {Problem} */ (error);

            if (code === 'unauthenticated') {
                start();
                throw new Problem(0);
            }

            if (talk && (code === 'gone' || code === 'not_found')) {
                store.dispatch({ type: 'gone' });
                return send(item);
            }

            throw error;
        }
    }

    async function earlier() {
        const { talk } = store.get();

        if (talk) {
            try {
                const page = await calls.earlier(api, talk);

                store.dispatch({ type: 'earlier', page });
            } catch (error) {
                store.dispatch({ type: 'problem',
                                 problem: /** @type {Problem} */ (error)
                                          .code });
            }
        }
    }

    /** Keeps the line as the state wants it. */
    function connect() {
        const state = store.get();
        const { talk } = state;
        const wanted = !away && wantsLine(state) && talk ? talk.id : '';

        if (wanted === lineOf) {
            return;
        }

        line?.close();
        line = null;
        lineOf = wanted;

        if (!talk || wanted === '') {
            return;
        }

        line = stream.subscribe({ conversation: talk.id, since: talk.next }, {
            page: (page) => store.dispatch({ type: 'page', page }),
            state: (state) => store.dispatch({ type: 'state', state }),
            signal: (signal) => store.dispatch({ type: 'signal', signal }),
            line(up) {
                expired = up ? 0 : expired;
                store.dispatch({ type: 'line', up, now: Date.now() });
            },
            end,
        });
    }

    /** @param {Error} error */
    async function end(error) {
        const problem = /** @type {Problem} */ (error);

        line = null;
        lineOf = '';

        if (problem.code === 'unauthenticated') {
            /* A session that does not last must not become a loop. */
            await nap(expired ? delay(expired) : 0).done;
            expired++;
            start();
        } else if (problem.code === 'gone' || problem.code === 'not_found') {
            store.dispatch({ type: 'gone' });
            store.dispatch({ type: 'problem', problem: problem.code });
            memory.talk(false);
        } else {
            store.dispatch({ type: 'failed', problem: problem.code });
        }
    }

    function wake() {
        pause.wake();
        outbox.wake();
        stream.wake();
    }

    /** @type {Panel} */
    const panel = {
        open() {
            store.dispatch({ type: 'opened' });
            memory.open(true);
            view.update(store.get());
            view.focus();

            if (['idle', 'failed'].includes(store.get().phase)) {
                start();
            }
        },
        close() {
            store.dispatch({ type: 'closed' });
            memory.open(false);
        },
        toggle() {
            if (store.get().open) {
                panel.close();
            } else {
                panel.open();
            }
        },
        restore() {
            /* A panel that covers the page is not opened unasked. */
            if (!view.narrow()) {
                store.dispatch({ type: 'opened' });
            }
        },
    };

    store.subscribe(view.update);
    store.subscribe(connect);

    window.addEventListener('online', wake);
    window.addEventListener('pagehide', () => {
        away = true;
        connect();
        stream.close();
    });
    window.addEventListener('pageshow', () => {
        away = false;
        connect();
        wake();
    });
    document.addEventListener('visibilitychange', () => {
        store.dispatch({ type: 'visible',
                         visible: document.visibilityState === 'visible' });
        wake();
    });

    if (memory.any()) {
        start();
    }

    return panel;
}
