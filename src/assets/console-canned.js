/* Copyright (C) the ngx_http_chat_module authors */

import { attr, h, keyed, text } from './kernel.js';

/*
 * Replies that are written already: "/" and the beginning of a name opens a
 * list of them below the field.
 */

const START = /(?:^|\s)\/([^\s/]*)$/;
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
 * @param {object} options
 * @param {Wording} options.i18n
 * @param {HTMLTextAreaElement} options.input
 * @param {() => Canned[]} options.canned
 * @param {() => Record<string, string>} options.values
 * @param {() => void} options.onchange the field has another text
 */
export function createCanned({ i18n, input, canned, values, onchange }) {
    const { t } = i18n;
    const list = h('ul', { id: 'canned', role: 'listbox', class: 'canned',
                           'aria-label': t('canned.label'), hidden: true });
    const count = h('p', { class: 'hidden', role: 'status' });
    /** @type {Canned[]} */
    let found = [];
    let at = 0;

    attr(input, 'aria-autocomplete', 'list');

    function typed() {
        const { value, selectionStart, selectionEnd } = input;

        return selectionStart === selectionEnd
               ? START.exec(value.slice(0, selectionStart)) : null;
    }

    function look() {
        const start = typed();

        found = start ? matching(canned(), start[1], i18n.lang) : [];
        at = 0;
        draw();
        text(count, found.length ? t('canned.count', { count: found.length })
                                 : '');
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

    /** @param {Canned} it */
    function row(it) {
        return h('li', { id: `canned-${it.id}`, role: 'option',
                         onmousedown(/** @type {Event} */ event) {
                             event.preventDefault();
                             take(it);
                         } },
                 h('bdi', { class: 'shortcut' }, `/${it.shortcut}`), ' ',
                 h('bdi', {}, it.title),
                 h('span', { class: 'preview', dir: 'auto' },
                   filled(it.text, values()).slice(0, 200)));
    }

    /** @param {Canned} it */
    function take(it) {
        const start = typed();

        if (start) {
            const to = input.selectionStart;

            input.setRangeText(filled(it.text, values()),
                               to - start[1].length - 1, to, 'end');
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
