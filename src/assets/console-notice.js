/* Copyright (C) the ngx_http_chat_module authors */

import { plainName } from './i18n.js';
import { sound } from './widget-news.js';
import { visitorName } from './console-inbox.js';

/*
 * What tells an agent who looks elsewhere: a sound, a note on the desktop,
 * the count in the title.  What comes close together is told of once.
 */

const TOGETHER = 4000;
const NEAR = 500;
const MOST = 120;

/** @typedef {import('./console-state.js').ConsoleState} ConsoleState */


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
    /** @type {Map<string, number>} the last message that was told of */
    const told = new Map();
    /** @type {Map<string, number>} how often the agent was mentioned */
    const named = new Map();
    /** @type {(Summary & {mentioned?: boolean})[]} */
    let waiting = [];
    let last = 0;
    let timer = 0;

    const muted = () => new Set(keeper.get('muted').split(' '));

    function tell() {
        const [item] = waiting;
        const count = waiting.length;

        timer = 0;
        last = now();
        waiting = [];

        /* Another tab has told of it. */
        if (last - Number(keeper.get('told')) < TOGETHER - NEAR) {
            return;
        }

        keeper.put('told', String(last));

        if (keeper.get('quiet') !== '1') {
            sound();
        }

        if (keeper.get('desktop') !== '1' || !document.hidden
            || !('Notification' in window)
            || Notification.permission !== 'granted')
        {
            return;
        }

        const note = new Notification(
            count > 1 ? t('notice.many', { count })
                      : item.mentioned ? t('notice.mention', {
                            name: item.last?.sender.name || t('who.agent') })
                      : t('notice.one', {
                            name: visitorName(item.visitor, i18n) }),
            { tag: 'chat', lang: i18n.lang, dir: i18n.dir,
              body: count > 1 ? '' : plainName(item.last?.text || '')
                                     .slice(0, MOST) });

        note.onclick = () => {
            window.focus();
            open(item.id);
            note.close();
        };
    }

    return {
        /**
         * Messages of visitors that are this agent's business: the own
         * conversations, and those that nobody has; and notes that mention
         * the agent, anywhere.
         *
         * @param {InboxPage} page
         * @param {ConsoleState} state as it was before
         * @param {boolean} first after a connection: what is not known yet
         *     may be old
         */
        news(page, state, first) {
            const quiet = muted();
            const looking = document.hasFocus() ? state.selected : '';

            for (const item of page.conversations) {
                const { id, last: message, assignee, unread,
                        mentions = 0 } = item;
                const seq = message?.seq || 0;
                const had = told.get(id)
                            ?? state.list?.[id]?.last?.seq
                            ?? (first ? seq : 0);

                const mentioned = mentions > (named.get(id)
                                  ?? state.list?.[id]?.mentions
                                  ?? (first ? mentions : 0));
                const asked = seq > had && unread > 0
                    && message?.sender.kind === 'visitor'
                    && (assignee === null || assignee.id === state.agent?.id);

                told.set(id, seq);
                named.set(id, mentions);

                if ((asked || mentioned) && id !== looking && !quiet.has(id)) {
                    waiting = [{ ...item, mentioned }, ...waiting.filter(
                        (it) => it.id !== id)];
                }
            }

            if (waiting.length && !timer) {
                timer = window.setTimeout(
                    tell, Math.max(Math.random() * NEAR,
                                   last + TOGETHER - now()));
            }
        },

        /** @param {ConsoleState} state */
        update(state) {
            const count = state.waiting.size;
            const title = count && state.phase === 'in'
                          ? t('title.unread', { count }) : t('title');

            if (document.title !== title) {
                document.title = title;
            }
        },

        /** @param {string} id */
        isMuted: (id) => muted().has(id),

        /** @param {string} id */
        mute(id) {
            const all = muted();

            if (!all.delete(id)) {
                all.add(id);
            }

            keeper.put('muted', [...all].slice(-500).join(' ').trim());
        },

        /** Asked for by a button only. */
        async desktop(/** @type {boolean} */ on) {
            const granted = on && 'Notification' in window
                && await Notification.requestPermission() === 'granted';

            keeper.put('desktop', granted ? '1' : '');

            return granted;
        },
    };
}
