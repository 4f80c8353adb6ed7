/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "load.h"


/*
 * Buffers that grow, and give their memory back when they are empty, so that
 * ten thousands of idle connections stay cheap; histograms; time.
 */


void
load_die(const char *fmt, ...)
{
    va_list  args;

    va_start(args, fmt);

    fputs("load: ", stderr);
    vfprintf(stderr, fmt, args);
    fputc('\n', stderr);

    va_end(args);

    exit(2);
}


uint64_t
load_now(void)
{
    struct timespec  ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);

    return (uint64_t) ts.tv_sec * 1000000000 + (uint64_t) ts.tv_nsec;
}


void *
load_alloc(size_t size)
{
    void  *p;

    p = calloc(1, size ? size : 1);

    if (p == NULL) {
        load_die("out of memory (%zu bytes)", size);
    }

    return p;
}


void
load_buf_free(load_buf_t *b)
{
    free(b->data);
    memset(b, 0, sizeof(load_buf_t));
}


void
load_buf_room(load_buf_t *b, size_t size)
{
    size_t  cap;

    if (b->off && b->off + b->len + size > b->cap) {
        memmove(b->data, b->data + b->off, b->len);
        b->off = 0;
    }

    if (b->len + size <= b->cap) {
        return;
    }

    cap = b->cap ? b->cap : 256;

    while (cap < b->len + size) {
        cap *= 2;
    }

    b->data = realloc(b->data, cap);

    if (b->data == NULL) {
        load_die("out of memory (%zu bytes)", cap);
    }

    b->cap = cap;
}


void
load_buf_add(load_buf_t *b, const void *data, size_t len)
{
    if (len == 0) {
        return;
    }

    load_buf_room(b, len);
    memcpy(b->data + b->off + b->len, data, len);
    b->len += len;
}


void
load_buf_str(load_buf_t *b, const char *s)
{
    load_buf_add(b, s, strlen(s));
}


void
load_buf_num(load_buf_t *b, uint64_t n)
{
    char   text[24];
    char  *p;

    p = text + sizeof(text);

    do {
        *--p = (char) ('0' + n % 10);
        n /= 10;
    } while (n);

    load_buf_add(b, p, (size_t) (text + sizeof(text) - p));
}


void
load_buf_eat(load_buf_t *b, size_t len)
{
    b->off += len;
    b->len -= len;

    if (b->len == 0) {
        b->off = 0;
    }
}


void
load_buf_trim(load_buf_t *b)
{
    if (b->len == 0 && b->cap) {
        load_buf_free(b);
    }
}


/*
 * Buckets as in HdrHistogram: exact below 2^7, then 2^7 equal steps between
 * one power of two and the next.
 */

void
load_hist_add(load_hist_t *h, uint64_t ns)
{
    unsigned  i, shift;

    i = (unsigned) ns;

    if (ns >> LOAD_HIST_BITS) {
        shift = 63 - (unsigned) __builtin_clzll(ns) - LOAD_HIST_BITS;
        i = ((shift + 1) << LOAD_HIST_BITS)
            + (unsigned) ((ns >> shift) & ((1 << LOAD_HIST_BITS) - 1));
    }

    h->buckets[i]++;
    h->n++;
    h->sum += ns;

    if (ns > h->max) {
        h->max = ns;
    }
}


void
load_hist_merge(load_hist_t *to, const load_hist_t *from)
{
    unsigned  i;

    to->n += from->n;
    to->sum += from->sum;

    if (from->max > to->max) {
        to->max = from->max;
    }

    for (i = 0; i < LOAD_HIST_SIZE; i++) {
        to->buckets[i] += from->buckets[i];
    }
}


double
load_hist_us(const load_hist_t *h, double q)
{
    unsigned  i, shift;
    uint64_t  want, seen, value;

    want = (uint64_t) (q * (double) h->n + 0.5);

    if (want == 0) {
        want = 1;
    }

    seen = 0;

    for (i = 0; i < LOAD_HIST_SIZE; i++) {
        seen += h->buckets[i];

        if (seen >= want) {
            break;
        }
    }

    value = i;

    /* the middle of the bucket */

    if (i >> LOAD_HIST_BITS) {
        shift = (i >> LOAD_HIST_BITS) - 1;
        value = (1 << LOAD_HIST_BITS) + (i & ((1 << LOAD_HIST_BITS) - 1));
        value = (value << shift) + (((uint64_t) 1 << shift) >> 1);
    }

    return (double) (value > h->max ? h->max : value) / 1e3;
}
