
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include <hiredis/hiredis.h>

#include "ngx_http_chat_redis_private.h"


/* reads of one event: the others of the worker have their turn too */

#define NGX_HTTP_CHAT_REDIS_READS  8
#define NGX_HTTP_CHAT_REDIS_CHUNK  16384

/* of a count or a length, with what is around it */
#define NGX_HTTP_CHAT_REDIS_NUMBER  (1 + NGX_SIZE_T_LEN + 2)


static ngx_int_t ngx_http_chat_redis_fail(ngx_http_chat_redis_t *redis,
    const char *reason);
static ngx_int_t ngx_http_chat_redis_read(ngx_http_chat_redis_t *redis);
static ngx_int_t ngx_http_chat_redis_replies(ngx_http_chat_redis_t *redis);
static ngx_int_t ngx_http_chat_redis_write(ngx_http_chat_redis_t *redis);
static u_char *ngx_http_chat_redis_number(u_char *p, u_char type,
    size_t value);
static ngx_uint_t ngx_http_chat_redis_closing(ngx_http_chat_redis_t *redis);


void
ngx_http_chat_redis_read_handler(ngx_event_t *rev)
{
    ngx_connection_t       *c;
    ngx_http_chat_redis_t  *redis;

    c = rev->data;
    redis = c->data;

    ngx_log_debug1(NGX_LOG_DEBUG_EVENT, &redis->log, 0,
                   "chat redis read state:%ui", (ngx_uint_t) redis->state);

    if (ngx_http_chat_redis_closing(redis)) {
        return;
    }

    if (redis->state < ngx_http_chat_redis_setup_state) {

        /* the server speaks first, or is gone; writing finds out */

        return;
    }

    if (ngx_http_chat_redis_read(redis) != NGX_OK) {
        ngx_http_chat_redis_close(redis, redis->reason);
    }
}


static ngx_int_t
ngx_http_chat_redis_fail(ngx_http_chat_redis_t *redis, const char *reason)
{
    ngx_cpystrn((u_char *) redis->reason, (u_char *) reason,
                sizeof(redis->reason));

    return NGX_ERROR;
}


/* worker_shutdown_timeout */

static ngx_uint_t
ngx_http_chat_redis_closing(ngx_http_chat_redis_t *redis)
{
    ngx_connection_t  *c;

    c = redis->connection;

    if (!c->close) {
        return 0;
    }

    c->close = 0;

    if (c->error) {
        redis->closed = 1;
        ngx_http_chat_redis_close(redis, "worker shuts down");
    }

    return 1;
}


static ngx_int_t
ngx_http_chat_redis_read(ngx_http_chat_redis_t *redis)
{
    u_char             buf[NGX_HTTP_CHAT_REDIS_CHUNK];
    ssize_t            n;
    ngx_uint_t         i;
    ngx_connection_t  *c;

    c = redis->connection;

    for (i = 0; i < NGX_HTTP_CHAT_REDIS_READS; i++) {

        n = c->recv(c, buf, sizeof(buf));

        if (n == NGX_AGAIN) {

            if (ngx_handle_read_event(c->read, 0) != NGX_OK) {
                return ngx_http_chat_redis_fail(redis,
                                               "socket could not be watched");
            }

            return NGX_OK;
        }

        if (n == 0 || n == NGX_ERROR) {
            return ngx_http_chat_redis_fail(redis,
                                          "the server closed the connection");
        }

        redis->heard = ngx_current_msec;

        if (ngx_http_chat_redis_reader_feed(&redis->reader, buf, n)
            != NGX_OK)
        {
            return ngx_http_chat_redis_fail(redis, "no memory");
        }

        if (ngx_http_chat_redis_replies(redis) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    if (!redis->more.posted) {
        ngx_post_event(&redis->more, &ngx_posted_next_events);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_chat_redis_replies(ngx_http_chat_redis_t *redis)
{
    ngx_int_t  rc;

    for ( ;; ) {

        rc = ngx_http_chat_redis_reader_next(&redis->reader);

        if (rc == NGX_AGAIN) {
            return NGX_OK;
        }

        if (rc == NGX_ERROR) {
            redis->stats.errors++;
            return ngx_http_chat_redis_fail(redis,
                          ngx_http_chat_redis_reader_error(&redis->reader));
        }

        if (ngx_http_chat_redis_reply(redis) != NGX_OK) {
            return NGX_ERROR;
        }
    }
}


void
ngx_http_chat_redis_more_handler(ngx_event_t *ev)
{
    ngx_http_chat_redis_t  *redis;

    redis = ngx_queue_data(ev, ngx_http_chat_redis_t, more);

    if (redis->connection != NULL) {
        ngx_http_chat_redis_read_handler(redis->connection->read);
    }
}


void
ngx_http_chat_redis_write_handler(ngx_event_t *wev)
{
    ngx_connection_t       *c;
    ngx_http_chat_redis_t  *redis;

    c = wev->data;
    redis = c->data;

    if (ngx_http_chat_redis_closing(redis)) {
        return;
    }

    if (ngx_http_chat_redis_write(redis) != NGX_OK) {
        ngx_http_chat_redis_close(redis, redis->reason);
    }
}


void
ngx_http_chat_redis_flush_handler(ngx_event_t *ev)
{
    ngx_http_chat_redis_t  *redis;

    redis = ngx_queue_data(ev, ngx_http_chat_redis_t, flush);

    if (redis->state < ngx_http_chat_redis_setup_state) {
        return;
    }

    if (ngx_http_chat_redis_write(redis) != NGX_OK) {
        ngx_http_chat_redis_close(redis, redis->reason);
    }
}


static ngx_int_t
ngx_http_chat_redis_write(ngx_http_chat_redis_t *redis)
{
    ssize_t            n;
    ngx_connection_t  *c;

    c = redis->connection;

    for ( ;; ) {

        if (redis->conf->subscriber
            && ngx_http_chat_redis_channel_pump(redis) != NGX_OK)
        {
            return ngx_http_chat_redis_fail(redis, "no memory");
        }

        if (redis->pos == redis->end) {
            redis->pos = redis->out;
            redis->end = redis->out;
            return NGX_OK;
        }

        n = c->send(c, redis->pos, redis->end - redis->pos);

        if (n == NGX_AGAIN) {
            break;
        }

        if (n <= 0) {
            return ngx_http_chat_redis_fail(redis,
                                            "the server does not take more");
        }

        redis->pos += n;
    }

    if (ngx_handle_write_event(c->write, 0) != NGX_OK) {
        return ngx_http_chat_redis_fail(redis, "socket could not be watched");
    }

    return NGX_OK;
}


size_t
ngx_http_chat_redis_room(ngx_http_chat_redis_t *redis)
{
    return NGX_HTTP_CHAT_REDIS_OUT - (redis->end - redis->pos);
}


ngx_int_t
ngx_http_chat_redis_command(ngx_http_chat_redis_t *redis, ngx_uint_t argc,
    const char **argv, const size_t *lens)
{
    u_char      *p;
    size_t       size;
    ngx_uint_t   i;

    /* "*<argc>" CRLF, and of each "$<length>" CRLF <bytes> CRLF */

    size = NGX_HTTP_CHAT_REDIS_NUMBER;

    for (i = 0; i < argc; i++) {
        size += NGX_HTTP_CHAT_REDIS_NUMBER + lens[i] + 2;
    }

    if (size > ngx_http_chat_redis_room(redis)) {
        return NGX_BUSY;
    }

    if (size > (size_t) (redis->out + NGX_HTTP_CHAT_REDIS_OUT - redis->end)) {
        ngx_memmove(redis->out, redis->pos, redis->end - redis->pos);
        redis->end = redis->out + (redis->end - redis->pos);
        redis->pos = redis->out;
    }

    p = ngx_http_chat_redis_number(redis->end, '*', argc);

    for (i = 0; i < argc; i++) {
        p = ngx_http_chat_redis_number(p, '$', lens[i]);
        p = ngx_cpymem(p, argv[i], lens[i]);
        *p++ = CR;
        *p++ = LF;
    }

    redis->end = p;

    ngx_http_chat_redis_post(&redis->flush);

    return NGX_OK;
}


static u_char *
ngx_http_chat_redis_number(u_char *p, u_char type, size_t value)
{
    u_char  digits[NGX_SIZE_T_LEN], *d;

    d = digits + NGX_SIZE_T_LEN;

    do {
        *--d = (u_char) ('0' + value % 10);
        value /= 10;
    } while (value != 0);

    *p++ = type;
    p = ngx_cpymem(p, d, digits + NGX_SIZE_T_LEN - d);
    *p++ = CR;
    *p++ = LF;

    return p;
}


void
ngx_http_chat_redis_post(ngx_event_t *ev)
{
    if (!ev->posted) {
        ngx_post_event(ev, &ngx_posted_events);
    }
}


/* a reply is expected from now on */

void
ngx_http_chat_redis_watch(ngx_http_chat_redis_t *redis)
{
    if (!redis->watchdog.timer_set) {
        ngx_add_timer(&redis->watchdog, NGX_HTTP_CHAT_REDIS_TIME / 4);
    }
}


void
ngx_http_chat_redis_watchdog_handler(ngx_event_t *ev)
{
    ngx_msec_t                       since;
    ngx_http_chat_redis_t           *redis;
    ngx_http_chat_redis_expected_t  *e;

    redis = ngx_queue_data(ev, ngx_http_chat_redis_t, watchdog);

    if (redis->first != redis->last) {
        e = &redis->expected[redis->first % NGX_HTTP_CHAT_REDIS_EXPECTED];
        since = e->sent;

    } else if (redis->fixed != 0 || !ngx_queue_empty(&redis->sent)) {
        since = redis->heard;

    } else {
        return;
    }

    if (ngx_current_msec - since < NGX_HTTP_CHAT_REDIS_TIME) {
        ngx_http_chat_redis_watch(redis);
        return;
    }

    ngx_http_chat_redis_close(redis, "the server does not answer");
}
