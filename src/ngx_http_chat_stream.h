
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#ifndef _NGX_HTTP_CHAT_STREAM_H_INCLUDED_
#define _NGX_HTTP_CHAT_STREAM_H_INCLUDED_


#include "ngx_http_chat_endpoint.h"
#include "ngx_http_chat_feed.h"
#include "ngx_http_chat_limit.h"


/* what a stream without a way back is asked for: query arguments */

typedef struct {
    ngx_str_t                 filter[4];     /* status, assignee, team, label */
    ngx_str_t                 cursor;        /* of the inbox; empty: none */
    unsigned                  has_feed:1;
    unsigned                  has_inbox:1;
} ngx_http_chat_stream_args_t;


/*
 * Fills in args and of f the actor, the conversation, since and tail.
 * NGX_ERROR: *rc is the return value of a problem that has been sent.
 */
ngx_int_t ngx_http_chat_stream_args(ngx_http_request_t *r,
    ngx_http_chat_ctx_t *ctx, ngx_http_chat_stream_args_t *args,
    ngx_http_chat_feed_t *f, ngx_int_t *rc);

/*
 * Counts the stream of r, until ngx_http_chat_limit_close().  NGX_ERROR: there
 * are too many; *rc as above.
 */
ngx_int_t ngx_http_chat_stream_open(ngx_http_request_t *r,
    ngx_http_chat_ctx_t *ctx, ngx_http_chat_limit_stream_t *stream,
    ngx_int_t *rc);

/* 503 of a subscribe to f that was NGX_BUSY or NGX_ERROR */
ngx_int_t ngx_http_chat_stream_refused(ngx_http_request_t *r,
    ngx_http_chat_feed_t *f, ngx_int_t rc);


#endif /* _NGX_HTTP_CHAT_STREAM_H_INCLUDED_ */
