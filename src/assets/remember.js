/* Copyright (C) the ngx_http_chat_module authors */

/*
 * What the browser keeps, only after the visitor has opened the widget: in
 * the tab that the panel is open and what is being typed, in the browser which
 * conversation was the last, the token where there is no cookie, and whether
 * sounds are wanted.  Storage may be denied; then nothing is kept.
 */


/**
 * @param {string} key
 */
export function remember(key) {
    let forgotten = false;

    /**
     * @param {'sessionStorage' | 'localStorage'} area
     * @param {string} name
     * @param {string | false} value
     */
    const set = (area, name, value) => {
        try {
            if (forgotten) {
                return;
            }

            if (value) {
                window[area].setItem(key + name, value);
            } else {
                window[area].removeItem(key + name);
            }
        } catch {
            /* denied */
        }
    };

    /**
     * @param {'sessionStorage' | 'localStorage'} area
     * @param {string} name
     */
    const get = (area, name) => {
        try {
            return window[area].getItem(key + name) || '';
        } catch {
            return '';
        }
    };

    return {
        /** @param {boolean} on */
        open: (on) => set('sessionStorage', '', on && '1'),

        /** @param {string} id of the conversation to come back to, or '' */
        talk: (id) => set('localStorage', '', id),

        last: () => get('localStorage', ''),

        any: () => get('sessionStorage', '') + get('localStorage', '') !== '',

        token: () => get('localStorage', '#token'),

        /** @param {string} value */
        keepToken: (value) => set('localStorage', '#token', value),

        /** @param {object} says what is to be known before it is said again */
        keepSite: (says) => set('localStorage', '#site',
                                JSON.stringify(says)),

        quiet: () => get('localStorage', '#quiet') !== '',

        /** @param {boolean} on */
        keepQuiet: (on) => set('localStorage', '#quiet', on && '1'),

        /** @param {string} lane */
        draft: (lane) => get('sessionStorage', `#draft:${lane}`),

        /**
         * @param {string} lane
         * @param {string} text
         */
        keepDraft: (lane, text) => set('sessionStorage', `#draft:${lane}`,
                                       text),

        /* Everything that begins with the key is ours. */
        forget() {
            forgotten = true;

            for (const area of /** @type {const} */ (['sessionStorage',
                                                      'localStorage']))
            {
                try {
                    Object.keys(window[area])
                          .filter((name) => name === key
                                            || name.startsWith(`${key}#`))
                          .forEach((name) => window[area].removeItem(name));
                } catch {
                    /* denied */
                }
            }
        },
    };
}
