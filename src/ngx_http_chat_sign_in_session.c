
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#include "ngx_http_chat_base64.h"
#include "ngx_http_chat_query.h"
#include "ngx_http_chat_reply.h"
#include "ngx_http_chat_sign_in.h"

#include <openssl/rand.h>


/*
 * The session of an agent who has shown who it is: by a password, or because
 * the configuration says so.
 */


static ngx_int_t ngx_http_chat_sign_in_token(ngx_http_chat_sign_in_t *s,
    ngx_http_chat_id_t *session, u_char *hash);
static void ngx_http_chat_sign_in_created(ngx_http_chat_call_t *call);
static void ngx_http_chat_sign_in_identified(ngx_http_chat_call_t *call);
static ngx_int_t ngx_http_chat_sign_in_answer(ngx_http_request_t *r,
    ngx_http_chat_ctx_t *ctx, ngx_str_t *body);


/* the token for the agent, and what is stored; hash: EVP_MAX_MD_SIZE bytes */

static ngx_int_t
ngx_http_chat_sign_in_token(ngx_http_chat_sign_in_t *s,
    ngx_http_chat_id_t *session, u_char *hash)
{
    u_char  secret[NGX_HTTP_CHAT_AGENT_SECRET];

    if (RAND_bytes(secret, NGX_HTTP_CHAT_AGENT_SECRET) != 1
        || EVP_Digest(secret, NGX_HTTP_CHAT_AGENT_SECRET, hash, NULL,
                      EVP_sha256(), NULL)
           != 1
        || ngx_http_chat_id_make(session) != NGX_OK)
    {
        return NGX_ERROR;
    }

    (void) ngx_http_chat_base64_encode(s->token, secret,
                                       NGX_HTTP_CHAT_AGENT_SECRET, 1);
    ngx_explicit_memzero(secret, sizeof(secret));

    return NGX_OK;
}


ngx_int_t
ngx_http_chat_sign_in_session(ngx_http_request_t *r,
    ngx_http_chat_sign_in_t *s)
{
    u_char                 hash[EVP_MAX_MD_SIZE];
    ngx_http_chat_id_t     session;
    ngx_http_chat_ctx_t   *ctx;
    ngx_http_chat_args_t   args;

    ctx = ngx_http_get_module_ctx(r, ngx_http_chat_module);

    if (ngx_http_chat_sign_in_token(s, &session, hash) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_http_chat_args_init(&args);
    ngx_http_chat_arg_int4(&args, ctx->conf->site->id);
    ngx_http_chat_arg_id(&args, &s->agent);
    ngx_http_chat_arg_text(&args, &s->stored);
    ngx_http_chat_arg_id(&args, &session);
    ngx_http_chat_arg_bytes(&args, hash, NGX_HTTP_CHAT_AGENT_HASH);
    ngx_http_chat_arg_int8(&args, s->totp.step);

    if (s->recovery) {
        ngx_http_chat_arg_bytes(&args, s->recovered, NGX_HTTP_CHAT_TOTP_HASH);

    } else {
        ngx_http_chat_arg_null(&args);
    }

    if (s->totp.moved) {
        ngx_http_chat_arg_bytes(&args, s->totp.again,
                                NGX_HTTP_CHAT_TOTP_SEALED);

    } else {
        ngx_http_chat_arg_null(&args);
    }

    return ngx_http_chat_query_call(r, ctx, NGX_HTTP_CHAT_FAST,
                                    NGX_HTTP_CHAT_Q_AGENT_SESSION_CREATE,
                                    &args, ngx_http_chat_sign_in_created);
}


/* may free r */

static void
ngx_http_chat_sign_in_created(ngx_http_chat_call_t *call)
{
    ngx_http_request_t *r = call->data;

    ngx_int_t                 rc;
    ngx_str_t                 outcome, body;
    ngx_http_chat_ctx_t      *ctx;
    ngx_http_chat_sign_in_t  *s;

    if (r == NULL) {
        return;
    }

    ctx = ngx_http_get_module_ctx(r, ngx_http_chat_module);

    if (call->rc != NGX_OK) {
        rc = ngx_http_chat_reply_failed(r, call->rc);

    } else {
        ngx_http_chat_col_text(call->res, 0, 0, &outcome);
        ngx_http_chat_col_text(call->res, 0, 1, &body);

        if (outcome.len == 2 && ngx_memcmp(outcome.data, "ok", 2) == 0) {
            rc = ngx_http_chat_sign_in_answer(r, ctx, &body);

        } else if (outcome.len == sizeof("second_factor") - 1) {

            /* the code was used before, or there is a factor since now */

            s = ctx->data;
            s->second = 1;
            rc = ngx_http_chat_sign_in_failed(r);

        } else {

            /* the password has changed in between, or the agent has left */

            rc = ngx_http_chat_sign_in_refuse(r);
        }
    }

    ngx_http_chat_finalize(r, rc);
}


/*
 * What a page of another origin makes a browser send says nothing, even where
 * a bearer token is asked for: the browser adds by itself what identifies.
 */

ngx_int_t
ngx_http_chat_sign_in_identity(ngx_http_request_t *r,
    ngx_http_chat_ctx_t *ctx, ngx_http_chat_sign_in_t *s)
{
    u_char                      hash[EVP_MAX_MD_SIZE];
    ngx_int_t                   rc;
    ngx_http_chat_id_t          session, fresh;
    ngx_http_chat_args_t        args;
    ngx_http_complex_value_t   *who;

    if (ngx_http_chat_auth_foreign(r, ctx)) {
        return ngx_http_chat_reply_problem(r, NGX_HTTP_CHAT_FORBIDDEN, NULL,
                                           "the request comes from another "
                                           "origin");
    }

    who = ctx->conf->agent_identity;

    if (ngx_http_complex_value(r, &who[0], &s->email) != NGX_OK
        || (who[1].value.data != NULL
            && ngx_http_complex_value(r, &who[1], &s->name) != NGX_OK)
        || (ctx->conf->agent_role != NULL
            && ngx_http_complex_value(r, ctx->conf->agent_role, &s->role)
               != NGX_OK)
        || ngx_http_chat_sign_in_token(s, &session, hash) != NGX_OK
        || ngx_http_chat_id_make(&fresh) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (s->email.len == 0) {
        return ngx_http_chat_reply_problem(r, NGX_HTTP_CHAT_UNAUTHENTICATED,
                                           NULL, "nobody is identified");
    }

    if (ngx_http_chat_sign_in_guard(r, ctx, s, &rc) != NGX_OK) {
        return rc;
    }

    ctx->data = s;

    ngx_http_chat_args_init(&args);
    ngx_http_chat_arg_int4(&args, ctx->conf->site->id);
    ngx_http_chat_arg_text(&args, &s->email);
    ngx_http_chat_arg_text(&args, s->role.len ? &s->role : NULL);
    ngx_http_chat_arg_bool(&args, ctx->conf->agent_create);
    ngx_http_chat_arg_text(&args, s->name.len ? &s->name : NULL);
    ngx_http_chat_arg_id(&args, &fresh);
    ngx_http_chat_arg_id(&args, &session);
    ngx_http_chat_arg_bytes(&args, hash, NGX_HTTP_CHAT_AGENT_HASH);

    return ngx_http_chat_query_call(r, ctx, NGX_HTTP_CHAT_FAST,
                                    NGX_HTTP_CHAT_Q_AGENT_IDENTIFY, &args,
                                    ngx_http_chat_sign_in_identified);
}


/* may free r */

static void
ngx_http_chat_sign_in_identified(ngx_http_chat_call_t *call)
{
    ngx_http_request_t *r = call->data;

    ngx_int_t                 rc;
    ngx_str_t                 outcome, body;
    ngx_http_chat_ctx_t      *ctx;
    ngx_http_chat_sign_in_t  *s;

    if (r == NULL) {
        return;
    }

    ctx = ngx_http_get_module_ctx(r, ngx_http_chat_module);
    s = ctx->data;

    if (call->rc != NGX_OK) {
        rc = ngx_http_chat_reply_failed(r, call->rc);

    } else if (ngx_http_chat_col_id(call->res, 0, 1, &s->agent) != NGX_OK) {
        ngx_http_chat_col_text(call->res, 0, 0, &outcome);
        ngx_log_error(NGX_LOG_NOTICE, r->connection->log, 0,
                      "chat: \"%V\" is identified, but no agent: %V",
                      &s->email, &outcome);

        rc = ngx_http_chat_reply_problem(r, NGX_HTTP_CHAT_FORBIDDEN, NULL,
                                         "whoever is identified is no agent "
                                         "of the site");

    } else {
        ngx_http_chat_col_text(call->res, 0, 2, &body);
        rc = ngx_http_chat_sign_in_answer(r, ctx, &body);
    }

    ngx_http_chat_finalize(r, rc);
}


/* {"agent":...,"expires_at":...}, for "mode":"bearer" with "token" in front */

static ngx_int_t
ngx_http_chat_sign_in_answer(ngx_http_request_t *r, ngx_http_chat_ctx_t *ctx,
    ngx_str_t *body)
{
    u_char                   *p;
    ngx_str_t                 answer, token;
    ngx_http_chat_sign_in_t  *s;

    s = ctx->data;

    ctx->actor.kind = NGX_HTTP_CHAT_AGENT;
    ctx->actor.site = ctx->conf->site;
    ctx->actor.id = s->agent;

    ngx_http_chat_sign_in_passed(r, s);

    token.data = s->token;
    token.len = NGX_HTTP_CHAT_AGENT_TOKEN_LEN;

    if (s->mode.len == 0 || s->mode.data[0] != 'b') {

        if (ngx_http_chat_auth_cookie(r, ctx, NGX_HTTP_CHAT_AGENT, &token)
            != NGX_OK)
        {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        return ngx_http_chat_reply_json(r, NGX_HTTP_OK, body);
    }

    if (body->len < 2 || body->data[0] != '{') {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    p = ngx_pnalloc(r->pool, body->len + token.len
                             + sizeof("\"token\":\"\",") - 1);
    if (p == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    answer.data = p;

    p = ngx_cpymem(p, "{\"token\":\"", sizeof("{\"token\":\"") - 1);
    p = ngx_cpymem(p, token.data, token.len);
    p = ngx_cpymem(p, "\",", 2);
    p = ngx_cpymem(p, body->data + 1, body->len - 1);

    answer.len = p - answer.data;

    return ngx_http_chat_reply_json(r, NGX_HTTP_OK, &answer);
}
