/* Copyright (C) the ngx_http_chat_module authors */

import { h } from './kernel.js';
import { linked } from './links.js';
import { plainName } from './i18n.js';


/**
 * The text of a message: each line takes its own direction, and addresses in
 * it are links.
 *
 * @param {string} body
 */
export function paragraphs(body) {
    return body.split('\n').map((line) => h('p', { dir: 'auto' },
                                                 ...linked(line)));
}


/**
 * A name, isolated from the text around it.
 *
 * @param {string} name
 */
export function bdi(name) {
    return h('bdi', {}, plainName(name));
}
