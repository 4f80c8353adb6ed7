
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#include "ngx_http_chat_ws_private.h"


/* what a connection does not need while it is idle */


static void ngx_http_chat_ws_free_buffers(ngx_connection_t *c,
    ngx_http_connection_t *hc);
static void ngx_http_chat_ws_shrink_pool(ngx_connection_t *c);
static ngx_int_t ngx_http_chat_ws_move(ngx_connection_t *c,
    ngx_pool_t *pool);


void
ngx_http_chat_ws_release(ngx_connection_t *c, ngx_http_connection_t *hc)
{
    ngx_http_chat_ws_free_buffers(c, hc);
    ngx_http_chat_ws_shrink_pool(c);
}


/* as ngx_http_set_keepalive() does for an idle connection */

static void
ngx_http_chat_ws_free_buffers(ngx_connection_t *c, ngx_http_connection_t *hc)
{
    ngx_buf_t    *b;
    ngx_chain_t  *cl, *ln;

    b = c->buffer;

    if (b != NULL && ngx_pfree(c->pool, b->start) == NGX_OK) {
        b->pos = NULL;
    }

    for (cl = hc->free; cl != NULL; /* void */ ) {
        ln = cl;
        cl = cl->next;
        ngx_pfree(c->pool, ln->buf->start);
        ngx_free_chain(c->pool, ln);
    }

    hc->free = NULL;

    for (cl = hc->busy; cl != NULL; /* void */ ) {
        ln = cl;
        cl = cl->next;
        ngx_pfree(c->pool, ln->buf->start);
        ngx_free_chain(c->pool, ln);
    }

    hc->busy = NULL;
    hc->nbusy = 0;
}


/*
 * What is left in the pool of a connection that is idle for long is its log,
 * its addresses and what nginx keeps of its TLS: they move to one of just that
 * size.  A pool that holds anything else (what a module has to clean up)
 * stays.
 */

static void
ngx_http_chat_ws_shrink_pool(ngx_connection_t *c)
{
    size_t             size;
    ngx_pool_t        *pool;
    ngx_pool_large_t  *large;

    size = sizeof(ngx_pool_t) + sizeof(ngx_log_t)
           + sizeof(ngx_http_log_ctx_t)
           + ngx_align(c->socklen, NGX_ALIGNMENT) + c->addr_text.len;

#if (NGX_HTTP_SSL)

    if (c->ssl != NULL) {

        if (c->buffered || c->ssl->ocsp != NULL) {
            return;
        }

        ngx_ssl_free_buffer(c);

        /* the buffer comes back with each answer, as a large one */

        size += sizeof(ngx_ssl_connection_t) + sizeof(ngx_buf_t)
                + sizeof(ngx_pool_large_t) + 2 * NGX_ALIGNMENT;
    }

#endif

    for (large = c->pool->large; large != NULL; large = large->next) {
        if (large->alloc != NULL) {
            return;
        }
    }

    if (c->pool->cleanup != NULL || c->proxy_protocol != NULL
        || c->local_sockaddr != c->listening->sockaddr)
    {
        return;
    }

    pool = ngx_create_pool(size, c->log);
    if (pool == NULL) {
        return;
    }

    if (ngx_http_chat_ws_move(c, pool) != NGX_OK) {
        ngx_destroy_pool(pool);
    }
}


/* nothing is changed before all is there */

static ngx_int_t
ngx_http_chat_ws_move(ngx_connection_t *c, ngx_pool_t *pool)
{
    u_char                *text;
    ngx_log_t             *log;
    struct sockaddr       *sockaddr;
    ngx_http_log_ctx_t    *ctx;
#if (NGX_HTTP_SSL)
    ngx_buf_t             *b;
    ngx_ssl_connection_t  *ssl;
#endif

    log = ngx_palloc(pool, sizeof(ngx_log_t));
    ctx = ngx_palloc(pool, sizeof(ngx_http_log_ctx_t));
    sockaddr = ngx_palloc(pool, c->socklen);
    text = ngx_pnalloc(pool, c->addr_text.len);

    if (log == NULL || ctx == NULL || sockaddr == NULL || text == NULL) {
        return NGX_ERROR;
    }

#if (NGX_HTTP_SSL)

    if (c->ssl != NULL) {

        ssl = ngx_palloc(pool, sizeof(ngx_ssl_connection_t));
        b = ngx_pcalloc(pool, sizeof(ngx_buf_t));

        if (ssl == NULL || b == NULL) {
            return NGX_ERROR;
        }

        *ssl = *c->ssl;

        if (ssl->buf != NULL) {
            *b = *ssl->buf;
            ssl->buf = b;
        }

        c->ssl = ssl;
    }

#endif

    *log = *c->log;
    *ctx = *(ngx_http_log_ctx_t *) c->log->data;
    log->data = ctx;

    ngx_memcpy(sockaddr, c->sockaddr, c->socklen);
    ngx_memcpy(text, c->addr_text.data, c->addr_text.len);

    c->sockaddr = sockaddr;
    c->addr_text.data = text;
    c->buffer = NULL;
    c->log = log;
    c->read->log = log;
    c->write->log = log;
    pool->log = log;

    ngx_destroy_pool(c->pool);
    c->pool = pool;

    return NGX_OK;
}
