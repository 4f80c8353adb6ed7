
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#include "ngx_http_chat.h"
#include "ngx_http_chat_assets.h"
#include "ngx_http_chat_body.h"
#include "ngx_http_chat_auth.h"
#include "ngx_http_chat_conf.h"
#include "ngx_http_chat_depot.h"
#include "ngx_http_chat_drain.h"
#include "ngx_http_chat_early.h"
#include "ngx_http_chat_feed.h"
#include "ngx_http_chat_key.h"
#include "ngx_http_chat_job.h"
#include "ngx_http_chat_limit.h"
#include "ngx_http_chat_orphan.h"
#include "ngx_http_chat_redis.h"
#include "ngx_http_chat_revoke.h"
#include "ngx_http_chat_seen.h"
#include "ngx_http_chat_site.h"
#include "ngx_http_chat_status.h"
#include "ngx_http_chat_store.h"
#include "ngx_http_chat_topic.h"
#include "ngx_http_chat_ws.h"


static void *ngx_http_chat_create_main_conf(ngx_conf_t *cf);
static char *ngx_http_chat_init_main_conf(ngx_conf_t *cf, void *conf);
static void *ngx_http_chat_create_loc_conf(ngx_conf_t *cf);
static char *ngx_http_chat_merge_loc_conf(ngx_conf_t *cf, void *parent,
    void *child);
static ngx_int_t ngx_http_chat_init(ngx_conf_t *cf);
static ngx_int_t ngx_http_chat_require(ngx_conf_t *cf,
    ngx_http_chat_main_conf_t *mcf);
static ngx_int_t ngx_http_chat_prepare_redis(ngx_conf_t *cf,
    ngx_http_chat_main_conf_t *mcf);
static ngx_int_t ngx_http_chat_init_module(ngx_cycle_t *cycle);
static ngx_int_t ngx_http_chat_init_process(ngx_cycle_t *cycle);
static void ngx_http_chat_exit_process(ngx_cycle_t *cycle);


static ngx_http_chat_range_t  ngx_http_chat_poll_range = {
    1000, 55000, "a time from 1s to 55s"
};

static ngx_http_chat_range_t  ngx_http_chat_heartbeat_range = {
    1000, 300000, "a time from 1s to 5m"
};

static ngx_http_chat_range_t  ngx_http_chat_drain_range = {
    1, 3600000, "a time from 1ms to 1h"
};

static ngx_http_chat_range_t  ngx_http_chat_message_range = {
    1, 16384, "a size from 1 to 16384 bytes"
};


static ngx_http_chat_range_t  ngx_http_chat_upload_range = {
    1, 1024 * 1024 * 1024, "a size from 1 byte to 1g"
};

static ngx_http_chat_range_t  ngx_http_chat_quota_range = {
    1, NGX_MAX_INT_T_VALUE, "a size of at least 1 byte"
};


static ngx_command_t  ngx_http_chat_commands[] = {

    { ngx_string("chat"),
      NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_http_chat_conf_chat,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("chat_status"),
      NGX_HTTP_LOC_CONF|NGX_CONF_NOARGS,
      ngx_http_chat_conf_status,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("chat_postgres"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_http_chat_conf_postgres,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("chat_redis"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE12,
      ngx_http_chat_conf_redis,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("chat_migrate"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_FLAG,
      ngx_conf_set_flag_slot,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_http_chat_main_conf_t, migrate),
      NULL },

    { ngx_string("chat_key"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE12,
      ngx_http_chat_conf_key,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("chat_thread_pool"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_http_chat_conf_thread_pool,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("chat_drain"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_http_chat_conf_time,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_http_chat_main_conf_t, drain),
      &ngx_http_chat_drain_range },

    { ngx_string("chat_site"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_http_chat_conf_site,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("chat_origin"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_1MORE,
      ngx_http_chat_conf_origin,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("chat_secure"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_http_chat_conf_secure,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("chat_poll_timeout"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_http_chat_conf_time,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_chat_loc_conf_t, poll_timeout),
      &ngx_http_chat_poll_range },

    { ngx_string("chat_heartbeat"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_http_chat_conf_time,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_chat_loc_conf_t, heartbeat),
      &ngx_http_chat_heartbeat_range },

    { ngx_string("chat_max_message"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_http_chat_conf_size,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_chat_loc_conf_t, max_message),
      &ngx_http_chat_message_range },

    { ngx_string("chat_upload_path"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1234,
      ngx_http_chat_conf_upload,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_http_chat_main_conf_t, upload_path),
      NULL },

    { ngx_string("chat_max_upload"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_http_chat_conf_size,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_chat_loc_conf_t, max_upload),
      &ngx_http_chat_upload_range },

    { ngx_string("chat_upload_quota"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_http_chat_conf_size,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_chat_loc_conf_t, upload_quota),
      &ngx_http_chat_quota_range },

    { ngx_string("chat_visitor_identity"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE123,
      ngx_http_chat_conf_identity,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("chat_agent_identity"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE123,
      ngx_http_chat_conf_agent_identity,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("chat_agent_role"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_http_chat_conf_agent_role,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("chat_limit"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_1MORE,
      ngx_http_chat_limit_directive,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_chat_loc_conf_t, limit),
      NULL },

#if (NGX_HTTP_CHAT_WS_ECHO)

    { ngx_string("chat_echo"),
      NGX_HTTP_LOC_CONF|NGX_CONF_NOARGS,
      ngx_http_chat_ws_echo_conf,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

#endif

      ngx_null_command
};


static ngx_http_module_t  ngx_http_chat_module_ctx = {
    ngx_http_chat_variables,               /* preconfiguration */
    ngx_http_chat_init,                    /* postconfiguration */

    ngx_http_chat_create_main_conf,        /* create main configuration */
    ngx_http_chat_init_main_conf,          /* init main configuration */

    NULL,                                  /* create server configuration */
    NULL,                                  /* merge server configuration */

    ngx_http_chat_create_loc_conf,         /* create location configuration */
    ngx_http_chat_merge_loc_conf           /* merge location configuration */
};


ngx_module_t  ngx_http_chat_module = {
    NGX_MODULE_V1,
    &ngx_http_chat_module_ctx,             /* module context */
    ngx_http_chat_commands,                /* module directives */
    NGX_HTTP_MODULE,                       /* module type */
    NULL,                                  /* init master */
    ngx_http_chat_init_module,             /* init module */
    ngx_http_chat_init_process,            /* init process */
    NULL,                                  /* init thread */
    NULL,                                  /* exit thread */
    ngx_http_chat_exit_process,            /* exit process */
    NULL,                                  /* exit master */
    NGX_MODULE_V1_PADDING
};


/* this process is a worker and init_process has been through */

static ngx_uint_t  ngx_http_chat_running;


static void *
ngx_http_chat_create_main_conf(ngx_conf_t *cf)
{
    ngx_http_chat_main_conf_t  *mcf;

    mcf = ngx_pcalloc(cf->pool, sizeof(ngx_http_chat_main_conf_t));
    if (mcf == NULL) {
        return NULL;
    }

    /*
     * set by ngx_pcalloc():
     *
     *     mcf->postgres = { 0, NULL };
     *     mcf->redis = NULL;
     *     mcf->keys = NULL;
     *     mcf->thread_pool = NULL;
     *     mcf->upload_path = NULL;
     *     mcf->used = 0;
     *     mcf->first = { 0, NULL };
     *     mcf->status = 0;
     */

    mcf->migrate = NGX_CONF_UNSET;
    mcf->drain = NGX_CONF_UNSET_MSEC;

    if (ngx_array_init(&mcf->sites, cf->pool, 4,
                       sizeof(ngx_http_chat_site_t *))
        != NGX_OK)
    {
        return NULL;
    }

    return mcf;
}


static char *
ngx_http_chat_init_main_conf(ngx_conf_t *cf, void *conf)
{
    ngx_http_chat_main_conf_t *mcf = conf;

    ngx_conf_init_value(mcf->migrate, 1);
    ngx_conf_init_msec_value(mcf->drain, 10000);

    return NGX_CONF_OK;
}


static void *
ngx_http_chat_create_loc_conf(ngx_conf_t *cf)
{
    ngx_http_chat_loc_conf_t  *conf;

    conf = ngx_pcalloc(cf->pool, sizeof(ngx_http_chat_loc_conf_t));
    if (conf == NULL) {
        return NULL;
    }

    /*
     * set by ngx_pcalloc():
     *
     *     conf->prefix = { 0, NULL };
     *     conf->max_body = 0;
     */

    conf->halves = NGX_CONF_UNSET_UINT;
    conf->site = NGX_CONF_UNSET_PTR;
    conf->origins = NGX_CONF_UNSET_PTR;
    conf->origin_settings = NGX_CONF_UNSET_UINT;
    conf->secure = NGX_CONF_UNSET_UINT;
    conf->poll_timeout = NGX_CONF_UNSET_MSEC;
    conf->heartbeat = NGX_CONF_UNSET_MSEC;
    conf->max_message = NGX_CONF_UNSET_SIZE;
    conf->max_upload = NGX_CONF_UNSET_SIZE;
    conf->upload_quota = NGX_CONF_UNSET_SIZE;
    conf->limit = NGX_CONF_UNSET_PTR;
    conf->identity = NGX_CONF_UNSET_PTR;
    conf->agent_identity = NGX_CONF_UNSET_PTR;
    conf->agent_role = NGX_CONF_UNSET_PTR;
    conf->agent_create = NGX_CONF_UNSET_UINT;

    return conf;
}


static char *
ngx_http_chat_merge_loc_conf(ngx_conf_t *cf, void *parent, void *child)
{
    ngx_http_chat_loc_conf_t *prev = parent;
    ngx_http_chat_loc_conf_t *conf = child;

    ngx_str_t                  name;
    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    /* "if" and "limit_except" blocks belong to the location around them */

    if (clcf->noname && prev->halves != NGX_CONF_UNSET_UINT
        && prev->halves != NGX_HTTP_CHAT_OFF)
    {
        conf->halves = prev->halves;
        conf->prefix = prev->prefix;

        if (clcf->handler == NULL) {
            clcf->handler = ngx_http_chat_route_handler;
        }
    }

    ngx_conf_merge_uint_value(conf->halves, NGX_CONF_UNSET_UINT,
                              NGX_HTTP_CHAT_OFF);

    if (conf->halves != NGX_HTTP_CHAT_OFF) {
        conf->max_body = ngx_http_chat_body_conf(cf);
    }

    ngx_conf_merge_ptr_value(conf->site, prev->site, NULL);

    if (conf->site == NULL && conf->halves != NGX_HTTP_CHAT_OFF) {
        ngx_str_set(&name, "default");

        conf->site = ngx_http_chat_conf_add_site(cf, &name);
        if (conf->site == NULL) {
            return NGX_CONF_ERROR;
        }
    }

    if ((conf->halves & NGX_HTTP_CHAT_AGENT)
        && conf->site->console.len == 0)
    {
        conf->site->console = conf->prefix;
    }

    ngx_conf_merge_ptr_value(conf->origins, prev->origins, NULL);
    ngx_conf_merge_uint_value(conf->origin_settings, prev->origin_settings,
                              1);
    ngx_conf_merge_uint_value(conf->secure, prev->secure,
                              NGX_HTTP_CHAT_SECURE_AUTO);
    ngx_conf_merge_msec_value(conf->poll_timeout, prev->poll_timeout, 25000);
    ngx_conf_merge_msec_value(conf->heartbeat, prev->heartbeat, 25000);
    ngx_conf_merge_ptr_value(conf->identity, prev->identity, NULL);
    ngx_conf_merge_ptr_value(conf->agent_identity, prev->agent_identity, NULL);
    ngx_conf_merge_ptr_value(conf->agent_role, prev->agent_role, NULL);
    ngx_conf_merge_uint_value(conf->agent_create, prev->agent_create, 0);
    ngx_conf_merge_size_value(conf->max_message, prev->max_message, 16384);
    ngx_conf_merge_size_value(conf->max_upload, prev->max_upload,
                              10 * 1024 * 1024);
    ngx_conf_merge_size_value(conf->upload_quota, prev->upload_quota,
                              100 * 1024 * 1024);

    if (ngx_http_chat_limit_merge(cf, prev->limit, &conf->limit) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_http_chat_init(ngx_conf_t *cf)
{
    ngx_http_chat_main_conf_t  *mcf;

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_chat_module);

    if (mcf->used && ngx_http_chat_require(cf, mcf) != NGX_OK) {
        return NGX_ERROR;
    }

    if (mcf->used
        && ngx_http_chat_limit_zone(cf, &ngx_http_chat_module) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (mcf->used || mcf->status) {
        return ngx_http_chat_status_zone(cf);
    }

    return NGX_OK;
}


/* what a location with "chat" on cannot do without */

static ngx_int_t
ngx_http_chat_require(ngx_conf_t *cf, ngx_http_chat_main_conf_t *mcf)
{
    if (mcf->postgres.len == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"chat\" in location \"%V\" needs "
                           "\"chat_postgres <conninfo>\" at the http level",
                           &mcf->first);
        return NGX_ERROR;
    }

    if (mcf->keys == NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"chat\" in location \"%V\" needs "
                           "\"chat_key <file> [create]\" at the http level",
                           &mcf->first);
        return NGX_ERROR;
    }

    if (ngx_http_chat_prepare_redis(cf, mcf) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_http_chat_conf_threads(cf, mcf, NULL);
}


/* with the resolver of the http level, if there is one */

static ngx_int_t
ngx_http_chat_prepare_redis(ngx_conf_t *cf, ngx_http_chat_main_conf_t *mcf)
{
    ngx_resolver_t            *resolver;
    ngx_http_core_loc_conf_t  *clcf;

    if (mcf->redis == NULL) {
        return NGX_OK;
    }

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    resolver = clcf->resolver;

    if (resolver != NULL && resolver->connections.nelts == 0) {

        /* a place holder of nginx */

        resolver = NULL;
    }

    return ngx_http_chat_redis_prepare(cf, mcf->redis, resolver,
                                       clcf->resolver_timeout);
}


static ngx_int_t
ngx_http_chat_init_module(ngx_cycle_t *cycle)
{
    ngx_http_chat_main_conf_t  *mcf;

    mcf = ngx_http_cycle_get_module_main_conf(cycle, ngx_http_chat_module);

    if (mcf == NULL || !mcf->used) {
        return NGX_OK;
    }

    return ngx_http_chat_assets_init(cycle);
}


static ngx_int_t
ngx_http_chat_init_process(ngx_cycle_t *cycle)
{
    ngx_http_chat_main_conf_t  *mcf;

    if (ngx_process != NGX_PROCESS_WORKER
        && ngx_process != NGX_PROCESS_SINGLE)
    {
        return NGX_OK;
    }

    mcf = ngx_http_cycle_get_module_main_conf(cycle, ngx_http_chat_module);

    if (mcf == NULL || (!mcf->used && !mcf->status)) {
        return NGX_OK;
    }

    ngx_http_chat_status_worker(cycle);

    if (!mcf->used) {
        return NGX_OK;
    }

    /* here, since a seed made in the master would be that of all workers */

    json_object_seed(0);

    ngx_http_chat_limit_init(cycle, &ngx_http_chat_module);

    ngx_http_chat_site_init(mcf);

    if (ngx_http_chat_store_init(cycle, mcf) != NGX_OK
        || ngx_http_chat_feed_init(cycle, mcf) != NGX_OK
        || ngx_http_chat_drain_init(cycle, mcf) != NGX_OK
        || ngx_http_chat_ws_init(cycle, mcf) != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_http_chat_revoke_init(cycle);
    ngx_http_chat_seen_init(cycle);
    ngx_http_chat_job_init(cycle, mcf);
    ngx_http_chat_early_init(cycle);
    ngx_http_chat_auth_init(cycle);
    ngx_http_chat_depot_init(mcf->upload_path);
    ngx_http_chat_orphan_init(cycle);

    ngx_http_chat_running = 1;

    return NGX_OK;
}


static void
ngx_http_chat_exit_process(ngx_cycle_t *cycle)
{
    if (!ngx_http_chat_running) {
        return;
    }

    ngx_http_chat_seen_exit();
    ngx_http_chat_orphan_exit();
    ngx_http_chat_job_exit();
    ngx_http_chat_revoke_exit();
    ngx_http_chat_feed_exit();
    ngx_http_chat_store_exit();
    ngx_http_chat_site_exit();
    ngx_http_chat_auth_exit();
    ngx_http_chat_topic_exit();
    ngx_http_chat_limit_exit();
    ngx_http_chat_key_exit();

    ngx_http_chat_running = 0;
}
