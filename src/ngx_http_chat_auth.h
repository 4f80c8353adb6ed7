
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#ifndef _NGX_HTTP_CHAT_AUTH_H_INCLUDED_
#define _NGX_HTTP_CHAT_AUTH_H_INCLUDED_


#include "ngx_http_chat.h"


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

/* life of a worker: sessions ended elsewhere are forgotten here */
void ngx_http_chat_auth_init(ngx_cycle_t *cycle);
void ngx_http_chat_auth_exit(void);

/* this worker forgets a cached agent session (16 bytes id) at once */
void ngx_http_chat_auth_forget(ngx_http_chat_id_t *session);

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


#endif /* _NGX_HTTP_CHAT_AUTH_H_INCLUDED_ */
