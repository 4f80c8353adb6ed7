
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#ifndef _NGX_HTTP_CHAT_COUNTER_H_INCLUDED_
#define _NGX_HTTP_CHAT_COUNTER_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


/*
 * Counters of all workers in shared memory: a line of slots for each process
 * slot, written by the worker in it alone.  Counters of a line go on when
 * another worker takes it, so that totals survive a reload and the death of
 * a worker, but not a restart.  Gauges begin at 0 and are counted as long as
 * their worker lives: those of old workers too, while they finish.
 */

typedef enum {
    NGX_HTTP_CHAT_S_REQUESTS = 0,            /* API requests */
    NGX_HTTP_CHAT_S_MESSAGES,                /* messages stored */
    NGX_HTTP_CHAT_S_DUPLICATES,
    NGX_HTTP_CHAT_S_APPEND_BATCHES,
    NGX_HTTP_CHAT_S_APPEND_BUSY,
    NGX_HTTP_CHAT_S_EVENTS_OUT,              /* delivered to subscribers */
    NGX_HTTP_CHAT_S_GAPS,                    /* gap reads */
    NGX_HTTP_CHAT_S_UNAVAILABLE,             /* 503 answers */
    NGX_HTTP_CHAT_S_PG_CONNECTS,
    NGX_HTTP_CHAT_S_PG_ERRORS,
    NGX_HTTP_CHAT_S_PG_TIMEOUTS,
    NGX_HTTP_CHAT_S_POLLS,                   /* gauge: waiting long polls */
    NGX_HTTP_CHAT_S_PG_READY,                /* gauge: workers connected */
    NGX_HTTP_CHAT_S_N
} ngx_http_chat_counter_e;

#define NGX_HTTP_CHAT_S_FIRST_GAUGE  NGX_HTTP_CHAT_S_POLLS


/* adds the zone at configuration time; tag is the module.  NGX_ERROR */
ngx_int_t ngx_http_chat_counter_zone(ngx_conf_t *cf, void *tag);

/* takes this worker's line, in init_process; without a zone nothing counts */
void ngx_http_chat_counter_worker(ngx_cycle_t *cycle, void *tag);

void ngx_http_chat_counter_add(ngx_http_chat_counter_e counter, ngx_int_t n);

/* sums[NGX_HTTP_CHAT_S_N] over all workers; returns how many are alive */
ngx_uint_t ngx_http_chat_counter_sum(ngx_atomic_uint_t *sums);


#endif /* _NGX_HTTP_CHAT_COUNTER_H_INCLUDED_ */
