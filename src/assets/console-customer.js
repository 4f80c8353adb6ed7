/* Copyright (C) the ngx_http_chat_module authors */

import { asProblem } from './api.js';
import { attr, h, keyed, text } from './kernel.js';
import { clear, createPerson, field, refuse } from './console-person.js';
import { createPast } from './console-past.js';
import { deviceOf, timeIn } from './console-device.js';
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
const MINUTE = 60000;

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
    /** @type {{all: unknown, mine: unknown, found: Summary[]}} */
    let within = { all: null, mine: '', found: [] };
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    let clock;

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
        draw();
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
        const visitor = now?.conversation?.visitor;

        if (!visitor) {
            return;
        }

        const { id } = visitor;
        const person = createPerson(i18n, visitor);

        ask(t('customer.change'), t('records.save'), person.content,
            async (form) => {
                const { body, twice } = person.changed();

                if (twice) {
                    refuse(form, 'attributes', t('customer.twice'));
                } else if (body) {
                    tell(id, await api.call('PATCH', `visitors/${id}`,
                                            { body }));
                }

                return !twice;
            });
    }

    /** For good: a word has to be typed. */
    function remove() {
        const visitor = now?.conversation?.visitor;
        const word = t('erase.word');
        const input = h('input', { name: 'word', autocomplete: 'off',
                                   spellcheck: 'false', dir: 'auto' });

        if (!visitor) {
            return;
        }

        const { id } = visitor;

        ask(t('erase.title', { name: visitorName(visitor, i18n) }),
            t('erase.submit'), [
                h('p', {}, t('erase.text')),
                field('erase-word', t('erase.type', { word }), input),
            ], async (form) => {
                if (input.value.trim().toLowerCase() !== word.toLowerCase()) {
                    refuse(form, input.name, t('erase.type', { word }));

                    return false;
                }

                await api.call('DELETE', `visitors/${id}`);
                store.dispatch({ type: 'gone', visitor: id });
                show('');

                return true;
            }, 'danger');
    }

    /**
     * @param {string} title
     * @param {string} submit
     * @param {Node[]} content
     * @param {(form: HTMLFormElement) => Promise<boolean>} act whether that
     *     was all
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
            clear(form);

            try {
                if (await act(form)) {
                    dialog.close();
                }
            } catch (error) {
                const { code, body: { field: name = '' } } = asProblem(error);
                const key = `customer.field.${name}`;

                if (i18n.has(key)) {
                    refuse(form, name, t(key));
                } else {
                    text(bad, problemText(i18n, code));
                }
            }
        });
        dialog.replaceChildren(form);
        dialog.showModal();
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

        /* A long list is not gone through for whatever else has changed. */
        if (all !== within.all || mine !== within.mine) {
            within = { all, mine, found: Object.values(all || {}).filter(
                (it) => it.visitor.id === mine) };
        }

        const come = within.found.filter(
            (it) => !items.some(({ id }) => id === it.id))
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
            const { visitor } = it;
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
            attr(erase, 'hidden', state.agent?.role === 'agent');
            change.disabled = block.disabled = erase.disabled
                            = state.away > 0;
            draw();
            earlier.update(visitor.id);
            track.update(visitor.id);
        },
    };

    /** The time there goes on as long as somebody may look at it. */
    function draw() {
        const { visitor, created_at: since } = now?.conversation || {};

        clearTimeout(clock);

        if (visitor) {
            known(visitor, since);
        }

        if (visitor?.time_zone && element.offsetParent !== null) {
            clock = setTimeout(draw, MINUTE - Date.now() % MINUTE);
        }
    }

    /**
     * @param {Customer} visitor
     * @param {string | undefined} since
     */
    function known(visitor, since) {
        const { consent, user_agent: agent, time_zone: zone } = visitor;
        const sites = visitor.verified && visitor.claimed || [];
        /**
         * What it is called, what it is, what that means, and whether the
         * name is not ours.
         *
         * @type {[string, string, string?, boolean?][]}
         */
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
            [t('side.device'), agent ? deviceOf(agent) : '', agent || ''],
            [t('side.clock'), zone ? timeIn(zone, i18n.lang, new Date()) : '',
             zone || ''],
            ...Object.entries(visitor.attributes || {}).map(([name, value]) =>
                /** @type {[string, string, string, boolean]} */ ([
                    name, String(value),
                    sites.includes(name) ? t('side.verified') : '', true])),
            [t('side.since'), since ? i18n.full(since) : ''],
        ];

        keyed(facts, rows.filter(([, value]) => value !== ''),
              ([name, , , own]) => own ? `:${name}` : name,
              () => h('div', {}, h('dt', {}, h('bdi', {})),
                      h('dd', { dir: 'auto' })),
              (node, [name, value, title, own]) => {
                  text(node.children[0].children[0], plainName(name)
                       + (title && own ? ' ✓' : ''));
                  text(node.children[1], name === t('side.clock') && !own
                                         ? value : plainName(value));
                  attr(node.children[1], 'title',
                       title ? plainName(title) : null);
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
