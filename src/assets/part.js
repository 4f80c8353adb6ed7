/* Copyright (C) the ngx_http_chat_module authors */


/**
 * A part that is loaded when it is first needed.  One that did not come is
 * asked for again under another name, as a browser may remember the failure.
 *
 * @template T
 * @param {(suffix: string) => Promise<T>} load
 * @returns {() => Promise<T>}
 */
export function part(load) {
    /** @type {Promise<T> | null} */
    let loading = null;
    let tries = 0;

    return () => {
        loading = loading || load(tries ? `?retry=${tries}` : '').catch(
            (error) => {
                loading = null;
                tries++;
                throw error;
            });

        return loading;
    };
}
