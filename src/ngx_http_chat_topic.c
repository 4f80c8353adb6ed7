
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#include "ngx_http_chat_feed.h"
#include "ngx_http_chat_counter.h"
#include "ngx_http_chat_sweep.h"
#include "ngx_http_chat_topic.h"


static void ngx_http_chat_topic_dispatch(ngx_http_chat_feed_topic_t *t,
    ngx_http_chat_event_t *event);
static void ngx_http_chat_topic_wait(ngx_http_chat_feed_topic_t *t,
    ngx_msec_t delay);
static void ngx_http_chat_topic_gap_done(ngx_http_chat_call_t *call);
static void ngx_http_chat_topic_gap_page(ngx_http_chat_feed_topic_t *t,
    PGresult *res);
static void ngx_http_chat_topic_timer(ngx_event_t *ev);
static void ngx_http_chat_topic_wake(int32_t site);
static void ngx_http_chat_topic_check_one(ngx_http_chat_topic_t *topic,
    void *data);
static void ngx_http_chat_topic_forget_one(ngx_http_chat_topic_t *topic,
    void *data);
static void ngx_http_chat_topic_exit_one(ngx_http_chat_topic_t *topic,
    void *data);


typedef void (*ngx_http_chat_topic_pt)(ngx_http_chat_feed_topic_t *t);


static ngx_http_chat_topic_pt  ngx_http_chat_topic_begin;
static ngx_http_chat_topic_pt  ngx_http_chat_topic_drop;

static ngx_queue_t       ngx_http_chat_topic_idle;
static ngx_queue_t       ngx_http_chat_topic_gaps;
static ngx_event_t       ngx_http_chat_topic_event;
static ngx_connection_t  ngx_http_chat_topic_dummy;


void
ngx_http_chat_topic_init(ngx_cycle_t *cycle)
{
    ngx_http_chat_hub_init();

    ngx_queue_init(&ngx_http_chat_topic_idle);
    ngx_queue_init(&ngx_http_chat_topic_gaps);

    ngx_memzero(&ngx_http_chat_topic_event, sizeof(ngx_event_t));

    /* debug logging of a timer looks at the descriptor of its data */

    ngx_http_chat_topic_dummy.fd = (ngx_socket_t) -1;

    ngx_http_chat_topic_event.data = &ngx_http_chat_topic_dummy;
    ngx_http_chat_topic_event.handler = ngx_http_chat_topic_timer;
    ngx_http_chat_topic_event.log = cycle->log;
    ngx_http_chat_topic_event.cancelable = 1;
}


void
ngx_http_chat_topic_exit(void)
{
    ngx_http_chat_hub_topics(ngx_http_chat_topic_exit_one, NULL);
    ngx_http_chat_hub_exit();
}


static void
ngx_http_chat_topic_exit_one(ngx_http_chat_topic_t *topic, void *data)
{
    if (ngx_http_chat_topic_drop != NULL) {
        ngx_http_chat_topic_drop(ngx_http_chat_topic_of(topic));
    }
}


void
ngx_http_chat_topic_on_begin(ngx_http_chat_topic_pt handler)
{
    ngx_http_chat_topic_begin = handler;
}


void
ngx_http_chat_topic_on_drop(ngx_http_chat_topic_pt handler)
{
    ngx_http_chat_topic_drop = handler;
}


void
ngx_http_chat_topic_inbox(ngx_http_chat_id_t *id, int32_t site)
{
    /* version 0: no UUIDv7 is like it */

    ngx_memzero(id->data, sizeof(id->data));
    ngx_memcpy(id->data + 12, &site, sizeof(site));
}


ngx_http_chat_feed_topic_t *
ngx_http_chat_topic_get(ngx_http_chat_id_t *id, int32_t site)
{
    ngx_http_chat_topic_t       *topic;
    ngx_http_chat_feed_topic_t  *t;

    topic = ngx_http_chat_hub_get(id, sizeof(ngx_http_chat_feed_topic_t));
    if (topic == NULL) {
        return NULL;
    }

    t = ngx_http_chat_topic_of(topic);

    if (!t->begun) {
        t->begun = 1;

        t->site = site;
        t->head = -1;
        t->version = -1;
        t->confirmed = (ngx_http_chat_bus_subscribe(id) == NGX_OK);

        if (t->confirmed) {
            ngx_http_chat_topic_begin(t);
        }

        t->is_idle = 1;
        t->since = ngx_current_msec;
        ngx_queue_insert_tail(&ngx_http_chat_topic_idle, &t->idle);
    }

    return t;
}


void
ngx_http_chat_topic_join(ngx_http_chat_feed_topic_t *t,
    ngx_http_chat_subscriber_t *s)
{
    if (t->is_idle) {
        ngx_queue_remove(&t->idle);
        t->is_idle = 0;
    }

    ngx_http_chat_hub_join(&t->topic, s);
}


void
ngx_http_chat_topic_leave(ngx_http_chat_subscriber_t *s)
{
    ngx_http_chat_feed_topic_t  *t;

    if (s->topic == NULL) {
        return;
    }

    t = ngx_http_chat_topic_of(s->topic);

    ngx_http_chat_hub_leave(s);

    if (t->topic.n != 0 || t->is_idle) {
        return;
    }

    if (t->has_gap) {
        ngx_queue_remove(&t->gap);
        t->has_gap = 0;
    }

    t->is_idle = 1;
    t->since = ngx_current_msec;
    ngx_queue_insert_tail(&ngx_http_chat_topic_idle, &t->idle);

    if (!ngx_http_chat_topic_event.timer_set) {
        ngx_add_timer(&ngx_http_chat_topic_event,
                      NGX_HTTP_CHAT_TOPIC_LINGER);
    }
}


void
ngx_http_chat_topic_read(ngx_http_chat_feed_topic_t *t, int64_t head,
    int64_t pub_head)
{
    if (t->head < 0 || (t->topic.n <= 1 && head >= t->head)) {

        /* nobody else depends on what lies between */

        t->head = head;
        t->pub_head = pub_head;

        if (t->hint < head) {
            t->hint = head;
        }

        return;
    }

    if (head > t->head) {
        ngx_http_chat_topic_hint(t, head);
    }
}


void
ngx_http_chat_feed_publish(ngx_http_chat_event_t *event)
{
    ngx_http_chat_id_t            inbox;
    ngx_http_chat_topic_t        *topic;
    ngx_http_chat_bus_message_t   m;

    topic = ngx_http_chat_hub_find(&event->conversation);

    if (topic != NULL) {
        ngx_http_chat_topic_dispatch(ngx_http_chat_topic_of(topic), event);
    }

    ngx_http_chat_topic_wake(event->site);

    m.type = NGX_HTTP_CHAT_BUS_EVENT;
    m.site = event->site;
    m.id = event->conversation;
    m.n = event->seq * 2 + ngx_http_chat_event_internal(event);
    ngx_str_null(&m.data);

    if (ngx_http_chat_bus_separate()) {
        ngx_http_chat_topic_inbox(&inbox, event->site);
        ngx_http_chat_bus_publish(&inbox, &m);

        m.data = event->json;
    }

    ngx_http_chat_bus_publish(&event->conversation, &m);
}


void
ngx_http_chat_topic_subscribed(ngx_http_chat_id_t *id)
{
    ngx_http_chat_topic_t  *topic;

    topic = ngx_http_chat_hub_find(id);

    if (topic != NULL && !ngx_http_chat_topic_of(topic)->confirmed) {
        ngx_http_chat_topic_of(topic)->confirmed = 1;
        ngx_http_chat_topic_begin(ngx_http_chat_topic_of(topic));
        ngx_http_chat_hub_deliver(topic, NULL);
    }
}


void
ngx_http_chat_topic_changed(ngx_http_chat_id_t *id, int32_t site, int64_t seq)
{
    ngx_http_chat_topic_t  *topic;

    topic = ngx_http_chat_hub_find(id);

    if (topic != NULL) {
        ngx_http_chat_topic_hint(ngx_http_chat_topic_of(topic), seq);
    }

    ngx_http_chat_topic_wake(site);
}


/* "n" is twice the seq, and one more for an internal event */

void
ngx_http_chat_topic_on_event(ngx_http_chat_bus_message_t *m)
{
    ngx_http_chat_topic_t  *topic;
    ngx_http_chat_event_t  *event;

    topic = ngx_http_chat_hub_find(&m->id);

    if (topic == NULL || m->data.len == 0) {
        ngx_http_chat_topic_changed(&m->id, m->site, m->n / 2);
        return;
    }

    event = ngx_http_chat_event_wrap(&m->id, m->site, m->n / 2,
                                     m->n & 1 ? NGX_HTTP_CHAT_AGENT
                                              : NGX_HTTP_CHAT_MEMBER,
                                     &m->data);

    if (event != NULL) {
        ngx_http_chat_topic_dispatch(ngx_http_chat_topic_of(topic), event);
        ngx_http_chat_event_release(event);
    }

    ngx_http_chat_topic_wake(m->site);
}


/* data is the audience as a digit, the sender's id and the event */

void
ngx_http_chat_topic_on_signal(ngx_http_chat_bus_message_t *m)
{
    ngx_str_t               json;
    ngx_uint_t              audience;
    ngx_http_chat_id_t      sender;
    ngx_http_chat_event_t  *event;

    if (m->data.len <= 1 + NGX_HTTP_CHAT_ID_LEN
        || ngx_http_chat_id_parse(&sender, m->data.data + 1,
                                  NGX_HTTP_CHAT_ID_LEN)
           != NGX_OK)
    {
        return;
    }

    audience = (m->data.data[0] - '0') & NGX_HTTP_CHAT_MEMBER;

    json.data = m->data.data + 1 + NGX_HTTP_CHAT_ID_LEN;
    json.len = m->data.len - 1 - NGX_HTTP_CHAT_ID_LEN;

    event = ngx_http_chat_event_wrap(&m->id, m->site, 0, audience, &json);

    if (event != NULL) {
        event->sender = sender;
        ngx_http_chat_topic_signal(event);
        ngx_http_chat_event_release(event);
    }
}


void
ngx_http_chat_feed_signal(ngx_http_chat_event_t *event)
{
    u_char                        data[NGX_HTTP_CHAT_BUS_INLINE], *p;
    ngx_http_chat_bus_message_t   m;

    ngx_http_chat_topic_signal(event);

    if (event->json.len + 1 + NGX_HTTP_CHAT_ID_LEN > sizeof(data)) {
        return;
    }

    p = data;

    *p++ = (u_char) ('0' + event->audience);
    p = ngx_http_chat_id_write(p, &event->sender);
    p = ngx_cpymem(p, event->json.data, event->json.len);

    m.type = NGX_HTTP_CHAT_BUS_SIGNAL;
    m.site = event->site;
    m.id = event->conversation;
    m.n = 0;
    m.data.data = data;
    m.data.len = p - data;

    ngx_http_chat_bus_publish(&event->conversation, &m);
}


void
ngx_http_chat_topic_signal(ngx_http_chat_event_t *event)
{
    ngx_http_chat_topic_t  *topic;

    topic = ngx_http_chat_hub_find(&event->conversation);

    if (topic != NULL) {
        ngx_http_chat_topic_of(topic)->version = -1;
        ngx_http_chat_hub_deliver(topic, event);
    }
}


static void
ngx_http_chat_topic_wake(int32_t site)
{
    ngx_http_chat_id_t      id;
    ngx_http_chat_topic_t  *topic;

    ngx_http_chat_topic_inbox(&id, site);

    topic = ngx_http_chat_hub_find(&id);

    if (topic != NULL) {
        ngx_http_chat_hub_deliver(topic, NULL);
    }
}


static void
ngx_http_chat_topic_dispatch(ngx_http_chat_feed_topic_t *t,
    ngx_http_chat_event_t *event)
{
    if (t->head < 0) {

        /* nobody is live; whoever reads now will look again */

        if (event->seq > t->hint) {
            t->hint = event->seq;
        }

        return;
    }

    if (event->seq <= t->head) {
        return;
    }

    if (event->seq > t->head + 1) {

        if (event->seq > t->hint) {
            t->hint = event->seq;
        }

        ngx_http_chat_counter_add_cell(NGX_HTTP_CHAT_S_GAPS_SEEN, 0, 1);
        ngx_http_chat_topic_wait(t, NGX_HTTP_CHAT_TOPIC_GAP);
        return;
    }

    t->head = event->seq;

    if (t->hint < t->head) {
        t->hint = t->head;
    }

    if (!ngx_http_chat_event_internal(event)) {
        t->pub_head = event->seq;
    }

    ngx_http_chat_hub_deliver(&t->topic, event);
}


/* another worker's event may be on its way, or PostgreSQL is away */

static void
ngx_http_chat_topic_wait(ngx_http_chat_feed_topic_t *t, ngx_msec_t delay)
{
    if (t->topic.n == 0) {

        /* the next reader asks PostgreSQL */

        t->head = -1;
        return;
    }

    if (t->has_gap || t->reading) {
        return;
    }

    t->has_gap = 1;
    t->since = ngx_current_msec + delay;
    ngx_queue_insert_tail(&ngx_http_chat_topic_gaps, &t->gap);

    ngx_add_timer(&ngx_http_chat_topic_event, delay);
}


void
ngx_http_chat_topic_hint(ngx_http_chat_feed_topic_t *t, int64_t seq)
{
    if (seq > t->hint) {
        t->hint = seq;
    }

    if (t->head < 0 || t->hint <= t->head) {
        return;
    }

    if (t->topic.n == 0) {
        t->head = -1;
        return;
    }

    ngx_http_chat_topic_fill(t);
}


/* one read of the gap for everybody */

void
ngx_http_chat_topic_fill(ngx_http_chat_feed_topic_t *t)
{
    ngx_http_chat_id_t    *id;
    ngx_http_chat_args_t   args;

    if (t->reading) {
        return;
    }

    id = ngx_alloc(sizeof(ngx_http_chat_id_t), ngx_cycle->log);
    if (id == NULL) {
        return;
    }

    *id = t->topic.id;

    ngx_http_chat_args_init(&args);
    ngx_http_chat_arg_int4(&args, t->site);
    ngx_http_chat_arg_id(&args, id);
    ngx_http_chat_arg_int8(&args, t->head);
    ngx_http_chat_arg_int4(&args, NGX_HTTP_CHAT_PAGE_EVENTS);

    if (ngx_http_chat_store_call(NGX_HTTP_CHAT_FAST, NGX_HTTP_CHAT_Q_FEED,
                                 &args, ngx_http_chat_topic_gap_done, id)
        == NULL)
    {
        ngx_free(id);
        ngx_http_chat_topic_wait(t, NGX_HTTP_CHAT_TOPIC_RETRY);
        return;
    }

    t->reading = 1;
    ngx_http_chat_counter_add(NGX_HTTP_CHAT_S_GAPS, 1);
}


static void
ngx_http_chat_topic_gap_done(ngx_http_chat_call_t *call)
{
    ngx_http_chat_id_t     *id;
    ngx_http_chat_topic_t  *topic;

    id = call->data;

    topic = ngx_http_chat_hub_find(id);
    ngx_free(id);

    if (topic == NULL) {
        return;
    }

    ngx_http_chat_topic_of(topic)->reading = 0;

    if (call->rc == NGX_OK) {
        ngx_http_chat_topic_gap_page(ngx_http_chat_topic_of(topic),
                                     call->res);

    } else {
        ngx_http_chat_topic_wait(ngx_http_chat_topic_of(topic),
                                 NGX_HTTP_CHAT_TOPIC_RETRY);
    }
}


static void
ngx_http_chat_topic_gap_page(ngx_http_chat_feed_topic_t *t, PGresult *res)
{
    int64_t                head;
    ngx_uint_t             i;
    ngx_http_chat_page_t   page;

    if (ngx_http_chat_page_read(&page, res, &t->topic.id, t->site) != NGX_OK)
    {
        return;
    }

    if (!ngx_http_chat_page_is(&page, "ok")) {
        ngx_http_chat_page_free(&page);
        ngx_http_chat_hub_close(&t->topic, NGX_HTTP_CHAT_CLOSE_GONE);
        return;
    }

    head = t->head;

    /* t stays: only the timer drops topics */

    for (i = 0; i < page.n; i++) {
        ngx_http_chat_topic_dispatch(t, page.events[i]);
    }

    if (page.n == 0 && t->head == head) {

        /* a hint of something that is not there */

        t->hint = t->head;
    }

    ngx_http_chat_page_free(&page);

    if (t->head >= 0 && t->hint > t->head && t->topic.n != 0) {
        ngx_http_chat_topic_fill(t);
    }
}


static void
ngx_http_chat_topic_timer(ngx_event_t *ev)
{
    ngx_queue_t                 *q;
    ngx_msec_int_t               left;
    ngx_http_chat_feed_topic_t  *t;

    while (!ngx_queue_empty(&ngx_http_chat_topic_gaps)) {

        q = ngx_queue_head(&ngx_http_chat_topic_gaps);
        t = ngx_queue_data(q, ngx_http_chat_feed_topic_t, gap);

        left = (ngx_msec_int_t) (t->since - ngx_current_msec);
        if (left > 0) {
            ngx_add_timer(ev, left);
            return;
        }

        ngx_queue_remove(q);
        t->has_gap = 0;

        if (t->head >= 0 && t->hint > t->head) {
            ngx_http_chat_topic_fill(t);
        }
    }

    while (!ngx_queue_empty(&ngx_http_chat_topic_idle)) {

        q = ngx_queue_head(&ngx_http_chat_topic_idle);
        t = ngx_queue_data(q, ngx_http_chat_feed_topic_t, idle);

        left = (ngx_msec_int_t) (t->since + NGX_HTTP_CHAT_TOPIC_LINGER
                                 - ngx_current_msec);
        if (left > 0) {
            ngx_add_timer(ev, left);
            return;
        }

        ngx_queue_remove(q);

        ngx_http_chat_topic_drop(t);
        ngx_http_chat_bus_unsubscribe(&t->topic.id);
        ngx_http_chat_hub_drop(&t->topic);
    }
}


/* nobody can say what has changed: looks at everything that is listened to */

void
ngx_http_chat_topic_check(void)
{
    ngx_http_chat_topic_forget();
    ngx_http_chat_hub_topics(ngx_http_chat_topic_check_one, NULL);
}


static void
ngx_http_chat_topic_check_one(ngx_http_chat_topic_t *topic, void *data)
{
    ngx_http_chat_feed_topic_t  *t;

    t = ngx_http_chat_topic_of(topic);

    if (t->topic.n == 0) {
        return;
    }

    if (t->head >= 0) {
        ngx_http_chat_topic_hint(t, t->head + 1);

    } else if (t->topic.id.data[6] >> 4 == 0) {

        /* an inbox */

        ngx_http_chat_topic_wake(t->site);
    }
}


/* messages may have been lost: what nobody listens to is read anew */

void
ngx_http_chat_topic_forget(void)
{
    ngx_http_chat_hub_topics(ngx_http_chat_topic_forget_one, NULL);
}


static void
ngx_http_chat_topic_forget_one(ngx_http_chat_topic_t *topic, void *data)
{
    ngx_http_chat_feed_topic_t  *t;

    t = ngx_http_chat_topic_of(topic);

    t->trusted = ngx_current_msec;

    if (t->topic.n == 0) {
        t->head = -1;
    }
}
