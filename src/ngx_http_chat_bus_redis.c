
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#include "ngx_http_chat_bus.h"
#include "ngx_http_chat_counter.h"
#include "ngx_http_chat_peer.h"
#include "ngx_http_chat_redis.h"
#include "ngx_http_chat_store.h"


/*
 * The carrier over Redis: a channel for each topic, one for all workers and
 * one for this worker alone, on which it hears its own probes.  Two
 * connections: one publishes, one receives.
 *
 *     chat:<installation>:<epoch>:c:<id>
 *     chat:<installation>:<epoch>:w
 *     chat:<installation>:<epoch>:w:<origin>
 */


/* in ms */
#define NGX_HTTP_CHAT_BUS_TICK       250
#define NGX_HTTP_CHAT_BUS_PROBE      500     /* from one to the next */
#define NGX_HTTP_CHAT_BUS_LATE       750     /* degraded */
#define NGX_HTTP_CHAT_BUS_DEAD       3000    /* connect anew */

#define NGX_HTTP_CHAT_BUS_NAME       128

/* items without data are short; so many bytes of them go together */
#define NGX_HTTP_CHAT_BUS_HINT       128
#define NGX_HTTP_CHAT_BUS_HINTS      8192


/* somebody who waits for a channel to be received */

typedef struct {
    ngx_queue_t                  queue;
    ngx_http_chat_id_t           topic;
    ngx_msec_t                   since;
} ngx_http_chat_bus_waiter_t;


typedef struct {
    ngx_http_chat_redis_t       *commands;
    ngx_http_chat_redis_t       *subscriptions;
    ngx_http_chat_redis_conf_t   confs[2];
    ngx_log_t                   *log;
    ngx_event_t                  timer;
    ngx_event_t                  flush;
    ngx_queue_t                  waiters;    /* oldest first */

    u_char                       prefix[NGX_HTTP_CHAT_BUS_NAME];
    u_char                       all[NGX_HTTP_CHAT_BUS_NAME];
    u_char                       control[NGX_HTTP_CHAT_BUS_NAME];

    ngx_http_chat_id_t           hinted;     /* whose hints are held */
    size_t                       nhints;
    u_char                       hints[NGX_HTTP_CHAT_BUS_HINTS];

    ngx_uint_t                   drops;      /* counted already */
    ngx_uint_t                   connects;
    ngx_uint_t                   errors;
    ngx_int_t                    probe;      /* the last one's number */
    ngx_msec_t                   probed;
    uint64_t                     began;
    unsigned                     connected:1;
    unsigned                     asked:1;    /* and not heard */
    unsigned                     ready:1;
    unsigned                     started:1;
} ngx_http_chat_bus_redis_t;


static ngx_int_t ngx_http_chat_bus_redis_init(ngx_cycle_t *cycle,
    ngx_http_chat_main_conf_t *mcf);
static void ngx_http_chat_bus_redis_start(void);
static ngx_uint_t ngx_http_chat_bus_redis_names(void);
static void ngx_http_chat_bus_redis_exit(void);
static ngx_uint_t ngx_http_chat_bus_redis_ready(void);
static ngx_int_t ngx_http_chat_bus_redis_subscribe(ngx_http_chat_id_t *topic);
static void ngx_http_chat_bus_redis_unsubscribe(ngx_http_chat_id_t *topic);
static void ngx_http_chat_bus_redis_publish(ngx_http_chat_id_t *topic,
    u_char *item, size_t len);
static void ngx_http_chat_bus_redis_flush(ngx_event_t *ev);
static void ngx_http_chat_bus_redis_send(ngx_http_chat_id_t *topic,
    u_char *item, size_t len);
static void ngx_http_chat_bus_redis_state(ngx_http_chat_redis_t *redis,
    ngx_uint_t ready);
static void ngx_http_chat_bus_redis_set(ngx_uint_t ready);
static void ngx_http_chat_bus_redis_message(ngx_http_chat_redis_t *redis,
    ngx_str_t *channel, ngx_str_t *payload);
static void ngx_http_chat_bus_redis_heard(ngx_str_t *payload);
static void ngx_http_chat_bus_redis_subscribed(ngx_http_chat_redis_t *redis,
    ngx_http_chat_id_t *topic);
static void ngx_http_chat_bus_redis_release(ngx_http_chat_bus_waiter_t *w);
static void ngx_http_chat_bus_redis_timer(ngx_event_t *ev);
static void ngx_http_chat_bus_redis_waiters(ngx_msec_t age);
static void ngx_http_chat_bus_redis_look(void);
static void ngx_http_chat_bus_redis_ask(void);
static void ngx_http_chat_bus_redis_count(void);


ngx_http_chat_bus_carrier_t  ngx_http_chat_bus_redis = {
    "redis",
    1,
    ngx_http_chat_bus_redis_init,
    ngx_http_chat_bus_redis_start,
    ngx_http_chat_bus_redis_exit,
    ngx_http_chat_bus_redis_ready,
    ngx_http_chat_bus_redis_subscribe,
    ngx_http_chat_bus_redis_unsubscribe,
    ngx_http_chat_bus_redis_publish
};


static ngx_http_chat_bus_redis_t  ngx_http_chat_bus_redis_data;


static ngx_int_t
ngx_http_chat_bus_redis_init(ngx_cycle_t *cycle,
    ngx_http_chat_main_conf_t *mcf)
{
    ngx_uint_t                   i;
    ngx_http_chat_bus_redis_t   *bus;
    ngx_http_chat_redis_conf_t  *conf;

    bus = &ngx_http_chat_bus_redis_data;

    ngx_memzero(bus, sizeof(ngx_http_chat_bus_redis_t));

    bus->log = cycle->log;

    ngx_queue_init(&bus->waiters);

    ngx_http_chat_peer_event(&bus->timer, ngx_http_chat_bus_redis_timer,
                             cycle->log);
    bus->timer.cancelable = 1;

    ngx_http_chat_peer_event(&bus->flush, ngx_http_chat_bus_redis_flush,
                             cycle->log);

    for (i = 0; i < 2; i++) {
        conf = &bus->confs[i];

        conf->server = mcf->redis;
        conf->prefix.data = bus->prefix;
        conf->all.data = bus->all;
        conf->control.data = bus->control;
        conf->on_state = ngx_http_chat_bus_redis_state;
        conf->on_message = ngx_http_chat_bus_redis_message;
        conf->on_subscribed = ngx_http_chat_bus_redis_subscribed;
    }

    ngx_str_set(&bus->confs[0].role, "commands");
    ngx_str_set(&bus->confs[1].role, "subscriptions");
    bus->confs[1].subscriber = 1;

    bus->commands = ngx_http_chat_redis_create(&bus->confs[0], cycle->log);
    bus->subscriptions = ngx_http_chat_redis_create(&bus->confs[1],
                                                    cycle->log);

    if (bus->commands == NULL || bus->subscriptions == NULL) {
        return NGX_ERROR;
    }

    return NGX_OK;
}


static void
ngx_http_chat_bus_redis_start(void)
{
    ngx_http_chat_bus_redis_t  *bus;

    bus = &ngx_http_chat_bus_redis_data;

    if (!ngx_http_chat_bus_redis_names() && bus->started) {
        return;
    }

    /* other names: other channels, over new connections */

    bus->started = 1;

    ngx_http_chat_redis_reconnect(bus->commands, NULL);
    ngx_http_chat_redis_reconnect(bus->subscriptions, NULL);

    if (!bus->timer.timer_set) {
        ngx_add_timer(&bus->timer, NGX_HTTP_CHAT_BUS_TICK);
    }
}


/* returns whether they have changed */

static ngx_uint_t
ngx_http_chat_bus_redis_names(void)
{
    u_char                      prefix[NGX_HTTP_CHAT_BUS_NAME], *p;
    size_t                      len;
    ngx_uint_t                  i;
    ngx_http_chat_bus_redis_t  *bus;

    bus = &ngx_http_chat_bus_redis_data;

    p = ngx_sprintf(prefix, "chat:%*s:%*s:c:",
                    (size_t) NGX_HTTP_CHAT_ID_LEN,
                    ngx_http_chat_store_installation(),
                    (size_t) NGX_HTTP_CHAT_EPOCH_LEN,
                    ngx_http_chat_store_epoch());
    len = p - prefix;

    if (bus->confs[0].prefix.len == len
        && ngx_memcmp(bus->prefix, prefix, len) == 0)
    {
        return 0;
    }

    ngx_memcpy(bus->prefix, prefix, len);

    /* "c:" is replaced */

    p = ngx_sprintf(bus->all, "%*sw", len - 2, prefix);

    for (i = 0; i < 2; i++) {
        bus->confs[i].prefix.len = len;
        bus->confs[i].all.len = p - bus->all;
    }

    p = ngx_sprintf(bus->control, "%V:%*s", &bus->confs[0].all,
                    (size_t) NGX_HTTP_CHAT_BUS_ORIGIN,
                    ngx_http_chat_bus_origin());

    for (i = 0; i < 2; i++) {
        bus->confs[i].control.len = p - bus->control;
    }

    return 1;
}


static void
ngx_http_chat_bus_redis_exit(void)
{
    ngx_queue_t                *q;
    ngx_http_chat_bus_redis_t  *bus;

    bus = &ngx_http_chat_bus_redis_data;

    if (bus->commands != NULL) {
        ngx_http_chat_redis_destroy(bus->commands);
        bus->commands = NULL;
    }

    if (bus->subscriptions != NULL) {
        ngx_http_chat_redis_destroy(bus->subscriptions);
        bus->subscriptions = NULL;
    }

    if (bus->timer.timer_set) {
        ngx_del_timer(&bus->timer);
    }

    while (!ngx_queue_empty(&bus->waiters)) {
        q = ngx_queue_head(&bus->waiters);
        ngx_queue_remove(q);
        ngx_free(ngx_queue_data(q, ngx_http_chat_bus_waiter_t, queue));
    }
}


static ngx_uint_t
ngx_http_chat_bus_redis_ready(void)
{
    return ngx_http_chat_bus_redis_data.ready;
}


static ngx_int_t
ngx_http_chat_bus_redis_subscribe(ngx_http_chat_id_t *topic)
{
    ngx_http_chat_bus_redis_t   *bus;
    ngx_http_chat_bus_waiter_t  *w;

    bus = &ngx_http_chat_bus_redis_data;

    if (ngx_http_chat_redis_subscribe(bus->subscriptions, topic) != NGX_AGAIN
        || !bus->ready)
    {
        return NGX_OK;
    }

    w = ngx_alloc(sizeof(ngx_http_chat_bus_waiter_t), bus->log);
    if (w == NULL) {
        return NGX_OK;
    }

    w->topic = *topic;
    w->since = ngx_current_msec;
    ngx_queue_insert_tail(&bus->waiters, &w->queue);

    return NGX_AGAIN;
}


static void
ngx_http_chat_bus_redis_unsubscribe(ngx_http_chat_id_t *topic)
{
    ngx_http_chat_redis_unsubscribe(
                         ngx_http_chat_bus_redis_data.subscriptions, topic);
}


/*
 * The hints of a batch of events are for one inbox: they are held until the
 * end of this iteration of the loop and go as one publication.
 */

static void
ngx_http_chat_bus_redis_publish(ngx_http_chat_id_t *topic, u_char *item,
    size_t len)
{
    ngx_uint_t                  same;
    ngx_http_chat_bus_redis_t  *bus;

    bus = &ngx_http_chat_bus_redis_data;

    if (topic == NULL) {
        ngx_http_chat_bus_redis_send(topic, item, len);
        return;
    }

    same = bus->nhints != 0 && ngx_http_chat_id_eq(&bus->hinted, topic);

    if (len > NGX_HTTP_CHAT_BUS_HINT) {

        if (same) {
            ngx_http_chat_bus_redis_flush(NULL);
        }

        ngx_http_chat_bus_redis_send(topic, item, len);
        return;
    }

    if (!same || bus->nhints + len > NGX_HTTP_CHAT_BUS_HINTS) {
        ngx_http_chat_bus_redis_flush(NULL);
    }

    bus->hinted = *topic;

    ngx_memcpy(bus->hints + bus->nhints, item, len);
    bus->nhints += len;

    if (!bus->flush.posted) {
        ngx_post_event(&bus->flush, &ngx_posted_events);
    }
}


static void
ngx_http_chat_bus_redis_flush(ngx_event_t *ev)
{
    ngx_http_chat_bus_redis_t  *bus;

    bus = &ngx_http_chat_bus_redis_data;

    if (bus->nhints != 0) {
        ngx_http_chat_bus_redis_send(&bus->hinted, bus->hints, bus->nhints);
        bus->nhints = 0;
    }
}


static void
ngx_http_chat_bus_redis_send(ngx_http_chat_id_t *topic, u_char *item,
    size_t len)
{
    u_char                      name[NGX_HTTP_CHAT_BUS_NAME], *p;
    ngx_str_t                   channel, payload;
    ngx_http_chat_bus_redis_t  *bus;

    bus = &ngx_http_chat_bus_redis_data;

    channel = bus->confs[0].all;

    if (topic != NULL) {
        p = ngx_cpymem(name, bus->prefix, bus->confs[0].prefix.len);
        p = ngx_http_chat_id_write(p, topic);

        channel.data = name;
        channel.len = p - name;
    }

    payload.data = item;
    payload.len = len;

    /* what is not sent, the others' sweeps will find */

    if (ngx_http_chat_redis_publish(bus->commands, &channel, &payload)
        == NGX_OK)
    {
        ngx_http_chat_counter_add(NGX_HTTP_CHAT_S_REDIS_PUBLISHES, 1);
    }
}


static void
ngx_http_chat_bus_redis_state(ngx_http_chat_redis_t *redis, ngx_uint_t ready)
{
    ngx_uint_t                  both;
    ngx_http_chat_bus_redis_t  *bus;

    bus = &ngx_http_chat_bus_redis_data;

    both = ngx_http_chat_redis_is_ready(bus->commands)
           && ngx_http_chat_redis_is_ready(bus->subscriptions);

    if (both != bus->connected) {
        bus->connected = both;
        ngx_http_chat_counter_add(NGX_HTTP_CHAT_S_REDIS_READY,
                                  both ? 1 : -1);
    }

    if (ready && redis == bus->subscriptions) {
        ngx_http_chat_counter_observe(NGX_HTTP_CHAT_S_REDIS_RESUBSCRIBE_TIME,
                                  ngx_http_chat_redis_stats(redis)->setup);
    }

    if (!ready) {
        bus->asked = 0;
        ngx_http_chat_bus_redis_set(0);
        return;
    }

    /* the first probe tells */

    if (both) {
        ngx_http_chat_bus_redis_ask();
    }
}


static void
ngx_http_chat_bus_redis_set(ngx_uint_t ready)
{
    ngx_http_chat_bus_redis_t  *bus;

    bus = &ngx_http_chat_bus_redis_data;

    if (bus->ready == ready) {
        return;
    }

    bus->ready = ready;

    if (ready) {
        ngx_log_error(NGX_LOG_NOTICE, bus->log, 0,
                      "chat bus: Redis carries messages");

    } else {
        ngx_http_chat_counter_add(NGX_HTTP_CHAT_S_REDIS_DEGRADED, 1);
        ngx_log_error(NGX_LOG_WARN, bus->log, 0,
                      "chat bus: without Redis, PostgreSQL is asked instead");
    }

    ngx_http_chat_bus_state(ready);

    if (!ready) {
        ngx_http_chat_bus_redis_waiters(0);
    }
}


static void
ngx_http_chat_bus_redis_message(ngx_http_chat_redis_t *redis,
    ngx_str_t *channel, ngx_str_t *payload)
{
    ngx_str_t  *control;

    control = &ngx_http_chat_bus_redis_data.confs[0].control;

    if (channel->len == control->len
        && ngx_memcmp(channel->data, control->data, control->len) == 0)
    {
        ngx_http_chat_bus_redis_heard(payload);
        return;
    }

    ngx_http_chat_bus_received(payload->data, payload->len);
}


static void
ngx_http_chat_bus_redis_heard(ngx_str_t *payload)
{
    ngx_http_chat_bus_redis_t  *bus;

    bus = &ngx_http_chat_bus_redis_data;

    if (!bus->asked || ngx_atoi(payload->data, payload->len) != bus->probe) {
        return;
    }

    bus->asked = 0;

    ngx_http_chat_counter_observe(NGX_HTTP_CHAT_S_REDIS_PROBE_TIME,
                                  ngx_http_chat_counter_clock() - bus->began);

    ngx_http_chat_bus_redis_set(1);
}


static void
ngx_http_chat_bus_redis_subscribed(ngx_http_chat_redis_t *redis,
    ngx_http_chat_id_t *topic)
{
    ngx_queue_t                 *q;
    ngx_http_chat_bus_redis_t   *bus;
    ngx_http_chat_bus_waiter_t  *w;

    bus = &ngx_http_chat_bus_redis_data;

    /* confirmed in the order they were asked for: it is the first */

    for (q = ngx_queue_head(&bus->waiters);
         q != ngx_queue_sentinel(&bus->waiters);
         q = ngx_queue_next(q))
    {
        w = ngx_queue_data(q, ngx_http_chat_bus_waiter_t, queue);

        if (ngx_http_chat_id_eq(&w->topic, topic)) {
            ngx_http_chat_bus_redis_release(w);
            return;
        }
    }
}


static void
ngx_http_chat_bus_redis_release(ngx_http_chat_bus_waiter_t *w)
{
    ngx_http_chat_id_t  topic;

    topic = w->topic;

    ngx_queue_remove(&w->queue);
    ngx_free(w);

    ngx_http_chat_bus_subscribed(&topic);
}


static void
ngx_http_chat_bus_redis_timer(ngx_event_t *ev)
{
    ngx_http_chat_bus_redis_count();
    ngx_http_chat_bus_redis_waiters(NGX_HTTP_CHAT_BUS_LATE);
    ngx_http_chat_bus_redis_look();

    ngx_add_timer(ev, NGX_HTTP_CHAT_BUS_TICK);
}


/* lets those go on who have waited that long */

static void
ngx_http_chat_bus_redis_waiters(ngx_msec_t age)
{
    ngx_queue_t                 *q;
    ngx_http_chat_bus_redis_t   *bus;
    ngx_http_chat_bus_waiter_t  *w;

    bus = &ngx_http_chat_bus_redis_data;

    while (!ngx_queue_empty(&bus->waiters)) {

        q = ngx_queue_head(&bus->waiters);
        w = ngx_queue_data(q, ngx_http_chat_bus_waiter_t, queue);

        if (ngx_current_msec - w->since < age) {
            return;
        }

        ngx_http_chat_bus_redis_release(w);
    }
}


static void
ngx_http_chat_bus_redis_look(void)
{
    ngx_msec_t                  age;
    ngx_http_chat_bus_redis_t  *bus;

    bus = &ngx_http_chat_bus_redis_data;

    if (!ngx_http_chat_redis_is_ready(bus->commands)
        || !ngx_http_chat_redis_is_ready(bus->subscriptions))
    {
        return;
    }

    age = ngx_current_msec - bus->probed;

    if (!bus->asked) {

        if (age >= NGX_HTTP_CHAT_BUS_PROBE) {
            ngx_http_chat_bus_redis_ask();
        }

        return;
    }

    if (age >= NGX_HTTP_CHAT_BUS_DEAD) {
        ngx_http_chat_redis_reconnect(bus->commands, "a probe was lost");
        ngx_http_chat_redis_reconnect(bus->subscriptions,
                                      "a probe was lost");
        return;
    }

    if (age >= NGX_HTTP_CHAT_BUS_LATE) {
        ngx_http_chat_bus_redis_set(0);
    }
}


static void
ngx_http_chat_bus_redis_ask(void)
{
    u_char                      number[NGX_INT64_LEN];
    ngx_str_t                   payload;
    ngx_http_chat_bus_redis_t  *bus;

    bus = &ngx_http_chat_bus_redis_data;

    bus->probe++;
    bus->probed = ngx_current_msec;
    bus->asked = 1;

    bus->began = ngx_http_chat_counter_clock();

    payload.data = number;
    payload.len = ngx_sprintf(number, "%i", bus->probe) - number;

    /* one that has no room is late as well */

    (void) ngx_http_chat_redis_publish(bus->commands,
                                       &bus->confs[0].control, &payload);
}


/* what the engines have counted since the last time */

static void
ngx_http_chat_bus_redis_count(void)
{
    ngx_uint_t                    drops, connects, errors;
    ngx_http_chat_bus_redis_t    *bus;
    ngx_http_chat_redis_stats_t  *commands, *subscriptions;

    bus = &ngx_http_chat_bus_redis_data;

    commands = ngx_http_chat_redis_stats(bus->commands);
    subscriptions = ngx_http_chat_redis_stats(bus->subscriptions);

    drops = commands->drops;
    connects = commands->connects + subscriptions->connects;
    errors = commands->errors + subscriptions->errors;

    ngx_http_chat_counter_add(NGX_HTTP_CHAT_S_REDIS_DROPPED,
                              drops - bus->drops);
    ngx_http_chat_counter_add(NGX_HTTP_CHAT_S_REDIS_CONNECTS,
                              connects - bus->connects);
    ngx_http_chat_counter_add(NGX_HTTP_CHAT_S_REDIS_ERRORS,
                              errors - bus->errors);

    bus->drops = drops;
    bus->connects = connects;
    bus->errors = errors;
}
