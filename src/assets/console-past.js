/* Copyright (C) the ngx_http_chat_module authors */

import { asProblem } from './api.js';
import { attr, h, text } from './kernel.js';
import { problemText } from './i18n.js';

/*
 * A part of the panel that is read, page by page, while it is open.
 */

const PAGE = 10;


/**
 * @template T
 * @param {Wording} i18n
 * @param {object} options
 * @param {Api} options.api
 * @param {string} options.label
 * @param {boolean} [options.open]
 * @param {(of: string) => string} options.path the call that lists it
 * @param {(answer: any) => T[]} options.items
 * @param {(list: HTMLElement, items: T[]) => number} options.draw returns how
 *     many there are
 */
export function createPast(i18n, { api, label, open, path, items, draw }) {
    const { t } = i18n;
    const list = h('ul', { class: 'others' });
    const status = h('p', { class: 'hint', role: 'status' });
    const more = h('button', { type: 'button', hidden: true, onclick: read },
                   t('audit.more'));
    const element = h('details', { open, ontoggle: look },
                      h('summary', {}, label), list, status, more);
    /** @type {T[]} */
    let have = [];
    /** @type {string | null} */
    let before = null;
    let wanted = '';
    let of = '';
    let reading = 0;
    let complete = false;

    async function read() {
        const mine = ++reading;

        attr(more, 'hidden', true);

        try {
            const found = await api.call('GET', path(of), {
                query: { limit: PAGE, before } });

            if (reading === mine) {
                complete = true;
                have = [...have, ...items(found)];
                before = found.page;
                attr(more, 'hidden', !found.more);
                show();
            }
        } catch (error) {
            if (reading === mine) {
                text(status, problemText(i18n, asProblem(error).code));
                attr(more, 'hidden', false);
            }
        }
    }

    function show() {
        const count = draw(list, have);

        if (complete) {
            text(status, count ? '' : t('records.none'));
        }
    }

    /** What nobody sees need not be read. */
    function look() {
        if (of !== wanted && of !== '') {
            forget();
        }

        if (wanted !== of && element.open && element.offsetParent !== null) {
            of = wanted;
            read();
        }
    }

    function forget() {
        reading++;
        of = '';
        before = null;
        have = [];
        complete = false;
        text(status, '');
        attr(more, 'hidden', true);
        show();
    }

    return {
        element,
        look,

        /** @param {string} id of what it belongs to */
        update(id) {
            wanted = id;
            look();
            show();
        },
    };
}
