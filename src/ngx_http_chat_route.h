
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#ifndef _NGX_HTTP_CHAT_ROUTE_H_INCLUDED_
#define _NGX_HTTP_CHAT_ROUTE_H_INCLUDED_


#include "ngx_http_chat.h"


/* ends with a row whose pattern is NULL (ngx_http_chat_endpoint.c) */
extern ngx_http_chat_route_t  ngx_http_chat_routes[];


#endif /* _NGX_HTTP_CHAT_ROUTE_H_INCLUDED_ */
