
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#ifndef _NGX_HTTP_CHAT_TOKEN_H_INCLUDED_
#define _NGX_HTTP_CHAT_TOKEN_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_http_chat_id.h"


/*
 * Random tokens that stand for themselves: 256 bits in base64url without
 * padding.  What is stored is their SHA-256.
 */

#define NGX_HTTP_CHAT_SECRET_BYTES   32
#define NGX_HTTP_CHAT_SECRET_LEN     43      /* of the text form */
#define NGX_HTTP_CHAT_SECRET_HASH    32


/* writes NGX_HTTP_CHAT_SECRET_LEN and NGX_HTTP_CHAT_SECRET_HASH bytes */
ngx_int_t ngx_http_chat_token_new(u_char *token, u_char *hash);

/* the hash of a token; NGX_ERROR when it is none */
ngx_int_t ngx_http_chat_token_hash(ngx_str_t *token, u_char *hash);

/*
 * API keys: "chat_", the last 8 digits of the key's id, "_" and a random
 * token.  What is stored is the SHA-256 of the whole text.
 */

#define NGX_HTTP_CHAT_API_KEY_LEN    57

/* writes NGX_HTTP_CHAT_API_KEY_LEN and NGX_HTTP_CHAT_SECRET_HASH bytes */
ngx_int_t ngx_http_chat_token_key_new(ngx_http_chat_id_t *id, u_char *key,
    u_char *hash);

/* whether a text looks like an API key */
ngx_uint_t ngx_http_chat_token_key_is(ngx_str_t *text);

/* the hash of an API key; NGX_ERROR */
ngx_int_t ngx_http_chat_token_key_hash(ngx_str_t *key, u_char *hash);


#endif /* _NGX_HTTP_CHAT_TOKEN_H_INCLUDED_ */
