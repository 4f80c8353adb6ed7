
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#ifndef _NGX_HTTP_CHAT_BODY_H_INCLUDED_
#define _NGX_HTTP_CHAT_BODY_H_INCLUDED_


#include "ngx_http_chat.h"


/* of a JSON text, whatever its length */
#define NGX_HTTP_CHAT_BODY_DEPTH     8
#define NGX_HTTP_CHAT_BODY_KEYS      64
#define NGX_HTTP_CHAT_BODY_COMMAS    256

/*
 * Bodies stay in memory: a larger one would go to a file, which a worker
 * cannot read without blocking.  Room for 64 KiB and the framing of chunks.
 */
#define NGX_HTTP_CHAT_BODY_BUFFER    (72 * 1024)


/*
 * Raises client_body_buffer_size of the location whose configuration is
 * being merged to NGX_HTTP_CHAT_BODY_BUFFER.
 */
void ngx_http_chat_body_conf(ngx_conf_t *cf);

/*
 * Checks Content-Type and Content-Length before anything is read.  NGX_OK,
 * or what the content handler returns (a problem has been sent).
 */
ngx_int_t ngx_http_chat_body_check(ngx_http_request_t *r,
    ngx_http_chat_ctx_t *ctx);

/*
 * After the body has been read: length again (chunked), JSON object; sets
 * ctx->body (freed by a cleanup), NULL for an empty body of a BODY_OPT route.
 * NGX_OK or the return value of a problem.
 */
ngx_int_t ngx_http_chat_body_parse(ngx_http_request_t *r,
    ngx_http_chat_ctx_t *ctx);

/*
 * Strict JSON object (RFC 8259): duplicate keys, NUL, invalid UTF-8, anything
 * after the object, and what exceeds the limits above are refused.  Returns
 * a new reference, or NULL with *detail: static, and NULL on no memory.
 */
json_t *ngx_http_chat_body_load(u_char *p, size_t len, const char **detail);


/* fields of a request: one table for each endpoint or frame */

#define NGX_HTTP_CHAT_REQUIRED       0x01
#define NGX_HTTP_CHAT_NULLABLE       0x02

typedef enum {
    NGX_HTTP_CHAT_F_STRING = 0,              /* ngx_str_t; max bytes */
    NGX_HTTP_CHAT_F_TEXT,                    /* ngx_str_t; message text */
    NGX_HTTP_CHAT_F_CLIENT_ID,               /* ngx_str_t; client_msg_id */
    NGX_HTTP_CHAT_F_UUID,                    /* ngx_http_chat_id_t */
    NGX_HTTP_CHAT_F_INT,                     /* int64_t, 0 .. max */
    NGX_HTTP_CHAT_F_BOOL,                    /* ngx_uint_t */
    NGX_HTTP_CHAT_F_ENUM                     /* ngx_str_t; values */
} ngx_http_chat_field_e;

typedef struct {
    const char               *name;
    ngx_http_chat_field_e     type;
    ngx_uint_t                flags;
    size_t                    offset;        /* of the value in the struct */
    ngx_int_t                 set;           /* offset of ngx_uint_t: was it
                                              * there (2: null); -1 none */
    size_t                    max;           /* bytes, or the largest INT;
                                              * 0: none, for TEXT that of
                                              * the location */
    const char              **values;        /* ENUM, NULL-terminated */
} ngx_http_chat_field_t;

/*
 * Fills the struct at data, zeroed by the caller, from a JSON object; NULL is
 * an empty one.  An unknown field, a missing or ill-typed one gives NGX_ERROR
 * with *field (static or borrowed from the object) and *detail (static); no
 * memory gives NGX_ERROR with *field NULL.  Strings stay owned by the object,
 * except that TEXT is normalised into pool (CR LF becomes LF; C0 other than
 * LF and TAB is refused; empty or blank only is refused).
 */
ngx_int_t ngx_http_chat_body_fields(json_t *object,
    ngx_http_chat_field_t *fields, ngx_uint_t n, void *data,
    size_t max_message, ngx_pool_t *pool, const char **field,
    const char **detail);

/* the same for a request's ctx->body; answers 422 itself on error */
ngx_int_t ngx_http_chat_body_take(ngx_http_request_t *r,
    ngx_http_chat_ctx_t *ctx, ngx_http_chat_field_t *fields, ngx_uint_t n,
    void *data, ngx_int_t *rc);


#endif /* _NGX_HTTP_CHAT_BODY_H_INCLUDED_ */
