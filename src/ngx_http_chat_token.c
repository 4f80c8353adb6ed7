
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
