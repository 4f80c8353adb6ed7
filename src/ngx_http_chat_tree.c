
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#include "ngx_http_chat_tree.h"


static ngx_rbtree_key_t ngx_http_chat_tree_key(ngx_http_chat_id_t *id);
static void ngx_http_chat_tree_insert_value(ngx_rbtree_node_t *temp,
    ngx_rbtree_node_t *node, ngx_rbtree_node_t *sentinel);


void
ngx_http_chat_tree_init(ngx_rbtree_t *tree, ngx_rbtree_node_t *sentinel)
{
    ngx_rbtree_init(tree, sentinel, ngx_http_chat_tree_insert_value);
}


/* the random half of a UUIDv7 */

static ngx_rbtree_key_t
ngx_http_chat_tree_key(ngx_http_chat_id_t *id)
{
    ngx_rbtree_key_t  key;

    ngx_memcpy(&key, id->data + 16 - sizeof(key), sizeof(key));

    return key;
}


void
ngx_http_chat_tree_insert(ngx_rbtree_t *tree, ngx_http_chat_leaf_t *leaf)
{
    leaf->node.key = ngx_http_chat_tree_key(&leaf->id);

    ngx_rbtree_insert(tree, &leaf->node);
}


static void
ngx_http_chat_tree_insert_value(ngx_rbtree_node_t *temp,
    ngx_rbtree_node_t *node, ngx_rbtree_node_t *sentinel)
{
    ngx_int_t               less;
    ngx_rbtree_node_t     **p;
    ngx_http_chat_leaf_t   *a, *b;

    for ( ;; ) {

        if (node->key != temp->key) {
            less = node->key < temp->key;

        } else {
            a = ngx_rbtree_data(node, ngx_http_chat_leaf_t, node);
            b = ngx_rbtree_data(temp, ngx_http_chat_leaf_t, node);

            less = ngx_memcmp(a->id.data, b->id.data, 16) < 0;
        }

        p = less ? &temp->left : &temp->right;

        if (*p == sentinel) {
            break;
        }

        temp = *p;
    }

    *p = node;
    node->parent = temp;
    node->left = sentinel;
    node->right = sentinel;
    ngx_rbt_red(node);
}


void *
ngx_http_chat_tree_find(ngx_rbtree_t *tree, ngx_http_chat_id_t *id)
{
    ngx_int_t              rc;
    ngx_rbtree_key_t       key;
    ngx_rbtree_node_t     *node;
    ngx_http_chat_leaf_t  *leaf;

    key = ngx_http_chat_tree_key(id);
    node = tree->root;

    while (node != tree->sentinel) {

        if (key != node->key) {
            node = key < node->key ? node->left : node->right;
            continue;
        }

        leaf = ngx_rbtree_data(node, ngx_http_chat_leaf_t, node);

        rc = ngx_memcmp(id->data, leaf->id.data, 16);

        if (rc == 0) {
            return leaf;
        }

        node = rc < 0 ? node->left : node->right;
    }

    return NULL;
}
