/* Copyright (C) the ngx_http_chat_module authors */

import { h } from './kernel.js';

const ADDRESS = /\bhttps?:\/\/[^\s<>"'\u2066-\u2069\u202a-\u202e]+/gi;
const AFTER = /[.,:;!?\u060c\u061b\u061f)\]}\u2019\u201d]+$/;


/**
 * A line of text with its web addresses as links.  A link shows where it
 * leads and nothing else; one that names a user is left alone, since it
 * mostly pretends to lead elsewhere.
 *
 * @param {string} line
 * @returns {(Node | string)[]}
 */
export function linked(line) {
    /** @type {(Node | string)[]} */
    const parts = [];
    let end = 0;

    for (const found of line.matchAll(ADDRESS)) {
        const address = trimmed(found[0]);
        const href = safe(address);

        if (href) {
            parts.push(line.slice(end, found.index),
                       h('a', { href, dir: 'ltr', target: '_blank',
                                rel: 'noopener noreferrer nofollow' },
                         address));
            end = found.index + address.length;
        }
    }

    parts.push(line.slice(end));

    return parts;
}


/**
 * Without the punctuation of the sentence around it; a closing bracket
 * belongs to an address that has the opening one.
 *
 * @param {string} address
 */
function trimmed(address) {
    const short = address.replace(AFTER, '');

    return short.includes('(') && address[short.length] === ')'
           ? `${short})` : short;
}


/** @param {string} address */
function safe(address) {
    try {
        const { href, username } = new URL(address);

        return username === '' ? href : '';
    } catch {
        return '';
    }
}
