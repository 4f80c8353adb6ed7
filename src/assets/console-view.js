/* Copyright (C) the ngx_http_chat_module authors */

import { attr, h, text } from './kernel.js';
import { createInbox } from './console-inbox.js';
import { createSignin } from './console-signin.js';
import { createTalk } from './console-talk.js';
import { downSince } from './console-state.js';
import { plainName } from './i18n.js';
import { STYLE as FORM } from './form-style.js';
import { STYLE as LOG } from './log-style.js';


/**
 * @typedef {import('./console-talk.js').TalkActions & {
 *     signIn: (email: string, password: string) => void,
 *     signOut: () => void,
 *     view: (name: string) => void,
 *     below: () => void}} ConsoleActions
 */


/**
 * The whole page.
 *
 * @param {I18n} i18n
 * @param {ConsoleActions} actions
 */
export function createView(i18n, actions) {
    const { t } = i18n;
    const sheet = new CSSStyleSheet();
    const signin = createSignin(i18n, actions.signIn);
    const inbox = createInbox(i18n, actions);
    const talk = createTalk(i18n, actions);
    const who = h('bdi', { class: 'me' });
    const banner = h('p', { class: 'banner', role: 'status', hidden: true });
    const starting = h('main', { class: 'door' },
                       h('p', {}, t('starting')));
    const bar = h('header', { class: 'bar' },
                  h('h1', {}, t('title')), who,
                  h('button', { type: 'button', onclick: actions.signOut },
                    t('signout')));
    const desk = h('div', { class: 'desk' }, inbox.element, talk.element);
    const narrow = matchMedia('(max-width: 719.98px)');
    let phase = '';
    let pane = '';

    sheet.replaceSync(FORM + LOG);
    document.adoptedStyleSheets = [sheet];
    document.documentElement.lang = i18n.lang;
    document.documentElement.dir = i18n.dir;

    return {
        /** @param {import('./console-state.js').ConsoleState} state */
        update(state) {
            if (state.phase !== phase) {
                phase = state.phase;
                document.body.replaceChildren(
                    banner, ...(phase === 'in' ? [bar, desk]
                                : phase === 'signin' ? [signin.element]
                                : [starting]));

                if (phase === 'signin') {
                    signin.focus();
                } else if (phase === 'in') {
                    signin.forget();
                }
            }

            const since = downSince(state);
            const waiting = Object.values(state.list || {})
                            .filter((it) => it.unread > 0).length;

            text(banner, since ? t('line.down', { time: i18n.time(since) })
                               : '');
            attr(banner, 'hidden', since === 0);
            document.title = waiting && phase === 'in'
                             ? t('title.unread', { count: waiting })
                             : t('title');

            text(who, plainName(state.agent?.name || ''));
            signin.update(state);

            if (phase === 'in') {
                inbox.update(state);
                talk.update(state);
                turn(state.selected ? 'talk' : 'list');
            }
        },
    };

    /**
     * A narrow page shows one pane, and the focus goes with it.
     *
     * @param {'talk' | 'list'} name
     */
    function turn(name) {
        attr(desk, 'data-pane', name);

        if (pane !== '' && pane !== name && narrow.matches) {
            (name === 'talk' ? talk : inbox).focus();
        }

        pane = name;
    }
}
