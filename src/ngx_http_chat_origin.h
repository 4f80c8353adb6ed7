
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#ifndef _NGX_HTTP_CHAT_ORIGIN_H_INCLUDED_
#define _NGX_HTTP_CHAT_ORIGIN_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


/* web origins (RFC 6454) of "http" and "https"; nothing knows a request */

/* longest origin: scheme, a DNS name or an address in brackets, port */
#define NGX_HTTP_CHAT_ORIGIN_LEN     300

/*
 * Writes the serialized form of an origin: lower case, without the scheme's
 * default port.  dst has room for len bytes; returns the end.  NULL when it
 * is no such origin: another scheme, "null", a path, a user, a wildcard.
 */
u_char *ngx_http_chat_origin_write(u_char *dst, u_char *p, size_t len);

/*
 * 1 when the value of an Origin header is the origin made of the scheme and
 * the value of a Host header; 0 otherwise, and when one is malformed.
 */
ngx_uint_t ngx_http_chat_origin_same(ngx_str_t *origin, ngx_uint_t https,
    ngx_str_t *host);


#endif /* _NGX_HTTP_CHAT_ORIGIN_H_INCLUDED_ */
