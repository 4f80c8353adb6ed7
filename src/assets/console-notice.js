/* Copyright (C) the ngx_http_chat_module authors */

import { alertsOf, createWants, knownOf, unknown, waits }
    from './console-alerts.js';
import { plainName } from './i18n.js';
import { sound } from './widget-news.js';
import { visitorName } from './console-inbox.js';

/*
 * What tells an agent who looks elsewhere: a sound, a note on the desktop,
 * the count in the title, for what is wanted of each.  What comes close
 * together is told of once.
 */

const TOGETHER = 4000;
const NEAR = 500;
const MOST = 120;

/** @typedef {import('./console-alerts.js').Alert} Alert */
/** @typedef {import('./console-alerts.js').Way} Way */
/** @typedef {import('./console-state.js').ConsoleState} ConsoleState */
/** @typedef {Summary & {alerts: Alert[]}} News */


/**
 * @param {object} options
 * @param {Wording} options.i18n
 * @param {ReturnType<typeof
 *     import('./console-drafts.js').createKeeper>} options.keeper
 * @param {(id: string) => void} options.open
 * @param {Clock['now']} [options.now]
 */
export function createNotice({ i18n, keeper, open, now = Date.now }) {
    const { t } = i18n;
    const { wants, want } = createWants(keeper);
    /** @type {Map<string, import('./console-alerts.js').Known>} as last told */
    const known = new Map();
    /** @type {Set<string>} given to the agent, and not looked at */
    const given = new Set();
    /** @type {News[]} */
    let waiting = [];
    let last = 0;
    let timer = 0;
    let who = '';
    /* The conversation that is looked at, here or in another tab. */
    let looked = '';
    /** @type {ConsoleState | null} */
    let shown = null;
    /** @type {unknown[]} */
    let counted = [];

    const muted = () => new Set(keeper.get('muted').split(' '));

    /** @param {Way} way */
    const wanted = (way) => (/** @type {News} */ { alerts }) =>
        alerts.some((alert) => wants(alert, way));

    for (const event of ['focus', 'blur', 'pagehide']) {
        window.addEventListener(event, recount);
    }

    keeper.watch('alerts', recount);
    keeper.watch('muted', recount);

    function tell() {
        const heard = waiting.some(wanted('sound'));
        const noted = waiting.filter(wanted('desktop'));

        timer = 0;
        waiting = [];

        /* Another tab has told of it. */
        if (!heard && !noted.length
            || now() - Number(keeper.get('told')) < TOGETHER - NEAR)
        {
            return;
        }

        last = now();
        keeper.put('told', String(last));

        if (heard) {
            sound();
        }

        if (noted.length && document.hidden && 'Notification' in window
            && Notification.permission === 'granted')
        {
            note(noted);
        }
    }

    /** @param {News[]} noted */
    function note(noted) {
        const [item] = noted;
        const count = noted.length;
        const shows = new Notification(
            count > 1 ? t('notice.many', { count }) : saidOf(item),
            { tag: 'chat', lang: i18n.lang, dir: i18n.dir,
              body: count > 1 ? '' : plainName(item.last?.text || '')
                                     .slice(0, MOST) });

        shows.onclick = () => {
            window.focus();
            open(item.id);
            shows.close();
        };
    }

    /** @param {News} item */
    function saidOf({ alerts, last: message, visitor }) {
        const name = visitorName(visitor, i18n);

        return alerts.includes('mention') ? t('notice.mention', {
                   name: message?.sender.name || t('who.agent') })
               : alerts.includes('assigned') ? t('notice.assigned', { name })
               : alerts.includes('team') ? t('notice.team', { name })
               : t('notice.one', { name });
    }

    /** @param {ConsoleState} state */
    function teamsOf({ agent, desk }) {
        const me = desk.agents.find(({ id }) => id === agent?.id);

        return (me?.teams || []).map(({ id }) => id);
    }

    /** @param {string} id */
    function look(id) {
        if (id !== looked) {
            looked = id;
            keeper.put('looked', id);
        }
    }

    /** Another look at what is shown, as something else has changed. */
    function recount() {
        counted = [];

        if (shown) {
            update(shown);
        }
    }

    /** @param {ConsoleState} state */
    function update(state) {
        const { waiting: asking, agent, phase, selected, desk, mentions }
            = state;
        const seen = [asking, agent, phase, selected, desk, mentions];

        shown = state;

        if (seen.every((it, i) => it === counted[i])) {
            return;
        }

        counted = seen;
        look(document.hasFocus() ? selected : '');
        given.delete(looked);

        const teams = teamsOf(state);
        const quiet = muted();
        const me = agent?.id || '';
        const ids = new Set([
            ...[...asking.values()].filter((it) => waits(it, me, teams)
                .some((alert) => wants(alert, 'title'))).map(({ id }) => id),
            ...wants('assigned', 'title') ? given : [],
            ...wants('mention', 'title')
               ? mentions.map((it) => it.conversation) : []]);
        const count = [...ids].filter((id) => !quiet.has(id)).length;
        const title = count && phase === 'in' ? t('title.unread', { count })
                                              : t('title');

        if (document.title !== title) {
            document.title = title;
        }
    }

    return {
        wants,

        /**
         * @param {Alert} alert
         * @param {Way} way
         * @param {boolean} on
         */
        want(alert, way, on) {
            want(alert, way, on);
            recount();
        },

        /**
         * What is this agent's business: messages of visitors in his own
         * conversations and in those that nobody has, what is given to him
         * or to his teams, and notes that mention him, anywhere.
         *
         * @param {InboxPage} page
         * @param {ConsoleState} state as it was before
         * @param {boolean} first after a connection: what is not known yet
         *     may be old
         */
        news(page, state, first) {
            const quiet = muted();
            const me = state.agent?.id || '';
            const teams = teamsOf(state);
            const elsewhere = keeper.get('looked');

            if (me !== who) {
                who = me;
                known.clear();
                given.clear();
            }

            for (const item of page.conversations) {
                const { id } = item;
                const listed = state.list?.[id];
                const had = known.get(id) || (listed ? knownOf(listed)
                            : first ? knownOf(item) : unknown(item));
                const alerts = alertsOf(item, had, me, teams);
                const before = waiting.find((it) => it.id === id);

                known.set(id, knownOf(item));

                if (item.assignee?.id !== me || item.status === 'resolved') {
                    given.delete(id);
                }

                if (!alerts.length || quiet.has(id) || id === looked
                    || id === elsewhere)
                {
                    continue;
                }

                if (alerts.includes('assigned')) {
                    given.add(id);
                }

                waiting = [{ ...item, alerts: [...alerts,
                                               ...before?.alerts || []] },
                           ...waiting.filter((it) => it !== before)];
            }

            recount();

            if (waiting.length && !timer) {
                timer = window.setTimeout(
                    tell, Math.max(Math.random() * NEAR,
                                   last + TOGETHER - now()));
            }
        },

        update,

        /** @param {string} id */
        isMuted: (id) => muted().has(id),

        /** @param {string} id */
        mute(id) {
            const all = muted();

            if (!all.delete(id)) {
                all.add(id);
            }

            keeper.put('muted', [...all].slice(-500).join(' ').trim());
            recount();
        },

        /** Notes on the desktop; asked for by a button only. */
        allow: async () => 'Notification' in window
            && await Notification.requestPermission() === 'granted',
    };
}
