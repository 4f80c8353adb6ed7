
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#ifndef _NGX_HTTP_CHAT_WS_H_INCLUDED_
#define _NGX_HTTP_CHAT_WS_H_INCLUDED_


#include "ngx_http_chat.h"


/*
 * GET v1/stream as a WebSocket: subprotocol chat.v1 (docs/protocol.md).  The
 * request is over and freed once the handshake has been answered; what stays
 * is a connection and a small object.
 */

/* the request asks to upgrade */
ngx_uint_t ngx_http_chat_ws_wanted(ngx_http_request_t *r);

/* handler of such a request; ctx->actor may be nobody */
ngx_int_t ngx_http_chat_ws(ngx_http_request_t *r, ngx_http_chat_ctx_t *ctx);

#if (NGX_HTTP_CHAT_WS_ECHO)

/* "chat_echo" in a location of a test: sends back what it gets */
char *ngx_http_chat_ws_echo_conf(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

#endif

/* life of a worker */
ngx_int_t ngx_http_chat_ws_init(ngx_cycle_t *cycle,
    ngx_http_chat_main_conf_t *mcf);


#endif /* _NGX_HTTP_CHAT_WS_H_INCLUDED_ */
