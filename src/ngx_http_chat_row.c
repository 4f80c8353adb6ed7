
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#include "ngx_http_chat_store.h"


/*
 * Parameters and columns in PostgreSQL's binary format: integers in network
 * order, uuid as 16 bytes, text and bytea as they are.
 */


/* of uuid; src/include/catalog/pg_type.dat of PostgreSQL */
#define NGX_HTTP_CHAT_OID_UUID  2950


static void ngx_http_chat_arg_add(ngx_http_chat_args_t *a, const char *value,
    size_t len);
static u_char *ngx_http_chat_col(PGresult *res, ngx_uint_t row,
    ngx_uint_t col, size_t len);


static const char  ngx_http_chat_arg_empty[1];


static void
ngx_http_chat_arg_add(ngx_http_chat_args_t *a, const char *value, size_t len)
{
    a->values[a->n] = value;
    a->lengths[a->n] = (int) len;
    a->n++;
}


void
ngx_http_chat_arg_null(ngx_http_chat_args_t *a)
{
    ngx_http_chat_arg_add(a, NULL, 0);
}


void
ngx_http_chat_arg_int4(ngx_http_chat_args_t *a, int32_t v)
{
    u_char  *p;

    p = a->numbers[a->n];
    ngx_http_chat_put_int4(p, v);

    ngx_http_chat_arg_add(a, (const char *) p, 4);
}


void
ngx_http_chat_arg_int8(ngx_http_chat_args_t *a, int64_t v)
{
    u_char  *p;

    p = a->numbers[a->n];
    ngx_http_chat_put_int8(p, v);

    ngx_http_chat_arg_add(a, (const char *) p, 8);
}


void
ngx_http_chat_arg_bool(ngx_http_chat_args_t *a, ngx_uint_t v)
{
    u_char  *p;

    p = a->numbers[a->n];
    *p = v ? 1 : 0;

    ngx_http_chat_arg_add(a, (const char *) p, 1);
}


void
ngx_http_chat_arg_id(ngx_http_chat_args_t *a, ngx_http_chat_id_t *id)
{
    if (id == NULL) {
        ngx_http_chat_arg_null(a);
        return;
    }

    ngx_http_chat_arg_add(a, (const char *) id->data, sizeof(id->data));
}


void
ngx_http_chat_arg_ids(ngx_http_chat_args_t *a, u_char *p,
    ngx_http_chat_ids_t *ids)
{
    u_char      *start;
    ngx_uint_t   i;

    start = p;

    ngx_http_chat_put_int4(p, 1);
    ngx_http_chat_put_int4(p + 4, 0);
    ngx_http_chat_put_int4(p + 8, NGX_HTTP_CHAT_OID_UUID);
    ngx_http_chat_put_int4(p + 12, ids->n);
    ngx_http_chat_put_int4(p + 16, 1);

    p += 20;

    for (i = 0; i < ids->n; i++) {
        ngx_http_chat_put_int4(p, sizeof(ids->elts[i].data));
        p = ngx_cpymem(p + 4, ids->elts[i].data, sizeof(ids->elts[i].data));
    }

    ngx_http_chat_arg_bytes(a, start, p - start);
}


void
ngx_http_chat_arg_text(ngx_http_chat_args_t *a, ngx_str_t *s)
{
    if (s == NULL) {
        ngx_http_chat_arg_null(a);
        return;
    }

    ngx_http_chat_arg_bytes(a, s->data, s->len);
}


void
ngx_http_chat_arg_bytes(ngx_http_chat_args_t *a, u_char *p, size_t len)
{
    /* a null pointer would be an SQL NULL */

    if (len == 0) {
        ngx_http_chat_arg_add(a, ngx_http_chat_arg_empty, 0);
        return;
    }

    ngx_http_chat_arg_add(a, (const char *) p, len);
}


void
ngx_http_chat_arg_actor(ngx_http_chat_args_t *a, ngx_http_chat_actor_t *actor)
{
    static ngx_str_t  visitor = ngx_string("visitor");
    static ngx_str_t  agent = ngx_string("agent");

    ngx_http_chat_arg_int4(a, actor->site->id);

    if (actor->kind == NGX_HTTP_CHAT_AGENT) {
        ngx_http_chat_arg_text(a, &agent);
        ngx_http_chat_arg_id(a, &actor->id);
        ngx_http_chat_arg_int8(a, 0);
        ngx_http_chat_arg_id(a, &actor->session);

    } else {
        ngx_http_chat_arg_text(a, &visitor);
        ngx_http_chat_arg_id(a, &actor->id);
        ngx_http_chat_arg_int8(a, actor->issued);
        ngx_http_chat_arg_null(a);
    }
}


void
ngx_http_chat_arg_epoch(ngx_http_chat_args_t *a)
{
    ngx_http_chat_arg_add(a, (const char *) ngx_http_chat_store_epoch(),
                          NGX_HTTP_CHAT_EPOCH_LEN);
}


/* NULL when the column is not there, is NULL or has another length */

static u_char *
ngx_http_chat_col(PGresult *res, ngx_uint_t row, ngx_uint_t col, size_t len)
{
    if ((int) row >= PQntuples(res) || (int) col >= PQnfields(res)
        || PQgetisnull(res, (int) row, (int) col)
        || (size_t) PQgetlength(res, (int) row, (int) col) != len)
    {
        return NULL;
    }

    return (u_char *) PQgetvalue(res, (int) row, (int) col);
}


int32_t
ngx_http_chat_col_int4(PGresult *res, ngx_uint_t row, ngx_uint_t col)
{
    u_char  *p;

    p = ngx_http_chat_col(res, row, col, 4);
    if (p == NULL) {
        return 0;
    }

    return (int32_t) ((uint32_t) p[0] << 24 | (uint32_t) p[1] << 16
                      | (uint32_t) p[2] << 8 | (uint32_t) p[3]);
}


int64_t
ngx_http_chat_col_int8(PGresult *res, ngx_uint_t row, ngx_uint_t col)
{
    u_char      *p;
    uint64_t     v;
    ngx_uint_t   i;

    p = ngx_http_chat_col(res, row, col, 8);
    if (p == NULL) {
        return 0;
    }

    v = 0;

    for (i = 0; i < 8; i++) {
        v = v << 8 | p[i];
    }

    return (int64_t) v;
}


ngx_uint_t
ngx_http_chat_col_bool(PGresult *res, ngx_uint_t row, ngx_uint_t col)
{
    u_char  *p;

    p = ngx_http_chat_col(res, row, col, 1);

    return (p != NULL && *p != 0);
}


void
ngx_http_chat_col_text(PGresult *res, ngx_uint_t row, ngx_uint_t col,
    ngx_str_t *s)
{
    if ((int) row >= PQntuples(res) || (int) col >= PQnfields(res)
        || PQgetisnull(res, (int) row, (int) col))
    {
        ngx_str_null(s);
        return;
    }

    s->data = (u_char *) PQgetvalue(res, (int) row, (int) col);
    s->len = PQgetlength(res, (int) row, (int) col);
}


ngx_int_t
ngx_http_chat_col_id(PGresult *res, ngx_uint_t row, ngx_uint_t col,
    ngx_http_chat_id_t *id)
{
    u_char  *p;

    if ((int) row < PQntuples(res) && (int) col < PQnfields(res)
        && PQgetisnull(res, (int) row, (int) col))
    {
        return NGX_DECLINED;
    }

    p = ngx_http_chat_col(res, row, col, sizeof(id->data));
    if (p == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(id->data, p, sizeof(id->data));

    return NGX_OK;
}
