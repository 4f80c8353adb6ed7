/* Copyright (C) the ngx_http_chat_module authors */

const CONTROLS = /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;


/**
 * Texts and dates of one language.  A text is a string, or one string per
 * plural category chosen by {count}.
 *
 * @param {string} lang
 * @param {Catalogue} catalogue
 * @returns {I18n}
 */
export function createI18n(lang, catalogue) {
    const plural = new Intl.PluralRules(lang);
    const number = new Intl.NumberFormat(lang);
    const clock = new Intl.DateTimeFormat(lang, { timeStyle: 'short' });
    const day = new Intl.DateTimeFormat(lang, { dateStyle: 'medium',
                                                timeStyle: 'short' });

    return {
        lang,
        number: (value) => number.format(value),

        pick: (words) => words && typeof words === 'object'
            ? words[lang] ?? words.en ?? Object.values(words)[0]
            : words || '',

        has: (key) => Object.hasOwn(catalogue, key),

        t(key, values = {}) {
            const entry = catalogue[key];
            const text = typeof entry !== 'object' ? entry
                         : entry[plural.select(Number(values.count))]
                           ?? entry.other;

            return (text ?? key).replace(/\{(\w+)\}/g, (all, name) => {
                const value = values[name];

                return value === undefined ? all
                       : typeof value === 'number' ? number.format(value)
                       : isolate(value);
            });
        },

        time(iso) {
            const date = new Date(iso);

            return Number.isNaN(+date) ? ''
                   : (date.toDateString() === new Date().toDateString()
                      ? clock : day).format(date);
        },
    };
}


/**
 * A name without the characters that turn the text around it.
 *
 * @param {string} name
 */
export function plainName(name) {
    return name.replace(CONTROLS, '');
}


/**
 * A name for use inside a sentence of the other direction.
 *
 * @param {string} name
 */
export function isolate(name) {
    return `\u2068${plainName(name)}\u2069`;
}


/**
 * The sentence for a problem code.
 *
 * @param {I18n} i18n
 * @param {string} code
 */
export function problemText(i18n, code) {
    const key = `problem.${code}`;

    return i18n.t(i18n.has(key) ? key : 'problem.other');
}
