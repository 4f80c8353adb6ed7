
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


/*
 * Sources: src/ngx_http_chat_redis_reply.c
 * Libraries: -Wl,-Bstatic -lhiredis -Wl,-Bdynamic
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_http_chat_redis_reply.h"


/*
 * Replies in pieces.  The first byte is the size of a piece, less one; what
 * is left is what the server sends.  Every reply must lie within the reader,
 * and the pieces must not matter.
 */


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
static uint64_t run(const uint8_t *data, size_t size, size_t piece,
    ngx_int_t *end);
static uint64_t look(ngx_http_chat_redis_reader_t *r, uint64_t hash);


static ngx_http_chat_redis_reader_t  reader;


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint64_t   a, b;
    ngx_int_t  a_end, b_end;

    if (size < 2) {
        return 0;
    }

    a = run(data + 1, size - 1, (size_t) data[0] + 1, &a_end);
    b = run(data + 1, size - 1, 4096, &b_end);

    if (a_end != b_end || a != b) {
        __builtin_trap();
    }

    return 0;
}


static uint64_t
run(const uint8_t *data, size_t size, size_t piece, ngx_int_t *end)
{
    u_char    *copy;
    size_t     n;
    uint64_t   hash;
    ngx_int_t  rc;

    hash = 14695981039346656037u;

    if (ngx_http_chat_redis_reader_init(&reader) != NGX_OK) {
        return 0;
    }

    rc = NGX_AGAIN;

    while (size != 0 && rc == NGX_AGAIN) {

        n = ngx_min(size, piece);

        /* of the exact size, so that reading on is seen */

        copy = malloc(n);
        if (copy == NULL) {
            break;
        }

        ngx_memcpy(copy, data, n);

        rc = ngx_http_chat_redis_reader_feed(&reader, copy, n);
        free(copy);

        data += n;
        size -= n;

        while (rc == NGX_OK) {
            rc = ngx_http_chat_redis_reader_next(&reader);

            if (rc == NGX_OK) {
                hash = look(&reader, hash);
            }
        }
    }

    if (rc == NGX_ERROR
        && ngx_http_chat_redis_reader_error(&reader)[0] == '\0')
    {
        __builtin_trap();
    }

    ngx_http_chat_redis_reader_free(&reader);

    *end = rc;

    return hash;
}


static uint64_t
look(ngx_http_chat_redis_reader_t *r, uint64_t hash)
{
    size_t                        i;
    ngx_uint_t                    n;
    ngx_http_chat_redis_item_t   *item;
    ngx_http_chat_redis_reply_t  *reply;

    reply = &r->reply;

    if (reply->n > NGX_HTTP_CHAT_REDIS_ITEMS
        || (!reply->array && reply->n > 1))
    {
        __builtin_trap();
    }

    hash = (hash ^ reply->n) * 1099511628211u;

    for (n = 0; n < reply->n; n++) {
        item = &reply->items[n];

        hash = (hash ^ item->type) * 1099511628211u;
        hash = (hash ^ (uint64_t) item->integer) * 1099511628211u;

        if (item->text.len == 0) {
            continue;
        }

        if (item->text.data < r->data
            || item->text.data + item->text.len > r->data + sizeof(r->data))
        {
            __builtin_trap();
        }

        for (i = 0; i < item->text.len; i++) {
            hash = (hash ^ item->text.data[i]) * 1099511628211u;
        }
    }

    return hash;
}
