
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#ifndef _NGX_HTTP_CHAT_REPLY_H_INCLUDED_
#define _NGX_HTTP_CHAT_REPLY_H_INCLUDED_


#include "ngx_http_chat.h"


/*
 * All of these send the whole answer (header and body, HEAD and keep-alive
 * handled, Cache-Control: no-store, X-Content-Type-Options: nosniff, CORS
 * headers for an origin that "chat_origin" allows) and return what
 * ngx_http_finalize_request() takes.  They do not finalize.  A request body
 * that has not been read is discarded.
 */

/* application/json; body is copied into r->pool */
ngx_int_t ngx_http_chat_reply_json(ngx_http_request_t *r, ngx_uint_t status,
    ngx_str_t *body);

/* application/json of a chain of buffers in memory (last_buf is set here) */
ngx_int_t ngx_http_chat_reply_chain(ngx_http_request_t *r,
    ngx_uint_t status, ngx_chain_t *cl, off_t len);

/* another type; type and cl are NULL when there is no content */
ngx_int_t ngx_http_chat_reply_content(ngx_http_request_t *r,
    ngx_uint_t status, ngx_str_t *type, ngx_chain_t *cl, off_t len);

ngx_int_t ngx_http_chat_reply_empty(ngx_http_request_t *r,
    ngx_uint_t status);


/* application/problem+json, RFC 9457 */

typedef enum {
    NGX_HTTP_CHAT_BAD_JSON = 0,              /* 400 bad_json */
    NGX_HTTP_CHAT_INVALID_FIELD,             /* 422 invalid_field */
    NGX_HTTP_CHAT_TOO_LARGE,                 /* 413 */
    NGX_HTTP_CHAT_MEDIA_TYPE,                /* 415 */
    NGX_HTTP_CHAT_NOT_FOUND,                 /* 404 */
    NGX_HTTP_CHAT_GONE,                      /* 410 */
    NGX_HTTP_CHAT_FORBIDDEN,                 /* 403 */
    NGX_HTTP_CHAT_UNAUTHENTICATED,           /* 401 */
    NGX_HTTP_CHAT_STALE,                     /* 409 */
    NGX_HTTP_CHAT_CONFLICT,                  /* 409 */
    NGX_HTTP_CHAT_RATE_LIMITED,              /* 429, Retry-After */
    NGX_HTTP_CHAT_UNAVAILABLE,               /* 503, Retry-After */
    NGX_HTTP_CHAT_METHOD_NOT_ALLOWED,        /* 405; caller adds Allow */
    NGX_HTTP_CHAT_INTERNAL,                  /* 500 */
    NGX_HTTP_CHAT_BAD_HANDSHAKE,             /* 400 bad_handshake */
    NGX_HTTP_CHAT_QUOTA,                     /* 413 quota */
    NGX_HTTP_CHAT_NO_SPACE,                  /* 507 no_space */
    NGX_HTTP_CHAT_SECOND_FACTOR              /* 401 second_factor */
} ngx_http_chat_problem_e;


/*
 * field and detail are C strings or NULL, copied and JSON-escaped here; a
 * field longer than 64 bytes is left out.  extra: NULL, or members to add,
 * such as "\"events\":[]" (no comma).  Each 503 is counted in chat_status.
 */
ngx_int_t ngx_http_chat_reply_problem(ngx_http_request_t *r,
    ngx_http_chat_problem_e code, const char *field, const char *detail);

ngx_int_t ngx_http_chat_reply_problem_with(ngx_http_request_t *r,
    ngx_http_chat_problem_e code, const char *field, const char *detail,
    ngx_str_t *extra);

/*
 * Answers an OPTIONS request: 204 with what a preflight asks for when its
 * Origin is in "chat_origin", else 403.
 */
ngx_int_t ngx_http_chat_reply_preflight(ngx_http_request_t *r);

/*
 * CORS headers of an answer that is sent by other means than the functions
 * above.  NGX_OK also when the request gets none, or NGX_ERROR.
 */
ngx_int_t ngx_http_chat_reply_cors(ngx_http_request_t *r);

/*
 * The value of Origin if "chat_origin" allows it, or NULL: the request's own,
 * since settings may be replaced before the answer has been logged.
 */
ngx_str_t *ngx_http_chat_reply_origin(ngx_http_request_t *r);

/* adds a header; name is a C string; value in r->pool or static.  NGX_ERROR */
ngx_int_t ngx_http_chat_reply_header(ngx_http_request_t *r, const char *name,
    ngx_str_t *value);

/* the same; returns the header for r->headers_out, or NULL */
ngx_table_elt_t *ngx_http_chat_reply_push(ngx_http_request_t *r,
    const char *name, ngx_str_t *value);

/*
 * The problem of an outcome of an SQL function ("not_found",
 * "invalid:assignee", ...); busy is 503, one that is none of them 500.
 */
ngx_int_t ngx_http_chat_reply_outcome(ngx_http_request_t *r,
    ngx_str_t *outcome);

/* 429 (or 503, by code) that says when to come back: in ms */
ngx_int_t ngx_http_chat_reply_later(ngx_http_request_t *r,
    ngx_http_chat_problem_e code, const char *detail, ngx_msec_t wait);

/* 503 of a call or a command whose rc is not NGX_OK */
ngx_int_t ngx_http_chat_reply_failed(ngx_http_request_t *r, ngx_int_t rc);


#endif /* _NGX_HTTP_CHAT_REPLY_H_INCLUDED_ */
