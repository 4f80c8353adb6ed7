/* Copyright (C) the ngx_http_chat_module authors */

import { attr, h, text } from './kernel.js';
import { createBar } from './console-bar.js';
import { createInbox } from './console-inbox.js';
import { createKeys } from './console-keys.js';
import { createPanes } from './console-panes.js';
import { createSetup, createSignin } from './console-signin.js';
import { createSide } from './console-side.js';
import { createTalk } from './console-talk.js';
import { createViews } from './console-views.js';
import { downSince } from './console-state.js';
import { part } from './part.js';
import { routeTo } from './console-route.js';
import { STYLE as FORMAT } from './format.js';
import { STYLE as FORM } from './form-style.js';
import { STYLE as LOG } from './log-style.js';

const settings = part((suffix) => import('./console-settings.js' + suffix));


/**
 * @typedef {import('./console-talk.js').TalkActions & {
 *     api: Api,
 *     keeper: ReturnType<typeof import('./console-drafts.js').createKeeper>,
 *     notice: ReturnType<typeof import('./console-notice.js').createNotice>,
 *     session: ReturnType<typeof
 *         import('./console-session.js').createSession>,
 *     store: Store<import('./console-state.js').ConsoleState, any>,
 *     be: (availability: Availability) => Promise<void>,
 *     order: (order: import('./console-list.js').Order) => void,
 *     search: (words: string) => void,
 *     show: (id: string) => void,
 *     step: (by: number) => void,
 *     below: () => void}} ConsoleActions
 */


/**
 * The whole page.
 *
 * @param {Wording} i18n
 * @param {ConsoleActions} actions
 */
export function createView(i18n, actions) {
    const { t } = i18n;
    const { keeper, session } = actions;
    const sheet = new CSSStyleSheet();
    const signin = createSignin(i18n, session);
    const setup = createSetup(i18n, session.setUp, () =>
        actions.store.dispatch({ type: 'invited', token: '' }));
    const views = createViews(i18n, () => {
        wanted = '';
        follow(actions.store.get());
    });
    const inbox = createInbox(i18n, {
        ...actions,
        views: () => turn('views'),
    });
    const talk = createTalk(i18n, {
        ...actions,
        back: () => actions.show(''),
        side,
    });
    const panel = createSide(i18n, { ...actions, close: side });
    const keys = createKeys(i18n, { ...actions, views, inbox, talk, panel,
                                    side });
    const bar = createBar(i18n, { ...actions, help: keys.help });
    const banner = h('p', { class: 'banner', role: 'status', hidden: true });
    const starting = h('main', { class: 'door' },
                       h('p', {}, t('starting')));
    const page = h('main', { class: 'pane settings' });
    const desk = h('div', { class: 'desk' }, views.element, inbox.element,
                   talk.element, panel.element, page);
    const narrow = matchMedia('(max-width: 719.98px)');
    const middling = matchMedia('(max-width: 1199.98px)');
    /** @type {{update: (state: any) => void} | null} */
    let shown = null;
    let shownPage = '';
    let wanted = '';
    let phase = '';
    let pane = '';
    /* Where there is room it is open, unless it has been closed. */
    let aside = !middling.matches && keeper.get('aside') !== '0';

    createPanes(i18n, keeper, desk, {
        views: [views.element, inbox.element],
        list: [inbox.element, talk.element],
        side: [panel.element, talk.element],
    }, [talk.element, page]);
    sheet.replaceSync(FORM + LOG + FORMAT);
    document.adoptedStyleSheets = [sheet];
    narrow.addEventListener('change', landmarks);
    document.documentElement.lang = i18n.lang;
    document.documentElement.dir = i18n.dir;

    return {
        again: talk.reply.ask,

        /** @param {import('./console-state.js').ConsoleState} state */
        update(state) {
            const now = state.invitation ? 'setup' : state.phase;
            const door = now === 'setup' ? setup : signin;

            if (now !== phase) {
                phase = now;
                keys.active(phase === 'in');
                document.body.replaceChildren(
                    banner, ...(phase === 'in' ? [bar.element, desk,
                                                  keys.element]
                                : phase === 'starting' ? [starting]
                                : [door.element]));

                if (phase === 'signin' || phase === 'setup') {
                    door.focus();
                } else if (phase === 'in') {
                    signin.forget();
                    setup.forget();

                    /* The pages of one agent are not another's. */
                    shownPage = '';
                }
            }

            announce(state);
            door.update(state);

            if (phase === 'in') {
                bar.update(state);
                views.update(state);
                inbox.update(state);
                talk.update(state);
                panel.update(state);
                settle(state);
                follow(state);
            }
        },
    };

    /** @param {import('./console-state.js').ConsoleState} state */
    function announce(state) {
        const since = downSince(state);

        text(banner, since ? t('line.down', { time: i18n.time(since) })
                     : state.away ? t('line.away', {
                           time: i18n.time(state.away) })
                     : '');
        attr(banner, 'hidden', !since && !state.away);
    }

    /**
     * The pages of the settings come when they are first wanted.
     *
     * @param {import('./console-state.js').ConsoleState} state
     */
    function settle(state) {
        if (state.page === shownPage) {
            shown?.update(state);
            return;
        }

        const { page: name } = state;

        shownPage = name;
        shown = null;
        page.replaceChildren();

        if (name !== '') {
            settings().then(({ createSettings }) => {
                if (shownPage === name) {
                    const made = createSettings(name, i18n, actions);

                    shown = made;
                    page.replaceChildren(
                        h('button', { type: 'button', class: 'back',
                                      onclick: () => turn('views') },
                          t('views.label')), made.element);
                    made.update(actions.store.get());
                    made.focus();
                }
            }, () => {
                shownPage = '';
                page.replaceChildren(h('p', { class: 'problem',
                                              role: 'alert' },
                                       t('problem.unavailable')));
            });
        }
    }

    /** Opens or closes the panel beside the conversation. */
    function side() {
        aside = !aside;
        keeper.put('aside', aside ? '' : '0');
        attr(desk, 'data-aside', aside);
        talk.expanded(aside);
        landmarks();

        if (aside) {
            panel.focus();
        } else {
            talk.focus();
        }
    }

    /**
     * To the pane of what the address says, when that is another.
     *
     * @param {import('./console-state.js').ConsoleState} state
     */
    function follow({ page: name, selected, view }) {
        const now = name ? 'settings' : selected ? 'talk' : 'list';
        const place = `${now} ${name} ${routeTo(view)}`;

        if (place !== wanted) {
            wanted = place;
            turn(now);
        }
    }

    /**
     * A narrow page shows one pane, and the focus goes with it.
     *
     * @param {'views' | 'list' | 'talk' | 'settings'} name
     */
    function turn(name) {
        attr(desk, 'data-aside', aside);
        talk.expanded(aside);
        attr(desk, 'data-pane', name);

        if (pane !== '' && pane !== name && narrow.matches
            && name !== 'settings')
        {
            (name === 'views' ? views : name === 'talk' ? talk : inbox)
            .focus();
        }

        if (name === 'talk' && pane === 'settings') {
            talk.shown();
        }

        pane = name;
        landmarks();
    }

    /** The one pane of a narrow page is its main part. */
    function landmarks() {
        const { matches: one } = narrow;
        const main = pane === 'settings' || pane === 'talk' && !aside;

        attr(desk, 'role', one && !main ? 'main' : null);
        attr(panel.element, 'role', one ? 'region' : null);
    }
}
