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

                if (problem.status === 401 && keeper.get('left') !== '1') {
                    const said = await known();

                    if (said === '') {
                        return;
                    }

                    store.dispatch({ type: 'signedout', problem:
                                     said === 'unknown' ? said : null });
                    return;
                }

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
        keeper.put('left', '');
        keeper.put('who', agent.id);
        store.dispatch({ type: 'signedin', agent });
    }

    /**
     * Signs in whoever the server knows without a password.  Whether it
     * knows anybody is found by asking.
     *
     * @returns {Promise<string>} '' when somebody is signed in, else why not
     */
    async function known() {
        try {
            const { agent } = await api.call('POST', 'agent/session',
                                             { body: {} });

            keeper.put('known', '1');
            signedIn(agent);

            return '';
        } catch (error) {
            const { status, code } = asProblem(error);

            if ([401, 403, 422].includes(status)) {
                keeper.put('known', status === 422 ? '' : '1');
            }

            return status === 403 ? 'unknown'
                   : status === 401 || status === 422 ? 'nobody' : code;
        }
    }

    /** By a button, as the server knows who it is. */
    async function identify() {
        if (store.get().signin.busy) {
            return;
        }

        store.dispatch({ type: 'signing' });

        const said = await known();

        if (said !== '') {
            store.dispatch({ type: 'refused', problem: said });
        }
    }

    /**
     * @param {string} email
     * @param {string} password
     * @param {string} [code] of the second factor
     */
    async function signIn(email, password, code = '') {
        if (store.get().signin.busy) {
            return;
        }

        store.dispatch({ type: 'signing' });

        try {
            const { agent } = await api.call('POST', 'agent/session', {
                body: { email, password, ...code && { code } } });

            signedIn(agent);
        } catch (error) {
            const problem = asProblem(error);
            const factor = problem.code === 'second_factor';

            store.dispatch({ type: 'refused', ...factor && { factor },
                             problem: factor ? code ? 'code' : 'factor'
                                      : problem.status === 401 ? 'wrong'
                                      : problem.code });
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
            keeper.put('left', '1');
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
        identify,
        signOut,
        setUp,
        desk,
        wake: () => pause.wake(),

        /** Whether the server may know who it is without a password. */
        knows: () => keeper.get('known') === '1',

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
         * What the agent is to be for others.
         *
         * @param {{availability: Availability} | {idle: boolean}} body
         */
        async be(body) {
            const { agent } = store.get();

            try {
                await api.call('PATCH', `agents/${agent?.id}`,
                               { body });
            } catch (error) {
                failed(error);
            }

            await desk();
        },
    };
}
