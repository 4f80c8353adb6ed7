
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


/*
 * Sources: src/ngx_http_chat_id.c
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_http_chat_id.h"
#include "unit.h"


#define EPOCH  "0123456789abcdef"


static void ids(void);
static ngx_uint_t apart(void);
static void made(void);
static void id(const char *name, const char *text, size_t len);
static void cursors(void);
static void cursor(const char *name, const char *text, int64_t seq);
static void no_cursor(const char *name, const char *text);
static void times(void);
static void at(int64_t ms, const char *expected);
static void no_time(const char *text);


/* of the core, and read by ngx_timeofday() */
volatile ngx_time_t  *ngx_cached_time;
ngx_pid_t             ngx_pid;

static ngx_time_t  now = { 1795327200, 123, 0 };


int
main(void)
{
    ngx_cached_time = &now;

    ids();
    made();
    cursors();
    times();

    return done();
}


static void
ids(void)
{
    u_char              text[NGX_HTTP_CHAT_ID_LEN], *end;
    ngx_http_chat_id_t  a, b;

    ok(ngx_http_chat_id_parse(&a, (u_char *)
                              "0192F3a4-b5c6-7d8e-9f00-112233445566", 36)
       == NGX_OK, "either case");
    ok(memcmp(a.data, "\x01\x92\xf3\xa4\xb5\xc6\x7d\x8e\x9f\x00\x11\x22"
                      "\x33\x44\x55\x66", 16)
       == 0, "bytes of an id");

    end = ngx_http_chat_id_write(text, &a);
    ok(end == text + 36
       && memcmp(text, "0192f3a4-b5c6-7d8e-9f00-112233445566", 36) == 0,
       "written in lower case");

    ok(ngx_http_chat_id_parse(&b, text, 36) == NGX_OK
       && ngx_http_chat_id_eq(&a, &b), "and parsed again");

    id("empty", "", 0);
    id("35 characters", "0192f3a4-b5c6-7d8e-9f00-11223344556", 35);
    id("37 characters", "0192f3a4-b5c6-7d8e-9f00-1122334455667", 37);
    id("32 digits", "0192f3a4b5c67d8e9f00112233445566", 32);
    id("36 digits", "0192f3a4b5c67d8e9f001122334455660000", 36);
    id("dash too early", "0192f3a-4b5c6-7d8e-9f00-112233445566", 36);
    id("no digit", "0192f3a4-b5c6-7d8e-9f00-11223344556g", 36);
    id("NUL", "0192f3a4-b5c6-7d8e-9f00-1122334455\0\0", 36);
    id("braces", "{192f3a4-b5c6-7d8e-9f00-11223344556}", 36);
    id("sign", "+192f3a4-b5c6-7d8e-9f00-112233445566", 36);
    id("@ and ` are next to letters",
       "0192f3a4-b5c6-7d8e-9f00-11223344`@66", 36);
}


/* not an id; the copy is as long as the text for a sanitizer */

static void
id(const char *name, const char *text, size_t len)
{
    u_char              *p;
    ngx_http_chat_id_t   i;

    p = malloc(len + (len == 0));

    if (p == NULL) {
        ok(0, name);
        return;
    }

    memcpy(p, text, len);
    ok(ngx_http_chat_id_parse(&i, p, len) == NGX_ERROR, name);
    free(p);
}


static ngx_uint_t
apart(void)
{
    int                 fds[2], status;
    pid_t               pid;
    ngx_uint_t          same;
    ngx_http_chat_id_t  a, b;

    if (pipe(fds) != 0) {
        return 0;
    }

    pid = fork();

    if (pid == 0) {
        ngx_pid = getpid();
        (void) ngx_http_chat_id_make(&b);
        _exit(write(fds[1], b.data, 16) != 16);
    }

    (void) ngx_http_chat_id_make(&a);

    same = pid < 0
           || read(fds[0], b.data, 16) != 16
           || waitpid(pid, &status, 0) != pid
           || ngx_http_chat_id_eq(&a, &b);

    close(fds[0]);
    close(fds[1]);

    return !same;
}


static void
made(void)
{
    ngx_uint_t          i, wrong;
    ngx_http_chat_id_t  a, last;

    memset(&last, 0, sizeof(last));
    wrong = 0;

    for (i = 0; i < 1000; i++) {

        if (ngx_http_chat_id_make(&a) != NGX_OK
            || memcmp(a.data, "\x01\xa2\x01\xd7\x0b\x7b", 6) != 0
            || (a.data[6] & 0xf0) != 0x70
            || (a.data[8] & 0xc0) != 0x80
            || ngx_http_chat_id_eq(&a, &last))
        {
            wrong++;
        }

        last = a;
    }

    ok(wrong == 0, "UUIDv7: time, version, variant, no two alike");
    ok(apart(), "two processes of one origin make no two alike");
    ok(ngx_http_chat_time_now() == 1795327200123, "milliseconds");
}


static void
cursors(void)
{
    u_char  text[NGX_HTTP_CHAT_CURSOR_LEN], *end;

    cursor("beginning", EPOCH ".0", 0);
    cursor("one digit", EPOCH ".7", 7);
    cursor("largest", EPOCH ".9223372036854775807", INT64_MAX);

    no_cursor("empty", "");
    no_cursor("epoch alone", EPOCH);
    no_cursor("no number", EPOCH ".");
    no_cursor("no dot", EPOCH "01");
    no_cursor("short epoch", "0123456789abcde.12");
    no_cursor("long epoch", EPOCH "0.12");
    no_cursor("upper case", "0123456789ABCDEF.12");
    no_cursor("leading zero", EPOCH ".07");
    no_cursor("two zeros", EPOCH ".00");
    no_cursor("negative", EPOCH ".-1");
    no_cursor("plus", EPOCH ".+1");
    no_cursor("space", EPOCH ".1 ");
    no_cursor("exponent", EPOCH ".1e3");
    no_cursor("one more than the largest", EPOCH ".9223372036854775808");
    no_cursor("20 digits", EPOCH ".18446744073709551616");
    no_cursor("30 digits", EPOCH ".100000000000000000000000000000");

    end = ngx_http_chat_cursor_write(text, (u_char *) EPOCH, 0);
    ok(end - text == 18 && memcmp(text, EPOCH ".0", 18) == 0, "zero written");

    end = ngx_http_chat_cursor_write(text, (u_char *) EPOCH, INT64_MAX);
    ok((size_t) (end - text) == strlen(EPOCH ".9223372036854775807")
       && memcmp(text, EPOCH ".9223372036854775807", end - text) == 0,
       "largest written");
}


static void
cursor(const char *name, const char *text, int64_t seq)
{
    ngx_http_chat_cursor_t  c;

    ok(ngx_http_chat_cursor_parse(&c, (u_char *) text, strlen(text)) == NGX_OK
       && c.seq == seq
       && memcmp(c.epoch, EPOCH, NGX_HTTP_CHAT_EPOCH_LEN) == 0, name);
}


static void
no_cursor(const char *name, const char *text)
{
    size_t                   len;
    u_char                  *p;
    ngx_http_chat_cursor_t   c;

    len = strlen(text);
    p = malloc(len + (len == 0));

    if (p == NULL) {
        ok(0, name);
        return;
    }

    memcpy(p, text, len);
    ok(ngx_http_chat_cursor_parse(&c, p, len) == NGX_ERROR, name);
    free(p);
}


static void
times(void)
{
    at(0, "1970-01-01T00:00:00.000Z");
    at(1, "1970-01-01T00:00:00.001Z");
    at(951782400999, "2000-02-29T00:00:00.999Z");
    at(1795327200123, "2026-11-22T06:00:00.123Z");
    at(4107542400000, "2100-03-01T00:00:00.000Z");
    at(253402300799999, "9999-12-31T23:59:59.999Z");
    at(253402300800000, "9999-12-31T23:59:59.999Z");
    at(INT64_MAX, "9999-12-31T23:59:59.999Z");
    at(-1, "1970-01-01T00:00:00.000Z");
    at(INT64_MIN, "1970-01-01T00:00:00.000Z");

    no_time("2026-11-22 06:00:00.123Z");
    no_time("2026-11-22T06:00:00.123+");
    no_time("2026-11-22T06:00:0x.123Z");
    no_time("1926-11-22T06:00:00.123Z");
}


static void
at(int64_t ms, const char *expected)
{
    u_char  text[NGX_HTTP_CHAT_TIME_LEN];

    ok(ngx_http_chat_time_write(text, ms) == text + NGX_HTTP_CHAT_TIME_LEN
       && memcmp(text, expected, NGX_HTTP_CHAT_TIME_LEN) == 0, expected);

    ms = ms < 0 ? 0 : ms > 253402300799999 ? 253402300799999 : ms;

    ok(ngx_http_chat_time_parse(text) == ms, "and back");
}


static void
no_time(const char *text)
{
    ok(ngx_http_chat_time_parse((u_char *) text) == -1, text);
}
