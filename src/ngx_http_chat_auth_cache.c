
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#include "ngx_http_chat.h"
#include "ngx_http_chat_auth.h"
#include "ngx_http_chat_auth_cache.h"
#include "ngx_http_chat_revoke.h"


#define NGX_HTTP_CHAT_AUTH_CACHE_BUCKETS  256


typedef struct ngx_http_chat_auth_entry_s  ngx_http_chat_auth_entry_t;

struct ngx_http_chat_auth_entry_s {
    ngx_queue_t                  lru;            /* youngest first */
    ngx_http_chat_auth_entry_t  *next;           /* of the bucket */
    ngx_msec_t                   until;
    int64_t                      expires;        /* the session, ms */
    ngx_uint_t                   scopes;
    ngx_http_chat_actor_t        actor;
    u_char                       hash[NGX_HTTP_CHAT_AGENT_HASH];
};


static void ngx_http_chat_auth_cache_forget(ngx_http_chat_id_t *session);
static ngx_http_chat_auth_entry_t **ngx_http_chat_auth_cache_place(
    ngx_http_chat_site_t *site, u_char *hash);
static void ngx_http_chat_auth_cache_remove(ngx_http_chat_auth_entry_t *e);


static ngx_queue_t                  ngx_http_chat_auth_lru;
static ngx_uint_t                   ngx_http_chat_auth_entries;
static ngx_http_chat_auth_entry_t  *ngx_http_chat_auth_buckets
                                           [NGX_HTTP_CHAT_AUTH_CACHE_BUCKETS];


ngx_int_t
ngx_http_chat_auth_cache_find(ngx_http_chat_site_t *site, u_char *hash,
    ngx_http_chat_actor_t *actor, int64_t *expires, ngx_uint_t *scopes)
{
    ngx_http_chat_auth_entry_t  *e;

    e = *ngx_http_chat_auth_cache_place(site, hash);

    if (e == NULL) {
        return NGX_DECLINED;
    }

    if ((ngx_msec_int_t) (e->until - ngx_current_msec) <= 0) {
        ngx_http_chat_auth_cache_remove(e);
        return NGX_DECLINED;
    }

    ngx_queue_remove(&e->lru);
    ngx_queue_insert_head(&ngx_http_chat_auth_lru, &e->lru);

    *actor = e->actor;
    *expires = e->expires;
    *scopes = e->scopes;

    return NGX_OK;
}


void
ngx_http_chat_auth_cache_add(u_char *hash, ngx_http_chat_actor_t *actor,
    int64_t expires, ngx_uint_t scopes)
{
    int64_t                       time;
    ngx_queue_t                  *q;
    ngx_http_chat_auth_entry_t   *e, **place;

    time = ngx_min(expires - ngx_http_chat_time_now(),
                   NGX_HTTP_CHAT_AUTH_CACHE_TIME);

    if (time <= 0) {
        return;
    }

    e = *ngx_http_chat_auth_cache_place(actor->site, hash);

    if (e != NULL) {
        ngx_http_chat_auth_cache_remove(e);
    }

    if (ngx_http_chat_auth_entries == NGX_HTTP_CHAT_AUTH_CACHE_MAX) {
        q = ngx_queue_last(&ngx_http_chat_auth_lru);
        ngx_http_chat_auth_cache_remove(
                         ngx_queue_data(q, ngx_http_chat_auth_entry_t, lru));
    }

    e = ngx_alloc(sizeof(ngx_http_chat_auth_entry_t), ngx_cycle->log);
    if (e == NULL) {
        return;
    }

    e->next = NULL;
    e->until = ngx_current_msec + (ngx_msec_t) time;
    e->expires = expires;
    e->scopes = scopes;
    e->actor = *actor;
    ngx_memcpy(e->hash, hash, NGX_HTTP_CHAT_AGENT_HASH);

    if (ngx_http_chat_auth_entries == 0) {
        ngx_queue_init(&ngx_http_chat_auth_lru);
    }

    place = ngx_http_chat_auth_cache_place(actor->site, hash);
    *place = e;

    ngx_queue_insert_head(&ngx_http_chat_auth_lru, &e->lru);
    ngx_http_chat_auth_entries++;
}


/* NULL: all of them */

static void
ngx_http_chat_auth_cache_forget(ngx_http_chat_id_t *session)
{
    ngx_uint_t                   i;
    ngx_http_chat_auth_entry_t  *e, *next;

    for (i = 0; i < NGX_HTTP_CHAT_AUTH_CACHE_BUCKETS; i++) {

        for (e = ngx_http_chat_auth_buckets[i]; e != NULL; e = next) {
            next = e->next;

            if (session == NULL
                || ngx_http_chat_id_eq(&e->actor.session, session))
            {
                ngx_http_chat_auth_cache_remove(e);
            }
        }
    }
}


/* what points to the entry, or where it would be linked */

static ngx_http_chat_auth_entry_t **
ngx_http_chat_auth_cache_place(ngx_http_chat_site_t *site, u_char *hash)
{
    ngx_http_chat_auth_entry_t  **place;

    place = &ngx_http_chat_auth_buckets[hash[0]];

    while (*place != NULL
           && ((*place)->actor.site != site
               || ngx_memcmp((*place)->hash, hash, NGX_HTTP_CHAT_AGENT_HASH)
                  != 0))
    {
        place = &(*place)->next;
    }

    return place;
}


static void
ngx_http_chat_auth_cache_remove(ngx_http_chat_auth_entry_t *e)
{
    ngx_http_chat_auth_entry_t  **place;

    place = ngx_http_chat_auth_cache_place(e->actor.site, e->hash);
    *place = e->next;

    ngx_queue_remove(&e->lru);
    ngx_http_chat_auth_entries--;

    ngx_free(e);
}


void
ngx_http_chat_auth_init(ngx_cycle_t *cycle)
{
    ngx_http_chat_revoke_on(ngx_http_chat_auth_cache_forget);
}


void
ngx_http_chat_auth_exit(void)
{
    ngx_http_chat_auth_cache_forget(NULL);
}
