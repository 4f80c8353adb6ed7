/* Copyright (C) the ngx_http_chat_module authors */

import { attr, h } from './kernel.js';
import { asProblem } from './api.js';
import { createRecords, fieldProblem } from './console-records.js';

/*
 * Keys: those by which the site says who visitors are, and those by which
 * programs use the API.  A secret is told once.
 */

/** @typedef {import('./console-view.js').ConsoleActions} ConsoleActions */

const ALGORITHMS = ['HS256', 'ES256'];
const SCOPES = ['conversations:read', 'conversations:write', 'visitors:write',
                'people:read', 'settings:read', 'settings:write',
                'audit:read'];


/**
 * A page with a list of keys.
 *
 * @param {Wording} i18n
 * @param {ConsoleActions} actions
 * @param {string} path
 * @param {Pick<import('./console-records.js').Records<any>, 'row' | 'fields'>
 *     & {body: (values: Record<string, any>) => object}} options
 */
function createList(i18n, { api, store }, path, { body, ...options }) {
    const { t } = i18n;
    const secret = h('input', { id: 'secret', readonly: true, dir: 'ltr',
                                onfocus: () => secret.select() });
    const told = h('div', { class: 'field', hidden: true },
                   h('label', { for: 'secret' }, t('site.secret')), secret,
                   h('p', { class: 'hint' }, t('site.once')));
    /** @type {any[]} */
    let keys = [];

    const records = createRecords(i18n, {
        ...options,
        items: () => keys,
        key: (/** @type {any} */ it) => it.id,
        async add(values) {
            const made = await api.call('POST', path, {
                body: body(values) });

            secret.value = made.secret || made.token || '';
            attr(told, 'hidden', secret.value === '');
        },
        remove: ({ id }) => api.call('DELETE', `${path}/${id}`),
        done: load,
    });

    async function load() {
        try {
            const found = await api.call('GET', path);

            /* Those that have ended are of no use. */
            keys = found.keys.filter((/** @type {any} */ it) =>
                !it.revoked_at);
            records.update(store.get());
        } catch (error) {
            records.say(fieldProblem(i18n, asProblem(error)));
        }
    }

    records.element.prepend(told);
    load();

    return records;
}


/**
 * @param {Wording} i18n
 * @param {ConsoleActions} actions
 */
export function createSigning(i18n, actions) {
    const { t } = i18n;

    return createList(i18n, actions, 'site/keys', {
        row: ({ kid, alg, created_at: at }) => ({
            title: kid, facts: [alg, i18n.full(at)] }),
        fields: () => [
            { name: 'kid', label: t('site.kid'), type: 'text',
              required: true, hint: t('site.kid.hint') },
            { name: 'alg', label: t('site.alg'), type: 'one',
              value: ALGORITHMS[0],
              options: ALGORITHMS.map((it) => [it, it]) },
            { name: 'key', label: t('site.key'), type: 'long',
              hint: t('site.key.hint') },
        ],
        body: ({ kid, alg, key }) => ({ kid, alg, ...key && { key } }),
    });
}


/**
 * @param {Wording} i18n
 * @param {ConsoleActions} actions
 */
export function createPrograms(i18n, actions) {
    const { t } = i18n;

    return createList(i18n, actions, 'keys', {
        row: ({ name, prefix, scopes, created_at: at }) => ({
            title: name, facts: [prefix, scopes.join(', '), i18n.full(at)] }),
        fields: () => [
            { name: 'name', label: t('people.name'), type: 'text',
              required: true },
            { name: 'scopes', label: t('site.scopes'), type: 'many',
              options: SCOPES.map((it) => [it, it]) },
        ],
        body: (values) => values,
    });
}
