
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#include "ngx_http_chat_ws_private.h"


/*
 * The list of an agent as it changes: whatever happens in the site wakes it,
 * and at most once in a while it asks which conversations have changed since
 * its cursor, each as it is now.
 */

#define NGX_HTTP_CHAT_WS_FILTERS     4
#define NGX_HTTP_CHAT_WS_FILTER      64      /* bytes of a value */
#define NGX_HTTP_CHAT_WS_SUMMARIES   50


struct ngx_http_chat_ws_inbox_s {
    ngx_http_chat_subscriber_t   subscriber;
    ngx_http_chat_ws_t          *ws;
    ngx_http_chat_call_t        *call;
    ngx_event_t                  timer;
    ngx_str_t                    cursor;     /* malloc */
    ngx_str_t                    filter[NGX_HTTP_CHAT_WS_FILTERS];
    u_char                       ref[NGX_HTTP_CHAT_WS_REF + 1];
    unsigned                     answered:1;
    unsigned                     moved:1;
    u_char                       values[NGX_HTTP_CHAT_WS_FILTERS]
                                       [NGX_HTTP_CHAT_WS_FILTER];
};


static ngx_int_t ngx_http_chat_ws_inbox_filter(
    ngx_http_chat_ws_frame_t *frame, json_t *filter,
    ngx_http_chat_ws_inbox_t *in);
static void ngx_http_chat_ws_inbox_deliver(ngx_http_chat_subscriber_t *s,
    void *event);
static void ngx_http_chat_ws_inbox_close(ngx_http_chat_subscriber_t *s,
    ngx_uint_t code);
static void ngx_http_chat_ws_inbox_timer(ngx_event_t *ev);
static void ngx_http_chat_ws_inbox_later(ngx_http_chat_ws_inbox_t *in);
static ngx_int_t ngx_http_chat_ws_inbox_read(ngx_http_chat_ws_inbox_t *in);
static void ngx_http_chat_ws_inbox_done(ngx_http_chat_call_t *call);
static void ngx_http_chat_ws_inbox_answer(ngx_http_chat_ws_inbox_t *in,
    ngx_str_t *body);
static ngx_int_t ngx_http_chat_ws_inbox_list(ngx_http_chat_ws_inbox_t *in,
    json_t *answer, ngx_uint_t complete);
static ngx_int_t ngx_http_chat_ws_inbox_changes(ngx_http_chat_ws_inbox_t *in,
    json_t *answer);
static ngx_int_t ngx_http_chat_ws_inbox_cursor(ngx_http_chat_ws_inbox_t *in,
    json_t *answer);


static ngx_http_chat_field_t  ngx_http_chat_ws_filter_fields[] = {

    { "status", NGX_HTTP_CHAT_F_STRING, 0, 0, -1,
      NGX_HTTP_CHAT_WS_FILTER, NULL },

    { "assignee", NGX_HTTP_CHAT_F_STRING, 0, sizeof(ngx_str_t), -1,
      NGX_HTTP_CHAT_WS_FILTER, NULL },

    { "team", NGX_HTTP_CHAT_F_STRING, 0, 2 * sizeof(ngx_str_t), -1,
      NGX_HTTP_CHAT_WS_FILTER, NULL },

    { "label", NGX_HTTP_CHAT_F_STRING, 0, 3 * sizeof(ngx_str_t), -1,
      NGX_HTTP_CHAT_WS_FILTER, NULL }
};


void
ngx_http_chat_ws_inbox(ngx_http_chat_ws_frame_t *frame, json_t *filter)
{
    ngx_http_chat_ws_t        *ws;
    ngx_http_chat_ws_inbox_t  *in;

    ws = frame->ws;

    if (ws->actor.kind != NGX_HTTP_CHAT_AGENT) {
        ngx_http_chat_ws_error(ws, frame->ref, "forbidden", "inbox",
                               "it is for agents");
        return;
    }

    ngx_http_chat_ws_inbox_leave(ws);

    in = ngx_calloc(sizeof(ngx_http_chat_ws_inbox_t), ws->connection->log);
    if (in == NULL) {
        ngx_http_chat_ws_error(ws, frame->ref, "unavailable", NULL, NULL);
        return;
    }

    in->ws = ws;
    ngx_memcpy(in->ref, frame->ref, sizeof(in->ref));

    in->subscriber.deliver = ngx_http_chat_ws_inbox_deliver;
    in->subscriber.close = ngx_http_chat_ws_inbox_close;

    /* "data" has to be a connection: debug logging looks at its descriptor */

    in->timer.data = ws->connection;
    in->timer.handler = ngx_http_chat_ws_inbox_timer;
    in->timer.log = ws->connection->log;
    in->timer.cancelable = 1;

    if (ngx_http_chat_ws_inbox_filter(frame, filter, in) != NGX_OK) {
        ngx_free(in);
        return;
    }

    ws->inbox = in;

    if (ngx_http_chat_feed_inbox(&in->subscriber, ws->actor.site) != NGX_OK
        || ngx_http_chat_ws_inbox_read(in) != NGX_OK)
    {
        ngx_http_chat_ws_error(ws, frame->ref, "unavailable", NULL, NULL);
        ngx_http_chat_ws_inbox_leave(ws);
    }
}


/* NGX_ERROR: answered */

static ngx_int_t
ngx_http_chat_ws_inbox_filter(ngx_http_chat_ws_frame_t *frame,
    json_t *filter, ngx_http_chat_ws_inbox_t *in)
{
    ngx_int_t                 rc;
    ngx_str_t                 values[NGX_HTTP_CHAT_WS_FILTERS];
    ngx_uint_t                i;
    ngx_http_chat_ws_frame_t  inner;

    if (!json_is_object(filter)) {
        ngx_http_chat_ws_error(frame->ws, frame->ref, "invalid_field",
                               "inbox", "it has to be an object");
        return NGX_ERROR;
    }

    ngx_memzero(values, sizeof(values));

    inner = *frame;
    inner.object = filter;

    rc = ngx_http_chat_ws_take(&inner, ngx_http_chat_ws_filter_fields,
                               NGX_HTTP_CHAT_WS_FILTERS, values);
    if (rc != NGX_OK) {
        return NGX_ERROR;
    }

    for (i = 0; i < NGX_HTTP_CHAT_WS_FILTERS; i++) {
        in->filter[i].data = in->values[i];
        in->filter[i].len = values[i].len;

        if (values[i].len != 0) {
            ngx_memcpy(in->values[i], values[i].data, values[i].len);
        }
    }

    return NGX_OK;
}


void
ngx_http_chat_ws_inbox_leave(ngx_http_chat_ws_t *ws)
{
    ngx_http_chat_ws_inbox_t  *in;

    in = ws->inbox;

    if (in == NULL) {
        return;
    }

    ws->inbox = NULL;

    ngx_http_chat_feed_inbox_leave(&in->subscriber);

    if (in->call != NULL) {
        in->call->data = NULL;
        in->call->owner = NULL;
    }

    if (in->timer.timer_set) {
        ngx_del_timer(&in->timer);
    }

    if (in->cursor.data != NULL) {
        ngx_free(in->cursor.data);
    }

    ngx_free(in);
}


static void
ngx_http_chat_ws_inbox_deliver(ngx_http_chat_subscriber_t *s, void *event)
{
    ngx_http_chat_ws_inbox_t  *in;

    in = (ngx_http_chat_ws_inbox_t *) s;

    in->moved = 1;
    ngx_http_chat_ws_inbox_later(in);
}


static void
ngx_http_chat_ws_inbox_close(ngx_http_chat_subscriber_t *s, ngx_uint_t code)
{
    ngx_http_chat_ws_inbox_t  *in;

    in = (ngx_http_chat_ws_inbox_t *) s;

    if (code != NGX_HTTP_CHAT_CLOSE_RELOAD || !ngx_exiting) {
        ngx_http_chat_ws_bye(in->ws, code);
    }
}


static void
ngx_http_chat_ws_inbox_later(ngx_http_chat_ws_inbox_t *in)
{
    if (in->call == NULL && !in->timer.timer_set) {
        ngx_add_timer(&in->timer, NGX_HTTP_CHAT_WS_INBOX);
    }
}


static void
ngx_http_chat_ws_inbox_timer(ngx_event_t *ev)
{
    ngx_connection_t          *c;
    ngx_http_chat_ws_t        *ws;
    ngx_http_chat_ws_inbox_t  *in;

    c = ev->data;
    ws = c->data;
    in = ws->inbox;

    if (ws->closing || ws->broken) {
        return;
    }

    /* a client that reads slowly gets what has changed till then at once */

    if (ws->queued >= NGX_HTTP_CHAT_WS_SOFT
        || ngx_http_chat_ws_inbox_read(in) != NGX_OK)
    {
        ngx_http_chat_ws_inbox_later(in);
    }
}


static ngx_int_t
ngx_http_chat_ws_inbox_read(ngx_http_chat_ws_inbox_t *in)
{
    ngx_uint_t            i;
    ngx_http_chat_args_t  args;

    ngx_http_chat_args_init(&args);
    ngx_http_chat_arg_actor(&args, &in->ws->actor);

    for (i = 0; i < NGX_HTTP_CHAT_WS_FILTERS; i++) {
        ngx_http_chat_arg_text(&args, in->filter[i].len ? &in->filter[i]
                                                        : NULL);
    }

    ngx_http_chat_arg_text(&args, in->cursor.len ? &in->cursor : NULL);
    ngx_http_chat_arg_int4(&args, NGX_HTTP_CHAT_WS_SUMMARIES);
    ngx_http_chat_arg_epoch(&args);

    in->call = ngx_http_chat_store_call(NGX_HTTP_CHAT_SLOW,
                                        NGX_HTTP_CHAT_Q_INBOX, &args,
                                        ngx_http_chat_ws_inbox_done, in);
    if (in->call == NULL) {
        return NGX_ERROR;
    }

    in->call->owner = &in->call;
    in->moved = 0;

    return NGX_OK;
}


static void
ngx_http_chat_ws_inbox_done(ngx_http_chat_call_t *call)
{
    ngx_str_t                  body, outcome;
    ngx_http_chat_ws_t        *ws;
    ngx_http_chat_ws_inbox_t  *in;

    in = call->data;

    if (in == NULL) {
        return;
    }

    ws = in->ws;

    if (call->rc != NGX_OK) {

        if (!in->answered) {
            ngx_http_chat_ws_error(ws, in->ref, "unavailable", NULL, NULL);
            ngx_http_chat_ws_inbox_leave(ws);
            return;
        }

        in->moved = 1;
        ngx_http_chat_ws_inbox_later(in);
        return;
    }

    ngx_http_chat_col_text(call->res, 0, 0, &outcome);
    ngx_http_chat_col_text(call->res, 0, 1, &body);

    if (outcome.len != 2 || body.len == 0) {
        ngx_http_chat_ws_outcome(ws, in->ref, &outcome);
        ngx_http_chat_ws_inbox_leave(ws);
        return;
    }

    ngx_http_chat_ws_inbox_answer(in, &body);

    if (in->moved) {
        ngx_http_chat_ws_inbox_later(in);
    }
}


static void
ngx_http_chat_ws_inbox_answer(ngx_http_chat_ws_inbox_t *in, ngx_str_t *body)
{
    json_t      *answer, *complete;
    ngx_int_t    rc;
    ngx_uint_t   whole;

    answer = json_loadb((char *) body->data, body->len, 0, NULL);

    complete = json_object_get(answer, "complete");
    whole = !json_is_false(complete);

    if (answer == NULL) {
        rc = NGX_ERROR;

    } else if (!in->answered || !whole) {
        rc = ngx_http_chat_ws_inbox_list(in, answer, whole || !in->answered);

    } else {
        rc = ngx_http_chat_ws_inbox_changes(in, answer);
    }

    if (rc == NGX_OK) {
        rc = ngx_http_chat_ws_inbox_cursor(in, answer);
    }

    json_decref(answer);

    if (rc != NGX_OK) {
        in->ws->broken = 1;

        if (!in->ws->connection->write->posted) {
            ngx_post_event(in->ws->connection->write, &ngx_posted_events);
        }
    }
}


/* the list as it is: the first answer, or too much has changed since */

static ngx_int_t
ngx_http_chat_ws_inbox_list(ngx_http_chat_ws_inbox_t *in, json_t *answer,
    ngx_uint_t complete)
{
    char    *text;
    u_char  *p;
    size_t   len;

    text = json_dumps(json_object_get(answer, "conversations"),
                      JSON_COMPACT);
    if (text == NULL) {
        return NGX_ERROR;
    }

    len = ngx_strlen(text);

    p = ngx_http_chat_ws_text(in->ws,
                              sizeof("{\"type\":\"subscribed\",\"ref\":,"
                                     "\"inbox\":true,\"complete\":false,"
                                     "\"more\":false,\"conversations\":}")
                              + NGX_HTTP_CHAT_WS_REF + len);
    if (p != NULL) {
        p = ngx_sprintf(p, "{\"type\":\"subscribed\"");
        p = ngx_http_chat_ws_ref(p, in->answered ? NULL : in->ref);
        p = ngx_sprintf(p, ",\"inbox\":true,\"complete\":%s,\"more\":%s,"
                           "\"conversations\":",
                        complete ? "true" : "false",
                        json_is_true(json_object_get(answer, "more"))
                        ? "true" : "false");
        p = ngx_cpymem(p, text, len);
        *p++ = '}';

        ngx_http_chat_ws_trim(in->ws, p);
        in->answered = 1;
    }

    free(text);

    return NGX_OK;
}


static ngx_int_t
ngx_http_chat_ws_inbox_changes(ngx_http_chat_ws_inbox_t *in, json_t *answer)
{
    char    *text;
    u_char  *p;
    size_t   i, len;
    json_t  *list, *one;

    list = json_object_get(answer, "conversations");

    json_array_foreach(list, i, one) {

        text = json_dumps(one, JSON_COMPACT);
        if (text == NULL) {
            return NGX_ERROR;
        }

        len = ngx_strlen(text);

        p = ngx_http_chat_ws_text(in->ws,
                                  sizeof("{\"type\":\"conversation\",") - 1
                                  + len - 1);
        if (p != NULL) {
            p = ngx_cpymem(p, "{\"type\":\"conversation\",",
                           sizeof("{\"type\":\"conversation\",") - 1);
            ngx_memcpy(p, text + 1, len - 1);
        }

        free(text);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_chat_ws_inbox_cursor(ngx_http_chat_ws_inbox_t *in, json_t *answer)
{
    u_char       *p;
    size_t        len;
    const char   *next;

    next = json_string_value(json_object_get(answer, "next"));
    if (next == NULL) {
        return NGX_ERROR;
    }

    len = ngx_strlen(next);

    p = ngx_alloc(len, in->ws->connection->log);
    if (p == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(p, next, len);

    if (in->cursor.data != NULL) {
        ngx_free(in->cursor.data);
    }

    in->cursor.data = p;
    in->cursor.len = len;

    return NGX_OK;
}
