/* Copyright (C) the ngx_http_chat_module authors */

import { createI18n } from './i18n.js';
import { LANGUAGES } from './console-names.js';
import { nap } from './backoff.js';
import { part } from './part.js';

const AGAIN = 2000;
const RTL = /^(ar|he|fa|ur|ps|ckb|yi|dv|sd|ug)\b/;

/** @type {Record<string, () => Promise<{default: Catalogue}>>} */
const CATALOGUES = {
    en: part((suffix) => import('./en-console.js' + suffix)),
    ar: part((suffix) => import('./ar-console.js' + suffix)),
    he: part((suffix) => import('./he-console.js' + suffix)),
};


/**
 * The language of the page: what the agent has chosen, else the first of the
 * browser's that there is.
 *
 * @param {string} choice
 * @param {readonly string[]} wanted
 */
export function chosen(choice, wanted) {
    return [choice, ...wanted].map((it) => it.slice(0, 2))
           .find((it) => Object.hasOwn(LANGUAGES, it)) || 'en';
}


/**
 * English words, if the others do not come; there is no page without any.
 *
 * @param {string} lang
 * @returns {Promise<Wording>}
 */
export async function loadWords(lang) {
    /** @type {Catalogue | null} */
    let catalogue = null;

    while (catalogue === null) {
        for (const one of [lang, 'en']) {
            catalogue = catalogue || await CATALOGUES[one]().then(
                (it) => it.default, () => null);
        }

        if (catalogue === null) {
            await nap(AGAIN).done;
        }
    }

    const day = new Intl.DateTimeFormat(lang, { dateStyle: 'medium',
                                                timeStyle: 'short' });

    return { ...createI18n(lang, catalogue),
             dir: RTL.test(lang) ? 'rtl' : 'ltr',
             full: (iso) => day.format(new Date(iso)) };
}
