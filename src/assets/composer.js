/* Copyright (C) the ngx_http_chat_module authors */

import { attr, h, icon, text } from './kernel.js';

const SEND = 'M3.4 20.4 21 12 3.4 3.6l-.1 6.6L15 12 3.3 13.8Z';


/**
 * The field to write in.  Enter sends, Shift+Enter breaks the line, and
 * neither interrupts an input method; Ctrl or Cmd+Enter always sends.
 *
 * @param {object} options
 * @param {string} options.label
 * @param {string} options.send
 * @param {number} options.most bytes of UTF-8
 * @param {string} [options.long] what is said when it is more
 * @param {(text: string) => void} options.onsend
 * @param {(text: string) => void} [options.oninput]
 * @param {Node[]} [options.extra] controls before the button
 * @param {() => boolean | undefined} [options.more] whether what goes along
 *     with a text, or without one, is ready
 */
export function createComposer(options) {
    const bytes = new TextEncoder();
    const input = h('textarea', { class: 'input', dir: 'auto', rows: '1',
                                  'aria-label': options.label,
                                  placeholder: options.label,
                                  enterkeyhint: 'send' });
    const button = h('button', { type: 'submit', class: 'send',
                                 'aria-label': options.send,
                                 title: options.send },
                     icon(SEND, true));
    const hint = h('p', { class: 'long', id: 'long', role: 'alert' });
    const element = h('form', { class: 'composer' },
                      hint, input, ...(options.extra || []), button);

    const fit = () => {
        const { value } = input;
        const long = bytes.encode(value.trim()).length > options.most;

        input.style.blockSize = 'auto';
        input.style.blockSize = `${input.scrollHeight + 2}px`;
        attr(input, 'aria-invalid', long ? 'true' : null);
        attr(input, 'aria-describedby', long ? 'long' : null);
        text(hint, long && options.long || '');
        const more = options.more?.();

        attr(button, 'aria-disabled',
             more === false || long || (!more && value.trim() === '')
             ? 'true' : null);
    };

    const submit = () => {
        const value = input.value.trim();

        if (button.getAttribute('aria-disabled')) {
            return;
        }

        input.value = '';
        fit();
        options.oninput?.('');
        options.onsend(value);
    };

    element.addEventListener('submit', (event) => {
        event.preventDefault();
        submit();
        input.focus();
    });

    input.addEventListener('input', () => {
        fit();
        options.oninput?.(input.value);
    });

    input.addEventListener('keydown', (event) => {
        /* 229: a key that an input method has taken, in older browsers */
        if (event.key !== 'Enter' || event.isComposing
            || event.keyCode === 229 || event.shiftKey || event.altKey)
        {
            return;
        }

        event.preventDefault();
        submit();
    });

    fit();

    return {
        element,
        input,
        button,
        fit,

        /** @param {string} value */
        set(value) {
            input.value = value;
            fit();
        },
    };
}
