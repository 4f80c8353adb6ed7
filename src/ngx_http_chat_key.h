
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#ifndef _NGX_HTTP_CHAT_KEY_H_INCLUDED_
#define _NGX_HTTP_CHAT_KEY_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_http_chat_id.h"


#define NGX_HTTP_CHAT_MAX_KEYS       2

/* text of a visitor's token: base64url of 69 bytes */
#define NGX_HTTP_CHAT_TOKEN_LEN      92

/* 30 days in ms */
#define NGX_HTTP_CHAT_TOKEN_LIFE     ((int64_t) 30 * 24 * 3600 * 1000)


typedef struct {
    u_char                    kid[4];
    u_char                    key[64];
    size_t                    len;
} ngx_http_chat_key_t;


/* the first signs, all verify */

typedef struct {
    ngx_http_chat_key_t       keys[NGX_HTTP_CHAT_MAX_KEYS];
    ngx_uint_t                n;
} ngx_http_chat_keys_t;


/*
 * Parses the text of a key file.  On error returns NGX_ERROR and sets *line
 * (from 1) and *err, a static text without any of the file's content.
 */
ngx_int_t ngx_http_chat_key_parse(ngx_http_chat_keys_t *keys, u_char *p,
    size_t len, ngx_uint_t *line, const char **err);

/* reads, or with create makes (0600), the file at configuration time */
char *ngx_http_chat_key_load(ngx_conf_t *cf, ngx_str_t *path,
    ngx_uint_t create, ngx_http_chat_keys_t **keys);

/* writes NGX_HTTP_CHAT_TOKEN_LEN characters; returns the end, NULL on error */
u_char *ngx_http_chat_token_sign(ngx_http_chat_keys_t *keys, u_char *p,
    u_char *site, ngx_http_chat_id_t *visitor, int64_t issued);

/*
 * Verifies the signature before any field is used, in constant time, then
 * site (8 bytes) and age at now (ms since the epoch).  NGX_OK, NGX_DECLINED
 * when it is no good or from more than an hour ahead, NGX_ABORT when it is
 * genuine but expired.
 */
ngx_int_t ngx_http_chat_token_verify(ngx_http_chat_keys_t *keys, u_char *p,
    size_t len, u_char *site, int64_t now, ngx_http_chat_id_t *visitor,
    int64_t *issued);

/* frees what sign and verify keep; of a process that ends */
void ngx_http_chat_key_exit(void);


#endif /* _NGX_HTTP_CHAT_KEY_H_INCLUDED_ */
