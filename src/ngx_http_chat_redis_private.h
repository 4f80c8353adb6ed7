
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#ifndef _NGX_HTTP_CHAT_REDIS_PRIVATE_H_INCLUDED_
#define _NGX_HTTP_CHAT_REDIS_PRIVATE_H_INCLUDED_


/* shared by the parts of the engine: connection, commands, channels */


#include <ngx_event.h>
#include <ngx_event_connect.h>

#include "ngx_http_chat_peer.h"
#include "ngx_http_chat_redis.h"
#include "ngx_http_chat_redis_reply.h"


/* replies that may be outstanding, a power of two */
#define NGX_HTTP_CHAT_REDIS_EXPECTED  4096

/* bytes that may wait for the socket */
#define NGX_HTTP_CHAT_REDIS_OUT       (512 * 1024)

/* channels of one SUBSCRIBE, and the longest name of one */
#define NGX_HTTP_CHAT_REDIS_BATCH     512
#define NGX_HTTP_CHAT_REDIS_NAME      128

/* to connect, and for each reply; in ms */
#define NGX_HTTP_CHAT_REDIS_TIME      2000

/* an outage is to be over 5 s after its end, also for who waits longest */
#define NGX_HTTP_CHAT_REDIS_BACKOFF   2000


typedef enum {
    ngx_http_chat_redis_idle_state = 0,
    ngx_http_chat_redis_wait_state,          /* for the next attempt */
    ngx_http_chat_redis_resolve_state,
    ngx_http_chat_redis_connect_state,
    ngx_http_chat_redis_handshake_state,     /* of TLS */
    ngx_http_chat_redis_setup_state,         /* AUTH, name, first channels */
    ngx_http_chat_redis_ready_state
} ngx_http_chat_redis_state_e;


typedef enum {
    ngx_http_chat_redis_auth_reply = 0,
    ngx_http_chat_redis_name_reply,
    ngx_http_chat_redis_publish_reply
} ngx_http_chat_redis_kind_e;


typedef struct {
    ngx_http_chat_redis_kind_e        kind;
    ngx_msec_t                        sent;
} ngx_http_chat_redis_expected_t;


/* a topic's channel that is wanted */

typedef struct {
    ngx_rbtree_node_t                 node;  /* tree.h: these come first */
    ngx_http_chat_id_t                id;
    ngx_queue_t                       queue; /* todo, sent or leave */
} ngx_http_chat_redis_channel_t;

/* kept in the node's spare byte: there may be very many of these */

#define NGX_HTTP_CHAT_REDIS_TODO      0      /* in todo */
#define NGX_HTTP_CHAT_REDIS_SENT      1      /* in sent */
#define NGX_HTTP_CHAT_REDIS_DROPPED   2      /* in sent, to be left then */
#define NGX_HTTP_CHAT_REDIS_LEAVE     3      /* in leave, still received */
#define NGX_HTTP_CHAT_REDIS_RECEIVED  4      /* in no queue */


struct ngx_http_chat_redis_s {
    ngx_http_chat_redis_conf_t       *conf;

    ngx_connection_t                 *connection;
    ngx_resolver_ctx_t               *resolve;
    ngx_http_chat_peer_backoff_t      backoff;
    ngx_http_chat_redis_state_e       state;
    ngx_uint_t                        attempt;   /* chooses the address */

    ngx_http_chat_redis_reader_t      reader;
    ngx_http_chat_redis_expected_t   *expected;  /* ring */
    ngx_uint_t                        first;     /* of the ring, running */
    ngx_uint_t                        last;
    ngx_msec_t                        heard;     /* bytes came, or the first
                                                  * question went */

    u_char                           *out;
    u_char                           *pos;
    u_char                           *end;

    ngx_rbtree_t                      channels;
    ngx_rbtree_node_t                 sentinel;
    ngx_queue_t                       todo;
    ngx_queue_t                       sent;
    ngx_queue_t                       leave;
    ngx_uint_t                        fixed;     /* control and all, missing */

    ngx_event_t                       timer;     /* limits, next attempt */
    ngx_event_t                       watchdog;
    ngx_event_t                       flush;     /* posted: write */
    ngx_event_t                       more;      /* posted: read on */

    struct timespec                   began;     /* of the set-up */
    ngx_http_chat_redis_stats_t       stats;
    ngx_msec_t                        logged;
    ngx_uint_t                        skipped;
    ngx_log_t                         log;
    char                              reason[256];

    unsigned                          said:1;    /* a failure was logged */
    unsigned                          closed:1;  /* for ever */
};


/* ngx_http_chat_redis_connect.c */

/* idle state: an attempt, now */
void ngx_http_chat_redis_connect(ngx_http_chat_redis_t *redis);

/*
 * Closes the connection and plans the next attempt.  Calls on_state(), so it
 * has to be the last action of a handler.
 */
void ngx_http_chat_redis_close(ngx_http_chat_redis_t *redis,
    const char *reason);

/* from the replies: set up, and all that was to be received is */
void ngx_http_chat_redis_ready(ngx_http_chat_redis_t *redis);

/* writes a reason that quotes the server, and returns NGX_ERROR */
ngx_int_t ngx_http_chat_redis_refuse(ngx_http_chat_redis_t *redis,
    const char *what, ngx_str_t *text);

void ngx_http_chat_redis_timeout(ngx_event_t *ev);
u_char *ngx_http_chat_redis_log_handler(ngx_log_t *log, u_char *buf,
    size_t len);


/* ngx_http_chat_redis_io.c */

void ngx_http_chat_redis_read_handler(ngx_event_t *rev);
void ngx_http_chat_redis_write_handler(ngx_event_t *wev);
void ngx_http_chat_redis_flush_handler(ngx_event_t *ev);
void ngx_http_chat_redis_more_handler(ngx_event_t *ev);
void ngx_http_chat_redis_watchdog_handler(ngx_event_t *ev);
void ngx_http_chat_redis_post(ngx_event_t *ev);
void ngx_http_chat_redis_watch(ngx_http_chat_redis_t *redis);

/* formats a command into the buffer.  NGX_BUSY: it has no room */
ngx_int_t ngx_http_chat_redis_command(ngx_http_chat_redis_t *redis,
    ngx_uint_t argc, const char **argv, const size_t *lens);

/* room in the buffer */
size_t ngx_http_chat_redis_room(ngx_http_chat_redis_t *redis);


/* ngx_http_chat_redis.c */

/* AUTH and the rest, once connected */
ngx_int_t ngx_http_chat_redis_setup(ngx_http_chat_redis_t *redis);

/* NGX_ERROR: redis->reason says why the connection is to be closed */
ngx_int_t ngx_http_chat_redis_reply(ngx_http_chat_redis_t *redis);


/* ngx_http_chat_redis_channel.c */

void ngx_http_chat_redis_channel_init(ngx_http_chat_redis_t *redis);
void ngx_http_chat_redis_channel_exit(ngx_http_chat_redis_t *redis);

/* the fixed channels, before the others; NGX_BUSY */
ngx_int_t ngx_http_chat_redis_channel_setup(ngx_http_chat_redis_t *redis);

/*
 * Sends what is to be sent, as far as there is room; may end the set-up.
 * NGX_ERROR: no memory
 */
ngx_int_t ngx_http_chat_redis_channel_pump(ngx_http_chat_redis_t *redis);

/* nothing is received any more, what is wanted is to be asked for */
void ngx_http_chat_redis_channel_lost(ngx_http_chat_redis_t *redis);

/* as ngx_http_chat_redis_reply() */
ngx_int_t ngx_http_chat_redis_channel_reply(ngx_http_chat_redis_t *redis,
    ngx_http_chat_redis_reply_t *reply);


#endif /* _NGX_HTTP_CHAT_REDIS_PRIVATE_H_INCLUDED_ */
