/* Copyright (C) the ngx_http_chat_module authors */

import * as calls from './calls.js';
import { asProblem, Problem } from './api.js';
import { clock } from './backoff.js';
import { createStream } from './stream.js';
import { alone, newTalk, withSignal, withState } from './talk.js';
import { uuid } from './uuid.js';

/*
 * One stream for all tabs of a browser.  The tab that holds the lock leads:
 * it has the stream and repeats to the others what comes.  A tab that joins a
 * conversation which the leader has already reads what it missed by itself,
 * while it holds back what is repeated meanwhile.  An inbox, of which there
 * is one, goes by the name of no conversation, and is read by whoever is told
 * that it begins anew.
 */

const PATIENCE = 5000;
const RETRY = 2000;


/**
 * @typedef {{topic: Topic & {conversation: string}, sink: Sink,
 *            held: Page[] | null, live: boolean,
 *            retry: () => void}} Follower
 * @typedef {{line: Subscription, tabs: Set<string>, up: boolean,
 *            talk: Talk}} Led
 */


/**
 * @param {Api} api
 * @param {Tabs} tabs
 * @param {() => Stream} [make]
 * @param {Clock} [time]
 * @returns {Stream}
 */
export function createShared(api, tabs,
                             make = () => createStream(api, 'visitor'),
                             time = clock)
{
    /* The widget has none: what is about it is left out there. */
    const inboxes = !import.meta.widget;
    if (!tabs.shared) {
        return make();
    }

    const me = uuid();
    /** @type {Set<Follower>} */
    const mine = new Set();
    /** @type {Map<string, Led>} */
    const led = new Map();
    /** @type {Stream | null} */
    let stream = null;
    let resign = () => {};
    let running = false;
    let patience = () => {};

    tabs.listen((message) => {
        const { stream: what, conversation, tab } = message;

        if (stream && what === 'join') {
            lead(conversation, message.since, tab);
        } else if (stream && what === 'leave') {
            part(conversation, tab);
        } else if (what === 'leader') {
            mine.forEach(join);
        } else if (what && (tab === undefined || tab === me)) {
            mine.forEach((one) => one.topic.conversation === conversation
                                  && hear(one, message));
        }
    });

    /** @param {any} message */
    function tell(message) {
        tabs.post(message);
        mine.forEach((one) => one.topic.conversation === message.conversation
                     && (message.tab === undefined || message.tab === me)
                     && hear(one, message));
    }

    /* Stands for the lead as long as anything is wanted here. */
    function run(steal = false) {
        if (running && !steal) {
            return;
        }

        running = true;
        tabs.alone('stream', () => new Promise((done) => {
            if (!mine.size) {
                done(null);
                return;
            }

            patience();
            stream = make();
            resign = () => {
                const old = stream;

                resign = () => {};
                stream = null;
                led.clear();
                old?.close();
                done(null);
            };
            tabs.post({ stream: 'leader' });
            mine.forEach(join);
        }), steal ? { steal } : {}).catch(() => {
            /* another tab has found this one asleep */
            resign();
        }).then(() => {
            running = false;

            if (mine.size) {
                run();
                mine.forEach(join);
            }
        });
    }

    /** @param {Follower} one */
    function join(one) {
        const { conversation, since = '' } = one.topic;

        one.live = false;
        one.held = null;
        one.retry();

        if (stream) {
            lead(conversation, since, me);
            return;
        }

        tabs.post({ stream: 'join', conversation, since, tab: me });
        patience();
        patience = time.after(PATIENCE, () => {
            if (!stream && [...mine].some((it) => !it.live && !it.held)) {
                run(true);
            }
        });
    }

    /**
     * @param {string} conversation
     * @param {string} since
     * @param {string} tab
     */
    function lead(conversation, since, tab) {
        const had = led.get(conversation);

        if (had) {
            const { talk, up } = had;

            had.tabs.add(tab);
            tell({ stream: 'joined', conversation, tab, up, state: {
                version: 0, read: talk.read, typing: talk.typing,
                presence: talk.here.map((it) => ({ ...it, online: true })) },
            });
            return;
        }

        /** @type {Led} */
        const one = { line: { close() {}, wake() {} }, tabs: new Set([tab]),
                      up: true, talk: newTalk(conversation) };
        const say = (/** @type {string} */ what,
                     /** @type {any[]} */ ...args) =>
            led.get(conversation) === one
            && tell({ stream: what, conversation, args });

        led.set(conversation, one);
        tell({ stream: 'joined', conversation, tab, fresh: true });

        const line = /** @type {Stream} */ (stream).subscribe(
            inboxes && !conversation ? { inbox: '', filter: {} }
                                   : { conversation, since },
            {
                page: (page) => say('page', page),
                inbox: (page, first) => say('inbox', page, first),

                state(state) {
                    one.talk = withState(one.talk, state);
                    say('state', state);
                },

                signal(signal) {
                    one.talk = withSignal(one.talk, signal);
                    say('signal', signal);
                },

                line(up) {
                    one.up = up;
                    one.talk = up ? one.talk : alone(one.talk);
                    say('line', up);
                },

                end(error) {
                    const { status, code } = asProblem(error);

                    say('end', status, { code });
                    led.delete(conversation);
                },
            });

        one.line = line;

        if (led.get(conversation) !== one) {
            line.close();
        }
    }

    /**
     * @param {string} conversation
     * @param {string} tab
     */
    function part(conversation, tab) {
        const one = led.get(conversation);

        if (one?.tabs.delete(tab) && !one.tabs.size) {
            led.delete(conversation);
            one.line.close();
        }
    }

    /**
     * @param {Follower} one
     * @param {any} message
     */
    function hear(one, message) {
        const { sink } = one;
        const { args } = message;

        switch (message.stream) {

        case 'joined':
            if (one.live || one.held) {
                return;
            }

            if (message.fresh) {
                one.live = true;
                return;
            }

            sink.line(message.up);

            if (inboxes && !one.topic.conversation) {
                one.live = true;
                sink.inbox?.(/** @type {any} */ ({ conversations: [] }), true);
                return;
            }

            one.held = [];
            sink.state?.(message.state);
            catchUp(one);
            return;

        case 'page':
            if (one.held) {
                one.held.push(args[0]);
            } else if (one.live) {
                deliver(one, args[0]);
            }
            return;

        case 'end':
            mine.delete(one);
            sink.end(new Problem(args[0], args[1]));
            return;
        }

        if (one.live || one.held) {
            /** @type {any} */ (sink)[message.stream]?.(...args);
        }
    }

    /**
     * @param {Follower} one
     * @param {Page} page
     */
    function deliver(one, page) {
        one.topic.since = page.next;
        one.sink.page?.(page);
    }

    /** @param {Follower} one */
    async function catchUp(one) {
        const { held, topic, sink } = one;
        const { conversation } = topic;
        const wanted = () => mine.has(one) && one.held === held;

        for (let more = true; more; ) {
            try {
                const { since } = topic;
                const page = await calls.later(api, conversation, since);

                if (!wanted()) {
                    return;
                }

                more = page.more && since !== '';
                deliver(one, page);

            } catch (error) {
                const problem = asProblem(error);

                if (!wanted()) {
                    return;
                }

                if (!problem.passing) {
                    mine.delete(one);
                    sink.end(problem);
                    return;
                }

                await new Promise((resolve) => {
                    const cancel = time.after(
                        RETRY + problem.retryAfter, () => resolve(null));

                    one.retry = () => {
                        cancel();
                        resolve(null);
                    };
                });

                if (!wanted()) {
                    return;
                }
            }
        }

        one.held = null;
        one.live = true;
        held?.forEach((page) => deliver(one, page));
    }

    return {
        subscribe(topic, sink) {
            /** @type {Follower} */
            const one = { topic: { conversation: '', ...topic }, sink,
                          held: null, live: false, retry() {} };

            mine.add(one);
            join(one);
            run();

            return {
                close() {
                    const { conversation } = one.topic;

                    one.retry();

                    if (!mine.delete(one)) {
                        return;
                    }

                    if (stream) {
                        part(conversation, me);
                    } else {
                        tabs.post({ stream: 'leave', conversation, tab: me });
                    }

                    /* A connection is kept for who comes back at once. */
                    time.after(1000, () => mine.size || resign());
                },
                wake,
            };
        },

        send: (conversation, item) =>
            stream ? stream.send(conversation, item)
                   : calls.send(api, conversation, item),

        tell(conversation, type, body) {
            if (stream) {
                stream.tell(conversation, type, body);
            } else {
                calls.tell(api, conversation, type, body);
            }
        },

        wake,

        close() {
            [...mine].forEach((one) => {
                one.retry();
                tabs.post({ stream: 'leave', tab: me,
                            conversation: one.topic.conversation });
            });
            mine.clear();
            patience();
            resign();
        },
    };

    function wake() {
        stream?.wake();
        mine.forEach((one) => one.retry());
    }
}
