
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#include "ngx_http_chat_depot.h"


#define NGX_HTTP_CHAT_DEPOT_ID       "/.store-id"

/* the file is looked at again: after it was wrong, and when it was right */
#define NGX_HTTP_CHAT_DEPOT_AGAIN    5000
#define NGX_HTTP_CHAT_DEPOT_FRESH    60000


static ngx_int_t ngx_http_chat_depot_look(u_char *installation,
    ngx_log_t *log);
static ngx_int_t ngx_http_chat_depot_mark(u_char *name,
    u_char *installation, ngx_log_t *log);
static size_t ngx_http_chat_depot_len(void);
static void ngx_http_chat_depot_write(ngx_str_t *name,
    ngx_http_chat_id_t *id);


static ngx_path_t  *ngx_http_chat_depot_path;
static ngx_msec_t   ngx_http_chat_depot_looked;
static ngx_int_t    ngx_http_chat_depot_rc = NGX_AGAIN;


void
ngx_http_chat_depot_init(ngx_path_t *path)
{
    ngx_http_chat_depot_path = path;
    ngx_http_chat_depot_rc = NGX_AGAIN;
}


ngx_uint_t
ngx_http_chat_depot_on(void)
{
    return ngx_http_chat_depot_path != NULL;
}


ngx_int_t
ngx_http_chat_depot_check(u_char *installation, ngx_log_t *log)
{
    ngx_msec_t  age;

    age = ngx_current_msec - ngx_http_chat_depot_looked;

    if (ngx_http_chat_depot_rc == NGX_AGAIN
        || age > (ngx_http_chat_depot_rc == NGX_OK
                  ? NGX_HTTP_CHAT_DEPOT_FRESH : NGX_HTTP_CHAT_DEPOT_AGAIN))
    {
        ngx_http_chat_depot_rc = ngx_http_chat_depot_look(installation, log);
        ngx_http_chat_depot_looked = ngx_current_msec;
    }

    return ngx_http_chat_depot_rc;
}


static ngx_int_t
ngx_http_chat_depot_look(u_char *installation, ngx_log_t *log)
{
    u_char      id[NGX_HTTP_CHAT_ID_LEN];
    u_char      name[NGX_MAX_PATH];
    u_char     *last;
    ssize_t     n;
    ngx_fd_t    fd;
    ngx_err_t   err;

    last = ngx_snprintf(name, NGX_MAX_PATH - 1, "%V" NGX_HTTP_CHAT_DEPOT_ID,
                        &ngx_http_chat_depot_path->name);
    *last = '\0';

    fd = ngx_open_file(name, NGX_FILE_RDONLY, NGX_FILE_OPEN, 0);

    if (fd == NGX_INVALID_FILE) {
        err = ngx_errno;

        if (err == NGX_ENOENT) {
            return ngx_http_chat_depot_mark(name, installation, log);
        }

        ngx_log_error(NGX_LOG_CRIT, log, err, ngx_open_file_n " \"%s\" "
                      "failed", name);
        return NGX_ERROR;
    }

    n = ngx_read_fd(fd, id, NGX_HTTP_CHAT_ID_LEN);

    (void) ngx_close_file(fd);

    if (n == NGX_HTTP_CHAT_ID_LEN
        && ngx_memcmp(id, installation, NGX_HTTP_CHAT_ID_LEN) == 0)
    {
        return NGX_OK;
    }

    ngx_log_error(NGX_LOG_ERR, log, 0,
                  "chat: attachments are refused, since \"%s\" says that the "
                  "directory belongs to another installation than \"%*s\"",
                  name, (size_t) NGX_HTTP_CHAT_ID_LEN, installation);

    return NGX_DECLINED;
}


static ngx_int_t
ngx_http_chat_depot_mark(u_char *name, u_char *installation, ngx_log_t *log)
{
    u_char     *temp, buf[NGX_MAX_PATH + NGX_INT64_LEN + 2];
    ngx_fd_t    fd;
    ngx_int_t   rc;

    /* under a name of its own first: nobody reads a part of it */

    temp = buf;
    *ngx_sprintf(temp, "%s.%P", name, ngx_pid) = '\0';

    fd = ngx_open_file(temp, NGX_FILE_WRONLY, NGX_FILE_TRUNCATE, 0644);

    if (fd == NGX_INVALID_FILE) {
        ngx_log_error(NGX_LOG_CRIT, log, ngx_errno,
                      ngx_open_file_n " \"%s\" failed", temp);
        return NGX_ERROR;
    }

    rc = NGX_OK;

    if (ngx_write_fd(fd, installation, NGX_HTTP_CHAT_ID_LEN)
        != NGX_HTTP_CHAT_ID_LEN
        || (link((char *) temp, (char *) name) == -1
            && ngx_errno != NGX_EEXIST))
    {
        ngx_log_error(NGX_LOG_CRIT, log, ngx_errno,
                      "writing \"%s\" failed", name);
        rc = NGX_ERROR;
    }

    (void) ngx_close_file(fd);
    (void) ngx_delete_file(temp);

    if (rc != NGX_OK) {
        return rc;
    }

    /* whoever was first */

    return ngx_http_chat_depot_look(installation, log);
}


static size_t
ngx_http_chat_depot_len(void)
{
    return ngx_http_chat_depot_path->name.len + 1
           + ngx_http_chat_depot_path->len + NGX_HTTP_CHAT_ID_LEN;
}


/* name->data: room for the length above and a NUL */

static void
ngx_http_chat_depot_write(ngx_str_t *name, ngx_http_chat_id_t *id)
{
    u_char      *p;
    ngx_path_t  *path;

    path = ngx_http_chat_depot_path;

    name->len = ngx_http_chat_depot_len();

    ngx_memcpy(name->data, path->name.data, path->name.len);

    p = name->data + name->len - NGX_HTTP_CHAT_ID_LEN;
    p = ngx_http_chat_id_write(p, id);
    *p = '\0';

    ngx_create_hashed_filename(path, name->data, name->len);
}


ngx_int_t
ngx_http_chat_depot_name(ngx_str_t *name, ngx_http_chat_id_t *id,
    ngx_pool_t *pool)
{
    name->data = ngx_pnalloc(pool, ngx_http_chat_depot_len() + 1);
    if (name->data == NULL) {
        return NGX_ERROR;
    }

    ngx_http_chat_depot_write(name, id);

    return NGX_OK;
}


ngx_fd_t
ngx_http_chat_depot_create(ngx_str_t *name, ngx_log_t *log)
{
    ngx_fd_t    fd;
    ngx_err_t   err;
    ngx_file_t  file;
    ngx_uint_t  made;

    for (made = 0; /* void */ ; made = 1) {

        fd = open((const char *) name->data,
                  O_WRONLY|O_CREAT|O_EXCL|O_NOFOLLOW|O_CLOEXEC, 0600);

        if (fd != NGX_INVALID_FILE) {
            return fd;
        }

        err = ngx_errno;

        if (err != NGX_ENOENT || made) {
            break;
        }

        ngx_memzero(&file, sizeof(ngx_file_t));

        file.name = *name;
        file.log = log;

        if (ngx_create_path(&file, ngx_http_chat_depot_path) != NGX_OK) {
            err = ngx_errno;
            break;
        }
    }

    ngx_log_error(NGX_LOG_CRIT, log, err, ngx_open_file_n " \"%V\" failed",
                  name);
    ngx_set_errno(err);

    return NGX_INVALID_FILE;
}


ngx_int_t
ngx_http_chat_depot_delete(ngx_http_chat_id_t *id, ngx_log_t *log)
{
    ngx_err_t  err;
    ngx_int_t  rc;
    ngx_str_t  name;

    name.data = ngx_alloc(ngx_http_chat_depot_len() + 1, log);
    if (name.data == NULL) {
        return NGX_ERROR;
    }

    ngx_http_chat_depot_write(&name, id);

    rc = NGX_OK;

    if (ngx_delete_file(name.data) == NGX_FILE_ERROR) {
        err = ngx_errno;

        if (err != NGX_ENOENT) {
            ngx_log_error(NGX_LOG_CRIT, log, err,
                          ngx_delete_file_n " \"%V\" failed", &name);
            rc = NGX_ERROR;
        }
    }

    ngx_free(name.data);

    return rc;
}
