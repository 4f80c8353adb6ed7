
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_http_chat_secret.h"


#define NGX_HTTP_CHAT_SECRET_SIZE  8192


char *
ngx_http_chat_secret_file(ngx_conf_t *cf, ngx_str_t *text)
{
    u_char           *p;
    ssize_t           n;
    ngx_fd_t          fd;
    ngx_str_t         path;

    if (text->len < 5 || ngx_strncmp(text->data, "file:", 5) != 0) {
        return NGX_CONF_OK;
    }

    path.len = text->len - 5;
    path.data = text->data + 5;

    if (path.len == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "no path after \"file:\"");
        return NGX_CONF_ERROR;
    }

    if (ngx_conf_full_name(cf->cycle, &path, 1) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    fd = ngx_open_file(path.data, NGX_FILE_RDONLY, NGX_FILE_OPEN, 0);

    if (fd == NGX_INVALID_FILE) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           ngx_open_file_n " \"%V\" failed", &path);
        return NGX_CONF_ERROR;
    }

    p = ngx_pnalloc(cf->pool, NGX_HTTP_CHAT_SECRET_SIZE + 1);
    n = -1;

    if (p != NULL) {
        n = ngx_read_fd(fd, p, NGX_HTTP_CHAT_SECRET_SIZE + 1);

        if (n == -1) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                               ngx_read_fd_n " \"%V\" failed", &path);
        }
    }

    if (ngx_close_file(fd) == NGX_FILE_ERROR) {
        ngx_conf_log_error(NGX_LOG_ALERT, cf, ngx_errno,
                           ngx_close_file_n " \"%V\" failed", &path);
    }

    if (n == -1) {
        return NGX_CONF_ERROR;
    }

    if (n > NGX_HTTP_CHAT_SECRET_SIZE) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "\"%V\" is too large", &path);
        return NGX_CONF_ERROR;
    }

    p[n] = '\0';

    text->len = n;
    text->data = p;

    /* what an editor leaves at the end */

    while (text->len > 0 && p[text->len - 1] <= ' ') {
        p[--text->len] = '\0';
    }

    return NGX_CONF_OK;
}
