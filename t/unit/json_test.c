
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


/*
 * Sources: src/ngx_http_chat_json.c
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_http_chat_json.h"
#include "unit.h"


static void escapes(const char *name, const char *text, size_t len,
    const char *expected);
static void utf8(const char *name, const char *text, ngx_int_t expected);
static void code_points(void);


int
main(void)
{
    escapes("empty", "", 0, "");
    escapes("plain", "hi there", 8, "hi there");
    escapes("quote and reverse solidus", "a\"b\\c", 5, "a\\\"b\\\\c");
    escapes("solidus is left alone", "</script>", 9, "</script>");
    escapes("short escapes", "\b\f\n\r\t", 5, "\\b\\f\\n\\r\\t");
    escapes("NUL", "a\0b", 3, "a\\u0000b");
    escapes("other C0", "\x01\x0b\x1f", 3, "\\u0001\\u000b\\u001f");
    escapes("DEL is copied", "\x7f", 1, "\x7f");
    escapes("UTF-8 is copied", "\xd7\xa9\xf0\x9f\x98\x80", 6,
            "\xd7\xa9\xf0\x9f\x98\x80");

    utf8("empty", "", NGX_OK);
    utf8("ASCII", "hello\x7f", NGX_OK);
    utf8("Hebrew, Arabic, emoji",
         "\xd7\xa9\xd7\x9c \xd8\xb3 \xf0\x9f\x98\x80", NGX_OK);
    utf8("continuation alone", "a\x80", NGX_ERROR);
    utf8("cut after two of three", "\xe2\x82", NGX_ERROR);
    utf8("cut after three of four", "\xf0\x9f\x98", NGX_ERROR);
    utf8("lead followed by ASCII", "\xc3(", NGX_ERROR);
    utf8("third byte is no continuation", "\xe2\x82(", NGX_ERROR);
    utf8("fourth byte is a lead", "\xf0\x9f\x98\xf0", NGX_ERROR);
    utf8("overlong two", "\xc0\xaf", NGX_ERROR);
    utf8("overlong two, C1", "\xc1\xbf", NGX_ERROR);
    utf8("overlong three", "\xe0\x9f\xbf", NGX_ERROR);
    utf8("overlong four", "\xf0\x8f\xbf\xbf", NGX_ERROR);
    utf8("first surrogate", "\xed\xa0\x80", NGX_ERROR);
    utf8("last surrogate", "\xed\xbf\xbf", NGX_ERROR);
    utf8("above U+10FFFF", "\xf4\x90\x80\x80", NGX_ERROR);
    utf8("five bytes", "\xf8\x88\x80\x80\x80", NGX_ERROR);
    utf8("0xff", "\xff", NGX_ERROR);

    code_points();

    return done();
}


static void
escapes(const char *name, const char *text, size_t len, const char *expected)
{
    u_char  buf[128], *end;
    size_t  n;

    n = ngx_http_chat_json_escaped((u_char *) text, len);
    end = ngx_http_chat_json_escape(buf, (u_char *) text, len);

    ok(n == strlen(expected), name);
    ok((size_t) (end - buf) == n && memcmp(buf, expected, n) == 0, name);
}


static void
utf8(const char *name, const char *text, ngx_int_t expected)
{
    size_t   len;
    u_char  *p;

    /* exactly as long as the text: a sanitizer sees a read beyond it */

    len = strlen(text);
    p = malloc(len + (len == 0));

    if (p == NULL) {
        ok(0, name);
        return;
    }

    memcpy(p, text, len);
    ok(ngx_http_chat_json_utf8(p, len) == expected, name);
    free(p);
}


/* each scalar value is accepted in its one form, each surrogate refused */

static void
code_points(void)
{
    u_char       buf[4], *p;
    uint32_t     n;
    ngx_int_t    expected;
    ngx_uint_t   wrong;

    wrong = 0;

    for (n = 0; n <= 0x10ffff; n++) {
        p = buf;

        if (n < 0x80) {
            *p++ = (u_char) n;

        } else if (n < 0x800) {
            *p++ = (u_char) (0xc0 | (n >> 6));
            *p++ = (u_char) (0x80 | (n & 0x3f));

        } else if (n < 0x10000) {
            *p++ = (u_char) (0xe0 | (n >> 12));
            *p++ = (u_char) (0x80 | ((n >> 6) & 0x3f));
            *p++ = (u_char) (0x80 | (n & 0x3f));

        } else {
            *p++ = (u_char) (0xf0 | (n >> 18));
            *p++ = (u_char) (0x80 | ((n >> 12) & 0x3f));
            *p++ = (u_char) (0x80 | ((n >> 6) & 0x3f));
            *p++ = (u_char) (0x80 | (n & 0x3f));
        }

        expected = (n >= 0xd800 && n <= 0xdfff) ? NGX_ERROR : NGX_OK;

        if (ngx_http_chat_json_utf8(buf, p - buf) != expected) {
            wrong++;
        }
    }

    ok(wrong == 0, "all code points");
}
