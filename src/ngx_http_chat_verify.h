
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#ifndef _NGX_HTTP_CHAT_VERIFY_H_INCLUDED_
#define _NGX_HTTP_CHAT_VERIFY_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_http_chat_password.h"


/*
 * Verification of passwords on the thread pool.  A worker runs few at once,
 * each takes much memory and a processor, and lets few wait.
 */

#define NGX_HTTP_CHAT_VERIFY_RUNNING  2
#define NGX_HTTP_CHAT_VERIFY_WAITING  32

typedef struct ngx_http_chat_verify_s  ngx_http_chat_verify_t;

/* rc: NGX_OK it is the password, NGX_DECLINED it is not, NGX_ERROR failed */
typedef void (*ngx_http_chat_verify_pt)(void *data, ngx_int_t rc);


/* 1 when another one would be refused */
ngx_uint_t ngx_http_chat_verify_full(void);

/*
 * Copies text and pw.  done() is called once from the event loop, never from
 * inside, unless it is cancelled before.  NULL: full, or out of memory.
 * pool is an ngx_thread_pool_t.
 */
ngx_http_chat_verify_t *ngx_http_chat_verify_start(void *pool,
    ngx_http_chat_password_t *pw, ngx_str_t *text,
    ngx_http_chat_verify_pt done, void *data);

/*
 * Makes the hash of a new password, in the same queue: when rc is NGX_OK,
 * *pw has been written, which the caller keeps until then.
 */
ngx_http_chat_verify_t *ngx_http_chat_verify_make(void *pool,
    ngx_http_chat_password_t *pw, ngx_str_t *text,
    ngx_http_chat_verify_pt done, void *data);

/* done() will not be called; what has begun runs to its end */
void ngx_http_chat_verify_cancel(ngx_http_chat_verify_t *v);


#endif /* _NGX_HTTP_CHAT_VERIFY_H_INCLUDED_ */
