
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#include "ngx_http_chat_body.h"
#include "ngx_http_chat_endpoint.h"
#include "ngx_http_chat_query.h"
#include "ngx_http_chat_reply.h"
#include "ngx_http_chat_totp.h"
#include "ngx_http_chat_verify.h"

#include <openssl/evp.h>


/*
 * The second factor of an agent: a secret is made and shown, a first code
 * puts it to use, the password or an administrator ends it.
 */


#define NGX_HTTP_CHAT_FACTOR_ISSUER  "chat"


typedef struct {
    ngx_str_t                 code;          /* owned by the body */
    ngx_str_t                 password;

    u_char                    sealed[NGX_HTTP_CHAT_TOTP_SEALED];
    u_char                    text[NGX_HTTP_CHAT_TOTP_TEXT];
    u_char                    codes[NGX_HTTP_CHAT_TOTP_CODES]
                                   [NGX_HTTP_CHAT_TOTP_CODE];
    u_char                    hash[EVP_MAX_MD_SIZE];   /* of the agent's id */
    ngx_str_t                 stored;        /* text form of a password */
    ngx_http_chat_verify_t   *verify;        /* NULL when it is not running */
    ngx_http_request_t       *request;
} ngx_http_chat_factor_t;


static void ngx_http_chat_factor_begun(ngx_http_chat_call_t *call);
static ngx_int_t ngx_http_chat_factor_show(ngx_http_request_t *r,
    ngx_http_chat_ctx_t *ctx, ngx_str_t *email);
static ngx_int_t ngx_http_chat_factor_guard(ngx_http_request_t *r,
    ngx_http_chat_ctx_t *ctx, ngx_http_chat_factor_t *f, ngx_int_t *rc);
static void ngx_http_chat_factor_got(ngx_http_chat_call_t *call);
static ngx_int_t ngx_http_chat_factor_use(ngx_http_request_t *r,
    ngx_http_chat_ctx_t *ctx, ngx_str_t *sealed);
static void ngx_http_chat_factor_confirmed(ngx_http_chat_call_t *call);
static ngx_int_t ngx_http_chat_factor_codes(ngx_http_request_t *r,
    ngx_http_chat_factor_t *f);
static void ngx_http_chat_factor_cleanup(void *data);
static void ngx_http_chat_factor_found(ngx_http_chat_call_t *call);
static ngx_int_t ngx_http_chat_factor_verify(ngx_http_request_t *r,
    ngx_http_chat_factor_t *f, ngx_str_t *stored);
static void ngx_http_chat_factor_verified(void *data, ngx_int_t rc);
static ngx_int_t ngx_http_chat_factor_end(ngx_http_request_t *r,
    ngx_http_chat_ctx_t *ctx, ngx_http_chat_id_t *agent, ngx_str_t *stored);


#define ngx_http_chat_factor_is(s, text)                                     \
    ((s)->len == sizeof(text) - 1                                            \
     && ngx_memcmp((s)->data, text, sizeof(text) - 1) == 0)


static ngx_http_chat_field_t  ngx_http_chat_factor_code_fields[] = {

    { "code", NGX_HTTP_CHAT_F_STRING, NGX_HTTP_CHAT_REQUIRED,
      offsetof(ngx_http_chat_factor_t, code), -1, 32, NULL }
};


static ngx_http_chat_field_t  ngx_http_chat_factor_password_fields[] = {

    { "password", NGX_HTTP_CHAT_F_STRING, NGX_HTTP_CHAT_REQUIRED,
      offsetof(ngx_http_chat_factor_t, password), -1, 1024, NULL }
};


ngx_int_t
ngx_http_chat_factor_begin(ngx_http_request_t *r, ngx_http_chat_ctx_t *ctx)
{
    ngx_int_t                   rc;
    ngx_http_chat_args_t        args;
    ngx_http_chat_factor_t     *f;
    ngx_http_chat_main_conf_t  *mcf;

    mcf = ngx_http_get_module_main_conf(r, ngx_http_chat_module);

    if (ngx_http_chat_query_limit(r, ctx, NGX_HTTP_CHAT_LIMIT_CHANGE, &rc)
        != NGX_OK)
    {
        return rc;
    }

    f = ngx_pcalloc(r->pool, sizeof(ngx_http_chat_factor_t));

    if (f == NULL
        || ngx_http_chat_totp_new(mcf->keys, &ctx->actor.id, f->sealed,
                                  f->text)
           != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ctx->data = f;

    ngx_http_chat_args_init(&args);
    ngx_http_chat_arg_actor(&args, &ctx->actor);
    ngx_http_chat_arg_bytes(&args, f->sealed, NGX_HTTP_CHAT_TOTP_SEALED);

    return ngx_http_chat_query_call(r, ctx, NGX_HTTP_CHAT_SLOW,
                                    NGX_HTTP_CHAT_Q_TOTP_BEGIN, &args,
                                    ngx_http_chat_factor_begun);
}


/* may free r */

static void
ngx_http_chat_factor_begun(ngx_http_chat_call_t *call)
{
    ngx_http_request_t *r = call->data;

    ngx_int_t             rc;
    ngx_str_t             outcome, email;
    ngx_http_chat_ctx_t  *ctx;

    if (r == NULL) {
        return;
    }

    ctx = ngx_http_get_module_ctx(r, ngx_http_chat_module);

    if (call->rc != NGX_OK) {
        rc = ngx_http_chat_reply_failed(r, call->rc);

    } else {
        ngx_http_chat_col_text(call->res, 0, 0, &outcome);
        ngx_http_chat_col_text(call->res, 0, 1, &email);

        rc = ngx_http_chat_factor_is(&outcome, "created")
             ? ngx_http_chat_factor_show(r, ctx, &email)
             : ngx_http_chat_reply_outcome(r, &outcome);
    }

    ngx_http_chat_finalize(r, rc);
}


/* once; the URI is that of the "Key Uri Format" which authenticators read */

static ngx_int_t
ngx_http_chat_factor_show(ngx_http_request_t *r, ngx_http_chat_ctx_t *ctx,
    ngx_str_t *email)
{
    u_char                  *p;
    size_t                   len;
    ngx_str_t                answer, secret, *site;
    ngx_http_chat_factor_t  *f;

    f = ctx->data;
    site = &ctx->conf->site->name;

    secret.data = f->text;
    secret.len = NGX_HTTP_CHAT_TOTP_TEXT;

    len = email->len + 2 * ngx_escape_uri(NULL, email->data, email->len,
                                          NGX_ESCAPE_URI_COMPONENT);

    p = ngx_pnalloc(r->pool, sizeof("{\"secret\":\"\",\"uri\":\"otpauth://"
                                    "totp/%20:?secret=&issuer=%20\"}")
                             + 2 * sizeof(NGX_HTTP_CHAT_FACTOR_ISSUER)
                             + 2 * secret.len + 2 * site->len + len);
    if (p == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    answer.data = p;

    p = ngx_sprintf(p, "{\"secret\":\"%V\",\"uri\":\"otpauth://totp/"
                       NGX_HTTP_CHAT_FACTOR_ISSUER "%%20%V:",
                    &secret, site);
    p = (u_char *) ngx_escape_uri(p, email->data, email->len,
                                  NGX_ESCAPE_URI_COMPONENT);
    p = ngx_sprintf(p, "?secret=%V&issuer=" NGX_HTTP_CHAT_FACTOR_ISSUER
                       "%%20%V\"}",
                    &secret, site);

    answer.len = p - answer.data;

    return ngx_http_chat_reply_json(r, NGX_HTTP_CREATED, &answer);
}


/* guesses count as those of a password do, but by the agent */

static ngx_int_t
ngx_http_chat_factor_guard(ngx_http_request_t *r, ngx_http_chat_ctx_t *ctx,
    ngx_http_chat_factor_t *f, ngx_int_t *rc)
{
    ngx_msec_t  wait;

    if (EVP_Digest(&ctx->actor.id, sizeof(ngx_http_chat_id_t), f->hash, NULL,
                   EVP_sha256(), NULL)
        != 1)
    {
        *rc = NGX_HTTP_INTERNAL_SERVER_ERROR;
        return NGX_DECLINED;
    }

    wait = ngx_http_chat_limit_sign_in(ctx->conf->limit, f->hash,
                                       r->connection->sockaddr);
    if (wait == 0) {
        return NGX_OK;
    }

    *rc = ngx_http_chat_reply_later(r, NGX_HTTP_CHAT_RATE_LIMITED,
                                    "too many attempts", wait);
    return NGX_DECLINED;
}


ngx_int_t
ngx_http_chat_factor_confirm(ngx_http_request_t *r, ngx_http_chat_ctx_t *ctx)
{
    ngx_int_t                rc;
    ngx_http_chat_args_t     args;
    ngx_http_chat_factor_t  *f;

    f = ngx_pcalloc(r->pool, sizeof(ngx_http_chat_factor_t));
    if (f == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (ngx_http_chat_body_take(r, ctx, ngx_http_chat_factor_code_fields, 1,
                                f, &rc)
        != NGX_OK
        || ngx_http_chat_factor_guard(r, ctx, f, &rc) != NGX_OK)
    {
        return rc;
    }

    ctx->data = f;

    ngx_http_chat_args_init(&args);
    ngx_http_chat_arg_actor(&args, &ctx->actor);

    return ngx_http_chat_query_call(r, ctx, NGX_HTTP_CHAT_SLOW,
                                    NGX_HTTP_CHAT_Q_TOTP_GET, &args,
                                    ngx_http_chat_factor_got);
}


/* may free r */

static void
ngx_http_chat_factor_got(ngx_http_chat_call_t *call)
{
    ngx_http_request_t *r = call->data;

    ngx_int_t             rc;
    ngx_str_t             outcome, sealed;
    ngx_http_chat_ctx_t  *ctx;

    if (r == NULL) {
        return;
    }

    ctx = ngx_http_get_module_ctx(r, ngx_http_chat_module);

    if (call->rc != NGX_OK) {
        rc = ngx_http_chat_reply_failed(r, call->rc);

    } else {
        ngx_http_chat_col_text(call->res, 0, 0, &outcome);
        ngx_http_chat_col_text(call->res, 0, 1, &sealed);

        rc = ngx_http_chat_factor_is(&outcome, "ok")
             ? ngx_http_chat_factor_use(r, ctx, &sealed)
             : ngx_http_chat_reply_outcome(r, &outcome);
    }

    ngx_http_chat_finalize(r, rc);
}


static ngx_int_t
ngx_http_chat_factor_use(ngx_http_request_t *r, ngx_http_chat_ctx_t *ctx,
    ngx_str_t *sealed)
{
    u_char                      hashes[NGX_HTTP_CHAT_TOTP_CODES]
                                      [NGX_HTTP_CHAT_TOTP_HASH];
    ngx_int_t                   rc;
    ngx_uint_t                  i;
    ngx_http_chat_args_t        args;
    ngx_http_chat_totp_t        t;
    ngx_http_chat_factor_t     *f;
    ngx_http_chat_main_conf_t  *mcf;

    f = ctx->data;
    mcf = ngx_http_get_module_main_conf(r, ngx_http_chat_module);

    ngx_memzero(&t, sizeof(ngx_http_chat_totp_t));
    t.sealed = *sealed;

    rc = ngx_http_chat_totp_check(mcf->keys, &ctx->actor.id, &t, &f->code,
                                  ngx_time());
    if (rc == NGX_ERROR) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (rc != NGX_OK) {
        return ngx_http_chat_reply_problem(r, NGX_HTTP_CHAT_INVALID_FIELD,
                                           "code", "it is not the code of "
                                           "now");
    }

    ngx_http_chat_limit_signed_in(ctx->conf->limit, f->hash,
                                  r->connection->sockaddr);

    for (i = 0; i < NGX_HTTP_CHAT_TOTP_CODES; i++) {
        if (ngx_http_chat_totp_recovery(f->codes[i], hashes[i]) != NGX_OK) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }
    }

    ngx_http_chat_args_init(&args);
    ngx_http_chat_arg_actor(&args, &ctx->actor);
    ngx_http_chat_arg_bytes(&args, sealed->data, sealed->len);
    ngx_http_chat_arg_int8(&args, t.step);
    ngx_http_chat_arg_bytes(&args, &hashes[0][0], sizeof(hashes));

    return ngx_http_chat_query_call(r, ctx, NGX_HTTP_CHAT_SLOW,
                                    NGX_HTTP_CHAT_Q_TOTP_CONFIRM, &args,
                                    ngx_http_chat_factor_confirmed);
}


/* may free r */

static void
ngx_http_chat_factor_confirmed(ngx_http_chat_call_t *call)
{
    ngx_http_request_t *r = call->data;

    ngx_int_t             rc;
    ngx_str_t             outcome;
    ngx_http_chat_ctx_t  *ctx;

    if (r == NULL) {
        return;
    }

    ctx = ngx_http_get_module_ctx(r, ngx_http_chat_module);

    if (call->rc != NGX_OK) {
        rc = ngx_http_chat_reply_failed(r, call->rc);

    } else {
        ngx_http_chat_col_text(call->res, 0, 0, &outcome);

        rc = ngx_http_chat_factor_is(&outcome, "ok")
             ? ngx_http_chat_factor_codes(r, ctx->data)
             : ngx_http_chat_reply_outcome(r, &outcome);
    }

    ngx_http_chat_finalize(r, rc);
}


static ngx_int_t
ngx_http_chat_factor_codes(ngx_http_request_t *r, ngx_http_chat_factor_t *f)
{
    u_char      *p, text[sizeof("{\"recovery_codes\":[]}")
                         + NGX_HTTP_CHAT_TOTP_CODES
                           * (NGX_HTTP_CHAT_TOTP_CODE + 3)];
    ngx_str_t    answer;
    ngx_uint_t   i;

    p = ngx_cpymem(text, "{\"recovery_codes\":[",
                   sizeof("{\"recovery_codes\":[") - 1);

    for (i = 0; i < NGX_HTTP_CHAT_TOTP_CODES; i++) {
        *p++ = '"';
        p = ngx_cpymem(p, f->codes[i], NGX_HTTP_CHAT_TOTP_CODE);
        *p++ = '"';
        *p++ = ',';
    }

    p = ngx_cpymem(p - 1, "]}", 2);

    answer.data = text;
    answer.len = p - text;

    return ngx_http_chat_reply_json(r, NGX_HTTP_OK, &answer);
}


ngx_int_t
ngx_http_chat_factor_remove(ngx_http_request_t *r, ngx_http_chat_ctx_t *ctx)
{
    ngx_int_t                rc;
    ngx_http_cleanup_t      *cln;
    ngx_http_chat_args_t     args;
    ngx_http_chat_factor_t  *f;

    f = ngx_pcalloc(r->pool, sizeof(ngx_http_chat_factor_t));
    cln = ngx_http_cleanup_add(r, 0);

    if (f == NULL || cln == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (ngx_http_chat_body_take(r, ctx, ngx_http_chat_factor_password_fields,
                                1, f, &rc)
        != NGX_OK
        || ngx_http_chat_factor_guard(r, ctx, f, &rc) != NGX_OK)
    {
        return rc;
    }

    cln->handler = ngx_http_chat_factor_cleanup;
    cln->data = f;

    f->request = r;
    ctx->data = f;

    ngx_http_chat_args_init(&args);
    ngx_http_chat_arg_actor(&args, &ctx->actor);

    return ngx_http_chat_query_call(r, ctx, NGX_HTTP_CHAT_SLOW,
                                    NGX_HTTP_CHAT_Q_TOTP_PASSWORD, &args,
                                    ngx_http_chat_factor_found);
}


/* the request goes away */

static void
ngx_http_chat_factor_cleanup(void *data)
{
    ngx_http_chat_factor_t *f = data;

    if (f->verify != NULL) {
        ngx_http_chat_verify_cancel(f->verify);
        f->verify = NULL;
    }
}


/* may free r */

static void
ngx_http_chat_factor_found(ngx_http_chat_call_t *call)
{
    ngx_http_request_t *r = call->data;

    ngx_int_t             rc;
    ngx_str_t             outcome, stored;
    ngx_http_chat_ctx_t  *ctx;

    if (r == NULL) {
        return;
    }

    ctx = ngx_http_get_module_ctx(r, ngx_http_chat_module);

    if (call->rc != NGX_OK) {
        rc = ngx_http_chat_reply_failed(r, call->rc);

    } else {
        ngx_http_chat_col_text(call->res, 0, 0, &outcome);
        ngx_http_chat_col_text(call->res, 0, 1, &stored);

        rc = ngx_http_chat_factor_is(&outcome, "ok")
             ? ngx_http_chat_factor_verify(r, ctx->data, &stored)
             : ngx_http_chat_reply_outcome(r, &outcome);
    }

    ngx_http_chat_finalize(r, rc);
}


static ngx_int_t
ngx_http_chat_factor_verify(ngx_http_request_t *r, ngx_http_chat_factor_t *f,
    ngx_str_t *stored)
{
    ngx_http_chat_password_t    pw;
    ngx_http_chat_main_conf_t  *mcf;

    mcf = ngx_http_get_module_main_conf(r, ngx_http_chat_module);

    f->stored.len = stored->len;
    f->stored.data = ngx_pstrdup(r->pool, stored);

    if (f->stored.data == NULL
        || ngx_http_chat_password_parse(&pw, stored->data, stored->len)
           != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    f->verify = ngx_http_chat_verify_start(mcf->thread_pool, &pw,
                                           &f->password,
                                           ngx_http_chat_factor_verified, f);
    if (f->verify == NULL) {
        return ngx_http_chat_reply_later(r, NGX_HTTP_CHAT_RATE_LIMITED,
                                         "too many passwords at once", 2000);
    }

    return NGX_DONE;
}


/* may free r */

static void
ngx_http_chat_factor_verified(void *data, ngx_int_t rc)
{
    ngx_http_chat_factor_t *f = data;

    ngx_http_request_t   *r;
    ngx_http_chat_ctx_t  *ctx;

    r = f->request;
    ctx = ngx_http_get_module_ctx(r, ngx_http_chat_module);
    f->verify = NULL;

    if (rc == NGX_ERROR) {
        rc = NGX_HTTP_INTERNAL_SERVER_ERROR;

    } else if (rc != NGX_OK) {
        rc = ngx_http_chat_reply_problem(r, NGX_HTTP_CHAT_FORBIDDEN,
                                         "password", "the password is "
                                         "wrong");

    } else {
        ngx_http_chat_limit_signed_in(ctx->conf->limit, f->hash,
                                      r->connection->sockaddr);
        rc = ngx_http_chat_factor_end(r, ctx, &ctx->actor.id, &f->stored);
    }

    ngx_http_chat_finalize(r, rc);
}


/* by an administrator */

ngx_int_t
ngx_http_chat_factor_reset(ngx_http_request_t *r, ngx_http_chat_ctx_t *ctx)
{
    ngx_int_t  rc;

    if (ngx_http_chat_query_limit(r, ctx, NGX_HTTP_CHAT_LIMIT_CHANGE, &rc)
        != NGX_OK)
    {
        return rc;
    }

    return ngx_http_chat_factor_end(r, ctx, ctx->is_id ? &ctx->id : NULL,
                                    NULL);
}


static ngx_int_t
ngx_http_chat_factor_end(ngx_http_request_t *r, ngx_http_chat_ctx_t *ctx,
    ngx_http_chat_id_t *agent, ngx_str_t *stored)
{
    ngx_http_chat_args_t  args;

    ngx_http_chat_args_init(&args);
    ngx_http_chat_arg_actor(&args, &ctx->actor);
    ngx_http_chat_arg_id(&args, agent);
    ngx_http_chat_arg_text(&args, stored);

    return ngx_http_chat_query_answer(r, ctx, NGX_HTTP_CHAT_SLOW,
                                      NGX_HTTP_CHAT_Q_TOTP_END, &args);
}
