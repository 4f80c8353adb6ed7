
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#ifndef _NGX_HTTP_CHAT_FIELDS_H_INCLUDED_
#define _NGX_HTTP_CHAT_FIELDS_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <jansson.h>

#include "ngx_http_chat_id.h"


/* of a JSON text, whatever its length */
#define NGX_HTTP_CHAT_FIELDS_DEPTH   8
#define NGX_HTTP_CHAT_FIELDS_KEYS    64
#define NGX_HTTP_CHAT_FIELDS_COMMAS  256

#define NGX_HTTP_CHAT_LIST_ITEMS     50

/*
 * Strict JSON object (RFC 8259): duplicate keys, NUL, invalid UTF-8, anything
 * after the object, and what exceeds the limits above are refused.  Returns
 * a new reference, or NULL with *detail: static, and NULL on no memory.
 */
json_t *ngx_http_chat_fields_load(u_char *p, size_t len, const char **detail);


/* the same for an array */
json_t *ngx_http_chat_fields_array(u_char *p, size_t len,
    const char **detail);


/* fields of a request: one table for each endpoint or frame */

#define NGX_HTTP_CHAT_REQUIRED       0x01
#define NGX_HTTP_CHAT_NULLABLE       0x02
#define NGX_HTTP_CHAT_UNLESS_NEXT    0x04    /* required, and not blank, but
                                              * for a message whose IDS in the
                                              * next row are some */

typedef enum {
    NGX_HTTP_CHAT_F_STRING = 0,              /* ngx_str_t; max bytes */
    NGX_HTTP_CHAT_F_TEXT,                    /* ngx_str_t; message text */
    NGX_HTTP_CHAT_F_CLIENT_ID,               /* ngx_str_t; client_msg_id */
    NGX_HTTP_CHAT_F_UUID,                    /* ngx_http_chat_id_t */
    NGX_HTTP_CHAT_F_IDS,                     /* ngx_http_chat_ids_t of at
                                              * most max UUIDs */
    NGX_HTTP_CHAT_F_INT,                     /* int64_t, 0 .. max */
    NGX_HTTP_CHAT_F_BOOL,                    /* ngx_uint_t */
    NGX_HTTP_CHAT_F_ENUM,                    /* ngx_str_t; values */
    NGX_HTTP_CHAT_F_OBJECT,                  /* json_t *, borrowed */
    NGX_HTTP_CHAT_F_LIST,                    /* json_t *, owned by the object:
                                              * at most NGX_HTTP_CHAT_LIST_ITEMS
                                              * strings of max bytes */
    NGX_HTTP_CHAT_F_CARD,                    /* ngx_str_t, {"card": ...} */
    NGX_HTTP_CHAT_F_ANY                      /* json_t *, owned by the object:
                                              * PostgreSQL looks at it */
} ngx_http_chat_field_e;

typedef struct {
    const char               *name;
    ngx_http_chat_field_e     type;
    ngx_uint_t                flags;
    size_t                    offset;        /* of the value in the struct */
    ngx_int_t                 set;           /* offset of ngx_uint_t: was it
                                              * there (2: null); -1 none */
    size_t                    max;           /* bytes, or the largest INT;
                                              * 0: none, for TEXT that of
                                              * the location */
    const char              **values;        /* ENUM, NULL-terminated */
} ngx_http_chat_field_t;

/*
 * Fills the struct at data, zeroed by the caller, from a JSON object; NULL is
 * an empty one.  An unknown field, a missing or ill-typed one gives NGX_ERROR
 * with *field (static or borrowed from the object) and *detail (static); no
 * memory gives NGX_ERROR with *field NULL.  Strings stay owned by the object,
 * except that TEXT is normalised into pool (CR LF becomes LF; C0 other than
 * LF and TAB is refused; empty or blank only is refused, or made empty where
 * it may be); IDS and CARD are in pool.
 */
ngx_int_t ngx_http_chat_fields_take(json_t *object,
    ngx_http_chat_field_t *fields, ngx_uint_t n, void *data,
    size_t max_message, ngx_pool_t *pool, const char **field,
    const char **detail);


#endif /* _NGX_HTTP_CHAT_FIELDS_H_INCLUDED_ */
