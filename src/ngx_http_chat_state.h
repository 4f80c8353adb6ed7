
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#ifndef _NGX_HTTP_CHAT_STATE_H_INCLUDED_
#define _NGX_HTTP_CHAT_STATE_H_INCLUDED_


#include "ngx_http_chat.h"
#include "ngx_http_chat_topic.h"


/*
 * What PostgreSQL last said of the state of a topic, to a visitor and to
 * agents, so that a subscriber that is at the head need not ask again.  It is
 * forgotten as soon as something happens in the topic, and when so many
 * others are younger.
 */

#define NGX_HTTP_CHAT_STATES  2048


void ngx_http_chat_state_init(void);
void ngx_http_chat_state_exit(void);

/* kind is one of an actor; text is copied; without memory it is not kept */
void ngx_http_chat_state_put(ngx_http_chat_feed_topic_t *t, ngx_uint_t kind,
    ngx_str_t *text);

/* NGX_OK and the text, until it is forgotten, or NGX_DECLINED */
ngx_int_t ngx_http_chat_state_get(ngx_http_chat_feed_topic_t *t,
    ngx_uint_t kind, ngx_str_t *text);

/* of both kinds */
void ngx_http_chat_state_forget(ngx_http_chat_feed_topic_t *t);


#endif /* _NGX_HTTP_CHAT_STATE_H_INCLUDED_ */
