
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#include "ngx_http_chat_counter.h"
#include "ngx_http_chat_poll.h"
#include "ngx_http_chat_query.h"
#include "ngx_http_chat_reply.h"


/*
 * Long poll: one conversation, for agents also the inbox.  The answer goes
 * out as soon as there is anything in it, or empty after "wait".
 */


#define NGX_HTTP_CHAT_POLL_WAIT_MAX  55


static ngx_int_t ngx_http_chat_poll_wait(ngx_http_request_t *r,
    ngx_http_chat_poll_t *p, int64_t wait);
static void ngx_http_chat_poll_cleanup(void *data);
static void ngx_http_chat_poll_leave(ngx_http_chat_poll_t *p);
static void ngx_http_chat_poll_revoked(ngx_http_chat_watch_t *w,
    ngx_uint_t code);
static void ngx_http_chat_poll_count(ngx_http_chat_poll_t *p, ngx_int_t n);
static void ngx_http_chat_poll_delay_handler(ngx_event_t *ev);
static void ngx_http_chat_poll_look(ngx_http_chat_poll_t *p);
static void ngx_http_chat_poll_rejoin(ngx_http_chat_poll_t *p);
static void ngx_http_chat_poll_timer_handler(ngx_event_t *ev);
static void ngx_http_chat_poll_answer_handler(ngx_event_t *ev);
static ngx_int_t ngx_http_chat_poll_answer(ngx_http_chat_poll_t *p);
static ngx_http_chat_poll_t *ngx_http_chat_poll_of(ngx_event_t *ev);


ngx_int_t
ngx_http_chat_poll(ngx_http_request_t *r, ngx_http_chat_ctx_t *ctx)
{
    int64_t                wait;
    ngx_int_t              rc;
    ngx_http_cleanup_t    *cln;
    ngx_http_chat_poll_t  *p;

    ctx->transport = "poll";

    p = ngx_pcalloc(r->pool, sizeof(ngx_http_chat_poll_t));
    if (p == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    p->request = r;
    p->ctx = ctx;
    ctx->data = p;

    wait = ctx->conf->poll_timeout / 1000;

    p->version = -1;
    p->feed.transport = NGX_HTTP_CHAT_T_POLL;

    if (ngx_http_chat_stream_args(r, ctx, &p->args, &p->feed, &rc) != NGX_OK
        || ngx_http_chat_query_number(r, "state", NGX_MAX_INT_T_VALUE,
                                      &p->version, &rc)
           == NGX_ERROR
        || ngx_http_chat_query_number(r, "wait", NGX_MAX_INT32_VALUE, &wait,
                                      &rc)
           == NGX_ERROR)
    {
        return rc;
    }

    cln = ngx_http_cleanup_add(r, 0);
    if (cln == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (ngx_http_chat_stream_open(r, ctx, &p->stream, &rc) != NGX_OK) {
        return rc;
    }

    cln->handler = ngx_http_chat_poll_cleanup;
    cln->data = p;

    ngx_http_chat_poll_count(p, 1);
    ngx_http_chat_revoke_watch(&p->watch, &ctx->actor,
                               ngx_http_chat_poll_revoked);

    p->began = ngx_current_msec;

    return ngx_http_chat_poll_wait(r, p,
                                   ngx_min(wait, NGX_HTTP_CHAT_POLL_WAIT_MAX));
}


static ngx_int_t
ngx_http_chat_poll_wait(ngx_http_request_t *r, ngx_http_chat_poll_t *p,
    int64_t wait)
{
    ngx_int_t          rc;
    ngx_connection_t  *c;

    c = r->connection;

    p->timer.data = c;
    p->timer.log = c->log;
    p->timer.handler = ngx_http_chat_poll_timer_handler;

    p->delay.data = c;
    p->delay.log = c->log;
    p->delay.handler = ngx_http_chat_poll_delay_handler;

    p->answer.data = c;
    p->answer.log = c->log;
    p->answer.handler = ngx_http_chat_poll_answer_handler;

    ngx_http_chat_poll_in_init(p);

    if (p->args.has_feed) {
        rc = ngx_http_chat_feed_subscribe(&p->feed, p->ctx->conf->limit);

        if (rc == NGX_BUSY || rc == NGX_ERROR) {
            ngx_http_chat_poll_leave(p);
            return ngx_http_chat_stream_refused(r, &p->feed, rc);
        }

        p->opening = (rc == NGX_AGAIN);

        if (rc == NGX_OK) {
            (void) ngx_http_chat_poll_at_head(p);
        }
    }

    if (p->args.has_inbox
        && ngx_http_chat_inbox_open(&p->inbox) != NGX_OK)
    {
        ngx_http_chat_poll_leave(p);
        return ngx_http_chat_reply_failed(r, NGX_BUSY);
    }

    if (ngx_exiting || wait == 0) {
        p->over = 1;
        ngx_http_chat_poll_ready(p);

    } else {
        wait *= 1000;

        if (p->ctx->expires != 0
            && p->ctx->expires - ngx_http_chat_time_now() < wait)
        {
            wait = p->ctx->expires - ngx_http_chat_time_now();
            p->expires = 1;
        }

        ngx_add_timer(&p->timer, (ngx_msec_t) ngx_max(wait, 1));
    }

    (void) ngx_http_chat_wait_client(r);

    return NGX_DONE;
}


static void
ngx_http_chat_poll_cleanup(void *data)
{
    ngx_http_chat_poll_t  *p = data;

    ngx_http_chat_poll_leave(p);
    ngx_http_chat_poll_count(p, -1);
}


/* nothing happens to it from now on: its answer may take a while to go out */

static void
ngx_http_chat_poll_leave(ngx_http_chat_poll_t *p)
{
    ngx_uint_t  i;

    ngx_http_chat_feed_leave(&p->feed);
    ngx_http_chat_inbox_leave(&p->inbox);

    if (p->timer.timer_set) {
        ngx_del_timer(&p->timer);
    }

    if (p->delay.timer_set) {
        ngx_del_timer(&p->delay);
    }

    if (p->answer.posted) {
        ngx_delete_posted_event(&p->answer);
    }

    for (i = 0; i < p->n; i++) {
        ngx_http_chat_event_release(p->events[i]);
    }

    p->n = 0;

    ngx_http_chat_limit_close(&p->stream);
    ngx_http_chat_revoke_unwatch(&p->watch);
}


static void
ngx_http_chat_poll_revoked(ngx_http_chat_watch_t *w, ngx_uint_t code)
{
    ngx_http_chat_poll_t  *p;

    p = (ngx_http_chat_poll_t *)
            ((u_char *) w - offsetof(ngx_http_chat_poll_t, watch));

    p->refused = (code == NGX_HTTP_CHAT_CLOSE_UNAUTHORIZED);
    p->over = 1;

    if (!p->refused) {
        ngx_http_chat_poll_ready(p);

    } else if (!p->answer.posted) {
        ngx_post_event(&p->answer, &ngx_posted_events);
    }
}


static void
ngx_http_chat_poll_count(ngx_http_chat_poll_t *p, ngx_int_t n)
{
    ngx_uint_t  cell;

    cell = ngx_http_chat_counter_stream(NGX_HTTP_CHAT_T_POLL,
                                        p->ctx->actor.kind);

    ngx_http_chat_counter_add(NGX_HTTP_CHAT_S_POLLS, n);
    ngx_http_chat_counter_add_cell(NGX_HTTP_CHAT_S_CONNECTIONS, cell, n);
}


void
ngx_http_chat_poll_later(ngx_http_chat_poll_t *p, ngx_msec_t delay)
{
    if (!p->delay.timer_set
        || (ngx_msec_int_t) (ngx_current_msec + delay - p->delay.timer.key)
           < 0)
    {
        ngx_add_timer(&p->delay, delay);
    }
}


/* the ms until it may end for the state alone */

ngx_msec_t
ngx_http_chat_poll_young(ngx_http_chat_poll_t *p)
{
    ngx_msec_t  age;

    age = ngx_current_msec - p->began;

    return age < NGX_HTTP_CHAT_POLL_STATE ? NGX_HTTP_CHAT_POLL_STATE - age
                                          : 0;
}


static void
ngx_http_chat_poll_delay_handler(ngx_event_t *ev)
{
    ngx_http_chat_poll_t  *p;

    p = ngx_http_chat_poll_of(ev);

    if (p->lost) {
        ngx_http_chat_poll_rejoin(p);
    }

    if (p->lost) {
        ngx_http_chat_poll_later(p, NGX_HTTP_CHAT_POLL_RETRY);

    } else if (p->args.has_feed && !p->opening && p->feed.read == NULL
               && p->n == 0)
    {
        ngx_http_chat_poll_look(p);
    }
}


/* at what follows, or at the state */

static void
ngx_http_chat_poll_look(ngx_http_chat_poll_t *p)
{
    if (p->feed.live) {

        if (!p->state_moved) {
            return;
        }

        if (ngx_http_chat_poll_young(p) != 0) {
            ngx_http_chat_poll_later(p, ngx_http_chat_poll_young(p));
            return;
        }

        if (ngx_http_chat_poll_at_head(p) == NGX_OK) {
            return;
        }
    }

    if (ngx_http_chat_feed_read(&p->feed) != NGX_OK) {
        ngx_http_chat_poll_later(p, NGX_HTTP_CHAT_POLL_RETRY);
    }
}


/* nothing has been seen since: where it was is where it goes on */

static void
ngx_http_chat_poll_rejoin(ngx_http_chat_poll_t *p)
{
    ngx_int_t  rc;

    if (ngx_exiting) {
        p->over = 1;
        ngx_http_chat_poll_ready(p);
        return;
    }

    rc = ngx_http_chat_feed_subscribe(&p->feed, p->ctx->conf->limit);

    p->lost = (rc == NGX_ERROR || rc == NGX_BUSY);
}


static void
ngx_http_chat_poll_timer_handler(ngx_event_t *ev)
{
    ngx_http_chat_poll_t  *p;

    p = ngx_http_chat_poll_of(ev);

    if (p->expires) {
        ngx_http_chat_poll_revoked(&p->watch,
                                   NGX_HTTP_CHAT_CLOSE_UNAUTHORIZED);
        return;
    }

    p->over = 1;
    ngx_http_chat_poll_ready(p);
}


/* c->data is the request, on HTTP/2 too */

static ngx_http_chat_poll_t *
ngx_http_chat_poll_of(ngx_event_t *ev)
{
    ngx_connection_t     *c;
    ngx_http_request_t   *r;
    ngx_http_chat_ctx_t  *ctx;

    c = ev->data;
    r = c->data;
    ctx = ngx_http_get_module_ctx(r, ngx_http_chat_module);

    return ctx->data;
}


/* events of one iteration of the loop go out together */

void
ngx_http_chat_poll_ready(ngx_http_chat_poll_t *p)
{
    if (p->opening || (p->args.has_inbox && p->page.len == 0)
        || (!p->news && !p->over))
    {
        return;
    }

    if (!p->answer.posted) {
        ngx_post_event(&p->answer, &ngx_posted_events);
    }
}


/* may free r */

static void
ngx_http_chat_poll_answer_handler(ngx_event_t *ev)
{
    ngx_http_chat_poll_t  *p;

    p = ngx_http_chat_poll_of(ev);

    if (ngx_exiting) {
        p->request->keepalive = 0;
    }

    ngx_http_chat_poll_end(p, p->refused
                              ? ngx_http_chat_reply_problem(p->request,
                                           NGX_HTTP_CHAT_UNAUTHENTICATED,
                                           NULL, NULL)
                              : ngx_http_chat_poll_answer(p));
}


static ngx_int_t
ngx_http_chat_poll_answer(ngx_http_chat_poll_t *p)
{
    u_char                  *b;
    ngx_str_t                body, part;
    ngx_http_request_t      *r;
    ngx_http_chat_answer_t   a;

    r = p->request;

    ngx_str_null(&part);

    if (p->args.has_feed) {

        /* as it is by now, unless that has to be read */

        if (p->feed.subscriber.topic != NULL) {
            (void) ngx_http_chat_poll_at_head(p);
        }

        ngx_memzero(&a, sizeof(ngx_http_chat_answer_t));

        a.events = p->events;
        a.n = p->n;
        a.next = p->next;
        a.epoch = p->feed.epoch;
        a.more = p->more;
        a.reason = p->reason;
        a.state = p->state;
        a.bare = 1;

        if (ngx_http_chat_page_answer(r->pool, &a, &part) != NGX_OK) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }
    }

    b = ngx_pnalloc(r->pool, part.len + p->page.len
                             + sizeof("{,\"inbox\":}"));
    if (b == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    body.data = b;

    *b++ = '{';
    b = ngx_cpymem(b, part.data, part.len);

    if (p->page.len != 0) {
        b = ngx_sprintf(b, "%s\"inbox\":%V", part.len ? "," : "",
                        &p->page);
    }

    *b++ = '}';

    body.len = b - body.data;

    ngx_http_chat_counter_add_cell(NGX_HTTP_CHAT_S_BYTES_OUT,
                                   NGX_HTTP_CHAT_T_POLL, body.len);

    return ngx_http_chat_reply_json(r, NGX_HTTP_OK, &body);
}


/* may free r, and p with it */

void
ngx_http_chat_poll_end(ngx_http_chat_poll_t *p, ngx_int_t rc)
{
    ngx_http_chat_poll_leave(p);
    ngx_http_chat_finalize(p->request, rc);
}
