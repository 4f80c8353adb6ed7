
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#include "ngx_http_chat_store.h"
#include "ngx_http_chat_counter.h"


/*
 * Histories a worker remembers: after a change of epoch every subscriber is
 * asked to come again, which takes it seconds.
 */
#define NGX_HTTP_CHAT_EPOCHS  16


typedef struct {
    ngx_http_chat_main_conf_t     *conf;
    ngx_log_t                     *log;
    ngx_http_chat_pg_t            *lanes[NGX_HTTP_CHAT_LANES];
    ngx_http_chat_store_listener_t  *listeners;
    ngx_uint_t                     known;
    u_char                         told[NGX_HTTP_CHAT_EPOCH_LEN];
    u_char                         epochs[NGX_HTTP_CHAT_EPOCHS]
                                         [NGX_HTTP_CHAT_EPOCH_LEN];
    ngx_uint_t                     epoch;    /* which of them it is */
    u_char                         installation[NGX_HTTP_CHAT_ID_LEN];
} ngx_http_chat_store_t;


static char *ngx_http_chat_store_statement(ngx_http_chat_pg_stmt_t *stmt);
static void ngx_http_chat_store_setup(ngx_http_chat_pg_t *pg, void *data);
static void ngx_http_chat_store_setup_done(ngx_http_chat_pg_t *pg,
    PGresult *res, void *data);
static void ngx_http_chat_store_told(void);
static void ngx_http_chat_store_state(ngx_http_chat_pg_t *pg,
    ngx_uint_t ready, void *data);
static void ngx_http_chat_store_done(ngx_http_chat_pg_op_t *op);


/* in the order of ngx_http_chat_query_e; the SQL text is made at start */

static ngx_http_chat_pg_stmt_t  ngx_http_chat_statements[] = {
    { "session_start_5",       NULL, 14, NULL },
    { "agent_login_2",         NULL, 2, NULL },
    { "agent_session_create_2", NULL, 8, NULL },
    { "agent_session_get",     NULL, 2, NULL },
    { "agent_session_end",     NULL, 2, NULL },
    { "conversation_create_2", NULL, 10, NULL },
    { "append_2",              NULL, 13, NULL },
    { "conversations_visitor", NULL, 8, NULL },
    { "conversations_agent_3", NULL, 14, NULL },
    { "inbox",                 NULL, 12, NULL },
    { "conversation_get",      NULL, 7, NULL },
    { "events",                NULL, 11, NULL },
    { "feed",                  NULL, 4, NULL },
    { "member",                NULL, 6, NULL },
    { "read",                  NULL, 7, NULL },
    { "change_2",              NULL, 10, NULL },
    { "ticket_put",            NULL, 6, NULL },
    { "ticket_use",            NULL, 2, NULL },
    { "sweep",                 NULL, 1, NULL },
    { "notify",                NULL, 1, NULL },
    { "ping",                  NULL, 0, NULL },
    { "sign_in_check",         NULL, 4, NULL },
    { "sign_in_failed",        NULL, 4, NULL },
    { "sign_in_passed",        NULL, 4, NULL },
    { "revoked_3",             NULL, 2, NULL },
    { "visitor_put",           NULL, 10, NULL },
    { "session_end",           NULL, 5, NULL },
    { "agents_seen",           NULL, 1, NULL },
    { "desk",                  NULL, 10, NULL },
    { "setup_first",           NULL, 2, NULL },
    { "setup_get",             NULL, 2, NULL },
    { "setup_use",             NULL, 6, NULL },
    { "append_files",          NULL, 14, NULL },
    { "append_mentions",       NULL, 15, NULL },
    { "conversation_create_files", NULL, 11, NULL },
    { "attachment_begin",      NULL, 9, NULL },
    { "attachment_end",        NULL, 11, NULL },
    { "attachment_drop",       NULL, 1, NULL },
    { "attachment_get",        NULL, 6, NULL },
    { "attachment_expired",    NULL, 1, NULL },
    { "attachment_forget",     NULL, 1, NULL },
    { "tick_2",                NULL, 0, NULL },
    { "respond",               NULL, 10, NULL },
    { "identity_keys",         NULL, 1, NULL },
    { "track",                 NULL, 6, NULL },
    { "desk_site",             NULL, 10, NULL },
    { "desk_key",              NULL, 10, NULL },
    { "api_key_get",           NULL, 2, NULL },
    { "work",                  NULL, 1, NULL },
    { "agent_identify",        NULL, 8, NULL },
    { "totp_begin",            NULL, 6, NULL },
    { "totp_get",              NULL, 5, NULL },
    { "totp_confirm",          NULL, 8, NULL },
    { "totp_password",         NULL, 5, NULL },
    { "totp_end",              NULL, 7, NULL },
    { "customer_conversations", NULL, 9, NULL },
    { "customer_track",        NULL, 8, NULL },
    { "edit",                  NULL, 9, NULL },
    { "event_history",         NULL, 7, NULL },
    { "visitor_block",         NULL, 7, NULL },
    { "visitor_erase",         NULL, 6, NULL },
    { "mentions",              NULL, 5, NULL }
};


static ngx_http_chat_pg_conf_t  ngx_http_chat_lane_confs[] = {

    { .name = ngx_string("fast"),
      .max_ops = 1024,
      .max_bytes = 8 * 1024 * 1024,
      .max_inflight = 64,
      .connect_timeout = 3000,
      .connect_wait = 800,
      .op_timeout = 4000 },

    { .name = ngx_string("slow"),
      .max_ops = 512,
      .max_bytes = 4 * 1024 * 1024,
      .max_inflight = 16,
      .connect_timeout = 3000,
      .connect_wait = 800,
      .op_timeout = 4000 },

    { .name = ngx_string("alone"),
      .max_ops = 64,
      .max_bytes = 2 * 1024 * 1024,
      .max_inflight = 4,
      .connect_timeout = 3000,
      .connect_wait = 800,
      .op_timeout = 4000,
      .lazy = 1 }
};


static ngx_http_chat_store_t  ngx_http_chat_store;


ngx_int_t
ngx_http_chat_store_init(ngx_cycle_t *cycle, ngx_http_chat_main_conf_t *mcf)
{
    ngx_uint_t                i;
    ngx_http_chat_pg_conf_t  *conf;

    ngx_memzero(&ngx_http_chat_store, sizeof(ngx_http_chat_store_t));
    ngx_memset(ngx_http_chat_store.epochs, '0',
               sizeof(ngx_http_chat_store.epochs));

    ngx_http_chat_store.conf = mcf;
    ngx_http_chat_store.log = cycle->log;

    for (i = 0; i < NGX_HTTP_CHAT_Q_N; i++) {
        if (ngx_http_chat_store_statement(&ngx_http_chat_statements[i])
            == NULL)
        {
            return NGX_ERROR;
        }
    }

    for (i = 0; i < NGX_HTTP_CHAT_LANES; i++) {
        conf = &ngx_http_chat_lane_confs[i];

        conf->conninfo = mcf->postgres;
        conf->stmts = ngx_http_chat_statements;
        conf->nstmts = NGX_HTTP_CHAT_Q_N;
        conf->setup = ngx_http_chat_store_setup;
        conf->on_state = ngx_http_chat_store_state;
        conf->data = (void *) (uintptr_t) i;
    }

    /* the others follow when the fast lane has seen to the schema */

    ngx_http_chat_store.lanes[NGX_HTTP_CHAT_FAST] =
        ngx_http_chat_pg_create(&ngx_http_chat_lane_confs[NGX_HTTP_CHAT_FAST],
                                cycle->log);

    if (ngx_http_chat_store.lanes[NGX_HTTP_CHAT_FAST] == NULL) {
        return NGX_ERROR;
    }

    return NGX_OK;
}


/*
 * "SELECT * FROM chat.<name>_1($1, ...)", or without "_1" when the name ends
 * in another version; once for the process
 */

static char *
ngx_http_chat_store_statement(ngx_http_chat_pg_stmt_t *stmt)
{
    u_char      *p, *last, *start;
    size_t       size, len;
    ngx_uint_t   i, versioned;

    if (stmt->sql != NULL) {
        return (char *) stmt->sql;
    }

    len = ngx_strlen(stmt->name);
    versioned = (stmt->name[len - 1] <= '9');

    size = sizeof("SELECT * FROM chat._1()") + len
           + stmt->nparams * sizeof("$99,");

    start = ngx_alloc(size, ngx_cycle->log);
    if (start == NULL) {
        return NULL;
    }

    last = start + size;

    p = ngx_slprintf(start, last, "SELECT * FROM chat.%s%s(", stmt->name,
                     versioned ? "" : "_1");

    for (i = 1; i <= stmt->nparams; i++) {
        p = ngx_slprintf(p, last, i == 1 ? "$%ui" : ",$%ui", i);
    }

    p = ngx_slprintf(p, last, ")%Z");

    stmt->sql = (const char *) start;

    return (char *) start;
}


void
ngx_http_chat_store_exit(void)
{
    ngx_uint_t  i;

    for (i = 0; i < NGX_HTTP_CHAT_LANES; i++) {
        if (ngx_http_chat_store.lanes[i] != NULL) {
            ngx_http_chat_pg_destroy(ngx_http_chat_store.lanes[i]);
            ngx_http_chat_store.lanes[i] = NULL;
        }
    }

    for (i = 0; i < NGX_HTTP_CHAT_Q_N; i++) {
        ngx_free((void *) ngx_http_chat_statements[i].sql);
        ngx_http_chat_statements[i].sql = NULL;
    }
}


void
ngx_http_chat_store_on_state(ngx_http_chat_store_listener_t *listener)
{
    ngx_http_chat_store_listener_t  **l;

    for (l = &ngx_http_chat_store.listeners; *l != NULL; l = &(*l)->next) {
        /* void */
    }

    listener->next = NULL;
    *l = listener;
}


static void
ngx_http_chat_store_setup(ngx_http_chat_pg_t *pg, void *data)
{
    ngx_uint_t  lane;

    static const char  *settings[NGX_HTTP_CHAT_LANES] = {
        "SET statement_timeout = 3500; SET lock_timeout = 2000;"
        "SET idle_in_transaction_session_timeout = 10000;"
        "SET timezone = 'UTC'",

        "SET statement_timeout = 3500; SET lock_timeout = 2000;"
        "SET idle_in_transaction_session_timeout = 10000;"
        "SET timezone = 'UTC'",

        "SET statement_timeout = 2000; SET lock_timeout = 1000;"
        "SET idle_in_transaction_session_timeout = 10000;"
        "SET timezone = 'UTC'"
    };

    lane = (ngx_uint_t) (uintptr_t) data;

    ngx_http_chat_pg_query(pg, settings[lane], 3000,
                           ngx_http_chat_store_setup_done);
}


static void
ngx_http_chat_store_setup_done(ngx_http_chat_pg_t *pg, PGresult *res,
    void *data)
{
    ngx_uint_t  lane;

    lane = (ngx_uint_t) (uintptr_t) data;

    if (PQresultStatus(res) != PGRES_COMMAND_OK) {
        ngx_http_chat_pg_fail(pg, PQresultErrorMessage(res));
        return;
    }

    if (lane == NGX_HTTP_CHAT_FAST) {
        ngx_http_chat_migrate(pg, ngx_http_chat_store.conf,
                              ngx_http_chat_store.told,
                              ngx_http_chat_store.installation,
                              ngx_http_chat_store.log);
        return;
    }

    ngx_http_chat_pg_ready(pg);
}


/* another epoch takes the place of the oldest, to which nobody refers */

static void
ngx_http_chat_store_told(void)
{
    ngx_uint_t  i;

    for (i = 0; i < NGX_HTTP_CHAT_EPOCHS; i++) {

        if (ngx_memcmp(ngx_http_chat_store.epochs[i],
                       ngx_http_chat_store.told, NGX_HTTP_CHAT_EPOCH_LEN)
            == 0)
        {
            ngx_http_chat_store.epoch = i;
            return;
        }
    }

    i = (ngx_http_chat_store.epoch + 1) % NGX_HTTP_CHAT_EPOCHS;

    ngx_memcpy(ngx_http_chat_store.epochs[i], ngx_http_chat_store.told,
               NGX_HTTP_CHAT_EPOCH_LEN);
    ngx_http_chat_store.epoch = i;
}


static void
ngx_http_chat_store_state(ngx_http_chat_pg_t *pg, ngx_uint_t ready,
    void *data)
{
    ngx_uint_t                       i, lane;
    ngx_http_chat_store_listener_t  *l;

    lane = (ngx_uint_t) (uintptr_t) data;

    if (ready) {
        ngx_http_chat_counter_add(NGX_HTTP_CHAT_S_PG_CONNECTS, 1);
    }

    if (lane != NGX_HTTP_CHAT_FAST) {
        return;
    }

    ngx_http_chat_counter_add(NGX_HTTP_CHAT_S_PG_READY, ready ? 1 : -1);

    if (ready) {
        ngx_http_chat_store_told();
        ngx_http_chat_store.known = 1;

        for (i = 0; i < NGX_HTTP_CHAT_LANES; i++) {
            if (ngx_http_chat_store.lanes[i] == NULL) {
                ngx_http_chat_store.lanes[i] =
                    ngx_http_chat_pg_create(&ngx_http_chat_lane_confs[i],
                                            ngx_http_chat_store.log);

            } else if (i != NGX_HTTP_CHAT_FAST) {
                ngx_http_chat_pg_retry(ngx_http_chat_store.lanes[i]);
            }
        }
    }

    for (l = ngx_http_chat_store.listeners; l != NULL; l = l->next) {
        l->state(ready);
    }
}


ngx_http_chat_call_t *
ngx_http_chat_store_call(ngx_http_chat_lane_e lane,
    ngx_http_chat_query_e query, ngx_http_chat_args_t *args,
    ngx_http_chat_call_pt done, void *data)
{
    ngx_http_chat_pg_t        *pg;
    ngx_http_chat_call_t      *call;
    ngx_http_chat_pg_params_t  params;

    pg = ngx_http_chat_store.lanes[lane];

    if (pg == NULL) {

        /* before the first connect everything waits on the fast lane */

        pg = ngx_http_chat_store.lanes[NGX_HTTP_CHAT_FAST];
        if (pg == NULL) {
            return NULL;
        }
    }

    call = ngx_calloc(sizeof(ngx_http_chat_call_t), ngx_cycle->log);
    if (call == NULL) {
        return NULL;
    }

    call->op.done = ngx_http_chat_store_done;
    call->op.data = call;
    call->op.stmt = query;
    call->done = done;
    call->data = data;
    call->lane = lane;

    params.values = args->values;
    params.lengths = args->lengths;
    params.n = args->n;

    if (ngx_http_chat_pg_send(pg, &call->op, &params) != NGX_OK) {
        ngx_free(call);
        return NULL;
    }

    ngx_http_chat_counter_add_cell(NGX_HTTP_CHAT_S_PG_CALLS, lane, 1);

    return call;
}


static void
ngx_http_chat_store_done(ngx_http_chat_pg_op_t *op)
{
    ngx_http_chat_call_t  *call;

    call = op->data;

    ngx_http_chat_counter_add_cell(NGX_HTTP_CHAT_S_PG_CALLS, call->lane, -1);

    call->rc = op->rc;
    call->res = op->rc == NGX_OK ? op->result : NULL;

    if (op->rc == NGX_ERROR) {
        ngx_http_chat_counter_add(NGX_HTTP_CHAT_S_PG_ERRORS, 1);

    } else if (op->rc == NGX_ABORT) {
        ngx_http_chat_counter_add(NGX_HTTP_CHAT_S_PG_TIMEOUTS, 1);
    }

    if (call->owner != NULL) {
        *call->owner = NULL;
    }

    call->done(call);

    ngx_free(call);
}


ngx_uint_t
ngx_http_chat_store_ready(void)
{
    ngx_http_chat_pg_t  *pg;

    pg = ngx_http_chat_store.lanes[NGX_HTTP_CHAT_FAST];

    return pg != NULL && ngx_http_chat_pg_is_ready(pg);
}


ngx_uint_t
ngx_http_chat_store_known(void)
{
    return ngx_http_chat_store.known;
}


u_char *
ngx_http_chat_store_epoch(void)
{
    return ngx_http_chat_store.epochs[ngx_http_chat_store.epoch];
}


u_char *
ngx_http_chat_store_installation(void)
{
    return ngx_http_chat_store.installation;
}


ngx_uint_t
ngx_http_chat_store_pending(void)
{
    ngx_uint_t  i, n;

    n = 0;

    for (i = 0; i < NGX_HTTP_CHAT_LANES; i++) {
        if (ngx_http_chat_store.lanes[i] != NULL) {
            n += ngx_http_chat_pg_pending(ngx_http_chat_store.lanes[i]);
        }
    }

    return n;
}


ngx_http_chat_pg_stats_t *
ngx_http_chat_store_stats(ngx_http_chat_lane_e lane)
{
    if (ngx_http_chat_store.lanes[lane] == NULL) {
        return NULL;
    }

    return ngx_http_chat_pg_stats(ngx_http_chat_store.lanes[lane]);
}
