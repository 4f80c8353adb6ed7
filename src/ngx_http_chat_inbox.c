
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#include "ngx_http_chat_inbox.h"
#include "ngx_http_chat_feed.h"


#define NGX_HTTP_CHAT_INBOX_LIMIT    50

/* PostgreSQL was away; ms */
#define NGX_HTTP_CHAT_INBOX_RETRY    1000


static void ngx_http_chat_inbox_deliver(ngx_http_chat_subscriber_t *s,
    void *event);
static void ngx_http_chat_inbox_close(ngx_http_chat_subscriber_t *s,
    ngx_uint_t code);
static void ngx_http_chat_inbox_later(ngx_http_chat_inbox_t *i,
    ngx_msec_t delay);
static void ngx_http_chat_inbox_timer(ngx_event_t *ev);
static ngx_int_t ngx_http_chat_inbox_read(ngx_http_chat_inbox_t *i);
static void ngx_http_chat_inbox_done(ngx_http_chat_call_t *call);
static void ngx_http_chat_inbox_page(ngx_http_chat_inbox_t *i,
    ngx_str_t *body, ngx_uint_t news);
static void ngx_http_chat_inbox_failed(ngx_http_chat_inbox_t *i,
    ngx_str_t *outcome);


static const ngx_http_chat_subscriber_calls_t
    ngx_http_chat_inbox_subscriber =
{
    ngx_http_chat_inbox_deliver,
    ngx_http_chat_inbox_close
};


/* debug logging of a timer looks at the descriptor of its data */

static ngx_connection_t  ngx_http_chat_inbox_dummy;


#define ngx_http_chat_inbox_of(s)                                            \
    ((ngx_http_chat_inbox_t *)                                               \
        ((u_char *) (s) - offsetof(ngx_http_chat_inbox_t, subscriber)))

#define ngx_http_chat_inbox_of_event(ev)                                     \
    ((ngx_http_chat_inbox_t *)                                               \
        ((u_char *) (ev) - offsetof(ngx_http_chat_inbox_t, delay)))


ngx_int_t
ngx_http_chat_inbox_open(ngx_http_chat_inbox_t *i)
{
    ngx_http_chat_inbox_dummy.fd = (ngx_socket_t) -1;

    ngx_memzero(&i->delay, sizeof(ngx_event_t));

    i->delay.data = &ngx_http_chat_inbox_dummy;
    i->delay.handler = ngx_http_chat_inbox_timer;
    i->delay.log = ngx_cycle->log;
    i->delay.cancelable = 1;

    i->subscriber.calls = &ngx_http_chat_inbox_subscriber;

    i->opened = 0;
    i->moved = 0;
    i->paused = 0;

    if (ngx_http_chat_feed_inbox(&i->subscriber, i->actor->site) != NGX_OK) {
        return NGX_ERROR;
    }

    if (ngx_http_chat_inbox_read(i) != NGX_OK) {
        ngx_http_chat_inbox_leave(i);
        return NGX_ERROR;
    }

    return NGX_OK;
}


void
ngx_http_chat_inbox_leave(ngx_http_chat_inbox_t *i)
{
    ngx_http_chat_feed_inbox_leave(&i->subscriber);

    if (i->call != NULL) {
        i->call->data = NULL;
        i->call->owner = NULL;
        i->call = NULL;
    }

    if (i->delay.timer_set) {
        ngx_del_timer(&i->delay);
    }
}


void
ngx_http_chat_inbox_pause(ngx_http_chat_inbox_t *i)
{
    i->paused = 1;
}


void
ngx_http_chat_inbox_resume(ngx_http_chat_inbox_t *i)
{
    if (!i->paused) {
        return;
    }

    i->paused = 0;

    if (i->moved && i->subscriber.topic != NULL) {
        ngx_http_chat_inbox_later(i, 1);
    }
}


static void
ngx_http_chat_inbox_deliver(ngx_http_chat_subscriber_t *s, void *event)
{
    ngx_msec_t              passed;
    ngx_http_chat_inbox_t  *i;

    i = ngx_http_chat_inbox_of(s);

    i->moved = 1;

    passed = ngx_current_msec - i->since;

    ngx_http_chat_inbox_later(i, passed < NGX_HTTP_CHAT_INBOX_DELAY
                                 ? NGX_HTTP_CHAT_INBOX_DELAY - passed : 1);
}


static void
ngx_http_chat_inbox_close(ngx_http_chat_subscriber_t *s, ngx_uint_t code)
{
    ngx_http_chat_inbox_t  *i;

    i = ngx_http_chat_inbox_of(s);

    i->calls->close(i, code);
}


static void
ngx_http_chat_inbox_later(ngx_http_chat_inbox_t *i, ngx_msec_t delay)
{
    if (!i->delay.timer_set && i->call == NULL && !i->paused) {
        ngx_add_timer(&i->delay, delay);
    }
}


static void
ngx_http_chat_inbox_timer(ngx_event_t *ev)
{
    ngx_http_chat_inbox_t  *i;

    i = ngx_http_chat_inbox_of_event(ev);

    if (i->paused || i->call != NULL) {
        return;
    }

    if (ngx_http_chat_inbox_read(i) != NGX_OK) {
        ngx_http_chat_inbox_later(i, NGX_HTTP_CHAT_INBOX_RETRY);
    }
}


static ngx_int_t
ngx_http_chat_inbox_read(ngx_http_chat_inbox_t *i)
{
    ngx_uint_t            n;
    ngx_http_chat_args_t  args;

    ngx_http_chat_args_init(&args);
    ngx_http_chat_arg_actor(&args, i->actor);

    for (n = 0; n < 4; n++) {
        ngx_http_chat_arg_text(&args, i->filter[n].len ? &i->filter[n]
                                                       : NULL);
    }

    ngx_http_chat_arg_text(&args, i->cursor.len ? &i->cursor : NULL);
    ngx_http_chat_arg_int4(&args, NGX_HTTP_CHAT_INBOX_LIMIT);
    ngx_http_chat_arg_epoch(&args);

    i->call = ngx_http_chat_store_call(NGX_HTTP_CHAT_SLOW,
                                       NGX_HTTP_CHAT_Q_INBOX, &args,
                                       ngx_http_chat_inbox_done, i);
    if (i->call == NULL) {
        return NGX_ERROR;
    }

    i->call->owner = &i->call;

    i->moved = 0;
    i->since = ngx_current_msec;

    return NGX_OK;
}


static void
ngx_http_chat_inbox_done(ngx_http_chat_call_t *call)
{
    ngx_str_t               body, outcome;
    ngx_http_chat_inbox_t  *i;

    i = call->data;

    if (i == NULL) {
        return;
    }

    if (call->rc != NGX_OK && i->opened) {
        i->moved = 1;
        ngx_http_chat_inbox_later(i, NGX_HTTP_CHAT_INBOX_RETRY);
        return;
    }

    if (call->rc != NGX_OK) {
        ngx_http_chat_inbox_failed(i, NULL);
        return;
    }

    ngx_http_chat_col_text(call->res, 0, 0, &outcome);
    ngx_http_chat_col_text(call->res, 0, 1, &body);

    if (outcome.len != 2 || body.len == 0) {
        ngx_http_chat_inbox_failed(i, &outcome);
        return;
    }

    if (i->moved) {
        ngx_http_chat_inbox_later(i, NGX_HTTP_CHAT_INBOX_DELAY);
    }

    ngx_http_chat_inbox_page(i, &body,
                             ngx_http_chat_col_bool(call->res, 0, 2));
}


static void
ngx_http_chat_inbox_page(ngx_http_chat_inbox_t *i, ngx_str_t *body,
    ngx_uint_t news)
{
    json_t      *page;
    size_t       len;
    const char  *next;

    page = json_loadb((char *) body->data, body->len, 0, NULL);
    if (page == NULL) {
        ngx_http_chat_inbox_failed(i, NULL);
        return;
    }

    next = json_string_value(json_object_get(page, "next"));

    if (next != NULL) {
        len = ngx_strlen(next);

        /* one that does not fit begins with the list again */

        i->cursor.len = len <= sizeof(i->next) ? len : 0;
        i->cursor.data = i->next;
        ngx_memcpy(i->next, next, i->cursor.len);
    }

    i->news = news;

    if (!i->opened || news) {
        i->opened = 1;
        i->calls->page(i, page);
    }

    json_decref(page);
}


static void
ngx_http_chat_inbox_failed(ngx_http_chat_inbox_t *i, ngx_str_t *outcome)
{
    ngx_http_chat_inbox_leave(i);
    i->calls->failed(i, outcome);
}
