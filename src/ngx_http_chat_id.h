
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#ifndef _NGX_HTTP_CHAT_ID_H_INCLUDED_
#define _NGX_HTTP_CHAT_ID_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


typedef struct {
    u_char                    data[16];
} ngx_http_chat_id_t;


#define NGX_HTTP_CHAT_ID_LEN         36      /* of the text form */
#define NGX_HTTP_CHAT_EPOCH_LEN      16      /* hex digits */
#define NGX_HTTP_CHAT_CURSOR_LEN     (NGX_HTTP_CHAT_EPOCH_LEN + 1            \
                                      + NGX_INT64_LEN)
#define NGX_HTTP_CHAT_TIME_LEN       (sizeof("2026-11-22T06:00:00.123Z") - 1)


typedef struct {
    u_char                    epoch[NGX_HTTP_CHAT_EPOCH_LEN];
    int64_t                   seq;
} ngx_http_chat_cursor_t;


/* some, in somebody's memory */

typedef struct {
    ngx_http_chat_id_t       *elts;
    ngx_uint_t                n;
} ngx_http_chat_ids_t;


/* a new UUIDv7 (RFC 9562, section 5.7) from ms and RAND_bytes(); NGX_ERROR */
ngx_int_t ngx_http_chat_id_make(ngx_http_chat_id_t *id);

/* parses the 36 character form, either case; NGX_ERROR if it is not one */
ngx_int_t ngx_http_chat_id_parse(ngx_http_chat_id_t *id, u_char *p,
    size_t len);

/* writes 36 lower case characters; returns the end */
u_char *ngx_http_chat_id_write(u_char *p, ngx_http_chat_id_t *id);

#define ngx_http_chat_id_eq(a, b)                                            \
    (ngx_memcmp((a)->data, (b)->data, 16) == 0)

/* "<16 hex>.<decimal, no sign, no leading zero but 0>"; NGX_ERROR */
ngx_int_t ngx_http_chat_cursor_parse(ngx_http_chat_cursor_t *cursor,
    u_char *p, size_t len);

/* at most NGX_HTTP_CHAT_CURSOR_LEN; returns the end */
u_char *ngx_http_chat_cursor_write(u_char *p, u_char *epoch, int64_t seq);

/* writes at most NGX_INT64_LEN decimal digits, which messages are full of */
u_char *ngx_http_chat_number_write(u_char *p, uint64_t value);

/* RFC 3339 in UTC with milliseconds; ms since the epoch; returns the end */
u_char *ngx_http_chat_time_write(u_char *p, int64_t ms);

/* of NGX_HTTP_CHAT_TIME_LEN bytes as above: ms since the epoch; -1: is none */
int64_t ngx_http_chat_time_parse(u_char *p);

/* milliseconds since the epoch of the cached wall clock */
int64_t ngx_http_chat_time_now(void);


#endif /* _NGX_HTTP_CHAT_ID_H_INCLUDED_ */
