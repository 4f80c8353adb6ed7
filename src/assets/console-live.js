/* Copyright (C) the ngx_http_chat_module authors */

import * as calls from './calls.js';
import { asProblem } from './api.js';
import { delay, nap } from './backoff.js';
import { queryOf } from './console-list.js';
import { routeTo } from './console-route.js';

/*
 * Keeps what the page shows as the server has it: the list of the view, the
 * selected conversation, and the two lines of the stream.  One line has all
 * of the inbox, whatever the view: what does not belong to it is told of too.
 */

const CHANGES = ['status', 'assignment', 'change'];
const AFTER = 3000;
const LOOK = 15000;
const PAGE = 100;
const MOST = 200;
const AT_ONCE = 5;


/**
 * @param {object} options
 * @param {Api} options.api
 * @param {Stream} options.stream
 * @param {Store<import('./console-state.js').ConsoleState,
 *     import('./console-state.js').ConsoleEvent>} options.store
 * @param {(error: unknown) => void} options.failed
 * @param {(page: InboxPage, first: boolean) => void} options.news
 * @param {() => void} options.fresh the inbox is followed, or is again
 */
export function createLive({ api, stream, store, failed, news, fresh }) {
    /** @type {Subscription | null} */
    let inbox = null;
    let inboxOf = '';
    /** @type {Subscription | null} */
    let line = null;
    let lineOf = '';
    let listOf = '';
    let loading = '';
    let checking = false;
    /** @type {string | null} */
    let bottom = null;
    /* Each reading of the list has a number. */
    let reading = 0;
    let asking = 0;
    let leaving = false;
    /* How often each conversation mentions the agent, as last told. */
    /** @type {Map<string, number>} */
    const named = new Map();
    let reminding = false;
    let again = false;
    /* Which conversations have changed while those that wait are read. */
    /** @type {Set<string> | null} */
    let told = null;
    /** @type {InboxPage[] | null} what comes while the list is read */
    let meanwhile = null;

    /** Keeps the lines as the state wants them. */
    function connect() {
        const { phase, selected, talk, agent } = store.get();
        const inside = phase === 'in' && agent !== null && !leaving;
        const who = inside ? agent.id : '';
        const open = inside && talk !== null && talk.id === selected
                     ? `${agent.id}/${talk.id}` : '';

        if (who !== inboxOf) {
            inbox?.close();
            inboxOf = who;
            named.clear();
            inbox = who === '' ? null : followInbox();
        }

        if (open !== lineOf) {
            line?.close();
            lineOf = open;
            line = open === '' || talk === null ? null : followTalk(talk);
        }

        /* The next agent has a connection of his own. */
        if (!inside) {
            stream.close();
        }
    }

    function followInbox() {
        return stream.subscribe({ inbox: '', filter: {} }, {
            inbox(page, first) {
                news(page, first);

                if (!first) {
                    meanwhile?.push(page);
                }

                store.dispatch({ type: 'inbox', page });
                page.conversations.forEach(({ id }) => told?.add(id));

                if (first || renamed(page)) {
                    remind();
                }

                /* What lies between is not told of. */
                if (first) {
                    listOf = '';
                    list();
                    count();
                    fresh();
                }
            },
            line: (up) => heard('inbox', up),
            end: failed,
        });
    }

    /** @param {Talk} talk */
    function followTalk(talk) {
        return stream.subscribe({ conversation: talk.id, since: talk.next }, {
            page(page) {
                store.dispatch({ type: 'page', page });

                /* Such an event does not carry the version. */
                if (page.events.some((it) => CHANGES.includes(it.type))) {
                    refresh(talk.id);
                }
            },
            state: (state) => store.dispatch({ type: 'state', state }),
            signal: (signal) => store.dispatch({ type: 'signal', signal }),
            line: (up) => heard('talk', up),
            end: failed,
        });
    }

    /**
     * @param {'inbox' | 'talk'} of
     * @param {boolean} up
     */
    function heard(of, up) {
        store.dispatch({ type: 'line', of, up, now: Date.now() });

        if (!up) {
            check();
        }
    }

    /** The first page of the view, when that is another one. */
    async function list() {
        const { phase, agent, view, order } = store.get();
        const wanted = phase === 'in' && agent !== null
                       ? `${agent.id} ${order} ${routeTo(view)}` : '';

        if (wanted === listOf) {
            return;
        }

        const mine = ++reading;

        listOf = wanted;
        bottom = null;
        meanwhile = null;

        for (let failures = 1; reading === mine && wanted !== '';
             failures++)
        {
            meanwhile = [];

            try {
                const { conversations, more, page }
                    = view.name === 'mentions' ? await mentioned()
                    : await api.call('GET', 'conversations', {
                        query: { ...queryOf(view, order), limit: PAGE } });

                if (reading === mine) {
                    bottom = page;
                    store.dispatch({ type: 'found', conversations, more,
                                     fresh: true });
                    replay();
                }

                return;
            } catch (error) {
                if (reading !== mine) {
                    return;
                }

                const problem = asProblem(error);

                if (!problem.passing) {
                    store.dispatch({ type: 'found', conversations: [],
                                     more: false, fresh: true,
                                     bad: problem.status === 422 });
                    replay();
                }

                if (problem.status !== 422) {
                    failed(error);
                }

                if (!problem.passing) {
                    return;
                }

                await nap(delay(failures, problem.retryAfter)).done;
            }
        }
    }

    /**
     * Those in which the agent is mentioned, with what was said.
     *
     * @returns {Promise<{conversations: Summary[], more: boolean,
     *     page: null}>}
     */
    async function mentioned() {
        const { mentions } = await api.call('GET', 'mentions');
        /** @type {Map<string, Mention>} */
        const latest = new Map([...mentions].reverse().map(
            (/** @type {Mention} */ it) => [it.conversation, it]));
        const ids = [...latest.keys()];
        /** @type {Summary[]} */
        const conversations = [];

        store.dispatch({ type: 'mentions', mentions });

        for (let at = 0; at < ids.length; at += AT_ONCE) {
            const some = await Promise.all(
                ids.slice(at, at + AT_ONCE).map(one));

            conversations.push(...some.flat());
        }

        return { conversations: conversations.map((it) => ({
            ...it, match: latest.get(it.id) })), more: false, page: null };
    }

    /**
     * @param {string} id
     * @returns {Promise<Summary[]>} none if it is gone
     */
    async function one(id) {
        try {
            return [await api.call('GET', `conversations/${id}`)];
        } catch (error) {
            if (asProblem(error).passing) {
                throw error;
            }

            return [];
        }
    }

    /**
     * Whether somebody is mentioned who was not, or has read it.
     *
     * @param {InboxPage} page
     */
    function renamed({ conversations }) {
        const { mentions } = store.get();
        const others = conversations.filter(({ id, mentions: count = 0 }) =>
            count !== (named.get(id) ?? mentions.filter(
                (it) => it.conversation === id).length));

        conversations.forEach(({ id, mentions: count = 0 }) =>
            named.set(id, count));

        return others.length > 0;
    }

    /** Reads the mentions; what comes meanwhile, after that. */
    async function remind() {
        again = true;

        if (reminding) {
            return;
        }

        for (reminding = true; again; ) {
            again = false;

            try {
                store.dispatch({ type: 'mentions', mentions:
                                 (await api.call('GET', 'mentions'))
                                 .mentions });
            } catch {
                /* with the next that comes */
            }
        }

        reminding = false;
    }

    /** Those that wait, of all views: the inbox only tells what changes. */
    async function count() {
        /** @type {Set<string>} */
        const mine = told = new Set();

        try {
            const found = await Promise.all(['me', 'none'].map((assignee) =>
                api.call('GET', 'conversations', { query: {
                    assignee, order: 'waiting', limit: MOST } })));

            if (told === mine) {
                told = null;
                store.dispatch({ type: 'waiting', told: mine,
                                 conversations: found.flatMap(
                                     ({ conversations }) => conversations) });
            }
        } catch {
            /* with the next connection */
        }
    }

    /** The answer may be older than what was told of while it came. */
    function replay() {
        const pages = meanwhile || [];

        meanwhile = null;
        pages.forEach((page) => store.dispatch({ type: 'inbox', page }));
    }

    /** The conversations below those of the list. */
    async function below() {
        const { view, order, more } = store.get();
        const mine = reading;

        if (asking === mine || bottom === null || !more) {
            return;
        }

        asking = mine;

        try {
            const found = await api.call('GET', 'conversations', {
                query: { ...queryOf(view, order), limit: PAGE,
                         before: bottom } });

            if (reading === mine) {
                bottom = found.page;
                store.dispatch({ type: 'found', fresh: false,
                                 conversations: found.conversations,
                                 more: found.more });
            }
        } catch (error) {
            failed(error);
        }

        if (asking === mine) {
            asking = 0;
        }
    }

    /** Reads the selected conversation. */
    async function load() {
        const { phase, selected, talk } = store.get();
        const wanted = phase === 'in' && talk === null ? selected : '';

        if (wanted === loading) {
            return;
        }

        loading = wanted;

        for (let failures = 1; loading === wanted && wanted !== '';
             failures++)
        {
            try {
                const { conversation, page } = await calls.load(api, wanted);

                store.dispatch({ type: 'loaded', id: wanted, conversation,
                                 page, read: conversation.read || {} });
                return;
            } catch (error) {
                const problem = asProblem(error);

                if (problem.status === 410) {
                    store.dispatch({ type: 'gone', id: wanted });
                }

                if (loading === wanted) {
                    failed(error);
                }

                if (!problem.passing) {
                    return;
                }

                await nap(delay(failures, problem.retryAfter)).done;
            }
        }
    }

    /** @param {string} id */
    async function refresh(id) {
        try {
            store.dispatch({ type: 'conversation', conversation:
                             await api.call('GET', `conversations/${id}`) });
        } catch (error) {
            failed(error);
        }
    }

    /** Says since when the store is away, until it is back. */
    async function check() {
        if (checking) {
            return;
        }

        checking = true;

        for (let away = true; away; ) {
            try {
                await api.call('GET', 'ready');
                away = false;
                store.dispatch({ type: 'away', now: 0 });
            } catch (error) {
                /* Where nothing answers, the line says so. */
                away = asProblem(error).status === 503;
                store.dispatch({ type: 'away', now: away ? Date.now() : 0 });

                if (away) {
                    await nap(delay(1, AFTER)).done;
                }
            }
        }

        checking = false;
    }

    /* A stream stays open while the store is away. */
    window.setInterval(() => {
        const { phase, conversation } = store.get();

        if (phase === 'in' && !document.hidden) {
            check();

            /* Its place moves with what happens elsewhere. */
            if (conversation?.queue) {
                refresh(conversation.id);
            }
        }
    }, LOOK);

    return {
        below,
        refresh,
        check,

        /** After every change of the state. */
        update() {
            connect();
            list();
            load();
        },

        /**
         * The lines are closed before a session ends.
         *
         * @param {boolean} on
         */
        leave(on) {
            leaving = on;
            connect();
        },
    };
}
