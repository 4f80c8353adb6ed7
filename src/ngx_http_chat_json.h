
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#ifndef _NGX_HTTP_CHAT_JSON_H_INCLUDED_
#define _NGX_HTTP_CHAT_JSON_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


/*
 * Text of a JSON string (RFC 8259, section 7), without the quotes.  Quotation
 * mark, reverse solidus and U+0000 .. U+001F are escaped, all other bytes are
 * copied: the input is UTF-8, as ngx_http_chat_json_utf8() accepts it.
 */

/* bytes that the escaped text needs: len .. 6 * len */
size_t ngx_http_chat_json_escaped(u_char *p, size_t len);

/* writes the escaped text, no terminating NUL; returns the end */
u_char *ngx_http_chat_json_escape(u_char *dst, u_char *p, size_t len);

/*
 * Well-formed UTF-8 as in the Unicode Standard, table 3-7: no overlong forms,
 * no surrogates, nothing above U+10FFFF.  NGX_OK or NGX_ERROR.
 */
ngx_int_t ngx_http_chat_json_utf8(u_char *p, size_t len);


#endif /* _NGX_HTTP_CHAT_JSON_H_INCLUDED_ */
