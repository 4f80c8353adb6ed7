
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


/*
 * Sources: src/ngx_http_chat_wsframe.c
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_http_chat_wsframe.h"


#define MAX  65536


volatile ngx_cycle_t  *ngx_cycle;

static ngx_cycle_t     cycle;


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint64_t play(const uint8_t *data, size_t size, size_t chop,
    ngx_uint_t binary);


void *
ngx_alloc(size_t size, ngx_log_t *log)
{
    if (size > 2 * MAX) {
        __builtin_trap();
    }

    return malloc(size);
}


/* however the bytes are cut, the same comes of them */

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t    chop;
    uint64_t  whole;

    ngx_cycle = &cycle;

    if (size < 2) {
        return 0;
    }

    chop = data[0] + 1;

    whole = play(data + 2, size - 2, size, data[1] & 1);

    if (play(data + 2, size - 2, chop, data[1] & 1) != whole
        || play(data + 2, size - 2, 1, data[1] & 1) != whole)
    {
        __builtin_trap();
    }

    return 0;
}


static uint64_t
play(const uint8_t *data, size_t size, size_t chop, ngx_uint_t binary)
{
    size_t                            i, n, at;
    u_char                           *copy, *p;
    uint64_t                          hash;
    ngx_int_t                         rc;
    ngx_http_chat_wsframe_t           f;
    ngx_http_chat_wsframe_message_t   m;

    ngx_http_chat_wsframe_init(&f, MAX, binary);

    hash = 0;
    rc = NGX_AGAIN;

    for (at = 0; at < size && rc != NGX_ERROR; at += n) {
        n = ngx_min(chop, size - at);
        copy = malloc(n);

        if (copy == NULL) {
            break;
        }

        memcpy(copy, data + at, n);
        p = copy;

        for ( ;; ) {
            rc = ngx_http_chat_wsframe_read(&f, &p, copy + n, &m);

            if (rc == NGX_AGAIN) {
                break;
            }

            hash = hash * 31 + m.code;

            if (rc == NGX_ERROR) {
                break;
            }

            if (m.data.len > MAX
                || (m.opcode >= 8
                    && m.data.len > NGX_HTTP_CHAT_WSFRAME_CONTROL))
            {
                __builtin_trap();
            }

            hash = hash * 31 + m.opcode;

            for (i = 0; i < m.data.len; i++) {
                hash = hash * 31 + m.data.data[i];
            }
        }

        if (rc == NGX_AGAIN && p != copy + n) {
            __builtin_trap();
        }

        free(copy);
    }

    ngx_http_chat_wsframe_free(&f);

    return hash;
}
