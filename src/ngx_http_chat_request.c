
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#include "ngx_http_chat.h"
#include "ngx_http_chat_command.h"
#include "ngx_http_chat_store.h"


/*
 * Requests that wait for a foreign event: weak references to them, and their
 * end.
 */


void
ngx_http_chat_finalize(ngx_http_request_t *r, ngx_int_t rc)
{
    ngx_connection_t  *c;

    if (rc == NGX_DONE) {
        return;
    }

    c = r->connection;

    ngx_http_set_log_request(c->log, r);
    ngx_http_finalize_request(r, rc);
    ngx_http_run_posted_requests(c);
}


ngx_int_t
ngx_http_chat_wait(ngx_http_request_t *r, ngx_http_chat_ctx_t *ctx,
    ngx_http_chat_call_t *call)
{
    ctx->call = call;
    call->data = r;
    call->owner = &ctx->call;

    return ngx_http_chat_wait_client(r);
}


void
ngx_http_chat_unwait(ngx_http_chat_ctx_t *ctx)
{
    if (ctx->call != NULL) {
        ctx->call->data = NULL;
        ctx->call->owner = NULL;
        ctx->call = NULL;
    }
}


ngx_int_t
ngx_http_chat_wait_command(ngx_http_request_t *r, ngx_http_chat_ctx_t *ctx,
    ngx_http_chat_command_t *cmd)
{
    ctx->command = cmd;
    cmd->data = r;
    cmd->owner = &ctx->command;

    return ngx_http_chat_wait_client(r);
}


ngx_int_t
ngx_http_chat_wait_client(ngx_http_request_t *r)
{
    ngx_connection_t  *c;

    c = r->connection;

    r->read_event_handler = ngx_http_test_reading;
    r->write_event_handler = ngx_http_request_empty_handler;

    /* a client that has gone already: its event will not come again */

    if (c->read->pending_eof && !c->read->posted) {
        ngx_post_event(c->read, &ngx_posted_events);
    }

    return NGX_OK;
}
