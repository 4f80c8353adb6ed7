/* Copyright (C) the ngx_http_chat_module authors */

import { createFormat } from './format.js';
import { h } from './kernel.js';
import { linked } from './links.js';

export const { formatted, unformatted } = createFormat({ h, linked });


/**
 * Puts a mark around what is selected, or takes it away; with nothing
 * selected it is where one goes on to write.
 *
 * @param {HTMLTextAreaElement} input
 * @param {string} mark
 */
export function marked(input, mark) {
    const { selectionStart: from, selectionEnd: to, value } = input;
    const { length } = mark;
    const had = value.slice(0, from).endsWith(mark)
                && value.slice(to).startsWith(mark);
    const inner = value.slice(from, to);

    input.focus();

    if (had) {
        input.setSelectionRange(from - length, to + length);
    }

    /* Nothing else can be undone by the keys of the browser. */
    document.execCommand('insertText', false,
                         had ? inner : `${mark}${inner}${mark}`);

    const start = had ? from - length : from + length;

    input.setSelectionRange(start, start + inner.length);
}
