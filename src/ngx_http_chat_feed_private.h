
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#ifndef _NGX_HTTP_CHAT_FEED_PRIVATE_H_INCLUDED_
#define _NGX_HTTP_CHAT_FEED_PRIVATE_H_INCLUDED_


#include "ngx_http_chat_feed.h"
#include "ngx_http_chat_topic.h"


/*
 * Reads of pages (ngx_http_chat_feed_read.c): whoever wants the same page of
 * a topic while it is being read shares the read.
 */

/* there is a read under way that f would share */
ngx_uint_t ngx_http_chat_feed_read_shared(ngx_http_chat_feed_t *f);

/* the bus receives the topic: reads what has waited for it */
void ngx_http_chat_feed_read_confirmed(ngx_http_chat_feed_t *f);

/* f does not want it any more; the last one gives the read up */
void ngx_http_chat_feed_read_leave(ngx_http_chat_feed_t *f);

/* it has not been sent, since the bus is not there yet */
ngx_uint_t ngx_http_chat_feed_read_waits(ngx_http_chat_feed_t *f);

/* how the subscription began; counts once */
void ngx_http_chat_feed_count(ngx_http_chat_feed_t *f, ngx_uint_t result);

/* is there from now on; who is as in presence.h */
void ngx_http_chat_feed_join(ngx_http_chat_feed_t *f,
    ngx_http_chat_feed_topic_t *t, ngx_str_t *who);

/* what f->sent is of belongs to another history */
#define ngx_http_chat_feed_is_old(f)                                         \
    ((f)->epoch != ngx_http_chat_store_epoch())


#endif /* _NGX_HTTP_CHAT_FEED_PRIVATE_H_INCLUDED_ */
