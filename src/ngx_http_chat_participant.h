
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


/* numbers of workers that are kept in place */
#define NGX_HTTP_CHAT_REMOTE         8


/*
 * A member of a topic that is there, was there or is typing.  There is one
 * for each subscriber of most topics, so it is small: the name stands behind
 * it, as the JSON text of "name" alone.
 */

typedef struct ngx_http_chat_participant_s  ngx_http_chat_participant_t;

struct ngx_http_chat_participant_s {
    ngx_http_chat_participant_t  *next;      /* of the topic */
    ngx_queue_t                   due;       /* has a deadline */
    ngx_http_chat_feed_topic_t   *topic;
    uint32_t                      gone;      /* ms: streams ended at */
    uint32_t                      typed;     /* ms: last said at */
    ngx_http_chat_id_t            id;

    union {
        u_char                    list[NGX_HTTP_CHAT_REMOTE];
        u_char                   *more;      /* malloc, one for each worker */
    } remote;                                /* workers where streams are */

    uint32_t                      local;     /* streams of this worker */
    uint16_t                      nremote;
    uint16_t                      len;       /* of the name */
    u_char                        kind;
    u_char                        typing;    /* to whom: bits of kinds */
    unsigned                      online:1;
    unsigned                      is_due:1;
    u_char                        name[];
};


/* longest "who", the JSON object that events name a member by */
#define NGX_HTTP_CHAT_WHO            1024


void ngx_http_chat_participant_init(void);
void ngx_http_chat_participant_exit(void);

/* NULL: not there */
ngx_http_chat_participant_t *ngx_http_chat_participant_find(
    ngx_http_chat_feed_topic_t *t, ngx_uint_t kind, ngx_http_chat_id_t *id);

/*
 * Finds or makes it, with the name in who, or with the one that it has if who
 * is empty: it may move when that is longer than the one before.  NULL: no
 * name, a topic full of those who are there, or no memory.
 */
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

/* writes who, at most NGX_HTTP_CHAT_WHO bytes; returns its end */
u_char *ngx_http_chat_participant_who(ngx_http_chat_participant_t *p,
    u_char *d);

/* frees all of a topic */
void ngx_http_chat_participant_drop(ngx_http_chat_feed_topic_t *t);

/* has a stream anywhere */
#define ngx_http_chat_participant_here(p)                                    \
    ((p)->local != 0 || (p)->nremote != 0)

/* has a stream on another worker, or not any more; NGX_DECLINED: as before */
ngx_int_t ngx_http_chat_participant_remote(ngx_http_chat_participant_t *p,
    ngx_uint_t worker, ngx_uint_t on);

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
