
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>
#include "ngx_http_chat_peer.h"


#define NGX_HTTP_CHAT_PEER_BASE    100
#define NGX_HTTP_CHAT_PEER_CAP     10000
#define NGX_HTTP_CHAT_PEER_HEALTH  10000


static ngx_int_t ngx_http_chat_peer_watch(ngx_event_t *ev, ngx_int_t event,
    ngx_uint_t on);


/* ngx_event_timer.h prints the descriptor of ev->data in debug messages */

static ngx_connection_t  ngx_http_chat_peer_none;


ngx_int_t
ngx_http_chat_peer_attach(ngx_http_chat_peer_t *peer, ngx_socket_t fd)
{
    ngx_connection_t  *c;

    c = ngx_get_connection(fd, peer->log);
    if (c == NULL) {
        return NGX_ERROR;
    }

    c->number = ngx_atomic_fetch_add(ngx_connection_counter, 1);
    c->data = peer->data;

    c->log = peer->log;
    c->read->log = peer->log;
    c->write->log = peer->log;

    c->read->handler = peer->handler;
    c->write->handler = peer->handler;

    peer->log->connection = c->number;
    peer->connection = c;

    return NGX_OK;
}


ngx_int_t
ngx_http_chat_peer_want(ngx_http_chat_peer_t *peer, ngx_uint_t rd,
    ngx_uint_t wr)
{
    ngx_connection_t  *c;

    c = peer->connection;

    if (ngx_http_chat_peer_watch(c->read, NGX_READ_EVENT, rd) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_http_chat_peer_watch(c->write, NGX_WRITE_EVENT, wr);
}


static ngx_int_t
ngx_http_chat_peer_watch(ngx_event_t *ev, ngx_int_t event, ngx_uint_t on)
{
    if (on && !ev->active) {
        return ngx_add_event(ev, event, NGX_LEVEL_EVENT);
    }

    if (!on && ev->active) {
        return ngx_del_event(ev, event, 0);
    }

    return NGX_OK;
}


void
ngx_http_chat_peer_detach(ngx_http_chat_peer_t *peer, ngx_socket_t fd)
{
    ngx_connection_t  *c;

    c = peer->connection;

    if (c == NULL) {
        return;
    }

    if (fd == c->fd) {
        (void) ngx_http_chat_peer_want(peer, 0, 0);

    } else {

        /* the kernel has forgotten a closed descriptor by itself */

        if (c->read->active) {
            ngx_del_event(c->read, NGX_READ_EVENT, NGX_CLOSE_EVENT);
        }

        if (c->write->active) {
            ngx_del_event(c->write, NGX_WRITE_EVENT, NGX_CLOSE_EVENT);
        }
    }

    /* keeps ngx_close_connection() from closing a descriptor not ours */

    c->shared = 1;

    ngx_close_connection(c);

    peer->connection = NULL;
    peer->log->connection = 0;
}


void
ngx_http_chat_peer_healthy(ngx_http_chat_peer_backoff_t *b)
{
    b->since = ngx_current_msec;
    b->healthy = 1;
}


ngx_msec_t
ngx_http_chat_peer_delay(ngx_http_chat_peer_backoff_t *b)
{
    ngx_msec_t  cap, limit;

    if (b->healthy && ngx_current_msec - b->since >= NGX_HTTP_CHAT_PEER_HEALTH)
    {
        b->failures = 0;
    }

    b->healthy = 0;

    cap = b->cap != 0 ? b->cap : NGX_HTTP_CHAT_PEER_CAP;

    limit = NGX_HTTP_CHAT_PEER_BASE << ngx_min(b->failures, 7);
    limit = ngx_min(limit, cap);

    b->failures++;

    return 1 + (ngx_msec_t) ngx_random() % limit;
}


void
ngx_http_chat_peer_event(ngx_event_t *ev, ngx_event_handler_pt handler,
    ngx_log_t *log)
{
    ngx_http_chat_peer_none.fd = (ngx_socket_t) -1;

    ngx_memzero(ev, sizeof(ngx_event_t));

    ev->data = &ngx_http_chat_peer_none;
    ev->handler = handler;
    ev->log = log;
}
