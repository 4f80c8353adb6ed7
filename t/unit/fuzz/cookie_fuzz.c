
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


/*
 * Sources: src/ngx_http_chat_cookie.c src/ngx_http_chat_origin.c
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_http_chat_cookie.h"
#include "ngx_http_chat_origin.h"


/*
 * Headers that a client writes: Cookie, Origin and Host.  The first byte says
 * which; Origin and Host are parted by the first line feed.
 */


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void cookie(u_char *p, size_t size, ngx_uint_t kind);
static void origin(u_char *p, size_t size, ngx_uint_t https);
static u_char *copy(const u_char *data, size_t size);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    u_char  *p;

    if (size == 0) {
        return 0;
    }

    p = copy(data + 1, size - 1);

    if (data[0] & 4) {
        origin(p, size - 1, data[0] & 1);

    } else {
        cookie(p, size - 1, data[0]);
    }

    free(p);

    return 0;
}


static void
cookie(u_char *p, size_t size, ngx_uint_t kind)
{
    u_char      buf[NGX_HTTP_CHAT_COOKIE_LEN];
    ngx_str_t   header, name, value;
    ngx_str_t   site = ngx_string("s");

    name.data = buf;
    name.len = ngx_http_chat_cookie_name(buf, kind & 1, kind & 2, &site)
               - buf;

    header.data = p;
    header.len = size;

    if (ngx_http_chat_cookie_find(&header, &name, &value) != NGX_OK) {
        return;
    }

    if (value.data < p + name.len + 1 || value.data + value.len > p + size) {
        __builtin_trap();
    }

    /* the value follows its name, and is one value */

    p = value.data;

    if (p[-1] == '"') {
        p--;
    }

    if (p[-1] != '='
        || ngx_memcmp(p - 1 - name.len, name.data, name.len) != 0
        || (value.len != 0 && memchr(value.data, ';', value.len) != NULL))
    {
        __builtin_trap();
    }

    p -= name.len + 1;

    if (p > header.data && p[-1] != ' ' && p[-1] != '\t' && p[-1] != ';') {
        __builtin_trap();
    }
}


static void
origin(u_char *p, size_t size, ngx_uint_t https)
{
    u_char      *lf, *out, *end, again[NGX_HTTP_CHAT_ORIGIN_LEN];
    ngx_str_t    text, host;

    lf = size != 0 ? memchr(p, '\n', size) : NULL;

    text.len = lf != NULL ? (size_t) (lf - p) : size;
    text.data = copy(p, text.len);

    host.len = lf != NULL ? size - text.len - 1 : 0;
    host.data = copy(p + size - host.len, host.len);

    out = copy(text.data, text.len);
    end = ngx_http_chat_origin_write(out, text.data, text.len);

    if (end != NULL) {

        if (end > out + text.len
            || ngx_http_chat_origin_write(again, out, end - out)
               != again + (end - out)
            || ngx_memcmp(again, out, end - out) != 0)
        {
            __builtin_trap();
        }
    }

    if (ngx_http_chat_origin_same(&text, https, &host)
        && (end == NULL || (out[4] == 's') != (https != 0)))
    {
        __builtin_trap();
    }

    free(text.data);
    free(host.data);
    free(out);
}


/* of the exact size, so that reading on is seen */

static u_char *
copy(const u_char *data, size_t size)
{
    u_char  *p;

    p = malloc(size);

    if (p == NULL) {
        exit(1);
    }

    ngx_memcpy(p, data, size);

    return p;
}
