
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#include "ngx_http_chat_ws_private.h"


/*
 * {"type":"hello","token":"..."}: who the client is, when the handshake did
 * not say, or the same once more with a newer token.
 */


typedef struct {
    ngx_str_t                 token;
} ngx_http_chat_ws_hello_t;


static void ngx_http_chat_ws_hello_lookup(ngx_http_chat_ws_frame_t *frame,
    u_char *hash);
static void ngx_http_chat_ws_hello_done(ngx_http_chat_call_t *call);
static void ngx_http_chat_ws_hello_known(ngx_http_chat_ws_t *ws,
    ngx_http_chat_actor_t *actor, int64_t expires, const u_char *ref);
static ngx_int_t ngx_http_chat_ws_hello_limits(ngx_http_chat_ws_t *ws,
    ngx_http_chat_actor_t *actor);


static ngx_http_chat_field_t  ngx_http_chat_ws_hello_fields[] = {

    { "token", NGX_HTTP_CHAT_F_STRING, NGX_HTTP_CHAT_REQUIRED,
      offsetof(ngx_http_chat_ws_hello_t, token), -1, 256, NULL }
};


void
ngx_http_chat_ws_hello(ngx_http_chat_ws_frame_t *frame)
{
    u_char                     hash[NGX_HTTP_CHAT_AGENT_HASH];
    int64_t                    expires;
    ngx_http_chat_ws_t        *ws;
    ngx_http_chat_actor_t      actor;
    ngx_http_chat_ws_hello_t   h;

    ws = frame->ws;

    ngx_memzero(&h, sizeof(ngx_http_chat_ws_hello_t));

    if (ngx_http_chat_ws_take(frame, ngx_http_chat_ws_hello_fields, 1, &h)
        != NGX_OK)
    {
        return;
    }

    switch (ngx_http_chat_auth_token(ws->conf, ngx_http_chat_ws_keys,
                                     &h.token, &actor, &expires, hash))
    {
    case NGX_OK:
        ngx_http_chat_ws_hello_known(ws, &actor, expires, frame->ref);
        break;

    case NGX_AGAIN:
        ngx_http_chat_ws_hello_lookup(frame, hash);
        break;

    default:
        ngx_http_chat_ws_close(ws, NGX_HTTP_CHAT_WS_NO_AUTH);
    }
}


/* nothing that follows is looked at before the answer */

static void
ngx_http_chat_ws_hello_lookup(ngx_http_chat_ws_frame_t *frame, u_char *hash)
{
    ngx_http_chat_args_t      args;
    ngx_http_chat_ws_t       *ws;
    ngx_http_chat_ws_call_t  *call;

    ws = frame->ws;

    call = ngx_http_chat_ws_call(frame);
    if (call == NULL) {
        return;
    }

    ngx_memcpy(call->hash, hash, NGX_HTTP_CHAT_AGENT_HASH);

    ngx_http_chat_args_init(&args);
    ngx_http_chat_arg_int4(&args, ws->conf->site->id);
    ngx_http_chat_arg_bytes(&args, call->hash, NGX_HTTP_CHAT_AGENT_HASH);

    call->call = ngx_http_chat_store_call(NGX_HTTP_CHAT_FAST,
                                          NGX_HTTP_CHAT_Q_AGENT_SESSION_GET,
                                          &args,
                                          ngx_http_chat_ws_hello_done, call);
    if (call->call == NULL) {
        ngx_http_chat_ws_call_end(call);
        ngx_http_chat_ws_bye(ws, NGX_HTTP_CHAT_WS_NO_STORE);
        return;
    }

    call->call->owner = &call->call;

    ws->hello = 1;
}


static void
ngx_http_chat_ws_hello_done(ngx_http_chat_call_t *c)
{
    u_char                    ref[NGX_HTTP_CHAT_WS_REF + 1];
    int64_t                   expires;
    ngx_int_t                 rc;
    ngx_http_chat_ws_t       *ws;
    ngx_http_chat_actor_t     actor;
    ngx_http_chat_ws_call_t  *call;

    call = c->data;

    if (call == NULL) {
        return;
    }

    ws = call->ws;
    ws->hello = 0;

    if (c->rc != NGX_OK) {
        ngx_http_chat_ws_call_end(call);
        ngx_http_chat_ws_bye(ws, NGX_HTTP_CHAT_WS_NO_STORE);
        return;
    }

    rc = ngx_http_chat_auth_session_row(ws->conf->site, call->hash, c->res,
                                        &actor, &expires);

    ngx_memcpy(ref, call->ref, sizeof(ref));
    ngx_http_chat_ws_call_end(call);

    if (rc != NGX_OK) {
        ngx_http_chat_ws_close(ws, NGX_HTTP_CHAT_WS_NO_AUTH);
        return;
    }

    ngx_http_chat_ws_hello_known(ws, &actor, expires, ref);
    ngx_http_chat_ws_resume(ws);
}


static void
ngx_http_chat_ws_hello_known(ngx_http_chat_ws_t *ws,
    ngx_http_chat_actor_t *actor, int64_t expires, const u_char *ref)
{
    if (ws->actor.kind != 0
        && (ws->actor.kind != actor->kind
            || !ngx_http_chat_id_eq(&ws->actor.id, &actor->id)))
    {
        ngx_http_chat_ws_close(ws, NGX_HTTP_CHAT_WS_BAD_FRAME);
        return;
    }

    if (ws->actor.kind == 0
        && ngx_http_chat_ws_hello_limits(ws, actor) != NGX_OK)
    {
        return;
    }

    /* its subscriptions refer to it */

    ws->actor = *actor;
    ws->expires = expires;

    ngx_http_chat_ws_enter(ws, ref);
}


/* handshake and stream were a stranger's; NGX_DECLINED: it is closed */

static ngx_int_t
ngx_http_chat_ws_hello_limits(ngx_http_chat_ws_t *ws,
    ngx_http_chat_actor_t *actor)
{
    ngx_msec_t  wait;

    wait = ngx_http_chat_limit_enter(ws->conf->limit, actor,
                                     &ws->peer.sockaddr);
    if (wait != 0) {
        ngx_http_chat_ws_bye_after(ws, NGX_HTTP_CHAT_WS_BUSY, wait);
        return NGX_DECLINED;
    }

    ngx_http_chat_limit_close(&ws->stream);

    if (ngx_http_chat_limit_open(&ws->stream, ws->conf->limit, actor,
                                 &ws->peer.sockaddr)
        != NGX_OK)
    {
        ngx_http_chat_ws_bye(ws, NGX_HTTP_CHAT_WS_TOO_MANY);
        return NGX_DECLINED;
    }

    return NGX_OK;
}
