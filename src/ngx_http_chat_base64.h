
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#ifndef _NGX_HTTP_CHAT_BASE64_H_INCLUDED_
#define _NGX_HTTP_CHAT_BASE64_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


/*
 * Base64 without padding (RFC 4648).  Unlike the core's decoder this one
 * takes only the canonical text of exactly the length expected, so that a
 * credential has one spelling.
 */

/* characters of len bytes */
#define ngx_http_chat_base64_len(len)  (((len) * 8 + 5) / 6)

/* url: "-_" instead of "+/"; writes base64_len(len); returns the end */
u_char *ngx_http_chat_base64_encode(u_char *dst, u_char *p, size_t len,
    ngx_uint_t url);

/* decodes the text of size bytes into dst; NGX_ERROR if it is not one */
ngx_int_t ngx_http_chat_base64_decode(u_char *dst, size_t size, u_char *p,
    size_t len, ngx_uint_t url);


#endif /* _NGX_HTTP_CHAT_BASE64_H_INCLUDED_ */
