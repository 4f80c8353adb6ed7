
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#include "ngx_http_chat_depot.h"
#include "ngx_http_chat_orphan.h"
#include "ngx_http_chat_store.h"


/* a worker asks that often, at once when there was more than it took */
#define NGX_HTTP_CHAT_ORPHAN_TIME    60000
#define NGX_HTTP_CHAT_ORPHAN_AGAIN   1000
#define NGX_HTTP_CHAT_ORPHAN_MAX     50


static void ngx_http_chat_orphan_timer(ngx_event_t *ev);
static void ngx_http_chat_orphan_claimed(ngx_http_chat_call_t *call);
static void ngx_http_chat_orphan_forget(ngx_http_chat_ids_t *ids);
static void ngx_http_chat_orphan_forgotten(ngx_http_chat_call_t *call);


static ngx_event_t       ngx_http_chat_orphan_event;
static ngx_connection_t  ngx_http_chat_orphan_dummy;


void
ngx_http_chat_orphan_init(ngx_cycle_t *cycle)
{
    ngx_event_t  *ev;

    ev = &ngx_http_chat_orphan_event;

    ngx_memzero(ev, sizeof(ngx_event_t));

    if (!ngx_http_chat_depot_on()) {
        return;
    }

    /* debug logging of a timer looks at the descriptor of its data */

    ngx_http_chat_orphan_dummy.fd = (ngx_socket_t) -1;

    ev->data = &ngx_http_chat_orphan_dummy;
    ev->handler = ngx_http_chat_orphan_timer;
    ev->log = cycle->log;
    ev->cancelable = 1;

    ngx_add_timer(ev, NGX_HTTP_CHAT_ORPHAN_AGAIN);
}


void
ngx_http_chat_orphan_exit(void)
{
    if (ngx_http_chat_orphan_event.timer_set) {
        ngx_del_timer(&ngx_http_chat_orphan_event);
    }
}


static void
ngx_http_chat_orphan_timer(ngx_event_t *ev)
{
    ngx_http_chat_args_t  args;

    if (!ngx_http_chat_store_ready()) {
        ngx_add_timer(ev, NGX_HTTP_CHAT_ORPHAN_AGAIN);
        return;
    }

    ngx_add_timer(ev, NGX_HTTP_CHAT_ORPHAN_TIME
                      + ngx_random() % NGX_HTTP_CHAT_ORPHAN_TIME);

    /* files of another installation are not ours to delete */

    if (ngx_http_chat_depot_check(ngx_http_chat_store_installation(),
                                  ev->log)
        != NGX_OK)
    {
        return;
    }

    ngx_http_chat_args_init(&args);
    ngx_http_chat_arg_int4(&args, NGX_HTTP_CHAT_ORPHAN_MAX);

    (void) ngx_http_chat_store_call(NGX_HTTP_CHAT_SLOW,
                                    NGX_HTTP_CHAT_Q_ATTACHMENT_EXPIRED,
                                    &args, ngx_http_chat_orphan_claimed,
                                    NULL);
}


static void
ngx_http_chat_orphan_claimed(ngx_http_chat_call_t *call)
{
    ngx_uint_t           i, rows;
    ngx_http_chat_id_t   elts[NGX_HTTP_CHAT_ORPHAN_MAX];
    ngx_http_chat_ids_t  ids;

    if (call->rc != NGX_OK) {
        return;
    }

    ids.elts = elts;
    ids.n = 0;

    rows = (ngx_uint_t) PQntuples(call->res);

    for (i = 0; i < rows && ids.n < NGX_HTTP_CHAT_ORPHAN_MAX; i++) {

        if (ngx_http_chat_col_id(call->res, i, 0, &elts[ids.n]) == NGX_OK
            && ngx_http_chat_depot_delete(&elts[ids.n], ngx_cycle->log)
               == NGX_OK)
        {
            ids.n++;
        }
    }

    if (ids.n != 0) {
        ngx_http_chat_orphan_forget(&ids);
    }

    if (rows == NGX_HTTP_CHAT_ORPHAN_MAX && !ngx_exiting) {
        ngx_add_timer(&ngx_http_chat_orphan_event,
                      NGX_HTTP_CHAT_ORPHAN_AGAIN);
    }
}


static void
ngx_http_chat_orphan_forget(ngx_http_chat_ids_t *ids)
{
    u_char                buf[ngx_http_chat_ids_len(NGX_HTTP_CHAT_ORPHAN_MAX)];
    ngx_http_chat_args_t  args;

    ngx_http_chat_args_init(&args);
    ngx_http_chat_arg_ids(&args, buf, ids);

    (void) ngx_http_chat_store_call(NGX_HTTP_CHAT_SLOW,
                                    NGX_HTTP_CHAT_Q_ATTACHMENT_FORGET, &args,
                                    ngx_http_chat_orphan_forgotten, NULL);
}


static void
ngx_http_chat_orphan_forgotten(ngx_http_chat_call_t *call)
{
    ngx_log_debug1(NGX_LOG_DEBUG_CORE, ngx_cycle->log, 0,
                   "chat orphans forgotten: %i", call->rc);
}
