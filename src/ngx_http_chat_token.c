
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include <openssl/evp.h>
#include <openssl/rand.h>

#include "ngx_http_chat_base64.h"
#include "ngx_http_chat_token.h"


ngx_int_t
ngx_http_chat_token_new(u_char *token, u_char *hash)
{
    ngx_int_t  rc;
    u_char     secret[NGX_HTTP_CHAT_SECRET_BYTES];

    if (RAND_bytes(secret, NGX_HTTP_CHAT_SECRET_BYTES) != 1) {
        return NGX_ERROR;
    }

    (void) ngx_http_chat_base64_encode(token, secret,
                                       NGX_HTTP_CHAT_SECRET_BYTES, 1);

    rc = EVP_Digest(secret, NGX_HTTP_CHAT_SECRET_BYTES, hash, NULL,
                    EVP_sha256(), NULL)
         == 1 ? NGX_OK : NGX_ERROR;

    ngx_explicit_memzero(secret, sizeof(secret));

    return rc;
}


ngx_int_t
ngx_http_chat_token_hash(ngx_str_t *token, u_char *hash)
{
    u_char  secret[NGX_HTTP_CHAT_SECRET_BYTES];

    if (ngx_http_chat_base64_decode(secret, NGX_HTTP_CHAT_SECRET_BYTES,
                                    token->data, token->len, 1)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    return EVP_Digest(secret, NGX_HTTP_CHAT_SECRET_BYTES, hash, NULL,
                      EVP_sha256(), NULL)
           == 1 ? NGX_OK : NGX_ERROR;
}


ngx_int_t
ngx_http_chat_token_key_new(ngx_http_chat_id_t *id, u_char *key,
    u_char *hash)
{
    u_char     *p;
    ngx_str_t   text;

    p = ngx_cpymem(key, "chat_", sizeof("chat_") - 1);
    p = ngx_hex_dump(p, id->data + 12, 4);
    *p++ = '_';

    if (ngx_http_chat_token_new(p, hash) != NGX_OK) {
        return NGX_ERROR;
    }

    text.data = key;
    text.len = NGX_HTTP_CHAT_API_KEY_LEN;

    return ngx_http_chat_token_key_hash(&text, hash);
}


ngx_uint_t
ngx_http_chat_token_key_is(ngx_str_t *text)
{
    return text->len == NGX_HTTP_CHAT_API_KEY_LEN
           && ngx_memcmp(text->data, "chat_", sizeof("chat_") - 1) == 0;
}


ngx_int_t
ngx_http_chat_token_key_hash(ngx_str_t *key, u_char *hash)
{
    return EVP_Digest(key->data, key->len, hash, NULL, EVP_sha256(), NULL)
           == 1 ? NGX_OK : NGX_ERROR;
}
