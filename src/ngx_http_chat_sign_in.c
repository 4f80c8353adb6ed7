
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#include "ngx_http_chat_body.h"
#include "ngx_http_chat_counter.h"
#include "ngx_http_chat_query.h"
#include "ngx_http_chat_reply.h"
#include "ngx_http_chat_sign_in.h"


static void ngx_http_chat_sign_in_args(ngx_http_request_t *r,
    ngx_http_chat_ctx_t *ctx, ngx_http_chat_args_t *args, u_char *address);
static void ngx_http_chat_sign_in_checked(ngx_http_chat_call_t *call);
static ngx_int_t ngx_http_chat_sign_in_find(ngx_http_request_t *r,
    ngx_http_chat_sign_in_t *s);
static void ngx_http_chat_sign_in_failed_done(ngx_http_chat_call_t *call);
static void ngx_http_chat_sign_in_passed_done(ngx_http_chat_call_t *call);
static void ngx_http_chat_sign_in_found(ngx_http_chat_call_t *call);
static ngx_int_t ngx_http_chat_sign_in_row(ngx_http_request_t *r,
    ngx_http_chat_sign_in_t *s, PGresult *res);
static ngx_int_t ngx_http_chat_sign_in_verify(ngx_http_request_t *r,
    ngx_http_chat_sign_in_t *s);
static void ngx_http_chat_sign_in_cleanup(void *data);
static void ngx_http_chat_sign_in_verified(void *data, ngx_int_t rc);
static ngx_int_t ngx_http_chat_sign_in_second(ngx_http_request_t *r,
    ngx_http_chat_sign_in_t *s);
static ngx_int_t ngx_http_chat_sign_in_busy(ngx_http_request_t *r);


static const char  *ngx_http_chat_sign_in_modes[] = {
    "cookie", "bearer", NULL
};


static ngx_http_chat_field_t  ngx_http_chat_sign_in_fields[] = {

    { "email", NGX_HTTP_CHAT_F_STRING, 0,
      offsetof(ngx_http_chat_sign_in_t, email), -1, 254, NULL },

    { "password", NGX_HTTP_CHAT_F_STRING, 0,
      offsetof(ngx_http_chat_sign_in_t, password), -1, 1024, NULL },

    { "code", NGX_HTTP_CHAT_F_STRING, 0,
      offsetof(ngx_http_chat_sign_in_t, code), -1, 32, NULL },

    { "mode", NGX_HTTP_CHAT_F_ENUM, 0,
      offsetof(ngx_http_chat_sign_in_t, mode), -1, 0,
      ngx_http_chat_sign_in_modes }
};


ngx_int_t
ngx_http_chat_auth_sign_in(ngx_http_request_t *r, ngx_http_chat_ctx_t *ctx)
{
    u_char                    address[NGX_HTTP_CHAT_BUCKET_KEY];
    ngx_int_t                 rc;
    ngx_http_cleanup_t       *cln;
    ngx_http_chat_args_t      args;
    ngx_http_chat_sign_in_t  *s;

    s = ngx_pcalloc(r->pool, sizeof(ngx_http_chat_sign_in_t));
    if (s == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (ngx_http_chat_body_take(r, ctx, ngx_http_chat_sign_in_fields,
                                sizeof(ngx_http_chat_sign_in_fields)
                                / sizeof(ngx_http_chat_field_t), s, &rc)
        != NGX_OK)
    {
        return rc;
    }

    /* the site's id is known since the first connect */

    if (ctx->conf->site->id == 0) {
        return ngx_http_chat_reply_failed(r, NGX_BUSY);
    }

    if (s->email.data == NULL && s->password.data == NULL
        && ctx->conf->agent_identity != NULL)
    {
        return ngx_http_chat_sign_in_identity(r, ctx, s);
    }

    if (s->email.data == NULL || s->password.data == NULL) {
        return ngx_http_chat_reply_problem(r, NGX_HTTP_CHAT_INVALID_FIELD,
                                           s->email.data == NULL
                                           ? "email" : "password",
                                           "the field is required");
    }

    if (ngx_http_chat_verify_full()) {
        return ngx_http_chat_sign_in_busy(r);
    }

    cln = ngx_http_cleanup_add(r, 0);
    if (cln == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (ngx_http_chat_sign_in_guard(r, ctx, s, &rc) != NGX_OK) {
        return rc;
    }

    cln->handler = ngx_http_chat_sign_in_cleanup;
    cln->data = s;

    s->request = r;
    ctx->data = s;

    if (!ngx_http_chat_sign_in_counted(ctx)) {
        return ngx_http_chat_sign_in_find(r, s);
    }

    ngx_http_chat_sign_in_args(r, ctx, &args, address);

    return ngx_http_chat_query_call(r, ctx, NGX_HTTP_CHAT_SLOW,
                                    NGX_HTTP_CHAT_Q_SIGN_IN_CHECK, &args,
                                    ngx_http_chat_sign_in_checked);
}


/* in shared memory: attempts at once, before PostgreSQL knows of them */

ngx_int_t
ngx_http_chat_sign_in_guard(ngx_http_request_t *r, ngx_http_chat_ctx_t *ctx,
    ngx_http_chat_sign_in_t *s, ngx_int_t *rc)
{
    u_char      *email;
    ngx_msec_t   wait;

    *rc = NGX_HTTP_INTERNAL_SERVER_ERROR;

    email = ngx_pnalloc(r->pool, s->email.len + 1);
    if (email == NULL) {
        return NGX_ERROR;
    }

    ngx_strlow(email, s->email.data, s->email.len);

    if (EVP_Digest(email, s->email.len, s->hash, NULL, EVP_sha256(), NULL)
        != 1)
    {
        return NGX_ERROR;
    }

    wait = ngx_http_chat_limit_sign_in(ctx->conf->limit, s->hash,
                                       r->connection->sockaddr);
    if (wait == 0) {
        return NGX_OK;
    }

    *rc = ngx_http_chat_reply_later(r, NGX_HTTP_CHAT_RATE_LIMITED,
                                    "too many attempts to sign in", wait);

    return NGX_DECLINED;
}


/* the parameters of the statements about failures */

static void
ngx_http_chat_sign_in_args(ngx_http_request_t *r, ngx_http_chat_ctx_t *ctx,
    ngx_http_chat_args_t *args, u_char *address)
{
    ngx_http_chat_sign_in_t  *s;

    s = ctx->data;

    ngx_http_chat_args_init(args);
    ngx_http_chat_arg_int4(args, ctx->conf->site->id);
    ngx_http_chat_arg_text(args, &s->email);

    if (ngx_http_chat_limit_address(r->connection->sockaddr, address)
        == NGX_OK)
    {
        ngx_http_chat_arg_bytes(args, address, NGX_HTTP_CHAT_BUCKET_KEY);

    } else {
        ngx_http_chat_arg_null(args);
    }

    ngx_http_chat_arg_int4(args, (int32_t) ctx->conf->limit->rates[
                                           NGX_HTTP_CHAT_LIMIT_FAILURES].n);
}


/* may free r */

static void
ngx_http_chat_sign_in_checked(ngx_http_chat_call_t *call)
{
    ngx_http_request_t *r = call->data;

    int64_t               wait;
    ngx_int_t             rc;
    ngx_http_chat_ctx_t  *ctx;

    if (r == NULL) {
        return;
    }

    ctx = ngx_http_get_module_ctx(r, ngx_http_chat_module);

    wait = call->rc == NGX_OK ? ngx_http_chat_col_int8(call->res, 0, 0) : 0;

    if (call->rc != NGX_OK) {
        rc = ngx_http_chat_reply_failed(r, call->rc);

    } else if (wait > 0) {
        ngx_http_chat_counter_add_cell(NGX_HTTP_CHAT_S_LIMITED,
                                       NGX_HTTP_CHAT_LIMIT_FAILURES, 1);
        rc = ngx_http_chat_reply_later(r, NGX_HTTP_CHAT_RATE_LIMITED,
                                       "too many failed attempts to sign in",
                                       (ngx_msec_t) wait);

    } else {
        rc = ngx_http_chat_sign_in_find(r, ctx->data);
    }

    ngx_http_chat_finalize(r, rc);
}


static ngx_int_t
ngx_http_chat_sign_in_find(ngx_http_request_t *r, ngx_http_chat_sign_in_t *s)
{
    ngx_http_chat_ctx_t   *ctx;
    ngx_http_chat_args_t   args;

    ctx = ngx_http_get_module_ctx(r, ngx_http_chat_module);

    ngx_http_chat_args_init(&args);
    ngx_http_chat_arg_int4(&args, ctx->conf->site->id);
    ngx_http_chat_arg_text(&args, &s->email);

    return ngx_http_chat_query_call(r, ctx, NGX_HTTP_CHAT_SLOW,
                                    NGX_HTTP_CHAT_Q_AGENT_LOGIN, &args,
                                    ngx_http_chat_sign_in_found);
}


/* may free r */

static void
ngx_http_chat_sign_in_found(ngx_http_chat_call_t *call)
{
    ngx_http_request_t *r = call->data;

    ngx_int_t                 rc;
    ngx_http_chat_ctx_t      *ctx;
    ngx_http_chat_sign_in_t  *s;

    if (r == NULL) {
        return;
    }

    ctx = ngx_http_get_module_ctx(r, ngx_http_chat_module);
    s = ctx->data;

    if (call->rc != NGX_OK) {
        rc = ngx_http_chat_reply_failed(r, call->rc);

    } else if (ngx_http_chat_sign_in_row(r, s, call->res) != NGX_OK) {
        rc = NGX_HTTP_INTERNAL_SERVER_ERROR;

    } else {
        rc = ngx_http_chat_sign_in_verify(r, s);
    }

    ngx_http_chat_finalize(r, rc);
}


/* the row of chat.agent_login_2(): agent, password, secret, step */

static ngx_int_t
ngx_http_chat_sign_in_row(ngx_http_request_t *r, ngx_http_chat_sign_in_t *s,
    PGresult *res)
{
    ngx_str_t  stored, sealed;

    if (PQntuples(res) == 0) {
        return NGX_OK;
    }

    if (ngx_http_chat_col_id(res, 0, 0, &s->agent) != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_http_chat_col_text(res, 0, 1, &stored);
    ngx_http_chat_col_text(res, 0, 2, &sealed);

    s->stored.len = stored.len;
    s->stored.data = ngx_pstrdup(r->pool, &stored);

    s->totp.last = ngx_http_chat_col_int8(res, 0, 3);
    s->totp.sealed.len = sealed.len;
    s->totp.sealed.data = ngx_pstrdup(r->pool, &sealed);

    if (s->stored.data == NULL || s->totp.sealed.data == NULL) {
        return NGX_ERROR;
    }

    s->known = 1;

    return NGX_OK;
}


static ngx_int_t
ngx_http_chat_sign_in_verify(ngx_http_request_t *r, ngx_http_chat_sign_in_t *s)
{
    ngx_http_chat_password_t    pw;
    ngx_http_chat_main_conf_t  *mcf;

    mcf = ngx_http_get_module_main_conf(r, ngx_http_chat_module);

    if (s->known
        && ngx_http_chat_password_parse(&pw, s->stored.data, s->stored.len)
           != NGX_OK)
    {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "chat: the stored password of an agent is malformed");
        s->known = 0;
    }

    if (!s->known) {
        ngx_http_chat_password_dummy(&pw);
    }

    s->verify = ngx_http_chat_verify_start(mcf->thread_pool, &pw,
                                           &s->password,
                                           ngx_http_chat_sign_in_verified, s);
    if (s->verify == NULL) {
        return ngx_http_chat_sign_in_busy(r);
    }

    return NGX_DONE;
}


/* the request goes away */

static void
ngx_http_chat_sign_in_cleanup(void *data)
{
    ngx_http_chat_sign_in_t *s = data;

    if (s->verify != NULL) {
        ngx_http_chat_verify_cancel(s->verify);
        s->verify = NULL;
    }
}


/* may free r */

static void
ngx_http_chat_sign_in_verified(void *data, ngx_int_t rc)
{
    ngx_http_chat_sign_in_t *s = data;

    ngx_http_request_t  *r;

    r = s->request;
    s->verify = NULL;

    if (rc == NGX_ERROR) {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "chat: a password could not be verified");
        rc = NGX_HTTP_INTERNAL_SERVER_ERROR;

    } else if (rc != NGX_OK || !s->known) {
        rc = ngx_http_chat_sign_in_failed(r);

    } else if (s->totp.sealed.len != 0) {
        rc = ngx_http_chat_sign_in_second(r, s);

    } else {
        rc = ngx_http_chat_sign_in_session(r, s);
    }

    ngx_http_chat_finalize(r, rc);
}


/* whoever has the password is told that a code is missing, nobody else */

static ngx_int_t
ngx_http_chat_sign_in_second(ngx_http_request_t *r, ngx_http_chat_sign_in_t *s)
{
    ngx_int_t                   rc;
    ngx_http_chat_ctx_t        *ctx;
    ngx_http_chat_main_conf_t  *mcf;

    ctx = ngx_http_get_module_ctx(r, ngx_http_chat_module);
    mcf = ngx_http_get_module_main_conf(r, ngx_http_chat_module);

    s->second = 1;

    if (s->code.data == NULL) {
        ngx_http_chat_limit_signed_in(ctx->conf->limit, s->hash,
                                      r->connection->sockaddr);
        return ngx_http_chat_sign_in_refuse(r);
    }

    if (ngx_http_chat_totp_recovery_hash(&s->code, s->recovered) == NGX_OK) {
        s->recovery = 1;
        return ngx_http_chat_sign_in_session(r, s);
    }

    rc = ngx_http_chat_totp_check(mcf->keys, &s->agent, &s->totp, &s->code,
                                  ngx_time());

    if (rc == NGX_OK) {
        return ngx_http_chat_sign_in_session(r, s);
    }

    if (rc == NGX_ABORT || rc == NGX_ERROR) {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "chat: the second factor of an agent cannot be read, "
                      "its key is gone");
    }

    return ngx_http_chat_sign_in_failed(r);
}


/* the failure is known to everybody before the client is */

ngx_int_t
ngx_http_chat_sign_in_failed(ngx_http_request_t *r)
{
    u_char                 address[NGX_HTTP_CHAT_BUCKET_KEY];
    ngx_http_chat_ctx_t   *ctx;
    ngx_http_chat_args_t   args;
    ngx_http_chat_call_t  *call;

    ctx = ngx_http_get_module_ctx(r, ngx_http_chat_module);

    if (!ngx_http_chat_sign_in_counted(ctx)) {
        return ngx_http_chat_sign_in_refuse(r);
    }

    ngx_http_chat_sign_in_args(r, ctx, &args, address);

    call = ngx_http_chat_store_call(NGX_HTTP_CHAT_SLOW,
                                    NGX_HTTP_CHAT_Q_SIGN_IN_FAILED, &args,
                                    ngx_http_chat_sign_in_failed_done, NULL);
    if (call == NULL) {
        return ngx_http_chat_sign_in_refuse(r);
    }

    (void) ngx_http_chat_wait(r, ctx, call);

    return NGX_DONE;
}


/* may free r */

static void
ngx_http_chat_sign_in_failed_done(ngx_http_chat_call_t *call)
{
    ngx_http_request_t *r = call->data;

    if (r != NULL) {
        ngx_http_chat_finalize(r, ngx_http_chat_sign_in_refuse(r));
    }
}


void
ngx_http_chat_sign_in_passed(ngx_http_request_t *r, ngx_http_chat_sign_in_t *s)
{
    u_char                address[NGX_HTTP_CHAT_BUCKET_KEY];
    ngx_http_chat_ctx_t  *ctx;
    ngx_http_chat_args_t  args;

    ctx = ngx_http_get_module_ctx(r, ngx_http_chat_module);

    ngx_http_chat_limit_signed_in(ctx->conf->limit, s->hash,
                                  r->connection->sockaddr);

    if (!ngx_http_chat_sign_in_counted(ctx)) {
        return;
    }

    ngx_http_chat_sign_in_args(r, ctx, &args, address);

    (void) ngx_http_chat_store_call(NGX_HTTP_CHAT_SLOW,
                                    NGX_HTTP_CHAT_Q_SIGN_IN_PASSED, &args,
                                    ngx_http_chat_sign_in_passed_done, NULL);
}


static void
ngx_http_chat_sign_in_passed_done(ngx_http_chat_call_t *call)
{
    /* nobody waits */
}


/* one text for all reasons */

ngx_int_t
ngx_http_chat_sign_in_refuse(ngx_http_request_t *r)
{
    ngx_http_chat_ctx_t      *ctx;
    ngx_http_chat_sign_in_t  *s;

    ctx = ngx_http_get_module_ctx(r, ngx_http_chat_module);
    s = ctx->data;

    if (s->second) {
        return ngx_http_chat_reply_problem(r, NGX_HTTP_CHAT_SECOND_FACTOR,
                                           "code", s->code.data == NULL
                                           ? "a code is required"
                                           : "the code is wrong, or was "
                                             "used already");
    }

    return ngx_http_chat_reply_problem(r, NGX_HTTP_CHAT_UNAUTHENTICATED, NULL,
                                       "the e-mail address or the password "
                                       "is wrong");
}


static ngx_int_t
ngx_http_chat_sign_in_busy(ngx_http_request_t *r)
{
    return ngx_http_chat_reply_problem(r, NGX_HTTP_CHAT_RATE_LIMITED, NULL,
                                       "too many are signing in");
}
