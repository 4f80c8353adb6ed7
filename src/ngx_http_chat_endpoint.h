
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#ifndef _NGX_HTTP_CHAT_ENDPOINT_H_INCLUDED_
#define _NGX_HTTP_CHAT_ENDPOINT_H_INCLUDED_


#include "ngx_http_chat.h"


/* visitor: POST v1/session, POST v1/conversations */
ngx_int_t ngx_http_chat_visitor_session(ngx_http_request_t *r,
    ngx_http_chat_ctx_t *ctx);
ngx_int_t ngx_http_chat_visitor_create(ngx_http_request_t *r,
    ngx_http_chat_ctx_t *ctx);

/* session: PATCH and DELETE v1/session, POST v1/track */
ngx_int_t ngx_http_chat_session_track(ngx_http_request_t *r,
    ngx_http_chat_ctx_t *ctx);
ngx_int_t ngx_http_chat_session_put(ngx_http_request_t *r,
    ngx_http_chat_ctx_t *ctx);
ngx_int_t ngx_http_chat_session_end(ngx_http_request_t *r,
    ngx_http_chat_ctx_t *ctx);

/* conversation: of members */
ngx_int_t ngx_http_chat_conversation_list(ngx_http_request_t *r,
    ngx_http_chat_ctx_t *ctx);
ngx_int_t ngx_http_chat_conversation_get(ngx_http_request_t *r,
    ngx_http_chat_ctx_t *ctx);
ngx_int_t ngx_http_chat_conversation_events(ngx_http_request_t *r,
    ngx_http_chat_ctx_t *ctx);
ngx_int_t ngx_http_chat_conversation_send(ngx_http_request_t *r,
    ngx_http_chat_ctx_t *ctx);
ngx_int_t ngx_http_chat_conversation_read(ngx_http_request_t *r,
    ngx_http_chat_ctx_t *ctx);
ngx_int_t ngx_http_chat_conversation_typing(ngx_http_request_t *r,
    ngx_http_chat_ctx_t *ctx);
ngx_int_t ngx_http_chat_conversation_change(ngx_http_request_t *r,
    ngx_http_chat_ctx_t *ctx);

ngx_int_t ngx_http_chat_conversation_mentions(ngx_http_request_t *r,
    ngx_http_chat_ctx_t *ctx);

/* desk: what agents manage, one row of a table for each action */
ngx_int_t ngx_http_chat_desk(ngx_http_request_t *r,
    ngx_http_chat_ctx_t *ctx);

/* setup: POST v1/agent/setup */
ngx_int_t ngx_http_chat_setup(ngx_http_request_t *r,
    ngx_http_chat_ctx_t *ctx);

/* factor: POST and DELETE v1/agent/totp, the first code, by administrators */
ngx_int_t ngx_http_chat_factor_begin(ngx_http_request_t *r,
    ngx_http_chat_ctx_t *ctx);
ngx_int_t ngx_http_chat_factor_confirm(ngx_http_request_t *r,
    ngx_http_chat_ctx_t *ctx);
ngx_int_t ngx_http_chat_factor_remove(ngx_http_request_t *r,
    ngx_http_chat_ctx_t *ctx);
ngx_int_t ngx_http_chat_factor_reset(ngx_http_request_t *r,
    ngx_http_chat_ctx_t *ctx);

/* respond: POST v1/conversations/{id}/responses */
ngx_int_t ngx_http_chat_respond(ngx_http_request_t *r,
    ngx_http_chat_ctx_t *ctx);

/* edit: {PATCH,DELETE} v1/conversations/{id}/messages/{name}, its history */
ngx_int_t ngx_http_chat_edit(ngx_http_request_t *r,
    ngx_http_chat_ctx_t *ctx);
ngx_int_t ngx_http_chat_edit_redact(ngx_http_request_t *r,
    ngx_http_chat_ctx_t *ctx);
ngx_int_t ngx_http_chat_edit_history(ngx_http_request_t *r,
    ngx_http_chat_ctx_t *ctx);

/* customer: what agents see of a visitor, and do with him */
ngx_int_t ngx_http_chat_customer_conversations(ngx_http_request_t *r,
    ngx_http_chat_ctx_t *ctx);
ngx_int_t ngx_http_chat_customer_track(ngx_http_request_t *r,
    ngx_http_chat_ctx_t *ctx);
ngx_int_t ngx_http_chat_customer_block(ngx_http_request_t *r,
    ngx_http_chat_ctx_t *ctx);
ngx_int_t ngx_http_chat_customer_erase(ngx_http_request_t *r,
    ngx_http_chat_ctx_t *ctx);

/* stream: GET v1/stream, by one of the transports below */
ngx_int_t ngx_http_chat_stream(ngx_http_request_t *r,
    ngx_http_chat_ctx_t *ctx);

ngx_int_t ngx_http_chat_sse(ngx_http_request_t *r,
    ngx_http_chat_ctx_t *ctx);
ngx_int_t ngx_http_chat_poll(ngx_http_request_t *r,
    ngx_http_chat_ctx_t *ctx);



#endif /* _NGX_HTTP_CHAT_ENDPOINT_H_INCLUDED_ */
