/* Copyright (C) the ngx_http_chat_module authors */

import { adopt, attr, h, icon, text } from './kernel.js';
import { createComposer } from './composer.js';
import { plainName, problemText } from './i18n.js';
import { beginning, latest, self, status, unseen, waiting }
    from './widget-state.js';
import { linked } from './links.js';
import { names } from './names.js';
import { part } from './part.js';
import { STYLE as FORM } from './form-style.js';
import { STYLE } from './widget-style.js';

const MOST = 16384;
const AGAIN = 5000;
const LIST = 'M4 6h16v2H4Zm0 5h16v2H4Zm0 5h16v2H4Z';
const MORE = 'M6 10a2 2 0 1 1 0 4 2 2 0 0 1 0-4Zm6 0a2 2 0 1 1 0 4 2 2 0 0 1 '
             + '0-4Zm6 0a2 2 0 1 1 0 4 2 2 0 0 1 0-4Z';

const listing = part((suffix) => import('./widget-list.js' + suffix));
const attaching = part((suffix) => import('./widget-attach.js' + suffix));
const asking = part((suffix) => import('./widget-prechat.js' + suffix));
const carding = part((suffix) => import('./widget-card.js' + suffix));
const filing = part((suffix) => import('./widget-files.js' + suffix));
const formatting = part((suffix) => import('./widget-format.js' + suffix));
const extras = part((suffix) => import('./widget-more.js' + suffix));


/**
 * @typedef {object} WidgetActions
 * @property {() => Promise<void>} close
 * @property {() => void} start
 * @property {() => void} earlier
 * @property {(lane: string) => void} select
 * @property {() => void} begin another conversation
 * @property {() => void} list
 * @property {(error: Error) => void} wrong
 * @property {(seq: number) => void} seen
 * @property {(on: boolean) => boolean} typing
 * @property {(text: string, files?: Attachment[],
 *     answer?: {to: number, response: CardAnswer}) => Promise<void>} send
 * @property {ReturnType<typeof import('./remember.js').remember>} memory
 * @property {(text: string) => void} draft
 * @property {() => string} drafted
 * @property {(visitor: Visitor) => void} known who the visitor is by now
 * @property {(id: string) => void} retry
 * @property {(id: string) => void} discard
 * @property {() => Api} api
 *
 * @typedef {import('./widget-state.js').WidgetState} WidgetState
 * @typedef {typeof import('./widget-live.js').furniture} Furniture
 *
 * @typedef {typeof import('./kernel.js')} Kernel
 * @typedef {Pick<Kernel, 'adopt' | 'attr' | 'h' | 'text'> & {
 *     linked: typeof linked, problemText: typeof problemText, i18n: I18n,
 *     actions: WidgetActions,
 *     composer: ReturnType<typeof createComposer>,
 *     panel: HTMLElement, part: typeof part, emit: Frame['emit'],
 *     shown: () => WidgetState | null,
 *     button: (label: string, path: string, onclick: () => void)
 *         => HTMLElement,
 *     attachments: () => Promise<import('./widget-attach.js').Files>,
 *     files?: import('./widget-attach.js').Files,
 *     offered?: boolean, first?: () => HTMLElement | null | undefined,
 *     cards?: import('./widget-card.js').Cards,
 *     asked?: {update: () => void}}} Lent
 */


/**
 * @param {Frame} frame
 * @param {I18n} i18n
 * @param {WidgetActions} actions
 */
export function createView(frame, i18n, actions) {
    const { t } = i18n;
    const { settings, host, root, launcher } = frame;
    const narrow = matchMedia('(max-width: 479.98px)');
    const dark = matchMedia('(prefers-color-scheme: dark)');
    const listening = new AbortController();
    const { signal } = listening;

    /** @type {import('./widget-attach.js').Files | undefined} */
    let files;

    const composer = createComposer({
        label: t('composer.label'), send: t('composer.send'), most: MOST,
        long: t('problem.too_large'), more: () => files?.ready(),
        onsend: (value) => actions.send(value, files?.take()),
        oninput(value) {
            typing?.input(value);
            actions.draft(value);
        },
    });

    const button = (/** @type {string} */ label, /** @type {string} */ path,
                    /** @type {() => void} */ onclick) =>
        h('button', { 'type': 'button', 'class': 'tool', 'aria-label': label,
                      'title': label, onclick }, icon(path));

    /* The loader has this one already. */
    const cross = launcher.querySelector('.cross path')?.getAttribute('d')
                  || '';
    const title = h('h2', { id: 'title' });
    const here = h('p', { class: 'here' });
    /* Beside the title: what comes later must not push it away. */
    const all = button(t('list'), LIST, actions.list);
    const more = button(t('more'), MORE, toggleMenu);
    const menu = h('div', { class: 'menu', id: 'menu', hidden: true });
    const notice = h('p', { class: 'notice', role: 'status', hidden: true });
    const alert = h('span', { role: 'alert' });
    const again = h('button', { type: 'button', onclick: actions.start },
                    t('log.retry'));
    const problem = h('p', { class: 'notice bad', hidden: true }, alert,
                      again);
    const hello = h('p', { class: 'hello', dir: 'auto' });
    const intro = h('div', { class: 'intro', part: 'intro', hidden: true },
                    hello,
                    h('p', {}, settings.intro || t('intro')));
    const over = h('div', { class: 'over', hidden: true },
        h('button', { type: 'button', onclick: actions.begin }, t('begin')));
    const talk = h('div', { class: 'talk' }, intro, over, composer.element);
    const list = h('div', { class: 'list', part: 'list', hidden: true });
    const news = h('p', { class: 'hidden', role: 'status' });

    const panel = h('dialog', { 'class': 'panel', 'part': 'panel',
                                'id': 'panel', 'aria-labelledby': 'title' },
        h('div', { class: 'head', part: 'header' },
          h('div', { class: 'title' }, title, here),
          all, more, button(t('close'), cross, actions.close)),
        menu, notice, problem, list, talk);

    /** @type {string | null} */
    let overflow = null;
    /** @type {{update: (state: WidgetState) => void,
     *          focus: () => void} | null} */
    let conversations = null;
    /** @type {{update: (state: WidgetState) => void} | null} */
    let items = null;
    /** @type {WidgetState | null} */
    let shown = null;
    /** @type {ReturnType<typeof import('./log.js').createLog> | null} */
    let log = null;
    /** @type {ReturnType<typeof
     *     import('./typing.js').createTyping> | null} */
    let typing = null;
    /** @type {ReturnType<typeof
     *     import('./typing.js').createTypingLine> | null} */
    let typists = null;
    let heard = 0;
    let draftOf = '';

    /** What parts that come later need not bring. @type {Lent} */
    const lent = { adopt, attr, h, linked, text, problemText, i18n, actions, composer,
                   panel, part, button, attachments, emit: frame.emit,
                   shown: () => shown };

    attr(composer.element, 'part', 'composer');
    attr(more, 'aria-expanded', 'false');
    attr(more, 'aria-controls', 'menu');
    root.prepend(panel, news);

    const unstyle = adopt(panel, FORM + STYLE);

    attr(launcher, 'aria-controls', 'panel');
    theme();

    panel.addEventListener('cancel', (event) => {
        event.preventDefault();
        escape();
    });
    panel.addEventListener('keydown', (event) => {
        if (event.key === 'Escape' && !event.isComposing) {
            event.stopPropagation();
            event.preventDefault();
            escape();
        }
    });
    panel.addEventListener('click', (event) => {
        const path = event.composedPath();
        const { href } = /** @type {any} */ (path.find(
            (/** @type {any} */ it) => /norefe/.test(it.rel)) || {});

        if (href) {
            frame.emit('link:click', { url: href });
        }

        if (!menu.hidden && !path.includes(more)) {
            closeMenu();
        }
    });

    async function attachments() {
        const all = await (await attaching()).attachments(lent);

        files = all;

        return all;
    }

    /** @param {any} it an attachment, or a message with a card */
    function file(it) {
        const slot = h('div', { class: 'file' }, plainName(it.name || ''));

        /** A part that does not come is asked for again. */
        const fill = () => {
            (it.card ? carding().then((all) => all.cards(lent))
             : attachments()).then((/** @type {any} */ all) => {
                all.show(slot, it);
                log?.follow();
            }, () => slot.isConnected && setTimeout(fill, AGAIN));
        };

        fill();

        return slot;
    }

    /* The page was resized across the border of the two kinds of dialog. */
    narrow.addEventListener('change', () => {
        if (panel.open) {
            const inside = panel.contains(root.activeElement);

            hide();
            show();

            if (inside || narrow.matches) {
                focus();
            }
        }

        attr(launcher, 'hidden', panel.open && narrow.matches);
    }, { signal });

    /* A keyboard on the screen covers the page, but not what is visible. */
    for (const name of ['resize', 'scroll']) {
        window.visualViewport?.addEventListener(name, fit, { signal });
    }

    function fit() {
        const { height, offsetTop } = /** @type {VisualViewport} */ (
            window.visualViewport);

        panel.style.setProperty('--vvh', `${height}px`);
        panel.style.setProperty('--vvo', `${offsetTop}px`);
        log?.follow();
    }

    function show() {
        if (narrow.matches) {
            const { style } = document.documentElement;

            panel.showModal();
            overflow = overflow ?? style.overflow;
            style.overflow = 'hidden';
            fit();
        } else {
            /* show() would move the focus. */
            attr(panel, 'open', true);
        }

        log?.toEnd();
    }

    function hide() {
        panel.close();

        if (overflow !== null) {
            document.documentElement.style.overflow = overflow;
            overflow = null;
        }
    }

    function escape() {
        if (menu.hidden) {
            actions.close();
        } else {
            closeMenu();
            more.focus();
        }
    }

    async function toggleMenu() {
        if (!menu.hidden) {
            closeMenu();
            return;
        }

        if (!items) {
            const { createMore } = await extras();

            items = items || createMore(menu, i18n, actions, settings);
        }

        items?.update(/** @type {WidgetState} */ (shown));
        attr(menu, 'hidden', false);
        attr(more, 'aria-expanded', 'true');
        menu.querySelector('button')?.focus();
    }

    function closeMenu() {
        attr(menu, 'hidden', true);
        attr(more, 'aria-expanded', 'false');
    }

    /** @param {WidgetState} state */
    function closed(state) {
        const count = unseen(state);

        attr(launcher, 'hidden', state.open && narrow.matches);
        attr(launcher, 'aria-expanded', String(state.open));
        attr(launcher, 'aria-label',
             state.open ? t('launcher.close')
             : count ? t('launcher.unread', { count }) : t('launcher.open'));
        text(frame.badge, i18n.number(count));
        attr(frame.badge, 'hidden', state.open || count === 0);
    }

    /** @param {WidgetState} state */
    function head(state) {
        const people = state.talk && state.view === 'talk'
            ? state.talk.here.filter((it) => it.kind === 'agent') : [];
        const how = people.length ? '' : state.availability || '';
        const said = i18n.pick(settings.title);

        text(hello, said || t('hello'));
        text(title, state.view === 'list' ? t('list') : said || t('title'));
        text(here, people.length ? t('here', { count: people.length,
                                               name: names(people, i18n) })
                   : how ? t(`here.${how}`) : '');
        attr(here, 'class', `here ${how}`);
        attr(all, 'hidden', state.view === 'list' || !state.list.length
                            || !!settings.single);
        attr(more, 'hidden', state.view === 'list' || beginning(state));
    }

    /** @param {WidgetState} state */
    function notices(state) {
        const said = state.line.up && state.phase !== 'failed'
                     ? state.outgoing.some((it) => it.state === 'failed'
                                                   && !it.to)
                       ? t('log.unsent') : ''
                     : navigator.onLine ? state.line.up ? '' : t('line.down')
                     : t('offline');

        text(notice, said);
        attr(notice, 'hidden', said === '');
        text(alert, state.problem ? problemText(i18n, state.problem) : '');
        attr(problem, 'hidden', state.problem === null);
        attr(again, 'hidden', state.phase !== 'failed');
    }

    /** @param {WidgetState} state */
    function body(state) {
        const inList = state.view === 'list';
        const mine = waiting(state);

        attr(list, 'hidden', !inList);
        attr(talk, 'hidden', inList);

        if (inList) {
            showList(state);
        }

        attr(intro, 'hidden', !beginning(state) || mine.length > 0);
        attr(over, 'hidden', status(state) !== 'resolved'
                             || !!settings.single
                             || mine.some((it) => it.state !== 'failed'));

        if (log) {
            attr(log.element, 'hidden', !intro.hidden);
            typists?.update(state.talk ? state.talk.typing : []);
            log.update(state.talk, mine, self(state));
            lent.cards?.update();
        }

        const { site } = state;

        if (site?.prechat || site?.consent || site?.away) {
            asking().then((it) => it.ask(lent));
        }
    }

    /** @param {WidgetState} state */
    async function showList(state) {
        if (!conversations) {
            const { createList } = await listing();

            conversations = conversations || createList(list, i18n, actions);
            state = shown || state;
        }

        const first = list.dataset.shown !== 'true';

        list.dataset.shown = 'true';
        conversations?.update(state);

        if (first && panel.open) {
            conversations?.focus();
        }
    }

    /**
     * A message that comes while the panel is closed.
     *
     * @param {WidgetState} state
     */
    function announce(state) {
        const last = latest(state);

        if (state.open) {
            text(news, '');
        } else if (last && heard && last.seq > heard) {
            text(news, t('news', { name: plainName(last.sender.name || '')
                                         || t('who.agent') }));
        }

        heard = state.talk ? last?.seq || 0.5 : 0;
    }

    function theme() {
        const { theme: wanted } = settings;

        attr(host, 'data-dark', wanted === 'dark'
                                || (wanted !== 'light' && dark.matches));
    }

    function focus() {
        if (shown?.view === 'list') {
            conversations?.focus();
        } else {
            (lent.first?.() || composer.input).focus();
        }
    }

    return {
        narrow: () => narrow.matches,
        focused: () => panel.contains(root.activeElement),
        focus,
        theme,

        /** @param {Furniture} parts what a conversation needs */
        furnish({ createLog, createTyping, createTypingLine, style }) {
            log = createLog({
                i18n, label: t('log.label'), other: 'agent', eager: true,
                onearlier: actions.earlier, onseen: actions.seen,
                onretry: actions.retry, ondiscard: actions.discard, file,
                card: file,

                format({ own }, said, nodes) {
                    if (!own && /[*_`>]|^[-\d]/m.test(said)) {
                        formatting().then((all) => {
                            all.show(lent, said, nodes);
                            log?.follow();
                        }, () => {});
                    }
                },
            });
            typing = createTyping(actions.typing);
            typists = createTypingLine(i18n);
            attr(log.element, 'part', 'log');
            intro.after(log.element, typists.element);

            const bare = adopt(panel, style);

            signal.addEventListener('abort', bare);

            if (shown) {
                body(shown);
                log.toEnd();
            }
        },

        /** What was typed here before. */
        draft() {
            if (composer.input.value === '' || shown?.lane !== draftOf) {
                composer.set(actions.drafted());
            }

            draftOf = shown?.lane || '';
        },

        /** @param {string} value */
        write(value) {
            composer.set(value);
            actions.draft(value);
            composer.input.focus();
        },

        close() {
            listening.abort();
            hide();
            log?.close();
            panel.remove();
            news.remove();
            unstyle();
        },

        /** @param {WidgetState} state */
        update(state) {
            shown = state;
            closed(state);

            if (state.upload) {
                filing().then((it) => it.offer(lent));
            }

            if (state.view === 'talk') {
                list.dataset.shown = '';
            }

            head(state);
            notices(state);

            if (state.open && !panel.open) {
                show();
            } else if (!state.open && panel.open) {
                const inside = panel.contains(root.activeElement);

                closeMenu();
                hide();

                if (inside) {
                    launcher.focus();
                }
            }

            body(state);
            announce(state);
        },
    };
}
