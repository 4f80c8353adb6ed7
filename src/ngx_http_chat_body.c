
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#include "ngx_http_chat_body.h"
#include "ngx_http_chat_reply.h"


static ngx_int_t ngx_http_chat_body_bound(ngx_http_request_t *r, off_t max);
static ngx_uint_t ngx_http_chat_body_is_json(ngx_str_t *type);
static ngx_int_t ngx_http_chat_body_text(ngx_http_request_t *r, size_t max,
    ngx_str_t *text);
static ngx_int_t ngx_http_chat_body_refuse(ngx_http_request_t *r,
    ngx_http_chat_problem_e code, const char *detail, ngx_int_t *rc);
static ngx_int_t ngx_http_chat_body_failed(ngx_int_t *rc);
static void ngx_http_chat_body_free(void *data);


off_t
ngx_http_chat_body_conf(ngx_conf_t *cf)
{
    off_t                      max;
    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    if (clcf->client_body_buffer_size < NGX_HTTP_CHAT_BODY_BUFFER) {
        clcf->client_body_buffer_size = NGX_HTTP_CHAT_BODY_BUFFER;
    }

    max = clcf->client_max_body_size;
    clcf->client_max_body_size = 0;

    return max;
}


ngx_int_t
ngx_http_chat_body_check(ngx_http_request_t *r, ngx_http_chat_ctx_t *ctx,
    ngx_int_t *rc)
{
    ngx_uint_t        body;
    ngx_table_elt_t  *type;

    body = (r->headers_in.content_length_n > 0 || r->headers_in.chunked);
    type = r->headers_in.content_type;

    if (type == NULL ? body : !ngx_http_chat_body_is_json(&type->value)) {
        return ngx_http_chat_body_refuse(r, NGX_HTTP_CHAT_MEDIA_TYPE,
                              "the body has to be \"application/json\"", rc);
    }

    if (r->headers_in.content_length_n > (off_t) ctx->route->max_body) {
        return ngx_http_chat_body_refuse(r, NGX_HTTP_CHAT_TOO_LARGE,
                                         "the body is too large", rc);
    }

    /* a worker cannot read a file without blocking */

    r->request_body_in_single_buf = 1;
    r->request_body_in_file_only = 0;

    if (r->headers_in.chunked
        && ngx_http_chat_body_bound(r, ctx->conf->max_body) != NGX_OK)
    {
        return ngx_http_chat_body_failed(rc);
    }

    return NGX_OK;
}


/* while a body of no known length is read, nginx has to know when to stop */

static ngx_int_t
ngx_http_chat_body_bound(ngx_http_request_t *r, off_t max)
{
    void                      **conf;
    ngx_http_core_loc_conf_t   *clcf;

    conf = ngx_palloc(r->pool, ngx_http_max_module * sizeof(void *));
    if (conf == NULL) {
        return NGX_ERROR;
    }

    clcf = ngx_palloc(r->pool, sizeof(ngx_http_core_loc_conf_t));
    if (clcf == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(conf, r->loc_conf, ngx_http_max_module * sizeof(void *));
    ngx_memcpy(clcf, conf[ngx_http_core_module.ctx_index],
               sizeof(ngx_http_core_loc_conf_t));

    clcf->client_max_body_size = max;

    conf[ngx_http_core_module.ctx_index] = clcf;
    r->loc_conf = conf;

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
ngx_http_chat_body_parse(ngx_http_request_t *r, ngx_http_chat_ctx_t *ctx,
    ngx_int_t *rc)
{
    ngx_str_t            text;
    const char          *detail;
    ngx_pool_cleanup_t  *cln;

    switch (ngx_http_chat_body_text(r, ctx->route->max_body, &text)) {

    case NGX_OK:
        break;

    case NGX_DECLINED:
        return ngx_http_chat_body_refuse(r, NGX_HTTP_CHAT_TOO_LARGE,
                                         "the body is too large", rc);

    default:
        return ngx_http_chat_body_failed(rc);
    }

    if (text.len == 0 && (ctx->route->flags & NGX_HTTP_CHAT_BODY_OPT)) {
        return NGX_OK;
    }

    cln = ngx_pool_cleanup_add(r->pool, 0);
    if (cln == NULL) {
        return ngx_http_chat_body_failed(rc);
    }

    ctx->body = (ctx->route->flags & NGX_HTTP_CHAT_ARRAY)
                ? ngx_http_chat_fields_array(text.data, text.len, &detail)
                : ngx_http_chat_fields_load(text.data, text.len, &detail);

    if (ctx->body == NULL) {

        if (detail == NULL) {
            return ngx_http_chat_body_failed(rc);
        }

        return ngx_http_chat_body_refuse(r, NGX_HTTP_CHAT_BAD_JSON, detail,
                                         rc);
    }

    cln->handler = ngx_http_chat_body_free;
    cln->data = ctx->body;

    return NGX_OK;
}


/*
 * The body as one text, in r->pool or in the buffer that it was read into.
 * NGX_DECLINED when it is too large, also for memory.
 */

static ngx_int_t
ngx_http_chat_body_text(ngx_http_request_t *r, size_t max, ngx_str_t *text)
{
    off_t         len;
    u_char       *p;
    ngx_buf_t    *b;
    ngx_uint_t    n;
    ngx_chain_t  *cl, *bufs;

    ngx_str_null(text);

    bufs = r->request_body != NULL ? r->request_body->bufs : NULL;

    len = 0;
    n = 0;

    for (cl = bufs; cl != NULL; cl = cl->next) {
        b = cl->buf;

        if (b->in_file) {
            return NGX_DECLINED;
        }

        if (b->pos != b->last) {
            len += b->last - b->pos;
            text->data = b->pos;
            n++;
        }
    }

    if (len > (off_t) max) {
        return NGX_DECLINED;
    }

    text->len = (size_t) len;

    if (n <= 1) {
        return NGX_OK;
    }

    p = ngx_pnalloc(r->pool, text->len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    text->data = p;

    for (cl = bufs; cl != NULL; cl = cl->next) {
        p = ngx_cpymem(p, cl->buf->pos, cl->buf->last - cl->buf->pos);
    }

    return NGX_OK;
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

    if (field == NULL) {
        return ngx_http_chat_body_failed(rc);
    }

    *rc = ngx_http_chat_reply_problem(r, NGX_HTTP_CHAT_INVALID_FIELD, field,
                                      detail);
    return NGX_DECLINED;
}


ngx_int_t
ngx_http_chat_body_dump(ngx_http_request_t *r, json_t *value,
    ngx_str_t *text)
{
    size_t  len;

    len = json_dumpb(value, NULL, 0, JSON_COMPACT|JSON_ENCODE_ANY);

    text->data = ngx_pnalloc(r->pool, len + 1);
    if (text->data == NULL) {
        return NGX_ERROR;
    }

    text->len = json_dumpb(value, (char *) text->data, len,
                           JSON_COMPACT|JSON_ENCODE_ANY);

    return text->len == len ? NGX_OK : NGX_ERROR;
}


static ngx_int_t
ngx_http_chat_body_refuse(ngx_http_request_t *r,
    ngx_http_chat_problem_e code, const char *detail, ngx_int_t *rc)
{
    *rc = ngx_http_chat_reply_problem(r, code, NULL, detail);

    return NGX_DECLINED;
}


static ngx_int_t
ngx_http_chat_body_failed(ngx_int_t *rc)
{
    *rc = NGX_HTTP_INTERNAL_SERVER_ERROR;

    return NGX_DECLINED;
}


static void
ngx_http_chat_body_free(void *data)
{
    json_decref(data);
}
