
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include <hiredis/hiredis.h>

#include "ngx_http_chat_redis_reply.h"


/* the type changed with version 1 */

#if (HIREDIS_MAJOR >= 1)
typedef size_t  ngx_http_chat_redis_elements_t;
#else
typedef int     ngx_http_chat_redis_elements_t;
#endif


static void *ngx_http_chat_redis_reply_string(const redisReadTask *task,
    char *p, size_t len);
static void *ngx_http_chat_redis_reply_array(const redisReadTask *task,
    ngx_http_chat_redis_elements_t n);
static void *ngx_http_chat_redis_reply_integer(const redisReadTask *task,
    long long n);
static void *ngx_http_chat_redis_reply_nil(const redisReadTask *task);
static ngx_http_chat_redis_item_t *ngx_http_chat_redis_reply_item(
    const redisReadTask *task);
static void ngx_http_chat_redis_reply_free(void *data);


/* types of a later protocol have no function and stay "other" */

static redisReplyObjectFunctions  ngx_http_chat_redis_reply_functions = {
    .createString = ngx_http_chat_redis_reply_string,
    .createArray = ngx_http_chat_redis_reply_array,
    .createInteger = ngx_http_chat_redis_reply_integer,
    .createNil = ngx_http_chat_redis_reply_nil,
    .freeObject = ngx_http_chat_redis_reply_free
};


ngx_int_t
ngx_http_chat_redis_reader_init(ngx_http_chat_redis_reader_t *r)
{
    redisReader  *reader;

    reader = redisReaderCreateWithFunctions(
                                       &ngx_http_chat_redis_reply_functions);
    if (reader == NULL) {
        return NGX_ERROR;
    }

    reader->privdata = r;

    /*
     * the buffer is bounded here: hiredis would free one that grew, and end
     * the process if it cannot have another
     */

    reader->maxbuf = 0;

    r->hiredis = reader;
    r->used = 0;

    ngx_memzero(&r->reply, sizeof(ngx_http_chat_redis_reply_t));

    return NGX_OK;
}


void
ngx_http_chat_redis_reader_free(ngx_http_chat_redis_reader_t *r)
{
    if (r->hiredis != NULL) {
        redisReaderFree(r->hiredis);
        r->hiredis = NULL;
    }
}


ngx_int_t
ngx_http_chat_redis_reader_feed(ngx_http_chat_redis_reader_t *r, u_char *p,
    size_t len)
{
    if (redisReaderFeed(r->hiredis, (char *) p, len) != REDIS_OK) {
        return NGX_ERROR;
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_chat_redis_reader_next(ngx_http_chat_redis_reader_t *r)
{
    void         *reply;
    redisReader  *reader;

    reader = r->hiredis;

    if (reader->ridx == -1) {

        /* the reply before is done with */

        r->used = 0;
        ngx_memzero(&r->reply, sizeof(ngx_http_chat_redis_reply_t));
    }

    if (redisReaderGetReply(reader, &reply) != REDIS_OK) {
        return NGX_ERROR;
    }

    if (reply != NULL) {
        return NGX_OK;
    }

    /* a length may say anything: it is this that is bounded */

    if (reader->len - reader->pos > NGX_HTTP_CHAT_REDIS_UNREAD) {
        return NGX_ERROR;
    }

    return NGX_AGAIN;
}


const char *
ngx_http_chat_redis_reader_error(ngx_http_chat_redis_reader_t *r)
{
    redisReader  *reader;

    reader = r->hiredis;

    switch (reader->err) {

    case 0:
        return "a reply is too long";

    case REDIS_ERR_OOM:

        /* what our functions did not take */

        return "a reply is too long or nested";

    default:
        return reader->errstr;
    }
}


/* NULL: there is no place for it, which hiredis takes for no memory */

static ngx_http_chat_redis_item_t *
ngx_http_chat_redis_reply_item(const redisReadTask *task)
{
    ngx_uint_t                     i;
    ngx_http_chat_redis_reader_t  *r;

    r = task->privdata;

    if (task->parent == NULL) {
        r->reply.n = 1;
        return &r->reply.items[0];
    }

    i = (ngx_uint_t) task->idx;

    return i < r->reply.n ? &r->reply.items[i] : NULL;
}


static void *
ngx_http_chat_redis_reply_string(const redisReadTask *task, char *p,
    size_t len)
{
    ngx_http_chat_redis_item_t    *item;
    ngx_http_chat_redis_reader_t  *r;

    r = task->privdata;
    item = ngx_http_chat_redis_reply_item(task);

    if (item == NULL || len > NGX_HTTP_CHAT_REDIS_DATA - r->used) {
        return NULL;
    }

    switch (task->type) {

    case REDIS_REPLY_STATUS:
        item->type = NGX_HTTP_CHAT_REDIS_STATUS;
        break;

    case REDIS_REPLY_ERROR:
        item->type = NGX_HTTP_CHAT_REDIS_FAILURE;
        break;

    case REDIS_REPLY_STRING:
        item->type = NGX_HTTP_CHAT_REDIS_STRING;
        break;

    default:
        break;
    }

    item->text.data = r->data + r->used;
    item->text.len = len;

    ngx_memcpy(item->text.data, p, len);
    r->used += len;

    return r;
}


static void *
ngx_http_chat_redis_reply_array(const redisReadTask *task,
    ngx_http_chat_redis_elements_t n)
{
    ngx_http_chat_redis_reader_t  *r;

    r = task->privdata;

    if (task->parent != NULL
        || task->type != REDIS_REPLY_ARRAY
        || n > NGX_HTTP_CHAT_REDIS_ITEMS)
    {
        return NULL;
    }

    r->reply.array = 1;
    r->reply.n = (ngx_uint_t) n;

    return r;
}


static void *
ngx_http_chat_redis_reply_integer(const redisReadTask *task, long long n)
{
    ngx_http_chat_redis_item_t  *item;

    item = ngx_http_chat_redis_reply_item(task);

    if (item == NULL) {
        return NULL;
    }

    item->type = NGX_HTTP_CHAT_REDIS_INTEGER;
    item->integer = (int64_t) n;

    return task->privdata;
}


static void *
ngx_http_chat_redis_reply_nil(const redisReadTask *task)
{
    ngx_http_chat_redis_item_t  *item;

    item = ngx_http_chat_redis_reply_item(task);

    if (item == NULL) {
        return NULL;
    }

    item->type = NGX_HTTP_CHAT_REDIS_NIL;

    return task->privdata;
}


/* hiredis frees the root of a reply that it gives up */

static void
ngx_http_chat_redis_reply_free(void *data)
{
    /* void */
}
