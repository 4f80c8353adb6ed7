
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#ifndef _NGX_HTTP_CHAT_ORPHAN_H_INCLUDED_
#define _NGX_HTTP_CHAT_ORPHAN_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


/*
 * Deletes files that no message carries a day after they came, and those of
 * conversations that have been deleted: a few at a time, each by the worker
 * that has claimed it.  Does nothing without "chat_upload_path".
 */

void ngx_http_chat_orphan_init(ngx_cycle_t *cycle);
void ngx_http_chat_orphan_exit(void);


#endif /* _NGX_HTTP_CHAT_ORPHAN_H_INCLUDED_ */
