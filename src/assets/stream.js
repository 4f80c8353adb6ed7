/* Copyright (C) the ngx_http_chat_module authors */

import * as calls from './calls.js';
import { clock } from './backoff.js';
import { createSocket } from './socket.js';
import { part } from './part.js';

/*
 * Live delivery by the best transport that works here.  Each is given a
 * while to bring anything; what has worked is kept until it fails for long,
 * and a better one is tried again from time to time, beside it.
 */

const TRIAL = 3000;
const FAILURES = 3;
const AGAIN = 60000;
const LONGEST = 600000;
const TYPING = 8000;
const RELOAD = 3000;

/* What is needed only where a WebSocket does not get through. */
const sse = part((suffix) => import('./sse.js' + suffix));
const poll = part((suffix) => import('./poll.js' + suffix));


/**
 * @typedef {{topic: Topic, sink: Sink}} Entry
 * @typedef {{level: number, carrier: Carrier, cancel: () => void,
 *            lines: Map<Entry, Subscription>,
 *            failures: Map<Entry, number>}} Run
 */


/**
 * @param {Api} api
 * @param {'visitor' | 'agent'} role
 * @param {(() => Carrier)[]} [kinds] the best one first; the last one is
 *     kept whatever happens
 * @param {Clock} [time]
 * @returns {Stream}
 */
export function createStream(api, role, kinds = transports(api, role),
                             time = clock)
{
    const last = kinds.length - 1;
    /** @type {Set<Entry>} */
    const entries = new Set();
    /** @type {Map<string, () => void>} */
    const typing = new Map();
    /** @type {Run | null} */
    let current = null;
    /** @type {Run | null} */
    let candidate = null;
    /** Where to begin. */
    let best = 0;
    let again = AGAIN;
    let later = () => {};

    /** @param {number} level */
    function start(level) {
        /** @type {Run} */
        const run = { level, carrier: kinds[level](), lines: new Map(),
                      failures: new Map(), cancel: () => {} };

        if (level === last) {
            current = run;
            schedule();
        } else {
            candidate = run;
            run.cancel = time.after(TRIAL, () => drop(run));
        }

        [...entries].forEach((entry) => follow(run, entry));
    }

    /** @param {Run | null} run */
    function stop(run) {
        run?.cancel();
        run?.lines.clear();
        run?.carrier.close();
    }

    /**
     * A candidate has brought nothing.
     *
     * @param {Run} run
     */
    function drop(run) {
        if (run !== candidate) {
            return;
        }

        candidate = null;
        stop(run);

        if (current === null || run.level + 1 < current.level) {
            start(run.level + 1);
        } else {
            again = Math.min(LONGEST, 2 * again);
            schedule();
        }
    }

    /** A better transport is tried after a while. */
    function schedule() {
        later();
        later = current?.level ? time.after(again, upgrade) : () => {};
    }

    function upgrade() {
        if (!candidate && current && current.level > 0 && entries.size) {
            start(0);
        }
    }

    /**
     * @param {Run} run
     * @param {Entry} entry
     */
    function follow(run, entry) {
        /* What comes first may have ended it. */
        if (run !== current && run !== candidate) {
            return;
        }

        const { topic, sink } = entry;
        const mine = () => run.lines.has(entry);

        run.lines.set(entry, { close() {}, wake() {} });

        const line = run.carrier.subscribe(topic, {
            page: (page) => mine() && sink.page?.(page),
            inbox: (page, first) => mine() && sink.inbox?.(page, first),
            signal: (signal) => mine() && heard(entry, signal),

            state(state) {
                if (mine()) {
                    sink.state?.(state);

                    /* The last transport brings nothing but states. */
                    (run.level < last && state.typing || []).forEach(
                        (sender) => fade(entry, sender));
                }
            },

            line(up) {
                if (mine() && up) {
                    works(run, entry);
                } else if (mine()) {
                    fails(run, entry);
                }
            },

            end(problem) {
                if (mine()) {
                    leave(entry);
                    sink.end(problem);
                }
            },
        });

        if (mine()) {
            run.lines.set(entry, line);
        } else {
            line.close();
        }
    }

    /**
     * @param {Run} run
     * @param {Entry} entry
     */
    function works(run, entry) {
        const failed = run.failures.get(entry);

        run.failures.delete(entry);
        run.cancel();
        best = run.level;

        if (run === candidate) {
            stop(current);
            current = run;
            candidate = null;
            again = run.level ? again : AGAIN;
            schedule();
        } else if (failed) {
            /* It was the line then, not the transport. */
            upgrade();
        }

        entry.sink.line(true);
    }

    /**
     * @param {Run} run
     * @param {Entry} entry
     */
    function fails(run, entry) {
        const failures = (run.failures.get(entry) || 0) + 1;

        if (run === candidate) {
            drop(run);
            return;
        }

        run.failures.set(entry, failures);
        entry.sink.line(false);

        if (run.level < last && failures >= FAILURES) {
            current = null;
            stop(run);

            if (!candidate) {
                start(run.level + 1);
            }
        }
    }

    /** @param {Entry} entry */
    function leave(entry) {
        entries.delete(entry);

        for (const run of [current, candidate]) {
            const line = run?.lines.get(entry);

            run?.lines.delete(entry);
            run?.failures.delete(entry);
            line?.close();
        }

        if (!entries.size && candidate) {
            stop(candidate);
            candidate = null;
        }
    }

    /**
     * @param {Entry} entry
     * @param {Signal} signal
     */
    function heard(entry, signal) {
        entry.sink.signal?.(signal);

        if (signal.type === 'typing' && signal.on) {
            fade(entry, signal.sender);
        }
    }

    /**
     * Typing ends, even if nobody says so.
     *
     * @param {Entry} entry
     * @param {Person} sender
     */
    function fade(entry, sender) {
        const key = `${entry.topic.conversation}/${sender.kind}/${sender.id}`;

        typing.get(key)?.();
        typing.set(key, time.after(TYPING, () => {
            typing.delete(key);

            if (entries.has(entry)) {
                entry.sink.signal?.({ type: 'typing', sender, on: false });
            }
        }));
    }

    return {
        subscribe(topic, sink) {
            const entry = { topic: { ...topic }, sink };

            entries.add(entry);

            if (current || candidate) {
                [current, candidate].forEach(
                    (run) => run && follow(run, entry));
            } else {
                start(best);
            }

            return { close: () => leave(entry), wake };
        },

        async send(conversation, item) {
            const answer = current?.carrier.request?.(
                { type: 'send', conversation, ...calls.message(item) });

            return answer ? { ...await answer, conversation }
                          : calls.send(api, conversation, item);
        },

        tell(conversation, type, body) {
            if (!current?.carrier.tell?.({ type, conversation, ...body })) {
                calls.tell(api, conversation, type, body);
            }
        },

        wake,

        /* Ends the connections; what works here is remembered. */
        close() {
            const runs = [current, candidate];

            current = candidate = null;
            later();
            entries.clear();
            runs.forEach(stop);
        },
    };

    function wake() {
        current?.carrier.wake();
        candidate?.carrier.wake();
    }
}


/**
 * @param {Api} api
 * @param {'visitor' | 'agent'} role
 */
function transports(api, role) {
    const url = api.url('stream', { role });

    url.protocol = url.protocol.replace('http', 'ws');

    return [
        () => createSocket(url.href, clock, api.token),
        () => each(api, sse),
        () => each(api, poll),
    ];
}


/**
 * A transport of one topic for any number of them, when it is there.
 *
 * @param {Api} api
 * @param {() => Promise<{subscribe: (api: Api, topic: Topic, sink: Sink)
 *     => Subscription}>} load
 * @returns {Carrier}
 */
function each(api, load) {
    /** @type {Set<Subscription>} */
    const lines = new Set();

    return {
        subscribe(topic, sink) {
            /** @type {Subscription | null} */
            let line = null;
            let retry = () => {};

            const begin = () => load().then(({ subscribe }) => {
                line = lines.has(handle) ? subscribe(api, topic, sink) : null;
            }, () => {
                if (lines.has(handle)) {
                    retry = clock.after(RELOAD, begin);
                    sink.line(false);
                }
            });

            const handle = {
                close() {
                    lines.delete(handle);
                    retry();
                    line?.close();
                },
                wake: () => line?.wake(),
            };

            lines.add(handle);
            begin();

            return handle;
        },
        wake: () => lines.forEach((line) => line.wake()),
        close: () => lines.forEach((line) => line.close()),
    };
}
