
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#ifndef _NGX_HTTP_CHAT_BUS_H_INCLUDED_
#define _NGX_HTTP_CHAT_BUS_H_INCLUDED_


#include "ngx_http_chat.h"


/*
 * Messages between workers and hosts, over one of two carriers.  What they
 * speak of is in PostgreSQL or will be said again: a message may be lost,
 * late, out of order or twice, and the sweep bounds the damage.
 */

typedef enum {
    NGX_HTTP_CHAT_BUS_EVENT = 0,    /* n: 2 seq + internal; data: the event,
                                     * or empty */
    NGX_HTTP_CHAT_BUS_SIGNAL,       /* data: an event without seq */
    NGX_HTTP_CHAT_BUS_TYPING,       /* data: presence.h */
    NGX_HTTP_CHAT_BUS_PRESENCE,     /* data: presence.h */
    NGX_HTTP_CHAT_BUS_SESSION,      /* id: agent session that has ended */
    NGX_HTTP_CHAT_BUS_WORKER,       /* a worker lives (n 1) or leaves (0) */
    NGX_HTTP_CHAT_BUS_SWEEP,        /* a worker has started: look again */
    NGX_HTTP_CHAT_BUS_SITE,         /* settings have changed: look again */
    NGX_HTTP_CHAT_BUS_TYPES
} ngx_http_chat_bus_type_e;


#define NGX_HTTP_CHAT_BUS_ORIGIN     16      /* hex digits, of a worker */
#define NGX_HTTP_CHAT_BUS_INLINE     8192    /* the longest data */


typedef struct {
    ngx_http_chat_bus_type_e  type;
    int32_t                   site;
    ngx_http_chat_id_t        id;            /* conversation, session, ... */
    int64_t                   n;
    ngx_str_t                 data;          /* any bytes but NUL */
    u_char                    origin[NGX_HTTP_CHAT_BUS_ORIGIN];  /* received */
} ngx_http_chat_bus_message_t;


typedef void (*ngx_http_chat_bus_handler_pt)(
    ngx_http_chat_bus_message_t *message);

/* 1: messages arrive from now on; 0: they may be lost from now on */
typedef void (*ngx_http_chat_bus_state_pt)(ngx_uint_t ready);

/* a topic's channel is received from now on, or this will take too long */
typedef void (*ngx_http_chat_bus_subscribed_pt)(ngx_http_chat_id_t *topic);


ngx_int_t ngx_http_chat_bus_init(ngx_cycle_t *cycle,
    ngx_http_chat_main_conf_t *mcf, ngx_http_chat_bus_state_pt on_state,
    ngx_http_chat_bus_subscribed_pt on_subscribed);
void ngx_http_chat_bus_exit(void);

/* who is told of messages of other workers; one for each type */
void ngx_http_chat_bus_on(ngx_http_chat_bus_type_e type,
    ngx_http_chat_bus_handler_pt handler);

/* starts to receive, once the schema and the epoch are known */
void ngx_http_chat_bus_start(void);

/* every message of the others arrives, as far as can be told */
ngx_uint_t ngx_http_chat_bus_ready(void);

/*
 * Receives a topic's channel.  NGX_OK: it is received already, or the bus is
 * degraded and the sweep has to do.  NGX_AGAIN: on_subscribed() follows, at
 * the latest after 1 s.
 */
ngx_int_t ngx_http_chat_bus_subscribe(ngx_http_chat_id_t *topic);
void ngx_http_chat_bus_unsubscribe(ngx_http_chat_id_t *topic);

/*
 * To everybody else who receives the channel of a topic, or with NULL to
 * every worker; data is copied.  What does not fit into the queue is dropped.
 */
void ngx_http_chat_bus_publish(ngx_http_chat_id_t *topic,
    ngx_http_chat_bus_message_t *message);

/* topics have channels of their own, and events travel whole */
ngx_uint_t ngx_http_chat_bus_separate(void);

/* this worker, NGX_HTTP_CHAT_BUS_ORIGIN characters */
u_char *ngx_http_chat_bus_origin(void);


/*
 * Carriers.  A carrier moves items, made and read by ngx_http_chat_bus.c:
 * an item has no NUL, line feed or carriage return outside its data.
 */

typedef struct {
    const char  *name;
    unsigned     separate:1;                 /* a channel for each topic */

    ngx_int_t  (*init)(ngx_cycle_t *cycle, ngx_http_chat_main_conf_t *mcf);
    void       (*start)(void);
    void       (*exit)(void);
    ngx_uint_t (*ready)(void);
    ngx_int_t  (*subscribe)(ngx_http_chat_id_t *topic);
    void       (*unsubscribe)(ngx_http_chat_id_t *topic);

    /* topic is NULL for everybody */
    void       (*publish)(ngx_http_chat_id_t *topic, u_char *item,
                   size_t len);
} ngx_http_chat_bus_carrier_t;

extern ngx_http_chat_bus_carrier_t  ngx_http_chat_bus_pg;
extern ngx_http_chat_bus_carrier_t  ngx_http_chat_bus_redis;

/* called by carriers; items of this worker are dropped here */
void ngx_http_chat_bus_received(u_char *p, size_t len);
void ngx_http_chat_bus_state(ngx_uint_t ready);
void ngx_http_chat_bus_subscribed(ngx_http_chat_id_t *topic);


#endif /* _NGX_HTTP_CHAT_BUS_H_INCLUDED_ */
