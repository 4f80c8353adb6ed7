
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_http_chat_cookie.h"


u_char *
ngx_http_chat_cookie_name(u_char *p, ngx_uint_t agent, ngx_uint_t secure,
    ngx_str_t *site)
{
    if (secure) {
        p = ngx_cpymem(p, "__Host-", sizeof("__Host-") - 1);
    }

    if (agent) {
        p = ngx_cpymem(p, "chat-agent-", sizeof("chat-agent-") - 1);

    } else {
        p = ngx_cpymem(p, "chat-visitor-", sizeof("chat-visitor-") - 1);
    }

    return ngx_cpymem(p, site->data, site->len);
}


ngx_int_t
ngx_http_chat_cookie_find(ngx_str_t *header, ngx_str_t *name,
    ngx_str_t *value)
{
    u_char  *p, *last, *end;

    p = header->data;
    last = p + header->len;

    while (p < last) {

        while (p < last && (*p == ' ' || *p == '\t' || *p == ';')) {
            p++;
        }

        for (end = p; end < last && *end != ';'; end++) { /* void */ }

        if ((size_t) (end - p) > name->len && p[name->len] == '='
            && ngx_memcmp(p, name->data, name->len) == 0)
        {
            p += name->len + 1;

            while (end > p && (end[-1] == ' ' || end[-1] == '\t')) {
                end--;
            }

            if (end - p >= 2 && *p == '"' && end[-1] == '"') {
                p++;
                end--;
            }

            value->data = p;
            value->len = end - p;

            return NGX_OK;
        }

        p = end;
    }

    return NGX_DECLINED;
}
