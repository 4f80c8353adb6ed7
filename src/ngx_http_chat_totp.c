
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#include "ngx_http_chat_totp.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>


#define NGX_HTTP_CHAT_TOTP_KID       4
#define NGX_HTTP_CHAT_TOTP_NONCE     12
#define NGX_HTTP_CHAT_TOTP_TAG       16
#define NGX_HTTP_CHAT_TOTP_DIGITS    6
#define NGX_HTTP_CHAT_TOTP_MODULUS   1000000

/* bytes of a code that replaces one, and its characters */
#define NGX_HTTP_CHAT_TOTP_RANDOM    10
#define NGX_HTTP_CHAT_TOTP_LETTERS   16


static ngx_int_t ngx_http_chat_totp_key(ngx_http_chat_key_t *key, u_char *p);
static ngx_int_t ngx_http_chat_totp_seal(ngx_http_chat_key_t *key,
    ngx_http_chat_id_t *agent, u_char *secret, u_char *sealed);
static ngx_int_t ngx_http_chat_totp_open(ngx_http_chat_keys_t *keys,
    ngx_http_chat_id_t *agent, ngx_str_t *sealed, u_char *secret);
static ngx_int_t ngx_http_chat_totp_code(u_char *secret, int64_t step,
    u_char *code);
static void ngx_http_chat_totp_base32(u_char *dst, u_char *src, size_t len);


/* RFC 4648 */

static const u_char  ngx_http_chat_totp_letters[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";


ngx_int_t
ngx_http_chat_totp_new(ngx_http_chat_keys_t *keys, ngx_http_chat_id_t *agent,
    u_char *sealed, u_char *text)
{
    u_char     secret[NGX_HTTP_CHAT_TOTP_SECRET];
    ngx_int_t  rc;

    if (RAND_bytes(secret, NGX_HTTP_CHAT_TOTP_SECRET) != 1) {
        return NGX_ERROR;
    }

    ngx_http_chat_totp_base32(text, secret, NGX_HTTP_CHAT_TOTP_SECRET);

    rc = ngx_http_chat_totp_seal(&keys->keys[0], agent, secret, sealed);

    ngx_explicit_memzero(secret, NGX_HTTP_CHAT_TOTP_SECRET);

    return rc;
}


ngx_int_t
ngx_http_chat_totp_check(ngx_http_chat_keys_t *keys,
    ngx_http_chat_id_t *agent, ngx_http_chat_totp_t *t, ngx_str_t *code,
    int64_t now)
{
    u_char      secret[NGX_HTTP_CHAT_TOTP_SECRET];
    u_char      right[NGX_HTTP_CHAT_TOTP_DIGITS];
    int64_t     at;
    ngx_int_t   rc;

    if (code->len != NGX_HTTP_CHAT_TOTP_DIGITS) {
        return NGX_DECLINED;
    }

    rc = ngx_http_chat_totp_open(keys, agent, &t->sealed, secret);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = NGX_DECLINED;

    for (at = now / NGX_HTTP_CHAT_TOTP_STEP - 1;
         at <= now / NGX_HTTP_CHAT_TOTP_STEP + 1;
         at++)
    {
        if (ngx_http_chat_totp_code(secret, at, right) != NGX_OK) {
            rc = NGX_ERROR;
            break;
        }

        if (CRYPTO_memcmp(right, code->data, NGX_HTTP_CHAT_TOTP_DIGITS) == 0
            && at > t->last)
        {
            t->step = at;
            rc = NGX_OK;
        }
    }

    t->moved = (rc == NGX_OK
                && ngx_memcmp(keys->keys[0].kid, t->sealed.data,
                              NGX_HTTP_CHAT_TOTP_KID)
                   != 0);

    if (t->moved
        && ngx_http_chat_totp_seal(&keys->keys[0], agent, secret, t->again)
           != NGX_OK)
    {
        rc = NGX_ERROR;
    }

    ngx_explicit_memzero(secret, NGX_HTTP_CHAT_TOTP_SECRET);

    return rc;
}


/* RFC 4226, section 5.3 */

static ngx_int_t
ngx_http_chat_totp_code(u_char *secret, int64_t step, u_char *code)
{
    u_char        message[8], hash[EVP_MAX_MD_SIZE], *p;
    uint32_t      n;
    ngx_int_t     i;
    unsigned int  len;

    for (i = 7; i >= 0; i--) {
        message[i] = (u_char) step;
        step >>= 8;
    }

    if (HMAC(EVP_sha1(), secret, NGX_HTTP_CHAT_TOTP_SECRET, message,
             sizeof(message), hash, &len)
        == NULL)
    {
        return NGX_ERROR;
    }

    p = hash + (hash[len - 1] & 0x0f);

    n = ((uint32_t) (p[0] & 0x7f) << 24 | (uint32_t) p[1] << 16
         | (uint32_t) p[2] << 8 | p[3])
        % NGX_HTTP_CHAT_TOTP_MODULUS;

    for (i = NGX_HTTP_CHAT_TOTP_DIGITS - 1; i >= 0; i--) {
        code[i] = (u_char) ('0' + n % 10);
        n /= 10;
    }

    return NGX_OK;
}


/* what signs tokens does not seal: 32 bytes of a key of its own */

static ngx_int_t
ngx_http_chat_totp_key(ngx_http_chat_key_t *key, u_char *p)
{
    u_char        hash[EVP_MAX_MD_SIZE];
    unsigned int  len;

    static u_char  purpose[] = "chat totp";

    if (HMAC(EVP_sha256(), key->key, (int) key->len, purpose,
             sizeof(purpose), hash, &len)
        == NULL)
    {
        return NGX_ERROR;
    }

    ngx_memcpy(p, hash, 32);
    ngx_explicit_memzero(hash, sizeof(hash));

    return NGX_OK;
}


/* the agent's id is authenticated: a row is good for its agent alone */

static ngx_int_t
ngx_http_chat_totp_seal(ngx_http_chat_key_t *key, ngx_http_chat_id_t *agent,
    u_char *secret, u_char *sealed)
{
    int              n;
    u_char           k[32], *nonce, *text, *tag;
    ngx_int_t        rc;
    EVP_CIPHER_CTX  *ctx;

    nonce = sealed + NGX_HTTP_CHAT_TOTP_KID;
    text = nonce + NGX_HTTP_CHAT_TOTP_NONCE;
    tag = text + NGX_HTTP_CHAT_TOTP_SECRET;

    ngx_memcpy(sealed, key->kid, NGX_HTTP_CHAT_TOTP_KID);

    ctx = EVP_CIPHER_CTX_new();
    if (ctx == NULL) {
        return NGX_ERROR;
    }

    rc = RAND_bytes(nonce, NGX_HTTP_CHAT_TOTP_NONCE) == 1
         && ngx_http_chat_totp_key(key, k) == NGX_OK
         && EVP_EncryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, k, nonce) == 1
         && EVP_EncryptUpdate(ctx, NULL, &n, (u_char *) agent,
                              sizeof(ngx_http_chat_id_t))
            == 1
         && EVP_EncryptUpdate(ctx, text, &n, secret,
                              NGX_HTTP_CHAT_TOTP_SECRET)
            == 1
         && EVP_EncryptFinal_ex(ctx, text + n, &n) == 1
         && EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_GET_TAG,
                                NGX_HTTP_CHAT_TOTP_TAG, tag)
            == 1
         ? NGX_OK : NGX_ERROR;

    EVP_CIPHER_CTX_free(ctx);
    ngx_explicit_memzero(k, sizeof(k));

    return rc;
}


static ngx_int_t
ngx_http_chat_totp_open(ngx_http_chat_keys_t *keys,
    ngx_http_chat_id_t *agent, ngx_str_t *sealed, u_char *secret)
{
    int              n;
    u_char           k[32], *nonce, *text, *tag;
    ngx_int_t        rc;
    ngx_uint_t       i;
    EVP_CIPHER_CTX  *ctx;

    if (sealed->len != NGX_HTTP_CHAT_TOTP_SEALED) {
        return NGX_ERROR;
    }

    for (i = 0; i < keys->n; i++) {
        if (ngx_memcmp(keys->keys[i].kid, sealed->data,
                       NGX_HTTP_CHAT_TOTP_KID)
            == 0)
        {
            break;
        }
    }

    if (i == keys->n) {
        return NGX_ABORT;
    }

    nonce = sealed->data + NGX_HTTP_CHAT_TOTP_KID;
    text = nonce + NGX_HTTP_CHAT_TOTP_NONCE;
    tag = text + NGX_HTTP_CHAT_TOTP_SECRET;

    ctx = EVP_CIPHER_CTX_new();
    if (ctx == NULL) {
        return NGX_ERROR;
    }

    rc = ngx_http_chat_totp_key(&keys->keys[i], k) == NGX_OK
         && EVP_DecryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, k, nonce) == 1
         && EVP_DecryptUpdate(ctx, NULL, &n, (u_char *) agent,
                              sizeof(ngx_http_chat_id_t))
            == 1
         && EVP_DecryptUpdate(ctx, secret, &n, text,
                              NGX_HTTP_CHAT_TOTP_SECRET)
            == 1
         && EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_SET_TAG,
                                NGX_HTTP_CHAT_TOTP_TAG, tag)
            == 1
         && EVP_DecryptFinal_ex(ctx, secret + n, &n) == 1
         ? NGX_OK : NGX_ERROR;

    EVP_CIPHER_CTX_free(ctx);
    ngx_explicit_memzero(k, sizeof(k));

    /* errors that stay would be taken for those of a connection */

    ERR_clear_error();

    return rc;
}


/* len is a multiple of 5 */

static void
ngx_http_chat_totp_base32(u_char *dst, u_char *src, size_t len)
{
    size_t     i;
    uint64_t   n;
    ngx_int_t  shift;

    for (i = 0; i < len; i += 5) {

        n = (uint64_t) src[i] << 32 | (uint64_t) src[i + 1] << 24
            | (uint64_t) src[i + 2] << 16 | (uint64_t) src[i + 3] << 8
            | src[i + 4];

        for (shift = 35; shift >= 0; shift -= 5) {
            *dst++ = ngx_http_chat_totp_letters[(n >> shift) & 0x1f];
        }
    }
}


ngx_int_t
ngx_http_chat_totp_recovery(u_char *text, u_char *hash)
{
    u_char      random[NGX_HTTP_CHAT_TOTP_RANDOM];
    u_char      letters[NGX_HTTP_CHAT_TOTP_LETTERS];
    ngx_str_t   code;
    ngx_uint_t  i;

    if (RAND_bytes(random, NGX_HTTP_CHAT_TOTP_RANDOM) != 1) {
        return NGX_ERROR;
    }

    ngx_http_chat_totp_base32(letters, random, NGX_HTTP_CHAT_TOTP_RANDOM);
    ngx_explicit_memzero(random, sizeof(random));

    code.data = text;
    code.len = NGX_HTTP_CHAT_TOTP_CODE;

    for (i = 0; i < NGX_HTTP_CHAT_TOTP_LETTERS; i++) {

        if (i != 0 && i % 4 == 0) {
            *text++ = '-';
        }

        *text++ = ngx_tolower(letters[i]);
    }

    return ngx_http_chat_totp_recovery_hash(&code, hash) == NGX_OK
           ? NGX_OK : NGX_ERROR;
}


/* of the letters alone, whatever their case and what is between them */

ngx_int_t
ngx_http_chat_totp_recovery_hash(ngx_str_t *text, u_char *hash)
{
    u_char      letters[NGX_HTTP_CHAT_TOTP_LETTERS], c;
    size_t      i;
    ngx_uint_t  n;

    n = 0;

    for (i = 0; i < text->len; i++) {
        c = ngx_toupper(text->data[i]);

        if (c == '-' || c == ' ') {
            continue;
        }

        if (n == NGX_HTTP_CHAT_TOTP_LETTERS
            || !((c >= 'A' && c <= 'Z') || (c >= '2' && c <= '7')))
        {
            return NGX_DECLINED;
        }

        letters[n++] = c;
    }

    return n == NGX_HTTP_CHAT_TOTP_LETTERS
           && EVP_Digest(letters, n, hash, NULL, EVP_sha256(), NULL) == 1
           ? NGX_OK : NGX_DECLINED;
}
