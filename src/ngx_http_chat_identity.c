
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#include "ngx_http_chat_base64.h"
#include "ngx_http_chat_fields.h"
#include "ngx_http_chat_identity.h"

#include <jansson.h>
#include <jwt.h>
#include <openssl/err.h>
#include <openssl/pem.h>


static json_t *ngx_http_chat_identity_part(ngx_pool_t *pool, u_char *p,
    size_t len);
static ngx_http_chat_identity_key_t *ngx_http_chat_identity_key(
    json_t *header, ngx_http_chat_identity_key_t *keys, ngx_uint_t n);
static ngx_int_t ngx_http_chat_identity_signature(ngx_pool_t *pool,
    ngx_str_t *token, ngx_http_chat_identity_key_t *key);
static const char *ngx_http_chat_identity_times(json_t *claims, int64_t now);
static ngx_uint_t ngx_http_chat_identity_audience(json_t *claims,
    ngx_str_t *site);
static ngx_int_t ngx_http_chat_identity_claims(ngx_pool_t *pool,
    json_t *claims, ngx_http_chat_identity_t *identity);
static ngx_int_t ngx_http_chat_identity_string(ngx_pool_t *pool,
    json_t *value, ngx_str_t *s);


ngx_int_t
ngx_http_chat_identity_verify(ngx_pool_t *pool, ngx_str_t *token,
    ngx_str_t *site, int64_t now, ngx_http_chat_identity_key_t *keys,
    ngx_uint_t n, ngx_http_chat_identity_t *identity, const char **detail)
{
    u_char                        *dot, *end, *last;
    json_t                        *header, *claims;
    ngx_int_t                      rc;
    ngx_http_chat_identity_key_t  *key;

    ngx_memzero(identity, sizeof(ngx_http_chat_identity_t));

    *detail = "it is not a token";

    last = token->data + token->len;
    dot = ngx_strlchr(token->data, last, '.');
    end = dot != NULL ? ngx_strlchr(dot + 1, last, '.') : NULL;

    if (end == NULL || ngx_strlchr(end + 1, last, '.') != NULL
        || token->len > NGX_HTTP_CHAT_IDENTITY_MAX)
    {
        return NGX_DECLINED;
    }

    header = ngx_http_chat_identity_part(pool, token->data,
                                         dot - token->data);
    if (header == NULL) {
        return NGX_DECLINED;
    }

    *detail = "no key of the site fits the token";

    key = ngx_http_chat_identity_key(header, keys, n);
    json_decref(header);

    if (key == NULL) {
        return NGX_DECLINED;
    }

    rc = ngx_http_chat_identity_signature(pool, token, key);

    if (rc != NGX_OK) {
        *detail = "the signature is wrong";
        return rc;
    }

    claims = ngx_http_chat_identity_part(pool, dot + 1, end - dot - 1);

    if (claims == NULL) {
        *detail = "it is not a token";
        return NGX_DECLINED;
    }

    *detail = ngx_http_chat_identity_times(claims, now);

    if (*detail == NULL && !ngx_http_chat_identity_audience(claims, site)) {
        *detail = "\"aud\" is not the site";
    }

    rc = NGX_DECLINED;

    if (*detail == NULL) {
        *detail = "a claim is missing, or not what it has to be";
        rc = ngx_http_chat_identity_claims(pool, claims, identity);
    }

    json_decref(claims);

    return rc;
}


/* a new reference, or NULL */

static json_t *
ngx_http_chat_identity_part(ngx_pool_t *pool, u_char *p, size_t len)
{
    size_t       size;
    u_char      *text;
    const char  *detail;

    if (len == 0 || len % 4 == 1) {
        return NULL;
    }

    size = len / 4 * 3 + (len % 4 != 0 ? len % 4 - 1 : 0);

    text = ngx_pnalloc(pool, size);

    if (text == NULL
        || ngx_http_chat_base64_decode(text, size, p, len, 1) != NGX_OK)
    {
        return NULL;
    }

    return ngx_http_chat_fields_load(text, size, &detail);
}


/*
 * The key that the header names, if it says the algorithm of that key too:
 * what a token says decides nothing.
 */

static ngx_http_chat_identity_key_t *
ngx_http_chat_identity_key(json_t *header, ngx_http_chat_identity_key_t *keys,
    ngx_uint_t n)
{
    json_t      *kid;
    ngx_uint_t   i;
    const char  *alg;

    kid = json_object_get(header, "kid");
    alg = json_string_value(json_object_get(header, "alg"));

    /* extensions that have to be understood are not */

    if (alg == NULL || json_object_get(header, "crit") != NULL
        || (kid == NULL ? n != 1 : !json_is_string(kid)))
    {
        return NULL;
    }

    for (i = 0; i < n; i++) {

        if (kid != NULL
            && (json_string_length(kid) != keys[i].kid.len
                || ngx_memcmp(json_string_value(kid), keys[i].kid.data,
                              keys[i].kid.len)
                   != 0))
        {
            continue;
        }

        return ngx_strlen(alg) == keys[i].alg.len
               && ngx_memcmp(alg, keys[i].alg.data, keys[i].alg.len) == 0
               ? &keys[i] : NULL;
    }

    return NULL;
}


static ngx_int_t
ngx_http_chat_identity_signature(ngx_pool_t *pool, ngx_str_t *token,
    ngx_http_chat_identity_key_t *key)
{
    jwt_t      *jwt;
    u_char     *text;
    jwt_alg_t   alg;
    ngx_int_t   rc;

    if (key->alg.len != 5) {
        return NGX_DECLINED;
    }

    alg = key->alg.data[0] == 'E' ? JWT_ALG_ES256 : JWT_ALG_HS256;

    text = ngx_pnalloc(pool, token->len + 1);
    if (text == NULL) {
        return NGX_ERROR;
    }

    ngx_cpystrn(text, token->data, token->len + 1);

    jwt = NULL;

    rc = jwt_decode(&jwt, (char *) text, key->key.data, (int) key->key.len)
         == 0
         && jwt_get_alg(jwt) == alg
         ? NGX_OK : NGX_DECLINED;

    if (jwt != NULL) {
        jwt_free(jwt);
    }

    /* errors that stay would be taken for those of a connection */

    ERR_clear_error();

    return rc;
}


static const char *
ngx_http_chat_identity_times(json_t *claims, int64_t now)
{
    json_t   *exp, *nbf;
    int64_t   t;

    exp = json_object_get(claims, "exp");

    if (!json_is_integer(exp)) {
        return "\"exp\" is required";
    }

    t = json_integer_value(exp);

    if (t < now - NGX_HTTP_CHAT_IDENTITY_SKEW) {
        return "the token has expired";
    }

    if (t > now + NGX_HTTP_CHAT_IDENTITY_LIFE) {
        return "\"exp\" is more than a day away";
    }

    nbf = json_object_get(claims, "nbf");

    if (nbf != NULL
        && (!json_is_integer(nbf)
            || json_integer_value(nbf) > now + NGX_HTTP_CHAT_IDENTITY_SKEW))
    {
        return "the token is not valid yet";
    }

    return NULL;
}


/* a name, or several of which it is one */

static ngx_uint_t
ngx_http_chat_identity_audience(json_t *claims, ngx_str_t *site)
{
    size_t   i, n;
    json_t  *aud, *one;

    aud = json_object_get(claims, "aud");
    n = json_is_array(aud) ? json_array_size(aud) : 1;

    for (i = 0; i < n; i++) {
        one = json_is_array(aud) ? json_array_get(aud, i) : aud;

        if (json_is_string(one) && json_string_length(one) == site->len
            && ngx_memcmp(json_string_value(one), site->data, site->len) == 0)
        {
            return 1;
        }
    }

    return 0;
}


static ngx_int_t
ngx_http_chat_identity_claims(ngx_pool_t *pool, json_t *claims,
    ngx_http_chat_identity_t *identity)
{
    size_t      len;
    json_t     *attributes;
    ngx_int_t   rc;

    rc = ngx_http_chat_identity_string(pool, json_object_get(claims, "sub"),
                                       &identity->external);
    if (rc != NGX_OK || identity->external.len == 0) {
        return rc == NGX_ERROR ? rc : NGX_DECLINED;
    }

    rc = ngx_http_chat_identity_string(pool, json_object_get(claims, "name"),
                                       &identity->name);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_http_chat_identity_string(pool, json_object_get(claims, "email"),
                                       &identity->email);
    if (rc != NGX_OK) {
        return rc;
    }

    attributes = json_object_get(claims, "attributes");

    if (attributes == NULL) {
        return NGX_OK;
    }

    if (!json_is_object(attributes)) {
        return NGX_DECLINED;
    }

    len = json_dumpb(attributes, NULL, 0, JSON_COMPACT);

    identity->attributes.data = ngx_pnalloc(pool, len + 1);
    if (identity->attributes.data == NULL) {
        return NGX_ERROR;
    }

    identity->attributes.len = json_dumpb(attributes,
                                          (char *) identity->attributes.data,
                                          len, JSON_COMPACT);
    return NGX_OK;
}


static ngx_int_t
ngx_http_chat_identity_string(ngx_pool_t *pool, json_t *value, ngx_str_t *s)
{
    ngx_str_t  text;

    if (value == NULL) {
        return NGX_OK;
    }

    if (!json_is_string(value)) {
        return NGX_DECLINED;
    }

    text.data = (u_char *) json_string_value(value);
    text.len = json_string_length(value);

    s->data = ngx_pstrdup(pool, &text);
    s->len = text.len;

    return s->data != NULL ? NGX_OK : NGX_ERROR;
}


ngx_int_t
ngx_http_chat_identity_public(u_char *pem, size_t len)
{
    BIO        *bio;
    EVP_PKEY   *key;
    ngx_int_t   rc;

    bio = BIO_new_mem_buf(pem, (int) len);
    if (bio == NULL) {
        return NGX_DECLINED;
    }

    /* with a password at hand nobody is asked for one */

    key = PEM_read_bio_PUBKEY(bio, NULL, NULL, (void *) "");

    rc = key != NULL && EVP_PKEY_base_id(key) == EVP_PKEY_EC
         && EVP_PKEY_bits(key) == 256
         ? NGX_OK : NGX_DECLINED;

    EVP_PKEY_free(key);
    BIO_free(bio);

    ERR_clear_error();

    return rc;
}
