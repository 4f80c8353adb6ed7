
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#ifndef _NGX_HTTP_CHAT_BUCKET_H_INCLUDED_
#define _NGX_HTTP_CHAT_BUCKET_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


/*
 * Token buckets in a table of fixed size.  Knows nothing of chat; the caller
 * holds the lock of the table.
 *
 * A bucket is kept as the time at which it would be full again (the generic
 * cell rate algorithm): one that is full is as one that is not there, so that
 * the table forgets by itself.  When a set of the table has no place, the
 * bucket that is full soonest gives way.
 */


/* n tokens in each period, burst of them at once; n is 0: no limit */

typedef struct {
    ngx_uint_t                n;
    ngx_msec_t                period;
    ngx_uint_t                burst;
} ngx_http_chat_rate_t;


#define NGX_HTTP_CHAT_BUCKET_KEY   16
#define NGX_HTTP_CHAT_BUCKET_WAYS  8
#define NGX_HTTP_CHAT_BUCKET_SEED  16


typedef struct {
    u_char                    key[NGX_HTTP_CHAT_BUCKET_KEY];
    uint32_t                  kind;
    int64_t                   full;          /* microseconds; 0: no bucket */
} ngx_http_chat_bucket_t;


typedef struct {
    u_char                    seed[NGX_HTTP_CHAT_BUCKET_SEED];
    ngx_uint_t                sets;          /* a power of two */
    ngx_http_chat_bucket_t    buckets[1];
} ngx_http_chat_buckets_t;

#define ngx_http_chat_buckets_size(sets)                                     \
    (sizeof(ngx_http_chat_buckets_t)                                         \
     + (sets) * NGX_HTTP_CHAT_BUCKET_WAYS * sizeof(ngx_http_chat_bucket_t))


/* one bucket that a take needs a token of */

typedef struct {
    ngx_http_chat_rate_t     *rate;
    u_char                    key[NGX_HTTP_CHAT_BUCKET_KEY];
    uint32_t                  kind;
} ngx_http_chat_bucket_item_t;


/* times are in microseconds of any clock that only goes forward */

/* ms until there is a token, 0: now */
ngx_msec_t ngx_http_chat_bucket_wait(ngx_http_chat_rate_t *rate,
    int64_t full, int64_t now);

/* "full" after a token has been taken */
int64_t ngx_http_chat_bucket_take(ngx_http_chat_rate_t *rate, int64_t full,
    int64_t now);

/* the memory is zeroed; the seed is random, so that nobody can aim at a set */
void ngx_http_chat_buckets_init(ngx_http_chat_buckets_t *t, ngx_uint_t sets,
    u_char *seed);

/*
 * Takes a token of each bucket, or of none.  Returns 0, or the ms until all
 * have one; *refused is then the first that has none.
 */
ngx_msec_t ngx_http_chat_buckets_take(ngx_http_chat_buckets_t *t,
    ngx_http_chat_bucket_item_t *items, ngx_uint_t n, int64_t now,
    ngx_uint_t *refused);

/* puts a token back */
void ngx_http_chat_buckets_give(ngx_http_chat_buckets_t *t,
    ngx_http_chat_bucket_item_t *item, int64_t now);

/* a hash of key and kind for tables of other kinds */
uint64_t ngx_http_chat_buckets_hash(ngx_http_chat_buckets_t *t, u_char *key,
    uint32_t kind);


#endif /* _NGX_HTTP_CHAT_BUCKET_H_INCLUDED_ */
