
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#ifndef _NGX_HTTP_CHAT_SWEEP_H_INCLUDED_
#define _NGX_HTTP_CHAT_SWEEP_H_INCLUDED_


#include "ngx_http_chat.h"


/*
 * What changed since this worker last asked: bounds the delay of a lost
 * message to one interval.  Its cost follows activity.
 */

ngx_int_t ngx_http_chat_sweep_init(ngx_cycle_t *cycle);
void ngx_http_chat_sweep_exit(void);

/* asks at once, unless it is being asked already */
void ngx_http_chat_sweep_now(void);

/* the log has another epoch: its old place means nothing */
void ngx_http_chat_sweep_reset(void);


#endif /* _NGX_HTTP_CHAT_SWEEP_H_INCLUDED_ */
