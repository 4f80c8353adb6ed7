
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#ifndef _NGX_HTTP_CHAT_DEPOT_H_INCLUDED_
#define _NGX_HTTP_CHAT_DEPOT_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_http_chat_id.h"


/*
 * Where attachments lie: below "chat_upload_path", each named by its id, in
 * directories of the last characters of it.  Nothing that a client sends is
 * part of a name.
 */

/* path: of the cycle, or NULL when there is none */
void ngx_http_chat_depot_init(ngx_path_t *path);

/* there is one */
ngx_uint_t ngx_http_chat_depot_on(void);

/*
 * Whether the directory belongs to this installation: the file ".store-id" in
 * it says so, and is made of the text if there is none.  Asked once in a
 * while.  NGX_OK; NGX_DECLINED: to another one; NGX_ERROR.  What is wrong is
 * logged.
 */
ngx_int_t ngx_http_chat_depot_check(u_char *installation, ngx_log_t *log);

/* the name of a file, with a NUL behind it, in pool.  NGX_ERROR: no memory */
ngx_int_t ngx_http_chat_depot_name(ngx_str_t *name, ngx_http_chat_id_t *id,
    ngx_pool_t *pool);

/*
 * A new file for writing, by a name as above; its directories are made.
 * NGX_INVALID_FILE with ngx_errno set; it is logged.
 */
ngx_fd_t ngx_http_chat_depot_create(ngx_str_t *name, ngx_log_t *log);

/* NGX_OK: it is not there any more.  NGX_ERROR: it is, and that is logged */
ngx_int_t ngx_http_chat_depot_delete(ngx_http_chat_id_t *id, ngx_log_t *log);


#endif /* _NGX_HTTP_CHAT_DEPOT_H_INCLUDED_ */
