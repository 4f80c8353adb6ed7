
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_http_chat_header.h"
#include "ngx_http_chat_json.h"


ngx_table_elt_t *
ngx_http_chat_header_find(ngx_http_request_t *r, ngx_str_t *name,
    ngx_table_elt_t *after)
{
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    for (part = &r->headers_in.headers.part; part != NULL; part = part->next) {
        h = part->elts;

        for (i = 0; i < part->nelts; i++) {

            if (after != NULL) {
                after = (after == &h[i]) ? NULL : after;
                continue;
            }

            if (h[i].key.len == name->len
                && ngx_memcmp(h[i].lowcase_key, name->data, name->len) == 0)
            {
                return &h[i];
            }
        }
    }

    return NULL;
}


u_char *
ngx_http_chat_header_text(u_char *dst, size_t max, ngx_str_t *value)
{
    u_char  *p, *last, *end;
    size_t   n;

    p = value->data;
    last = p + value->len;
    end = dst + max;

    while (p < last) {

        n = *p < 0x80 ? 1 : *p < 0xe0 ? 2 : *p < 0xf0 ? 3 : 4;

        if ((size_t) (last - p) < n
            || ngx_http_chat_json_utf8(p, n) != NGX_OK)
        {
            p++;
            continue;
        }

        if (*p < 0x20 || *p == 0x7f || (*p == 0xc2 && p[1] < 0xa0)) {
            p += n;
            continue;
        }

        if ((size_t) (end - dst) < n) {
            break;
        }

        dst = ngx_cpymem(dst, p, n);
        p += n;
    }

    return dst;
}
