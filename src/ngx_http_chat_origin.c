
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_http_chat_origin.h"


static ngx_uint_t ngx_http_chat_origin_scheme(u_char *p, size_t len,
    const char *scheme, size_t n);
static u_char *ngx_http_chat_origin_host(u_char *p, u_char *last);
static ngx_int_t ngx_http_chat_origin_port(u_char *p, u_char *last);


u_char *
ngx_http_chat_origin_write(u_char *dst, u_char *p, size_t len)
{
    u_char     *last, *end;
    ngx_int_t   port, standard;

    if (len > NGX_HTTP_CHAT_ORIGIN_LEN) {
        return NULL;
    }

    last = p + len;

    if (ngx_http_chat_origin_scheme(p, len, "https://", 8)) {
        dst = ngx_cpymem(dst, "https://", 8);
        p += 8;
        standard = 443;

    } else if (ngx_http_chat_origin_scheme(p, len, "http://", 7)) {
        dst = ngx_cpymem(dst, "http://", 7);
        p += 7;
        standard = 80;

    } else {
        return NULL;
    }

    end = ngx_http_chat_origin_host(p, last);

    if (end == NULL) {
        return NULL;
    }

    while (p < end) {
        *dst++ = ngx_tolower(*p);
        p++;
    }

    if (p == last) {
        return dst;
    }

    port = ngx_http_chat_origin_port(p, last);

    if (port == NGX_ERROR) {
        return NULL;
    }

    if (port != standard) {
        dst = ngx_cpymem(dst, p, last - p);
    }

    return dst;
}


static ngx_uint_t
ngx_http_chat_origin_scheme(u_char *p, size_t len, const char *scheme,
    size_t n)
{
    size_t  i;

    if (len <= n) {
        return 0;
    }

    for (i = 0; i < n; i++) {
        if (ngx_tolower(p[i]) != (u_char) scheme[i]) {
            return 0;
        }
    }

    return 1;
}


/* end of a name, an IPv4 address or an IPv6 address in brackets */

static u_char *
ngx_http_chat_origin_host(u_char *p, u_char *last)
{
    u_char  *start, ch;

    start = p;

    if (p < last && *p == '[') {

        for (p++; p < last && *p != ']'; p++) {
            ch = ngx_tolower(*p);

            if ((ch < '0' || ch > '9') && (ch < 'a' || ch > 'f')
                && ch != ':' && ch != '.')
            {
                return NULL;
            }
        }

        return (p < last && p - start > 1) ? p + 1 : NULL;
    }

    for ( /* void */ ; p < last && *p != ':'; p++) {
        ch = ngx_tolower(*p);

        if ((ch < '0' || ch > '9') && (ch < 'a' || ch > 'z')
            && ch != '-' && ch != '.' && ch != '_')
        {
            return NULL;
        }
    }

    return p > start ? p : NULL;
}


/* ":<1 .. 65535>" without a leading zero */

static ngx_int_t
ngx_http_chat_origin_port(u_char *p, u_char *last)
{
    ngx_int_t  port;

    if (last - p < 2 || last - p > 6 || *p != ':' || p[1] == '0') {
        return NGX_ERROR;
    }

    port = 0;

    for (p++; p < last; p++) {

        if (*p < '0' || *p > '9') {
            return NGX_ERROR;
        }

        port = port * 10 + (*p - '0');
    }

    return port <= 65535 ? port : NGX_ERROR;
}


ngx_uint_t
ngx_http_chat_origin_same(ngx_str_t *origin, ngx_uint_t https,
    ngx_str_t *host)
{
    u_char  a[NGX_HTTP_CHAT_ORIGIN_LEN], b[NGX_HTTP_CHAT_ORIGIN_LEN];
    u_char  text[NGX_HTTP_CHAT_ORIGIN_LEN], *p, *a_end, *b_end;

    if (host->len > NGX_HTTP_CHAT_ORIGIN_LEN - (sizeof("https://") - 1)) {
        return 0;
    }

    p = https ? ngx_cpymem(text, "https://", 8)
              : ngx_cpymem(text, "http://", 7);
    p = ngx_cpymem(p, host->data, host->len);

    a_end = ngx_http_chat_origin_write(a, origin->data, origin->len);
    b_end = ngx_http_chat_origin_write(b, text, p - text);

    if (a_end == NULL || b_end == NULL || a_end - a != b_end - b) {
        return 0;
    }

    return ngx_memcmp(a, b, a_end - a) == 0;
}
