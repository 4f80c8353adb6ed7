
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#include "ngx_http_chat_feed.h"
#include "ngx_http_chat_counter.h"
#include "ngx_http_chat_presence.h"
#include "ngx_http_chat_shown.h"
#include "ngx_http_chat_state.h"
#include "ngx_http_chat_sweep.h"
#include "ngx_http_chat_topic.h"


static void ngx_http_chat_topic_wait(ngx_http_chat_feed_topic_t *t,
    ngx_queue_t *queue, ngx_msec_t delay);
static void ngx_http_chat_topic_again(ngx_http_chat_feed_topic_t *t);
static void ngx_http_chat_topic_gap_done(ngx_http_chat_call_t *call);
static void ngx_http_chat_topic_gap_page(ngx_http_chat_feed_topic_t *t,
    PGresult *res);
static ngx_uint_t ngx_http_chat_topic_is_behind(
    ngx_http_chat_feed_topic_t *t);
static void ngx_http_chat_topic_timer(ngx_event_t *ev);
static void ngx_http_chat_topic_due(ngx_queue_t *queue);
static void ngx_http_chat_topic_expire(void);
static void ngx_http_chat_topic_schedule(void);
static void ngx_http_chat_topic_at(int32_t left);
static void ngx_http_chat_topic_check_one(ngx_http_chat_topic_t *topic,
    void *data);
static void ngx_http_chat_topic_forget_one(ngx_http_chat_topic_t *topic,
    void *data);
static void ngx_http_chat_topic_exit_one(ngx_http_chat_topic_t *topic,
    void *data);
static void ngx_http_chat_topic_reset_one(ngx_http_chat_topic_t *topic,
    void *data);


/* a gap read: its topic may be gone, its history too */

typedef struct {
    ngx_http_chat_id_t        id;
    u_char                   *epoch;
} ngx_http_chat_topic_gap_t;


typedef void (*ngx_http_chat_topic_pt)(ngx_http_chat_feed_topic_t *t);


static ngx_http_chat_topic_pt  ngx_http_chat_topic_begin;
static ngx_http_chat_topic_pt  ngx_http_chat_topic_drop;

static ngx_queue_t       ngx_http_chat_topic_idle;
static ngx_queue_t       ngx_http_chat_topic_gaps;
static ngx_queue_t       ngx_http_chat_topic_retries;
static ngx_event_t       ngx_http_chat_topic_event;
static ngx_connection_t  ngx_http_chat_topic_dummy;
static uint32_t          ngx_http_chat_topic_distrusted;


/*
 * There is a topic for most subscribers: its times are of 32 bits, in ms where
 * they are of the next or the last minute, else in seconds.
 */

#define ngx_http_chat_topic_left(ms)                                         \
    ((int32_t) ((uint32_t) (ms) - (uint32_t) ngx_current_msec))


void
ngx_http_chat_topic_init(ngx_cycle_t *cycle)
{
    ngx_http_chat_hub_init();
    ngx_http_chat_state_init();

    ngx_queue_init(&ngx_http_chat_topic_idle);
    ngx_queue_init(&ngx_http_chat_topic_gaps);
    ngx_queue_init(&ngx_http_chat_topic_retries);

    ngx_memzero(&ngx_http_chat_topic_event, sizeof(ngx_event_t));

    /* debug logging of a timer looks at the descriptor of its data */

    ngx_http_chat_topic_dummy.fd = (ngx_socket_t) -1;

    ngx_http_chat_topic_event.data = &ngx_http_chat_topic_dummy;
    ngx_http_chat_topic_event.handler = ngx_http_chat_topic_timer;
    ngx_http_chat_topic_event.log = cycle->log;
    ngx_http_chat_topic_event.cancelable = 1;

    ngx_http_chat_topic_distrusted = ngx_http_chat_topic_seconds() - 1;
}


void
ngx_http_chat_topic_exit(void)
{
    ngx_http_chat_state_exit();
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
        t->confirmed = (ngx_http_chat_bus_subscribe(id) == NGX_OK);

        if (t->confirmed) {
            ngx_http_chat_topic_begin(t);
        }

        t->is_idle = 1;
        t->since = (uint32_t) ngx_current_msec;
        ngx_queue_insert_tail(&ngx_http_chat_topic_idle, &t->queue);

        ngx_http_chat_topic_schedule();
    }

    return t;
}


void
ngx_http_chat_topic_join(ngx_http_chat_feed_topic_t *t,
    ngx_http_chat_subscriber_t *s)
{
    if (t->is_idle) {
        ngx_queue_remove(&t->queue);
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

    if (ngx_exiting && ngx_http_chat_hub_count() == 0) {

        /* what is said later than now may not go out any more */

        ngx_http_chat_presence_farewell();
    }

    if (t->topic.n != 0 || t->is_idle) {
        return;
    }

    if (t->has_gap) {
        ngx_queue_remove(&t->queue);
        t->has_gap = 0;
    }

    t->is_idle = 1;
    t->since = (uint32_t) ngx_current_msec;
    ngx_queue_insert_tail(&ngx_http_chat_topic_idle, &t->queue);

    ngx_http_chat_topic_schedule();
}


void
ngx_http_chat_topic_read(ngx_http_chat_feed_topic_t *t, int64_t head,
    int64_t pub_head, uint32_t heard, ngx_uint_t n)
{
    if (t->heard == heard) {

        /* all that was known is older than the page: that is how it is */

        t->hint = ngx_min(t->hint, head);
        t->head = ngx_min(t->head, head);
    }

    if (t->head < 0 || (t->topic.n <= n && head >= t->head)) {

        /* nobody else depends on what lies between */

        if (t->head != head) {
            t->heard++;
        }

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


void
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


void
ngx_http_chat_topic_dispatch(ngx_http_chat_feed_topic_t *t,
    ngx_http_chat_event_t *event)
{
    if (event->seq > t->head) {
        t->heard++;
        ngx_http_chat_topic_moved(t);
    }

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
        ngx_http_chat_topic_wait(t, &ngx_http_chat_topic_gaps,
                                 NGX_HTTP_CHAT_TOPIC_GAP);
        return;
    }

    t->head = event->seq;

    if (t->hint < t->head) {
        t->hint = t->head;
    }

    if (!ngx_http_chat_event_internal(event)) {
        t->pub_head = event->seq;
    }

    ngx_http_chat_shown_event(t, event);

    ngx_http_chat_hub_deliver(&t->topic, event);
}


void
ngx_http_chat_topic_moved(ngx_http_chat_feed_topic_t *t)
{
    t->moved++;
    ngx_http_chat_state_forget(t);
}


/* another worker's event may be on its way, or PostgreSQL is away */

static void
ngx_http_chat_topic_wait(ngx_http_chat_feed_topic_t *t, ngx_queue_t *queue,
    ngx_msec_t delay)
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
    t->since = (uint32_t) (ngx_current_msec + delay);
    ngx_queue_insert_tail(queue, &t->queue);

    ngx_http_chat_topic_schedule();
}


static void
ngx_http_chat_topic_again(ngx_http_chat_feed_topic_t *t)
{
    ngx_http_chat_topic_wait(t, &ngx_http_chat_topic_retries,
                             NGX_HTTP_CHAT_TOPIC_RETRY);
}


void
ngx_http_chat_topic_hint(ngx_http_chat_feed_topic_t *t, int64_t seq)
{
    if (seq > t->head) {
        t->heard++;
        ngx_http_chat_topic_moved(t);
    }

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
    ngx_http_chat_args_t        args;
    ngx_http_chat_topic_gap_t  *gap;

    if (t->reading) {
        return;
    }

    gap = ngx_alloc(sizeof(ngx_http_chat_topic_gap_t), ngx_cycle->log);
    if (gap == NULL) {
        ngx_http_chat_topic_again(t);
        return;
    }

    gap->id = t->topic.id;
    gap->epoch = ngx_http_chat_store_epoch();

    ngx_http_chat_args_init(&args);
    ngx_http_chat_arg_int4(&args, t->site);
    ngx_http_chat_arg_id(&args, &gap->id);
    ngx_http_chat_arg_int8(&args, t->head);
    ngx_http_chat_arg_int4(&args, NGX_HTTP_CHAT_PAGE_EVENTS);

    if (ngx_http_chat_store_call(NGX_HTTP_CHAT_FAST, NGX_HTTP_CHAT_Q_FEED,
                                 &args, ngx_http_chat_topic_gap_done, gap)
        == NULL)
    {
        ngx_free(gap);
        ngx_http_chat_topic_again(t);
        return;
    }

    t->reading = 1;
    t->asked = t->heard;

    ngx_http_chat_counter_add(NGX_HTTP_CHAT_S_GAPS, 1);
}


static void
ngx_http_chat_topic_gap_done(ngx_http_chat_call_t *call)
{
    ngx_uint_t                   same;
    ngx_http_chat_topic_t       *topic;
    ngx_http_chat_topic_gap_t   *gap;
    ngx_http_chat_feed_topic_t  *t;

    gap = call->data;

    topic = ngx_http_chat_hub_find(&gap->id);
    same = (gap->epoch == ngx_http_chat_store_epoch());

    ngx_free(gap);

    if (topic == NULL || !same) {
        return;
    }

    t = ngx_http_chat_topic_of(topic);
    t->reading = 0;

    if (call->rc == NGX_OK) {
        ngx_http_chat_topic_gap_page(t, call->res);

    } else {
        ngx_http_chat_topic_again(t);
    }
}


static void
ngx_http_chat_topic_gap_page(ngx_http_chat_feed_topic_t *t, PGresult *res)
{
    ngx_uint_t             i;
    ngx_http_chat_page_t   page;

    if (ngx_http_chat_page_read(&page, res, &t->topic.id, t->site) != NGX_OK)
    {
        ngx_http_chat_topic_again(t);
        return;
    }

    if (!ngx_http_chat_page_is(&page, "ok")) {
        ngx_http_chat_page_free(&page);
        ngx_http_chat_hub_close(&t->topic, NGX_HTTP_CHAT_CLOSE_GONE);
        return;
    }

    if (page.n == 0 && t->heard == t->asked) {

        /* a hint of something that is not there */

        t->hint = t->head;
    }

    if (page.n != 0 && page.head > t->hint) {

        /* there are more than fit into one page */

        t->hint = page.head;
    }

    /* t stays: only the timer drops topics */

    for (i = 0; i < page.n; i++) {
        ngx_http_chat_topic_dispatch(t, page.events[i]);
    }

    ngx_http_chat_page_free(&page);

    if (t->topic.n != 0 && ngx_http_chat_topic_is_behind(t)) {
        ngx_http_chat_topic_fill(t);
    }
}


static ngx_uint_t
ngx_http_chat_topic_is_behind(ngx_http_chat_feed_topic_t *t)
{
    return t->head >= 0
           && (t->hint > t->head || ngx_http_chat_topic_doubts(t, t->asked));
}


static void
ngx_http_chat_topic_timer(ngx_event_t *ev)
{
    ngx_http_chat_topic_due(&ngx_http_chat_topic_gaps);
    ngx_http_chat_topic_due(&ngx_http_chat_topic_retries);
    ngx_http_chat_topic_expire();
    ngx_http_chat_topic_schedule();
}


static void
ngx_http_chat_topic_due(ngx_queue_t *queue)
{
    ngx_queue_t                 *q;
    ngx_http_chat_feed_topic_t  *t;

    while (!ngx_queue_empty(queue)) {

        q = ngx_queue_head(queue);
        t = ngx_queue_data(q, ngx_http_chat_feed_topic_t, queue);

        if (ngx_http_chat_topic_left(t->since) > 0) {
            return;
        }

        ngx_queue_remove(q);
        t->has_gap = 0;

        if (ngx_http_chat_topic_is_behind(t)) {
            ngx_http_chat_topic_fill(t);
        }
    }
}


static void
ngx_http_chat_topic_expire(void)
{
    ngx_queue_t                 *q;
    ngx_http_chat_feed_topic_t  *t;

    while (!ngx_queue_empty(&ngx_http_chat_topic_idle)) {

        q = ngx_queue_head(&ngx_http_chat_topic_idle);
        t = ngx_queue_data(q, ngx_http_chat_feed_topic_t, queue);

        if (ngx_http_chat_topic_left(t->since + NGX_HTTP_CHAT_TOPIC_LINGER)
            > 0)
        {
            return;
        }

        ngx_queue_remove(q);

        ngx_http_chat_state_forget(t);
        ngx_http_chat_topic_drop(t);
        ngx_http_chat_bus_unsubscribe(&t->topic.id);
        ngx_http_chat_hub_drop(&t->topic);
    }
}


/* one timer for all: the heads of the queues are the first */

static void
ngx_http_chat_topic_schedule(void)
{
    ngx_uint_t                   i;
    ngx_queue_t                 *q;
    ngx_http_chat_feed_topic_t  *t;

    static ngx_queue_t  *queues[] = {
        &ngx_http_chat_topic_gaps,
        &ngx_http_chat_topic_retries
    };

    for (i = 0; i < 2; i++) {

        if (!ngx_queue_empty(queues[i])) {
            q = ngx_queue_head(queues[i]);
            t = ngx_queue_data(q, ngx_http_chat_feed_topic_t, queue);

            ngx_http_chat_topic_at(ngx_http_chat_topic_left(t->since));
        }
    }

    if (!ngx_queue_empty(&ngx_http_chat_topic_idle)) {
        q = ngx_queue_head(&ngx_http_chat_topic_idle);
        t = ngx_queue_data(q, ngx_http_chat_feed_topic_t, queue);

        ngx_http_chat_topic_at(
                    ngx_http_chat_topic_left(t->since
                                             + NGX_HTTP_CHAT_TOPIC_LINGER));
    }
}


/* ngx_add_timer() alone would put off a timer that is set */

static void
ngx_http_chat_topic_at(int32_t left)
{
    ngx_event_t  *ev;

    ev = &ngx_http_chat_topic_event;
    left = ngx_max(left, 0);

    if (ev->timer_set) {

        if ((ngx_msec_int_t) (ngx_current_msec + left - ev->timer.key) >= 0) {
            return;
        }

        ngx_del_timer(ev);
    }

    ngx_add_timer(ev, (ngx_msec_t) left);
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

    t->heard++;
    t->doubt = t->heard;

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

    t->trusted = ngx_http_chat_topic_seconds();

    if (t->topic.n == 0) {
        t->head = -1;
    }
}


void
ngx_http_chat_topic_distrust(void)
{
    ngx_http_chat_topic_distrusted = ngx_http_chat_topic_seconds();
}


uint32_t
ngx_http_chat_topic_seconds(void)
{
    return (uint32_t) (ngx_current_msec / 1000);
}


void
ngx_http_chat_topic_trust(ngx_http_chat_feed_topic_t *t, uint32_t sent)
{
    t->trusted = sent + NGX_HTTP_CHAT_TOPIC_TRUST;
}


/* what was read in the second of a distrust is not trusted */

ngx_uint_t
ngx_http_chat_topic_trusted(ngx_http_chat_feed_topic_t *t)
{
    uint32_t  since;

    since = t->trusted - NGX_HTTP_CHAT_TOPIC_TRUST;

    return (int32_t) (t->trusted - ngx_http_chat_topic_seconds()) > 0
           && (int32_t) (since - ngx_http_chat_topic_distrusted) > 0;
}


void
ngx_http_chat_topic_reset(void)
{
    ngx_http_chat_hub_topics(ngx_http_chat_topic_reset_one, NULL);
}


static void
ngx_http_chat_topic_reset_one(ngx_http_chat_topic_t *topic, void *data)
{
    ngx_http_chat_feed_topic_t  *t;

    t = ngx_http_chat_topic_of(topic);

    t->heard++;
    t->doubt = t->heard;

    t->head = -1;
    t->pub_head = 0;
    t->hint = 0;
    ngx_http_chat_topic_moved(t);
    t->trusted = ngx_http_chat_topic_seconds();
    t->reading = 0;
}
