
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#ifndef _NGX_HTTP_CHAT_SECRET_H_INCLUDED_
#define _NGX_HTTP_CHAT_SECRET_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


/*
 * Reads a small file with a secret at configuration time, at most size bytes
 * into buf, and warns if every user of the machine may.  NGX_OK;
 * NGX_DECLINED: there is no such file; NGX_ERROR: logged under the name of
 * the directive.  Nothing of the content is ever logged.
 */
ngx_int_t ngx_http_chat_secret_read(ngx_conf_t *cf, const char *directive,
    ngx_str_t *path, u_char *buf, size_t size, size_t *len);


#endif /* _NGX_HTTP_CHAT_SECRET_H_INCLUDED_ */
