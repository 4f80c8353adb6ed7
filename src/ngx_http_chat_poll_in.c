
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#include "ngx_http_chat_poll.h"
#include "ngx_http_chat_reply.h"


/*
 * What comes in on a long poll: pages, events and signals of the
 * conversation, and the inbox.
 */


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


#define ngx_http_chat_poll_of_feed(f)                                        \
    ((ngx_http_chat_poll_t *)                                                \
        ((u_char *) (f) - offsetof(ngx_http_chat_poll_t, feed)))

#define ngx_http_chat_poll_of_inbox(i)                                       \
    ((ngx_http_chat_poll_t *)                                                \
        ((u_char *) (i) - offsetof(ngx_http_chat_poll_t, inbox)))


void
ngx_http_chat_poll_in_init(ngx_http_chat_poll_t *p)
{
    p->feed.calls = &ngx_http_chat_poll_calls;

    p->inbox.actor = &p->ctx->actor;
    p->inbox.filter = p->args.filter;
    p->inbox.cursor = p->args.cursor;
    p->inbox.calls = &ngx_http_chat_poll_inbox_calls;

    p->feed.stateful = 1;

    p->next = p->feed.since > 0 ? p->feed.since : 0;
}


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

    if (!f->live) {
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


/* what is known without a read; NGX_DECLINED: it has to be read */

ngx_int_t
ngx_http_chat_poll_at_head(ngx_http_chat_poll_t *p)
{
    ngx_int_t  rc;
    ngx_str_t  state;

    if (ngx_http_chat_feed_state(&p->feed, &state) != NGX_OK) {
        return NGX_DECLINED;
    }

    rc = ngx_http_chat_poll_state(p, &state);

    ngx_free(state.data);

    if (rc == NGX_OK) {
        ngx_http_chat_poll_ready(p);
    }

    return NGX_OK;
}


/* a change of the state alone waits until the poll is a second old */

static ngx_int_t
ngx_http_chat_poll_state(ngx_http_chat_poll_t *p, ngx_str_t *state)
{
    p->state_moved = 0;
    p->state.len = state->len;
    p->state.data = ngx_pstrdup(p->request->pool, state);
    if (p->state.data == NULL) {
        return NGX_ERROR;
    }

    if (p->version < 0 || ngx_http_chat_page_version(state) == p->version) {
        return NGX_OK;
    }

    if (ngx_http_chat_poll_young(p) != 0) {
        p->state_moved = 1;
        ngx_http_chat_poll_later(p, ngx_http_chat_poll_young(p));

    } else {
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
    ngx_http_chat_poll_later(p, ngx_max(ngx_http_chat_poll_young(p),
                                        NGX_HTTP_CHAT_POLL_DELAY));
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

    if (i->news) {

        /* the answer takes one page: what changes later is for the next poll */

        p->news = 1;
        ngx_http_chat_inbox_pause(i);
    }

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
