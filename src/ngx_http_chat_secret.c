
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_http_chat_secret.h"


static ssize_t ngx_http_chat_secret_content(ngx_conf_t *cf,
    const char *directive, ngx_str_t *path, ngx_fd_t fd, u_char *buf,
    size_t size);


ngx_int_t
ngx_http_chat_secret_read(ngx_conf_t *cf, const char *directive,
    ngx_str_t *path, u_char *buf, size_t size, size_t *len)
{
    ssize_t    n;
    ngx_fd_t   fd;
    ngx_err_t  err;

    /* nonblocking, or a FIFO in its place would stop nginx here */

    fd = ngx_open_file(path->data, NGX_FILE_RDONLY|NGX_FILE_NONBLOCK,
                       NGX_FILE_OPEN, 0);

    if (fd == NGX_INVALID_FILE) {
        err = ngx_errno;

        if (err == NGX_ENOENT) {
            return NGX_DECLINED;
        }

        ngx_conf_log_error(NGX_LOG_EMERG, cf, err,
                           "\"%s\" directive: " ngx_open_file_n
                           " \"%V\" failed", directive, path);
        return NGX_ERROR;
    }

    n = ngx_http_chat_secret_content(cf, directive, path, fd, buf, size);

    if (ngx_close_file(fd) == NGX_FILE_ERROR) {
        ngx_log_error(NGX_LOG_ALERT, cf->log, ngx_errno,
                      ngx_close_file_n " \"%V\" failed", path);
    }

    if (n < 0) {
        return NGX_ERROR;
    }

    *len = n;

    return NGX_OK;
}


static ssize_t
ngx_http_chat_secret_content(ngx_conf_t *cf, const char *directive,
    ngx_str_t *path, ngx_fd_t fd, u_char *buf, size_t size)
{
    ssize_t          n;
    ngx_file_info_t  fi;

    if (ngx_fd_info(fd, &fi) == NGX_FILE_ERROR) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           "\"%s\" directive: " ngx_fd_info_n
                           " \"%V\" failed", directive, path);
        return NGX_ERROR;
    }

    if (!ngx_is_file(&fi) || ngx_file_size(&fi) > (off_t) size) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%s\" directive: \"%V\" is not a regular file "
                           "of at most %uz bytes", directive, path, size);
        return NGX_ERROR;
    }

    if (ngx_file_access(&fi) & 0007) {
        ngx_conf_log_error(NGX_LOG_WARN, cf, 0,
                           "\"%s\" directive: \"%V\" is open to all users, "
                           "its mode should be 0600", directive, path);
    }

    n = ngx_read_fd(fd, buf, size);

    if (n == -1) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           "\"%s\" directive: " ngx_read_fd_n
                           " \"%V\" failed", directive, path);
    }

    return n;
}
