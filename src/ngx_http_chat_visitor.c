
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#include "ngx_http_chat_auth.h"
#include "ngx_http_chat_body.h"
#include "ngx_http_chat_command.h"
#include "ngx_http_chat_depot.h"
#include "ngx_http_chat_endpoint.h"
#include "ngx_http_chat_header.h"
#include "ngx_http_chat_identity.h"
#include "ngx_http_chat_query.h"
#include "ngx_http_chat_reply.h"


/* of a site that are looked at, as many as chat.identity_keys_1() returns */
#define NGX_HTTP_CHAT_VISITOR_KEYS   16
/* bytes that are kept of what a browser calls itself */
#define NGX_HTTP_CHAT_VISITOR_AGENT  512


typedef struct {
    ngx_str_t                 site;
    ngx_str_t                 mode;
    ngx_str_t                 locale;
    ngx_str_t                 page;
    ngx_str_t                 time_zone;
    ngx_uint_t                has_locale;
    ngx_uint_t                has_page;
    ngx_uint_t                has_time_zone;
    ngx_str_t                 identity;
    ngx_http_chat_identity_t  who;
} ngx_http_chat_session_t;


static ngx_int_t ngx_http_chat_visitor_identify(ngx_http_request_t *r,
    ngx_http_chat_ctx_t *ctx, ngx_http_chat_session_t *s);
static void ngx_http_chat_visitor_keys(ngx_http_chat_call_t *call);
static ngx_int_t ngx_http_chat_visitor_start(ngx_http_request_t *r,
    ngx_http_chat_ctx_t *ctx, ngx_http_chat_session_t *s);
static ngx_uint_t ngx_http_chat_visitor_zone(ngx_str_t *name);
static void ngx_http_chat_visitor_started(ngx_http_chat_call_t *call);
static ngx_int_t ngx_http_chat_visitor_token(ngx_http_request_t *r,
    ngx_http_chat_ctx_t *ctx, ngx_http_chat_call_t *call);
static void ngx_http_chat_visitor_created(ngx_http_chat_command_t *cmd);
static ngx_int_t ngx_http_chat_visitor_conflict(ngx_http_request_t *r,
    ngx_str_t *body);


static const char  *ngx_http_chat_modes[] = { "cookie", "bearer", NULL };


static ngx_http_chat_field_t  ngx_http_chat_session_fields[] = {

    { "site", NGX_HTTP_CHAT_F_STRING, 0,
      offsetof(ngx_http_chat_session_t, site), -1, 32, NULL },

    { "mode", NGX_HTTP_CHAT_F_ENUM, 0,
      offsetof(ngx_http_chat_session_t, mode), -1, 0, ngx_http_chat_modes },

    { "locale", NGX_HTTP_CHAT_F_STRING, 0,
      offsetof(ngx_http_chat_session_t, locale),
      offsetof(ngx_http_chat_session_t, has_locale), 35, NULL },

    { "page", NGX_HTTP_CHAT_F_STRING, 0,
      offsetof(ngx_http_chat_session_t, page),
      offsetof(ngx_http_chat_session_t, has_page), 2048, NULL },

    { "time_zone", NGX_HTTP_CHAT_F_STRING, 0,
      offsetof(ngx_http_chat_session_t, time_zone),
      offsetof(ngx_http_chat_session_t, has_time_zone), 64, NULL },

    { "identity", NGX_HTTP_CHAT_F_STRING, 0,
      offsetof(ngx_http_chat_session_t, identity), -1,
      NGX_HTTP_CHAT_IDENTITY_MAX, NULL }
};


static ngx_http_chat_field_t  ngx_http_chat_create_fields[] = {

    { "client_msg_id", NGX_HTTP_CHAT_F_CLIENT_ID, NGX_HTTP_CHAT_REQUIRED,
      offsetof(ngx_http_chat_message_t, client_id), -1, 0, NULL },

    { "text", NGX_HTTP_CHAT_F_TEXT, NGX_HTTP_CHAT_UNLESS_NEXT,
      offsetof(ngx_http_chat_message_t, text), -1, 0, NULL },

    { "attachments", NGX_HTTP_CHAT_F_IDS, 0,
      offsetof(ngx_http_chat_message_t, files), -1,
      NGX_HTTP_CHAT_FILES_MAX, NULL }
};


ngx_int_t
ngx_http_chat_visitor_session(ngx_http_request_t *r, ngx_http_chat_ctx_t *ctx)
{
    ngx_int_t                 rc, limited;
    ngx_http_chat_session_t  *s;

    s = ngx_pcalloc(r->pool, sizeof(ngx_http_chat_session_t));
    if (s == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (ctx->body != NULL
        && ngx_http_chat_body_take(r, ctx, ngx_http_chat_session_fields, 6,
                                   s, &rc)
           != NGX_OK)
    {
        return rc;
    }

    if (s->site.len != 0
        && (s->site.len != ctx->conf->site->name.len
            || ngx_memcmp(s->site.data, ctx->conf->site->name.data,
                          s->site.len) != 0))
    {
        return ngx_http_chat_reply_problem(r, NGX_HTTP_CHAT_FORBIDDEN,
                                           "site", "this location serves "
                                           "another site");
    }

    if (s->has_time_zone && !ngx_http_chat_visitor_zone(&s->time_zone)) {
        return ngx_http_chat_reply_problem(r, NGX_HTTP_CHAT_INVALID_FIELD,
                                           "time_zone",
                                           "it is not a time zone");
    }

    /* a credential that is no good is as none: the visitor starts anew */

    rc = ngx_http_chat_auth_visitor(r, ctx);

    if (rc == NGX_ERROR) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (rc == NGX_DECLINED
        && ngx_http_chat_query_limit(r, ctx, NGX_HTTP_CHAT_LIMIT_TOKEN,
                                     &limited)
           != NGX_OK)
    {
        return limited;
    }

    ctx->data = s;

    return ngx_http_chat_visitor_identify(r, ctx, s);
}


/*
 * Who it is, if the site says so: by the configuration, or by a token of its
 * own.  What a page of another origin makes a browser send says nothing.
 */

static ngx_int_t
ngx_http_chat_visitor_identify(ngx_http_request_t *r,
    ngx_http_chat_ctx_t *ctx, ngx_http_chat_session_t *s)
{
    ngx_uint_t             i;
    ngx_str_t             *said[3];
    ngx_http_chat_args_t   args;

    said[0] = &s->who.external;
    said[1] = &s->who.name;
    said[2] = &s->who.email;

    if (ctx->conf->identity != NULL && !ngx_http_chat_auth_foreign(r, ctx)) {

        for (i = 0; i < 3; i++) {

            if (ctx->conf->identity[i].value.data == NULL) {
                continue;
            }

            if (ngx_http_complex_value(r, &ctx->conf->identity[i], said[i])
                != NGX_OK)
            {
                return NGX_HTTP_INTERNAL_SERVER_ERROR;
            }
        }
    }

    if (s->who.external.len != 0 || s->identity.len == 0) {
        return ngx_http_chat_visitor_start(r, ctx, s);
    }

    ngx_http_chat_args_init(&args);
    ngx_http_chat_arg_int4(&args, ctx->conf->site->id);

    return ngx_http_chat_query_call(r, ctx, NGX_HTTP_CHAT_FAST,
                                    NGX_HTTP_CHAT_Q_IDENTITY_KEYS, &args,
                                    ngx_http_chat_visitor_keys);
}


/* may free r */

static void
ngx_http_chat_visitor_keys(ngx_http_chat_call_t *call)
{
    ngx_int_t                      rc;
    ngx_uint_t                     i, n;
    const char                    *detail;
    ngx_http_request_t            *r;
    ngx_http_chat_ctx_t           *ctx;
    ngx_http_chat_session_t       *s;
    ngx_http_chat_identity_key_t   keys[NGX_HTTP_CHAT_VISITOR_KEYS];

    r = call->data;

    if (r == NULL) {
        return;
    }

    if (call->rc != NGX_OK) {
        ngx_http_chat_finalize(r, ngx_http_chat_reply_failed(r, call->rc));
        return;
    }

    ctx = ngx_http_get_module_ctx(r, ngx_http_chat_module);
    s = ctx->data;

    n = ngx_min(PQntuples(call->res), NGX_HTTP_CHAT_VISITOR_KEYS);

    for (i = 0; i < n; i++) {
        ngx_http_chat_col_text(call->res, i, 0, &keys[i].kid);
        ngx_http_chat_col_text(call->res, i, 1, &keys[i].alg);
        ngx_http_chat_col_text(call->res, i, 2, &keys[i].key);
    }

    rc = ngx_http_chat_identity_verify(r->pool, &s->identity,
                                       &ctx->conf->site->name,
                                       ngx_http_chat_time_now() / 1000,
                                       keys, n, &s->who, &detail);

    if (rc == NGX_OK) {
        rc = ngx_http_chat_visitor_start(r, ctx, s);

    } else if (rc == NGX_DECLINED) {
        rc = ngx_http_chat_reply_problem(r, NGX_HTTP_CHAT_UNAUTHENTICATED,
                                         "identity", detail);

    } else {
        rc = NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_http_chat_finalize(r, rc);
}


static ngx_int_t
ngx_http_chat_visitor_start(ngx_http_request_t *r, ngx_http_chat_ctx_t *ctx,
    ngx_http_chat_session_t *s)
{
    u_char                 agent[NGX_HTTP_CHAT_VISITOR_AGENT];
    ngx_str_t              device;
    ngx_uint_t             known;
    ngx_http_chat_id_t     fresh;
    ngx_http_chat_args_t   args;

    if (ngx_http_chat_id_make(&fresh) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    known = (ctx->actor.kind == NGX_HTTP_CHAT_VISITOR);

    device.data = agent;
    device.len = 0;

    if (r->headers_in.user_agent != NULL) {
        device.len = ngx_http_chat_header_text(agent, sizeof(agent),
                                          &r->headers_in.user_agent->value)
                     - agent;
    }

    ngx_http_chat_args_init(&args);
    ngx_http_chat_arg_int4(&args, ctx->conf->site->id);
    ngx_http_chat_arg_id(&args, known ? &ctx->actor.id : NULL);
    ngx_http_chat_arg_int8(&args, known ? ctx->actor.issued : 0);
    ngx_http_chat_arg_id(&args, &fresh);
    ngx_http_chat_arg_text(&args, s->has_locale ? &s->locale : NULL);
    ngx_http_chat_arg_text(&args, s->has_page ? &s->page : NULL);
    ngx_http_chat_arg_epoch(&args);
    ngx_http_chat_arg_text(&args, s->who.external.len ? &s->who.external
                                                      : NULL);
    ngx_http_chat_arg_text(&args, s->who.name.len ? &s->who.name : NULL);
    ngx_http_chat_arg_text(&args, s->who.email.len ? &s->who.email : NULL);
    ngx_http_chat_arg_text(&args, s->who.attributes.len ? &s->who.attributes
                                                        : NULL);
    ngx_http_chat_arg_bool(&args, ctx->conf->identity != NULL);
    ngx_http_chat_arg_text(&args, device.len ? &device : NULL);
    ngx_http_chat_arg_text(&args, s->has_time_zone ? &s->time_zone : NULL);

    return ngx_http_chat_query_call(r, ctx, NGX_HTTP_CHAT_FAST,
                                    NGX_HTTP_CHAT_Q_SESSION_START, &args,
                                    ngx_http_chat_visitor_started);
}


/* as IANA and ECMA-402 name them: Asia/Jerusalem, Etc/GMT+2, -03:30 */

static ngx_uint_t
ngx_http_chat_visitor_zone(ngx_str_t *name)
{
    u_char  ch, *p, *last;

    last = name->data + name->len;

    for (p = name->data; p < last; p++) {
        ch = *p | 0x20;

        if ((ch < 'a' || ch > 'z') && (*p < '0' || *p > ':') && *p != '_'
            && *p != '+' && *p != '-' && *p != '/')
        {
            return 0;
        }
    }

    return name->len != 0;
}


/* may free r */

static void
ngx_http_chat_visitor_started(ngx_http_chat_call_t *call)
{
    ngx_int_t             rc;
    ngx_http_request_t   *r;
    ngx_http_chat_ctx_t  *ctx;

    r = call->data;

    if (r == NULL) {
        return;
    }

    ctx = ngx_http_get_module_ctx(r, ngx_http_chat_module);

    if (call->rc != NGX_OK) {
        rc = ngx_http_chat_reply_failed(r, call->rc);

    } else {
        rc = ngx_http_chat_visitor_token(r, ctx, call);
    }

    ngx_http_chat_finalize(r, rc);
}


/* adds the credential to the answer of chat.session_start_1() */

static ngx_int_t
ngx_http_chat_visitor_token(ngx_http_request_t *r, ngx_http_chat_ctx_t *ctx,
    ngx_http_chat_call_t *call)
{
    u_char                     *p, buf[NGX_HTTP_CHAT_TOKEN_LEN];
    ngx_str_t                   outcome, answer, body, token;
    ngx_uint_t                  bearer;
    ngx_http_chat_session_t    *s;
    ngx_http_chat_main_conf_t  *mcf;

    s = ctx->data;
    mcf = ngx_http_get_module_main_conf(r, ngx_http_chat_module);

    ctx->actor.kind = NGX_HTTP_CHAT_VISITOR;
    ctx->actor.site = ctx->conf->site;
    ctx->actor.issued = ngx_http_chat_col_int8(call->res, 0, 2);

    ngx_http_chat_col_text(call->res, 0, 0, &outcome);
    ngx_http_chat_col_text(call->res, 0, 3, &body);

    if (body.len == 0) {
        return ngx_http_chat_reply_outcome(r, &outcome);
    }

    if (ngx_http_chat_col_id(call->res, 0, 1, &ctx->actor.id) != NGX_OK
        || body.len < 2
        || ngx_http_chat_token_sign(mcf->keys, buf, ctx->conf->site->hash,
                                    &ctx->actor.id, ctx->actor.issued)
           == NULL)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    token.data = buf;
    token.len = NGX_HTTP_CHAT_TOKEN_LEN;

    bearer = s->mode.len != 0 && s->mode.data[0] == 'b';

    if (!bearer
        && ngx_http_chat_auth_cookie(r, ctx, NGX_HTTP_CHAT_VISITOR, &token)
           != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    p = ngx_pnalloc(r->pool, body.len + NGX_HTTP_CHAT_TOKEN_LEN
                             + NGX_HTTP_CHAT_TIME_LEN
                             + NGX_SIZE_T_LEN + NGX_INT_T_LEN
                             + sizeof("\"token\":\"\",\"expires_at\":\"\",,"
                                      "\"upload\":{\"size\":,\"count\":},"));
    if (p == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    answer.data = p;

    *p++ = '{';

    if (bearer) {
        p = ngx_sprintf(p, "\"token\":\"%V\",", &token);
    }

    p = ngx_cpymem(p, "\"expires_at\":\"", sizeof("\"expires_at\":\"") - 1);
    p = ngx_http_chat_time_write(p, ctx->actor.issued
                                    + NGX_HTTP_CHAT_TOKEN_LIFE);
    p = ngx_cpymem(p, "\",", 2);

    if (ngx_http_chat_depot_on()) {
        p = ngx_sprintf(p, "\"upload\":{\"size\":%uz,\"count\":%d},",
                        ctx->conf->max_upload, NGX_HTTP_CHAT_FILES_MAX);
    }

    p = ngx_cpymem(p, body.data + 1, body.len - 1);

    answer.len = p - answer.data;

    return ngx_http_chat_reply_json(r, NGX_HTTP_OK, &answer);
}


ngx_int_t
ngx_http_chat_visitor_create(ngx_http_request_t *r, ngx_http_chat_ctx_t *ctx)
{
    ngx_int_t                 rc;
    ngx_http_chat_command_t  *cmd;
    ngx_http_chat_message_t  *message;

    message = ngx_pcalloc(r->pool, sizeof(ngx_http_chat_message_t));
    if (message == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (ngx_http_chat_body_take(r, ctx, ngx_http_chat_create_fields, 3,
                                message, &rc)
        != NGX_OK
        || ngx_http_chat_query_limit(r, ctx, NGX_HTTP_CHAT_LIMIT_CREATE, &rc)
           != NGX_OK)
    {
        return rc;
    }

    ctx->data = message;

    cmd = ngx_http_chat_command_create(&ctx->actor, message,
                                       ngx_http_chat_visitor_created, NULL);
    return ngx_http_chat_query_command(r, ctx, cmd);
}


/* may free r */

static void
ngx_http_chat_visitor_created(ngx_http_chat_command_t *cmd)
{
    ngx_int_t                 rc;
    ngx_http_request_t       *r;
    ngx_http_chat_ctx_t      *ctx;
    ngx_http_chat_message_t  *message;

    r = cmd->data;

    if (r == NULL) {
        return;
    }

    ctx = ngx_http_get_module_ctx(r, ngx_http_chat_module);
    message = ctx->data;

    if (cmd->rc != NGX_OK) {
        rc = ngx_http_chat_reply_failed(r, cmd->rc);

    } else if (ngx_http_chat_command_is(cmd, "created")
               || ngx_http_chat_command_is(cmd, "duplicate"))
    {
        ctx->id = cmd->conversation;
        ctx->conversation = 1;

        rc = ngx_http_chat_query_receipt(r, cmd, &cmd->conversation,
                                         &message->client_id);

    } else if (ngx_http_chat_command_is(cmd, "conflict")) {
        rc = ngx_http_chat_visitor_conflict(r, &cmd->page->body);

    } else {
        rc = ngx_http_chat_reply_outcome(r, &cmd->outcome);
    }

    ngx_http_chat_finalize(r, rc);
}


/* the site holds a visitor to the conversation that he has */

static ngx_int_t
ngx_http_chat_visitor_conflict(ngx_http_request_t *r, ngx_str_t *body)
{
    u_char     *p;
    ngx_str_t   extra;

    p = ngx_pnalloc(r->pool, sizeof("\"conversation\":") + body->len);
    if (p == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    extra.data = p;
    extra.len = ngx_sprintf(p, "\"conversation\":%V", body) - p;

    return ngx_http_chat_reply_problem_with(r, NGX_HTTP_CHAT_CONFLICT, NULL,
                                            "there is a conversation "
                                            "already", &extra);
}
