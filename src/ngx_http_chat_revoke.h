
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#ifndef _NGX_HTTP_CHAT_REVOKE_H_INCLUDED_
#define _NGX_HTTP_CHAT_REVOKE_H_INCLUDED_


#include "ngx_http_chat.h"


/*
 * What ends a stream that is open: an agent has signed out or was disabled, a
 * visitor was blocked or his tokens revoked.  The bus says so at once, and
 * every 2 s one statement for all streams of the worker asks what is new, so
 * that nothing depends on the bus.  An erased conversation closes its topic
 * the same way.  The statement also brings the origins of sites (site.h) whose
 * settings have changed.
 */

typedef struct ngx_http_chat_watch_s  ngx_http_chat_watch_t;


/* a close code of hub.h: not authorised any more, or to come again */
typedef void (*ngx_http_chat_watch_pt)(ngx_http_chat_watch_t *w,
    ngx_uint_t code);


/*
 * Embedded in a stream, zeroed.  The actor is the stream's: one that changes
 * is watched anew.  end() may free nothing at once, since it is also called
 * while other requests are worked on.
 */

struct ngx_http_chat_watch_s {
    ngx_http_chat_watch_t    *next;
    ngx_http_chat_watch_t   **prev;          /* NULL: not watched */
    ngx_http_chat_actor_t    *actor;
    ngx_http_chat_watch_pt    end;
};

void ngx_http_chat_revoke_watch(ngx_http_chat_watch_t *w,
    ngx_http_chat_actor_t *actor, ngx_http_chat_watch_pt end);

/* idempotent, also for one that is zeroed */
void ngx_http_chat_revoke_unwatch(ngx_http_chat_watch_t *w);


/* calls each() for the actor of every stream of a kind; it ends none */
void ngx_http_chat_revoke_each(ngx_uint_t kind,
    void (*each)(ngx_http_chat_actor_t *actor, void *data), void *data);


/* the session of an agent has ended: streams of this worker, and the cache */
void ngx_http_chat_revoke_session(ngx_http_chat_id_t *session);

/* settings of a site have changed: all workers ask at once */
void ngx_http_chat_revoke_settings(ngx_http_chat_site_t *site);

/* who remembers sessions: one, NULL is for all of them */
typedef void (*ngx_http_chat_revoke_pt)(ngx_http_chat_id_t *session);
void ngx_http_chat_revoke_on(ngx_http_chat_revoke_pt handler);


/* life of a worker; after the bus, before anybody who waits for PostgreSQL */
void ngx_http_chat_revoke_init(ngx_cycle_t *cycle);
void ngx_http_chat_revoke_exit(void);


#endif /* _NGX_HTTP_CHAT_REVOKE_H_INCLUDED_ */
