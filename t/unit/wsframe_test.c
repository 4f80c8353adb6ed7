
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


/*
 * Sources: src/ngx_http_chat_wsframe.c
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_http_chat_wsframe.h"
#include "unit.h"


#define MAX  65536


volatile ngx_cycle_t  *ngx_cycle;

static ngx_cycle_t     cycle;
static u_char          input[3 * MAX];
static size_t          length;
static u_char          output[3 * MAX];
static size_t          produced;


static void begin(void);
static void frame(ngx_uint_t first, const char *payload, size_t len);
static void head(ngx_uint_t first, uint64_t len, ngx_uint_t wide);
static ngx_uint_t run(size_t chop, const char *expected);
static void reads(const char *name, const char *expected, ngx_uint_t code);
static void lengths(void);
static void messages(void);
static void closes(void);
static void texts(void);
static void fail_fast(const char *name, const char *bytes, size_t bad);
static void heads(void);
static void memory(void);


void *
ngx_alloc(size_t size, ngx_log_t *log)
{
    return malloc(size);
}


int
main(void)
{
    ngx_cycle = &cycle;

    lengths();
    messages();
    closes();
    texts();
    heads();
    memory();

    return done();
}


static void
begin(void)
{
    length = 0;
}


static void
head(ngx_uint_t first, uint64_t len, ngx_uint_t wide)
{
    ngx_uint_t  i;

    input[length++] = (u_char) first;
    input[length++] = (u_char) (0x80 | (wide == 8 ? 127 : wide == 2 ? 126
                                                                 : len));

    for (i = wide; i > 0; i--) {
        input[length++] = (u_char) (len >> (8 * (i - 1)));
    }

    memcpy(&input[length], "\x12\x34\x56\x78", 4);
    length += 4;
}


static void
frame(ngx_uint_t first, const char *payload, size_t len)
{
    size_t         i;
    static u_char  mask[] = { 0x12, 0x34, 0x56, 0x78 };

    head(first, len, len < 126 ? 0 : len < 65536 ? 2 : 8);

    for (i = 0; i < len; i++) {
        input[length++] = (u_char) payload[i] ^ mask[i % 4];
    }
}


/*
 * Reads the input in pieces of chop bytes.  Messages are written as a letter
 * and the data; the code of the end is returned, 0 when there was none.
 */

static ngx_uint_t
run(size_t chop, const char *expected)
{
    size_t                            n, at;
    u_char                           *copy, *p;
    ngx_int_t                         rc;
    ngx_uint_t                        code;
    ngx_http_chat_wsframe_t           f;
    ngx_http_chat_wsframe_message_t   m;

    ngx_http_chat_wsframe_init(&f, MAX, 0);

    code = 0;
    produced = 0;

    for (at = 0; at < length && code == 0; at += n) {
        n = ngx_min(chop, length - at);

        /* exactly as long as the piece: a sanitizer sees a read beyond it */

        copy = malloc(n);
        memcpy(copy, input + at, n);
        p = copy;

        for ( ;; ) {
            rc = ngx_http_chat_wsframe_read(&f, &p, copy + n, &m);

            if (rc != NGX_OK) {
                break;
            }

            output[produced++] = (u_char) "?tb?????cpo"[m.opcode];
            memcpy(output + produced, m.data.data, m.data.len);
            produced += m.data.len;

            if (m.opcode == NGX_HTTP_CHAT_WSFRAME_CLOSE) {
                code = m.code;
                break;
            }
        }

        if (rc == NGX_ERROR) {
            code = m.code;
        }

        free(copy);
    }

    ngx_http_chat_wsframe_free(&f);

    if (expected != NULL
        && (produced != strlen(expected)
            || memcmp(output, expected, produced) != 0))
    {
        return 1;
    }

    return code;
}


static void
reads(const char *name, const char *expected, ngx_uint_t code)
{
    ok(run(length, expected) == code, name);
    ok(run(1, expected) == code, name);
    ok(run(3, expected) == code, name);
}


static void
lengths(void)
{
    size_t                       i, len;
    static char                  text[2 * MAX];
    static size_t                sizes[] = {
        0, 1, 3, 4, 5, 7, 8, 9, 125, 126, 127, 128, 255, 65535, 65536
    };

    memset(text, 'x', sizeof(text));

    for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        len = sizes[i];

        begin();
        frame(0x81, text, len);
        ok(run(length, NULL) == 0 && produced == len + 1
           && memcmp(output + 1, text, len) == 0, "a message whole");
        ok(run(len < 1000 ? 1 : 997, NULL) == 0 && produced == len + 1
           && memcmp(output + 1, text, len) == 0, "a message in pieces");
    }

    begin();
    frame(0x81, text, 65537);
    reads("one byte too many", "", 1009);

    begin();
    frame(0x01, text, 40000);
    frame(0x80, text, 25536);
    ok(run(length, NULL) == 0 && produced == 65537, "in parts, as many");

    begin();
    frame(0x01, text, 40000);
    frame(0x80, text, 25537);
    ok(run(length, "") == 1009, "in parts, one too many");

    begin();
    head(0x81, (uint64_t) 1 << 62, 8);
    reads("a length of 2^62", "", 1009);

    begin();
    head(0x81, (uint64_t) 1 << 63, 8);
    reads("the top bit of the length", "", 1002);

    begin();
    head(0x81, ~(uint64_t) 0, 8);
    reads("all bits of the length", "", 1002);

    begin();
    head(0x81, 125, 2);
    reads("125 in two bytes", "", 1002);

    begin();
    head(0x81, 65535, 8);
    reads("65535 in eight bytes", "", 1002);
}


static void
messages(void)
{
    ngx_uint_t  op;
    char        many[126];

    begin();
    frame(0x81, "one", 3);
    frame(0x81, "two", 3);
    reads("one after the other", "tonettwo", 0);

    begin();
    frame(0x01, "a", 1);
    frame(0x00, "b", 1);
    frame(0x00, "", 0);
    frame(0x80, "c", 1);
    reads("in parts", "tabc", 0);

    begin();
    frame(0x01, "", 0);
    frame(0x00, "", 0);
    frame(0x80, "", 0);
    reads("in empty parts", "t", 0);

    begin();
    frame(0x01, "a", 1);
    frame(0x89, "hi", 2);
    frame(0x8a, "", 0);
    frame(0x80, "b", 1);
    reads("control frames between parts", "phiotab", 0);

    begin();
    frame(0x01, "a", 1);
    frame(0x81, "b", 1);
    reads("a message inside another", "", 1002);

    begin();
    frame(0x80, "b", 1);
    reads("a part of nothing", "", 1002);

    begin();
    frame(0x81, "a", 1);
    frame(0x00, "b", 1);
    reads("a part after the end", "ta", 1002);

    begin();
    frame(0x82, "b", 1);
    reads("binary", "", 1003);

    begin();
    frame(0x09, "", 0);
    reads("a ping in parts", "", 1002);

    begin();
    memset(many, 'x', sizeof(many));
    frame(0x89, many, 125);
    ok(run(1, NULL) == 0 && produced == 126, "a ping of 125 bytes");

    begin();
    frame(0x89, many, 126);
    reads("a ping of 126 bytes", "", 1002);

    begin();
    input[length++] = 0x81;
    input[length++] = 0x05;
    reads("no mask", "", 1002);

    for (op = 0x10; op <= 0x70; op += 0x10) {
        begin();
        frame(0x81 | op, "x", 1);
        reads("a reserved bit", "", 1002);
    }

    for (op = 3; op < 16; op++) {
        if (op < 8 || op > 10) {
            begin();
            frame(0x80 | op, "x", 1);
            reads("a reserved opcode", "", 1002);
        }
    }
}


static void
closes(void)
{
    char         payload[2];
    ngx_uint_t   code, valid, wrong;

    begin();
    frame(0x88, "", 0);
    reads("close", "c", 1005);

    begin();
    frame(0x88, "\x03", 1);
    reads("close with half a code", "", 1002);

    begin();
    frame(0x88, "\x03\xe8" "bye", 5);
    reads("close with a reason", "cbye", 1000);

    begin();
    frame(0x88, "\x03\xe8\xff", 3);
    reads("close with a reason that is no text", "", 1007);

    begin();
    frame(0x88, "\x03\xe8\xe2\x82", 4);
    reads("close with a reason that is cut", "", 1007);

    begin();
    frame(0x01, "\xe2", 1);
    frame(0x88, "\x03\xe8" "ok", 4);
    reads("close within a character", "cok", 1000);

    wrong = 0;

    for (code = 0; code < 65536; code++) {
        payload[0] = (char) (code >> 8);
        payload[1] = (char) code;

        begin();
        frame(0x88, payload, 2);

        valid = (code >= 1000 && code <= 1014 && code != 1004 && code != 1005
                 && code != 1006)
                || (code >= 3000 && code < 5000);

        wrong += (run(length, NULL) != (valid ? code : 1002));
    }

    ok(wrong == 0, "all codes");
}


static void
texts(void)
{
    begin();
    frame(0x81, "\xce\xba\xe1\xbd\xb9\xf0\x9f\x98\x80", 9);
    reads("UTF-8", "t\xce\xba\xe1\xbd\xb9\xf0\x9f\x98\x80", 0);

    begin();
    frame(0x01, "\xf0", 1);
    frame(0x00, "\x9f", 1);
    frame(0x89, "\xff", 1);
    frame(0x00, "\x98", 1);
    frame(0x80, "\x80", 1);
    reads("a character over parts", "p\xfft\xf0\x9f\x98\x80", 0);

    begin();
    frame(0x81, "\xe2\x82", 2);
    reads("a character that is cut", "", 1007);

    begin();
    frame(0x01, "\xe2\x82", 2);
    frame(0x80, "", 0);
    reads("the same in parts", "", 1007);

    fail_fast("a continuation alone", "ab\x80", 3);
    fail_fast("an overlong form", "\xc0", 1);
    fail_fast("an overlong form of three", "\xe0\x9f", 2);
    fail_fast("an overlong form of four", "\xf0\x8f", 2);
    fail_fast("a surrogate", "\xed\xa0", 2);
    fail_fast("above U+10FFFF", "\xf4\x90", 2);
    fail_fast("five bytes", "\xf5", 1);
    fail_fast("a lead in place of a continuation", "\xe2\x82\xe2", 3);
}


/* told at the byte that makes it wrong, though the frame goes on */

static void
fail_fast(const char *name, const char *bytes, size_t bad)
{
    size_t  i;

    begin();
    head(0x01, 1000, 2);

    for (i = 0; i < bad; i++) {
        input[length + i] = (u_char) bytes[i]
                            ^ (u_char) "\x12\x34\x56\x78"[i % 4];
    }

    length += bad - 1;
    ok(run(length, "") == 0, name);

    length++;
    ok(run(length, "") == 1007, name);
    ok(run(1, "") == 1007, name);
}


static void
heads(void)
{
    u_char  buf[NGX_HTTP_CHAT_WSFRAME_HEAD];

    ok(ngx_http_chat_wsframe_head(buf, 1, 125) == buf + 2
       && memcmp(buf, "\x81\x7d", 2) == 0, "a short head");
    ok(ngx_http_chat_wsframe_head(buf, 1, 126) == buf + 4
       && memcmp(buf, "\x81\x7e\x00\x7e", 4) == 0, "a medium head");
    ok(ngx_http_chat_wsframe_head(buf, 10, 65535) == buf + 4
       && memcmp(buf, "\x8a\x7e\xff\xff", 4) == 0, "the longest of them");
    ok(ngx_http_chat_wsframe_head(buf, 2, 65536) == buf + 10
       && memcmp(buf, "\x82\x7f\x00\x00\x00\x00\x00\x01\x00\x00", 10) == 0,
       "a long head");
}


/* a length that is announced takes no memory */

static void
memory(void)
{
    u_char                           *p;
    ngx_http_chat_wsframe_t           f;
    ngx_http_chat_wsframe_message_t   m;

    begin();
    head(0x81, 65536, 8);
    input[length++] = 'x' ^ 0x12;

    ngx_http_chat_wsframe_init(&f, MAX, 0);

    ok(ngx_http_chat_wsframe_idle(&f), "idle at first");

    p = input;
    ok(ngx_http_chat_wsframe_read(&f, &p, input + length, &m) == NGX_AGAIN
       && !ngx_http_chat_wsframe_idle(&f) && f.size <= 1024,
       "memory follows what has arrived");

    ngx_http_chat_wsframe_free(&f);
}
