/* Copyright (C) the ngx_http_chat_module authors */

const FIRST = 1000;
const MOST = 30000;
const LEAST = 200;

const BASE = 500;
const CAP = 20000;
const STABLE = 10000;


/** @type {Clock} */
export const clock = {
    now: Date.now,
    random: Math.random,

    after(ms, call) {
        const timer = setTimeout(call, ms);

        return () => clearTimeout(timer);
    },
};


/**
 * When to connect again: full jitter below a doubling ceiling, which a
 * connection lowers only by having lasted.
 *
 * @param {Clock} time
 */
export function createLadder(time) {
    let step = 0;
    let since = 0;

    return {
        up() {
            since = time.now();
        },

        /** @returns {number} how long to wait, in ms */
        down() {
            if (since && time.now() - since >= STABLE) {
                step = 0;
            }

            since = 0;

            return Math.floor(time.random()
                              * Math.min(CAP, BASE * 2 ** step++));
        },
    };
}


/**
 * How long to wait before the next attempt, in ms: full jitter below a
 * doubling ceiling, never before what the server asked for.
 *
 * @param {number} attempt attempts that failed in a row, from 1
 * @param {number} [asked] Retry-After in ms
 * @param {() => number} [random] uniform in [0, 1)
 */
export function delay(attempt, asked = 0, random = Math.random) {
    return asked + LEAST
           + Math.floor(random() * Math.min(MOST, FIRST * 2 ** (attempt - 1)));
}


/**
 * A timer that can be cut short.
 *
 * @param {number} ms
 */
export function nap(ms) {
    /** @type {() => void} */
    let wake = () => {};

    const done = new Promise((resolve) => {
        const cancel = clock.after(ms, () => resolve(null));

        wake = () => {
            cancel();
            resolve(null);
        };
    });

    return { done, wake };
}
