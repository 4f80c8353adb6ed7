
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#ifndef _NGX_HTTP_CHAT_STATUS_H_INCLUDED_
#define _NGX_HTTP_CHAT_STATUS_H_INCLUDED_


#include "ngx_http_chat.h"


/* adds the shared memory zone at configuration time */
ngx_int_t ngx_http_chat_status_zone(ngx_conf_t *cf);
/* takes this worker's line; init_process */
void ngx_http_chat_status_worker(ngx_cycle_t *cycle);

/* "chat_status": Prometheus text, or JSON by Accept or ?format=json */
ngx_int_t ngx_http_chat_status_handler(ngx_http_request_t *r);

/* GET v1/live and v1/ready */
ngx_int_t ngx_http_chat_status_live(ngx_http_request_t *r,
    ngx_http_chat_ctx_t *ctx);
ngx_int_t ngx_http_chat_status_ready(ngx_http_request_t *r,
    ngx_http_chat_ctx_t *ctx);


#endif /* _NGX_HTTP_CHAT_STATUS_H_INCLUDED_ */
