
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>
#include "ngx_http_chat_limit.h"


/*
 * As much of nginx's core as the parts under test use: an installed nginx
 * brings headers only.  Trees are not balanced, formats are few.
 */


volatile ngx_time_t   *ngx_cached_time;
ngx_pid_t              ngx_pid;
volatile ngx_msec_t    ngx_current_msec;
volatile ngx_cycle_t  *ngx_cycle;

ngx_rbtree_t              ngx_event_timer_rbtree;
static ngx_rbtree_node_t  timer_sentinel;

uint32_t               ngx_crc32_table256[256];


static void core_replace(ngx_rbtree_t *tree, ngx_rbtree_node_t *node,
    ngx_rbtree_node_t *by);
static u_char *core_vsprintf(u_char *p, u_char *last, const char *fmt,
    va_list args);


void *
ngx_alloc(size_t size, ngx_log_t *log)
{
    return malloc(size);
}


void *
ngx_calloc(size_t size, ngx_log_t *log)
{
    return calloc(1, size);
}


/* never freed: who needs it to be has another one */

__attribute__((weak)) void *
ngx_pnalloc(ngx_pool_t *pool, size_t size)
{
    return malloc(size);
}


void
ngx_log_error_core(ngx_uint_t level, ngx_log_t *log, ngx_err_t err,
    const char *fmt, ...)
{
}


void
ngx_rbtree_insert(ngx_rbtree_t *tree, ngx_rbtree_node_t *node)
{
    if (tree->root != tree->sentinel) {
        tree->insert(tree->root, node, tree->sentinel);
        return;
    }

    node->parent = NULL;
    node->left = tree->sentinel;
    node->right = tree->sentinel;
    tree->root = node;
}


void
ngx_rbtree_insert_timer_value(ngx_rbtree_node_t *temp,
    ngx_rbtree_node_t *node, ngx_rbtree_node_t *sentinel)
{
    ngx_rbtree_node_t  **p;

    for ( ;; ) {
        p = (ngx_rbtree_key_int_t) (node->key - temp->key) < 0
            ? &temp->left : &temp->right;

        if (*p == sentinel) {
            break;
        }

        temp = *p;
    }

    *p = node;
    node->parent = temp;
    node->left = sentinel;
    node->right = sentinel;
}


static void
core_replace(ngx_rbtree_t *tree, ngx_rbtree_node_t *node,
    ngx_rbtree_node_t *by)
{
    if (node->parent == NULL) {
        tree->root = by;

    } else if (node->parent->left == node) {
        node->parent->left = by;

    } else {
        node->parent->right = by;
    }

    if (by != tree->sentinel) {
        by->parent = node->parent;
    }
}


void
ngx_rbtree_delete(ngx_rbtree_t *tree, ngx_rbtree_node_t *node)
{
    ngx_rbtree_node_t  *next;

    if (node->left == tree->sentinel) {
        core_replace(tree, node, node->right);
        return;
    }

    if (node->right == tree->sentinel) {
        core_replace(tree, node, node->left);
        return;
    }

    next = ngx_rbtree_min(node->right, tree->sentinel);

    if (next->parent != node) {
        core_replace(tree, next, next->right);
        next->right = node->right;
        next->right->parent = next;
    }

    core_replace(tree, node, next);
    next->left = node->left;
    next->left->parent = next;
}


ngx_rbtree_node_t *
ngx_rbtree_next(ngx_rbtree_t *tree, ngx_rbtree_node_t *node)
{
    if (node->right != tree->sentinel) {
        return ngx_rbtree_min(node->right, tree->sentinel);
    }

    while (node->parent != NULL && node->parent->right == node) {
        node = node->parent;
    }

    return node->parent;
}


ngx_int_t
ngx_event_timer_init(ngx_log_t *log)
{
    uint32_t    c;
    ngx_uint_t  i, n;

    ngx_rbtree_init(&ngx_event_timer_rbtree, &timer_sentinel,
                    ngx_rbtree_insert_timer_value);

    for (i = 0; i < 256; i++) {

        for (c = i, n = 0; n < 8; n++) {
            c = c & 1 ? 0xedb88320 ^ (c >> 1) : c >> 1;
        }

        ngx_crc32_table256[i] = c;
    }

    return NGX_OK;
}


ngx_msec_t
ngx_event_find_timer(void)
{
    ngx_msec_int_t      left;
    ngx_rbtree_node_t  *node;

    if (ngx_event_timer_rbtree.root == &timer_sentinel) {
        return NGX_TIMER_INFINITE;
    }

    node = ngx_rbtree_min(ngx_event_timer_rbtree.root, &timer_sentinel);
    left = (ngx_msec_int_t) (node->key - ngx_current_msec);

    return left > 0 ? (ngx_msec_t) left : 0;
}


void
ngx_event_expire_timers(void)
{
    ngx_event_t        *ev;
    ngx_rbtree_node_t  *node;

    while (ngx_event_find_timer() == 0) {
        node = ngx_rbtree_min(ngx_event_timer_rbtree.root, &timer_sentinel);

        ngx_rbtree_delete(&ngx_event_timer_rbtree, node);

        ev = ngx_rbtree_data(node, ngx_event_t, timer);
        ev->timer_set = 0;
        ev->timedout = 1;
        ev->handler(ev);
    }
}


static u_char *
core_vsprintf(u_char *p, u_char *last, const char *fmt, va_list args)
{
    int         n;
    char        text[32];
    size_t      len;
    ngx_str_t  *v;

    while (*fmt != '\0' && p < last) {

        if (*fmt != '%') {
            *p++ = (u_char) *fmt++;
            continue;
        }

        fmt++;

        switch (*fmt) {

        case 'V':
            v = va_arg(args, ngx_str_t *);
            len = ngx_min((size_t) (last - p), v->len);
            p = ngx_cpymem(p, v->data, len);
            fmt++;
            continue;

        case 's':
            for (v = va_arg(args, void *), len = ngx_strlen((char *) v);
                 len > 0 && p < last;
                 len--, v = (void *) ((char *) v + 1))
            {
                *p++ = *(u_char *) v;
            }

            fmt++;
            continue;

        case 'L':
            n = snprintf(text, sizeof(text), "%lld",
                         (long long) va_arg(args, int64_t));
            fmt++;
            break;

        case 'D':
            n = snprintf(text, sizeof(text), "%ld",
                         (long) va_arg(args, int32_t));
            fmt++;
            break;

        case 'M':
            n = snprintf(text, sizeof(text), "%lu",
                         (unsigned long) va_arg(args, ngx_msec_t));
            fmt++;
            break;

        default:

            /* the longest integers only: %ui, %uL, %uz */

            n = snprintf(text, sizeof(text), "%llu",
                         (unsigned long long) va_arg(args, uint64_t));
            fmt += 2;
        }

        len = ngx_min(last - p, n);
        p = ngx_cpymem(p, text, len);
    }

    return p;
}


u_char *
ngx_sprintf(u_char *buf, const char *fmt, ...)
{
    u_char   *p;
    va_list   args;

    va_start(args, fmt);
    p = core_vsprintf(buf, (u_char *) NGX_MAX_SIZE_T_VALUE, fmt, args);
    va_end(args);

    return p;
}


off_t
ngx_atoof(u_char *line, size_t n)
{
    off_t  value;

    if (n == 0) {
        return NGX_ERROR;
    }

    for (value = 0; n--; line++) {
        if (*line < '0' || *line > '9'
            || value > (NGX_MAX_OFF_T_VALUE - 9) / 10)
        {
            return NGX_ERROR;
        }

        value = value * 10 + (*line - '0');
    }

    return value;
}


u_char *
ngx_strnstr(u_char *s1, char *s2, size_t n)
{
    size_t  len;

    for (len = ngx_strlen(s2); n >= len && *s1 != '\0'; s1++, n--) {
        if (ngx_memcmp(s1, s2, len) == 0) {
            return s1;
        }
    }

    return NULL;
}


u_char *
ngx_strlcasestrn(u_char *s1, u_char *last, u_char *s2, size_t n)
{
    for ( /* void */ ; s1 + n < last; s1++) {
        if (strncasecmp((char *) s1, (char *) s2, n + 1) == 0) {
            return s1;
        }
    }

    return NULL;
}


/* everybody is admitted */

ngx_msec_t
ngx_http_chat_limit_admit(ngx_http_chat_limit_conf_t *conf)
{
    return 0;
}
