
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#ifndef _NGX_HTTP_CHAT_BATCH_H_INCLUDED_
#define _NGX_HTTP_CHAT_BATCH_H_INCLUDED_


#include "ngx_http_chat_append.h"
#include "ngx_http_chat_store.h"


/*
 * Writes the array parameters of chat.append_1() for n rows, each as a
 * one-dimensional array in PostgreSQL's binary format, into one allocation
 * that the arguments point to: the caller frees it after the call has been
 * sent.  NULL: out of memory.
 */
u_char *ngx_http_chat_batch_encode(ngx_http_chat_args_t *args,
    ngx_http_chat_append_t **rows, ngx_uint_t n);


#endif /* _NGX_HTTP_CHAT_BATCH_H_INCLUDED_ */
