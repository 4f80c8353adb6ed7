/* Copyright (C) the ngx_http_chat_module authors */

/*
 * An agent who touches none of the pages for a while is idle, and is back
 * with the next touch.  That is said beside what the agent has chosen, which
 * stays.
 */

const LONG = 600000;
const LOOK = 30000;
const OFTEN = 5000;


/**
 * @param {object} options
 * @param {{own: (name: string) => string,
 *          keepOwn: (name: string, value: string) => void}} options.keeper
 *     shared by the tabs of the browser
 * @param {() => Pick<Colleague, 'availability' | 'automatic'> | undefined}
 *     options.state what the agent is, as last told
 * @param {(idle: boolean) => void} options.tell
 * @param {Clock} options.clock
 */
export function createIdle({ keeper, state, tell, clock }) {
    let touched = clock.now();
    let kept = 0;

    function look() {
        const last = Math.max(touched, Number(keeper.own('touched')));

        const now = state();
        const idle = clock.now() - last >= LONG;

        /* A server that has forgotten, or knows no better, is told again. */
        if (now && now.availability !== 'away'
            && idle === !now.automatic)
        {
            keeper.keepOwn('idle', idle ? '1' : '');
            tell(idle);
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

            if (keeper.own('idle') === '1' || state()?.automatic) {
                keeper.keepOwn('idle', '');
                tell(false);
            }
        },
    };
}
