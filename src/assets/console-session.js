/* Copyright (C) the ngx_http_chat_module authors */

import { asProblem } from './api.js';
import { delay, nap } from './backoff.js';

/*
 * Who is signed in, and what the site has for whoever is.
 */


/**
 * @param {object} options
 * @param {Api} options.api
 * @param {Store<import('./console-state.js').ConsoleState,
 *     import('./console-state.js').ConsoleEvent>} options.store
 * @param {{leave: (on: boolean) => void}} options.live
 * @param {ReturnType<typeof
 *     import('./console-drafts.js').createKeeper>} options.keeper
 * @param {(error: unknown) => void} options.failed
 */
export function createSession({ api, store, live, keeper, failed }) {
    let pause = nap(0);

    /* Whoever signs in or out in one tab does in all of them. */
    keeper.watch('who', () => {
        const { phase, agent } = store.get();

        if (phase === 'signin'
            || phase === 'in' && agent?.id !== keeper.get('who'))
        {
            start();
        }
    });

    /** Asks who is signed in, until there is an answer. */
    async function start() {
        for (let failures = 0; ; ) {
            store.dispatch({ type: 'starting', up: failures === 0,
                             now: Date.now() });

            try {
                const { agent } = await api.call('GET', 'agent/session');

                signedIn(agent);
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

    /** @param {Agent} agent */
    function signedIn(agent) {
        keeper.put('who', agent.id);
        store.dispatch({ type: 'signedin', agent });
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

            signedIn(agent);
        } catch (error) {
            const { status, code } = asProblem(error);

            store.dispatch({ type: 'refused',
                             problem: status === 401 ? 'wrong' : code });
        }
    }

    /**
     * Uses a set-up link up, and signs in.
     *
     * @param {{password: string, name?: string, email?: string}} answers
     */
    async function setUp(answers) {
        const { invitation, signin } = store.get();

        if (signin.busy) {
            return;
        }

        store.dispatch({ type: 'signing' });

        try {
            const { agent } = await api.call('POST', 'agent/setup', {
                body: { token: invitation, ...answers } });

            store.dispatch({ type: 'invited', token: '' });
            store.dispatch({ type: 'refused', problem: 'ready' });
            await signIn(agent.email, answers.password);
        } catch (error) {
            const { status, body, code } = asProblem(error);

            store.dispatch({ type: 'refused', problem:
                             status === 401 ? 'link'
                             : body.field ? `field.${body.field}` : code });
        }
    }

    /** The lines are closed first: a session that has ended is no problem. */
    async function signOut() {
        live.leave(true);

        try {
            await api.call('DELETE', 'agent/session');
            keeper.forget();
            keeper.put('who', '');
            store.dispatch({ type: 'signedout', problem: null });
        } catch (error) {
            failed(error);
        }

        live.leave(false);
    }

    /** What there is to choose from; without it one can still answer. */
    async function desk() {
        /** @type {(keyof Desk)[]} */
        const parts = ['agents', 'teams', 'labels', 'canned'];

        await Promise.all(parts.map(async (part) => {
            try {
                store.dispatch({ type: 'desk',
                                 desk: await api.call('GET', part) });
            } catch {
                /* asked for again with the next change or connection */
            }
        }));
    }

    return {
        start,
        signIn,
        signOut,
        setUp,
        desk,
        wake: () => pause.wake(),

        ended() {
            if (store.get().phase === 'in') {
                store.dispatch({ type: 'signedout', problem: 'ended' });
            }
        },

        /** @returns {Promise<void>} when somebody is signed in */
        begun() {
            return new Promise((resolve) => {
                const stop = store.subscribe((state) => {
                    if (state.phase === 'in') {
                        stop();
                        resolve();
                    }
                });
            });
        },

        /**
         * @param {Availability} availability
         */
        async be(availability) {
            const { agent } = store.get();

            try {
                await api.call('PATCH', `agents/${agent?.id}`,
                               { body: { availability } });
            } catch (error) {
                failed(error);
            }

            await desk();
        },
    };
}
