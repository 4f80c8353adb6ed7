
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#include "ngx_http_chat_append.h"
#include "ngx_http_chat_counter.h"
#include "ngx_http_chat_feed_private.h"
#include "ngx_http_chat_limit.h"
#include "ngx_http_chat_presence.h"
#include "ngx_http_chat_state.h"
#include "ngx_http_chat_sweep.h"


static void ngx_http_chat_feed_deliver(ngx_http_chat_subscriber_t *s,
    void *data);
static uint64_t ngx_http_chat_feed_age(ngx_http_chat_event_t *event);
static void ngx_http_chat_feed_deliver_signal(ngx_http_chat_feed_t *f,
    ngx_http_chat_event_t *event);
static void ngx_http_chat_feed_close(ngx_http_chat_subscriber_t *s,
    ngx_uint_t code);
static ngx_uint_t ngx_http_chat_feed_at_head(ngx_http_chat_feed_t *f,
    ngx_http_chat_feed_topic_t *t);
static void ngx_http_chat_feed_store_state(ngx_uint_t ready);
static void ngx_http_chat_feed_bus_state(ngx_uint_t ready);
static void ngx_http_chat_feed_asked(ngx_http_chat_bus_message_t *m);


static const ngx_http_chat_subscriber_calls_t
    ngx_http_chat_feed_subscriber =
{
    ngx_http_chat_feed_deliver,
    ngx_http_chat_feed_close
};


static u_char      ngx_http_chat_feed_epoch[NGX_HTTP_CHAT_EPOCH_LEN];
static ngx_uint_t  ngx_http_chat_feed_bus;

static ngx_http_chat_store_listener_t  ngx_http_chat_feed_listener = {
    ngx_http_chat_feed_store_state, NULL
};


#define ngx_http_chat_feed_of(s)                                             \
    ((ngx_http_chat_feed_t *)                                                \
        ((u_char *) (s) - offsetof(ngx_http_chat_feed_t, subscriber)))


ngx_int_t
ngx_http_chat_feed_subscribe(ngx_http_chat_feed_t *f,
    ngx_http_chat_limit_conf_t *limit)
{
    ngx_str_t                    who;
    ngx_http_chat_feed_topic_t  *t;

    t = ngx_http_chat_topic_get(&f->conversation, f->actor->site->id);
    if (t == NULL) {
        return NGX_ERROR;
    }

    f->read = NULL;
    f->present = 0;
    f->counted = 0;
    f->live = 0;
    f->sent = f->since;

    if (f->since >= 0 && f->epoch != NULL && ngx_http_chat_feed_is_old(f)) {
        f->tail = 1;
    }

    f->epoch = ngx_http_chat_store_epoch();

    f->subscriber.calls = &ngx_http_chat_feed_subscriber;

    ngx_http_chat_topic_join(t, &f->subscriber);

    if (ngx_http_chat_feed_at_head(f, t)) {
        f->live = 1;
        f->sent = t->head;

        ngx_str_null(&who);
        ngx_http_chat_feed_join(f, t, &who);
        ngx_http_chat_feed_count(f, NGX_HTTP_CHAT_RESUME_HOT);

        return NGX_OK;
    }

    if (!ngx_http_chat_feed_read_shared(f)) {
        f->wait = (uint32_t) ngx_http_chat_limit_admit(limit);

        if (f->wait != 0) {
            ngx_http_chat_feed_leave(f);
            return NGX_BUSY;
        }
    }

    /* sent once the bus says that nothing stored later can be missed */

    if (ngx_http_chat_feed_read(f) != NGX_OK) {
        ngx_http_chat_feed_leave(f);
        return NGX_ERROR;
    }

    return NGX_AGAIN;
}


/*
 * A topic that has heard everything since it was last read need not be read
 * again for as long as an agent's session is trusted: by an agent, or by the
 * same visitor.
 */

static ngx_uint_t
ngx_http_chat_feed_at_head(ngx_http_chat_feed_t *f,
    ngx_http_chat_feed_topic_t *t)
{
    ngx_str_t  text;

    if (!t->confirmed || f->since < 0 || f->tail
        || t->head < 0 || t->hint > t->head
        || t->site != f->actor->site->id
        || !ngx_http_chat_topic_trusted(t)
        || f->since > t->head
        || !ngx_http_chat_presence_known(t, f->actor)
        || (f->stateful
            && ngx_http_chat_state_get(t, f->actor->kind, &text) != NGX_OK))
    {
        return 0;
    }

    if (f->actor->kind == NGX_HTTP_CHAT_AGENT) {
        return f->since == t->head;
    }

    return f->since >= t->pub_head
           && t->issued <= f->actor->issued
           && ngx_http_chat_id_eq(&t->owner, &f->actor->id);
}


ngx_int_t
ngx_http_chat_feed_state(ngx_http_chat_feed_t *f, ngx_str_t *state)
{
    ngx_str_t                    text;
    ngx_http_chat_feed_topic_t  *t;

    t = ngx_http_chat_topic_of(f->subscriber.topic);

    if (ngx_http_chat_state_get(t, f->actor->kind, &text) != NGX_OK) {
        return NGX_DECLINED;
    }

    return ngx_http_chat_presence_state(t, f->actor, &text, state);
}


void
ngx_http_chat_feed_leave(ngx_http_chat_feed_t *f)
{
    ngx_http_chat_feed_read_leave(f);

    f->live = 0;

    if (f->present) {
        f->present = 0;
        ngx_http_chat_presence_leave(
                               ngx_http_chat_topic_of(f->subscriber.topic),
                               f->actor);
    }

    ngx_http_chat_topic_leave(&f->subscriber);
}


void
ngx_http_chat_feed_join(ngx_http_chat_feed_t *f,
    ngx_http_chat_feed_topic_t *t, ngx_str_t *who)
{
    if (!f->present) {
        f->present = (ngx_http_chat_presence_join(t, f->actor, who)
                      == NGX_OK);
    }
}


void
ngx_http_chat_feed_pause(ngx_http_chat_feed_t *f)
{
    f->live = 0;
}


static void
ngx_http_chat_feed_deliver(ngx_http_chat_subscriber_t *s, void *data)
{
    ngx_http_chat_feed_t   *f;
    ngx_http_chat_event_t  *event;

    f = ngx_http_chat_feed_of(s);
    event = data;

    if (event == NULL) {
        ngx_http_chat_feed_read_confirmed(f);
        return;
    }

    if (event->seq == 0) {
        ngx_http_chat_feed_deliver_signal(f, event);
        return;
    }

    /* a reader that is not live yet will find it in PostgreSQL */

    if (!f->live || event->seq <= f->sent || ngx_http_chat_feed_is_old(f)) {
        return;
    }

    f->sent = event->seq;

    if ((event->audience & f->actor->kind) == 0) {
        return;
    }

    ngx_http_chat_counter_add_cell(NGX_HTTP_CHAT_S_EVENTS_OUT,
                       ngx_http_chat_counter_event(f->transport, 0), 1);

    if (event->created > 0) {
        ngx_http_chat_counter_observe(NGX_HTTP_CHAT_S_DELIVER_TIME,
                                      ngx_http_chat_feed_age(event));
    }

    f->calls->event(f, event);
}


/* microseconds since it was stored, as far as both clocks agree */

static uint64_t
ngx_http_chat_feed_age(ngx_http_chat_event_t *event)
{
    int64_t      ms;
    ngx_time_t  *now;

    now = ngx_timeofday();
    ms = (int64_t) now->sec * 1000 + now->msec - event->created;

    return ms > 0 ? (uint64_t) ms * 1000 : 0;
}


void
ngx_http_chat_feed_count(ngx_http_chat_feed_t *f, ngx_uint_t result)
{
    if (!f->counted) {
        f->counted = 1;
        ngx_http_chat_counter_add_cell(NGX_HTTP_CHAT_S_RESUMES, result, 1);
    }
}


/* nobody is told of what he has done himself */

static void
ngx_http_chat_feed_deliver_signal(ngx_http_chat_feed_t *f,
    ngx_http_chat_event_t *event)
{
    if (ngx_http_chat_feed_read_waits(f)
        || (event->audience & f->actor->kind) == 0
        || ngx_http_chat_id_eq(&event->sender, &f->actor->id))
    {
        return;
    }

    ngx_http_chat_counter_add_cell(NGX_HTTP_CHAT_S_EVENTS_OUT,
                       ngx_http_chat_counter_event(f->transport, 1), 1);

    f->calls->signal(f, event);
}


static void
ngx_http_chat_feed_close(ngx_http_chat_subscriber_t *s, ngx_uint_t code)
{
    ngx_http_chat_feed_t  *f;

    f = ngx_http_chat_feed_of(s);

    f->calls->close(f, code);
}


ngx_int_t
ngx_http_chat_feed_inbox(ngx_http_chat_subscriber_t *s,
    ngx_http_chat_site_t *site)
{
    ngx_http_chat_id_t           id;
    ngx_http_chat_feed_topic_t  *t;

    ngx_http_chat_topic_inbox(&id, site->id);

    t = ngx_http_chat_topic_get(&id, site->id);
    if (t == NULL) {
        return NGX_ERROR;
    }

    ngx_http_chat_topic_join(t, s);

    return NGX_OK;
}


void
ngx_http_chat_feed_inbox_leave(ngx_http_chat_subscriber_t *s)
{
    ngx_http_chat_topic_leave(s);
}


ngx_int_t
ngx_http_chat_feed_init(ngx_cycle_t *cycle, ngx_http_chat_main_conf_t *mcf)
{
    ngx_memzero(ngx_http_chat_feed_epoch, NGX_HTTP_CHAT_EPOCH_LEN);

    ngx_http_chat_topic_init(cycle);

    if (ngx_http_chat_bus_init(cycle, mcf, ngx_http_chat_feed_bus_state,
                               ngx_http_chat_topic_subscribed)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_http_chat_bus_on(NGX_HTTP_CHAT_BUS_EVENT,
                         ngx_http_chat_topic_on_event);
    ngx_http_chat_bus_on(NGX_HTTP_CHAT_BUS_SIGNAL,
                         ngx_http_chat_topic_on_signal);

    ngx_http_chat_bus_on(NGX_HTTP_CHAT_BUS_SWEEP,
                         ngx_http_chat_feed_asked);

    ngx_http_chat_topic_on_begin(ngx_http_chat_presence_ask);

    if (ngx_http_chat_presence_init(cycle) != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_http_chat_append_init(ngx_http_chat_feed_publish);

    ngx_http_chat_store_on_state(&ngx_http_chat_feed_listener);

    return ngx_http_chat_sweep_init(cycle);
}


void
ngx_http_chat_feed_exit(void)
{
    ngx_http_chat_presence_exit();
    ngx_http_chat_sweep_exit();
    ngx_http_chat_bus_exit();
}


static void
ngx_http_chat_feed_store_state(ngx_uint_t ready)
{
    if (!ready) {
        return;
    }

    ngx_http_chat_bus_start();

    if (ngx_http_chat_feed_epoch[0] != '\0'
        && ngx_memcmp(ngx_http_chat_feed_epoch, ngx_http_chat_store_epoch(),
                      NGX_HTTP_CHAT_EPOCH_LEN)
           != 0)
    {
        /* another history: everybody resumes and is told so */

        ngx_http_chat_sweep_reset();
        ngx_http_chat_topic_reset();
        ngx_http_chat_hub_close(NULL, NGX_HTTP_CHAT_CLOSE_RELOAD);
    }

    ngx_memcpy(ngx_http_chat_feed_epoch, ngx_http_chat_store_epoch(),
               NGX_HTTP_CHAT_EPOCH_LEN);

    ngx_http_chat_sweep_now();
}


static void
ngx_http_chat_feed_bus_state(ngx_uint_t ready)
{
    ngx_http_chat_bus_message_t  m;

    if (ready != ngx_http_chat_feed_bus) {
        ngx_http_chat_feed_bus = ready;
        ngx_http_chat_counter_add(NGX_HTTP_CHAT_S_BUS_READY, ready ? 1 : -1);
    }

    ngx_http_chat_topic_forget();
    ngx_http_chat_sweep_now();

    if (!ready) {
        return;
    }

    ngx_http_chat_presence_hello();

    /* a worker may have died before it said what it had stored */

    ngx_memzero(&m, sizeof(ngx_http_chat_bus_message_t));

    m.type = NGX_HTTP_CHAT_BUS_SWEEP;

    ngx_http_chat_bus_publish(NULL, &m);
}


static void
ngx_http_chat_feed_asked(ngx_http_chat_bus_message_t *m)
{
    ngx_http_chat_sweep_now();
}
