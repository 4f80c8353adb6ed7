
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#include "ngx_http_chat_counter.h"
#include "ngx_http_chat_drain.h"
#include "ngx_http_chat_hub.h"
#include "ngx_http_chat_presence.h"


/*
 * A worker that has been asked to quit looks only at its timers, so a
 * cancelable one polls for it: nginx calls nobody else in time.
 */

#define NGX_HTTP_CHAT_DRAIN_TICK  250


static void ngx_http_chat_drain_timer(ngx_event_t *ev);


static ngx_uint_t        ngx_http_chat_drain_begun;
static ngx_event_t       ngx_http_chat_drain_event;
static ngx_connection_t  ngx_http_chat_drain_dummy;
static void            (*ngx_http_chat_drain_handler)(void);


ngx_int_t
ngx_http_chat_drain_init(ngx_cycle_t *cycle, ngx_http_chat_main_conf_t *mcf)
{
    ngx_memzero(&ngx_http_chat_drain_event, sizeof(ngx_event_t));

    ngx_http_chat_drain_dummy.fd = (ngx_socket_t) -1;

    ngx_http_chat_drain_event.data = &ngx_http_chat_drain_dummy;
    ngx_http_chat_drain_event.handler = ngx_http_chat_drain_timer;
    ngx_http_chat_drain_event.log = cycle->log;
    ngx_http_chat_drain_event.cancelable = 1;

    ngx_add_timer(&ngx_http_chat_drain_event, NGX_HTTP_CHAT_DRAIN_TICK);

    return NGX_OK;
}


void
ngx_http_chat_drain_on(void (*handler)(void))
{
    ngx_http_chat_drain_handler = handler;
}


static void
ngx_http_chat_drain_timer(ngx_event_t *ev)
{
    if (ngx_exiting) {

        if (!ngx_http_chat_drain_begun) {
            ngx_http_chat_drain_begun = 1;
            ngx_http_chat_counter_add(NGX_HTTP_CHAT_S_DRAINING, 1);
            ngx_http_chat_counter_add(NGX_HTTP_CHAT_S_DRAINED,
                                      ngx_http_chat_hub_count());

            if (ngx_http_chat_drain_handler != NULL) {
                ngx_http_chat_drain_handler();
            }
        }

        ngx_log_debug1(NGX_LOG_DEBUG_HTTP, ev->log, 0,
                       "chat drain: %ui subscribers",
                       ngx_http_chat_hub_count());

        ngx_http_chat_hub_close(NULL, NGX_HTTP_CHAT_CLOSE_RELOAD);

        if (ngx_http_chat_hub_count() == 0) {
            ngx_http_chat_presence_farewell();
        }
    }

    ngx_add_timer(ev, NGX_HTTP_CHAT_DRAIN_TICK);
}
