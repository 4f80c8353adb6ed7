/* Copyright (C) the ngx_http_chat_module authors */

import { asProblem } from './api.js';
import { h, icon, text } from './kernel.js';
import { eventKey, messageKey, same } from './talk.js';
import { paragraphs } from './bidi.js';
import { problemText } from './i18n.js';
import { self } from './console-state.js';
import { unrecorded } from './outgoing.js';

/*
 * Messages that are changed or taken back: by whom that may be done, and what
 * they said before.
 */

const LIMIT = 15 * 60 * 1000;
const DOTS = 'M4 12a2 2 0 1 0 4 0 2 2 0 1 0-4 0Zm6 0a2 2 0 1 0 4 0 2 2 0 1'
             + ' 0-4 0Zm6 0a2 2 0 1 0 4 0 2 2 0 1 0-4 0Z';

/** @typedef {import('./console-state.js').ConsoleState} ConsoleState */

/**
 * What stands below the text of a message, beside its files.
 *
 * @typedef {{of: string, own: boolean, redacted: boolean}} Tools
 */


/**
 * What was done with a message, and what it said before.
 *
 * @typedef {{action: string, at: string, by: Person, text: string | null}}
 *     Past
 */


/**
 * The record with what each message may be changed by.
 *
 * @param {ChatEvent[]} events
 * @param {Person} me
 * @returns {ChatEvent[]}
 */
export function withTools(events, me) {
    return events.map((event) => event.type !== 'message' ? event : {
        ...event,
        attachments: beside(event.attachments, {
            of: eventKey(event), own: same(event.sender, me),
            redacted: Boolean(event.redacted) }),
    });
}


/**
 * What is not in the record yet, likewise.
 *
 * @param {Outgoing[]} outgoing
 * @param {ChatEvent[]} events
 * @param {Person} me
 * @returns {Outgoing[]}
 */
export function notYet(outgoing, events, me) {
    return unrecorded(outgoing, events, me).map((item) => ({
        ...item,
        attachments: beside(item.attachments, {
            of: messageKey(me, item.id), own: true, redacted: false }),
    }));
}


/**
 * What an agent may do with a message now.
 *
 * @param {ChatEvent} event as it is in the record
 * @param {ConsoleState} state
 * @param {number} now ms since 1970
 */
export function allowed(event, state, now) {
    const { redacted = false, edited_at: at } = event;
    const own = same(event.sender, self(state))
                && now - Date.parse(event.created_at || '') < LIMIT;
    const senior = state.agent?.role !== 'agent';

    return { edit: own && !redacted && !event.card,
             redact: !redacted && (own || senior),
             history: senior && (redacted || Boolean(at)) };
}


/**
 * @param {Attachment[] | undefined} files
 * @param {Tools} tools
 * @returns {Attachment[]}
 */
function beside(files, tools) {
    return [...files || [], /** @type {any} */ (tools)];
}


/**
 * Buttons below messages, and the dialog in which a message is changed.
 *
 * @param {Wording} i18n
 * @param {object} actions
 * @param {Api} actions.api
 * @param {Store<ConsoleState, any>} actions.store
 * @param {() => void} actions.back the focus, where its place is gone
 */
export function createEdits(i18n, { api, store, back }) {
    const { t } = i18n;
    const heading = h('h2', { id: 'message-title' }, t('message.title'));
    const bad = h('p', { class: 'problem', role: 'alert' });
    const input = h('textarea', { id: 'message-text', rows: 5, dir: 'auto',
                                  required: true });
    const field = h('div', { class: 'field' },
                    h('label', { for: 'message-text' }, t('message.text')),
                    input);
    const late = h('p', {}, t('message.late'));
    const sure = h('p', { class: 'warning' }, t('message.sure'));
    const past = h('ul', { class: 'records past' });
    const history = h('div', {}, h('h3', {}, t('message.history')), past);
    const save = h('button', { type: 'submit', class: 'go' },
                   t('records.save'));
    const redact = h('button', { type: 'button', class: 'danger',
                                 onclick: remove }, t('message.redact'));
    const form = h('form', { class: 'record', method: 'dialog' }, heading,
                   field, late, sure, bad,
                   h('div', { class: 'actions' }, save, redact,
                     h('button', { type: 'button',
                                   onclick: () => element.close() },
                       t('records.cancel'))),
                   history);
    const element = h('dialog', { class: 'help',
                                  'aria-labelledby': 'message-title' });
    let path = '';
    let conversation = '';

    form.addEventListener('submit', (event) => {
        event.preventDefault();
        attempt('PATCH', { body: { text: input.value.trim() } });
    });

    element.addEventListener('close', () => {
        element.replaceChildren();

        if (!document.activeElement
            || document.activeElement === document.body)
        {
            back();
        }
    });

    /** Taken back for good: asked twice. */
    function remove() {
        if (sure.hidden) {
            sure.hidden = false;
            field.hidden = save.hidden = true;
            text(redact, t('message.really'));
            return;
        }

        attempt('DELETE');
    }

    /**
     * @param {string} method
     * @param {CallOptions} [options]
     */
    async function attempt(method, options) {
        const id = conversation;

        text(bad, '');

        try {
            const event = await api.call(method, path, options);

            if (event) {
                store.dispatch({ type: 'events', id, events: [event] });
            }

            element.close();
        } catch (error) {
            text(bad, problemText(i18n, asProblem(error).code));
        }
    }

    async function read() {
        const wanted = path;

        try {
            const { history: all } = await api.call('GET', `${path}/history`);

            if (path === wanted) {
                past.replaceChildren(...all.map(row));
            }
        } catch (error) {
            text(bad, problemText(i18n, asProblem(error).code));
        }
    }

    /** @param {Past} it */
    function row({ action, at, by, text: said }) {
        const name = by.name || t(`who.${by.kind}`);

        return h('li', {},
                 h('p', { class: 'facts' }, t(`message.action.${action}`, {
                     name, time: i18n.full(at) })),
                 ...said ? [h('div', {}, ...paragraphs(said))] : []);
    }

    /** @param {ChatEvent | undefined} event as it is in the record */
    function open(event) {
        const { talk } = store.get();

        if (!talk || !event) {
            return;
        }

        const may = allowed(event, store.get(), Date.now());

        conversation = talk.id;
        path = `conversations/${talk.id}/messages/${event.seq}`;
        input.value = event.text || '';
        text(bad, '');
        text(redact, t('message.redact'));
        sure.hidden = true;
        field.hidden = save.hidden = !may.edit;
        redact.hidden = !may.redact;
        history.hidden = !may.history;
        late.hidden = may.edit || may.redact || may.history;
        past.replaceChildren();
        element.replaceChildren(form);
        element.showModal();

        if (may.edit) {
            input.focus();
        }

        if (may.history) {
            read();
        }
    }

    return {
        element,

        /**
         * What is below the text of a message, if that is not a file.
         *
         * @param {Tools} tools
         */
        tools({ of, own, redacted }) {
            const senior = store.get().agent?.role !== 'agent';
            const may = senior || own && !redacted;

            return h('div', { class: 'tools' },
                     ...may ? [h('span', { 'aria-live': 'off' },
                                 h('button', {
                         type: 'button', class: 'more',
                         'aria-haspopup': 'dialog',
                         'aria-label': t('message.more'),
                         onclick: () => open(store.get().talk?.events.find(
                             (event) => event.type === 'message'
                                        && eventKey(event) === of)),
                     }, icon(DOTS)))] : []);
        },

        /** The last message of the agent that can still be changed. */
        last() {
            const state = store.get();
            const events = state.talk?.events || [];

            open(events.filter((event) => event.type === 'message'
                               && allowed(event, state,
                                          Date.now()).edit).pop());
        },
    };
}
