
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include "ngx_http_chat_redis.h"
#include "ngx_http_chat_secret.h"


#define NGX_HTTP_CHAT_REDIS_PORT  6379


static char *ngx_http_chat_redis_url_unix(ngx_conf_t *cf, ngx_str_t *text,
    ngx_http_chat_redis_server_t *server);
static char *ngx_http_chat_redis_url_host(ngx_conf_t *cf, ngx_str_t *text,
    ngx_http_chat_redis_server_t *server);
static char *ngx_http_chat_redis_url_user(ngx_conf_t *cf, ngx_str_t *text,
    ngx_http_chat_redis_server_t *server);
static ngx_int_t ngx_http_chat_redis_url_decode(ngx_conf_t *cf,
    ngx_str_t *from, ngx_str_t *to);
static char *ngx_http_chat_redis_url_error(ngx_conf_t *cf, const char *what);
#if (NGX_SSL)
static ngx_int_t ngx_http_chat_redis_prepare_tls(ngx_conf_t *cf,
    ngx_http_chat_redis_server_t *server);
#endif


char *
ngx_http_chat_redis_url(ngx_conf_t *cf, ngx_str_t *value,
    ngx_http_chat_redis_server_t *server)
{
    char       *rc;
    ngx_str_t   text;

    text = *value;

    rc = ngx_http_chat_secret_file(cf, &text);

    if (rc != NGX_CONF_OK) {
        return rc;
    }

    if (text.len >= 5 && ngx_strncmp(text.data, "unix:", 5) == 0) {
        text.data += 5;
        text.len -= 5;

        return ngx_http_chat_redis_url_unix(cf, &text, server);
    }

    if (text.len >= 8 && ngx_strncmp(text.data, "redis://", 8) == 0) {
        text.data += 8;
        text.len -= 8;

        return ngx_http_chat_redis_url_host(cf, &text, server);
    }

    if (text.len >= 9 && ngx_strncmp(text.data, "rediss://", 9) == 0) {
#if (NGX_SSL)
        text.data += 9;
        text.len -= 9;
        server->tls = 1;

        return ngx_http_chat_redis_url_host(cf, &text, server);
#else
        return ngx_http_chat_redis_url_error(cf,
                         "\"rediss://\" needs an nginx that is built with TLS");
#endif
    }

    return ngx_http_chat_redis_url_error(cf,
                              "it begins with neither \"unix:\", \"redis://\" "
                              "nor \"rediss://\"");
}


/* "<path>" or "//[user:password@]/<path>" */

static char *
ngx_http_chat_redis_url_unix(ngx_conf_t *cf, ngx_str_t *text,
    ngx_http_chat_redis_server_t *server)
{
    char       *rc;
    ngx_url_t   u;

    if (text->len > 2 && ngx_strncmp(text->data, "//", 2) == 0) {
        text->data += 2;
        text->len -= 2;

        rc = ngx_http_chat_redis_url_user(cf, text, server);
        if (rc != NGX_CONF_OK) {
            return rc;
        }
    }

    if (text->len == 0 || text->data[0] != '/') {
        return ngx_http_chat_redis_url_error(cf,
                            "a Unix socket needs an absolute path");
    }

    server->name.len = text->len + 5;
    server->name.data = ngx_pnalloc(cf->pool, server->name.len + 1);

    if (server->name.data == NULL) {
        return NGX_CONF_ERROR;
    }

    *ngx_sprintf(server->name.data, "unix:%V", text) = '\0';

    ngx_memzero(&u, sizeof(ngx_url_t));

    u.url = server->name;
    u.no_resolve = 1;

    if (ngx_parse_url(cf->pool, &u) != NGX_OK || u.naddrs == 0) {
        return ngx_http_chat_redis_url_error(cf,
                             u.err != NULL ? u.err : "no memory");
    }

    server->addrs = u.addrs;
    server->naddrs = u.naddrs;

    return NGX_CONF_OK;
}


/* "[user:password@]host[:port]" */

static char *
ngx_http_chat_redis_url_host(ngx_conf_t *cf, ngx_str_t *text,
    ngx_http_chat_redis_server_t *server)
{
    char       *rc;
    u_char     *slash;
    ngx_url_t   u;

    rc = ngx_http_chat_redis_url_user(cf, text, server);
    if (rc != NGX_CONF_OK) {
        return rc;
    }

    slash = ngx_strlchr(text->data, text->data + text->len, '/');

    if (slash != NULL) {

        if (slash != text->data + text->len - 1) {
            return ngx_http_chat_redis_url_error(cf,
                               "it has a path, while channels are outside "
                               "of databases");
        }

        text->len--;
    }

    ngx_memzero(&u, sizeof(ngx_url_t));

    u.url = *text;
    u.default_port = NGX_HTTP_CHAT_REDIS_PORT;
    u.no_resolve = 1;

    if (text->len == 0 || ngx_strncmp(text->data, "unix:", 5) == 0) {
        return ngx_http_chat_redis_url_error(cf, "no host");
    }

    if (ngx_parse_url(cf->pool, &u) != NGX_OK) {
        return ngx_http_chat_redis_url_error(cf,
                             u.err != NULL ? u.err : "no memory");
    }

    server->host = u.host;
    server->port = u.port;

    /* an address in figures */

    server->addrs = u.addrs;
    server->naddrs = u.naddrs;

    if (server->host.len > 2 && server->host.data[0] == '[') {
        server->host.data++;
        server->host.len -= 2;
    }

    server->name.data = ngx_pnalloc(cf->pool, u.host.len + sizeof(":65535"));

    if (server->name.data == NULL) {
        return NGX_CONF_ERROR;
    }

    server->name.len = ngx_sprintf(server->name.data, "%V:%d", &u.host,
                                   (int) u.port)
                       - server->name.data;

    return NGX_CONF_OK;
}


/* takes "[user]:password@" away; percent signs are those of URLs */

static char *
ngx_http_chat_redis_url_user(ngx_conf_t *cf, ngx_str_t *text,
    ngx_http_chat_redis_server_t *server)
{
    u_char     *at, *colon, *p;
    ngx_str_t   user, password;

    at = NULL;

    for (p = text->data; p < text->data + text->len && *p != '/'; p++) {
        if (*p == '@') {
            at = p;
        }
    }

    if (at == NULL) {
        return NGX_CONF_OK;
    }

    user.data = text->data;
    user.len = at - text->data;

    text->len -= at + 1 - text->data;
    text->data = at + 1;

    colon = ngx_strlchr(user.data, at, ':');

    if (colon == NULL || colon + 1 == at) {
        return ngx_http_chat_redis_url_error(cf,
                             "there is no password before \"@\"");
    }

    password.data = colon + 1;
    password.len = at - colon - 1;
    user.len = colon - user.data;

    if (ngx_http_chat_redis_url_decode(cf, &user, &server->user) != NGX_OK
        || ngx_http_chat_redis_url_decode(cf, &password, &server->password)
           != NGX_OK)
    {
        return ngx_http_chat_redis_url_error(cf,
                             "a \"%\" of user or password is not followed by "
                             "two hex digits");
    }

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_http_chat_redis_url_decode(ngx_conf_t *cf, ngx_str_t *from, ngx_str_t *to)
{
    u_char     *p, *last;
    ngx_int_t   ch;

    to->data = ngx_pnalloc(cf->pool, from->len + 1);
    if (to->data == NULL) {
        return NGX_ERROR;
    }

    to->len = 0;
    last = from->data + from->len;

    for (p = from->data; p < last; p++) {

        if (*p != '%') {
            to->data[to->len++] = *p;
            continue;
        }

        ch = last - p > 2 ? ngx_hextoi(p + 1, 2) : NGX_ERROR;

        if (ch == NGX_ERROR) {
            return NGX_ERROR;
        }

        to->data[to->len++] = (u_char) ch;
        p += 2;
    }

    return NGX_OK;
}


static char *
ngx_http_chat_redis_url_error(ngx_conf_t *cf, const char *what)
{
    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "invalid address of Redis: %s",
                       what);

    return NGX_CONF_ERROR;
}


ngx_int_t
ngx_http_chat_redis_prepare(ngx_conf_t *cf,
    ngx_http_chat_redis_server_t *server, ngx_resolver_t *resolver,
    ngx_msec_t timeout)
{
    ngx_url_t  u;

    if (server->naddrs == 0 && resolver != NULL) {
        server->resolver = resolver;
        server->resolver_timeout = timeout;

    } else if (server->naddrs == 0) {

        ngx_memzero(&u, sizeof(ngx_url_t));

        u.host = server->host;
        u.port = server->port;

        if (ngx_inet_resolve_host(cf->pool, &u) != NGX_OK
            || u.naddrs == 0)
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "%s in \"chat_redis\" of \"%V\"; a "
                               "\"resolver\" at the http level would resolve "
                               "it at run time",
                               u.err != NULL ? u.err : "no memory",
                               &server->name);
            return NGX_ERROR;
        }

        server->addrs = u.addrs;
        server->naddrs = u.naddrs;
    }

#if (NGX_SSL)
    if (server->tls) {
        return ngx_http_chat_redis_prepare_tls(cf, server);
    }
#endif

    return NGX_OK;
}


#if (NGX_SSL)

static ngx_int_t
ngx_http_chat_redis_prepare_tls(ngx_conf_t *cf,
    ngx_http_chat_redis_server_t *server)
{
    ngx_ssl_t           *ssl;
    ngx_pool_cleanup_t  *cln;

    ssl = &server->ssl;
    ssl->log = cf->log;

    if (ngx_ssl_create(ssl, NGX_SSL_TLSv1_2|NGX_SSL_TLSv1_3, NULL) != NGX_OK)
    {
        return NGX_ERROR;
    }

    cln = ngx_pool_cleanup_add(cf->pool, 0);
    if (cln == NULL) {
        ngx_ssl_cleanup_ctx(ssl);
        return NGX_ERROR;
    }

    cln->handler = ngx_ssl_cleanup_ctx;
    cln->data = ssl;

    if (server->ca.len != 0) {
        return ngx_ssl_trusted_certificate(cf, ssl, &server->ca, 4);
    }

    if (SSL_CTX_set_default_verify_paths(ssl->ctx) != 1) {
        ngx_ssl_error(NGX_LOG_EMERG, cf->log, 0,
                      "SSL_CTX_set_default_verify_paths() failed");
        return NGX_ERROR;
    }

    return NGX_OK;
}

#endif
