
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#include "ngx_http_chat_sse.h"
#include "ngx_http_chat_counter.h"
#include "ngx_http_chat_header.h"
#include "ngx_http_chat_query.h"
#include "ngx_http_chat_reply.h"


/*
 * Server-sent events: one conversation, for agents also the inbox.  The
 * answer begins when what is asked for has been opened; until then errors
 * are ordinary problems.  Afterwards an end is told by "bye".
 */


/* ms */
#define NGX_HTTP_CHAT_SSE_HEARTBEAT  20000
#define NGX_HTTP_CHAT_SSE_BYE        1000    /* to read the end */
#define NGX_HTTP_CHAT_SSE_RETRY      1500    /* up to twice of it */
#define NGX_HTTP_CHAT_SSE_AGAIN      1000    /* PostgreSQL was away */

/* shorter in the build for tests */

#ifndef NGX_HTTP_CHAT_SSE_STALL
#define NGX_HTTP_CHAT_SSE_STALL      30000
#endif

#ifndef NGX_HTTP_CHAT_SSE_LIFE
#define NGX_HTTP_CHAT_SSE_LIFE       600000  /* a fifth more or less */
#endif


static ngx_int_t ngx_http_chat_sse_resume(ngx_http_request_t *r,
    ngx_http_chat_sse_t *s, ngx_int_t *rc);
static ngx_int_t ngx_http_chat_sse_open(ngx_http_chat_sse_t *s);
static void ngx_http_chat_sse_init(ngx_http_chat_sse_t *s);
static void ngx_http_chat_sse_cleanup(void *data);
static void ngx_http_chat_sse_count(ngx_http_chat_sse_t *s, ngx_int_t n);
static void ngx_http_chat_sse_stop(ngx_http_chat_sse_t *s);
static void ngx_http_chat_sse_revoked(ngx_http_chat_watch_t *w,
    ngx_uint_t code);

static ngx_int_t ngx_http_chat_sse_start(ngx_http_chat_sse_t *s);
static void ngx_http_chat_sse_post_handler(ngx_event_t *ev);
static void ngx_http_chat_sse_drained(ngx_http_chat_sse_t *s);
static void ngx_http_chat_sse_writable(ngx_http_request_t *r);
static void ngx_http_chat_sse_timer(ngx_event_t *ev);
static void ngx_http_chat_sse_again(ngx_http_chat_sse_t *s);
static ngx_http_chat_sse_t *ngx_http_chat_sse_of(ngx_event_t *ev);


ngx_int_t
ngx_http_chat_sse(ngx_http_request_t *r, ngx_http_chat_ctx_t *ctx)
{
    ngx_int_t             rc;
    ngx_http_cleanup_t   *cln;
    ngx_http_chat_sse_t  *s;

    ctx->transport = "sse";

    s = ngx_pcalloc(r->pool, sizeof(ngx_http_chat_sse_t));
    if (s == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    s->request = r;
    s->ctx = ctx;
    ctx->data = s;

    if (ngx_http_chat_stream_args(r, ctx, &s->args, &s->feed, &rc) != NGX_OK
        || ngx_http_chat_sse_resume(r, s, &rc) != NGX_OK)
    {
        return rc;
    }

    if (ngx_http_chat_sse_out_init(s) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    cln = ngx_http_cleanup_add(r, 0);
    if (cln == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (ngx_http_chat_query_limit(r, ctx, NGX_HTTP_CHAT_LIMIT_HANDSHAKE, &rc)
        != NGX_OK
        || ngx_http_chat_stream_open(r, ctx, &s->stream, &rc) != NGX_OK)
    {
        return rc;
    }

    cln->handler = ngx_http_chat_sse_cleanup;
    cln->data = s;

    ngx_http_chat_sse_count(s, 1);
    ngx_http_chat_revoke_watch(&s->watch, &ctx->actor,
                               ngx_http_chat_sse_revoked);

    ngx_http_chat_sse_init(s);

    rc = ngx_http_chat_sse_open(s);

    if (rc != NGX_OK) {
        ngx_http_chat_sse_stop(s);

        return ngx_http_chat_stream_refused(r, &s->feed, rc);
    }

    (void) ngx_http_chat_wait_client(r);

    return NGX_DONE;
}


/* Last-Event-ID wins: a browser repeats the address with its old "since" */

static ngx_int_t
ngx_http_chat_sse_resume(ngx_http_request_t *r, ngx_http_chat_sse_t *s,
    ngx_int_t *rc)
{
    ngx_uint_t        tail;
    ngx_table_elt_t  *h;
    static ngx_str_t  name = ngx_string("last-event-id");

    h = ngx_http_chat_header_find(r, &name, NULL);

    if (h == NULL || h->value.len == 0 || !s->args.has_feed) {
        return NGX_OK;
    }

    if (ngx_http_chat_query_cursor_value(r, "Last-Event-ID", &h->value,
                                         &s->feed.since, &tail, rc)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    s->feed.tail = tail;

    return NGX_OK;
}


static void
ngx_http_chat_sse_init(ngx_http_chat_sse_t *s)
{
    u_char             buf[sizeof("retry: \n\n") + NGX_INT_T_LEN];
    ngx_str_t          text;
    ngx_connection_t  *c;

    c = s->request->connection;

    s->timer.data = c;
    s->timer.log = c->log;
    s->timer.handler = ngx_http_chat_sse_timer;

    s->post.data = c;
    s->post.log = c->log;
    s->post.handler = ngx_http_chat_sse_post_handler;

    ngx_http_chat_sse_in_init(s);

    s->end = ngx_current_msec + NGX_HTTP_CHAT_SSE_LIFE * 4 / 5
             + (ngx_msec_t) ngx_random() % (NGX_HTTP_CHAT_SSE_LIFE * 2 / 5);

    text.data = buf;
    text.len = ngx_sprintf(buf, "retry: %ui\n\n",
                           (ngx_uint_t) NGX_HTTP_CHAT_SSE_RETRY
                           + (ngx_uint_t) ngx_random()
                             % NGX_HTTP_CHAT_SSE_RETRY)
               - buf;

    ngx_http_chat_sse_out_text(s, &text, 0);
}


static ngx_int_t
ngx_http_chat_sse_open(ngx_http_chat_sse_t *s)
{
    ngx_int_t  rc;

    if (s->args.has_feed) {
        s->opening++;
        s->seq = ngx_max(s->feed.since, 0);

        rc = ngx_http_chat_feed_subscribe(&s->feed, s->ctx->conf->limit);

        if (rc == NGX_ERROR || rc == NGX_BUSY) {
            return rc;
        }

        if (rc == NGX_OK) {
            ngx_http_chat_sse_at_head(s);
        }
    }

    if (s->args.has_inbox) {
        s->opening++;

        if (ngx_http_chat_inbox_open(&s->inbox) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    if (s->opening == 0) {
        ngx_http_chat_sse_post(s);
    }

    return NGX_OK;
}


static void
ngx_http_chat_sse_cleanup(void *data)
{
    ngx_http_chat_sse_t  *s = data;

    ngx_http_chat_sse_stop(s);

    ngx_http_chat_sse_count(s, -1);
}


static void
ngx_http_chat_sse_count(ngx_http_chat_sse_t *s, ngx_int_t n)
{
    ngx_http_chat_counter_add_cell(NGX_HTTP_CHAT_S_CONNECTIONS,
                       ngx_http_chat_counter_stream(NGX_HTTP_CHAT_T_SSE,
                                                    s->ctx->actor.kind), n);
}


static void
ngx_http_chat_sse_stop(ngx_http_chat_sse_t *s)
{
    ngx_http_chat_feed_leave(&s->feed);
    ngx_http_chat_inbox_leave(&s->inbox);
    ngx_http_chat_limit_close(&s->stream);
    ngx_http_chat_revoke_unwatch(&s->watch);

    if (s->timer.timer_set) {
        ngx_del_timer(&s->timer);
    }

    if (s->post.posted) {
        ngx_delete_posted_event(&s->post);
    }
}


static void
ngx_http_chat_sse_revoked(ngx_http_chat_watch_t *w, ngx_uint_t code)
{
    ngx_http_chat_sse_t  *s;

    s = (ngx_http_chat_sse_t *)
            ((u_char *) w - offsetof(ngx_http_chat_sse_t, watch));

    if (s->started || code != NGX_HTTP_CHAT_CLOSE_UNAUTHORIZED) {
        ngx_http_chat_sse_bye(s, code);
        return;
    }

    ngx_http_chat_feed_leave(&s->feed);
    ngx_http_chat_inbox_leave(&s->inbox);

    s->refused = 1;
    s->opening = 0;

    ngx_http_chat_sse_post(s);
}


/* may free r */

void
ngx_http_chat_sse_close(ngx_http_chat_sse_t *s, ngx_uint_t code)
{
    ngx_int_t                   rc;
    ngx_http_request_t         *r;
    ngx_http_chat_main_conf_t  *mcf;

    if (s->ending) {
        return;
    }

    r = s->request;

    if (!s->started && code != NGX_HTTP_CHAT_CLOSE_RELOAD) {
        rc = ngx_http_chat_reply_problem(r,
                                     code == NGX_HTTP_CHAT_CLOSE_GONE
                                     ? NGX_HTTP_CHAT_GONE
                                     : NGX_HTTP_CHAT_UNAUTHENTICATED,
                                     NULL, NULL);
        ngx_http_chat_sse_end(s, rc);
        return;
    }

    if (code != NGX_HTTP_CHAT_CLOSE_RELOAD || !ngx_exiting) {
        ngx_http_chat_sse_bye(s, code);
        return;
    }

    if (s->draining) {
        return;
    }

    /* each at another time, and served until then */

    s->draining = 1;

    mcf = ngx_http_get_module_main_conf(r, ngx_http_chat_module);

    s->end = ngx_current_msec + (ngx_msec_t) ngx_random() % (mcf->drain + 1);

    ngx_http_chat_sse_schedule(s);
}


void
ngx_http_chat_sse_bye(ngx_http_chat_sse_t *s, ngx_uint_t code)
{
    u_char      *p, buf[sizeof("event: bye\ndata: {\"type\":\"bye\","
                               "\"code\":,\"after_ms\":}\n\n")
                        + 2 * NGX_INT_T_LEN];
    ngx_str_t    text;
    ngx_uint_t   after;

    if (s->ending) {
        return;
    }

    s->ending = 1;
    s->end = ngx_current_msec + NGX_HTTP_CHAT_SSE_BYE;

    ngx_http_chat_feed_leave(&s->feed);
    ngx_http_chat_inbox_leave(&s->inbox);

    after = (ngx_uint_t) ngx_random() % NGX_HTTP_CHAT_SSE_RETRY;

    p = ngx_sprintf(buf, "event: bye\ndata: {\"type\":\"bye\","
                         "\"code\":%ui,\"after_ms\":%ui}\n\n",
                    code, after);

    text.data = buf;
    text.len = p - buf;

    ngx_http_chat_sse_out_text(s, &text, 1);

    ngx_http_chat_counter_close(code);

    s->opening = 0;

    ngx_http_chat_sse_post(s);
}


/* the header, in front of what has been queued */

static ngx_int_t
ngx_http_chat_sse_start(ngx_http_chat_sse_t *s)
{
    ngx_int_t                  rc;
    ngx_http_request_t        *r;
    ngx_http_core_loc_conf_t  *clcf;
    static ngx_str_t           no_store = ngx_string("no-store");
    static ngx_str_t           nosniff = ngx_string("nosniff");
    static ngx_str_t           no = ngx_string("no");

    r = s->request;

    s->started = 1;

    r->headers_out.status = NGX_HTTP_OK;
    r->headers_out.content_length_n = -1;

    ngx_str_set(&r->headers_out.content_type, "text/event-stream");
    r->headers_out.content_type_len = r->headers_out.content_type.len;

    r->disable_not_modified = 1;

#if (NGX_HTTP_GZIP)
    r->gzip_tested = 1;
    r->gzip_ok = 0;
#endif

    if (ngx_exiting) {
        r->keepalive = 0;
    }

    if (ngx_http_chat_reply_header(r, "Cache-Control", &no_store) != NGX_OK
        || ngx_http_chat_reply_header(r, "X-Content-Type-Options", &nosniff)
           != NGX_OK
        || ngx_http_chat_reply_header(r, "X-Accel-Buffering", &no) != NGX_OK
        || ngx_http_chat_reply_cors(r) != NGX_OK)
    {
        return NGX_ERROR;
    }

    rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return r->header_only && rc <= NGX_OK ? NGX_DONE : NGX_ERROR;
    }

    /* small events must not wait for acknowledgements of others */

    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    if (r->http_version < NGX_HTTP_VERSION_20 && clcf->tcp_nodelay
        && ngx_tcp_nodelay(r->connection) != NGX_OK)
    {
        return NGX_ERROR;
    }

    r->write_event_handler = ngx_http_chat_sse_writable;

    ngx_http_chat_sse_schedule(s);

    return NGX_OK;
}


/* events of one iteration of the loop go out together */

void
ngx_http_chat_sse_post(ngx_http_chat_sse_t *s)
{
    if (s->opening == 0 && !s->post.posted) {
        ngx_post_event(&s->post, &ngx_posted_events);
    }
}


/* may free r */

static void
ngx_http_chat_sse_post_handler(ngx_event_t *ev)
{
    ngx_int_t             rc;
    ngx_uint_t            blocked;
    ngx_http_chat_sse_t  *s;

    s = ngx_http_chat_sse_of(ev);

    ngx_log_debug3(NGX_LOG_DEBUG_HTTP, ev->log, 0,
                   "chat sse output: %ui items, %uz bytes, ending %ui",
                   s->n, s->queued, (ngx_uint_t) s->ending);

    if (s->refused) {
        rc = ngx_http_chat_reply_problem(s->request,
                                         NGX_HTTP_CHAT_UNAUTHENTICATED,
                                         NULL, NULL);
        ngx_http_chat_sse_end(s, rc);
        return;
    }

    if (!s->started) {
        rc = ngx_http_chat_sse_start(s);

        if (rc != NGX_OK) {
            ngx_http_chat_sse_end(s, rc == NGX_DONE ? NGX_OK : NGX_ERROR);
            return;
        }
    }

    if (s->failed) {
        ngx_http_chat_sse_end(s, NGX_ERROR);
        return;
    }

    blocked = s->blocked;

    rc = ngx_http_chat_sse_out_send(s);

    if (rc == NGX_ERROR) {
        ngx_http_chat_sse_end(s, NGX_ERROR);
        return;
    }

    if (rc == NGX_OK && s->ending) {
        ngx_http_chat_sse_end(s, NGX_OK);
        return;
    }

    if (rc == NGX_OK) {
        ngx_http_chat_sse_drained(s);
    }

    if (s->blocked != blocked || s->ending) {
        ngx_http_chat_sse_schedule(s);
    }
}


/* the client has everything: what it has missed can be read */

static void
ngx_http_chat_sse_drained(ngx_http_chat_sse_t *s)
{
    ngx_http_chat_inbox_resume(&s->inbox);

    if (s->reading || s->lost || (!s->behind && !s->stale)) {
        return;
    }

    ngx_http_chat_feed_pause(&s->feed);

    if (ngx_http_chat_feed_read(&s->feed) != NGX_OK) {
        ngx_http_chat_feed_leave(&s->feed);
        s->lost = 1;
        ngx_http_chat_sse_schedule(s);
        return;
    }

    s->reading = 1;
}


static void
ngx_http_chat_sse_writable(ngx_http_request_t *r)
{
    ngx_http_chat_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_chat_module);

    ngx_http_chat_sse_post(ctx->data);
}


/* the timer looks at the earliest of what may be due */

void
ngx_http_chat_sse_schedule(ngx_http_chat_sse_t *s)
{
    ngx_msec_t      due;
    ngx_msec_int_t  left;

    due = s->blocked ? s->progress + NGX_HTTP_CHAT_SSE_STALL
                     : s->spoke + NGX_HTTP_CHAT_SSE_HEARTBEAT;

    if ((ngx_msec_int_t) (s->end - due) < 0) {
        due = s->end;
    }

    left = (ngx_msec_int_t) (due - ngx_current_msec);

    if (s->ctx->expires != 0 && !s->ending) {
        left = ngx_min(left, s->ctx->expires - ngx_http_chat_time_now());
    }

    if (s->lost) {
        left = ngx_min(left, NGX_HTTP_CHAT_SSE_AGAIN);
    }

    ngx_add_timer(&s->timer, (ngx_msec_t) ngx_max(left, 1));
}


/* may free r */

static void
ngx_http_chat_sse_timer(ngx_event_t *ev)
{
    ngx_connection_t     *c;
    ngx_http_chat_sse_t  *s;
    static ngx_str_t      heartbeat = ngx_string(":\n\n");

    s = ngx_http_chat_sse_of(ev);
    c = s->request->connection;

    if ((ngx_msec_int_t) (ngx_current_msec - s->end) >= 0) {

        if (s->ending) {
            ngx_http_chat_sse_end(s, NGX_ERROR);
            return;
        }

        ngx_http_chat_sse_bye(s, s->draining ? NGX_HTTP_CHAT_CLOSE_RELOAD
                                             : NGX_HTTP_CHAT_SSE_NORMAL);

    } else if (s->ctx->expires != 0 && !s->ending
               && s->ctx->expires <= ngx_http_chat_time_now())
    {
        ngx_http_chat_sse_bye(s, NGX_HTTP_CHAT_SSE_EXPIRED);

    } else if (s->blocked) {

        if (ngx_current_msec - s->progress >= NGX_HTTP_CHAT_SSE_STALL) {
            ngx_log_error(NGX_LOG_INFO, c->log, NGX_ETIMEDOUT,
                          "chat: client does not read its events");
            c->timedout = 1;

            ngx_http_chat_counter_add_cell(NGX_HTTP_CHAT_S_SLOW_CLOSES,
                                           NGX_HTTP_CHAT_T_SSE, 1);
            ngx_http_chat_sse_end(s, NGX_HTTP_REQUEST_TIME_OUT);
            return;
        }

    } else if (ngx_current_msec - s->spoke >= NGX_HTTP_CHAT_SSE_HEARTBEAT) {
        ngx_http_chat_sse_out_text(s, &heartbeat, 0);
        ngx_http_chat_sse_post(s);

        s->spoke = ngx_current_msec;
    }

    if (s->lost && !s->ending) {
        ngx_http_chat_sse_again(s);
    }

    ngx_http_chat_sse_schedule(s);
}


/* PostgreSQL was away when a page had to be read */

static void
ngx_http_chat_sse_again(ngx_http_chat_sse_t *s)
{
    ngx_int_t  rc;

    s->feed.since = s->feed.sent;

    rc = ngx_http_chat_feed_subscribe(&s->feed, s->ctx->conf->limit);

    if (rc == NGX_ERROR || rc == NGX_BUSY) {
        return;
    }

    s->lost = 0;
    s->stale = 1;

    if (rc == NGX_AGAIN) {
        s->reading = 1;
    }
}


/* may free r, and s with it */

void
ngx_http_chat_sse_end(ngx_http_chat_sse_t *s, ngx_int_t rc)
{
    ngx_http_request_t  *r;

    r = s->request;

    /* nothing comes any more while nginx sends the rest of an answer */

    ngx_http_chat_sse_stop(s);

    r->write_event_handler = ngx_http_request_empty_handler;

    ngx_http_chat_finalize(r, rc);
}


/* c->data is the request, on HTTP/2 too */

static ngx_http_chat_sse_t *
ngx_http_chat_sse_of(ngx_event_t *ev)
{
    ngx_connection_t     *c;
    ngx_http_request_t   *r;
    ngx_http_chat_ctx_t  *ctx;

    c = ev->data;
    r = c->data;
    ctx = ngx_http_get_module_ctx(r, ngx_http_chat_module);

    return ctx->data;
}
