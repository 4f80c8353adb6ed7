/* Copyright (C) the ngx_http_chat_module authors */

import * as calls from './calls.js';
import { asProblem, createApi, Problem } from './api.js';
import { delay, nap } from './backoff.js';
import { createI18n } from './i18n.js';
import { createOutbox } from './outbox.js';
import { createStore } from './kernel.js';
import { createView } from './console-view.js';
import { head } from './talk.js';
import { newOutgoing } from './outgoing.js';
import { createStream } from './stream.js';
import { uuid } from './uuid.js';
import { INITIAL, reduce, VIEWS } from './console-state.js';
import catalogue from './en-console.js';

const CHANGES = ['status', 'assignment', 'change'];
const ID = /^[0-9a-f-]{36}$/;

const base = new URL('..', import.meta.url).href;
const api = createApi(base, { 'X-Chat-Role': 'agent' });
const stream = createStream(api, 'agent');
const i18n = createI18n('en', catalogue);
const store = createStore(reduce, INITIAL);

const view = createView(i18n, {
    signIn,
    signOut,
    view: (name) => store.dispatch({ type: 'view', view: name }),
    below,
    back() {
        location.hash = '';
    },
    earlier,
    seen(seq) {
        const { talk } = store.get();

        if (talk) {
            store.dispatch({ type: 'seen', seq });
            stream.read(talk.id, seq);
        }
    },
    typing(id, on, internal) {
        stream.typing(id, on, internal);

        return true;
    },
    send(text, visibility) {
        const { talk } = store.get();

        if (talk) {
            const item = {
                ...newOutgoing(uuid(), talk.id, text, visibility,
                               new Date().toISOString()),
                expected_seq: head(talk),
            };

            store.dispatch({ type: 'queued', item });
            outbox.add(item);
        }
    },
    retry(id) {
        const { talk } = store.get();

        outbox.retry(id, { expected_seq: talk ? head(talk) : undefined });
    },
    discard(id) {
        outbox.discard(id);
        store.dispatch({ type: 'discarded', id });
    },
    change,
});

const outbox = createOutbox({
    send,
    change: (id, change) => store.dispatch({ type: 'outgoing', id, change }),
    sent: (item, ack) => store.dispatch({ type: 'sent', item, ack }),
    refused(item, { body }) {
        if (body.events) {
            store.dispatch({ type: 'events', id: item.lane,
                             events: body.events });
        }
    },
});

/** @type {Subscription | null} */
let inbox = null;
let inboxOf = '';
/** @type {Subscription | null} */
let line = null;
let lineOf = '';
let leaving = false;
/** @type {string | null} */
let bottom = null;
let loading = '';
let pause = nap(0);


/** Asks who is signed in, until there is an answer. */
async function start() {
    for (let failures = 0; ; ) {
        store.dispatch({ type: 'starting', up: failures === 0,
                         now: Date.now() });

        try {
            const { agent } = await api.call('GET', 'agent/session');

            store.dispatch({ type: 'signedin', agent });
            return;
        } catch (error) {
            const problem = asProblem(error);

            if (!problem.passing) {
                store.dispatch({ type: 'signedout', problem: null });
                return;
            }

            failures++;
            pause = nap(delay(failures, problem.retryAfter));
            await pause.done;
        }
    }
}


/**
 * @param {string} email
 * @param {string} password
 */
async function signIn(email, password) {
    if (store.get().signin.busy) {
        return;
    }

    store.dispatch({ type: 'signing' });

    try {
        const { agent } = await api.call('POST', 'agent/session',
                                         { body: { email, password } });

        store.dispatch({ type: 'signedin', agent });
    } catch (error) {
        const { status, code } = asProblem(error);

        store.dispatch({ type: 'refused',
                         problem: status === 401 ? 'wrong' : code });
    }
}


/** The lines are closed first: a session that has ended is no problem. */
async function signOut() {
    leaving = true;
    connect();

    try {
        await api.call('DELETE', 'agent/session');
        store.dispatch({ type: 'signedout', problem: null });
    } catch (error) {
        failed(error);
    }

    leaving = false;
    connect();
}


/**
 * Sends as the agent who wrote it, if need be after signing in again.
 *
 * @param {Outgoing} item
 */
async function send(item) {
    const author = store.get().agent?.id;

    try {
        return await stream.send(item.lane, item);
    } catch (error) {
        if (asProblem(error).status !== 401) {
            throw error;
        }
    }

    ended();
    await signedIn();

    if (store.get().agent?.id !== author) {
        throw new Problem(403, { code: 'forbidden' });
    }

    return stream.send(item.lane, item);
}


/** @returns {Promise<void>} */
function signedIn() {
    return new Promise((resolve) => {
        const stop = store.subscribe((state) => {
            if (state.phase === 'in') {
                stop();
                resolve();
            }
        });
    });
}


/**
 * Changes the conversation as the agent sees it; if it is not like that any
 * more, shows it as it is.
 *
 * @param {{status?: Status, assignee?: string | null}} wanted
 */
async function change(wanted) {
    const { conversation } = store.get();

    if (conversation === null) {
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

        if (body.conversation) {
            store.dispatch({ type: 'conversation',
                             conversation: body.conversation });
        }

        failed(error);
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


/** The conversations below those of the list. */
async function below() {
    const { view: name } = store.get();
    const query = VIEWS[name];

    try {
        bottom = bottom || (await api.call('GET', 'conversations',
                                           { query })).page;

        const { conversations, more, page } = await api.call(
            'GET', 'conversations', { query: { ...query, before: bottom } });

        if (store.get().view === name) {
            bottom = page;
            store.dispatch({ type: 'below', conversations, more });
        }
    } catch (error) {
        failed(error);
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

    for (let failures = 1; loading === wanted && wanted !== ''; failures++) {
        try {
            const { conversation, page } = await calls.load(api, wanted);

            store.dispatch({ type: 'loaded', id: wanted, conversation, page,
                             read: /** @type {any} */ (conversation).read
                                   || {} });
            return;
        } catch (error) {
            const problem = asProblem(error);

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


/** Keeps the two lines as the state wants them. */
function connect() {
    const { phase, view: name, selected, talk, agent } = store.get();
    const inside = phase === 'in' && agent !== null && !leaving;
    const list = inside ? `${agent.id}/${name}` : '';
    const open = inside && talk !== null && talk.id === selected
                 ? `${agent.id}/${talk.id}` : '';

    if (list !== inboxOf) {
        inbox?.close();
        inboxOf = list;
        bottom = null;
        inbox = list === '' ? null : followInbox(name);
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


/** @param {string} name */
function followInbox(name) {
    return stream.subscribe({ inbox: '', filter: VIEWS[name] }, {
        inbox(page, first) {
            bottom = first ? null : bottom;
            store.dispatch({ type: 'inbox', page, first });
        },
        line: (up) => store.dispatch({ type: 'line', of: 'inbox', up,
                                       now: Date.now() }),
        end: failed,
    });
}


/** @param {Talk} talk */
function followTalk(talk) {
    return stream.subscribe({ conversation: talk.id, since: talk.next }, {
        page(page) {
            store.dispatch({ type: 'page', page });

            /* Such an event does not carry the version. */
            if (page.events.some((event) => CHANGES.includes(event.type))) {
                refresh(talk.id);
            }
        },
        state: (state) => store.dispatch({ type: 'state', state }),
        signal: (signal) => store.dispatch({ type: 'signal', signal }),
        line: (up) => store.dispatch({ type: 'line', of: 'talk', up,
                                       now: Date.now() }),
        end: failed,
    });
}


/** @param {unknown} error */
function failed(error) {
    const { status, code } = asProblem(error);

    if (status === 401) {
        ended();
    } else {
        store.dispatch({ type: 'problem', problem: code });
    }
}


function ended() {
    if (store.get().phase === 'in') {
        store.dispatch({ type: 'signedout', problem: 'ended' });
    }
}


function select() {
    const id = location.hash.slice(1);
    const selected = ID.test(id) ? id : '';

    if (selected !== store.get().selected) {
        store.dispatch({ type: 'selected', id: selected });
    }
}


function wake() {
    pause.wake();
    outbox.wake();
    stream.wake();
}


store.subscribe(view.update);
store.subscribe(connect);
store.subscribe(load);
window.addEventListener('hashchange', select);
window.addEventListener('online', wake);
document.addEventListener('visibilitychange', wake);
select();
start();
