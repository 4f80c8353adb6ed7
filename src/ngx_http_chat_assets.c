
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#include "ngx_http_chat_assets.h"
#include "ngx_http_chat_embed.h"
#include "ngx_http_chat_reply.h"
#include "ngx_http_chat_site.h"

#include <openssl/evp.h>


/* bytes of a file's SHA-256 that its ETag shows, in hex */
#define NGX_HTTP_CHAT_ASSETS_HASH    8
#define NGX_HTTP_CHAT_ASSETS_ETAG    (sizeof("W/\"\"") - 1                   \
                                      + 2 * NGX_HTTP_CHAT_ASSETS_HASH)


typedef struct {
    u_char                    text[NGX_HTTP_CHAT_ASSETS_ETAG];
} ngx_http_chat_assets_etag_t;


typedef struct {
    const char               *extension;
    size_t                    len;           /* of the type proper */
    ngx_str_t                 type;
} ngx_http_chat_assets_type_t;


typedef struct {
    const char               *name;
    ngx_str_t                 value;
} ngx_http_chat_assets_header_t;


static ngx_int_t ngx_http_chat_assets_hash(ngx_http_chat_assets_etag_t *etag,
    const ngx_http_chat_embed_t *file);
static ngx_int_t ngx_http_chat_assets_find(u_char *name, size_t len);
static ngx_uint_t ngx_http_chat_assets_hashed(ngx_str_t *name);
static ngx_int_t ngx_http_chat_assets_serve(ngx_http_request_t *r,
    ngx_int_t index, ngx_http_chat_assets_header_t *headers);
static ngx_int_t ngx_http_chat_assets_headers(ngx_http_request_t *r,
    ngx_int_t index, ngx_http_chat_assets_header_t *headers);
static void ngx_http_chat_assets_type(ngx_http_request_t *r,
    const char *name);
static ngx_int_t ngx_http_chat_assets_redirect(ngx_http_request_t *r);


/* text of a type with its charset, so that nginx does not add another */

static ngx_http_chat_assets_type_t  ngx_http_chat_assets_types[] = {
    { ".js", 15, ngx_string("text/javascript; charset=utf-8") },
    { ".css", 8, ngx_string("text/css; charset=utf-8") },
    { ".html", 9, ngx_string("text/html; charset=utf-8") },
    { ".svg", 13, ngx_string("image/svg+xml") },
    { NULL, 24, ngx_string("application/octet-stream") }
};


static ngx_http_chat_assets_header_t  ngx_http_chat_assets_loader_headers[] = {
    { "Cache-Control", ngx_string("public, max-age=300") },
    { NULL, ngx_null_string }
};


static ngx_http_chat_assets_header_t  ngx_http_chat_assets_file_headers[] = {
    { "Cache-Control", ngx_string("no-cache") },
    { NULL, ngx_null_string }
};


/* a file whose name has a hash of its text */

static ngx_http_chat_assets_header_t
    ngx_http_chat_assets_hashed_headers[] =
{
    { "Cache-Control", ngx_string("public, max-age=31536000, immutable") },
    { NULL, ngx_null_string }
};


/* agents read what strangers write: the last wall against script in it */

static ngx_http_chat_assets_header_t
    ngx_http_chat_assets_console_headers[] =
{
    { "Cache-Control", ngx_string("no-cache") },
    { "Content-Security-Policy",
      ngx_string("default-src 'none'; script-src 'self'; style-src 'self'; "
                 "img-src 'self' blob:; connect-src 'self'; base-uri 'none'; "
                 "form-action 'self'; frame-ancestors 'none'; "
                 "require-trusted-types-for 'script'; "
                 "trusted-types 'none'") },
    { "Referrer-Policy", ngx_string("no-referrer") },
    { "Cross-Origin-Opener-Policy", ngx_string("same-origin") },
    { NULL, ngx_null_string }
};


/* in the order of the table of files; a cycle's own, as its workers are */

static ngx_http_chat_assets_etag_t  *ngx_http_chat_assets_etags;


ngx_int_t
ngx_http_chat_assets_init(ngx_cycle_t *cycle)
{
    ngx_uint_t                    i, n;
    ngx_http_chat_assets_etag_t  *etags;

    for (n = 0; ngx_http_chat_embed_assets[n].name != NULL; n++) { /* void */ }

    etags = ngx_palloc(cycle->pool,
                       (n + 1) * sizeof(ngx_http_chat_assets_etag_t));
    if (etags == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; i < n; i++) {
        if (ngx_http_chat_assets_hash(&etags[i],
                                      &ngx_http_chat_embed_assets[i])
            != NGX_OK)
        {
            ngx_log_error(NGX_LOG_EMERG, cycle->log, 0,
                          "EVP_Digest() failed for \"%s\"",
                          ngx_http_chat_embed_assets[i].name);
            return NGX_ERROR;
        }
    }

    ngx_http_chat_assets_etags = etags;

    return NGX_OK;
}


/* weak, since it stands for the file in either coding */

static ngx_int_t
ngx_http_chat_assets_hash(ngx_http_chat_assets_etag_t *etag,
    const ngx_http_chat_embed_t *file)
{
    u_char  *p;
    u_char   hash[EVP_MAX_MD_SIZE];

    if (EVP_Digest(file->data, file->len, hash, NULL, EVP_sha256(), NULL)
        != 1)
    {
        return NGX_ERROR;
    }

    p = ngx_cpymem(etag->text, "W/\"", 3);
    p = ngx_hex_dump(p, hash, NGX_HTTP_CHAT_ASSETS_HASH);
    *p = '"';

    return NGX_OK;
}


ngx_int_t
ngx_http_chat_assets_loader(ngx_http_request_t *r, ngx_http_chat_ctx_t *ctx)
{
    return ngx_http_chat_assets_serve(r,
                             ngx_http_chat_assets_find((u_char *) "w.js", 4),
                             ngx_http_chat_assets_loader_headers);
}


ngx_int_t
ngx_http_chat_assets_file(ngx_http_request_t *r, ngx_http_chat_ctx_t *ctx)
{
    ngx_str_t  *name;

    name = &ctx->name;

    /* a page has headers of its own: it must not be had without them */

    if (name->len > 5
        && ngx_strncmp(name->data + name->len - 5, ".html", 5) == 0)
    {
        return ngx_http_chat_assets_serve(r, NGX_ERROR, NULL);
    }

    return ngx_http_chat_assets_serve(r,
                              ngx_http_chat_assets_find(name->data, name->len),
                              ngx_http_chat_assets_hashed(name)
                              ? ngx_http_chat_assets_hashed_headers
                              : ngx_http_chat_assets_file_headers);
}


/* whether a name ends in "-", eight hex digits and an extension */

static ngx_uint_t
ngx_http_chat_assets_hashed(ngx_str_t *name)
{
    size_t   i, dot;
    u_char  *p;

    for (dot = name->len; dot > 0 && name->data[dot - 1] != '.'; dot--) {
        /* void */
    }

    if (dot < 10 || name->data[dot - 10] != '-') {
        return 0;
    }

    p = name->data + dot - 9;

    for (i = 0; i < 8; i++) {
        if ((p[i] < '0' || p[i] > '9') && (p[i] < 'a' || p[i] > 'f')) {
            return 0;
        }
    }

    return 1;
}


ngx_int_t
ngx_http_chat_assets_console(ngx_http_request_t *r, ngx_http_chat_ctx_t *ctx)
{
    if (ctx->path.data[ctx->path.len - 1] != '/') {
        return ngx_http_chat_assets_redirect(r);
    }

    return ngx_http_chat_assets_serve(r,
                     ngx_http_chat_assets_find((u_char *) "console.html", 12),
                     ngx_http_chat_assets_console_headers);
}


/* position in the table of files, or NGX_ERROR */

static ngx_int_t
ngx_http_chat_assets_find(u_char *name, size_t len)
{
    ngx_int_t                     i;
    const ngx_http_chat_embed_t  *file;

    file = ngx_http_chat_embed_assets;

    for (i = 0; file[i].name != NULL; i++) {

        if (ngx_strlen(file[i].name) == len
            && ngx_memcmp(file[i].name, name, len) == 0)
        {
            return i;
        }
    }

    return NGX_ERROR;
}


static ngx_int_t
ngx_http_chat_assets_serve(ngx_http_request_t *r, ngx_int_t index,
    ngx_http_chat_assets_header_t *headers)
{
    ngx_int_t                     rc;
    ngx_buf_t                    *b;
    ngx_uint_t                    gzip;
    ngx_chain_t                   cl;
    static ngx_str_t              coding = ngx_string("gzip");
    const ngx_http_chat_embed_t  *file;

    if (index == NGX_ERROR) {
        return ngx_http_chat_reply_problem(r, NGX_HTTP_CHAT_NOT_FOUND, NULL,
                                           "there is no such file");
    }

    file = &ngx_http_chat_embed_assets[index];
    gzip = 0;

#if (NGX_HTTP_GZIP)
    gzip = (file->gz != NULL && ngx_http_gzip_ok(r) == NGX_OK);
#endif

    b = ngx_calloc_buf(r->pool);
    if (b == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    b->pos = (u_char *) (gzip ? file->gz : file->data);
    b->last = b->pos + (gzip ? file->gz_len : file->len);
    b->memory = (b->last != b->pos);
    b->last_buf = 1;
    b->last_in_chain = 1;

    r->headers_out.status = NGX_HTTP_OK;
    r->headers_out.content_length_n = b->last - b->pos;

    ngx_http_chat_assets_type(r, file->name);

    if (ngx_http_chat_assets_headers(r, index, headers) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (gzip) {
        r->headers_out.content_encoding =
                     ngx_http_chat_reply_push(r, "Content-Encoding", &coding);

        if (r->headers_out.content_encoding == NULL) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }
    }

    rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }

    cl.buf = b;
    cl.next = NULL;

    return ngx_http_output_filter(r, &cl);
}


/* nginx compares the ETag with If-None-Match by itself */

static ngx_int_t
ngx_http_chat_assets_headers(ngx_http_request_t *r, ngx_int_t index,
    ngx_http_chat_assets_header_t *headers)
{
    ngx_str_t                  etag, *sharing;
    ngx_uint_t                 open;
    ngx_http_chat_loc_conf_t  *conf;
    static ngx_str_t           nosniff = ngx_string("nosniff");
    static ngx_str_t           vary = ngx_string("Accept-Encoding");
    static ngx_str_t           same = ngx_string("same-origin");
    static ngx_str_t           cross = ngx_string("cross-origin");

    etag.data = ngx_http_chat_assets_etags[index].text;
    etag.len = NGX_HTTP_CHAT_ASSETS_ETAG;

    r->headers_out.etag = ngx_http_chat_reply_push(r, "ETag", &etag);
    if (r->headers_out.etag == NULL) {
        return NGX_ERROR;
    }

    conf = ngx_http_get_module_loc_conf(r, ngx_http_chat_module);

    open = conf->origins != NULL
           || (conf->origin_settings && ngx_http_chat_site_open(conf->site));

    sharing = (open && headers != ngx_http_chat_assets_console_headers)
              ? &cross : &same;

    for ( /* void */ ; headers->name != NULL; headers++) {
        if (ngx_http_chat_reply_header(r, headers->name, &headers->value)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    if (ngx_http_chat_reply_header(r, "Vary", &vary) != NGX_OK
        || ngx_http_chat_reply_header(r, "X-Content-Type-Options", &nosniff)
           != NGX_OK
        || ngx_http_chat_reply_header(r, "Cross-Origin-Resource-Policy",
                                      sharing)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_chat_reply_cors(r);
}


static void
ngx_http_chat_assets_type(ngx_http_request_t *r, const char *name)
{
    const char                   *extension;
    ngx_http_chat_assets_type_t  *t;

    extension = strrchr(name, '.');

    for (t = ngx_http_chat_assets_types; t->extension != NULL; t++) {

        if (extension != NULL && ngx_strcmp(extension, t->extension) == 0) {
            break;
        }
    }

    r->headers_out.content_type = t->type;
    r->headers_out.content_type_len = t->len;
}


/* relative, so that it holds behind a proxy that moves the prefix too */

static ngx_int_t
ngx_http_chat_assets_redirect(ngx_http_request_t *r)
{
    static ngx_str_t  location = ngx_string("console/");

    if (ngx_http_chat_reply_header(r, "Location", &location) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_chat_reply_empty(r, NGX_HTTP_MOVED_PERMANENTLY);
}
