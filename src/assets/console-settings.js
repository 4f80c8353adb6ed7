/* Copyright (C) the ngx_http_chat_module authors */

import { attr, h, keyed, text } from './kernel.js';
import { asProblem } from './api.js';
import { createAudit } from './console-audit.js';
import { createFactor } from './console-factor.js';
import { createLabels, createReplies } from './console-lists.js';
import { createPeople, createTeams } from './console-people.js';
import { createPrograms, createSigning } from './console-secrets.js';
import { createSite } from './console-site.js';
import { createTold } from './console-told.js';
import { problemText } from './i18n.js';
import { LANGUAGES } from './console-names.js';

/*
 * The pages of the settings, loaded with the first of them.
 */

/** @typedef {import('./console-view.js').ConsoleActions} ConsoleActions */
/** @typedef {{id: string, current: boolean, created_at: string,
 *             expires_at: string}} Signed */

/** @type {Record<string, (i18n: Wording, actions: ConsoleActions) => {
 *     element: HTMLElement,
 *     update: (state: import('./console-state.js').ConsoleState) => void}>} */
const PAGES = { me: createMine, people: createPeople, teams: createTeams,
                labels: createLabels, canned: createReplies,
                site: createSite, signing: createSigning,
                programs: createPrograms, audit: createAudit };


/**
 * A page of the settings.
 *
 * @param {string} name
 * @param {Wording} i18n
 * @param {ConsoleActions} actions
 */
export function createSettings(name, i18n, actions) {
    const page = PAGES[name](i18n, actions);
    const title = h('h2', { tabindex: '-1' }, i18n.t(`settings.${name}`));

    return {
        element: h('div', { class: 'body' }, title, page.element),
        focus: () => title.focus(),
        update: page.update,
    };
}


/**
 * How the page is to be for this agent in this browser, and where else the
 * agent is signed in.
 *
 * @param {Wording} i18n
 * @param {ConsoleActions} actions
 */
function createMine(i18n, { api, keeper, notice, store }) {
    const { t } = i18n;
    const factor = createFactor(i18n, api);
    const status = h('p', { class: 'said', role: 'status' });
    const lang = h('select', { id: 'lang', onchange() {
        keeper.put('lang', lang.value);
        location.reload();
    } }, ...Object.entries(LANGUAGES).map(([value, name]) =>
        h('option', { value, lang: value }, name)));
    const keys = box(keeper.get('keys') !== '0', (on) =>
        keeper.put('keys', on ? '' : '0'));
    const sessions = h('ul', { class: 'records' });
    const others = h('button', { type: 'button', onclick: () => attempt(
        'DELETE', `agents/${me()}/sessions`) }, t('me.others'));

    lang.value = i18n.lang;

    function me() {
        return store.get().agent?.id || '';
    }

    /**
     * @param {boolean} on
     * @param {(on: boolean) => void} onchange
     */
    function box(on, onchange) {
        const node = h('input', { type: 'checkbox',
                                  onchange: () => onchange(node.checked) });

        node.checked = on;

        return node;
    }

    /**
     * @param {string} method
     * @param {string} path
     */
    async function attempt(method, path) {
        try {
            await api.call(method, path);
            await load();
            text(status, t('records.done'));
        } catch (error) {
            text(status, problemText(i18n, asProblem(error).code));
        }
    }

    async function load() {
        try {
            const found = await api.call('GET', `agents/${me()}/sessions`);
            /** @type {Signed[]} */
            const all = found.sessions;

            keyed(sessions, all, ({ id }) => id, (it) => h('li', {},
                h('p', {}, h('span', { class: 'name' },
                             t('me.since', {
                                 time: i18n.full(it.created_at) })),
                  h('span', { class: 'facts' },
                    it.current ? t('me.current')
                    : t('me.until', { time: i18n.full(it.expires_at) }))),
                h('div', { class: 'actions' }, ...it.current ? []
                  : [h('button', { type: 'button', onclick: () => attempt(
                      'DELETE', `agent/sessions/${it.id}`) },
                      t('me.end'))])), () => {});
            attr(others, 'hidden', all.length < 2);
        } catch (error) {
            text(status, problemText(i18n, asProblem(error).code));
        }
    }

    load();

    return {
        element: h('div', {},
                   h('div', { class: 'field' },
                     h('label', { for: 'lang' }, t('me.lang')), lang),
                   h('label', { class: 'choice' }, keys, t('help.on')),
                   status, createTold(i18n, notice),
                   h('h3', {}, t('factor.title')), factor.element,
                   h('h3', {}, t('me.sessions')), sessions, others),
        update() {},
    };
}
