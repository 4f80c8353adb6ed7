
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#include "ngx_http_chat_status.h"
#include "ngx_http_chat_counter.h"
#include "ngx_http_chat_header.h"
#include "ngx_http_chat_reply.h"
#include "ngx_http_chat_store.h"


/* room for the lines of one metric, or for one member */
#define NGX_HTTP_CHAT_STATUS_LINE    384

/* a PostgreSQL that does not answer in this time is not ready, in ms */
#define NGX_HTTP_CHAT_STATUS_TIME    900


typedef struct {
    const char               *name;
    const char               *help;
} ngx_http_chat_status_metric_t;


static ngx_uint_t ngx_http_chat_status_wants_json(ngx_http_request_t *r);
static u_char *ngx_http_chat_status_text(u_char *p, u_char *last,
    ngx_atomic_uint_t *sums, ngx_uint_t workers);
static u_char *ngx_http_chat_status_json(u_char *p, u_char *last,
    ngx_atomic_uint_t *sums, ngx_uint_t workers);
static void ngx_http_chat_status_pinged(ngx_http_chat_call_t *call);
static void ngx_http_chat_status_late(ngx_http_request_t *r);
static ngx_int_t ngx_http_chat_status_away(ngx_http_request_t *r);


static ngx_str_t  ngx_http_chat_status_type_text =
    ngx_string("text/plain; version=0.0.4; charset=utf-8");
static ngx_str_t  ngx_http_chat_status_type_json =
    ngx_string("application/json");


/* in the order of ngx_http_chat_counter_e */

static ngx_http_chat_status_metric_t  ngx_http_chat_status_metrics[] = {
    { "requests", "Requests to the API." },
    { "messages", "Messages stored." },
    { "duplicates", "Repeated messages that were stored before." },
    { "append_batches", "Transactions that stored messages." },
    { "append_busy", "Messages put back because their conversation "
                     "was locked." },
    { "events_out", "Events delivered to subscribers." },
    { "gap_reads", "Reads of events that the bus did not deliver." },
    { "unavailable", "Answers with status 503." },
    { "pg_connects", "Connections made to PostgreSQL." },
    { "pg_errors", "Statements refused by PostgreSQL." },
    { "pg_timeouts", "Statements without an answer in time." },
    { "polls", "Long polls that wait." },
    { "pg_ready", "Workers connected to PostgreSQL." }
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
    ngx_uint_t          workers;
    ngx_chain_t         cl;
    ngx_atomic_uint_t   sums[NGX_HTTP_CHAT_S_N];
    static ngx_str_t    allow = ngx_string("GET, HEAD");

    if (!(r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD))) {

        if (ngx_http_chat_reply_header(r, "Allow", &allow) != NGX_OK) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        return ngx_http_chat_reply_problem(r,
                                  NGX_HTTP_CHAT_METHOD_NOT_ALLOWED, NULL, NULL);
    }

    b = ngx_create_temp_buf(r->pool, (NGX_HTTP_CHAT_S_N + 2)
                                     * NGX_HTTP_CHAT_STATUS_LINE);
    if (b == NULL) {
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
    ngx_uint_t                      i;
    ngx_http_chat_status_metric_t  *m;

    p = ngx_slprintf(p, last,
                     "# HELP chat_info Versions of the module and of nginx.\n"
                     "# TYPE chat_info gauge\n"
                     "chat_info{version=\"%s\",nginx=\"%s\"} 1\n"
                     "# HELP chat_workers Worker processes.\n"
                     "# TYPE chat_workers gauge\n"
                     "chat_workers %ui\n",
                     NGX_HTTP_CHAT_VERSION, NGINX_VERSION, workers);

    for (i = 0; i < NGX_HTTP_CHAT_S_N; i++) {
        m = &ngx_http_chat_status_metrics[i];

        if (i < NGX_HTTP_CHAT_S_FIRST_GAUGE) {
            p = ngx_slprintf(p, last,
                             "# HELP chat_%s_total %s\n"
                             "# TYPE chat_%s_total counter\n"
                             "chat_%s_total %uA\n",
                             m->name, m->help, m->name, m->name, sums[i]);
            continue;
        }

        p = ngx_slprintf(p, last,
                         "# HELP chat_%s %s\n"
                         "# TYPE chat_%s gauge\n"
                         "chat_%s %uA\n",
                         m->name, m->help, m->name, m->name, sums[i]);
    }

    return p;
}


static u_char *
ngx_http_chat_status_json(u_char *p, u_char *last, ngx_atomic_uint_t *sums,
    ngx_uint_t workers)
{
    ngx_uint_t  i;

    p = ngx_slprintf(p, last,
                     "{\"version\":\"%s\",\"nginx\":\"%s\",\"workers\":%ui",
                     NGX_HTTP_CHAT_VERSION, NGINX_VERSION, workers);

    for (i = 0; i < NGX_HTTP_CHAT_S_N; i++) {
        p = ngx_slprintf(p, last, ",\"%s\":%uA",
                         ngx_http_chat_status_metrics[i].name, sums[i]);
    }

    return ngx_slprintf(p, last, "}\n");
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
