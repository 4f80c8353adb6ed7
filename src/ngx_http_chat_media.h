
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#ifndef _NGX_HTTP_CHAT_MEDIA_H_INCLUDED_
#define _NGX_HTTP_CHAT_MEDIA_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


/* bytes of a file's beginning that are looked at */
#define NGX_HTTP_CHAT_MEDIA_HEAD     4096

/* bytes of a name */
#define NGX_HTTP_CHAT_MEDIA_NAME     200


/*
 * What a file is: by its first bytes, from a list of what is allowed, never by
 * what its sender says.  A text has no such bytes: it is UTF-8 throughout, and
 * its name ends as that of a text.
 */

typedef struct {
    ngx_str_t                 type;          /* "image/png"; static */
    uint32_t                  width;         /* 0: not known */
    uint32_t                  height;
    unsigned                  text:1;
} ngx_http_chat_media_t;

/*
 * NGX_OK, or NGX_DECLINED for what is not on the list.  head: the first bytes,
 * all of a file that is shorter than NGX_HTTP_CHAT_MEDIA_HEAD.  name: as
 * ngx_http_chat_media_name() left it.
 */
ngx_int_t ngx_http_chat_media_look(ngx_http_chat_media_t *media,
    u_char *head, size_t len, ngx_str_t *name);

/* pictures that every browser draws and none runs */
ngx_uint_t ngx_http_chat_media_inline(ngx_str_t *type);

/*
 * A name that is safe to show and to save by: no path, no control or
 * bidirectional formatting characters, no dots and blanks at its ends, at
 * most NGX_HTTP_CHAT_MEDIA_NAME bytes with its extension kept.  Written over
 * the former in place.  NGX_DECLINED: it is not UTF-8 or nothing is left.
 */
ngx_int_t ngx_http_chat_media_name(ngx_str_t *name);

/*
 * Adds the extension of the type unless the name ends with one of those it
 * may have, so that "page.html" with a picture in it is "page.html.png".
 * NGX_ERROR: no memory.
 */
ngx_int_t ngx_http_chat_media_extend(ngx_str_t *name, ngx_str_t *type,
    ngx_pool_t *pool);


/* whether bytes are text, however they are cut; zeroed at the beginning */

typedef struct {
    u_char                    left;          /* bytes of a character to come */
    u_char                    low;           /* bounds of the next of them */
    u_char                    high;
} ngx_http_chat_media_text_t;

/* NGX_OK so far, or NGX_DECLINED */
ngx_int_t ngx_http_chat_media_text(ngx_http_chat_media_text_t *state,
    u_char *p, size_t len);


#endif /* _NGX_HTTP_CHAT_MEDIA_H_INCLUDED_ */
