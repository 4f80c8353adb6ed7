
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include <openssl/rand.h>

#include "ngx_http_chat_id.h"


/* 9999-12-31T23:59:59.999Z, the last time with four digits for the year */
#define NGX_HTTP_CHAT_TIME_MAX  ((int64_t) 253402300799 * 1000 + 999)


static ngx_int_t ngx_http_chat_id_digit(u_char ch);
static u_char *ngx_http_chat_id_decimal(u_char *p, ngx_uint_t value,
    ngx_uint_t width);


static u_char  ngx_http_chat_id_hex[] = "0123456789abcdef";


ngx_int_t
ngx_http_chat_id_make(ngx_http_chat_id_t *id)
{
    int64_t     ms;
    ngx_uint_t  i;

    if (RAND_bytes(&id->data[6], 10) != 1) {
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


ngx_int_t
ngx_http_chat_id_parse(ngx_http_chat_id_t *id, u_char *p, size_t len)
{
    ngx_int_t   high, low;
    ngx_uint_t  i;

    if (len != NGX_HTTP_CHAT_ID_LEN) {
        return NGX_ERROR;
    }

    for (i = 0; i < 16; i++) {

        if (i == 4 || i == 6 || i == 8 || i == 10) {
            if (*p != '-') {
                return NGX_ERROR;
            }

            p++;
        }

        high = ngx_http_chat_id_digit(p[0]);
        low = ngx_http_chat_id_digit(p[1]);

        if (high == NGX_ERROR || low == NGX_ERROR) {
            return NGX_ERROR;
        }

        id->data[i] = (u_char) (high << 4 | low);
        p += 2;
    }

    return NGX_OK;
}


u_char *
ngx_http_chat_id_write(u_char *p, ngx_http_chat_id_t *id)
{
    ngx_uint_t  i;

    for (i = 0; i < 16; i++) {

        if (i == 4 || i == 6 || i == 8 || i == 10) {
            *p++ = '-';
        }

        *p++ = ngx_http_chat_id_hex[id->data[i] >> 4];
        *p++ = ngx_http_chat_id_hex[id->data[i] & 0x0f];
    }

    return p;
}


static ngx_int_t
ngx_http_chat_id_digit(u_char ch)
{
    if (ch >= '0' && ch <= '9') {
        return ch - '0';
    }

    ch = (u_char) (ch | 0x20);

    if (ch >= 'a' && ch <= 'f') {
        return ch - 'a' + 10;
    }

    return NGX_ERROR;
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
    u_char    digits[NGX_INT64_LEN], *d;
    uint64_t  value;

    p = ngx_cpymem(p, epoch, NGX_HTTP_CHAT_EPOCH_LEN);
    *p++ = '.';

    value = (seq > 0) ? (uint64_t) seq : 0;
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
