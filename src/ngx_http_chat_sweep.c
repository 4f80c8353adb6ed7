
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#include "ngx_http_chat_counter.h"
#include "ngx_http_chat_sweep.h"
#include "ngx_http_chat_topic.h"


#define NGX_HTTP_CHAT_SWEEP_TIME      2000
#define NGX_HTTP_CHAT_SWEEP_DEGRADED  500

#define NGX_HTTP_CHAT_W_NEXT          0
#define NGX_HTTP_CHAT_W_SITE          1
#define NGX_HTTP_CHAT_W_CONVERSATION  2
#define NGX_HTTP_CHAT_W_HEAD          3


static void ngx_http_chat_sweep_timer(ngx_event_t *ev);
static void ngx_http_chat_sweep_done(ngx_http_chat_call_t *call);
static void ngx_http_chat_sweep_count(ngx_http_chat_id_t *id, int64_t head);
static void ngx_http_chat_sweep_keep(PGresult *res);


static ngx_event_t       ngx_http_chat_sweep_event;
static ngx_connection_t  ngx_http_chat_sweep_dummy;
static ngx_str_t         ngx_http_chat_sweep_cursor;
static ngx_uint_t        ngx_http_chat_sweep_asked;
static ngx_uint_t        ngx_http_chat_sweep_stale;


ngx_int_t
ngx_http_chat_sweep_init(ngx_cycle_t *cycle)
{
    ngx_str_null(&ngx_http_chat_sweep_cursor);
    ngx_http_chat_sweep_asked = 0;
    ngx_http_chat_sweep_stale = 0;

    ngx_memzero(&ngx_http_chat_sweep_event, sizeof(ngx_event_t));

    ngx_http_chat_sweep_dummy.fd = (ngx_socket_t) -1;

    ngx_http_chat_sweep_event.data = &ngx_http_chat_sweep_dummy;
    ngx_http_chat_sweep_event.handler = ngx_http_chat_sweep_timer;
    ngx_http_chat_sweep_event.log = cycle->log;
    ngx_http_chat_sweep_event.cancelable = 1;

    ngx_add_timer(&ngx_http_chat_sweep_event, NGX_HTTP_CHAT_SWEEP_DEGRADED);

    return NGX_OK;
}


void
ngx_http_chat_sweep_exit(void)
{
    if (ngx_http_chat_sweep_event.timer_set) {
        ngx_del_timer(&ngx_http_chat_sweep_event);
    }

    ngx_http_chat_sweep_reset();
}


void
ngx_http_chat_sweep_reset(void)
{
    if (ngx_http_chat_sweep_cursor.data != NULL) {
        ngx_free(ngx_http_chat_sweep_cursor.data);
    }

    ngx_str_null(&ngx_http_chat_sweep_cursor);

    /* what is under way would bring the old place back */

    ngx_http_chat_sweep_stale = ngx_http_chat_sweep_asked;
}


static void
ngx_http_chat_sweep_timer(ngx_event_t *ev)
{
    ngx_http_chat_sweep_now();

    ngx_add_timer(ev, ngx_http_chat_bus_ready()
                      ? NGX_HTTP_CHAT_SWEEP_TIME
                      : NGX_HTTP_CHAT_SWEEP_DEGRADED);
}


void
ngx_http_chat_sweep_now(void)
{
    ngx_http_chat_args_t  args;

    if (ngx_http_chat_sweep_event.timer_set && !ngx_http_chat_bus_ready()) {

        /* the bus was lost just now, maybe: 2 s would be too long */

        ngx_add_timer(&ngx_http_chat_sweep_event,
                      NGX_HTTP_CHAT_SWEEP_DEGRADED);
    }

    if (ngx_http_chat_sweep_asked || !ngx_http_chat_store_ready()) {
        return;
    }

    ngx_http_chat_args_init(&args);

    if (ngx_http_chat_sweep_cursor.len == 0) {
        ngx_http_chat_arg_null(&args);

    } else {
        ngx_http_chat_arg_text(&args, &ngx_http_chat_sweep_cursor);
    }

    if (ngx_http_chat_store_call(NGX_HTTP_CHAT_SLOW, NGX_HTTP_CHAT_Q_SWEEP,
                                 &args, ngx_http_chat_sweep_done, NULL)
        != NULL)
    {
        ngx_http_chat_sweep_asked = 1;
    }
}


static void
ngx_http_chat_sweep_done(ngx_http_chat_call_t *call)
{
    int32_t             site;
    int64_t             head;
    ngx_uint_t          i, n;
    ngx_http_chat_id_t  id;

    ngx_http_chat_sweep_asked = 0;

    if (ngx_http_chat_sweep_stale) {
        ngx_http_chat_sweep_stale = 0;
        ngx_http_chat_sweep_now();
        return;
    }

    if (call->rc != NGX_OK) {
        return;
    }

    n = (ngx_uint_t) PQntuples(call->res);

    /* without a place nothing is listed: what came before it was missed */

    if (ngx_http_chat_sweep_cursor.len == 0
        || ngx_http_chat_col_int8(call->res, 0, NGX_HTTP_CHAT_W_HEAD) < 0)
    {
        ngx_http_chat_topic_check();
    }

    for (i = 1; i < n; i++) {

        site = ngx_http_chat_col_int4(call->res, i, NGX_HTTP_CHAT_W_SITE);
        head = ngx_http_chat_col_int8(call->res, i, NGX_HTTP_CHAT_W_HEAD);

        if (ngx_http_chat_col_id(call->res, i, NGX_HTTP_CHAT_W_CONVERSATION,
                                 &id)
            == NGX_OK)
        {
            ngx_http_chat_sweep_count(&id, head);
            ngx_http_chat_topic_changed(&id, site, head);
        }
    }

    ngx_http_chat_sweep_keep(call->res);
}


/* somebody listens, and the bus did not say so */

static void
ngx_http_chat_sweep_count(ngx_http_chat_id_t *id, int64_t head)
{
    ngx_http_chat_topic_t       *topic;
    ngx_http_chat_feed_topic_t  *t;

    topic = ngx_http_chat_hub_find(id);

    if (topic == NULL || topic->n == 0) {
        return;
    }

    t = ngx_http_chat_topic_of(topic);

    if (t->head >= 0 && head > t->head && head > t->hint) {
        ngx_http_chat_counter_add_cell(NGX_HTTP_CHAT_S_GAPS_SEEN, 1, 1);
    }
}


static void
ngx_http_chat_sweep_keep(PGresult *res)
{
    u_char     *p;
    ngx_str_t   next;

    ngx_http_chat_col_text(res, 0, NGX_HTTP_CHAT_W_NEXT, &next);

    if (next.len == 0) {
        return;
    }

    p = ngx_alloc(next.len, ngx_cycle->log);
    if (p == NULL) {
        return;
    }

    ngx_memcpy(p, next.data, next.len);

    if (ngx_http_chat_sweep_cursor.data != NULL) {
        ngx_free(ngx_http_chat_sweep_cursor.data);
    }

    ngx_http_chat_sweep_cursor.data = p;
    ngx_http_chat_sweep_cursor.len = next.len;
}
