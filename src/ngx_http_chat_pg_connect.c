
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>
#include "ngx_http_chat_pg_private.h"


#define NGX_HTTP_CHAT_PG_LOG_INTERVAL  10000

/* of decrypted bytes in hand the event loop knows nothing */

#define NGX_HTTP_CHAT_PG_MAX_READS     64


static void ngx_http_chat_pg_handler(ngx_event_t *ev);
static void ngx_http_chat_pg_poll(ngx_http_chat_pg_t *pg);
static void ngx_http_chat_pg_connected(ngx_http_chat_pg_t *pg);
static ngx_int_t ngx_http_chat_pg_consume(ngx_http_chat_pg_t *pg);
static void ngx_http_chat_pg_read_setup(ngx_http_chat_pg_t *pg);
static void ngx_http_chat_pg_read_prepare(ngx_http_chat_pg_t *pg);
static void ngx_http_chat_pg_prepared(ngx_http_chat_pg_t *pg);
static void ngx_http_chat_pg_read_ready(ngx_http_chat_pg_t *pg);
static ngx_int_t ngx_http_chat_pg_notifies(ngx_http_chat_pg_t *pg);
static void ngx_http_chat_pg_log_lost(ngx_http_chat_pg_t *pg,
    const char *reason, ngx_uint_t ready);
static void ngx_http_chat_pg_notice(void *data, const PGresult *res);
static void ngx_http_chat_pg_name(ngx_http_chat_pg_t *pg);


void
ngx_http_chat_pg_connect(ngx_http_chat_pg_t *pg)
{
    ngx_log_debug0(NGX_LOG_DEBUG_EVENT, &pg->log, 0, "chat pg connect");

    pg->state = ngx_http_chat_pg_connect_state;

    pg->conn = PQconnectStart((char *) pg->conf->conninfo.data);

    if (pg->conn == NULL) {
        ngx_http_chat_pg_close(pg, "out of memory");
        return;
    }

    (void) PQsetNoticeReceiver(pg->conn, ngx_http_chat_pg_notice, pg);

    ngx_http_chat_pg_name(pg);

    if (PQstatus(pg->conn) == CONNECTION_BAD) {
        ngx_http_chat_pg_close(pg, NULL);
        return;
    }

    pg->peer.handler = ngx_http_chat_pg_handler;

    if (ngx_http_chat_peer_attach(&pg->peer, PQsocket(pg->conn)) != NGX_OK
        || ngx_http_chat_peer_want(&pg->peer, 0, 1) != NGX_OK)
    {
        ngx_http_chat_pg_close(pg, "descriptor could not be watched");
        return;
    }

    ngx_add_timer(&pg->timer, pg->conf->connect_timeout);
}


static void
ngx_http_chat_pg_handler(ngx_event_t *ev)
{
    ngx_connection_t    *c;
    ngx_http_chat_pg_t  *pg;

    c = ev->data;
    pg = c->data;

    ngx_log_debug3(NGX_LOG_DEBUG_EVENT, &pg->log, 0,
                   "chat pg event state:%ui write:%d close:%d",
                   (ngx_uint_t) pg->state, ev->write, c->close);

    if (c->close) {
        c->close = 0;

        if (c->error) {

            /* worker_shutdown_timeout */

            pg->closed = 1;
            ngx_http_chat_pg_close(pg, "worker shuts down");
        }

        return;
    }

    if (pg->state == ngx_http_chat_pg_connect_state) {
        ngx_http_chat_pg_poll(pg);
        return;
    }

    if (ev->write) {

        if (ngx_http_chat_pg_flush(pg) != NGX_OK) {
            ngx_http_chat_pg_close(pg, NULL);
        }

        return;
    }

    if (ngx_http_chat_pg_consume(pg) != NGX_OK
        || ngx_http_chat_pg_flush(pg) != NGX_OK)
    {
        /* what came before the end may hold results of operations */

        if (pg->state == ngx_http_chat_pg_ready_state) {
            (void) ngx_http_chat_pg_results(pg);
        }

        ngx_http_chat_pg_close(pg, NULL);
        return;
    }

    switch (pg->state) {

    case ngx_http_chat_pg_setup_state:
        ngx_http_chat_pg_read_setup(pg);
        break;

    case ngx_http_chat_pg_prepare_state:
        ngx_http_chat_pg_read_prepare(pg);
        break;

    default: /* ngx_http_chat_pg_ready_state */
        ngx_http_chat_pg_read_ready(pg);
    }
}


static void
ngx_http_chat_pg_poll(ngx_http_chat_pg_t *pg)
{
    ngx_uint_t                 rd;
    PostgresPollingStatusType  status;

    /* libpq may replace the socket, even by one of the same number */

    ngx_http_chat_peer_detach(&pg->peer, PQsocket(pg->conn));

    status = PQconnectPoll(pg->conn);

    ngx_http_chat_pg_name(pg);

    if (status == PGRES_POLLING_FAILED) {
        ngx_http_chat_pg_close(pg, NULL);
        return;
    }

    rd = (status != PGRES_POLLING_WRITING);

    if (ngx_http_chat_peer_attach(&pg->peer, PQsocket(pg->conn)) != NGX_OK
        || ngx_http_chat_peer_want(&pg->peer, rd, !rd) != NGX_OK)
    {
        ngx_http_chat_pg_close(pg, "descriptor could not be watched");
        return;
    }

    if (status == PGRES_POLLING_OK) {
        ngx_http_chat_pg_connected(pg);
    }
}


static void
ngx_http_chat_pg_connected(ngx_http_chat_pg_t *pg)
{
    if (PQsetnonblocking(pg->conn, 1) != 0) {
        ngx_http_chat_pg_close(pg, NULL);
        return;
    }

    pg->state = ngx_http_chat_pg_setup_state;

    /* a limit for the set-up as long as it has no query running */

    ngx_add_timer(&pg->timer, pg->conf->connect_timeout);

    if (pg->conf->setup == NULL) {
        ngx_http_chat_pg_ready(pg);
        return;
    }

    pg->conf->setup(pg, pg->conf->data);
}


void
ngx_http_chat_pg_query(ngx_http_chat_pg_t *pg, const char *sql,
    ngx_msec_t timeout, ngx_http_chat_pg_query_pt cb)
{
    if (pg->state != ngx_http_chat_pg_setup_state || pg->query != NULL) {
        ngx_log_error(NGX_LOG_ALERT, &pg->log, 0, "query outside of set-up");
        return;
    }

    if (PQsendQuery(pg->conn, sql) == 0
        || ngx_http_chat_pg_flush(pg) != NGX_OK)
    {
        ngx_http_chat_pg_close(pg, NULL);
        return;
    }

    pg->query = cb;

    if (pg->timer.timer_set) {
        ngx_del_timer(&pg->timer);
    }

    ngx_add_timer(&pg->timer, timeout);
}


static void
ngx_http_chat_pg_read_setup(ngx_http_chat_pg_t *pg)
{
    PGresult                   *res;
    ExecStatusType              status;
    ngx_http_chat_pg_query_pt   query;

    if (ngx_http_chat_pg_notifies(pg) != NGX_OK) {
        return;
    }

    while (pg->query != NULL && !PQisBusy(pg->conn)) {

        res = PQgetResult(pg->conn);

        if (PQstatus(pg->conn) != CONNECTION_OK) {
            PQclear(res);
            ngx_http_chat_pg_close(pg, NULL);
            return;
        }

        if (res == NULL) {
            query = pg->query;
            res = pg->result;

            pg->query = NULL;
            pg->result = NULL;

            ngx_add_timer(&pg->timer, pg->conf->connect_timeout);

            /* may close the connection */

            query(pg, res, pg->conf->data);

            PQclear(res);
            return;
        }

        status = PQresultStatus(res);

        if (status == PGRES_COPY_IN
            || status == PGRES_COPY_OUT
            || status == PGRES_COPY_BOTH)
        {
            PQclear(res);
            ngx_http_chat_pg_close(pg, "COPY in a set-up query");
            return;
        }

        if (pg->result != NULL
            && PQresultStatus(pg->result) == PGRES_FATAL_ERROR)
        {
            PQclear(res);
            continue;
        }

        PQclear(pg->result);
        pg->result = res;
    }
}


void
ngx_http_chat_pg_ready(ngx_http_chat_pg_t *pg)
{
    ngx_uint_t                i;
    ngx_http_chat_pg_stmt_t  *stmt;

    if (pg->state != ngx_http_chat_pg_setup_state || pg->query != NULL) {
        ngx_log_error(NGX_LOG_ALERT, &pg->log, 0, "ready outside of set-up");
        return;
    }

    if (PQenterPipelineMode(pg->conn) == 0) {
        ngx_http_chat_pg_close(pg, NULL);
        return;
    }

    pg->state = ngx_http_chat_pg_prepare_state;
    pg->prepared = 0;

    for (i = 0; i < pg->conf->nstmts; i++) {
        stmt = &pg->conf->stmts[i];

        if (PQsendPrepare(pg->conn, stmt->name, stmt->sql,
                          stmt->types != NULL ? (int) stmt->nparams : 0,
                          stmt->types)
            == 0)
        {
            ngx_http_chat_pg_close(pg, NULL);
            return;
        }
    }

    if (PQpipelineSync(pg->conn) == 0 || ngx_http_chat_pg_flush(pg) != NGX_OK)
    {
        ngx_http_chat_pg_close(pg, NULL);
        return;
    }

    if (pg->timer.timer_set) {
        ngx_del_timer(&pg->timer);
    }

    ngx_add_timer(&pg->timer, pg->conf->connect_timeout);
}


static void
ngx_http_chat_pg_read_prepare(ngx_http_chat_pg_t *pg)
{
    char         line[512], reason[640];
    PGresult    *res;
    const char  *message;

    while (!PQisBusy(pg->conn)) {

        res = PQgetResult(pg->conn);

        if (PQstatus(pg->conn) != CONNECTION_OK) {
            PQclear(res);
            ngx_http_chat_pg_close(pg, NULL);
            return;
        }

        if (res == NULL) {

            if (pg->nulls++ > 2) {
                ngx_http_chat_pg_close(pg, "unexpected end of results");
                return;
            }

            continue;
        }

        pg->nulls = 0;

        switch (PQresultStatus(res)) {

        case PGRES_COMMAND_OK:
            pg->prepared++;
            PQclear(res);
            break;

        case PGRES_PIPELINE_SYNC:
            PQclear(res);
            ngx_http_chat_pg_prepared(pg);
            return;

        default:
            message = PQresultErrorField(res, PG_DIAG_MESSAGE_PRIMARY);

            ngx_snprintf((u_char *) reason, sizeof(reason),
                         "statement \"%s\" could not be prepared: %s%Z",
                         pg->prepared < pg->conf->nstmts
                             ? pg->conf->stmts[pg->prepared].name : "?",
                         ngx_http_chat_pg_line(line, sizeof(line), message));

            PQclear(res);
            ngx_http_chat_pg_close(pg, reason);
            return;
        }
    }
}


static void
ngx_http_chat_pg_prepared(ngx_http_chat_pg_t *pg)
{
    if (pg->timer.timer_set) {
        ngx_del_timer(&pg->timer);
    }

    pg->state = ngx_http_chat_pg_ready_state;
    pg->synced = ngx_current_msec;
    pg->stats.connects++;

    ngx_http_chat_peer_healthy(&pg->backoff);

    ngx_log_error(NGX_LOG_NOTICE, &pg->log, 0, "connected, server %s",
                  PQparameterStatus(pg->conn, "server_version"));

    if (ngx_http_chat_pg_drain(pg) != NGX_OK) {
        ngx_http_chat_pg_close(pg, NULL);
        return;
    }

    ngx_http_chat_pg_watch(pg);

    if (pg->conf->on_state != NULL) {
        pg->conf->on_state(pg, 1, pg->conf->data);
    }

    if (pg->conn != NULL) {
        (void) ngx_http_chat_pg_notifies(pg);
    }
}


static void
ngx_http_chat_pg_read_ready(ngx_http_chat_pg_t *pg)
{
    if (ngx_http_chat_pg_results(pg) != NGX_OK) {
        ngx_http_chat_pg_close(pg, NULL);
        return;
    }

    if (ngx_http_chat_pg_notifies(pg) != NGX_OK) {
        return;
    }

    if (ngx_http_chat_pg_drain(pg) != NGX_OK) {
        ngx_http_chat_pg_close(pg, NULL);
        return;
    }

    ngx_http_chat_pg_watch(pg);
}


static ngx_int_t
ngx_http_chat_pg_consume(ngx_http_chat_pg_t *pg)
{
    if (PQconsumeInput(pg->conn) == 0) {
        return NGX_ERROR;
    }

#if (NGX_SSL)
    {
    SSL         *ssl;
    ngx_uint_t   n;

    /* bytes inside OpenSSL do not make the socket readable */

    if (PQsslInUse(pg->conn)) {

        ssl = PQsslStruct(pg->conn, "OpenSSL");

        for (n = 0; n < NGX_HTTP_CHAT_PG_MAX_READS; n++) {

            if (ssl == NULL || SSL_pending(ssl) <= 0) {
                break;
            }

            if (PQconsumeInput(pg->conn) == 0) {
                return NGX_ERROR;
            }

            if (PQsocket(pg->conn) < 0) {
                return NGX_ERROR;
            }
        }
    }
    }
#endif

    return NGX_OK;
}


ngx_int_t
ngx_http_chat_pg_flush(ngx_http_chat_pg_t *pg)
{
    int  rc;

    rc = PQflush(pg->conn);

    /* libpq pretends success after some failures and leaves it to the read */

    if (rc == -1
        || PQsocket(pg->conn) < 0
        || PQstatus(pg->conn) == CONNECTION_BAD)
    {
        return NGX_ERROR;
    }

    return ngx_http_chat_peer_want(&pg->peer, 1, rc == 1);
}


/* NGX_ERROR: a callback has closed the connection, nothing is left to do */

static ngx_int_t
ngx_http_chat_pg_notifies(ngx_http_chat_pg_t *pg)
{
    PGnotify  *notify;

    for ( ;; ) {

        notify = PQnotifies(pg->conn);

        if (notify == NULL) {
            return NGX_OK;
        }

        if (pg->conf->on_notify != NULL) {
            pg->conf->on_notify(pg, notify->relname, notify->extra,
                                pg->conf->data);
        }

        PQfreemem(notify);

        if (pg->conn == NULL) {
            return NGX_ERROR;
        }
    }
}


void
ngx_http_chat_pg_timeout(ngx_event_t *ev)
{
    ngx_http_chat_pg_t  *pg;

    pg = ngx_queue_data(ev, ngx_http_chat_pg_t, timer);

    ev->timedout = 0;

    switch (pg->state) {

    case ngx_http_chat_pg_wait_state:

        pg->state = ngx_http_chat_pg_idle_state;

        ngx_http_chat_pg_wake(pg);
        return;

    case ngx_http_chat_pg_connect_state:
        ngx_http_chat_pg_close(pg, "connection timed out");
        return;

    case ngx_http_chat_pg_setup_state:
    case ngx_http_chat_pg_prepare_state:
        ngx_http_chat_pg_close(pg, "set-up timed out");
        return;

    default:
        return;
    }
}


void
ngx_http_chat_pg_fail(ngx_http_chat_pg_t *pg, const char *reason)
{
    if (pg->conn != NULL) {
        ngx_http_chat_pg_close(pg, reason);
    }
}


void
ngx_http_chat_pg_close(ngx_http_chat_pg_t *pg, const char *reason)
{
    ngx_uint_t  ready;

    ready = (pg->state == ngx_http_chat_pg_ready_state);

    if (pg->timer.timer_set) {
        ngx_del_timer(&pg->timer);
    }

    if (!pg->closed) {
        pg->stats.failures++;
        ngx_http_chat_pg_log_lost(pg, reason, ready);
    }

    if (pg->conn != NULL) {
        ngx_http_chat_peer_detach(&pg->peer, PQsocket(pg->conn));
        PQfinish(pg->conn);
        pg->conn = NULL;
    }

    PQclear(pg->result);

    pg->result = NULL;
    pg->query = NULL;
    pg->broken = 0;
    pg->nulls = 0;

    if (ready) {
        pg->lost = ngx_current_msec;
    }

    pg->state = ngx_http_chat_pg_idle_state;

    ngx_http_chat_pg_give_up(pg, pg->closed);

    /* at least 1 ms later: no attempt is made from here */

    pg->next = ngx_current_msec + ngx_http_chat_peer_delay(&pg->backoff);

    ngx_http_chat_pg_wake(pg);

    ngx_http_chat_pg_watch(pg);

    if (ready && pg->conf->on_state != NULL) {
        pg->conf->on_state(pg, 0, pg->conf->data);
    }
}


void
ngx_http_chat_pg_wake(ngx_http_chat_pg_t *pg)
{
    ngx_msec_int_t  delay;

    if (pg->closed) {
        return;
    }

    /* an exiting worker connects only for operations it has */

    if (ngx_queue_empty(&pg->waiting) && (pg->conf->lazy || ngx_exiting)) {
        return;
    }

    delay = (ngx_msec_int_t) (pg->next - ngx_current_msec);

    if (delay <= 0) {
        ngx_http_chat_pg_connect(pg);
        return;
    }

    ngx_log_debug1(NGX_LOG_DEBUG_EVENT, &pg->log, 0,
                   "chat pg next attempt in %M", (ngx_msec_t) delay);

    pg->state = ngx_http_chat_pg_wait_state;

    ngx_add_timer(&pg->timer, (ngx_msec_t) delay);
}


void
ngx_http_chat_pg_retry(ngx_http_chat_pg_t *pg)
{
    pg->backoff.failures = 0;
    pg->next = ngx_current_msec;

    if (pg->state != ngx_http_chat_pg_wait_state) {
        return;
    }

    ngx_del_timer(&pg->timer);

    pg->state = ngx_http_chat_pg_idle_state;

    ngx_http_chat_pg_wake(pg);
}


static void
ngx_http_chat_pg_log_lost(ngx_http_chat_pg_t *pg, const char *reason,
    ngx_uint_t ready)
{
    char        line[512];
    ngx_uint_t  level;

    if (reason == NULL) {
        reason = PQerrorMessage(pg->conn);
    }

    ngx_http_chat_pg_line(line, sizeof(line), reason);

    if (ready) {
        level = pg->ninflight ? NGX_LOG_ERR : NGX_LOG_NOTICE;

        ngx_log_error(level, &pg->log, 0,
                      "connection lost with %ui operations in flight: %s",
                      pg->ninflight, line);

        /* the first failure after it is to be seen */

        pg->log_connect.used = 0;
        return;
    }

    if (ngx_http_chat_pg_may_log(&pg->log_connect,
                                 NGX_HTTP_CHAT_PG_LOG_INTERVAL))
    {
        ngx_log_error(NGX_LOG_ERR, &pg->log, 0,
                      "connection failed: %s, %ui such messages skipped",
                      line, pg->log_connect.skipped);

        pg->log_connect.skipped = 0;
    }
}


ngx_uint_t
ngx_http_chat_pg_may_log(ngx_http_chat_pg_limit_t *limit, ngx_msec_t interval)
{
    if (limit->used && ngx_current_msec - limit->last < interval) {
        limit->skipped++;
        return 0;
    }

    limit->used = 1;
    limit->last = ngx_current_msec;

    return 1;
}


char *
ngx_http_chat_pg_line(char *buf, size_t size, const char *message)
{
    size_t  i;

    if (message == NULL || size == 0) {
        return "no message";
    }

    for (i = 0; i < size - 1 && message[i] != '\0'; i++) {
        buf[i] = ((u_char) message[i] < ' ') ? ' ' : message[i];
    }

    while (i > 0 && buf[i - 1] == ' ') {
        i--;
    }

    buf[i] = '\0';

    return buf;
}


static void
ngx_http_chat_pg_notice(void *data, const PGresult *res)
{
    ngx_http_chat_pg_t *pg = data;

    char         line[512];
    const char  *severity, *message;

    severity = PQresultErrorField(res, PG_DIAG_SEVERITY_NONLOCALIZED);
    message = PQresultErrorField(res, PG_DIAG_MESSAGE_PRIMARY);

    if (severity == NULL
        || message == NULL
        || ngx_strcmp(severity, "NOTICE") == 0
        || ngx_strcmp(severity, "INFO") == 0
        || ngx_strcmp(severity, "LOG") == 0
        || ngx_strncmp(severity, "DEBUG", 5) == 0)
    {
        ngx_log_debug1(NGX_LOG_DEBUG_EVENT, &pg->log, 0,
                       "chat pg notice: %s",
                       ngx_http_chat_pg_line(line, sizeof(line), message));
        return;
    }

    ngx_log_error(NGX_LOG_INFO, &pg->log, 0, "%s: %s", severity,
                  ngx_http_chat_pg_line(line, sizeof(line), message));
}


static void
ngx_http_chat_pg_name(ngx_http_chat_pg_t *pg)
{
    char  *host, *port;

    host = PQhost(pg->conn);
    port = PQport(pg->conn);

    ngx_snprintf((u_char *) pg->address, sizeof(pg->address) - 1, "%s:%s%Z",
                 host != NULL ? host : "", port != NULL ? port : "");
}


u_char *
ngx_http_chat_pg_log_handler(ngx_log_t *log, u_char *buf, size_t len)
{
    ngx_http_chat_pg_t *pg = log->data;

    return ngx_snprintf(buf, len, " while talking to PostgreSQL \"%s\" (%V)",
                        pg->address, &pg->conf->name);
}
