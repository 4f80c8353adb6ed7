/* Copyright (C) the ngx_http_chat_module authors */

import { attr, h, icon, text } from './kernel.js';
import { createComposer } from './composer.js';
import { createLog } from './log.js';
import { plainName, problemText } from './i18n.js';
import { createTyping, createTypingLine, names } from './typing.js';
import { self } from './widget-state.js';
import { head, same, unread } from './talk.js';
import { STYLE as LOG_STYLE } from './log-style.js';
import { STYLE } from './widget-style.js';

const MOST = 16384;
const CROSS = 'M6.7 5.3 12 10.6l5.3-5.3 1.4 1.4-5.3 5.3 5.3 5.3-1.4 1.4'
              + '-5.3-5.3-5.3 5.3-1.4-1.4 5.3-5.3-5.3-5.3Z';


/**
 * @typedef {object} WidgetActions
 * @property {() => void} close
 * @property {() => void} start
 * @property {() => void} earlier
 * @property {(seq: number) => void} seen
 * @property {(on: boolean) => boolean} typing
 * @property {(text: string) => void} send
 * @property {(id: string) => void} retry
 * @property {(id: string) => void} discard
 */


/**
 * @param {Frame} frame
 * @param {I18n} i18n
 * @param {WidgetActions} actions
 */
export function createView(frame, i18n, actions) {
    const { t } = i18n;
    const narrow = matchMedia('(max-width: 479.98px)');

    const log = createLog({
        i18n, label: t('log.label'), other: 'agent',
        onearlier: actions.earlier, onseen: actions.seen,
        onretry: actions.retry, ondiscard: actions.discard,
    });
    const typing = createTyping(actions.typing);
    const typists = createTypingLine(i18n);
    const composer = createComposer({
        label: t('composer.label'), send: t('composer.send'), most: MOST,
        onsend: actions.send, oninput: typing.input,
    });
    const here = h('p', { class: 'here', hidden: true });

    const status = h('p', { class: 'notice', role: 'status', hidden: true });
    const alert = h('span', { role: 'alert' });
    const again = h('button', { type: 'button', onclick: actions.start },
                    t('retry'));
    const problem = h('p', { class: 'notice bad', hidden: true }, alert,
                      again);
    const intro = h('p', { class: 'intro', hidden: true }, t('intro'));
    const news = h('p', { class: 'hidden', role: 'status' });

    const panel = h('dialog', { 'class': 'panel', 'part': 'panel',
                                'id': 'panel', 'aria-labelledby': 'title' },
        h('div', { class: 'head' },
          h('div', { class: 'title' },
            h('h2', { id: 'title' }, t('title')), here),
          h('button', { 'type': 'button', 'class': 'close',
                        'aria-label': t('close'), 'onclick': actions.close },
            icon(CROSS))),
        status, problem, intro, log.element, typists.element,
        composer.element);

    const sheet = new CSSStyleSheet();

    sheet.replaceSync(LOG_STYLE + STYLE);
    frame.root.adoptedStyleSheets = [...frame.root.adoptedStyleSheets, sheet];
    frame.root.prepend(panel, news);
    attr(frame.launcher, 'aria-controls', 'panel');

    panel.addEventListener('cancel', (event) => {
        event.preventDefault();
        actions.close();
    });
    panel.addEventListener('keydown', (event) => {
        if (event.key === 'Escape' && !event.isComposing) {
            event.stopPropagation();
            actions.close();
        }
    });

    /* The page was resized across the border of the two kinds of dialog. */
    narrow.addEventListener('change', () => {
        if (panel.open) {
            panel.close();
            show(panel, narrow.matches);
        }

        attr(frame.launcher, 'hidden', panel.open && narrow.matches);
    });

    let heard = -1;

    return {
        narrow: () => narrow.matches,
        focus: () => composer.input.focus(),

        /** @param {import('./widget-state.js').WidgetState} state */
        update(state) {
            launcher(state);

            if (state.open && !panel.open) {
                show(panel, narrow.matches);
                log.toEnd();
            } else if (!state.open && panel.open) {
                const inside = panel.contains(frame.root.activeElement);

                panel.close();

                if (inside) {
                    frame.launcher.focus();
                }
            }

            notices(state);
            present(state.talk);
            log.update(state.talk, state.outgoing, self(state));
            announce(state);
        },
    };

    /** @param {import('./widget-state.js').WidgetState} state */
    function launcher(state) {
        const count = state.talk ? unread(state.talk, self(state)) : 0;

        attr(frame.launcher, 'hidden', state.open && narrow.matches);
        attr(frame.launcher, 'aria-expanded', String(state.open));
        attr(frame.launcher, 'aria-label',
             state.open ? t('launcher.close')
             : count ? t('launcher.unread', { count }) : t('launcher.open'));
        text(frame.badge, String(count));
        attr(frame.badge, 'hidden', state.open || count === 0);
    }

    /** @param {import('./widget-state.js').WidgetState} state */
    function notices(state) {
        const said = state.phase === 'starting' ? t('starting')
                     : !state.line.up ? t('line.down')
                     : state.outgoing.some((it) => it.state === 'failed')
                       ? t('log.unsent') : '';

        text(status, said);
        attr(status, 'hidden', said === '');
        text(alert, state.problem ? problemText(i18n, state.problem) : '');
        attr(problem, 'hidden', state.problem === null);
        attr(again, 'hidden', state.phase !== 'failed');
        attr(intro, 'hidden', state.phase !== 'ready' || state.talk !== null
                              || state.outgoing.length > 0);
    }

    /** @param {Talk | null} talk */
    function present(talk) {
        const agents = talk ? talk.here.filter((it) => it.kind === 'agent')
                            : [];

        text(here, agents.length ? t('here', { count: agents.length,
                                               name: names(agents, i18n) })
                                 : '');
        attr(here, 'hidden', agents.length === 0);
        typists.update(talk ? talk.typing : []);
    }

    /**
     * A message that comes while the panel is closed.
     *
     * @param {import('./widget-state.js').WidgetState} state
     */
    function announce(state) {
        const { talk } = state;
        const last = talk?.events[talk.events.length - 1];

        if (!state.open && heard >= 0 && last && last.seq > heard
            && last.type === 'message' && !same(last.sender, self(state)))
        {
            text(news, t('news', { name: plainName(last.sender.name || '')
                                         || t('who.agent') }));
        } else if (state.open) {
            text(news, '');
        }

        heard = talk ? head(talk) : -1;
    }
}


/**
 * @param {HTMLDialogElement} panel
 * @param {boolean} modal
 */
function show(panel, modal) {
    if (modal) {
        panel.showModal();
    } else {
        /* show() would move the focus. */
        attr(panel, 'open', true);
    }
}
