
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#include "ngx_http_chat_counter.h"
#include "ngx_http_chat_depot.h"
#include "ngx_http_chat_file.h"
#include "ngx_http_chat_media.h"
#include "ngx_http_chat_query.h"
#include "ngx_http_chat_reply.h"


/*
 * PUT of an attachment: room for it in PostgreSQL, its bytes as they come
 * into a file that nobody can name, and the row that makes it one.  Nothing
 * is read before there is room, and whatever goes wrong, or the client's
 * going away, takes the file and the row with it; after the death of a
 * worker the row expires.
 */


typedef struct {
    ngx_http_chat_id_t           id;
    ngx_str_t                    name;       /* the client's, made safe */
    ngx_str_t                    path;
    ngx_fd_t                     fd;
    off_t                        size;
    size_t                       max;
    size_t                       nhead;
    ngx_int_t                    rc;         /* of what has been refused */
    ngx_http_chat_media_t        media;
    ngx_http_chat_media_text_t   text;
    unsigned                     begun:1;    /* there is a row */
    unsigned                     created:1;  /* there is a file */
    unsigned                     known:1;    /* what it is */
    unsigned                     done:1;     /* it is to stay */
    u_char                       head[NGX_HTTP_CHAT_MEDIA_HEAD];
} ngx_http_chat_upload_t;


static ngx_int_t ngx_http_chat_upload_start(ngx_http_request_t *r,
    ngx_http_chat_ctx_t *ctx, ngx_http_chat_upload_t *u);
static void ngx_http_chat_upload_begun(ngx_http_chat_call_t *call);
static ngx_int_t ngx_http_chat_upload_open(ngx_http_request_t *r,
    ngx_http_chat_upload_t *u);
static void ngx_http_chat_upload_body(ngx_http_request_t *r);
static void ngx_http_chat_upload_read(ngx_http_request_t *r);
static ngx_int_t ngx_http_chat_upload_take(ngx_http_request_t *r,
    ngx_http_chat_upload_t *u);
static ngx_int_t ngx_http_chat_upload_bytes(ngx_http_request_t *r,
    ngx_http_chat_upload_t *u, u_char *p, size_t len);
static ngx_int_t ngx_http_chat_upload_look(ngx_http_request_t *r,
    ngx_http_chat_upload_t *u);
static ngx_int_t ngx_http_chat_upload_write(ngx_http_request_t *r,
    ngx_http_chat_upload_t *u, u_char *p, size_t len);
static ngx_int_t ngx_http_chat_upload_refuse(ngx_http_request_t *r,
    ngx_http_chat_upload_t *u, ngx_http_chat_problem_e code,
    const char *detail);
static ngx_int_t ngx_http_chat_upload_type(ngx_http_request_t *r,
    ngx_http_chat_upload_t *u);
static ngx_int_t ngx_http_chat_upload_end(ngx_http_request_t *r,
    ngx_http_chat_upload_t *u);
static void ngx_http_chat_upload_ended(ngx_http_chat_call_t *call);
static ngx_int_t ngx_http_chat_upload_failed(ngx_http_request_t *r,
    ngx_http_chat_upload_t *u, ngx_err_t err);
static void ngx_http_chat_upload_cleanup(void *data);
static void ngx_http_chat_upload_dropped(ngx_http_chat_call_t *call);


ngx_int_t
ngx_http_chat_file_put(ngx_http_request_t *r, ngx_http_chat_ctx_t *ctx)
{
    ngx_int_t                rc;
    ngx_pool_cleanup_t      *cln;
    ngx_http_chat_upload_t  *u;

    if (ngx_http_chat_file_off(r, &rc)
        || ngx_http_chat_query_limit(r, ctx, NGX_HTTP_CHAT_LIMIT_SEND, &rc)
           != NGX_OK)
    {
        return rc;
    }

    if (r->headers_in.content_length_n > (off_t) ctx->conf->max_upload) {
        return ngx_http_chat_reply_problem(r, NGX_HTTP_CHAT_TOO_LARGE, NULL,
                                           "the file is too large");
    }

    if (r->headers_in.content_length_n <= 0 && !r->headers_in.chunked) {
        return ngx_http_chat_reply_problem(r, NGX_HTTP_CHAT_INVALID_FIELD,
                                           NULL, "the file is empty");
    }

    cln = ngx_pool_cleanup_add(r->pool, sizeof(ngx_http_chat_upload_t));
    if (cln == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    u = cln->data;
    ngx_memzero(u, offsetof(ngx_http_chat_upload_t, head));

    u->fd = NGX_INVALID_FILE;

    cln->handler = ngx_http_chat_upload_cleanup;

    ctx->data = u;

    return ngx_http_chat_upload_start(r, ctx, u);
}


static ngx_int_t
ngx_http_chat_upload_start(ngx_http_request_t *r, ngx_http_chat_ctx_t *ctx,
    ngx_http_chat_upload_t *u)
{
    ngx_http_chat_args_t  args;

    u->max = r->headers_in.content_length_n > 0
             ? (size_t) r->headers_in.content_length_n
             : ctx->conf->max_upload;

    u->name.len = ctx->name.len;
    u->name.data = ngx_pstrdup(r->pool, &ctx->name);

    if (u->name.data == NULL
        || ngx_http_chat_id_make(&u->id) != NGX_OK
        || ngx_http_chat_depot_name(&u->path, &u->id, r->pool) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (ngx_http_chat_media_name(&u->name) != NGX_OK) {
        return ngx_http_chat_reply_problem(r, NGX_HTTP_CHAT_INVALID_FIELD,
                                           "name", "it is no name of a file");
    }

    ngx_http_chat_args_init(&args);
    ngx_http_chat_arg_actor(&args, &ctx->actor);
    ngx_http_chat_arg_id(&args, &u->id);
    ngx_http_chat_arg_text(&args, &u->name);
    ngx_http_chat_arg_int8(&args, (int64_t) u->max);
    ngx_http_chat_arg_int8(&args, (int64_t) ctx->conf->upload_quota);

    /* from here on there may be a row, whatever the answer */

    u->begun = 1;

    return ngx_http_chat_query_call(r, ctx, NGX_HTTP_CHAT_FAST,
                                    NGX_HTTP_CHAT_Q_ATTACHMENT_BEGIN, &args,
                                    ngx_http_chat_upload_begun);
}


/* may free r */

static void
ngx_http_chat_upload_begun(ngx_http_chat_call_t *call)
{
    ngx_int_t                rc;
    ngx_str_t                outcome;
    ngx_connection_t        *c;
    ngx_http_request_t      *r;
    ngx_http_chat_ctx_t     *ctx;
    ngx_http_chat_upload_t  *u;

    r = call->data;

    if (r == NULL) {
        return;
    }

    c = r->connection;
    ctx = ngx_http_get_module_ctx(r, ngx_http_chat_module);
    u = ctx->data;

    if (call->rc != NGX_OK) {
        ngx_http_chat_finalize(r, ngx_http_chat_reply_failed(r, call->rc));
        return;
    }

    ngx_http_chat_col_text(call->res, 0, 0, &outcome);

    if (outcome.len != 2) {
        u->begun = 0;
        ngx_http_chat_finalize(r, ngx_http_chat_reply_outcome(r, &outcome));
        return;
    }

    if (ngx_http_chat_upload_open(r, u) != NGX_OK) {
        ngx_http_chat_finalize(r, u->rc);
        return;
    }

    ngx_http_set_log_request(c->log, r);

    r->request_body_no_buffering = 1;

    rc = ngx_http_read_client_request_body(r, ngx_http_chat_upload_body);

    /* reading holds a reference of its own unless it has failed */

    ngx_http_finalize_request(r, rc >= NGX_HTTP_SPECIAL_RESPONSE ? rc
                                                                 : NGX_DONE);
    ngx_http_run_posted_requests(c);
}


static ngx_int_t
ngx_http_chat_upload_open(ngx_http_request_t *r, ngx_http_chat_upload_t *u)
{
    u->fd = ngx_http_chat_depot_create(&u->path, r->connection->log);

    if (u->fd == NGX_INVALID_FILE) {
        return ngx_http_chat_upload_failed(r, u, ngx_errno);
    }

    u->created = 1;

    return NGX_OK;
}


/* the first of the body is there, or all of it */

static void
ngx_http_chat_upload_body(ngx_http_request_t *r)
{
    r->read_event_handler = ngx_http_chat_upload_read;
    r->write_event_handler = ngx_http_request_empty_handler;

    ngx_http_chat_upload_read(r);
}


static void
ngx_http_chat_upload_read(ngx_http_request_t *r)
{
    ngx_int_t                rc;
    ngx_http_chat_ctx_t     *ctx;
    ngx_http_chat_upload_t  *u;

    ctx = ngx_http_get_module_ctx(r, ngx_http_chat_module);
    u = ctx->data;

    for ( ;; ) {

        if (ngx_http_chat_upload_take(r, u) != NGX_OK) {
            rc = u->rc;
            break;
        }

        if (!r->reading_body) {
            rc = ngx_http_chat_upload_end(r, u) == NGX_OK ? NGX_DONE : u->rc;
            break;
        }

        rc = ngx_http_read_unbuffered_request_body(r);

        if (rc >= NGX_HTTP_SPECIAL_RESPONSE) {
            break;
        }

        if (rc == NGX_AGAIN && r->request_body->bufs == NULL) {
            return;
        }
    }

    if (rc != NGX_DONE) {
        ngx_http_finalize_request(r, rc);
    }
}


/* what has come in: NGX_OK, or NGX_DECLINED with u->rc, as those below */

static ngx_int_t
ngx_http_chat_upload_take(ngx_http_request_t *r, ngx_http_chat_upload_t *u)
{
    ngx_buf_t    *b;
    ngx_chain_t  *cl, *ln;

    for (cl = r->request_body->bufs; cl != NULL; cl = ln) {
        ln = cl->next;
        b = cl->buf;

        if (ngx_buf_in_memory(b) && b->pos != b->last) {
            if (ngx_http_chat_upload_bytes(r, u, b->pos, b->last - b->pos)
                != NGX_OK)
            {
                return NGX_DECLINED;
            }
        }

        b->pos = b->last;

        ngx_free_chain(r->pool, cl);
    }

    r->request_body->bufs = NULL;

    return NGX_OK;
}


static ngx_int_t
ngx_http_chat_upload_bytes(ngx_http_request_t *r, ngx_http_chat_upload_t *u,
    u_char *p, size_t len)
{
    size_t  n;

    if ((size_t) u->size + len > u->max) {
        return ngx_http_chat_upload_refuse(r, u, NGX_HTTP_CHAT_TOO_LARGE,
                                           "the file is too large");
    }

    if (!u->known) {
        n = ngx_min(len, NGX_HTTP_CHAT_MEDIA_HEAD - u->nhead);

        ngx_memcpy(u->head + u->nhead, p, n);
        u->nhead += n;

        if (u->nhead == NGX_HTTP_CHAT_MEDIA_HEAD
            && ngx_http_chat_upload_look(r, u) != NGX_OK)
        {
            return NGX_DECLINED;
        }
    }

    if (u->known && u->media.text
        && ngx_http_chat_media_text(&u->text, p, len) != NGX_OK)
    {
        return ngx_http_chat_upload_type(r, u);
    }

    return ngx_http_chat_upload_write(r, u, p, len);
}


/* as soon as there is enough to see it by */

static ngx_int_t
ngx_http_chat_upload_look(ngx_http_request_t *r, ngx_http_chat_upload_t *u)
{
    if (ngx_http_chat_media_look(&u->media, u->head, u->nhead, &u->name)
        != NGX_OK)
    {
        return ngx_http_chat_upload_type(r, u);
    }

    /* of what has come before there is nothing but the head */

    if (u->media.text
        && ngx_http_chat_media_text(&u->text, u->head, (size_t) u->size)
           != NGX_OK)
    {
        return ngx_http_chat_upload_type(r, u);
    }

    u->known = 1;

    return NGX_OK;
}


static ngx_int_t
ngx_http_chat_upload_refuse(ngx_http_request_t *r, ngx_http_chat_upload_t *u,
    ngx_http_chat_problem_e code, const char *detail)
{
    u->rc = ngx_http_chat_reply_problem(r, code, NULL, detail);

    return NGX_DECLINED;
}


static ngx_int_t
ngx_http_chat_upload_type(ngx_http_request_t *r, ngx_http_chat_upload_t *u)
{
    return ngx_http_chat_upload_refuse(r, u, NGX_HTTP_CHAT_MEDIA_TYPE,
                                       "files of this type are not taken");
}


static ngx_int_t
ngx_http_chat_upload_write(ngx_http_request_t *r, ngx_http_chat_upload_t *u,
    u_char *p, size_t len)
{
    ssize_t    n;
    ngx_err_t  err;

    while (len != 0) {

        n = ngx_write_fd(u->fd, p, len);

        if (n == -1) {
            err = ngx_errno;

            if (err == NGX_EINTR) {
                continue;
            }

            ngx_log_error(NGX_LOG_CRIT, r->connection->log, err,
                          ngx_write_fd_n " to \"%V\" failed", &u->path);

            return ngx_http_chat_upload_failed(r, u, err);
        }

        p += n;
        len -= n;
        u->size += n;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_chat_upload_failed(ngx_http_request_t *r, ngx_http_chat_upload_t *u,
    ngx_err_t err)
{
    if (err == NGX_ENOSPC || err == EDQUOT) {
        return ngx_http_chat_upload_refuse(r, u, NGX_HTTP_CHAT_NO_SPACE,
                                           "there is no room for files");
    }

    return ngx_http_chat_upload_refuse(r, u, NGX_HTTP_CHAT_INTERNAL,
                                       "the file cannot be stored");
}


/* all of it has come */

static ngx_int_t
ngx_http_chat_upload_end(ngx_http_request_t *r, ngx_http_chat_upload_t *u)
{
    ngx_http_chat_ctx_t   *ctx;
    ngx_http_chat_args_t   args;

    ctx = ngx_http_get_module_ctx(r, ngx_http_chat_module);

    if (u->size == 0) {
        return ngx_http_chat_upload_refuse(r, u, NGX_HTTP_CHAT_INVALID_FIELD,
                                           "the file is empty");
    }

    if (!u->known && ngx_http_chat_upload_look(r, u) != NGX_OK) {
        return NGX_DECLINED;
    }

    if (u->media.text && u->text.left != 0) {
        return ngx_http_chat_upload_type(r, u);
    }

    if (ngx_close_file(u->fd) == NGX_FILE_ERROR) {
        u->fd = NGX_INVALID_FILE;
        return ngx_http_chat_upload_failed(r, u, ngx_errno);
    }

    u->fd = NGX_INVALID_FILE;

    if (ngx_http_chat_media_extend(&u->name, &u->media.type, r->pool)
        != NGX_OK)
    {
        u->rc = NGX_HTTP_INTERNAL_SERVER_ERROR;
        return NGX_DECLINED;
    }

    ngx_http_chat_args_init(&args);
    ngx_http_chat_arg_actor(&args, &ctx->actor);
    ngx_http_chat_arg_id(&args, &u->id);
    ngx_http_chat_arg_text(&args, &u->name);
    ngx_http_chat_arg_text(&args, &u->media.type);
    ngx_http_chat_arg_int8(&args, (int64_t) u->size);

    if (u->media.width != 0 && u->media.width <= NGX_MAX_INT32_VALUE
        && u->media.height != 0 && u->media.height <= NGX_MAX_INT32_VALUE)
    {
        ngx_http_chat_arg_int4(&args, (int32_t) u->media.width);
        ngx_http_chat_arg_int4(&args, (int32_t) u->media.height);

    } else {
        ngx_http_chat_arg_null(&args);
        ngx_http_chat_arg_null(&args);
    }

    u->rc = ngx_http_chat_query_call(r, ctx, NGX_HTTP_CHAT_FAST,
                                     NGX_HTTP_CHAT_Q_ATTACHMENT_END, &args,
                                     ngx_http_chat_upload_ended);

    return u->rc == NGX_DONE ? NGX_OK : NGX_DECLINED;
}


/* may free r */

static void
ngx_http_chat_upload_ended(ngx_http_chat_call_t *call)
{
    ngx_int_t                rc;
    ngx_str_t                outcome, body;
    ngx_http_request_t      *r;
    ngx_http_chat_ctx_t     *ctx;
    ngx_http_chat_upload_t  *u;

    r = call->data;

    if (r == NULL) {
        return;
    }

    ctx = ngx_http_get_module_ctx(r, ngx_http_chat_module);
    u = ctx->data;

    if (call->rc != NGX_OK) {
        rc = ngx_http_chat_reply_failed(r, call->rc);

    } else {
        ngx_http_chat_col_text(call->res, 0, 0, &outcome);
        ngx_http_chat_col_text(call->res, 0, 1, &body);

        if (outcome.len == 2) {
            u->done = 1;
            rc = ngx_http_chat_reply_json(r, NGX_HTTP_CREATED, &body);

        } else {
            rc = ngx_http_chat_reply_outcome(r, &outcome);
        }
    }

    ngx_http_chat_finalize(r, rc);
}


static void
ngx_http_chat_upload_cleanup(void *data)
{
    ngx_http_chat_upload_t *u = data;

    ngx_http_chat_args_t  args;

    if (u->fd != NGX_INVALID_FILE) {
        (void) ngx_close_file(u->fd);
    }

    if (u->done || !u->begun) {
        return;
    }

    if (u->created
        && ngx_http_chat_depot_delete(&u->id, ngx_cycle->log) != NGX_OK)
    {
        return;
    }

    /* what cannot be told now expires */

    ngx_http_chat_args_init(&args);
    ngx_http_chat_arg_id(&args, &u->id);

    (void) ngx_http_chat_store_call(NGX_HTTP_CHAT_FAST,
                                    NGX_HTTP_CHAT_Q_ATTACHMENT_DROP, &args,
                                    ngx_http_chat_upload_dropped, NULL);
}


static void
ngx_http_chat_upload_dropped(ngx_http_chat_call_t *call)
{
    ngx_log_debug1(NGX_LOG_DEBUG_CORE, ngx_cycle->log, 0,
                   "chat upload dropped: %i", call->rc);
}
