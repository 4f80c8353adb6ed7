
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#include "ngx_http_chat_body.h"
#include "ngx_http_chat_command.h"
#include "ngx_http_chat_endpoint.h"
#include "ngx_http_chat_query.h"
#include "ngx_http_chat_reply.h"


/* Messages that are changed, or taken back. */


typedef struct {
    ngx_str_t                 text;
} ngx_http_chat_edit_t;


static ngx_int_t ngx_http_chat_edit_seq(ngx_http_request_t *r,
    ngx_http_chat_ctx_t *ctx, int64_t *seq, ngx_int_t *rc);
static ngx_int_t ngx_http_chat_edit_command(ngx_http_request_t *r,
    ngx_http_chat_ctx_t *ctx, ngx_str_t *text);
static void ngx_http_chat_edit_done(ngx_http_chat_command_t *cmd);


static ngx_http_chat_field_t  ngx_http_chat_edit_fields[] = {

    { "text", NGX_HTTP_CHAT_F_TEXT, NGX_HTTP_CHAT_REQUIRED,
      offsetof(ngx_http_chat_edit_t, text), -1, 0, NULL }
};


ngx_int_t
ngx_http_chat_edit(ngx_http_request_t *r, ngx_http_chat_ctx_t *ctx)
{
    ngx_int_t              rc;
    ngx_http_chat_edit_t  *s;

    ctx->conversation = 1;

    s = ngx_pcalloc(r->pool, sizeof(ngx_http_chat_edit_t));
    if (s == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (ngx_http_chat_body_take(r, ctx, ngx_http_chat_edit_fields, 1, s, &rc)
        != NGX_OK)
    {
        return rc;
    }

    return ngx_http_chat_edit_command(r, ctx, &s->text);
}


ngx_int_t
ngx_http_chat_edit_redact(ngx_http_request_t *r, ngx_http_chat_ctx_t *ctx)
{
    ctx->conversation = 1;

    return ngx_http_chat_edit_command(r, ctx, NULL);
}


ngx_int_t
ngx_http_chat_edit_history(ngx_http_request_t *r, ngx_http_chat_ctx_t *ctx)
{
    int64_t               seq;
    ngx_int_t             rc;
    ngx_http_chat_args_t  args;

    ctx->conversation = 1;

    if (ngx_http_chat_edit_seq(r, ctx, &seq, &rc) != NGX_OK) {
        return rc;
    }

    ngx_http_chat_args_init(&args);
    ngx_http_chat_arg_actor(&args, &ctx->actor);
    ngx_http_chat_arg_id(&args, &ctx->id);
    ngx_http_chat_arg_int8(&args, seq);

    return ngx_http_chat_query_answer(r, ctx, NGX_HTTP_CHAT_SLOW,
                                      NGX_HTTP_CHAT_Q_EVENT_HISTORY, &args);
}


/* of the path; NGX_ERROR: *rc is the return value of a 404 that was sent */

static ngx_int_t
ngx_http_chat_edit_seq(ngx_http_request_t *r, ngx_http_chat_ctx_t *ctx,
    int64_t *seq, ngx_int_t *rc)
{
    off_t  n;

    n = ngx_atoof(ctx->name.data, ctx->name.len);

    if (n == (off_t) NGX_ERROR) {
        *rc = ngx_http_chat_reply_problem(r, NGX_HTTP_CHAT_NOT_FOUND, NULL,
                                          "there is no such object");
        return NGX_ERROR;
    }

    *seq = (int64_t) n;

    return NGX_OK;
}


static ngx_int_t
ngx_http_chat_edit_command(ngx_http_request_t *r, ngx_http_chat_ctx_t *ctx,
    ngx_str_t *text)
{
    int64_t                   seq;
    ngx_int_t                 rc;
    ngx_http_chat_command_t  *cmd;

    if (ngx_http_chat_edit_seq(r, ctx, &seq, &rc) != NGX_OK
        || ngx_http_chat_query_limit(r, ctx, NGX_HTTP_CHAT_LIMIT_SEND, &rc)
           != NGX_OK)
    {
        return rc;
    }

    cmd = ngx_http_chat_command_edit(&ctx->actor, &ctx->id, seq, text,
                                     ngx_http_chat_edit_done, NULL);

    return ngx_http_chat_query_command(r, ctx, cmd);
}


/* answers with the event, if there is one; may free r */

static void
ngx_http_chat_edit_done(ngx_http_chat_command_t *cmd)
{
    ngx_int_t            rc;
    ngx_http_request_t  *r;

    r = cmd->data;

    if (r == NULL) {
        return;
    }

    if (cmd->rc != NGX_OK) {
        rc = ngx_http_chat_reply_failed(r, cmd->rc);

    } else if (ngx_http_chat_command_is(cmd, "ok")) {
        rc = ngx_http_chat_reply_empty(r, NGX_HTTP_NO_CONTENT);

    } else if (ngx_http_chat_command_is(cmd, "created")
               && cmd->page->n != 0)
    {
        rc = ngx_http_chat_reply_json(r, NGX_HTTP_OK,
                                      &cmd->page->events[0]->json);

    } else {
        rc = ngx_http_chat_reply_outcome(r, &cmd->outcome);
    }

    ngx_http_chat_finalize(r, rc);
}
