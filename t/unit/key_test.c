
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
#include "unit.h"


#define KEY1  "000102030405060708090a0b0c0d0e0f"                             \
              "101112131415161718191a1b1c1d1e1f"
#define KEY2  "ffffffffffffffffffffffffffffffff"                             \
              "ffffffffffffffffffffffffffffffff"

#define SITE     ((u_char *) "\x8d\x90\x01\xd3\x2c\x6a\x70\x3d")
#define OTHER    ((u_char *) "\x8d\x90\x01\xd3\x2c\x6a\x70\x3e")
#define VISITOR  "\x01\x92\xf3\xa4\xb5\xc6\x7d\x8e"                          \
                 "\x9f\x00\x11\x22\x33\x44\x55\x66"
#define ISSUED   1795327200123

/* made with another implementation of HMAC-SHA256 */
#define TOKEN    "AQobLD2NkAHTLGpwPQGS86S1xn2OnwARIjNEVWYAAAGiAdcL"          \
                 "excDwIHpPJ_BsI5APhCD6Yetf6W5n1TqACylATn9CNQR"

/* genuine but for the version, and for what the HMAC begins with */
#define VERSION2 "AgobLD2NkAHTLGpwPQGS86S1xn2OnwARIjNEVWYAAAGiAdcL"          \
                 "eyCyVtZCWMv6I673AjEdgR21kW-hjZrWZWJWIKcWXl4O"
#define PURPOSE  "AQobLD2NkAHTLGpwPQGS86S1xn2OnwARIjNEVWYAAAGiAdcL"          \
                 "e8VTW3GZlZuXGMnTsn9LGmsCxsS9TWDSYfSq-feq3fpG"


static void files(void);
static void file(const char *name, const char *text, ngx_uint_t n);
static void no_file(const char *name, const char *text, ngx_uint_t line);
static void tokens(void);
static void forged(ngx_http_chat_keys_t *keys);
static ngx_int_t verify(ngx_http_chat_keys_t *keys, const char *text,
    u_char *site, int64_t now);
static void base64(void);
static void no_base64(const char *name, size_t size, const char *text,
    size_t len);


int
main(void)
{
    files();
    tokens();
    base64();

    return done();
}


static void
files(void)
{
    const char            *err;
    ngx_uint_t             line;
    ngx_http_chat_keys_t   keys;

    file("one key", "0a1b2c3d " KEY1 "\n", 1);
    file("no line feed at the end", "0a1b2c3d " KEY1, 1);
    file("two keys", "0a1b2c3d " KEY1 "\n5e6f7081 " KEY2 "\n", 2);
    file("comments, blank lines, CR LF, white space",
         "# keys\r\n\r\n \t 0A1B2C3D\t \t" KEY1 " \r\n#\n\n", 1);
    file("longest key", "0a1b2c3d " KEY1 KEY2 "\n", 1);

    no_file("empty", "", 1);
    no_file("comments only", "# none\n", 2);
    no_file("no key id", KEY1 "\n", 1);
    no_file("no key", "\n0a1b2c3d\n", 2);
    no_file("no space", "0a1b2c3d" KEY1 "\n", 1);
    no_file("short key id", "0a1b2c " KEY1 "\n", 1);
    no_file("odd key id", "0a1b2c3 " KEY1 "\n", 1);
    no_file("long key id", "0a1b2c3d4e " KEY1 "\n", 1);
    no_file("odd key", "0a1b2c3d " KEY1 "0\n", 1);
    no_file("62 digits", "0a1b2c3d 000102030405060708090a0b0c0d0e0f"
            "101112131415161718191a1b1c1d1e\n", 1);
    no_file("130 digits", "0a1b2c3d " KEY1 KEY2 "00\n", 1);
    no_file("no digit", "0a1b2c3d g" KEY1 "\n", 1);
    no_file("something after the key", "0a1b2c3d " KEY1 " x\n", 1);
    no_file("the same id", "0a1b2c3d " KEY1 "\n0A1B2C3D " KEY2 "\n", 2);
    no_file("three keys", "0a1b2c3d " KEY1 "\n5e6f7081 " KEY1
            "\n00000000 " KEY1 "\n", 3);

    ok(ngx_http_chat_key_parse(&keys, (u_char *)
                               "5e6f7081 " KEY1 KEY2 "\n0a1b2c3d " KEY1, 211,
                               &line, &err)
       == NGX_OK
       && memcmp(keys.keys[0].kid, "\x5e\x6f\x70\x81", 4) == 0
       && keys.keys[0].len == 64
       && keys.keys[0].key[31] == 0x1f
       && keys.keys[0].key[63] == 0xff
       && keys.keys[1].len == 32, "bytes of keys");
}


static void
file(const char *name, const char *text, ngx_uint_t n)
{
    const char            *err;
    ngx_uint_t             line;
    ngx_http_chat_keys_t   keys;

    ok(ngx_http_chat_key_parse(&keys, (u_char *) text, strlen(text), &line,
                               &err)
       == NGX_OK
       && keys.n == n, name);
}


static void
no_file(const char *name, const char *text, ngx_uint_t line)
{
    size_t                 len;
    u_char                *p;
    const char            *err;
    ngx_uint_t             at;
    ngx_http_chat_keys_t   keys;

    len = strlen(text);
    p = malloc(len + (len == 0));

    if (p == NULL) {
        ok(0, name);
        return;
    }

    memcpy(p, text, len);
    err = NULL;

    ok(ngx_http_chat_key_parse(&keys, p, len, &at, &err) == NGX_ERROR
       && at == line && err != NULL, name);

    free(p);
}


static void
tokens(void)
{
    u_char                 text[NGX_HTTP_CHAT_TOKEN_LEN];
    int64_t                issued;
    const char            *err;
    ngx_uint_t             line;
    ngx_http_chat_id_t     id;
    ngx_http_chat_keys_t   keys, rotated, gone;

    (void) ngx_http_chat_key_parse(&keys, (u_char *) "0a1b2c3d " KEY1, 73,
                                   &line, &err);
    (void) ngx_http_chat_key_parse(&rotated, (u_char *)
                                   "5e6f7081 " KEY2 "\n0a1b2c3d " KEY1, 147,
                                   &line, &err);
    (void) ngx_http_chat_key_parse(&gone, (u_char *) "5e6f7081 " KEY1, 73,
                                   &line, &err);

    memcpy(id.data, VISITOR, 16);

    ok(ngx_http_chat_token_sign(&keys, text, SITE, &id, ISSUED)
       == text + NGX_HTTP_CHAT_TOKEN_LEN
       && memcmp(text, TOKEN, NGX_HTTP_CHAT_TOKEN_LEN) == 0, "signed");

    memset(&id, 0, sizeof(id));

    ok(ngx_http_chat_token_verify(&keys, (u_char *) TOKEN, 92, SITE, ISSUED,
                                  &id, &issued)
       == NGX_OK
       && memcmp(id.data, VISITOR, 16) == 0 && issued == ISSUED, "verified");

    ok(verify(&rotated, TOKEN, SITE, ISSUED) == NGX_OK,
       "the second key verifies");
    ok(verify(&gone, TOKEN, SITE, ISSUED) == NGX_DECLINED,
       "the key id is not among them");

    (void) ngx_http_chat_token_sign(&rotated, text, SITE, &id, ISSUED);
    ok(ngx_http_chat_token_verify(&keys, text, 92, SITE, ISSUED, &id, &issued)
       == NGX_DECLINED, "signed with a key that is not known here");

    ok(verify(&keys, TOKEN, OTHER, ISSUED) == NGX_DECLINED, "another site");
    ok(verify(&keys, VERSION2, SITE, ISSUED) == NGX_DECLINED,
       "another version");
    ok(verify(&keys, PURPOSE, SITE, ISSUED) == NGX_DECLINED,
       "signed for another purpose");

    ok(verify(&keys, TOKEN, SITE, ISSUED + 2591999999) == NGX_OK,
       "the last millisecond of 30 days");
    ok(verify(&keys, TOKEN, SITE, ISSUED + 2592000000) == NGX_ABORT,
       "30 days old");
    ok(verify(&keys, TOKEN, SITE, INT64_MAX) == NGX_ABORT, "very old");
    ok(verify(&keys, TOKEN, SITE, ISSUED - 3600000) == NGX_OK,
       "issued by a clock that is an hour ahead");
    ok(verify(&keys, TOKEN, SITE, ISSUED - 3600001) == NGX_DECLINED,
       "from farther ahead");

    (void) ngx_http_chat_token_sign(&keys, text, SITE, &id, -1);
    ok(ngx_http_chat_token_verify(&keys, text, 92, SITE, ISSUED, &id, &issued)
       == NGX_DECLINED, "issued before 1970");

    (void) ngx_http_chat_token_sign(&keys, text, SITE, &id, INT64_MAX);
    ok(ngx_http_chat_token_verify(&keys, text, 92, SITE, ISSUED, &id, &issued)
       == NGX_DECLINED, "issued at the end of time");

    forged(&keys);
}


/* no bit of a token may change, and nothing may be left out or added */

static void
forged(ngx_http_chat_keys_t *keys)
{
    u_char              bytes[69], text[NGX_HTTP_CHAT_TOKEN_LEN + 1];
    int64_t             issued;
    ngx_uint_t          i, wrong;
    ngx_http_chat_id_t  id;

    wrong = 0;

    for (i = 0; i < 69 * 8; i++) {
        (void) ngx_http_chat_base64_decode(bytes, 69, (u_char *) TOKEN, 92, 1);

        bytes[i / 8] ^= (u_char) (1 << i % 8);

        (void) ngx_http_chat_base64_encode(text, bytes, 69, 1);

        if (ngx_http_chat_token_verify(keys, text, 92, SITE, ISSUED, &id,
                                       &issued)
            != NGX_DECLINED)
        {
            wrong++;
        }
    }

    ok(wrong == 0, "each bit counts");

    wrong = 0;

    for (i = 0; i < 92; i++) {
        if (ngx_http_chat_token_verify(keys, (u_char *) TOKEN, i, SITE,
                                       ISSUED, &id, &issued)
            != NGX_DECLINED)
        {
            wrong++;
        }
    }

    ok(wrong == 0, "cut short");

    ok(verify(keys, TOKEN "A", SITE, ISSUED) == NGX_DECLINED, "one more");
    ok(verify(keys, TOKEN "=", SITE, ISSUED) == NGX_DECLINED, "padded");
}


static ngx_int_t
verify(ngx_http_chat_keys_t *keys, const char *text, u_char *site,
    int64_t now)
{
    int64_t             issued;
    ngx_http_chat_id_t  id;

    return ngx_http_chat_token_verify(keys, (u_char *) text, strlen(text),
                                      site, now, &id, &issued);
}


static void
base64(void)
{
    u_char  text[8], bytes[8];

    ok(ngx_http_chat_base64_encode(text, (u_char *) "\xfb\xff", 2, 1)
       == text + 3 && memcmp(text, "-_8", 3) == 0, "two bytes, url");
    ok(ngx_http_chat_base64_encode(text, (u_char *) "\xfb\xff", 2, 0)
       == text + 3 && memcmp(text, "+/8", 3) == 0, "two bytes");
    ok(ngx_http_chat_base64_encode(text, (u_char *) "f", 1, 1) == text + 2
       && memcmp(text, "Zg", 2) == 0, "one byte");
    ok(ngx_http_chat_base64_encode(text, (u_char *) "foobar", 6, 1)
       == text + 8 && memcmp(text, "Zm9vYmFy", 8) == 0, "six bytes");

    ok(ngx_http_chat_base64_decode(bytes, 6, (u_char *) "Zm9vYmFy", 8, 1)
       == NGX_OK && memcmp(bytes, "foobar", 6) == 0, "decoded");
    ok(ngx_http_chat_base64_decode(bytes, 0, (u_char *) "", 0, 1) == NGX_OK,
       "nothing");

    no_base64("bits that are left over", 1, "Zh", 2);
    no_base64("shorter", 2, "Zg", 2);
    no_base64("longer", 1, "Zm8", 3);
    no_base64("padding", 1, "Zg==", 4);
    no_base64("the other alphabet", 2, "+/8", 3);
    no_base64("white space", 2, "Z 8", 3);
    no_base64("NUL", 2, "Zm\0", 3);
    no_base64("beyond ASCII", 2, "Zm\xc3", 3);
}


static void
no_base64(const char *name, size_t size, const char *text, size_t len)
{
    u_char  bytes[8];

    ok(ngx_http_chat_base64_decode(bytes, size, (u_char *) text, len, 1)
       == NGX_ERROR, name);
}
