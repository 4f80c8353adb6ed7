
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#include <ngx_config.h>
#include <ngx_core.h>

/* HMAC_CTX, the one that OpenSSL 1.1 has as well */
#define OPENSSL_SUPPRESS_DEPRECATED

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "ngx_http_chat_base64.h"
#include "ngx_http_chat_key.h"


#define NGX_HTTP_CHAT_KEY_MIN        32          /* bytes */

/*
 * version | kid | site | visitor | issued | HMAC, bytes of a token; what is
 * signed is the purpose, with its NUL, and all that stands before the HMAC
 */

#define NGX_HTTP_CHAT_TOKEN_VERSION  0x01

#define NGX_HTTP_CHAT_TOKEN_KID      1
#define NGX_HTTP_CHAT_TOKEN_SITE     5
#define NGX_HTTP_CHAT_TOKEN_VISITOR  13
#define NGX_HTTP_CHAT_TOKEN_ISSUED   29
#define NGX_HTTP_CHAT_TOKEN_HMAC     37
#define NGX_HTTP_CHAT_TOKEN_BYTES    69

/* ms that a clock may be ahead */
#define NGX_HTTP_CHAT_TOKEN_SKEW     3600000

#define NGX_HTTP_CHAT_TOKEN_PURPOSE  "chat visitor"


/* has read the key: HMAC() would do so anew for each token */

typedef struct {
    ngx_http_chat_key_t       key;
    HMAC_CTX                 *ctx;
} ngx_http_chat_token_mac_t;


static ngx_int_t ngx_http_chat_key_line(ngx_http_chat_key_t *key, u_char *p,
    u_char *last, const char **err);
static u_char *ngx_http_chat_key_hex(u_char *p, u_char *last, u_char *dst,
    size_t size, size_t *n);
static ngx_int_t ngx_http_chat_token_hmac(ngx_http_chat_key_t *key,
    u_char *token, u_char *hmac);
static HMAC_CTX *ngx_http_chat_token_mac(ngx_http_chat_key_t *key);


/* of the last keys that were used, the newest first */
static ngx_http_chat_token_mac_t
                        ngx_http_chat_token_macs[NGX_HTTP_CHAT_MAX_KEYS];


ngx_int_t
ngx_http_chat_key_parse(ngx_http_chat_keys_t *keys, u_char *p, size_t len,
    ngx_uint_t *line, const char **err)
{
    u_char               *last, *eol;
    ngx_int_t             rc;
    ngx_uint_t            i;
    ngx_http_chat_key_t   key;

    last = p + len;
    keys->n = 0;

    for (*line = 1; p < last; (*line)++) {

        for (eol = p; eol < last && *eol != '\n'; eol++) { /* void */ }

        rc = ngx_http_chat_key_line(&key, p, eol, err);

        if (rc == NGX_ERROR) {
            return NGX_ERROR;
        }

        p = eol + 1;

        if (rc == NGX_DECLINED) {
            continue;
        }

        if (keys->n == NGX_HTTP_CHAT_MAX_KEYS) {
            *err = "more than two keys";
            return NGX_ERROR;
        }

        for (i = 0; i < keys->n; i++) {
            if (ngx_memcmp(keys->keys[i].kid, key.kid, 4) == 0) {
                *err = "the same key id again";
                return NGX_ERROR;
            }
        }

        keys->keys[keys->n++] = key;
    }

    if (keys->n == 0) {
        *err = "no key";
        return NGX_ERROR;
    }

    return NGX_OK;
}


/* "<kid: 8 hex> <key: 64..128 hex>"; NGX_DECLINED if blank or a comment */

static ngx_int_t
ngx_http_chat_key_line(ngx_http_chat_key_t *key, u_char *p, u_char *last,
    const char **err)
{
    size_t  n;

    while (last > p && (last[-1] == ' ' || last[-1] == '\t'
                        || last[-1] == '\r'))
    {
        last--;
    }

    while (p < last && (*p == ' ' || *p == '\t')) {
        p++;
    }

    if (p == last || *p == '#') {
        return NGX_DECLINED;
    }

    p = ngx_http_chat_key_hex(p, last, key->kid, sizeof(key->kid), &n);

    if (p == NULL || n != sizeof(key->kid)
        || (p < last && *p != ' ' && *p != '\t'))
    {
        *err = "a key id of 8 hexadecimal digits is expected";
        return NGX_ERROR;
    }

    while (p < last && (*p == ' ' || *p == '\t')) {
        p++;
    }

    p = ngx_http_chat_key_hex(p, last, key->key, sizeof(key->key), &n);

    if (p == NULL || p != last || n < NGX_HTTP_CHAT_KEY_MIN) {
        *err = "a key of 64 to 128 hexadecimal digits is expected";
        return NGX_ERROR;
    }

    key->len = n;

    return NGX_OK;
}


/* pairs of digits into dst; returns the end, NULL if odd or too long */

static u_char *
ngx_http_chat_key_hex(u_char *p, u_char *last, u_char *dst, size_t size,
    size_t *n)
{
    u_char      ch, value;
    ngx_uint_t  digits;

    value = 0;

    for (digits = 0; p < last; digits++, p++) {

        ch = *p;

        if (ch >= '0' && ch <= '9') {
            ch = (u_char) (ch - '0');

        } else if ((ch | 0x20) >= 'a' && (ch | 0x20) <= 'f') {
            ch = (u_char) ((ch | 0x20) - 'a' + 10);

        } else {
            break;
        }

        if (digits / 2 == size) {
            return NULL;
        }

        value = (u_char) (value << 4 | ch);

        if (digits & 1) {
            dst[digits / 2] = value;
        }
    }

    *n = digits / 2;

    return (digits & 1) ? NULL : p;
}


u_char *
ngx_http_chat_token_sign(ngx_http_chat_keys_t *keys, u_char *p, u_char *site,
    ngx_http_chat_id_t *visitor, int64_t issued)
{
    u_char      token[NGX_HTTP_CHAT_TOKEN_BYTES];
    ngx_uint_t  i;

    token[0] = NGX_HTTP_CHAT_TOKEN_VERSION;

    ngx_memcpy(&token[NGX_HTTP_CHAT_TOKEN_KID], keys->keys[0].kid, 4);
    ngx_memcpy(&token[NGX_HTTP_CHAT_TOKEN_SITE], site, 8);
    ngx_memcpy(&token[NGX_HTTP_CHAT_TOKEN_VISITOR], visitor->data, 16);

    for (i = 0; i < 8; i++) {
        token[NGX_HTTP_CHAT_TOKEN_ISSUED + i] =
                                (u_char) ((uint64_t) issued >> (56 - i * 8));
    }

    if (ngx_http_chat_token_hmac(&keys->keys[0], token,
                                 &token[NGX_HTTP_CHAT_TOKEN_HMAC])
        != NGX_OK)
    {
        return NULL;
    }

    return ngx_http_chat_base64_encode(p, token, NGX_HTTP_CHAT_TOKEN_BYTES, 1);
}


ngx_int_t
ngx_http_chat_token_verify(ngx_http_chat_keys_t *keys, u_char *p, size_t len,
    u_char *site, int64_t now, ngx_http_chat_id_t *visitor, int64_t *issued)
{
    u_char       token[NGX_HTTP_CHAT_TOKEN_BYTES], hmac[32];
    uint64_t     ms;
    ngx_uint_t   i;

    if (ngx_http_chat_base64_decode(token, NGX_HTTP_CHAT_TOKEN_BYTES, p, len,
                                    1)
        != NGX_OK
        || token[0] != NGX_HTTP_CHAT_TOKEN_VERSION)
    {
        return NGX_DECLINED;
    }

    for (i = 0; i < keys->n; i++) {
        if (ngx_memcmp(keys->keys[i].kid, &token[NGX_HTTP_CHAT_TOKEN_KID], 4)
            == 0)
        {
            break;
        }
    }

    if (i == keys->n
        || ngx_http_chat_token_hmac(&keys->keys[i], token, hmac) != NGX_OK
        || CRYPTO_memcmp(hmac, &token[NGX_HTTP_CHAT_TOKEN_HMAC], 32) != 0
        || ngx_memcmp(&token[NGX_HTTP_CHAT_TOKEN_SITE], site, 8) != 0)
    {
        return NGX_DECLINED;
    }

    ngx_memcpy(visitor->data, &token[NGX_HTTP_CHAT_TOKEN_VISITOR], 16);

    ms = 0;

    for (i = 0; i < 8; i++) {
        ms = ms << 8 | token[NGX_HTTP_CHAT_TOKEN_ISSUED + i];
    }

    *issued = (int64_t) ms;

    /* PostgreSQL's clock issued it and may be ahead of this one */

    if (*issued < 0 || *issued - NGX_HTTP_CHAT_TOKEN_SKEW > now) {
        return NGX_DECLINED;
    }

    return now - *issued < NGX_HTTP_CHAT_TOKEN_LIFE ? NGX_OK : NGX_ABORT;
}


static ngx_int_t
ngx_http_chat_token_hmac(ngx_http_chat_key_t *key, u_char *token, u_char *hmac)
{
    HMAC_CTX  *ctx;

    ctx = ngx_http_chat_token_mac(key);

    if (ctx == NULL
        || HMAC_Init_ex(ctx, NULL, 0, NULL, NULL) != 1
        || HMAC_Update(ctx, (u_char *) NGX_HTTP_CHAT_TOKEN_PURPOSE,
                       sizeof(NGX_HTTP_CHAT_TOKEN_PURPOSE))
           != 1
        || HMAC_Update(ctx, token, NGX_HTTP_CHAT_TOKEN_HMAC) != 1
        || HMAC_Final(ctx, hmac, NULL) != 1)
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}


/* NULL on no memory */

static HMAC_CTX *
ngx_http_chat_token_mac(ngx_http_chat_key_t *key)
{
    HMAC_CTX                   *ctx;
    ngx_uint_t                  i;
    ngx_http_chat_token_mac_t  *mac;

    for (i = 0; i < NGX_HTTP_CHAT_MAX_KEYS; i++) {
        mac = &ngx_http_chat_token_macs[i];

        if (mac->ctx != NULL && mac->key.len == key->len
            && ngx_memcmp(mac->key.key, key->key, key->len) == 0)
        {
            return mac->ctx;
        }
    }

    ctx = HMAC_CTX_new();

    if (ctx == NULL
        || HMAC_Init_ex(ctx, key->key, (int) key->len, EVP_sha256(), NULL)
           != 1)
    {
        HMAC_CTX_free(ctx);
        return NULL;
    }

    /* another key, of another configuration: the oldest goes */

    mac = ngx_http_chat_token_macs;

    HMAC_CTX_free(mac[NGX_HTTP_CHAT_MAX_KEYS - 1].ctx);

    ngx_memmove(&mac[1], mac, (NGX_HTTP_CHAT_MAX_KEYS - 1)
                              * sizeof(ngx_http_chat_token_mac_t));

    mac->key = *key;
    mac->ctx = ctx;

    return ctx;
}


void
ngx_http_chat_key_exit(void)
{
    ngx_uint_t  i;

    for (i = 0; i < NGX_HTTP_CHAT_MAX_KEYS; i++) {
        HMAC_CTX_free(ngx_http_chat_token_macs[i].ctx);
    }

    OPENSSL_cleanse(ngx_http_chat_token_macs,
                    sizeof(ngx_http_chat_token_macs));
}
