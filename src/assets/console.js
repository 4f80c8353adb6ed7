/* Copyright (C) the ngx_http_chat_module authors */

import * as calls from './calls.js';
import { asProblem, createApi, Problem } from './api.js';
import { clock } from './backoff.js';
import { createIdle } from './console-idle.js';
import { createKeeper } from './console-drafts.js';
import { createLive } from './console-live.js';
import { createNotice } from './console-notice.js';
import { createOutbox } from './outbox.js';
import { createSession } from './console-session.js';
import { createStore } from './kernel.js';
import { createShared } from './shared.js';
import { createStream } from './stream.js';
import { createTabs } from './tabs.js';
import { createView } from './console-view.js';
import { head } from './talk.js';
import { newOutgoing } from './outgoing.js';
import { ordered, ORDERS, usual } from './console-list.js';
import { uuid } from './uuid.js';
import { INITIAL, reduce } from './console-state.js';
import { ALL, parseRoute, routeTo, setupToken } from './console-route.js';
import { chosen, loadWords } from './console-words.js';

const base = new URL('..', import.meta.url).href;
const api = createApi(base, { 'X-Chat-Role': 'agent' });
const { url } = api;
const name = `chat-console:${new URL(base).pathname}`;
const stream = createShared(api, createTabs(name),
                            () => createStream(api, 'agent'));
const store = createStore(reduce, INITIAL);
const keeper = createKeeper(`${name}#`);
const lang = chosen(keeper.get('lang'), navigator.languages);
const i18n = await loadWords(lang);
const notice = createNotice({ i18n, keeper, open: show });
const live = createLive({
    api, stream, store, failed,
    news: (page, first) => notice.news(page, store.get(), first),
    fresh: () => session.desk(),
});
const session = createSession({ api, store, live, keeper, failed });

const idle = createIdle({
    keeper, clock,
    tell: (on) => session.be({ idle: on }),
    state() {
        const { phase, agent, desk } = store.get();

        return phase === 'in'
               ? desk.agents.find(({ id }) => id === agent?.id) : undefined;
    },
});

const outbox = createOutbox({
    send,
    change(id, change) {
        if (change.reason === 'unavailable') {
            live.check();
        }

        store.dispatch({ type: 'outgoing', id, change });
    },
    sent(item, ack) {
        keeper.remove(item.id);
        store.dispatch({ type: 'sent', item, ack });
    },
    refused(item, { status, code, body }) {
        if (body.events) {
            store.dispatch({ type: 'events', id: item.lane,
                             events: body.events });
        }

        if (item.card && (status === 413 || status === 422)) {
            again(item, code, body.field);
        }
    },
});

let changing = Promise.resolve();

/* A plus is no blank in an address. */
api.url = /** @type {Api['url']} */ ((path, query) => {
    const it = url(path, query);

    it.search = it.search.replaceAll('+', '%20');

    return it;
});

const view = createView(i18n, {
    api, keeper, notice, session, store,
    be: (availability) => session.be({ availability }),
    order(order) {
        keeper.put(`order:${store.get().view.name}`, order);
        store.dispatch({ type: 'order', order });
    },
    search(words) {
        location.hash = routeTo(words ? { name: 'search', value: words }
                                      : ALL);
    },
    below: live.below,
    show,
    step,
    earlier,
    seen(seq) {
        const { talk } = store.get();

        if (talk) {
            store.dispatch({ type: 'seen', seq });
            stream.tell(talk.id, 'read', { seq });
        }
    },
    typing(id, on, internal) {
        stream.tell(id, 'typing', {
            on, visibility: internal ? 'internal' : undefined });

        return true;
    },
    send(text, visibility, attachments, card) {
        const { talk } = store.get();

        if (talk) {
            const item = {
                ...newOutgoing(uuid(), talk.id, text, visibility,
                               new Date().toISOString()),
                expected_seq: head(talk), attachments, card,
            };

            keeper.add(item);
            store.dispatch({ type: 'queued', item });
            outbox.add(item);
        }
    },
    retry(id) {
        const { talk } = store.get();

        outbox.retry(id, { expected_seq: talk ? head(talk) : undefined });
    },
    discard,
    change,
});


/** @param {string} id of a message that was not sent */
function discard(id) {
    keeper.remove(id);
    outbox.discard(id);
    store.dispatch({ type: 'discarded', id });
}


/**
 * A card that the server does not take is opened again, with what is wrong.
 *
 * @param {Outgoing} item
 * @param {string} code
 * @param {string} [field]
 */
async function again(item, code, field) {
    if (await view.again({ ...item, code, field })) {
        discard(item.id);
    }
}


/** @param {string} id of a conversation, '' for the list alone */
function show(id) {
    location.hash = routeTo(store.get().view, id);
}


/**
 * To the next conversation of the list, or to the one before.
 *
 * @param {number} by
 */
function step(by) {
    const { list, order, selected } = store.get();
    const items = list ? ordered(list, order) : [];
    const at = items.findIndex((it) => it.id === selected);
    const item = items[at < 0 ? 0 : at + by];

    if (item) {
        show(item.id);
    }
}


/**
 * Sends as the agent who wrote it, if need be after signing in again.
 *
 * @param {Outgoing} item
 */
async function send(item) {
    const author = store.get().agent?.id;

    try {
        return await deliver(item);
    } catch (error) {
        if (asProblem(error).status !== 401) {
            throw error;
        }
    }

    session.ended();
    await session.begun();

    if (store.get().agent?.id !== author) {
        throw new Problem(403, { code: 'forbidden' });
    }

    return deliver(item);
}


/**
 * The stream, which is the widget's as well, knows no cards.
 *
 * @param {Outgoing} item
 */
async function deliver(item) {
    const { card, lane } = item;

    return !card ? stream.send(lane, item)
           : { conversation: lane,
               ...await api.call('POST', `conversations/${lane}/messages`, {
                   body: { ...calls.message(item), card } }) };
}


/**
 * What is changed in quick succession is changed one after the other.
 *
 * @param {Change} wanted
 */
function change(wanted) {
    const { selected } = store.get();

    changing = changing.then(() => attempt(selected, wanted));

    return changing;
}


/**
 * Changes the conversation as the agent sees it; if it is not like that any
 * more, shows it as it is, and who has it.
 *
 * @param {string} id
 * @param {Change} wanted
 */
async function attempt(id, wanted) {
    const { conversation: open, list } = store.get();
    const conversation = open?.id === id ? open : list?.[id];

    if (!conversation) {
        return;
    }

    store.dispatch({ type: 'problem', problem: null });

    try {
        const now = await calls.change(api, conversation.id, {
            version: conversation.version, ...wanted,
        });

        store.dispatch({ type: 'conversation', conversation: now });
    } catch (error) {
        const { body } = asProblem(error);
        const winner = body.conversation?.assignee;

        if (body.conversation) {
            store.dispatch({ type: 'conversation',
                             conversation: body.conversation });
        }

        failed(error);

        if (wanted.assignee !== undefined && winner
            && winner.id !== conversation.assignee?.id)
        {
            store.dispatch({ type: 'won', by: winner.name || winner.id });
        }
    }
}


async function earlier() {
    const { talk } = store.get();

    if (talk) {
        try {
            store.dispatch({ type: 'earlier', id: talk.id,
                             page: await calls.earlier(api, talk) });
        } catch (error) {
            failed(error);
        }
    }
}


/** @param {unknown} error */
function failed(error) {
    const { status, code } = asProblem(error);

    if (status === 401) {
        session.ended();
        return;
    }

    if (status === 503) {
        live.check();
    }

    store.dispatch({ type: 'problem', problem: code });
}


/**
 * As it was chosen for such views, else as is usual.
 *
 * @param {import('./console-route.js').View} view
 */
function orderOf(view) {
    const kept = keeper.get(`order:${view.name}`);

    return ORDERS.find((it) => it === kept) || usual(view);
}


/** What the address says. */
function follow() {
    const state = store.get();
    const token = setupToken(location.hash);

    if (token) {
        /* Not for the history of the browser. */
        history.replaceState(null, '', location.pathname);
        store.dispatch({ type: 'invited', token });
        return;
    }

    const { view: wanted, id, page } = parseRoute(location.hash);

    if (page !== state.page) {
        store.dispatch({ type: 'settings', page });
    }

    if (wanted && routeTo(wanted) !== routeTo(state.view)) {
        store.dispatch({ type: 'view', view: wanted,
                         order: orderOf(wanted) });
    }

    if (!page && id !== state.selected) {
        store.dispatch({ type: 'selected', id });
    }
}


/* What was not taken before the page went is sent now. */
let owner = '';

store.subscribe(({ phase, agent }) => {
    const id = phase === 'in' && agent ? agent.id : '';

    if (id && id !== owner) {
        owner = id;
        keeper.owner(id);

        for (const item of keeper.unsent()) {
            store.dispatch({ type: 'queued', item });
            outbox.add(item);
        }
    }
});

store.dispatch({ type: 'order', order: orderOf(ALL) });

for (const event of ['keydown', 'pointerdown', 'focus']) {
    window.addEventListener(event, idle.touch, { capture: true,
                                                 passive: true });
}

function wake() {
    session.wake();
    outbox.wake();
    stream.wake();
}

store.subscribe(view.update);
store.subscribe(live.update);
store.subscribe(notice.update);
window.addEventListener('hashchange', follow);
window.addEventListener('online', wake);

/* The other tabs need not go on for this one. */
window.addEventListener('pagehide', () => stream.close());
window.addEventListener('pageshow', ({ persisted }) => {
    if (persisted) {
        location.reload();
    }
});
document.addEventListener('visibilitychange', wake);
follow();
session.start();
