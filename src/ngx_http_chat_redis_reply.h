
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#ifndef _NGX_HTTP_CHAT_REDIS_REPLY_H_INCLUDED_
#define _NGX_HTTP_CHAT_REDIS_REPLY_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


/*
 * Replies of Redis, parsed by hiredis into a fixed place: a scalar, or a flat
 * array of a few.  Nothing is allocated by a length that the server says, and
 * what does not fit is an error.
 */

#define NGX_HTTP_CHAT_REDIS_ITEMS    4
#define NGX_HTTP_CHAT_REDIS_DATA     16384   /* of all strings of a reply */
#define NGX_HTTP_CHAT_REDIS_UNREAD   32768   /* of a reply not complete */


typedef enum {
    NGX_HTTP_CHAT_REDIS_OTHER = 0,           /* of a protocol not asked for */
    NGX_HTTP_CHAT_REDIS_STATUS,
    NGX_HTTP_CHAT_REDIS_FAILURE,
    NGX_HTTP_CHAT_REDIS_INTEGER,
    NGX_HTTP_CHAT_REDIS_STRING,
    NGX_HTTP_CHAT_REDIS_NIL
} ngx_http_chat_redis_type_e;


typedef struct {
    ngx_http_chat_redis_type_e       type;
    int64_t                          integer;
    ngx_str_t                        text;
} ngx_http_chat_redis_item_t;


typedef struct {
    ngx_uint_t                       n;      /* of items; a scalar is one */
    ngx_http_chat_redis_item_t       items[NGX_HTTP_CHAT_REDIS_ITEMS];
    unsigned                         array:1;
} ngx_http_chat_redis_reply_t;


typedef struct {
    void                            *hiredis;
    ngx_http_chat_redis_reply_t      reply;
    size_t                           used;
    u_char                           data[NGX_HTTP_CHAT_REDIS_DATA];
} ngx_http_chat_redis_reader_t;


/* NGX_ERROR: no memory */
ngx_int_t ngx_http_chat_redis_reader_init(ngx_http_chat_redis_reader_t *r);
void ngx_http_chat_redis_reader_free(ngx_http_chat_redis_reader_t *r);

/* adds bytes; all replies before must have been taken.  NGX_ERROR */
ngx_int_t ngx_http_chat_redis_reader_feed(ngx_http_chat_redis_reader_t *r,
    u_char *p, size_t len);

/*
 * NGX_OK: r->reply, until the next call; NGX_AGAIN: the next one is not
 * complete; NGX_ERROR: this is not the protocol, or beyond the limits, and
 * the reader can only be freed.
 */
ngx_int_t ngx_http_chat_redis_reader_next(ngx_http_chat_redis_reader_t *r);

/* why, after NGX_ERROR; a constant or the reader's */
const char *ngx_http_chat_redis_reader_error(ngx_http_chat_redis_reader_t *r);


#endif /* _NGX_HTTP_CHAT_REDIS_REPLY_H_INCLUDED_ */
