
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#include "ngx_http_chat_shm.h"


ngx_int_t
ngx_http_chat_shm_add(ngx_conf_t *cf, ngx_str_t *name, size_t size,
    ngx_uint_t spare, ngx_shm_zone_init_pt init, void *tag)
{
    ngx_shm_zone_t  *zone;

    size = ngx_align(size, ngx_pagesize) + spare * ngx_pagesize;

    zone = ngx_shared_memory_add(cf, name, size, tag);
    if (zone == NULL) {
        return NGX_ERROR;
    }

    zone->init = init;

    return NGX_OK;
}


ngx_int_t
ngx_http_chat_shm_object(ngx_shm_zone_t *zone, void *data, size_t size)
{
    ngx_slab_pool_t  *shpool;

    if (data != NULL) {
        zone->data = data;
        return NGX_DECLINED;
    }

    shpool = (ngx_slab_pool_t *) zone->shm.addr;

    if (zone->shm.exists) {
        zone->data = shpool->data;
        return NGX_DECLINED;
    }

    /* a new zone is zeroed, and pages that nobody touches cost nothing */

    zone->data = ngx_slab_alloc(shpool, size);
    if (zone->data == NULL) {
        return NGX_ERROR;
    }

    shpool->data = zone->data;

    return NGX_OK;
}


ngx_shm_zone_t *
ngx_http_chat_shm_find(ngx_cycle_t *cycle, ngx_shm_zone_init_pt init,
    void *tag)
{
    ngx_uint_t        i;
    ngx_shm_zone_t   *zone;
    ngx_list_part_t  *part;

    for (part = &cycle->shared_memory.part; part != NULL; part = part->next) {
        zone = part->elts;

        for (i = 0; i < part->nelts; i++) {

            if (zone[i].tag == tag && zone[i].init == init) {
                return &zone[i];
            }
        }
    }

    return NULL;
}


ngx_uint_t
ngx_http_chat_shm_alive(ngx_pid_t pid)
{
    return kill(pid, 0) == 0 || ngx_errno != NGX_ESRCH;
}
