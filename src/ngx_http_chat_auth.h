
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#ifndef _NGX_HTTP_CHAT_AUTH_H_INCLUDED_
#define _NGX_HTTP_CHAT_AUTH_H_INCLUDED_


#include "ngx_http_chat.h"
#include <libpq-fe.h>


/* an agent's token: base64url of the bytes, their SHA-256 is stored */
#define NGX_HTTP_CHAT_AGENT_SECRET     32
#define NGX_HTTP_CHAT_AGENT_TOKEN_LEN  43
#define NGX_HTTP_CHAT_AGENT_HASH       32


/*
 * Origin rules of unsafe requests and of sign-in calls (docs/security): with
 * a cookie, Sec-Fetch-Site: same-origin, or without it an Origin equal to
 * the public one; with a bearer credential none.  For a SIGN_IN route it is
 * called after the body is known, since "mode":"bearer" lifts the rule.
 * NGX_OK or NGX_DECLINED (403 forbidden).
 */
ngx_int_t ngx_http_chat_auth_origin(ngx_http_request_t *r,
    ngx_http_chat_ctx_t *ctx);

/*
 * The same for the handshake of a WebSocket, which any page can start: with a
 * cookie, from the same origin or from one in "chat_origin".
 */
ngx_int_t ngx_http_chat_auth_handshake(ngx_http_request_t *r,
    ngx_http_chat_ctx_t *ctx);

/*
 * A token by itself.  NGX_OK: *actor, and *expires in ms since the epoch.
 * NGX_AGAIN: an agent's, whose hash (NGX_HTTP_CHAT_AGENT_HASH bytes) has to be
 * looked up; ngx_http_chat_auth_session_row() reads the answer.  NGX_DECLINED.
 */
ngx_int_t ngx_http_chat_auth_token(ngx_http_chat_loc_conf_t *conf,
    ngx_http_chat_keys_t *keys, ngx_str_t *token,
    ngx_http_chat_actor_t *actor, int64_t *expires, u_char *hash);

/* the row of chat.agent_session_get_1(); NGX_OK or NGX_DECLINED */
ngx_int_t ngx_http_chat_auth_session_row(ngx_http_chat_site_t *site,
    u_char *hash, PGresult *res, ngx_http_chat_actor_t *actor,
    int64_t *expires);

/*
 * Finds the credential (bearer, cookie), the role meant (X-Chat-Role, role=)
 * and verifies it.  NGX_OK: ctx->actor is set (kind 0 when there is no
 * credential).  NGX_DECLINED: a credential that is no good (401).
 * NGX_AGAIN: an agent's session is being looked up; then ctx->next is called
 * through ngx_http_chat_finalize(r, next(r, ctx)), or the request is answered.
 * NGX_BUSY: it cannot be looked up now (503).  NGX_ERROR (500).
 */
ngx_int_t ngx_http_chat_auth_actor(ngx_http_request_t *r,
    ngx_http_chat_ctx_t *ctx);

/*
 * The same for a SIGN_IN route, which takes a visitor's credential alone, and
 * a cookie only from the same origin.  NGX_OK: ctx->actor is set;
 * NGX_DECLINED: no credential, or one that is no good.
 */
ngx_int_t ngx_http_chat_auth_visitor(ngx_http_request_t *r,
    ngx_http_chat_ctx_t *ctx);

/* hash of the token of an agent that the request carries; NGX_DECLINED */
ngx_int_t ngx_http_chat_auth_hash(ngx_http_request_t *r,
    ngx_http_chat_ctx_t *ctx, u_char *hash);

/* Set-Cookie of a credential; an empty value deletes it.  NGX_ERROR */
ngx_int_t ngx_http_chat_auth_cookie(ngx_http_request_t *r,
    ngx_http_chat_ctx_t *ctx, ngx_uint_t kind, ngx_str_t *value);

/* life of a worker: sessions that have ended are forgotten */
void ngx_http_chat_auth_init(ngx_cycle_t *cycle);
void ngx_http_chat_auth_exit(void);

/*
 * POST, GET and DELETE v1/agent/session.  Sign-in checks the password on the
 * thread pool, at most 2 at once and 32 waiting in a worker (then 429), with
 * the same work for an unknown e-mail.
 */
ngx_int_t ngx_http_chat_auth_sign_in(ngx_http_request_t *r,
    ngx_http_chat_ctx_t *ctx);
ngx_int_t ngx_http_chat_auth_session(ngx_http_request_t *r,
    ngx_http_chat_ctx_t *ctx);
ngx_int_t ngx_http_chat_auth_sign_out(ngx_http_request_t *r,
    ngx_http_chat_ctx_t *ctx);


/* a page of another origin has made a browser send the request */
ngx_uint_t ngx_http_chat_auth_foreign(ngx_http_request_t *r,
    ngx_http_chat_ctx_t *ctx);

/*
 * The request comes from another origin, of which the settings of the site
 * may say that it is allowed; they are not known yet.
 */
ngx_uint_t ngx_http_chat_auth_undecided(ngx_http_request_t *r,
    ngx_http_chat_ctx_t *ctx);


#endif /* _NGX_HTTP_CHAT_AUTH_H_INCLUDED_ */
