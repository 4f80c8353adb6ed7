
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#ifndef _NGX_HTTP_CHAT_IDENTITY_H_INCLUDED_
#define _NGX_HTTP_CHAT_IDENTITY_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


/* longest token, bytes; seconds by which clocks may differ, and of a life */
#define NGX_HTTP_CHAT_IDENTITY_MAX   4096
#define NGX_HTTP_CHAT_IDENTITY_SKEW  60
#define NGX_HTTP_CHAT_IDENTITY_LIFE  86400


/* alg is "HS256", and key the secret, or "ES256" and the PEM */

typedef struct {
    ngx_str_t                 kid;
    ngx_str_t                 alg;
    ngx_str_t                 key;
} ngx_http_chat_identity_key_t;


/* what a site says of a visitor; data is NULL where it says nothing */

typedef struct {
    ngx_str_t                 external;      /* "sub" */
    ngx_str_t                 name;
    ngx_str_t                 email;
    ngx_str_t                 attributes;    /* JSON object */
} ngx_http_chat_identity_t;


/*
 * A JSON Web Token (RFC 7519) signed by one of the site's keys, each of which
 * has one algorithm; "exp" and "aud" (the site) are required.  now: seconds.
 * NGX_OK, and identity is in pool; NGX_DECLINED with *detail (static); or
 * NGX_ERROR: no memory.
 */
ngx_int_t ngx_http_chat_identity_verify(ngx_pool_t *pool, ngx_str_t *token,
    ngx_str_t *site, int64_t now, ngx_http_chat_identity_key_t *keys,
    ngx_uint_t n, ngx_http_chat_identity_t *identity, const char **detail);

/*
 * NGX_OK if the PEM is the public key of an elliptic curve of 256 bits, as
 * ES256 needs; NGX_DECLINED.
 */
ngx_int_t ngx_http_chat_identity_public(u_char *pem, size_t len);


#endif /* _NGX_HTTP_CHAT_IDENTITY_H_INCLUDED_ */
