/* Copyright (C) the ngx_http_chat_module authors */

import { Problem } from './api.js';
import { clock, createLadder } from './backoff.js';

/*
 * Live delivery by WebSocket: one connection for all topics of a page, which
 * is made again, and its topics resumed, for as long as there are any.
 */

const OPENING = 10000;
const SILENCE = 40000;
const GRACE = 2000;
const LINGER = 1000;
const ANSWER = 10000;

/** Codes of errors that pass, as the status that a call would have had. */
/** @type {Record<string, number>} */
const STATUS = { unavailable: 503, rate_limited: 429 };

/** What a close code says for good, or for the frames that were sent. */
/** @type {Record<number, string>} */
const REFUSED = { 4004: 'unauthenticated', 4401: 'unauthenticated',
                  4403: 'forbidden', 4408: 'unauthenticated',
                  4409: 'rate_limited', 4410: 'gone', 4429: 'rate_limited' };

/** @type {Record<number, string>} */
const POISON = { 1002: 'invalid_field', 1003: 'invalid_field',
                 1007: 'invalid_field', 1009: 'too_large' };


/**
 * @typedef {{topic: Topic, sink: Sink, ref: number, up: boolean}} Sub
 * @typedef {{resolve: (answer: any) => void, cancel: () => void,
 *            reject: (problem: Problem) => void}} Call
 */


/**
 * @param {string} url
 * @param {Clock} [time]
 * @param {() => string} [token] where there is no cookie
 * @returns {Carrier}
 */
export function createSocket(url, time = clock, token = () => '') {
    /* The widget has none: what is about it is left out there. */
    const inboxes = !import.meta.widget;
    const ladder = createLadder(time);
    /** @type {Set<Sub>} */
    const subs = new Set();
    /** @type {Map<number, Call>} */
    const calls = new Map();
    /** @type {WebSocket | null} */
    let ws = null;
    /** @type {(() => void) | null} */
    let waiting = null;
    let watch = () => {};
    let grace = () => {};
    let idle = () => {};
    let welcome = false;
    let heard = 0;
    let after = 0;
    let refs = 0;

    function connect() {
        waiting?.();
        waiting = null;
        heard = time.now();

        try {
            const mine = new WebSocket(url, 'chat.v1');

            ws = mine;
            mine.onopen = () => mine === ws && greet();
            mine.onmessage = ({ data }) => mine === ws && take(data);
            mine.onclose = ({ code }) => mine === ws && closed(code);
            listen(OPENING);

        } catch {
            /* a policy of the page does not allow it */
            closed(1006);
        }
    }

    function greet() {
        if (token()) {
            write({ type: 'hello', token: token() });
        }

        subs.forEach(ask);
    }

    /**
     * @param {number} [code] with which the server is told
     */
    function disconnect(code) {
        const old = ws;

        ws = null;
        watch();
        old?.close(code);
    }

    /** @param {number} ms */
    function listen(ms) {
        watch();
        watch = time.after(ms, silent);
    }

    function silent() {
        disconnect();
        closed(1006);
    }

    /** @param {object} frame */
    function write(frame) {
        ws?.send(JSON.stringify(frame));
    }

    function opened() {
        return ws !== null && ws.readyState === 1;
    }

    /** @param {Sub} sub */
    function ask(sub) {
        const { conversation, since, filter } = sub.topic;

        if (subs.has(sub) && opened()) {
            sub.ref = ++refs;
            sub.up = false;
            write({ type: 'subscribe', ref: sub.ref,
                    ...(inboxes && conversation === undefined
                        ? { inbox: filter || {} }
                        : { conversation, since: since || undefined }) });
        }
    }

    /** @param {string} data */
    function take(data) {
        let frame;

        try {
            frame = JSON.parse(data);
        } catch {
            return;
        }

        heard = time.now();
        listen(SILENCE);

        switch (frame.type) {

        case 'welcome':
            welcome = true;
            ladder.up();
            break;

        case 'bye':
            after = frame.after_ms || 0;
            break;

        case 'sent':
            settle(frame.ref, (call) => call.resolve(frame));
            break;

        case 'error':
            wrong(frame);
            break;

        case 'heartbeat':
            for (const [id, next] of Object.entries(frame.heads || {})) {
                page(find(id), { events: [], next, complete: true,
                                 more: false });
            }
            break;

        default:
            news(frame, find(frame.conversation));
        }
    }

    /**
     * @param {any} frame
     * @param {Sub | undefined} sub
     */
    function news(frame, sub) {
        if (inboxes && frame.type === 'conversation') {
            inbox(find(undefined), { conversations: [frame], next: '',
                                     more: false }, false);
            return;
        }

        switch (frame.type) {

        case 'subscribed':
            sub = [...subs].find((it) => it.ref === frame.ref) || sub
                  || (inboxes && frame.inbox && find(undefined));

            if (sub) {
                sub.up = true;

                if (inboxes && frame.inbox) {
                    inbox(sub, frame, true);
                } else {
                    page(sub, frame);
                }

                sub.sink.line(true);
            }
            break;

        case 'events':
            page(sub, frame);
            break;

        case 'typing':
        case 'read':
        case 'presence':
            if (sub?.up) {
                sub.sink.signal?.(frame);
            }

            break;

        default:
            if (sub && frame.seq) {
                page(sub, { events: [frame], next: sub.topic.since || '',
                            complete: true, more: false });
            }
        }
    }

    /** @param {string | undefined} conversation undefined: the inbox */
    function find(conversation) {
        return [...subs].find((it) => it.topic.conversation
                                      === conversation);
    }

    /**
     * @param {Sub | undefined} sub
     * @param {Page & {state?: LiveState}} answer
     */
    function page(sub, answer) {
        if (sub?.up) {
            sub.topic.since = answer.next;
            sub.sink.page?.(answer);

            if (answer.state) {
                sub.sink.state?.(answer.state);
            }
        }
    }

    /**
     * @param {Sub | undefined} sub
     * @param {InboxPage} answer
     * @param {boolean} first
     */
    function inbox(sub, answer, first) {
        if (inboxes && sub?.up) {
            /* Another transport has to begin anew. */
            sub.topic.inbox = '';
            sub.sink.inbox?.(answer, first);
        }
    }

    /** @param {any} frame */
    function wrong(frame) {
        const { ref, code } = frame;
        const problem = new Problem(STATUS[code] || 400, frame,
                                    frame.retry_after_ms);
        const sub = [...subs].find((it) => it.ref === ref);

        settle(ref, (call) => call.reject(problem));

        if (sub && problem.passing) {
            sub.sink.line(false);
            time.after(problem.retryAfter || GRACE, () => ask(sub));
        } else if (sub) {
            subs.delete(sub);
            sub.sink.end(problem);
        }
    }

    /**
     * @param {number} ref
     * @param {(call: Call) => void} how
     */
    function settle(ref, how) {
        const call = calls.get(ref);

        if (call) {
            calls.delete(ref);
            call.cancel();
            how(call);
        }
    }

    /** @param {Problem} problem */
    function fail(problem) {
        [...calls.keys()].forEach((ref) => settle(
            ref, (call) => call.reject(problem)));
    }

    /** @param {number} code */
    function closed(code) {
        const word = REFUSED[code] || (code >= 4400 ? 'refused' : '');
        const end = word ? new Problem(STATUS[word] || 400, { code: word })
                         : null;
        const lost = end || (POISON[code]
                             ? new Problem(400, { code: POISON[code] })
                             : new Problem(0));
        const worked = welcome;
        const wait = Math.max(after, ladder.down());

        watch();
        ws = null;
        welcome = false;
        after = 0;
        subs.forEach((sub) => {
            sub.up = false;
        });
        fail(lost);

        if (end) {
            const all = [...subs];

            subs.clear();
            all.forEach(({ sink }) => sink.end(end));
            return;
        }

        grace();

        if (worked) {
            grace = time.after(wait + GRACE, down);
        } else {
            down();
        }

        if (subs.size && !ws) {
            waiting = time.after(wait, connect);
        }
    }

    function down() {
        [...subs].forEach((sub) => sub.up || sub.sink.line(false));
    }

    return {
        subscribe(topic, sink) {
            /** @type {Sub} */
            const sub = { topic, sink, ref: 0, up: false };

            idle();
            subs.add(sub);

            if (ws) {
                ask(sub);
            } else if (!waiting) {
                connect();
            }

            return {
                close() {
                    if (subs.delete(sub) && sub.up && opened()) {
                        write({ type: 'unsubscribe', ref: ++refs,
                                ...(inboxes
                                    && topic.conversation === undefined
                                    ? { inbox: true }
                                    : { conversation: topic.conversation }),
                        });
                    }

                    idle();
                    idle = time.after(LINGER, () => subs.size || stop());
                },
                wake,
            };
        },

        /* A frame that is answered, or null when none can be sent. */
        request(frame) {
            if (!welcome || !opened()) {
                return null;
            }

            return new Promise((resolve, reject) => {
                const ref = ++refs;
                const cancel = time.after(ANSWER, () => settle(
                    ref, (call) => call.reject(new Problem(0))));

                calls.set(ref, { resolve, reject, cancel });
                write({ ...frame, ref });
            });
        },

        tell(frame) {
            const can = welcome && opened();

            if (can) {
                write(frame);
            }

            return can;
        },

        wake,
        close: stop,
    };

    function stop() {
        subs.clear();
        waiting?.();
        waiting = null;
        idle();
        grace();
        welcome = false;
        disconnect(1000);
        fail(new Problem(0));
    }

    function wake() {
        if (waiting) {
            connect();
        } else if (ws && time.now() - heard > SILENCE) {
            silent();
        }
    }
}
