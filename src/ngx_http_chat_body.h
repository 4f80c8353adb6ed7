
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#ifndef _NGX_HTTP_CHAT_BODY_H_INCLUDED_
#define _NGX_HTTP_CHAT_BODY_H_INCLUDED_


#include "ngx_http_chat.h"
#include "ngx_http_chat_fields.h"


/*
 * Bodies stay in memory: a larger one would go to a file, which a worker
 * cannot read without blocking.  Room for 64 KiB and the framing of chunks.
 */
#define NGX_HTTP_CHAT_BODY_BUFFER    (72 * 1024)


/*
 * Raises client_body_buffer_size of the location whose configuration is
 * being merged to NGX_HTTP_CHAT_BODY_BUFFER, and lifts client_max_body_size,
 * which is returned: routes have limits of their own, and answer in JSON.
 */
off_t ngx_http_chat_body_conf(ngx_conf_t *cf);

/*
 * These return NGX_OK, or NGX_DECLINED when a problem has been sent: then *rc
 * is what the content handler returns, or what finalizes the request.
 */

/* Content-Type and Content-Length, before anything is read */
ngx_int_t ngx_http_chat_body_check(ngx_http_request_t *r,
    ngx_http_chat_ctx_t *ctx, ngx_int_t *rc);

/*
 * After the body has been read: length again (chunked), JSON object; sets
 * ctx->body (freed by a cleanup), NULL for an empty body of a BODY_OPT route.
 */
ngx_int_t ngx_http_chat_body_parse(ngx_http_request_t *r,
    ngx_http_chat_ctx_t *ctx, ngx_int_t *rc);

/* ngx_http_chat_fields_take() of ctx->body */
ngx_int_t ngx_http_chat_body_take(ngx_http_request_t *r,
    ngx_http_chat_ctx_t *ctx, ngx_http_chat_field_t *fields, ngx_uint_t n,
    void *data, ngx_int_t *rc);

/* the text of a part of ctx->body, in r->pool; NGX_ERROR */
ngx_int_t ngx_http_chat_body_dump(ngx_http_request_t *r, json_t *value,
    ngx_str_t *text);


#endif /* _NGX_HTTP_CHAT_BODY_H_INCLUDED_ */
