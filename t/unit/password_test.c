
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


/*
 * Sources: src/ngx_http_chat_password.c src/ngx_http_chat_base64.c
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_http_chat_password.h"
#include "unit.h"


#define SALT   "AAECAwQFBgcICQoLDA0ODw"
#define HASH   "nfkj3u1fRTHCea+fVr03sWV770kp5wLOLoEakziKhqE"

/* made with another implementation of scrypt */
#define HORSE  "$scrypt$ln=10,r=8,p=1$" SALT "$" HASH
#define USUAL  "$scrypt$ln=15,r=8,p=3$" SALT                                 \
               "$KjxnDNQ+qIGpMrc63JTYYWNvK4pWjj72PrZmGsCRq5E"
#define WIDE   "$scrypt$ln=10,r=1,p=16$" SALT                                \
               "$BQj0+qsr58z+xUAu6rQ2IHmsdqaQqyE5FhxVtjP6QH4"


static void is(const char *name, const char *stored, const char *text,
    ngx_int_t expected);
static void bad(const char *name, const char *stored);
static void dummy(void);
static void fresh(void);


int
main(void)
{
    is("the password", HORSE, "correct horse", NGX_OK);
    is("another one", HORSE, "correct horsf", NGX_DECLINED);
    is("cut short", HORSE, "correct hors", NGX_DECLINED);
    is("empty", HORSE, "", NGX_DECLINED);
    is("an empty one", WIDE, "", NGX_OK);
    is("of the usual cost, in Hebrew", USUAL,
       "\xd7\xa1\xd7\x99\xd7\xa1\xd7\x9e\xd7\x94", NGX_OK);

    bad("empty", "");
    bad("plain text", "correct horse");
    bad("bcrypt", "$2b$10$abcdefghijklmnopqrstuv");
    bad("cut in the parameters", "$scrypt$ln=10,r=8,p");
    bad("no salt", "$scrypt$ln=10,r=8,p=1$");
    bad("no hash", "$scrypt$ln=10,r=8,p=1$" SALT "$");
    bad("no dollar between", "$scrypt$ln=10,r=8,p=1$" SALT "." HASH);
    bad("something after it", HORSE "$");
    bad("padded", HORSE "=");
    bad("another alphabet", "$scrypt$ln=10,r=8,p=1$" SALT
        "$nfkj3u1fRTHCea-fVr03sWV770kp5wLOLoEakziKhqE");
    bad("short salt", "$scrypt$ln=10,r=8,p=1$AAECAwQFBgcICQoLDA0O$" HASH);
    bad("ln 0", "$scrypt$ln=0,r=8,p=1$" SALT "$" HASH);
    bad("ln 18", "$scrypt$ln=18,r=8,p=1$" SALT "$" HASH);
    bad("r 0", "$scrypt$ln=10,r=0,p=1$" SALT "$" HASH);
    bad("r 17", "$scrypt$ln=10,r=17,p=1$" SALT "$" HASH);
    bad("p 17", "$scrypt$ln=10,r=8,p=17$" SALT "$" HASH);
    bad("three digits", "$scrypt$ln=100,r=8,p=1$" SALT "$" HASH);
    bad("leading zero", "$scrypt$ln=010,r=8,p=1$" SALT "$" HASH);
    bad("sign", "$scrypt$ln=-1,r=8,p=1$" SALT "$" HASH);
    bad("256 MiB", "$scrypt$ln=17,r=16,p=1$" SALT "$" HASH);
    bad("too much work", "$scrypt$ln=17,r=8,p=13$" SALT "$" HASH);

    dummy();
    fresh();

    return done();
}


static void
is(const char *name, const char *stored, const char *text,
    ngx_int_t expected)
{
    ngx_http_chat_password_t  pw;

    ok(ngx_http_chat_password_parse(&pw, (u_char *) stored, strlen(stored))
       == NGX_OK
       && ngx_http_chat_password_verify(&pw, (u_char *) text, strlen(text))
          == expected, name);
}


static void
bad(const char *name, const char *stored)
{
    size_t                     len;
    u_char                    *p;
    ngx_http_chat_password_t   pw;

    len = strlen(stored);
    p = malloc(len + (len == 0));

    if (p == NULL) {
        ok(0, name);
        return;
    }

    memcpy(p, stored, len);
    ok(ngx_http_chat_password_parse(&pw, p, len) == NGX_ERROR, name);
    free(p);
}


static void
fresh(void)
{
    u_char                    text[NGX_HTTP_CHAT_PASSWORD_TEXT], *last;
    ngx_http_chat_password_t  a, b;

    ok(ngx_http_chat_password_new(&a) == NGX_OK
       && ngx_http_chat_password_new(&b) == NGX_OK
       && memcmp(a.salt, b.salt, sizeof(a.salt)) != 0,
       "a new password has a salt of its own");

    a.ln = 10;

    ok(ngx_http_chat_password_derive(&a, (u_char *) "secret", 6) == NGX_OK,
       "it is hashed");

    last = ngx_http_chat_password_write(text, &a);

    ok(ngx_http_chat_password_parse(&b, text, last - text) == NGX_OK
       && b.ln == 10 && b.r == 8 && b.p == 3
       && ngx_http_chat_password_verify(&b, (u_char *) "secret", 6) == NGX_OK
       && ngx_http_chat_password_verify(&b, (u_char *) "Secret", 6)
          == NGX_DECLINED, "written, and read again");
}


static void
dummy(void)
{
    ngx_http_chat_password_t  pw;

    ngx_http_chat_password_dummy(&pw);

    ok(pw.ln == 15 && pw.r == 8 && pw.p == 3
       && ngx_http_chat_password_verify(&pw, (u_char *) "", 0)
          == NGX_DECLINED, "the dummy is nobody's, at the same cost");
}
