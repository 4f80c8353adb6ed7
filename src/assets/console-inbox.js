/* Copyright (C) the ngx_http_chat_module authors */

import { attr, h, keyed, text } from './kernel.js';
import { plainName } from './i18n.js';
import { ordered, VIEWS } from './console-state.js';


/**
 * The list of conversations.
 *
 * @param {I18n} i18n
 * @param {object} actions
 * @param {(view: string) => void} actions.view
 * @param {() => void} actions.below
 */
export function createInbox(i18n, actions) {
    const { t } = i18n;
    const view = h('select', { id: 'view',
                               onchange: () => actions.view(view.value) },
                   ...Object.keys(VIEWS).map(
                       (name) => h('option', { value: name },
                                   t(`inbox.${name}`))));
    const list = h('ul', { class: 'inbox' });
    const empty = h('p', { class: 'empty' });
    const more = h('button', { type: 'button', class: 'earlier',
                               onclick: actions.below },
                   t('inbox.earlier'));
    const element = h('nav', { class: 'pane list',
                               'aria-label': t('inbox.label') },
                      h('div', { class: 'views' },
                        h('label', { for: 'view' }, t('inbox.view')), view),
                      list, empty, more);

    return {
        element,
        focus: () => view.focus(),

        /** @param {import('./console-state.js').ConsoleState} state */
        update(state) {
            const items = state.list ? ordered(state.list) : [];

            view.value = state.view;
            keyed(list, items, (it) => it.id, createItem,
                  (node, it) => updateItem(node, it, state.selected, i18n));
            text(empty, items.length ? ''
                        : t(state.list ? 'inbox.empty' : 'inbox.starting'));
            attr(list, 'hidden', items.length === 0);
            attr(empty, 'hidden', items.length > 0);
            attr(more, 'hidden', !state.more);
        },
    };
}


/** @param {Summary} item */
function createItem(item) {
    return h('li', {},
             h('a', { class: 'item', href: `#${item.id}` },
               h('span', { class: 'row' },
                 h('bdi', { class: 'name' }), h('time', {})),
               h('span', { class: 'row' },
                 h('span', { class: 'preview', dir: 'auto' }),
                 h('span', { class: 'count' })),
               h('span', { class: 'row small' },
                 h('span', { class: 'status' }),
                 h('bdi', { class: 'assignee' }))));
}


/**
 * @param {HTMLElement} node
 * @param {Summary} item
 * @param {string} selected
 * @param {I18n} i18n
 */
function updateItem(node, item, selected, i18n) {
    const link = node.children[0];
    const [top, middle, bottom] = link.children;
    const at = item.last?.created_at || '';

    attr(link, 'aria-current', item.id === selected ? 'true' : null);
    attr(link, 'class', item.unread > 0 ? 'item unread' : 'item');
    text(top.children[0], visitorName(item.visitor, i18n));
    text(top.children[1], i18n.time(at));
    attr(top.children[1], 'datetime', at || null);
    text(middle.children[0], (item.last?.text || '').slice(0, 200));
    text(middle.children[1], item.unread > 0
         ? i18n.t('inbox.unread', { count: item.unread }) : '');
    attr(middle.children[1], 'hidden', item.unread <= 0);
    text(bottom.children[0], i18n.t(`status.${item.status}`));
    attr(bottom.children[0], 'data-status', item.status);
    text(bottom.children[1], item.assignee
         ? plainName(item.assignee.name || '') : i18n.t('talk.unassigned'));
}


/**
 * What to call a visitor: the name, else the end of the id.
 *
 * @param {Named} visitor
 * @param {I18n} i18n
 */
export function visitorName(visitor, i18n) {
    return plainName(visitor.name || '')
           || `${i18n.t('who.visitor')} ${visitor.id.slice(-4)}`;
}
