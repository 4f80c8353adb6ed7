/* Copyright (C) the ngx_http_chat_module authors */

import { attr, h, keyed, text } from './kernel.js';
import { plainName } from './i18n.js';
import { routeTo, routeToPage } from './console-route.js';

const STATUSES = ['open', 'pending', 'snoozed', 'resolved'];

/** Which pages of the settings are whose. */
/** @type {[string, string[]][]} */
const PAGES = [
    ['me', ['agent', 'supervisor', 'admin']],
    ['people', ['agent', 'supervisor', 'admin']],
    ['teams', ['admin']],
    ['labels', ['supervisor', 'admin']],
    ['canned', ['supervisor', 'admin']],
    ['site', ['admin']],
    ['signing', ['admin']],
    ['programs', ['admin']],
    ['audit', ['admin']],
];


/**
 * @typedef {{key: string, href: string, label: string, name: boolean,
 *             count?: number}} Entry
 */


/**
 * The pane of views: whose, which status, which team, which label; then the
 * pages of the settings.
 *
 * @param {Wording} i18n
 * @param {() => void} picked
 */
export function createViews(i18n, picked) {
    const { t } = i18n;
    const lists = ['whose', 'status', 'team', 'label', 'settings'].map(
        (name) => {
            const list = h('ul', {});

            return { name, list, box: h('div', { class: 'group' },
                     h('h2', { id: `group-${name}` }, t(`group.${name}`)),
                     list) };
        });
    const element = h('nav', { class: 'pane views',
                               'aria-label': t('views.label') },
                      ...lists.map(({ box }) => box));

    element.addEventListener('click', ({ target }) => {
        if (target instanceof Element && target.closest('a')) {
            picked();
        }
    });

    lists.forEach(({ name, list }) =>
        attr(list, 'aria-labelledby', `group-${name}`));

    return {
        element,

        focus() {
            const link = element.querySelector('a[aria-current]')
                         || element.querySelector('a');

            if (link instanceof HTMLElement) {
                link.focus();
            }
        },

        /** @param {import('./console-state.js').ConsoleState} state */
        update(state) {
            const here = state.page ? routeToPage(state.page)
                                    : routeTo(state.view);
            const groups = entries(state);

            lists.forEach(({ name, list, box }) => {
                attr(box, 'hidden', !groups[name].length);
                keyed(list, groups[name], (it) => it.key, createEntry,
                      (node, it) => updateEntry(node, it, here, i18n));
            });
        },
    };

    /**
     * @param {import('./console-state.js').ConsoleState} state
     * @returns {Record<string, Entry[]>}
     */
    function entries({ desk, agent, mentions }) {
        /**
         * @param {string} name
         * @param {string} value
         * @param {string} label
         * @returns {Entry}
         */
        const view = (name, value, label) => ({
            key: name + value, href: routeTo({ name, value }), label,
            name: name === 'team' || name === 'label' });

        return {
            whose: ['mine', 'none', 'all', 'mentions'].map((name) => ({
                ...view(name, '', t(`inbox.${name}`)),
                count: name === 'mentions' ? mentions.length : 0 })),
            status: STATUSES.map(
                (status) => view('status', status, t(`status.${status}`))),
            team: desk.teams.map(({ id, name }) => view('team', id, name)),
            label: desk.labels.map(({ name }) => view('label', name, name)),
            settings: PAGES.filter(([, roles]) =>
                    roles.includes(agent?.role || '')).map(([page]) => ({
                key: page, href: routeToPage(page), name: false,
                label: t(`settings.${page}`) })),
        };
    }
}


function createEntry() {
    return h('li', {}, h('a', {}, h('bdi', {}), ' ',
                         h('span', { class: 'count', 'aria-hidden': 'true' }),
                         h('span', { class: 'hidden' })));
}


/**
 * @param {HTMLElement} node
 * @param {Entry} entry
 * @param {string} here
 * @param {Wording} i18n
 */
function updateEntry(node, entry, here, { t }) {
    const [link] = node.children;

    attr(link, 'href', entry.href);
    attr(link, 'aria-current', entry.href === here ? 'page' : null);
    text(link.children[0], plainName(entry.label));
    text(link.children[1], String(entry.count || ''));
    attr(link.children[1], 'hidden', !entry.count);
    text(link.children[2], entry.count
         ? t('inbox.unread', { count: entry.count }) : '');
}
