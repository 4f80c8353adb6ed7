
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


/*
 * Runs operations of the PostgreSQL engine on request, for tests.
 *
 *     pgtest <conninfo> [max_ops=] [max_bytes=] [max_inflight=]
 *            [connect_timeout=] [connect_wait=] [op_timeout=]
 *            [setup=ok|fail|hang|slow] [lazy=1];               (main level)
 *     pgtest_run;                                              (location)
 *
 * ?op=<name>:<arg>[,...]  queues these at once and answers one line for each
 *                         in the order of done(): "<n> OK|ERROR|BUSY|ABORT
 *                         <value or SQLSTATE>"; "REFUSED" is send()'s own.
 * ?chain=<count>&window=<n>[&op=...]  keeps n in flight, each done() sending
 *                         the next; answers the number of each outcome.
 * ?conninfo               the string given to libpq.
 * otherwise               the engine's state.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>
#include "ngx_http_chat_pg.h"


#define NGX_HTTP_PGTEST_MAX_OPS  512
#define NGX_HTTP_PGTEST_SIZE     65536


typedef struct {
    ngx_http_chat_pg_conf_t   conf;
    ngx_uint_t                setup;
} ngx_http_pgtest_main_conf_t;


typedef struct {
    ngx_http_chat_pg_op_t     op;
    ngx_uint_t                n;
} ngx_http_pgtest_op_t;


/* outlives the request, if that has to */

typedef struct {
    ngx_http_request_t       *request;       /* NULL: gone */
    ngx_uint_t                pending;
    ngx_uint_t                chain;         /* still to be sent */
    ngx_uint_t                count[5];
    ngx_uint_t                sending;
    ngx_uint_t                recursion;     /* done() within send() */
    ngx_uint_t                stmt;
    u_char                    arg[256];
    size_t                    len;
    u_char                   *last;
    u_char                    text[NGX_HTTP_PGTEST_SIZE];
} ngx_http_pgtest_run_t;


static ngx_int_t ngx_http_pgtest_handler(ngx_http_request_t *r);
static ngx_int_t ngx_http_pgtest_ops(ngx_http_request_t *r,
    ngx_http_pgtest_run_t *run, ngx_str_t *ops);
static ngx_int_t ngx_http_pgtest_parse(ngx_http_pgtest_run_t *run, u_char *p,
    u_char *last);
static ngx_int_t ngx_http_pgtest_send_op(ngx_http_pgtest_run_t *run,
    ngx_uint_t n);
static void ngx_http_pgtest_done(ngx_http_chat_pg_op_t *op);
static void ngx_http_pgtest_line(ngx_http_pgtest_run_t *run, ngx_uint_t n,
    char *outcome, char *value, size_t len);
static void ngx_http_pgtest_end(ngx_http_pgtest_run_t *run);
static void ngx_http_pgtest_cleanup(void *data);
static ngx_int_t ngx_http_pgtest_answer(ngx_http_request_t *r, u_char *text,
    size_t len);
static ngx_int_t ngx_http_pgtest_state(ngx_http_request_t *r);
static void ngx_http_pgtest_setup(ngx_http_chat_pg_t *pg, void *data);
static void ngx_http_pgtest_first(ngx_http_chat_pg_t *pg, PGresult *res,
    void *data);
static void ngx_http_pgtest_second(ngx_http_chat_pg_t *pg, PGresult *res,
    void *data);
static void ngx_http_pgtest_on_state(ngx_http_chat_pg_t *pg, ngx_uint_t ready,
    void *data);
static void ngx_http_pgtest_on_notify(ngx_http_chat_pg_t *pg,
    const char *channel, const char *payload, void *data);
static void *ngx_http_pgtest_create_main_conf(ngx_conf_t *cf);
static char *ngx_http_pgtest(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
static char *ngx_http_pgtest_run(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static ngx_int_t ngx_http_pgtest_init_process(ngx_cycle_t *cycle);
static void ngx_http_pgtest_exit_process(ngx_cycle_t *cycle);


static ngx_http_chat_pg_stmt_t  ngx_http_pgtest_stmts[] = {
    { "echo", "SELECT $1::text", 1, NULL },
    { "sleep", "SELECT pg_sleep($1::text::float8)::text", 1, NULL },
    { "divide", "SELECT (1 / $1::text::int)::text", 1, NULL },
    { "insert", "INSERT INTO item (v) VALUES ($1::text)", 1, NULL },
    { "count", "SELECT count(*)::text FROM item WHERE v = $1::text", 1, NULL },
    { "child", "INSERT INTO child (v) VALUES ($1::text)", 1, NULL },
    { "pid", "SELECT pg_backend_pid()::text || $1::text", 1, NULL },
    { "repeat", "SELECT repeat('x', $1::text::int)", 1, NULL },
    { "notify", "SELECT pg_notify('news', $1::text)::text", 1, NULL },
    { "warn", "DO $$ BEGIN RAISE WARNING 'warned'; END $$", 0, NULL }
};


static ngx_command_t  ngx_http_pgtest_commands[] = {

    { ngx_string("pgtest"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_1MORE,
      ngx_http_pgtest,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("pgtest_run"),
      NGX_HTTP_LOC_CONF|NGX_CONF_NOARGS,
      ngx_http_pgtest_run,
      0,
      0,
      NULL },

      ngx_null_command
};


static ngx_http_module_t  ngx_http_pgtest_module_ctx = {
    NULL,                                  /* preconfiguration */
    NULL,                                  /* postconfiguration */

    ngx_http_pgtest_create_main_conf,      /* create main configuration */
    NULL,                                  /* init main configuration */

    NULL,                                  /* create server configuration */
    NULL,                                  /* merge server configuration */

    NULL,                                  /* create location configuration */
    NULL                                   /* merge location configuration */
};


ngx_module_t  ngx_http_pgtest_module = {
    NGX_MODULE_V1,
    &ngx_http_pgtest_module_ctx,           /* module context */
    ngx_http_pgtest_commands,              /* module directives */
    NGX_HTTP_MODULE,                       /* module type */
    NULL,                                  /* init master */
    NULL,                                  /* init module */
    ngx_http_pgtest_init_process,          /* init process */
    NULL,                                  /* init thread */
    NULL,                                  /* exit thread */
    ngx_http_pgtest_exit_process,          /* exit process */
    NULL,                                  /* exit master */
    NGX_MODULE_V1_PADDING
};


static ngx_http_chat_pg_t  *ngx_http_pgtest_pg;
static ngx_uint_t           ngx_http_pgtest_ups, ngx_http_pgtest_downs;
static ngx_uint_t           ngx_http_pgtest_notified;
static char                 ngx_http_pgtest_payload[64];


static ngx_int_t
ngx_http_pgtest_handler(ngx_http_request_t *r)
{
    ngx_int_t                     rc;
    ngx_str_t                     ops, chain, window;
    ngx_uint_t                    n;
    ngx_http_cleanup_t           *cln;
    ngx_http_pgtest_run_t        *run;
    ngx_http_pgtest_main_conf_t  *mcf;

    rc = ngx_http_discard_request_body(r);
    if (rc != NGX_OK) {
        return rc;
    }

    if (r->args.len == 8 && ngx_strncmp(r->args.data, "conninfo", 8) == 0) {
        mcf = ngx_http_get_module_main_conf(r, ngx_http_pgtest_module);

        return ngx_http_pgtest_answer(r, mcf->conf.conninfo.data,
                                      mcf->conf.conninfo.len);
    }

    if (ngx_http_arg(r, (u_char *) "op", 2, &ops) != NGX_OK) {
        return ngx_http_pgtest_state(r);
    }

    run = ngx_calloc(sizeof(ngx_http_pgtest_run_t), r->connection->log);
    if (run == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    run->last = run->text;

    cln = ngx_http_cleanup_add(r, 0);
    if (cln == NULL) {
        ngx_free(run);
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    cln->handler = ngx_http_pgtest_cleanup;
    cln->data = run;

    run->request = r;
    run->pending = 1;

    r->read_event_handler = ngx_http_test_reading;
    r->main->count++;

    if (ngx_http_arg(r, (u_char *) "chain", 5, &chain) != NGX_OK) {
        rc = ngx_http_pgtest_ops(r, run, &ops);

    } else {
        rc = ngx_http_pgtest_parse(run, ops.data, ops.data + ops.len);
        run->chain = ngx_atoi(chain.data, chain.len);

        n = 1;

        if (ngx_http_arg(r, (u_char *) "window", 6, &window) == NGX_OK) {
            n = ngx_atoi(window.data, window.len);
        }

        while (rc == NGX_OK && n > 0 && run->chain > 0) {
            n--;
            run->chain--;
            (void) ngx_http_pgtest_send_op(run, 0);
        }
    }

    if (rc != NGX_OK) {
        ngx_http_pgtest_line(run, 0, "WRONG", "", 0);
    }

    ngx_http_pgtest_end(run);

    return NGX_DONE;
}


static ngx_int_t
ngx_http_pgtest_ops(ngx_http_request_t *r, ngx_http_pgtest_run_t *run,
    ngx_str_t *ops)
{
    u_char      *p, *end, *last;
    ngx_uint_t   n;

    p = ops->data;
    last = p + ops->len;

    for (n = 0; n < NGX_HTTP_PGTEST_MAX_OPS; n++) {

        end = ngx_strlchr(p, last, ',');
        end = (end != NULL) ? end : last;

        if (ngx_http_pgtest_parse(run, p, end) != NGX_OK) {
            return NGX_ERROR;
        }

        if (ngx_http_pgtest_send_op(run, n) != NGX_OK) {
            ngx_http_pgtest_line(run, n, "REFUSED", "", 0);
        }

        if (end == last) {
            return NGX_OK;
        }

        p = end + 1;
    }

    return NGX_ERROR;
}


static ngx_int_t
ngx_http_pgtest_parse(ngx_http_pgtest_run_t *run, u_char *p, u_char *last)
{
    u_char      *colon;
    ngx_str_t    name;
    ngx_uint_t   i, n;

    colon = ngx_strlchr(p, last, ':');
    n = sizeof(ngx_http_pgtest_stmts) / sizeof(ngx_http_chat_pg_stmt_t);

    name.data = p;
    name.len = (colon != NULL) ? (size_t) (colon - p) : (size_t) (last - p);

    run->len = (colon != NULL) ? last - colon - 1 : 0;

    if (run->len > sizeof(run->arg)) {
        return NGX_ERROR;
    }

    if (run->len > 0) {
        ngx_memcpy(run->arg, colon + 1, run->len);
    }

    for (i = 0; i < n; i++) {
        if (ngx_strlen(ngx_http_pgtest_stmts[i].name) == name.len
            && ngx_strncmp(ngx_http_pgtest_stmts[i].name, name.data, name.len)
               == 0)
        {
            run->stmt = i;
            return NGX_OK;
        }
    }

    return NGX_ERROR;
}


/* an argument of "null" is NULL */

static ngx_int_t
ngx_http_pgtest_send_op(ngx_http_pgtest_run_t *run, ngx_uint_t n)
{
    int                          lengths[1];
    ngx_int_t                    rc;
    const char                  *values[1];
    ngx_http_pgtest_op_t        *op;
    ngx_http_chat_pg_params_t    params;

    op = ngx_alloc(sizeof(ngx_http_pgtest_op_t), ngx_cycle->log);
    if (op == NULL) {
        return NGX_ERROR;
    }

    op->op.done = ngx_http_pgtest_done;
    op->op.data = run;
    op->op.stmt = run->stmt;
    op->n = n;

    values[0] = (char *) run->arg;
    lengths[0] = (int) run->len;

    if (run->len == 4 && ngx_strncmp(run->arg, "null", 4) == 0) {
        values[0] = NULL;
    }

    params.values = values;
    params.lengths = lengths;
    params.n = ngx_http_pgtest_stmts[run->stmt].nparams;

    run->pending++;
    run->sending++;

    rc = ngx_http_chat_pg_send(ngx_http_pgtest_pg, &op->op, &params);

    run->sending--;

    if (rc != NGX_OK) {
        run->pending--;
        run->count[4]++;
        ngx_free(op);
    }

    return rc;
}


static void
ngx_http_pgtest_done(ngx_http_chat_pg_op_t *op)
{
    char                   *value;
    size_t                  len;
    ngx_http_pgtest_op_t   *o;
    ngx_http_pgtest_run_t  *run;

    o = (ngx_http_pgtest_op_t *) op;
    run = op->data;

    if (run->sending) {
        run->recursion++;
    }

    value = "";
    len = 0;

    switch (op->rc) {

    case NGX_OK:
        run->count[0]++;

        if (PQntuples(op->result) == 1 && PQnfields(op->result) == 1) {
            value = PQgetvalue(op->result, 0, 0);
            len = PQgetlength(op->result, 0, 0);
        }

        ngx_http_pgtest_line(run, o->n, "OK", value, len);
        break;

    case NGX_ERROR:
        run->count[1]++;
        ngx_http_pgtest_line(run, o->n, "ERROR", op->sqlstate,
                             ngx_strlen(op->sqlstate));
        break;

    case NGX_BUSY:
        run->count[2]++;
        ngx_http_pgtest_line(run, o->n, "BUSY", "", 0);
        break;

    default:
        run->count[3]++;
        ngx_http_pgtest_line(run, o->n,
                             op->rc == NGX_ABORT ? "ABORT" : "WRONG", "", 0);
    }

    ngx_free(o);

    if (run->chain > 0) {
        run->chain--;
        (void) ngx_http_pgtest_send_op(run, 0);
    }

    ngx_http_pgtest_end(run);
}


static void
ngx_http_pgtest_line(ngx_http_pgtest_run_t *run, ngx_uint_t n, char *outcome,
    char *value, size_t len)
{
    /* of a long value its length */

    if (len > 128) {
        run->last = ngx_slprintf(run->last, run->text + NGX_HTTP_PGTEST_SIZE,
                                 "%ui %s %uz bytes\n", n, outcome, len);
        return;
    }

    run->last = ngx_slprintf(run->last, run->text + NGX_HTTP_PGTEST_SIZE,
                             "%ui %s%s%*s\n", n, outcome, len ? " " : "",
                             len, value);
}


/* may free the request and run */

static void
ngx_http_pgtest_end(ngx_http_pgtest_run_t *run)
{
    ngx_connection_t    *c;
    ngx_http_request_t  *r;

    if (--run->pending > 0) {
        return;
    }

    r = run->request;

    if (r == NULL) {
        ngx_free(run);
        return;
    }

    c = r->connection;

    if (run->count[0] + run->count[1] + run->count[2] + run->count[3]
        + run->count[4] > NGX_HTTP_PGTEST_MAX_OPS)
    {
        run->last = ngx_slprintf(run->text, run->text + NGX_HTTP_PGTEST_SIZE,
                                 "ok:%ui error:%ui busy:%ui abort:%ui "
                                 "refused:%ui\n",
                                 run->count[0], run->count[1], run->count[2],
                                 run->count[3], run->count[4]);
    }

    if (run->recursion) {
        run->last = ngx_slprintf(run->last, run->text + NGX_HTTP_PGTEST_SIZE,
                                 "done() inside send()\n");
    }

    ngx_http_finalize_request(r, ngx_http_pgtest_answer(r, run->text,
                                                    run->last - run->text));
    ngx_http_run_posted_requests(c);
}


static void
ngx_http_pgtest_cleanup(void *data)
{
    ngx_http_pgtest_run_t *run = data;

    run->request = NULL;

    if (run->pending == 0) {
        ngx_free(run);
    }
}


static ngx_int_t
ngx_http_pgtest_answer(ngx_http_request_t *r, u_char *text, size_t len)
{
    ngx_int_t     rc;
    ngx_buf_t    *b;
    ngx_chain_t   out;

    r->headers_out.status = NGX_HTTP_OK;
    r->headers_out.content_length_n = len;
    ngx_str_set(&r->headers_out.content_type, "text/plain");

    rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }

    b = ngx_create_temp_buf(r->pool, len + 1);
    if (b == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    b->last = ngx_cpymem(b->last, text, len);
    b->last_buf = 1;
    b->last_in_chain = 1;

    out.buf = b;
    out.next = NULL;

    return ngx_http_output_filter(r, &out);
}


static ngx_int_t
ngx_http_pgtest_state(ngx_http_request_t *r)
{
    u_char                    *p, text[512];
    ngx_http_chat_pg_stats_t  *st;

    st = ngx_http_chat_pg_stats(ngx_http_pgtest_pg);

    p = ngx_slprintf(text, text + sizeof(text),
                     "worker:%P\nready:%ui\npending:%ui\nconnects:%ui\n"
                     "failures:%ui\nops:%ui\nerrors:%ui\nbusy:%ui\n"
                     "aborts:%ui\ntimeouts:%ui\nups:%ui\ndowns:%ui\n"
                     "notified:%ui\npayload:%s\n",
                     ngx_pid, ngx_http_chat_pg_is_ready(ngx_http_pgtest_pg),
                     ngx_http_chat_pg_pending(ngx_http_pgtest_pg),
                     st->connects, st->failures, st->ops, st->errors,
                     st->busy, st->aborts, st->timeouts,
                     ngx_http_pgtest_ups, ngx_http_pgtest_downs,
                     ngx_http_pgtest_notified, ngx_http_pgtest_payload);

    return ngx_http_pgtest_answer(r, text, p - text);
}


static void
ngx_http_pgtest_setup(ngx_http_chat_pg_t *pg, void *data)
{
    ngx_http_pgtest_main_conf_t *mcf = data;

    if (mcf->setup == 'h') {
        ngx_http_chat_pg_query(pg, "SELECT pg_sleep(60)", 200,
                               ngx_http_pgtest_first);
        return;
    }

    if (mcf->setup == 's') {
        ngx_http_chat_pg_query(pg, "SELECT pg_sleep(1.2)", 5000,
                               ngx_http_pgtest_first);
        return;
    }

    ngx_http_chat_pg_query(pg,
        "SELECT pg_advisory_lock(1);"
        "CREATE TABLE IF NOT EXISTS item (v text PRIMARY KEY);"
        "CREATE TABLE IF NOT EXISTS child (v text REFERENCES item"
        " DEFERRABLE INITIALLY DEFERRED);"
        "SELECT pg_advisory_unlock(1)",
        2000, ngx_http_pgtest_first);
}


static void
ngx_http_pgtest_first(ngx_http_chat_pg_t *pg, PGresult *res, void *data)
{
    ngx_http_pgtest_main_conf_t *mcf = data;

    if (PQresultStatus(res) != PGRES_TUPLES_OK) {
        ngx_http_chat_pg_fail(pg, "first query failed");
        return;
    }

    if (mcf->setup == 'f') {
        ngx_http_chat_pg_query(pg, "SELECT 1; SELECT 1/0; SELECT 2", 2000,
                               ngx_http_pgtest_second);
        return;
    }

    ngx_http_chat_pg_query(pg, "LISTEN news", 2000, ngx_http_pgtest_second);
}


static void
ngx_http_pgtest_second(ngx_http_chat_pg_t *pg, PGresult *res, void *data)
{
    if (PQresultStatus(res) == PGRES_COMMAND_OK) {
        ngx_http_chat_pg_ready(pg);
        return;
    }

    ngx_http_chat_pg_fail(pg, PQresultErrorMessage(res));
}


static void
ngx_http_pgtest_on_state(ngx_http_chat_pg_t *pg, ngx_uint_t ready, void *data)
{
    if (ready) {
        ngx_http_pgtest_ups++;

    } else {
        ngx_http_pgtest_downs++;
    }
}


static void
ngx_http_pgtest_on_notify(ngx_http_chat_pg_t *pg, const char *channel,
    const char *payload, void *data)
{
    ngx_http_pgtest_notified++;

    ngx_cpystrn((u_char *) ngx_http_pgtest_payload, (u_char *) payload,
                sizeof(ngx_http_pgtest_payload));
}


static void *
ngx_http_pgtest_create_main_conf(ngx_conf_t *cf)
{
    ngx_http_chat_pg_conf_t      *conf;
    ngx_http_pgtest_main_conf_t  *mcf;

    mcf = ngx_pcalloc(cf->pool, sizeof(ngx_http_pgtest_main_conf_t));
    if (mcf == NULL) {
        return NULL;
    }

    conf = &mcf->conf;

    ngx_str_set(&conf->name, "test");

    conf->stmts = ngx_http_pgtest_stmts;
    conf->nstmts = sizeof(ngx_http_pgtest_stmts)
                   / sizeof(ngx_http_chat_pg_stmt_t);
    conf->max_ops = 1024;
    conf->max_bytes = 1024 * 1024;
    conf->max_inflight = 64;
    conf->connect_timeout = 1000;
    conf->connect_wait = 800;
    conf->op_timeout = 3000;
    conf->setup = ngx_http_pgtest_setup;
    conf->on_state = ngx_http_pgtest_on_state;
    conf->on_notify = ngx_http_pgtest_on_notify;
    conf->data = mcf;

    return mcf;
}


static char *
ngx_http_pgtest(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_pgtest_main_conf_t *mcf = conf;

    u_char     *p;
    ngx_int_t   n;
    ngx_str_t  *value, name;
    ngx_uint_t  i;

    value = cf->args->elts;

    for (i = 2; i < cf->args->nelts; i++) {

        p = (u_char *) ngx_strchr(value[i].data, '=');
        if (p == NULL) {
            return "has a wrong parameter";
        }

        name.data = value[i].data;
        name.len = p++ - value[i].data;

        n = ngx_atoi(p, value[i].data + value[i].len - p);

        if (ngx_strncmp(name.data, "setup", name.len) == 0) {
            mcf->setup = *p;

        } else if (ngx_strncmp(name.data, "max_ops", name.len) == 0) {
            mcf->conf.max_ops = n;

        } else if (ngx_strncmp(name.data, "max_bytes", name.len) == 0) {
            mcf->conf.max_bytes = n;

        } else if (ngx_strncmp(name.data, "max_inflight", name.len) == 0) {
            mcf->conf.max_inflight = n;

        } else if (ngx_strncmp(name.data, "connect_timeout", name.len) == 0) {
            mcf->conf.connect_timeout = n;

        } else if (ngx_strncmp(name.data, "connect_wait", name.len) == 0) {
            mcf->conf.connect_wait = n;

        } else if (ngx_strncmp(name.data, "op_timeout", name.len) == 0) {
            mcf->conf.op_timeout = n;

        } else if (ngx_strncmp(name.data, "lazy", name.len) == 0) {
            mcf->conf.lazy = (n == 1);

        } else {
            return "has an unknown parameter";
        }
    }

    return ngx_http_chat_pg_conninfo(cf, &value[1], &mcf->conf.conninfo);
}


static char *
ngx_http_pgtest_run(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);
    clcf->handler = ngx_http_pgtest_handler;

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_http_pgtest_init_process(ngx_cycle_t *cycle)
{
    ngx_http_pgtest_main_conf_t  *mcf;

    if (ngx_process != NGX_PROCESS_WORKER && ngx_process != NGX_PROCESS_SINGLE)
    {
        return NGX_OK;
    }

    mcf = ngx_http_cycle_get_module_main_conf(cycle, ngx_http_pgtest_module);

    ngx_http_pgtest_pg = NULL;
    ngx_http_pgtest_ups = 0;
    ngx_http_pgtest_downs = 0;
    ngx_http_pgtest_notified = 0;
    ngx_http_pgtest_payload[0] = '\0';

    if (mcf == NULL || mcf->conf.conninfo.len == 0) {
        return NGX_OK;
    }

    ngx_http_pgtest_pg = ngx_http_chat_pg_create(&mcf->conf, cycle->log);

    return ngx_http_pgtest_pg != NULL ? NGX_OK : NGX_ERROR;
}


static void
ngx_http_pgtest_exit_process(ngx_cycle_t *cycle)
{
    if (ngx_http_pgtest_pg != NULL) {
        ngx_http_chat_pg_destroy(ngx_http_pgtest_pg);
        ngx_http_pgtest_pg = NULL;
    }
}


/* what nginx's own build would add to a dynamic module */

ngx_module_t  *ngx_modules[] = {
    &ngx_http_pgtest_module,
    NULL
};

char  *ngx_module_names[] = {
    "ngx_http_pgtest_module",
    NULL
};

char  *ngx_module_order[] = {
    NULL
};
