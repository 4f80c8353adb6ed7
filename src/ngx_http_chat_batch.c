
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#include "ngx_http_chat_batch.h"


/* src/include/catalog/pg_type.dat of PostgreSQL; these never change */
#define NGX_HTTP_CHAT_OID_BOOL  16
#define NGX_HTTP_CHAT_OID_INT8  20
#define NGX_HTTP_CHAT_OID_INT4  23
#define NGX_HTTP_CHAT_OID_TEXT  25
#define NGX_HTTP_CHAT_OID_UUID  2950

/* dimensions, flags, type, length, lower bound (array_send() there) */
#define NGX_HTTP_CHAT_ARRAY_HEADER  20


/* one element: its length and a place for its bytes; NULL data is SQL NULL */

typedef struct {
    u_char                   *data;
    size_t                    len;
    u_char                    number[8];
} ngx_http_chat_batch_value_t;


typedef void (*ngx_http_chat_batch_pt)(ngx_http_chat_append_t *a,
    ngx_http_chat_batch_value_t *v);


typedef struct {
    int32_t                   oid;
    ngx_http_chat_batch_pt    get;
} ngx_http_chat_batch_column_t;


static void ngx_http_chat_batch_site(ngx_http_chat_append_t *a,
    ngx_http_chat_batch_value_t *v);
static void ngx_http_chat_batch_kind(ngx_http_chat_append_t *a,
    ngx_http_chat_batch_value_t *v);
static void ngx_http_chat_batch_actor(ngx_http_chat_append_t *a,
    ngx_http_chat_batch_value_t *v);
static void ngx_http_chat_batch_issued(ngx_http_chat_append_t *a,
    ngx_http_chat_batch_value_t *v);
static void ngx_http_chat_batch_session(ngx_http_chat_append_t *a,
    ngx_http_chat_batch_value_t *v);
static void ngx_http_chat_batch_conversation(ngx_http_chat_append_t *a,
    ngx_http_chat_batch_value_t *v);
static void ngx_http_chat_batch_id(ngx_http_chat_append_t *a,
    ngx_http_chat_batch_value_t *v);
static void ngx_http_chat_batch_client_id(ngx_http_chat_append_t *a,
    ngx_http_chat_batch_value_t *v);
static void ngx_http_chat_batch_internal(ngx_http_chat_append_t *a,
    ngx_http_chat_batch_value_t *v);
static void ngx_http_chat_batch_text(ngx_http_chat_append_t *a,
    ngx_http_chat_batch_value_t *v);
static void ngx_http_chat_batch_data(ngx_http_chat_append_t *a,
    ngx_http_chat_batch_value_t *v);
static void ngx_http_chat_batch_expected(ngx_http_chat_append_t *a,
    ngx_http_chat_batch_value_t *v);
static size_t ngx_http_chat_batch_size(ngx_http_chat_append_t **rows,
    ngx_uint_t n);
static u_char *ngx_http_chat_batch_column(u_char *p,
    ngx_http_chat_batch_column_t *column, ngx_http_chat_append_t **rows,
    ngx_uint_t n);


/* in the order of the function's parameters */

static ngx_http_chat_batch_column_t  ngx_http_chat_batch_columns[] = {
    { NGX_HTTP_CHAT_OID_INT4, ngx_http_chat_batch_site },
    { NGX_HTTP_CHAT_OID_TEXT, ngx_http_chat_batch_kind },
    { NGX_HTTP_CHAT_OID_UUID, ngx_http_chat_batch_actor },
    { NGX_HTTP_CHAT_OID_INT8, ngx_http_chat_batch_issued },
    { NGX_HTTP_CHAT_OID_UUID, ngx_http_chat_batch_session },
    { NGX_HTTP_CHAT_OID_UUID, ngx_http_chat_batch_conversation },
    { NGX_HTTP_CHAT_OID_UUID, ngx_http_chat_batch_id },
    { NGX_HTTP_CHAT_OID_TEXT, ngx_http_chat_batch_client_id },
    { NGX_HTTP_CHAT_OID_BOOL, ngx_http_chat_batch_internal },
    { NGX_HTTP_CHAT_OID_TEXT, ngx_http_chat_batch_text },
    { NGX_HTTP_CHAT_OID_TEXT, ngx_http_chat_batch_data },
    { NGX_HTTP_CHAT_OID_INT8, ngx_http_chat_batch_expected }
};

#define NGX_HTTP_CHAT_BATCH_COLUMNS                                          \
    (sizeof(ngx_http_chat_batch_columns)                                     \
     / sizeof(ngx_http_chat_batch_column_t))


u_char *
ngx_http_chat_batch_encode(ngx_http_chat_args_t *args,
    ngx_http_chat_append_t **rows, ngx_uint_t n)
{
    u_char      *buf, *p, *start;
    ngx_uint_t   i;

    buf = ngx_alloc(ngx_http_chat_batch_size(rows, n), ngx_cycle->log);
    if (buf == NULL) {
        return NULL;
    }

    ngx_http_chat_args_init(args);

    p = buf;

    for (i = 0; i < NGX_HTTP_CHAT_BATCH_COLUMNS; i++) {
        start = p;
        p = ngx_http_chat_batch_column(p, &ngx_http_chat_batch_columns[i],
                                       rows, n);

        ngx_http_chat_arg_bytes(args, start, p - start);
    }

    return buf;
}


/* an upper bound: fixed elements count as 16 bytes */

static size_t
ngx_http_chat_batch_size(ngx_http_chat_append_t **rows, ngx_uint_t n)
{
    size_t      size;
    ngx_uint_t  i;

    size = NGX_HTTP_CHAT_BATCH_COLUMNS
           * (NGX_HTTP_CHAT_ARRAY_HEADER + n * (4 + 16));

    for (i = 0; i < n; i++) {
        size += rows[i]->client_id.len + rows[i]->text.len
                + rows[i]->json.len;
    }

    return size;
}


static u_char *
ngx_http_chat_batch_column(u_char *p, ngx_http_chat_batch_column_t *column,
    ngx_http_chat_append_t **rows, ngx_uint_t n)
{
    u_char                       *nulls;
    ngx_uint_t                    i;
    ngx_http_chat_batch_value_t   v;

    nulls = p + 4;

    ngx_http_chat_put_int4(p, 1);
    ngx_http_chat_put_int4(p + 4, 0);
    ngx_http_chat_put_int4(p + 8, column->oid);
    ngx_http_chat_put_int4(p + 12, n);
    ngx_http_chat_put_int4(p + 16, 1);

    p += NGX_HTTP_CHAT_ARRAY_HEADER;

    for (i = 0; i < n; i++) {
        column->get(rows[i], &v);

        if (v.data == NULL) {
            ngx_http_chat_put_int4(p, -1);
            p += 4;
            nulls[3] = 1;
            continue;
        }

        ngx_http_chat_put_int4(p, v.len);
        p = ngx_cpymem(p + 4, v.data, v.len);
    }

    return p;
}


static void
ngx_http_chat_batch_site(ngx_http_chat_append_t *a,
    ngx_http_chat_batch_value_t *v)
{
    ngx_http_chat_put_int4(v->number, a->actor.site->id);

    v->data = v->number;
    v->len = 4;
}


static void
ngx_http_chat_batch_kind(ngx_http_chat_append_t *a,
    ngx_http_chat_batch_value_t *v)
{
    if (a->actor.kind == NGX_HTTP_CHAT_AGENT) {
        v->data = (u_char *) "agent";
        v->len = sizeof("agent") - 1;

    } else {
        v->data = (u_char *) "visitor";
        v->len = sizeof("visitor") - 1;
    }
}


static void
ngx_http_chat_batch_actor(ngx_http_chat_append_t *a,
    ngx_http_chat_batch_value_t *v)
{
    v->data = a->actor.id.data;
    v->len = sizeof(a->actor.id.data);
}


static void
ngx_http_chat_batch_issued(ngx_http_chat_append_t *a,
    ngx_http_chat_batch_value_t *v)
{
    ngx_http_chat_put_int8(v->number, a->actor.issued);

    v->data = v->number;
    v->len = 8;
}


static void
ngx_http_chat_batch_session(ngx_http_chat_append_t *a,
    ngx_http_chat_batch_value_t *v)
{
    v->data = a->actor.kind == NGX_HTTP_CHAT_AGENT ? a->actor.session.data
                                                   : NULL;
    v->len = sizeof(a->actor.session.data);
}


static void
ngx_http_chat_batch_conversation(ngx_http_chat_append_t *a,
    ngx_http_chat_batch_value_t *v)
{
    v->data = a->conversation.data;
    v->len = sizeof(a->conversation.data);
}


static void
ngx_http_chat_batch_id(ngx_http_chat_append_t *a,
    ngx_http_chat_batch_value_t *v)
{
    v->data = a->id.data;
    v->len = sizeof(a->id.data);
}


static void
ngx_http_chat_batch_client_id(ngx_http_chat_append_t *a,
    ngx_http_chat_batch_value_t *v)
{
    v->data = a->client_id.data;
    v->len = a->client_id.len;
}


static void
ngx_http_chat_batch_internal(ngx_http_chat_append_t *a,
    ngx_http_chat_batch_value_t *v)
{
    v->number[0] = a->internal;

    v->data = v->number;
    v->len = 1;
}


static void
ngx_http_chat_batch_text(ngx_http_chat_append_t *a,
    ngx_http_chat_batch_value_t *v)
{
    v->data = a->text.data;
    v->len = a->text.len;
}


static void
ngx_http_chat_batch_data(ngx_http_chat_append_t *a,
    ngx_http_chat_batch_value_t *v)
{
    v->data = a->json.data;
    v->len = a->json.len;
}


static void
ngx_http_chat_batch_expected(ngx_http_chat_append_t *a,
    ngx_http_chat_batch_value_t *v)
{
    ngx_http_chat_put_int8(v->number, a->expected);

    v->data = v->number;
    v->len = 8;
}
