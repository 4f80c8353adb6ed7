
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#ifndef _NGX_HTTP_CHAT_DRAIN_H_INCLUDED_
#define _NGX_HTTP_CHAT_DRAIN_H_INCLUDED_


#include "ngx_http_chat.h"


/* notices that this worker is leaving, and tells its subscribers */
ngx_int_t ngx_http_chat_drain_init(ngx_cycle_t *cycle,
    ngx_http_chat_main_conf_t *mcf);

/* a transport that ends its streams by itself; called once */
void ngx_http_chat_drain_on(void (*handler)(void));


#endif /* _NGX_HTTP_CHAT_DRAIN_H_INCLUDED_ */
