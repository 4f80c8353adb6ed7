/* Copyright (C) the ngx_http_chat_module authors */

import { attr, h, text } from './kernel.js';
import { clock } from './backoff.js';
import { names } from './names.js';

/*
 * Who is typing: what is told to others, and what is shown of them.
 */

const EVERY = 3000;
const SPOKEN = 30000;


/**
 * @param {(on: boolean) => boolean} tell whether there was anybody to tell
 * @param {Clock} [time]
 */
export function createTyping(tell, time = clock) {
    let told = -EVERY;
    let on = false;

    const stop = () => {
        if (on) {
            on = false;
            tell(false);
        }
    };

    return {
        stop,

        /** @param {string} value what is in the field now */
        input(value) {
            if (value.trim() === '') {
                stop();
            } else if (time.now() - told >= EVERY && tell(true)) {
                told = time.now();
                on = true;
            }
        },
    };
}


/**
 * A line below the log, read out once in a while.
 *
 * @param {I18n} i18n
 * @param {Clock} [time]
 */
export function createTypingLine(i18n, time = clock) {
    const element = h('p', { class: 'typing' });
    let spoken = -SPOKEN;

    return {
        element,

        /** @param {Person[]} people */
        update(people) {
            const said = people.length
                         ? i18n.t('typing', { count: people.length,
                                              name: names(people, i18n) })
                         : '';

            if (said !== '' && element.textContent === '') {
                const speak = time.now() - spoken >= SPOKEN;

                attr(element, 'aria-live', speak ? 'polite' : 'off');
                spoken = speak ? time.now() : spoken;
            }

            text(element, said);
        },
    };
}
