
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#ifndef _NGX_HTTP_CHAT_PEER_H_INCLUDED_
#define _NGX_HTTP_CHAT_PEER_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>


/*
 * A descriptor that belongs to a client library (libpq, hiredis), watched by
 * the event loop.  The library opens and closes it; the loop only reports
 * readiness, level-triggered, since libraries do not read until EAGAIN.
 */

typedef struct {
    ngx_connection_t         *connection;    /* NULL while detached */
    ngx_event_handler_pt      handler;       /* both directions */
    void                     *data;          /* becomes c->data */
    ngx_log_t                *log;           /* lives as long as the peer */
} ngx_http_chat_peer_t;


/* delays between connection attempts; zeroed is the initial state */

typedef struct {
    ngx_uint_t                failures;
    ngx_msec_t                since;
    ngx_msec_t                cap;           /* 0: 10 s */
    unsigned                  healthy:1;
} ngx_http_chat_peer_backoff_t;


/*
 * Starts to watch fd, with no interest yet.  NGX_ERROR if there is no free
 * connection slot.  May run handlers of other connections (nginx closes idle
 * ones when slots are short): not to be called while walking their lists.
 */
ngx_int_t ngx_http_chat_peer_attach(ngx_http_chat_peer_t *peer,
    ngx_socket_t fd);

/* sets the wanted directions; nothing is done for those already set */
ngx_int_t ngx_http_chat_peer_want(ngx_http_chat_peer_t *peer, ngx_uint_t rd,
    ngx_uint_t wr);

/*
 * Stops watching and gives the slot back, never closing the descriptor.  fd
 * is what the library has now; if it is not the one attached, the library has
 * closed that.  To be called before the library may close or replace its
 * descriptor on purpose.  Does nothing if detached.
 */
void ngx_http_chat_peer_detach(ngx_http_chat_peer_t *peer, ngx_socket_t fd);

/* the connection works from now on */
void ngx_http_chat_peer_healthy(ngx_http_chat_peer_backoff_t *b);

/*
 * The connection has failed: returns milliseconds to wait before the next
 * attempt, 1 .. min(cap, 100 ms * 2^failures) at random.  Ten seconds of
 * health forget the failures before.
 */
ngx_msec_t ngx_http_chat_peer_delay(ngx_http_chat_peer_backoff_t *b);

/*
 * Prepares an event that has no connection, for timers and posted events.
 * The handler finds its object with ngx_queue_data(ev, type, field).
 */
void ngx_http_chat_peer_event(ngx_event_t *ev, ngx_event_handler_pt handler,
    ngx_log_t *log);


#endif /* _NGX_HTTP_CHAT_PEER_H_INCLUDED_ */
