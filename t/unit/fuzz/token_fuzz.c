
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


/*
 * Sources: src/ngx_http_chat_key.c src/ngx_http_chat_base64.c
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_http_chat_base64.h"
#include "ngx_http_chat_key.h"


/*
 * Credentials.  The first byte says what follows: the text of a visitor's
 * token; a genuine token, and what is done to its text; the text of a
 * secret (an agent's token, a ticket); a file of keys.  A credential has one
 * spelling, and nothing but what was signed is accepted.
 */

#define NOW  1795327200123


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void text(const uint8_t *data, size_t size);
static void forged(const uint8_t *data, size_t size);
static void secret(const uint8_t *data, size_t size, size_t bytes);
static void file(const uint8_t *data, size_t size);
static u_char *copy(const uint8_t *data, size_t size);


static u_char                site[8] = "site 1.";
static ngx_http_chat_keys_t  keys;


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (keys.n == 0) {
        keys.n = 2;

        for (keys.keys[0].len = 0; keys.keys[0].len < 64; keys.keys[0].len++) {
            keys.keys[0].key[keys.keys[0].len] = (u_char) keys.keys[0].len;
        }

        keys.keys[1] = keys.keys[0];
        keys.keys[1].len = 32;
        ngx_memcpy(keys.keys[0].kid, "kid0", 4);
        ngx_memcpy(keys.keys[1].kid, "kid1", 4);
    }

    if (size == 0) {
        return 0;
    }

    switch (data[0] % 5) {

    case 0:
        text(data + 1, size - 1);
        break;

    case 1:
        forged(data + 1, size - 1);
        break;

    case 2:
        secret(data + 1, size - 1, 32);
        break;

    case 3:
        secret(data + 1, size - 1, 16);
        break;

    case 4:
        file(data + 1, size - 1);
        break;
    }

    return 0;
}


static void
text(const uint8_t *data, size_t size)
{
    u_char              *p, again[NGX_HTTP_CHAT_TOKEN_LEN];
    int64_t              issued;
    ngx_int_t            rc;
    ngx_http_chat_id_t   visitor;

    p = copy(data, size);
    rc = ngx_http_chat_token_verify(&keys, p, size, site, NOW, &visitor,
                                    &issued);

    if (rc != NGX_DECLINED
        && (ngx_http_chat_token_sign(&keys, again, site, &visitor, issued)
            == NULL
            || size != NGX_HTTP_CHAT_TOKEN_LEN
            || ngx_memcmp(again, p, 6) != 0))
    {
        __builtin_trap();
    }

    free(p);
}


/* when it was issued, whose it is, then pairs: where, and what is put there */

static void
forged(const uint8_t *data, size_t size)
{
    u_char              *p, token[NGX_HTTP_CHAT_TOKEN_LEN];
    int64_t              issued, seen;
    ngx_int_t            rc, expected;
    ngx_http_chat_id_t   visitor, who;

    if (size < 24) {
        return;
    }

    ngx_memcpy(&issued, data, 8);
    ngx_memcpy(visitor.data, data + 8, 16);

    if (ngx_http_chat_token_sign(&keys, token, site, &visitor, issued)
        != token + NGX_HTTP_CHAT_TOKEN_LEN)
    {
        __builtin_trap();
    }

    p = copy(token, NGX_HTTP_CHAT_TOKEN_LEN);

    for (data += 24, size -= 24; size > 1; data += 2, size -= 2) {
        p[data[0] % NGX_HTTP_CHAT_TOKEN_LEN] = data[1];
    }

    rc = ngx_http_chat_token_verify(&keys, p, NGX_HTTP_CHAT_TOKEN_LEN, site,
                                    NOW, &who, &seen);

    if (ngx_memcmp(p, token, NGX_HTTP_CHAT_TOKEN_LEN) != 0) {
        expected = NGX_DECLINED;

    } else if (issued < 0 || issued > NOW + 3600000) {
        expected = NGX_DECLINED;

    } else {
        expected = NOW - issued < NGX_HTTP_CHAT_TOKEN_LIFE ? NGX_OK
                                                           : NGX_ABORT;
    }

    if (rc != expected
        || (rc == NGX_OK
            && (seen != issued || !ngx_http_chat_id_eq(&who, &visitor))))
    {
        __builtin_trap();
    }

    free(p);
}


static void
secret(const uint8_t *data, size_t size, size_t bytes)
{
    u_char      *p, plain[32], again[43];
    ngx_uint_t   url;

    p = copy(data, size);

    for (url = 0; url < 2; url++) {

        if (ngx_http_chat_base64_decode(plain, bytes, p, size, url) != NGX_OK)
        {
            continue;
        }

        if (ngx_http_chat_base64_encode(again, plain, bytes, url)
            != again + size
            || ngx_memcmp(again, p, size) != 0)
        {
            __builtin_trap();
        }
    }

    free(p);
}


static void
file(const uint8_t *data, size_t size)
{
    u_char                *p;
    const char            *err;
    ngx_uint_t             i, line;
    ngx_http_chat_keys_t   parsed;

    p = copy(data, size);
    err = NULL;

    if (ngx_http_chat_key_parse(&parsed, p, size, &line, &err) != NGX_OK) {

        if (err == NULL || line == 0 || line > size + 1) {
            __builtin_trap();
        }

        free(p);
        return;
    }

    if (parsed.n == 0 || parsed.n > NGX_HTTP_CHAT_MAX_KEYS) {
        __builtin_trap();
    }

    for (i = 0; i < parsed.n; i++) {
        if (parsed.keys[i].len < 32 || parsed.keys[i].len > 64) {
            __builtin_trap();
        }
    }

    free(p);
}


/* of the exact size, so that reading on is seen */

static u_char *
copy(const uint8_t *data, size_t size)
{
    u_char  *p;

    p = malloc(size);

    if (p == NULL) {
        exit(1);
    }

    ngx_memcpy(p, data, size);

    return p;
}
