/* Copyright (C) the ngx_http_chat_module authors */

import { plainName } from './i18n.js';


/**
 * @param {Person[]} people
 * @param {I18n} i18n
 */
export function names(people, i18n) {
    return new Intl.ListFormat(i18n.lang).format(people.map(
        ({ kind, name }) => plainName(name || '') || i18n.t(`who.${kind}`)));
}
