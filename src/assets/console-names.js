/* Copyright (C) the ngx_http_chat_module authors */

/** The languages of the console, each by its own name. */
/** @type {Record<string, string>} */
export const LANGUAGES = {
    en: 'English', ar: 'العربية', he: 'עברית',
};
