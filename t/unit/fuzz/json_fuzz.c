
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


/*
 * Sources: src/ngx_http_chat_card.c
 * Sources: src/ngx_http_chat_fields.c src/ngx_http_chat_id.c
 * Sources: src/ngx_http_chat_json.c
 * Libraries: -ljansson
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_http_chat_fields.h"
#include "ngx_http_chat_json.h"


/*
 * Bodies: any text as an object with fields of every type, and any bytes as
 * a string of JSON.
 */

#define MAX  16384


typedef struct {
    ngx_str_t            name;
    ngx_str_t            text;
    ngx_str_t            client_id;
    ngx_http_chat_id_t   id;
    ngx_uint_t           id_set;
    int64_t              seq;
    ngx_uint_t           on;
    ngx_str_t            status;
} request_t;


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void body(u_char *p, size_t size);
static void taken(request_t *r);
static void string(u_char *p, size_t size);


static const char  *statuses[] = { "open", "resolved", NULL };

static ngx_http_chat_field_t  table[] = {
    { "name", NGX_HTTP_CHAT_F_STRING, 0,
      offsetof(request_t, name), -1, 8, NULL },
    { "text", NGX_HTTP_CHAT_F_TEXT, 0,
      offsetof(request_t, text), -1, 0, NULL },
    { "client_id", NGX_HTTP_CHAT_F_CLIENT_ID, 0,
      offsetof(request_t, client_id), -1, 0, NULL },
    { "id", NGX_HTTP_CHAT_F_UUID, NGX_HTTP_CHAT_NULLABLE,
      offsetof(request_t, id), offsetof(request_t, id_set), 0, NULL },
    { "seq", NGX_HTTP_CHAT_F_INT, 0,
      offsetof(request_t, seq), -1, 1000, NULL },
    { "on", NGX_HTTP_CHAT_F_BOOL, 0,
      offsetof(request_t, on), -1, 0, NULL },
    { "status", NGX_HTTP_CHAT_F_ENUM, 0,
      offsetof(request_t, status), -1, 0, statuses }
};


/* of nginx, what the sources need */

volatile ngx_time_t  *ngx_cached_time;
ngx_pid_t             ngx_pid;

static void          *block;


void *
ngx_pnalloc(ngx_pool_t *pool, size_t size)
{
    if (block != NULL) {
        __builtin_trap();
    }

    block = malloc(size);

    return block;
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    u_char  *p;

    p = malloc(size);

    if (p == NULL) {
        return 0;
    }

    ngx_memcpy(p, data, size);

    body(p, size);
    string(p, size);

    free(p);

    return 0;
}


static void
body(u_char *p, size_t size)
{
    json_t      *object;
    request_t    r;
    const char  *field, *detail;

    object = ngx_http_chat_fields_load(p, size, &detail);

    if (object == NULL) {

        if (detail == NULL) {
            __builtin_trap();
        }

        return;
    }

    if (!json_is_object(object)
        || ngx_http_chat_json_utf8(p, size) != NGX_OK)
    {
        __builtin_trap();
    }

    ngx_memzero(&r, sizeof(request_t));

    if (ngx_http_chat_fields_take(object, table,
                                  sizeof(table) / sizeof(table[0]), &r, MAX,
                                  NULL, &field, &detail)
        == NGX_OK)
    {
        taken(&r);

    } else if (field == NULL || detail == NULL) {
        __builtin_trap();
    }

    free(block);
    block = NULL;

    json_decref(object);
}


static void
taken(request_t *r)
{
    size_t  i;

    if (r->name.len > 8
        || r->text.len > MAX
        || r->client_id.len > 64
        || r->seq < 0 || r->seq > 1000
        || r->on > 1
        || (r->text.len != 0
            && ngx_http_chat_json_utf8(r->text.data, r->text.len) != NGX_OK))
    {
        __builtin_trap();
    }

    for (i = 0; i < r->text.len; i++) {
        if (r->text.data[i] < 0x20 && r->text.data[i] != '\n'
            && r->text.data[i] != '\t')
        {
            __builtin_trap();
        }
    }

    if (r->status.len != 0
        && ngx_strcmp(r->status.data, statuses[0]) != 0
        && ngx_strcmp(r->status.data, statuses[1]) != 0)
    {
        __builtin_trap();
    }
}


/* what is escaped is read as what it was, if it was UTF-8 */

static void
string(u_char *p, size_t size)
{
    u_char     *text, *end;
    size_t      len;
    json_t     *value;
    ngx_int_t   utf8;

    len = ngx_http_chat_json_escaped(p, size);
    text = malloc(len + 2);

    if (text == NULL) {
        return;
    }

    text[0] = '"';
    end = ngx_http_chat_json_escape(text + 1, p, size);

    if (end != text + 1 + len) {
        __builtin_trap();
    }

    *end = '"';

    utf8 = ngx_http_chat_json_utf8(p, size);
    value = json_loadb((char *) text, len + 2,
                       JSON_DECODE_ANY|JSON_ALLOW_NUL, NULL);

    if ((value != NULL) != (utf8 == NGX_OK)
        || (value != NULL
            && (json_string_length(value) != size
                || ngx_memcmp(json_string_value(value), p, size) != 0)))
    {
        __builtin_trap();
    }

    json_decref(value);
    free(text);
}
