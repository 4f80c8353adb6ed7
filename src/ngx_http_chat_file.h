
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#ifndef _NGX_HTTP_CHAT_FILE_H_INCLUDED_
#define _NGX_HTTP_CHAT_FILE_H_INCLUDED_


#include "ngx_http_chat.h"


/* PUT v1/attachments/{name}, its body unread (ngx_http_chat_upload.c) */
ngx_int_t ngx_http_chat_file_put(ngx_http_request_t *r,
    ngx_http_chat_ctx_t *ctx);

/* GET v1/attachments/{id} */
ngx_int_t ngx_http_chat_file_get(ngx_http_request_t *r,
    ngx_http_chat_ctx_t *ctx);

/*
 * 1 when there are no attachments here: a problem has been sent, and *rc is
 * the return value.
 */
ngx_uint_t ngx_http_chat_file_off(ngx_http_request_t *r, ngx_int_t *rc);


#endif /* _NGX_HTTP_CHAT_FILE_H_INCLUDED_ */
