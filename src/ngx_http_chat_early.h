
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#ifndef _NGX_HTTP_CHAT_EARLY_H_INCLUDED_
#define _NGX_HTTP_CHAT_EARLY_H_INCLUDED_


#include "ngx_http_chat.h"


/*
 * Requests that reach a new worker before its first connection: they wait
 * for it a little, so that a reload refuses nobody.
 */

void ngx_http_chat_early_init(ngx_cycle_t *cycle);

/*
 * NGX_DONE: go() will be called through ngx_http_chat_finalize(), or the
 * request is answered with 503.
 */
ngx_int_t ngx_http_chat_early_wait(ngx_http_request_t *r,
    ngx_http_chat_ctx_t *ctx, ngx_http_chat_handler_pt go);

/* the request goes away */
void ngx_http_chat_early_leave(ngx_http_chat_ctx_t *ctx);


#endif /* _NGX_HTTP_CHAT_EARLY_H_INCLUDED_ */
