
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_http_chat_redis_private.h"


static ngx_int_t ngx_http_chat_redis_send(ngx_http_chat_redis_t *redis,
    ngx_http_chat_redis_kind_e kind, ngx_uint_t argc, const char **argv,
    const size_t *lens);
static ngx_int_t ngx_http_chat_redis_answer(ngx_http_chat_redis_t *redis,
    ngx_http_chat_redis_kind_e kind, ngx_http_chat_redis_reply_t *reply);
static ngx_int_t ngx_http_chat_redis_named(ngx_http_chat_redis_t *redis,
    ngx_http_chat_redis_item_t *item);
static ngx_int_t ngx_http_chat_redis_published(ngx_http_chat_redis_t *redis,
    ngx_http_chat_redis_item_t *item);


ngx_http_chat_redis_t *
ngx_http_chat_redis_create(ngx_http_chat_redis_conf_t *conf, ngx_log_t *log)
{
    ngx_http_chat_redis_t  *redis;

    redis = ngx_calloc(sizeof(ngx_http_chat_redis_t), log);
    if (redis == NULL) {
        return NULL;
    }

    redis->conf = conf;

    redis->log = *log;
    redis->log.connection = 0;
    redis->log.handler = ngx_http_chat_redis_log_handler;
    redis->log.data = redis;
    redis->log.action = NULL;

    redis->backoff.cap = NGX_HTTP_CHAT_REDIS_BACKOFF;

    redis->out = ngx_alloc(NGX_HTTP_CHAT_REDIS_OUT, log);
    redis->expected = ngx_alloc(NGX_HTTP_CHAT_REDIS_EXPECTED
                                * sizeof(ngx_http_chat_redis_expected_t),
                                log);

    if (redis->out == NULL || redis->expected == NULL) {
        ngx_http_chat_redis_destroy(redis);
        return NULL;
    }

    redis->pos = redis->out;
    redis->end = redis->out;

    ngx_http_chat_redis_channel_init(redis);

    ngx_http_chat_peer_event(&redis->timer, ngx_http_chat_redis_timeout,
                             &redis->log);
    ngx_http_chat_peer_event(&redis->watchdog,
                             ngx_http_chat_redis_watchdog_handler,
                             &redis->log);
    ngx_http_chat_peer_event(&redis->flush, ngx_http_chat_redis_flush_handler,
                             &redis->log);
    ngx_http_chat_peer_event(&redis->more, ngx_http_chat_redis_more_handler,
                             &redis->log);

    /* nothing here is worth holding an exiting worker for */

    redis->timer.cancelable = 1;
    redis->watchdog.cancelable = 1;

    return redis;
}


void
ngx_http_chat_redis_destroy(ngx_http_chat_redis_t *redis)
{
    redis->closed = 1;

    if (redis->channels.root != NULL) {
        ngx_http_chat_redis_close(redis, "worker exits");
        ngx_http_chat_redis_channel_exit(redis);
    }

    if (redis->out != NULL) {
        ngx_free(redis->out);
    }

    if (redis->expected != NULL) {
        ngx_free(redis->expected);
    }

    ngx_free(redis);
}


void
ngx_http_chat_redis_reconnect(ngx_http_chat_redis_t *redis,
    const char *reason)
{
    if (redis->closed) {
        return;
    }

    if (redis->state == ngx_http_chat_redis_idle_state) {
        ngx_http_chat_redis_connect(redis);
        return;
    }

    /* an attempt under way will do: it has not used a name yet */

    if (redis->state >= ngx_http_chat_redis_setup_state) {
        ngx_http_chat_redis_close(redis, reason);
    }
}


ngx_uint_t
ngx_http_chat_redis_is_ready(ngx_http_chat_redis_t *redis)
{
    return redis->state == ngx_http_chat_redis_ready_state;
}


ngx_http_chat_redis_stats_t *
ngx_http_chat_redis_stats(ngx_http_chat_redis_t *redis)
{
    return &redis->stats;
}


ngx_int_t
ngx_http_chat_redis_publish(ngx_http_chat_redis_t *redis, ngx_str_t *channel,
    ngx_str_t *payload)
{
    size_t       lens[3];
    const char  *argv[3];

    if (!ngx_http_chat_redis_is_ready(redis)) {
        redis->stats.drops++;
        return NGX_BUSY;
    }

    argv[0] = "PUBLISH";
    lens[0] = 7;
    argv[1] = (const char *) channel->data;
    lens[1] = channel->len;
    argv[2] = (const char *) payload->data;
    lens[2] = payload->len;

    if (ngx_http_chat_redis_send(redis, ngx_http_chat_redis_publish_reply, 3,
                                 argv, lens)
        != NGX_OK)
    {
        redis->stats.drops++;
        return NGX_BUSY;
    }

    return NGX_OK;
}


/* a command and the place of its reply */

static ngx_int_t
ngx_http_chat_redis_send(ngx_http_chat_redis_t *redis,
    ngx_http_chat_redis_kind_e kind, ngx_uint_t argc, const char **argv,
    const size_t *lens)
{
    ngx_http_chat_redis_expected_t  *e;

    if (redis->last - redis->first == NGX_HTTP_CHAT_REDIS_EXPECTED
        || ngx_http_chat_redis_command(redis, argc, argv, lens) != NGX_OK)
    {
        return NGX_BUSY;
    }

    e = &redis->expected[redis->last++ % NGX_HTTP_CHAT_REDIS_EXPECTED];

    e->kind = kind;
    e->sent = ngx_current_msec;

    ngx_http_chat_redis_watch(redis);

    return NGX_OK;
}


ngx_int_t
ngx_http_chat_redis_setup(ngx_http_chat_redis_t *redis)
{
    u_char                         name[64], *p;
    size_t                         lens[3];
    ngx_uint_t                     n;
    const char                    *argv[3];
    ngx_http_chat_redis_server_t  *server;

    server = redis->conf->server;

    if (server->password.len != 0) {
        n = 0;

        argv[n] = "AUTH";
        lens[n++] = 4;

        if (server->user.len != 0) {
            argv[n] = (const char *) server->user.data;
            lens[n++] = server->user.len;
        }

        argv[n] = (const char *) server->password.data;
        lens[n++] = server->password.len;

        if (ngx_http_chat_redis_send(redis, ngx_http_chat_redis_auth_reply,
                                     n, argv, lens)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    p = ngx_snprintf(name, sizeof(name), "nginx-chat-%P-%V", ngx_pid,
                     &redis->conf->role);

    argv[0] = "CLIENT";
    lens[0] = 6;
    argv[1] = "SETNAME";
    lens[1] = 7;
    argv[2] = (const char *) name;
    lens[2] = p - name;

    if (ngx_http_chat_redis_send(redis, ngx_http_chat_redis_name_reply, 3,
                                 argv, lens)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (redis->conf->subscriber) {
        return ngx_http_chat_redis_channel_setup(redis);
    }

    /* tells whether publishing is allowed; nobody is told anything */

    argv[0] = "PUBLISH";
    lens[0] = 7;
    argv[1] = (const char *) redis->conf->control.data;
    lens[1] = redis->conf->control.len;
    argv[2] = "";
    lens[2] = 0;

    return ngx_http_chat_redis_send(redis, ngx_http_chat_redis_publish_reply,
                                    3, argv, lens);
}


ngx_int_t
ngx_http_chat_redis_reply(ngx_http_chat_redis_t *redis)
{
    ngx_http_chat_redis_reply_t     *reply;
    ngx_http_chat_redis_expected_t  *e;

    reply = &redis->reader.reply;

    if (redis->first == redis->last) {

        if (redis->conf->subscriber) {
            return ngx_http_chat_redis_channel_reply(redis, reply);
        }

        return ngx_http_chat_redis_refuse(redis, "said without being asked",
                                          &reply->items[0].text);
    }

    e = &redis->expected[redis->first++ % NGX_HTTP_CHAT_REDIS_EXPECTED];

    return ngx_http_chat_redis_answer(redis, e->kind, reply);
}


static ngx_int_t
ngx_http_chat_redis_answer(ngx_http_chat_redis_t *redis,
    ngx_http_chat_redis_kind_e kind, ngx_http_chat_redis_reply_t *reply)
{
    ngx_str_t                    none;
    ngx_http_chat_redis_item_t  *item;

    if (reply->array) {
        ngx_str_null(&none);
        return ngx_http_chat_redis_refuse(redis, "answered by an array",
                                          &none);
    }

    item = &reply->items[0];

    switch (kind) {

    case ngx_http_chat_redis_auth_reply:

        if (item->type != NGX_HTTP_CHAT_REDIS_STATUS) {
            return ngx_http_chat_redis_refuse(redis, "refused AUTH",
                                              &item->text);
        }

        return NGX_OK;

    case ngx_http_chat_redis_name_reply:
        return ngx_http_chat_redis_named(redis, item);

    default: /* ngx_http_chat_redis_publish_reply */
        return ngx_http_chat_redis_published(redis, item);
    }
}


/* a user who may not name his connection does without */

static ngx_int_t
ngx_http_chat_redis_named(ngx_http_chat_redis_t *redis,
    ngx_http_chat_redis_item_t *item)
{
    if (item->type == NGX_HTTP_CHAT_REDIS_STATUS) {
        return NGX_OK;
    }

    if (item->type == NGX_HTTP_CHAT_REDIS_FAILURE
        && ((item->text.len > 7
             && ngx_strncmp(item->text.data, "NOPERM ", 7) == 0)
            || (item->text.len > 4
                && ngx_strncmp(item->text.data, "ERR ", 4) == 0)))
    {
        return NGX_OK;
    }

    return ngx_http_chat_redis_refuse(redis, "refused CLIENT SETNAME",
                                      &item->text);
}


static ngx_int_t
ngx_http_chat_redis_published(ngx_http_chat_redis_t *redis,
    ngx_http_chat_redis_item_t *item)
{
    if (item->type != NGX_HTTP_CHAT_REDIS_INTEGER) {
        redis->stats.drops++;
        return ngx_http_chat_redis_refuse(redis, "refused PUBLISH",
                                          &item->text);
    }

    redis->stats.commands++;

    if (redis->state == ngx_http_chat_redis_setup_state) {
        ngx_http_chat_redis_ready(redis);
    }

    return NGX_OK;
}
