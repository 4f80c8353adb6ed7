
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#ifndef _NGX_HTTP_CHAT_METRIC_H_INCLUDED_
#define _NGX_HTTP_CHAT_METRIC_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_http_chat_counter.h"


/*
 * What the counters are called, in the order of ngx_http_chat_counter_e.  A
 * metric has a cell for each combination of the values of its labels, the
 * second label running faster; without labels it has one.  A histogram has
 * a cell for each bucket, one for what exceeds them, and one for the sum in
 * microseconds.
 */

typedef enum {
    NGX_HTTP_CHAT_METRIC_COUNTER = 0,        /* only grows; "_total" */
    NGX_HTTP_CHAT_METRIC_GAUGE,              /* of living workers, added */
    NGX_HTTP_CHAT_METRIC_HIGH,               /* of living workers, highest */
    NGX_HTTP_CHAT_METRIC_HISTOGRAM           /* seconds; no labels */
} ngx_http_chat_metric_e;


typedef struct {
    const char               *name;
    const char              **values;        /* ended by NULL */
} ngx_http_chat_label_t;


#define NGX_HTTP_CHAT_METRIC_LABELS  2

typedef struct {
    ngx_http_chat_metric_e    type;
    const char               *name;          /* without "chat_", "_total" */
    const char               *help;
    ngx_http_chat_label_t    *labels[NGX_HTTP_CHAT_METRIC_LABELS];
} ngx_http_chat_metric_t;


extern ngx_http_chat_metric_t  ngx_http_chat_metrics[];

/* names of limits, as in "chat_limit" and as values of a label */
extern const char  *ngx_http_chat_metric_limits[];

/* upper bounds of the buckets of each histogram, in microseconds */
extern ngx_uint_t  ngx_http_chat_metric_bounds[];

#define NGX_HTTP_CHAT_METRIC_BUCKETS  14


/* cells of a metric */
ngx_uint_t ngx_http_chat_metric_cells(ngx_http_chat_metric_t *m);

/* values of a label; 1 for NULL */
ngx_uint_t ngx_http_chat_metric_values(ngx_http_chat_label_t *label);

/* the bucket of a duration; NGX_HTTP_CHAT_METRIC_BUCKETS: beyond the last */
ngx_uint_t ngx_http_chat_metric_bucket(uint64_t us);

/* the cell of a close code; those that are none of docs/protocol share one */
ngx_uint_t ngx_http_chat_metric_close(ngx_uint_t code);


#endif /* _NGX_HTTP_CHAT_METRIC_H_INCLUDED_ */
