
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#include "ngx_http_chat_body.h"
#include "ngx_http_chat_endpoint.h"
#include "ngx_http_chat_query.h"
#include "ngx_http_chat_reply.h"
#include "ngx_http_chat_token.h"
#include "ngx_http_chat_verify.h"


/*
 * A password is chosen with the token of a set-up link: the link is looked
 * up, the password hashed on the thread pool, the link used up.
 */


#define NGX_HTTP_CHAT_SETUP_MIN  12          /* characters of a password */


typedef struct {
    ngx_str_t                 token;         /* owned by the body */
    ngx_str_t                 password;
    ngx_str_t                 email;
    ngx_str_t                 name;
    ngx_uint_t                has_email;
    ngx_uint_t                has_name;

    u_char                    hash[NGX_HTTP_CHAT_SECRET_HASH];
    ngx_http_chat_password_t  made;
    ngx_http_chat_verify_t   *verify;        /* NULL when it is not running */
    ngx_http_request_t       *request;
} ngx_http_chat_setup_t;


static ngx_uint_t ngx_http_chat_setup_short(ngx_str_t *password);
static void ngx_http_chat_setup_cleanup(void *data);
static void ngx_http_chat_setup_found(ngx_http_chat_call_t *call);
static ngx_int_t ngx_http_chat_setup_hash(ngx_http_request_t *r,
    ngx_http_chat_setup_t *s);
static void ngx_http_chat_setup_hashed(void *data, ngx_int_t rc);
static ngx_int_t ngx_http_chat_setup_use(ngx_http_request_t *r,
    ngx_http_chat_setup_t *s);


static ngx_http_chat_field_t  ngx_http_chat_setup_fields[] = {

    { "token", NGX_HTTP_CHAT_F_STRING, NGX_HTTP_CHAT_REQUIRED,
      offsetof(ngx_http_chat_setup_t, token), -1,
      NGX_HTTP_CHAT_SECRET_LEN, NULL },

    { "password", NGX_HTTP_CHAT_F_STRING, NGX_HTTP_CHAT_REQUIRED,
      offsetof(ngx_http_chat_setup_t, password), -1, 1024, NULL },

    { "email", NGX_HTTP_CHAT_F_STRING, 0,
      offsetof(ngx_http_chat_setup_t, email),
      offsetof(ngx_http_chat_setup_t, has_email), 254, NULL },

    { "name", NGX_HTTP_CHAT_F_STRING, 0,
      offsetof(ngx_http_chat_setup_t, name),
      offsetof(ngx_http_chat_setup_t, has_name), 400, NULL }
};


ngx_int_t
ngx_http_chat_setup(ngx_http_request_t *r, ngx_http_chat_ctx_t *ctx)
{
    ngx_int_t               rc;
    ngx_http_cleanup_t     *cln;
    ngx_http_chat_args_t    args;
    ngx_http_chat_setup_t  *s;

    s = ngx_pcalloc(r->pool, sizeof(ngx_http_chat_setup_t));
    if (s == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (ngx_http_chat_body_take(r, ctx, ngx_http_chat_setup_fields,
                                sizeof(ngx_http_chat_setup_fields)
                                / sizeof(ngx_http_chat_field_t), s, &rc)
        != NGX_OK)
    {
        return rc;
    }

    if (ngx_http_chat_setup_short(&s->password)) {
        return ngx_http_chat_reply_problem(r, NGX_HTTP_CHAT_INVALID_FIELD,
                                           "password", "it needs 12 "
                                           "characters");
    }

    if (ngx_http_chat_token_hash(&s->token, s->hash) != NGX_OK) {
        return ngx_http_chat_reply_problem(r, NGX_HTTP_CHAT_UNAUTHENTICATED,
                                           NULL, NULL);
    }

    cln = ngx_http_cleanup_add(r, 0);
    if (cln == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    cln->handler = ngx_http_chat_setup_cleanup;
    cln->data = s;

    s->request = r;
    ctx->data = s;

    ngx_http_chat_args_init(&args);
    ngx_http_chat_arg_int4(&args, ctx->conf->site->id);
    ngx_http_chat_arg_bytes(&args, s->hash, NGX_HTTP_CHAT_SECRET_HASH);

    return ngx_http_chat_query_call(r, ctx, NGX_HTTP_CHAT_SLOW,
                                    NGX_HTTP_CHAT_Q_SETUP_GET, &args,
                                    ngx_http_chat_setup_found);
}


/* of UTF-8, which continues with 10xxxxxx */

static ngx_uint_t
ngx_http_chat_setup_short(ngx_str_t *password)
{
    size_t      i;
    ngx_uint_t  n;

    n = 0;

    for (i = 0; i < password->len; i++) {
        if ((password->data[i] & 0xc0) != 0x80) {
            n++;
        }
    }

    return n < NGX_HTTP_CHAT_SETUP_MIN;
}


/* the request goes away */

static void
ngx_http_chat_setup_cleanup(void *data)
{
    ngx_http_chat_setup_t *s = data;

    if (s->verify != NULL) {
        ngx_http_chat_verify_cancel(s->verify);
        s->verify = NULL;
    }
}


/* may free r */

static void
ngx_http_chat_setup_found(ngx_http_chat_call_t *call)
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

        rc = (outcome.len == 2 && ngx_memcmp(outcome.data, "ok", 2) == 0)
             ? ngx_http_chat_setup_hash(r, ctx->data)
             : ngx_http_chat_reply_outcome(r, &outcome);
    }

    ngx_http_chat_finalize(r, rc);
}


static ngx_int_t
ngx_http_chat_setup_hash(ngx_http_request_t *r, ngx_http_chat_setup_t *s)
{
    ngx_http_chat_main_conf_t  *mcf;

    mcf = ngx_http_get_module_main_conf(r, ngx_http_chat_module);

    s->verify = ngx_http_chat_verify_make(mcf->thread_pool, &s->made,
                                          &s->password,
                                          ngx_http_chat_setup_hashed, s);
    if (s->verify == NULL) {
        return ngx_http_chat_reply_later(r, NGX_HTTP_CHAT_RATE_LIMITED,
                                         "too many passwords at once", 2000);
    }

    return NGX_DONE;
}


/* may free r */

static void
ngx_http_chat_setup_hashed(void *data, ngx_int_t rc)
{
    ngx_http_chat_setup_t *s = data;

    ngx_http_request_t  *r;

    r = s->request;
    s->verify = NULL;

    if (rc != NGX_OK) {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "chat: a password could not be hashed");
        rc = NGX_HTTP_INTERNAL_SERVER_ERROR;

    } else {
        rc = ngx_http_chat_setup_use(r, s);
    }

    ngx_http_chat_finalize(r, rc);
}


static ngx_int_t
ngx_http_chat_setup_use(ngx_http_request_t *r, ngx_http_chat_setup_t *s)
{
    u_char                text[NGX_HTTP_CHAT_PASSWORD_TEXT];
    ngx_str_t             password;
    ngx_http_chat_id_t    id;
    ngx_http_chat_ctx_t  *ctx;
    ngx_http_chat_args_t  args;

    ctx = ngx_http_get_module_ctx(r, ngx_http_chat_module);

    if (ngx_http_chat_id_make(&id) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    password.data = text;
    password.len = ngx_http_chat_password_write(text, &s->made) - text;

    ngx_http_chat_args_init(&args);
    ngx_http_chat_arg_int4(&args, ctx->conf->site->id);
    ngx_http_chat_arg_bytes(&args, s->hash, NGX_HTTP_CHAT_SECRET_HASH);
    ngx_http_chat_arg_id(&args, &id);
    ngx_http_chat_arg_text(&args, &password);
    ngx_http_chat_arg_text(&args, s->has_email ? &s->email : NULL);
    ngx_http_chat_arg_text(&args, s->has_name ? &s->name : NULL);

    return ngx_http_chat_query_answer(r, ctx, NGX_HTTP_CHAT_SLOW,
                                      NGX_HTTP_CHAT_Q_SETUP_USE, &args);
}
