
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_http_chat_pg.h"
#include "ngx_http_chat_secret.h"


#define NGX_HTTP_CHAT_PG_MAX_HOSTS  16


/*
 * libpq resolves names with a blocking getaddrinfo(), so a worker has to be
 * given numeric addresses or Unix sockets only.
 */

typedef struct {
    ngx_str_t            name;
    ngx_str_t            addr;
    ngx_str_t            port;
} ngx_http_chat_pg_host_t;


typedef struct {
    const char          *name;
    const char          *value;
} ngx_http_chat_pg_option_t;


typedef struct {
    ngx_conf_t          *cf;
    PQconninfoOption    *options;
    ngx_array_t          hosts;      /* ngx_http_chat_pg_host_t */
    ngx_array_t          text;       /* u_char */
} ngx_http_chat_pg_conninfo_t;


static char *ngx_http_chat_pg_conninfo_parse(ngx_http_chat_pg_conninfo_t *ci,
    ngx_str_t *text);
static char *ngx_http_chat_pg_conninfo_check(ngx_http_chat_pg_conninfo_t *ci);
static char *ngx_http_chat_pg_conninfo_hosts(ngx_http_chat_pg_conninfo_t *ci);
static char *ngx_http_chat_pg_conninfo_host(ngx_http_chat_pg_conninfo_t *ci,
    ngx_http_chat_pg_host_t *host);
static char *ngx_http_chat_pg_conninfo_resolve(
    ngx_http_chat_pg_conninfo_t *ci, ngx_http_chat_pg_host_t *host);
static char *ngx_http_chat_pg_conninfo_push(ngx_http_chat_pg_conninfo_t *ci,
    ngx_http_chat_pg_host_t *host);
static ngx_uint_t ngx_http_chat_pg_conninfo_numeric(ngx_str_t *s);
static ngx_uint_t ngx_http_chat_pg_conninfo_item(const char *list,
    ngx_uint_t i, ngx_str_t *item);
static const char *ngx_http_chat_pg_conninfo_get(
    ngx_http_chat_pg_conninfo_t *ci, const char *name);
static char *ngx_http_chat_pg_conninfo_write(ngx_http_chat_pg_conninfo_t *ci,
    ngx_str_t *out);
static ngx_int_t ngx_http_chat_pg_conninfo_list(
    ngx_http_chat_pg_conninfo_t *ci, const char *name, size_t offset);
static ngx_int_t ngx_http_chat_pg_conninfo_add(
    ngx_http_chat_pg_conninfo_t *ci, const char *name, const char *value);
static ngx_int_t ngx_http_chat_pg_conninfo_text(
    ngx_http_chat_pg_conninfo_t *ci, const char *data, size_t len);
static ngx_int_t ngx_http_chat_pg_conninfo_quoted(
    ngx_http_chat_pg_conninfo_t *ci, const char *data, size_t len);


/* value NULL: refused altogether */

static ngx_http_chat_pg_option_t  ngx_http_chat_pg_fixed[] = {
    { "client_encoding", "UTF8" },
    { "gssencmode", "disable" },
    { "replication", NULL },
    { "service", NULL },
    { NULL, NULL }
};


/* /nonexistent: libpq is not to look for a file in a home directory */

static ngx_http_chat_pg_option_t  ngx_http_chat_pg_defaults[] = {
    { "application_name", "nginx-chat" },
    { "keepalives", "1" },
    { "keepalives_idle", "30" },
    { "keepalives_interval", "5" },
    { "keepalives_count", "3" },
    { "tcp_user_timeout", "15000" },
    { "passfile", "/nonexistent" },
    { NULL, NULL }
};


char *
ngx_http_chat_pg_conninfo(ngx_conf_t *cf, ngx_str_t *value, ngx_str_t *out)
{
    char                         *rc;
    ngx_str_t                     text;
    ngx_http_chat_pg_conninfo_t   ci;

    text = *value;

    rc = ngx_http_chat_secret_file(cf, &text);

    if (rc != NGX_CONF_OK) {
        return rc;
    }

    ngx_memzero(&ci, sizeof(ngx_http_chat_pg_conninfo_t));

    ci.cf = cf;

    if (ngx_array_init(&ci.hosts, cf->pool, 4, sizeof(ngx_http_chat_pg_host_t))
        != NGX_OK
        || ngx_array_init(&ci.text, cf->pool, 512, 1) != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    rc = ngx_http_chat_pg_conninfo_parse(&ci, &text);

    if (rc == NGX_CONF_OK) {
        rc = ngx_http_chat_pg_conninfo_check(&ci);
    }

    if (rc == NGX_CONF_OK) {
        rc = ngx_http_chat_pg_conninfo_hosts(&ci);
    }

    if (rc == NGX_CONF_OK) {
        rc = ngx_http_chat_pg_conninfo_write(&ci, out);
    }

    PQconninfoFree(ci.options);

    return rc;
}


static char *
ngx_http_chat_pg_conninfo_parse(ngx_http_chat_pg_conninfo_t *ci,
    ngx_str_t *text)
{
    char  *err;

    if (text->len == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, ci->cf, 0,
                           "PostgreSQL connection string is empty");
        return NGX_CONF_ERROR;
    }

    if (ngx_strlchr(text->data, text->data + text->len, '\0') != NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, ci->cf, 0,
                           "PostgreSQL connection string has a zero byte");
        return NGX_CONF_ERROR;
    }

    err = NULL;

    ci->options = PQconninfoParse((char *) text->data, &err);

    if (ci->options != NULL) {
        return NGX_CONF_OK;
    }

    /* libpq's message would quote the string, that is, maybe a password */

    ngx_conf_log_error(NGX_LOG_EMERG, ci->cf, 0,
                       "invalid PostgreSQL connection string: %s",
                       err == NULL ? "out of memory"
                       : ngx_strstr(err, "invalid connection option")
                         ? "it has an option unknown to libpq"
                       : ngx_strstr(err, "missing \"=\"")
                         ? "\"=\" is missing after an option"
                       : ngx_strstr(err, "unterminated quoted")
                         ? "a quote is not closed"
                       : "libpq could not parse it");

    PQfreemem(err);

    return NGX_CONF_ERROR;
}


static char *
ngx_http_chat_pg_conninfo_check(ngx_http_chat_pg_conninfo_t *ci)
{
    const char                 *value, *user;
    ngx_http_chat_pg_option_t  *fixed;

    for (fixed = ngx_http_chat_pg_fixed; fixed->name != NULL; fixed++) {

        value = ngx_http_chat_pg_conninfo_get(ci, fixed->name);

        if (value == NULL) {
            continue;
        }

        if (fixed->value == NULL) {
            ngx_conf_log_error(NGX_LOG_EMERG, ci->cf, 0,
                               "option \"%s\" is not supported "
                               "in a PostgreSQL connection string",
                               fixed->name);
            return NGX_CONF_ERROR;
        }

        if (ngx_strcasecmp((u_char *) value, (u_char *) fixed->value) != 0) {
            ngx_conf_log_error(NGX_LOG_EMERG, ci->cf, 0,
                               "option \"%s\" must be \"%s\" "
                               "in a PostgreSQL connection string",
                               fixed->name, fixed->value);
            return NGX_CONF_ERROR;
        }
    }

    /* the default would be a name looked up by each worker */

    user = ngx_http_chat_pg_conninfo_get(ci, "user");

    if (user == NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, ci->cf, 0,
                           "no \"user\" in PostgreSQL connection string");
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_chat_pg_conninfo_hosts(ngx_http_chat_pg_conninfo_t *ci)
{
    char                     *rc;
    ngx_int_t                 port;
    const char               *names, *addrs, *ports;
    ngx_uint_t                i, more;
    ngx_http_chat_pg_host_t   host;

    names = ngx_http_chat_pg_conninfo_get(ci, "host");
    addrs = ngx_http_chat_pg_conninfo_get(ci, "hostaddr");
    ports = ngx_http_chat_pg_conninfo_get(ci, "port");

    more = 1;

    for (i = 0; more; i++) {

        ngx_memzero(&host, sizeof(ngx_http_chat_pg_host_t));

        more = ngx_http_chat_pg_conninfo_item(names, i, &host.name);

        if (addrs != NULL) {

            if (ngx_http_chat_pg_conninfo_item(addrs, i, &host.addr) != more
                && names != NULL)
            {
                ngx_conf_log_error(NGX_LOG_EMERG, ci->cf, 0,
                                   "\"host\" and \"hostaddr\" in PostgreSQL "
                                   "connection string differ in number");
                return NGX_CONF_ERROR;
            }

            if (names == NULL) {
                more = ngx_http_chat_pg_conninfo_item(addrs, i, &host.addr);
            }
        }

        if (ports != NULL) {

            if (ngx_strchr(ports, ',') == NULL) {
                (void) ngx_http_chat_pg_conninfo_item(ports, 0, &host.port);

            } else if (ngx_http_chat_pg_conninfo_item(ports, i, &host.port)
                       != more)
            {
                ngx_conf_log_error(NGX_LOG_EMERG, ci->cf, 0,
                                   "\"host\" and \"port\" in PostgreSQL "
                                   "connection string differ in number");
                return NGX_CONF_ERROR;
            }
        }

        if (host.port.len != 0) {
            port = ngx_atoi(host.port.data, host.port.len);

            if (port < 1 || port > 65535) {
                ngx_conf_log_error(NGX_LOG_EMERG, ci->cf, 0,
                                   "invalid \"port\" in PostgreSQL "
                                   "connection string");
                return NGX_CONF_ERROR;
            }
        }

        rc = ngx_http_chat_pg_conninfo_host(ci, &host);

        if (rc != NGX_CONF_OK) {
            return rc;
        }
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_chat_pg_conninfo_host(ngx_http_chat_pg_conninfo_t *ci,
    ngx_http_chat_pg_host_t *host)
{
    if (host->addr.len != 0) {

        if (!ngx_http_chat_pg_conninfo_numeric(&host->addr)) {
            ngx_conf_log_error(NGX_LOG_EMERG, ci->cf, 0,
                               "\"hostaddr\" in PostgreSQL connection string "
                               "is not a numeric address");
            return NGX_CONF_ERROR;
        }

        return ngx_http_chat_pg_conninfo_push(ci, host);
    }

    if (host->name.len == 0
        || host->name.data[0] == '/'
        || host->name.data[0] == '@')
    {
        return ngx_http_chat_pg_conninfo_push(ci, host);
    }

    if (ngx_http_chat_pg_conninfo_numeric(&host->name)) {
        host->addr = host->name;
        return ngx_http_chat_pg_conninfo_push(ci, host);
    }

    return ngx_http_chat_pg_conninfo_resolve(ci, host);
}


static char *
ngx_http_chat_pg_conninfo_resolve(ngx_http_chat_pg_conninfo_t *ci,
    ngx_http_chat_pg_host_t *host)
{
    char        *rc;
    u_char      *p;
    ngx_url_t    u;
    ngx_uint_t   i;

    ngx_memzero(&u, sizeof(ngx_url_t));

    u.host = host->name;

    if (ngx_inet_resolve_host(ci->cf->pool, &u) != NGX_OK) {
        ngx_conf_log_error(NGX_LOG_EMERG, ci->cf, 0,
                           "%s in PostgreSQL connection string \"host=%V\"",
                           u.err != NULL ? u.err : "no memory", &host->name);
        return NGX_CONF_ERROR;
    }

    for (i = 0; i < u.naddrs; i++) {

        p = ngx_pnalloc(ci->cf->pool, NGX_SOCKADDR_STRLEN);
        if (p == NULL) {
            return NGX_CONF_ERROR;
        }

        host->addr.data = p;
        host->addr.len = ngx_sock_ntop(u.addrs[i].sockaddr, u.addrs[i].socklen,
                                       p, NGX_SOCKADDR_STRLEN, 0);

        rc = ngx_http_chat_pg_conninfo_push(ci, host);

        if (rc != NGX_CONF_OK) {
            return rc;
        }
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_chat_pg_conninfo_push(ngx_http_chat_pg_conninfo_t *ci,
    ngx_http_chat_pg_host_t *host)
{
    ngx_http_chat_pg_host_t  *h;

    if (ci->hosts.nelts == NGX_HTTP_CHAT_PG_MAX_HOSTS) {
        ngx_conf_log_error(NGX_LOG_EMERG, ci->cf, 0,
                           "too many addresses in PostgreSQL "
                           "connection string");
        return NGX_CONF_ERROR;
    }

    h = ngx_array_push(&ci->hosts);
    if (h == NULL) {
        return NGX_CONF_ERROR;
    }

    *h = *host;

    return NGX_CONF_OK;
}


static ngx_uint_t
ngx_http_chat_pg_conninfo_numeric(ngx_str_t *s)
{
#if (NGX_HAVE_INET6)
    u_char  addr[16];

    if (ngx_inet6_addr(s->data, s->len, addr) == NGX_OK) {
        return 1;
    }
#endif

    return ngx_inet_addr(s->data, s->len) != INADDR_NONE;
}


/* element i of a comma-separated list; returns whether another one follows */

static ngx_uint_t
ngx_http_chat_pg_conninfo_item(const char *list, ngx_uint_t i,
    ngx_str_t *item)
{
    const char  *p;

    ngx_str_null(item);

    if (list == NULL) {
        return 0;
    }

    for (p = list; *p != '\0' && i != 0; p++) {
        if (*p == ',') {
            i--;
        }
    }

    if (i != 0) {
        return 0;
    }

    item->data = (u_char *) p;

    while (*p != '\0' && *p != ',') {
        p++;
    }

    item->len = p - (char *) item->data;

    return *p == ',';
}


/* NULL if the option is absent or empty, which libpq takes for the same */

static const char *
ngx_http_chat_pg_conninfo_get(ngx_http_chat_pg_conninfo_t *ci,
    const char *name)
{
    PQconninfoOption  *o;

    for (o = ci->options; o->keyword != NULL; o++) {
        if (ngx_strcmp(o->keyword, name) == 0) {
            return (o->val != NULL && o->val[0] != '\0') ? o->val : NULL;
        }
    }

    return NULL;
}


static char *
ngx_http_chat_pg_conninfo_write(ngx_http_chat_pg_conninfo_t *ci,
    ngx_str_t *out)
{
    PQconninfoOption           *o;
    ngx_http_chat_pg_option_t  *fixed, *def;

    for (o = ci->options; o->keyword != NULL; o++) {

        if (o->val == NULL
            || o->val[0] == '\0'
            || ngx_strcmp(o->keyword, "host") == 0
            || ngx_strcmp(o->keyword, "hostaddr") == 0
            || ngx_strcmp(o->keyword, "port") == 0
            || ngx_strcmp(o->keyword, "client_encoding") == 0
            || ngx_strcmp(o->keyword, "gssencmode") == 0)
        {
            continue;
        }

        if (ngx_http_chat_pg_conninfo_add(ci, o->keyword, o->val) != NGX_OK) {
            return NGX_CONF_ERROR;
        }
    }

    for (fixed = ngx_http_chat_pg_fixed; fixed->name != NULL; fixed++) {

        if (fixed->value != NULL
            && ngx_http_chat_pg_conninfo_add(ci, fixed->name, fixed->value)
               != NGX_OK)
        {
            return NGX_CONF_ERROR;
        }
    }

    for (def = ngx_http_chat_pg_defaults; def->name != NULL; def++) {

        if (ngx_http_chat_pg_conninfo_get(ci, def->name) == NULL
            && ngx_http_chat_pg_conninfo_add(ci, def->name, def->value)
               != NGX_OK)
        {
            return NGX_CONF_ERROR;
        }
    }

    if (ngx_http_chat_pg_conninfo_list(ci, "host",
                                 offsetof(ngx_http_chat_pg_host_t, name))
        != NGX_OK
        || ngx_http_chat_pg_conninfo_list(ci, "hostaddr",
                                 offsetof(ngx_http_chat_pg_host_t, addr))
           != NGX_OK
        || ngx_http_chat_pg_conninfo_list(ci, "port",
                                 offsetof(ngx_http_chat_pg_host_t, port))
           != NGX_OK
        || ngx_http_chat_pg_conninfo_text(ci, "\0", 1) != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    out->data = ci->text.elts;
    out->len = ci->text.nelts - 1;

    return NGX_CONF_OK;
}


/* one of the three parallel lists, left out if it is empty throughout */

static ngx_int_t
ngx_http_chat_pg_conninfo_list(ngx_http_chat_pg_conninfo_t *ci,
    const char *name, size_t offset)
{
    size_t                    len;
    ngx_str_t                *s;
    ngx_uint_t                i;
    ngx_http_chat_pg_host_t  *hosts;

    len = 0;
    hosts = ci->hosts.elts;

    for (i = 0; i < ci->hosts.nelts; i++) {
        s = (ngx_str_t *) ((u_char *) &hosts[i] + offset);
        len += s->len;
    }

    if (len == 0) {
        return NGX_OK;
    }

    if (ngx_http_chat_pg_conninfo_text(ci, name, ngx_strlen(name)) != NGX_OK
        || ngx_http_chat_pg_conninfo_text(ci, "='", 2) != NGX_OK)
    {
        return NGX_ERROR;
    }

    for (i = 0; i < ci->hosts.nelts; i++) {
        s = (ngx_str_t *) ((u_char *) &hosts[i] + offset);

        if (i != 0 && ngx_http_chat_pg_conninfo_text(ci, ",", 1) != NGX_OK) {
            return NGX_ERROR;
        }

        if (ngx_http_chat_pg_conninfo_quoted(ci, (char *) s->data, s->len)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return ngx_http_chat_pg_conninfo_text(ci, "' ", 2);
}


static ngx_int_t
ngx_http_chat_pg_conninfo_add(ngx_http_chat_pg_conninfo_t *ci,
    const char *name, const char *value)
{
    if (ngx_http_chat_pg_conninfo_text(ci, name, ngx_strlen(name)) != NGX_OK
        || ngx_http_chat_pg_conninfo_text(ci, "='", 2) != NGX_OK
        || ngx_http_chat_pg_conninfo_quoted(ci, value, ngx_strlen(value))
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_chat_pg_conninfo_text(ci, "' ", 2);
}


static ngx_int_t
ngx_http_chat_pg_conninfo_quoted(ngx_http_chat_pg_conninfo_t *ci,
    const char *data, size_t len)
{
    size_t  i;

    for (i = 0; i < len; i++) {

        if ((data[i] == '\'' || data[i] == '\\')
            && ngx_http_chat_pg_conninfo_text(ci, "\\", 1) != NGX_OK)
        {
            return NGX_ERROR;
        }

        if (ngx_http_chat_pg_conninfo_text(ci, &data[i], 1) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_chat_pg_conninfo_text(ngx_http_chat_pg_conninfo_t *ci,
    const char *data, size_t len)
{
    u_char  *p;

    p = ngx_array_push_n(&ci->text, len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(p, data, len);

    return NGX_OK;
}
