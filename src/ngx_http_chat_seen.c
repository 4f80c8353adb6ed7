
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#include "ngx_http_chat_revoke.h"
#include "ngx_http_chat_seen.h"
#include "ngx_http_chat_store.h"


/* a site is away when nobody has told of an agent for three of these */
#define NGX_HTTP_CHAT_SEEN_TIME      10000

/* agents of one worker that are told of; a site needs only one of its own */
#define NGX_HTTP_CHAT_SEEN_MAX       256

#define NGX_HTTP_CHAT_SEEN_LEN       (NGX_INT32_LEN + 1                      \
                                      + NGX_HTTP_CHAT_ID_LEN + 1)


static void ngx_http_chat_seen_timer(ngx_event_t *ev);
static void ngx_http_chat_seen_one(ngx_http_chat_actor_t *actor, void *data);
static void ngx_http_chat_seen_done(ngx_http_chat_call_t *call);


static ngx_event_t       ngx_http_chat_seen_event;
static ngx_connection_t  ngx_http_chat_seen_dummy;
static ngx_uint_t        ngx_http_chat_seen_asked;


void
ngx_http_chat_seen_init(ngx_cycle_t *cycle)
{
    ngx_event_t  *ev;

    /* debug logging of a timer looks at the descriptor of its data */

    ngx_http_chat_seen_dummy.fd = (ngx_socket_t) -1;
    ngx_http_chat_seen_asked = 0;

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

    ngx_http_chat_revoke_each(NGX_HTTP_CHAT_AGENT, ngx_http_chat_seen_one,
                              &who);

    if (who.len == 0) {
        return;
    }

    who.len--;

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

    u_char  *p;

    if (who->len + NGX_HTTP_CHAT_SEEN_LEN
        > NGX_HTTP_CHAT_SEEN_MAX * NGX_HTTP_CHAT_SEEN_LEN)
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
