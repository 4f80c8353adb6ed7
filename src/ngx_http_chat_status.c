
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#include "ngx_http_chat_status.h"
#include "ngx_http_chat_counter.h"
#include "ngx_http_chat_header.h"
#include "ngx_http_chat_metric.h"
#include "ngx_http_chat_reply.h"
#include "ngx_http_chat_store.h"


/* room for what one metric and one cell take in either format */
#define NGX_HTTP_CHAT_STATUS_METRIC  384
#define NGX_HTTP_CHAT_STATUS_CELL    160

/* a PostgreSQL that does not answer in this time is not ready, in ms */
#define NGX_HTTP_CHAT_STATUS_TIME    900


static ngx_uint_t ngx_http_chat_status_wants_json(ngx_http_request_t *r);
static u_char *ngx_http_chat_status_text(u_char *p, u_char *last,
    ngx_atomic_uint_t *sums, ngx_uint_t workers);
static u_char *ngx_http_chat_status_json(u_char *p, u_char *last,
    ngx_atomic_uint_t *sums, ngx_uint_t workers);
static u_char *ngx_http_chat_status_cells(u_char *p, u_char *last,
    ngx_http_chat_metric_t *m, ngx_atomic_uint_t *cells, ngx_uint_t json);
static u_char *ngx_http_chat_status_histogram(u_char *p, u_char *last,
    ngx_http_chat_metric_t *m, ngx_atomic_uint_t *cells, ngx_uint_t json);
static u_char *ngx_http_chat_status_seconds(u_char *p, u_char *last,
    ngx_atomic_uint_t us);
static void ngx_http_chat_status_pinged(ngx_http_chat_call_t *call);
static void ngx_http_chat_status_late(ngx_http_request_t *r);
static ngx_int_t ngx_http_chat_status_away(ngx_http_request_t *r);


static ngx_str_t  ngx_http_chat_status_type_text =
    ngx_string("text/plain; version=0.0.4; charset=utf-8");
static ngx_str_t  ngx_http_chat_status_type_json =
    ngx_string("application/json");


static const char  *ngx_http_chat_status_types[] = {
    "counter", "gauge", "gauge", "histogram"
};


ngx_int_t
ngx_http_chat_status_zone(ngx_conf_t *cf)
{
    return ngx_http_chat_counter_zone(cf, &ngx_http_chat_module);
}


void
ngx_http_chat_status_worker(ngx_cycle_t *cycle)
{
    ngx_http_chat_counter_worker(cycle, &ngx_http_chat_module);
}


ngx_int_t
ngx_http_chat_status_handler(ngx_http_request_t *r)
{
    ngx_buf_t          *b;
    ngx_str_t          *type;
    ngx_uint_t          workers, cells;
    ngx_chain_t         cl;
    ngx_atomic_uint_t  *sums;
    static ngx_str_t    allow = ngx_string("GET, HEAD");

    if (!(r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD))) {

        if (ngx_http_chat_reply_header(r, "Allow", &allow) != NGX_OK) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        return ngx_http_chat_reply_problem(r,
                                  NGX_HTTP_CHAT_METHOD_NOT_ALLOWED, NULL, NULL);
    }

    cells = ngx_http_chat_counter_cells();

    b = ngx_create_temp_buf(r->pool, (NGX_HTTP_CHAT_S_N + 2)
                                     * NGX_HTTP_CHAT_STATUS_METRIC
                                     + cells * NGX_HTTP_CHAT_STATUS_CELL);
    sums = ngx_palloc(r->pool, cells * sizeof(ngx_atomic_uint_t));

    if (b == NULL || sums == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    workers = ngx_http_chat_counter_sum(sums);

    if (ngx_http_chat_status_wants_json(r)) {
        type = &ngx_http_chat_status_type_json;
        b->last = ngx_http_chat_status_json(b->last, b->end, sums, workers);

    } else {
        type = &ngx_http_chat_status_type_text;
        b->last = ngx_http_chat_status_text(b->last, b->end, sums, workers);
    }

    cl.buf = b;
    cl.next = NULL;

    return ngx_http_chat_reply_content(r, NGX_HTTP_OK, type, &cl,
                                       b->last - b->pos);
}


/* "format=json" or an Accept that names JSON */

static ngx_uint_t
ngx_http_chat_status_wants_json(ngx_http_request_t *r)
{
    ngx_str_t         value;
    ngx_table_elt_t  *h;
    static ngx_str_t  accept = ngx_string("accept");

    if (ngx_http_arg(r, (u_char *) "format", 6, &value) == NGX_OK) {
        return value.len == 4 && ngx_strncmp(value.data, "json", 4) == 0;
    }

    h = ngx_http_chat_header_find(r, &accept, NULL);

    return h != NULL
           && ngx_strlcasestrn(h->value.data, h->value.data + h->value.len,
                               (u_char *) "application/json",
                               sizeof("application/json") - 2)
              != NULL;
}


/* text exposition format of Prometheus, version 0.0.4 */

static u_char *
ngx_http_chat_status_text(u_char *p, u_char *last, ngx_atomic_uint_t *sums,
    ngx_uint_t workers)
{
    ngx_uint_t               i;
    const char              *total;
    ngx_http_chat_metric_t  *m;

    p = ngx_slprintf(p, last,
                     "# HELP chat_info Versions of the module and of nginx.\n"
                     "# TYPE chat_info gauge\n"
                     "chat_info{version=\"%s\",nginx=\"%s\"} 1\n"
                     "# HELP chat_workers Worker processes.\n"
                     "# TYPE chat_workers gauge\n"
                     "chat_workers %ui\n",
                     NGX_HTTP_CHAT_VERSION, NGINX_VERSION, workers);

    for (i = 0; i < NGX_HTTP_CHAT_S_N; i++) {
        m = &ngx_http_chat_metrics[i];
        total = m->type == NGX_HTTP_CHAT_METRIC_COUNTER ? "_total" : "";

        p = ngx_slprintf(p, last,
                         "# HELP chat_%s%s %s\n"
                         "# TYPE chat_%s%s %s\n",
                         m->name, total, m->help, m->name, total,
                         ngx_http_chat_status_types[m->type]);

        p = ngx_http_chat_status_cells(p, last, m,
                                 &sums[ngx_http_chat_counter_first(i)], 0);
    }

    return p;
}


/* the same names; a label becomes an object with its values as members */

static u_char *
ngx_http_chat_status_json(u_char *p, u_char *last, ngx_atomic_uint_t *sums,
    ngx_uint_t workers)
{
    ngx_uint_t               i;
    ngx_http_chat_metric_t  *m;

    p = ngx_slprintf(p, last,
                     "{\"version\":\"%s\",\"nginx\":\"%s\",\"workers\":%ui",
                     NGX_HTTP_CHAT_VERSION, NGINX_VERSION, workers);

    for (i = 0; i < NGX_HTTP_CHAT_S_N; i++) {
        m = &ngx_http_chat_metrics[i];

        p = ngx_slprintf(p, last, ",\"%s\":", m->name);
        p = ngx_http_chat_status_cells(p, last, m,
                                 &sums[ngx_http_chat_counter_first(i)], 1);
    }

    return ngx_slprintf(p, last, "}\n");
}


static u_char *
ngx_http_chat_status_cells(u_char *p, u_char *last,
    ngx_http_chat_metric_t *m, ngx_atomic_uint_t *cells, ngx_uint_t json)
{
    ngx_uint_t              i, k, inner;
    const char             *total;
    ngx_http_chat_label_t  *a, *b;

    if (m->type == NGX_HTTP_CHAT_METRIC_HISTOGRAM) {
        return ngx_http_chat_status_histogram(p, last, m, cells, json);
    }

    a = m->labels[0];
    b = m->labels[1];
    total = m->type == NGX_HTTP_CHAT_METRIC_COUNTER ? "_total" : "";

    if (a == NULL) {
        return json ? ngx_slprintf(p, last, "%uA", cells[0])
                    : ngx_slprintf(p, last, "chat_%s%s %uA\n", m->name,
                                   total, cells[0]);
    }

    inner = ngx_http_chat_metric_values(b);

    for (i = 0; a->values[i] != NULL; i++) {

        if (json) {
            p = ngx_slprintf(p, last, "%s\"%s\":%s", i == 0 ? "{" : ",",
                             a->values[i], b == NULL ? "" : "{");
        }

        for (k = 0; k < inner; k++, cells++) {

            if (json && b == NULL) {
                p = ngx_slprintf(p, last, "%uA", *cells);

            } else if (json) {
                p = ngx_slprintf(p, last, "%s\"%s\":%uA", k == 0 ? "" : ",",
                                 b->values[k], *cells);

            } else if (b == NULL) {
                p = ngx_slprintf(p, last, "chat_%s%s{%s=\"%s\"} %uA\n",
                                 m->name, total, a->name, a->values[i],
                                 *cells);

            } else {
                p = ngx_slprintf(p, last,
                                 "chat_%s%s{%s=\"%s\",%s=\"%s\"} %uA\n",
                                 m->name, total, a->name, a->values[i],
                                 b->name, b->values[k], *cells);
            }
        }

        if (json && b != NULL) {
            p = ngx_slprintf(p, last, "}");
        }
    }

    return json ? ngx_slprintf(p, last, "}") : p;
}


/* buckets are cumulative in both formats */

static u_char *
ngx_http_chat_status_histogram(u_char *p, u_char *last,
    ngx_http_chat_metric_t *m, ngx_atomic_uint_t *cells, ngx_uint_t json)
{
    ngx_uint_t         i;
    ngx_atomic_uint_t  n;

    n = 0;

    if (json) {
        p = ngx_slprintf(p, last, "{\"buckets\":{");
    }

    for (i = 0; i < NGX_HTTP_CHAT_METRIC_BUCKETS; i++) {
        n += cells[i];

        p = json ? ngx_slprintf(p, last, i == 0 ? "\"" : ",\"")
                 : ngx_slprintf(p, last, "chat_%s_bucket{le=\"", m->name);
        p = ngx_http_chat_status_seconds(p, last,
                                         ngx_http_chat_metric_bounds[i]);
        p = ngx_slprintf(p, last, json ? "\":%uA" : "\"} %uA\n", n);
    }

    n += cells[NGX_HTTP_CHAT_METRIC_BUCKETS];

    p = json ? ngx_slprintf(p, last, "},\"count\":%uA,\"sum\":", n)
             : ngx_slprintf(p, last, "chat_%s_bucket{le=\"+Inf\"} %uA\n"
                            "chat_%s_count %uA\nchat_%s_sum ",
                            m->name, n, m->name, n, m->name);

    p = ngx_http_chat_status_seconds(p, last,
                                  cells[NGX_HTTP_CHAT_METRIC_BUCKETS + 1]);

    return ngx_slprintf(p, last, json ? "}" : "\n");
}


/* without zeros at the end */

static u_char *
ngx_http_chat_status_seconds(u_char *p, u_char *last, ngx_atomic_uint_t us)
{
    ngx_uint_t         width;
    ngx_atomic_uint_t  part;

    p = ngx_slprintf(p, last, "%uA", us / 1000000);

    part = us % 1000000;

    if (part == 0 || last - p < 7) {
        return p;
    }

    for (width = 6; part % 10 == 0; width--) {
        part /= 10;
    }

    *p = '.';

    for (us = width; us > 0; us--) {
        p[us] = (u_char) ('0' + part % 10);
        part /= 10;
    }

    return p + width + 1;
}


ngx_int_t
ngx_http_chat_status_live(ngx_http_request_t *r, ngx_http_chat_ctx_t *ctx)
{
    static ngx_str_t  body = ngx_string("{\"status\":\"live\"}");

    return ngx_http_chat_reply_json(r, NGX_HTTP_OK, &body);
}


ngx_int_t
ngx_http_chat_status_ready(ngx_http_request_t *r, ngx_http_chat_ctx_t *ctx)
{
    ngx_event_t           *wev;
    ngx_http_chat_args_t   args;
    ngx_http_chat_call_t  *call;

    if (!ngx_http_chat_store_ready()) {
        return ngx_http_chat_status_away(r);
    }

    ngx_http_chat_args_init(&args);

    call = ngx_http_chat_store_call(NGX_HTTP_CHAT_FAST, NGX_HTTP_CHAT_Q_PING,
                                    &args, ngx_http_chat_status_pinged, NULL);
    if (call == NULL) {
        return ngx_http_chat_status_away(r);
    }

    if (ngx_http_chat_wait(r, ctx, call) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    /* deleted when the request is finalized */

    r->write_event_handler = ngx_http_chat_status_late;

    wev = r->connection->write;
    wev->delayed = 1;
    ngx_add_timer(wev, NGX_HTTP_CHAT_STATUS_TIME);

    return NGX_DONE;
}


static void
ngx_http_chat_status_pinged(ngx_http_chat_call_t *call)
{
    ngx_int_t            rc;
    ngx_http_request_t  *r;
    static ngx_str_t     body = ngx_string("{\"status\":\"ready\"}");

    r = call->data;

    if (r == NULL) {
        return;
    }

    r->connection->write->delayed = 0;

    rc = call->rc == NGX_OK ? ngx_http_chat_reply_json(r, NGX_HTTP_OK, &body)
                            : ngx_http_chat_status_away(r);

    ngx_http_chat_finalize(r, rc);
}


/* may free r */

static void
ngx_http_chat_status_late(ngx_http_request_t *r)
{
    ngx_http_chat_ctx_t  *ctx;

    if (r->connection->write->delayed) {
        return;
    }

    ctx = ngx_http_get_module_ctx(r, ngx_http_chat_module);

    ngx_http_chat_unwait(ctx);

    ngx_http_finalize_request(r, ngx_http_chat_status_away(r));
}


static ngx_int_t
ngx_http_chat_status_away(ngx_http_request_t *r)
{
    return ngx_http_chat_reply_problem(r, NGX_HTTP_CHAT_UNAVAILABLE, NULL,
                                       "PostgreSQL does not answer");
}
