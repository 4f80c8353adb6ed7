
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#include "ngx_http_chat_append.h"
#include "ngx_http_chat_event.h"
#include "ngx_http_chat_feed.h"
#include "ngx_http_chat_job.h"
#include "ngx_http_chat_store.h"
#include "ngx_http_chat_token.h"


#define NGX_HTTP_CHAT_JOB_TICK   2000

/*
 * Events of search and erasure at a time, more than any batch of appends has:
 * lists wait behind it for as long as it takes.  The rest before the next ones
 * is so many times what these have taken, more while messages are stored.
 */
#define NGX_HTTP_CHAT_JOB_FILL   260
#define NGX_HTTP_CHAT_JOB_REST   4
#define NGX_HTTP_CHAT_JOB_BUSY   39
#define NGX_HTTP_CHAT_JOB_LEAST  20
#define NGX_HTTP_CHAT_JOB_MOST   10000


/* a link that waits for PostgreSQL's word */

typedef struct {
    ngx_http_chat_site_t     *site;
    u_char                    token[NGX_HTTP_CHAT_SECRET_LEN];
} ngx_http_chat_job_link_t;


static void ngx_http_chat_job_state(ngx_uint_t ready);
static void ngx_http_chat_job_timer(ngx_event_t *ev);
static void ngx_http_chat_job_ticked(ngx_http_chat_call_t *call);
static void ngx_http_chat_job_fill_timer(ngx_event_t *ev);
static void ngx_http_chat_job_fill(void);
static void ngx_http_chat_job_filled(ngx_http_chat_call_t *call);
static void ngx_http_chat_job_link(ngx_http_chat_site_t *site);
static void ngx_http_chat_job_linked(ngx_http_chat_call_t *call);


static ngx_http_chat_store_listener_t  ngx_http_chat_job_listener = {
    ngx_http_chat_job_state, NULL
};

static ngx_http_chat_main_conf_t  *ngx_http_chat_job_conf;
static ngx_uint_t                  ngx_http_chat_job_linked_all;
static ngx_uint_t                  ngx_http_chat_job_ticks;
static ngx_msec_t                  ngx_http_chat_job_began;
static ngx_event_t                 ngx_http_chat_job_event;
static ngx_event_t                 ngx_http_chat_job_fill_event;
static ngx_connection_t            ngx_http_chat_job_dummy;


void
ngx_http_chat_job_init(ngx_cycle_t *cycle, ngx_http_chat_main_conf_t *mcf)
{
    ngx_http_chat_job_conf = mcf;
    ngx_http_chat_job_linked_all = 0;

    ngx_http_chat_store_on_state(&ngx_http_chat_job_listener);

    /* debug logging of a timer looks at the descriptor of its data */

    ngx_http_chat_job_dummy.fd = (ngx_socket_t) -1;
    ngx_http_chat_job_ticks = 0;

    ngx_memzero(&ngx_http_chat_job_event, sizeof(ngx_event_t));

    ngx_http_chat_job_event.data = &ngx_http_chat_job_dummy;
    ngx_http_chat_job_event.handler = ngx_http_chat_job_timer;
    ngx_http_chat_job_event.log = cycle->log;
    ngx_http_chat_job_event.cancelable = 1;

    ngx_memzero(&ngx_http_chat_job_fill_event, sizeof(ngx_event_t));

    ngx_http_chat_job_fill_event.data = &ngx_http_chat_job_dummy;
    ngx_http_chat_job_fill_event.handler = ngx_http_chat_job_fill_timer;
    ngx_http_chat_job_fill_event.log = cycle->log;
    ngx_http_chat_job_fill_event.cancelable = 1;

    ngx_add_timer(&ngx_http_chat_job_event, NGX_HTTP_CHAT_JOB_TICK);
}


void
ngx_http_chat_job_exit(void)
{
    if (ngx_http_chat_job_event.timer_set) {
        ngx_del_timer(&ngx_http_chat_job_event);
    }

    if (ngx_http_chat_job_fill_event.timer_set) {
        ngx_del_timer(&ngx_http_chat_job_fill_event);
    }
}


/* the first worker of each host; PostgreSQL lets one of them work at a time */

static void
ngx_http_chat_job_timer(ngx_event_t *ev)
{
    ngx_http_chat_args_t  args;

    ngx_add_timer(ev, NGX_HTTP_CHAT_JOB_TICK);

    if (ngx_worker != 0 || ngx_http_chat_job_ticks
        || !ngx_http_chat_store_ready())
    {
        return;
    }

    ngx_http_chat_args_init(&args);

    if (ngx_http_chat_store_call(NGX_HTTP_CHAT_SLOW, NGX_HTTP_CHAT_Q_TICK,
                                 &args, ngx_http_chat_job_ticked, NULL)
        != NULL)
    {
        ngx_http_chat_job_ticks = 1;
    }
}


/*
 * What has been done is found by the sweep.  The rows are events without seq:
 * who has moved in a line.  The tick ends with the fill.
 */

static void
ngx_http_chat_job_ticked(ngx_http_chat_call_t *call)
{
    ngx_int_t               i, n;
    ngx_str_t               json;
    ngx_http_chat_id_t      conversation;
    ngx_http_chat_event_t  *event;

    n = call->rc == NGX_OK ? PQntuples(call->res) : 0;

    for (i = 0; i < n; i++) {

        if (ngx_http_chat_col_id(call->res, i, 1, &conversation) != NGX_OK) {
            continue;
        }

        ngx_http_chat_col_text(call->res, i, 2, &json);

        event = ngx_http_chat_event_wrap(&conversation,
                                         ngx_http_chat_col_int4(call->res, i,
                                                                0),
                                         0, NGX_HTTP_CHAT_MEMBER, &json);

        if (event != NULL) {
            ngx_http_chat_feed_signal(event);
            ngx_http_chat_event_release(event);
        }
    }

    ngx_http_chat_job_fill();
}


static void
ngx_http_chat_job_fill_timer(ngx_event_t *ev)
{
    if (!ngx_http_chat_job_ticks) {
        ngx_http_chat_job_ticks = 1;
        ngx_http_chat_job_fill();
    }
}


static void
ngx_http_chat_job_fill(void)
{
    ngx_http_chat_args_t  args;

    ngx_http_chat_args_init(&args);
    ngx_http_chat_arg_int4(&args, NGX_HTTP_CHAT_JOB_FILL);

    if (!ngx_http_chat_store_ready()
        || ngx_http_chat_store_call(NGX_HTTP_CHAT_SLOW,
                                    NGX_HTTP_CHAT_Q_WORK, &args,
                                    ngx_http_chat_job_filled, NULL)
           == NULL)
    {
        ngx_http_chat_job_ticks = 0;
        return;
    }

    ngx_http_chat_job_began = ngx_current_msec;
}


static void
ngx_http_chat_job_filled(ngx_http_chat_call_t *call)
{
    ngx_msec_t  rest;

    ngx_http_chat_job_ticks = 0;

    if (call->rc == NGX_OK && !ngx_exiting
        && ngx_http_chat_col_bool(call->res, 0, 1))
    {
        rest = ngx_max(ngx_current_msec - ngx_http_chat_job_began,
                       NGX_HTTP_CHAT_JOB_LEAST);
        rest *= ngx_http_chat_append_pending() ? NGX_HTTP_CHAT_JOB_BUSY
                                               : NGX_HTTP_CHAT_JOB_REST;
        rest = ngx_min(rest, NGX_HTTP_CHAT_JOB_MOST);

        ngx_add_timer(&ngx_http_chat_job_fill_event, rest);
    }
}


static void
ngx_http_chat_job_state(ngx_uint_t ready)
{
    ngx_uint_t              i;
    ngx_http_chat_site_t  **sites;

    if (!ready || ngx_worker != 0 || ngx_http_chat_job_linked_all) {
        return;
    }

    ngx_http_chat_job_linked_all = 1;

    sites = ngx_http_chat_job_conf->sites.elts;

    for (i = 0; i < ngx_http_chat_job_conf->sites.nelts; i++) {
        if (sites[i]->console.len != 0) {
            ngx_http_chat_job_link(sites[i]);
        }
    }
}


static void
ngx_http_chat_job_link(ngx_http_chat_site_t *site)
{
    u_char                     hash[NGX_HTTP_CHAT_SECRET_HASH];
    ngx_http_chat_args_t       args;
    ngx_http_chat_job_link_t  *link;

    link = ngx_alloc(sizeof(ngx_http_chat_job_link_t), ngx_cycle->log);
    if (link == NULL) {
        return;
    }

    link->site = site;

    if (ngx_http_chat_token_new(link->token, hash) != NGX_OK) {
        ngx_free(link);
        return;
    }

    ngx_http_chat_args_init(&args);
    ngx_http_chat_arg_int4(&args, site->id);
    ngx_http_chat_arg_bytes(&args, hash, NGX_HTTP_CHAT_SECRET_HASH);

    if (ngx_http_chat_store_call(NGX_HTTP_CHAT_SLOW,
                                 NGX_HTTP_CHAT_Q_SETUP_FIRST, &args,
                                 ngx_http_chat_job_linked, link)
        == NULL)
    {
        ngx_free(link);
    }
}


static void
ngx_http_chat_job_linked(ngx_http_chat_call_t *call)
{
    ngx_str_t                  outcome, token;
    ngx_http_chat_job_link_t  *link;

    link = call->data;

    ngx_str_null(&outcome);

    if (call->rc == NGX_OK) {
        ngx_http_chat_col_text(call->res, 0, 0, &outcome);
    }

    if (outcome.len == sizeof("created") - 1) {
        token.data = link->token;
        token.len = NGX_HTTP_CHAT_SECRET_LEN;

        ngx_log_error(NGX_LOG_NOTICE, ngx_cycle->log, 0,
                      "chat site \"%V\" has no administrator, set one up "
                      "within a day at %Vconsole/#setup=%V",
                      &link->site->name, &link->site->console, &token);
    }

    ngx_explicit_memzero(link, sizeof(ngx_http_chat_job_link_t));
    ngx_free(link);
}
