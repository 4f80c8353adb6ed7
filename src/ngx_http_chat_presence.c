
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#include "ngx_http_chat_page.h"
#include "ngx_http_chat_participant.h"
#include "ngx_http_chat_presence.h"
#include "ngx_http_chat_shown.h"


/* a reload or a lost network is no going away; ms */
#define NGX_HTTP_CHAT_PRESENCE_GRACE    15000
#define NGX_HTTP_CHAT_PRESENCE_TICK     1000

/* the last but one that was said may get lost; with the grace under 60 s */
#define NGX_HTTP_CHAT_PRESENCE_ALIVE    15000
#define NGX_HTTP_CHAT_PRESENCE_DEAD     40000

/* topics of which is asked and told at a time when the bus comes back */
#define NGX_HTTP_CHAT_PRESENCE_TOPICS   256

#define NGX_HTTP_CHAT_TYPING_AGAIN      2000
#define NGX_HTTP_CHAT_TYPING_LIFE       6000

/* op, kind, id, then who */
#define NGX_HTTP_CHAT_PRESENCE_HEAD     (2 + NGX_HTTP_CHAT_ID_LEN)


#define ngx_http_chat_presence_since(t)  ((uint32_t) ngx_current_msec - (t))


static void ngx_http_chat_presence_drop(ngx_http_chat_feed_topic_t *t);
static void ngx_http_chat_presence_online(ngx_http_chat_participant_t *p,
    ngx_uint_t on);
static void ngx_http_chat_presence_tell(ngx_http_chat_participant_t *p,
    u_char op, ngx_http_chat_bus_type_e type);
static void ngx_http_chat_presence_on_message(ngx_http_chat_bus_message_t *m);
static void ngx_http_chat_presence_on_ask(ngx_http_chat_feed_topic_t *t);
static void ngx_http_chat_presence_on_worker(ngx_http_chat_bus_message_t *m);
static void ngx_http_chat_presence_on_typing(ngx_http_chat_bus_message_t *m);
static ngx_int_t ngx_http_chat_presence_parse(ngx_http_chat_bus_message_t *m,
    ngx_uint_t *kind, ngx_http_chat_id_t *id, ngx_str_t *who);
static void ngx_http_chat_presence_update(ngx_http_chat_participant_t *p);
static void ngx_http_chat_presence_lost(ngx_uint_t index);
static void ngx_http_chat_presence_lost_topic(ngx_http_chat_topic_t *topic,
    void *data);
static void ngx_http_chat_presence_timer(ngx_event_t *ev);
static void ngx_http_chat_presence_tick(ngx_http_chat_participant_t *p);
static void ngx_http_chat_presence_alive(ngx_uint_t alive);
static void ngx_http_chat_presence_refresh(void);
static void ngx_http_chat_presence_refresh_topic(
    ngx_http_chat_topic_t *topic, void *data);
static void ngx_http_chat_presence_signal(ngx_http_chat_participant_t *p,
    const char *type, const char *name, ngx_uint_t on, ngx_uint_t audience);
static u_char *ngx_http_chat_presence_list(u_char *d,
    ngx_http_chat_feed_topic_t *t, ngx_http_chat_actor_t *actor,
    ngx_uint_t typing);


static ngx_event_t       ngx_http_chat_presence_event;
static ngx_connection_t  ngx_http_chat_presence_dummy;
static ngx_msec_t        ngx_http_chat_presence_said;
static ngx_uint_t        ngx_http_chat_presence_left;
static ngx_uint_t        ngx_http_chat_presence_again;
static ngx_rbtree_key_t  ngx_http_chat_presence_done;


ngx_int_t
ngx_http_chat_presence_init(ngx_cycle_t *cycle)
{
    ngx_http_chat_participant_init();
    ngx_http_chat_presence_left = 0;
    ngx_http_chat_presence_again = 0;

    ngx_http_chat_bus_on(NGX_HTTP_CHAT_BUS_PRESENCE,
                         ngx_http_chat_presence_on_message);
    ngx_http_chat_bus_on(NGX_HTTP_CHAT_BUS_TYPING,
                         ngx_http_chat_presence_on_typing);
    ngx_http_chat_bus_on(NGX_HTTP_CHAT_BUS_WORKER,
                         ngx_http_chat_presence_on_worker);

    ngx_http_chat_topic_on_drop(ngx_http_chat_presence_drop);

    ngx_memzero(&ngx_http_chat_presence_event, sizeof(ngx_event_t));

    ngx_http_chat_presence_dummy.fd = (ngx_socket_t) -1;

    ngx_http_chat_presence_event.data = &ngx_http_chat_presence_dummy;
    ngx_http_chat_presence_event.handler = ngx_http_chat_presence_timer;
    ngx_http_chat_presence_event.log = cycle->log;
    ngx_http_chat_presence_event.cancelable = 1;

    ngx_add_timer(&ngx_http_chat_presence_event,
                  NGX_HTTP_CHAT_PRESENCE_TICK);

    return NGX_OK;
}


static void
ngx_http_chat_presence_drop(ngx_http_chat_feed_topic_t *t)
{
    ngx_http_chat_participant_drop(t);
    ngx_http_chat_shown_drop(t);
}


void
ngx_http_chat_presence_exit(void)
{
    ngx_http_chat_participant_exit();

    if (ngx_http_chat_presence_event.timer_set) {
        ngx_del_timer(&ngx_http_chat_presence_event);
    }
}


/*
 * Others may have taken this worker for dead, and what they have said since
 * is not known: each topic is told and asked, a few at a time.
 */

void
ngx_http_chat_presence_hello(void)
{
    ngx_http_chat_presence_alive(1);

    ngx_http_chat_presence_again = 1;
    ngx_http_chat_presence_done = 0;
}


void
ngx_http_chat_presence_farewell(void)
{
    if (!ngx_http_chat_presence_left) {
        ngx_http_chat_presence_alive(0);
        ngx_http_chat_presence_left = 1;
    }
}


static void
ngx_http_chat_presence_refresh(void)
{
    ngx_uint_t  n;

    n = 0;
    ngx_http_chat_hub_topics(ngx_http_chat_presence_refresh_topic, &n);

    ngx_http_chat_presence_again = (n > NGX_HTTP_CHAT_PRESENCE_TOPICS);
}


/* topics come in the order of their numbers in the hub, always the same */

static void
ngx_http_chat_presence_refresh_topic(ngx_http_chat_topic_t *topic,
    void *data)
{
    ngx_uint_t *n = data;

    ngx_http_chat_feed_topic_t  *t;

    t = ngx_http_chat_topic_of(topic);

    if (topic->n == 0 || t->participants == NULL
        || topic->node.key < ngx_http_chat_presence_done
        || ++*n > NGX_HTTP_CHAT_PRESENCE_TOPICS)
    {
        return;
    }

    ngx_http_chat_presence_done = topic->node.key + 1;

    ngx_http_chat_presence_on_ask(t);
    ngx_http_chat_presence_ask(t);
}


static void
ngx_http_chat_presence_alive(ngx_uint_t alive)
{
    ngx_http_chat_bus_message_t  m;

    if (ngx_http_chat_presence_left) {
        return;
    }

    ngx_memzero(&m, sizeof(ngx_http_chat_bus_message_t));

    m.type = NGX_HTTP_CHAT_BUS_WORKER;
    m.n = alive;

    ngx_http_chat_bus_publish(NULL, &m);

    ngx_http_chat_presence_said = ngx_current_msec;
}


void
ngx_http_chat_presence_ask(ngx_http_chat_feed_topic_t *t)
{
    u_char                       op;
    ngx_http_chat_bus_message_t  m;

    op = '?';

    m.type = NGX_HTTP_CHAT_BUS_PRESENCE;
    m.site = t->site;
    m.id = t->topic.id;
    m.n = 0;
    m.data.data = &op;
    m.data.len = 1;

    ngx_http_chat_bus_publish(&t->topic.id, &m);
}


ngx_int_t
ngx_http_chat_presence_join(ngx_http_chat_feed_topic_t *t,
    ngx_http_chat_actor_t *actor, ngx_str_t *who)
{
    ngx_str_t                     name;
    ngx_http_chat_participant_t  *p;

    name = *who;

    if (name.len > NGX_HTTP_CHAT_WHO) {
        return NGX_DECLINED;
    }

    if (actor->kind == NGX_HTTP_CHAT_AGENT) {

        if (name.len != 0) {
            ngx_http_chat_participant_called(&actor->id, &name);

        } else {
            (void) ngx_http_chat_participant_name(&actor->id, &name);
        }
    }

    p = ngx_http_chat_participant_get(t, actor->kind, &actor->id, &name);
    if (p == NULL) {
        return NGX_DECLINED;
    }

    if (p->local++ == 0) {
        ngx_http_chat_presence_tell(p, '+', NGX_HTTP_CHAT_BUS_PRESENCE);
        ngx_http_chat_presence_update(p);
    }

    return NGX_OK;
}


ngx_uint_t
ngx_http_chat_presence_known(ngx_http_chat_feed_topic_t *t,
    ngx_http_chat_actor_t *actor)
{
    ngx_str_t  who;

    return ngx_http_chat_participant_find(t, actor->kind, &actor->id) != NULL
           || (actor->kind == NGX_HTTP_CHAT_AGENT
               && ngx_http_chat_participant_name(&actor->id, &who)
                  == NGX_OK);
}


void
ngx_http_chat_presence_leave(ngx_http_chat_feed_topic_t *t,
    ngx_http_chat_actor_t *actor)
{
    ngx_http_chat_participant_t  *p;

    p = ngx_http_chat_participant_find(t, actor->kind, &actor->id);

    if (p == NULL || p->local == 0) {
        return;
    }

    if (--p->local == 0) {
        ngx_http_chat_presence_tell(p, '-', NGX_HTTP_CHAT_BUS_PRESENCE);
        ngx_http_chat_presence_update(p);
    }
}


/* is he there, was he; going away counts after a while */

static void
ngx_http_chat_presence_update(ngx_http_chat_participant_t *p)
{
    if (!ngx_http_chat_participant_here(p)) {

        if (p->online) {
            p->gone = (uint32_t) ngx_current_msec;
            ngx_http_chat_participant_due(p, 1);
        }

        return;
    }

    if (!p->online) {
        ngx_http_chat_presence_online(p, 1);
    }
}


/* the visitor is not told of agents who merely look */

static void
ngx_http_chat_presence_online(ngx_http_chat_participant_t *p, ngx_uint_t on)
{
    p->online = on;

    ngx_http_chat_presence_signal(p, "presence", "online", on,
                                  p->kind == NGX_HTTP_CHAT_AGENT
                                  && !ngx_http_chat_shown(p->topic, &p->id)
                                  ? NGX_HTTP_CHAT_AGENT
                                  : NGX_HTTP_CHAT_MEMBER);
}


void
ngx_http_chat_presence_shown(ngx_http_chat_feed_topic_t *t,
    ngx_http_chat_id_t *agent, ngx_uint_t on)
{
    ngx_http_chat_participant_t  *p;

    p = ngx_http_chat_participant_find(t, NGX_HTTP_CHAT_AGENT, agent);

    if (p != NULL && p->online) {
        ngx_http_chat_presence_signal(p, "presence", "online", on,
                                      NGX_HTTP_CHAT_VISITOR);
    }
}


/* to the other workers */

static void
ngx_http_chat_presence_tell(ngx_http_chat_participant_t *p, u_char op,
    ngx_http_chat_bus_type_e type)
{
    u_char                       *d;
    u_char                        data[NGX_HTTP_CHAT_PRESENCE_HEAD
                                       + NGX_HTTP_CHAT_WHO];
    ngx_http_chat_bus_message_t   m;

    d = data;

    *d++ = op;
    *d++ = (u_char) ('0' + p->kind);
    d = ngx_http_chat_id_write(d, &p->id);
    d = ngx_http_chat_participant_who(p, d);

    m.type = type;
    m.site = p->topic->site;
    m.id = p->topic->topic.id;
    m.n = p->typing;
    m.data.data = data;
    m.data.len = d - data;

    ngx_http_chat_bus_publish(&m.id, &m);
}


static ngx_int_t
ngx_http_chat_presence_parse(ngx_http_chat_bus_message_t *m,
    ngx_uint_t *kind, ngx_http_chat_id_t *id, ngx_str_t *who)
{
    if (m->data.len <= NGX_HTTP_CHAT_PRESENCE_HEAD
        || m->data.len > NGX_HTTP_CHAT_PRESENCE_HEAD
                         + NGX_HTTP_CHAT_WHO
        || ngx_http_chat_id_parse(id, m->data.data + 2, NGX_HTTP_CHAT_ID_LEN)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    *kind = m->data.data[1] - '0';

    if (*kind != NGX_HTTP_CHAT_VISITOR && *kind != NGX_HTTP_CHAT_AGENT) {
        return NGX_ERROR;
    }

    who->data = m->data.data + NGX_HTTP_CHAT_PRESENCE_HEAD;
    who->len = m->data.len - NGX_HTTP_CHAT_PRESENCE_HEAD;

    return NGX_OK;
}


static void
ngx_http_chat_presence_on_message(ngx_http_chat_bus_message_t *m)
{
    ngx_int_t                     index;
    ngx_str_t                     who;
    ngx_uint_t                    on, kind;
    ngx_http_chat_id_t            id;
    ngx_http_chat_topic_t        *topic;
    ngx_http_chat_feed_topic_t   *t;
    ngx_http_chat_participant_t  *p;

    topic = ngx_http_chat_hub_find(&m->id);

    if (topic == NULL || m->data.len == 0) {
        return;
    }

    t = ngx_http_chat_topic_of(topic);

    if (m->data.data[0] == '?') {
        ngx_http_chat_presence_on_ask(t);
        return;
    }

    index = ngx_http_chat_worker_index(m->origin);

    if (index < 0
        || ngx_http_chat_presence_parse(m, &kind, &id, &who) != NGX_OK)
    {
        return;
    }

    on = (m->data.data[0] == '+');

    p = on ? ngx_http_chat_participant_get(t, kind, &id, &who)
           : ngx_http_chat_participant_find(t, kind, &id);

    if (p != NULL
        && ngx_http_chat_participant_remote(p, index, on) == NGX_OK)
    {
        ngx_http_chat_presence_update(p);
    }
}


static void
ngx_http_chat_presence_on_ask(ngx_http_chat_feed_topic_t *t)
{
    ngx_http_chat_participant_t  *p;

    for (p = t->participants; p != NULL; p = p->next) {
        if (p->local != 0) {
            ngx_http_chat_presence_tell(p, '+', NGX_HTTP_CHAT_BUS_PRESENCE);
        }
    }
}


static void
ngx_http_chat_presence_on_worker(ngx_http_chat_bus_message_t *m)
{
    if (m->n != 0) {
        (void) ngx_http_chat_worker_index(m->origin);

    } else {
        ngx_http_chat_worker_remove(m->origin, ngx_http_chat_presence_lost);
    }
}


static void
ngx_http_chat_presence_lost(ngx_uint_t index)
{
    ngx_http_chat_hub_topics(ngx_http_chat_presence_lost_topic, &index);
}


static void
ngx_http_chat_presence_lost_topic(ngx_http_chat_topic_t *topic, void *data)
{
    ngx_uint_t *index = data;

    ngx_http_chat_participant_t  *p;

    for (p = ngx_http_chat_topic_of(topic)->participants;
         p != NULL;
         p = p->next)
    {
        if (ngx_http_chat_participant_remote(p, *index, 0) == NGX_OK) {
            ngx_http_chat_presence_update(p);
        }
    }
}


static void
ngx_http_chat_presence_timer(ngx_event_t *ev)
{
    ngx_http_chat_participant_each_due(ngx_http_chat_presence_tick);

    if (ngx_current_msec - ngx_http_chat_presence_said
        >= NGX_HTTP_CHAT_PRESENCE_ALIVE)
    {
        ngx_http_chat_presence_alive(1);
    }

    ngx_http_chat_worker_expire(NGX_HTTP_CHAT_PRESENCE_DEAD,
                                ngx_http_chat_presence_lost);

    if (ngx_http_chat_presence_again) {
        ngx_http_chat_presence_refresh();
    }

    ngx_add_timer(ev, NGX_HTTP_CHAT_PRESENCE_TICK);
}


static void
ngx_http_chat_presence_tick(ngx_http_chat_participant_t *p)
{
    ngx_uint_t  audience;

    if (p->typing
        && ngx_http_chat_presence_since(p->typed) >= NGX_HTTP_CHAT_TYPING_LIFE)
    {
        audience = p->typing;
        p->typing = 0;
        ngx_http_chat_presence_signal(p, "typing", "on", 0, audience);
    }

    if (p->online && !ngx_http_chat_participant_here(p)
        && ngx_http_chat_presence_since(p->gone)
           >= NGX_HTTP_CHAT_PRESENCE_GRACE)
    {
        ngx_http_chat_presence_online(p, 0);
    }

    if (!p->typing && (!p->online || ngx_http_chat_participant_here(p))) {
        ngx_http_chat_participant_due(p, 0);
    }
}


/* to the subscribers of this worker; the others see for themselves */

static void
ngx_http_chat_presence_signal(ngx_http_chat_participant_t *p,
    const char *type, const char *name, ngx_uint_t on, ngx_uint_t audience)
{
    u_char                 *d;
    u_char                  buf[256 + NGX_HTTP_CHAT_WHO];
    ngx_str_t               json;
    ngx_http_chat_event_t  *event;

    json.data = buf;

    d = ngx_sprintf(buf, "{\"type\":\"%s\",\"conversation\":\"", type);
    d = ngx_http_chat_id_write(d, &p->topic->topic.id);
    d = ngx_sprintf(d, "\",\"%s\":",
                    type[0] == 't' ? "sender" : "participant");
    d = ngx_http_chat_participant_who(p, d);
    d = ngx_sprintf(d, ",\"%s\":%s%s}",
                    name, on ? "true" : "false",
                    audience == NGX_HTTP_CHAT_AGENT && type[0] == 't'
                    ? ",\"visibility\":\"internal\"" : "");

    json.len = d - buf;

    event = ngx_http_chat_event_wrap(&p->topic->topic.id, p->topic->site, 0,
                                     audience, &json);

    if (event != NULL) {
        event->sender = p->id;
        ngx_http_chat_topic_signal(event);
        ngx_http_chat_event_release(event);
    }
}


void
ngx_http_chat_presence_typing(ngx_http_chat_id_t *conversation,
    ngx_http_chat_actor_t *actor, ngx_str_t *who, ngx_uint_t on,
    ngx_uint_t audience)
{
    ngx_http_chat_feed_topic_t   *t;
    ngx_http_chat_participant_t  *p;

    t = ngx_http_chat_topic_get(conversation, actor->site->id);

    if (t == NULL || who->len > NGX_HTTP_CHAT_WHO) {
        return;
    }

    p = ngx_http_chat_participant_get(t, actor->kind, &actor->id, who);

    if (p == NULL
        || (!on && !p->typing)
        || (on && p->typing == audience
            && ngx_http_chat_presence_since(p->typed)
               < NGX_HTTP_CHAT_TYPING_AGAIN))
    {
        return;
    }

    audience = on ? audience : p->typing;

    p->typing = (u_char) (on ? audience : 0);
    p->typed = (uint32_t) ngx_current_msec;
    ngx_http_chat_participant_due(p, 1);

    ngx_http_chat_presence_signal(p, "typing", "on", on, audience);

    p->typing = (u_char) audience;
    ngx_http_chat_presence_tell(p, on ? '1' : '0', NGX_HTTP_CHAT_BUS_TYPING);
    p->typing = (u_char) (on ? audience : 0);
}


/* "n" is the audience */

static void
ngx_http_chat_presence_on_typing(ngx_http_chat_bus_message_t *m)
{
    ngx_str_t                     who;
    ngx_uint_t                    kind, on;
    ngx_http_chat_id_t            id;
    ngx_http_chat_topic_t        *topic;
    ngx_http_chat_participant_t  *p;

    topic = ngx_http_chat_hub_find(&m->id);

    if (topic == NULL
        || ngx_http_chat_presence_parse(m, &kind, &id, &who) != NGX_OK)
    {
        return;
    }

    p = ngx_http_chat_participant_get(ngx_http_chat_topic_of(topic), kind,
                                      &id, &who);
    if (p == NULL) {
        return;
    }

    on = m->data.data[0] == '1';

    p->typing = on ? (u_char) (m->n & NGX_HTTP_CHAT_MEMBER) : 0;
    p->typed = (uint32_t) ngx_current_msec;
    ngx_http_chat_participant_due(p, 1);

    ngx_http_chat_presence_signal(p, "typing", "on", on,
                                  (ngx_uint_t) m->n & NGX_HTTP_CHAT_MEMBER);
}


ngx_uint_t
ngx_http_chat_presence_here(ngx_http_chat_id_t *conversation,
    ngx_http_chat_actor_t *actor)
{
    ngx_http_chat_topic_t        *topic;
    ngx_http_chat_participant_t  *p;

    topic = ngx_http_chat_hub_find(conversation);
    if (topic == NULL) {
        return 0;
    }

    p = ngx_http_chat_participant_find(ngx_http_chat_topic_of(topic),
                                       actor->kind, &actor->id);

    return p != NULL && p->local != 0;
}


/*
 * chat.state() ends with "typing" and "presence", both empty.  A hash of what
 * is put there and of what comes before goes into the version, so that it
 * moves with them.
 */

ngx_int_t
ngx_http_chat_presence_state(ngx_http_chat_feed_topic_t *t,
    ngx_http_chat_actor_t *actor, ngx_str_t *state, ngx_str_t *out)
{
    u_char     *d, *last, *p;
    int64_t     version;
    uint32_t    hash;
    ngx_str_t   added, read;

    last = state->data + state->len;

    read.data = ngx_strnstr(state->data, "\"read\"", state->len);
    p = ngx_strnstr(state->data, "\"typing\"", state->len);

    if (read.data == NULL || p == NULL || p < read.data || p > last) {
        return NGX_ERROR;
    }

    read.len = p - read.data;

    added.data = ngx_alloc(64 + 2 * t->nparticipants
                                * (NGX_HTTP_CHAT_WHO + 32),
                           ngx_cycle->log);
    if (added.data == NULL) {
        return NGX_ERROR;
    }

    d = ngx_sprintf(added.data, "\"typing\":[");
    d = ngx_http_chat_presence_list(d, t, actor, 1);
    d = ngx_sprintf(d, "],\"presence\":[");
    d = ngx_http_chat_presence_list(d, t, actor, 0);
    d = ngx_sprintf(d, "]}");

    added.len = d - added.data;

    ngx_crc32_init(hash);
    ngx_crc32_update(&hash, read.data, read.len);
    ngx_crc32_update(&hash, added.data, added.len);
    ngx_crc32_final(hash);

    version = ngx_http_chat_page_version(state) << 16 ^ (int64_t) hash;

    /* as much as a JavaScript number holds */

    version &= ((int64_t) 1 << 52) - 1;

    out->data = ngx_alloc(sizeof("{\"version\":,") + NGX_INT64_LEN + read.len
                          + added.len, ngx_cycle->log);

    if (out->data != NULL) {
        d = ngx_sprintf(out->data, "{\"version\":%L,%V%V", version, &read,
                        &added);
        out->len = d - out->data;
    }

    ngx_free(added.data);

    return out->data == NULL ? NGX_ERROR : NGX_OK;
}


static u_char *
ngx_http_chat_presence_list(u_char *d, ngx_http_chat_feed_topic_t *t,
    ngx_http_chat_actor_t *actor, ngx_uint_t typing)
{
    u_char                       *start;
    ngx_http_chat_participant_t  *p;

    start = d;

    for (p = t->participants; p != NULL; p = p->next) {

        if (ngx_http_chat_id_eq(&p->id, &actor->id)
            || (typing ? (p->typing & actor->kind) == 0 : !p->online))
        {
            continue;
        }

        if (!typing && actor->kind == NGX_HTTP_CHAT_VISITOR
            && p->kind == NGX_HTTP_CHAT_AGENT
            && !ngx_http_chat_shown(t, &p->id))
        {
            continue;
        }

        if (d != start) {
            *d++ = ',';
        }

        d = ngx_http_chat_participant_who(p, d);

        if (!typing) {
            d = ngx_cpymem(d - 1, ",\"online\":true}",
                           sizeof(",\"online\":true}") - 1);
        }
    }

    return d;
}
