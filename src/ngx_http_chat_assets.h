
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#ifndef _NGX_HTTP_CHAT_ASSETS_H_INCLUDED_
#define _NGX_HTTP_CHAT_ASSETS_H_INCLUDED_


#include "ngx_http_chat.h"


/* ETags; once, in init_module */
ngx_int_t ngx_http_chat_assets_init(ngx_cycle_t *cycle);

/* GET /w.js */
ngx_int_t ngx_http_chat_assets_loader(ngx_http_request_t *r,
    ngx_http_chat_ctx_t *ctx);

/* GET /assets/{name}: ctx->name */
ngx_int_t ngx_http_chat_assets_file(ngx_http_request_t *r,
    ngx_http_chat_ctx_t *ctx);

/* GET /console/ */
ngx_int_t ngx_http_chat_assets_console(ngx_http_request_t *r,
    ngx_http_chat_ctx_t *ctx);


#endif /* _NGX_HTTP_CHAT_ASSETS_H_INCLUDED_ */
