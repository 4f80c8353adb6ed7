/* Copyright (C) the ngx_http_chat_module authors */

import { attr, h, keyed, text } from './kernel.js';
import { createWindow } from './console-window.js';
import { ordered, ORDERS } from './console-list.js';
import { plainName } from './i18n.js';
import { routeTo } from './console-route.js';
import { unformatted } from './console-format.js';

const MOST_LABELS = 3;


/**
 * The pane with the conversations of a view.
 *
 * @param {Wording} i18n
 * @param {object} actions
 * @param {(order: import('./console-list.js').Order) => void} actions.order
 * @param {(words: string) => void} actions.search
 * @param {() => void} actions.below
 * @param {() => void} actions.views
 */
export function createInbox(i18n, actions) {
    const { t } = i18n;
    /** @type {import('./console-state.js').ConsoleState | null} */
    let now = null;
    /** @type {unknown[]} */
    let drawn = [];
    let selected = '';

    const field = h('input', { type: 'search', id: 'search',
                               autocomplete: 'off', spellcheck: 'false',
                               'aria-describedby': 'grammar',
                               placeholder: t('search.label'),
                               'aria-label': t('search.label') });
    const search = h('form', { role: 'search', class: 'search' }, field,
                     h('p', { class: 'hidden', id: 'grammar' },
                       t('search.grammar')));
    const order = h('select', {
        id: 'order',
        onchange: () => actions.order(
            /** @type {import('./console-list.js').Order} */ (order.value)),
    }, ...ORDERS.map((name) => h('option', { value: name },
                                 t(`order.${name}`))));
    const title = h('h2', { id: 'view' }, h('bdi', {}));
    const back = h('button', { type: 'button', class: 'back',
                               onclick: actions.views }, t('views.label'));
    const rows = createWindow({
        create: createItem,
        update: (node, it) => updateItem(node, it, now, i18n),
        onend: () => now?.more && actions.below(),
    });
    const empty = h('p', { class: 'empty', role: 'status' });
    const element = h('nav', { class: 'pane list',
                               'aria-label': t('inbox.label') },
                      h('div', { class: 'find' }, back, search,
                        h('div', { class: 'row' }, title,
                          h('label', { for: 'order', class: 'hidden' },
                            t('order.label')), order)),
                      empty, rows.element);

    search.addEventListener('submit', (event) => {
        event.preventDefault();
        actions.search(field.value.trim());
    });

    field.addEventListener('search', () =>
        field.value || now?.view.name !== 'search' || actions.search(''));

    return {
        element,
        focus: rows.focus,
        search: () => field.select(),

        /** @param {import('./console-state.js').ConsoleState} state */
        update(state) {
            const { list, view, bad } = state;
            const seen = [list, state.order, state.selected, view, i18n,
                          state.more, bad, state.agent, state.conversation];

            if (seen.every((it, i) => it === drawn[i])) {
                return;
            }

            if (view !== drawn[3]) {
                field.value = view.name === 'search' ? view.value : '';
            }

            now = state;
            drawn = seen;

            const items = list ? ordered(list, state.order) : [];

            order.value = state.order;
            text(title.children[0], plainName(viewName(state, i18n)));
            text(empty, items.length ? ''
                        : t(!list ? 'inbox.starting'
                            : bad ? 'search.bad'
                            : 'inbox.empty'));
            attr(empty, 'hidden', items.length > 0);
            attr(rows.element, 'hidden', items.length === 0);
            rows.update(items);

            if (state.selected !== selected) {
                selected = state.selected;
                rows.reveal(selected);
            }
        },
    };
}


/**
 * @param {import('./console-state.js').ConsoleState} state
 * @param {Wording} i18n
 */
export function viewName({ view, desk }, { t }) {
    const { name, value } = view;

    switch (name) {

    case 'status':
        return t(`status.${value}`);

    case 'team':
        return desk.teams.find(({ id }) => id === value)?.name || '';

    case 'label':
        return value;

    case 'search':
        return t('search.found');

    default:
        return t(`inbox.${name}`);
    }
}


/** @param {Summary} item */
function createItem(item) {
    return h('li', { 'data-id': item.id },
             h('a', { class: 'item' },
               h('span', { class: 'row' },
                 h('bdi', { class: 'name' }), h('time', {})),
               h('span', { class: 'row' },
                 h('span', { class: 'preview', dir: 'auto' }),
                 h('span', { class: 'count' })),
               h('span', { class: 'row small' },
                 h('span', { class: 'status' }),
                 h('span', { class: 'urgency' }),
                 h('span', { class: 'waits' }),
                 h('span', { class: 'tags' }),
                 h('bdi', { class: 'assignee' }))));
}


/**
 * @param {HTMLElement} node
 * @param {Summary} item
 * @param {import('./console-state.js').ConsoleState | null} state
 * @param {Wording} i18n
 */
function updateItem(node, item, state, i18n) {
    const link = node.children[0];
    const [top, middle, bottom] = link.children;
    const [status, urgency, waits, tags, assignee] = bottom.children;
    const open = state?.conversation;
    const queue = open?.id === item.id ? open.queue : null;
    const { priority, last } = item;
    const at = last?.created_at || '';
    const said = (last?.text || '').slice(0, 200);
    const view = state?.view || { name: 'all', value: '' };
    /* What was found, until something else is said. */
    const found = ['search', 'mentions'].includes(view.name)
                  && item.in === undefined ? item.match?.text : '';

    attr(link, 'href', routeTo(view, item.id));
    attr(link, 'aria-current', item.id === state?.selected ? 'true' : null);
    attr(link, 'class', item.unread > 0 ? 'item unread' : 'item');
    text(top.children[0], visitorName(item.visitor, i18n));
    text(top.children[1], i18n.time(at));
    attr(top.children[1], 'datetime', at || null);
    text(middle.children[0],
         found ? found.slice(0, 200)
         : last?.sender.kind === 'agent' ? unformatted(said) : said);
    text(middle.children[1], item.unread > 0
         ? i18n.t('inbox.unread', { count: item.unread }) : '');
    attr(middle.children[1], 'hidden', item.unread <= 0);
    text(status, i18n.t(`status.${item.status}`));
    attr(status, 'data-status', item.status);
    text(urgency, priority ? i18n.t(`priority.${priority}`) : '');
    attr(urgency, 'data-priority', priority || null);
    text(waits, queue ? i18n.t('queue.place', { place: queue.position })
                : item.waiting_since && item.status === 'open'
                ? i18n.t('queue.since', { time: i18n.time(item.waiting_since) })
                : '');
    attr(waits, 'hidden', waits.textContent === '');
    keyed(tags, (item.labels || []).slice(0, MOST_LABELS), (it) => it,
          (it) => h('bdi', { class: 'tag' }, plainName(it)), () => {});
    text(assignee, item.assignee
         ? plainName(item.assignee.name || '')
         : item.team ? plainName(item.team.name || '')
         : i18n.t('talk.unassigned'));
}


/**
 * What to call a visitor: the name, else the end of the id.
 *
 * @param {Named} visitor
 * @param {Wording} i18n
 */
export function visitorName(visitor, i18n) {
    return plainName(visitor.name || '')
           || `${i18n.t('who.visitor')} ${visitor.id.slice(-4)}`;
}
