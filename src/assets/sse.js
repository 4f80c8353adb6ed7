/* Copyright (C) the ngx_http_chat_module authors */

import { asProblem, Problem } from './api.js';
import { clock, createLadder } from './backoff.js';

/*
 * Live delivery by server-sent events, read from fetch(): EventSource has no
 * headers and tells no status.
 */

const TYPE = 'text/event-stream';
const SILENCE = 40000;
const LONGEST = 60000;


/**
 * Takes a stream of text apart.
 *
 * @param {(event: {id: string, type: string, data: string}) => void} onevent
 * @param {(ms: number) => void} [onretry] how long to wait when it ends
 * @returns {(text: string) => void} to be called with each piece
 */
export function createParser(onevent, onretry) {
    let rest = '';
    let id = '';
    let type = '';
    /** @type {string[]} */
    let data = [];

    /** @param {string} line */
    function take(line) {
        const [, name, value] = /^([^:]*):? ?(.*)$/s.exec(line) || [];

        if (line === '') {
            if (data.length) {
                onevent({ id, type: type || 'message',
                          data: data.join('\n') });
            }

            id = type = '';
            data = [];
        } else if (name === 'data') {
            data.push(value);
        } else if (name === 'event') {
            type = value;
        } else if (name === 'id') {
            id = value;
        } else if (name === 'retry' && /^\d+$/.test(value)) {
            onretry?.(Math.min(Number(value), LONGEST));
        }
    }

    return (text) => {
        /* A CR at the end may be the first half of a line's end. */
        const lines = (rest + text).split(/\r\n|\n|\r(?!$)/);

        rest = lines.pop() || '';
        lines.forEach(take);
    };
}


/**
 * @param {Api} api
 * @param {Topic} topic is moved on by what comes
 * @param {Sink} sink
 * @param {Clock} [time]
 * @returns {Subscription}
 */
export function subscribe(api, topic, sink, time = clock) {
    const stop = new AbortController();
    let wake = () => {};

    run(api, topic, sink, stop.signal, time, (ms) => new Promise((resolve) => {
        const cancel = time.after(ms, () => resolve(undefined));

        wake = () => {
            cancel();
            resolve(undefined);
        };
    }));

    return {
        close() {
            stop.abort();
            wake();
        },
        wake: () => wake(),
    };
}


/**
 * @param {Api} api
 * @param {Topic} topic
 * @param {Sink} sink
 * @param {AbortSignal} signal
 * @param {Clock} time
 * @param {(ms: number) => Promise<unknown>} sleep
 */
async function run(api, topic, sink, signal, time, sleep) {
    const ladder = createLadder(time);
    let retry = 0;
    const onretry = (/** @type {number} */ ms) => {
        retry = ms;
    };

    while (!signal.aborted) {
        let pause = 0;

        try {
            pause = await read(api, topic, sink, signal, time, ladder.up,
                               onretry);
        } catch (error) {
            const problem = asProblem(error);

            if (signal.aborted) {
                return;
            }

            /* What nginx refuses has a code; others may not like streams. */
            if (!problem.passing && problem.body.code) {
                sink.end(problem);
                return;
            }

            sink.line(false);
            pause = problem.retryAfter || retry;
        }

        if (!signal.aborted) {
            await sleep(Math.max(pause, ladder.down()));
        }
    }
}


/**
 * One answer to its end.
 *
 * @param {Api} api
 * @param {Topic} topic
 * @param {Sink} sink
 * @param {AbortSignal} signal
 * @param {Clock} time
 * @param {() => void} onup
 * @param {(ms: number) => void} onretry
 * @returns {Promise<number>} how long the server wants the client to wait
 */
async function read(api, topic, sink, signal, time, onup, onretry) {
    const stop = new AbortController();
    const text = new TextDecoder();
    const cancel = () => stop.abort();
    let watch = time.after(SILENCE, cancel);
    /** @type {number | null} */
    let after = null;

    const parse = createParser(({ id, type, data }) => {
        const event = JSON.parse(data);

        if (type === 'bye') {
            after = event.after_ms || 0;
        } else if (!signal.aborted) {
            deliver(event, id, topic, sink);

            if (type === 'subscribed') {
                onup();
                sink.line(true);
            }
        }
    }, onretry);

    signal.addEventListener('abort', cancel);

    try {
        const answer = await api.open('stream', {
            conversation: topic.conversation,
            since: topic.since || null,
            inbox: topic.inbox,
            ...topic.filter,
        }, TYPE, stop.signal);
        const body = answer.body?.getReader();

        if (!body || !answer.headers.get('Content-Type')?.startsWith(TYPE)) {
            stop.abort();
            throw new Problem(0);
        }

        for ( ; ; ) {
            const { done, value } = await body.read();

            watch();
            watch = time.after(SILENCE, cancel);

            if (done) {
                break;
            }

            parse(text.decode(value, { stream: true }));
        }
    } finally {
        watch();
        signal.removeEventListener('abort', cancel);
    }

    if (after === null) {
        throw new Problem(0);
    }

    return after;
}


/**
 * @param {any} event
 * @param {string} id
 * @param {Topic} topic
 * @param {Sink} sink
 */
function deliver(event, id, topic, sink) {
    switch (event.type) {

    case 'subscribed':
        if (event.inbox) {
            sink.inbox?.({ ...event, conversations: [] },
                         topic.inbox === '' || !event.complete);
            topic.inbox = event.next;
            return;
        }

        /* What is missing follows, each event with its cursor. */
        if (!event.complete) {
            topic.since = event.next;
            sink.page?.({ ...event, events: [] });
        }

        if (event.state) {
            sink.state?.(event.state);
        }

        break;

    case 'conversation':
        topic.inbox = event.inbox || topic.inbox;
        sink.inbox?.({ conversations: [event], next: '', more: false },
                     false);
        break;

    case 'typing':
    case 'read':
    case 'presence':
        sink.signal?.(event);
        break;

    default:
        if (id) {
            topic.since = id;
            sink.page?.({ events: [event], next: id, complete: true,
                          more: false });
        }
    }
}
