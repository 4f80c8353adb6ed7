
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#include "ngx_http_chat_limit.h"
#include "ngx_http_chat_shm.h"

#include <openssl/rand.h>


/*
 * The zone: the table of buckets under the mutex of its slab, which nginx
 * unlocks when the worker that holds it dies; and for each worker a table of
 * the streams that it holds, written by that worker alone, word by word, so
 * that others read it without a lock.
 */


/* 1 MiB of buckets */
#define NGX_HTTP_CHAT_LIMIT_SETS    4096

/* workers, those of an earlier configuration that finish among them */
#define NGX_HTTP_CHAT_LIMIT_LINES   64

/* 256 KiB for each: visitors and addresses with a stream */
#define NGX_HTTP_CHAT_LIMIT_HOLDS   4096
#define NGX_HTTP_CHAT_LIMIT_WAYS    8

/* pages for the slab allocator itself: it describes every page */
#define NGX_HTTP_CHAT_LIMIT_SPARE   256


/* a word: 48 bits of the key, 16 bits of how many; 0 is a free place */

typedef struct {
    volatile uint64_t         words[NGX_HTTP_CHAT_LIMIT_HOLDS
                                    * NGX_HTTP_CHAT_LIMIT_WAYS];
} ngx_http_chat_limit_line_t;


typedef struct {
    ngx_atomic_t                pids[NGX_HTTP_CHAT_LIMIT_LINES];
    ngx_atomic_t                used[NGX_HTTP_CHAT_LIMIT_LINES];
    ngx_http_chat_limit_line_t  lines[NGX_HTTP_CHAT_LIMIT_LINES];
    ngx_http_chat_buckets_t     buckets;     /* the last: it has a tail */
} ngx_http_chat_limit_shared_t;

#define NGX_HTTP_CHAT_LIMIT_SIZE                                             \
    (sizeof(ngx_http_chat_limit_shared_t)                                    \
     + ngx_http_chat_buckets_size(NGX_HTTP_CHAT_LIMIT_SETS))


static ngx_int_t ngx_http_chat_limit_zone_init(ngx_shm_zone_t *zone,
    void *data);
static void ngx_http_chat_limit_claim(void);
static volatile uint64_t *ngx_http_chat_limit_word(ngx_uint_t line,
    uint64_t key, volatile uint64_t **vacant);


static ngx_str_t  ngx_http_chat_limit_name = ngx_string("chat_limits");

static ngx_slab_pool_t               *ngx_http_chat_limit_pool;
static ngx_http_chat_limit_shared_t  *ngx_http_chat_limit_shared;

/* of this worker; NGX_HTTP_CHAT_LIMIT_LINES: it has none */
static ngx_uint_t  ngx_http_chat_limit_line;


ngx_int_t
ngx_http_chat_limit_zone(ngx_conf_t *cf, void *tag)
{
    return ngx_http_chat_shm_add(cf, &ngx_http_chat_limit_name,
                                 NGX_HTTP_CHAT_LIMIT_SIZE,
                                 NGX_HTTP_CHAT_LIMIT_SPARE,
                                 ngx_http_chat_limit_zone_init, tag);
}


static ngx_int_t
ngx_http_chat_limit_zone_init(ngx_shm_zone_t *zone, void *data)
{
    u_char                         seed[NGX_HTTP_CHAT_BUCKET_SEED];
    ngx_int_t                      rc;
    ngx_http_chat_limit_shared_t  *shared;

    rc = ngx_http_chat_shm_object(zone, data, NGX_HTTP_CHAT_LIMIT_SIZE);

    if (rc == NGX_DECLINED) {
        return NGX_OK;
    }

    if (rc == NGX_ERROR || RAND_bytes(seed, sizeof(seed)) != 1) {
        return NGX_ERROR;
    }

    shared = zone->data;

    ngx_http_chat_buckets_init(&shared->buckets, NGX_HTTP_CHAT_LIMIT_SETS,
                               seed);

    return NGX_OK;
}


void
ngx_http_chat_limit_init(ngx_cycle_t *cycle, void *tag)
{
    ngx_shm_zone_t  *zone;

    ngx_http_chat_limit_shared = NULL;

    zone = ngx_http_chat_shm_find(cycle, ngx_http_chat_limit_zone_init, tag);

    if (zone == NULL || zone->data == NULL) {
        return;
    }

    ngx_http_chat_limit_shared = zone->data;
    ngx_http_chat_limit_pool = (ngx_slab_pool_t *) zone->shm.addr;

    ngx_http_chat_limit_claim();
}


/* what a worker held that was killed goes with the first one after it */

static void
ngx_http_chat_limit_claim(void)
{
    ngx_uint_t          i;
    ngx_atomic_t       *pids;
    ngx_atomic_uint_t   pid;

    pids = ngx_http_chat_limit_shared->pids;

    for (i = 0; i < NGX_HTTP_CHAT_LIMIT_LINES; i++) {
        pid = pids[i];

        if (pid != 0
            && (pid == (ngx_atomic_uint_t) ngx_pid
                || !ngx_http_chat_shm_alive((ngx_pid_t) pid)))
        {
            (void) ngx_atomic_cmp_set(&pids[i], pid, 0);
        }
    }

    for (i = 0; i < NGX_HTTP_CHAT_LIMIT_LINES; i++) {

        if (ngx_atomic_cmp_set(&pids[i], 0, (ngx_atomic_uint_t) ngx_pid)) {

            if (ngx_http_chat_limit_shared->used[i]) {
                ngx_memzero((void *) &ngx_http_chat_limit_shared->lines[i],
                            sizeof(ngx_http_chat_limit_line_t));
            }

            ngx_http_chat_limit_shared->used[i] = 0;
            break;
        }
    }

    ngx_http_chat_limit_line = i;
}


void
ngx_http_chat_limit_exit(void)
{
    if (ngx_http_chat_limit_shared != NULL
        && ngx_http_chat_limit_line < NGX_HTTP_CHAT_LIMIT_LINES)
    {
        ngx_http_chat_limit_shared->pids[ngx_http_chat_limit_line] = 0;
    }

    ngx_http_chat_limit_shared = NULL;
}


ngx_http_chat_buckets_t *
ngx_http_chat_limit_lock(void)
{
    if (ngx_http_chat_limit_shared == NULL) {
        return NULL;
    }

    ngx_shmtx_lock(&ngx_http_chat_limit_pool->mutex);

    return &ngx_http_chat_limit_shared->buckets;
}


void
ngx_http_chat_limit_unlock(void)
{
    ngx_shmtx_unlock(&ngx_http_chat_limit_pool->mutex);
}


uint64_t
ngx_http_chat_limit_hash(u_char *key, uint32_t kind)
{
    uint64_t  h;

    if (ngx_http_chat_limit_shared == NULL) {
        return 1;
    }

    /* the seed does not change: no lock */

    h = ngx_http_chat_buckets_hash(&ngx_http_chat_limit_shared->buckets, key,
                                   kind);

    return h >> 16 != 0 ? h : (uint64_t) 1 << 16;
}


ngx_uint_t
ngx_http_chat_limit_count(uint64_t key)
{
    ngx_uint_t          i, n;
    volatile uint64_t  *word, *vacant;

    if (ngx_http_chat_limit_shared == NULL) {
        return 0;
    }

    n = 0;

    for (i = 0; i < NGX_HTTP_CHAT_LIMIT_LINES; i++) {

        if (ngx_http_chat_limit_shared->pids[i] == 0
            || !ngx_http_chat_limit_shared->used[i])
        {
            continue;
        }

        word = ngx_http_chat_limit_word(i, key, &vacant);

        if (word != NULL) {
            n += *word & 0xffff;
        }
    }

    return n;
}


ngx_int_t
ngx_http_chat_limit_hold(uint64_t key)
{
    volatile uint64_t  *word, *vacant;

    if (ngx_http_chat_limit_shared == NULL
        || ngx_http_chat_limit_line == NGX_HTTP_CHAT_LIMIT_LINES)
    {
        return NGX_DECLINED;
    }

    word = ngx_http_chat_limit_word(ngx_http_chat_limit_line, key, &vacant);

    if (word != NULL) {

        if ((*word & 0xffff) == 0xffff) {
            return NGX_DECLINED;
        }

        (*word)++;
        return NGX_OK;
    }

    if (vacant == NULL) {
        return NGX_DECLINED;
    }

    ngx_http_chat_limit_shared->used[ngx_http_chat_limit_line] = 1;
    *vacant = (key & ~(uint64_t) 0xffff) | 1;

    return NGX_OK;
}


void
ngx_http_chat_limit_drop(uint64_t key)
{
    volatile uint64_t  *word, *vacant;

    if (ngx_http_chat_limit_shared == NULL) {
        return;
    }

    word = ngx_http_chat_limit_word(ngx_http_chat_limit_line, key, &vacant);

    if (word != NULL) {
        *word = (*word & 0xffff) > 1 ? *word - 1 : 0;
    }
}


static volatile uint64_t *
ngx_http_chat_limit_word(ngx_uint_t line, uint64_t key,
    volatile uint64_t **vacant)
{
    ngx_uint_t          i;
    volatile uint64_t  *word;

    word = &ngx_http_chat_limit_shared->lines[line].words[
                                   (key & (NGX_HTTP_CHAT_LIMIT_HOLDS - 1))
                                   * NGX_HTTP_CHAT_LIMIT_WAYS];

    *vacant = NULL;

    for (i = 0; i < NGX_HTTP_CHAT_LIMIT_WAYS; i++, word++) {

        if (*word == 0) {
            *vacant = word;
            continue;
        }

        if (*word >> 16 == key >> 16) {
            return word;
        }
    }

    return NULL;
}
