
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#include "ngx_http_chat_body.h"
#include "ngx_http_chat_reply.h"


static ngx_uint_t ngx_http_chat_body_is_json(ngx_str_t *type);
static ngx_int_t ngx_http_chat_body_text(ngx_http_request_t *r,
    ngx_http_chat_ctx_t *ctx, ngx_str_t *text);
static void ngx_http_chat_body_free(void *data);


void
ngx_http_chat_body_conf(ngx_conf_t *cf)
{
    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    if (clcf->client_body_buffer_size < NGX_HTTP_CHAT_BODY_BUFFER) {
        clcf->client_body_buffer_size = NGX_HTTP_CHAT_BODY_BUFFER;
    }
}


ngx_int_t
ngx_http_chat_body_check(ngx_http_request_t *r, ngx_http_chat_ctx_t *ctx)
{
    ngx_uint_t        body;
    ngx_table_elt_t  *type;

    body = (r->headers_in.content_length_n > 0 || r->headers_in.chunked);
    type = r->headers_in.content_type;

    if (type == NULL ? body : !ngx_http_chat_body_is_json(&type->value)) {
        return ngx_http_chat_reply_problem(r, NGX_HTTP_CHAT_MEDIA_TYPE, NULL,
                                   "the body has to be \"application/json\"");
    }

    if (r->headers_in.content_length_n > (off_t) ctx->route->max_body) {
        return ngx_http_chat_reply_problem(r, NGX_HTTP_CHAT_TOO_LARGE, NULL,
                                           "the body is too large");
    }

    /* files cannot be read without blocking */

    r->request_body_in_single_buf = 1;
    r->request_body_in_file_only = 0;

    return NGX_OK;
}


/* "application/json", in either case, with or without parameters */

static ngx_uint_t
ngx_http_chat_body_is_json(ngx_str_t *type)
{
    size_t            i;
    static ngx_str_t  json = ngx_string("application/json");

    if (type->len < json.len
        || ngx_strncasecmp(type->data, json.data, json.len) != 0)
    {
        return 0;
    }

    for (i = json.len; i < type->len; i++) {

        if (type->data[i] == ';') {
            return 1;
        }

        if (type->data[i] != ' ' && type->data[i] != '\t') {
            return 0;
        }
    }

    return 1;
}


ngx_int_t
ngx_http_chat_body_parse(ngx_http_request_t *r, ngx_http_chat_ctx_t *ctx)
{
    ngx_int_t            rc;
    ngx_str_t            text;
    const char          *detail;
    ngx_pool_cleanup_t  *cln;

    rc = ngx_http_chat_body_text(r, ctx, &text);

    if (rc != NGX_OK) {
        return rc;
    }

    if (text.len == 0 && (ctx->route->flags & NGX_HTTP_CHAT_BODY_OPT)) {
        return NGX_OK;
    }

    cln = ngx_pool_cleanup_add(r->pool, 0);
    if (cln == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ctx->body = ngx_http_chat_fields_load(text.data, text.len, &detail);

    if (ctx->body != NULL) {
        cln->handler = ngx_http_chat_body_free;
        cln->data = ctx->body;

        return NGX_OK;
    }

    if (detail == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_chat_reply_problem(r, NGX_HTTP_CHAT_BAD_JSON, NULL,
                                       detail);
}


/* the body as one text, in r->pool or in the buffer it was read into */

static ngx_int_t
ngx_http_chat_body_text(ngx_http_request_t *r, ngx_http_chat_ctx_t *ctx,
    ngx_str_t *text)
{
    off_t         len;
    u_char       *p;
    ngx_buf_t    *b;
    ngx_uint_t    n, file;
    ngx_chain_t  *cl, *bufs;

    ngx_str_null(text);

    bufs = r->request_body != NULL ? r->request_body->bufs : NULL;

    len = 0;
    n = 0;
    file = 0;

    for (cl = bufs; cl != NULL; cl = cl->next) {
        b = cl->buf;
        len += ngx_buf_size(b);
        file |= b->in_file;

        if (ngx_buf_size(b) != 0) {
            text->data = b->pos;
            n++;
        }
    }

    if (file || len > (off_t) ctx->route->max_body) {
        return ngx_http_chat_reply_problem(r, NGX_HTTP_CHAT_TOO_LARGE, NULL,
                                           "the body is too large");
    }

    text->len = (size_t) len;

    if (n <= 1) {
        return NGX_OK;
    }

    p = ngx_pnalloc(r->pool, text->len);
    if (p == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    text->data = p;

    for (cl = bufs; cl != NULL; cl = cl->next) {
        p = ngx_cpymem(p, cl->buf->pos, cl->buf->last - cl->buf->pos);
    }

    return NGX_OK;
}


static void
ngx_http_chat_body_free(void *data)
{
    json_decref(data);
}


ngx_int_t
ngx_http_chat_body_take(ngx_http_request_t *r, ngx_http_chat_ctx_t *ctx,
    ngx_http_chat_field_t *fields, ngx_uint_t n, void *data, ngx_int_t *rc)
{
    const char  *field, *detail;

    if (ngx_http_chat_fields_take(ctx->body, fields, n, data,
                                  ctx->conf->max_message, r->pool, &field,
                                  &detail)
        == NGX_OK)
    {
        return NGX_OK;
    }

    *rc = field == NULL ? NGX_HTTP_INTERNAL_SERVER_ERROR
                        : ngx_http_chat_reply_problem(r,
                                               NGX_HTTP_CHAT_INVALID_FIELD,
                                               field, detail);

    return NGX_ERROR;
}
