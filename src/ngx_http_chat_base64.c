
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
    u_char       ch, plus, slash;
    uint32_t     bits, value;
    ngx_uint_t   n;

    if (len != ngx_http_chat_base64_len(size)) {
        return NGX_ERROR;
    }

    plus = url ? '-' : '+';
    slash = url ? '_' : '/';

    bits = 0;
    n = 0;

    while (len--) {
        ch = *p++;

        if (ch >= 'A' && ch <= 'Z') {
            value = ch - 'A';

        } else if (ch >= 'a' && ch <= 'z') {
            value = ch - 'a' + 26;

        } else if (ch >= '0' && ch <= '9') {
            value = ch - '0' + 52;

        } else if (ch == plus) {
            value = 62;

        } else if (ch == slash) {
            value = 63;

        } else {
            return NGX_ERROR;
        }

        bits = bits << 6 | value;
        n += 6;

        if (n >= 8) {
            n -= 8;
            *dst++ = (u_char) (bits >> n);
        }
    }

    /* what remains has to be zero */

    return (bits & ((1u << n) - 1)) == 0 ? NGX_OK : NGX_ERROR;
}
