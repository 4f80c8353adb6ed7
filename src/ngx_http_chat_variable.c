
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#include "ngx_http_chat.h"


static ngx_int_t ngx_http_chat_variable_site(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_chat_variable_role(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_chat_variable_visitor(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_chat_variable_conversation(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_chat_variable_action(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_chat_variable_transport(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_chat_variable_text(ngx_http_variable_value_t *v,
    u_char *p, size_t len);
static ngx_int_t ngx_http_chat_variable_id(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, ngx_http_chat_id_t *id);


/* none is cacheable: a log may ask again after a map has asked too early */

static ngx_http_variable_t  ngx_http_chat_vars[] = {

    { ngx_string("chat_site"), NULL, ngx_http_chat_variable_site, 0,
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("chat_role"), NULL, ngx_http_chat_variable_role, 0,
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("chat_visitor"), NULL, ngx_http_chat_variable_visitor, 0,
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("chat_conversation"), NULL,
      ngx_http_chat_variable_conversation, 0,
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("chat_action"), NULL, ngx_http_chat_variable_action, 0,
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("chat_transport"), NULL, ngx_http_chat_variable_transport, 0,
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

      ngx_http_null_variable
};


ngx_int_t
ngx_http_chat_variables(ngx_conf_t *cf)
{
    ngx_http_variable_t  *var, *v;

    for (v = ngx_http_chat_vars; v->name.len; v++) {
        var = ngx_http_add_variable(cf, &v->name, v->flags);
        if (var == NULL) {
            return NGX_ERROR;
        }

        var->get_handler = v->get_handler;
        var->data = v->data;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_chat_variable_site(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    ngx_http_chat_loc_conf_t  *conf;

    conf = ngx_http_get_module_loc_conf(r, ngx_http_chat_module);

    if (conf->halves == NGX_HTTP_CHAT_OFF) {
        return ngx_http_chat_variable_text(v, NULL, 0);
    }

    return ngx_http_chat_variable_text(v, conf->site->name.data,
                                       conf->site->name.len);
}


static ngx_int_t
ngx_http_chat_variable_role(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    ngx_http_chat_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_chat_module);

    if (ctx != NULL && ctx->actor.kind == NGX_HTTP_CHAT_VISITOR) {
        return ngx_http_chat_variable_text(v, (u_char *) "visitor",
                                           sizeof("visitor") - 1);
    }

    if (ctx != NULL && ctx->actor.kind == NGX_HTTP_CHAT_AGENT) {
        return ngx_http_chat_variable_text(v, (u_char *) "agent",
                                           sizeof("agent") - 1);
    }

    return ngx_http_chat_variable_text(v, NULL, 0);
}


static ngx_int_t
ngx_http_chat_variable_visitor(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    ngx_http_chat_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_chat_module);

    if (ctx == NULL || ctx->actor.kind != NGX_HTTP_CHAT_VISITOR) {
        return ngx_http_chat_variable_text(v, NULL, 0);
    }

    return ngx_http_chat_variable_id(r, v, &ctx->actor.id);
}


static ngx_int_t
ngx_http_chat_variable_conversation(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    ngx_http_chat_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_chat_module);

    if (ctx == NULL) {
        return ngx_http_chat_variable_text(v, NULL, 0);
    }

    /* named in the path, or otherwise */

    if (ctx->conversation
        || (ctx->is_id && ctx->route != NULL
            && ngx_strncmp(ctx->route->pattern, "/v1/conversations/",
                           sizeof("/v1/conversations/") - 1)
               == 0))
    {
        return ngx_http_chat_variable_id(r, v, &ctx->id);
    }

    return ngx_http_chat_variable_text(v, NULL, 0);
}


static ngx_int_t
ngx_http_chat_variable_action(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    ngx_http_chat_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_chat_module);

    if (ctx == NULL || ctx->route == NULL || ctx->route->action == NULL) {
        return ngx_http_chat_variable_text(v, NULL, 0);
    }

    return ngx_http_chat_variable_text(v, (u_char *) ctx->route->action,
                                       ngx_strlen(ctx->route->action));
}


static ngx_int_t
ngx_http_chat_variable_transport(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    ngx_http_chat_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_chat_module);

    if (ctx == NULL || ctx->transport == NULL) {
        return ngx_http_chat_variable_text(v, NULL, 0);
    }

    return ngx_http_chat_variable_text(v, (u_char *) ctx->transport,
                                       ngx_strlen(ctx->transport));
}


/* NULL gives a variable that is not found */

static ngx_int_t
ngx_http_chat_variable_text(ngx_http_variable_value_t *v, u_char *p,
    size_t len)
{
    if (p == NULL) {
        v->not_found = 1;
        return NGX_OK;
    }

    v->len = len;
    v->valid = 1;
    v->no_cacheable = 0;
    v->not_found = 0;
    v->data = p;

    return NGX_OK;
}


static ngx_int_t
ngx_http_chat_variable_id(ngx_http_request_t *r, ngx_http_variable_value_t *v,
    ngx_http_chat_id_t *id)
{
    u_char  *p;

    p = ngx_pnalloc(r->pool, NGX_HTTP_CHAT_ID_LEN);
    if (p == NULL) {
        return NGX_ERROR;
    }

    (void) ngx_http_chat_id_write(p, id);

    return ngx_http_chat_variable_text(v, p, NGX_HTTP_CHAT_ID_LEN);
}
