
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_http_chat_bucket.h"


static int64_t ngx_http_chat_bucket_step(ngx_http_chat_rate_t *rate);
static uint64_t ngx_http_chat_bucket_fnv(uint64_t h, u_char *p, size_t len);
static ngx_http_chat_bucket_t *ngx_http_chat_buckets_set(
    ngx_http_chat_buckets_t *t, ngx_http_chat_bucket_item_t *item);
static ngx_http_chat_bucket_t *ngx_http_chat_buckets_find(
    ngx_http_chat_buckets_t *t, ngx_http_chat_bucket_item_t *item);
static ngx_http_chat_bucket_t *ngx_http_chat_buckets_place(
    ngx_http_chat_buckets_t *t, ngx_http_chat_bucket_item_t *item,
    int64_t now);


/* time that a token takes to come */

static int64_t
ngx_http_chat_bucket_step(ngx_http_chat_rate_t *rate)
{
    return (int64_t) rate->period * 1000 / (int64_t) rate->n;
}


ngx_msec_t
ngx_http_chat_bucket_wait(ngx_http_chat_rate_t *rate, int64_t full,
    int64_t now)
{
    int64_t  step, over;

    if (rate->n == 0 || full <= now) {
        return 0;
    }

    step = ngx_http_chat_bucket_step(rate);
    over = full + step - now - step * (int64_t) rate->burst;

    return over > 0 ? (ngx_msec_t) ((over + 999) / 1000) : 0;
}


int64_t
ngx_http_chat_bucket_take(ngx_http_chat_rate_t *rate, int64_t full,
    int64_t now)
{
    if (rate->n == 0) {
        return full;
    }

    return ngx_max(full, now) + ngx_http_chat_bucket_step(rate);
}


void
ngx_http_chat_buckets_init(ngx_http_chat_buckets_t *t, ngx_uint_t sets,
    u_char *seed)
{
    t->sets = sets;
    ngx_memcpy(t->seed, seed, NGX_HTTP_CHAT_BUCKET_SEED);
}


ngx_msec_t
ngx_http_chat_buckets_take(ngx_http_chat_buckets_t *t,
    ngx_http_chat_bucket_item_t *items, ngx_uint_t n, int64_t now,
    ngx_uint_t *refused)
{
    ngx_msec_t               wait, most;
    ngx_uint_t               i;
    ngx_http_chat_bucket_t  *b;

    most = 0;

    for (i = 0; i < n; i++) {
        b = ngx_http_chat_buckets_find(t, &items[i]);

        wait = b == NULL ? 0 : ngx_http_chat_bucket_wait(items[i].rate,
                                                         b->full, now);

        if (wait != 0 && most == 0) {
            *refused = i;
        }

        most = ngx_max(most, wait);
    }

    if (most != 0) {
        return most;
    }

    for (i = 0; i < n; i++) {

        if (items[i].rate->n == 0) {
            continue;
        }

        b = ngx_http_chat_buckets_place(t, &items[i], now);
        b->full = ngx_http_chat_bucket_take(items[i].rate, b->full, now);
    }

    return 0;
}


void
ngx_http_chat_buckets_give(ngx_http_chat_buckets_t *t,
    ngx_http_chat_bucket_item_t *item, int64_t now)
{
    ngx_http_chat_bucket_t  *b;

    b = ngx_http_chat_buckets_find(t, item);

    if (b != NULL && item->rate->n != 0 && b->full > now) {
        b->full -= ngx_http_chat_bucket_step(item->rate);
    }
}


uint64_t
ngx_http_chat_buckets_hash(ngx_http_chat_buckets_t *t, u_char *key,
    uint32_t kind)
{
    uint64_t  h;

    h = ngx_http_chat_bucket_fnv(14695981039346656037ULL, t->seed,
                                 NGX_HTTP_CHAT_BUCKET_SEED);
    h = ngx_http_chat_bucket_fnv(h, key, NGX_HTTP_CHAT_BUCKET_KEY);
    h = ngx_http_chat_bucket_fnv(h, (u_char *) &kind, sizeof(uint32_t));

    h ^= h >> 32;
    h *= 0x9e3779b97f4a7c15ULL;

    return h ^ h >> 29;
}


/* FNV-1a */

static uint64_t
ngx_http_chat_bucket_fnv(uint64_t h, u_char *p, size_t len)
{
    u_char  *last;

    for (last = p + len; p < last; p++) {
        h = (h ^ *p) * 1099511628211ULL;
    }

    return h;
}


static ngx_http_chat_bucket_t *
ngx_http_chat_buckets_set(ngx_http_chat_buckets_t *t,
    ngx_http_chat_bucket_item_t *item)
{
    ngx_uint_t  set;

    set = (ngx_uint_t) (ngx_http_chat_buckets_hash(t, item->key, item->kind)
                        >> 32)
          & (t->sets - 1);

    return &t->buckets[set * NGX_HTTP_CHAT_BUCKET_WAYS];
}


static ngx_http_chat_bucket_t *
ngx_http_chat_buckets_find(ngx_http_chat_buckets_t *t,
    ngx_http_chat_bucket_item_t *item)
{
    ngx_uint_t               i;
    ngx_http_chat_bucket_t  *b;

    b = ngx_http_chat_buckets_set(t, item);

    for (i = 0; i < NGX_HTTP_CHAT_BUCKET_WAYS; i++, b++) {

        if (b->full != 0
            && b->kind == item->kind
            && ngx_memcmp(b->key, item->key, NGX_HTTP_CHAT_BUCKET_KEY) == 0)
        {
            return b;
        }
    }

    return NULL;
}


static ngx_http_chat_bucket_t *
ngx_http_chat_buckets_place(ngx_http_chat_buckets_t *t,
    ngx_http_chat_bucket_item_t *item, int64_t now)
{
    ngx_uint_t               i;
    ngx_http_chat_bucket_t  *b, *set;

    b = ngx_http_chat_buckets_find(t, item);

    if (b != NULL) {
        return b;
    }

    set = ngx_http_chat_buckets_set(t, item);
    b = set;

    for (i = 1; i < NGX_HTTP_CHAT_BUCKET_WAYS; i++) {
        if (set[i].full < b->full) {
            b = &set[i];
        }
    }

    ngx_memcpy(b->key, item->key, NGX_HTTP_CHAT_BUCKET_KEY);
    b->kind = item->kind;
    b->full = now;

    return b;
}
