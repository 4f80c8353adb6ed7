
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


/*
 * Sources: src/ngx_http_chat_bus.c src/ngx_http_chat_presence.c
 * Sources: src/ngx_http_chat_participant.c src/ngx_http_chat_shown.c
 * Sources: src/ngx_http_chat_publish.c
 * Sources: src/ngx_http_chat_tree.c
 * Sources: src/ngx_http_chat_hub.c src/ngx_http_chat_event.c
 * Sources: src/ngx_http_chat_id.c t/unit/feed_core.c
 * Libraries: -no-pie -Wl,--unresolved-symbols=ignore-all
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include "ngx_http_chat_participant.h"
#include "ngx_http_chat_presence.h"


/*
 * What other workers say, of whatever a carrier brings: every message of
 * theirs, for a topic that exists and for others.  And what is published is
 * received as it was.  What is not called here is not linked.
 */


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void start(void);
static void again(const uint8_t *data, size_t size);
static ngx_int_t carrier_init(ngx_cycle_t *cycle,
    ngx_http_chat_main_conf_t *mcf);
static void carrier_publish(ngx_http_chat_id_t *topic, u_char *item,
    size_t len);
static void on_other(ngx_http_chat_bus_message_t *m);
static void on_state(ngx_uint_t ready);
static void on_subscribed(ngx_http_chat_id_t *topic);
static void deliver(ngx_http_chat_subscriber_t *s, void *data);


ngx_http_chat_bus_carrier_t  ngx_http_chat_bus_pg = {
    "fuzz", 1, carrier_init, NULL, NULL, NULL, NULL, NULL, carrier_publish
};

static const ngx_http_chat_subscriber_calls_t  calls = { deliver, NULL };

static ngx_cycle_t                  cycle;
static ngx_log_t                    log;
static ngx_http_chat_feed_topic_t  *topic;
static ngx_http_chat_subscriber_t   subscriber;
static ngx_http_chat_bus_message_t  expected;

static u_char                       published[16384];
static size_t                       npublished;


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    u_char  *p;

    start();

    /* of the exact size, so that reading on is seen */

    p = malloc(size);

    if (p == NULL) {
        return 0;
    }

    ngx_memcpy(p, data, size);

    ngx_http_chat_bus_received(p, size);
    free(p);

    ngx_current_msec += 7000;
    ngx_event_expire_timers();

    again(data, size);

    ngx_http_chat_participant_drop(topic);

    return 0;
}


/* once; the tables of workers are left from one run to the next */

static void
start(void)
{
    ngx_http_chat_id_t         id;
    ngx_http_chat_main_conf_t  mcf;

    if (topic != NULL) {
        return;
    }

    cycle.log = &log;
    ngx_cycle = &cycle;

    ngx_memzero(&mcf, sizeof(ngx_http_chat_main_conf_t));
    ngx_memset(&id, 0x11, sizeof(ngx_http_chat_id_t));

    (void) ngx_event_timer_init(&log);
    ngx_http_chat_hub_init();

    if (ngx_http_chat_bus_init(&cycle, &mcf, on_state, on_subscribed)
        != NGX_OK)
    {
        __builtin_trap();
    }

    (void) ngx_http_chat_presence_init(&cycle);

    ngx_http_chat_bus_on(NGX_HTTP_CHAT_BUS_EVENT,
                         ngx_http_chat_topic_on_event);
    ngx_http_chat_bus_on(NGX_HTTP_CHAT_BUS_SIGNAL,
                         ngx_http_chat_topic_on_signal);
    ngx_http_chat_bus_on(NGX_HTTP_CHAT_BUS_SESSION, on_other);
    ngx_http_chat_bus_on(NGX_HTTP_CHAT_BUS_SWEEP, on_other);

    topic = (ngx_http_chat_feed_topic_t *)
            ngx_http_chat_hub_get(&id, sizeof(ngx_http_chat_feed_topic_t));

    topic->site = 1;
    subscriber.calls = &calls;

    ngx_http_chat_hub_join(&topic->topic, &subscriber);
}


/* seq, site, then data: one message from here, as another worker reads it */

static void
again(const uint8_t *data, size_t size)
{
    if (size < 9) {
        return;
    }

    ngx_memzero(&expected, sizeof(ngx_http_chat_bus_message_t));
    ngx_memset(&expected.id, 0x22, sizeof(ngx_http_chat_id_t));

    expected.type = NGX_HTTP_CHAT_BUS_SESSION;
    expected.n = (int64_t) data[0] << 54 | data[1];
    expected.site = data[2] << 23 | data[3];
    expected.data.data = (u_char *) data + 4;
    expected.data.len = ngx_min(size - 4, NGX_HTTP_CHAT_BUS_INLINE);

    npublished = 0;
    ngx_http_chat_bus_publish(NULL, &expected);

    /* it is this worker's own until it is another's */

    ngx_http_chat_bus_received(published, npublished);

    if (expected.data.data == NULL) {
        __builtin_trap();
    }

    published[0] ^= 1;
    ngx_http_chat_bus_received(published, npublished);

    if (expected.data.data != NULL) {
        __builtin_trap();
    }
}


static void
on_other(ngx_http_chat_bus_message_t *m)
{
    if (expected.data.data == NULL) {
        return;
    }

    if (m->type != expected.type
        || m->n != expected.n
        || m->site != expected.site
        || !ngx_http_chat_id_eq(&m->id, &expected.id)
        || m->data.len != expected.data.len
        || ngx_memcmp(m->data.data, expected.data.data, m->data.len) != 0)
    {
        __builtin_trap();
    }

    expected.data.data = NULL;
}


static void
deliver(ngx_http_chat_subscriber_t *s, void *data)
{
    size_t                  i;
    volatile u_char         sum;
    ngx_http_chat_event_t  *event;

    event = data;

    for (sum = 0, i = 0; i < event->json.len; i++) {
        sum = (u_char) (sum + event->json.data[i]);
    }

    if ((event->audience & ~(ngx_uint_t) NGX_HTTP_CHAT_MEMBER) != 0) {
        __builtin_trap();
    }
}


static ngx_int_t
carrier_init(ngx_cycle_t *c, ngx_http_chat_main_conf_t *mcf)
{
    return NGX_OK;
}


static void
carrier_publish(ngx_http_chat_id_t *t, u_char *item, size_t len)
{
    if (len > sizeof(published)) {
        __builtin_trap();
    }

    ngx_memcpy(published, item, len);
    npublished = len;
}


static void
on_state(ngx_uint_t ready)
{
}


static void
on_subscribed(ngx_http_chat_id_t *id)
{
}


/* of nginx and of the module, what the sources need */

u_char *
ngx_hex_dump(u_char *dst, u_char *src, size_t len)
{
    static u_char  hex[] = "0123456789abcdef";

    while (len--) {
        *dst++ = hex[*src >> 4];
        *dst++ = hex[*src++ & 0xf];
    }

    return dst;
}


ngx_http_chat_bus_carrier_t  ngx_http_chat_bus_redis;


ngx_http_chat_feed_topic_t *
ngx_http_chat_topic_get(ngx_http_chat_id_t *id, int32_t site)
{
    return topic;
}


void
ngx_http_chat_topic_on_drop(
    void (*handler)(ngx_http_chat_feed_topic_t *t))
{
}


void
ngx_http_chat_topic_dispatch(ngx_http_chat_feed_topic_t *t,
    ngx_http_chat_event_t *event)
{
    ngx_http_chat_hub_deliver(&t->topic, event);
}


void
ngx_http_chat_topic_moved(ngx_http_chat_feed_topic_t *t)
{
    t->moved++;
}


void
ngx_http_chat_topic_changed(ngx_http_chat_id_t *id, int32_t site,
    int64_t seq)
{
    if (seq < 0) {
        __builtin_trap();
    }
}


void
ngx_http_chat_topic_wake(int32_t site)
{
    if (site < 0) {
        __builtin_trap();
    }
}
