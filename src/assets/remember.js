/* Copyright (C) the ngx_http_chat_module authors */

/*
 * What the browser keeps, only after the visitor has opened the widget:
 * in the tab that the panel is open, in the browser that there is a
 * conversation.  Storage may be denied; then nothing is kept.
 */


/**
 * @param {string} key
 */
export function remember(key) {
    /**
     * @param {'sessionStorage' | 'localStorage'} area
     * @param {boolean} on
     */
    const set = (area, on) => {
        try {
            if (on) {
                window[area].setItem(key, '1');
            } else {
                window[area].removeItem(key);
            }
        } catch {
            /* denied */
        }
    };

    return {
        /** @param {boolean} on */
        open: (on) => set('sessionStorage', on),

        /** @param {boolean} on */
        talk: (on) => set('localStorage', on),

        any() {
            try {
                return (sessionStorage.getItem(key)
                        || localStorage.getItem(key)) !== null;
            } catch {
                return false;
            }
        },
    };
}
