/* Copyright (C) the ngx_http_chat_module authors */

import { asProblem } from './api.js';
import { attr, h, text } from './kernel.js';
import { plainName, problemText } from './i18n.js';

/*
 * What was done to people, teams and the rest, by whom: it is read, and
 * cannot be changed.
 */

/**
 * @typedef {{id: string, at: string, actor: Named | null, action: string,
 *            object: string | null, data: object}} Entry
 */


/**
 * @param {Wording} i18n
 * @param {import('./console-view.js').ConsoleActions} actions
 */
export function createAudit(i18n, { api, store }) {
    const { t } = i18n;
    const list = h('ul', { class: 'records' });
    const status = h('p', { class: 'said', role: 'status' });
    const more = h('button', { type: 'button', hidden: true, onclick: load },
                   t('audit.more'));
    /** @type {string | null} */
    let before = null;

    async function load() {
        try {
            const page = await api.call('GET', 'audit', { query: { before } });

            before = page.page;
            list.append(...page.entries.map(row));
            text(status, list.childElementCount ? '' : t('records.none'));
            attr(more, 'hidden', !page.more);
        } catch (error) {
            text(status, problemText(i18n, asProblem(error).code));
            attr(more, 'hidden', false);
        }
    }

    /** @param {Entry} entry */
    function row({ at, actor, action, object, data }) {
        const said = Object.keys(data || {}).length ? JSON.stringify(data)
                                                    : '';

        return h('li', {},
                 h('p', {},
                   h('span', { class: 'name' },
                     h('code', { dir: 'ltr' }, action), ' ',
                     h('bdi', {}, nameOf(object))),
                   h('span', { class: 'facts' },
                     h('time', { datetime: at }, i18n.full(at)), ' · ',
                     h('bdi', {}, actor ? plainName(actor.name || actor.id)
                                        : t('who.system')), ' ',
                     h('bdi', { dir: 'ltr' }, plainName(said)))));
    }

    /** @param {string | null} object */
    function nameOf(object) {
        const { agents, teams } = store.get().desk;
        const known = [...agents, ...teams].find(({ id }) => id === object);

        return plainName(known?.name || object || '');
    }

    load();

    return { element: h('div', {}, status, list, more), update() {} };
}
