/* Copyright (C) the ngx_http_chat_module authors */

import { createRecords } from './console-records.js';
import { differing, given } from './console-people.js';

/*
 * What agents choose from: labels, and replies that are written already.
 */

const COLOR = '#586174';

/** @typedef {import('./console-view.js').ConsoleActions} ConsoleActions */


/**
 * @param {Wording} i18n
 * @param {ConsoleActions} actions
 */
export function createLabels({ lang, t, ...rest }, { api, session }) {
    return createRecords({ lang, t, ...rest }, {
        items: ({ desk }) => desk.labels,
        key: ({ id }) => id,
        row: (/** @type {Label} */ it) => ({ title: it.name, facts: [] }),
        fields: () => [
            { name: 'name', label: t('labels.name'), type: 'text',
              required: true, hint: t('labels.hint') },
            { name: 'color', label: t('labels.color'), type: 'color',
              value: COLOR },
        ],
        add: (body) => api.call('POST', 'labels', { body }),
        remove: ({ id }) => api.call('DELETE', `labels/${id}`),
        done: session.desk,
    });
}


/**
 * @param {Wording} i18n
 * @param {ConsoleActions} actions
 */
export function createReplies(i18n, { api, session }) {
    const { t } = i18n;

    return createRecords(i18n, {
        items: ({ desk }) => desk.canned,
        key: ({ id }) => id,
        row: (/** @type {Canned} */ it) => ({
            title: `/${it.shortcut}`,
            facts: [it.locale || '', it.title, it.text.slice(0, 120)],
        }),
        fields: (it) => [
            { name: 'shortcut', label: t('canned.shortcut'), type: 'text',
              value: it?.shortcut, required: true },
            { name: 'title', label: t('canned.title'), type: 'text',
              value: it?.title },
            { name: 'locale', label: t('canned.locale'), type: 'text',
              value: it?.locale, hint: t('canned.any') },
            { name: 'text', label: t('canned.text'), type: 'long',
              value: it?.text, required: true, hint: t('canned.hint', {
                  name: '{{visitor.name}}', agent: '{{agent.name}}' }) },
        ],
        add: (values) => api.call('POST', 'canned', { body: given(values) }),
        change: (it, { locale, ...values }) => api.call(
            'PATCH', `canned/${it.id}`, {
                body: differing(it, { ...values, locale: locale || null }) }),
        remove: ({ id }) => api.call('DELETE', `canned/${id}`),
        done: session.desk,
    });
}
