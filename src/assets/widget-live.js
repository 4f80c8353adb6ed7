/* Copyright (C) the ngx_http_chat_module authors */

import * as calls from './calls.js';
import { asProblem, Problem } from './api.js';
import { createLog } from './log.js';
import { createShared } from './shared.js';
import { createShelf } from './shelf.js';
import { createTabs } from './tabs.js';
import { createTyping, createTypingLine } from './typing.js';
import { createWidgetOutbox } from './widget-outbox.js';
import { delay, nap } from './backoff.js';
import { followed } from './widget-state.js';
import { report } from './widget-report.js';
import { STYLE as style } from './log-style.js';

/*
 * What the widget needs once there is something to say: the outbox, the
 * stream and the other tabs.
 */

/** What the panel needs to show a conversation. */
export const furniture = { createLog, createTyping, createTypingLine, style };


/**
 * @typedef {object} LiveHooks
 * @property {Api} api
 * @property {Frame} frame
 * @property {ReturnType<typeof import('./remember.js').remember>} memory
 * @property {Store<import('./widget-state.js').WidgetState,
 *     import('./widget-state.js').WidgetEvent>} store
 * @property {() => string} fresh the name of a conversation to begin
 * @property {() => Promise<void>} start opens the session
 * @property {(id: string) => void} load reads a conversation
 * @property {(error: Error) => void} wrong
 */


/** @param {LiveHooks} hooks */
export function createLive({ api, frame, memory, store, fresh, start, load,
                             wrong })
{
    const tabs = createTabs(frame.key);
    const shelf = createShelf(frame.key);
    const stream = createShared(api, tabs);
    /** @type {Map<string, Subscription>} */
    const lines = new Map();
    let away = false;
    let expired = 0;

    const outbox = createWidgetOutbox(shelf, tabs, {
        send,
        queued: (item) => store.dispatch({ type: 'queued', item }),
        change: (id, change) => store.dispatch({ type: 'outgoing', id,
                                                 change }),
        sent(item, ack) {
            const { lane } = store.get();

            store.dispatch({ type: 'sent', item, ack });
            memory.talk(ack.conversation);

            /* Begun in another tab, or before the page was loaded again. */
            if (lane !== store.get().lane
                && (lane !== item.lane || ack.seq > 1))
            {
                load(ack.conversation);
            }
        },
        discarded: (id) => store.dispatch({ type: 'discarded', id }),
    });

    /**
     * @param {Outgoing} item
     * @returns {Promise<any>}
     */
    async function send(item) {
        /* It may have been agreed to in another tab. */
        if (store.get().phase !== 'ready' || asking()) {
            await start();
        }

        if (store.get().phase !== 'ready') {
            throw new Problem(403, { code: store.get().problem
                                           || 'forbidden' });
        }

        if (asking()) {
            throw new Problem(0, { code: 'consent' });
        }

        const { lane } = item;

        try {
            return await (lane.startsWith('new:') ? calls.begin(api, item)
                          : item.to ? calls.send(api, lane, item)
                          : stream.send(lane, item));
        } catch (error) {
            const { code, body } = asProblem(error);

            if (code === 'unauthenticated') {
                start();
                throw new Problem(0);
            }

            if (item.to) {
                throw error;
            }

            /* A site may hold its visitors to one. */
            if (code === 'conflict' && body.conversation) {
                return stream.send(body.conversation.id, item);
            }

            if (code === 'gone' || code === 'not_found') {
                store.dispatch({ type: 'gone', id: lane, lane: item.lane });
                return calls.begin(api, item);
            }

            throw error;
        }
    }

    /** Whether something is yet to be agreed to before anything is sent. */
    function asking() {
        const { site, visitor } = store.get();

        return !!site?.consent && site.consent.version !== visitor?.consent;
    }

    /** Keeps the lines as the state wants them. */
    function connect() {
        const { outgoing, talk } = store.get();
        const wanted = away ? [] : followed(store.get());
        const ids = wanted.map(({ id }) => id);

        /* The answer to a card that was taken back. */
        outgoing.forEach(({ id, lane, to, state }) => state === 'failed'
            && lane === talk?.id
            && talk.events.some((it) => it.redacted && it.seq === to)
            && outbox.discard(id));

        for (const [id, line] of lines) {
            if (!ids.includes(id)) {
                lines.delete(id);
                line.close();
            }
        }

        for (const { id, since } of wanted) {
            if (!lines.has(id)) {
                follow(id, since);
            }
        }
    }

    /**
     * @param {string} id
     * @param {string} since
     */
    function follow(id, since) {
        const mine = () => lines.get(id) === line;
        /** @type {Subscription} */
        let line = { close() {}, wake() {} };

        lines.set(id, line);

        const made = stream.subscribe({
            conversation: id, since,
        }, {
            page: (page) => mine() && store.dispatch({ type: 'page', id,
                                                       page }),
            state: (state) => mine() && store.dispatch({ type: 'state', id,
                                                         state }),
            signal: (signal) => mine() && store.dispatch({ type: 'signal', id,
                                                           signal }),
            line(up) {
                if (mine()) {
                    expired = up ? 0 : expired;
                    store.dispatch({ type: 'line', up, now: Date.now() });
                }
            },

            end(error) {
                if (mine()) {
                    lines.delete(id);
                    end(id, asProblem(error));
                }
            },
        });

        if (mine()) {
            lines.set(id, made);
            line = made;
        }
    }

    /**
     * @param {string} id
     * @param {Problem} problem
     */
    async function end(id, problem) {
        if (problem.code === 'unauthenticated') {
            store.dispatch({ type: 'starting' });
            /* A session that does not last must not become a loop. */
            await nap(expired ? delay(expired) : 0).done;
            expired++;
            start();
        } else if (problem.code === 'gone' || problem.code === 'not_found') {
            store.dispatch({ type: 'gone', id, lane: fresh() });
            wrong(problem);
        } else {
            store.dispatch({ type: 'failed', problem: problem.code });
        }
    }

    const ends = [store.subscribe(connect),
                  store.subscribe(report(store.get(), frame, memory))];

    outbox.resume();
    connect();

    return {
        outbox,

        /**
         * @param {string} id
         * @param {number} seq
         */
        read: (id, seq) => stream.tell(id, 'read', { seq }),

        /** @param {boolean} on */
        typing(on) {
            const { talk } = store.get();

            if (!talk || !lines.has(talk.id)) {
                return false;
            }

            stream.tell(talk.id, 'typing', { on });

            return true;
        },

        /** Another visitor: nothing that was followed is his. */
        reset() {
            stream.close();
            lines.clear();
        },

        wake() {
            outbox.wake();
            stream.wake();
        },

        leave() {
            away = true;
            connect();
            stream.close();
            lines.clear();
        },

        back() {
            away = false;
            connect();
        },

        async forget() {
            ends.forEach((end) => end());
            outbox.close();
            this.leave();
            await shelf.forget();
            tabs.close();
        },
    };
}
