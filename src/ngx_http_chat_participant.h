
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#ifndef _NGX_HTTP_CHAT_PARTICIPANT_H_INCLUDED_
#define _NGX_HTTP_CHAT_PARTICIPANT_H_INCLUDED_


#include "ngx_http_chat.h"
#include "ngx_http_chat_topic.h"


/* of one topic; further ones are not shown */
#define NGX_HTTP_CHAT_PARTICIPANTS   64

/* other workers; further ones are not known by presence */
#define NGX_HTTP_CHAT_WORKERS        256


/* names that are remembered; another one may take the place of each */
#define NGX_HTTP_CHAT_NAMES          1024


/* a member of a topic that is there, was there or is typing */

typedef struct {
    ngx_queue_t                  queue;      /* of the topic */
    ngx_queue_t                  due;        /* has a deadline */
    ngx_http_chat_feed_topic_t  *topic;
    ngx_uint_t                   kind;
    ngx_http_chat_id_t           id;
    ngx_uint_t                   local;      /* streams of this worker */
    uint64_t                     remote[NGX_HTTP_CHAT_WORKERS / 64];
    ngx_msec_t                   gone;       /* streams ended at */
    ngx_msec_t                   typed;      /* last said at */
    ngx_uint_t                   typing;     /* to whom: bits of kinds */
    unsigned                     online:1;
    unsigned                     is_due:1;
    ngx_str_t                    who;        /* JSON, behind the struct */
} ngx_http_chat_participant_t;


void ngx_http_chat_participant_init(void);
void ngx_http_chat_participant_exit(void);

/* NULL: not there */
ngx_http_chat_participant_t *ngx_http_chat_participant_find(
    ngx_http_chat_feed_topic_t *t, ngx_uint_t kind, ngx_http_chat_id_t *id);

/* finds or makes it; NULL: who is empty, the topic is full or no memory */
ngx_http_chat_participant_t *ngx_http_chat_participant_get(
    ngx_http_chat_feed_topic_t *t, ngx_uint_t kind, ngx_http_chat_id_t *id,
    ngx_str_t *who);

/*
 * What agents are called, as was read last: also of topics in which they have
 * not been yet.  NGX_DECLINED: not known.
 */
void ngx_http_chat_participant_called(ngx_http_chat_id_t *id,
    ngx_str_t *who);
ngx_int_t ngx_http_chat_participant_name(ngx_http_chat_id_t *id,
    ngx_str_t *who);

/* frees all of a topic */
void ngx_http_chat_participant_drop(ngx_http_chat_feed_topic_t *t);

/* has a stream anywhere */
ngx_uint_t ngx_http_chat_participant_here(ngx_http_chat_participant_t *p);

/* those with a deadline: calls each(), which may take p off the list */
void ngx_http_chat_participant_due(ngx_http_chat_participant_t *p,
    ngx_uint_t on);
void ngx_http_chat_participant_each_due(
    void (*each)(ngx_http_chat_participant_t *p));

/* number of another worker, -1: the table is full; it has been heard now */
ngx_int_t ngx_http_chat_worker_index(u_char *origin);

/* forgets workers not heard for so long (ms), or the one; calls lost() */
void ngx_http_chat_worker_expire(ngx_msec_t age,
    void (*lost)(ngx_uint_t index));
void ngx_http_chat_worker_remove(u_char *origin,
    void (*lost)(ngx_uint_t index));


#endif /* _NGX_HTTP_CHAT_PARTICIPANT_H_INCLUDED_ */
