/* Copyright (C) the ngx_http_chat_module authors */

/*
 * An agent who touches none of the pages for a while is away, and is back
 * with the next touch.  Who has chosen to be busy or away stays so.
 */

const LONG = 600000;
const LOOK = 30000;
const OFTEN = 5000;


/**
 * @param {object} options
 * @param {{own: (name: string) => string,
 *          keepOwn: (name: string, value: string) => void}} options.keeper
 *     shared by the tabs of the browser
 * @param {() => Availability | undefined} options.state what the agent is
 * @param {(availability: Availability) => void} options.be
 * @param {Clock} options.clock
 */
export function createIdle({ keeper, state, be, clock }) {
    let touched = clock.now();
    let kept = 0;

    function look() {
        const last = Math.max(touched, Number(keeper.own('touched')));

        if (state() === 'online' && clock.now() - last >= LONG) {
            keeper.keepOwn('idle', '1');
            be('away');
        }

        clock.after(LOOK, look);
    }

    clock.after(LOOK, look);

    return {
        /** The agent is there. */
        touch() {
            const now = clock.now();

            touched = now;

            if (!state() || now - kept < OFTEN) {
                return;
            }

            kept = now;
            keeper.keepOwn('touched', String(now));

            if (keeper.own('idle') === '1') {
                keeper.keepOwn('idle', '');

                if (state() === 'away') {
                    be('online');
                }
            }
        },

        /** What the agent chooses himself stays. */
        chosen() {
            keeper.keepOwn('idle', '');
        },
    };
}
