
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#ifndef _NGX_HTTP_CHAT_TICKET_H_INCLUDED_
#define _NGX_HTTP_CHAT_TICKET_H_INCLUDED_


#include "ngx_http_chat.h"


/* a ticket: base64url of the bytes, their SHA-256 is stored */
#define NGX_HTTP_CHAT_TICKET_SECRET  16
#define NGX_HTTP_CHAT_TICKET_LEN     22
#define NGX_HTTP_CHAT_TICKET_HASH    32


/* POST v1/ticket: 128 bits that stand for the credential, once, for 30 s */
ngx_int_t ngx_http_chat_ticket(ngx_http_request_t *r,
    ngx_http_chat_ctx_t *ctx);

/*
 * Whom the ticket stands for; it is used up.  Then ctx->actor and ctx->bearer
 * are set and next is called through ngx_http_chat_finalize(r, next(r, ctx)),
 * or the request is answered with 401 or 503.  Returns as a handler does;
 * value is not needed afterwards.
 */
ngx_int_t ngx_http_chat_ticket_take(ngx_http_request_t *r,
    ngx_http_chat_ctx_t *ctx, ngx_str_t *value,
    ngx_http_chat_handler_pt next);


#endif /* _NGX_HTTP_CHAT_TICKET_H_INCLUDED_ */
