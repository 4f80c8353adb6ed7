
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#include "ngx_http_chat_store.h"
#include "ngx_http_chat_embed.h"
#include "ngx_http_chat_site.h"


/*
 * What a worker does on each new connection of the fast lane: creates or
 * upgrades the schema under an advisory lock, reads the epoch and what a
 * worker knows of the sites.  Each step is one simple query; its result
 * leads to the next.
 */


/* this module speaks the functions of schema 1 and may serve later ones */
#define NGX_HTTP_CHAT_MODULE_SCHEMA  1

/* "chat" in ASCII: the key of the advisory lock */
#define NGX_HTTP_CHAT_LOCK           "1667785076"

#define NGX_HTTP_CHAT_MIGRATE_TIME   60000


typedef struct {
    ngx_http_chat_main_conf_t  *conf;
    ngx_log_t                  *log;
    u_char                     *epoch;
    u_char                     *installation;
    ngx_uint_t                  version;
    ngx_uint_t                  latest;
    unsigned                    locked:1;
    unsigned                    refused:1;
    unsigned                    warned:1;
} ngx_http_chat_migrate_t;


static ngx_uint_t ngx_http_chat_migrate_latest(void);
static void ngx_http_chat_migrate_look(ngx_http_chat_pg_t *pg);
static void ngx_http_chat_migrate_looked(ngx_http_chat_pg_t *pg,
    PGresult *res, void *data);
static void ngx_http_chat_migrate_version(ngx_http_chat_pg_t *pg,
    PGresult *res, void *data);
static void ngx_http_chat_migrate_decide(ngx_http_chat_pg_t *pg);
static void ngx_http_chat_migrate_locked(ngx_http_chat_pg_t *pg,
    PGresult *res, void *data);
static void ngx_http_chat_migrate_run(ngx_http_chat_pg_t *pg);
static void ngx_http_chat_migrate_ran(ngx_http_chat_pg_t *pg, PGresult *res,
    void *data);
static void ngx_http_chat_migrate_committed(ngx_http_chat_pg_t *pg,
    PGresult *res, void *data);
static void ngx_http_chat_migrate_info(ngx_http_chat_pg_t *pg);
static void ngx_http_chat_migrate_informed(ngx_http_chat_pg_t *pg,
    PGresult *res, void *data);
static void ngx_http_chat_migrate_warn(const char *warnings);
static void ngx_http_chat_migrate_sites(ngx_http_chat_pg_t *pg);
static void ngx_http_chat_migrate_sited(ngx_http_chat_pg_t *pg,
    PGresult *res, void *data);
static ngx_int_t ngx_http_chat_migrate_number(PGresult *res, ngx_uint_t row,
    int column);
static ngx_uint_t ngx_http_chat_migrate_ok(ngx_http_chat_pg_t *pg,
    PGresult *res, int columns);


/* one set-up at a time: a worker has one fast lane */

static ngx_http_chat_migrate_t  ngx_http_chat_migrate_state;


void
ngx_http_chat_migrate(ngx_http_chat_pg_t *pg, ngx_http_chat_main_conf_t *mcf,
    u_char *epoch, u_char *installation, ngx_log_t *log)
{
    ngx_http_chat_migrate_t  *m;

    m = &ngx_http_chat_migrate_state;

    m->conf = mcf;
    m->log = log;
    m->epoch = epoch;
    m->installation = installation;
    m->version = 0;
    m->latest = ngx_http_chat_migrate_latest();
    m->locked = 0;

    ngx_http_chat_migrate_look(pg);
}


/* the number of the last file, "0001_init.sql" */

static ngx_uint_t
ngx_http_chat_migrate_latest(void)
{
    ngx_int_t                     n, latest;
    const ngx_http_chat_embed_t  *file;

    latest = 0;

    for (file = ngx_http_chat_embed_sql; file->name != NULL; file++) {
        n = ngx_atoi((u_char *) file->name, 4);

        if (n > latest) {
            latest = n;
        }
    }

    return (ngx_uint_t) latest;
}


static void
ngx_http_chat_migrate_look(ngx_http_chat_pg_t *pg)
{
    /*
     * not to_regclass(): while this transaction waited for the lock its
     * catalog cache would still say that there is no schema
     */

    ngx_http_chat_pg_query(pg, "SELECT EXISTS (SELECT FROM pg_class c "
                           "JOIN pg_namespace n ON n.oid = c.relnamespace "
                           "WHERE n.nspname = 'chat' "
                           "AND c.relname = 'schema')",
                           5000, ngx_http_chat_migrate_looked);
}


static void
ngx_http_chat_migrate_looked(ngx_http_chat_pg_t *pg, PGresult *res,
    void *data)
{
    if (!ngx_http_chat_migrate_ok(pg, res, 1)) {
        return;
    }

    if (*PQgetvalue(res, 0, 0) != 't') {
        ngx_http_chat_migrate_state.version = 0;
        ngx_http_chat_migrate_decide(pg);
        return;
    }

    ngx_http_chat_pg_query(pg, "SELECT version, oldest_module "
                           "FROM chat.schema", 5000,
                           ngx_http_chat_migrate_version);
}


static void
ngx_http_chat_migrate_version(ngx_http_chat_pg_t *pg, PGresult *res,
    void *data)
{
    ngx_int_t                 oldest, version;
    ngx_http_chat_migrate_t  *m;

    m = &ngx_http_chat_migrate_state;

    if (!ngx_http_chat_migrate_ok(pg, res, 2)) {
        return;
    }

    version = ngx_atoi((u_char *) PQgetvalue(res, 0, 0),
                       PQgetlength(res, 0, 0));
    oldest = ngx_atoi((u_char *) PQgetvalue(res, 0, 1),
                      PQgetlength(res, 0, 1));

    if (version == NGX_ERROR || oldest == NGX_ERROR) {
        ngx_http_chat_pg_fail(pg, "the schema has no valid version");
        return;
    }

    if (oldest > NGX_HTTP_CHAT_MODULE_SCHEMA) {

        if (!m->refused) {
            m->refused = 1;
            ngx_log_error(NGX_LOG_CRIT, m->log, 0,
                          "chat schema %i does not serve this version of the "
                          "module any more", version);
        }

        ngx_http_chat_pg_fail(pg, "the schema is too new for this module");
        return;
    }

    m->refused = 0;
    m->version = (ngx_uint_t) version;

    ngx_http_chat_migrate_decide(pg);
}


static void
ngx_http_chat_migrate_decide(ngx_http_chat_pg_t *pg)
{
    ngx_http_chat_migrate_t  *m;

    m = &ngx_http_chat_migrate_state;

    if (m->locked) {
        ngx_http_chat_migrate_run(pg);
        return;
    }

    if (m->version >= m->latest) {
        ngx_http_chat_migrate_info(pg);
        return;
    }

    if (!m->conf->migrate) {
        ngx_http_chat_pg_fail(pg, m->version == 0
                              ? "the schema is missing, and \"chat_migrate\" "
                                "is off"
                              : "the schema is too old, and \"chat_migrate\" "
                                "is off");
        return;
    }

    ngx_http_chat_pg_query(pg, "BEGIN; SET LOCAL statement_timeout = 0;"
                           "SET LOCAL lock_timeout = '20s';"
                           "SELECT pg_advisory_xact_lock("
                           NGX_HTTP_CHAT_LOCK ")",
                           NGX_HTTP_CHAT_MIGRATE_TIME,
                           ngx_http_chat_migrate_locked);
}


static void
ngx_http_chat_migrate_locked(ngx_http_chat_pg_t *pg, PGresult *res,
    void *data)
{
    if (!ngx_http_chat_migrate_ok(pg, res, 1)) {
        return;
    }

    /* another worker may have done it meanwhile */

    ngx_http_chat_migrate_state.locked = 1;
    ngx_http_chat_migrate_look(pg);
}


/* runs the next file, or commits when there is none */

static void
ngx_http_chat_migrate_run(ngx_http_chat_pg_t *pg)
{
    ngx_int_t                     n;
    ngx_http_chat_migrate_t      *m;
    const ngx_http_chat_embed_t  *file;

    m = &ngx_http_chat_migrate_state;

    for (file = ngx_http_chat_embed_sql; file->name != NULL; file++) {
        n = ngx_atoi((u_char *) file->name, 4);

        if (n > (ngx_int_t) m->version) {
            ngx_log_error(NGX_LOG_NOTICE, m->log, 0,
                          "chat migration \"%s\"", file->name);

            m->version = (ngx_uint_t) n;

            ngx_http_chat_pg_query(pg, (const char *) file->data,
                                   NGX_HTTP_CHAT_MIGRATE_TIME,
                                   ngx_http_chat_migrate_ran);
            return;
        }
    }

    ngx_http_chat_pg_query(pg, "COMMIT", NGX_HTTP_CHAT_MIGRATE_TIME,
                           ngx_http_chat_migrate_committed);
}


static void
ngx_http_chat_migrate_ran(ngx_http_chat_pg_t *pg, PGresult *res, void *data)
{
    if (!ngx_http_chat_migrate_ok(pg, res, 0)) {
        return;
    }

    ngx_http_chat_migrate_run(pg);
}


static void
ngx_http_chat_migrate_committed(ngx_http_chat_pg_t *pg, PGresult *res,
    void *data)
{
    if (!ngx_http_chat_migrate_ok(pg, res, 0)) {
        return;
    }

    ngx_http_chat_migrate_state.locked = 0;
    ngx_http_chat_migrate_info(pg);
}


static void
ngx_http_chat_migrate_info(ngx_http_chat_pg_t *pg)
{
    ngx_http_chat_pg_query(pg, "SELECT epoch, warnings, installation "
                           "FROM chat.schema_info_1()", 5000,
                           ngx_http_chat_migrate_informed);
}


static void
ngx_http_chat_migrate_informed(ngx_http_chat_pg_t *pg, PGresult *res,
    void *data)
{
    ngx_http_chat_migrate_t  *m;

    m = &ngx_http_chat_migrate_state;

    if (!ngx_http_chat_migrate_ok(pg, res, 3)) {
        return;
    }

    if (PQgetlength(res, 0, 0) != NGX_HTTP_CHAT_EPOCH_LEN
        || PQgetlength(res, 0, 2) != NGX_HTTP_CHAT_ID_LEN)
    {
        ngx_http_chat_pg_fail(pg, "the schema has no valid epoch");
        return;
    }

    ngx_memcpy(m->epoch, PQgetvalue(res, 0, 0), NGX_HTTP_CHAT_EPOCH_LEN);
    ngx_memcpy(m->installation, PQgetvalue(res, 0, 2), NGX_HTTP_CHAT_ID_LEN);

    ngx_http_chat_migrate_warn(PQgetvalue(res, 0, 1));
    ngx_http_chat_migrate_sites(pg);
}


/* R1 does not hold then: said once by each worker */

static void
ngx_http_chat_migrate_warn(const char *warnings)
{
    ngx_http_chat_migrate_t  *m;

    m = &ngx_http_chat_migrate_state;

    if (*warnings == '\0' || m->warned) {
        return;
    }

    m->warned = 1;

    ngx_log_error(NGX_LOG_WARN, m->log, 0,
                  "PostgreSQL setting \"%s\" is off: "
                  "acknowledged messages may be lost in a crash", warnings);
}


static void
ngx_http_chat_migrate_sites(ngx_http_chat_pg_t *pg)
{
    u_char                   *p, *last, *sql;
    size_t                    size;
    ngx_uint_t                i;
    ngx_http_chat_site_t    **sites;
    ngx_http_chat_migrate_t  *m;

    m = &ngx_http_chat_migrate_state;
    sites = m->conf->sites.elts;

    size = 256;

    for (i = 0; i < m->conf->sites.nelts; i++) {
        size += sites[i]->name.len + sizeof("'',");
    }

    sql = ngx_alloc(size, m->log);
    if (sql == NULL) {
        ngx_http_chat_pg_fail(pg, "no memory");
        return;
    }

    last = sql + size;

    p = ngx_slprintf(sql, last, "SELECT s.id, s.version, s.origins FROM "
                     "unnest(ARRAY[");

    for (i = 0; i < m->conf->sites.nelts; i++) {

        /* "chat_site" allows nothing that would need quoting */

        p = ngx_slprintf(p, last, i == 0 ? "'%V'" : ",'%V'",
                         &sites[i]->name);
    }

    p = ngx_slprintf(p, last, "]::text[]) WITH ORDINALITY t(n, o), "
                     "chat.site_put_2(n) s ORDER BY o%Z");

    ngx_http_chat_pg_query(pg, (const char *) sql, 5000,
                           ngx_http_chat_migrate_sited);

    ngx_free(sql);
}


static void
ngx_http_chat_migrate_sited(ngx_http_chat_pg_t *pg, PGresult *res,
    void *data)
{
    ngx_int_t                 id, version;
    ngx_str_t                 origins;
    ngx_uint_t                i;
    ngx_http_chat_site_t    **sites;
    ngx_http_chat_migrate_t  *m;

    m = &ngx_http_chat_migrate_state;

    if (!ngx_http_chat_migrate_ok(pg, res, 3)) {
        return;
    }

    sites = m->conf->sites.elts;

    for (i = 0; i < m->conf->sites.nelts; i++) {

        id = ngx_http_chat_migrate_number(res, i, 0);
        version = ngx_http_chat_migrate_number(res, i, 1);

        if (id == NGX_ERROR || version == NGX_ERROR) {
            ngx_http_chat_pg_fail(pg, "a site has no valid id");
            return;
        }

        sites[i]->id = (int32_t) id;

        origins.data = (u_char *) PQgetvalue(res, (int) i, 2);
        origins.len = PQgetlength(res, (int) i, 2);

        if (ngx_http_chat_site_put(sites[i], (int32_t) version, &origins)
            != NGX_OK)
        {
            ngx_http_chat_pg_fail(pg, "the origins of a site are not kept");
            return;
        }
    }

    ngx_http_chat_pg_ready(pg);
}


static ngx_int_t
ngx_http_chat_migrate_number(PGresult *res, ngx_uint_t row, int column)
{
    if (row >= (ngx_uint_t) PQntuples(res)) {
        return NGX_ERROR;
    }

    return ngx_atoi((u_char *) PQgetvalue(res, (int) row, column),
                    PQgetlength(res, (int) row, column));
}


static ngx_uint_t
ngx_http_chat_migrate_ok(ngx_http_chat_pg_t *pg, PGresult *res, int columns)
{
    ExecStatusType  status;

    status = PQresultStatus(res);

    if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK) {
        ngx_http_chat_pg_fail(pg, PQresultErrorMessage(res));
        return 0;
    }

    if (columns == 0) {
        return 1;
    }

    if (PQntuples(res) < 1 || PQnfields(res) != columns) {
        ngx_http_chat_pg_fail(pg, "an unexpected answer during set-up");
        return 0;
    }

    return 1;
}
