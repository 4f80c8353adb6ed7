
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


/*
 * Sources: src/ngx_http_chat_card.c
 * Sources: src/ngx_http_chat_fields.c src/ngx_http_chat_id.c
 * Libraries: -ljansson
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_http_chat_fields.h"
#include "unit.h"


typedef struct {
    ngx_str_t            name;
    ngx_str_t            text;
    ngx_str_t            client_id;
    ngx_http_chat_id_t   id;
    ngx_uint_t           id_set;
    int64_t              seq;
    ngx_uint_t           seq_set;
    ngx_uint_t           on;
    ngx_str_t            status;
} request_t;


static void good(const char *json);
static void bad(const char *json, const char *detail);
static void bad_bytes(const char *name, const char *json, size_t len,
    const char *detail);
static void repeated(const char *name, const char *before, const char *one,
    const char *after, int n, const char *detail);
static int take(const char *json, request_t *request);
static void taken(const char *name, const char *json, const char *text);
static void refused(const char *json, const char *expected);
static void values(void);
static void no_memory(void);


static const char  *statuses[] = { "open", "resolved", NULL };

static ngx_http_chat_field_t  table[] = {
    { "name", NGX_HTTP_CHAT_F_STRING, 0,
      offsetof(request_t, name), -1, 8, NULL },
    { "text", NGX_HTTP_CHAT_F_TEXT, NGX_HTTP_CHAT_REQUIRED,
      offsetof(request_t, text), -1, 0, NULL },
    { "client_id", NGX_HTTP_CHAT_F_CLIENT_ID, 0,
      offsetof(request_t, client_id), -1, 0, NULL },
    { "id", NGX_HTTP_CHAT_F_UUID, NGX_HTTP_CHAT_NULLABLE,
      offsetof(request_t, id), offsetof(request_t, id_set), 0, NULL },
    { "seq", NGX_HTTP_CHAT_F_INT, 0,
      offsetof(request_t, seq), offsetof(request_t, seq_set), 1000, NULL },
    { "on", NGX_HTTP_CHAT_F_BOOL, 0,
      offsetof(request_t, on), -1, 0, NULL },
    { "status", NGX_HTTP_CHAT_F_ENUM, 0,
      offsetof(request_t, status), -1, 0, statuses }
};


/* of nginx, what the sources need; a pool is never freed here */

volatile ngx_time_t  *ngx_cached_time;
ngx_pid_t             ngx_pid;

static int     memory = 1;
static void   *blocks[1024];
static size_t  nblocks;


void *
ngx_pnalloc(ngx_pool_t *pool, size_t size)
{
    if (!memory || nblocks == 1024) {
        return NULL;
    }

    blocks[nblocks] = malloc(size);

    return blocks[nblocks++];
}


int
main(void)
{
    good("{}");
    good(" {\"a\":1}\n");
    good("{\"a\":{\"b\":[1,2,{\"c\":null}]}}");
    good("{\"a\":\"[[[[[[[[[[[[:,:,\\\"[[\"}");

    bad("", "the body is empty");
    bad(" ", "the JSON text is incomplete");
    bad("{", "the JSON text is incomplete");
    bad("{\"a\":1", "the JSON text is incomplete");
    bad("{\"a\":\"", "the JSON text is incomplete");
    bad("{\"a\":\"\\", "the body is not a JSON text");
    bad("{a:1}", "the body is not a JSON text");
    bad("{'a':1}", "the body is not a JSON text");
    bad("{\"a\":1,}", "the body is not a JSON text");
    bad("{\"a\":01}", "the body is not a JSON text");
    bad("{\"a\":NaN}", "the body is not a JSON text");
    bad("{\"a\":\"\n\"}", "the body is not a JSON text");
    bad("{\"a\":\"\\ud800\"}", "the body is not a JSON text");
    bad("\xef\xbb\xbf{}", "the body is not a JSON text");
    bad("]]]]]{}", "the body is not a JSON text");
    bad("{}{}", "something follows the JSON text");
    bad("{} x", "something follows the JSON text");
    bad("[]", "a JSON object is expected");
    bad("[{}]", "a JSON object is expected");
    bad("1", "the body is not a JSON text");
    bad("{\"a\":1,\"a\":1}", "an object has the same key twice");
    bad("{\"a\":{\"b\":1,\"\\u0062\":1}}", "an object has the same key twice");
    bad("{\"a\":\"\\u0000\"}", "a string contains NUL");
    bad("{\"\\u0000\":1}", "a string contains NUL");
    bad("{\"a\":\"\xff\"}", "the body is not valid UTF-8");
    bad("{\"a\":\"\xc0\xaf\"}", "the body is not valid UTF-8");
    bad("{\"a\":\"\xed\xa0\x80\"}", "the body is not valid UTF-8");
    bad("{\"a\":99999999999999999999}", "a number is out of range");
    bad("{\"a\":1e999}", "a number is out of range");

    bad_bytes("NUL in a string", "{\"a\":\"b\0c\"}", 11,
              "the body is not a JSON text");
    bad_bytes("NUL after the object", "{}\0", 3,
              "something follows the JSON text");

    repeated("depth 8", "{\"a\":", "[", "1]]]]]]]}", 7, NULL);
    repeated("depth 9", "{\"a\":", "[", "1]]]]]]]]}", 8,
             "the JSON text is nested too deeply");
    repeated("depth beyond a parser's recursion", "{\"a\":", "[", "", 60000,
             "the JSON text is nested too deeply");
    repeated("64 keys", "{\"a\":[", "{\"b\":1},", "1]}", 63, NULL);
    repeated("65 keys", "{\"a\":[", "{\"b\":1},", "1]}", 64,
             "the JSON text has too many values");
    repeated("256 commas", "{\"a\":[", "1,", "1]}", 256, NULL);
    repeated("257 commas", "{\"a\":[", "1,", "1]}", 257,
             "the JSON text has too many values");

    values();

    taken("CR LF becomes LF", "{\"text\":\"a\\r\\nb\\r\\n\\r\\nc\"}",
          "a\nb\n\nc");
    taken("tab", "{\"text\":\"\\ta\"}", "\ta");
    taken("spaces around stay", "{\"text\":\" a \"}", " a ");
    taken("other scripts",
          "{\"text\":\"\\u05e9\\u05dc\\u05d5\\u05dd \\ud83d\\ude00\"}",
          "\xd7\xa9\xd7\x9c\xd7\x95\xd7\x9d \xf0\x9f\x98\x80");
    taken("as long as allowed", "{\"text\":\"0123456789abcdef\"}",
          "0123456789abcdef");
    taken("as long as allowed once normalised",
          "{\"text\":\"0123456789abcd\\r\\nf\"}", "0123456789abcd\nf");

    refused("{}", "text: the field is required");
    refused("{\"text\":null}", "text: the field has to be a string");
    refused("{\"text\":1}", "text: the field has to be a string");
    refused("{\"text\":\"\"}", "text: the text is empty");
    refused("{\"text\":\" \\t\\r\\n\"}", "text: the text is empty");
    refused("{\"text\":\"a\\rb\"}", "text: the text contains a control "
            "character");
    refused("{\"text\":\"a\\r\"}", "text: the text contains a control "
            "character");
    refused("{\"text\":\"a\\u001b[1m\"}", "text: the text contains a control "
            "character");
    refused("{\"text\":\"0123456789abcdefg\"}", "text: the text is too long");
    refused("{\"text\":\"a\",\"name\":\"123456789\"}",
            "name: the string is too long");
    refused("{\"text\":\"a\",\"name\":null}",
            "name: the field has to be a string");
    refused("{\"text\":\"a\",\"client_id\":\"\"}",
            "client_id: the string is empty");
    refused("{\"text\":\"a\",\"client_id\":\"a b\"}",
            "client_id: only letters, digits and \"._:-\" are allowed");
    refused("{\"text\":\"a\",\"client_id\":\"0123456789012345678901234567890"
            "1234567890123456789012345678901234\"}",
            "client_id: the string is too long");
    refused("{\"text\":\"a\",\"id\":\"0192f0c1-0000-7000-8000\"}",
            "id: the field has to be a UUID");
    refused("{\"text\":\"a\",\"id\":7}", "id: the field has to be a UUID");
    refused("{\"text\":\"a\",\"seq\":-1}", "seq: the number is out of range");
    refused("{\"text\":\"a\",\"seq\":1001}",
            "seq: the number is out of range");
    refused("{\"text\":\"a\",\"seq\":1.0}",
            "seq: the field has to be an integer");
    refused("{\"text\":\"a\",\"seq\":\"1\"}",
            "seq: the field has to be an integer");
    refused("{\"text\":\"a\",\"seq\":null}",
            "seq: the field has to be an integer");
    refused("{\"text\":\"a\",\"on\":1}", "on: the field has to be a boolean");
    refused("{\"text\":\"a\",\"status\":\"Open\"}",
            "status: the value is not allowed");
    refused("{\"text\":\"a\",\"status\":[]}",
            "status: the field has to be a string");
    refused("{\"text\":\"a\",\"site\":\"x\"}", "site: the field is unknown");

    no_memory();

    while (nblocks > 0) {
        free(blocks[--nblocks]);
    }

    return done();
}


static void
good(const char *json)
{
    json_t      *object;
    const char  *detail;

    object = ngx_http_chat_fields_load((u_char *) json, strlen(json),
                                       &detail);
    ok(json_is_object(object), json);
    json_decref(object);
}


static void
bad(const char *json, const char *detail)
{
    bad_bytes(detail, json, strlen(json), detail);
}


static void
bad_bytes(const char *name, const char *json, size_t len, const char *detail)
{
    u_char      *p;
    json_t      *object;
    const char  *found;

    /* exactly as long as the text: a sanitizer sees a read beyond it */

    p = malloc(len + (len == 0));

    if (p == NULL) {
        ok(0, name);
        return;
    }

    memcpy(p, json, len);

    found = NULL;
    object = ngx_http_chat_fields_load(p, len, &found);

    ok(object == NULL && found != NULL && strcmp(found, detail) == 0, name);

    if (found != NULL && strcmp(found, detail) != 0) {
        printf("# %s: %s\n", json, found);
    }

    json_decref(object);
    free(p);
}


/* a text of n times one thing; detail is NULL for a good one */

static void
repeated(const char *name, const char *before, const char *one,
    const char *after, int n, const char *detail)
{
    int          i;
    char        *p;
    json_t      *object;
    size_t       len;
    const char  *found;

    len = strlen(before) + n * strlen(one) + strlen(after);
    p = malloc(len + 1);

    if (p == NULL) {
        ok(0, name);
        return;
    }

    memcpy(p, before, strlen(before));

    for (i = 0; i < n; i++) {
        memcpy(p + strlen(before) + i * strlen(one), one, strlen(one));
    }

    memcpy(p + len - strlen(after), after, strlen(after) + 1);

    if (detail == NULL) {
        object = ngx_http_chat_fields_load((u_char *) p, len, &found);
        ok(object != NULL, name);
        json_decref(object);

    } else {
        bad_bytes(name, p, len, detail);
    }

    free(p);
}


static json_t      *object;
static const char  *field;
static const char  *wrong;


static int
take(const char *json, request_t *request)
{
    json_decref(object);
    object = ngx_http_chat_fields_load((u_char *) json, strlen(json), &wrong);

    memset(request, 0, sizeof(request_t));
    field = NULL;
    wrong = NULL;

    return ngx_http_chat_fields_take(object, table,
                                     sizeof(table) / sizeof(table[0]),
                                     request, 16, NULL, &field, &wrong);
}


static void
taken(const char *name, const char *json, const char *text)
{
    request_t  request;

    ok(take(json, &request) == NGX_OK
       && request.text.len == strlen(text)
       && memcmp(request.text.data, text, strlen(text)) == 0, name);
}


static void
refused(const char *json, const char *expected)
{
    char       text[128];
    request_t  request;

    text[0] = '\0';

    if (take(json, &request) == NGX_ERROR) {
        snprintf(text, sizeof(text), "%s: %s", field, wrong);
    }

    ok(strcmp(text, expected) == 0, expected);

    if (strcmp(text, expected) != 0) {
        printf("# %s gave \"%s\"\n", json, text);
    }
}


static void
values(void)
{
    request_t    request;
    const char  *json;

    json = "{\"text\":\"hi\",\"name\":\"Dana\",\"client_id\":\"a-Z_0.9:\","
           "\"id\":\"0192f0c1-0000-7000-8000-0000000000ff\",\"seq\":1000,"
           "\"on\":true,\"status\":\"resolved\"}";

    ok(take(json, &request) == NGX_OK, "all fields");
    ok(request.name.len == 4 && memcmp(request.name.data, "Dana", 4) == 0,
       "string");
    ok(request.client_id.len == 8, "client id");
    ok(request.id.data[0] == 1 && request.id.data[15] == 0xff
       && request.id_set == 1, "UUID");
    ok(request.seq == 1000 && request.seq_set == 1, "integer");
    ok(request.on == 1, "boolean");
    ok(request.status.len == 8, "enumeration");

    ok(take("{\"text\":\"hi\"}", &request) == NGX_OK
       && request.id_set == 0 && request.seq_set == 0, "absent fields");
    ok(take("{\"text\":\"hi\",\"id\":null}", &request) == NGX_OK
       && request.id_set == 2, "null");

    ok(ngx_http_chat_fields_take(NULL, &table[5], 1, &request, 16, NULL,
                                 &field, &wrong)
       == NGX_OK, "no object is an empty one");
}


static void
no_memory(void)
{
    request_t  request;

    memory = 0;
    field = "";

    ok(take("{\"text\":\"hi\"}", &request) == NGX_ERROR && field == NULL,
       "no memory");

    json_decref(object);
    object = NULL;
    memory = 1;
}
