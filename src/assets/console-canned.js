/* Copyright (C) the ngx_http_chat_module authors */

import { attr, h, keyed, text } from './kernel.js';
import { plainName } from './i18n.js';

/*
 * What is written already: "/" and the beginning of a name opens a list of
 * replies at the field, in a note "@" one of colleagues.
 */

const START = /(?:^|\s)\/([^\s/]*)$/;
const NAME = /(?:^|[\s(])@((?:[^\s@][^@\n]{0,60})?)$/;
const MOST = 8;


/**
 * The replies whose name or title has the letters in this order, the best
 * first.
 *
 * @param {Canned[]} canned
 * @param {string} typed
 * @param {string} lang those in this language before others
 */
export function matching(canned, typed, lang) {
    const wanted = typed.toLowerCase();

    return canned.map((it) => ({ it, rank: rank(it, wanted, lang) }))
                 .filter(({ rank: of }) => of < 9)
                 .sort((a, b) => a.rank - b.rank)
                 .map(({ it }) => it).slice(0, MOST);
}


/**
 * The people one of whose names begins so.  Whose name is there already is
 * not asked for.
 *
 * @template {{name: string}} T
 * @param {T[]} people
 * @param {string} typed
 * @returns {T[]}
 */
export function called(people, typed) {
    const wanted = typed.toLowerCase();
    const found = people.filter(({ name }) => [name, ...name.split(/\s+/)]
        .some((part) => part.toLowerCase().startsWith(wanted)));

    return found.length === 1 && found[0].name.toLowerCase() === wanted
           ? [] : found.slice(0, MOST);
}


/**
 * The text with what its variables stand for; one that is not known stays as
 * it is.
 *
 * @param {string} body
 * @param {Record<string, string>} values
 */
export function filled(body, values) {
    return body.replace(/\{\{\s*([\w.]+)\s*\}\}/g, (all, name) =>
        Object.hasOwn(values, name) ? values[name] : all);
}


/**
 * @param {Canned} it
 * @param {string} typed
 * @param {string} lang
 */
function rank({ shortcut, title, locale }, typed, lang) {
    const name = shortcut.toLowerCase();
    const place = name.startsWith(typed) ? 0
                  : name.includes(typed) ? 2
                  : title.toLowerCase().includes(typed) ? 4
                  : scattered(name, typed) ? 6 : 9;

    return place + (locale && !locale.startsWith(lang) ? 1 : 0);
}


/**
 * @param {string} name
 * @param {string} typed
 */
function scattered(name, typed) {
    let at = -1;

    return [...typed].every((letter) => {
        at = name.indexOf(letter, at + 1);

        return at >= 0;
    });
}


/**
 * @typedef {{id: string, name: string, title: string, body: string,
 *             reply: boolean}} Offer
 */


/**
 * @param {object} options
 * @param {Wording} options.i18n
 * @param {HTMLTextAreaElement} options.input
 * @param {() => Canned[]} options.canned
 * @param {() => Colleague[]} options.people who can be mentioned
 * @param {() => Record<string, string>} options.values
 * @param {() => void} options.onchange the field has another text
 */
export function createCanned({ i18n, input, canned, people, values,
                               onchange })
{
    const { t } = i18n;
    const list = h('ul', { id: 'canned', role: 'listbox', class: 'canned',
                           hidden: true });
    const count = h('p', { class: 'hidden', role: 'status' });
    /** @type {Offer[]} */
    let found = [];
    let at = 0;

    attr(input, 'aria-autocomplete', 'list');

    function typed() {
        const { value, selectionStart, selectionEnd } = input;

        const before = selectionStart === selectionEnd
                       ? value.slice(0, selectionStart) : '';
        const start = START.exec(before);

        return { start, name: start ? null : NAME.exec(before) };
    }

    function look() {
        const { start, name } = typed();

        found = start ? replies(start[1]) : name ? names(name[1]) : [];
        at = 0;
        attr(list, 'aria-label', t(start ? 'canned.label'
                                         : 'mention.label'));
        draw();
        text(count, !found.length ? ''
                    : start ? t('canned.count', { count: found.length })
                    : t('mention.count', { count: found.length }));
    }

    /**
     * @param {string} wanted
     * @returns {Offer[]}
     */
    function replies(wanted) {
        return matching(canned(), wanted, i18n.lang).map((it) => ({
            id: it.id, name: `/${it.shortcut}`, title: it.title,
            body: filled(it.text, values()), reply: true }));
    }

    /**
     * @param {string} wanted
     * @returns {Offer[]}
     */
    function names(wanted) {
        return called(people(), wanted).map(({ id, name }) => ({
            id, name: `@${name}`, title: '', body: `@${name} `,
            reply: false }));
    }

    function draw() {
        const open = found.length > 0;

        attr(list, 'hidden', !open);
        attr(input, 'aria-controls', open ? 'canned' : null);
        attr(input, 'aria-activedescendant',
             open ? `canned-${found[at].id}` : null);
        keyed(list, found, ({ id }) => id, row, (node, it) => {
            attr(node, 'aria-selected', String(it === found[at]));

            if (it === found[at]) {
                node.scrollIntoView({ block: 'nearest' });
            }
        });
    }

    /** @param {Offer} it */
    function row(it) {
        return h('li', { id: `canned-${it.id}`, role: 'option',
                         onmousedown(/** @type {Event} */ event) {
                             event.preventDefault();
                             take(it);
                         } },
                 h('bdi', { class: 'shortcut' }, plainName(it.name)), ' ',
                 h('bdi', {}, it.title),
                 ...it.reply ? [h('span', { class: 'preview', dir: 'auto' },
                                  it.body.slice(0, 200))] : []);
    }

    /** @param {Offer} it */
    function take(it) {
        const { start, name } = typed();
        const said = start || name;

        if (said) {
            const to = input.selectionStart;

            input.setRangeText(it.body, to - said[1].length - 1, to, 'end');
            close();
            onchange();
        }
    }

    function close() {
        found = [];
        draw();
    }

    input.addEventListener('input', look);
    input.addEventListener('blur', close);

    return {
        elements: [list, count],
        close,
        look,

        /**
         * @param {KeyboardEvent} event
         * @returns {boolean} whether the key was for the list
         */
        key(event) {
            const step = event.key === 'ArrowDown' ? 1
                         : event.key === 'ArrowUp' ? -1 : 0;

            if (!found.length || event.isComposing) {
                return false;
            }

            if (step) {
                at = (at + step + found.length) % found.length;
                draw();
            } else if (event.key === 'Enter' || event.key === 'Tab') {
                take(found[at]);
            } else if (event.key === 'Escape') {
                close();
            } else {
                return false;
            }

            return true;
        },
    };
}
