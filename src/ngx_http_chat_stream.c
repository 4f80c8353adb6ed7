
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#include "ngx_http_chat_endpoint.h"


/*
 * GET v1/stream: one endpoint, and a transport for what the client can.
 */


ngx_int_t
ngx_http_chat_stream(ngx_http_request_t *r, ngx_http_chat_ctx_t *ctx)
{
    return ngx_http_chat_poll(r, ctx);
}
