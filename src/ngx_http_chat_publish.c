
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#include "ngx_http_chat_feed.h"
#include "ngx_http_chat_topic.h"


static int64_t ngx_http_chat_topic_created(ngx_str_t *json);
static void ngx_http_chat_topic_marked(ngx_http_chat_id_t *conversation);


/*
 * What happens in a conversation: to the subscribers of this worker, and over
 * the bus to those of others.
 */


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
        event->created = ngx_http_chat_topic_created(&m->data);
        ngx_http_chat_topic_dispatch(ngx_http_chat_topic_of(topic), event);
        ngx_http_chat_event_release(event);
    }

    ngx_http_chat_topic_wake(m->site);
}


/* an event ends with "created_at":"<time>"} */

static int64_t
ngx_http_chat_topic_created(ngx_str_t *json)
{
    if (json->len < NGX_HTTP_CHAT_TIME_LEN + sizeof("\"}") - 1) {
        return -1;
    }

    return ngx_http_chat_time_parse(json->data + json->len
                                    - (sizeof("\"}") - 1)
                                    - NGX_HTTP_CHAT_TIME_LEN);
}


/* a read mark */

static void
ngx_http_chat_topic_marked(ngx_http_chat_id_t *conversation)
{
    ngx_http_chat_topic_t  *topic;

    topic = ngx_http_chat_hub_find(conversation);

    if (topic != NULL) {
        ngx_http_chat_topic_moved(ngx_http_chat_topic_of(topic));
    }
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
        ngx_http_chat_topic_marked(&m->id);
        ngx_http_chat_topic_signal(event);
        ngx_http_chat_event_release(event);
    }
}


void
ngx_http_chat_feed_signal(ngx_http_chat_event_t *event)
{
    u_char                        data[NGX_HTTP_CHAT_BUS_INLINE], *p;
    ngx_http_chat_bus_message_t   m;

    ngx_http_chat_topic_marked(&event->conversation);
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
        ngx_http_chat_hub_deliver(topic, event);
    }
}
