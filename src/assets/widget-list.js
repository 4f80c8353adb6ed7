/* Copyright (C) the ngx_http_chat_module authors */

import { adopt, attr, h, keyed, text } from './kernel.js';
import { isolate, plainName } from './i18n.js';

const STYLE = `
.main { border-color: transparent; background: var(--accent);
    color: var(--accent-fg) }
.main:hover { background: var(--accent); filter: brightness(1.08) }
.list { display: flex; flex: 1; flex-direction: column; min-block-size: 0;
    overflow-y: auto; overscroll-behavior: contain }
.entries { flex: 1; margin: 0; padding: 8px; list-style: none }
.entry {
    display: grid;
    grid-template-columns: 1fr auto;
    gap: 2px 12px;
    align-items: center;
    inline-size: 100%;
    min-block-size: 64px;
    padding: 10px 12px;
    border-color: transparent;
    border-radius: 12px;
    text-align: start;
}
.what { overflow: hidden; font-size: .9375rem; text-overflow: ellipsis;
    white-space: nowrap }
.when { grid-row: 2; color: var(--muted); font-size: .8125rem }
.count { grid-row: 1 / 3; grid-column: 2; padding: 2px 10px;
    border: 1px solid transparent; border-radius: 11px; background: #b3142b;
    color: #fff; font-size: .75rem; font-weight: 600 }
@media (forced-colors: active) {
    .entry, .count, .main { border-color: CanvasText }
}`;


/**
 * The conversations of a visitor, loaded with the first look at them.
 *
 * @param {HTMLElement} element
 * @param {I18n} i18n
 * @param {import('./widget-view.js').WidgetActions} actions
 */
export function createList(element, i18n, actions) {
    const { t } = i18n;
    const list = h('ul', { class: 'entries', 'aria-labelledby': 'title' });

    adopt(element, STYLE);
    element.append(list, h('div', { class: 'over' },
        h('button', { type: 'button', class: 'main',
                      onclick: actions.begin }, t('begin'))));

    /** @param {Summary} it */
    const create = (it) => h('li', {},
        h('button', { type: 'button', class: 'entry',
                      onclick: () => actions.select(it.id) },
          h('span', { class: 'what', dir: 'auto' }),
          h('span', { class: 'when' }),
          h('span', { class: 'count', hidden: true })));

    /**
     * @param {HTMLElement} node
     * @param {Summary} it
     */
    const update = (node, it) => {
        const [what, when, count] = node.children[0].children;
        const { last } = it;
        const who = !last ? ''
                    : last.sender.kind === 'visitor' ? t('who.me')
                    : plainName(last.sender.name || '') || t('who.agent');

        text(what, last ? `${isolate(who)}: ${
            (last.text ?? t('message.redacted')) || t('file')}` : '…');
        text(when, [last && i18n.time(last.created_at),
                    it.status === 'resolved' && t('list.ended')]
                   .filter(Boolean).join(' · '));
        text(count, t('list.unread', { count: it.unread }));
        attr(count, 'hidden', it.unread === 0);
    };

    return {
        /** @param {import('./widget-state.js').WidgetState} state */
        update(state) {
            keyed(list, state.list, (it) => it.id, create, update);
        },

        focus: () => element.querySelector('button')?.focus(),
    };
}
