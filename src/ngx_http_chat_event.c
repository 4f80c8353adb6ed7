
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#include "ngx_http_chat_event.h"
#include "ngx_http_chat_json.h"
#include "ngx_http_chat_store.h"


static size_t ngx_http_chat_event_size(ngx_http_chat_event_parts_t *e);
static u_char *ngx_http_chat_event_write(u_char *p,
    ngx_http_chat_event_t *event, ngx_http_chat_event_parts_t *e);
static u_char *ngx_http_chat_event_string(u_char *p, const char *name,
    ngx_str_t *value);
static u_char *ngx_http_chat_event_data(u_char *p, ngx_str_t *data);


ngx_http_chat_event_t *
ngx_http_chat_event_make(PGresult *res, ngx_uint_t row, ngx_uint_t col,
    ngx_http_chat_id_t *conversation, int32_t site)
{
    ngx_http_chat_event_parts_t  e;

    ngx_http_chat_col_text(res, row, col + NGX_HTTP_CHAT_E_TYPE, &e.type);

    if (e.type.len == 0
        || ngx_http_chat_col_id(res, row, col + NGX_HTTP_CHAT_E_ID, &e.id)
           != NGX_OK)
    {
        return NULL;
    }

    ngx_http_chat_col_text(res, row, col + NGX_HTTP_CHAT_E_CLIENT_ID,
                           &e.client_id);
    ngx_http_chat_col_text(res, row, col + NGX_HTTP_CHAT_E_SENDER_KIND,
                           &e.sender_kind);
    ngx_http_chat_col_text(res, row, col + NGX_HTTP_CHAT_E_SENDER_NAME,
                           &e.sender_name);
    ngx_http_chat_col_text(res, row, col + NGX_HTTP_CHAT_E_TEXT, &e.text);
    ngx_http_chat_col_text(res, row, col + NGX_HTTP_CHAT_E_DATA, &e.data);

    e.has_sender_id = (ngx_http_chat_col_id(res, row,
                                            col + NGX_HTTP_CHAT_E_SENDER_ID,
                                            &e.sender_id)
                       == NGX_OK);
    e.seq = ngx_http_chat_col_int8(res, row, col + NGX_HTTP_CHAT_E_SEQ);
    e.internal = ngx_http_chat_col_bool(res, row,
                                        col + NGX_HTTP_CHAT_E_INTERNAL);
    e.created = ngx_http_chat_col_int8(res, row,
                                       col + NGX_HTTP_CHAT_E_CREATED);

    return ngx_http_chat_event_build(&e, conversation, site);
}


ngx_http_chat_event_t *
ngx_http_chat_event_build(ngx_http_chat_event_parts_t *e,
    ngx_http_chat_id_t *conversation, int32_t site)
{
    u_char                 *p;
    size_t                  size;
    ngx_http_chat_event_t  *event;

    size = ngx_http_chat_event_size(e);

    event = ngx_alloc(sizeof(ngx_http_chat_event_t) + size, ngx_cycle->log);
    if (event == NULL) {
        return NULL;
    }

    event->refs = 1;
    event->conversation = *conversation;
    event->site = site;
    event->seq = e->seq;
    event->audience = e->internal ? NGX_HTTP_CHAT_AGENT
                                  : NGX_HTTP_CHAT_MEMBER;
    event->created = e->created;

    event->json.data = (u_char *) event + sizeof(ngx_http_chat_event_t);

    p = ngx_http_chat_event_write(event->json.data, event, e);
    event->json.len = p - event->json.data;

    return event;
}


ngx_http_chat_event_t *
ngx_http_chat_event_wrap(ngx_http_chat_id_t *conversation, int32_t site,
    int64_t seq, ngx_uint_t audience, ngx_str_t *json)
{
    ngx_http_chat_event_t  *event;

    event = ngx_alloc(sizeof(ngx_http_chat_event_t) + json->len,
                      ngx_cycle->log);
    if (event == NULL) {
        return NULL;
    }

    ngx_memzero(event, sizeof(ngx_http_chat_event_t));

    event->refs = 1;
    event->conversation = *conversation;
    event->site = site;
    event->seq = seq;
    event->audience = audience;

    event->json.data = (u_char *) event + sizeof(ngx_http_chat_event_t);
    event->json.len = json->len;
    ngx_memcpy(event->json.data, json->data, json->len);

    return event;
}


void
ngx_http_chat_event_release(ngx_http_chat_event_t *event)
{
    if (--event->refs == 0) {
        ngx_free(event);
    }
}


/* an upper bound */

static size_t
ngx_http_chat_event_size(ngx_http_chat_event_parts_t *e)
{
    return sizeof("{\"type\":\"\",\"conversation\":\"\",\"seq\":,\"id\":\"\","
                  "\"client_msg_id\":\"\",\"sender\":{\"kind\":\"\","
                  "\"id\":\"\",\"name\":\"\"},\"visibility\":\"internal\","
                  "\"text\":\"\",\"created_at\":\"\"}")
           + 3 * NGX_HTTP_CHAT_ID_LEN + NGX_INT64_LEN
           + NGX_HTTP_CHAT_TIME_LEN
           + ngx_http_chat_json_escaped(e->type.data, e->type.len)
           + ngx_http_chat_json_escaped(e->client_id.data, e->client_id.len)
           + ngx_http_chat_json_escaped(e->sender_kind.data,
                                        e->sender_kind.len)
           + ngx_http_chat_json_escaped(e->sender_name.data,
                                        e->sender_name.len)
           + ngx_http_chat_json_escaped(e->text.data, e->text.len)
           + e->data.len;
}


static u_char *
ngx_http_chat_event_write(u_char *p, ngx_http_chat_event_t *event,
    ngx_http_chat_event_parts_t *e)
{
    p = ngx_cpymem(p, "{\"type\":\"", sizeof("{\"type\":\"") - 1);
    p = ngx_http_chat_json_escape(p, e->type.data, e->type.len);

    p = ngx_cpymem(p, "\",\"conversation\":\"",
                   sizeof("\",\"conversation\":\"") - 1);
    p = ngx_http_chat_id_write(p, &event->conversation);

    p = ngx_cpymem(p, "\",\"seq\":", sizeof("\",\"seq\":") - 1);
    p = ngx_http_chat_number_write(p, (uint64_t) event->seq);
    p = ngx_cpymem(p, ",\"id\":\"", sizeof(",\"id\":\"") - 1);
    p = ngx_http_chat_id_write(p, &e->id);
    *p++ = '"';

    if (e->client_id.data != NULL) {
        p = ngx_http_chat_event_string(p, ",\"client_msg_id\":\"",
                                       &e->client_id);
    }

    p = ngx_http_chat_event_string(p, ",\"sender\":{\"kind\":\"",
                                   &e->sender_kind);

    if (e->has_sender_id) {
        p = ngx_cpymem(p, ",\"id\":\"", sizeof(",\"id\":\"") - 1);
        p = ngx_http_chat_id_write(p, &e->sender_id);
        *p++ = '"';
    }

    if (e->sender_name.data != NULL) {
        p = ngx_http_chat_event_string(p, ",\"name\":\"", &e->sender_name);

    } else if (e->has_sender_id) {
        p = ngx_cpymem(p, ",\"name\":null", sizeof(",\"name\":null") - 1);
    }

    if (ngx_http_chat_event_internal(event)) {
        p = ngx_cpymem(p, "},\"visibility\":\"internal\"",
                       sizeof("},\"visibility\":\"internal\"") - 1);

    } else {
        p = ngx_cpymem(p, "},\"visibility\":\"public\"",
                       sizeof("},\"visibility\":\"public\"") - 1);
    }

    if (e->text.data != NULL) {
        p = ngx_http_chat_event_string(p, ",\"text\":\"", &e->text);
    }

    p = ngx_http_chat_event_data(p, &e->data);

    p = ngx_cpymem(p, ",\"created_at\":\"", sizeof(",\"created_at\":\"") - 1);
    p = ngx_http_chat_time_write(p, event->created);
    *p++ = '"';
    *p++ = '}';

    return p;
}


static u_char *
ngx_http_chat_event_string(u_char *p, const char *name, ngx_str_t *value)
{
    p = ngx_cpymem(p, name, ngx_strlen(name));
    p = ngx_http_chat_json_escape(p, value->data, value->len);
    *p++ = '"';

    return p;
}


/* the members of an object that PostgreSQL made: "{...}" without braces */

static u_char *
ngx_http_chat_event_data(u_char *p, ngx_str_t *data)
{
    if (data->len <= 2 || data->data[0] != '{'
        || data->data[data->len - 1] != '}')
    {
        return p;
    }

    *p++ = ',';

    return ngx_cpymem(p, data->data + 1, data->len - 2);
}
