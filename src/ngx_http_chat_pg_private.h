
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#ifndef _NGX_HTTP_CHAT_PG_PRIVATE_H_INCLUDED_
#define _NGX_HTTP_CHAT_PG_PRIVATE_H_INCLUDED_


/* shared by the parts of the engine: pipeline, queue, connection */


#include "ngx_http_chat_peer.h"
#include "ngx_http_chat_pg.h"


typedef enum {
    ngx_http_chat_pg_idle_state = 0,         /* nothing to connect for */
    ngx_http_chat_pg_wait_state,             /* for the next attempt */
    ngx_http_chat_pg_connect_state,
    ngx_http_chat_pg_setup_state,
    ngx_http_chat_pg_prepare_state,
    ngx_http_chat_pg_ready_state
} ngx_http_chat_pg_state_e;


/* one message of a kind per interval, the others are counted */

typedef struct {
    ngx_msec_t                     last;
    ngx_uint_t                     skipped;
    unsigned                       used:1;
} ngx_http_chat_pg_limit_t;


/* parameters of a waiting operation, in one block with their bytes */

typedef struct {
    size_t                      size;
    ngx_uint_t                  n;
    const char                 *values[NGX_HTTP_CHAT_PG_MAX_PARAMS];
    int                         lengths[NGX_HTTP_CHAT_PG_MAX_PARAMS];
} ngx_http_chat_pg_copy_t;


struct ngx_http_chat_pg_s {
    ngx_http_chat_pg_conf_t       *conf;

    PGconn                        *conn;
    ngx_http_chat_peer_t           peer;
    ngx_http_chat_peer_backoff_t   backoff;
    ngx_http_chat_pg_state_e       state;

    ngx_queue_t                    waiting;  /* not sent, parameters copied */
    ngx_queue_t                    inflight; /* sent, in the order of Syncs */
    ngx_queue_t                    finished; /* done() is to be called */
    ngx_uint_t                     nops;     /* waiting and in flight */
    ngx_uint_t                     ninflight;
    size_t                         bytes;    /* of copies */

    ngx_event_t                    timer;    /* connection and setup limits,
                                              * next attempt */
    ngx_event_t                    watchdog; /* deadlines of operations */
    ngx_event_t                    work;     /* posted: flush, connect, close */
    ngx_event_t                    finish;   /* posted: done() */

    ngx_msec_t                     next;     /* no attempt earlier */
    ngx_msec_t                     lost;     /* when the connection went */
    ngx_msec_t                     synced;   /* when the last Sync came */
    ngx_uint_t                     nulls;    /* in a row: guards the loop */

    ngx_http_chat_pg_query_pt      query;    /* of setup, in progress */
    PGresult                      *result;   /* of setup or prepare */
    ngx_uint_t                     prepared;

    ngx_http_chat_pg_stats_t       stats;
    ngx_http_chat_pg_limit_t       log_op;
    ngx_http_chat_pg_limit_t       log_connect;
    ngx_log_t                      log;
    char                           address[128];

    unsigned                       broken:1; /* to be closed by work */
    unsigned                       closed:1; /* for ever */
};


/* ngx_http_chat_pg_connect.c */

/* only from the event loop's handlers, never from send() */
void ngx_http_chat_pg_connect(ngx_http_chat_pg_t *pg);

/* in the idle state: connects, now or when it may, if there is a reason to */
void ngx_http_chat_pg_wake(ngx_http_chat_pg_t *pg);

/*
 * Closes the connection, gives operations in flight back as NGX_ABORT and
 * plans the next attempt.  reason NULL means libpq's message.  Calls
 * on_state(), so it has to be the last action of a handler.
 */
void ngx_http_chat_pg_close(ngx_http_chat_pg_t *pg, const char *reason);

/* NGX_ERROR: the connection is lost, the caller has to close */
ngx_int_t ngx_http_chat_pg_flush(ngx_http_chat_pg_t *pg);

void ngx_http_chat_pg_timeout(ngx_event_t *ev);
u_char *ngx_http_chat_pg_log_handler(ngx_log_t *log, u_char *buf, size_t len);

/* copies a message of the server as one line, cut at size, and returns buf */
char *ngx_http_chat_pg_line(char *buf, size_t size, const char *message);

ngx_uint_t ngx_http_chat_pg_may_log(ngx_http_chat_pg_limit_t *limit,
    ngx_msec_t interval);


/* ngx_http_chat_pg.c */

/* NGX_ERROR: the connection is lost, the caller has to close */
ngx_int_t ngx_http_chat_pg_results(ngx_http_chat_pg_t *pg);

/* sends what waits, as far as max_inflight allows; result as above */
ngx_int_t ngx_http_chat_pg_drain(ngx_http_chat_pg_t *pg);


/* ngx_http_chat_pg_queue.c */

/* NGX_DECLINED: over max_bytes */
ngx_int_t ngx_http_chat_pg_copy(ngx_http_chat_pg_t *pg,
    ngx_http_chat_pg_op_t *op, ngx_http_chat_pg_params_t *params);
void ngx_http_chat_pg_copy_free(ngx_http_chat_pg_t *pg,
    ngx_http_chat_pg_op_t *op);

/* sets the outcome of an operation that is in no queue and posts its done() */
void ngx_http_chat_pg_finish(ngx_http_chat_pg_t *pg,
    ngx_http_chat_pg_op_t *op, ngx_int_t rc);
void ngx_http_chat_pg_finish_handler(ngx_event_t *ev);
void ngx_http_chat_pg_finish_all(ngx_http_chat_pg_t *pg);
void ngx_http_chat_pg_post(ngx_event_t *ev);

/* all operations in flight, and those waiting too if all is set */
void ngx_http_chat_pg_give_up(ngx_http_chat_pg_t *pg, ngx_uint_t all);

/* sets the timer of deadlines anew */
void ngx_http_chat_pg_watch(ngx_http_chat_pg_t *pg);
void ngx_http_chat_pg_watchdog_handler(ngx_event_t *ev);


#endif /* _NGX_HTTP_CHAT_PG_PRIVATE_H_INCLUDED_ */
