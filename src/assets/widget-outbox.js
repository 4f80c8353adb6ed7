/* Copyright (C) the ngx_http_chat_module authors */

import { asProblem } from './api.js';
import { delay, nap } from './backoff.js';

/*
 * The outbox of all tabs: a message is kept before it is sent, one tab at a
 * time sends what is kept, in the order it was written, and each again until
 * the server has taken or refused it.
 */


/**
 * @typedef {object} OutboxHooks
 * @property {(item: Outgoing) => Promise<any>} send resolves with the
 *     acknowledgement, rejects with a Problem
 * @property {(item: Outgoing) => void} queued in this tab or another one
 * @property {(id: string, change: OutgoingChange) => void} change
 * @property {(item: Outgoing, ack: any) => void} sent
 * @property {(id: string) => void} discarded
 */


/**
 * @param {Shelf} shelf
 * @param {Tabs} tabs
 * @param {OutboxHooks} hooks
 */
export function createWidgetOutbox(shelf, tabs, hooks) {
    let pause = nap(0);
    let flushing = false;
    let again = false;
    let ended = false;

    /**
     * What happens to a message is the same in every tab.
     *
     * @param {'queued' | 'change' | 'sent' | 'discarded'} what
     * @param {...any} args
     */
    function say(what, ...args) {
        /** @type {any} */ (hooks)[what](...args);
        tabs.post({ outbox: what, args });
    }

    tabs.listen((message) => {
        const { outbox: what, args } = message;

        if (what && !ended) {
            /** @type {any} */ (hooks)[what](...args);

            if (what === 'queued') {
                flush();
            }
        }
    });

    /* Waits for its turn among the tabs; what is kept by then is sent. */
    async function flush() {
        if (flushing) {
            again = true;
            pause.wake();
            return;
        }

        flushing = true;

        do {
            again = false;
            await tabs.alone('outbox', work);
        } while (again && !ended);

        flushing = false;
    }

    async function work() {
        let failures = 0;

        while (!ended) {
            const item = (await shelf.all()).find(
                (it) => it.state !== 'failed');

            if (!item) {
                return;
            }

            const lane = await shelf.lane(item.lane) || item.lane;

            /* A second attempt stays "waiting": the first may have arrived. */
            if (failures === 0) {
                say('change', item.id, { state: 'sending', reason: null });
            }

            try {
                const ack = await hooks.send({ ...item, lane });

                failures = 0;
                await (lane === ack.conversation ? shelf.remove(item.n)
                       : shelf.begun(item.n, lane, ack.conversation));
                say('sent', item, ack);

            } catch (error) {
                const problem = asProblem(error);
                const { code: reason } = problem;

                if (problem.passing) {
                    failures++;
                    say('change', item.id, { reason, state:
                        reason === 'consent' ? 'queued' : 'waiting' });
                    pause = nap(delay(failures, problem.retryAfter));
                    await pause.done;
                    continue;
                }

                failures = 0;
                await shelf.put({ ...item, state: 'failed', reason });
                say('change', item.id, { state: 'failed', reason });
            }
        }
    }

    /** @param {string} id */
    async function find(id) {
        return (await shelf.all()).find((it) => it.id === id);
    }

    return {
        /** @param {Outgoing} item */
        async add(item) {
            await shelf.add(item);
            tabs.post({ outbox: 'queued', args: [item] });
            flush();
        },

        /** What an earlier visit, or a tab that is gone, has left. */
        async resume() {
            const items = await shelf.all();

            items.forEach(hooks.queued);

            if (items.some((it) => it.state !== 'failed')) {
                flush();
            }
        },

        /**
         * Sends a refused message again.
         *
         * @param {string} id
         */
        async retry(id) {
            const item = await find(id);

            if (item) {
                await shelf.put({ ...item, state: 'queued', reason: null });
                say('change', id, { state: 'queued', reason: null });
                flush();
            }
        },

        /** @param {string} id */
        async discard(id) {
            const item = await find(id);

            if (item) {
                await shelf.remove(item.n);
            }

            say('discarded', id);
        },

        /** Tries at once whatever is waiting. */
        wake: () => pause.wake(),

        close() {
            ended = true;
            pause.wake();
        },
    };
}
