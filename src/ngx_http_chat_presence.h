
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#ifndef _NGX_HTTP_CHAT_PRESENCE_H_INCLUDED_
#define _NGX_HTTP_CHAT_PRESENCE_H_INCLUDED_


#include "ngx_http_chat.h"
#include "ngx_http_chat_topic.h"


/*
 * Who is in a conversation and who is typing.  Every worker knows this of its
 * own topics: it tells the others of the streams it has, asks them when a
 * topic begins, and forgets a worker that has not been heard of for 40 s.
 * Nothing of it is stored.
 */

ngx_int_t ngx_http_chat_presence_init(ngx_cycle_t *cycle);
void ngx_http_chat_presence_exit(void);

/* the bus receives: says that this worker lives, and who is there */
void ngx_http_chat_presence_hello(void);

/* the last stream of a worker that leaves has ended; once */
void ngx_http_chat_presence_farewell(void);

/* the topic's channel is received: asks who is there */
void ngx_http_chat_presence_ask(ngx_http_chat_feed_topic_t *t);

/*
 * A stream of this worker begins and ends.  who is the JSON object that
 * events name the actor by; empty: as it is known already.  NGX_DECLINED:
 * it is not known, or the topic is full; then leave() must not be called.
 */
ngx_int_t ngx_http_chat_presence_join(ngx_http_chat_feed_topic_t *t,
    ngx_http_chat_actor_t *actor, ngx_str_t *who);
void ngx_http_chat_presence_leave(ngx_http_chat_feed_topic_t *t,
    ngx_http_chat_actor_t *actor);

/* join() would know what the actor is called */
ngx_uint_t ngx_http_chat_presence_known(ngx_http_chat_feed_topic_t *t,
    ngx_http_chat_actor_t *actor);

/*
 * Tells everybody but the visitor, if audience says so; who is as above.
 * Repeated within 2 s it says nothing; it ends by itself after 6 s.
 */
void ngx_http_chat_presence_typing(ngx_http_chat_id_t *conversation,
    ngx_http_chat_actor_t *actor, ngx_str_t *who, ngx_uint_t on,
    ngx_uint_t audience);

/* a visitor is told of the agent from now on, or not any more */
void ngx_http_chat_presence_shown(ngx_http_chat_feed_topic_t *t,
    ngx_http_chat_id_t *agent, ngx_uint_t on);

/* the actor has a stream of this topic here, so that his name is known */
ngx_uint_t ngx_http_chat_presence_here(ngx_http_chat_id_t *conversation,
    ngx_http_chat_actor_t *actor);

/*
 * Adds "typing" and "presence" to the state as PostgreSQL has it, as the
 * actor may see it.  out->data is malloc'ed, the caller frees it.
 */
ngx_int_t ngx_http_chat_presence_state(ngx_http_chat_feed_topic_t *t,
    ngx_http_chat_actor_t *actor, ngx_str_t *state, ngx_str_t *out);


#endif /* _NGX_HTTP_CHAT_PRESENCE_H_INCLUDED_ */
