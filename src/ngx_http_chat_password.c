
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include "ngx_http_chat_base64.h"
#include "ngx_http_chat_password.h"


#define NGX_HTTP_CHAT_PASSWORD_MEM   (128 * 1024 * 1024)

/* N * r * p of a new password, times 16 */
#define NGX_HTTP_CHAT_PASSWORD_WORK                                          \
    (((uint64_t) 1 << NGX_HTTP_CHAT_PASSWORD_LN)                             \
     * NGX_HTTP_CHAT_PASSWORD_R * NGX_HTTP_CHAT_PASSWORD_P * 16)


static u_char *ngx_http_chat_password_literal(u_char *p, u_char *last,
    const char *text, size_t len);
static u_char *ngx_http_chat_password_digits(u_char *p, ngx_uint_t n);
static u_char *ngx_http_chat_password_number(u_char *p, u_char *last,
    ngx_uint_t max, ngx_uint_t *value);


ngx_int_t
ngx_http_chat_password_parse(ngx_http_chat_password_t *pw, u_char *p,
    size_t len)
{
    size_t     salt, hash;
    u_char    *last;
    uint64_t   n;

    last = p + len;

    p = ngx_http_chat_password_literal(p, last, "$scrypt$ln=", 11);
    p = ngx_http_chat_password_number(p, last, 17, &pw->ln);
    p = ngx_http_chat_password_literal(p, last, ",r=", 3);
    p = ngx_http_chat_password_number(p, last, 16, &pw->r);
    p = ngx_http_chat_password_literal(p, last, ",p=", 3);
    p = ngx_http_chat_password_number(p, last, 16, &pw->p);
    p = ngx_http_chat_password_literal(p, last, "$", 1);

    salt = ngx_http_chat_base64_len(NGX_HTTP_CHAT_PASSWORD_SALT);
    hash = ngx_http_chat_base64_len(NGX_HTTP_CHAT_PASSWORD_HASH);

    if (p == NULL || (size_t) (last - p) != salt + 1 + hash
        || p[salt] != '$')
    {
        return NGX_ERROR;
    }

    n = (uint64_t) 1 << pw->ln;

    if (128 * pw->r * n > NGX_HTTP_CHAT_PASSWORD_MEM
        || n * pw->r * pw->p > NGX_HTTP_CHAT_PASSWORD_WORK)
    {
        return NGX_ERROR;
    }

    if (ngx_http_chat_base64_decode(pw->salt, NGX_HTTP_CHAT_PASSWORD_SALT,
                                    p, salt, 0)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    p += salt + 1;

    return ngx_http_chat_base64_decode(pw->hash, NGX_HTTP_CHAT_PASSWORD_HASH,
                                       p, hash, 0);
}


/* what follows the text; NULL when it is not there, or p is NULL already */

static u_char *
ngx_http_chat_password_literal(u_char *p, u_char *last, const char *text,
    size_t len)
{
    if (p == NULL || (size_t) (last - p) < len
        || ngx_memcmp(p, text, len) != 0)
    {
        return NULL;
    }

    return p + len;
}


/* 1 .. max, of two digits at most, without a leading zero */

static u_char *
ngx_http_chat_password_number(u_char *p, u_char *last, ngx_uint_t max,
    ngx_uint_t *value)
{
    ngx_uint_t  i;

    *value = 0;

    if (p == NULL) {
        return NULL;
    }

    for (i = 0; i < 2 && p < last && *p >= '0' && *p <= '9'; i++) {

        *value = *value * 10 + (*p - '0');

        if (*value == 0) {
            return NULL;
        }

        p++;
    }

    return (*value == 0 || *value > max) ? NULL : p;
}


void
ngx_http_chat_password_dummy(ngx_http_chat_password_t *pw)
{
    ngx_memzero(pw, sizeof(ngx_http_chat_password_t));

    pw->ln = NGX_HTTP_CHAT_PASSWORD_LN;
    pw->r = NGX_HTTP_CHAT_PASSWORD_R;
    pw->p = NGX_HTTP_CHAT_PASSWORD_P;
}


ngx_int_t
ngx_http_chat_password_new(ngx_http_chat_password_t *pw)
{
    ngx_http_chat_password_dummy(pw);

    return RAND_bytes(pw->salt, NGX_HTTP_CHAT_PASSWORD_SALT) == 1 ? NGX_OK
                                                                  : NGX_ERROR;
}


ngx_int_t
ngx_http_chat_password_derive(ngx_http_chat_password_t *pw, u_char *text,
    size_t len)
{
    uint64_t  n, maxmem;

    n = (uint64_t) 1 << pw->ln;

    /* what it needs, and a little: the default of OpenSSL is too small */

    maxmem = 128 * pw->r * (n + pw->p + 8);

    if (EVP_PBE_scrypt((char *) text, len, pw->salt,
                       NGX_HTTP_CHAT_PASSWORD_SALT, n, pw->r, pw->p, maxmem,
                       pw->hash, NGX_HTTP_CHAT_PASSWORD_HASH)
        != 1)
    {
        ERR_clear_error();
        return NGX_ERROR;
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_chat_password_verify(ngx_http_chat_password_t *pw, u_char *text,
    size_t len)
{
    int                       differ;
    ngx_http_chat_password_t  derived;

    derived = *pw;

    if (ngx_http_chat_password_derive(&derived, text, len) != NGX_OK) {
        return NGX_ERROR;
    }

    differ = CRYPTO_memcmp(derived.hash, pw->hash,
                           NGX_HTTP_CHAT_PASSWORD_HASH);

    OPENSSL_cleanse(&derived, sizeof(derived));

    return differ ? NGX_DECLINED : NGX_OK;
}


u_char *
ngx_http_chat_password_write(u_char *p, ngx_http_chat_password_t *pw)
{
    p = ngx_cpymem(p, "$scrypt$ln=", 11);
    p = ngx_http_chat_password_digits(p, pw->ln);
    p = ngx_cpymem(p, ",r=", 3);
    p = ngx_http_chat_password_digits(p, pw->r);
    p = ngx_cpymem(p, ",p=", 3);
    p = ngx_http_chat_password_digits(p, pw->p);
    *p++ = '$';

    p = ngx_http_chat_base64_encode(p, pw->salt, NGX_HTTP_CHAT_PASSWORD_SALT,
                                    0);
    *p++ = '$';

    return ngx_http_chat_base64_encode(p, pw->hash,
                                       NGX_HTTP_CHAT_PASSWORD_HASH, 0);
}


/* of a parameter, which has two digits at most */

static u_char *
ngx_http_chat_password_digits(u_char *p, ngx_uint_t n)
{
    if (n > 9) {
        *p++ = (u_char) ('0' + n / 10);
    }

    *p++ = (u_char) ('0' + n % 10);

    return p;
}
