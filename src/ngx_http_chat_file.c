
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#include "ngx_http_chat_depot.h"
#include "ngx_http_chat_file.h"
#include "ngx_http_chat_media.h"
#include "ngx_http_chat_query.h"
#include "ngx_http_chat_reply.h"


/*
 * GET of an attachment: PostgreSQL says whether and as what, nginx's own
 * filters see to ranges and conditions.  It is never a page: a picture of the
 * five types is shown, everything else is saved, and nothing in it is run.
 */


typedef struct {
    const char               *name;
    ngx_str_t                 value;
} ngx_http_chat_file_header_t;


static void ngx_http_chat_file_found(ngx_http_chat_call_t *call);
static ngx_int_t ngx_http_chat_file_send(ngx_http_request_t *r,
    ngx_http_chat_ctx_t *ctx, PGresult *res);
static ngx_int_t ngx_http_chat_file_open(ngx_http_request_t *r,
    ngx_str_t *path, ngx_open_file_info_t *of);
static ngx_int_t ngx_http_chat_file_headers(ngx_http_request_t *r,
    ngx_str_t *name, ngx_str_t *type);
static ngx_int_t ngx_http_chat_file_type(ngx_http_request_t *r,
    ngx_str_t *type);
static ngx_int_t ngx_http_chat_file_disposition(ngx_http_request_t *r,
    ngx_str_t *name, ngx_uint_t shown);
static ngx_int_t ngx_http_chat_file_output(ngx_http_request_t *r,
    ngx_str_t *path, ngx_open_file_info_t *of);


/* who may see it is asked each time, so that it is kept but not used unasked */

static ngx_http_chat_file_header_t  ngx_http_chat_file_fixed[] = {
    { "Cache-Control", ngx_string("private, no-cache") },
    { "X-Content-Type-Options", ngx_string("nosniff") },
    { "Content-Security-Policy", ngx_string("sandbox; default-src 'none'") },
    { "Cross-Origin-Resource-Policy", ngx_string("same-origin") },
    { "Referrer-Policy", ngx_string("no-referrer") },
    { NULL, ngx_null_string }
};


ngx_uint_t
ngx_http_chat_file_off(ngx_http_request_t *r, ngx_int_t *rc)
{
    if (!ngx_http_chat_depot_on()) {
        *rc = ngx_http_chat_reply_problem(r, NGX_HTTP_CHAT_FORBIDDEN, NULL,
                                          "attachments are off here");
        return 1;
    }

    if (ngx_http_chat_depot_check(ngx_http_chat_store_installation(),
                                  r->connection->log)
        != NGX_OK)
    {
        *rc = ngx_http_chat_reply_problem(r, NGX_HTTP_CHAT_UNAVAILABLE, NULL,
                                          "attachments are not available");
        return 1;
    }

    return 0;
}


ngx_int_t
ngx_http_chat_file_get(ngx_http_request_t *r, ngx_http_chat_ctx_t *ctx)
{
    ngx_int_t             rc;
    ngx_http_chat_args_t  args;

    if (ngx_http_chat_file_off(r, &rc)) {
        return rc;
    }

    ngx_http_chat_args_init(&args);
    ngx_http_chat_arg_actor(&args, &ctx->actor);
    ngx_http_chat_arg_id(&args, &ctx->id);

    return ngx_http_chat_query_call(r, ctx, NGX_HTTP_CHAT_FAST,
                                    NGX_HTTP_CHAT_Q_ATTACHMENT_GET, &args,
                                    ngx_http_chat_file_found);
}


/* may free r */

static void
ngx_http_chat_file_found(ngx_http_chat_call_t *call)
{
    ngx_int_t             rc;
    ngx_str_t             outcome;
    ngx_http_request_t   *r;
    ngx_http_chat_ctx_t  *ctx;

    r = call->data;

    if (r == NULL) {
        return;
    }

    ctx = ngx_http_get_module_ctx(r, ngx_http_chat_module);

    if (call->rc != NGX_OK) {
        rc = ngx_http_chat_reply_failed(r, call->rc);

    } else {
        ngx_http_chat_col_text(call->res, 0, 0, &outcome);

        rc = outcome.len == 2
             ? ngx_http_chat_file_send(r, ctx, call->res)
             : ngx_http_chat_reply_outcome(r, &outcome);
    }

    ngx_http_chat_finalize(r, rc);
}


static ngx_int_t
ngx_http_chat_file_send(ngx_http_request_t *r, ngx_http_chat_ctx_t *ctx,
    PGresult *res)
{
    ngx_int_t             rc;
    ngx_str_t             path, name, type;
    ngx_open_file_info_t  of;

    ngx_http_chat_col_text(res, 0, 1, &name);
    ngx_http_chat_col_text(res, 0, 2, &type);

    if (ngx_http_chat_depot_name(&path, &ctx->id, r->pool) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rc = ngx_http_chat_file_open(r, &path, &of);

    if (rc == NGX_DECLINED) {
        return ngx_http_chat_reply_problem(r, NGX_HTTP_CHAT_NOT_FOUND, NULL,
                                           "the file is not there");
    }

    if (rc != NGX_OK) {
        return ngx_http_chat_reply_problem(r, NGX_HTTP_CHAT_INTERNAL, NULL,
                                           "the file cannot be read");
    }

    if (ngx_http_chat_file_headers(r, &name, &type) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_chat_file_output(r, &path, &of);
}


/* NGX_OK, NGX_DECLINED when there is none, or NGX_ERROR; both are logged */

static ngx_int_t
ngx_http_chat_file_open(ngx_http_request_t *r, ngx_str_t *path,
    ngx_open_file_info_t *of)
{
    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    ngx_memzero(of, sizeof(ngx_open_file_info_t));

    of->read_ahead = clcf->read_ahead;
    of->directio = clcf->directio;
    of->valid = clcf->open_file_cache_valid;
    of->min_uses = clcf->open_file_cache_min_uses;
    of->errors = clcf->open_file_cache_errors;
    of->events = clcf->open_file_cache_events;

    if (ngx_open_cached_file(clcf->open_file_cache, path, of, r->pool)
        == NGX_OK)
    {
        if (of->is_file) {
            return NGX_OK;
        }

        ngx_log_error(NGX_LOG_CRIT, r->connection->log, 0,
                      "\"%V\" is not a regular file", path);
        return NGX_ERROR;
    }

    if (of->err != 0) {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, of->err,
                      "%s \"%V\" failed", of->failed, path);
    }

    return of->err == NGX_ENOENT ? NGX_DECLINED : NGX_ERROR;
}


static ngx_int_t
ngx_http_chat_file_headers(ngx_http_request_t *r, ngx_str_t *name,
    ngx_str_t *type)
{
    ngx_http_chat_file_header_t  *h;

    for (h = ngx_http_chat_file_fixed; h->name != NULL; h++) {

        if (ngx_http_chat_reply_header(r, h->name, &h->value) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    if (ngx_http_chat_file_type(r, type) != NGX_OK
        || ngx_http_chat_file_disposition(r, name,
                                          ngx_http_chat_media_inline(type))
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_chat_reply_cors(r);
}


static ngx_int_t
ngx_http_chat_file_type(ngx_http_request_t *r, ngx_str_t *type)
{
    u_char  *p;

    p = ngx_pnalloc(r->pool, type->len + sizeof("; charset=utf-8"));
    if (p == NULL) {
        return NGX_ERROR;
    }

    r->headers_out.content_type.data = p;
    r->headers_out.content_type_len = type->len;

    p = ngx_cpymem(p, type->data, type->len);

    if (type->len > 5 && ngx_memcmp(type->data, "text/", 5) == 0) {
        p = ngx_cpymem(p, "; charset=utf-8", sizeof("; charset=utf-8") - 1);
    }

    r->headers_out.content_type.len = p - r->headers_out.content_type.data;

    return NGX_OK;
}


/*
 * RFC 6266: "filename" in ASCII for who knows no better, and "filename*" as
 * in RFC 8187.
 */

static ngx_int_t
ngx_http_chat_file_disposition(ngx_http_request_t *r, ngx_str_t *name,
    ngx_uint_t shown)
{
    u_char      *p, ch;
    size_t       i;
    ngx_str_t    value;

    static u_char  hex[] = "0123456789ABCDEF";

    p = ngx_pnalloc(r->pool, sizeof("attachment; filename=\"\"; "
                                    "filename*=UTF-8''")
                             + 4 * name->len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    value.data = p;

    p = ngx_sprintf(p, "%s; filename=\"", shown ? "inline" : "attachment");

    for (i = 0; i < name->len; i++) {
        ch = name->data[i];

        if ((ch & 0xc0) == 0x80) {

            /* one "_" stands for a character */

            continue;
        }

        *p++ = (ch < 0x20 || ch >= 0x7f || ch == '"' || ch == '\\'
                || ch == '%')
               ? '_' : ch;
    }

    p = ngx_cpymem(p, "\"; filename*=UTF-8''",
                   sizeof("\"; filename*=UTF-8''") - 1);

    for (i = 0; i < name->len; i++) {
        ch = name->data[i];

        if ((ch >= '0' && ch <= '9') || (ch >= 'A' && ch <= 'Z')
            || (ch >= 'a' && ch <= 'z') || ch == '.' || ch == '-'
            || ch == '_')
        {
            *p++ = ch;

        } else {
            *p++ = '%';
            *p++ = hex[ch >> 4];
            *p++ = hex[ch & 15];
        }
    }

    value.len = p - value.data;

    return ngx_http_chat_reply_header(r, "Content-Disposition", &value);
}


static ngx_int_t
ngx_http_chat_file_output(ngx_http_request_t *r, ngx_str_t *path,
    ngx_open_file_info_t *of)
{
    ngx_int_t     rc;
    ngx_buf_t    *b;
    ngx_chain_t   out;

    b = ngx_calloc_buf(r->pool);
    if (b == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    b->file = ngx_pcalloc(r->pool, sizeof(ngx_file_t));
    if (b->file == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    r->headers_out.status = NGX_HTTP_OK;
    r->headers_out.content_length_n = of->size;
    r->headers_out.last_modified_time = of->mtime;

    if (ngx_http_set_etag(r) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    r->allow_ranges = 1;

    if (ngx_exiting) {
        r->keepalive = 0;
    }

    rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }

    b->file_last = of->size;
    b->in_file = (of->size != 0);
    b->last_buf = 1;
    b->last_in_chain = 1;

    b->file->fd = of->fd;
    b->file->name = *path;
    b->file->log = r->connection->log;
    b->file->directio = of->is_directio;

    out.buf = b;
    out.next = NULL;

    return ngx_http_output_filter(r, &out);
}
