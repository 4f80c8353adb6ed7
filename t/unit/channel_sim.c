
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#include "channel_sim.h"


/* the server: what it sends, and what it has answered */

typedef struct {
    ngx_uint_t                    channel;
    ngx_uint_t                    on;
} reply_t;


ngx_http_chat_redis_t              redis;
ngx_http_chat_redis_conf_t         conf;
channel_sim_t                      sim;

static reply_t     replies[4 * CHANNELS];
static ngx_uint_t  first, last;


static ngx_uint_t number_of(const char *name, size_t len);
static void on_subscribed(ngx_http_chat_redis_t *r, ngx_http_chat_id_t *id);
static void on_message(ngx_http_chat_redis_t *r, ngx_str_t *channel,
    ngx_str_t *payload);


void
begin(uint32_t with)
{
    ngx_memzero(&redis, sizeof(redis));
    ngx_memzero(&conf, sizeof(conf));
    ngx_memzero(&sim, sizeof(sim));

    sim.seed = with;
    first = 0;
    last = 0;

    ngx_str_set(&conf.prefix, "chat:c:");
    ngx_str_set(&conf.control, "chat:w:me");
    ngx_str_set(&conf.all, "chat:w");
    conf.subscriber = 1;
    conf.on_subscribed = on_subscribed;
    conf.on_message = on_message;

    redis.conf = &conf;

    ngx_http_chat_redis_channel_init(&redis);
}


void
end(void)
{
    ngx_http_chat_redis_channel_lost(&redis);
    ngx_http_chat_redis_channel_exit(&redis);
}


/* connected: what a connection begins with is sent */

void
join(void)
{
    redis.state = ngx_http_chat_redis_setup_state;

    if (ngx_http_chat_redis_channel_setup(&redis) != NGX_OK) {
        sim.wrong++;
    }

    flush();
}


void
lose(void)
{
    ngx_memzero(sim.server, sizeof(sim.server));
    ngx_memzero(sim.told, sizeof(sim.told));

    first = 0;
    last = 0;
    sim.used = 0;

    redis.flush.posted = 0;
    ngx_http_chat_redis_channel_lost(&redis);
    redis.state = ngx_http_chat_redis_idle_state;

    if (!ngx_queue_empty(&redis.sent) || !ngx_queue_empty(&redis.leave)) {
        sim.wrong++;
    }
}


/* the loop comes to the posted event, the socket takes what it can */

void
flush(void)
{
    if (!redis.flush.posted || redis.state < ngx_http_chat_redis_setup_state)
    {
        return;
    }

    redis.flush.posted = 0;

    if (ngx_http_chat_redis_channel_pump(&redis) != NGX_OK) {
        sim.wrong++;
    }
}


/* the server's next answer */

ngx_uint_t
answer(void)
{
    char                 name[128];
    reply_t             *r;
    ngx_http_chat_id_t   id;

    if (first == last) {
        return 0;
    }

    r = &replies[first++];

    if (r->channel >= FIXED) {
        ngx_memcpy(name, "chat:w", sizeof("chat:w"));

    } else {
        id_of(&id, r->channel);
        ngx_memcpy(name, conf.prefix.data, conf.prefix.len);
        *ngx_http_chat_id_write((u_char *) name + conf.prefix.len, &id)
            = '\0';
    }

    if (says(3, r->on ? "subscribe" : "unsubscribe", name, 1) != NGX_OK) {
        sim.wrong++;
    }

    return 1;
}


/* until nothing is left to be done */

void
settle(void)
{
    do {
        sim.used = 0;
        redis.flush.posted |= !ngx_queue_empty(&redis.todo)
                              || !ngx_queue_empty(&redis.leave);
        flush();

    } while (answer() || redis.flush.posted);
}


ngx_int_t
subscribe(ngx_uint_t channel)
{
    ngx_int_t           rc;
    ngx_http_chat_id_t  id;

    id_of(&id, channel);

    rc = ngx_http_chat_redis_subscribe(&redis, &id);

    if (rc == NGX_OK) {

        /* nothing that is published from now on may be missed */

        sim.early += !sim.server[channel];
        sim.told[channel] = 1;

    } else if (!sim.wanted[channel]) {
        sim.told[channel] = 0;
    }

    sim.wanted[channel] = 1;

    return rc;
}


void
unsubscribe(ngx_uint_t channel)
{
    ngx_http_chat_id_t  id;

    id_of(&id, channel);
    sim.wanted[channel] = 0;

    ngx_http_chat_redis_unsubscribe(&redis, &id);
}


ngx_uint_t
agreed(ngx_uint_t n)
{
    ngx_uint_t  i;

    for (i = 0; i < n; i++) {
        if (sim.server[i] != sim.wanted[i]) {
            return 0;
        }
    }

    return 1;
}


ngx_uint_t
rnd(ngx_uint_t n)
{
    sim.seed = sim.seed * 1664525 + 1013904223;

    return (sim.seed >> 16) % n;
}


/* the tree of the test is not balanced: keys are scattered */

void
id_of(ngx_http_chat_id_t *id, ngx_uint_t channel)
{
    uint64_t  key;

    key = (channel + 1) * 0x9e3779b97f4a7c15ULL;

    ngx_memzero(id->data, sizeof(id->data));
    id->data[0] = (u_char) (channel >> 8);
    id->data[1] = (u_char) channel;
    ngx_memcpy(id->data + 8, &key, sizeof(key));
}


static ngx_uint_t
number_of(const char *name, size_t len)
{
    ngx_http_chat_id_t  id;

    if (len == conf.control.len
        && ngx_memcmp(name, conf.control.data, len) == 0)
    {
        return FIXED;
    }

    if (len == conf.all.len && ngx_memcmp(name, conf.all.data, len) == 0) {
        return FIXED + 1;
    }

    if (len != conf.prefix.len + NGX_HTTP_CHAT_ID_LEN
        || ngx_memcmp(name, conf.prefix.data, conf.prefix.len) != 0
        || ngx_http_chat_id_parse(&id, (u_char *) name + conf.prefix.len,
                                  NGX_HTTP_CHAT_ID_LEN)
           != NGX_OK)
    {
        return CHANNELS + 2;
    }

    return (ngx_uint_t) id.data[0] << 8 | id.data[1];
}


/* an array of n: the last of three is 1, or a text when it is to be none */

ngx_int_t
says(ngx_uint_t n, const char *what, const char *channel, ngx_uint_t integer)
{
    ngx_http_chat_redis_reply_t  reply;

    ngx_memzero(&reply, sizeof(reply));

    reply.array = 1;
    reply.n = n;

    reply.items[0].type = NGX_HTTP_CHAT_REDIS_STRING;
    reply.items[0].text.data = (u_char *) what;
    reply.items[0].text.len = strlen(what);

    reply.items[1].type = NGX_HTTP_CHAT_REDIS_STRING;
    reply.items[1].text.data = (u_char *) channel;
    reply.items[1].text.len = strlen(channel);

    reply.items[2].type = integer ? NGX_HTTP_CHAT_REDIS_INTEGER
                                  : NGX_HTTP_CHAT_REDIS_STRING;
    reply.items[2].integer = 1;
    ngx_str_set(&reply.items[2].text, "text");

    return ngx_http_chat_redis_channel_reply(&redis, &reply);
}


static void
on_subscribed(ngx_http_chat_redis_t *r, ngx_http_chat_id_t *id)
{
    ngx_uint_t  channel;

    channel = (ngx_uint_t) id->data[0] << 8 | id->data[1];

    sim.early += !sim.server[channel] || !sim.wanted[channel];
    sim.told[channel] = 1;
    sim.confirmed++;

    if (sim.leaves && channel % 2 == 1) {
        unsubscribe(channel);
        (void) subscribe(channel + 1);
    }
}


static void
on_message(ngx_http_chat_redis_t *r, ngx_str_t *channel, ngx_str_t *payload)
{
    sim.messages++;
}


/* the rest of the engine */

void
ngx_http_chat_redis_post(ngx_event_t *ev)
{
    ev->posted = 1;
}


void
ngx_http_chat_redis_watch(ngx_http_chat_redis_t *r)
{
}


void
ngx_http_chat_redis_ready(ngx_http_chat_redis_t *r)
{
    r->state = ngx_http_chat_redis_ready_state;
    sim.readies++;
}


ngx_int_t
ngx_http_chat_redis_refuse(ngx_http_chat_redis_t *r, const char *what,
    ngx_str_t *text)
{
    sim.refused++;

    return NGX_ERROR;
}


size_t
ngx_http_chat_redis_room(ngx_http_chat_redis_t *r)
{
    return NGX_HTTP_CHAT_REDIS_OUT - sim.used;
}


/* the server does what it is told, and answers for each name */

ngx_int_t
ngx_http_chat_redis_command(ngx_http_chat_redis_t *r, ngx_uint_t argc,
    const char **argv, const size_t *lens)
{
    ngx_uint_t  i, channel, on;

    if (sim.no_memory) {
        return NGX_BUSY;
    }

    on = (lens[0] == 9);
    sim.sent++;
    sim.longest = ngx_max(sim.longest, argc - 1);

    for (i = 1; i < argc; i++) {
        sim.used += lens[i] + 16;
        sim.names++;

        channel = number_of(argv[i], lens[i]);

        if (channel >= CHANNELS + 2 || sim.server[channel] == on) {
            sim.wrong++;
            continue;
        }

        sim.server[channel] = (u_char) on;

        if (last == 4 * CHANNELS) {
            ngx_memmove(replies, &replies[first],
                        (last - first) * sizeof(reply_t));
            last -= first;
            first = 0;
        }

        replies[last].channel = channel;
        replies[last].on = on;
        last++;
    }

    ngx_http_chat_redis_post(&r->flush);

    return NGX_OK;
}
