
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#include "ngx_http_chat.h"
#include "ngx_http_chat_auth.h"
#include "ngx_http_chat_bus.h"
#include "ngx_http_chat_query.h"
#include "ngx_http_chat_reply.h"
#include "ngx_http_chat_revoke.h"


/* The session of an agent: whose it is, and its end. */


static void ngx_http_chat_auth_session_done(ngx_http_chat_call_t *call);
static void ngx_http_chat_auth_sign_out_done(ngx_http_chat_call_t *call);


/* who is signed in, as the store says: the cache is not asked */

ngx_int_t
ngx_http_chat_auth_session(ngx_http_request_t *r, ngx_http_chat_ctx_t *ctx)
{
    u_char                hash[NGX_HTTP_CHAT_AGENT_HASH];
    ngx_http_chat_args_t  args;

    if (ngx_http_chat_auth_hash(r, ctx, hash) != NGX_OK) {
        return ngx_http_chat_reply_problem(r, NGX_HTTP_CHAT_UNAUTHENTICATED,
                                           NULL, NULL);
    }

    ngx_http_chat_args_init(&args);
    ngx_http_chat_arg_int4(&args, ctx->conf->site->id);
    ngx_http_chat_arg_bytes(&args, hash, NGX_HTTP_CHAT_AGENT_HASH);

    return ngx_http_chat_query_call(r, ctx, NGX_HTTP_CHAT_FAST,
                                    NGX_HTTP_CHAT_Q_AGENT_SESSION_GET, &args,
                                    ngx_http_chat_auth_session_done);
}


/* may free r */

static void
ngx_http_chat_auth_session_done(ngx_http_chat_call_t *call)
{
    ngx_http_request_t *r = call->data;

    ngx_int_t             rc;
    ngx_str_t             body;
    ngx_http_chat_ctx_t  *ctx;

    if (r == NULL) {
        return;
    }

    ctx = ngx_http_get_module_ctx(r, ngx_http_chat_module);

    if (call->rc != NGX_OK) {
        rc = ngx_http_chat_reply_failed(r, call->rc);

    } else if (PQntuples(call->res) != 1) {
        ngx_http_chat_revoke_session(&ctx->actor.session);
        rc = ngx_http_chat_reply_problem(r, NGX_HTTP_CHAT_UNAUTHENTICATED,
                                         NULL, "the session has ended");

    } else {
        ngx_http_chat_col_text(call->res, 0, 6, &body);
        rc = ngx_http_chat_reply_json(r, NGX_HTTP_OK, &body);
    }

    ngx_http_chat_finalize(r, rc);
}


ngx_int_t
ngx_http_chat_auth_sign_out(ngx_http_request_t *r, ngx_http_chat_ctx_t *ctx)
{
    ngx_http_chat_args_t  args;

    ngx_http_chat_args_init(&args);
    ngx_http_chat_arg_int4(&args, ctx->conf->site->id);
    ngx_http_chat_arg_id(&args, &ctx->actor.session);

    return ngx_http_chat_query_call(r, ctx, NGX_HTTP_CHAT_FAST,
                                    NGX_HTTP_CHAT_Q_AGENT_SESSION_END, &args,
                                    ngx_http_chat_auth_sign_out_done);
}


/* may free r */

static void
ngx_http_chat_auth_sign_out_done(ngx_http_chat_call_t *call)
{
    ngx_http_request_t *r = call->data;

    ngx_int_t                     rc;
    ngx_str_t                     none;
    ngx_http_chat_ctx_t          *ctx;
    ngx_http_chat_bus_message_t   m;

    if (r == NULL) {
        return;
    }

    ctx = ngx_http_get_module_ctx(r, ngx_http_chat_module);

    if (call->rc != NGX_OK) {
        rc = ngx_http_chat_reply_failed(r, call->rc);

    } else {
        ngx_http_chat_revoke_session(&ctx->actor.session);

        m.type = NGX_HTTP_CHAT_BUS_SESSION;
        m.site = ctx->actor.site->id;
        m.id = ctx->actor.session;
        m.n = 0;
        ngx_str_null(&m.data);

        ngx_http_chat_bus_publish(NULL, &m);

        ngx_str_null(&none);

        if (!ctx->bearer
            && ngx_http_chat_auth_cookie(r, ctx, NGX_HTTP_CHAT_AGENT, &none)
               != NGX_OK)
        {
            rc = NGX_HTTP_INTERNAL_SERVER_ERROR;

        } else {
            rc = ngx_http_chat_reply_empty(r, NGX_HTTP_NO_CONTENT);
        }
    }

    ngx_http_chat_finalize(r, rc);
}
