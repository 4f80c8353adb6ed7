/* Copyright (C) the ngx_http_chat_module authors */

import { attr, h, keyed } from './kernel.js';

/*
 * A list of any length, of which only what is in view, and a little around
 * it, is in the document.  All rows have the height of the first one.
 */

const AROUND = 12;
const ROW = 88;
const NEAR = 20;


/**
 * @template {{id: string}} T
 * @param {object} options
 * @param {(item: T) => HTMLElement} options.create makes a row
 * @param {(row: HTMLElement, item: T) => void} options.update
 * @param {() => void} options.onend the end of the list is near
 */
export function createWindow(options) {
    const list = h('ul', { class: 'inbox' });
    const element = h('div', { class: 'scroll', tabindex: '-1' }, list);
    /** @type {T[]} */
    let items = [];
    let row = ROW;
    let due = false;
    let top = '';

    function draw() {
        due = false;

        const size = Math.ceil(element.clientHeight / row) + 2 * AROUND;
        const from = Math.max(0, Math.min(
            Math.floor(element.scrollTop / row) - AROUND,
            items.length - size));
        const to = Math.min(items.length, from + size);
        const shown = items.slice(from, to);
        const active = document.activeElement;
        let place = 0;

        list.style.paddingBlockStart = `${from * row}px`;
        list.style.paddingBlockEnd = `${(items.length - to) * row}px`;

        keyed(list, shown, (item) => item.id, options.create,
              (node, item, before) => {
                  place = before ? place + 1 : from + 1;
                  attr(node, 'aria-posinset', place);
                  attr(node, 'aria-setsize', items.length);
                  options.update(node, item);
              });

        /* The focus goes with its row, and does not leave with it. */
        if (active instanceof HTMLElement
            && active !== document.activeElement)
        {
            (active.isConnected ? active : element).focus({
                preventScroll: true });
        }

        top = items[Math.floor(element.scrollTop / row)]?.id || '';

        if (items.length > 0 && to + NEAR >= items.length) {
            options.onend();
        }
    }

    element.addEventListener('scroll', () => {
        if (!due) {
            due = true;
            requestAnimationFrame(draw);
        }
    }, { passive: true });

    new ResizeObserver(() => {
        draw();
        measure();
    }).observe(element);

    element.addEventListener('keydown', (event) => {
        const rows = [...list.querySelectorAll('a')];
        const at = rows.findIndex((it) => it === document.activeElement);
        const step = event.key === 'ArrowDown' ? 1
                     : event.key === 'ArrowUp' ? -1 : 0;

        if (step && rows.length) {
            event.preventDefault();
            rows[Math.min(rows.length - 1, Math.max(0, at + step))].focus();
        }
    });

    return {
        element,

        /** @param {T[]} now */
        update(now) {
            if (now === items) {
                draw();
                return;
            }

            const before = top;
            const place = Math.floor(element.scrollTop / row);

            items = now;

            /* What comes above does not push away what is being read. */
            if (place > 0 && items[place]?.id !== before) {
                const at = items.findIndex((item) => item.id === before);

                if (at >= 0) {
                    element.scrollTop += (at - place) * row;
                }
            }

            draw();
            measure();
        },

        /** @param {string} id is brought into view */
        reveal(id) {
            const at = items.findIndex((item) => item.id === id);
            const { scrollTop, clientHeight } = element;

            if (at >= 0 && (at * row < scrollTop
                            || (at + 1) * row > scrollTop + clientHeight))
            {
                element.scrollTop = at * row - (clientHeight - row) / 2;
                draw();
            }
        },

        focus() {
            const link = list.querySelector('a[aria-current]')
                         || list.querySelector('a');

            if (link instanceof HTMLElement) {
                link.focus();
            } else {
                element.focus();
            }
        },
    };

    function measure() {
        const first = list.firstElementChild;

        if (first instanceof HTMLElement && first.offsetHeight
            && first.offsetHeight !== row)
        {
            row = first.offsetHeight;
            draw();
        }
    }
}
