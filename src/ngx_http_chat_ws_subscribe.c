
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#include "ngx_http_chat_ws_private.h"


/*
 * Subscriptions of a connection.  One that is new, or behind the log since
 * the client reads slowly, is read from PostgreSQL when the queue has
 * drained, a few at a time, so that what is held for a client stays bounded.
 */


typedef struct {
    ngx_http_chat_id_t        conversation;
    ngx_uint_t                has_conversation;
    ngx_str_t                 since;
    ngx_uint_t                has_since;
} ngx_http_chat_ws_topic_t;


static void ngx_http_chat_ws_sub_add(ngx_http_chat_ws_frame_t *frame,
    ngx_http_chat_ws_topic_t *t);
static ngx_http_chat_ws_sub_t **ngx_http_chat_ws_sub_find(
    ngx_http_chat_ws_t *ws, ngx_http_chat_id_t *conversation);
static void ngx_http_chat_ws_sub_remove(ngx_http_chat_ws_t *ws,
    ngx_http_chat_ws_sub_t **p);
static void ngx_http_chat_ws_sub_start(ngx_http_chat_ws_sub_t *sub);
static void ngx_http_chat_ws_sub_busy(ngx_http_chat_ws_sub_t *sub);
static void ngx_http_chat_ws_sub_end(ngx_http_chat_ws_sub_t *sub,
    ngx_str_t *outcome);
static void ngx_http_chat_ws_sub_opened(ngx_http_chat_feed_t *f,
    ngx_http_chat_page_t *page);
static void ngx_http_chat_ws_sub_page(ngx_http_chat_ws_sub_t *sub,
    ngx_http_chat_page_t *page);
static void ngx_http_chat_ws_sub_event(ngx_http_chat_feed_t *f,
    ngx_http_chat_event_t *event);
static void ngx_http_chat_ws_sub_signal(ngx_http_chat_feed_t *f,
    ngx_http_chat_event_t *event);
static void ngx_http_chat_ws_sub_close(ngx_http_chat_feed_t *f,
    ngx_uint_t code);
static void ngx_http_chat_ws_unsubscribed(ngx_http_chat_ws_frame_t *frame,
    ngx_http_chat_id_t *conversation);


static const ngx_http_chat_feed_calls_t  ngx_http_chat_ws_calls = {
    ngx_http_chat_ws_sub_opened,
    ngx_http_chat_ws_sub_event,
    ngx_http_chat_ws_sub_signal,
    ngx_http_chat_ws_sub_close
};


static ngx_http_chat_field_t  ngx_http_chat_ws_topic_fields[] = {

    { "conversation", NGX_HTTP_CHAT_F_UUID, NGX_HTTP_CHAT_REQUIRED,
      offsetof(ngx_http_chat_ws_topic_t, conversation),
      offsetof(ngx_http_chat_ws_topic_t, has_conversation), 0, NULL },

    { "since", NGX_HTTP_CHAT_F_STRING, 0,
      offsetof(ngx_http_chat_ws_topic_t, since),
      offsetof(ngx_http_chat_ws_topic_t, has_since),
      NGX_HTTP_CHAT_CURSOR_LEN, NULL }
};


void
ngx_http_chat_ws_subscribe(ngx_http_chat_ws_frame_t *frame)
{
    json_t                    *inbox;
    ngx_http_chat_ws_topic_t   t;

    inbox = json_object_get(frame->object, "inbox");

    if (inbox != NULL) {

        if (json_object_size(frame->object) != 1) {
            ngx_http_chat_ws_error(frame->ws, frame->ref, "invalid_field",
                                   "inbox", "it stands alone");
            return;
        }

        ngx_http_chat_ws_inbox(frame, inbox);
        return;
    }

    ngx_memzero(&t, sizeof(ngx_http_chat_ws_topic_t));

    if (ngx_http_chat_ws_take(frame, ngx_http_chat_ws_topic_fields, 2, &t)
        == NGX_OK)
    {
        ngx_http_chat_ws_sub_add(frame, &t);
    }
}


static void
ngx_http_chat_ws_sub_add(ngx_http_chat_ws_frame_t *frame,
    ngx_http_chat_ws_topic_t *t)
{
    size_t                    len;
    ngx_uint_t                tail;
    ngx_http_chat_ws_t       *ws;
    ngx_http_chat_cursor_t    cursor;
    ngx_http_chat_ws_sub_t   *sub, **p;

    ws = frame->ws;
    cursor.seq = -1;
    tail = 0;

    if (t->has_since) {

        if (ngx_http_chat_cursor_parse(&cursor, t->since.data, t->since.len)
            != NGX_OK)
        {
            ngx_http_chat_ws_error(ws, frame->ref, "invalid_field", "since",
                                   "it must be a cursor");
            return;
        }

        tail = ngx_memcmp(cursor.epoch, ngx_http_chat_store_epoch(),
                          NGX_HTTP_CHAT_EPOCH_LEN)
               != 0;
    }

    p = ngx_http_chat_ws_sub_find(ws, &t->conversation);

    if (*p != NULL) {
        ngx_http_chat_ws_sub_remove(ws, p);
    }

    if (ws->nsubs >= NGX_HTTP_CHAT_WS_SUBS) {
        ngx_http_chat_ws_error(ws, frame->ref, "rate_limited", NULL,
                               "there are too many subscriptions");
        return;
    }

    len = ngx_strlen(frame->ref) + 1;

    sub = ngx_calloc(sizeof(ngx_http_chat_ws_sub_t), ws->connection->log);
    if (sub == NULL) {
        ngx_http_chat_ws_error(ws, frame->ref, "unavailable", NULL, NULL);
        return;
    }

    sub->ref = ngx_alloc(len, ws->connection->log);
    if (sub->ref == NULL) {
        ngx_free(sub);
        ngx_http_chat_ws_error(ws, frame->ref, "unavailable", NULL, NULL);
        return;
    }

    ngx_memcpy(sub->ref, frame->ref, len);

    sub->feed.actor = &ws->actor;
    sub->feed.conversation = t->conversation;
    sub->feed.since = cursor.seq;
    sub->feed.tail = tail;
    sub->feed.transport = NGX_HTTP_CHAT_T_WS;
    sub->feed.calls = &ngx_http_chat_ws_calls;
    sub->feed.epoch = ngx_http_chat_store_epoch();
    sub->feed.stateful = 1;

    p = ngx_http_chat_ws_sub_find(ws, &t->conversation);
    *p = sub;
    ws->nsubs++;

    ngx_http_chat_ws_refill(ws);
}


/* what points to it, or the end of the list */

static ngx_http_chat_ws_sub_t **
ngx_http_chat_ws_sub_find(ngx_http_chat_ws_t *ws,
    ngx_http_chat_id_t *conversation)
{
    ngx_http_chat_ws_sub_t  **p;

    for (p = &ws->subs; *p != NULL; p = &(*p)->next) {
        if (ngx_http_chat_id_eq(&(*p)->feed.conversation, conversation)) {
            break;
        }
    }

    return p;
}


static void
ngx_http_chat_ws_sub_remove(ngx_http_chat_ws_t *ws,
    ngx_http_chat_ws_sub_t **p)
{
    ngx_http_chat_ws_sub_t  *sub;

    sub = *p;
    *p = sub->next;
    ws->nsubs--;

    if (sub->feed.state == NGX_HTTP_CHAT_WS_OPENING_PAGE) {
        ws->opening--;
    }

    ngx_http_chat_feed_leave(&sub->feed);

    if (sub->ref != NULL) {
        ngx_free(sub->ref);
    }

    ngx_free(sub);
}


void
ngx_http_chat_ws_leave(ngx_http_chat_ws_t *ws)
{
    while (ws->subs != NULL) {
        ngx_http_chat_ws_sub_remove(ws, &ws->subs);
    }
}


void
ngx_http_chat_ws_refill(ngx_http_chat_ws_t *ws)
{
    ngx_http_chat_ws_sub_t  *sub;

    ngx_http_chat_ws_inbox_resume(ws);

    for (sub = ws->subs; sub != NULL; sub = sub->next) {

        if (ws->closing || ws->broken || ws->retry
            || ws->queued >= NGX_HTTP_CHAT_WS_SOFT
            || ws->opening >= NGX_HTTP_CHAT_WS_OPENING)
        {
            return;
        }

        if (sub->feed.state == NGX_HTTP_CHAT_WS_NEW
            || sub->feed.state == NGX_HTTP_CHAT_WS_BEHIND)
        {
            ngx_http_chat_ws_sub_start(sub);
        }
    }
}


static void
ngx_http_chat_ws_sub_start(ngx_http_chat_ws_sub_t *sub)
{
    ngx_int_t             rc;
    ngx_http_chat_ws_t   *ws;
    ngx_http_chat_page_t  page;

    ws = ngx_http_chat_ws_of(sub);

    if (sub->feed.state == NGX_HTTP_CHAT_WS_NEW) {
        rc = ngx_http_chat_feed_subscribe(&sub->feed, ws->conf->limit);

    } else {
        rc = ngx_http_chat_feed_read(&sub->feed);

        if (rc == NGX_OK) {
            rc = NGX_AGAIN;
        }
    }

    if (rc == NGX_BUSY) {
        ngx_http_chat_ws_sub_busy(sub);
        return;
    }

    if (rc == NGX_ERROR) {
        ws->retry = 1;
        ngx_http_chat_ws_timer_set(ws);
        return;
    }

    if (rc == NGX_AGAIN) {
        sub->feed.state = NGX_HTTP_CHAT_WS_OPENING_PAGE;
        ws->opening++;
        return;
    }

    /* nothing to read: live from here */

    sub->feed.state = NGX_HTTP_CHAT_WS_LIVE;

    ngx_memzero(&page, offsetof(ngx_http_chat_page_t, events));

    (void) ngx_http_chat_feed_state(&sub->feed, &page.state);

    ngx_http_chat_ws_sub_page(sub, &page);

    if (page.state.data != NULL) {
        ngx_free(page.state.data);
    }
}


/*
 * Too many subscribe at once.  A connection that has nothing yet comes back
 * later, maybe to another worker; one that has would only bring more.
 */

static void
ngx_http_chat_ws_sub_busy(ngx_http_chat_ws_sub_t *sub)
{
    ngx_http_chat_ws_t      *ws;
    ngx_http_chat_ws_sub_t  *other;

    ws = ngx_http_chat_ws_of(sub);

    for (other = ws->subs; other != NULL; other = other->next) {

        if (other->feed.answered) {
            ws->retry = 1;
            ngx_http_chat_ws_timer_set(ws);
            return;
        }
    }

    ngx_http_chat_ws_bye_after(ws, NGX_HTTP_CHAT_WS_BUSY, sub->feed.wait);
}


static void
ngx_http_chat_ws_sub_opened(ngx_http_chat_feed_t *f,
    ngx_http_chat_page_t *page)
{
    ngx_http_chat_ws_t      *ws;
    ngx_http_chat_ws_sub_t  *sub;

    sub = (ngx_http_chat_ws_sub_t *) f;
    ws = ngx_http_chat_ws_of(sub);

    ws->opening--;

    if (page == NULL) {

        /*
         * PostgreSQL is away: the subscription is made again from where the
         * client is, unless the client has not been told of it yet
         */

        sub->feed.state = NGX_HTTP_CHAT_WS_NEW;

        if (!sub->feed.answered) {
            ngx_http_chat_ws_error(ws, sub->ref, "unavailable", NULL, NULL);
            ngx_http_chat_ws_sub_end(sub, NULL);
            return;
        }

        ws->retry = 1;
        ngx_http_chat_ws_timer_set(ws);
        return;
    }

    if (!ngx_http_chat_page_is(page, "ok")) {
        sub->feed.state = NGX_HTTP_CHAT_WS_NEW;
        ngx_http_chat_ws_sub_end(sub, &page->outcome);
        return;
    }

    f->state = f->live ? NGX_HTTP_CHAT_WS_LIVE : NGX_HTTP_CHAT_WS_BEHIND;

    ngx_http_chat_ws_sub_page(sub, page);

    /* what follows is read once this has been sent */

    if (ws->first == NULL && !ws->broken) {
        ws->retry = 1;
        ngx_http_chat_ws_timer_set(ws);
    }
}


/* the subscription is over; frees sub */

static void
ngx_http_chat_ws_sub_end(ngx_http_chat_ws_sub_t *sub, ngx_str_t *outcome)
{
    ngx_http_chat_ws_t  *ws;

    ws = ngx_http_chat_ws_of(sub);

    if (outcome != NULL) {
        ngx_http_chat_ws_outcome(ws, sub->ref, outcome);
    }

    ngx_http_chat_ws_sub_remove(ws,
                  ngx_http_chat_ws_sub_find(ws, &sub->feed.conversation));
}


/* the first page is "subscribed", what follows it "events" */

static void
ngx_http_chat_ws_sub_page(ngx_http_chat_ws_sub_t *sub,
    ngx_http_chat_page_t *page)
{
    u_char              *p;
    size_t               len;
    ngx_uint_t           i;
    ngx_http_chat_ws_t  *ws;

    ws = ngx_http_chat_ws_of(sub);

    if (page->n != 0) {
        sub->feed.since = page->events[page->n - 1]->seq;

    } else if (!sub->feed.answered
               && (sub->feed.since < 0 || page->reason.len != 0))
    {
        sub->feed.since = 0;
    }

    /* nothing, unless the client waits for the last page */

    if (sub->feed.answered && page->reason.len == 0 && page->n == 0
        && (!sub->feed.more || !sub->feed.live))
    {
        return;
    }

    len = sizeof("{\"type\":\"subscribed\",\"ref\":,\"conversation\":\"\","
                 "\"complete\":false,\"reason\":\"\",\"more\":false,"
                 "\"next\":\"\",\"events\":[],\"state\":}")
          + NGX_HTTP_CHAT_WS_REF + NGX_HTTP_CHAT_ID_LEN
          + NGX_HTTP_CHAT_CURSOR_LEN + page->reason.len + page->state.len;

    for (i = 0; i < page->n; i++) {
        len += page->events[i]->json.len + 1;
    }

    p = ngx_http_chat_ws_text(ws, len);
    if (p == NULL) {
        return;
    }

    if (sub->feed.answered && page->reason.len == 0) {
        p = ngx_sprintf(p, "{\"type\":\"events\",\"conversation\":\"");

    } else {
        p = ngx_sprintf(p, "{\"type\":\"subscribed\"");
        p = ngx_http_chat_ws_ref(p, sub->ref);
        p = ngx_sprintf(p, ",\"conversation\":\"");
    }

    p = ngx_http_chat_id_write(p, &sub->feed.conversation);
    p = ngx_sprintf(p, "\",\"complete\":%s",
                    page->reason.len ? "false" : "true");

    if (page->reason.len != 0) {
        p = ngx_sprintf(p, ",\"reason\":\"%V\"", &page->reason);
    }

    p = ngx_sprintf(p, ",\"more\":%s,\"next\":\"",
                    sub->feed.live ? "false" : "true");
    p = ngx_http_chat_cursor_write(p, sub->feed.epoch, sub->feed.since);
    p = ngx_sprintf(p, "\",\"events\":[");

    for (i = 0; i < page->n; i++) {

        if (i > 0) {
            *p++ = ',';
        }

        p = ngx_cpymem(p, page->events[i]->json.data,
                       page->events[i]->json.len);
    }

    *p++ = ']';

    if (page->state.len != 0) {
        p = ngx_sprintf(p, ",\"state\":%V", &page->state);
    }

    *p++ = '}';

    ngx_http_chat_ws_trim(ws, p);

    ws->events += (uint32_t) page->n;
    sub->feed.answered = 1;
    sub->feed.more = !sub->feed.live;

    if (sub->ref != NULL) {
        ngx_free(sub->ref);
        sub->ref = NULL;
    }
}


static void
ngx_http_chat_ws_sub_event(ngx_http_chat_feed_t *f,
    ngx_http_chat_event_t *event)
{
    ngx_http_chat_ws_t  *ws;

    ws = ngx_http_chat_ws_of((ngx_http_chat_ws_sub_t *) f);

    f->since = event->seq;

    ngx_http_chat_ws_event(ws, event);

    if (ngx_http_chat_ws_full(ws)) {
        ngx_http_chat_ws_lag(ws);
    }
}


void
ngx_http_chat_ws_lag(ngx_http_chat_ws_t *ws)
{
    ngx_http_chat_ws_sub_t  *sub;

    ngx_log_error(NGX_LOG_INFO, ws->connection->log, 0,
                  "chat: websocket reads slowly, %uD frames wait, %uD bytes",
                  ws->nout, ws->queued);

    ngx_http_chat_counter_add_cell(NGX_HTTP_CHAT_S_LAG_ENTERS,
                                   NGX_HTTP_CHAT_T_WS, 1);

    for (sub = ws->subs; sub != NULL; sub = sub->next) {

        if (sub->feed.state == NGX_HTTP_CHAT_WS_LIVE) {
            ngx_http_chat_feed_pause(&sub->feed);
            sub->feed.state = NGX_HTTP_CHAT_WS_BEHIND;
        }
    }
}


static void
ngx_http_chat_ws_sub_signal(ngx_http_chat_feed_t *f,
    ngx_http_chat_event_t *event)
{
    ngx_http_chat_ws_t  *ws;

    ws = ngx_http_chat_ws_of((ngx_http_chat_ws_sub_t *) f);

    if (f->answered && ws->queued < NGX_HTTP_CHAT_WS_SOFT) {
        ngx_http_chat_ws_event(ws, event);
    }
}


static void
ngx_http_chat_ws_sub_close(ngx_http_chat_feed_t *f, ngx_uint_t code)
{
    ngx_str_t                outcome;
    ngx_http_chat_ws_t      *ws;
    ngx_http_chat_ws_sub_t  *sub;

    sub = (ngx_http_chat_ws_sub_t *) f;
    ws = ngx_http_chat_ws_of(sub);

    switch (code) {

    case NGX_HTTP_CHAT_CLOSE_RELOAD:

        /* a worker that leaves has a time for each of its connections */

        if (!ngx_exiting) {
            ngx_http_chat_ws_bye(ws, NGX_HTTP_CHAT_WS_RELOAD);
        }

        break;

    case NGX_HTTP_CHAT_CLOSE_GONE:

        if (ws->actor.kind == NGX_HTTP_CHAT_AGENT) {
            ngx_str_set(&outcome, "gone");
            ngx_http_chat_ws_sub_end(sub, &outcome);
            break;
        }

        /* fall through */

    default:
        ngx_http_chat_ws_bye(ws, code);
    }
}


void
ngx_http_chat_ws_unsubscribe(ngx_http_chat_ws_frame_t *frame)
{
    json_t                    *inbox;
    ngx_http_chat_ws_sub_t   **p;
    ngx_http_chat_ws_topic_t   t;

    inbox = json_object_get(frame->object, "inbox");

    if (inbox != NULL) {

        if (!json_is_true(inbox) || json_object_size(frame->object) != 1) {
            ngx_http_chat_ws_error(frame->ws, frame->ref, "invalid_field",
                                   "inbox", "it has to be true, alone");
            return;
        }

        ngx_http_chat_ws_inbox_leave(frame->ws);
        ngx_http_chat_ws_unsubscribed(frame, NULL);
        return;
    }

    ngx_memzero(&t, sizeof(ngx_http_chat_ws_topic_t));

    if (ngx_http_chat_ws_take(frame, ngx_http_chat_ws_topic_fields, 1, &t)
        != NGX_OK)
    {
        return;
    }

    p = ngx_http_chat_ws_sub_find(frame->ws, &t.conversation);

    if (*p != NULL) {
        ngx_http_chat_ws_sub_remove(frame->ws, p);
    }

    ngx_http_chat_ws_unsubscribed(frame, &t.conversation);
}


static void
ngx_http_chat_ws_unsubscribed(ngx_http_chat_ws_frame_t *frame,
    ngx_http_chat_id_t *conversation)
{
    u_char  *p;

    p = ngx_http_chat_ws_text(frame->ws,
                              sizeof("{\"type\":\"unsubscribed\",\"ref\":,"
                                     "\"conversation\":\"\"}")
                              + NGX_HTTP_CHAT_WS_REF + NGX_HTTP_CHAT_ID_LEN);
    if (p == NULL) {
        return;
    }

    p = ngx_sprintf(p, "{\"type\":\"unsubscribed\"");
    p = ngx_http_chat_ws_ref(p, frame->ref);

    if (conversation != NULL) {
        p = ngx_sprintf(p, ",\"conversation\":\"");
        p = ngx_http_chat_id_write(p, conversation);
        *p++ = '"';

    } else {
        p = ngx_sprintf(p, ",\"inbox\":true");
    }

    *p++ = '}';

    ngx_http_chat_ws_trim(frame->ws, p);
}
