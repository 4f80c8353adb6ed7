
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#include "ngx_http_chat_ticket.h"
#include "ngx_http_chat_base64.h"
#include "ngx_http_chat_body.h"
#include "ngx_http_chat_query.h"
#include "ngx_http_chat_reply.h"

#include <openssl/evp.h>
#include <openssl/rand.h>


static ngx_int_t ngx_http_chat_ticket_hash(u_char *secret, u_char *hash);
static void ngx_http_chat_ticket_put(ngx_http_chat_call_t *call);
static ngx_int_t ngx_http_chat_ticket_answer(ngx_http_request_t *r,
    ngx_http_chat_ctx_t *ctx, ngx_http_chat_call_t *call);
static ngx_int_t ngx_http_chat_ticket_refuse(ngx_http_request_t *r);
static void ngx_http_chat_ticket_taken(ngx_http_chat_call_t *call);
static ngx_int_t ngx_http_chat_ticket_row(ngx_http_chat_ctx_t *ctx,
    PGresult *res);


ngx_int_t
ngx_http_chat_ticket(ngx_http_request_t *r, ngx_http_chat_ctx_t *ctx)
{
    u_char                *secret, hash[NGX_HTTP_CHAT_TICKET_HASH];
    ngx_int_t              rc;
    ngx_http_chat_args_t   args;

    if (ctx->body != NULL
        && ngx_http_chat_body_take(r, ctx, NULL, 0, NULL, &rc) != NGX_OK)
    {
        return rc;
    }

    secret = ngx_pnalloc(r->pool, NGX_HTTP_CHAT_TICKET_SECRET);

    if (secret == NULL
        || RAND_bytes(secret, NGX_HTTP_CHAT_TICKET_SECRET) != 1
        || ngx_http_chat_ticket_hash(secret, hash) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ctx->data = secret;

    ngx_http_chat_args_init(&args);
    ngx_http_chat_arg_actor(&args, &ctx->actor);
    ngx_http_chat_arg_bytes(&args, hash, NGX_HTTP_CHAT_TICKET_HASH);

    return ngx_http_chat_query_call(r, ctx, NGX_HTTP_CHAT_FAST,
                                    NGX_HTTP_CHAT_Q_TICKET_PUT, &args,
                                    ngx_http_chat_ticket_put);
}


static ngx_int_t
ngx_http_chat_ticket_hash(u_char *secret, u_char *hash)
{
    return EVP_Digest(secret, NGX_HTTP_CHAT_TICKET_SECRET, hash, NULL,
                      EVP_sha256(), NULL)
           == 1 ? NGX_OK : NGX_ERROR;
}


/* may free r */

static void
ngx_http_chat_ticket_put(ngx_http_chat_call_t *call)
{
    ngx_int_t             rc;
    ngx_http_request_t   *r;
    ngx_http_chat_ctx_t  *ctx;

    r = call->data;

    if (r == NULL) {
        return;
    }

    ctx = ngx_http_get_module_ctx(r, ngx_http_chat_module);

    rc = call->rc == NGX_OK ? ngx_http_chat_ticket_answer(r, ctx, call)
                            : ngx_http_chat_reply_failed(r, call->rc);

    ngx_http_chat_finalize(r, rc);
}


static ngx_int_t
ngx_http_chat_ticket_answer(ngx_http_request_t *r, ngx_http_chat_ctx_t *ctx,
    ngx_http_chat_call_t *call)
{
    u_char     *p, buf[sizeof("{\"ticket\":\"\",\"expires_at\":\"\"}")
                       + NGX_HTTP_CHAT_TICKET_LEN + NGX_HTTP_CHAT_TIME_LEN];
    ngx_str_t   body, outcome;

    ngx_http_chat_col_text(call->res, 0, 0, &outcome);

    if (outcome.len != 2 || ngx_memcmp(outcome.data, "ok", 2) != 0) {
        return ngx_http_chat_reply_outcome(r, &outcome);
    }

    p = ngx_cpymem(buf, "{\"ticket\":\"", sizeof("{\"ticket\":\"") - 1);
    p = ngx_http_chat_base64_encode(p, ctx->data,
                                    NGX_HTTP_CHAT_TICKET_SECRET, 1);
    p = ngx_cpymem(p, "\",\"expires_at\":\"",
                   sizeof("\",\"expires_at\":\"") - 1);
    p = ngx_http_chat_time_write(p, ngx_http_chat_col_int8(call->res, 0, 1));
    *p++ = '"';
    *p++ = '}';

    body.data = buf;
    body.len = p - buf;

    return ngx_http_chat_reply_json(r, NGX_HTTP_OK, &body);
}


ngx_int_t
ngx_http_chat_ticket_take(ngx_http_request_t *r, ngx_http_chat_ctx_t *ctx,
    ngx_str_t *value, ngx_http_chat_handler_pt next)
{
    u_char                secret[NGX_HTTP_CHAT_TICKET_SECRET];
    u_char                hash[NGX_HTTP_CHAT_TICKET_HASH];
    ngx_http_chat_args_t  args;

    if (ngx_http_chat_base64_decode(secret, NGX_HTTP_CHAT_TICKET_SECRET,
                                    value->data, value->len, 1)
        != NGX_OK
        || ngx_http_chat_ticket_hash(secret, hash) != NGX_OK)
    {
        return ngx_http_chat_ticket_refuse(r);
    }

    /* the site's id is known since the first connect */

    if (ctx->conf->site->id == 0) {
        return ngx_http_chat_reply_failed(r, NGX_BUSY);
    }

    ctx->next = next;

    ngx_http_chat_args_init(&args);
    ngx_http_chat_arg_int4(&args, ctx->conf->site->id);
    ngx_http_chat_arg_bytes(&args, hash, NGX_HTTP_CHAT_TICKET_HASH);

    return ngx_http_chat_query_call(r, ctx, NGX_HTTP_CHAT_FAST,
                                    NGX_HTTP_CHAT_Q_TICKET_USE, &args,
                                    ngx_http_chat_ticket_taken);
}


static ngx_int_t
ngx_http_chat_ticket_refuse(ngx_http_request_t *r)
{
    return ngx_http_chat_reply_problem(r, NGX_HTTP_CHAT_UNAUTHENTICATED, NULL,
                                       "the ticket is not valid");
}


/* may free r */

static void
ngx_http_chat_ticket_taken(ngx_http_chat_call_t *call)
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

    } else if (ngx_http_chat_ticket_row(ctx, call->res) != NGX_OK) {
        rc = ngx_http_chat_ticket_refuse(r);

    } else {
        rc = ctx->next(r, ctx);
    }

    ngx_http_chat_finalize(r, rc);
}


/* the row of chat.ticket_use_1(): kind, id, issued, session, expires */

static ngx_int_t
ngx_http_chat_ticket_row(ngx_http_chat_ctx_t *ctx, PGresult *res)
{
    int64_t                expires;
    ngx_str_t              kind;
    ngx_http_chat_actor_t  actor;

    ngx_memzero(&actor, sizeof(ngx_http_chat_actor_t));

    if (PQntuples(res) != 1
        || ngx_http_chat_col_id(res, 0, 1, &actor.id) != NGX_OK)
    {
        return NGX_DECLINED;
    }

    ngx_http_chat_col_text(res, 0, 0, &kind);

    if (kind.len == sizeof("agent") - 1) {

        if (ngx_http_chat_col_id(res, 0, 3, &actor.session) != NGX_OK) {
            return NGX_DECLINED;
        }

        actor.kind = NGX_HTTP_CHAT_AGENT;
        expires = ngx_http_chat_col_int8(res, 0, 4);

    } else {
        actor.kind = NGX_HTTP_CHAT_VISITOR;
        actor.issued = ngx_http_chat_col_int8(res, 0, 2);
        expires = actor.issued + NGX_HTTP_CHAT_TOKEN_LIFE;
    }

    /* the half of the location may be another than that of the ticket's */

    if ((actor.kind & ctx->conf->halves) == 0) {
        return NGX_DECLINED;
    }

    actor.site = ctx->conf->site;

    ctx->actor = actor;
    ctx->expires = expires;
    ctx->bearer = 1;

    return NGX_OK;
}
