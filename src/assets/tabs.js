/* Copyright (C) the ngx_http_chat_module authors */

/*
 * The other tabs of this browser: what is said to all of them, and what only
 * one at a time may do.  Without locks, as on a page without TLS, a tab is
 * alone.
 */


/**
 * @param {string} name
 * @returns {Tabs}
 */
export function createTabs(name) {
    const { locks } = navigator;
    /** @type {Set<(message: any) => void>} */
    const listeners = new Set();
    const channel = locks && 'BroadcastChannel' in window
                    ? new BroadcastChannel(name) : null;

    if (channel) {
        channel.onmessage = ({ data }) =>
            listeners.forEach((listener) => listener(data));
    }

    return {
        shared: channel !== null,

        post: (message) => channel?.postMessage(message),

        listen(listener) {
            listeners.add(listener);

            return () => listeners.delete(listener);
        },

        alone: (what, act, options = {}) =>
            channel ? locks.request(`${name}/${what}`, options, act) : act(),

        close: () => channel?.close(),
    };
}
