
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#include "ngx_http_chat_body.h"
#include "ngx_http_chat_command.h"
#include "ngx_http_chat_endpoint.h"
#include "ngx_http_chat_query.h"
#include "ngx_http_chat_reply.h"


/* The response of a visitor to the card of a message. */


typedef struct {
    ngx_str_t                 client_id;
    int64_t                   seq;
    json_t                   *response;
} ngx_http_chat_respond_t;


static void ngx_http_chat_respond_done(ngx_http_chat_command_t *cmd);


static ngx_http_chat_field_t  ngx_http_chat_respond_fields[] = {

    { "client_msg_id", NGX_HTTP_CHAT_F_CLIENT_ID, NGX_HTTP_CHAT_REQUIRED,
      offsetof(ngx_http_chat_respond_t, client_id), -1, 0, NULL },

    { "seq", NGX_HTTP_CHAT_F_INT, NGX_HTTP_CHAT_REQUIRED,
      offsetof(ngx_http_chat_respond_t, seq), -1, NGX_MAX_INT_T_VALUE, NULL },

    { "response", NGX_HTTP_CHAT_F_OBJECT, NGX_HTTP_CHAT_REQUIRED,
      offsetof(ngx_http_chat_respond_t, response), -1, 0, NULL }
};


ngx_int_t
ngx_http_chat_respond(ngx_http_request_t *r, ngx_http_chat_ctx_t *ctx)
{
    ngx_int_t                 rc;
    ngx_str_t                 text;
    ngx_http_chat_command_t  *cmd;
    ngx_http_chat_respond_t  *s;

    ctx->conversation = 1;

    s = ngx_pcalloc(r->pool, sizeof(ngx_http_chat_respond_t));
    if (s == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (ngx_http_chat_body_take(r, ctx, ngx_http_chat_respond_fields, 3, s,
                                &rc)
        != NGX_OK
        || ngx_http_chat_query_limit(r, ctx, NGX_HTTP_CHAT_LIMIT_SEND, &rc)
           != NGX_OK)
    {
        return rc;
    }

    if (ngx_http_chat_body_dump(r, s->response, &text) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ctx->data = s;

    cmd = ngx_http_chat_command_respond(&ctx->actor, &ctx->id, s->seq,
                                        &s->client_id, &text,
                                        ngx_http_chat_respond_done, NULL);

    return ngx_http_chat_query_command(r, ctx, cmd);
}


/* may free r */

static void
ngx_http_chat_respond_done(ngx_http_chat_command_t *cmd)
{
    ngx_int_t                 rc;
    ngx_http_request_t       *r;
    ngx_http_chat_ctx_t      *ctx;
    ngx_http_chat_respond_t  *s;

    r = cmd->data;

    if (r == NULL) {
        return;
    }

    ctx = ngx_http_get_module_ctx(r, ngx_http_chat_module);
    s = ctx->data;

    if (cmd->rc != NGX_OK) {
        rc = ngx_http_chat_reply_failed(r, cmd->rc);

    } else if (ngx_http_chat_command_is(cmd, "created")
               || ngx_http_chat_command_is(cmd, "duplicate"))
    {
        rc = ngx_http_chat_query_receipt(r, cmd, &cmd->id, &s->client_id);

    } else {
        rc = ngx_http_chat_reply_outcome(r, &cmd->outcome);
    }

    ngx_http_chat_finalize(r, rc);
}
