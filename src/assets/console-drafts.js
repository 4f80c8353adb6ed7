/* Copyright (C) the ngx_http_chat_module authors */

/*
 * What the browser keeps for an agent: what is being written in each
 * conversation, the messages that the server has not taken yet, and how the
 * page is to be.  Storage may be denied; then it is kept while the page is
 * open.
 */

/** @typedef {{text: string, note: boolean}} Draft */


/**
 * @param {string} key what belongs to this prefix begins with it
 */
export function createKeeper(key) {
    /** @type {Map<string, string>} */
    const memory = new Map();
    let who = '';

    /**
     * @param {string} name
     * @param {string} value '' for nothing
     */
    function put(name, value) {
        try {
            if (value === '') {
                localStorage.removeItem(key + name);
            } else {
                localStorage.setItem(key + name, value);
            }

            memory.delete(name);
        } catch {
            /* denied, or full */
            memory.set(name, value);
        }
    }

    /** @param {string} name */
    function get(name) {
        try {
            return memory.get(name) ?? localStorage.getItem(key + name) ?? '';
        } catch {
            return memory.get(name) || '';
        }
    }

    /** @param {string} start */
    function names(start) {
        const all = new Set(memory.keys());

        try {
            Object.keys(localStorage).filter((it) => it.startsWith(key))
                  .forEach((it) => all.add(it.slice(key.length)));
        } catch {
            /* denied */
        }

        return [...all].filter((it) => it.startsWith(start)).sort();
    }

    /**
     * @template T
     * @param {string} name
     * @returns {T | null}
     */
    function parsed(name) {
        try {
            return JSON.parse(get(name));
        } catch {
            return null;
        }
    }

    return {
        put,
        get,

        /**
         * @param {string} name
         * @param {() => void} call another tab has changed it
         */
        watch: (name, call) => window.addEventListener(
            'storage', (event) => event.key === key + name && call()),

        /** @param {string} name of what is the agent's alone */
        own: (name) => get(`${who}#${name}`),

        /**
         * @param {string} name
         * @param {string} value
         */
        keepOwn: (name, value) => put(`${who}#${name}`, value),

        /** @param {string} agent an id */
        owner(agent) {
            who = agent;
        },

        /**
         * @param {string} id of a conversation
         * @returns {Draft}
         */
        draft(id) {
            const kept = /** @type {Draft | null} */ (
                parsed(`${who}#draft:${id}`));

            return { text: String(kept?.text || ''),
                     note: kept?.note === true };
        },

        /**
         * @param {string} id
         * @param {Draft} draft
         */
        keepDraft(id, draft) {
            put(`${who}#draft:${id}`, draft.text === '' && !draft.note ? ''
                                      : JSON.stringify(draft));
        },

        /** @param {Outgoing} item */
        add(item) {
            put(`${who}#out:${item.id}`, JSON.stringify(item));
        },

        /** @param {string} id */
        remove(id) {
            put(`${who}#out:${id}`, '');
        },

        /**
         * What was not taken when the page went, in the order of writing.
         *
         * @returns {Outgoing[]}
         */
        unsent() {
            return names(`${who}#out:`).flatMap((name) => {
                const item = /** @type {Outgoing | null} */ (parsed(name));

                return item ? [{ ...item, state: 'queued', reason: null }]
                            : [];
            });
        },

        /** Nothing of an agent stays who signs out. */
        forget() {
            names(`${who}#`).forEach((name) => put(name, ''));
        },
    };
}
