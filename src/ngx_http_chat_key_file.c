
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include <openssl/rand.h>

#include "ngx_http_chat_key.h"


/* two keys and some comments */
#define NGX_HTTP_CHAT_KEY_FILE_MAX  4096

#define NGX_HTTP_CHAT_KEY_NEW       32           /* bytes of a new key */


static ngx_int_t ngx_http_chat_key_read(ngx_conf_t *cf, ngx_str_t *path,
    u_char *buf, size_t *len);
static ssize_t ngx_http_chat_key_content(ngx_conf_t *cf, ngx_str_t *path,
    ngx_fd_t fd, u_char *buf);
static ngx_int_t ngx_http_chat_key_create(ngx_conf_t *cf, ngx_str_t *path);
static ngx_int_t ngx_http_chat_key_write(ngx_conf_t *cf, u_char *temp,
    u_char *path, u_char *text, size_t len);
static u_char *ngx_http_chat_key_random(u_char *p, size_t n);
static void ngx_http_chat_key_cleanup(void *data);


char *
ngx_http_chat_key_load(ngx_conf_t *cf, ngx_str_t *path, ngx_uint_t create,
    ngx_http_chat_keys_t **keys)
{
    u_char                buf[NGX_HTTP_CHAT_KEY_FILE_MAX];
    size_t                len;
    ngx_int_t             rc;
    ngx_uint_t            line;
    const char           *err;
    ngx_pool_cleanup_t   *cln;

    rc = ngx_http_chat_key_read(cf, path, buf, &len);

    if (rc == NGX_DECLINED && create) {

        if (ngx_http_chat_key_create(cf, path) != NGX_OK) {
            return NGX_CONF_ERROR;
        }

        rc = ngx_http_chat_key_read(cf, path, buf, &len);
    }

    if (rc == NGX_DECLINED) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"chat_key\" directive: the key file \"%V\" does "
                           "not exist; \"chat_key %V create\" makes it",
                           path, path);
    }

    if (rc != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    cln = ngx_pool_cleanup_add(cf->pool, sizeof(ngx_http_chat_keys_t));
    if (cln == NULL) {
        return NGX_CONF_ERROR;
    }

    cln->handler = ngx_http_chat_key_cleanup;

    rc = ngx_http_chat_key_parse(cln->data, buf, len, &line, &err);

    ngx_explicit_memzero(buf, sizeof(buf));

    if (rc != NGX_OK) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"chat_key\" directive: %s in line %ui of \"%V\"; "
                           "it has one or two lines \"<8 hexadecimal digits> "
                           "<64 to 128 hexadecimal digits>\"",
                           err, line, path);
        return NGX_CONF_ERROR;
    }

    *keys = cln->data;

    return NGX_CONF_OK;
}


/* NGX_DECLINED: there is no such file */

static ngx_int_t
ngx_http_chat_key_read(ngx_conf_t *cf, ngx_str_t *path, u_char *buf,
    size_t *len)
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
                           "\"chat_key\" directive: " ngx_open_file_n
                           " \"%V\" failed", path);
        return NGX_ERROR;
    }

    n = ngx_http_chat_key_content(cf, path, fd, buf);

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
ngx_http_chat_key_content(ngx_conf_t *cf, ngx_str_t *path, ngx_fd_t fd,
    u_char *buf)
{
    ssize_t          n;
    ngx_file_info_t  fi;

    if (ngx_fd_info(fd, &fi) == NGX_FILE_ERROR) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           "\"chat_key\" directive: " ngx_fd_info_n
                           " \"%V\" failed", path);
        return NGX_ERROR;
    }

    if (!ngx_is_file(&fi)
        || ngx_file_size(&fi) > NGX_HTTP_CHAT_KEY_FILE_MAX)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"chat_key\" directive: \"%V\" is not a regular "
                           "file of at most %d bytes",
                           path, NGX_HTTP_CHAT_KEY_FILE_MAX);
        return NGX_ERROR;
    }

    if (ngx_file_access(&fi) & 0007) {
        ngx_conf_log_error(NGX_LOG_WARN, cf, 0,
                           "\"chat_key\" directive: \"%V\" is open to all "
                           "users, its mode should be 0600", path);
    }

    n = ngx_read_fd(fd, buf, NGX_HTTP_CHAT_KEY_FILE_MAX);

    if (n == -1) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           "\"chat_key\" directive: " ngx_read_fd_n
                           " \"%V\" failed", path);
    }

    return n;
}


static ngx_int_t
ngx_http_chat_key_create(ngx_conf_t *cf, ngx_str_t *path)
{
    u_char     *p, *temp, text[128 + 8 + 2 * NGX_HTTP_CHAT_KEY_NEW];
    size_t      size;
    ngx_int_t   rc;

    size = path->len + sizeof("..tmp") + NGX_INT64_LEN;

    temp = ngx_pnalloc(cf->temp_pool, size);
    if (temp == NULL) {
        return NGX_ERROR;
    }

    (void) ngx_snprintf(temp, size, "%V.%P.tmp%Z", path, ngx_pid);

    p = ngx_cpymem(text, "# <key id> <key>; the first key signs\n",
                   sizeof("# <key id> <key>; the first key signs\n") - 1);

    p = ngx_http_chat_key_random(p, 4);

    if (p != NULL) {
        *p++ = ' ';
        p = ngx_http_chat_key_random(p, NGX_HTTP_CHAT_KEY_NEW);
    }

    if (p == NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"chat_key\" directive: RAND_bytes() failed");
        return NGX_ERROR;
    }

    *p++ = '\n';

    rc = ngx_http_chat_key_write(cf, temp, path->data, text, p - text);

    ngx_explicit_memzero(text, sizeof(text));

    if (rc == NGX_OK) {
        ngx_conf_log_error(NGX_LOG_NOTICE, cf, 0,
                           "the key file \"%V\" has been created", path);
    }

    return rc;
}


/*
 * The file appears under its name complete or not at all, and never replaces
 * another: of two that start at once both read what the first one wrote.
 */

static ngx_int_t
ngx_http_chat_key_write(ngx_conf_t *cf, u_char *temp, u_char *path,
    u_char *text, size_t len)
{
    int        fd, rc;
    ngx_err_t  err;

    fd = open((char *) temp, O_WRONLY|O_CREAT|O_EXCL|O_NOFOLLOW|O_CLOEXEC,
              0600);

    if (fd == -1) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           "\"chat_key\" directive: open() \"%s\" failed",
                           temp);
        return NGX_ERROR;
    }

    rc = (write(fd, text, len) == (ssize_t) len && fsync(fd) == 0) ? 0 : -1;
    err = ngx_errno;

    if (close(fd) == -1 && rc == 0) {
        rc = -1;
        err = ngx_errno;
    }

    if (rc == 0) {
        rc = link((char *) temp, (char *) path);
        err = ngx_errno;

        if (rc == -1 && err == NGX_EEXIST) {
            rc = 0;
        }
    }

    if (ngx_delete_file(temp) == NGX_FILE_ERROR) {
        ngx_conf_log_error(NGX_LOG_WARN, cf, ngx_errno,
                           ngx_delete_file_n " \"%s\" failed", temp);
    }

    if (rc == -1) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, err,
                           "\"chat_key\" directive: creating \"%s\" failed",
                           path);
        return NGX_ERROR;
    }

    return NGX_OK;
}


/* 2 * n hexadecimal digits, n <= 32; returns the end, NULL on error */

static u_char *
ngx_http_chat_key_random(u_char *p, size_t n)
{
    u_char  bytes[NGX_HTTP_CHAT_KEY_NEW];

    if (RAND_bytes(bytes, (int) n) != 1) {
        return NULL;
    }

    p = ngx_hex_dump(p, bytes, n);

    ngx_explicit_memzero(bytes, sizeof(bytes));

    return p;
}


static void
ngx_http_chat_key_cleanup(void *data)
{
    ngx_explicit_memzero(data, sizeof(ngx_http_chat_keys_t));
}
