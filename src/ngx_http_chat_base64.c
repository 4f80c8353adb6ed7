
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_http_chat_base64.h"


static u_char  ngx_http_chat_base64_std[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static u_char  ngx_http_chat_base64_url[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";


/* what a character stands for, marked; 0 is none */

#define NGX_HTTP_CHAT_BASE64_CHAR  0x40

#define NGX_HTTP_CHAT_BASE64_COMMON                                          \
    ['A'] = 0x40, ['B'] = 0x41, ['C'] = 0x42, ['D'] = 0x43, ['E'] = 0x44,    \
    ['F'] = 0x45, ['G'] = 0x46, ['H'] = 0x47, ['I'] = 0x48, ['J'] = 0x49,    \
    ['K'] = 0x4a, ['L'] = 0x4b, ['M'] = 0x4c, ['N'] = 0x4d, ['O'] = 0x4e,    \
    ['P'] = 0x4f, ['Q'] = 0x50, ['R'] = 0x51, ['S'] = 0x52, ['T'] = 0x53,    \
    ['U'] = 0x54, ['V'] = 0x55, ['W'] = 0x56, ['X'] = 0x57, ['Y'] = 0x58,    \
    ['Z'] = 0x59, ['a'] = 0x5a, ['b'] = 0x5b, ['c'] = 0x5c, ['d'] = 0x5d,    \
    ['e'] = 0x5e, ['f'] = 0x5f, ['g'] = 0x60, ['h'] = 0x61, ['i'] = 0x62,    \
    ['j'] = 0x63, ['k'] = 0x64, ['l'] = 0x65, ['m'] = 0x66, ['n'] = 0x67,    \
    ['o'] = 0x68, ['p'] = 0x69, ['q'] = 0x6a, ['r'] = 0x6b, ['s'] = 0x6c,    \
    ['t'] = 0x6d, ['u'] = 0x6e, ['v'] = 0x6f, ['w'] = 0x70, ['x'] = 0x71,    \
    ['y'] = 0x72, ['z'] = 0x73, ['0'] = 0x74, ['1'] = 0x75, ['2'] = 0x76,    \
    ['3'] = 0x77, ['4'] = 0x78, ['5'] = 0x79, ['6'] = 0x7a, ['7'] = 0x7b,    \
    ['8'] = 0x7c, ['9'] = 0x7d

static u_char  ngx_http_chat_base64_std_values[256] = {
    NGX_HTTP_CHAT_BASE64_COMMON, ['+'] = 0x7e, ['/'] = 0x7f
};

static u_char  ngx_http_chat_base64_url_values[256] = {
    NGX_HTTP_CHAT_BASE64_COMMON, ['-'] = 0x7e, ['_'] = 0x7f
};


u_char *
ngx_http_chat_base64_encode(u_char *dst, u_char *p, size_t len,
    ngx_uint_t url)
{
    u_char      *alphabet;
    uint32_t     bits;
    ngx_uint_t   n;

    alphabet = url ? ngx_http_chat_base64_url : ngx_http_chat_base64_std;

    bits = 0;
    n = 0;

    while (len--) {
        bits = bits << 8 | *p++;
        n += 8;

        while (n >= 6) {
            n -= 6;
            *dst++ = alphabet[(bits >> n) & 0x3f];
        }
    }

    if (n > 0) {
        *dst++ = alphabet[(bits << (6 - n)) & 0x3f];
    }

    return dst;
}


ngx_int_t
ngx_http_chat_base64_decode(u_char *dst, size_t size, u_char *p, size_t len,
    ngx_uint_t url)
{
    u_char      *values, marks;
    uint32_t     bits, a, b, c, d;
    ngx_uint_t   n;

    if (len != ngx_http_chat_base64_len(size)) {
        return NGX_ERROR;
    }

    values = url ? ngx_http_chat_base64_url_values
                 : ngx_http_chat_base64_std_values;

    marks = NGX_HTTP_CHAT_BASE64_CHAR;

    for (/* void */; len >= 4; len -= 4, p += 4) {
        a = values[p[0]];
        b = values[p[1]];
        c = values[p[2]];
        d = values[p[3]];

        marks &= a & b & c & d;

        *dst++ = (u_char) (a << 2 | (b & 0x3f) >> 4);
        *dst++ = (u_char) (b << 4 | (c & 0x3f) >> 2);
        *dst++ = (u_char) (c << 6 | (d & 0x3f));
    }

    bits = 0;
    n = 0;

    while (len--) {
        a = values[*p++];

        marks &= a;
        bits = bits << 6 | (a & 0x3f);
        n += 6;

        if (n >= 8) {
            n -= 8;
            *dst++ = (u_char) (bits >> n);
        }
    }

    if (marks == 0) {
        return NGX_ERROR;
    }

    /* what remains has to be zero */

    return (bits & ((1u << n) - 1)) == 0 ? NGX_OK : NGX_ERROR;
}
