/* Copyright (C) the ngx_http_chat_module authors */

/*
 * What the fragment of the address says: which view, which conversation of
 * it, or which page of the settings.
 */

const ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const PLAIN = ['all', 'mine', 'none', 'mentions'];
const NAMED = ['status', 'team', 'label', 'search'];
const PAGES = ['me', 'people', 'teams', 'labels', 'canned', 'site', 'signing',
               'programs', 'audit'];


/**
 * @typedef {{name: string, value: string}} View
 * @typedef {{view: View | null, id: string, page: string}} Route
 */


/** @type {View} */
export const ALL = { name: 'all', value: '' };


/**
 * @param {string} hash as location has it
 * @returns {Route} without a view where it names none
 */
export function parseRoute(hash) {
    const text = hash.replace(/^#/, '');
    const [start, ...parts] = text.split('/').map(decoded);
    const none = { view: null, id: '', page: '' };

    if (ID.test(text)) {
        return { ...none, id: text };
    }

    if (start !== '') {
        return none;
    }

    if (parts[0] === 'settings') {
        return { ...none, page: PAGES.includes(parts[1]) ? parts[1] : 'me' };
    }

    const name = parts.shift() || '';
    const value = NAMED.includes(name) ? parts.shift() || '' : '';
    const known = PLAIN.includes(name) || value !== '';
    const id = parts[0] === 'c' && ID.test(parts[1] || '') ? parts[1] : '';

    return { view: known ? { name, value } : null, id, page: '' };
}


/**
 * @param {View} view
 * @param {string} [id] of a conversation
 */
export function routeTo(view, id = '') {
    const value = view.value ? `/${encodeURIComponent(view.value)}` : '';

    return `#/${view.name}${value}${id ? `/c/${id}` : ''}`;
}


/** @param {string} page */
export function routeToPage(page) {
    return `#/settings/${page}`;
}


/**
 * The token of a link to set up an account.
 *
 * @param {string} hash
 */
export function setupToken(hash) {
    return /^#setup=([\w-]{43})$/.exec(hash)?.[1] || '';
}


/** @param {string} part */
function decoded(part) {
    try {
        return decodeURIComponent(part);
    } catch {
        return '';
    }
}
