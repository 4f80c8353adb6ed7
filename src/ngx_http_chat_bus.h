
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#ifndef _NGX_HTTP_CHAT_BUS_H_INCLUDED_
#define _NGX_HTTP_CHAT_BUS_H_INCLUDED_


#include "ngx_http_chat.h"


/*
 * Messages between workers and hosts.  They are hints: what they speak of is
 * in PostgreSQL, and the sweep finds what got lost.
 */

typedef enum {
    NGX_HTTP_CHAT_BUS_EVENT = 0,             /* id: conversation, n: seq */
    NGX_HTTP_CHAT_BUS_STATE,                 /* id: conversation */
    NGX_HTTP_CHAT_BUS_SESSION,               /* id: ended agent session */
    NGX_HTTP_CHAT_BUS_TYPES
} ngx_http_chat_bus_type_e;


typedef struct {
    ngx_http_chat_bus_type_e  type;
    int32_t                   site;
    ngx_http_chat_id_t        id;
    int64_t                   n;
} ngx_http_chat_bus_message_t;


typedef void (*ngx_http_chat_bus_handler_pt)(
    ngx_http_chat_bus_message_t *message);

/* 1: messages arrive from now on; 0: they may be lost from now on */
typedef void (*ngx_http_chat_bus_state_pt)(ngx_uint_t ready);


ngx_int_t ngx_http_chat_bus_init(ngx_cycle_t *cycle,
    ngx_http_chat_main_conf_t *mcf, ngx_http_chat_bus_state_pt on_state);
void ngx_http_chat_bus_exit(void);

/* who is told of messages of other workers; one for each type */
void ngx_http_chat_bus_on(ngx_http_chat_bus_type_e type,
    ngx_http_chat_bus_handler_pt handler);

/* starts to receive, once the schema is there */
void ngx_http_chat_bus_start(void);

ngx_uint_t ngx_http_chat_bus_ready(void);

/* to everybody else; what does not fit into the queue is dropped */
void ngx_http_chat_bus_publish(ngx_http_chat_bus_message_t *message);


#endif /* _NGX_HTTP_CHAT_BUS_H_INCLUDED_ */
