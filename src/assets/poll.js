/* Copyright (C) the ngx_http_chat_module authors */

import { asProblem } from './api.js';
import { delay, nap } from './backoff.js';

/*
 * Live delivery by long poll, which works wherever HTTP does.
 */

const WAIT = 25;
const GRACE = 10;
const FAST = 1000;


/**
 * @param {Api} api
 * @param {Topic} topic is moved on by what comes
 * @param {Sink} sink
 * @returns {Subscription}
 */
export function subscribe(api, topic, sink) {
    const stop = new AbortController();
    let rest = nap(0);

    run(api, topic, sink, stop.signal, (ms) => {
        rest = nap(ms);
        return rest.done;
    });

    return {
        close() {
            stop.abort();
            rest.wake();
        },
        wake: () => rest.wake(),
    };
}


/**
 * @param {Api} api
 * @param {Topic} topic
 * @param {Sink} sink
 * @param {AbortSignal} signal
 * @param {(ms: number) => Promise<unknown>} sleep
 */
async function run(api, topic, sink, signal, sleep) {
    /* No state has this version: the first answer brings it at once. */
    let version = 0;
    let failures = 0;
    let idle = 0;

    while (!signal.aborted) {
        /* After a failure one short request tells whether the line is up. */
        const wait = failures ? 0 : WAIT;
        const began = Date.now();
        let pause = 0;

        try {
            const answer = await api.call('GET', 'stream', {
                query: {
                    conversation: topic.conversation,
                    since: topic.since || null,
                    state: version,
                    inbox: topic.inbox,
                    ...topic.filter,
                    wait,
                },
                timeout: (wait + GRACE) * 1000,
                signal,
            });

            if (signal.aborted) {
                return;
            }

            const news = deliver(answer, topic, sink, version);

            version = answer.state?.version ?? version;
            idle = !news && wait && Date.now() - began < FAST ? idle + 1 : 0;
            failures = 0;
            sink.line(true);

            /* A server that is going away answers at once with nothing. */
            if (idle) {
                pause = delay(idle);
            }

        } catch (error) {
            if (signal.aborted) {
                return;
            }

            const problem = asProblem(error);

            if (!problem.passing) {
                sink.end(problem);
                return;
            }

            failures++;
            sink.line(false);
            pause = delay(failures, problem.retryAfter);
        }

        if (pause) {
            await sleep(pause);
        }
    }
}


/**
 * @param {any} answer
 * @param {Topic} topic
 * @param {Sink} sink
 * @param {number} version
 * @returns {boolean} whether there was anything new
 */
function deliver(answer, topic, sink, version) {
    let news = false;

    if (topic.conversation !== undefined) {
        news = answer.events.length > 0 || answer.complete === false
               || answer.next !== topic.since;
        topic.since = answer.next;

        if (news) {
            sink.page?.(answer);
        }

        if (answer.state && answer.state.version !== version) {
            news = true;
            sink.state?.(answer.state);
        }
    }

    if (topic.inbox !== undefined) {
        news = news || answer.inbox.conversations.length > 0;

        const first = topic.inbox === '' || answer.inbox.complete === false;

        topic.inbox = answer.inbox.next;
        sink.inbox?.(answer.inbox, first);
    }

    return news;
}
