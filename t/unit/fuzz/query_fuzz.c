
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


/*
 * Sources: src/ngx_http_chat_query.c src/ngx_http_chat_stream.c
 * Sources: src/ngx_http_chat_id.c
 * Libraries: -no-pie -Wl,--unresolved-symbols=ignore-all
 */


#include "ngx_http_chat_query.h"
#include "ngx_http_chat_reply.h"
#include "ngx_http_chat_stream.h"


/*
 * The arguments of a stream, of a visitor or an agent as the first byte says,
 * and numbers.  What is not called here is not linked.
 */


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void stream(ngx_http_request_t *r, ngx_uint_t kind);
static void number(ngx_http_request_t *r);
static void parsers(u_char *p, size_t size);


static u_char        epoch[] = "0123456789abcdef";
static ngx_int_t     problem;

static void         *blocks[64];
static ngx_uint_t    nblocks;


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    u_char              *p;
    ngx_http_request_t   r;

    if (size == 0) {
        return 0;
    }

    /* of the exact size, so that reading on is seen */

    p = malloc(size - 1);

    if (p == NULL) {
        return 0;
    }

    ngx_memcpy(p, data + 1, size - 1);
    ngx_memzero(&r, sizeof(ngx_http_request_t));

    r.args.data = p;
    r.args.len = size - 1;

    stream(&r, data[0] & 1 ? NGX_HTTP_CHAT_AGENT : NGX_HTTP_CHAT_VISITOR);
    number(&r);
    parsers(p, size - 1);

    while (nblocks != 0) {
        free(blocks[--nblocks]);
    }

    free(p);

    return 0;
}


static void
stream(ngx_http_request_t *r, ngx_uint_t kind)
{
    u_char                       text[NGX_HTTP_CHAT_ID_LEN];
    ngx_int_t                    rc, done;
    ngx_uint_t                   i;
    ngx_http_chat_ctx_t          ctx;
    ngx_http_chat_feed_t         f;
    ngx_http_chat_stream_args_t  args;

    ngx_memzero(&ctx, sizeof(ngx_http_chat_ctx_t));
    ngx_memzero(&f, sizeof(ngx_http_chat_feed_t));

    ctx.actor.kind = kind;
    problem = 0;
    rc = 0;

    done = ngx_http_chat_stream_args(r, &ctx, &args, &f, &rc);

    if ((done == NGX_ERROR) != (problem != 0) || problem != rc) {
        __builtin_trap();
    }

    if (done == NGX_ERROR) {
        return;
    }

    if ((!args.has_feed && !args.has_inbox)
        || (args.has_inbox && kind != NGX_HTTP_CHAT_AGENT)
        || f.since < -1
        || (args.has_feed && !ngx_http_chat_id_eq(&ctx.id, &f.conversation)))
    {
        __builtin_trap();
    }

    (void) ngx_http_chat_id_write(text, &f.conversation);

    for (i = 0; i < 4; i++) {
        if (args.filter[i].len > r->args.len) {
            __builtin_trap();
        }
    }
}


static void
number(ngx_http_request_t *r)
{
    int64_t    value;
    ngx_int_t  rc, done;

    problem = 0;
    value = -1;

    done = ngx_http_chat_query_number(r, "limit", 200, &value, &rc);

    if ((done == NGX_ERROR) != (problem != 0)
        || (done == NGX_OK && (value < 0 || value > 200)))
    {
        __builtin_trap();
    }
}


/* ids and cursors have one spelling, but for the case of an id */

static void
parsers(u_char *p, size_t size)
{
    u_char                  *end, text[NGX_HTTP_CHAT_CURSOR_LEN];
    ngx_http_chat_id_t       id;
    ngx_http_chat_cursor_t   cursor;

    if (ngx_http_chat_cursor_parse(&cursor, p, size) == NGX_OK) {
        end = ngx_http_chat_cursor_write(text, cursor.epoch, cursor.seq);

        if ((size_t) (end - text) != size || ngx_memcmp(text, p, size) != 0) {
            __builtin_trap();
        }
    }

    if (ngx_http_chat_id_parse(&id, p, size) == NGX_OK) {
        end = ngx_http_chat_id_write(text, &id);

        if ((size_t) (end - text) != size
            || strncasecmp((char *) text, (char *) p, size) != 0)
        {
            __builtin_trap();
        }
    }
}


/* of nginx and of the module, what the sources need */

void *
ngx_palloc(ngx_pool_t *pool, size_t size)
{
    if (nblocks == sizeof(blocks) / sizeof(blocks[0])) {
        __builtin_trap();
    }

    blocks[nblocks] = malloc(size);

    return blocks[nblocks++];
}


void *
ngx_pnalloc(ngx_pool_t *pool, size_t size)
{
    return ngx_palloc(pool, size);
}


ngx_int_t
ngx_http_arg(ngx_http_request_t *r, u_char *name, size_t len,
    ngx_str_t *value)
{
    u_char  *p, *last, *end;

    last = r->args.data + r->args.len;

    for (p = r->args.data; p < last; p = end + 1) {

        for (end = p; end < last && *end != '&'; end++) { /* void */ }

        if ((size_t) (end - p) > len && p[len] == '='
            && strncasecmp((char *) p, (char *) name, len) == 0)
        {
            value->data = p + len + 1;
            value->len = end - value->data;
            return NGX_OK;
        }
    }

    return NGX_DECLINED;
}


void
ngx_unescape_uri(u_char **dst, u_char **src, size_t size, ngx_uint_t type)
{
    char      hex[3];
    u_char   *p, *last;

    for (p = *src, last = p + size; p < last; p++) {

        if (*p != '%' || last - p < 3 || !isxdigit(p[1]) || !isxdigit(p[2]))
        {
            *(*dst)++ = *p;
            continue;
        }

        hex[0] = (char) p[1];
        hex[1] = (char) p[2];
        hex[2] = '\0';

        *(*dst)++ = (u_char) strtol(hex, NULL, 16);
        p += 2;
    }

    *src = p;
}


off_t
ngx_atoof(u_char *line, size_t n)
{
    off_t  value;

    if (n == 0) {
        return NGX_ERROR;
    }

    for (value = 0; n--; line++) {
        if (*line < '0' || *line > '9'
            || value > (NGX_MAX_OFF_T_VALUE - 9) / 10)
        {
            return NGX_ERROR;
        }

        value = value * 10 + (*line - '0');
    }

    return value;
}


ngx_int_t
ngx_http_chat_reply_problem(ngx_http_request_t *r,
    ngx_http_chat_problem_e code, const char *field, const char *detail)
{
    if (problem != 0 || detail == NULL) {
        __builtin_trap();
    }

    problem = 400 + code;

    return problem;
}


u_char *
ngx_http_chat_store_epoch(void)
{
    return epoch;
}
