
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#include "ngx_http_chat_sse.h"
#include "ngx_http_chat_counter.h"
#include "ngx_http_chat_reply.h"


/*
 * What comes in on a stream of server-sent events: pages, events and signals
 * of the conversation, and the inbox.
 */


static void ngx_http_chat_sse_opened(ngx_http_chat_feed_t *f,
    ngx_http_chat_page_t *page);
static void ngx_http_chat_sse_page(ngx_http_chat_sse_t *s,
    ngx_http_chat_page_t *page);
static void ngx_http_chat_sse_subscribed(ngx_http_chat_sse_t *s,
    ngx_http_chat_page_t *page);
static void ngx_http_chat_sse_event(ngx_http_chat_feed_t *f,
    ngx_http_chat_event_t *event);
static void ngx_http_chat_sse_signal(ngx_http_chat_feed_t *f,
    ngx_http_chat_event_t *event);
static void ngx_http_chat_sse_feed_close(ngx_http_chat_feed_t *f,
    ngx_uint_t code);

static void ngx_http_chat_sse_inbox(ngx_http_chat_inbox_t *i, json_t *page);
static void ngx_http_chat_sse_conversation(ngx_http_chat_sse_t *s,
    json_t *conversation);
static void ngx_http_chat_sse_inbox_failed(ngx_http_chat_inbox_t *i,
    ngx_str_t *outcome);
static void ngx_http_chat_sse_inbox_close(ngx_http_chat_inbox_t *i,
    ngx_uint_t code);

static void ngx_http_chat_sse_outcome(ngx_http_chat_sse_t *s,
    ngx_str_t *outcome);


static const ngx_http_chat_inbox_calls_t  ngx_http_chat_sse_inbox_calls = {
    ngx_http_chat_sse_inbox,
    ngx_http_chat_sse_inbox_failed,
    ngx_http_chat_sse_inbox_close
};


static const ngx_http_chat_feed_calls_t  ngx_http_chat_sse_calls = {
    ngx_http_chat_sse_opened,
    ngx_http_chat_sse_event,
    ngx_http_chat_sse_signal,
    ngx_http_chat_sse_feed_close
};


#define ngx_http_chat_sse_of_feed(f)                                         \
    ((ngx_http_chat_sse_t *)                                                 \
        ((u_char *) (f) - offsetof(ngx_http_chat_sse_t, feed)))

#define ngx_http_chat_sse_of_inbox(i)                                        \
    ((ngx_http_chat_sse_t *)                                                 \
        ((u_char *) (i) - offsetof(ngx_http_chat_sse_t, inbox)))


void
ngx_http_chat_sse_in_init(ngx_http_chat_sse_t *s)
{
    s->feed.transport = NGX_HTTP_CHAT_T_SSE;
    s->feed.stateful = 1;
    s->feed.calls = &ngx_http_chat_sse_calls;

    s->inbox.actor = &s->ctx->actor;
    s->inbox.cursor = s->args.cursor;
    s->inbox.filter = s->args.filter;
    s->inbox.calls = &ngx_http_chat_sse_inbox_calls;
}


/* may free r */

static void
ngx_http_chat_sse_opened(ngx_http_chat_feed_t *f, ngx_http_chat_page_t *page)
{
    ngx_int_t             rc;
    ngx_http_chat_sse_t  *s;

    s = ngx_http_chat_sse_of_feed(f);

    if (page == NULL && s->started) {
        s->reading = 0;
        s->lost = 1;
        ngx_http_chat_sse_schedule(s);
        return;
    }

    if (page == NULL) {
        rc = ngx_http_chat_reply_failed(s->request, NGX_BUSY);
        ngx_http_chat_sse_end(s, rc);
        return;
    }

    if (!ngx_http_chat_page_is(page, "ok")) {
        ngx_http_chat_sse_outcome(s, &page->outcome);
        return;
    }

    ngx_http_chat_sse_page(s, page);
    ngx_http_chat_sse_post(s);
}


void
ngx_http_chat_sse_at_head(ngx_http_chat_sse_t *s)
{
    ngx_http_chat_page_t  page;

    ngx_memzero(&page, offsetof(ngx_http_chat_page_t, events));

    (void) ngx_http_chat_feed_state(&s->feed, &page.state);

    ngx_http_chat_sse_page(s, &page);

    if (page.state.data != NULL) {
        ngx_free(page.state.data);
    }
}


static void
ngx_http_chat_sse_page(ngx_http_chat_sse_t *s, ngx_http_chat_page_t *page)
{
    ngx_uint_t  i, first;

    first = (!s->reading && !s->started);

    s->reading = 0;
    s->behind = !s->feed.live;

    if (first || page->reason.len != 0) {

        if (s->feed.since < 0 || page->reason.len != 0) {
            s->seq = page->n != 0 ? page->events[0]->seq - 1 : 0;
        }

        if (first) {
            s->opening--;
        }
    }

    if (first || page->reason.len != 0 || s->stale) {
        s->stale = 0;
        ngx_http_chat_sse_subscribed(s, page);
    }

    for (i = 0; i < page->n; i++) {
        ngx_http_chat_sse_out_event(s, page->events[i]);
    }
}


/* what follows, and the state; its JSON may have spaces of any kind */

static void
ngx_http_chat_sse_subscribed(ngx_http_chat_sse_t *s,
    ngx_http_chat_page_t *page)
{
    u_char     *p, *state;
    ngx_str_t   text;

    text.data = ngx_alloc(sizeof("event: subscribed\n"
                                 "data: {\"type\":\"subscribed\","
                                 "\"conversation\":\"\",\"complete\":false,"
                                 "\"reason\":\"\",\"more\":false,"
                                 "\"next\":\"\",\"state\":}\n\n")
                          + NGX_HTTP_CHAT_ID_LEN + NGX_HTTP_CHAT_CURSOR_LEN
                          + page->reason.len + page->state.len,
                          s->request->connection->log);
    if (text.data == NULL) {
        s->failed = 1;
        return;
    }

    p = ngx_sprintf(text.data, "event: subscribed\n"
                               "data: {\"type\":\"subscribed\","
                               "\"conversation\":\"");
    p = ngx_http_chat_id_write(p, &s->feed.conversation);
    p = ngx_sprintf(p, "\",\"complete\":%s",
                    page->reason.len ? "false" : "true");

    if (page->reason.len) {
        p = ngx_sprintf(p, ",\"reason\":\"%V\"", &page->reason);
    }

    p = ngx_sprintf(p, ",\"more\":%s,\"next\":\"",
                    s->behind ? "true" : "false");
    p = ngx_http_chat_cursor_write(p, s->feed.epoch, s->seq);
    *p++ = '"';

    if (page->state.len) {
        p = ngx_cpymem(p, ",\"state\":", sizeof(",\"state\":") - 1);

        state = p;
        p = ngx_cpymem(p, page->state.data, page->state.len);

        for ( /* void */ ; state < p; state++) {
            if (*state == '\n' || *state == '\r') {
                *state = ' ';
            }
        }
    }

    p = ngx_cpymem(p, "}\n\n", 3);

    text.len = p - text.data;

    ngx_http_chat_sse_out_text(s, &text, 0);

    ngx_free(text.data);
}


static void
ngx_http_chat_sse_event(ngx_http_chat_feed_t *f, ngx_http_chat_event_t *event)
{
    ngx_http_chat_sse_t  *s;

    s = ngx_http_chat_sse_of_feed(f);

    ngx_http_chat_sse_out_event(s, event);

    if (s->queued > NGX_HTTP_CHAT_SSE_HARD
        || s->n > NGX_HTTP_CHAT_SSE_ITEMS)
    {
        ngx_log_debug2(NGX_LOG_DEBUG_HTTP, s->request->connection->log, 0,
                       "chat sse pause: %ui items, %uz bytes", s->n,
                       s->queued);

        s->behind = 1;
        ngx_http_chat_feed_pause(f);

        ngx_http_chat_counter_add_cell(NGX_HTTP_CHAT_S_LAG_ENTERS,
                                       NGX_HTTP_CHAT_T_SSE, 1);
    }

    ngx_http_chat_sse_post(s);
}


static void
ngx_http_chat_sse_signal(ngx_http_chat_feed_t *f,
    ngx_http_chat_event_t *event)
{
    ngx_http_chat_sse_t  *s;

    s = ngx_http_chat_sse_of_feed(f);

    /* before the first page the state is yet to come */

    if (s->opening != 0) {
        return;
    }

    if (s->queued > NGX_HTTP_CHAT_SSE_SOFT || s->behind) {
        s->stale = 1;
        return;
    }

    ngx_http_chat_sse_out_event(s, event);
    ngx_http_chat_sse_post(s);
}


static void
ngx_http_chat_sse_feed_close(ngx_http_chat_feed_t *f, ngx_uint_t code)
{
    ngx_http_chat_sse_close(ngx_http_chat_sse_of_feed(f), code);
}


static void
ngx_http_chat_sse_inbox(ngx_http_chat_inbox_t *i, json_t *page)
{
    u_char               *p, buf[sizeof("event: subscribed\n"
                                       "data: {\"type\":\"subscribed\","
                                       "\"inbox\":true,\"complete\":false,"
                                       "\"more\":false,\"next\":\"\"}\n\n")
                                + NGX_HTTP_CHAT_INBOX_CURSOR];
    size_t                n, k;
    json_t               *list, *last;
    ngx_str_t             text;
    ngx_uint_t            first, complete;
    ngx_http_chat_sse_t  *s;

    s = ngx_http_chat_sse_of_inbox(i);

    first = (s->inbox_opened == 0);
    complete = json_is_true(json_object_get(page, "complete"));

    if (first) {
        s->inbox_opened = 1;
        s->opening--;
    }

    if (first || !complete) {
        p = ngx_sprintf(buf, "event: subscribed\n"
                             "data: {\"type\":\"subscribed\",\"inbox\":true,"
                             "\"complete\":%s,\"more\":%s,"
                             "\"next\":\"%V\"}\n\n",
                        complete ? "true" : "false",
                        json_is_true(json_object_get(page, "more")) ? "true"
                                                                  : "false",
                        &i->cursor);
        text.data = buf;
        text.len = p - buf;

        ngx_http_chat_sse_out_text(s, &text, 0);
    }

    list = json_object_get(page, "conversations");
    n = json_array_size(list);

    if (n != 0) {
        last = json_array_get(list, n - 1);
        (void) json_object_set(last, "inbox", json_object_get(page, "next"));
    }

    for (k = 0; k < n; k++) {
        ngx_http_chat_sse_conversation(s, json_array_get(list, k));
    }

    if (s->queued > NGX_HTTP_CHAT_SSE_SOFT) {
        ngx_http_chat_inbox_pause(i);
    }

    ngx_http_chat_sse_post(s);
}


static void
ngx_http_chat_sse_conversation(ngx_http_chat_sse_t *s, json_t *conversation)
{
    char       *json;
    u_char     *p;
    size_t      len;
    ngx_str_t   text;

    static char  head[] = "event: conversation\n"
                          "data: {\"type\":\"conversation\",";

    json = json_dumps(conversation, JSON_COMPACT);

    if (json == NULL) {
        s->failed = 1;
        return;
    }

    len = ngx_strlen(json);

    text.data = ngx_alloc(sizeof(head) + len + 2,
                          s->request->connection->log);

    if (text.data != NULL && len > 2) {
        p = ngx_cpymem(text.data, head, sizeof(head) - 1);
        p = ngx_cpymem(p, json + 1, len - 1);
        p = ngx_cpymem(p, "\n\n", 2);

        text.len = p - text.data;

        ngx_http_chat_sse_out_text(s, &text, 0);

    } else {
        s->failed = 1;
    }

    ngx_free(text.data);
    free(json);
}


/* may free r */

static void
ngx_http_chat_sse_inbox_failed(ngx_http_chat_inbox_t *i, ngx_str_t *outcome)
{
    ngx_int_t             rc;
    ngx_http_chat_sse_t  *s;

    s = ngx_http_chat_sse_of_inbox(i);

    if (outcome != NULL) {
        ngx_http_chat_sse_outcome(s, outcome);
        return;
    }

    if (s->started) {
        ngx_http_chat_sse_bye(s, NGX_HTTP_CHAT_SSE_NORMAL);
        return;
    }

    rc = ngx_http_chat_reply_failed(s->request, NGX_BUSY);
    ngx_http_chat_sse_end(s, rc);
}


static void
ngx_http_chat_sse_inbox_close(ngx_http_chat_inbox_t *i, ngx_uint_t code)
{
    ngx_http_chat_sse_close(ngx_http_chat_sse_of_inbox(i), code);
}


/* what a statement said instead of "ok"; may free r */

static void
ngx_http_chat_sse_outcome(ngx_http_chat_sse_t *s, ngx_str_t *outcome)
{
    ngx_int_t   rc;
    ngx_uint_t  code;

    if (!s->started) {
        rc = ngx_http_chat_reply_outcome(s->request, outcome);
        ngx_http_chat_sse_end(s, rc);
        return;
    }

    code = NGX_HTTP_CHAT_CLOSE_GONE;

    if (outcome->len == sizeof("unauthenticated") - 1) {
        code = NGX_HTTP_CHAT_CLOSE_UNAUTHORIZED;
    }

    ngx_http_chat_sse_bye(s, code);
}
