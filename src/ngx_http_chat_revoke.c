
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#include "ngx_http_chat_bus.h"
#include "ngx_http_chat_hub.h"
#include "ngx_http_chat_revoke.h"
#include "ngx_http_chat_seen.h"
#include "ngx_http_chat_site.h"
#include "ngx_http_chat_store.h"
#include "ngx_http_chat_topic.h"


#define NGX_HTTP_CHAT_REVOKE_TIME     2000

/* PostgreSQL keeps them for twice as long */
#define NGX_HTTP_CHAT_REVOKE_GAP      (12 * 3600 * 1000)

#define NGX_HTTP_CHAT_REVOKE_BUCKETS  4096

/* columns of chat.revoked_3() */
#define NGX_HTTP_CHAT_V_NEXT          0
#define NGX_HTTP_CHAT_V_COMPLETE      1
#define NGX_HTTP_CHAT_V_KIND          2
#define NGX_HTTP_CHAT_V_ID            3
#define NGX_HTTP_CHAT_V_VALID_FROM    4      /* or a version */
#define NGX_HTTP_CHAT_V_SITE          5
#define NGX_HTTP_CHAT_V_ORIGINS       6


static void ngx_http_chat_revoke_bus(ngx_http_chat_bus_message_t *m);
static void ngx_http_chat_revoke_changed(ngx_http_chat_bus_message_t *m);
static void ngx_http_chat_revoke_state(ngx_uint_t ready);
static void ngx_http_chat_revoke_timer(ngx_event_t *ev);
static void ngx_http_chat_revoke_soon(void);
static void ngx_http_chat_revoke_ask(void);
static void ngx_http_chat_revoke_done(ngx_http_chat_call_t *call);
static void ngx_http_chat_revoke_row(PGresult *res, ngx_uint_t row);
static void ngx_http_chat_revoke_origins(PGresult *res, ngx_uint_t row);
static void ngx_http_chat_revoke_keep(ngx_str_t *next);
static void ngx_http_chat_revoke_reset(void);
static void ngx_http_chat_revoke_visitor(ngx_http_chat_id_t *id,
    int64_t valid_from);
static void ngx_http_chat_revoke_conversation(ngx_http_chat_id_t *id);
static void ngx_http_chat_revoke_all(void);
static void ngx_http_chat_revoke_move(ngx_http_chat_watch_t **from,
    ngx_http_chat_watch_t **to, ngx_uint_t kind, ngx_http_chat_id_t *id,
    int64_t valid_from);
static void ngx_http_chat_revoke_end(ngx_http_chat_watch_t **list,
    ngx_uint_t code);
static void ngx_http_chat_revoke_link(ngx_http_chat_watch_t **list,
    ngx_http_chat_watch_t *w);
static ngx_http_chat_watch_t **ngx_http_chat_revoke_bucket(
    ngx_http_chat_id_t *id);


static ngx_http_chat_watch_t    *ngx_http_chat_revoke_buckets
                                                [NGX_HTTP_CHAT_REVOKE_BUCKETS];
static ngx_http_chat_revoke_pt   ngx_http_chat_revoke_cache;
static ngx_event_t               ngx_http_chat_revoke_event;
static ngx_connection_t          ngx_http_chat_revoke_dummy;
static ngx_str_t                 ngx_http_chat_revoke_cursor;   /* malloc */
static ngx_msec_t                ngx_http_chat_revoke_answered;
static ngx_uint_t                ngx_http_chat_revoke_asked;
static ngx_uint_t                ngx_http_chat_revoke_again;

static ngx_http_chat_store_listener_t  ngx_http_chat_revoke_listener = {
    ngx_http_chat_revoke_state, NULL
};

static u_char                    ngx_http_chat_revoke_epoch
                                                     [NGX_HTTP_CHAT_EPOCH_LEN];


/* what a stream is found by: an agent's session, or the visitor */

#define ngx_http_chat_revoke_key(actor)                                      \
    ((actor)->kind == NGX_HTTP_CHAT_AGENT ? &(actor)->session                \
                                          : &(actor)->id)


void
ngx_http_chat_revoke_init(ngx_cycle_t *cycle)
{
    ngx_event_t  *ev;

    ngx_memzero(ngx_http_chat_revoke_buckets,
                sizeof(ngx_http_chat_revoke_buckets));

    ngx_str_null(&ngx_http_chat_revoke_cursor);
    ngx_http_chat_revoke_asked = 0;
    ngx_http_chat_revoke_again = 0;

    /* debug logging of a timer looks at the descriptor of its data */

    ngx_http_chat_revoke_dummy.fd = (ngx_socket_t) -1;

    ev = &ngx_http_chat_revoke_event;

    ngx_memzero(ev, sizeof(ngx_event_t));

    ev->data = &ngx_http_chat_revoke_dummy;
    ev->handler = ngx_http_chat_revoke_timer;
    ev->log = cycle->log;
    ev->cancelable = 1;

    ngx_add_timer(ev, NGX_HTTP_CHAT_REVOKE_TIME);

    ngx_http_chat_bus_on(NGX_HTTP_CHAT_BUS_SESSION, ngx_http_chat_revoke_bus);
    ngx_http_chat_bus_on(NGX_HTTP_CHAT_BUS_SITE,
                         ngx_http_chat_revoke_changed);
    ngx_http_chat_store_on_state(&ngx_http_chat_revoke_listener);
}


void
ngx_http_chat_revoke_exit(void)
{
    if (ngx_http_chat_revoke_event.timer_set) {
        ngx_del_timer(&ngx_http_chat_revoke_event);
    }

    ngx_http_chat_revoke_reset();
}


void
ngx_http_chat_revoke_on(ngx_http_chat_revoke_pt handler)
{
    ngx_http_chat_revoke_cache = handler;
}


void
ngx_http_chat_revoke_watch(ngx_http_chat_watch_t *w,
    ngx_http_chat_actor_t *actor, ngx_http_chat_watch_pt end)
{
    ngx_http_chat_revoke_unwatch(w);

    w->actor = actor;
    w->end = end;

    ngx_http_chat_revoke_link(
        ngx_http_chat_revoke_bucket(ngx_http_chat_revoke_key(actor)), w);

    if (actor->kind == NGX_HTTP_CHAT_AGENT) {
        ngx_http_chat_seen_soon();
    }
}


void
ngx_http_chat_revoke_unwatch(ngx_http_chat_watch_t *w)
{
    if (w->prev == NULL) {
        return;
    }

    *w->prev = w->next;

    if (w->next != NULL) {
        w->next->prev = w->prev;
    }

    w->prev = NULL;
}


void
ngx_http_chat_revoke_each(ngx_uint_t kind,
    void (*each)(ngx_http_chat_actor_t *actor, void *data), void *data)
{
    ngx_uint_t              i;
    ngx_http_chat_watch_t  *w;

    for (i = 0; i < NGX_HTTP_CHAT_REVOKE_BUCKETS; i++) {

        for (w = ngx_http_chat_revoke_buckets[i]; w != NULL; w = w->next) {

            if (w->actor->kind == kind) {
                each(w->actor, data);
            }
        }
    }
}


static void
ngx_http_chat_revoke_link(ngx_http_chat_watch_t **list,
    ngx_http_chat_watch_t *w)
{
    w->next = *list;
    w->prev = list;

    if (w->next != NULL) {
        w->next->prev = &w->next;
    }

    *list = w;
}


/* the random half of a UUIDv7 */

static ngx_http_chat_watch_t **
ngx_http_chat_revoke_bucket(ngx_http_chat_id_t *id)
{
    ngx_uint_t  n;

    n = ((ngx_uint_t) id->data[14] << 8 | id->data[15])
        % NGX_HTTP_CHAT_REVOKE_BUCKETS;

    return &ngx_http_chat_revoke_buckets[n];
}


static void
ngx_http_chat_revoke_bus(ngx_http_chat_bus_message_t *m)
{
    ngx_http_chat_revoke_session(&m->id);
}


static void
ngx_http_chat_revoke_changed(ngx_http_chat_bus_message_t *m)
{
    ngx_http_chat_revoke_soon();
}


void
ngx_http_chat_revoke_settings(ngx_http_chat_site_t *site)
{
    ngx_http_chat_bus_message_t  m;

    ngx_memzero(&m, sizeof(ngx_http_chat_bus_message_t));

    m.type = NGX_HTTP_CHAT_BUS_SITE;
    m.site = site->id;

    ngx_http_chat_bus_publish(NULL, &m);

    ngx_http_chat_revoke_soon();
}


/* an answer that is under way may be older than what has changed */

static void
ngx_http_chat_revoke_soon(void)
{
    if (ngx_http_chat_revoke_asked) {
        ngx_http_chat_revoke_again = 1;
        return;
    }

    ngx_http_chat_revoke_ask();
}


static void
ngx_http_chat_revoke_state(ngx_uint_t ready)
{
    if (ready) {
        ngx_http_chat_revoke_ask();
    }
}


static void
ngx_http_chat_revoke_timer(ngx_event_t *ev)
{
    ngx_http_chat_revoke_ask();

    ngx_add_timer(ev, NGX_HTTP_CHAT_REVOKE_TIME);
}


static void
ngx_http_chat_revoke_ask(void)
{
    ngx_str_t             sites;
    ngx_http_chat_args_t  args;

    if (ngx_http_chat_revoke_asked || !ngx_http_chat_store_ready()) {
        return;
    }

    if (ngx_http_chat_revoke_cursor.len != 0
        && (ngx_current_msec - ngx_http_chat_revoke_answered
            > NGX_HTTP_CHAT_REVOKE_GAP
            || ngx_memcmp(ngx_http_chat_revoke_epoch,
                          ngx_http_chat_store_epoch(),
                          NGX_HTTP_CHAT_EPOCH_LEN)
               != 0))
    {
        ngx_http_chat_revoke_reset();
        ngx_http_chat_revoke_all();
    }

    if (ngx_http_chat_site_versions(&sites) != NGX_OK) {
        return;
    }

    ngx_http_chat_args_init(&args);
    ngx_http_chat_arg_text(&args, ngx_http_chat_revoke_cursor.len
                                  ? &ngx_http_chat_revoke_cursor : NULL);
    ngx_http_chat_arg_text(&args, &sites);

    /*
     * on the lane that looks up sessions and pages: what it answered before
     * this is older, and what it answers later is newer
     */

    if (ngx_http_chat_store_call(NGX_HTTP_CHAT_FAST, NGX_HTTP_CHAT_Q_REVOKED,
                                 &args, ngx_http_chat_revoke_done, NULL)
        != NULL)
    {
        ngx_http_chat_revoke_asked = 1;

        ngx_memcpy(ngx_http_chat_revoke_epoch, ngx_http_chat_store_epoch(),
                   NGX_HTTP_CHAT_EPOCH_LEN);
    }

    ngx_free(sites.data);
}


static void
ngx_http_chat_revoke_done(ngx_http_chat_call_t *call)
{
    ngx_str_t   next;
    ngx_uint_t  i, n, again;

    again = ngx_http_chat_revoke_again;

    ngx_http_chat_revoke_asked = 0;
    ngx_http_chat_revoke_again = 0;

    if (call->rc != NGX_OK) {
        return;
    }

    n = (ngx_uint_t) PQntuples(call->res);

    ngx_log_debug1(NGX_LOG_DEBUG_CORE, ngx_cycle->log, 0,
                   "chat revoked: %ui", n - 1);

    ngx_http_chat_col_text(call->res, 0, NGX_HTTP_CHAT_V_NEXT, &next);
    ngx_http_chat_revoke_keep(&next);

    if (!ngx_http_chat_col_bool(call->res, 0, NGX_HTTP_CHAT_V_COMPLETE)) {
        ngx_http_chat_revoke_all();
    }

    for (i = 1; i < n; i++) {
        ngx_http_chat_revoke_row(call->res, i);
    }

    if (again) {
        ngx_http_chat_revoke_ask();
    }
}


static void
ngx_http_chat_revoke_row(PGresult *res, ngx_uint_t row)
{
    ngx_str_t           kind;
    ngx_http_chat_id_t  id;

    ngx_http_chat_col_text(res, row, NGX_HTTP_CHAT_V_KIND, &kind);

    if (kind.len != 0 && kind.data[0] == 'o') {
        ngx_http_chat_revoke_origins(res, row);
        return;
    }

    if (kind.len == 0
        || ngx_http_chat_col_id(res, row, NGX_HTTP_CHAT_V_ID, &id) != NGX_OK)
    {
        return;
    }

    switch (kind.data[0]) {

    case 's':
        ngx_http_chat_revoke_session(&id);
        break;

    case 'v':
        ngx_http_chat_revoke_visitor(&id,
                   ngx_http_chat_col_int8(res, row,
                                          NGX_HTTP_CHAT_V_VALID_FROM));
        break;

    case 'c':
        ngx_http_chat_revoke_conversation(&id);

        /* it leaves the lists */

        ngx_http_chat_topic_wake(ngx_http_chat_col_int4(res, row,
                                                        NGX_HTTP_CHAT_V_SITE));
        break;
    }
}


/* without memory for them, they come once more */

static void
ngx_http_chat_revoke_origins(PGresult *res, ngx_uint_t row)
{
    int32_t                version;
    ngx_str_t              origins;
    ngx_http_chat_site_t  *site;

    site = ngx_http_chat_site_find(ngx_http_chat_col_int4(res, row,
                                                    NGX_HTTP_CHAT_V_SITE));
    if (site == NULL) {
        return;
    }

    version = (int32_t) ngx_http_chat_col_int8(res, row,
                                               NGX_HTTP_CHAT_V_VALID_FROM);
    ngx_http_chat_col_text(res, row, NGX_HTTP_CHAT_V_ORIGINS, &origins);

    (void) ngx_http_chat_site_put(site, version, &origins);
}


/* without memory for it, what is new comes once more */

static void
ngx_http_chat_revoke_keep(ngx_str_t *next)
{
    u_char  *p;

    p = ngx_alloc(next->len, ngx_cycle->log);
    if (p == NULL) {
        return;
    }

    ngx_http_chat_revoke_reset();

    ngx_memcpy(p, next->data, next->len);

    ngx_http_chat_revoke_cursor.data = p;
    ngx_http_chat_revoke_cursor.len = next->len;
    ngx_http_chat_revoke_answered = ngx_current_msec;
}


static void
ngx_http_chat_revoke_reset(void)
{
    if (ngx_http_chat_revoke_cursor.data != NULL) {
        ngx_free(ngx_http_chat_revoke_cursor.data);
    }

    ngx_str_null(&ngx_http_chat_revoke_cursor);
}


void
ngx_http_chat_revoke_session(ngx_http_chat_id_t *session)
{
    ngx_http_chat_watch_t  *local;

    if (ngx_http_chat_revoke_cache != NULL) {
        ngx_http_chat_revoke_cache(session);
    }

    local = NULL;

    ngx_http_chat_revoke_move(ngx_http_chat_revoke_bucket(session), &local,
                              NGX_HTTP_CHAT_AGENT, session, 0);

    ngx_http_chat_revoke_end(&local, NGX_HTTP_CHAT_CLOSE_UNAUTHORIZED);
}


static void
ngx_http_chat_revoke_visitor(ngx_http_chat_id_t *id, int64_t valid_from)
{
    ngx_http_chat_watch_t  *local;

    local = NULL;

    ngx_http_chat_topic_distrust();

    ngx_http_chat_revoke_move(ngx_http_chat_revoke_bucket(id), &local,
                              NGX_HTTP_CHAT_VISITOR, id, valid_from);

    ngx_http_chat_revoke_end(&local, NGX_HTTP_CHAT_CLOSE_UNAUTHORIZED);
}


static void
ngx_http_chat_revoke_conversation(ngx_http_chat_id_t *id)
{
    ngx_http_chat_topic_t  *topic;

    ngx_http_chat_topic_distrust();

    topic = ngx_http_chat_hub_find(id);

    if (topic != NULL) {
        ngx_http_chat_hub_close(topic, NGX_HTTP_CHAT_CLOSE_GONE);
    }
}


/* too much has changed, or nobody knows what: all come again */

static void
ngx_http_chat_revoke_all(void)
{
    ngx_uint_t              i;
    ngx_http_chat_watch_t  *local;

    ngx_log_error(NGX_LOG_NOTICE, ngx_cycle->log, 0,
                  "chat: all streams are asked to connect again, since too "
                  "many credentials have ended, or it is not known which");

    ngx_http_chat_topic_distrust();

    if (ngx_http_chat_revoke_cache != NULL) {
        ngx_http_chat_revoke_cache(NULL);
    }

    for (i = 0; i < NGX_HTTP_CHAT_REVOKE_BUCKETS; i++) {
        local = NULL;

        ngx_http_chat_revoke_move(&ngx_http_chat_revoke_buckets[i], &local,
                                  0, NULL, 0);

        ngx_http_chat_revoke_end(&local, NGX_HTTP_CHAT_CLOSE_RELOAD);
    }
}


/* those of a session, of a visitor's tokens issued before, or all: id NULL */

static void
ngx_http_chat_revoke_move(ngx_http_chat_watch_t **from,
    ngx_http_chat_watch_t **to, ngx_uint_t kind, ngx_http_chat_id_t *id,
    int64_t valid_from)
{
    ngx_http_chat_watch_t  *w, *next;

    for (w = *from; w != NULL; w = next) {
        next = w->next;

        if (id != NULL
            && (w->actor->kind != kind
                || !ngx_http_chat_id_eq(ngx_http_chat_revoke_key(w->actor),
                                        id)
                || (kind == NGX_HTTP_CHAT_VISITOR
                    && w->actor->issued >= valid_from)))
        {
            continue;
        }

        ngx_http_chat_revoke_unwatch(w);
        ngx_http_chat_revoke_link(to, w);
    }
}


/* one that ends may end others */

static void
ngx_http_chat_revoke_end(ngx_http_chat_watch_t **list, ngx_uint_t code)
{
    ngx_http_chat_watch_t  *w;

    while (*list != NULL) {
        w = *list;

        ngx_http_chat_revoke_unwatch(w);
        w->end(w, code);
    }
}
