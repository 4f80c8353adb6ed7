
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#include "ngx_http_chat_counter.h"
#include "ngx_http_chat_inbox.h"
#include "ngx_http_chat_reply.h"
#include "ngx_http_chat_stream.h"


/*
 * Long poll: one conversation, for agents also the inbox.  The answer goes
 * out as soon as there is anything in it, or empty after "wait".
 */


#define NGX_HTTP_CHAT_POLL_WAIT_MAX  55

/* changes of the state are gathered for so long; ms */
#define NGX_HTTP_CHAT_POLL_DELAY     100

/* what could not be read is tried again after; ms */
#define NGX_HTTP_CHAT_POLL_RETRY     500


typedef struct {
    ngx_http_request_t          *request;
    ngx_http_chat_ctx_t         *ctx;

    ngx_http_chat_feed_t         feed;
    ngx_http_chat_inbox_t        inbox;
    ngx_http_chat_limit_stream_t  stream;

    ngx_http_chat_stream_args_t  args;
    ngx_str_t                    page;       /* of the inbox */

    ngx_http_chat_event_t      **events;
    ngx_uint_t                   n;
    ngx_str_t                    state;
    ngx_str_t                    reason;
    int64_t                      next;
    int64_t                      version;    /* of the state; -1: unknown */

    ngx_event_t                  timer;      /* end of the wait */
    ngx_event_t                  delay;
    ngx_event_t                  answer;

    unsigned                     opening:1;  /* the first page is awaited */
    unsigned                     lost:1;     /* left the feed: joins again */
    unsigned                     more:1;
    unsigned                     news:1;
    unsigned                     over:1;     /* waited long enough */
    unsigned                     state_moved:1;
} ngx_http_chat_poll_t;


static ngx_int_t ngx_http_chat_poll_wait(ngx_http_request_t *r,
    ngx_http_chat_poll_t *p, int64_t wait);
static void ngx_http_chat_poll_cleanup(void *data);
static void ngx_http_chat_poll_leave(ngx_http_chat_poll_t *p);
static void ngx_http_chat_poll_count(ngx_http_chat_poll_t *p, ngx_int_t n);
static void ngx_http_chat_poll_at_head(ngx_http_chat_poll_t *p);
static ngx_int_t ngx_http_chat_poll_state(ngx_http_chat_poll_t *p,
    ngx_str_t *state);
static void ngx_http_chat_poll_opened(ngx_http_chat_feed_t *f,
    ngx_http_chat_page_t *page);
static ngx_int_t ngx_http_chat_poll_keep(ngx_http_chat_poll_t *p,
    ngx_http_chat_page_t *page);
static void ngx_http_chat_poll_event(ngx_http_chat_feed_t *f,
    ngx_http_chat_event_t *event);
static ngx_int_t ngx_http_chat_poll_add(ngx_http_chat_poll_t *p,
    ngx_http_chat_event_t *event);
static void ngx_http_chat_poll_signal(ngx_http_chat_feed_t *f,
    ngx_http_chat_event_t *event);
static void ngx_http_chat_poll_close(ngx_http_chat_feed_t *f,
    ngx_uint_t code);
static void ngx_http_chat_poll_inbox(ngx_http_chat_inbox_t *i,
    json_t *page);
static void ngx_http_chat_poll_inbox_failed(ngx_http_chat_inbox_t *i,
    ngx_str_t *outcome);
static void ngx_http_chat_poll_inbox_close(ngx_http_chat_inbox_t *i,
    ngx_uint_t code);
static void ngx_http_chat_poll_later(ngx_http_chat_poll_t *p,
    ngx_msec_t delay);
static void ngx_http_chat_poll_delay_handler(ngx_event_t *ev);
static void ngx_http_chat_poll_rejoin(ngx_http_chat_poll_t *p);
static void ngx_http_chat_poll_timer_handler(ngx_event_t *ev);
static void ngx_http_chat_poll_ready(ngx_http_chat_poll_t *p);
static void ngx_http_chat_poll_answer_handler(ngx_event_t *ev);
static ngx_int_t ngx_http_chat_poll_answer(ngx_http_chat_poll_t *p);
static void ngx_http_chat_poll_end(ngx_http_chat_poll_t *p, ngx_int_t rc);
static ngx_http_chat_poll_t *ngx_http_chat_poll_of(ngx_event_t *ev);


static const ngx_http_chat_inbox_calls_t  ngx_http_chat_poll_inbox_calls = {
    ngx_http_chat_poll_inbox,
    ngx_http_chat_poll_inbox_failed,
    ngx_http_chat_poll_inbox_close
};


static const ngx_http_chat_feed_calls_t  ngx_http_chat_poll_calls = {
    ngx_http_chat_poll_opened,
    ngx_http_chat_poll_event,
    ngx_http_chat_poll_signal,
    ngx_http_chat_poll_close
};


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
    p->feed.limit = ctx->conf->limit;

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

    if (ngx_http_chat_limit_open(&p->stream, ctx->conf->limit, &ctx->actor,
                                 r->connection->sockaddr)
        != NGX_OK)
    {
        return ngx_http_chat_reply_problem(r, NGX_HTTP_CHAT_RATE_LIMITED,
                                           NULL, "too many streams are open");
    }

    cln->handler = ngx_http_chat_poll_cleanup;
    cln->data = p;

    ngx_http_chat_poll_count(p, 1);

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

    p->feed.calls = &ngx_http_chat_poll_calls;

    p->inbox.actor = &p->ctx->actor;
    p->inbox.filter = p->args.filter;
    p->inbox.cursor = p->args.cursor;
    p->inbox.calls = &ngx_http_chat_poll_inbox_calls;

    p->feed.stateful = (p->version >= 0);

    p->next = p->feed.since > 0 ? p->feed.since : 0;

    if (p->args.has_feed) {
        rc = ngx_http_chat_feed_subscribe(&p->feed);

        if (rc == NGX_BUSY) {
            return ngx_http_chat_reply_later(r, NGX_HTTP_CHAT_UNAVAILABLE,
                                             "too many subscribe at once",
                                             p->feed.wait);
        }

        if (rc == NGX_ERROR) {
            return ngx_http_chat_reply_failed(r, NGX_BUSY);
        }

        p->opening = (rc == NGX_AGAIN);

        if (rc == NGX_OK) {
            ngx_http_chat_poll_at_head(p);
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
        ngx_add_timer(&p->timer, (ngx_msec_t) wait * 1000);
    }

    (void) ngx_http_chat_wait_client(r);

    return NGX_DONE;
}


/* nothing has been read, and the state may have moved */

static void
ngx_http_chat_poll_at_head(ngx_http_chat_poll_t *p)
{
    ngx_str_t  state;

    if (!p->feed.stateful
        || ngx_http_chat_feed_state(&p->feed, &state) != NGX_OK)
    {
        return;
    }

    if (ngx_http_chat_page_version(&state) != p->version
        && ngx_http_chat_poll_state(p, &state) == NGX_OK)
    {
        ngx_http_chat_poll_ready(p);
    }

    ngx_free(state.data);
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


#define ngx_http_chat_poll_of_feed(f)                                        \
    ((ngx_http_chat_poll_t *)                                                \
        ((u_char *) (f) - offsetof(ngx_http_chat_poll_t, feed)))

#define ngx_http_chat_poll_of_inbox(i)                                       \
    ((ngx_http_chat_poll_t *)                                                \
        ((u_char *) (i) - offsetof(ngx_http_chat_poll_t, inbox)))


/* may free r */

static void
ngx_http_chat_poll_opened(ngx_http_chat_feed_t *f, ngx_http_chat_page_t *page)
{
    ngx_int_t              rc;
    ngx_uint_t             first;
    ngx_http_chat_poll_t  *p;

    p = ngx_http_chat_poll_of_feed(f);

    first = p->opening;
    p->opening = 0;

    if (page == NULL && !first) {

        /* a stream stays open without PostgreSQL */

        p->lost = 1;
        ngx_http_chat_poll_later(p, NGX_HTTP_CHAT_POLL_RETRY);
        return;
    }

    if (page == NULL) {
        rc = ngx_http_chat_reply_failed(p->request, NGX_BUSY);
        ngx_http_chat_poll_end(p, rc);
        return;
    }

    if (!ngx_http_chat_page_is(page, "ok")) {
        rc = ngx_http_chat_reply_outcome(p->request, &page->outcome);
        ngx_http_chat_poll_end(p, rc);
        return;
    }

    if (ngx_http_chat_poll_keep(p, page) != NGX_OK) {
        ngx_http_chat_poll_end(p, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    if (p->state_moved || !f->live) {
        p->state_moved = 1;
        ngx_http_chat_poll_later(p, NGX_HTTP_CHAT_POLL_DELAY);
    }

    ngx_http_chat_poll_ready(p);
}


/* what the page has for the answer; it is gone afterwards */

static ngx_int_t
ngx_http_chat_poll_keep(ngx_http_chat_poll_t *p, ngx_http_chat_page_t *page)
{
    ngx_uint_t  i;

    for (i = 0; i < page->n; i++) {
        if (ngx_http_chat_poll_add(p, page->events[i]) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    if (page->reason.len != 0) {
        p->reason.len = page->reason.len;
        p->reason.data = ngx_pstrdup(p->request->pool, &page->reason);
        if (p->reason.data == NULL) {
            return NGX_ERROR;
        }

        p->news = 1;
    }

    if (page->reason.len == 0 && p->feed.since >= 0) {

        /* with neither, "more" would point backwards */

        p->more = page->more;
    }

    if (page->state.len != 0) {
        return ngx_http_chat_poll_state(p, &page->state);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_chat_poll_state(ngx_http_chat_poll_t *p, ngx_str_t *state)
{
    p->state.len = state->len;
    p->state.data = ngx_pstrdup(p->request->pool, state);
    if (p->state.data == NULL) {
        return NGX_ERROR;
    }

    if (p->version >= 0
        && ngx_http_chat_page_version(state) != p->version)
    {
        p->news = 1;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_chat_poll_add(ngx_http_chat_poll_t *p, ngx_http_chat_event_t *event)
{
    if (p->events == NULL) {
        p->events = ngx_palloc(p->request->pool, NGX_HTTP_CHAT_PAGE_EVENTS
                                             * sizeof(void *));
        if (p->events == NULL) {
            return NGX_ERROR;
        }
    }

    if (p->n == NGX_HTTP_CHAT_PAGE_EVENTS) {

        /* the next poll reads on from here */

        p->more = 1;
        return NGX_OK;
    }

    event->refs++;
    p->events[p->n++] = event;
    p->next = event->seq;
    p->news = 1;

    return NGX_OK;
}


/* may free r */

static void
ngx_http_chat_poll_event(ngx_http_chat_feed_t *f,
    ngx_http_chat_event_t *event)
{
    ngx_http_chat_poll_t  *p;

    p = ngx_http_chat_poll_of_feed(f);

    if (ngx_http_chat_poll_add(p, event) != NGX_OK) {
        ngx_http_chat_poll_end(p, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    ngx_http_chat_poll_ready(p);
}


static void
ngx_http_chat_poll_signal(ngx_http_chat_feed_t *f,
    ngx_http_chat_event_t *event)
{
    ngx_http_chat_poll_t  *p;

    p = ngx_http_chat_poll_of_feed(f);

    if (p->version < 0) {
        return;
    }

    p->state_moved = 1;
    ngx_http_chat_poll_later(p, NGX_HTTP_CHAT_POLL_DELAY);
}


/* may free r */

static void
ngx_http_chat_poll_close(ngx_http_chat_feed_t *f, ngx_uint_t code)
{
    ngx_int_t              rc;
    ngx_http_chat_poll_t  *p;

    p = ngx_http_chat_poll_of_feed(f);

    switch (code) {

    case NGX_HTTP_CHAT_CLOSE_GONE:
        rc = ngx_http_chat_reply_problem(p->request, NGX_HTTP_CHAT_GONE,
                                         NULL, NULL);
        break;

    case NGX_HTTP_CHAT_CLOSE_UNAUTHORIZED:
        rc = ngx_http_chat_reply_problem(p->request,
                                         NGX_HTTP_CHAT_UNAUTHENTICATED,
                                         NULL, NULL);
        break;

    default:

        /* the client comes again, to another worker if this one leaves */

        p->over = 1;
        ngx_http_chat_poll_ready(p);
        return;
    }

    ngx_http_chat_poll_end(p, rc);
}


/* may free r */

static void
ngx_http_chat_poll_inbox(ngx_http_chat_inbox_t *i, json_t *page)
{
    char                  *text;
    ngx_str_t              copy;
    ngx_http_chat_poll_t  *p;

    p = ngx_http_chat_poll_of_inbox(i);

    p->news |= i->news;

    text = json_dumps(page, JSON_COMPACT);

    if (text != NULL) {
        copy.data = (u_char *) text;
        copy.len = ngx_strlen(text);

        p->page.len = copy.len;
        p->page.data = ngx_pstrdup(p->request->pool, &copy);

        free(text);
    }

    if (text == NULL || p->page.data == NULL) {
        ngx_http_chat_poll_end(p, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    ngx_http_chat_poll_ready(p);
}


/* may free r */

static void
ngx_http_chat_poll_inbox_failed(ngx_http_chat_inbox_t *i, ngx_str_t *outcome)
{
    ngx_int_t              rc;
    ngx_http_chat_poll_t  *p;

    p = ngx_http_chat_poll_of_inbox(i);

    rc = outcome != NULL ? ngx_http_chat_reply_outcome(p->request, outcome)
                         : ngx_http_chat_reply_failed(p->request, NGX_BUSY);

    ngx_http_chat_poll_end(p, rc);
}


static void
ngx_http_chat_poll_inbox_close(ngx_http_chat_inbox_t *i, ngx_uint_t code)
{
    ngx_http_chat_poll_t  *p;

    p = ngx_http_chat_poll_of_inbox(i);

    p->over = 1;
    ngx_http_chat_poll_ready(p);
}


static void
ngx_http_chat_poll_later(ngx_http_chat_poll_t *p, ngx_msec_t delay)
{
    if (!p->delay.timer_set) {
        ngx_add_timer(&p->delay, delay);
    }
}


static void
ngx_http_chat_poll_delay_handler(ngx_event_t *ev)
{
    ngx_http_chat_poll_t  *p;

    p = ngx_http_chat_poll_of(ev);

    if (p->lost) {
        ngx_http_chat_poll_rejoin(p);
    }

    if (p->state_moved && !p->opening && !p->lost && p->feed.read == NULL
        && p->n == 0)
    {
        p->state_moved = (ngx_http_chat_feed_read(&p->feed) != NGX_OK);
    }

    if (p->lost || (p->state_moved && p->feed.read == NULL)) {
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

    rc = ngx_http_chat_feed_subscribe(&p->feed);

    p->lost = (rc == NGX_ERROR || rc == NGX_BUSY);
}


static void
ngx_http_chat_poll_timer_handler(ngx_event_t *ev)
{
    ngx_http_chat_poll_t  *p;

    p = ngx_http_chat_poll_of(ev);

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

static void
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

    ngx_http_chat_poll_end(p, ngx_http_chat_poll_answer(p));
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

static void
ngx_http_chat_poll_end(ngx_http_chat_poll_t *p, ngx_int_t rc)
{
    ngx_http_chat_poll_leave(p);
    ngx_http_chat_finalize(p->request, rc);
}
