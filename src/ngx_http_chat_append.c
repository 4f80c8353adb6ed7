
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#include "ngx_http_chat_append.h"
#include "ngx_http_chat_batch.h"
#include "ngx_http_chat_counter.h"


/*
 * The queue of appends of a worker.  One batch is in flight at a time, so a
 * row that came back busy is ahead of later rows of its conversation when the
 * next batch is made.  A row that was busy three times goes alone on another
 * connection, where it waits for the lock, and its conversation is held back
 * meanwhile.
 */


#define NGX_HTTP_CHAT_APPEND_BATCH   128
#define NGX_HTTP_CHAT_APPEND_MAX     4096
#define NGX_HTTP_CHAT_APPEND_BYTES   (16 * 1024 * 1024)
#define NGX_HTTP_CHAT_APPEND_TRIES   3
#define NGX_HTTP_CHAT_APPEND_ALONE   16

#define NGX_HTTP_CHAT_A_IDX          0
#define NGX_HTTP_CHAT_A_OUTCOME      1
#define NGX_HTTP_CHAT_A_CONVERSATION 2
#define NGX_HTTP_CHAT_A_EVENT        5


/* a statement of its own */
#define ngx_http_chat_append_single(a)                                       \
    ((a)->files.n != 0 || (a)->mentions.n != 0)


typedef struct {
    ngx_uint_t                n;
    unsigned                  alone:1;
    ngx_http_chat_append_t   *rows[NGX_HTTP_CHAT_APPEND_BATCH];
} ngx_http_chat_append_batch_t;


typedef struct {
    ngx_queue_t                     waiting;
    ngx_queue_t                     alone;   /* in flight on that lane */
    ngx_uint_t                      n;
    ngx_uint_t                      nalone;
    size_t                          bytes;
    ngx_event_t                     flush;
    ngx_http_chat_append_batch_t    batch;
    ngx_http_chat_append_event_pt   on_event;
    unsigned                        inflight:1;
} ngx_http_chat_append_state_t;


static size_t ngx_http_chat_append_ids_size(ngx_http_chat_ids_t *ids);
static u_char *ngx_http_chat_append_ids(u_char *p, ngx_http_chat_ids_t *to,
    ngx_http_chat_ids_t *ids);
static void ngx_http_chat_append_flush(ngx_event_t *ev);
static ngx_uint_t ngx_http_chat_append_held(ngx_http_chat_append_t *a);
static ngx_int_t ngx_http_chat_append_alone(ngx_http_chat_append_t *a);
static ngx_int_t ngx_http_chat_append_go(ngx_http_chat_append_batch_t *b,
    ngx_http_chat_lane_e lane, ngx_http_chat_call_pt done, void *data);
static void ngx_http_chat_append_batch_done(ngx_http_chat_call_t *call);
static void ngx_http_chat_append_alone_done(ngx_http_chat_call_t *call);
static void ngx_http_chat_append_results(ngx_http_chat_append_batch_t *b,
    PGresult *res);
static void ngx_http_chat_append_row(ngx_http_chat_append_t *a,
    PGresult *res, ngx_uint_t row);
static ngx_uint_t ngx_http_chat_append_created(ngx_str_t *outcome);
static void ngx_http_chat_append_stored(ngx_http_chat_append_t *a,
    PGresult *res, ngx_uint_t row);
static void ngx_http_chat_append_publish(ngx_http_chat_append_batch_t *b,
    PGresult *res, ngx_uint_t row);
static void ngx_http_chat_append_again(ngx_http_chat_append_batch_t *b);
static void ngx_http_chat_append_end(ngx_http_chat_append_t *a,
    ngx_int_t rc);
static void ngx_http_chat_append_fail(ngx_int_t rc);
static size_t ngx_http_chat_append_size(ngx_http_chat_append_t *a);


static ngx_http_chat_append_state_t  ngx_http_chat_append_state;


void
ngx_http_chat_append_init(ngx_http_chat_append_event_pt on_event)
{
    ngx_http_chat_append_state_t  *s;

    s = &ngx_http_chat_append_state;

    ngx_memzero(s, sizeof(ngx_http_chat_append_state_t));

    ngx_queue_init(&s->waiting);
    ngx_queue_init(&s->alone);

    s->on_event = on_event;
    s->flush.handler = ngx_http_chat_append_flush;
    s->flush.log = ngx_cycle->log;
}


ngx_uint_t
ngx_http_chat_append_pending(void)
{
    return ngx_http_chat_append_state.n;
}


ngx_http_chat_append_t *
ngx_http_chat_append_send(ngx_http_chat_append_args_t *args,
    ngx_http_chat_append_pt done, void *data)
{
    u_char                        *p;
    size_t                         size;
    ngx_http_chat_append_t        *a;
    ngx_http_chat_append_state_t  *s;

    s = &ngx_http_chat_append_state;

    size = sizeof(ngx_http_chat_append_t) + args->client_id->len
           + args->text->len + (args->data ? args->data->len : 0)
           + ngx_http_chat_append_ids_size(args->files)
           + ngx_http_chat_append_ids_size(args->mentions);

    if (s->n >= NGX_HTTP_CHAT_APPEND_MAX
        || s->bytes + size > NGX_HTTP_CHAT_APPEND_BYTES)
    {
        return NULL;
    }

    a = ngx_alloc(size, ngx_cycle->log);
    if (a == NULL) {
        return NULL;
    }

    ngx_memzero(a, sizeof(ngx_http_chat_append_t));

    if (ngx_http_chat_id_make(&a->id) != NGX_OK) {
        ngx_free(a);
        return NULL;
    }

    a->done = done;
    a->data = data;
    a->actor = *args->actor;
    a->conversation = *args->conversation;
    a->expected = args->expected;
    a->since = ngx_http_chat_counter_clock();
    a->internal = args->internal;

    p = (u_char *) a + sizeof(ngx_http_chat_append_t);

    a->client_id.data = p;
    a->client_id.len = args->client_id->len;
    p = ngx_cpymem(p, args->client_id->data, args->client_id->len);

    a->text.data = p;
    a->text.len = args->text->len;
    p = ngx_cpymem(p, args->text->data, args->text->len);

    if (args->data != NULL) {
        a->json.data = p;
        a->json.len = args->data->len;
        p = ngx_cpymem(p, args->data->data, args->data->len);
    }

    p = ngx_http_chat_append_ids(p, &a->files, args->files);
    (void) ngx_http_chat_append_ids(p, &a->mentions, args->mentions);

    ngx_queue_insert_tail(&s->waiting, &a->queue);
    s->n++;
    s->bytes += size;

    /* whatever else arrives in this iteration of the loop goes along */

    if (!s->inflight && !s->flush.posted) {
        ngx_post_event(&s->flush, &ngx_posted_events);
    }

    return a;
}


static size_t
ngx_http_chat_append_ids_size(ngx_http_chat_ids_t *ids)
{
    return ids != NULL ? ids->n * sizeof(ngx_http_chat_id_t) : 0;
}


static u_char *
ngx_http_chat_append_ids(u_char *p, ngx_http_chat_ids_t *to,
    ngx_http_chat_ids_t *ids)
{
    if (ids == NULL || ids->n == 0) {
        return p;
    }

    to->elts = (ngx_http_chat_id_t *) p;
    to->n = ids->n;

    return ngx_cpymem(p, ids->elts, ids->n * sizeof(ngx_http_chat_id_t));
}


static void
ngx_http_chat_append_flush(ngx_event_t *ev)
{
    ngx_queue_t                   *q, *next;
    ngx_http_chat_append_t        *a;
    ngx_http_chat_append_batch_t  *b;
    ngx_http_chat_append_state_t  *s;

    s = &ngx_http_chat_append_state;

    if (s->inflight) {
        return;
    }

    b = &s->batch;
    b->n = 0;
    b->alone = 0;

    for (q = ngx_queue_head(&s->waiting);
         q != ngx_queue_sentinel(&s->waiting)
         && b->n < NGX_HTTP_CHAT_APPEND_BATCH;
         q = next)
    {
        next = ngx_queue_next(q);
        a = ngx_queue_data(q, ngx_http_chat_append_t, queue);

        if (ngx_http_chat_append_held(a)) {
            continue;
        }

        if (a->tries >= NGX_HTTP_CHAT_APPEND_TRIES) {

            if (s->nalone < NGX_HTTP_CHAT_APPEND_ALONE
                && ngx_http_chat_append_alone(a) == NGX_OK)
            {
                continue;
            }

            /* no room there: it tries on with the others */
        }

        if (ngx_http_chat_append_single(a) && b->n != 0) {
            break;
        }

        ngx_queue_remove(q);
        b->rows[b->n++] = a;

        if (ngx_http_chat_append_single(a)) {

            /* in its place, but by itself */

            break;
        }
    }

    if (b->n == 0) {
        return;
    }

    s->inflight = 1;

    if (ngx_http_chat_append_go(b, NGX_HTTP_CHAT_FAST,
                                ngx_http_chat_append_batch_done, b)
        != NGX_OK)
    {
        s->inflight = 0;
        ngx_http_chat_append_again(b);
        ngx_http_chat_append_fail(NGX_BUSY);
        return;
    }

    ngx_http_chat_counter_add(NGX_HTTP_CHAT_S_APPEND_BATCHES, 1);
}


/* an earlier row of the conversation waits for the lock alone */

static ngx_uint_t
ngx_http_chat_append_held(ngx_http_chat_append_t *a)
{
    ngx_queue_t             *q, *alone;
    ngx_http_chat_append_t  *b;

    alone = &ngx_http_chat_append_state.alone;

    for (q = ngx_queue_head(alone);
         q != ngx_queue_sentinel(alone);
         q = ngx_queue_next(q))
    {
        b = ngx_queue_data(q, ngx_http_chat_append_t, queue);

        if (ngx_http_chat_id_eq(&a->conversation, &b->conversation)) {
            return 1;
        }
    }

    return 0;
}


static ngx_int_t
ngx_http_chat_append_alone(ngx_http_chat_append_t *a)
{
    ngx_http_chat_append_batch_t   b;
    ngx_http_chat_append_state_t  *s;

    s = &ngx_http_chat_append_state;

    b.n = 1;
    b.alone = 1;
    b.rows[0] = a;

    if (ngx_http_chat_append_go(&b, NGX_HTTP_CHAT_ALONE,
                                ngx_http_chat_append_alone_done, a)
        != NGX_OK)
    {
        return NGX_BUSY;
    }

    ngx_queue_remove(&a->queue);
    ngx_queue_insert_tail(&s->alone, &a->queue);
    s->nalone++;

    return NGX_OK;
}


static ngx_int_t
ngx_http_chat_append_go(ngx_http_chat_append_batch_t *b,
    ngx_http_chat_lane_e lane, ngx_http_chat_call_pt done, void *data)
{
    u_char                *buf;
    u_char                 files[ngx_http_chat_ids_len(
                                     NGX_HTTP_CHAT_FILES_MAX)];
    u_char                 mentions[ngx_http_chat_ids_len(
                                     NGX_HTTP_CHAT_MENTIONS_MAX)];
    ngx_http_chat_args_t   args;
    ngx_http_chat_call_t  *call;
    ngx_http_chat_query_e  query;

    buf = ngx_http_chat_batch_encode(&args, b->rows, b->n);
    if (buf == NULL) {
        return NGX_ERROR;
    }

    ngx_http_chat_arg_bool(&args, b->alone);

    query = NGX_HTTP_CHAT_Q_APPEND;

    if (ngx_http_chat_append_single(b->rows[0])) {
        query = NGX_HTTP_CHAT_Q_APPEND_FILES;
        ngx_http_chat_arg_ids(&args, files, &b->rows[0]->files);
    }

    if (b->rows[0]->mentions.n != 0) {
        query = NGX_HTTP_CHAT_Q_APPEND_MENTIONS;
        ngx_http_chat_arg_ids(&args, mentions, &b->rows[0]->mentions);
    }

    call = ngx_http_chat_store_call(lane, query, &args, done, data);
    ngx_free(buf);

    return call == NULL ? NGX_BUSY : NGX_OK;
}


static void
ngx_http_chat_append_batch_done(ngx_http_chat_call_t *call)
{
    ngx_int_t                      rc;
    ngx_uint_t                     i;
    ngx_http_chat_append_batch_t   b;
    ngx_http_chat_append_state_t  *s;

    s = &ngx_http_chat_append_state;

    /* done() of a row may send again, which makes the next batch */

    b = s->batch;
    rc = call->rc;

    if (rc == NGX_OK) {
        ngx_http_chat_append_results(&b, call->res);

    } else {
        for (i = 0; i < b.n; i++) {
            ngx_http_chat_append_end(b.rows[i], rc);
        }

        if (rc == NGX_BUSY) {

            /* nobody was let in for as long as a client may wait */

            ngx_http_chat_append_fail(NGX_BUSY);
        }
    }

    s->inflight = 0;

    /* those who have just been answered may have said more: one look */

    if (!ngx_queue_empty(&s->waiting) && !s->flush.posted) {
        ngx_post_event(&s->flush, &ngx_posted_next_events);
    }
}


static void
ngx_http_chat_append_alone_done(ngx_http_chat_call_t *call)
{
    ngx_http_chat_append_t        *a;
    ngx_http_chat_append_batch_t   b;
    ngx_http_chat_append_state_t  *s;

    s = &ngx_http_chat_append_state;
    a = call->data;

    ngx_queue_remove(&a->queue);
    s->nalone--;

    if (call->rc == NGX_OK) {
        b.n = 1;
        b.alone = 1;
        b.rows[0] = a;

        ngx_http_chat_append_results(&b, call->res);

    } else {
        ngx_http_chat_append_end(a, call->rc);
    }

    if (!ngx_queue_empty(&s->waiting) && !s->inflight && !s->flush.posted) {
        ngx_post_event(&s->flush, &ngx_posted_events);
    }
}


static void
ngx_http_chat_append_results(ngx_http_chat_append_batch_t *b, PGresult *res)
{
    ngx_str_t                outcome;
    ngx_uint_t               i, idx, rows;
    ngx_http_chat_append_t  *a;

    rows = (ngx_uint_t) PQntuples(res);

    /* events first, in the order of the log: then whoever waits for them */

    for (i = 0; i < rows; i++) {
        idx = (ngx_uint_t) ngx_http_chat_col_int4(res, i,
                                                  NGX_HTTP_CHAT_A_IDX);
        ngx_http_chat_col_text(res, i, NGX_HTTP_CHAT_A_OUTCOME, &outcome);

        if (idx > b->n || !ngx_http_chat_append_created(&outcome)) {
            continue;
        }

        if (idx > 0) {
            ngx_http_chat_append_stored(b->rows[idx - 1], res, i);
            continue;
        }

        ngx_http_chat_append_publish(b, res, i);
    }

    for (i = 0; i < rows; i++) {
        idx = (ngx_uint_t) ngx_http_chat_col_int4(res, i,
                                                  NGX_HTTP_CHAT_A_IDX);

        if (idx == 0 || idx > b->n || b->rows[idx - 1] == NULL) {
            continue;
        }

        a = b->rows[idx - 1];

        ngx_http_chat_col_text(res, i, NGX_HTTP_CHAT_A_OUTCOME, &outcome);

        if (!b->alone
            && outcome.len == 4 && ngx_memcmp(outcome.data, "busy", 4) == 0)
        {
            a->tries++;
            ngx_http_chat_counter_add(NGX_HTTP_CHAT_S_APPEND_BUSY, 1);
            continue;
        }

        b->rows[idx - 1] = NULL;
        ngx_http_chat_append_row(a, res, i);
    }

    ngx_http_chat_append_again(b);
}


static void
ngx_http_chat_append_row(ngx_http_chat_append_t *a, PGresult *res,
    ngx_uint_t row)
{
    ngx_uint_t  col;

    col = NGX_HTTP_CHAT_A_EVENT;

    ngx_http_chat_col_text(res, row, NGX_HTTP_CHAT_A_OUTCOME, &a->outcome);

    a->seq = ngx_http_chat_col_int8(res, row, col + NGX_HTTP_CHAT_E_SEQ);
    a->created = ngx_http_chat_col_int8(res, row,
                                        col + NGX_HTTP_CHAT_E_CREATED);

    /* of what this call has stored, it does not repeat what it was told */

    if (ngx_http_chat_append_created(&a->outcome)) {
        a->event_id = a->id;

    } else {
        (void) ngx_http_chat_col_id(res, row, col + NGX_HTTP_CHAT_E_ID,
                                    &a->event_id);
    }

    ngx_http_chat_counter_observe(NGX_HTTP_CHAT_S_APPEND_TIME,
                             ngx_http_chat_counter_clock() - a->since);

    ngx_http_chat_append_end(a, NGX_OK);
}


static ngx_uint_t
ngx_http_chat_append_created(ngx_str_t *outcome)
{
    return outcome->len == 7 && ngx_memcmp(outcome->data, "created", 7) == 0;
}


/* the message itself */

static void
ngx_http_chat_append_stored(ngx_http_chat_append_t *a, PGresult *res,
    ngx_uint_t row)
{
    ngx_uint_t                   col;
    ngx_http_chat_event_t       *event;
    ngx_http_chat_event_parts_t  e;

    col = NGX_HTTP_CHAT_A_EVENT;

    ngx_str_set(&e.type, "message");

    if (a->actor.kind == NGX_HTTP_CHAT_AGENT) {
        ngx_str_set(&e.sender_kind, "agent");

    } else {
        ngx_str_set(&e.sender_kind, "visitor");
    }

    ngx_http_chat_col_text(res, row, col + NGX_HTTP_CHAT_E_SENDER_NAME,
                           &e.sender_name);

    /* what is known of its files is in the row alone */

    ngx_http_chat_col_text(res, row, col + NGX_HTTP_CHAT_E_DATA, &e.data);

    if (e.data.data == NULL) {
        e.data = a->json;
    }

    e.client_id = a->client_id;
    e.text = a->text;
    e.id = a->id;
    e.sender_id = a->actor.id;
    e.has_sender_id = 1;
    e.internal = a->internal;
    e.seq = ngx_http_chat_col_int8(res, row, col + NGX_HTTP_CHAT_E_SEQ);
    e.created = ngx_http_chat_col_int8(res, row,
                                       col + NGX_HTTP_CHAT_E_CREATED);

    /* without memory the sweep will deliver it */

    event = ngx_http_chat_event_build(&e, &a->conversation,
                                      a->actor.site->id);
    if (event == NULL) {
        return;
    }

    ngx_http_chat_append_state.on_event(event);
    ngx_http_chat_event_release(event);
}


/* an event that a message has made besides */

static void
ngx_http_chat_append_publish(ngx_http_chat_append_batch_t *b, PGresult *res,
    ngx_uint_t row)
{
    int32_t                 site;
    ngx_uint_t              i;
    ngx_http_chat_id_t      conversation;
    ngx_http_chat_event_t  *event;

    if (ngx_http_chat_col_id(res, row, NGX_HTTP_CHAT_A_CONVERSATION,
                             &conversation)
        != NGX_OK)
    {
        return;
    }

    site = 0;

    for (i = 0; i < b->n; i++) {
        if (ngx_http_chat_id_eq(&b->rows[i]->conversation, &conversation)) {
            site = b->rows[i]->actor.site->id;
            break;
        }
    }

    /* without memory the sweep will deliver it */

    event = ngx_http_chat_event_make(res, row, NGX_HTTP_CHAT_A_EVENT,
                                     &conversation, site);
    if (event == NULL) {
        return;
    }

    ngx_http_chat_append_state.on_event(event);
    ngx_http_chat_event_release(event);
}


/* rows that are still there go back to the front, in their order */

static void
ngx_http_chat_append_again(ngx_http_chat_append_batch_t *b)
{
    ngx_uint_t  i;

    for (i = b->n; i > 0; i--) {
        if (b->rows[i - 1] != NULL) {
            ngx_queue_insert_head(&ngx_http_chat_append_state.waiting,
                                  &b->rows[i - 1]->queue);
        }
    }

    b->n = 0;
}


static void
ngx_http_chat_append_end(ngx_http_chat_append_t *a, ngx_int_t rc)
{
    ngx_http_chat_append_state_t  *s;

    s = &ngx_http_chat_append_state;

    s->n--;
    s->bytes -= ngx_http_chat_append_size(a);

    a->rc = rc;
    a->done(a);

    ngx_free(a);
}


/* everything that waits for a batch; what is alone in flight is not */

static void
ngx_http_chat_append_fail(ngx_int_t rc)
{
    ngx_queue_t              local, *q;
    ngx_http_chat_append_t  *a;

    if (ngx_queue_empty(&ngx_http_chat_append_state.waiting)) {
        return;
    }

    ngx_queue_init(&local);
    ngx_queue_add(&local, &ngx_http_chat_append_state.waiting);
    ngx_queue_init(&ngx_http_chat_append_state.waiting);

    while (!ngx_queue_empty(&local)) {
        q = ngx_queue_head(&local);
        ngx_queue_remove(q);

        a = ngx_queue_data(q, ngx_http_chat_append_t, queue);
        ngx_http_chat_append_end(a, rc);
    }
}


static size_t
ngx_http_chat_append_size(ngx_http_chat_append_t *a)
{
    return sizeof(ngx_http_chat_append_t) + a->client_id.len + a->text.len
           + a->json.len + a->files.n * sizeof(ngx_http_chat_id_t);
}
