
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#ifndef _NGX_HTTP_CHAT_JOB_H_INCLUDED_
#define _NGX_HTTP_CHAT_JOB_H_INCLUDED_


#include "ngx_http_chat.h"


/*
 * What nobody asks for, by the first worker: a link for the first
 * administrator of each site that has none, written to the error log, and
 * every 2 seconds the timed work of chat.tick_1().
 */

void ngx_http_chat_job_init(ngx_cycle_t *cycle,
    ngx_http_chat_main_conf_t *mcf);
void ngx_http_chat_job_exit(void);


#endif /* _NGX_HTTP_CHAT_JOB_H_INCLUDED_ */
