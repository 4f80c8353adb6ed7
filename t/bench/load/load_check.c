/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#define _GNU_SOURCE
#include <string.h>

#include "load.h"


/*
 * What was delivered: a payload has, for each message, the time it was due
 * after one marker and its number in the channel after another.  A subscriber
 * must see each number of its channel once, and in order.
 */


static void load_check_cursor(load_conn_t *c, const char *data,
    const char *end);
static uint64_t load_check_number(const char *data, const char *end);
static void load_check_shift(load_track_t *t, uint64_t shift);


void
load_check_payload(load_conn_t *c, const char *data, size_t len)
{
    uint64_t     now;
    const char  *end, *ts, *n;

    end = data + len;
    now = load_now();

    if (load_options.count != NULL) {
        if (load_check_find(data, end, load_options.count) != NULL) {
            load_stats->counted++;

            if (now >= load_shared->begin && now < load_shared->end) {
                load_stats->win_counted++;
            }
        }

        return;
    }

    if (load_options.storm || c->mode == LOAD_POLL) {
        load_check_cursor(c, data, end);
    }

    n = data;
    ts = load_check_find(data, end, load_options.ts);

    while (ts != NULL) {
        n = load_check_find(n, end, load_options.n);

        if (n == NULL) {
            return;
        }

        load_check_message(c, load_check_number(ts, end),
                           load_check_number(n, end), now);

        ts = load_check_find(ts, end, load_options.ts);
    }
}


/* the place after the marker */

const char *
load_check_find(const char *data, const char *end, const char *marker)
{
    char    *p;
    size_t   len;

    len = strlen(marker);

    if (len == 1) {
        p = memchr(data, marker[0], (size_t) (end - data));

    } else {
        p = memmem(data, (size_t) (end - data), marker, len);
    }

    return p == NULL ? NULL : p + len;
}


static uint64_t
load_check_number(const char *data, const char *end)
{
    uint64_t  n;

    n = 0;

    while (data < end && *data >= '0' && *data <= '9') {
        n = n * 10 + (uint64_t) (*data++ - '0');
    }

    return n;
}


/* "next" is the cursor of an answer, "seq" that of a single event */

static void
load_check_cursor(load_conn_t *c, const char *data, const char *end)
{
    size_t       len;
    uint64_t     seq;
    const char  *p, *dot;

    p = load_check_find(data, end, "\"next\":\"");

    if (p != NULL) {
        dot = memchr(p, '.', (size_t) (end - p));
        len = dot ? (size_t) (dot - p) : sizeof(c->epoch);

        if (len < sizeof(c->epoch)) {
            memcpy(c->epoch, p, len);
            c->epoch[len] = '\0';
            c->seq = load_check_number(dot + 1, end);
        }

        return;
    }

    p = load_check_find(data, end, "\"seq\":");

    if (p != NULL) {
        seq = load_check_number(p, end);

        if (seq > c->seq) {
            c->seq = seq;
        }
    }
}


void
load_check_message(load_conn_t *c, uint64_t ts, uint64_t n, uint64_t now)
{
    uint64_t       back, bit, begin, end;
    load_track_t  *t;

    if (ts < load_shared->start) {
        load_stats->stale++;
        return;
    }

    if (n == 0) {
        load_stats->foreign++;
        return;
    }

    t = &c->track;
    begin = load_shared->begin;
    end = load_shared->end;

    load_stats->seen++;

    if (begin && now >= begin && now < end && !c->group->aside) {
        load_stats->win_seen++;
    }

    if (n > t->max) {
        load_check_shift(t, n - t->max);
        t->seen[0] |= 1;
        t->max = (uint32_t) n;

    } else {
        back = t->max - n;

        if (back >= 64 * LOAD_WINDOW) {
            load_stats->dup++;
            return;
        }

        bit = (uint64_t) 1 << (back % 64);

        if (t->seen[back / 64] & bit) {
            load_stats->dup++;
            return;
        }

        t->seen[back / 64] |= bit;
        load_stats->disorder++;
    }

    load_stats->unique++;

    if (begin && ts >= begin && ts < end && !c->group->aside) {
        load_hist_add(&load_stats->latency, now > ts ? now - ts : 0);
    }
}


static void
load_check_shift(load_track_t *t, uint64_t shift)
{
    int  i;

    if (shift >= 64 * LOAD_WINDOW) {
        memset(t->seen, 0, sizeof(t->seen));
        return;
    }

    while (shift >= 64) {
        memmove(t->seen + 1, t->seen, sizeof(t->seen) - sizeof(t->seen[0]));
        t->seen[0] = 0;
        shift -= 64;
    }

    if (shift == 0) {
        return;
    }

    for (i = LOAD_WINDOW - 1; i > 0; i--) {
        t->seen[i] = t->seen[i] << shift | t->seen[i - 1] >> (64 - shift);
    }

    t->seen[0] <<= shift;
}
