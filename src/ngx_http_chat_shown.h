
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#ifndef _NGX_HTTP_CHAT_SHOWN_H_INCLUDED_
#define _NGX_HTTP_CHAT_SHOWN_H_INCLUDED_


#include "ngx_http_chat.h"
#include "ngx_http_chat_topic.h"


/*
 * Whose presence the visitor of a topic is told of: the agent to whom it is
 * assigned, and those who have answered lately; nobody who merely looks.
 * Known while a visitor listens, from what PostgreSQL says of the state and
 * from the events since.
 */

/* agents of one topic; further ones are not shown */
#define NGX_HTTP_CHAT_SHOWN_MAX  32


/*
 * "assignee" and "answered" of the state as a visitor gets it.  What is shown
 * besides stays if events have come since it was read: fresh is 0.
 */
void ngx_http_chat_shown_read(ngx_http_chat_feed_topic_t *t,
    ngx_str_t *state, ngx_uint_t fresh);

/* the next event of the log */
void ngx_http_chat_shown_event(ngx_http_chat_feed_topic_t *t,
    ngx_http_chat_event_t *event);

ngx_uint_t ngx_http_chat_shown(ngx_http_chat_feed_topic_t *t,
    ngx_http_chat_id_t *agent);

/* forgets all of a topic */
void ngx_http_chat_shown_drop(ngx_http_chat_feed_topic_t *t);


#endif /* _NGX_HTTP_CHAT_SHOWN_H_INCLUDED_ */
