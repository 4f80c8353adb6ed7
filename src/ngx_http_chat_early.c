
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#include "ngx_http_chat_early.h"
#include "ngx_http_chat_reply.h"
#include "ngx_http_chat_store.h"


/* an answer within a second was promised; ms */
#define NGX_HTTP_CHAT_EARLY_WAIT  800


static void ngx_http_chat_early_state(ngx_uint_t ready);
static void ngx_http_chat_early_timer(ngx_event_t *ev);
static ngx_http_chat_ctx_t *ngx_http_chat_early_first(void);


static ngx_queue_t       ngx_http_chat_early_queue;
static ngx_event_t       ngx_http_chat_early_event;
static ngx_connection_t  ngx_http_chat_early_dummy;

static ngx_http_chat_store_listener_t  ngx_http_chat_early_listener = {
    ngx_http_chat_early_state, NULL
};


void
ngx_http_chat_early_init(ngx_cycle_t *cycle)
{
    ngx_queue_init(&ngx_http_chat_early_queue);

    ngx_memzero(&ngx_http_chat_early_event, sizeof(ngx_event_t));

    ngx_http_chat_early_dummy.fd = (ngx_socket_t) -1;

    ngx_http_chat_early_event.data = &ngx_http_chat_early_dummy;
    ngx_http_chat_early_event.handler = ngx_http_chat_early_timer;
    ngx_http_chat_early_event.log = cycle->log;

    ngx_http_chat_store_on_state(&ngx_http_chat_early_listener);
}


ngx_int_t
ngx_http_chat_early_wait(ngx_http_request_t *r, ngx_http_chat_ctx_t *ctx,
    ngx_http_chat_handler_pt go)
{
    ctx->next = go;
    ctx->early = 1;
    ctx->since = ngx_current_msec;

    ngx_queue_insert_tail(&ngx_http_chat_early_queue, &ctx->queue);

    if (!ngx_http_chat_early_event.timer_set) {
        ngx_add_timer(&ngx_http_chat_early_event, NGX_HTTP_CHAT_EARLY_WAIT);
    }

    (void) ngx_http_chat_wait_client(r);

    return NGX_DONE;
}


void
ngx_http_chat_early_leave(ngx_http_chat_ctx_t *ctx)
{
    if (ctx->early) {
        ngx_queue_remove(&ctx->queue);
        ctx->early = 0;
    }
}


static ngx_http_chat_ctx_t *
ngx_http_chat_early_first(void)
{
    ngx_queue_t  *q;

    if (ngx_queue_empty(&ngx_http_chat_early_queue)) {
        return NULL;
    }

    q = ngx_queue_head(&ngx_http_chat_early_queue);

    return ngx_queue_data(q, ngx_http_chat_ctx_t, queue);
}


static void
ngx_http_chat_early_state(ngx_uint_t ready)
{
    ngx_http_request_t   *r;
    ngx_http_chat_ctx_t  *ctx;

    if (!ready) {
        return;
    }

    for ( ;; ) {
        ctx = ngx_http_chat_early_first();

        if (ctx == NULL) {
            break;
        }

        ngx_http_chat_early_leave(ctx);

        r = ctx->request;
        ngx_http_chat_finalize(r, ctx->next(r, ctx));
    }

    if (ngx_http_chat_early_event.timer_set) {
        ngx_del_timer(&ngx_http_chat_early_event);
    }
}


static void
ngx_http_chat_early_timer(ngx_event_t *ev)
{
    ngx_msec_int_t        left;
    ngx_http_request_t   *r;
    ngx_http_chat_ctx_t  *ctx;

    for ( ;; ) {
        ctx = ngx_http_chat_early_first();

        if (ctx == NULL) {
            return;
        }

        left = (ngx_msec_int_t) (ctx->since + NGX_HTTP_CHAT_EARLY_WAIT
                                 - ngx_current_msec);
        if (left > 0) {
            ngx_add_timer(ev, left);
            return;
        }

        ngx_http_chat_early_leave(ctx);

        r = ctx->request;
        ngx_http_chat_finalize(r, ngx_http_chat_reply_failed(r, NGX_BUSY));
    }
}
