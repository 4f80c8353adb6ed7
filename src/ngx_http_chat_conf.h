
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#ifndef _NGX_HTTP_CHAT_CONF_H_INCLUDED_
#define _NGX_HTTP_CHAT_CONF_H_INCLUDED_


#include "ngx_http_chat.h"


/*
 * Values of the directives.  What is refused is logged with the name of the
 * directive, the value and what is allowed.
 */

/* post of a number: milliseconds or bytes, both ends included */

typedef struct {
    ngx_int_t                 min;
    ngx_int_t                 max;
    const char               *allowed;
} ngx_http_chat_range_t;


char *ngx_http_chat_conf_chat(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_http_chat_conf_status(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_chat_conf_postgres(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_chat_conf_redis(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_http_chat_conf_key(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_http_chat_conf_thread_pool(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_chat_conf_site(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_http_chat_conf_origin(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_chat_conf_identity(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_chat_conf_agent_identity(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_chat_conf_agent_role(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_chat_conf_secure(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_chat_conf_time(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_http_chat_conf_upload(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_chat_conf_size(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);

/* the site of that name, made if it is new; NULL on no memory */
ngx_http_chat_site_t *ngx_http_chat_conf_add_site(ngx_conf_t *cf,
    ngx_str_t *name);

/* sets mcf->thread_pool; name NULL: "default", unless it is set already */
ngx_int_t ngx_http_chat_conf_threads(ngx_conf_t *cf,
    ngx_http_chat_main_conf_t *mcf, ngx_str_t *name);


#endif /* _NGX_HTTP_CHAT_CONF_H_INCLUDED_ */
