
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#ifndef _NGX_HTTP_CHAT_PG_H_INCLUDED_
#define _NGX_HTTP_CHAT_PG_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <libpq-fe.h>


/*
 * One asynchronous PostgreSQL connection in pipeline mode, with a bounded
 * queue of operations.  Knows nothing of chat or HTTP.
 *
 * An operation is one execution of one prepared statement followed by a Sync,
 * so it is one transaction; done() is called when its Sync result has arrived,
 * that is, after the commit.
 */

typedef struct ngx_http_chat_pg_s     ngx_http_chat_pg_t;
typedef struct ngx_http_chat_pg_op_s  ngx_http_chat_pg_op_t;


typedef void (*ngx_http_chat_pg_done_pt)(ngx_http_chat_pg_op_t *op);


/* a statement to prepare on each connect; types may be NULL */

typedef struct {
    const char               *name;
    const char               *sql;
    ngx_uint_t                nparams;
    const Oid                *types;
} ngx_http_chat_pg_stmt_t;


#define NGX_HTTP_CHAT_PG_MAX_PARAMS  16


/*
 * Allocated by the caller (malloc or inside a larger malloc'ed object: never
 * in a request pool), owned by the engine from a successful send until
 * done(), which is called exactly once, from the event loop, never from
 * inside send().  Parameters are borrowed until send() returns: the engine
 * copies them (libpq does when the operation goes out at once, the engine
 * itself when it has to wait).
 */

struct ngx_http_chat_pg_op_s {
    ngx_queue_t               queue;
    ngx_http_chat_pg_done_pt  done;
    void                     *data;

    /* result, valid only inside done(); freed by the engine afterwards */
    PGresult                 *result;        /* NULL unless rc == NGX_OK */

    /*
     * NGX_OK       committed
     * NGX_ERROR    the server refused it: sqlstate is set, nothing is stored
     * NGX_BUSY     not sent: queue is full, or no connection in time
     * NGX_ABORT    outcome unknown: connection was lost or timed out
     *              after the operation had been sent
     */
    ngx_int_t                 rc;
    char                      sqlstate[6];

    ngx_uint_t                stmt;          /* index in conf->stmts */
    ngx_msec_t                sent;          /* ngx_current_msec when queued */

    /* engine's own */
    u_char                   *copy;
};


typedef struct {
    const char              **values;        /* binary; NULL is SQL NULL */
    int                      *lengths;
    ngx_uint_t                n;
} ngx_http_chat_pg_params_t;


typedef struct {
    ngx_str_t                 name;          /* for logs: "fast", "slow" */
    ngx_str_t                 conninfo;      /* NUL-terminated, validated */
    ngx_http_chat_pg_stmt_t  *stmts;
    ngx_uint_t                nstmts;

    ngx_uint_t                max_ops;       /* queued and in flight */
    size_t                    max_bytes;     /* of copied parameters waiting */
    ngx_uint_t                max_inflight;  /* sent, not yet synced */
    ngx_msec_t                connect_timeout;
    ngx_msec_t                connect_wait;  /* an op waits for a connection */
    ngx_msec_t                op_timeout;    /* age of an op, whole life;
                                              * head of line watchdog */
    unsigned                  lazy:1;        /* connect at the first op */

    /*
     * Called after each connect, before pipeline mode: runs set-up through
     * ngx_http_chat_pg_query() and ends with ngx_http_chat_pg_ready() or
     * ngx_http_chat_pg_fail().  May be NULL.
     */
    void                    (*setup)(ngx_http_chat_pg_t *pg, void *data);

    /* state changed: ready or lost; may be NULL */
    void                    (*on_state)(ngx_http_chat_pg_t *pg,
                                ngx_uint_t ready, void *data);

    /* a NOTIFY arrived; may be NULL; strings are valid during the call */
    void                    (*on_notify)(ngx_http_chat_pg_t *pg,
                                const char *channel, const char *payload,
                                void *data);
    void                     *data;
} ngx_http_chat_pg_conf_t;


typedef struct {
    ngx_uint_t                connects;      /* times it became ready */
    ngx_uint_t                failures;      /* lost or not made */
    ngx_uint_t                ops;           /* taken by send() */
    ngx_uint_t                errors;        /* ended as NGX_ERROR */
    ngx_uint_t                busy;          /* refused or NGX_BUSY */
    ngx_uint_t                aborts;        /* ended as NGX_ABORT */
    ngx_uint_t                timeouts;      /* connections closed by the
                                              * watchdog */
} ngx_http_chat_pg_stats_t;


/*
 * For configuration time: validates a libpq connection string or, as
 * file:<path>, the one in that file, and writes the NUL-terminated string for
 * conf->conninfo to out: host names are resolved into numeric addresses and
 * our settings are added (UTF8, no GSSAPI, keepalives, application_name).
 * Returns NGX_CONF_OK or NGX_CONF_ERROR, the reason then being in the log,
 * never with a part of the value.  Does not connect.
 */
char *ngx_http_chat_pg_conninfo(ngx_conf_t *cf, ngx_str_t *value,
    ngx_str_t *out);

/*
 * Makes an engine in the worker's memory and starts connecting unless lazy.
 * conf is borrowed for the life of the engine.  NULL on no memory.
 */
ngx_http_chat_pg_t *ngx_http_chat_pg_create(ngx_http_chat_pg_conf_t *conf,
    ngx_log_t *log);

/*
 * Queues an operation.  NGX_OK: done() will follow.  NGX_BUSY: refused,
 * done() will not be called, nothing was taken over.
 */
ngx_int_t ngx_http_chat_pg_send(ngx_http_chat_pg_t *pg,
    ngx_http_chat_pg_op_t *op, ngx_http_chat_pg_params_t *params);

/*
 * For setup() only: sends one simple query (may hold several statements) and
 * calls cb with its last result (or the first failed one); cb must not free
 * it.  A lost connection during setup calls nothing: setup is run anew after
 * the next connect.  Time limit in milliseconds.
 */
typedef void (*ngx_http_chat_pg_query_pt)(ngx_http_chat_pg_t *pg,
    PGresult *res, void *data);

void ngx_http_chat_pg_query(ngx_http_chat_pg_t *pg, const char *sql,
    ngx_msec_t timeout, ngx_http_chat_pg_query_pt cb);

void ngx_http_chat_pg_ready(ngx_http_chat_pg_t *pg);

/* closes and tries again later, with backoff; reason is logged at err */
void ngx_http_chat_pg_fail(ngx_http_chat_pg_t *pg, const char *reason);

/*
 * The server is known to be there, another connection was just made: waits no
 * longer for the next attempt, and forgets the failures before.
 */
void ngx_http_chat_pg_retry(ngx_http_chat_pg_t *pg);

ngx_uint_t ngx_http_chat_pg_is_ready(ngx_http_chat_pg_t *pg);
ngx_uint_t ngx_http_chat_pg_pending(ngx_http_chat_pg_t *pg);
ngx_http_chat_pg_stats_t *ngx_http_chat_pg_stats(ngx_http_chat_pg_t *pg);

/* fails everything still queued and closes; the last call (exit_process) */
void ngx_http_chat_pg_destroy(ngx_http_chat_pg_t *pg);


#endif /* _NGX_HTTP_CHAT_PG_H_INCLUDED_ */
