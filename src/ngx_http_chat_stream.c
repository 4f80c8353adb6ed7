
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#include "ngx_http_chat_endpoint.h"
#include "ngx_http_chat_ws.h"


/*
 * GET v1/stream: one endpoint, and a transport for what the client can.
 */


ngx_int_t
ngx_http_chat_stream(ngx_http_request_t *r, ngx_http_chat_ctx_t *ctx)
{
    if (ngx_http_chat_ws_wanted(r)) {
        return ngx_http_chat_ws(r, ctx);
    }

    return ngx_http_chat_poll(r, ctx);
}
