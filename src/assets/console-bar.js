/* Copyright (C) the ngx_http_chat_module authors */

import { attr, h, text } from './kernel.js';
import { plainName } from './i18n.js';

const STATES = ['online', 'busy', 'away'];


/**
 * The bar above the panes: who is signed in, and whether there for visitors;
 * whether nobody has touched the pages of this browser for a while.
 *
 * @param {Wording} i18n
 * @param {object} actions
 * @param {ReturnType<typeof
 *     import('./console-session.js').createSession>} actions.session
 * @param {{own: (name: string) => string}} actions.keeper
 * @param {(availability: Availability) => Promise<void>} actions.be
 * @param {() => void} actions.help
 */
export function createBar(i18n, { session, keeper, be, help }) {
    const { t } = i18n;
    const who = h('bdi', { class: 'me' });
    const idle = h('span', { class: 'hint', role: 'status' });
    const there = h('select', {
        'aria-label': t('availability.label'),
        onchange: () => be(
            /** @type {Availability} */ (there.value)),
    }, ...STATES.map((name) => h('option', { value: name },
                                 t(`availability.${name}`))));

    return {
        element: h('header', { class: 'bar' },
                   h('h1', {}, t('title')), who, idle, there,
                   h('button', { type: 'button', onclick: help,
                                 'aria-keyshortcuts': '?' },
                     t('help.button')),
                   h('button', { type: 'button', onclick: session.signOut },
                     t('signout'))),

        /** @param {import('./console-state.js').ConsoleState} state */
        update({ agent, desk, away }) {
            const me = desk.agents.find(({ id }) => id === agent?.id);

            text(who, plainName(agent?.name || ''));
            attr(there, 'hidden', !me);
            text(idle, me?.automatic && keeper.own('idle') === '1'
                       ? t('availability.idle') : '');
            there.disabled = away > 0;

            if (me && there.value !== me.availability) {
                there.value = me.availability;
            }
        },
    };
}
