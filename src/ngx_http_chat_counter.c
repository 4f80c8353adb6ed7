
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_http_chat_counter.h"


/* pages of the zone for the slab allocator itself */
#define NGX_HTTP_CHAT_COUNTER_SPARE  8


typedef struct {
    ngx_atomic_t              pid;
    ngx_atomic_t              slots[NGX_HTTP_CHAT_S_N];
} ngx_http_chat_counter_slots_t;


/* no two workers write to one cache line */

typedef union {
    ngx_http_chat_counter_slots_t   s;
    u_char   padding[ngx_align(sizeof(ngx_http_chat_counter_slots_t),
                               NGX_CPU_CACHE_LINE)];
} ngx_http_chat_counter_line_t;


static ngx_int_t ngx_http_chat_counter_init(ngx_shm_zone_t *zone, void *data);
static ngx_uint_t ngx_http_chat_counter_alive(ngx_pid_t pid);


static ngx_str_t  ngx_http_chat_counter_name = ngx_string("chat_counters");

/* of this worker; the master of a reload never reads them */
static ngx_http_chat_counter_line_t  *ngx_http_chat_counter_lines;
static ngx_http_chat_counter_line_t  *ngx_http_chat_counter_line;


ngx_int_t
ngx_http_chat_counter_zone(ngx_conf_t *cf, void *tag)
{
    size_t           size;
    ngx_shm_zone_t  *zone;

    size = NGX_MAX_PROCESSES * sizeof(ngx_http_chat_counter_line_t);
    size = ngx_align(size, ngx_pagesize)
           + NGX_HTTP_CHAT_COUNTER_SPARE * ngx_pagesize;

    zone = ngx_shared_memory_add(cf, &ngx_http_chat_counter_name, size, tag);
    if (zone == NULL) {
        return NGX_ERROR;
    }

    zone->init = ngx_http_chat_counter_init;

    return NGX_OK;
}


static ngx_int_t
ngx_http_chat_counter_init(ngx_shm_zone_t *zone, void *data)
{
    ngx_slab_pool_t  *shpool;

    if (data != NULL) {
        zone->data = data;
        return NGX_OK;
    }

    shpool = (ngx_slab_pool_t *) zone->shm.addr;

    if (zone->shm.exists) {
        zone->data = shpool->data;
        return NGX_OK;
    }

    zone->data = ngx_slab_calloc(shpool, NGX_MAX_PROCESSES
                                 * sizeof(ngx_http_chat_counter_line_t));
    if (zone->data == NULL) {
        return NGX_ERROR;
    }

    shpool->data = zone->data;

    return NGX_OK;
}


void
ngx_http_chat_counter_worker(ngx_cycle_t *cycle, void *tag)
{
    ngx_uint_t        i;
    ngx_shm_zone_t   *zone;
    ngx_list_part_t  *part;

    ngx_http_chat_counter_lines = NULL;
    ngx_http_chat_counter_line = NULL;

    for (part = &cycle->shared_memory.part; part != NULL; part = part->next) {
        zone = part->elts;

        for (i = 0; i < part->nelts; i++) {

            if (zone[i].tag == tag
                && zone[i].init == ngx_http_chat_counter_init)
            {
                ngx_http_chat_counter_lines = zone[i].data;
            }
        }
    }

    if (ngx_http_chat_counter_lines == NULL) {
        return;
    }

    ngx_http_chat_counter_line =
        &ngx_http_chat_counter_lines[ngx_process_slot];

    for (i = NGX_HTTP_CHAT_S_FIRST_GAUGE; i < NGX_HTTP_CHAT_S_N; i++) {
        ngx_http_chat_counter_line->s.slots[i] = 0;
    }

    ngx_http_chat_counter_line->s.pid = (ngx_atomic_uint_t) ngx_pid;
}


void
ngx_http_chat_counter_add(ngx_http_chat_counter_e counter, ngx_int_t n)
{
    if (ngx_http_chat_counter_line != NULL) {
        ngx_http_chat_counter_line->s.slots[counter] += n;
    }
}


ngx_uint_t
ngx_http_chat_counter_sum(ngx_atomic_uint_t *sums)
{
    ngx_uint_t                     i, n, alive, last;
    ngx_http_chat_counter_line_t  *line;

    ngx_memzero(sums, NGX_HTTP_CHAT_S_N * sizeof(ngx_atomic_uint_t));

    if (ngx_http_chat_counter_lines == NULL) {
        return 0;
    }

    alive = 0;

    for (n = 0; n < NGX_MAX_PROCESSES; n++) {
        line = &ngx_http_chat_counter_lines[n];

        if (line->s.pid == 0) {
            continue;
        }

        last = NGX_HTTP_CHAT_S_FIRST_GAUGE;

        if (ngx_http_chat_counter_alive((ngx_pid_t) line->s.pid)) {
            last = NGX_HTTP_CHAT_S_N;
            alive++;
        }

        for (i = 0; i < last; i++) {
            sums[i] += line->s.slots[i];
        }
    }

    return alive;
}


/* a worker that was killed could not reset its gauges */

static ngx_uint_t
ngx_http_chat_counter_alive(ngx_pid_t pid)
{
    return kill(pid, 0) == 0 || ngx_errno != NGX_ESRCH;
}
