
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#ifndef _NGX_HTTP_CHAT_HUB_H_INCLUDED_
#define _NGX_HTTP_CHAT_HUB_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_http_chat_id.h"


/*
 * Topics of this worker and who listens to them.  The hub knows lists of
 * subscribers and no more: what is delivered is the caller's.
 */

typedef struct ngx_http_chat_topic_s       ngx_http_chat_topic_t;
typedef struct ngx_http_chat_subscriber_s  ngx_http_chat_subscriber_t;


/* one table for all subscribers of a kind */

typedef struct {
    void                    (*deliver)(ngx_http_chat_subscriber_t *s,
                                void *event);
    void                    (*close)(ngx_http_chat_subscriber_t *s,
                                ngx_uint_t code);
} ngx_http_chat_subscriber_calls_t;


/* close codes below 4400: reconnect and resume (docs/protocol) */
#define NGX_HTTP_CHAT_CLOSE_RELOAD         1012
#define NGX_HTTP_CHAT_CLOSE_GONE           4410
#define NGX_HTTP_CHAT_CLOSE_UNAUTHORIZED   4401


/* embedded in a transport's object, which owns it */

struct ngx_http_chat_subscriber_s {
    ngx_queue_t               queue;
    ngx_http_chat_topic_t    *topic;         /* NULL: not joined */
    const ngx_http_chat_subscriber_calls_t  *calls;
};


/* embedded in a larger object of the feed, made by ngx_http_chat_hub_get() */

struct ngx_http_chat_topic_s {
    ngx_rbtree_node_t         node;          /* tree.h: these come first */
    ngx_http_chat_id_t        id;
    ngx_queue_t               subscribers;
    ngx_uint_t                n;
};


void ngx_http_chat_hub_init(void);

/* frees all topics; of a process that ends */
void ngx_http_chat_hub_exit(void);

/* NULL when this worker has no such topic */
ngx_http_chat_topic_t *ngx_http_chat_hub_find(ngx_http_chat_id_t *id);

/*
 * Finds or makes a topic; size is that of the object around it, which is
 * zeroed.  Freed by ngx_http_chat_hub_drop().  NULL: out of memory.
 */
ngx_http_chat_topic_t *ngx_http_chat_hub_get(ngx_http_chat_id_t *id,
    size_t size);

/* frees a topic that nobody listens to */
void ngx_http_chat_hub_drop(ngx_http_chat_topic_t *topic);

void ngx_http_chat_hub_join(ngx_http_chat_topic_t *topic,
    ngx_http_chat_subscriber_t *s);

/* may be called at any time, also from deliver() and close(), and twice */
void ngx_http_chat_hub_leave(ngx_http_chat_subscriber_t *s);

/* calls deliver() of everybody; a subscriber may leave or be freed in it */
void ngx_http_chat_hub_deliver(ngx_http_chat_topic_t *topic, void *event);

/* calls close() of everybody in a topic, or in all of them with NULL */
void ngx_http_chat_hub_close(ngx_http_chat_topic_t *topic, ngx_uint_t code);

/* calls each() for all topics; it may not make or drop any */
void ngx_http_chat_hub_topics(
    void (*each)(ngx_http_chat_topic_t *topic, void *data), void *data);

ngx_uint_t ngx_http_chat_hub_count(void);


#endif /* _NGX_HTTP_CHAT_HUB_H_INCLUDED_ */
