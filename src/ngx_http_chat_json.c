
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_http_chat_json.h"


#define ngx_http_chat_json_plain(ch)                                         \
    ((ch) >= 0x20 && (ch) != '"' && (ch) != '\\')


static u_char *ngx_http_chat_json_utf8_one(u_char *p, u_char *last);


size_t
ngx_http_chat_json_escaped(u_char *p, size_t len)
{
    size_t   n;
    u_char  *last;

    n = len;

    for (last = p + len; p < last; p++) {

        if (ngx_http_chat_json_plain(*p)) {
            continue;
        }

        switch (*p) {

        case '"':
        case '\\':
        case '\b':
        case '\f':
        case '\n':
        case '\r':
        case '\t':
            n += 1;
            break;

        default:
            n += sizeof("\\u0000") - 2;
        }
    }

    return n;
}


u_char *
ngx_http_chat_json_escape(u_char *dst, u_char *p, size_t len)
{
    u_char         ch, *last, *plain;
    static u_char  hex[] = "0123456789abcdef";

    for (last = p + len; p < last; p++) {

        for (plain = p; p < last && ngx_http_chat_json_plain(*p); p++) {
            /* void */
        }

        dst = ngx_cpymem(dst, plain, p - plain);

        if (p == last) {
            break;
        }

        ch = *p;
        *dst++ = '\\';

        switch (ch) {

        case '"':
        case '\\':
            *dst++ = ch;
            break;

        case '\b':
            *dst++ = 'b';
            break;

        case '\f':
            *dst++ = 'f';
            break;

        case '\n':
            *dst++ = 'n';
            break;

        case '\r':
            *dst++ = 'r';
            break;

        case '\t':
            *dst++ = 't';
            break;

        default:
            *dst++ = 'u';
            *dst++ = '0';
            *dst++ = '0';
            *dst++ = hex[ch >> 4];
            *dst++ = hex[ch & 0xf];
        }
    }

    return dst;
}


ngx_int_t
ngx_http_chat_json_utf8(u_char *p, size_t len)
{
    u_char  *last;

    last = p + len;

    while (p < last) {

        if (*p < 0x80) {
            p++;
            continue;
        }

        p = ngx_http_chat_json_utf8_one(p, last);

        if (p == NULL) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


/* one sequence of two to four bytes; its end, or NULL */

static u_char *
ngx_http_chat_json_utf8_one(u_char *p, u_char *last)
{
    u_char  ch, lower, upper;
    size_t  n;

    ch = *p++;

    /* the lead byte narrows the range of the second one */

    lower = 0x80;
    upper = 0xbf;

    if (ch >= 0xc2 && ch <= 0xdf) {
        n = 1;

    } else if ((ch & 0xf0) == 0xe0) {
        n = 2;

        if (ch == 0xe0) {
            lower = 0xa0;

        } else if (ch == 0xed) {
            upper = 0x9f;
        }

    } else if (ch >= 0xf0 && ch <= 0xf4) {
        n = 3;

        if (ch == 0xf0) {
            lower = 0x90;

        } else if (ch == 0xf4) {
            upper = 0x8f;
        }

    } else {
        return NULL;
    }

    if ((size_t) (last - p) < n || *p < lower || *p > upper) {
        return NULL;
    }

    for (p++, n--; n > 0; p++, n--) {
        if ((*p & 0xc0) != 0x80) {
            return NULL;
        }
    }

    return p;
}
