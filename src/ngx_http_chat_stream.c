
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#include "ngx_http_chat_header.h"
#include "ngx_http_chat_query.h"
#include "ngx_http_chat_reply.h"
#include "ngx_http_chat_stream.h"
#include "ngx_http_chat_ws.h"


/*
 * GET v1/stream: one endpoint, and a transport for what the client can.
 */


static ngx_uint_t ngx_http_chat_stream_accepts(ngx_http_request_t *r);


ngx_int_t
ngx_http_chat_stream(ngx_http_request_t *r, ngx_http_chat_ctx_t *ctx)
{
    if (ngx_http_chat_ws_wanted(r)) {
        return ngx_http_chat_ws(r, ctx);
    }

    if (ngx_http_chat_stream_accepts(r)) {
        return ngx_http_chat_sse(r, ctx);
    }

    return ngx_http_chat_poll(r, ctx);
}


/* an Accept that names server-sent events, as every EventSource sends it */

static ngx_uint_t
ngx_http_chat_stream_accepts(ngx_http_request_t *r)
{
    ngx_table_elt_t  *h;
    static ngx_str_t  accept = ngx_string("accept");

    for (h = ngx_http_chat_header_find(r, &accept, NULL);
         h != NULL;
         h = ngx_http_chat_header_find(r, &accept, h))
    {
        if (ngx_strlcasestrn(h->value.data, h->value.data + h->value.len,
                             (u_char *) "text/event-stream",
                             sizeof("text/event-stream") - 2)
            != NULL)
        {
            return 1;
        }
    }

    return 0;
}


ngx_int_t
ngx_http_chat_stream_args(ngx_http_request_t *r, ngx_http_chat_ctx_t *ctx,
    ngx_http_chat_stream_args_t *args, ngx_http_chat_feed_t *f, ngx_int_t *rc)
{
    ngx_str_t           value;
    ngx_uint_t          i, tail;
    static const char  *names[] = { "status", "assignee", "team", "label" };

    ngx_memzero(args, sizeof(ngx_http_chat_stream_args_t));

    f->actor = &ctx->actor;

    if (ngx_http_chat_query_cursor(r, "since", &f->since, &tail, rc)
        == NGX_ERROR)
    {
        return NGX_ERROR;
    }

    f->tail = tail;
    f->epoch = ngx_http_chat_store_epoch();

    if (ngx_http_chat_query_arg(r, "conversation", &value) == NGX_OK) {

        if (ngx_http_chat_id_parse(&f->conversation, value.data, value.len)
            != NGX_OK)
        {
            *rc = ngx_http_chat_reply_problem(r, NGX_HTTP_CHAT_NOT_FOUND,
                                              NULL, "there is no such "
                                              "conversation");
            return NGX_ERROR;
        }

        ctx->id = f->conversation;
        ctx->conversation = 1;
        args->has_feed = 1;
    }

    /* "inbox" without a value asks for the first page */

    if (ngx_http_arg(r, (u_char *) "inbox", 5, &value) == NGX_OK) {

        if (ctx->actor.kind != NGX_HTTP_CHAT_AGENT) {
            *rc = ngx_http_chat_reply_problem(r, NGX_HTTP_CHAT_FORBIDDEN,
                                              "inbox", "it is for agents");
            return NGX_ERROR;
        }

        args->has_inbox = 1;

        (void) ngx_http_chat_query_arg(r, "inbox", &args->cursor);

        for (i = 0; i < 4; i++) {
            (void) ngx_http_chat_query_arg(r, names[i], &args->filter[i]);
        }
    }

    if (!args->has_feed && !args->has_inbox) {
        *rc = ngx_http_chat_reply_problem(r, NGX_HTTP_CHAT_INVALID_FIELD,
                                          "conversation", "it is missing");
        return NGX_ERROR;
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_chat_stream_open(ngx_http_request_t *r, ngx_http_chat_ctx_t *ctx,
    ngx_http_chat_limit_stream_t *stream, ngx_int_t *rc)
{
    if (ngx_http_chat_limit_open(stream, ctx->conf->limit, &ctx->actor,
                                 r->connection->sockaddr)
        == NGX_OK)
    {
        return NGX_OK;
    }

    *rc = ngx_http_chat_reply_problem(r, NGX_HTTP_CHAT_RATE_LIMITED, NULL,
                                      "too many streams are open");
    return NGX_ERROR;
}


ngx_int_t
ngx_http_chat_stream_refused(ngx_http_request_t *r, ngx_http_chat_feed_t *f,
    ngx_int_t rc)
{
    if (rc == NGX_BUSY) {
        return ngx_http_chat_reply_later(r, NGX_HTTP_CHAT_UNAVAILABLE,
                                         "too many subscribe at once",
                                         f->wait);
    }

    return ngx_http_chat_reply_failed(r, NGX_BUSY);
}
