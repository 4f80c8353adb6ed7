
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#ifndef _NGX_HTTP_CHAT_SECRET_H_INCLUDED_
#define _NGX_HTTP_CHAT_SECRET_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


/*
 * Values of directives that hold passwords.  At configuration time: replaces
 * a text "file:<path>" by what is in that file, without spaces and line feeds
 * at its end, NUL-terminated, in cf->pool; leaves any other text alone.
 * Returns NGX_CONF_OK or NGX_CONF_ERROR, the reason then being in the log.
 */
char *ngx_http_chat_secret_file(ngx_conf_t *cf, ngx_str_t *text);


#endif /* _NGX_HTTP_CHAT_SECRET_H_INCLUDED_ */
