
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>
#include "ngx_http_chat_pg_private.h"


static ngx_msec_t ngx_http_chat_pg_waiting_deadline(ngx_http_chat_pg_t *pg,
    ngx_http_chat_pg_op_t *op);
static ngx_msec_t ngx_http_chat_pg_sent_deadline(ngx_http_chat_pg_t *pg,
    ngx_http_chat_pg_op_t *op);


ngx_int_t
ngx_http_chat_pg_copy(ngx_http_chat_pg_t *pg, ngx_http_chat_pg_op_t *op,
    ngx_http_chat_pg_params_t *params)
{
    u_char                   *p;
    size_t                    size;
    ngx_uint_t                i;
    ngx_http_chat_pg_copy_t  *copy;

    size = sizeof(ngx_http_chat_pg_copy_t);

    for (i = 0; i < params->n; i++) {
        if (params->values[i] != NULL) {
            size += params->lengths[i];
        }
    }

    if (pg->bytes + size > pg->conf->max_bytes) {
        return NGX_DECLINED;
    }

    copy = ngx_alloc(size, &pg->log);
    if (copy == NULL) {
        return NGX_ERROR;
    }

    copy->size = size;
    copy->n = params->n;

    p = (u_char *) copy + sizeof(ngx_http_chat_pg_copy_t);

    for (i = 0; i < params->n; i++) {

        if (params->values[i] == NULL) {
            copy->values[i] = NULL;
            copy->lengths[i] = 0;
            continue;
        }

        copy->values[i] = (char *) p;
        copy->lengths[i] = params->lengths[i];

        p = ngx_cpymem(p, params->values[i], params->lengths[i]);
    }

    op->copy = (u_char *) copy;
    pg->bytes += size;

    return NGX_OK;
}


void
ngx_http_chat_pg_copy_free(ngx_http_chat_pg_t *pg, ngx_http_chat_pg_op_t *op)
{
    ngx_http_chat_pg_copy_t  *copy;

    copy = (ngx_http_chat_pg_copy_t *) op->copy;

    if (copy == NULL) {
        return;
    }

    pg->bytes -= copy->size;
    op->copy = NULL;

    ngx_free(copy);
}


/* the operation is out of its queue already */

void
ngx_http_chat_pg_finish(ngx_http_chat_pg_t *pg, ngx_http_chat_pg_op_t *op,
    ngx_int_t rc)
{
    ngx_http_chat_pg_copy_free(pg, op);

    if (rc != NGX_OK) {
        PQclear(op->result);
        op->result = NULL;
    }

    if (rc != NGX_ERROR) {
        op->sqlstate[0] = '\0';
    }

    switch (rc) {

    case NGX_ERROR:
        pg->stats.errors++;
        break;

    case NGX_BUSY:
        pg->stats.busy++;
        break;

    case NGX_ABORT:
        pg->stats.aborts++;
        break;
    }

    op->rc = rc;

    pg->nops--;

    ngx_queue_insert_tail(&pg->finished, &op->queue);
    ngx_http_chat_pg_post(&pg->finish);
}


void
ngx_http_chat_pg_finish_handler(ngx_event_t *ev)
{
    ngx_http_chat_pg_finish_all(ngx_queue_data(ev, ngx_http_chat_pg_t,
                                               finish));
}


void
ngx_http_chat_pg_finish_all(ngx_http_chat_pg_t *pg)
{
    PGresult               *res;
    ngx_queue_t            *q;
    ngx_http_chat_pg_op_t  *op;

    while (!ngx_queue_empty(&pg->finished)) {

        q = ngx_queue_head(&pg->finished);
        op = ngx_queue_data(q, ngx_http_chat_pg_op_t, queue);

        ngx_queue_remove(q);

        ngx_log_debug3(NGX_LOG_DEBUG_EVENT, &pg->log, 0,
                       "chat pg done %p stmt:%ui rc:%i", op, op->stmt, op->rc);

        res = op->result;

        op->done(op);

        PQclear(res);
    }
}


void
ngx_http_chat_pg_post(ngx_event_t *ev)
{
    ngx_post_event(ev, &ngx_posted_events);
}


void
ngx_http_chat_pg_give_up(ngx_http_chat_pg_t *pg, ngx_uint_t all)
{
    ngx_queue_t            *q;
    ngx_http_chat_pg_op_t  *op;

    while (!ngx_queue_empty(&pg->inflight)) {
        q = ngx_queue_head(&pg->inflight);
        op = ngx_queue_data(q, ngx_http_chat_pg_op_t, queue);

        ngx_queue_remove(q);
        pg->ninflight--;

        ngx_http_chat_pg_finish(pg, op, NGX_ABORT);
    }

    while (all && !ngx_queue_empty(&pg->waiting)) {
        q = ngx_queue_head(&pg->waiting);
        op = ngx_queue_data(q, ngx_http_chat_pg_op_t, queue);

        ngx_queue_remove(q);

        ngx_http_chat_pg_finish(pg, op, NGX_BUSY);
    }
}


void
ngx_http_chat_pg_watch(ngx_http_chat_pg_t *pg)
{
    ngx_msec_t              deadline, next;
    ngx_queue_t            *q;
    ngx_http_chat_pg_op_t  *op;

    if (pg->nops == 0) {

        /* cheaper than to delete the timer each time; it does no harm */

        pg->watchdog.cancelable = 1;
        return;
    }

    pg->watchdog.cancelable = 0;

    /* operations are in the order of their time, so the heads are enough */

    next = ngx_current_msec + pg->conf->op_timeout;

    if (!ngx_queue_empty(&pg->inflight)) {
        q = ngx_queue_head(&pg->inflight);
        op = ngx_queue_data(q, ngx_http_chat_pg_op_t, queue);

        deadline = ngx_http_chat_pg_sent_deadline(pg, op);

        if ((ngx_msec_int_t) (deadline - next) < 0) {
            next = deadline;
        }
    }

    if (!ngx_queue_empty(&pg->waiting)) {
        q = ngx_queue_head(&pg->waiting);
        op = ngx_queue_data(q, ngx_http_chat_pg_op_t, queue);

        deadline = ngx_http_chat_pg_waiting_deadline(pg, op);

        if ((ngx_msec_int_t) (deadline - next) < 0) {
            next = deadline;
        }
    }

    if (pg->watchdog.timer_set) {

        /* too early is harmless */

        if ((ngx_msec_int_t) (pg->watchdog.timer.key - next) <= 0) {
            return;
        }

        ngx_del_timer(&pg->watchdog);
    }

    if ((ngx_msec_int_t) (next - ngx_current_msec) < 1) {
        next = ngx_current_msec + 1;
    }

    ngx_add_timer(&pg->watchdog, next - ngx_current_msec);
}


void
ngx_http_chat_pg_watchdog_handler(ngx_event_t *ev)
{
    ngx_queue_t            *q;
    ngx_http_chat_pg_t     *pg;
    ngx_http_chat_pg_op_t  *op;

    pg = ngx_queue_data(ev, ngx_http_chat_pg_t, watchdog);

    ev->timedout = 0;

    while (!ngx_queue_empty(&pg->waiting)) {
        q = ngx_queue_head(&pg->waiting);
        op = ngx_queue_data(q, ngx_http_chat_pg_op_t, queue);

        if ((ngx_msec_int_t) (ngx_http_chat_pg_waiting_deadline(pg, op)
                              - ngx_current_msec)
            > 0)
        {
            break;
        }

        ngx_queue_remove(q);

        ngx_http_chat_pg_finish(pg, op, NGX_BUSY);
    }

    if (!ngx_queue_empty(&pg->inflight)) {
        q = ngx_queue_head(&pg->inflight);
        op = ngx_queue_data(q, ngx_http_chat_pg_op_t, queue);

        if ((ngx_msec_int_t) (ngx_http_chat_pg_sent_deadline(pg, op)
                              - ngx_current_msec)
            <= 0)
        {
            pg->stats.timeouts++;
            ngx_http_chat_pg_close(pg, "operation timed out");
            return;
        }
    }

    ngx_http_chat_pg_watch(pg);
}


static ngx_msec_t
ngx_http_chat_pg_waiting_deadline(ngx_http_chat_pg_t *pg,
    ngx_http_chat_pg_op_t *op)
{
    ngx_msec_t  since, limit, wait;

    limit = op->sent + pg->conf->op_timeout;

    if (pg->state == ngx_http_chat_pg_ready_state) {
        return limit;
    }

    since = op->sent;

    if ((ngx_msec_int_t) (pg->lost - since) > 0) {
        since = pg->lost;
    }

    wait = since + pg->conf->connect_wait;

    return (ngx_msec_int_t) (wait - limit) < 0 ? wait : limit;
}


/*
 * A server that answers is slow, not hung: closing the connection under load
 * would lose every operation in flight for the sake of one that had to wait.
 */

static ngx_msec_t
ngx_http_chat_pg_sent_deadline(ngx_http_chat_pg_t *pg,
    ngx_http_chat_pg_op_t *op)
{
    ngx_msec_t  age, progress;

    age = op->sent + pg->conf->op_timeout;
    progress = pg->synced + pg->conf->op_timeout / 2;

    return (ngx_msec_int_t) (progress - age) > 0 ? progress : age;
}
