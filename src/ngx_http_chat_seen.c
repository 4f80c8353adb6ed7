
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#include "ngx_http_chat_revoke.h"
#include "ngx_http_chat_seen.h"
#include "ngx_http_chat_store.h"


/* a site is away when nobody has told of an agent for three of these */
#define NGX_HTTP_CHAT_SEEN_TIME      10000

/* whoever comes is told of soon, with those who come with him */
#define NGX_HTTP_CHAT_SEEN_SOON      250
#define NGX_HTTP_CHAT_SEEN_AGAIN     2000

/* streams that one statement tells of; more of them are told of in turn */
#define NGX_HTTP_CHAT_SEEN_MAX       256

#define NGX_HTTP_CHAT_SEEN_LEN       (NGX_INT32_LEN + 1                      \
                                      + NGX_HTTP_CHAT_ID_LEN + 1)


static void ngx_http_chat_seen_timer(ngx_event_t *ev);
static void ngx_http_chat_seen_one(ngx_http_chat_actor_t *actor, void *data);
static void ngx_http_chat_seen_done(ngx_http_chat_call_t *call);


static ngx_event_t       ngx_http_chat_seen_event;
static ngx_connection_t  ngx_http_chat_seen_dummy;
static ngx_uint_t        ngx_http_chat_seen_asked;
static ngx_uint_t        ngx_http_chat_seen_from;
static ngx_uint_t        ngx_http_chat_seen_count;
static ngx_msec_t        ngx_http_chat_seen_told;


void
ngx_http_chat_seen_init(ngx_cycle_t *cycle)
{
    ngx_event_t  *ev;

    /* debug logging of a timer looks at the descriptor of its data */

    ngx_http_chat_seen_dummy.fd = (ngx_socket_t) -1;
    ngx_http_chat_seen_asked = 0;
    ngx_http_chat_seen_from = 0;

    ev = &ngx_http_chat_seen_event;

    ngx_memzero(ev, sizeof(ngx_event_t));

    ev->data = &ngx_http_chat_seen_dummy;
    ev->handler = ngx_http_chat_seen_timer;
    ev->log = cycle->log;
    ev->cancelable = 1;

    /* a second after the start, when streams of the worker before are back */

    ngx_add_timer(ev, 1000);
}


void
ngx_http_chat_seen_exit(void)
{
    if (ngx_http_chat_seen_event.timer_set) {
        ngx_del_timer(&ngx_http_chat_seen_event);
    }
}


void
ngx_http_chat_seen_soon(void)
{
    ngx_msec_t       age, delay;
    ngx_event_t     *ev;
    ngx_msec_int_t   left;

    ev = &ngx_http_chat_seen_event;

    if (!ev->timer_set) {
        return;
    }

    age = ngx_current_msec - ngx_http_chat_seen_told;
    delay = age < NGX_HTTP_CHAT_SEEN_AGAIN ? NGX_HTTP_CHAT_SEEN_AGAIN - age
                                           : NGX_HTTP_CHAT_SEEN_SOON;
    left = (ngx_msec_int_t) (ev->timer.key - ngx_current_msec);

    if (left > (ngx_msec_int_t) delay) {
        ngx_add_timer(ev, delay);
    }
}


static void
ngx_http_chat_seen_timer(ngx_event_t *ev)
{
    u_char                buf[NGX_HTTP_CHAT_SEEN_MAX
                              * NGX_HTTP_CHAT_SEEN_LEN];
    ngx_str_t             who;
    ngx_http_chat_args_t  args;

    ngx_add_timer(ev, NGX_HTTP_CHAT_SEEN_TIME);

    if (ngx_http_chat_seen_asked || !ngx_http_chat_store_ready()) {
        return;
    }

    who.data = buf;
    who.len = 0;

    ngx_http_chat_seen_count = 0;
    ngx_http_chat_revoke_each(NGX_HTTP_CHAT_AGENT, ngx_http_chat_seen_one,
                              &who);

    ngx_http_chat_seen_from += NGX_HTTP_CHAT_SEEN_MAX;

    if (ngx_http_chat_seen_from >= ngx_http_chat_seen_count) {
        ngx_http_chat_seen_from = 0;

    } else {
        ngx_add_timer(ev, NGX_HTTP_CHAT_SEEN_SOON);
    }

    if (who.len == 0) {
        return;
    }

    who.len--;
    ngx_http_chat_seen_told = ngx_current_msec;

    ngx_http_chat_args_init(&args);
    ngx_http_chat_arg_text(&args, &who);

    if (ngx_http_chat_store_call(NGX_HTTP_CHAT_SLOW,
                                 NGX_HTTP_CHAT_Q_AGENTS_SEEN, &args,
                                 ngx_http_chat_seen_done, NULL)
        != NULL)
    {
        ngx_http_chat_seen_asked = 1;
    }
}


static void
ngx_http_chat_seen_one(ngx_http_chat_actor_t *actor, void *data)
{
    ngx_str_t *who = data;

    u_char      *p;
    ngx_uint_t   n;

    n = ngx_http_chat_seen_count++;

    if (n < ngx_http_chat_seen_from
        || n - ngx_http_chat_seen_from >= NGX_HTTP_CHAT_SEEN_MAX)
    {
        return;
    }

    p = ngx_sprintf(who->data + who->len, "%D ", actor->site->id);
    p = ngx_http_chat_id_write(p, &actor->id);
    *p++ = ',';

    who->len = p - who->data;
}


static void
ngx_http_chat_seen_done(ngx_http_chat_call_t *call)
{
    ngx_http_chat_seen_asked = 0;
}
