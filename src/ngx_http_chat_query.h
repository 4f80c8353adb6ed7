
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#ifndef _NGX_HTTP_CHAT_QUERY_H_INCLUDED_
#define _NGX_HTTP_CHAT_QUERY_H_INCLUDED_


#include "ngx_http_chat.h"
#include "ngx_http_chat_limit.h"
#include "ngx_http_chat_store.h"


/*
 * What endpoints share: one statement whose answer is (outcome, JSON body)
 * goes to the client as it is, or 204 if there is none.
 */
ngx_int_t ngx_http_chat_query_answer(ngx_http_request_t *r,
    ngx_http_chat_ctx_t *ctx, ngx_http_chat_lane_e lane,
    ngx_http_chat_query_e query, ngx_http_chat_args_t *args);

/*
 * Sends a statement that the request waits for: done() gets it as call->data,
 * NULL when it has gone.  NGX_DONE, or the return value of a 503.
 */
ngx_int_t ngx_http_chat_query_call(ngx_http_request_t *r,
    ngx_http_chat_ctx_t *ctx, ngx_http_chat_lane_e lane,
    ngx_http_chat_query_e query, ngx_http_chat_args_t *args,
    ngx_http_chat_call_pt done);

/* the same for a command, which may be NULL: 503 */
ngx_int_t ngx_http_chat_query_command(ngx_http_request_t *r,
    ngx_http_chat_ctx_t *ctx, ngx_http_chat_command_t *cmd);

/*
 * Answers with what was "created", or is a "duplicate": 201 or 200.  id is
 * that of the event, or of the conversation.
 */
ngx_int_t ngx_http_chat_query_receipt(ngx_http_request_t *r,
    ngx_http_chat_command_t *cmd, ngx_http_chat_id_t *id,
    ngx_str_t *client_id);

/*
 * NGX_OK when "chat_limit" lets the request through; NGX_DECLINED when it is
 * over a limit: *rc is the return value of a 429 that has been sent.
 */
ngx_int_t ngx_http_chat_query_limit(ngx_http_request_t *r,
    ngx_http_chat_ctx_t *ctx, ngx_http_chat_limit_action_e action,
    ngx_int_t *rc);

/*
 * A query argument, unescaped into r->pool, "+" to a blank as URLSearchParams
 * writes it (WHATWG URL, 5); NGX_DECLINED: absent or empty.
 */
ngx_int_t ngx_http_chat_query_arg(ngx_http_request_t *r, const char *name,
    ngx_str_t *value);

/*
 * A number from 0 to max.  NGX_DECLINED: absent; NGX_ERROR: it is none, and
 * *rc is the return value of a 422 that has been sent.
 */
ngx_int_t ngx_http_chat_query_number(ngx_http_request_t *r,
    const char *name, int64_t max, int64_t *value, ngx_int_t *rc);

/*
 * A cursor: *seq is -1 when it is absent; *tail is set when it is of another
 * epoch.  NGX_ERROR as above.
 */
ngx_int_t ngx_http_chat_query_cursor(ngx_http_request_t *r,
    const char *name, int64_t *seq, ngx_uint_t *tail, ngx_int_t *rc);

/* the same for one that has been found elsewhere, by that name */
ngx_int_t ngx_http_chat_query_cursor_value(ngx_http_request_t *r,
    const char *name, ngx_str_t *value, int64_t *seq, ngx_uint_t *tail,
    ngx_int_t *rc);


#endif /* _NGX_HTTP_CHAT_QUERY_H_INCLUDED_ */
