
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#ifndef _NGX_HTTP_CHAT_SITE_H_INCLUDED_
#define _NGX_HTTP_CHAT_SITE_H_INCLUDED_


#include "ngx_http_chat.h"


/*
 * What a worker keeps of the settings of sites: the origins of other pages
 * that may use the API, in the site's record, and the version of the settings
 * that has them.  They come with the site when PostgreSQL is connected, and
 * again when they have changed (revoke); while PostgreSQL is away the last
 * ones hold.
 */

/* 20 origins and a blank after each: no more is taken over */
#define NGX_HTTP_CHAT_SITE_ORIGINS   (20 * 301)

/* the origins are known, be they none */
#define ngx_http_chat_site_known(site)  ((site)->version != 0)

/* pages of other origins may have to be let in */
#define ngx_http_chat_site_open(site)                                        \
    ((site)->version == 0 || (site)->origins.len != 0)


/*
 * Replaces them all: serialized, with a blank between two; copied.  NGX_ERROR
 * without memory, or when there are too many: the ones before stay.
 */
ngx_int_t ngx_http_chat_site_put(ngx_http_chat_site_t *site, int32_t version,
    ngx_str_t *origins);

/* 1 when the value of an Origin header is one of them */
ngx_uint_t ngx_http_chat_site_allows(ngx_http_chat_site_t *site,
    ngx_str_t *origin);

/* by its id in PostgreSQL; NULL when no location serves it */
ngx_http_chat_site_t *ngx_http_chat_site_find(int32_t id);

/*
 * What is known of which site, "<id>:<version>,...": ngx_alloc(), freed by
 * the caller.  NGX_ERROR on no memory.
 */
ngx_int_t ngx_http_chat_site_versions(ngx_str_t *text);

/* life of a worker; what is taken over ends with it */
void ngx_http_chat_site_init(ngx_http_chat_main_conf_t *mcf);
void ngx_http_chat_site_exit(void);


#endif /* _NGX_HTTP_CHAT_SITE_H_INCLUDED_ */
