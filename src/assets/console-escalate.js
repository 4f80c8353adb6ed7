/* Copyright (C) the ngx_http_chat_module authors */

import { h, keyed, text } from './kernel.js';
import { plainName } from './i18n.js';

/*
 * What is more than one can answer goes to a team, and is more urgent, in one
 * change.
 */

const PRIORITIES = ['urgent', 'high'];


/**
 * @param {Wording} i18n
 * @param {(change: Change) => Promise<void>} change
 */
export function createEscalate(i18n, change) {
    const { t } = i18n;
    const team = h('select', { id: 'escalate-team' });
    const priority = h('select', { id: 'escalate-priority' },
                       ...PRIORITIES.map((value) => h(
                           'option', { value }, t(`priority.${value}`))));
    const reason = h('textarea', { id: 'escalate-reason', rows: 3,
                                   dir: 'auto', maxlength: 1000 });
    const form = h('form', { class: 'record', method: 'dialog' },
                   h('h2', { id: 'escalate-title' }, t('side.escalate')),
                   field('escalate-team', 'side.team', team),
                   field('escalate-priority', 'side.priority', priority),
                   field('escalate-reason', 'side.reason', reason),
                   h('div', { class: 'actions' },
                     h('button', { type: 'submit', class: 'go' },
                       t('side.escalate')),
                     h('button', { type: 'button',
                                   onclick: () => dialog.close() },
                       t('records.cancel'))));
    const dialog = h('dialog', { class: 'help',
                                 'aria-labelledby': 'escalate-title' });
    const button = h('button', { type: 'button', onclick: open },
                     t('side.escalate'));

    dialog.addEventListener('close', () => dialog.replaceChildren());

    form.addEventListener('submit', (event) => {
        event.preventDefault();
        dialog.close();
        change({ team: team.value, assignee: null,
                 priority: /** @type {Priority} */ (priority.value),
                 ...reason.value.trim() && { reason: reason.value } });
        reason.value = '';
    });

    /**
     * @param {string} id
     * @param {string} label
     * @param {HTMLElement} control
     */
    function field(id, label, control) {
        return h('div', { class: 'field' },
                 h('label', { for: id }, t(label)), control);
    }

    function open() {
        if (!button.hidden && !button.disabled) {
            dialog.replaceChildren(form);
            dialog.showModal();
        }
    }

    return {
        element: h('div', { class: 'field' }, button, dialog),
        open,

        /** @param {import('./console-state.js').ConsoleState} state */
        update({ desk: { teams }, away }) {
            button.hidden = !teams.length;
            button.disabled = away > 0;
            keyed(team, teams, ({ id }) => id,
                  ({ id }) => h('option', { value: id }),
                  (node, { name }) => text(node, plainName(name)));
        },
    };
}
