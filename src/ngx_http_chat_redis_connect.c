
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_http_chat_redis_private.h"

#if (NGX_SSL)
#include <openssl/x509v3.h>
#endif

#include <netinet/tcp.h>


#define NGX_HTTP_CHAT_REDIS_LOG_INTERVAL  10000


static void ngx_http_chat_redis_resolve(ngx_http_chat_redis_t *redis);
static void ngx_http_chat_redis_resolved(ngx_resolver_ctx_t *ctx);
static void ngx_http_chat_redis_dial(ngx_http_chat_redis_t *redis,
    struct sockaddr *sockaddr, socklen_t socklen);
static void ngx_http_chat_redis_dialed(ngx_event_t *ev);
static void ngx_http_chat_redis_undialed(ngx_http_chat_redis_t *redis,
    ngx_err_t err);
static void ngx_http_chat_redis_idle_read(ngx_event_t *ev);
static void ngx_http_chat_redis_options(ngx_connection_t *c);
static void ngx_http_chat_redis_connected(ngx_http_chat_redis_t *redis);
#if (NGX_SSL)
static void ngx_http_chat_redis_handshake(ngx_http_chat_redis_t *redis);
static void ngx_http_chat_redis_handshaken(ngx_connection_t *c);
static ngx_int_t ngx_http_chat_redis_verify_name(ngx_connection_t *c,
    ngx_str_t *host);
static const char *ngx_http_chat_redis_verified(ngx_connection_t *c);
#endif
static void ngx_http_chat_redis_shut(ngx_http_chat_redis_t *redis);
static void ngx_http_chat_redis_forget(ngx_event_t *ev);
static void ngx_http_chat_redis_wait(ngx_http_chat_redis_t *redis);
static void ngx_http_chat_redis_log_lost(ngx_http_chat_redis_t *redis,
    const char *reason, ngx_uint_t ready);


void
ngx_http_chat_redis_connect(ngx_http_chat_redis_t *redis)
{
    ngx_addr_t                    *addr;
    ngx_http_chat_redis_server_t  *server;

    ngx_log_debug0(NGX_LOG_DEBUG_EVENT, &redis->log, 0, "chat redis connect");

    server = redis->conf->server;

    ngx_add_timer(&redis->timer, NGX_HTTP_CHAT_REDIS_TIME);

    if (server->naddrs == 0) {
        ngx_http_chat_redis_resolve(redis);
        return;
    }

    addr = &server->addrs[redis->attempt++ % server->naddrs];

    ngx_http_chat_redis_dial(redis, addr->sockaddr, addr->socklen);
}


static void
ngx_http_chat_redis_resolve(ngx_http_chat_redis_t *redis)
{
    ngx_resolver_ctx_t            *ctx;
    ngx_http_chat_redis_server_t  *server;

    server = redis->conf->server;

    redis->state = ngx_http_chat_redis_resolve_state;

    ctx = ngx_resolve_start(server->resolver, NULL);

    if (ctx == NULL || ctx == NGX_NO_RESOLVER) {
        ngx_http_chat_redis_close(redis, "name could not be resolved");
        return;
    }

    ctx->name = server->host;
    ctx->handler = ngx_http_chat_redis_resolved;
    ctx->data = redis;
    ctx->timeout = server->resolver_timeout;
    ctx->cancelable = 1;

    redis->resolve = ctx;

    if (ngx_resolve_name(ctx) != NGX_OK) {
        redis->resolve = NULL;
        ngx_http_chat_redis_close(redis, "name could not be resolved");
    }
}


static void
ngx_http_chat_redis_resolved(ngx_resolver_ctx_t *ctx)
{
    ngx_uint_t              i;
    ngx_sockaddr_t          sa;
    socklen_t               socklen;
    ngx_http_chat_redis_t  *redis;

    redis = ctx->data;

    redis->resolve = NULL;

    if (ctx->state != NGX_OK || ctx->naddrs == 0) {
        ngx_resolve_name_done(ctx);
        ngx_http_chat_redis_close(redis, "name could not be resolved");
        return;
    }

    i = redis->attempt++ % ctx->naddrs;

    socklen = ngx_min(ctx->addrs[i].socklen, (socklen_t) sizeof(sa));
    ngx_memcpy(&sa, ctx->addrs[i].sockaddr, socklen);

    ngx_resolve_name_done(ctx);

    ngx_inet_set_port(&sa.sockaddr, redis->conf->server->port);

    ngx_http_chat_redis_dial(redis, &sa.sockaddr, socklen);
}


static void
ngx_http_chat_redis_dial(ngx_http_chat_redis_t *redis,
    struct sockaddr *sockaddr, socklen_t socklen)
{
    ngx_int_t                rc;
    ngx_err_t                err;
    ngx_uint_t               level;
    ngx_connection_t        *c;
    ngx_peer_connection_t    pc;

    redis->state = ngx_http_chat_redis_connect_state;

    ngx_memzero(&pc, sizeof(ngx_peer_connection_t));

    pc.sockaddr = sockaddr;
    pc.socklen = socklen;
    pc.name = &redis->conf->server->name;
    pc.get = ngx_event_get_peer;
    pc.log = &redis->log;
    pc.log_error = NGX_ERROR_ERR;
    pc.so_keepalive = 1;

    /* a server that is away is said at intervals, not at each attempt */

    level = redis->log.log_level;
    redis->log.log_level = ngx_min(level, NGX_LOG_ALERT);

    rc = ngx_event_connect_peer(&pc);

    err = ngx_socket_errno;
    redis->log.log_level = level;

    if (rc != NGX_OK && rc != NGX_AGAIN) {
        ngx_http_chat_redis_undialed(redis, err);
        return;
    }

    c = pc.connection;

    c->data = redis;
    c->read->handler = ngx_http_chat_redis_idle_read;
    c->write->handler = ngx_http_chat_redis_dialed;

    redis->log.connection = c->number;
    redis->connection = c;

    if (rc == NGX_OK) {
        ngx_http_chat_redis_connected(redis);
    }
}


static void
ngx_http_chat_redis_undialed(ngx_http_chat_redis_t *redis, ngx_err_t err)
{
    u_char  reason[128], *p;

    p = ngx_sprintf(reason, "connect() failed (%d: ", err);
    p = ngx_strerror(err, p, sizeof(reason) - 64);
    *p++ = ')';
    *p = '\0';

    ngx_http_chat_redis_close(redis, (char *) reason);
}


/* whatever comes before we have asked is read later */

static void
ngx_http_chat_redis_idle_read(ngx_event_t *ev)
{
    ngx_connection_t       *c;
    ngx_http_chat_redis_t  *redis;

    c = ev->data;
    redis = c->data;

    if (c->close) {
        c->close = 0;

        if (c->error) {
            redis->closed = 1;
            ngx_http_chat_redis_close(redis, "worker shuts down");
        }
    }
}


static void
ngx_http_chat_redis_dialed(ngx_event_t *ev)
{
    int                     err;
    socklen_t               len;
    ngx_connection_t       *c;
    ngx_http_chat_redis_t  *redis;

    c = ev->data;
    redis = c->data;

    err = 0;
    len = sizeof(int);

    if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, (void *) &err, &len) == -1) {
        err = ngx_socket_errno;
    }

    if (err != 0) {
        ngx_http_chat_redis_undialed(redis, err);
        return;
    }

    ngx_http_chat_redis_connected(redis);
}


static void
ngx_http_chat_redis_options(ngx_connection_t *c)
{
#if (NGX_LINUX && defined TCP_USER_TIMEOUT)
    int  timeout;
#endif

    if (c->tcp_nodelay == NGX_TCP_NODELAY_DISABLED) {

        /* a Unix socket */

        return;
    }

    (void) ngx_tcp_nodelay(c);

#if (NGX_LINUX && defined TCP_USER_TIMEOUT)

    timeout = 15000;

    if (setsockopt(c->fd, IPPROTO_TCP, TCP_USER_TIMEOUT,
                   (const void *) &timeout, sizeof(int))
        == -1)
    {
        ngx_log_error(NGX_LOG_WARN, c->log, ngx_socket_errno,
                      "setsockopt(TCP_USER_TIMEOUT) failed, ignored");
    }

#endif
}


static void
ngx_http_chat_redis_connected(ngx_http_chat_redis_t *redis)
{
    ngx_connection_t  *c;

    c = redis->connection;

    if (redis->state == ngx_http_chat_redis_connect_state) {

        ngx_http_chat_redis_options(c);

#if (NGX_SSL)
        if (redis->conf->server->tls) {
            ngx_http_chat_redis_handshake(redis);
            return;
        }
#endif
    }

    c->read->handler = ngx_http_chat_redis_read_handler;
    c->write->handler = ngx_http_chat_redis_write_handler;

    redis->state = ngx_http_chat_redis_setup_state;
    redis->heard = ngx_current_msec;

    (void) clock_gettime(CLOCK_MONOTONIC, &redis->began);

    /* the watchdog goes on */

    if (redis->timer.timer_set) {
        ngx_del_timer(&redis->timer);
    }

    if (ngx_http_chat_redis_reader_init(&redis->reader) != NGX_OK
        || ngx_http_chat_redis_setup(redis) != NGX_OK)
    {
        ngx_http_chat_redis_close(redis, "no memory");
        return;
    }

    if (c->read->ready && !redis->more.posted) {
        ngx_post_event(&redis->more, &ngx_posted_events);
    }
}


#if (NGX_SSL)

static void
ngx_http_chat_redis_handshake(ngx_http_chat_redis_t *redis)
{
    ngx_int_t                      rc;
    ngx_connection_t              *c;
    ngx_http_chat_redis_server_t  *server;

    c = redis->connection;
    server = redis->conf->server;

    redis->state = ngx_http_chat_redis_handshake_state;

    /* of this connection; what nginx keeps of TLS is allocated there */

    c->pool = ngx_create_pool(512, &redis->log);

    if (c->pool == NULL
        || ngx_ssl_create_connection(&server->ssl, c, NGX_SSL_CLIENT)
           != NGX_OK
        || ngx_http_chat_redis_verify_name(c, &server->host) != NGX_OK)
    {
        ngx_http_chat_redis_close(redis, "TLS could not be set up");
        return;
    }

    c->sendfile = 0;
    c->ssl->no_wait_shutdown = 1;
    c->ssl->no_send_shutdown = 1;

    rc = ngx_ssl_handshake(c);

    if (rc == NGX_AGAIN) {
        c->ssl->handler = ngx_http_chat_redis_handshaken;
        return;
    }

    ngx_http_chat_redis_handshaken(c);
}


static void
ngx_http_chat_redis_handshaken(ngx_connection_t *c)
{
    const char             *problem;
    ngx_http_chat_redis_t  *redis;

    redis = c->data;

    problem = ngx_http_chat_redis_verified(c);

    if (problem != NULL) {
        ngx_http_chat_redis_close(redis, problem);
        return;
    }

    ngx_http_chat_redis_connected(redis);
}


/* whom the certificate has to name: OpenSSL compares */

static ngx_int_t
ngx_http_chat_redis_verify_name(ngx_connection_t *c, ngx_str_t *host)
{
    SSL   *ssl;
    char   name[256];

    if (host->len >= sizeof(name)) {
        return NGX_ERROR;
    }

    ngx_memcpy(name, host->data, host->len);
    name[host->len] = '\0';

    ssl = c->ssl->connection;

    if (X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), name) == 1) {
        return NGX_OK;
    }

    ERR_clear_error();

    if (SSL_set1_host(ssl, name) != 1
        || SSL_set_tlsext_host_name(ssl, name) != 1)
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}


/* NULL, or what is wrong */

static const char *
ngx_http_chat_redis_verified(ngx_connection_t *c)
{
    X509  *cert;
    long   rc;

    if (!c->ssl->handshaked) {
        return "TLS handshake failed";
    }

    rc = SSL_get_verify_result(c->ssl->connection);

    if (rc != X509_V_OK) {
        return X509_verify_cert_error_string(rc);
    }

    cert = SSL_get_peer_certificate(c->ssl->connection);

    if (cert == NULL) {
        return "the server has no certificate";
    }

    X509_free(cert);

    return NULL;
}

#endif


void
ngx_http_chat_redis_ready(ngx_http_chat_redis_t *redis)
{
    struct timespec  now;

    (void) clock_gettime(CLOCK_MONOTONIC, &now);

    redis->stats.setup = (now.tv_sec - redis->began.tv_sec) * 1000000
                         + (now.tv_nsec - redis->began.tv_nsec) / 1000;
    redis->state = ngx_http_chat_redis_ready_state;
    redis->stats.connects++;
    redis->said = 0;

    ngx_http_chat_peer_healthy(&redis->backoff);

    ngx_log_error(NGX_LOG_NOTICE, &redis->log, 0, "connected");

    redis->conf->on_state(redis, 1);
}


void
ngx_http_chat_redis_close(ngx_http_chat_redis_t *redis, const char *reason)
{
    ngx_uint_t  ready;

    ready = (redis->state == ngx_http_chat_redis_ready_state);

    if (reason != NULL && !redis->closed) {
        redis->stats.failures++;
        ngx_http_chat_redis_log_lost(redis, reason, ready);
    }

    if (redis->resolve != NULL) {
        ngx_resolve_name_done(redis->resolve);
        redis->resolve = NULL;
    }

    ngx_http_chat_redis_shut(redis);
    ngx_http_chat_redis_reader_free(&redis->reader);

    ngx_http_chat_redis_forget(&redis->timer);
    ngx_http_chat_redis_forget(&redis->watchdog);
    ngx_http_chat_redis_forget(&redis->flush);
    ngx_http_chat_redis_forget(&redis->more);

    if (ready && !redis->conf->subscriber) {

        /* sent, and not answered: maybe they arrived, maybe not */

        redis->stats.drops += redis->last - redis->first;
    }

    redis->first = 0;
    redis->last = 0;
    redis->pos = redis->out;
    redis->end = redis->out;

    ngx_http_chat_redis_channel_lost(redis);

    redis->state = ngx_http_chat_redis_idle_state;

    if (redis->closed) {
        return;
    }

    ngx_http_chat_redis_wait(redis);

    if (ready) {
        redis->conf->on_state(redis, 0);
    }
}


static void
ngx_http_chat_redis_shut(ngx_http_chat_redis_t *redis)
{
    ngx_pool_t        *pool;
    ngx_connection_t  *c;

    c = redis->connection;

    if (c == NULL) {
        return;
    }

    pool = c->pool;

#if (NGX_SSL)
    if (c->ssl != NULL) {
        (void) ngx_ssl_shutdown(c);
    }
#endif

    ngx_close_connection(c);

    if (pool != NULL) {
        ngx_destroy_pool(pool);
    }

    redis->connection = NULL;
    redis->log.connection = 0;
}


static void
ngx_http_chat_redis_forget(ngx_event_t *ev)
{
    if (ev->timer_set) {
        ngx_del_timer(ev);
    }

    if (ev->posted) {
        ngx_delete_posted_event(ev);
    }
}


/* a leaving worker does without: the sweep delivers */

static void
ngx_http_chat_redis_wait(ngx_http_chat_redis_t *redis)
{
    ngx_msec_t  delay;

    if (ngx_exiting) {
        return;
    }

    delay = ngx_http_chat_peer_delay(&redis->backoff);

    ngx_log_debug1(NGX_LOG_DEBUG_EVENT, &redis->log, 0,
                   "chat redis next attempt in %M", delay);

    redis->state = ngx_http_chat_redis_wait_state;

    ngx_add_timer(&redis->timer, delay);
}


void
ngx_http_chat_redis_timeout(ngx_event_t *ev)
{
    ngx_http_chat_redis_t  *redis;

    redis = ngx_queue_data(ev, ngx_http_chat_redis_t, timer);

    ev->timedout = 0;

    switch (redis->state) {

    case ngx_http_chat_redis_wait_state:

        redis->state = ngx_http_chat_redis_idle_state;

        if (!ngx_exiting) {
            ngx_http_chat_redis_connect(redis);
        }

        return;

    case ngx_http_chat_redis_resolve_state:
        ngx_http_chat_redis_close(redis, "resolving timed out");
        return;

    case ngx_http_chat_redis_connect_state:
        ngx_http_chat_redis_close(redis, "connection timed out");
        return;

    case ngx_http_chat_redis_handshake_state:
        ngx_http_chat_redis_close(redis, "TLS handshake timed out");
        return;

    default:
        return;
    }
}


static void
ngx_http_chat_redis_log_lost(ngx_http_chat_redis_t *redis, const char *reason,
    ngx_uint_t ready)
{
    if (ready) {
        ngx_log_error(NGX_LOG_ERR, &redis->log, 0, "connection lost: %s",
                      reason);

        /* the first failure after it is to be seen */

        redis->said = 0;
        return;
    }

    if (redis->said
        && ngx_current_msec - redis->logged < NGX_HTTP_CHAT_REDIS_LOG_INTERVAL)
    {
        redis->skipped++;
        return;
    }

    ngx_log_error(NGX_LOG_ERR, &redis->log, 0,
                  "connection failed: %s, %ui such messages skipped",
                  reason, redis->skipped);

    redis->said = 1;
    redis->logged = ngx_current_msec;
    redis->skipped = 0;
}


ngx_int_t
ngx_http_chat_redis_refuse(ngx_http_chat_redis_t *redis, const char *what,
    ngx_str_t *text)
{
    u_char      line[160];
    ngx_uint_t  i;

    redis->stats.errors++;

    for (i = 0; i < text->len && i < sizeof(line); i++) {
        line[i] = text->data[i] < ' ' || text->data[i] > '~'
                  ? ' ' : text->data[i];
    }

    *ngx_snprintf((u_char *) redis->reason, sizeof(redis->reason) - 1,
                  "the server %s: \"%*s\"", what, (size_t) i, line) = '\0';

    return NGX_ERROR;
}


u_char *
ngx_http_chat_redis_log_handler(ngx_log_t *log, u_char *buf, size_t len)
{
    ngx_http_chat_redis_t *redis = log->data;

    return ngx_snprintf(buf, len, " while talking to Redis \"%V\" (%V)",
                        &redis->conf->server->name, &redis->conf->role);
}
