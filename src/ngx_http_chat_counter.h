
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#ifndef _NGX_HTTP_CHAT_COUNTER_H_INCLUDED_
#define _NGX_HTTP_CHAT_COUNTER_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


/*
 * Counters of all workers in shared memory: a line of cells for each process
 * slot, written by the worker in it alone.  Counters of a line go on when
 * another worker takes it, so that totals survive a reload and the death of
 * a worker, but not a restart.  Gauges begin at 0 and are counted as long as
 * their worker lives: those of old workers too, while they finish.
 *
 * Names, types and labels are in ngx_http_chat_metric.c, in this order; each
 * is documented in docs/operations.  New ones go to the end of both.
 */

typedef enum {
    NGX_HTTP_CHAT_S_REQUESTS = 0,            /* API requests */
    NGX_HTTP_CHAT_S_MESSAGES,                /* messages stored */
    NGX_HTTP_CHAT_S_DUPLICATES,
    NGX_HTTP_CHAT_S_APPEND_BATCHES,
    NGX_HTTP_CHAT_S_APPEND_BUSY,
    NGX_HTTP_CHAT_S_EVENTS_OUT,              /* transport, kind: by the feed */
    NGX_HTTP_CHAT_S_GAPS,                    /* gap reads */
    NGX_HTTP_CHAT_S_UNAVAILABLE,             /* 503 answers */
    NGX_HTTP_CHAT_S_PG_CONNECTS,
    NGX_HTTP_CHAT_S_PG_ERRORS,
    NGX_HTTP_CHAT_S_PG_TIMEOUTS,
    NGX_HTTP_CHAT_S_POLLS,                   /* gauge: waiting long polls */
    NGX_HTTP_CHAT_S_PG_READY,                /* gauge: workers connected */

    NGX_HTTP_CHAT_S_CONNECTIONS,             /* gauge: transport, role */
    NGX_HTTP_CHAT_S_HANDSHAKES,              /* 0 accepted, 1 refused */
    NGX_HTTP_CHAT_S_CLOSES,                  /* ngx_http_chat_counter_close */
    NGX_HTTP_CHAT_S_BYTES_IN,                /* transport */
    NGX_HTTP_CHAT_S_BYTES_OUT,               /* transport */
    NGX_HTTP_CHAT_S_QUEUE_MAX,               /* highest: bytes of a stream */
    NGX_HTTP_CHAT_S_LAG_ENTERS,              /* transport */
    NGX_HTTP_CHAT_S_SLOW_CLOSES,             /* transport */
    NGX_HTTP_CHAT_S_APPEND_TIME,             /* histogram */
    NGX_HTTP_CHAT_S_DELIVER_TIME,            /* histogram: by the feed */
    NGX_HTTP_CHAT_S_PING_TIME,               /* histogram */
    NGX_HTTP_CHAT_S_RESUMES,                 /* result: by the feed */
    NGX_HTTP_CHAT_S_RECOVERED,               /* events: by the feed */
    NGX_HTTP_CHAT_S_GAPS_SEEN,               /* 0 order, 1 sweep */
    NGX_HTTP_CHAT_S_PG_CALLS,                /* gauge: lane */
    NGX_HTTP_CHAT_S_BUS_READY,               /* gauge: workers */
    NGX_HTTP_CHAT_S_REDIS_READY,             /* gauge: workers */
    NGX_HTTP_CHAT_S_REDIS_CONNECTS,
    NGX_HTTP_CHAT_S_REDIS_ERRORS,
    NGX_HTTP_CHAT_S_REDIS_DROPPED,
    NGX_HTTP_CHAT_S_REDIS_RESUBSCRIBE_TIME,  /* histogram */
    NGX_HTTP_CHAT_S_REDIS_PROBE_TIME,        /* histogram */
    NGX_HTTP_CHAT_S_DRAINING,                /* gauge: workers */
    NGX_HTTP_CHAT_S_DRAINED,
    NGX_HTTP_CHAT_S_LIMITED,                 /* kind of limit */
    NGX_HTTP_CHAT_S_REDIS_PUBLISHES,
    NGX_HTTP_CHAT_S_REDIS_DEGRADED,          /* times a worker lost it */
    NGX_HTTP_CHAT_S_N
} ngx_http_chat_counter_e;


/* values of labels: cells */

#define NGX_HTTP_CHAT_T_POLL         0
#define NGX_HTTP_CHAT_T_SSE          1
#define NGX_HTTP_CHAT_T_WS           2

#define NGX_HTTP_CHAT_RESUME_HOT     0       /* nothing had to be read */
#define NGX_HTTP_CHAT_RESUME_READ    1
#define NGX_HTTP_CHAT_RESUME_RESET   2       /* the cursor was not valid */
#define NGX_HTTP_CHAT_RESUME_FAILED  3
#define NGX_HTTP_CHAT_RESUME_SHARED  4       /* read for another one too */

/* of NGX_HTTP_CHAT_S_CONNECTIONS; kind is an actor's */
#define ngx_http_chat_counter_stream(transport, kind)                        \
    ((transport) * 2 + ((kind) == 2))

/* of NGX_HTTP_CHAT_S_EVENTS_OUT */
#define ngx_http_chat_counter_event(transport, ephemeral)                    \
    ((transport) * 2 + ((ephemeral) != 0))


/* adds the zone at configuration time; tag is the module.  NGX_ERROR */
ngx_int_t ngx_http_chat_counter_zone(ngx_conf_t *cf, void *tag);

/* takes this worker's line, in init_process; without a zone nothing counts */
void ngx_http_chat_counter_worker(ngx_cycle_t *cycle, void *tag);

/* adds n, which is negative only for a gauge, to the metric without labels */
void ngx_http_chat_counter_add(ngx_http_chat_counter_e counter, ngx_int_t n);

/* the same to one cell of a metric with labels */
void ngx_http_chat_counter_add_cell(ngx_http_chat_counter_e counter,
    ngx_uint_t cell, ngx_int_t n);

/* one more stream that was closed with this code */
void ngx_http_chat_counter_close(ngx_uint_t code);

/* raises a metric of the type "highest" to n, if it is lower */
void ngx_http_chat_counter_high(ngx_http_chat_counter_e counter,
    ngx_uint_t n);

/* a clock in microseconds that only goes forward, read from the system */
uint64_t ngx_http_chat_counter_clock(void);

/* adds a duration in microseconds to a histogram */
void ngx_http_chat_counter_observe(ngx_http_chat_counter_e counter,
    uint64_t us);

/* cells of all metrics, and the first of one */
ngx_uint_t ngx_http_chat_counter_cells(void);
ngx_uint_t ngx_http_chat_counter_first(ngx_http_chat_counter_e counter);

/*
 * Adds up all workers into sums[ngx_http_chat_counter_cells()]; returns how
 * many are alive.
 */
ngx_uint_t ngx_http_chat_counter_sum(ngx_atomic_uint_t *sums);


#endif /* _NGX_HTTP_CHAT_COUNTER_H_INCLUDED_ */
