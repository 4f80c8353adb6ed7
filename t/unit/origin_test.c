
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


/*
 * Sources: src/ngx_http_chat_origin.c src/ngx_http_chat_cookie.c
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_http_chat_cookie.h"
#include "ngx_http_chat_origin.h"
#include "unit.h"


static void origins(void);
static void origin(const char *text, const char *expected);
static void same(ngx_uint_t expected, const char *origin, ngx_uint_t https,
    const char *host);
static void names(void);
static void cookies(void);
static void cookie(const char *header, const char *expected);
static u_char *copy(const char *text, ngx_str_t *s);


int
main(void)
{
    origins();

    same(1, "https://example.com", 1, "example.com");
    same(1, "https://example.com", 1, "EXAMPLE.com:443");
    same(1, "http://example.com", 0, "example.com:80");
    same(1, "http://localhost:8080", 0, "localhost:8080");
    same(1, "http://[::1]:8080", 0, "[::1]:8080");
    same(0, "http://example.com", 1, "example.com");
    same(0, "https://example.com", 0, "example.com");
    same(0, "https://example.com:8443", 1, "example.com");
    same(0, "https://example.com", 1, "example.com:8443");
    same(0, "https://example.com", 1, "example.com.evil.net");
    same(0, "https://example.com.evil.net", 1, "example.com");
    same(0, "https://evil.net", 1, "example.com");
    same(0, "https://example.com/", 1, "example.com");
    same(0, "null", 1, "example.com");
    same(0, "", 1, "example.com");
    same(0, "https://example.com", 1, "");
    same(0, "https://", 1, "");
    same(0, "https://a@example.com", 1, "a@example.com");

    names();
    cookies();

    return done();
}


static void
origins(void)
{
    char  text[400];

    origin("https://example.com", "https://example.com");
    origin("HTTPS://Shop.Example.COM", "https://shop.example.com");
    origin("https://example.com:443", "https://example.com");
    origin("http://example.com:80", "http://example.com");
    origin("http://example.com:443", "http://example.com:443");
    origin("https://example.com:80", "https://example.com:80");
    origin("http://localhost:3000", "http://localhost:3000");
    origin("https://xn--4dbrk0ce.example", "https://xn--4dbrk0ce.example");
    origin("http://192.0.2.1:65535", "http://192.0.2.1:65535");
    origin("https://[2001:DB8::1]", "https://[2001:db8::1]");
    origin("https://[2001:db8::1]:443", "https://[2001:db8::1]");

    origin("", NULL);
    origin("null", NULL);
    origin("*", NULL);
    origin("example.com", NULL);
    origin("//example.com", NULL);
    origin("https:", NULL);
    origin("https://", NULL);
    origin("https:///", NULL);
    origin("ftp://example.com", NULL);
    origin("https://example.com/", NULL);
    origin("https://example.com/chat", NULL);
    origin("https://example.com?", NULL);
    origin("https://example.com#", NULL);
    origin("https://user@example.com", NULL);
    origin("https://*.example.com", NULL);
    origin("https://example.com:", NULL);
    origin("https://example.com:0", NULL);
    origin("https://example.com:0443", NULL);
    origin("https://example.com:65536", NULL);
    origin("https://example.com:123456", NULL);
    origin("https://example.com:44a", NULL);
    origin("https://example.com:443:443", NULL);
    origin("https://:443", NULL);
    origin("https://[]", NULL);
    origin("https://[::1", NULL);
    origin("https://[::1]x", NULL);
    origin("https://[evil]", NULL);
    origin("https://a b", NULL);
    origin("https://example.com, https://evil.net", NULL);
    origin("https://\xd7\xa9.example", NULL);

    memset(text, 'a', sizeof(text));
    memcpy(text, "https://", 8);
    text[NGX_HTTP_CHAT_ORIGIN_LEN + 1] = '\0';
    origin(text, NULL);
}


static void
origin(const char *text, const char *expected)
{
    u_char     *p, *dst, *end;
    ngx_str_t   s;

    /* both as long as they have to be, for a sanitizer */

    p = copy(text, &s);
    dst = malloc(s.len + (s.len == 0));

    if (p == NULL || dst == NULL) {
        ok(0, text);

    } else {
        end = ngx_http_chat_origin_write(dst, p, s.len);

        ok((end == NULL && expected == NULL)
           || (end != NULL && expected != NULL
               && (size_t) (end - dst) == strlen(expected)
               && memcmp(dst, expected, end - dst) == 0), text);
    }

    free(p);
    free(dst);
}


static void
same(ngx_uint_t expected, const char *origin, ngx_uint_t https,
    const char *host)
{
    u_char     *a, *b;
    ngx_str_t   o, h;

    a = copy(origin, &o);
    b = copy(host, &h);

    ok(a != NULL && b != NULL
       && ngx_http_chat_origin_same(&o, https, &h) == expected, origin);

    free(a);
    free(b);
}


static void
names(void)
{
    u_char     name[NGX_HTTP_CHAT_COOKIE_LEN], *end;
    ngx_str_t  site = ngx_string("shop");
    ngx_str_t  longest = ngx_string("0123456789abcdef0123456789abcdef");

    end = ngx_http_chat_cookie_name(name, 0, 0, &site);
    ok(end - name == 17 && memcmp(name, "chat-visitor-shop", 17) == 0,
       "name of a visitor's cookie");

    end = ngx_http_chat_cookie_name(name, 1, 1, &site);
    ok(end - name == 22 && memcmp(name, "__Host-chat-agent-shop", 22) == 0,
       "name of an agent's cookie when secure");

    end = ngx_http_chat_cookie_name(name, 0, 1, &longest);
    ok(end == name + NGX_HTTP_CHAT_COOKIE_LEN, "longest name");
}


static void
cookies(void)
{
    cookie("n=v", "v");
    cookie("a=b; n=v; c=d", "v");
    cookie("a=b;n=v", "v");
    cookie("a=b;\t n=v ;", "v");
    cookie("n=\"v\"", "v");
    cookie("n=v=w", "v=w");
    cookie("n=", "");
    cookie("n=v; n=w", "v");
    cookie("; ; n=v", "v");
    cookie("n; n=v", "v");

    cookie("", NULL);
    cookie("n", NULL);
    cookie("N=v", NULL);
    cookie("nn=v", NULL);
    cookie("xn=v", NULL);
    cookie("x=n=v", NULL);
    cookie("n =v", NULL);
    cookie("a=\"; n=v", "v");
    cookie(";", NULL);
    cookie("  ", NULL);
}


static void
cookie(const char *header, const char *expected)
{
    u_char     *p;
    ngx_int_t   rc;
    ngx_str_t   h, value, name = ngx_string("n");

    p = copy(header, &h);

    if (p == NULL) {
        ok(0, header);
        return;
    }

    rc = ngx_http_chat_cookie_find(&h, &name, &value);

    if (expected == NULL) {
        ok(rc == NGX_DECLINED, header);

    } else {
        ok(rc == NGX_OK && value.len == strlen(expected)
           && memcmp(value.data, expected, value.len) == 0, header);
    }

    free(p);
}


/* exactly as long as the text: a sanitizer sees a read beyond it */

static u_char *
copy(const char *text, ngx_str_t *s)
{
    s->len = strlen(text);
    s->data = malloc(s->len + (s->len == 0));

    if (s->data != NULL) {
        memcpy(s->data, text, s->len);
    }

    return s->data;
}
