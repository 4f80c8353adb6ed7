
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#ifndef _NGX_HTTP_CHAT_COOKIE_H_INCLUDED_
#define _NGX_HTTP_CHAT_COOKIE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


/* longest "__Host-chat-visitor-<site>" */
#define NGX_HTTP_CHAT_COOKIE_LEN                                             \
    (sizeof("__Host-chat-visitor-") - 1 + 32)

/* writes the name for a site of at most 32 characters; returns the end */
u_char *ngx_http_chat_cookie_name(u_char *p, ngx_uint_t agent,
    ngx_uint_t secure, ngx_str_t *site);

/*
 * Finds the first cookie with the name in the value of a Cookie header
 * (RFC 6265).  NGX_OK: value points into it; NGX_DECLINED: none.
 */
ngx_int_t ngx_http_chat_cookie_find(ngx_str_t *header, ngx_str_t *name,
    ngx_str_t *value);


#endif /* _NGX_HTTP_CHAT_COOKIE_H_INCLUDED_ */
