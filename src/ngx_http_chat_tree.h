
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#ifndef _NGX_HTTP_CHAT_TREE_H_INCLUDED_
#define _NGX_HTTP_CHAT_TREE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_http_chat_id.h"


/* objects by their UUID: the first members of each are these */

typedef struct {
    ngx_rbtree_node_t         node;
    ngx_http_chat_id_t        id;
} ngx_http_chat_leaf_t;


void ngx_http_chat_tree_init(ngx_rbtree_t *tree, ngx_rbtree_node_t *sentinel);

/* its id is set, and not in the tree yet */
void ngx_http_chat_tree_insert(ngx_rbtree_t *tree,
    ngx_http_chat_leaf_t *leaf);

/* NULL: there is none */
void *ngx_http_chat_tree_find(ngx_rbtree_t *tree, ngx_http_chat_id_t *id);


#endif /* _NGX_HTTP_CHAT_TREE_H_INCLUDED_ */
