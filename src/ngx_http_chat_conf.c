
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#include "ngx_http_chat.h"
#include "ngx_http_chat_conf.h"
#include "ngx_http_chat_origin.h"
#include "ngx_http_chat_pg.h"
#include "ngx_http_chat_redis.h"
#include "ngx_http_chat_status.h"

#include <ngx_thread_pool.h>
#include <openssl/evp.h>


#define NGX_HTTP_CHAT_SITE_LEN      32


static char *ngx_http_chat_conf_refuse(ngx_conf_t *cf, ngx_command_t *cmd,
    ngx_str_t *value, const char *allowed);
static char *ngx_http_chat_conf_prefix(ngx_conf_t *cf,
    ngx_http_core_loc_conf_t *clcf);
static ngx_int_t ngx_http_chat_conf_value(ngx_conf_t *cf, ngx_str_t *text,
    ngx_http_complex_value_t *value);


static ngx_conf_enum_t  ngx_http_chat_conf_halves[] = {
    { ngx_string("on"), NGX_HTTP_CHAT_MEMBER },
    { ngx_string("visitor"), NGX_HTTP_CHAT_VISITOR },
    { ngx_string("agent"), NGX_HTTP_CHAT_AGENT },
    { ngx_string("off"), NGX_HTTP_CHAT_OFF },
    { ngx_null_string, 0 }
};


static ngx_conf_enum_t  ngx_http_chat_conf_secures[] = {
    { ngx_string("auto"), NGX_HTTP_CHAT_SECURE_AUTO },
    { ngx_string("on"), NGX_HTTP_CHAT_SECURE_ON },
    { ngx_string("off"), NGX_HTTP_CHAT_SECURE_OFF },
    { ngx_null_string, 0 }
};


static char *
ngx_http_chat_conf_refuse(ngx_conf_t *cf, ngx_command_t *cmd,
    ngx_str_t *value, const char *allowed)
{
    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "\"%V\" directive: invalid value \"%V\", it must be %s",
                       &cmd->name, value, allowed);

    return NGX_CONF_ERROR;
}


char *
ngx_http_chat_conf_chat(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_chat_loc_conf_t *lcf = conf;

    ngx_str_t                  *value;
    ngx_conf_enum_t            *e;
    ngx_http_core_loc_conf_t   *clcf;
    ngx_http_chat_main_conf_t  *mcf;

    if (lcf->halves != NGX_CONF_UNSET_UINT) {
        return "is duplicate";
    }

    value = cf->args->elts;

    for (e = ngx_http_chat_conf_halves; e->name.len; e++) {
        if (e->name.len == value[1].len
            && ngx_strcmp(e->name.data, value[1].data) == 0)
        {
            break;
        }
    }

    if (e->name.len == 0) {
        return ngx_http_chat_conf_refuse(cf, cmd, &value[1],
                              "\"on\", \"visitor\", \"agent\" or \"off\"");
    }

    lcf->halves = e->value;

    if (lcf->halves == NGX_HTTP_CHAT_OFF) {
        return NGX_CONF_OK;
    }

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    if (clcf->handler == ngx_http_chat_status_handler) {
        return "conflicts with \"chat_status\" in the same location";
    }

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_chat_module);

    if (mcf->used == 0) {
        mcf->first = clcf->name;
    }

    mcf->used++;

    lcf->prefix = clcf->name;
    clcf->handler = ngx_http_chat_route_handler;

    return ngx_http_chat_conf_prefix(cf, clcf);
}


/* the paths of the API are what follows the name of the location */

static char *
ngx_http_chat_conf_prefix(ngx_conf_t *cf, ngx_http_core_loc_conf_t *clcf)
{
    const char  *kind;

    kind = NULL;

    if (clcf->named) {
        kind = "a named location";

    } else if (clcf->exact_match) {
        kind = "an exact location";

#if (NGX_PCRE)
    } else if (clcf->regex) {
        kind = "a location given by a regular expression";
#endif

    } else if (clcf->name.len == 0
               || clcf->name.data[clcf->name.len - 1] != '/')
    {
        kind = "a location whose name does not end with \"/\"";
    }

    if (kind == NULL) {
        return NGX_CONF_OK;
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "\"chat\" directive cannot be used in %s, as in "
                       "\"%V\"; it needs a prefix location such as "
                       "\"location /support/ { ... }\"", kind, &clcf->name);

    return NGX_CONF_ERROR;
}


char *
ngx_http_chat_conf_status(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_core_loc_conf_t   *clcf;
    ngx_http_chat_main_conf_t  *mcf;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    if (clcf->handler == ngx_http_chat_route_handler) {
        return "conflicts with \"chat\" in the same location";
    }

    clcf->handler = ngx_http_chat_status_handler;

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_chat_module);
    mcf->status++;

    return NGX_CONF_OK;
}


char *
ngx_http_chat_conf_postgres(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_chat_main_conf_t *mcf = conf;

    char       *rc;
    ngx_str_t  *value;

    if (mcf->postgres.data != NULL) {
        return "is duplicate";
    }

    value = cf->args->elts;

    rc = ngx_http_chat_pg_conninfo(cf, &value[1], &mcf->postgres);

    if (rc != NGX_CONF_OK) {

        /* the reason is logged; the value holds a password, maybe */

        return "is invalid, it takes a connection string of libpq such as "
               "\"host=/run/postgresql dbname=chat user=chat\", "
               "or \"file:<path>\" of a file with one";
    }

    return NGX_CONF_OK;
}


char *
ngx_http_chat_conf_redis(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_chat_main_conf_t *mcf = conf;

    ngx_str_t                     *value;
    ngx_http_chat_redis_server_t  *server;

    if (mcf->redis != NULL) {
        return "is duplicate";
    }

    value = cf->args->elts;

    server = ngx_pcalloc(cf->pool, sizeof(ngx_http_chat_redis_server_t));
    if (server == NULL) {
        return NGX_CONF_ERROR;
    }

    if (ngx_http_chat_redis_url(cf, &value[1], server) != NGX_CONF_OK) {

        /* the reason is logged; the value holds a password, maybe */

        return "is invalid: it takes \"unix:<path>\", "
               "\"redis://[user:password@]host[:port]\", "
               "\"rediss://...\" for TLS, "
               "or \"file:<path>\" of a file with one of them";
    }

    if (cf->args->nelts == 3) {

        if (value[2].len <= 3 || ngx_strncmp(value[2].data, "ca=", 3) != 0) {
            return ngx_http_chat_conf_refuse(cf, cmd, &value[2],
                                             "\"ca=<file>\", or absent");
        }

        if (!server->tls) {
            return "has \"ca\", which is for \"rediss://\" only";
        }

        server->ca.data = value[2].data + 3;
        server->ca.len = value[2].len - 3;
    }

    mcf->redis = server;

    return NGX_CONF_OK;
}


char *
ngx_http_chat_conf_key(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_chat_main_conf_t *mcf = conf;

    ngx_str_t   *value;
    ngx_uint_t   create;

    if (mcf->keys != NULL) {
        return "is duplicate";
    }

    value = cf->args->elts;
    create = 0;

    if (cf->args->nelts == 3) {

        if (ngx_strcmp(value[2].data, "create") != 0) {
            return ngx_http_chat_conf_refuse(cf, cmd, &value[2],
                                             "\"create\", or absent");
        }

        create = 1;
    }

    if (value[1].len == 0) {
        return ngx_http_chat_conf_refuse(cf, cmd, &value[1],
                                         "the path of a key file");
    }

    if (ngx_conf_full_name(cf->cycle, &value[1], 1) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    return ngx_http_chat_key_load(cf, &value[1], create, &mcf->keys);
}


char *
ngx_http_chat_conf_thread_pool(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_chat_main_conf_t *mcf = conf;

    ngx_str_t  *value;

    if (mcf->thread_pool != NULL) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (value[1].len == 0) {
        return ngx_http_chat_conf_refuse(cf, cmd, &value[1],
                                         "the name of a \"thread_pool\"");
    }

    if (ngx_http_chat_conf_threads(cf, mcf, &value[1]) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


ngx_int_t
ngx_http_chat_conf_threads(ngx_conf_t *cf, ngx_http_chat_main_conf_t *mcf,
    ngx_str_t *name)
{
    if (mcf->thread_pool == NULL) {
        mcf->thread_pool = ngx_thread_pool_add(cf, name);
    }

    if (mcf->thread_pool == NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"chat\" cannot use the thread pool, which the "
                           "passwords of agents are checked on; "
                           "see \"chat_thread_pool\" and \"thread_pool\"");
        return NGX_ERROR;
    }

    return NGX_OK;
}


char *
ngx_http_chat_conf_upload(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_chat_main_conf_t *mcf = conf;

    char       *rc;
    ngx_str_t  *value;

    value = cf->args->elts;

    if (value[1].len == 0) {
        return ngx_http_chat_conf_refuse(cf, cmd, &value[1],
                                         "the path of a directory");
    }

    rc = ngx_conf_set_path_slot(cf, cmd, conf);

    if (rc == NGX_CONF_OK && cf->args->nelts == 2) {
        mcf->upload_path->level[0] = 2;
        mcf->upload_path->level[1] = 2;
        mcf->upload_path->len = 6;
    }

    return rc;
}


char *
ngx_http_chat_conf_site(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_chat_loc_conf_t *lcf = conf;

    u_char      ch;
    ngx_str_t  *value;
    ngx_uint_t  i;

    if (lcf->site != NGX_CONF_UNSET_PTR) {
        return "is duplicate";
    }

    value = cf->args->elts;

    for (i = 0; i < value[1].len; i++) {
        ch = value[1].data[i];

        if ((ch < 'a' || ch > 'z') && (ch < '0' || ch > '9')
            && ch != '_' && ch != '-')
        {
            break;
        }
    }

    if (i < value[1].len || i == 0 || i > NGX_HTTP_CHAT_SITE_LEN) {
        return ngx_http_chat_conf_refuse(cf, cmd, &value[1],
                               "1 to 32 characters of a-z, 0-9, \"_\" or "
                               "\"-\"");
    }

    lcf->site = ngx_http_chat_conf_add_site(cf, &value[1]);

    return lcf->site != NULL ? NGX_CONF_OK : NGX_CONF_ERROR;
}


ngx_http_chat_site_t *
ngx_http_chat_conf_add_site(ngx_conf_t *cf, ngx_str_t *name)
{
    u_char                       hash[EVP_MAX_MD_SIZE];
    ngx_uint_t                   i;
    ngx_http_chat_site_t       **sites, *site;
    ngx_http_chat_main_conf_t   *mcf;

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_chat_module);
    sites = mcf->sites.elts;

    for (i = 0; i < mcf->sites.nelts; i++) {
        if (sites[i]->name.len == name->len
            && ngx_memcmp(sites[i]->name.data, name->data, name->len) == 0)
        {
            return sites[i];
        }
    }

    site = ngx_pcalloc(cf->pool, sizeof(ngx_http_chat_site_t));
    if (site == NULL) {
        return NULL;
    }

    if (EVP_Digest(name->data, name->len, hash, NULL, EVP_sha256(), NULL)
        != 1)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "EVP_Digest() failed");
        return NULL;
    }

    site->name = *name;
    site->index = mcf->sites.nelts;
    ngx_memcpy(site->hash, hash, sizeof(site->hash));

    sites = ngx_array_push(&mcf->sites);
    if (sites == NULL) {
        return NULL;
    }

    *sites = site;

    return site;
}


/* <id> [name=<name>] [email=<email>], or "off" */

char *
ngx_http_chat_conf_identity(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_chat_loc_conf_t *lcf = conf;

    ngx_str_t   *value, text;
    ngx_uint_t   i, n;

    if (lcf->identity != NGX_CONF_UNSET_PTR) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (cf->args->nelts == 2 && ngx_strcmp(value[1].data, "off") == 0) {
        lcf->identity = NULL;
        return NGX_CONF_OK;
    }

    lcf->identity = ngx_pcalloc(cf->pool,
                                3 * sizeof(ngx_http_complex_value_t));
    if (lcf->identity == NULL) {
        return NGX_CONF_ERROR;
    }

    for (i = 1; i < cf->args->nelts; i++) {
        text = value[i];
        n = 0;

        if (i > 1 && ngx_strncmp(text.data, "name=", 5) == 0) {
            n = 1;
            text.data += 5;
            text.len -= 5;

        } else if (i > 1 && ngx_strncmp(text.data, "email=", 6) == 0) {
            n = 2;
            text.data += 6;
            text.len -= 6;
        }

        if ((i > 1 && n == 0) || lcf->identity[n].value.data != NULL) {
            return ngx_http_chat_conf_refuse(cf, cmd, &value[i],
                                             "\"name=<value>\" and "
                                             "\"email=<value>\" after the "
                                             "identity");
        }

        if (ngx_http_chat_conf_value(cf, &text, &lcf->identity[n]) != NGX_OK) {
            return NGX_CONF_ERROR;
        }
    }

    return NGX_CONF_OK;
}


/* <address> [name=<name>] [create], or "off" */

char *
ngx_http_chat_conf_agent_identity(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    ngx_http_chat_loc_conf_t *lcf = conf;

    ngx_str_t                 *value, name;
    ngx_uint_t                 i;
    ngx_http_complex_value_t  *who;

    if (lcf->agent_identity != NGX_CONF_UNSET_PTR) {
        return "is duplicate";
    }

    lcf->agent_create = 0;
    lcf->agent_identity = NULL;

    value = cf->args->elts;

    if (cf->args->nelts == 2 && ngx_strcmp(value[1].data, "off") == 0) {
        return NGX_CONF_OK;
    }

    who = ngx_pcalloc(cf->pool, 2 * sizeof(ngx_http_complex_value_t));

    if (who == NULL
        || ngx_http_chat_conf_value(cf, &value[1], &who[0]) != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    /* a constant would sign in whoever comes */

    if (who[0].lengths == NULL) {
        return ngx_http_chat_conf_refuse(cf, cmd, &value[1],
                                         "\"off\" or have a variable");
    }

    for (i = 2; i < cf->args->nelts; i++) {

        if (ngx_strcmp(value[i].data, "create") == 0 && !lcf->agent_create) {
            lcf->agent_create = 1;
            continue;
        }

        if (ngx_strncmp(value[i].data, "name=", 5) != 0
            || who[1].value.data != NULL)
        {
            return ngx_http_chat_conf_refuse(cf, cmd, &value[i],
                                             "\"name=<value>\" or "
                                             "\"create\" after the "
                                             "identity");
        }

        name.data = value[i].data + 5;
        name.len = value[i].len - 5;

        if (ngx_http_chat_conf_value(cf, &name, &who[1]) != NGX_OK) {
            return NGX_CONF_ERROR;
        }
    }

    lcf->agent_identity = who;

    return NGX_CONF_OK;
}


char *
ngx_http_chat_conf_agent_role(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_chat_loc_conf_t *lcf = conf;

    ngx_str_t  *value;

    if (lcf->agent_role != NGX_CONF_UNSET_PTR) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (ngx_strcmp(value[1].data, "off") == 0) {
        lcf->agent_role = NULL;
        return NGX_CONF_OK;
    }

    lcf->agent_role = ngx_pcalloc(cf->pool, sizeof(ngx_http_complex_value_t));

    if (lcf->agent_role == NULL
        || ngx_http_chat_conf_value(cf, &value[1], lcf->agent_role) != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_http_chat_conf_value(ngx_conf_t *cf, ngx_str_t *text,
    ngx_http_complex_value_t *value)
{
    ngx_http_compile_complex_value_t  ccv;

    ngx_memzero(&ccv, sizeof(ngx_http_compile_complex_value_t));

    ccv.cf = cf;
    ccv.value = text;
    ccv.complex_value = value;

    return ngx_http_compile_complex_value(&ccv);
}


char *
ngx_http_chat_conf_origin(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_chat_loc_conf_t *lcf = conf;

    u_char      *last;
    ngx_str_t   *value, *origin;
    ngx_uint_t   i;

    if (lcf->origins != NGX_CONF_UNSET_PTR) {
        return "is duplicate";
    }

    value = cf->args->elts;

    lcf->origin_settings = 0;

    if (cf->args->nelts == 2 && ngx_strcmp(value[1].data, "none") == 0) {
        lcf->origins = NULL;
        return NGX_CONF_OK;
    }

    lcf->origins = ngx_array_create(cf->pool, cf->args->nelts - 1,
                                    sizeof(ngx_str_t));
    if (lcf->origins == NULL) {
        return NGX_CONF_ERROR;
    }

    for (i = 1; i < cf->args->nelts; i++) {

        if (ngx_strcmp(value[i].data, "settings") == 0) {
            lcf->origin_settings = 1;
            continue;
        }

        origin = ngx_array_push(lcf->origins);
        if (origin == NULL) {
            return NGX_CONF_ERROR;
        }

        origin->data = ngx_pnalloc(cf->pool, value[i].len + 1);
        if (origin->data == NULL) {
            return NGX_CONF_ERROR;
        }

        last = ngx_http_chat_origin_write(origin->data, value[i].data,
                                          value[i].len);
        if (last == NULL) {
            return ngx_http_chat_conf_refuse(cf, cmd, &value[i],
                                  "\"none\" alone, or \"settings\" and "
                                  "exact origins such as "
                                  "\"https://shop.example.com\" or "
                                  "\"http://localhost:3000\", without a path");
        }

        origin->len = last - origin->data;
    }

    if (lcf->origins->nelts == 0) {
        lcf->origins = NULL;
    }

    return NGX_CONF_OK;
}


char *
ngx_http_chat_conf_secure(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_chat_loc_conf_t *lcf = conf;

    ngx_str_t        *value;
    ngx_conf_enum_t  *e;

    if (lcf->secure != NGX_CONF_UNSET_UINT) {
        return "is duplicate";
    }

    value = cf->args->elts;

    for (e = ngx_http_chat_conf_secures; e->name.len; e++) {
        if (ngx_strcmp(e->name.data, value[1].data) == 0) {
            lcf->secure = e->value;
            return NGX_CONF_OK;
        }
    }

    return ngx_http_chat_conf_refuse(cf, cmd, &value[1],
                                     "\"auto\", \"on\" or \"off\"");
}


char *
ngx_http_chat_conf_time(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    char  *p = conf;

    ngx_int_t               ms;
    ngx_str_t              *value;
    ngx_msec_t             *field;
    ngx_http_chat_range_t  *range;

    field = (ngx_msec_t *) (p + cmd->offset);
    range = cmd->post;

    if (*field != NGX_CONF_UNSET_MSEC) {
        return "is duplicate";
    }

    value = cf->args->elts;

    ms = ngx_parse_time(&value[1], 0);

    if (ms == NGX_ERROR || ms < range->min || ms > range->max) {
        return ngx_http_chat_conf_refuse(cf, cmd, &value[1], range->allowed);
    }

    *field = ms;

    return NGX_CONF_OK;
}


char *
ngx_http_chat_conf_size(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    char  *p = conf;

    size_t                 *field;
    ssize_t                 size;
    ngx_str_t              *value;
    ngx_http_chat_range_t  *range;

    field = (size_t *) (p + cmd->offset);
    range = cmd->post;

    if (*field != NGX_CONF_UNSET_SIZE) {
        return "is duplicate";
    }

    value = cf->args->elts;

    size = ngx_parse_size(&value[1]);

    if (size == NGX_ERROR || size < range->min || size > range->max) {
        return ngx_http_chat_conf_refuse(cf, cmd, &value[1], range->allowed);
    }

    *field = size;

    return NGX_CONF_OK;
}
