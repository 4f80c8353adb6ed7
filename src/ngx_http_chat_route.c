
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#include "ngx_http_chat.h"
#include "ngx_http_chat_auth.h"
#include "ngx_http_chat_body.h"
#include "ngx_http_chat_command.h"
#include "ngx_http_chat_early.h"
#include "ngx_http_chat_reply.h"
#include "ngx_http_chat_route.h"
#include "ngx_http_chat_counter.h"
#include "ngx_http_chat_store.h"
#include "ngx_http_chat_ws.h"


/*
 * From a request to the handler of its row: method and path, body, origin,
 * credential, who may call.  The cheapest refusal comes first.
 */


static ngx_int_t ngx_http_chat_route_decided(ngx_http_request_t *r,
    ngx_http_chat_ctx_t *ctx, ngx_http_chat_handler_pt go);
static ngx_int_t ngx_http_chat_route_preflight(ngx_http_request_t *r,
    ngx_http_chat_ctx_t *ctx);
static ngx_http_chat_ctx_t *ngx_http_chat_route_ctx(ngx_http_request_t *r,
    ngx_http_chat_loc_conf_t *lcf);
static void ngx_http_chat_route_cleanup(void *data);
static ngx_int_t ngx_http_chat_route_find(ngx_http_request_t *r,
    ngx_http_chat_ctx_t *ctx, ngx_uint_t *allow);
static ngx_int_t ngx_http_chat_route_match(ngx_http_chat_ctx_t *ctx,
    ngx_http_chat_route_t *route);
static ngx_int_t ngx_http_chat_route_not_allowed(ngx_http_request_t *r,
    ngx_uint_t allow);
static ngx_int_t ngx_http_chat_route_read(ngx_http_request_t *r,
    ngx_http_chat_ctx_t *ctx);
static void ngx_http_chat_route_body(ngx_http_request_t *r);
static ngx_int_t ngx_http_chat_route_enter(ngx_http_request_t *r,
    ngx_http_chat_ctx_t *ctx);
static ngx_int_t ngx_http_chat_route_sign_in(ngx_http_request_t *r,
    ngx_http_chat_ctx_t *ctx);
static ngx_int_t ngx_http_chat_route_parse(ngx_http_request_t *r,
    ngx_http_chat_ctx_t *ctx, ngx_int_t *rc);
static ngx_int_t ngx_http_chat_route_known(ngx_http_request_t *r,
    ngx_http_chat_ctx_t *ctx);


typedef struct {
    ngx_uint_t                method;
    ngx_str_t                 name;
} ngx_http_chat_method_t;


static ngx_http_chat_method_t  ngx_http_chat_methods[] = {
    { NGX_HTTP_GET, ngx_string("GET, HEAD") },
    { NGX_HTTP_POST, ngx_string("POST") },
    { NGX_HTTP_PUT, ngx_string("PUT") },
    { NGX_HTTP_PATCH, ngx_string("PATCH") },
    { NGX_HTTP_DELETE, ngx_string("DELETE") },
    { 0, ngx_null_string }
};


ngx_int_t
ngx_http_chat_route_handler(ngx_http_request_t *r)
{
    ngx_int_t                  rc;
    ngx_uint_t                 allow;
    ngx_http_chat_ctx_t       *ctx;
    ngx_http_chat_loc_conf_t  *lcf;

    lcf = ngx_http_get_module_loc_conf(r, ngx_http_chat_module);

    if (r != r->main || r->uri.len < lcf->prefix.len) {
        return NGX_HTTP_NOT_FOUND;
    }

    ctx = ngx_http_chat_route_ctx(r, lcf);
    if (ctx == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    allow = 0;

    rc = ngx_http_chat_route_find(r, ctx, &allow);

    ngx_log_debug3(NGX_LOG_DEBUG_HTTP, r->connection->log, 0,
                   "chat route \"%V\" %i %s", &ctx->path, rc,
                   rc == NGX_OK ? ctx->route->action : "-");

    if (rc != NGX_OK && allow == 0) {
        return ngx_http_chat_reply_problem(r, NGX_HTTP_CHAT_NOT_FOUND, NULL,
                                           "there is no such resource");
    }

    if (r->method == NGX_HTTP_OPTIONS) {
        return ngx_http_chat_route_decided(r, ctx,
                                           ngx_http_chat_route_preflight);
    }

    if (rc != NGX_OK) {
        return ngx_http_chat_route_not_allowed(r, allow);
    }

    if (ctx->route->flags & NGX_HTTP_CHAT_PUBLIC) {
        return ngx_http_chat_route_decided(r, ctx, ctx->route->handler);
    }

    ngx_http_chat_counter_add(NGX_HTTP_CHAT_S_REQUESTS, 1);

    return ngx_http_chat_route_read(r, ctx);
}


/* goes on when it is known which origins are allowed */

static ngx_int_t
ngx_http_chat_route_decided(ngx_http_request_t *r, ngx_http_chat_ctx_t *ctx,
    ngx_http_chat_handler_pt go)
{
    ngx_int_t  rc;

    rc = ngx_http_discard_request_body(r);
    if (rc != NGX_OK) {
        return rc;
    }

    if (!ngx_http_chat_auth_undecided(r, ctx)) {
        return go(r, ctx);
    }

    /* the reference that ngx_http_chat_finalize() will drop */

    r->main->count++;

    return ngx_http_chat_early_wait(r, ctx, go);
}


static ngx_int_t
ngx_http_chat_route_preflight(ngx_http_request_t *r, ngx_http_chat_ctx_t *ctx)
{
    return ngx_http_chat_reply_preflight(r);
}


static ngx_http_chat_ctx_t *
ngx_http_chat_route_ctx(ngx_http_request_t *r, ngx_http_chat_loc_conf_t *lcf)
{
    ngx_http_cleanup_t   *cln;
    ngx_http_chat_ctx_t  *ctx;

    ctx = ngx_pcalloc(r->pool, sizeof(ngx_http_chat_ctx_t));
    if (ctx == NULL) {
        return NULL;
    }

    cln = ngx_http_cleanup_add(r, 0);
    if (cln == NULL) {
        return NULL;
    }

    cln->handler = ngx_http_chat_route_cleanup;
    cln->data = ctx;

    ctx->request = r;
    ctx->conf = lcf;
    ctx->transport = "http";

    /* keep the slash in front */

    ctx->path.data = r->uri.data + lcf->prefix.len - 1;
    ctx->path.len = r->uri.len - lcf->prefix.len + 1;

    ngx_http_set_ctx(r, ctx, ngx_http_chat_module);

    return ctx;
}


static void
ngx_http_chat_route_cleanup(void *data)
{
    ngx_http_chat_ctx_t  *ctx = data;

    ngx_http_chat_unwait(ctx);
    ngx_http_chat_early_leave(ctx);

    if (ctx->command != NULL) {
        ngx_http_chat_command_abandon(ctx->command);
        ctx->command = NULL;
    }
}


static ngx_int_t
ngx_http_chat_route_find(ngx_http_request_t *r, ngx_http_chat_ctx_t *ctx,
    ngx_uint_t *allow)
{
    ngx_uint_t              method;
    ngx_http_chat_route_t  *route;

    method = r->method == NGX_HTTP_HEAD ? NGX_HTTP_GET : r->method;

    for (route = ngx_http_chat_routes; route->pattern != NULL; route++) {

        if (route->method == method
            && ngx_http_chat_route_match(ctx, route) == NGX_OK)
        {
            ctx->route = route;
            return NGX_OK;
        }
    }

    for (route = ngx_http_chat_routes; route->pattern != NULL; route++) {

        if (ngx_http_chat_route_match(ctx, route) == NGX_OK) {
            *allow |= route->method;
        }
    }

    return NGX_DECLINED;
}


/* "{id}" is a UUID, "{name}" any segment */

static ngx_int_t
ngx_http_chat_route_match(ngx_http_chat_ctx_t *ctx,
    ngx_http_chat_route_t *route)
{
    u_char      *p, *last, *start;
    const char  *t;

    if ((route->halves & ctx->conf->halves) == 0) {
        return NGX_DECLINED;
    }

    p = ctx->path.data;
    last = p + ctx->path.len;

    for (t = route->pattern; *t != '\0'; /* void */ ) {

        if (*t != '{') {
            if (p == last || *p++ != (u_char) *t++) {
                return NGX_DECLINED;
            }

            continue;
        }

        start = p;

        while (p < last && *p != '/') {
            p++;
        }

        if (t[1] == 'i') {
            ctx->is_id = (ngx_http_chat_id_parse(&ctx->id, start, p - start)
                          == NGX_OK);
            t += sizeof("{id}") - 1;

        } else {
            ctx->name.data = start;
            ctx->name.len = p - start;
            t += sizeof("{name}") - 1;
        }

        if (p == start) {
            return NGX_DECLINED;
        }
    }

    return p == last ? NGX_OK : NGX_DECLINED;
}


static ngx_int_t
ngx_http_chat_route_not_allowed(ngx_http_request_t *r, ngx_uint_t allow)
{
    u_char                  *p;
    ngx_str_t                value;
    ngx_http_chat_method_t  *m;

    p = ngx_pnalloc(r->pool, sizeof("GET, HEAD, POST, PUT, PATCH, DELETE"));
    if (p == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    value.data = p;

    for (m = ngx_http_chat_methods; m->method != 0; m++) {
        if (allow & m->method) {
            p = ngx_sprintf(p, p == value.data ? "%V" : ", %V", &m->name);
        }
    }

    value.len = p - value.data;

    if (ngx_http_chat_reply_header(r, "Allow", &value) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_chat_reply_problem(r, NGX_HTTP_CHAT_METHOD_NOT_ALLOWED,
                                       NULL, NULL);
}


static ngx_int_t
ngx_http_chat_route_read(ngx_http_request_t *r, ngx_http_chat_ctx_t *ctx)
{
    ngx_int_t  rc;

    if (ctx->route->flags & (NGX_HTTP_CHAT_BODY|NGX_HTTP_CHAT_BODY_OPT)) {

        if (ngx_http_chat_body_check(r, ctx, &rc) != NGX_OK) {
            return rc;
        }

        rc = ngx_http_read_client_request_body(r, ngx_http_chat_route_body);

        if (rc >= NGX_HTTP_SPECIAL_RESPONSE) {
            return rc;
        }

        return NGX_DONE;
    }

    if ((ctx->route->flags & NGX_HTTP_CHAT_FILE) == 0) {
        rc = ngx_http_discard_request_body(r);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    rc = ngx_http_chat_route_enter(r, ctx);

    if (rc == NGX_DONE) {

        /* the reference that ngx_http_chat_finalize() will drop */

        r->main->count++;
    }

    return rc;
}


static void
ngx_http_chat_route_body(ngx_http_request_t *r)
{
    ngx_int_t             rc;
    ngx_http_chat_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_chat_module);

    rc = ngx_http_chat_route_enter(r, ctx);

    if (rc != NGX_DONE) {
        ngx_http_finalize_request(r, rc);
    }
}


static ngx_int_t
ngx_http_chat_route_enter(ngx_http_request_t *r, ngx_http_chat_ctx_t *ctx)
{
    ngx_int_t  rc;

    if (ctx->route->who == NGX_HTTP_CHAT_ANYONE
        && (ctx->route->flags & (NGX_HTTP_CHAT_SIGN_IN|NGX_HTTP_CHAT_SETUP))
           == 0)
    {
        return ctx->route->handler(r, ctx);
    }

    if (!ngx_http_chat_store_known()) {
        return ngx_http_chat_early_wait(r, ctx, ngx_http_chat_route_enter);
    }

    if (ctx->route->flags & NGX_HTTP_CHAT_SIGN_IN) {
        return ngx_http_chat_route_sign_in(r, ctx);
    }

    if (ctx->route->flags & NGX_HTTP_CHAT_SETUP) {

        /* no rule of origins: nothing but the body counts */

        if (ngx_http_chat_route_parse(r, ctx, &rc) != NGX_OK) {
            return rc;
        }

        return ctx->route->handler(r, ctx);
    }

    ctx->next = ngx_http_chat_route_known;

    rc = ngx_http_chat_auth_actor(r, ctx);

    if (rc == NGX_AGAIN) {
        return NGX_DONE;
    }

    if (rc == NGX_DECLINED) {
        return ngx_http_chat_reply_problem(r, NGX_HTTP_CHAT_UNAUTHENTICATED,
                                           NULL, "the credential is not "
                                           "valid");
    }

    if (rc == NGX_BUSY) {
        return ngx_http_chat_reply_failed(r, NGX_BUSY);
    }

    if (rc != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_chat_route_known(r, ctx);
}


/* "mode":"bearer" in the body lifts the rule of origins */

static ngx_int_t
ngx_http_chat_route_sign_in(ngx_http_request_t *r, ngx_http_chat_ctx_t *ctx)
{
    ngx_int_t  rc;

    if (ngx_http_chat_route_parse(r, ctx, &rc) != NGX_OK) {
        return rc;
    }

    if (ngx_http_chat_auth_origin(r, ctx) != NGX_OK) {
        return ngx_http_chat_reply_problem(r, NGX_HTTP_CHAT_FORBIDDEN, NULL,
                                           "the request comes from another "
                                           "origin");
    }

    return ctx->route->handler(r, ctx);
}


static ngx_int_t
ngx_http_chat_route_parse(ngx_http_request_t *r, ngx_http_chat_ctx_t *ctx,
    ngx_int_t *rc)
{
    if ((ctx->route->flags & (NGX_HTTP_CHAT_BODY|NGX_HTTP_CHAT_BODY_OPT))
        == 0)
    {
        return NGX_OK;
    }

    return ngx_http_chat_body_parse(r, ctx, rc);
}


/* the credential has been looked at */

static ngx_int_t
ngx_http_chat_route_known(ngx_http_request_t *r, ngx_http_chat_ctx_t *ctx)
{
    ngx_int_t  rc;

    if (ctx->actor.kind == 0
        && (ctx->route->flags & NGX_HTTP_CHAT_STREAM)
        && ngx_http_chat_ws_wanted(r))
    {
        /* a ticket or the first frame will tell */

        return ctx->route->handler(r, ctx);
    }

    if (ctx->actor.kind == 0) {
        return ngx_http_chat_reply_problem(r, NGX_HTTP_CHAT_UNAUTHENTICATED,
                                           NULL, "a credential is needed");
    }

    if (ngx_http_chat_auth_origin(r, ctx) != NGX_OK) {
        return ngx_http_chat_reply_problem(r, NGX_HTTP_CHAT_FORBIDDEN, NULL,
                                           "the request comes from another "
                                           "origin");
    }

    if ((ctx->route->who & ctx->actor.kind) == 0) {
        return ngx_http_chat_reply_problem(r, NGX_HTTP_CHAT_FORBIDDEN, NULL,
                                           "not for this kind of user");
    }

    if (ctx->scopes != 0
        && (ctx->route->flags & ctx->scopes & NGX_HTTP_CHAT_SCOPES) == 0)
    {
        return ngx_http_chat_reply_problem(r, NGX_HTTP_CHAT_FORBIDDEN, NULL,
                                           "not within the scopes of the "
                                           "key");
    }

    if (!ctx->is_id && ngx_strstr(ctx->route->pattern, "{id}") != NULL) {
        return ngx_http_chat_reply_problem(r, NGX_HTTP_CHAT_NOT_FOUND, NULL,
                                           "there is no such object");
    }

    if (ngx_http_chat_route_parse(r, ctx, &rc) != NGX_OK) {
        return rc;
    }

    return ctx->route->handler(r, ctx);
}
