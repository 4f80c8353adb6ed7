
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#include "ngx_http_chat_ws_private.h"


/* the list of an agent as it changes, as frames */

#define NGX_HTTP_CHAT_WS_FILTERS     4
#define NGX_HTTP_CHAT_WS_FILTER      64      /* bytes of a value */


struct ngx_http_chat_ws_inbox_s {
    ngx_http_chat_inbox_t        inbox;
    ngx_http_chat_ws_t          *ws;
    ngx_str_t                    filter[NGX_HTTP_CHAT_WS_FILTERS];
    u_char                       ref[NGX_HTTP_CHAT_WS_REF + 1];
    unsigned                     answered:1;
    u_char                       values[NGX_HTTP_CHAT_WS_FILTERS]
                                       [NGX_HTTP_CHAT_WS_FILTER];
};


static ngx_int_t ngx_http_chat_ws_inbox_filter(
    ngx_http_chat_ws_frame_t *frame, json_t *filter,
    ngx_http_chat_ws_inbox_t *in);
static void ngx_http_chat_ws_inbox_page(ngx_http_chat_inbox_t *i,
    json_t *page);
static ngx_int_t ngx_http_chat_ws_inbox_list(ngx_http_chat_ws_inbox_t *in,
    json_t *page, ngx_uint_t complete);
static ngx_int_t ngx_http_chat_ws_inbox_changes(ngx_http_chat_ws_inbox_t *in,
    json_t *page);
static void ngx_http_chat_ws_inbox_failed(ngx_http_chat_inbox_t *i,
    ngx_str_t *outcome);
static void ngx_http_chat_ws_inbox_close(ngx_http_chat_inbox_t *i,
    ngx_uint_t code);


static const ngx_http_chat_inbox_calls_t  ngx_http_chat_ws_inbox_calls = {
    ngx_http_chat_ws_inbox_page,
    ngx_http_chat_ws_inbox_failed,
    ngx_http_chat_ws_inbox_close
};


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

    if (ngx_http_chat_ws_inbox_filter(frame, filter, in) != NGX_OK) {
        ngx_free(in);
        return;
    }

    ws->inbox = in;

    in->inbox.calls = &ngx_http_chat_ws_inbox_calls;
    in->inbox.actor = &ws->actor;
    in->inbox.filter = in->filter;

    if (ngx_http_chat_inbox_open(&in->inbox) != NGX_OK) {
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

    ngx_http_chat_inbox_leave(&in->inbox);

    ngx_free(in);
}


void
ngx_http_chat_ws_inbox_resume(ngx_http_chat_ws_t *ws)
{
    if (ws->inbox != NULL && ws->queued < NGX_HTTP_CHAT_WS_SOFT) {
        ngx_http_chat_inbox_resume(&ws->inbox->inbox);
    }
}


static void
ngx_http_chat_ws_inbox_close(ngx_http_chat_inbox_t *i, ngx_uint_t code)
{
    ngx_http_chat_ws_inbox_t  *in;

    in = (ngx_http_chat_ws_inbox_t *) i;

    if (code != NGX_HTTP_CHAT_CLOSE_RELOAD || !ngx_exiting) {
        ngx_http_chat_ws_bye(in->ws, code);
    }
}


static void
ngx_http_chat_ws_inbox_failed(ngx_http_chat_inbox_t *i, ngx_str_t *outcome)
{
    ngx_http_chat_ws_t        *ws;
    ngx_http_chat_ws_inbox_t  *in;

    in = (ngx_http_chat_ws_inbox_t *) i;
    ws = in->ws;

    if (outcome == NULL) {
        ngx_http_chat_ws_error(ws, in->ref, "unavailable", NULL, NULL);

    } else {
        ngx_http_chat_ws_outcome(ws, in->ref, outcome);
    }

    ngx_http_chat_ws_inbox_leave(ws);
}


/* a client that reads slowly gets what has changed till then at once */

static void
ngx_http_chat_ws_inbox_page(ngx_http_chat_inbox_t *i, json_t *page)
{
    ngx_int_t                  rc;
    ngx_uint_t                 complete;
    ngx_http_chat_ws_t        *ws;
    ngx_http_chat_ws_inbox_t  *in;

    in = (ngx_http_chat_ws_inbox_t *) i;
    ws = in->ws;

    if (ws->closing || ws->broken) {
        return;
    }

    complete = !json_is_false(json_object_get(page, "complete"));

    if (!in->answered || !complete) {
        rc = ngx_http_chat_ws_inbox_list(in, page, complete || !in->answered);

    } else {
        rc = ngx_http_chat_ws_inbox_changes(in, page);
    }

    if (rc != NGX_OK) {
        ws->broken = 1;

        if (!ws->connection->write->posted) {
            ngx_post_event(ws->connection->write, &ngx_posted_events);
        }
    }

    if (ws->queued >= NGX_HTTP_CHAT_WS_SOFT) {
        ngx_http_chat_inbox_pause(i);
    }
}


/* the list as it is: the first answer, or too much has changed since */

static ngx_int_t
ngx_http_chat_ws_inbox_list(ngx_http_chat_ws_inbox_t *in, json_t *page,
    ngx_uint_t complete)
{
    char    *text;
    u_char  *p;
    size_t   len;

    text = json_dumps(json_object_get(page, "conversations"),
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
                        json_is_true(json_object_get(page, "more"))
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
ngx_http_chat_ws_inbox_changes(ngx_http_chat_ws_inbox_t *in, json_t *page)
{
    char    *text;
    u_char  *p;
    size_t   i, len;
    json_t  *list, *one;

    list = json_object_get(page, "conversations");

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
