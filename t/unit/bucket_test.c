
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


/*
 * Sources: src/ngx_http_chat_bucket.c
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_http_chat_bucket.h"
#include "unit.h"


#define SETS  4


static void arithmetic(void);
static void taking(void);
static void several(void);
static void giving(void);
static void full(void);
static ngx_http_chat_buckets_t *table(void);
static ngx_http_chat_bucket_item_t item(ngx_http_chat_rate_t *rate,
    ngx_uint_t n, uint32_t kind);
static ngx_msec_t take(ngx_http_chat_buckets_t *t,
    ngx_http_chat_bucket_item_t i, int64_t now);


int
main(void)
{
    arithmetic();
    taking();
    several();
    giving();
    full();

    return done();
}


static void
arithmetic(void)
{
    int64_t               now, t;
    ngx_uint_t            i, n;
    ngx_http_chat_rate_t  rate = { 1, 1000, 10 }, slow = { 1, 86400000, 1 };
    ngx_http_chat_rate_t  none = { 0, 0, 0 }, fast = { 1000000, 1000, 1 };

    now = 5000000;
    t = 0;

    for (n = 0; ngx_http_chat_bucket_wait(&rate, t, now) == 0; n++) {
        t = ngx_http_chat_bucket_take(&rate, t, now);
    }

    ok(n == 10, "the burst");
    ok(ngx_http_chat_bucket_wait(&rate, t, now) == 1000, "then its rate");
    ok(ngx_http_chat_bucket_wait(&rate, t, now + 400000) == 600,
       "which time shortens");
    ok(ngx_http_chat_bucket_wait(&rate, t, now + 999001) == 1,
       "rounded up, so that it is enough");
    ok(ngx_http_chat_bucket_wait(&rate, t, now + 1000000) == 0,
       "until there is one");

    now += 1000000;
    t = ngx_http_chat_bucket_take(&rate, t, now);
    ok(ngx_http_chat_bucket_wait(&rate, t, now) == 1000, "and no more");

    ok(ngx_http_chat_bucket_wait(&rate, t, now - 3600000000LL) > 1000,
       "a clock behind only waits");

    for (i = 0; i < 100; i++) {
        now += 1000000;
        t = ngx_http_chat_bucket_take(&rate, t, now);
    }

    ok(ngx_http_chat_bucket_wait(&rate, t, now) == 1000,
       "at its rate for ever");

    now += 100000000;

    for (n = 0; ngx_http_chat_bucket_wait(&rate, t, now) == 0; n++) {
        t = ngx_http_chat_bucket_take(&rate, t, now);
    }

    ok(n == 10, "idle time gives no more than the burst");

    t = ngx_http_chat_bucket_take(&slow, 0, now);
    ok(ngx_http_chat_bucket_wait(&slow, t, now) == 86400000, "one a day");

    t = ngx_http_chat_bucket_take(&fast, 0, now);
    ok(ngx_http_chat_bucket_wait(&fast, t, now) == 1, "a million a second");

    ok(ngx_http_chat_bucket_wait(&none, now + 1000000, now) == 0,
       "no limit");
    ok(ngx_http_chat_bucket_take(&none, 7, now) == 7, "takes nothing");
}


static void
taking(void)
{
    ngx_http_chat_rate_t      rate = { 1, 1000, 2 };
    ngx_http_chat_buckets_t  *t;

    t = table();

    ok(take(t, item(&rate, 1, 0), 1000000) == 0, "the first");
    ok(take(t, item(&rate, 1, 0), 1000000) == 0, "the second");
    ok(take(t, item(&rate, 1, 0), 1000000) == 1000, "the third waits");
    ok(take(t, item(&rate, 2, 0), 1000000) == 0, "another key does not");
    ok(take(t, item(&rate, 1, 1), 1000000) == 0, "nor another kind");
    ok(take(t, item(&rate, 1, 0), 2000000) == 0, "after that time");

    ngx_free(t);
}


static void
several(void)
{
    ngx_uint_t                   refused;
    ngx_http_chat_rate_t         wide = { 1, 1000, 100 };
    ngx_http_chat_rate_t         one = { 1, 3000, 1 }, none = { 0, 0, 0 };
    ngx_http_chat_buckets_t     *t;
    ngx_http_chat_bucket_item_t  items[3];

    t = table();

    items[0] = item(&wide, 1, 0);
    items[1] = item(&none, 1, 1);
    items[2] = item(&one, 1, 2);

    refused = 9;

    ok(ngx_http_chat_buckets_take(t, items, 3, 1000000, &refused) == 0,
       "all have one");
    ok(ngx_http_chat_buckets_take(t, items, 3, 1000000, &refused) == 3000,
       "one has none");
    ok(refused == 2, "which is named");

    items[0].rate = &one;

    ok(ngx_http_chat_buckets_take(t, items, 1, 2000000, &refused) == 0,
       "nothing was taken of the others");

    ngx_free(t);
}


static void
giving(void)
{
    ngx_http_chat_rate_t          rate = { 1, 1000, 1 };
    ngx_http_chat_buckets_t      *t;
    ngx_http_chat_bucket_item_t   i;

    t = table();
    i = item(&rate, 1, 0);

    ngx_http_chat_buckets_give(t, &i, 1000000);
    ok(take(t, i, 1000000) == 0, "what was never taken");
    ok(take(t, i, 1000000) == 1000, "gives nothing");

    ngx_http_chat_buckets_give(t, &i, 1000000);
    ok(take(t, i, 1000000) == 0, "what was taken is given back");
    ok(take(t, i, 1000000) == 1000, "once");

    ngx_free(t);
}


static void
full(void)
{
    ngx_uint_t                n, refused, kept;
    ngx_http_chat_rate_t      rate = { 1, 1000, 1 };
    ngx_http_chat_buckets_t  *t;

    t = table();
    refused = 0;

    for (n = 0; n < 10000; n++) {
        if (take(t, item(&rate, n, 0), 1000000 + (int64_t) n) != 0) {
            refused++;
        }
    }

    ok(refused == 0, "nobody is refused since the table is full");

    kept = 0;

    for (n = 10000; n > 9900; n--) {
        if (take(t, item(&rate, n - 1, 0), 1020000) != 0) {
            kept++;
        }
    }

    ok(kept > 0 && kept <= SETS * NGX_HTTP_CHAT_BUCKET_WAYS,
       "it remembers as many as it holds");

    ngx_free(t);
    t = table();

    for (n = 0; n < 8; n++) {
        (void) take(t, item(&rate, n, 0), 1000000 + (int64_t) n);
    }

    for (n = 100; n < 10000; n++) {
        (void) take(t, item(&rate, n, 0), 1000100 + (int64_t) n);
    }

    refused = 0;

    for (n = 0; n < 8; n++) {
        refused += take(t, item(&rate, n, 0), 1010000) != 0;
    }

    ok(refused == 0, "the oldest are forgotten first");

    ngx_free(t);
    t = table();

    for (n = 0; n < 1000; n++) {
        (void) take(t, item(&rate, n, 0), 1000000 + (int64_t) n * 2000000);
    }

    ok(take(t, item(&rate, 999, 0), 1000000 + 999 * 2000000LL) == 1000,
       "what is full again makes room");

    ngx_free(t);
}


static ngx_http_chat_buckets_t *
table(void)
{
    ngx_http_chat_buckets_t  *t;

    t = calloc(1, ngx_http_chat_buckets_size(SETS));

    ngx_http_chat_buckets_init(t, SETS, (u_char *) "0123456789abcdef");

    return t;
}


static ngx_http_chat_bucket_item_t
item(ngx_http_chat_rate_t *rate, ngx_uint_t n, uint32_t kind)
{
    ngx_http_chat_bucket_item_t  i;

    ngx_memzero(&i, sizeof(ngx_http_chat_bucket_item_t));

    i.rate = rate;
    i.kind = kind;
    ngx_memcpy(i.key, &n, sizeof(ngx_uint_t));

    return i;
}


static ngx_msec_t
take(ngx_http_chat_buckets_t *t, ngx_http_chat_bucket_item_t i, int64_t now)
{
    ngx_uint_t  refused;

    return ngx_http_chat_buckets_take(t, &i, 1, now, &refused);
}
