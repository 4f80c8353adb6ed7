
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#include "ngx_http_chat_participant.h"


/* the tables behind presence: participants of topics, other workers */


/* longest "name", which "who" has room for, whoever it came from */
#define NGX_HTTP_CHAT_WHO_NAME                                               \
    (NGX_HTTP_CHAT_WHO - NGX_HTTP_CHAT_ID_LEN                                \
     - (sizeof("{\"kind\":\"visitor\",\"id\":\"\",\"name\":}") - 1))


typedef struct {
    u_char                    origin[NGX_HTTP_CHAT_BUS_ORIGIN];
    ngx_msec_t                heard;
    ngx_uint_t                used;
} ngx_http_chat_worker_t;


typedef struct {
    ngx_http_chat_id_t        id;
    ngx_str_t                 who;           /* malloc */
} ngx_http_chat_name_t;


static ngx_http_chat_name_t *ngx_http_chat_participant_slot(
    ngx_http_chat_id_t *id);
static ngx_int_t ngx_http_chat_participant_parse(ngx_str_t *who,
    ngx_str_t *name);
static ngx_http_chat_participant_t *ngx_http_chat_participant_rename(
    ngx_http_chat_participant_t *p, ngx_str_t *name);
static ngx_int_t ngx_http_chat_participant_evict(
    ngx_http_chat_feed_topic_t *t);


static ngx_queue_t             ngx_http_chat_participants_due;
static ngx_http_chat_name_t    ngx_http_chat_names[NGX_HTTP_CHAT_NAMES];
static ngx_http_chat_worker_t  ngx_http_chat_workers[NGX_HTTP_CHAT_WORKERS];


void
ngx_http_chat_participant_init(void)
{
    ngx_queue_init(&ngx_http_chat_participants_due);
    ngx_memzero(ngx_http_chat_workers, sizeof(ngx_http_chat_workers));
}


void
ngx_http_chat_participant_exit(void)
{
    ngx_uint_t  i;

    for (i = 0; i < NGX_HTTP_CHAT_NAMES; i++) {

        if (ngx_http_chat_names[i].who.data != NULL) {
            ngx_free(ngx_http_chat_names[i].who.data);
        }
    }

    ngx_memzero(ngx_http_chat_names, sizeof(ngx_http_chat_names));
}


/* the end of an id is random */

static ngx_http_chat_name_t *
ngx_http_chat_participant_slot(ngx_http_chat_id_t *id)
{
    return &ngx_http_chat_names[(id->data[14] << 8 | id->data[15])
                                % NGX_HTTP_CHAT_NAMES];
}


void
ngx_http_chat_participant_called(ngx_http_chat_id_t *id, ngx_str_t *who)
{
    u_char                *p;
    ngx_http_chat_name_t  *n;

    n = ngx_http_chat_participant_slot(id);

    if (ngx_http_chat_id_eq(&n->id, id) && n->who.len == who->len
        && ngx_memcmp(n->who.data, who->data, who->len) == 0)
    {
        return;
    }

    p = ngx_alloc(who->len, ngx_cycle->log);
    if (p == NULL) {
        return;
    }

    if (n->who.data != NULL) {
        ngx_free(n->who.data);
    }

    ngx_memcpy(p, who->data, who->len);

    n->id = *id;
    n->who.data = p;
    n->who.len = who->len;
}


ngx_int_t
ngx_http_chat_participant_name(ngx_http_chat_id_t *id, ngx_str_t *who)
{
    ngx_http_chat_name_t  *n;

    n = ngx_http_chat_participant_slot(id);

    if (n->who.len == 0 || !ngx_http_chat_id_eq(&n->id, id)) {
        return NGX_DECLINED;
    }

    *who = n->who;

    return NGX_OK;
}


ngx_http_chat_participant_t *
ngx_http_chat_participant_find(ngx_http_chat_feed_topic_t *t, ngx_uint_t kind,
    ngx_http_chat_id_t *id)
{
    ngx_http_chat_participant_t  *p;

    for (p = t->participants; p != NULL; p = p->next) {
        if (p->kind == kind && ngx_http_chat_id_eq(&p->id, id)) {
            break;
        }
    }

    return p;
}


ngx_http_chat_participant_t *
ngx_http_chat_participant_get(ngx_http_chat_feed_topic_t *t, ngx_uint_t kind,
    ngx_http_chat_id_t *id, ngx_str_t *who)
{
    ngx_str_t                     name;
    ngx_http_chat_participant_t  *p;

    p = ngx_http_chat_participant_find(t, kind, id);

    if (who->len == 0
        || ngx_http_chat_participant_parse(who, &name) != NGX_OK)
    {
        return p;
    }

    if (p != NULL && p->len == name.len
        && ngx_memcmp(p->name, name.data, name.len) == 0)
    {
        return p;
    }

    if (p != NULL) {
        return ngx_http_chat_participant_rename(p, &name);
    }

    if (t->nparticipants >= NGX_HTTP_CHAT_PARTICIPANTS
        && ngx_http_chat_participant_evict(t) != NGX_OK)
    {
        return NULL;
    }

    p = ngx_alloc(sizeof(ngx_http_chat_participant_t) + name.len,
                  ngx_cycle->log);
    if (p == NULL) {
        return NULL;
    }

    ngx_memzero(p, sizeof(ngx_http_chat_participant_t));

    p->topic = t;
    p->kind = (u_char) kind;
    p->id = *id;
    p->len = (uint16_t) name.len;
    ngx_memcpy(p->name, name.data, name.len);

    p->next = t->participants;
    t->participants = p;
    t->nparticipants++;

    return p;
}


/* the member "name" of who is its last */

static ngx_int_t
ngx_http_chat_participant_parse(ngx_str_t *who, ngx_str_t *name)
{
    u_char  *p, *last;

    last = who->data + who->len;

    p = ngx_strlcasestrn(who->data, last, (u_char *) "\"name\"",
                         sizeof("\"name\"") - 2);

    if (p == NULL || who->len > NGX_HTTP_CHAT_WHO || last[-1] != '}') {
        return NGX_DECLINED;
    }

    p += sizeof("\"name\"") - 1;
    last--;

    while (p < last && (*p == ' ' || *p == ':')) {
        p++;
    }

    name->data = p;
    name->len = last - p;

    return name->len != 0 && name->len <= NGX_HTTP_CHAT_WHO_NAME
           ? NGX_OK : NGX_DECLINED;
}


u_char *
ngx_http_chat_participant_who(ngx_http_chat_participant_t *p, u_char *d)
{
    d = ngx_cpymem(d, "{\"kind\":\"", sizeof("{\"kind\":\"") - 1);

    if (p->kind == NGX_HTTP_CHAT_AGENT) {
        d = ngx_cpymem(d, "agent", sizeof("agent") - 1);

    } else {
        d = ngx_cpymem(d, "visitor", sizeof("visitor") - 1);
    }

    d = ngx_cpymem(d, "\",\"id\":\"", sizeof("\",\"id\":\"") - 1);
    d = ngx_http_chat_id_write(d, &p->id);
    d = ngx_cpymem(d, "\",\"name\":", sizeof("\",\"name\":") - 1);
    d = ngx_cpymem(d, p->name, p->len);
    *d++ = '}';

    return d;
}


/* NULL: no memory, and it keeps its old name */

static ngx_http_chat_participant_t *
ngx_http_chat_participant_rename(ngx_http_chat_participant_t *p,
    ngx_str_t *name)
{
    ngx_http_chat_participant_t  *n, **pp;

    n = p;

    if (name->len > p->len) {
        n = ngx_alloc(sizeof(ngx_http_chat_participant_t) + name->len,
                      ngx_cycle->log);
        if (n == NULL) {
            return p;
        }

        ngx_memcpy(n, p, sizeof(ngx_http_chat_participant_t));

        for (pp = &p->topic->participants; *pp != p; pp = &(*pp)->next) {
            /* void */
        }

        *pp = n;

        if (p->is_due) {
            ngx_queue_insert_after(&p->due, &n->due);
            ngx_queue_remove(&p->due);
        }

        ngx_free(p);
    }

    n->len = (uint16_t) name->len;
    ngx_memcpy(n->name, name->data, name->len);

    return n;
}


/* somebody who is not there any more makes room */

static ngx_int_t
ngx_http_chat_participant_evict(ngx_http_chat_feed_topic_t *t)
{
    ngx_http_chat_participant_t  *p, **pp;

    for (pp = &t->participants; *pp != NULL; pp = &(*pp)->next) {
        p = *pp;

        if (!p->online && !p->is_due && !ngx_http_chat_participant_here(p)) {
            *pp = p->next;
            t->nparticipants--;
            ngx_free(p);

            return NGX_OK;
        }
    }

    return NGX_DECLINED;
}


void
ngx_http_chat_participant_drop(ngx_http_chat_feed_topic_t *t)
{
    ngx_http_chat_participant_t  *p;

    while (t->participants != NULL) {
        p = t->participants;
        t->participants = p->next;

        ngx_http_chat_participant_due(p, 0);

        if (p->nremote > NGX_HTTP_CHAT_REMOTE) {
            ngx_free(p->remote.more);
        }

        ngx_free(p);
    }

    t->nparticipants = 0;
}


ngx_int_t
ngx_http_chat_participant_remote(ngx_http_chat_participant_t *p,
    ngx_uint_t worker, ngx_uint_t on)
{
    u_char      *list, *more;
    ngx_uint_t   i;

    list = p->nremote > NGX_HTTP_CHAT_REMOTE ? p->remote.more
                                             : p->remote.list;

    for (i = 0; i < p->nremote; i++) {
        if (list[i] == worker) {
            break;
        }
    }

    if (on == (i < p->nremote)) {
        return NGX_DECLINED;
    }

    if (on) {

        if (p->nremote == NGX_HTTP_CHAT_REMOTE) {
            more = ngx_alloc(NGX_HTTP_CHAT_WORKERS, ngx_cycle->log);
            if (more == NULL) {
                return NGX_DECLINED;
            }

            ngx_memcpy(more, list, NGX_HTTP_CHAT_REMOTE);
            p->remote.more = more;
            list = more;
        }

        list[p->nremote++] = (u_char) worker;

        return NGX_OK;
    }

    list[i] = list[--p->nremote];

    if (p->nremote == NGX_HTTP_CHAT_REMOTE) {
        more = list;
        ngx_memcpy(p->remote.list, more, NGX_HTTP_CHAT_REMOTE);
        ngx_free(more);
    }

    return NGX_OK;
}


void
ngx_http_chat_participant_due(ngx_http_chat_participant_t *p, ngx_uint_t on)
{
    if (on && !p->is_due) {
        p->is_due = 1;
        ngx_queue_insert_tail(&ngx_http_chat_participants_due, &p->due);

    } else if (!on && p->is_due) {
        p->is_due = 0;
        ngx_queue_remove(&p->due);
    }
}


void
ngx_http_chat_participant_each_due(
    void (*each)(ngx_http_chat_participant_t *p))
{
    ngx_queue_t                   local, *q;
    ngx_http_chat_participant_t  *p;

    if (ngx_queue_empty(&ngx_http_chat_participants_due)) {
        return;
    }

    ngx_queue_init(&local);
    ngx_queue_add(&local, &ngx_http_chat_participants_due);
    ngx_queue_init(&ngx_http_chat_participants_due);

    while (!ngx_queue_empty(&local)) {
        q = ngx_queue_head(&local);
        p = ngx_queue_data(q, ngx_http_chat_participant_t, due);

        ngx_queue_remove(q);
        ngx_queue_insert_tail(&ngx_http_chat_participants_due, q);

        each(p);
    }
}


ngx_int_t
ngx_http_chat_worker_index(u_char *origin)
{
    ngx_int_t                free;
    ngx_uint_t               i;
    ngx_http_chat_worker_t  *w;

    free = -1;

    for (i = 0; i < NGX_HTTP_CHAT_WORKERS; i++) {
        w = &ngx_http_chat_workers[i];

        if (!w->used) {
            if (free < 0) {
                free = i;
            }

            continue;
        }

        if (ngx_memcmp(w->origin, origin, NGX_HTTP_CHAT_BUS_ORIGIN) == 0) {
            w->heard = ngx_current_msec;
            return i;
        }
    }

    if (free >= 0) {
        w = &ngx_http_chat_workers[free];

        w->used = 1;
        w->heard = ngx_current_msec;
        ngx_memcpy(w->origin, origin, NGX_HTTP_CHAT_BUS_ORIGIN);
    }

    return free;
}


void
ngx_http_chat_worker_expire(ngx_msec_t age, void (*lost)(ngx_uint_t index))
{
    ngx_uint_t               i;
    ngx_http_chat_worker_t  *w;

    for (i = 0; i < NGX_HTTP_CHAT_WORKERS; i++) {
        w = &ngx_http_chat_workers[i];

        if (w->used && ngx_current_msec - w->heard >= age) {
            w->used = 0;
            lost(i);
        }
    }
}


void
ngx_http_chat_worker_remove(u_char *origin, void (*lost)(ngx_uint_t index))
{
    ngx_uint_t               i;
    ngx_http_chat_worker_t  *w;

    for (i = 0; i < NGX_HTTP_CHAT_WORKERS; i++) {
        w = &ngx_http_chat_workers[i];

        if (w->used
            && ngx_memcmp(w->origin, origin, NGX_HTTP_CHAT_BUS_ORIGIN) == 0)
        {
            w->used = 0;
            lost(i);
            return;
        }
    }
}
