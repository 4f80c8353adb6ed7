
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#ifndef _NGX_HTTP_CHAT_STATUS_H_INCLUDED_
#define _NGX_HTTP_CHAT_STATUS_H_INCLUDED_


#include "ngx_http_chat.h"


/*
 * Counters of all workers in shared memory, one line of slots for each
 * worker process slot; gauges are reset when a worker starts in a slot.
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
} ngx_http_chat_status_e;

/* adds the shared memory zone at configuration time */
ngx_int_t ngx_http_chat_status_zone(ngx_conf_t *cf);
/* takes this worker's line; init_process */
void ngx_http_chat_status_worker(ngx_cycle_t *cycle);

void ngx_http_chat_status_add(ngx_http_chat_status_e counter, ngx_int_t n);

/* "chat_status": Prometheus text, or JSON by Accept or ?format=json */
ngx_int_t ngx_http_chat_status_handler(ngx_http_request_t *r);

/* GET v1/live and v1/ready */
ngx_int_t ngx_http_chat_status_live(ngx_http_request_t *r,
    ngx_http_chat_ctx_t *ctx);
ngx_int_t ngx_http_chat_status_ready(ngx_http_request_t *r,
    ngx_http_chat_ctx_t *ctx);


#endif /* _NGX_HTTP_CHAT_STATUS_H_INCLUDED_ */
