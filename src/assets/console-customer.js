/* Copyright (C) the ngx_http_chat_module authors */

import { asProblem } from './api.js';
import { attr, h, keyed, text } from './kernel.js';
import { createPast } from './console-past.js';
import { later } from './console-list.js';
import { linked } from './links.js';
import { plainName, problemText } from './i18n.js';
import { routeTo } from './console-route.js';
import { visitorName } from './console-inbox.js';

/*
 * Who the customer of a conversation is, what else is known of him, and what
 * can be done about him.
 */

const OTHERS = 10;

/** @typedef {import('./console-state.js').ConsoleState} ConsoleState */
/** @typedef {{id: number, name: string, at: string, url: string | null,
 *             data: Record<string, unknown> | null}} Tracked */


/**
 * @param {Wording} i18n
 * @param {object} actions
 * @param {Api} actions.api
 * @param {Store<ConsoleState, any>} actions.store
 * @param {(id: string) => void} actions.show
 */
export function createCustomer(i18n, { api, store, show }) {
    const { t } = i18n;
    /** @type {ConsoleState | null} */
    let now = null;

    const verified = h('p', { class: 'verified' });
    const blocked = h('p', { class: 'verified barred', hidden: true },
                      t('customer.blocked'));
    const facts = h('dl', {});
    const change = button('customer.change', edit);
    const block = button('customer.block', bar);
    const erase = button('customer.erase', remove, 'danger');
    const said = h('p', { class: 'problem', role: 'alert' });
    const earlier = createPast(i18n, {
        api, label: t('side.before'), open: true,
        path: (id) => `visitors/${id}/conversations`,
        items: ({ conversations }) => conversations,
        draw: drawEarlier,
    });
    const track = createPast(i18n, {
        api, label: t('customer.track'),
        path: (id) => `visitors/${id}/track`,
        items: ({ events }) => events,
        draw: drawTrack,
    });
    const dialog = h('dialog', { class: 'help',
                                 'aria-labelledby': 'customer-title' });
    const element = h('div', { class: 'customer' },
                      h('h3', {}, t('side.customer')), verified,
                      blocked, facts,
                      h('div', { class: 'actions' }, change, block, erase),
                      said, earlier.element, track.element, dialog);

    dialog.addEventListener('close', () => dialog.replaceChildren());

    /* The panel has come into view, or gone. */
    new ResizeObserver(() => {
        earlier.look();
        track.look();
    }).observe(element);

    /**
     * @param {string} name
     * @param {() => void} onclick
     * @param {string} [style]
     */
    function button(name, onclick, style) {
        return h('button', { type: 'button', class: style, onclick },
                 t(name));
    }

    /**
     * What the server says of the visitor now.
     *
     * @param {string} id as it was asked for
     * @param {Partial<Customer>} visitor
     */
    function tell(id, visitor) {
        const { conversation: it } = store.get();

        if (it?.visitor.id === id) {
            store.dispatch({ type: 'conversation', conversation: {
                ...it, visitor: { ...it.visitor, ...visitor, id } } });
        }
    }

    async function bar() {
        const { id = '', blocked: on = false }
            = now?.conversation?.visitor || {};

        text(said, '');

        try {
            const { visitor } = await api.call(on ? 'DELETE' : 'POST',
                                               `visitors/${id}/block`);

            tell(id, { blocked: visitor.blocked === true });
        } catch (error) {
            text(said, problemText(i18n, asProblem(error).code));
        }
    }

    function edit() {
        const { id = '', name, email } = now?.conversation?.visitor || {};
        const first = h('input', { id: 'customer-name', dir: 'auto',
                                   maxlength: 100, autocomplete: 'off' });
        const second = h('input', { id: 'customer-email', type: 'email',
                                    autocomplete: 'off' });

        first.value = name || '';
        second.value = email || '';
        ask(t('customer.change'), t('records.save'), [
            field('customer-name', t('side.name'), first),
            field('customer-email', t('side.email'), second),
        ], async () => {
            const [wanted, address] = [first.value.trim(),
                                       second.value.trim()];
            const body = {
                ...wanted && wanted !== name && { name: wanted },
                ...address && address !== email && { email: address } };

            if (Object.keys(body).length) {
                tell(id, await api.call('PATCH', `visitors/${id}`, { body }));
            }
        });
    }

    /** For good: a word has to be typed. */
    function remove() {
        const visitor = now?.conversation?.visitor;
        const word = t('erase.word');
        const input = h('input', { id: 'erase-word', autocomplete: 'off',
                                   spellcheck: 'false', dir: 'auto' });

        if (!visitor) {
            return;
        }

        const { id } = visitor;

        ask(t('erase.title', { name: visitorName(visitor, i18n) }),
            t('erase.submit'), [
                h('p', {}, t('erase.text')),
                field('erase-word', t('erase.type', { word }), input),
            ], async () => {
                if (input.value.trim().toLowerCase() !== word.toLowerCase()) {
                    input.select();

                    return t('erase.type', { word });
                }

                await api.call('DELETE', `visitors/${id}`);
                store.dispatch({ type: 'gone', visitor: id });
                show('');

                return '';
            }, 'danger');
    }

    /**
     * @param {string} title
     * @param {string} submit
     * @param {Node[]} content
     * @param {() => Promise<string | void>} act resolves with what is wrong
     * @param {string} [style] of the button
     */
    function ask(title, submit, content, act, style = 'go') {
        const bad = h('p', { class: 'problem', role: 'alert' });
        const form = h('form', { class: 'record', method: 'dialog' },
                       h('h2', { id: 'customer-title' }, title), ...content,
                       bad,
                       h('div', { class: 'actions' },
                         h('button', { type: 'submit', class: style },
                           submit),
                         h('button', { type: 'button',
                                       onclick: () => dialog.close() },
                           t('records.cancel'))));

        form.addEventListener('submit', async (event) => {
            event.preventDefault();
            text(bad, '');

            try {
                const wrong = await act() || '';

                text(bad, wrong);

                if (wrong === '') {
                    dialog.close();
                }
            } catch (error) {
                const { code, body } = asProblem(error);
                const key = `customer.field.${body.field}`;

                text(bad, i18n.has(key) ? t(key) : problemText(i18n, code));
            }
        });
        dialog.replaceChildren(form);
        dialog.showModal();
    }

    /**
     * @param {string} id
     * @param {string} label
     * @param {HTMLElement} control
     */
    function field(id, label, control) {
        return h('div', { class: 'field' }, h('label', { for: id }, label),
                 control);
    }

    /**
     * Those that were read, as they are now, and what came since.
     *
     * @param {HTMLElement} list
     * @param {Summary[]} items
     */
    function drawEarlier(list, items) {
        const { list: all, selected = '', view, conversation } = now || {};
        const mine = conversation?.visitor.id;
        const come = Object.values(all || {}).filter(
            (it) => it.visitor.id === mine
                    && !items.some(({ id }) => id === it.id))
            .sort((a, b) => (a.id < b.id ? 1 : -1)).slice(0, OTHERS);
        const shown = [...come, ...items.map((it) => all?.[it.id]
                                             ? later(it, all[it.id]) : it)]
                      .filter(({ id }) => id !== selected);

        keyed(list, shown, ({ id }) => id,
              () => h('li', {}, h('a', {}, h('span', { dir: 'auto' })),
                      h('time', { class: 'facts' })),
              (node, one) => {
                  const [link, time] = node.children;
                  const at = one.last?.created_at || '';

                  attr(link, 'href', view ? routeTo(view, one.id) : null);
                  text(link.children[0], `${t(`status.${one.status}`)} · `
                                         + (one.last?.text || '')
                                           .slice(0, 80));
                  text(time, i18n.time(at));
                  attr(time, 'datetime', at || null);
              });

        return shown.length;
    }

    /**
     * @param {HTMLElement} list
     * @param {Tracked[]} items
     */
    function drawTrack(list, items) {
        keyed(list, items, ({ id }) => String(id), tracked, () => {});

        return items.length;
    }

    /** @param {Tracked} event of the page: anybody could have made it up */
    function tracked({ name, at, url, data }) {
        const more = Object.entries(data || {}).map(([key, value]) =>
            `${key}: ${typeof value === 'object' ? JSON.stringify(value)
                                                 : value}`).join(', ');

        return h('li', {},
                 h('time', { class: 'facts', datetime: at }, i18n.time(at)),
                 ' ', h('code', { dir: 'ltr' }, plainName(name)),
                 ...url ? [h('p', { dir: 'ltr' }, ...linked(plainName(url)))]
                        : [],
                 ...more ? [h('p', { class: 'facts', dir: 'auto' },
                              plainName(more))] : []);
    }

    return {
        element,

        /**
         * @param {ConsoleState} state
         * @param {Summary} it the selected conversation
         */
        update(state, it) {
            const { visitor, created_at: since } = it;
            const other = now?.conversation?.visitor.id !== visitor.id;

            now = state;

            if (other) {
                text(said, '');
            }

            text(verified, t(visitor.verified ? 'side.verified'
                                              : 'side.unverified'));
            attr(verified, 'data-verified', Boolean(visitor.verified));
            attr(blocked, 'hidden', !visitor.blocked);
            text(block, t(visitor.blocked ? 'customer.unblock'
                                          : 'customer.block'));
            attr(change, 'hidden', Boolean(visitor.verified));
            attr(erase, 'hidden', state.agent?.role === 'agent');
            change.disabled = block.disabled = erase.disabled
                            = state.away > 0;
            known(visitor, since);
            earlier.update(visitor.id);
            track.update(visitor.id);
        },
    };

    /**
     * @param {Customer} visitor
     * @param {string | undefined} since
     */
    function known(visitor, since) {
        const { consent } = visitor;
        /** @type {[string, string][]} */
        const rows = [
            [t('side.name'), visitorName(visitor, i18n)],
            [t('side.email'), visitor.email || ''],
            [t('side.external'), visitor.external_id || ''],
            [t('side.consent'), consent ? t('side.agreed', {
                version: consent.version, time: i18n.full(consent.at) })
                                : ''],
            [t('side.locale'), visitor.locale
             ? language(visitor.locale, i18n.lang) : ''],
            [t('side.page'), visitor.page || ''],
            ...Object.entries(visitor.attributes || {}).map(([name, value]) =>
                /** @type {[string, string]} */ ([name, String(value)])),
            [t('side.since'), since ? i18n.full(since) : ''],
        ];

        keyed(facts, rows.filter(([, value]) => value !== ''),
              ([name]) => name,
              () => h('div', {}, h('dt', {}, h('bdi', {})),
                      h('dd', { dir: 'auto' })),
              (node, [name, value]) => {
                  text(node.children[0].children[0], plainName(name));
                  text(node.children[1], plainName(value));
              });
    }
}


/**
 * @param {string} locale
 * @param {string} lang in which it is named
 */
function language(locale, lang) {
    try {
        return new Intl.DisplayNames(lang, { type: 'language' }).of(locale)
               || locale;
    } catch {
        return locale;
    }
}
