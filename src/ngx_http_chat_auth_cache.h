
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#ifndef _NGX_HTTP_CHAT_AUTH_CACHE_H_INCLUDED_
#define _NGX_HTTP_CHAT_AUTH_CACHE_H_INCLUDED_


#include "ngx_http_chat.h"
#include "ngx_http_chat_auth.h"


/*
 * Sessions of agents and API keys that this worker has looked up, by their
 * SHA-256.  It spares the lookup only: each statement checks the session again.
 */

#define NGX_HTTP_CHAT_AUTH_CACHE_MAX   1024
#define NGX_HTTP_CHAT_AUTH_CACHE_TIME  60000     /* ms */


/* NGX_OK, the actor and the scopes of a key, or NGX_DECLINED */
ngx_int_t ngx_http_chat_auth_cache_find(ngx_http_chat_site_t *site,
    u_char *hash, ngx_http_chat_actor_t *actor, int64_t *expires,
    ngx_uint_t *scopes);

/* expires in ms since the epoch; without memory it is not kept */
void ngx_http_chat_auth_cache_add(u_char *hash, ngx_http_chat_actor_t *actor,
    int64_t expires, ngx_uint_t scopes);


#endif /* _NGX_HTTP_CHAT_AUTH_CACHE_H_INCLUDED_ */
