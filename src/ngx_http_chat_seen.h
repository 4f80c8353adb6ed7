
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#ifndef _NGX_HTTP_CHAT_SEEN_H_INCLUDED_
#define _NGX_HTTP_CHAT_SEEN_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


/*
 * Tells PostgreSQL every few seconds which agents have a stream in this
 * worker: who has none is away, and so is a site where nobody has.
 */
void ngx_http_chat_seen_init(ngx_cycle_t *cycle);
void ngx_http_chat_seen_exit(void);

/* an agent's stream begins */
void ngx_http_chat_seen_soon(void);


#endif /* _NGX_HTTP_CHAT_SEEN_H_INCLUDED_ */
