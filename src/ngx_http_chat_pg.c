
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>
#include "ngx_http_chat_pg_private.h"


/* an outage is to be over 3 s after its end, also for who waits longest */

#define NGX_HTTP_CHAT_PG_BACKOFF  2000


static ngx_int_t ngx_http_chat_pg_check(ngx_http_chat_pg_t *pg,
    ngx_http_chat_pg_op_t *op, ngx_http_chat_pg_params_t *params);
static ngx_int_t ngx_http_chat_pg_dispatch(ngx_http_chat_pg_t *pg,
    ngx_http_chat_pg_op_t *op, ngx_uint_t n, const char **values,
    int *lengths);
static ngx_int_t ngx_http_chat_pg_result(ngx_http_chat_pg_t *pg,
    ngx_http_chat_pg_op_t *op, PGresult *res);
static void ngx_http_chat_pg_refused(ngx_http_chat_pg_t *pg,
    ngx_http_chat_pg_op_t *op, PGresult *res);
static void ngx_http_chat_pg_work_handler(ngx_event_t *ev);


/* binary, every one of them */

static const int  ngx_http_chat_pg_formats[NGX_HTTP_CHAT_PG_MAX_PARAMS] = {
    1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1
};


ngx_http_chat_pg_t *
ngx_http_chat_pg_create(ngx_http_chat_pg_conf_t *conf, ngx_log_t *log)
{
    ngx_http_chat_pg_t  *pg;

    pg = ngx_calloc(sizeof(ngx_http_chat_pg_t), log);
    if (pg == NULL) {
        return NULL;
    }

    pg->conf = conf;
    pg->next = ngx_current_msec;
    pg->lost = ngx_current_msec;
    pg->backoff.cap = NGX_HTTP_CHAT_PG_BACKOFF;

    pg->log = *log;
    pg->log.connection = 0;
    pg->log.handler = ngx_http_chat_pg_log_handler;
    pg->log.data = pg;
    pg->log.action = NULL;

    pg->peer.data = pg;
    pg->peer.log = &pg->log;

    ngx_queue_init(&pg->waiting);
    ngx_queue_init(&pg->inflight);
    ngx_queue_init(&pg->finished);

    ngx_http_chat_peer_event(&pg->timer, ngx_http_chat_pg_timeout, &pg->log);
    ngx_http_chat_peer_event(&pg->watchdog, ngx_http_chat_pg_watchdog_handler,
                             &pg->log);
    ngx_http_chat_peer_event(&pg->work, ngx_http_chat_pg_work_handler,
                             &pg->log);
    ngx_http_chat_peer_event(&pg->finish, ngx_http_chat_pg_finish_handler,
                             &pg->log);

    /*
     * Nobody waits for a connection as such; the watchdog is what holds an
     * exiting worker, and only while there are operations.
     */

    pg->timer.cancelable = 1;
    pg->watchdog.cancelable = 1;

    if (!conf->lazy) {
        ngx_http_chat_pg_connect(pg);
    }

    return pg;
}


ngx_int_t
ngx_http_chat_pg_send(ngx_http_chat_pg_t *pg, ngx_http_chat_pg_op_t *op,
    ngx_http_chat_pg_params_t *params)
{
    ngx_int_t  rc;

    if (pg->closed
        || pg->nops >= pg->conf->max_ops
        || ngx_http_chat_pg_check(pg, op, params) != NGX_OK)
    {
        pg->stats.busy++;
        return NGX_BUSY;
    }

    op->result = NULL;
    op->rc = NGX_OK;
    op->sqlstate[0] = '\0';
    op->sent = ngx_current_msec;
    op->copy = NULL;

    rc = NGX_DECLINED;

    if (pg->state == ngx_http_chat_pg_ready_state
        && ngx_queue_empty(&pg->waiting)
        && pg->ninflight < pg->conf->max_inflight)
    {
        rc = ngx_http_chat_pg_dispatch(pg, op, params->n, params->values,
                                       params->lengths);
    }

    if (rc != NGX_OK) {

        if (ngx_http_chat_pg_copy(pg, op, params) != NGX_OK) {
            pg->stats.busy++;
            return NGX_BUSY;
        }

        ngx_queue_insert_tail(&pg->waiting, &op->queue);

        if (pg->state == ngx_http_chat_pg_idle_state) {
            pg->lost = ngx_current_msec;
            ngx_http_chat_pg_post(&pg->work);
        }
    }

    pg->nops++;
    pg->stats.ops++;

    ngx_http_chat_pg_watch(pg);

    return NGX_OK;
}


static ngx_int_t
ngx_http_chat_pg_check(ngx_http_chat_pg_t *pg, ngx_http_chat_pg_op_t *op,
    ngx_http_chat_pg_params_t *params)
{
    if (op->stmt < pg->conf->nstmts
        && params->n <= NGX_HTTP_CHAT_PG_MAX_PARAMS
        && params->n == pg->conf->stmts[op->stmt].nparams)
    {
        return NGX_OK;
    }

    ngx_log_error(NGX_LOG_ALERT, &pg->log, 0,
                  "operation on statement %ui with %ui parameters is wrong",
                  op->stmt, params->n);

    return NGX_ERROR;
}


/*
 * NGX_DECLINED: nothing of the operation can take effect, the connection is
 * marked as broken.
 */

static ngx_int_t
ngx_http_chat_pg_dispatch(ngx_http_chat_pg_t *pg, ngx_http_chat_pg_op_t *op,
    ngx_uint_t n, const char **values, int *lengths)
{
    int  rc;

    if (pg->broken) {
        return NGX_DECLINED;
    }

    ngx_http_chat_pg_post(&pg->work);

    rc = PQsendQueryPrepared(pg->conn, pg->conf->stmts[op->stmt].name,
                             (int) n, values, lengths,
                             ngx_http_chat_pg_formats, 1);
    if (rc == 0) {

        /* without its Sync the server rolls back what it may have seen */

        pg->broken = 1;
        return NGX_DECLINED;
    }

#ifdef LIBPQ_HAS_SEND_PIPELINE_SYNC
    rc = PQsendPipelineSync(pg->conn);
#else
    rc = PQpipelineSync(pg->conn);
#endif

    if (rc == 0) {

        /* the Sync may or may not have gone: close() will say "unknown" */

        pg->broken = 1;
    }

    if (pg->ninflight == 0) {
        pg->synced = ngx_current_msec;
    }

    ngx_queue_insert_tail(&pg->inflight, &op->queue);
    pg->ninflight++;

    return NGX_OK;
}


ngx_int_t
ngx_http_chat_pg_drain(ngx_http_chat_pg_t *pg)
{
    ngx_int_t                 rc;
    ngx_queue_t              *q;
    ngx_http_chat_pg_op_t    *op;
    ngx_http_chat_pg_copy_t  *copy;

    while (!ngx_queue_empty(&pg->waiting)
           && pg->ninflight < pg->conf->max_inflight)
    {
        q = ngx_queue_head(&pg->waiting);
        op = ngx_queue_data(q, ngx_http_chat_pg_op_t, queue);
        copy = (ngx_http_chat_pg_copy_t *) op->copy;

        ngx_queue_remove(q);

        rc = ngx_http_chat_pg_dispatch(pg, op, copy->n, copy->values,
                                       copy->lengths);
        if (rc != NGX_OK) {
            ngx_queue_insert_head(&pg->waiting, q);
            return NGX_ERROR;
        }

        ngx_http_chat_pg_copy_free(pg, op);

        if (pg->broken) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_chat_pg_results(ngx_http_chat_pg_t *pg)
{
    PGresult               *res;
    ngx_queue_t            *q;
    ngx_http_chat_pg_op_t  *op;

    /* with nothing in flight PQgetResult() returns NULL for ever */

    while (!ngx_queue_empty(&pg->inflight) && !PQisBusy(pg->conn)) {

        res = PQgetResult(pg->conn);

        if (res == NULL) {

            /* end of a command; two in a row would be an endless loop */

            if (pg->nulls++ > 2) {
                return NGX_ERROR;
            }

            continue;
        }

        pg->nulls = 0;

        q = ngx_queue_head(&pg->inflight);
        op = ngx_queue_data(q, ngx_http_chat_pg_op_t, queue);

        if (ngx_http_chat_pg_result(pg, op, res) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_chat_pg_result(ngx_http_chat_pg_t *pg, ngx_http_chat_pg_op_t *op,
    PGresult *res)
{
    ngx_uint_t  own;

    switch (PQresultStatus(res)) {

    case PGRES_PIPELINE_SYNC:
        PQclear(res);

        ngx_queue_remove(&op->queue);
        pg->ninflight--;
        pg->synced = ngx_current_msec;

        ngx_http_chat_pg_finish(pg, op, op->rc);

        return NGX_OK;

    case PGRES_TUPLES_OK:
    case PGRES_COMMAND_OK:
    case PGRES_EMPTY_QUERY:
        PQclear(op->result);
        op->result = res;

        return NGX_OK;

    case PGRES_COPY_IN:
    case PGRES_COPY_OUT:
    case PGRES_COPY_BOTH:
        PQclear(res);

        ngx_log_error(NGX_LOG_ALERT, &pg->log, 0,
                      "statement \"%s\" is COPY, which cannot be pipelined",
                      pg->conf->stmts[op->stmt].name);

        return NGX_ERROR;

    default:
        ngx_http_chat_pg_refused(pg, op, res);

        /*
         * an error of libpq itself, out of memory, may stand in the place of
         * a Sync: what follows would be taken for the answer to another op
         */

        own = (PQresultStatus(res) == PGRES_FATAL_ERROR
               && PQresultErrorField(res, PG_DIAG_SQLSTATE) == NULL);

        PQclear(res);

        return own ? NGX_ERROR : NGX_OK;
    }
}


static void
ngx_http_chat_pg_refused(ngx_http_chat_pg_t *pg, ngx_http_chat_pg_op_t *op,
    PGresult *res)
{
    char         line[512];
    const char  *state, *message;

    if (op->rc == NGX_ERROR) {
        return;
    }

    op->rc = NGX_ERROR;

    state = PQresultErrorField(res, PG_DIAG_SQLSTATE);

    if (state != NULL) {
        ngx_cpystrn((u_char *) op->sqlstate, (u_char *) state,
                    sizeof(op->sqlstate));
    }

    if (!ngx_http_chat_pg_may_log(&pg->log_op, 1000)) {
        return;
    }

    /* only the primary message: details quote rows */

    message = PQresultErrorField(res, PG_DIAG_MESSAGE_PRIMARY);

    if (message == NULL) {
        message = PQresultErrorMessage(res);
    }

    ngx_log_error(NGX_LOG_ERR, &pg->log, 0,
                  "statement \"%s\" failed: %s (%s), "
                  "%ui such messages skipped",
                  pg->conf->stmts[op->stmt].name,
                  ngx_http_chat_pg_line(line, sizeof(line), message),
                  state != NULL ? state : "no SQLSTATE", pg->log_op.skipped);

    pg->log_op.skipped = 0;
}


static void
ngx_http_chat_pg_work_handler(ngx_event_t *ev)
{
    ngx_http_chat_pg_t  *pg;

    pg = ngx_queue_data(ev, ngx_http_chat_pg_t, work);

    switch (pg->state) {

    case ngx_http_chat_pg_idle_state:
        ngx_http_chat_pg_wake(pg);
        break;

    case ngx_http_chat_pg_ready_state:
        if (pg->broken || ngx_http_chat_pg_flush(pg) != NGX_OK) {
            ngx_http_chat_pg_close(pg, NULL);
        }

        break;

    default:
        break;
    }
}


ngx_uint_t
ngx_http_chat_pg_is_ready(ngx_http_chat_pg_t *pg)
{
    return pg->state == ngx_http_chat_pg_ready_state;
}


ngx_uint_t
ngx_http_chat_pg_pending(ngx_http_chat_pg_t *pg)
{
    return pg->nops;
}


ngx_http_chat_pg_stats_t *
ngx_http_chat_pg_stats(ngx_http_chat_pg_t *pg)
{
    return &pg->stats;
}


void
ngx_http_chat_pg_destroy(ngx_http_chat_pg_t *pg)
{
    pg->closed = 1;

    /* without on_state() */

    pg->state = ngx_http_chat_pg_idle_state;

    ngx_http_chat_pg_close(pg, "worker exits");
    ngx_http_chat_pg_finish_all(pg);

    if (pg->timer.timer_set) {
        ngx_del_timer(&pg->timer);
    }

    if (pg->watchdog.timer_set) {
        ngx_del_timer(&pg->watchdog);
    }

    if (pg->work.posted) {
        ngx_delete_posted_event(&pg->work);
    }

    if (pg->finish.posted) {
        ngx_delete_posted_event(&pg->finish);
    }

    ngx_free(pg);
}
