
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_http_chat_redis_private.h"
#include "ngx_http_chat_tree.h"


/*
 * The channels of topics: asked for, received, left.  A channel is left only
 * when it is received, and asked for again only after it was left, so that
 * the server's confirmations mean what they seem to.
 */


#define ngx_http_chat_redis_channel_of(q)                                    \
    ngx_queue_data(q, ngx_http_chat_redis_channel_t, queue)


static void ngx_http_chat_redis_channel_put(ngx_http_chat_redis_channel_t *ch,
    ngx_uint_t state, ngx_queue_t *queue);
static void ngx_http_chat_redis_channel_free(ngx_http_chat_redis_t *redis,
    ngx_http_chat_redis_channel_t *ch);
static ngx_int_t ngx_http_chat_redis_channel_batch(
    ngx_http_chat_redis_t *redis, ngx_queue_t *queue, const char *verb);
static ngx_int_t ngx_http_chat_redis_channel_confirm(
    ngx_http_chat_redis_t *redis, ngx_str_t *name);
static void ngx_http_chat_redis_channel_check(ngx_http_chat_redis_t *redis);
static ngx_uint_t ngx_http_chat_redis_channel_is(ngx_str_t *a, const char *b,
    size_t len);


/* of one batch, while it is formatted */

static u_char  ngx_http_chat_redis_names[NGX_HTTP_CHAT_REDIS_BATCH]
                                        [NGX_HTTP_CHAT_REDIS_NAME];


void
ngx_http_chat_redis_channel_init(ngx_http_chat_redis_t *redis)
{
    ngx_http_chat_tree_init(&redis->channels, &redis->sentinel);

    ngx_queue_init(&redis->todo);
    ngx_queue_init(&redis->sent);
    ngx_queue_init(&redis->leave);
}


void
ngx_http_chat_redis_channel_exit(ngx_http_chat_redis_t *redis)
{
    ngx_rbtree_t                   *tree;
    ngx_http_chat_redis_channel_t  *ch;

    tree = &redis->channels;

    while (tree->root != tree->sentinel) {
        ch = ngx_rbtree_data(tree->root, ngx_http_chat_redis_channel_t, node);

        ngx_rbtree_delete(tree, &ch->node);
        ngx_free(ch);
    }
}


static void
ngx_http_chat_redis_channel_put(ngx_http_chat_redis_channel_t *ch,
    ngx_uint_t state, ngx_queue_t *queue)
{
    if (ch->node.data != NGX_HTTP_CHAT_REDIS_RECEIVED) {
        ngx_queue_remove(&ch->queue);
    }

    ch->node.data = (u_char) state;

    if (queue != NULL) {
        ngx_queue_insert_tail(queue, &ch->queue);
    }
}


static void
ngx_http_chat_redis_channel_free(ngx_http_chat_redis_t *redis,
    ngx_http_chat_redis_channel_t *ch)
{
    if (ch->node.data != NGX_HTTP_CHAT_REDIS_RECEIVED) {
        ngx_queue_remove(&ch->queue);
    }

    ngx_rbtree_delete(&redis->channels, &ch->node);
    ngx_free(ch);
}


ngx_int_t
ngx_http_chat_redis_subscribe(ngx_http_chat_redis_t *redis,
    ngx_http_chat_id_t *id)
{
    ngx_http_chat_redis_channel_t  *ch;

    ch = ngx_http_chat_tree_find(&redis->channels, id);

    if (ch == NULL) {
        ch = ngx_alloc(sizeof(ngx_http_chat_redis_channel_t), &redis->log);
        if (ch == NULL) {
            return NGX_ERROR;
        }

        ch->id = *id;
        ch->node.data = NGX_HTTP_CHAT_REDIS_RECEIVED;

        ngx_http_chat_tree_insert(&redis->channels,
                                  (ngx_http_chat_leaf_t *) ch);
        ngx_http_chat_redis_channel_put(ch, NGX_HTTP_CHAT_REDIS_TODO,
                                        &redis->todo);

        ngx_http_chat_redis_post(&redis->flush);

        return NGX_AGAIN;
    }

    switch (ch->node.data) {

    case NGX_HTTP_CHAT_REDIS_DROPPED:
        ch->node.data = NGX_HTTP_CHAT_REDIS_SENT;
        return NGX_AGAIN;

    case NGX_HTTP_CHAT_REDIS_LEAVE:
        ngx_http_chat_redis_channel_put(ch, NGX_HTTP_CHAT_REDIS_RECEIVED,
                                        NULL);
        return NGX_OK;

    case NGX_HTTP_CHAT_REDIS_RECEIVED:
        return NGX_OK;

    default:
        return NGX_AGAIN;
    }
}


void
ngx_http_chat_redis_unsubscribe(ngx_http_chat_redis_t *redis,
    ngx_http_chat_id_t *id)
{
    ngx_http_chat_redis_channel_t  *ch;

    ch = ngx_http_chat_tree_find(&redis->channels, id);

    if (ch == NULL) {
        return;
    }

    switch (ch->node.data) {

    case NGX_HTTP_CHAT_REDIS_TODO:
        ngx_http_chat_redis_channel_free(redis, ch);

        /* it may have been the last that the set-up waited for */

        ngx_http_chat_redis_post(&redis->flush);
        break;

    case NGX_HTTP_CHAT_REDIS_SENT:
        ch->node.data = NGX_HTTP_CHAT_REDIS_DROPPED;
        break;

    case NGX_HTTP_CHAT_REDIS_RECEIVED:
        ngx_http_chat_redis_channel_put(ch, NGX_HTTP_CHAT_REDIS_LEAVE,
                                        &redis->leave);
        ngx_http_chat_redis_post(&redis->flush);
        break;

    default:
        break;
    }
}


ngx_int_t
ngx_http_chat_redis_channel_setup(ngx_http_chat_redis_t *redis)
{
    size_t       lens[3];
    const char  *argv[3];

    argv[0] = "SUBSCRIBE";
    lens[0] = 9;
    argv[1] = (const char *) redis->conf->control.data;
    lens[1] = redis->conf->control.len;
    argv[2] = (const char *) redis->conf->all.data;
    lens[2] = redis->conf->all.len;

    redis->fixed = 2;
    redis->heard = ngx_current_msec;

    return ngx_http_chat_redis_command(redis, 3, argv, lens);
}


ngx_int_t
ngx_http_chat_redis_channel_pump(ngx_http_chat_redis_t *redis)
{
    size_t  size;

    /* a batch with its lengths */

    size = NGX_HTTP_CHAT_REDIS_BATCH * (NGX_HTTP_CHAT_REDIS_NAME + 16) + 64;

    while (!ngx_queue_empty(&redis->leave)
           && ngx_http_chat_redis_room(redis) > size)
    {
        if (ngx_http_chat_redis_channel_batch(redis, &redis->leave,
                                              "UNSUBSCRIBE")
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    while (!ngx_queue_empty(&redis->todo)
           && ngx_http_chat_redis_room(redis) > size)
    {
        if (ngx_queue_empty(&redis->sent)) {
            redis->heard = ngx_current_msec;
            ngx_http_chat_redis_watch(redis);
        }

        if (ngx_http_chat_redis_channel_batch(redis, &redis->todo,
                                              "SUBSCRIBE")
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    ngx_http_chat_redis_channel_check(redis);

    return NGX_OK;
}


static ngx_int_t
ngx_http_chat_redis_channel_batch(ngx_http_chat_redis_t *redis,
    ngx_queue_t *queue, const char *verb)
{
    u_char                         *p;
    size_t                          lens[NGX_HTTP_CHAT_REDIS_BATCH + 1];
    ngx_str_t                      *prefix;
    const char                     *argv[NGX_HTTP_CHAT_REDIS_BATCH + 1];
    ngx_uint_t                      n;
    ngx_http_chat_redis_channel_t  *ch;

    prefix = &redis->conf->prefix;

    if (prefix->len > NGX_HTTP_CHAT_REDIS_NAME - NGX_HTTP_CHAT_ID_LEN) {
        return NGX_ERROR;
    }

    argv[0] = verb;
    lens[0] = ngx_strlen(verb);

    for (n = 0;
         n < NGX_HTTP_CHAT_REDIS_BATCH && !ngx_queue_empty(queue);
         n++)
    {
        ch = ngx_http_chat_redis_channel_of(ngx_queue_head(queue));

        p = ngx_http_chat_redis_names[n];

        argv[n + 1] = (const char *) p;
        p = ngx_cpymem(p, prefix->data, prefix->len);
        p = ngx_http_chat_id_write(p, &ch->id);
        lens[n + 1] = p - ngx_http_chat_redis_names[n];

        if (queue == &redis->leave) {
            ngx_http_chat_redis_channel_free(redis, ch);

        } else {
            ngx_http_chat_redis_channel_put(ch, NGX_HTTP_CHAT_REDIS_SENT,
                                            &redis->sent);
        }
    }

    return ngx_http_chat_redis_command(redis, n + 1, argv, lens) == NGX_OK
           ? NGX_OK : NGX_ERROR;
}


void
ngx_http_chat_redis_channel_lost(ngx_http_chat_redis_t *redis)
{
    ngx_queue_t                    *q, *next;
    ngx_rbtree_node_t              *node;
    ngx_http_chat_redis_channel_t  *ch;

    redis->fixed = 0;

    while (!ngx_queue_empty(&redis->leave)) {
        q = ngx_queue_head(&redis->leave);
        ngx_http_chat_redis_channel_free(redis,
                                         ngx_http_chat_redis_channel_of(q));
    }

    for (q = ngx_queue_head(&redis->sent);
         q != ngx_queue_sentinel(&redis->sent);
         q = next)
    {
        next = ngx_queue_next(q);
        ch = ngx_http_chat_redis_channel_of(q);

        if (ch->node.data == NGX_HTTP_CHAT_REDIS_DROPPED) {
            ngx_http_chat_redis_channel_free(redis, ch);
        }
    }

    if (redis->channels.root == redis->channels.sentinel) {
        return;
    }

    for (node = ngx_rbtree_min(redis->channels.root,
                               redis->channels.sentinel);
         node != NULL;
         node = ngx_rbtree_next(&redis->channels, node))
    {
        ch = ngx_rbtree_data(node, ngx_http_chat_redis_channel_t, node);

        ngx_http_chat_redis_channel_put(ch, NGX_HTTP_CHAT_REDIS_TODO,
                                        &redis->todo);
    }
}


ngx_int_t
ngx_http_chat_redis_channel_reply(ngx_http_chat_redis_t *redis,
    ngx_http_chat_redis_reply_t *reply)
{
    ngx_str_t                   *what;
    ngx_http_chat_redis_item_t  *items;

    items = reply->items;
    what = &items[0].text;

    if (!reply->array) {
        return ngx_http_chat_redis_refuse(redis, "refused SUBSCRIBE", what);
    }

    if (reply->n != 3
        || items[0].type != NGX_HTTP_CHAT_REDIS_STRING
        || items[1].type != NGX_HTTP_CHAT_REDIS_STRING)
    {
        return ngx_http_chat_redis_refuse(redis, "sent an odd array", what);
    }

    if (ngx_http_chat_redis_channel_is(what, "message", 7)
        && items[2].type == NGX_HTTP_CHAT_REDIS_STRING)
    {
        redis->conf->on_message(redis, &items[1].text, &items[2].text);
        return NGX_OK;
    }

    if (items[2].type == NGX_HTTP_CHAT_REDIS_INTEGER) {

        if (ngx_http_chat_redis_channel_is(what, "subscribe", 9)) {
            return ngx_http_chat_redis_channel_confirm(redis,
                                                       &items[1].text);
        }

        if (ngx_http_chat_redis_channel_is(what, "unsubscribe", 11)) {
            return NGX_OK;
        }
    }

    return ngx_http_chat_redis_refuse(redis, "sent an odd array", what);
}


static ngx_int_t
ngx_http_chat_redis_channel_confirm(ngx_http_chat_redis_t *redis,
    ngx_str_t *name)
{
    ngx_str_t                      *prefix;
    ngx_http_chat_id_t              id;
    ngx_http_chat_redis_channel_t  *ch;

    prefix = &redis->conf->prefix;

    if (redis->fixed != 0) {

        /* these were asked for first */

        redis->fixed--;
        ngx_http_chat_redis_channel_check(redis);

        return NGX_OK;
    }

    if (name->len != prefix->len + NGX_HTTP_CHAT_ID_LEN
        || ngx_memcmp(name->data, prefix->data, prefix->len) != 0
        || ngx_http_chat_id_parse(&id, name->data + prefix->len,
                                  NGX_HTTP_CHAT_ID_LEN)
           != NGX_OK)
    {
        return ngx_http_chat_redis_refuse(redis, "subscribed to", name);
    }

    ch = ngx_http_chat_tree_find(&redis->channels, &id);

    if (ch == NULL) {
        return ngx_http_chat_redis_refuse(redis, "subscribed to", name);
    }

    switch (ch->node.data) {

    case NGX_HTTP_CHAT_REDIS_DROPPED:
        ngx_http_chat_redis_channel_put(ch, NGX_HTTP_CHAT_REDIS_LEAVE,
                                        &redis->leave);
        ngx_http_chat_redis_post(&redis->flush);
        break;

    case NGX_HTTP_CHAT_REDIS_SENT:
        ngx_http_chat_redis_channel_put(ch, NGX_HTTP_CHAT_REDIS_RECEIVED,
                                        NULL);

        redis->conf->on_subscribed(redis, &id);
        break;

    default:
        return ngx_http_chat_redis_refuse(redis, "subscribed again to",
                                          name);
    }

    ngx_http_chat_redis_channel_check(redis);

    return NGX_OK;
}


static void
ngx_http_chat_redis_channel_check(ngx_http_chat_redis_t *redis)
{
    if (redis->state == ngx_http_chat_redis_setup_state
        && redis->fixed == 0
        && ngx_queue_empty(&redis->todo)
        && ngx_queue_empty(&redis->sent))
    {
        ngx_http_chat_redis_ready(redis);
    }
}


static ngx_uint_t
ngx_http_chat_redis_channel_is(ngx_str_t *a, const char *b, size_t len)
{
    return a->len == len && ngx_memcmp(a->data, b, len) == 0;
}
