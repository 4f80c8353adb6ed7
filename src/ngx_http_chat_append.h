
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#ifndef _NGX_HTTP_CHAT_APPEND_H_INCLUDED_
#define _NGX_HTTP_CHAT_APPEND_H_INCLUDED_


#include "ngx_http_chat.h"
#include "ngx_http_chat_event.h"


typedef struct ngx_http_chat_append_s  ngx_http_chat_append_t;

typedef void (*ngx_http_chat_append_pt)(ngx_http_chat_append_t *a);


typedef struct {
    ngx_http_chat_actor_t    *actor;
    ngx_http_chat_id_t       *conversation;
    ngx_str_t                *client_id;
    ngx_str_t                *text;
    ngx_str_t                *data;          /* JSON object, or NULL */
    ngx_http_chat_ids_t      *files;         /* NULL or none: no attachment */
    ngx_http_chat_ids_t      *mentions;      /* NULL or none: nobody */
    int64_t                   expected;      /* -1: none */
    unsigned                  internal:1;
} ngx_http_chat_append_args_t;


/*
 * One message on its way into the log.  Made by ngx_http_chat_append_send(),
 * which copies its arguments; freed after done().
 */

struct ngx_http_chat_append_s {
    ngx_queue_t               queue;
    ngx_http_chat_append_pt   done;
    void                     *data;          /* the caller's */

    ngx_http_chat_actor_t     actor;
    ngx_http_chat_id_t        conversation;
    ngx_http_chat_id_t        id;
    ngx_str_t                 client_id;
    ngx_str_t                 text;
    ngx_str_t                 json;          /* data; NULL is none */
    ngx_http_chat_ids_t       files;
    ngx_http_chat_ids_t       mentions;
    int64_t                   expected;
    uint64_t                  since;         /* microseconds */
    ngx_uint_t                tries;
    unsigned                  internal:1;

    /* result, as in ngx_http_chat_pg.h; outcome only with NGX_OK */
    ngx_int_t                 rc;
    ngx_str_t                 outcome;       /* valid inside done() */
    ngx_http_chat_id_t        event_id;
    int64_t                   seq;
    int64_t                   created;       /* ms since the epoch */
};


/*
 * Appends that arrive while a batch is in flight go out together as the next
 * one.  done() is called from the event loop, after the commit, and after
 * on_event() of the events that it made.  NULL: queue full or no memory.
 */
ngx_http_chat_append_t *ngx_http_chat_append_send(
    ngx_http_chat_append_args_t *args, ngx_http_chat_append_pt done,
    void *data);

/* is told every event that an append made; it may keep a reference */
typedef void (*ngx_http_chat_append_event_pt)(ngx_http_chat_event_t *event);

void ngx_http_chat_append_init(ngx_http_chat_append_event_pt on_event);

/* waiting for a batch or in one */
ngx_uint_t ngx_http_chat_append_pending(void);


#endif /* _NGX_HTTP_CHAT_APPEND_H_INCLUDED_ */
