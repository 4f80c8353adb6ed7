/* Copyright (C) the ngx_http_chat_module authors */

import { asProblem } from './api.js';
import { createRecords } from './console-records.js';
import { h } from './kernel.js';

/*
 * Who works here: agents, and the teams they are in.
 */

const ROLES = ['agent', 'supervisor', 'admin'];
const STATES = ['online', 'busy', 'away'];

/** How conversations find their agents. */
export const POLICIES = ['manual', 'round_robin', 'least_loaded'];

/** @typedef {import('./console-view.js').ConsoleActions} ConsoleActions */
/** @typedef {import('./console-records.js').Field} Field */


/**
 * @param {Wording} i18n
 * @param {ConsoleActions} actions
 */
export function createPeople(i18n, { api, session, store }) {
    const { t } = i18n;
    const role = store.get().agent?.role || 'agent';
    const admin = role === 'admin';
    const link = h('input', { id: 'link', readonly: true, dir: 'ltr',
                              onfocus: () => link.select() });
    const invitation = h('div', { class: 'field', hidden: true },
                         h('label', { for: 'link' }, t('people.link')), link,
                         h('p', { class: 'hint' }, t('people.once')));

    /** @param {{token: string}} made */
    function invited({ token }) {
        link.value = `${location.origin}${location.pathname}#setup=${token}`;
        invitation.hidden = false;

        return t('people.invited');
    }

    /**
     * Who has no second factor is not in want of anything.
     *
     * @param {string} id
     */
    async function unfactor(id) {
        try {
            await api.call('DELETE', `agents/${id}/totp`);
        } catch (error) {
            if (asProblem(error).status !== 404) {
                throw error;
            }
        }
    }

    /** @param {Colleague | null} it */
    function fields(it) {
        const { teams } = store.get().desk;
        /** @type {Field[]} */
        const own = [
            { name: 'email', label: t('people.email'), type: 'email',
              value: it?.email, required: true },
            { name: 'name', label: t('people.name'), type: 'text',
              value: it?.name, required: true },
            { name: 'role', label: t('people.role'), type: 'one',
              value: it?.role || 'agent',
              options: ROLES.map((name) => [name, t(`role.${name}`)]) },
        ];
        /** @type {Field[]} */
        const all = [
            { name: 'capacity', label: t('people.capacity'), type: 'number',
              value: it?.capacity, hint: t('people.most') },
            ...teams.length ? [/** @type {Field} */ ({
                name: 'teams', label: t('settings.teams'), type: 'many',
                value: it?.teams.map(({ id }) => id),
                options: teams.map(({ id, name }) => [id, name]) })] : [],
        ];
        /** @type {Field[]} */
        const later = it ? [
            { name: 'availability', label: t('availability.label'),
              type: 'one', value: it.availability,
              options: STATES.map((name) => [name,
                                             t(`availability.${name}`)]) },
            ...admin ? [/** @type {Field} */ ({
                name: 'disabled', label: t('people.disabled'), type: 'yes',
                value: it.disabled })] : [],
        ] : [];

        return [...admin ? own : [], ...all, ...later];
    }

    const records = createRecords(i18n, {
        items: ({ desk }) => desk.agents,
        key: ({ id }) => id,
        row: (/** @type {Colleague} */ it) => ({
            title: it.name,
            facts: [t(`role.${it.role}`),
                    it.disabled ? t('people.disabled')
                    : it.invited ? t('people.waiting')
                    : t(`availability.${it.availability}`),
                    it.automatic ? t('availability.idle') : '',
                    it.capacity === null ? ''
                    : t('people.upto', { count: it.capacity }),
                    it.teams.map(({ name }) => name).join(', '),
                    it.email || ''],
        }),
        fields,
        add: !admin ? undefined : async (values) =>
            invited(await api.call('POST', 'agents',
                                   { body: given(values) })),
        change: role === 'agent' ? undefined : async (it, values) => {
            const body = differing(it, values);

            return Object.keys(body).length
                   && api.call('PATCH', `agents/${it.id}`, { body });
        },
        more: !admin ? undefined : ({ id }) => [
            [t('people.again'), async () => invited(
                await api.call('POST', `agents/${id}/setup`))],
            [t('people.end'), () => api.call('DELETE',
                                             `agents/${id}/sessions`)],
            [t('people.factor'), () => unfactor(id)],
        ],
        done: session.desk,
    });

    records.element.prepend(invitation);

    return records;
}


/**
 * @param {Wording} i18n
 * @param {ConsoleActions} actions
 */
export function createTeams(i18n, { api, session, store }) {
    const { t } = i18n;

    return createRecords(i18n, {
        items: ({ desk }) => desk.teams,
        key: ({ id }) => id,
        row: (/** @type {Team} */ it) => ({
            title: it.name,
            facts: [it.members.map(({ name }) => name).join(', '),
                    it.assignment ? t(`policy.${it.assignment}`) : ''],
        }),
        fields: (it) => [
            { name: 'name', label: t('teams.name'), type: 'text',
              value: it?.name, required: true },
            { name: 'members', label: t('teams.members'), type: 'many',
              value: it?.members.map(({ id }) => id),
              options: store.get().desk.agents.map(
                  ({ id, name }) => [id, name]) },
            { name: 'assignment', label: t('policy.label'), type: 'one',
              value: it?.assignment || '',
              options: [['', t('policy.site')], ...POLICIES.map((name) =>
                  /** @type {[string, string]} */ (
                      [name, t(`policy.${name}`)]))] },
        ],
        add: (values) => api.call('POST', 'teams', { body: given(values) }),
        change: ({ id }, { assignment, ...values }) => api.call(
            'PATCH', `teams/${id}`, {
                body: { ...values, assignment: assignment || null } }),
        remove: ({ id }) => api.call('DELETE', `teams/${id}`),
        done: session.desk,
    });
}


/**
 * Without what was left out.
 *
 * @param {Record<string, any>} values
 */
export function given(values) {
    return Object.fromEntries(Object.entries(values).filter(
        ([, value]) => value !== '' && value !== null
                       && !(Array.isArray(value) && !value.length)));
}


/**
 * What is to be another than it is.
 *
 * @param {Record<string, any>} item
 * @param {Record<string, any>} values
 */
export function differing(item, values) {
    /** @type {Record<string, any>} */
    const had = { ...item, teams: (item.teams || []).map(
        (/** @type {Named} */ { id }) => id) };

    return Object.fromEntries(Object.entries(values).filter(
        ([name, value]) => JSON.stringify(value ?? null)
                           !== JSON.stringify(had[name] ?? null)));
}
