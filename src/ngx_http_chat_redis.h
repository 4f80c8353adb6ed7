
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#ifndef _NGX_HTTP_CHAT_REDIS_H_INCLUDED_
#define _NGX_HTTP_CHAT_REDIS_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_http_chat_id.h"


/*
 * Connections to Redis for Pub/Sub: ordinary nonblocking connections of
 * nginx, with TLS by nginx.  hiredis formats commands and parses replies, and
 * never sees a socket.  A connection either sends commands or receives
 * channels, since RESP2 does not mix them.  Whatever the server says is data:
 * an answer that was not expected closes the connection, and the next attempt
 * follows at random within a growing time.  Knows nothing of chat.
 */

typedef struct ngx_http_chat_redis_s  ngx_http_chat_redis_t;


/* where the server is, from the configuration */

typedef struct {
    ngx_str_t                 name;          /* for logs, without secrets */
    ngx_str_t                 host;          /* empty: a Unix socket */
    in_port_t                 port;
    ngx_str_t                 user;          /* empty: the default one */
    ngx_str_t                 password;      /* empty: no AUTH */
    ngx_str_t                 ca;            /* empty: of the system */
    ngx_addr_t               *addrs;
    ngx_uint_t                naddrs;        /* 0: to be resolved */
    ngx_resolver_t           *resolver;      /* at run time, if not NULL */
    ngx_msec_t                resolver_timeout;
#if (NGX_SSL)
    ngx_ssl_t                 ssl;
#endif
    unsigned                  tls:1;
} ngx_http_chat_redis_server_t;


/*
 * Names of channels, at most 128 bytes each.  A topic's channel is the prefix
 * followed by the id's 36 characters.
 */

typedef struct {
    ngx_str_t                 role;          /* for logs and CLIENT LIST */
    ngx_http_chat_redis_server_t  *server;
    ngx_str_t                 prefix;
    ngx_str_t                 control;       /* of this worker alone */
    ngx_str_t                 all;           /* of all workers */
    unsigned                  subscriber:1;

    /*
     * 1: a command was answered, or every channel is received; 0: the
     * connection is lost.  These are called from the event loop; they may
     * publish, subscribe and unsubscribe.
     */
    void                    (*on_state)(ngx_http_chat_redis_t *redis,
                                ngx_uint_t ready);
    /* the strings are valid during the call */
    void                    (*on_message)(ngx_http_chat_redis_t *redis,
                                ngx_str_t *channel, ngx_str_t *payload);
    void                    (*on_subscribed)(ngx_http_chat_redis_t *redis,
                                ngx_http_chat_id_t *id);
} ngx_http_chat_redis_conf_t;


typedef struct {
    ngx_uint_t                connects;      /* times it became ready */
    ngx_uint_t                failures;      /* lost or not made */
    ngx_uint_t                commands;      /* answered as they should be */
    ngx_uint_t                drops;         /* not sent, or not answered */
    ngx_uint_t                errors;        /* refused, or no reply at all */
    uint64_t                  setup;         /* us, of the last connection:
                                              * until it was ready */
} ngx_http_chat_redis_stats_t;


/*
 * For configuration time: parses unix:<path>, unix://user:password@/path,
 * redis://[user:password@]host[:port], rediss:// likewise, or file:<path> of
 * a file that holds one of them.  Returns NGX_CONF_OK or NGX_CONF_ERROR, the
 * reason then being in the log, without a part of the value.
 */
char *ngx_http_chat_redis_url(ngx_conf_t *cf, ngx_str_t *value,
    ngx_http_chat_redis_server_t *server);

/*
 * The second half, once the resolver is known (NULL: none): resolves the name
 * now if there is none, and prepares TLS.  NGX_ERROR, the reason is logged.
 */
ngx_int_t ngx_http_chat_redis_prepare(ngx_conf_t *cf,
    ngx_http_chat_redis_server_t *server, ngx_resolver_t *resolver,
    ngx_msec_t timeout);

/*
 * conf is borrowed for the life of the engine, its names may be changed
 * before reconnect().  Nothing is connected yet.  NULL on no memory.
 */
ngx_http_chat_redis_t *ngx_http_chat_redis_create(
    ngx_http_chat_redis_conf_t *conf, ngx_log_t *log);

/*
 * Connects, or closes and connects again.  With a reason it is a failure
 * which is logged and backed off from.  Not to be called from callbacks.
 */
void ngx_http_chat_redis_reconnect(ngx_http_chat_redis_t *redis,
    const char *reason);

/* PUBLISH; copied.  NGX_BUSY: dropped, and counted */
ngx_int_t ngx_http_chat_redis_publish(ngx_http_chat_redis_t *redis,
    ngx_str_t *channel, ngx_str_t *payload);

/*
 * Wants a topic's channel, also over reconnects.  NGX_OK: it is received.
 * NGX_AGAIN: on_subscribed() follows, some time.  NGX_ERROR: no memory.
 */
ngx_int_t ngx_http_chat_redis_subscribe(ngx_http_chat_redis_t *redis,
    ngx_http_chat_id_t *id);
void ngx_http_chat_redis_unsubscribe(ngx_http_chat_redis_t *redis,
    ngx_http_chat_id_t *id);

ngx_uint_t ngx_http_chat_redis_is_ready(ngx_http_chat_redis_t *redis);
ngx_http_chat_redis_stats_t *ngx_http_chat_redis_stats(
    ngx_http_chat_redis_t *redis);

/* without callbacks; the last call (exit_process) */
void ngx_http_chat_redis_destroy(ngx_http_chat_redis_t *redis);


#endif /* _NGX_HTTP_CHAT_REDIS_H_INCLUDED_ */
