
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#include "ngx_http_chat_participant.h"


/* the tables behind presence: participants of topics, other workers */


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
    ngx_queue_t                  *q;
    ngx_http_chat_participant_t  *p;

    if (t->participants.next == NULL) {
        return NULL;
    }

    for (q = ngx_queue_head(&t->participants);
         q != ngx_queue_sentinel(&t->participants);
         q = ngx_queue_next(q))
    {
        p = ngx_queue_data(q, ngx_http_chat_participant_t, queue);

        if (p->kind == kind && ngx_http_chat_id_eq(&p->id, id)) {
            return p;
        }
    }

    return NULL;
}


ngx_http_chat_participant_t *
ngx_http_chat_participant_get(ngx_http_chat_feed_topic_t *t, ngx_uint_t kind,
    ngx_http_chat_id_t *id, ngx_str_t *who)
{
    ngx_http_chat_participant_t  *p;

    p = ngx_http_chat_participant_find(t, kind, id);

    if (p != NULL
        && (who->len == 0
            || (p->who.len == who->len
                && ngx_memcmp(p->who.data, who->data, who->len) == 0)))
    {
        return p;
    }

    if (p != NULL && p->who.len >= who->len) {

        /* a new name that fits into the place of the old one */

        ngx_memcpy(p->who.data, who->data, who->len);
        p->who.len = who->len;
        return p;
    }

    if (p != NULL) {
        return p;
    }

    if (who->len == 0 || t->nparticipants >= NGX_HTTP_CHAT_PARTICIPANTS) {
        return NULL;
    }

    p = ngx_alloc(sizeof(ngx_http_chat_participant_t) + who->len,
                  ngx_cycle->log);
    if (p == NULL) {
        return NULL;
    }

    ngx_memzero(p, sizeof(ngx_http_chat_participant_t));

    p->topic = t;
    p->kind = kind;
    p->id = *id;
    p->who.len = who->len;
    p->who.data = (u_char *) p + sizeof(ngx_http_chat_participant_t);
    ngx_memcpy(p->who.data, who->data, who->len);

    if (t->participants.next == NULL) {
        ngx_queue_init(&t->participants);
    }

    ngx_queue_insert_tail(&t->participants, &p->queue);
    t->nparticipants++;

    return p;
}


void
ngx_http_chat_participant_drop(ngx_http_chat_feed_topic_t *t)
{
    ngx_queue_t                  *q;
    ngx_http_chat_participant_t  *p;

    if (t->participants.next == NULL) {
        return;
    }

    while (!ngx_queue_empty(&t->participants)) {
        q = ngx_queue_head(&t->participants);
        p = ngx_queue_data(q, ngx_http_chat_participant_t, queue);

        ngx_http_chat_participant_due(p, 0);
        ngx_queue_remove(q);
        ngx_free(p);
    }

    t->nparticipants = 0;
}


ngx_uint_t
ngx_http_chat_participant_here(ngx_http_chat_participant_t *p)
{
    ngx_uint_t  i;

    if (p->local != 0) {
        return 1;
    }

    for (i = 0; i < NGX_HTTP_CHAT_WORKERS / 64; i++) {
        if (p->remote[i] != 0) {
            return 1;
        }
    }

    return 0;
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
