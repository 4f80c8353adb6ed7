
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#include "ngx_http_chat_hub.h"
#include "ngx_http_chat_tree.h"


static void ngx_http_chat_hub_close_one(ngx_http_chat_topic_t *topic,
    void *data);


static ngx_rbtree_t       ngx_http_chat_hub_tree;
static ngx_rbtree_node_t  ngx_http_chat_hub_sentinel;
static ngx_uint_t         ngx_http_chat_hub_subscribers;


void
ngx_http_chat_hub_init(void)
{
    ngx_http_chat_tree_init(&ngx_http_chat_hub_tree,
                            &ngx_http_chat_hub_sentinel);

    ngx_http_chat_hub_subscribers = 0;
}


void
ngx_http_chat_hub_exit(void)
{
    ngx_rbtree_t  *tree;

    tree = &ngx_http_chat_hub_tree;

    while (tree->root != tree->sentinel) {
        ngx_http_chat_hub_drop(ngx_rbtree_data(tree->root,
                                               ngx_http_chat_topic_t, node));
    }
}


ngx_http_chat_topic_t *
ngx_http_chat_hub_find(ngx_http_chat_id_t *id)
{
    return ngx_http_chat_tree_find(&ngx_http_chat_hub_tree, id);
}


ngx_http_chat_topic_t *
ngx_http_chat_hub_get(ngx_http_chat_id_t *id, size_t size)
{
    ngx_http_chat_topic_t  *topic;

    topic = ngx_http_chat_hub_find(id);
    if (topic != NULL) {
        return topic;
    }

    topic = ngx_calloc(size, ngx_cycle->log);
    if (topic == NULL) {
        return NULL;
    }

    topic->id = *id;
    ngx_queue_init(&topic->subscribers);

    ngx_http_chat_tree_insert(&ngx_http_chat_hub_tree,
                              (ngx_http_chat_leaf_t *) topic);

    return topic;
}


void
ngx_http_chat_hub_drop(ngx_http_chat_topic_t *topic)
{
    ngx_rbtree_delete(&ngx_http_chat_hub_tree, &topic->node);
    ngx_free(topic);
}


void
ngx_http_chat_hub_join(ngx_http_chat_topic_t *topic,
    ngx_http_chat_subscriber_t *s)
{
    s->topic = topic;

    ngx_queue_insert_tail(&topic->subscribers, &s->queue);

    topic->n++;
    ngx_http_chat_hub_subscribers++;
}


void
ngx_http_chat_hub_leave(ngx_http_chat_subscriber_t *s)
{
    if (s->topic == NULL) {
        return;
    }

    ngx_queue_remove(&s->queue);

    s->topic->n--;
    s->topic = NULL;

    ngx_http_chat_hub_subscribers--;
}


void
ngx_http_chat_hub_deliver(ngx_http_chat_topic_t *topic, void *event)
{
    ngx_queue_t                  local, *q;
    ngx_http_chat_subscriber_t  *s;

    if (ngx_queue_empty(&topic->subscribers)) {
        return;
    }

    /*
     * a subscriber may leave, or free others, while it is called, so each is
     * moved back before its turn and never looked at again
     */

    ngx_queue_init(&local);
    ngx_queue_add(&local, &topic->subscribers);
    ngx_queue_init(&topic->subscribers);

    while (!ngx_queue_empty(&local)) {

        q = ngx_queue_head(&local);
        ngx_queue_remove(q);
        ngx_queue_insert_tail(&topic->subscribers, q);

        s = ngx_queue_data(q, ngx_http_chat_subscriber_t, queue);
        s->calls->deliver(s, event);
    }
}


void
ngx_http_chat_hub_close(ngx_http_chat_topic_t *topic, ngx_uint_t code)
{
    if (topic == NULL) {
        ngx_http_chat_hub_topics(ngx_http_chat_hub_close_one, &code);
        return;
    }

    ngx_http_chat_hub_close_one(topic, &code);
}


static void
ngx_http_chat_hub_close_one(ngx_http_chat_topic_t *topic, void *data)
{
    ngx_uint_t                  *code = data;

    ngx_queue_t                  local, *q;
    ngx_http_chat_subscriber_t  *s;

    if (ngx_queue_empty(&topic->subscribers)) {
        return;
    }

    ngx_queue_init(&local);
    ngx_queue_add(&local, &topic->subscribers);
    ngx_queue_init(&topic->subscribers);

    while (!ngx_queue_empty(&local)) {

        q = ngx_queue_head(&local);
        ngx_queue_remove(q);
        ngx_queue_insert_tail(&topic->subscribers, q);

        s = ngx_queue_data(q, ngx_http_chat_subscriber_t, queue);
        s->calls->close(s, *code);
    }
}


void
ngx_http_chat_hub_topics(
    void (*each)(ngx_http_chat_topic_t *topic, void *data), void *data)
{
    ngx_rbtree_node_t  *node;

    node = ngx_http_chat_hub_tree.root;

    if (node == ngx_http_chat_hub_tree.sentinel) {
        return;
    }

    for (node = ngx_rbtree_min(node, ngx_http_chat_hub_tree.sentinel);
         node != NULL;
         node = ngx_rbtree_next(&ngx_http_chat_hub_tree, node))
    {
        each(ngx_rbtree_data(node, ngx_http_chat_topic_t, node), data);
    }
}


ngx_uint_t
ngx_http_chat_hub_count(void)
{
    return ngx_http_chat_hub_subscribers;
}
