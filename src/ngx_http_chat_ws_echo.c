
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#include "ngx_http_chat_reply.h"
#include "ngx_http_chat_ws_private.h"


/*
 * A location that sends back what it gets, over the frames and the buffers of
 * the stream, so that a conformance suite can look at them.  Built for tests
 * only, with -DNGX_HTTP_CHAT_WS_ECHO.
 */

#if (NGX_HTTP_CHAT_WS_ECHO)


static ngx_int_t ngx_http_chat_ws_echo(ngx_http_request_t *r);


char *
ngx_http_chat_ws_echo_conf(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);
    clcf->handler = ngx_http_chat_ws_echo;

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_http_chat_ws_echo(ngx_http_request_t *r)
{
    ngx_int_t             rc;
    ngx_http_chat_ctx_t  *ctx;

    rc = ngx_http_discard_request_body(r);
    if (rc != NGX_OK) {
        return rc;
    }

    ctx = ngx_pcalloc(r->pool, sizeof(ngx_http_chat_ctx_t));
    if (ctx == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ctx->request = r;
    ctx->conf = ngx_http_get_module_loc_conf(r, ngx_http_chat_module);

    ngx_http_set_ctx(r, ctx, ngx_http_chat_module);

    if (!ngx_http_chat_ws_wanted(r) || ngx_http_chat_ws_check(r) != NULL) {
        return NGX_HTTP_BAD_REQUEST;
    }

    if (ngx_http_chat_ws_accept(r) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rc = ngx_http_chat_ws_switch(r, 1);

    if (rc == NGX_DONE) {
        r->main->count++;
    }

    return rc;
}


#endif
