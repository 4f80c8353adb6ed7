
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_http_chat_counter.h"
#include "ngx_http_chat_metric.h"
#include "ngx_http_chat_shm.h"


/* pages of the zone for the slab allocator itself */
#define NGX_HTTP_CHAT_COUNTER_SPARE  16


/*
 * The zone: pids of the workers that write to the lines, then the lines.  No
 * two workers write to one cache line, and only lines in use take memory.
 */

typedef struct {
    ngx_atomic_t              pids[NGX_MAX_PROCESSES];
} ngx_http_chat_counter_head_t;


static ngx_int_t ngx_http_chat_counter_init(ngx_shm_zone_t *zone, void *data);
static void ngx_http_chat_counter_layout(void);
static size_t ngx_http_chat_counter_zone_size(void);
static ngx_atomic_t *ngx_http_chat_counter_line_of(ngx_uint_t slot);


static ngx_str_t  ngx_http_chat_counter_name = ngx_string("chat_counters");

/* first cells of the metrics; the last is the number of cells */
static ngx_uint_t  ngx_http_chat_counter_firsts[NGX_HTTP_CHAT_S_N + 1];
static size_t      ngx_http_chat_counter_size;

/* of this worker; the master of a reload never reads them */
static ngx_http_chat_counter_head_t  *ngx_http_chat_counter_head;
static ngx_atomic_t                  *ngx_http_chat_counter_line;


ngx_int_t
ngx_http_chat_counter_zone(ngx_conf_t *cf, void *tag)
{
    ngx_http_chat_counter_layout();

    return ngx_http_chat_shm_add(cf, &ngx_http_chat_counter_name,
                                 ngx_http_chat_counter_zone_size(),
                                 NGX_HTTP_CHAT_COUNTER_SPARE,
                                 ngx_http_chat_counter_init, tag);
}


static void
ngx_http_chat_counter_layout(void)
{
    ngx_uint_t  i, n;

    n = 0;

    for (i = 0; i < NGX_HTTP_CHAT_S_N; i++) {
        ngx_http_chat_counter_firsts[i] = n;
        n += ngx_http_chat_metric_cells(&ngx_http_chat_metrics[i]);
    }

    ngx_http_chat_counter_firsts[NGX_HTTP_CHAT_S_N] = n;
    ngx_http_chat_counter_size = ngx_align(n * sizeof(ngx_atomic_t),
                                           NGX_CPU_CACHE_LINE);
}


static size_t
ngx_http_chat_counter_zone_size(void)
{
    return sizeof(ngx_http_chat_counter_head_t)
           + NGX_MAX_PROCESSES * ngx_http_chat_counter_size;
}


static ngx_int_t
ngx_http_chat_counter_init(ngx_shm_zone_t *zone, void *data)
{
    return ngx_http_chat_shm_object(zone, data,
                                    ngx_http_chat_counter_zone_size())
           == NGX_ERROR ? NGX_ERROR : NGX_OK;
}


void
ngx_http_chat_counter_worker(ngx_cycle_t *cycle, void *tag)
{
    ngx_uint_t       i, cell;
    ngx_shm_zone_t  *zone;

    ngx_http_chat_counter_head = NULL;
    ngx_http_chat_counter_line = NULL;

    zone = ngx_http_chat_shm_find(cycle, ngx_http_chat_counter_init, tag);

    if (zone == NULL || zone->data == NULL) {
        return;
    }

    ngx_http_chat_counter_head = zone->data;
    ngx_http_chat_counter_line =
        ngx_http_chat_counter_line_of((ngx_uint_t) ngx_process_slot);

    for (i = 0; i < NGX_HTTP_CHAT_S_N; i++) {

        if (ngx_http_chat_metrics[i].type != NGX_HTTP_CHAT_METRIC_GAUGE
            && ngx_http_chat_metrics[i].type != NGX_HTTP_CHAT_METRIC_HIGH)
        {
            continue;
        }

        for (cell = ngx_http_chat_counter_firsts[i];
             cell < ngx_http_chat_counter_firsts[i + 1];
             cell++)
        {
            ngx_http_chat_counter_line[cell] = 0;
        }
    }

    ngx_http_chat_counter_head->pids[ngx_process_slot] =
        (ngx_atomic_uint_t) ngx_pid;
}


static ngx_atomic_t *
ngx_http_chat_counter_line_of(ngx_uint_t slot)
{
    return (ngx_atomic_t *)
               ((u_char *) ngx_http_chat_counter_head
                + sizeof(ngx_http_chat_counter_head_t)
                + slot * ngx_http_chat_counter_size);
}


void
ngx_http_chat_counter_add(ngx_http_chat_counter_e counter, ngx_int_t n)
{
    ngx_http_chat_counter_add_cell(counter, 0, n);
}


void
ngx_http_chat_counter_add_cell(ngx_http_chat_counter_e counter,
    ngx_uint_t cell, ngx_int_t n)
{
    if (ngx_http_chat_counter_line != NULL) {
        cell += ngx_http_chat_counter_firsts[counter];
        ngx_http_chat_counter_line[cell] += n;
    }
}


void
ngx_http_chat_counter_close(ngx_uint_t code)
{
    ngx_http_chat_counter_add_cell(NGX_HTTP_CHAT_S_CLOSES,
                                   ngx_http_chat_metric_close(code), 1);
}


void
ngx_http_chat_counter_high(ngx_http_chat_counter_e counter, ngx_uint_t n)
{
    ngx_uint_t  cell;

    cell = ngx_http_chat_counter_firsts[counter];

    if (ngx_http_chat_counter_line != NULL
        && ngx_http_chat_counter_line[cell] < n)
    {
        ngx_http_chat_counter_line[cell] = n;
    }
}


uint64_t
ngx_http_chat_counter_clock(void)
{
    struct timespec  ts;

    (void) clock_gettime(CLOCK_MONOTONIC, &ts);

    return (uint64_t) ts.tv_sec * 1000000 + (uint64_t) ts.tv_nsec / 1000;
}


void
ngx_http_chat_counter_observe(ngx_http_chat_counter_e counter, uint64_t us)
{
    ngx_http_chat_counter_add_cell(counter, ngx_http_chat_metric_bucket(us),
                                   1);
    ngx_http_chat_counter_add_cell(counter, NGX_HTTP_CHAT_METRIC_BUCKETS + 1,
                                   (ngx_int_t) us);
}


ngx_uint_t
ngx_http_chat_counter_cells(void)
{
    return ngx_http_chat_counter_firsts[NGX_HTTP_CHAT_S_N];
}


ngx_uint_t
ngx_http_chat_counter_first(ngx_http_chat_counter_e counter)
{
    return ngx_http_chat_counter_firsts[counter];
}


ngx_uint_t
ngx_http_chat_counter_sum(ngx_atomic_uint_t *sums)
{
    ngx_pid_t                pid;
    ngx_uint_t               i, n, cell, alive, living;
    ngx_atomic_t            *line;
    ngx_http_chat_metric_e   type;

    ngx_memzero(sums, ngx_http_chat_counter_cells()
                      * sizeof(ngx_atomic_uint_t));

    if (ngx_http_chat_counter_head == NULL) {
        return 0;
    }

    living = 0;

    for (n = 0; n < NGX_MAX_PROCESSES; n++) {
        pid = (ngx_pid_t) ngx_http_chat_counter_head->pids[n];

        if (pid == 0) {
            continue;
        }

        line = ngx_http_chat_counter_line_of(n);

        /* a worker that was killed could not reset its gauges */

        alive = ngx_http_chat_shm_alive(pid);
        living += alive;

        for (i = 0; i < NGX_HTTP_CHAT_S_N; i++) {
            type = ngx_http_chat_metrics[i].type;

            if (!alive && (type == NGX_HTTP_CHAT_METRIC_GAUGE
                           || type == NGX_HTTP_CHAT_METRIC_HIGH))
            {
                continue;
            }

            for (cell = ngx_http_chat_counter_firsts[i];
                 cell < ngx_http_chat_counter_firsts[i + 1];
                 cell++)
            {
                if (type == NGX_HTTP_CHAT_METRIC_HIGH) {
                    sums[cell] = ngx_max(sums[cell], line[cell]);

                } else {
                    sums[cell] += line[cell];
                }
            }
        }
    }

    return living;
}
