
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#ifndef _NGX_HTTP_CHAT_LIMIT_H_INCLUDED_
#define _NGX_HTTP_CHAT_LIMIT_H_INCLUDED_


#include "ngx_http_chat.h"
#include "ngx_http_chat_bucket.h"


/*
 * Limits of a host: of a visitor or an agent first, then of an address (/32
 * of IPv4, /64 of IPv6), then of the worker.  They live in shared memory of a
 * fixed size; when it is full the oldest is forgotten, and nobody is refused
 * for that.  An address limits strangers, and those who are known only so
 * widely that an office behind it is not locked out.
 */


/* in the order of ngx_http_chat_metric_limits */

typedef enum {
    NGX_HTTP_CHAT_LIMIT_MESSAGES = 0,        /* of a visitor */
    NGX_HTTP_CHAT_LIMIT_SUSTAINED,
    NGX_HTTP_CHAT_LIMIT_TYPING,
    NGX_HTTP_CHAT_LIMIT_CONVERSATIONS,
    NGX_HTTP_CHAT_LIMIT_HANDSHAKES,          /* member, or stranger's address */
    NGX_HTTP_CHAT_LIMIT_STREAMS,             /* a number of them; likewise */
    NGX_HTTP_CHAT_LIMIT_TOKENS,              /* of an address */
    NGX_HTTP_CHAT_LIMIT_ADDRESS_MESSAGES,
    NGX_HTTP_CHAT_LIMIT_ADDRESS_HANDSHAKES,
    NGX_HTTP_CHAT_LIMIT_ADDRESS_STREAMS,     /* a number */
    NGX_HTTP_CHAT_LIMIT_AGENT,               /* of an agent */
    NGX_HTTP_CHAT_LIMIT_SIGN_INS,            /* e-mail at an address */
    NGX_HTTP_CHAT_LIMIT_ADDRESS_SIGN_INS,
    NGX_HTTP_CHAT_LIMIT_FAILURES,            /* a number, in PostgreSQL */
    NGX_HTTP_CHAT_LIMIT_SUBSCRIPTIONS,       /* of a worker */
    NGX_HTTP_CHAT_LIMIT_FRAMES,              /* of a WebSocket */
    NGX_HTTP_CHAT_LIMIT_TRACKS,              /* of a visitor */
    NGX_HTTP_CHAT_LIMIT_N
} ngx_http_chat_limit_e;


struct ngx_http_chat_limit_conf_s {
    ngx_http_chat_rate_t      rates[NGX_HTTP_CHAT_LIMIT_N];
    unsigned                  off:1;         /* "chat_limit off" */
};


typedef enum {
    NGX_HTTP_CHAT_LIMIT_SEND = 0,            /* a message */
    NGX_HTTP_CHAT_LIMIT_CREATE,              /* a conversation */
    NGX_HTTP_CHAT_LIMIT_TYPE,                /* typing */
    NGX_HTTP_CHAT_LIMIT_TRACK,               /* what a page tells */
    NGX_HTTP_CHAT_LIMIT_CHANGE,              /* of a conversation */
    NGX_HTTP_CHAT_LIMIT_TOKEN,               /* a new visitor */
    NGX_HTTP_CHAT_LIMIT_HANDSHAKE,           /* of a WebSocket, start of SSE */
    NGX_HTTP_CHAT_LIMIT_TICKET               /* a handshake that has one */
} ngx_http_chat_limit_action_e;


/*
 * Returns 0 when the actor may do it now, or the ms to wait: 429 with
 * Retry-After, or an error frame with retry_after_ms.  Nothing is taken when
 * it is refused, and chat_status counts the limit that was the first.  actor
 * is NULL or has no kind: a stranger.  sa: of the connection (realip has been
 * at it by then); NULL or a Unix socket has no address, and only limits of
 * actors hold.
 */
ngx_msec_t ngx_http_chat_limit_take(ngx_http_chat_limit_conf_t *conf,
    ngx_http_chat_limit_action_e action, ngx_http_chat_actor_t *actor,
    struct sockaddr *sa);


/*
 * Who shook hands as a stranger has said who he is: the handshake is his, not
 * the stranger's any more.  Returns 0 or the ms to wait.
 */
ngx_msec_t ngx_http_chat_limit_enter(ngx_http_chat_limit_conf_t *conf,
    ngx_http_chat_actor_t *actor, struct sockaddr *sa);

/*
 * A frame of a WebSocket, whose bucket *full is: zero at first.  0, or the ms
 * to wait: close code 4429.
 */
ngx_msec_t ngx_http_chat_limit_frame(ngx_http_chat_limit_conf_t *conf,
    int64_t *full);


/* as much of an address as limits look at, for who outlives the request */

typedef union {
    struct sockaddr           sockaddr;
    struct sockaddr_in        in;
#if (NGX_HAVE_INET6)
    struct sockaddr_in6       in6;
#endif
} ngx_http_chat_limit_peer_t;

void ngx_http_chat_limit_keep(ngx_http_chat_limit_peer_t *peer,
    struct sockaddr *sa);


/*
 * Open streams: zeroed and embedded by who holds one.  A worker that dies
 * holds none any more.
 */

typedef struct {
    uint64_t                  held[2];
} ngx_http_chat_limit_stream_t;

/* NGX_OK, or NGX_BUSY: there are too many (429, or close code 4409) */
ngx_int_t ngx_http_chat_limit_open(ngx_http_chat_limit_stream_t *s,
    ngx_http_chat_limit_conf_t *conf, ngx_http_chat_actor_t *actor,
    struct sockaddr *sa);

/*
 * Idempotent.  A stranger's stream that gets an actor is closed and opened
 * anew.
 */
void ngx_http_chat_limit_close(ngx_http_chat_limit_stream_t *s);


/*
 * A subscription that PostgreSQL has to be read for, in this worker: 0, or
 * the ms to wait (503 with Retry-After, or close code 1013).  conf NULL: 0.
 */
ngx_msec_t ngx_http_chat_limit_admit(ngx_http_chat_limit_conf_t *conf);


/*
 * An attempt to sign in as somebody; hash has NGX_HTTP_CHAT_BUCKET_KEY bytes
 * that tell e-mails apart.  Returns 0 or the ms to wait.  One that succeeds
 * is given back, so that it does not count.
 */
ngx_msec_t ngx_http_chat_limit_sign_in(ngx_http_chat_limit_conf_t *conf,
    u_char *hash, struct sockaddr *sa);
void ngx_http_chat_limit_signed_in(ngx_http_chat_limit_conf_t *conf,
    u_char *hash, struct sockaddr *sa);

/* writes NGX_HTTP_CHAT_BUCKET_KEY bytes; NGX_DECLINED: it has no address */
ngx_int_t ngx_http_chat_limit_address(struct sockaddr *sa, u_char *key);


/* limit_conf: "chat_limit" */
char *ngx_http_chat_limit_directive(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/* *conf and prev are NGX_CONF_UNSET_PTR where nothing was said.  NGX_ERROR */
ngx_int_t ngx_http_chat_limit_merge(ngx_conf_t *cf,
    ngx_http_chat_limit_conf_t *prev, ngx_http_chat_limit_conf_t **conf);


/* limit_zone: adds it at configuration time.  NGX_ERROR */
ngx_int_t ngx_http_chat_limit_zone(ngx_conf_t *cf, void *tag);

/* takes a line of the zone, and gives it back */
void ngx_http_chat_limit_init(ngx_cycle_t *cycle, void *tag);
void ngx_http_chat_limit_exit(void);

/* the table, locked, or NULL without a zone */
ngx_http_chat_buckets_t *ngx_http_chat_limit_lock(void);
void ngx_http_chat_limit_unlock(void);

/*
 * How many streams all workers hold under the key; adds one or takes one away
 * from those of this worker.  A table that is full counts nothing more.
 */
ngx_uint_t ngx_http_chat_limit_count(uint64_t key);
ngx_int_t ngx_http_chat_limit_hold(uint64_t key);
void ngx_http_chat_limit_drop(uint64_t key);

/* of key and kind, never 0 */
uint64_t ngx_http_chat_limit_hash(u_char *key, uint32_t kind);


#endif /* _NGX_HTTP_CHAT_LIMIT_H_INCLUDED_ */
