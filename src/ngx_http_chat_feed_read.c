
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#include "ngx_http_chat_counter.h"
#include "ngx_http_chat_feed_private.h"
#include "ngx_http_chat_presence.h"
#include "ngx_http_chat_shown.h"
#include "ngx_http_chat_state.h"


/* a page that is being read, for all who want it */

struct ngx_http_chat_feed_read_s {
    ngx_http_chat_feed_read_t   *next;       /* of the topic */
    ngx_http_chat_feed_topic_t  *topic;
    ngx_queue_t                  feeds;
    ngx_uint_t                   n;
    ngx_http_chat_call_t        *call;       /* NULL: waits for the bus */
    ngx_http_chat_actor_t        actor;      /* whose rights are checked */
    int64_t                      since;      /* -1: the last events */
    u_char                      *epoch;
    uint32_t                     heard;      /* the topic's, when sent */
    uint32_t                     moved;      /* likewise */
    uint32_t                     sent;       /* topic_seconds() */
    unsigned                     tail:1;
};


/* "more" of the last events points backwards */

#define ngx_http_chat_feed_read_more(read, page)                             \
    ((page)->more && (page)->n != 0 && (page)->reason.len == 0               \
     && (read)->since >= 0)


static ngx_http_chat_feed_read_t *ngx_http_chat_feed_read_find(
    ngx_http_chat_feed_t *f);
static ngx_uint_t ngx_http_chat_feed_read_fits(
    ngx_http_chat_feed_read_t *read, ngx_http_chat_feed_t *f);
static ngx_http_chat_feed_read_t *ngx_http_chat_feed_read_make(
    ngx_http_chat_feed_t *f);
static ngx_int_t ngx_http_chat_feed_read_send(
    ngx_http_chat_feed_read_t *read);
static void ngx_http_chat_feed_read_unlink(ngx_http_chat_feed_read_t *read);
static ngx_http_chat_feed_t *ngx_http_chat_feed_read_next(
    ngx_http_chat_feed_read_t *read);
static void ngx_http_chat_feed_read_done(ngx_http_chat_call_t *call);
static void ngx_http_chat_feed_read_failed(ngx_http_chat_feed_read_t *read);
static void ngx_http_chat_feed_read_again(ngx_http_chat_feed_t *f);
static void ngx_http_chat_feed_read_refused(ngx_http_chat_feed_read_t *read,
    ngx_http_chat_page_t *page);
static void ngx_http_chat_feed_read_page(ngx_http_chat_feed_read_t *read,
    ngx_http_chat_page_t *page);
static void ngx_http_chat_feed_read_topic(ngx_http_chat_feed_read_t *read,
    ngx_http_chat_page_t *page);
static void ngx_http_chat_feed_read_give(ngx_http_chat_feed_read_t *read,
    ngx_http_chat_feed_t *f, ngx_http_chat_page_t *page);


ngx_int_t
ngx_http_chat_feed_read(ngx_http_chat_feed_t *f)
{
    ngx_http_chat_feed_read_t  *read;

    if (f->read != NULL) {
        return NGX_OK;
    }

    if (f->sent >= 0 && ngx_http_chat_feed_is_old(f)) {
        f->tail = 1;
    }

    read = ngx_http_chat_feed_read_find(f);

    if (read == NULL) {
        read = ngx_http_chat_feed_read_make(f);

        if (read == NULL) {
            return NGX_ERROR;
        }
    }

    ngx_queue_insert_tail(&read->feeds, &f->readers);
    read->n++;

    f->read = read;
    f->live = 0;
    f->epoch = read->epoch;

    return NGX_OK;
}


ngx_uint_t
ngx_http_chat_feed_read_shared(ngx_http_chat_feed_t *f)
{
    return ngx_http_chat_feed_read_find(f) != NULL;
}


static ngx_http_chat_feed_read_t *
ngx_http_chat_feed_read_find(ngx_http_chat_feed_t *f)
{
    ngx_http_chat_feed_read_t  *read;

    read = ngx_http_chat_topic_of(f->subscriber.topic)->reads;

    while (read != NULL && !ngx_http_chat_feed_read_fits(read, f)) {
        read = read->next;
    }

    return read;
}


/*
 * The same page, and what the statement checks of one actor holds for the
 * other: a visitor with a credential that is not older, or any agent of the
 * site, as with live events.
 */

static ngx_uint_t
ngx_http_chat_feed_read_fits(ngx_http_chat_feed_read_t *read,
    ngx_http_chat_feed_t *f)
{
    ngx_http_chat_actor_t  *a;

    a = &read->actor;

    if (a->kind != f->actor->kind
        || a->site != f->actor->site
        || read->epoch != ngx_http_chat_store_epoch()
        || read->tail != f->tail
        || (!read->tail && read->since != f->sent))
    {
        return 0;
    }

    if (ngx_http_chat_id_eq(&a->id, &f->actor->id)) {
        return f->actor->issued >= a->issued;
    }

    return a->kind == NGX_HTTP_CHAT_AGENT
           && ngx_http_chat_presence_known(read->topic, f->actor);
}


static ngx_http_chat_feed_read_t *
ngx_http_chat_feed_read_make(ngx_http_chat_feed_t *f)
{
    ngx_http_chat_feed_topic_t  *t;
    ngx_http_chat_feed_read_t   *read;

    read = ngx_calloc(sizeof(ngx_http_chat_feed_read_t), ngx_cycle->log);
    if (read == NULL) {
        return NULL;
    }

    t = ngx_http_chat_topic_of(f->subscriber.topic);

    ngx_queue_init(&read->feeds);

    read->topic = t;
    read->actor = *f->actor;
    read->since = f->sent;
    read->tail = f->tail;
    read->epoch = ngx_http_chat_store_epoch();

    read->next = t->reads;
    t->reads = read;

    if (t->confirmed && ngx_http_chat_feed_read_send(read) != NGX_OK) {
        ngx_http_chat_feed_read_unlink(read);
        ngx_free(read);
        return NULL;
    }

    return read;
}


static ngx_int_t
ngx_http_chat_feed_read_send(ngx_http_chat_feed_read_t *read)
{
    ngx_uint_t             last;
    ngx_http_chat_args_t   args;
    ngx_http_chat_call_t  *call;

    last = read->tail || read->since < 0;

    ngx_http_chat_args_init(&args);
    ngx_http_chat_arg_actor(&args, &read->actor);
    ngx_http_chat_arg_id(&args, &read->topic->topic.id);

    if (last) {
        ngx_http_chat_arg_null(&args);

    } else {
        ngx_http_chat_arg_int8(&args, read->since);
    }

    ngx_http_chat_arg_null(&args);
    ngx_http_chat_arg_bool(&args, last);
    ngx_http_chat_arg_int4(&args, last ? 50 : NGX_HTTP_CHAT_PAGE_EVENTS);
    ngx_http_chat_arg_epoch(&args);

    call = ngx_http_chat_store_call(NGX_HTTP_CHAT_FAST,
                                    NGX_HTTP_CHAT_Q_EVENTS, &args,
                                    ngx_http_chat_feed_read_done, read);
    if (call == NULL) {
        return NGX_ERROR;
    }

    call->owner = &read->call;

    read->call = call;
    read->heard = read->topic->heard;
    read->moved = read->topic->moved;
    read->sent = ngx_http_chat_topic_seconds();

    return NGX_OK;
}


/* may end subscriptions */

void
ngx_http_chat_feed_read_confirmed(ngx_http_chat_feed_t *f)
{
    ngx_http_chat_feed_read_t  *read;

    read = f->read;

    if (read == NULL || read->call != NULL) {
        return;
    }

    if (read->epoch == ngx_http_chat_store_epoch()
        && ngx_http_chat_feed_read_send(read) == NGX_OK)
    {
        return;
    }

    ngx_http_chat_feed_read_unlink(read);
    ngx_http_chat_feed_read_failed(read);
    ngx_free(read);
}


ngx_uint_t
ngx_http_chat_feed_read_waits(ngx_http_chat_feed_t *f)
{
    return f->read != NULL && f->read->call == NULL;
}


void
ngx_http_chat_feed_read_leave(ngx_http_chat_feed_t *f)
{
    ngx_http_chat_feed_read_t  *read;

    read = f->read;

    if (read == NULL) {
        return;
    }

    ngx_queue_remove(&f->readers);
    f->read = NULL;

    /* one whose answer is being given away is freed there */

    if (--read->n != 0 || read->topic == NULL) {
        return;
    }

    if (read->call != NULL) {
        read->call->data = NULL;
        read->call->owner = NULL;
    }

    ngx_http_chat_feed_read_unlink(read);
    ngx_free(read);
}


/* nobody shares it from now on */

static void
ngx_http_chat_feed_read_unlink(ngx_http_chat_feed_read_t *read)
{
    ngx_http_chat_feed_read_t  **p;

    p = &read->topic->reads;

    while (*p != read) {
        p = &(*p)->next;
    }

    *p = read->next;

    read->topic = NULL;
}


/* callbacks may take others off the list */

static ngx_http_chat_feed_t *
ngx_http_chat_feed_read_next(ngx_http_chat_feed_read_t *read)
{
    ngx_queue_t           *q;
    ngx_http_chat_feed_t  *f;

    if (ngx_queue_empty(&read->feeds)) {
        return NULL;
    }

    q = ngx_queue_head(&read->feeds);
    f = ngx_queue_data(q, ngx_http_chat_feed_t, readers);

    ngx_queue_remove(q);
    read->n--;
    f->read = NULL;

    return f;
}


static void
ngx_http_chat_feed_read_done(ngx_http_chat_call_t *call)
{
    ngx_http_chat_page_t        page;
    ngx_http_chat_feed_t       *f;
    ngx_http_chat_feed_read_t  *read;

    read = call->data;

    if (read == NULL) {
        return;
    }

    if (call->rc != NGX_OK
        || ngx_http_chat_page_read(&page, call->res, &read->topic->topic.id,
                                   read->actor.site->id)
           != NGX_OK)
    {
        ngx_http_chat_feed_read_unlink(read);
        ngx_http_chat_feed_read_failed(read);
        ngx_free(read);
        return;
    }

    if (!ngx_http_chat_page_is(&page, "ok")) {
        ngx_http_chat_feed_read_unlink(read);
        ngx_http_chat_feed_read_refused(read, &page);

    } else if (read->epoch != ngx_http_chat_store_epoch()) {

        /* it waited for a connection, and the log has changed under it */

        ngx_http_chat_feed_read_unlink(read);

        for ( ;; ) {
            f = ngx_http_chat_feed_read_next(read);

            if (f == NULL) {
                break;
            }

            ngx_http_chat_feed_read_again(f);
        }

    } else {
        ngx_http_chat_feed_read_page(read, &page);
    }

    ngx_http_chat_page_free(&page);
    ngx_free(read);
}


static void
ngx_http_chat_feed_read_failed(ngx_http_chat_feed_read_t *read)
{
    ngx_http_chat_feed_t  *f;

    for ( ;; ) {
        f = ngx_http_chat_feed_read_next(read);

        if (f == NULL) {
            return;
        }

        ngx_http_chat_feed_count(f, NGX_HTTP_CHAT_RESUME_FAILED);
        ngx_http_chat_feed_leave(f);
        f->calls->opened(f, NULL);
    }
}


static void
ngx_http_chat_feed_read_again(ngx_http_chat_feed_t *f)
{
    if (ngx_http_chat_feed_read(f) != NGX_OK) {
        ngx_http_chat_feed_leave(f);
        f->calls->opened(f, NULL);
    }
}


/* that the credential of one has ended says nothing of the others */

static void
ngx_http_chat_feed_read_refused(ngx_http_chat_feed_read_t *read,
    ngx_http_chat_page_t *page)
{
    ngx_uint_t              own;
    ngx_http_chat_feed_t   *f;
    ngx_http_chat_actor_t  *a;

    a = &read->actor;
    own = ngx_http_chat_page_is(page, "unauthenticated");

    for ( ;; ) {
        f = ngx_http_chat_feed_read_next(read);

        if (f == NULL) {
            return;
        }

        if (own
            && (!ngx_http_chat_id_eq(&a->id, &f->actor->id)
                || !ngx_http_chat_id_eq(&a->session, &f->actor->session)
                || a->issued != f->actor->issued))
        {
            ngx_http_chat_feed_read_again(f);
            continue;
        }

        ngx_http_chat_feed_count(f, NGX_HTTP_CHAT_RESUME_FAILED);
        ngx_http_chat_feed_leave(f);
        f->calls->opened(f, page);
    }
}


static void
ngx_http_chat_feed_read_page(ngx_http_chat_feed_read_t *read,
    ngx_http_chat_page_t *page)
{
    ngx_uint_t                   result, fresh;
    ngx_http_chat_feed_t        *f;
    ngx_http_chat_feed_topic_t  *t;

    if (read->tail) {
        ngx_str_set(&page->reason, "epoch");
    }

    t = read->topic;
    fresh = (t->moved == read->moved);

    ngx_http_chat_feed_read_topic(read, page);
    ngx_http_chat_feed_read_unlink(read);

    /* streams are told, which may end */

    if (read->actor.kind == NGX_HTTP_CHAT_VISITOR
        && !ngx_http_chat_feed_read_more(read, page))
    {
        ngx_http_chat_shown_read(t, &page->state, fresh);
    }

    result = page->reason.len != 0 ? NGX_HTTP_CHAT_RESUME_RESET
                                   : NGX_HTTP_CHAT_RESUME_READ;

    for ( ;; ) {
        f = ngx_http_chat_feed_read_next(read);

        if (f == NULL) {
            return;
        }

        ngx_http_chat_feed_count(f, result);
        ngx_http_chat_feed_read_give(read, f, page);

        if (result == NGX_HTTP_CHAT_RESUME_READ) {
            result = NGX_HTTP_CHAT_RESUME_SHARED;
        }
    }
}


/* what the page says of the topic */

static void
ngx_http_chat_feed_read_topic(ngx_http_chat_feed_read_t *read,
    ngx_http_chat_page_t *page)
{
    ngx_uint_t                   fresh;
    ngx_http_chat_feed_topic_t  *t;

    t = read->topic;

    /* whoever came first may have been somebody of another site */

    t->site = read->actor.site->id;

    if (ngx_http_chat_feed_read_more(read, page)) {
        return;
    }

    fresh = (t->moved == read->moved);

    ngx_http_chat_topic_read(t, page->head, page->pub_head, read->heard,
                             read->n);

    if (fresh) {
        ngx_http_chat_state_put(t, read->actor.kind, &page->state);
    }

    ngx_http_chat_topic_trust(t, read->sent);

    if (read->actor.kind == NGX_HTTP_CHAT_VISITOR) {
        t->owner = read->actor.id;
        t->issued = read->actor.issued;
    }
}


static void
ngx_http_chat_feed_read_give(ngx_http_chat_feed_read_t *read,
    ngx_http_chat_feed_t *f, ngx_http_chat_page_t *page)
{
    ngx_str_t                    state, base, who;
    ngx_http_chat_feed_topic_t  *t;

    t = ngx_http_chat_topic_of(f->subscriber.topic);

    f->tail = 0;

    ngx_http_chat_counter_add(NGX_HTTP_CHAT_S_RECOVERED, page->n);

    if (ngx_http_chat_id_eq(&f->actor->id, &read->actor.id)) {
        who = page->body;

    } else {
        ngx_str_null(&who);
    }

    ngx_http_chat_feed_join(f, t, &who);

    if (ngx_http_chat_feed_read_more(read, page)) {
        f->sent = page->events[page->n - 1]->seq;

    } else {
        f->sent = page->head;
        f->live = (f->sent >= t->head && f->sent >= t->hint
                   && !ngx_http_chat_topic_doubts(t, read->heard));
    }

    /* something came while nothing was being read */

    if (page->n == 0 && page->reason.len == 0 && !f->live
        && ngx_http_chat_feed_read(f) == NGX_OK)
    {
        return;
    }

    base = page->state;
    ngx_str_null(&state);

    if (ngx_http_chat_presence_state(t, f->actor, &base, &state) == NGX_OK) {
        page->state = state;
    }

    f->calls->opened(f, page);

    page->state = base;

    if (state.data != NULL) {
        ngx_free(state.data);
    }
}
