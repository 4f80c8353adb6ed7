
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#ifndef _NGX_HTTP_CHAT_SHM_H_INCLUDED_
#define _NGX_HTTP_CHAT_SHM_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


/*
 * A zone of shared memory with one object in it, which outlives reloads.
 * spare: pages for the slab allocator itself.  NGX_ERROR has been logged.
 */
ngx_int_t ngx_http_chat_shm_add(ngx_conf_t *cf, ngx_str_t *name, size_t size,
    ngx_uint_t spare, ngx_shm_zone_init_pt init, void *tag);

/*
 * For init: zone->data becomes the object.  NGX_OK: it is new and zeroed;
 * NGX_DECLINED: it is that of an earlier cycle, data; NGX_ERROR: no memory.
 */
ngx_int_t ngx_http_chat_shm_object(ngx_shm_zone_t *zone, void *data,
    size_t size);

/* the zone of a cycle by its init and tag; NULL: the cycle has none */
ngx_shm_zone_t *ngx_http_chat_shm_find(ngx_cycle_t *cycle,
    ngx_shm_zone_init_pt init, void *tag);

/* a process that wrote to a zone is there: one that was killed is not */
ngx_uint_t ngx_http_chat_shm_alive(ngx_pid_t pid);


#endif /* _NGX_HTTP_CHAT_SHM_H_INCLUDED_ */
