
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#include "ngx_http_chat_site.h"


static ngx_array_t  *ngx_http_chat_site_all;  /* of the configuration */


void
ngx_http_chat_site_init(ngx_http_chat_main_conf_t *mcf)
{
    ngx_http_chat_site_all = &mcf->sites;
}


void
ngx_http_chat_site_exit(void)
{
    ngx_uint_t              i;
    ngx_http_chat_site_t  **sites;

    sites = ngx_http_chat_site_all->elts;

    for (i = 0; i < ngx_http_chat_site_all->nelts; i++) {

        if (sites[i]->origins.data != NULL) {
            ngx_free(sites[i]->origins.data);
        }

        ngx_str_null(&sites[i]->origins);
        sites[i]->version = 0;
    }
}


ngx_int_t
ngx_http_chat_site_put(ngx_http_chat_site_t *site, int32_t version,
    ngx_str_t *origins)
{
    u_char  *p;

    if (origins->len > NGX_HTTP_CHAT_SITE_ORIGINS) {
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "chat: site \"%V\" has too many origins",
                      &site->name);
        return NGX_ERROR;
    }

    p = NULL;

    if (origins->len != 0) {
        p = ngx_alloc(origins->len, ngx_cycle->log);
        if (p == NULL) {
            return NGX_ERROR;
        }

        ngx_memcpy(p, origins->data, origins->len);
    }

    if (site->origins.data != NULL) {
        ngx_free(site->origins.data);
    }

    site->origins.data = p;
    site->origins.len = origins->len;
    site->version = version;

    ngx_log_debug3(NGX_LOG_DEBUG_CORE, ngx_cycle->log, 0,
                   "chat site \"%V\" version %D origins \"%V\"",
                   &site->name, version, &site->origins);

    return NGX_OK;
}


ngx_uint_t
ngx_http_chat_site_allows(ngx_http_chat_site_t *site, ngx_str_t *origin)
{
    u_char  *p, *last, *end;

    p = site->origins.data;
    last = p + site->origins.len;

    while (p < last) {

        end = ngx_strlchr(p, last, ' ');
        if (end == NULL) {
            end = last;
        }

        if ((size_t) (end - p) == origin->len
            && ngx_memcmp(p, origin->data, origin->len) == 0)
        {
            return 1;
        }

        p = end + 1;
    }

    return 0;
}


ngx_http_chat_site_t *
ngx_http_chat_site_find(int32_t id)
{
    ngx_uint_t              i;
    ngx_http_chat_site_t  **sites;

    sites = ngx_http_chat_site_all->elts;

    for (i = 0; i < ngx_http_chat_site_all->nelts; i++) {

        if (sites[i]->id == id) {
            return sites[i];
        }
    }

    return NULL;
}


ngx_int_t
ngx_http_chat_site_versions(ngx_str_t *text)
{
    u_char                 *p;
    ngx_uint_t              i;
    ngx_http_chat_site_t  **sites;

    sites = ngx_http_chat_site_all->elts;

    p = ngx_alloc(ngx_http_chat_site_all->nelts * 2 * sizeof("-2147483648"),
                  ngx_cycle->log);
    if (p == NULL) {
        return NGX_ERROR;
    }

    text->data = p;

    for (i = 0; i < ngx_http_chat_site_all->nelts; i++) {
        p = ngx_sprintf(p, i == 0 ? "%D:%D" : ",%D:%D", sites[i]->id,
                        sites[i]->version);
    }

    text->len = p - text->data;

    return NGX_OK;
}
