/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#include <string.h>

#include "load.h"


/*
 * A publisher has one message in flight.  Channel c belongs to publisher c
 * modulo their number, so that the order in a channel is defined.
 *
 * With a rate the time in a message is when it was due, not when it went
 * out: a slow server cannot hide its latency by slowing this client down.
 */


static int load_pub_running(load_conn_t *c, uint64_t now);
static unsigned load_pub_channel(load_conn_t *c);
static void load_pub_write(load_conn_t *c, uint32_t n);


/* what is counted comes in pairs, so that nothing stays on for the next run */

static int
load_pub_running(load_conn_t *c, uint64_t now)
{
    if (load_shared->phase == LOAD_PHASE_RUN && now >= load_shared->run
        && now < load_shared->end)
    {
        return 1;
    }

    return load_options.count && load_shared->phase == LOAD_PHASE_DRAIN
           && load_channels[c->index % load_options.channels].next & 1;
}


void
load_pub_next(load_conn_t *c)
{
    double    gap;
    uint64_t  now;

    now = load_now();

    if (c->busy || c->state != LOAD_OPEN || !load_pub_running(c, now)) {
        return;
    }

    if (load_options.rate > 0) {
        gap = 1e9 * load_options.npubs / load_options.rate;

        if (c->due == 0) {
            c->due = load_shared->run
                     + (uint64_t) (gap * c->index / load_options.npubs);
        }

        if (now < c->due) {
            return;
        }

        c->sent = c->due;
        c->due += (uint64_t) gap;

    } else {
        c->sent = now;
    }

    if (load_options.messages
        && atomic_fetch_sub(&load_shared->budget, 1) <= 0)
    {
        return;
    }

    c->channel = load_pub_channel(c);
    c->busy = 1;

    load_stats->sent++;
    atomic_fetch_add(&load_stats->inflight, 1);

    load_pub_write(c, atomic_fetch_add(&load_channels[c->channel].next, 1)
                      + 1);

    if (load_conn_flush(c) && c->mode == LOAD_WS && !load_options.pub_ack) {
        load_pub_done(c, 1);
    }
}


static unsigned
load_pub_channel(load_conn_t *c)
{
    unsigned  mine;

    if (load_options.npubs >= load_options.channels) {
        return c->index % load_options.channels;
    }

    mine = (load_options.channels - c->index + load_options.npubs - 1)
           / load_options.npubs;

    return c->index + (unsigned) (c->pick++ % mine) * load_options.npubs;
}


static void
load_pub_write(load_conn_t *c, uint32_t n)
{
    unsigned           i;
    load_buf_t        *b;
    static load_buf_t  body;

    b = &c->out;

    body.off = 0;
    body.len = 0;

    if (c->mode == LOAD_WS || strcmp(load_options.pub_method, "GET") != 0) {
        load_template(&body, load_options.body, c, c->channel, c->sent, n);
    }

    if (c->mode == LOAD_WS) {
        load_ws_send(c, 1, body.data, body.len);
        return;
    }

    load_buf_str(b, load_options.pub_method);
    load_buf_str(b, " ");
    load_template(b, load_options.pub_url.path, c, c->channel, c->sent, n);
    load_buf_str(b, " HTTP/1.1\r\nHost: ");
    load_buf_str(b, load_options.pub_url.host);
    load_buf_str(b, "\r\n");

    for (i = 0; i < load_options.npub_headers; i++) {
        load_template(b, load_options.pub_headers[i], c, c->channel, c->sent,
                      n);
        load_buf_str(b, "\r\n");
    }

    if (strcmp(load_options.pub_method, "GET") != 0) {
        load_buf_str(b, "Content-Length: ");
        load_buf_num(b, body.len);
        load_buf_str(b, "\r\n");
    }

    load_buf_str(b, "\r\n");

    if (body.len) {
        load_buf_add(b, body.data + body.off, body.len);
    }
}


void
load_pub_done(load_conn_t *c, int ok)
{
    uint64_t  now, begin, end;

    if (!c->busy) {
        return;
    }

    c->busy = 0;
    atomic_fetch_sub(&load_stats->inflight, 1);

    if (!ok) {
        load_stats->failed++;
        return;
    }

    now = load_now();
    begin = load_shared->begin;
    end = load_shared->end;

    load_stats->acked++;
    atomic_fetch_add(&load_channels[c->channel].acked, 1);

    if (now >= begin && now < end) {
        load_stats->win_acked++;
    }

    if (c->sent >= begin && c->sent < end) {
        load_hist_add(&load_stats->ack, now - c->sent);
    }
}
