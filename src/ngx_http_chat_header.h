
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#ifndef _NGX_HTTP_CHAT_HEADER_H_INCLUDED_
#define _NGX_HTTP_CHAT_HEADER_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>


/*
 * The next header of a request with that name, given in lower case; the first
 * if after is NULL.  NULL when there is none (any more).
 */
ngx_table_elt_t *ngx_http_chat_header_find(ngx_http_request_t *r,
    ngx_str_t *name, ngx_table_elt_t *after);

/*
 * The value of a header as text: what is not UTF-8 and control characters (C0,
 * DEL, C1) are left out, and it ends at a character within max bytes.  Written
 * to dst, which has room for them; returns the end.
 */
u_char *ngx_http_chat_header_text(u_char *dst, size_t max, ngx_str_t *value);


#endif /* _NGX_HTTP_CHAT_HEADER_H_INCLUDED_ */
