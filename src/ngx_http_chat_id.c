
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include <openssl/rand.h>

#include "ngx_http_chat_id.h"


/* 9999-12-31T23:59:59.999Z, the last time with four digits for the year */
#define NGX_HTTP_CHAT_TIME_MAX  ((int64_t) 253402300799 * 1000 + 999)

/* bytes that are asked for at once, of which an id takes ten */
#define NGX_HTTP_CHAT_ID_RANDOM  640


static ngx_int_t ngx_http_chat_id_random(u_char *p, size_t len);
static ngx_inline u_char *ngx_http_chat_id_pair(u_char *p, ngx_uint_t byte);
static u_char *ngx_http_chat_id_decimal(u_char *p, ngx_uint_t value,
    ngx_uint_t width);


/* bytes of an id up to each of its hyphens, and all */
static ngx_uint_t  ngx_http_chat_id_groups[] = { 4, 6, 8, 10, 16 };

/* what a digit stands for, marked; 0 is none */

#define NGX_HTTP_CHAT_ID_DIGIT  0x10

static u_char  ngx_http_chat_id_digits[256] = {
    ['0'] = 0x10, ['1'] = 0x11, ['2'] = 0x12, ['3'] = 0x13, ['4'] = 0x14,
    ['5'] = 0x15, ['6'] = 0x16, ['7'] = 0x17, ['8'] = 0x18, ['9'] = 0x19,
    ['a'] = 0x1a, ['b'] = 0x1b, ['c'] = 0x1c, ['d'] = 0x1d, ['e'] = 0x1e,
    ['f'] = 0x1f,
    ['A'] = 0x1a, ['B'] = 0x1b, ['C'] = 0x1c, ['D'] = 0x1d, ['E'] = 0x1e,
    ['F'] = 0x1f
};


ngx_int_t
ngx_http_chat_id_make(ngx_http_chat_id_t *id)
{
    int64_t     ms;
    ngx_uint_t  i;

    if (ngx_http_chat_id_random(&id->data[6], 10) != NGX_OK) {
        return NGX_ERROR;
    }

    ms = ngx_http_chat_time_now();

    for (i = 0; i < 6; i++) {
        id->data[i] = (u_char) ((uint64_t) ms >> (40 - i * 8));
    }

    id->data[6] = (u_char) (0x70 | (id->data[6] & 0x0f));
    id->data[8] = (u_char) (0x80 | (id->data[8] & 0x3f));

    return NGX_OK;
}


/* from OpenSSL in larger pieces; a worker does not go on with its master's */

static ngx_int_t
ngx_http_chat_id_random(u_char *p, size_t len)
{
    static u_char      bytes[NGX_HTTP_CHAT_ID_RANDOM];
    static size_t      used = NGX_HTTP_CHAT_ID_RANDOM;
    static ngx_pid_t   owner;

    if (owner != ngx_pid || sizeof(bytes) - used < len) {

        if (RAND_bytes(bytes, sizeof(bytes)) != 1) {
            return NGX_ERROR;
        }

        owner = ngx_pid;
        used = 0;
    }

    ngx_memcpy(p, bytes + used, len);
    used += len;

    return NGX_OK;
}


ngx_int_t
ngx_http_chat_id_parse(ngx_http_chat_id_t *id, u_char *p, size_t len)
{
    u_char      *start;
    ngx_uint_t   i, n, high, low, digits;

    if (len != NGX_HTTP_CHAT_ID_LEN) {
        return NGX_ERROR;
    }

    start = p;
    digits = NGX_HTTP_CHAT_ID_DIGIT;

    for (i = 0, n = 0; n < 5; n++) {

        if (p != start && *p++ != '-') {
            return NGX_ERROR;
        }

        for (/* void */; i < ngx_http_chat_id_groups[n]; i++) {
            high = ngx_http_chat_id_digits[p[0]];
            low = ngx_http_chat_id_digits[p[1]];
            digits &= high & low;

            id->data[i] = (u_char) (high << 4 | (low & 0x0f));
            p += 2;
        }
    }

    return digits ? NGX_OK : NGX_ERROR;
}


u_char *
ngx_http_chat_id_write(u_char *p, ngx_http_chat_id_t *id)
{
    u_char  *d;

    d = id->data;

    p = ngx_http_chat_id_pair(p, d[0]);
    p = ngx_http_chat_id_pair(p, d[1]);
    p = ngx_http_chat_id_pair(p, d[2]);
    p = ngx_http_chat_id_pair(p, d[3]);
    *p++ = '-';
    p = ngx_http_chat_id_pair(p, d[4]);
    p = ngx_http_chat_id_pair(p, d[5]);
    *p++ = '-';
    p = ngx_http_chat_id_pair(p, d[6]);
    p = ngx_http_chat_id_pair(p, d[7]);
    *p++ = '-';
    p = ngx_http_chat_id_pair(p, d[8]);
    p = ngx_http_chat_id_pair(p, d[9]);
    *p++ = '-';
    p = ngx_http_chat_id_pair(p, d[10]);
    p = ngx_http_chat_id_pair(p, d[11]);
    p = ngx_http_chat_id_pair(p, d[12]);
    p = ngx_http_chat_id_pair(p, d[13]);
    p = ngx_http_chat_id_pair(p, d[14]);
    p = ngx_http_chat_id_pair(p, d[15]);

    return p;
}


static ngx_inline u_char *
ngx_http_chat_id_pair(u_char *p, ngx_uint_t byte)
{
    static u_char  hex[] = "0123456789abcdef";

    p[0] = hex[byte >> 4];
    p[1] = hex[byte & 0x0f];

    return p + 2;
}


ngx_int_t
ngx_http_chat_cursor_parse(ngx_http_chat_cursor_t *cursor, u_char *p,
    size_t len)
{
    u_char      *last;
    int64_t      seq, digit;
    ngx_uint_t   i;

    if (len < NGX_HTTP_CHAT_EPOCH_LEN + 2) {
        return NGX_ERROR;
    }

    last = p + len;

    for (i = 0; i < NGX_HTTP_CHAT_EPOCH_LEN; i++, p++) {

        if ((*p < '0' || *p > '9') && (*p < 'a' || *p > 'f')) {
            return NGX_ERROR;
        }

        cursor->epoch[i] = *p;
    }

    if (*p != '.') {
        return NGX_ERROR;
    }

    p++;

    if (*p == '0' && last - p > 1) {
        return NGX_ERROR;
    }

    for (seq = 0; p < last; p++) {

        if (*p < '0' || *p > '9') {
            return NGX_ERROR;
        }

        digit = *p - '0';

        if (seq > (INT64_MAX - digit) / 10) {
            return NGX_ERROR;
        }

        seq = seq * 10 + digit;
    }

    cursor->seq = seq;

    return NGX_OK;
}


u_char *
ngx_http_chat_cursor_write(u_char *p, u_char *epoch, int64_t seq)
{
    p = ngx_cpymem(p, epoch, NGX_HTTP_CHAT_EPOCH_LEN);
    *p++ = '.';

    return ngx_http_chat_number_write(p, seq > 0 ? (uint64_t) seq : 0);
}


u_char *
ngx_http_chat_number_write(u_char *p, uint64_t value)
{
    u_char  digits[NGX_INT64_LEN], *d;

    d = digits + NGX_INT64_LEN;

    do {
        *--d = (u_char) ('0' + value % 10);
        value /= 10;
    } while (value != 0);

    return ngx_cpymem(p, d, digits + NGX_INT64_LEN - d);
}


u_char *
ngx_http_chat_time_write(u_char *p, int64_t ms)
{
    time_t     sec;
    struct tm  tm;

    ms = ngx_max(ms, 0);
    ms = ngx_min(ms, NGX_HTTP_CHAT_TIME_MAX);

    sec = (time_t) (ms / 1000);

    (void) gmtime_r(&sec, &tm);

    p = ngx_http_chat_id_decimal(p, tm.tm_year + 1900, 4);
    *p++ = '-';
    p = ngx_http_chat_id_decimal(p, tm.tm_mon + 1, 2);
    *p++ = '-';
    p = ngx_http_chat_id_decimal(p, tm.tm_mday, 2);
    *p++ = 'T';
    p = ngx_http_chat_id_decimal(p, tm.tm_hour, 2);
    *p++ = ':';
    p = ngx_http_chat_id_decimal(p, tm.tm_min, 2);
    *p++ = ':';
    p = ngx_http_chat_id_decimal(p, tm.tm_sec, 2);
    *p++ = '.';
    p = ngx_http_chat_id_decimal(p, (ngx_uint_t) (ms % 1000), 3);
    *p++ = 'Z';

    return p;
}


int64_t
ngx_http_chat_time_parse(u_char *p)
{
    int                n, field[7];
    time_t             sec;
    struct tm          tm;
    const char        *c;
    static const char  format[] = "0000-11-22T33:44:55.666Z";

    ngx_memzero(field, sizeof(field));

    for (c = format; *c != '\0'; c++, p++) {

        if (*c < '0' || *c > '6') {

            if (*p != (u_char) *c) {
                return -1;
            }

            continue;
        }

        if (*p < '0' || *p > '9') {
            return -1;
        }

        n = *c - '0';
        field[n] = field[n] * 10 + (*p - '0');
    }

    ngx_memzero(&tm, sizeof(struct tm));

    tm.tm_year = field[0] - 1900;
    tm.tm_mon = field[1] - 1;
    tm.tm_mday = field[2];
    tm.tm_hour = field[3];
    tm.tm_min = field[4];
    tm.tm_sec = field[5];

    sec = timegm(&tm);

    return sec < 0 ? -1 : (int64_t) sec * 1000 + field[6];
}


/* the lowest width digits of value */

static u_char *
ngx_http_chat_id_decimal(u_char *p, ngx_uint_t value, ngx_uint_t width)
{
    ngx_uint_t  i;

    for (i = width; i > 0; i--) {
        p[i - 1] = (u_char) ('0' + value % 10);
        value /= 10;
    }

    return p + width;
}


int64_t
ngx_http_chat_time_now(void)
{
    ngx_time_t  *tp;

    tp = ngx_timeofday();

    return (int64_t) tp->sec * 1000 + tp->msec;
}
