
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#include "ngx_http_chat_wsframe.h"


#define NGX_HTTP_CHAT_WSFRAME_FIN    0x80
#define NGX_HTTP_CHAT_WSFRAME_RSV    0x70
#define NGX_HTTP_CHAT_WSFRAME_MASK   0x80

/* the first piece of a message that has to be kept */
#define NGX_HTTP_CHAT_WSFRAME_PIECE  512


static ngx_uint_t ngx_http_chat_wsframe_begin(ngx_http_chat_wsframe_t *f,
    u_char **pos, u_char *last);
static ngx_uint_t ngx_http_chat_wsframe_first(ngx_http_chat_wsframe_t *f);
static ngx_uint_t ngx_http_chat_wsframe_second(ngx_http_chat_wsframe_t *f);
static ngx_uint_t ngx_http_chat_wsframe_length(ngx_http_chat_wsframe_t *f);
static void ngx_http_chat_wsframe_unmask(ngx_http_chat_wsframe_t *f,
    u_char *p, size_t len);
static ngx_uint_t ngx_http_chat_wsframe_utf8(ngx_http_chat_wsframe_t *f,
    u_char *p, size_t len);
static ngx_uint_t ngx_http_chat_wsframe_keep(ngx_http_chat_wsframe_t *f,
    u_char *p, size_t len);
static ngx_uint_t ngx_http_chat_wsframe_piece(ngx_http_chat_wsframe_t *f,
    u_char *p, size_t len, ngx_http_chat_wsframe_message_t *m);
static ngx_uint_t ngx_http_chat_wsframe_control(ngx_http_chat_wsframe_t *f,
    ngx_http_chat_wsframe_message_t *m);
static ngx_uint_t ngx_http_chat_wsframe_close(ngx_http_chat_wsframe_t *f,
    ngx_http_chat_wsframe_message_t *m);


#define ngx_http_chat_wsframe_is_control(f)  ((f)->opcode & 0x8)


void
ngx_http_chat_wsframe_init(ngx_http_chat_wsframe_t *f, size_t max,
    ngx_uint_t binary)
{
    ngx_memzero(f, sizeof(ngx_http_chat_wsframe_t));

    f->max = max;
    f->binary = binary;
}


void
ngx_http_chat_wsframe_free(ngx_http_chat_wsframe_t *f)
{
    if (f->data != NULL) {
        ngx_free(f->data);
    }

    f->data = NULL;
    f->len = 0;
    f->size = 0;
}


ngx_uint_t
ngx_http_chat_wsframe_idle(ngx_http_chat_wsframe_t *f)
{
    return f->have == 0 && f->message == 0;
}


/*
 * Inside, functions return 0 to go on or the code to close with.
 */

ngx_int_t
ngx_http_chat_wsframe_read(ngx_http_chat_wsframe_t *f, u_char **pos,
    u_char *last, ngx_http_chat_wsframe_message_t *m)
{
    size_t   n;
    u_char  *p;

    m->opcode = NGX_HTTP_CHAT_WSFRAME_CONTINUATION;
    m->code = 0;

    if (f->message == 0) {

        /* what was given out with the call before is not needed any more */

        ngx_http_chat_wsframe_free(f);
    }

    for ( ;; ) {

        if (f->need == 0 || f->have < f->need) {

            if (*pos == last) {
                return NGX_AGAIN;
            }

            m->code = ngx_http_chat_wsframe_begin(f, pos, last);

            if (m->code != 0) {
                return NGX_ERROR;
            }

            if (f->need == 0 || f->have < f->need) {
                return NGX_AGAIN;
            }
        }

        p = *pos;
        n = ngx_min(f->left, (size_t) (last - p));

        if (n == 0 && f->left != 0) {
            return NGX_AGAIN;
        }

        *pos += n;
        f->left -= n;

        ngx_http_chat_wsframe_unmask(f, p, n);

        m->code = ngx_http_chat_wsframe_piece(f, p, n, m);

        if (m->code != 0 && m->opcode != NGX_HTTP_CHAT_WSFRAME_CLOSE) {
            return NGX_ERROR;
        }

        if (f->left == 0) {
            f->have = 0;
            f->need = 0;
            f->ncontrol = 0;
        }

        if (m->opcode != NGX_HTTP_CHAT_WSFRAME_CONTINUATION) {
            return NGX_OK;
        }
    }
}


/* the head of a frame: 2 to 14 bytes, each judged as it comes */

static ngx_uint_t
ngx_http_chat_wsframe_begin(ngx_http_chat_wsframe_t *f, u_char **pos,
    u_char *last)
{
    ngx_uint_t  code;

    while (*pos < last && (f->need == 0 || f->have < f->need)) {

        f->head[f->have++] = *(*pos)++;

        switch (f->have) {

        case 1:
            code = ngx_http_chat_wsframe_first(f);
            break;

        case 2:
            code = ngx_http_chat_wsframe_second(f);
            break;

        default:
            code = 0;
        }

        if (code == 0 && f->have == f->need) {
            code = ngx_http_chat_wsframe_length(f);
        }

        if (code != 0) {
            return code;
        }
    }

    return 0;
}


static ngx_uint_t
ngx_http_chat_wsframe_first(ngx_http_chat_wsframe_t *f)
{
    f->fin = (f->head[0] & NGX_HTTP_CHAT_WSFRAME_FIN) != 0;
    f->opcode = f->head[0] & 0xf;

    /* no extension has been agreed on that would give these a meaning */

    if (f->head[0] & NGX_HTTP_CHAT_WSFRAME_RSV) {
        return NGX_HTTP_CHAT_WSFRAME_PROTOCOL;
    }

    switch (f->opcode) {

    case NGX_HTTP_CHAT_WSFRAME_CONTINUATION:
        return f->message ? 0 : NGX_HTTP_CHAT_WSFRAME_PROTOCOL;

    case NGX_HTTP_CHAT_WSFRAME_BINARY:
        if (!f->binary && !f->message) {
            return NGX_HTTP_CHAT_WSFRAME_UNSUPPORTED;
        }

        /* fall through */

    case NGX_HTTP_CHAT_WSFRAME_TEXT:
        if (f->message) {
            return NGX_HTTP_CHAT_WSFRAME_PROTOCOL;
        }

        f->message = f->opcode;
        f->rest = 0;
        return 0;

    case NGX_HTTP_CHAT_WSFRAME_CLOSE:
    case NGX_HTTP_CHAT_WSFRAME_PING:
    case NGX_HTTP_CHAT_WSFRAME_PONG:
        return f->fin ? 0 : NGX_HTTP_CHAT_WSFRAME_PROTOCOL;
    }

    return NGX_HTTP_CHAT_WSFRAME_PROTOCOL;
}


static ngx_uint_t
ngx_http_chat_wsframe_second(ngx_http_chat_wsframe_t *f)
{
    size_t  len;

    len = f->head[1] & 0x7f;

    if ((f->head[1] & NGX_HTTP_CHAT_WSFRAME_MASK) == 0
        || (ngx_http_chat_wsframe_is_control(f)
            && len > NGX_HTTP_CHAT_WSFRAME_CONTROL))
    {
        return NGX_HTTP_CHAT_WSFRAME_PROTOCOL;
    }

    f->need = 2 + (len == 126 ? 2 : len == 127 ? 8 : 0) + 4;

    return 0;
}


/* the head is there */

static ngx_uint_t
ngx_http_chat_wsframe_length(ngx_http_chat_wsframe_t *f)
{
    u_char     *p;
    uint64_t    len;
    ngx_uint_t  i, n;

    p = &f->head[2];
    n = f->need - 6;

    if (n == 0) {
        len = f->head[1] & 0x7f;

    } else {
        len = 0;

        for (i = 0; i < n; i++) {
            len = (len << 8) | *p++;
        }

        /* as short as can be, and no top bit */

        if (len < (n == 2 ? 126 : 65536) || (len >> 63) != 0) {
            return NGX_HTTP_CHAT_WSFRAME_PROTOCOL;
        }
    }

    if (!ngx_http_chat_wsframe_is_control(f)
        && (len > f->max || f->len > f->max - (size_t) len))
    {
        return NGX_HTTP_CHAT_WSFRAME_TOO_BIG;
    }

    f->left = (size_t) len;
    f->phase = 0;
    f->ncontrol = 0;

    return 0;
}


static void
ngx_http_chat_wsframe_unmask(ngx_http_chat_wsframe_t *f, u_char *p,
    size_t len)
{
    size_t    i;
    u_char   *mask, wide[8];
    uint64_t  a, b;

    mask = &f->head[f->need - 4];

    for (i = 0; i < 8; i++) {
        wide[i] = mask[(f->phase + i) & 3];
    }

    ngx_memcpy(&a, wide, 8);

    for (i = 0; i + 8 <= len; i += 8) {
        ngx_memcpy(&b, p + i, 8);
        b ^= a;
        ngx_memcpy(p + i, &b, 8);
    }

    for ( /* void */ ; i < len; i++) {
        p[i] ^= wide[i & 7];
    }

    f->phase = (u_char) ((f->phase + len) & 3);
}


/*
 * The Unicode Standard, table 3-7, byte by byte: the first byte of a sequence
 * narrows the range of the second one.
 */

static ngx_uint_t
ngx_http_chat_wsframe_utf8(ngx_http_chat_wsframe_t *f, u_char *p, size_t len)
{
    u_char  ch, *last;

    for (last = p + len; p < last; p++) {
        ch = *p;

        if (f->rest != 0) {

            if (ch < f->lower || ch > f->upper) {
                return NGX_HTTP_CHAT_WSFRAME_BAD_TEXT;
            }

            f->rest--;
            f->lower = 0x80;
            f->upper = 0xbf;
            continue;
        }

        if (ch < 0x80) {
            continue;
        }

        if (ch < 0xc2 || ch > 0xf4) {
            return NGX_HTTP_CHAT_WSFRAME_BAD_TEXT;
        }

        f->rest = 1 + (ch >= 0xe0) + (ch >= 0xf0);
        f->lower = ch == 0xe0 ? 0xa0 : ch == 0xf0 ? 0x90 : 0x80;
        f->upper = ch == 0xed ? 0x9f : ch == 0xf4 ? 0x8f : 0xbf;
    }

    return 0;
}


/* some of a frame's payload, unmasked; f->left is what is still to come */

static ngx_uint_t
ngx_http_chat_wsframe_piece(ngx_http_chat_wsframe_t *f, u_char *p, size_t len,
    ngx_http_chat_wsframe_message_t *m)
{
    ngx_uint_t  code;

    if (ngx_http_chat_wsframe_is_control(f)) {
        ngx_memcpy(&f->control[f->ncontrol], p, len);
        f->ncontrol += (u_char) len;

        return f->left == 0 ? ngx_http_chat_wsframe_control(f, m) : 0;
    }

    if (f->message == NGX_HTTP_CHAT_WSFRAME_TEXT) {

        code = ngx_http_chat_wsframe_utf8(f, p, len);

        if (code == 0 && f->left == 0 && f->fin && f->rest != 0) {
            code = NGX_HTTP_CHAT_WSFRAME_BAD_TEXT;
        }

        if (code != 0) {
            return code;
        }
    }

    if (f->left != 0 || !f->fin || f->len != 0) {

        code = ngx_http_chat_wsframe_keep(f, p, len);

        if (code != 0 || f->left != 0 || !f->fin) {
            return code;
        }

        m->data.data = f->data;
        m->data.len = f->len;

    } else {

        /* all of it is in the caller's buffer */

        m->data.data = p;
        m->data.len = len;
    }

    m->opcode = f->message;
    f->message = 0;

    return 0;
}


/* memory follows what has arrived, never what has been announced */

static ngx_uint_t
ngx_http_chat_wsframe_keep(ngx_http_chat_wsframe_t *f, u_char *p, size_t len)
{
    size_t   size;
    u_char  *data;

    if (f->len + len > f->size) {

        size = ngx_max(f->size * 2, NGX_HTTP_CHAT_WSFRAME_PIECE);
        size = ngx_max(size, f->len + len);

        data = ngx_alloc(size, ngx_cycle->log);
        if (data == NULL) {
            return NGX_HTTP_CHAT_WSFRAME_INTERNAL;
        }

        if (f->data != NULL) {
            ngx_memcpy(data, f->data, f->len);
            ngx_free(f->data);
        }

        f->data = data;
        f->size = size;
    }

    if (len != 0) {
        ngx_memcpy(f->data + f->len, p, len);
        f->len += len;
    }

    return 0;
}


static ngx_uint_t
ngx_http_chat_wsframe_control(ngx_http_chat_wsframe_t *f,
    ngx_http_chat_wsframe_message_t *m)
{
    m->data.data = f->control;
    m->data.len = f->ncontrol;

    if (f->opcode == NGX_HTTP_CHAT_WSFRAME_CLOSE) {
        return ngx_http_chat_wsframe_close(f, m);
    }

    m->opcode = f->opcode;

    return 0;
}


static ngx_uint_t
ngx_http_chat_wsframe_close(ngx_http_chat_wsframe_t *f,
    ngx_http_chat_wsframe_message_t *m)
{
    ngx_uint_t               code;
    ngx_http_chat_wsframe_t  text;

    if (m->data.len == 0) {
        m->opcode = NGX_HTTP_CHAT_WSFRAME_CLOSE;
        return NGX_HTTP_CHAT_WSFRAME_NO_STATUS;
    }

    if (m->data.len == 1) {
        return NGX_HTTP_CHAT_WSFRAME_PROTOCOL;
    }

    code = ((ngx_uint_t) m->data.data[0] << 8) | m->data.data[1];

    m->data.data += 2;
    m->data.len -= 2;

    if (!ngx_http_chat_wsframe_code(code)) {
        return NGX_HTTP_CHAT_WSFRAME_PROTOCOL;
    }

    text.rest = 0;

    if (ngx_http_chat_wsframe_utf8(&text, m->data.data, m->data.len) != 0
        || text.rest != 0)
    {
        return NGX_HTTP_CHAT_WSFRAME_BAD_TEXT;
    }

    m->opcode = NGX_HTTP_CHAT_WSFRAME_CLOSE;

    return code;
}


/* RFC 6455, section 7.4, and the registry that it began */

ngx_uint_t
ngx_http_chat_wsframe_code(ngx_uint_t code)
{
    return (code >= 1000 && code <= 1003)
           || (code >= 1007 && code <= 1014)
           || (code >= 3000 && code <= 4999);
}


u_char *
ngx_http_chat_wsframe_head(u_char *p, ngx_uint_t opcode, size_t len)
{
    ngx_uint_t  shift;

    *p++ = (u_char) (NGX_HTTP_CHAT_WSFRAME_FIN | opcode);

    if (len < 126) {
        *p++ = (u_char) len;
        return p;
    }

    if (len < 65536) {
        *p++ = 126;
        shift = 16;

    } else {
        *p++ = 127;
        shift = 64;
    }

    while (shift != 0) {
        shift -= 8;
        *p++ = (u_char) ((uint64_t) len >> shift);
    }

    return p;
}
