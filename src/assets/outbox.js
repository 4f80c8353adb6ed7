/* Copyright (C) the ngx_http_chat_module authors */

import { asProblem } from './api.js';
import { delay, nap } from './backoff.js';

/*
 * The queue of messages to send: one after the other in each lane, the same
 * message again until the server has taken or refused it.
 */


/**
 * @typedef {object} OutboxHooks
 * @property {(item: Outgoing) => Promise<any>} send resolves with the
 *     acknowledgement, rejects with a Problem
 * @property {(id: string, change: OutgoingChange) => void} change
 * @property {(item: Outgoing, ack: any) => void} sent
 * @property {(item: Outgoing, problem: ReturnType<typeof asProblem>) => void} [refused]
 */


/**
 * @param {OutboxHooks} hooks
 */
export function createOutbox(hooks) {
    /** @type {Map<string, Outgoing[]>} */
    const lanes = new Map();
    /** @type {Map<string, Outgoing>} */
    const refused = new Map();
    /** @type {Set<() => void>} */
    const naps = new Set();

    /** @param {string} lane */
    async function flush(lane) {
        const queue = lanes.get(lane) || [];
        let failures = 0;

        while (queue.length) {
            const item = queue[0];

            /* A second attempt stays "waiting": the first may have arrived. */
            if (failures === 0) {
                hooks.change(item.id, { state: 'sending', reason: null });
            }

            try {
                const ack = await hooks.send(item);

                queue.shift();
                failures = 0;
                hooks.sent(item, ack);

            } catch (error) {
                const problem = asProblem(error);

                if (problem.passing) {
                    failures++;
                    hooks.change(item.id, { state: 'waiting',
                                            reason: problem.code });
                    await pause(delay(failures, problem.retryAfter));
                    continue;
                }

                queue.shift();
                failures = 0;
                refused.set(item.id, item);
                hooks.change(item.id, { state: 'failed',
                                        reason: problem.code });
                hooks.refused?.(item, problem);
            }
        }

        lanes.delete(lane);
    }

    /** @param {number} ms */
    async function pause(ms) {
        const rest = nap(ms);

        naps.add(rest.wake);
        await rest.done;
        naps.delete(rest.wake);
    }

    return {
        /** @param {Outgoing} item */
        add(item) {
            const queue = lanes.get(item.lane);

            if (queue) {
                queue.push(item);
                return;
            }

            lanes.set(item.lane, [item]);
            flush(item.lane);
        },

        /**
         * Sends a refused item again.
         *
         * @param {string} id
         * @param {Partial<Outgoing>} [change]
         */
        retry(id, change = {}) {
            const item = refused.get(id);

            if (item) {
                refused.delete(id);
                hooks.change(id, { state: 'queued', reason: null });
                this.add({ ...item, ...change });
            }
        },

        /** @param {string} id */
        discard(id) {
            refused.delete(id);
        },

        /** Tries at once whatever is waiting. */
        wake() {
            naps.forEach((wake) => wake());
        },
    };
}
