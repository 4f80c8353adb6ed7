
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#ifndef _NGX_HTTP_CHAT_EMBED_H_INCLUDED_
#define _NGX_HTTP_CHAT_EMBED_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


/*
 * The files of src/assets and src/sql, part of the module's read-only data.
 * "config" lists what is there: nothing names a file but its own directory.
 */

typedef struct {
    const char               *name;          /* below the directory */
    const u_char             *data;          /* a NUL follows, not in len */
    const u_char             *gz;            /* the same gzipped, or NULL */
    size_t                    len;
    size_t                    gz_len;
} ngx_http_chat_embed_t;


/* sorted by name as bytes; a row with a NULL name ends each */

extern const ngx_http_chat_embed_t  ngx_http_chat_embed_assets[];
extern const ngx_http_chat_embed_t  ngx_http_chat_embed_sql[];


#endif /* _NGX_HTTP_CHAT_EMBED_H_INCLUDED_ */
