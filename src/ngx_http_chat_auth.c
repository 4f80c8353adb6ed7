
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#include "ngx_http_chat.h"
#include "ngx_http_chat_auth.h"
#include "ngx_http_chat_auth_cache.h"
#include "ngx_http_chat_base64.h"
#include "ngx_http_chat_cookie.h"
#include "ngx_http_chat_header.h"
#include "ngx_http_chat_origin.h"
#include "ngx_http_chat_site.h"
#include "ngx_http_chat_reply.h"
#include "ngx_http_chat_store.h"
#include "ngx_http_chat_token.h"

#include <openssl/evp.h>


#define NGX_HTTP_CHAT_AUTH_VISITOR_AGE  2592000
#define NGX_HTTP_CHAT_AUTH_AGENT_AGE    604800


static ngx_uint_t ngx_http_chat_auth_same_origin(ngx_http_request_t *r,
    ngx_http_chat_ctx_t *ctx);
static ngx_uint_t ngx_http_chat_auth_secure(ngx_http_request_t *r,
    ngx_http_chat_ctx_t *ctx);
static ngx_uint_t ngx_http_chat_auth_mode_cookie(ngx_http_chat_ctx_t *ctx);

static ngx_uint_t ngx_http_chat_auth_credential(ngx_http_request_t *r,
    ngx_http_chat_ctx_t *ctx, ngx_str_t *token);
static ngx_uint_t ngx_http_chat_auth_role(ngx_http_request_t *r,
    ngx_http_chat_ctx_t *ctx);
static ngx_int_t ngx_http_chat_auth_bearer(ngx_http_request_t *r,
    ngx_str_t *token);
static ngx_int_t ngx_http_chat_auth_cookie_value(ngx_http_request_t *r,
    ngx_http_chat_ctx_t *ctx, ngx_uint_t kind, ngx_str_t *value);

static ngx_int_t ngx_http_chat_auth_signed(ngx_http_request_t *r,
    ngx_http_chat_ctx_t *ctx, ngx_str_t *token);
static ngx_int_t ngx_http_chat_auth_visitor_token(
    ngx_http_chat_loc_conf_t *conf, ngx_http_chat_keys_t *keys,
    ngx_str_t *token, ngx_http_chat_actor_t *actor, int64_t *expires);
static ngx_int_t ngx_http_chat_auth_token_hash(ngx_str_t *token,
    u_char *hash);
static ngx_int_t ngx_http_chat_auth_agent(ngx_http_request_t *r,
    ngx_http_chat_ctx_t *ctx);
static ngx_int_t ngx_http_chat_auth_agent_hash(ngx_http_request_t *r,
    ngx_http_chat_ctx_t *ctx, u_char *hash, ngx_uint_t *key);
static void ngx_http_chat_auth_agent_done(ngx_http_chat_call_t *call);
static ngx_int_t ngx_http_chat_auth_agent_row(ngx_http_request_t *r,
    ngx_http_chat_ctx_t *ctx, PGresult *res);
static ngx_int_t ngx_http_chat_auth_key_row(ngx_http_chat_ctx_t *ctx,
    u_char *hash, PGresult *res);


typedef struct {
    const char               *name;
    ngx_uint_t                bit;
} ngx_http_chat_auth_scope_t;


static ngx_http_chat_auth_scope_t  ngx_http_chat_auth_scopes[] = {
    { "conversations:read", NGX_HTTP_CHAT_SCOPE_READ },
    { "conversations:write", NGX_HTTP_CHAT_SCOPE_WRITE },
    { "visitors:write", NGX_HTTP_CHAT_SCOPE_VISITORS },
    { "people:read", NGX_HTTP_CHAT_SCOPE_PEOPLE },
    { "settings:read", NGX_HTTP_CHAT_SCOPE_SETTINGS },
    { "settings:write", NGX_HTTP_CHAT_SCOPE_CHANGE },
    { "audit:read", NGX_HTTP_CHAT_SCOPE_AUDIT },
    { NULL, 0 }
};


ngx_int_t
ngx_http_chat_auth_origin(ngx_http_request_t *r, ngx_http_chat_ctx_t *ctx)
{
    if (ctx->route->flags & NGX_HTTP_CHAT_SIGN_IN) {

        if (!ngx_http_chat_auth_mode_cookie(ctx)) {
            return NGX_OK;
        }

    } else if (ctx->bearer || ctx->actor.kind == 0
               || (r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD)))
    {
        return NGX_OK;
    }

    if (ngx_http_chat_auth_same_origin(r, ctx)) {
        return NGX_OK;
    }

    ngx_log_error(NGX_LOG_INFO, r->connection->log, 0,
                  "chat: request is not from the same origin");

    return NGX_DECLINED;
}


ngx_int_t
ngx_http_chat_auth_handshake(ngx_http_request_t *r, ngx_http_chat_ctx_t *ctx)
{
    if (ctx->bearer || ctx->actor.kind == 0
        || ngx_http_chat_auth_same_origin(r, ctx)
        || ngx_http_chat_reply_origin(r) != NULL)
    {
        return NGX_OK;
    }

    ngx_log_error(NGX_LOG_INFO, r->connection->log, 0,
                  "chat: handshake is not from an allowed origin");

    return NGX_DECLINED;
}


/*
 * Browsers let no script write Sec-Fetch-Site or Origin.  The first is not
 * sent by old browsers, nor to a site that is neither https nor localhost.
 */

static ngx_uint_t
ngx_http_chat_auth_same_origin(ngx_http_request_t *r,
    ngx_http_chat_ctx_t *ctx)
{
    ngx_str_t         host;
    ngx_table_elt_t  *h;

    static ngx_str_t  fetch_site = ngx_string("sec-fetch-site");
    static ngx_str_t  origin = ngx_string("origin");

    h = ngx_http_chat_header_find(r, &fetch_site, NULL);

    if (h != NULL) {
        return h->value.len == sizeof("same-origin") - 1
               && ngx_memcmp(h->value.data, "same-origin", h->value.len) == 0;
    }

    h = ngx_http_chat_header_find(r, &origin, NULL);

    if (h == NULL) {
        return 0;
    }

    if (r->headers_in.host != NULL) {
        host = r->headers_in.host->value;

    } else if (r->http_version >= NGX_HTTP_VERSION_20 && r->host_end != NULL)
    {
        /* ":authority" alone */

        host.data = r->host_start;
        host.len = r->host_end - r->host_start;

    } else {
        return 0;
    }

    return ngx_http_chat_origin_same(&h->value,
                                     ngx_http_chat_auth_secure(r, ctx), &host);
}


ngx_uint_t
ngx_http_chat_auth_foreign(ngx_http_request_t *r, ngx_http_chat_ctx_t *ctx)
{
    static ngx_str_t  fetch_site = ngx_string("sec-fetch-site");
    static ngx_str_t  origin = ngx_string("origin");

    return (ngx_http_chat_header_find(r, &fetch_site, NULL) != NULL
            || ngx_http_chat_header_find(r, &origin, NULL) != NULL)
           && !ngx_http_chat_auth_same_origin(r, ctx);
}


ngx_uint_t
ngx_http_chat_auth_undecided(ngx_http_request_t *r, ngx_http_chat_ctx_t *ctx)
{
    static ngx_str_t  origin = ngx_string("origin");

    return ctx->conf->origin_settings
           && !ngx_http_chat_site_known(ctx->conf->site)
           && ngx_http_chat_header_find(r, &origin, NULL) != NULL
           && ngx_http_chat_reply_origin(r) == NULL
           && !ngx_http_chat_auth_same_origin(r, ctx);
}


static ngx_uint_t
ngx_http_chat_auth_secure(ngx_http_request_t *r, ngx_http_chat_ctx_t *ctx)
{
    if (ctx->conf->secure == NGX_HTTP_CHAT_SECURE_ON) {
        return 1;
    }

#if (NGX_HTTP_SSL)

    if (ctx->conf->secure == NGX_HTTP_CHAT_SECURE_AUTO) {
        return r->connection->ssl != NULL;
    }

#endif

    return 0;
}


/* the answer would set a cookie; the handlers refuse any third mode */

static ngx_uint_t
ngx_http_chat_auth_mode_cookie(ngx_http_chat_ctx_t *ctx)
{
    json_t      *mode;
    const char  *value;

    mode = json_object_get(ctx->body, "mode");

    if (mode == NULL) {
        return 1;
    }

    value = json_string_value(mode);

    return value != NULL && ngx_strcmp(value, "cookie") == 0;
}


ngx_int_t
ngx_http_chat_auth_actor(ngx_http_request_t *r, ngx_http_chat_ctx_t *ctx)
{
    ngx_int_t   rc;
    ngx_str_t   token;
    ngx_uint_t  kind;

    ngx_memzero(&ctx->actor, sizeof(ngx_http_chat_actor_t));

    kind = ngx_http_chat_auth_credential(r, ctx, &token);

    switch (kind) {

    case NGX_HTTP_CHAT_VISITOR:
        rc = ngx_http_chat_auth_signed(r, ctx, &token);
        break;

    case NGX_HTTP_CHAT_AGENT:
        rc = ngx_http_chat_auth_agent(r, ctx);
        break;

    default:
        rc = (ctx->bearer) ? NGX_DECLINED : NGX_OK;
        break;
    }

    ngx_log_debug3(NGX_LOG_DEBUG_HTTP, r->connection->log, 0,
                   "chat auth kind:%ui bearer:%ui %i",
                   kind, (ngx_uint_t) ctx->bearer, rc);

    return rc;
}


/*
 * The credential that counts, and its kind; 0 if there is none.  A bearer
 * one is what was meant; its length tells the kind.  Of two cookies the role
 * that the request names decides, or the kind that may call.
 */

static ngx_uint_t
ngx_http_chat_auth_credential(ngx_http_request_t *r, ngx_http_chat_ctx_t *ctx,
    ngx_str_t *token)
{
    ngx_str_t   visitor, agent;
    ngx_uint_t  kinds, role;

    ngx_str_null(&visitor);
    ngx_str_null(&agent);

    kinds = ctx->conf->halves;

    if (ctx->route->flags & NGX_HTTP_CHAT_SIGN_IN) {
        kinds &= NGX_HTTP_CHAT_VISITOR;
    }

    if (ngx_http_chat_auth_bearer(r, token) == NGX_OK) {
        ctx->bearer = 1;

        if (token->len == NGX_HTTP_CHAT_TOKEN_LEN) {
            return kinds & NGX_HTTP_CHAT_VISITOR;
        }

        return (token->len == NGX_HTTP_CHAT_AGENT_TOKEN_LEN
                || ngx_http_chat_token_key_is(token))
               ? kinds & NGX_HTTP_CHAT_AGENT : 0;
    }

    /* where "mode":"bearer" lifted the rule of origins, no cookie counts */

    if ((ctx->route->flags & NGX_HTTP_CHAT_SIGN_IN)
        && !ngx_http_chat_auth_same_origin(r, ctx))
    {
        return 0;
    }

    if ((kinds & NGX_HTTP_CHAT_VISITOR)
        && ngx_http_chat_auth_cookie_value(r, ctx, NGX_HTTP_CHAT_VISITOR,
                                           &visitor)
           != NGX_OK)
    {
        kinds &= ~NGX_HTTP_CHAT_VISITOR;
    }

    if ((kinds & NGX_HTTP_CHAT_AGENT)
        && ngx_http_chat_auth_cookie_value(r, ctx, NGX_HTTP_CHAT_AGENT,
                                           &agent)
           != NGX_OK)
    {
        kinds &= ~NGX_HTTP_CHAT_AGENT;
    }

    role = ngx_http_chat_auth_role(r, ctx);

    if (role != 0) {
        kinds &= role;

    } else if (kinds == NGX_HTTP_CHAT_MEMBER) {
        kinds = (ctx->route->who == NGX_HTTP_CHAT_AGENT)
                ? NGX_HTTP_CHAT_AGENT : NGX_HTTP_CHAT_VISITOR;
    }

    if (kinds != 0) {
        *token = (kinds == NGX_HTTP_CHAT_VISITOR) ? visitor : agent;
    }

    return kinds;
}


/* 0 when the request does not say */

static ngx_uint_t
ngx_http_chat_auth_role(ngx_http_request_t *r, ngx_http_chat_ctx_t *ctx)
{
    ngx_str_t         value;
    ngx_table_elt_t  *h;

    static ngx_str_t  name = ngx_string("x-chat-role");

    h = ngx_http_chat_header_find(r, &name, NULL);

    if (h != NULL) {
        value = h->value;

    } else if ((ctx->route->flags
                & (NGX_HTTP_CHAT_STREAM|NGX_HTTP_CHAT_SHOWN))
               == 0
               || ngx_http_arg(r, (u_char *) "role", 4, &value) != NGX_OK)
    {
        return 0;
    }

    if (value.len == sizeof("agent") - 1
        && ngx_memcmp(value.data, "agent", value.len) == 0)
    {
        return NGX_HTTP_CHAT_AGENT;
    }

    if (value.len == sizeof("visitor") - 1
        && ngx_memcmp(value.data, "visitor", value.len) == 0)
    {
        return NGX_HTTP_CHAT_VISITOR;
    }

    return 0;
}


/* another scheme is not for us: it may belong to "auth_basic" */

static ngx_int_t
ngx_http_chat_auth_bearer(ngx_http_request_t *r, ngx_str_t *token)
{
    ngx_str_t  *value;

    if (r->headers_in.authorization == NULL) {
        return NGX_DECLINED;
    }

    value = &r->headers_in.authorization->value;

    if (value->len < sizeof("Bearer ") - 1
        || ngx_strncasecmp(value->data, (u_char *) "Bearer ",
                           sizeof("Bearer ") - 1)
           != 0)
    {
        return NGX_DECLINED;
    }

    token->data = value->data + sizeof("Bearer ") - 1;
    token->len = value->len - (sizeof("Bearer ") - 1);

    while (token->len > 0 && token->data[0] == ' ') {
        token->data++;
        token->len--;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_chat_auth_cookie_value(ngx_http_request_t *r,
    ngx_http_chat_ctx_t *ctx, ngx_uint_t kind, ngx_str_t *value)
{
    u_char            buf[NGX_HTTP_CHAT_COOKIE_LEN];
    ngx_str_t         name;
    ngx_table_elt_t  *h;

    static ngx_str_t  cookie = ngx_string("cookie");

    name.data = buf;
    name.len = ngx_http_chat_cookie_name(buf, kind == NGX_HTTP_CHAT_AGENT,
                                         ngx_http_chat_auth_secure(r, ctx),
                                         &ctx->conf->site->name)
               - buf;

    h = ngx_http_chat_header_find(r, &cookie, NULL);

    while (h != NULL) {

        if (ngx_http_chat_cookie_find(&h->value, &name, value) == NGX_OK) {
            return (value->len > 0) ? NGX_OK : NGX_DECLINED;
        }

        h = ngx_http_chat_header_find(r, &cookie, h);
    }

    return NGX_DECLINED;
}


ngx_int_t
ngx_http_chat_auth_visitor(ngx_http_request_t *r, ngx_http_chat_ctx_t *ctx)
{
    ngx_str_t  token;

    ngx_memzero(&ctx->actor, sizeof(ngx_http_chat_actor_t));

    if (ngx_http_chat_auth_credential(r, ctx, &token)
        != NGX_HTTP_CHAT_VISITOR)
    {
        return NGX_DECLINED;
    }

    return ngx_http_chat_auth_signed(r, ctx, &token);
}


static ngx_int_t
ngx_http_chat_auth_signed(ngx_http_request_t *r, ngx_http_chat_ctx_t *ctx,
    ngx_str_t *token)
{
    ngx_http_chat_main_conf_t  *mcf;

    mcf = ngx_http_get_module_main_conf(r, ngx_http_chat_module);

    return ngx_http_chat_auth_visitor_token(ctx->conf, mcf->keys, token,
                                            &ctx->actor, &ctx->expires);
}


static ngx_int_t
ngx_http_chat_auth_visitor_token(ngx_http_chat_loc_conf_t *conf,
    ngx_http_chat_keys_t *keys, ngx_str_t *token,
    ngx_http_chat_actor_t *actor, int64_t *expires)
{
    int64_t             issued;
    ngx_http_chat_id_t  id;

    if (ngx_http_chat_token_verify(keys, token->data, token->len,
                                   conf->site->hash,
                                   ngx_http_chat_time_now(), &id, &issued)
        != NGX_OK)
    {
        return NGX_DECLINED;
    }

    ngx_memzero(actor, sizeof(ngx_http_chat_actor_t));

    actor->kind = NGX_HTTP_CHAT_VISITOR;
    actor->site = conf->site;
    actor->id = id;
    actor->issued = issued;

    *expires = issued + NGX_HTTP_CHAT_TOKEN_LIFE;

    return NGX_OK;
}


ngx_int_t
ngx_http_chat_auth_token(ngx_http_chat_loc_conf_t *conf,
    ngx_http_chat_keys_t *keys, ngx_str_t *token,
    ngx_http_chat_actor_t *actor, int64_t *expires, u_char *hash)
{
    ngx_uint_t  scopes;

    if ((conf->halves & NGX_HTTP_CHAT_VISITOR)
        && token->len == NGX_HTTP_CHAT_TOKEN_LEN)
    {
        return ngx_http_chat_auth_visitor_token(conf, keys, token, actor,
                                                expires);
    }

    if ((conf->halves & NGX_HTTP_CHAT_AGENT) == 0
        || ngx_http_chat_auth_token_hash(token, hash) != NGX_OK)
    {
        return NGX_DECLINED;
    }

    return ngx_http_chat_auth_cache_find(conf->site, hash, actor, expires,
                                         &scopes)
           == NGX_OK ? NGX_OK : NGX_AGAIN;
}


static ngx_int_t
ngx_http_chat_auth_agent(ngx_http_request_t *r, ngx_http_chat_ctx_t *ctx)
{
    u_char                  hash[NGX_HTTP_CHAT_AGENT_HASH];
    ngx_uint_t              key;
    ngx_http_chat_call_t   *call;
    ngx_http_chat_args_t    args;

    if (ngx_http_chat_auth_agent_hash(r, ctx, hash, &key) != NGX_OK) {
        return NGX_DECLINED;
    }

    if (ngx_http_chat_auth_cache_find(ctx->conf->site, hash, &ctx->actor,
                                      &ctx->expires, &ctx->scopes)
        == NGX_OK)
    {
        return NGX_OK;
    }

    /* the site's id is known since the first connect */

    if (ctx->conf->site->id == 0) {
        return NGX_BUSY;
    }

    ngx_http_chat_args_init(&args);
    ngx_http_chat_arg_int4(&args, ctx->conf->site->id);
    ngx_http_chat_arg_bytes(&args, hash, NGX_HTTP_CHAT_AGENT_HASH);

    call = ngx_http_chat_store_call(NGX_HTTP_CHAT_FAST,
                                    key ? NGX_HTTP_CHAT_Q_API_KEY_GET
                                        : NGX_HTTP_CHAT_Q_AGENT_SESSION_GET,
                                    &args, ngx_http_chat_auth_agent_done,
                                    NULL);
    if (call == NULL) {
        return NGX_BUSY;
    }

    return ngx_http_chat_wait(r, ctx, call) == NGX_OK ? NGX_AGAIN : NGX_ERROR;
}


ngx_int_t
ngx_http_chat_auth_hash(ngx_http_request_t *r, ngx_http_chat_ctx_t *ctx,
    u_char *hash)
{
    ngx_uint_t  key;

    return ngx_http_chat_auth_agent_hash(r, ctx, hash, &key) == NGX_OK && !key
           ? NGX_OK : NGX_DECLINED;
}


static ngx_int_t
ngx_http_chat_auth_agent_hash(ngx_http_request_t *r, ngx_http_chat_ctx_t *ctx,
    u_char *hash, ngx_uint_t *key)
{
    ngx_str_t  token;

    if (ngx_http_chat_auth_credential(r, ctx, &token) != NGX_HTTP_CHAT_AGENT)
    {
        return NGX_DECLINED;
    }

    /* a key is no cookie */

    *key = ctx->bearer && ngx_http_chat_token_key_is(&token);

    if (*key) {
        return ngx_http_chat_token_key_hash(&token, hash);
    }

    return ngx_http_chat_auth_token_hash(&token, hash);
}


static ngx_int_t
ngx_http_chat_auth_token_hash(ngx_str_t *token, u_char *hash)
{
    u_char  secret[NGX_HTTP_CHAT_AGENT_SECRET];

    if (ngx_http_chat_base64_decode(secret, NGX_HTTP_CHAT_AGENT_SECRET,
                                    token->data, token->len, 1)
        != NGX_OK)
    {
        return NGX_DECLINED;
    }

    return EVP_Digest(secret, NGX_HTTP_CHAT_AGENT_SECRET, hash, NULL,
                      EVP_sha256(), NULL)
           == 1 ? NGX_OK : NGX_DECLINED;
}


/* may free r */

static void
ngx_http_chat_auth_agent_done(ngx_http_chat_call_t *call)
{
    ngx_http_request_t *r = call->data;

    ngx_int_t             rc;
    ngx_http_chat_ctx_t  *ctx;

    if (r == NULL) {
        return;
    }

    ctx = ngx_http_get_module_ctx(r, ngx_http_chat_module);

    ngx_log_debug1(NGX_LOG_DEBUG_HTTP, r->connection->log, 0,
                   "chat auth agent done: %i", call->rc);

    if (call->rc != NGX_OK) {
        rc = ngx_http_chat_reply_failed(r, call->rc);

    } else if (ngx_http_chat_auth_agent_row(r, ctx, call->res) != NGX_OK) {
        rc = ngx_http_chat_reply_problem(r, NGX_HTTP_CHAT_UNAUTHENTICATED,
                                         NULL, "the session has ended");

    } else {
        rc = ctx->next(r, ctx);
    }

    ngx_http_chat_finalize(r, rc);
}


static ngx_int_t
ngx_http_chat_auth_agent_row(ngx_http_request_t *r, ngx_http_chat_ctx_t *ctx,
    PGresult *res)
{
    u_char      hash[NGX_HTTP_CHAT_AGENT_HASH];
    ngx_uint_t  key;

    if (ngx_http_chat_auth_agent_hash(r, ctx, hash, &key) != NGX_OK) {
        return NGX_DECLINED;
    }

    if (key) {
        return ngx_http_chat_auth_key_row(ctx, hash, res);
    }

    return ngx_http_chat_auth_session_row(ctx->conf->site, hash, res,
                                          &ctx->actor, &ctx->expires);
}


/* session, agent, ..., expires */

ngx_int_t
ngx_http_chat_auth_session_row(ngx_http_chat_site_t *site, u_char *hash,
    PGresult *res, ngx_http_chat_actor_t *actor, int64_t *expires)
{
    ngx_memzero(actor, sizeof(ngx_http_chat_actor_t));

    if (PQntuples(res) != 1
        || ngx_http_chat_col_id(res, 0, 0, &actor->session) != NGX_OK
        || ngx_http_chat_col_id(res, 0, 1, &actor->id) != NGX_OK)
    {
        return NGX_DECLINED;
    }

    actor->kind = NGX_HTTP_CHAT_AGENT;
    actor->site = site;

    *expires = ngx_http_chat_col_int8(res, 0, 5);

    ngx_http_chat_auth_cache_add(hash, actor, *expires, 0);

    return NGX_OK;
}


/* session, agent, expires, scopes */

static ngx_int_t
ngx_http_chat_auth_key_row(ngx_http_chat_ctx_t *ctx, u_char *hash,
    PGresult *res)
{
    u_char                      *p, *last;
    ngx_str_t                    words;
    ngx_http_chat_actor_t       *actor;
    ngx_http_chat_auth_scope_t  *scope;

    actor = &ctx->actor;

    ngx_memzero(actor, sizeof(ngx_http_chat_actor_t));

    if (PQntuples(res) != 1
        || ngx_http_chat_col_id(res, 0, 0, &actor->session) != NGX_OK
        || ngx_http_chat_col_id(res, 0, 1, &actor->id) != NGX_OK)
    {
        return NGX_DECLINED;
    }

    actor->kind = NGX_HTTP_CHAT_AGENT;
    actor->site = ctx->conf->site;

    ctx->expires = ngx_http_chat_col_int8(res, 0, 2);
    ctx->scopes = NGX_HTTP_CHAT_SCOPE_KEY;

    ngx_http_chat_col_text(res, 0, 3, &words);

    last = words.data + words.len;

    for (p = words.data; p < last; p = words.data + 1) {

        words.data = ngx_strlchr(p, last, ' ');
        words.data = words.data != NULL ? words.data : last;

        for (scope = ngx_http_chat_auth_scopes; scope->name; scope++) {

            if (ngx_strlen(scope->name) == (size_t) (words.data - p)
                && ngx_strncmp(p, scope->name, words.data - p) == 0)
            {
                ctx->scopes |= scope->bit;
            }
        }
    }

    ngx_http_chat_auth_cache_add(hash, actor, ctx->expires, ctx->scopes);

    return NGX_OK;
}


ngx_int_t
ngx_http_chat_auth_cookie(ngx_http_request_t *r, ngx_http_chat_ctx_t *ctx,
    ngx_uint_t kind, ngx_str_t *value)
{
    u_char      *p, *last;
    size_t       size;
    ngx_str_t    header;
    ngx_uint_t   age, secure;

    secure = ngx_http_chat_auth_secure(r, ctx);

    age = (kind == NGX_HTTP_CHAT_AGENT) ? NGX_HTTP_CHAT_AUTH_AGENT_AGE
                                        : NGX_HTTP_CHAT_AUTH_VISITOR_AGE;

    size = NGX_HTTP_CHAT_COOKIE_LEN + 1 + value->len
           + sizeof("; Path=/; Max-Age=; HttpOnly; SameSite=Lax; Secure") - 1
           + NGX_INT_T_LEN;

    p = ngx_pnalloc(r->pool, size);
    if (p == NULL) {
        return NGX_ERROR;
    }

    last = p + size;

    header.data = p;

    p = ngx_http_chat_cookie_name(p, kind == NGX_HTTP_CHAT_AGENT, secure,
                                  &ctx->conf->site->name);

    p = ngx_slprintf(p, last,
                     "=%V; Path=/; Max-Age=%ui; HttpOnly; SameSite=Lax%s",
                     value, value->len > 0 ? age : 0,
                     secure ? "; Secure" : "");

    header.len = p - header.data;

    return ngx_http_chat_reply_header(r, "Set-Cookie", &header);
}
