/* Copyright (C) the ngx_http_chat_module authors */

/*
 * What the page tells of the visitor, handed over once there is a session.
 */

const MOST = 10;
const BYTES = 6000;


/**
 * What cannot be handed over now is kept for the next time.
 *
 * @param {Api} api
 * @param {Frame} frame its told is a list of what, when, where and
 *     arguments
 */
export async function tell(api, frame) {
    const all = frame.told.splice(0);
    const events = all.filter(([what]) => what === 'track');
    const sets = all.filter(([what]) => what === 'set');

    /**
     * @param {any[]} told
     * @param {string} method
     * @param {string} path
     * @param {object} body
     */
    async function hand(told, method, path, body) {
        try {
            await api.call(method, path, { body });
        } catch (/** @type {any} */ error) {
            if (error.passing) {
                frame.told.unshift(...told);
            }

            frame.emit('error', { code: error.code || 'unavailable' });
        }
    }

    if (sets.length) {
        const { name, email, ...attributes } = Object.assign(
            {}, ...sets.map((it) => it[3]));

        if (Object.keys(attributes).length) {
            await hand(sets, 'PATCH', 'session', { attributes });
        }

        /* Those of a visitor whom the site has identified are refused. */
        if (name !== undefined || email !== undefined) {
            await hand(sets, 'PATCH', 'session', { name, email });
        }
    }

    while (events.length) {
        const told = events.splice(0, MOST);
        const body = () => told.map(([, at, page, name, data]) => ({
            name, url: page.replace(/[?#].*/, ''), data, at }));

        while (told.length > 1 && JSON.stringify(body()).length > BYTES) {
            events.unshift(told.pop());
        }

        await hand(told, 'POST', 'track', body());
    }
}
