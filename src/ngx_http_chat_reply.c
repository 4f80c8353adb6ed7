
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#include "ngx_http_chat_reply.h"
#include "ngx_http_chat_counter.h"
#include "ngx_http_chat_header.h"
#include "ngx_http_chat_json.h"
#include "ngx_http_chat_site.h"


#define NGX_HTTP_CHAT_REPLY_FIELD    64

/* seconds of Retry-After: 1 .. 5, so that clients do not come back at once */
#define NGX_HTTP_CHAT_REPLY_RETRY    5


typedef struct {
    ngx_uint_t                status;
    const char               *code;
    const char               *title;
} ngx_http_chat_reply_problem_t;


typedef struct {
    ngx_str_t                 outcome;
    ngx_http_chat_problem_e   code;
    const char               *detail;
} ngx_http_chat_reply_outcome_t;


static ngx_int_t ngx_http_chat_reply_headers(ngx_http_request_t *r);
static ngx_int_t ngx_http_chat_reply_problem_retry(ngx_http_request_t *r,
    ngx_http_chat_problem_e code, const char *field, const char *detail,
    ngx_str_t *extra, ngx_uint_t retry);
static ngx_int_t ngx_http_chat_reply_hints(ngx_http_request_t *r,
    ngx_http_chat_reply_problem_t *problem, ngx_uint_t retry);
static u_char *ngx_http_chat_reply_member(u_char *p, const char *name,
    const char *value);
static size_t ngx_http_chat_reply_member_len(const char *name,
    const char *value);


static ngx_str_t  ngx_http_chat_reply_type_json =
    ngx_string("application/json");
static ngx_str_t  ngx_http_chat_reply_type_problem =
    ngx_string("application/problem+json");


/* in the order of ngx_http_chat_problem_e; titles are those of RFC 9110 */

static ngx_http_chat_reply_problem_t  ngx_http_chat_reply_problems[] = {
    { 400, "bad_json", "Bad Request" },
    { 422, "invalid_field", "Unprocessable Content" },
    { 413, "too_large", "Content Too Large" },
    { 415, "media_type", "Unsupported Media Type" },
    { 404, "not_found", "Not Found" },
    { 410, "gone", "Gone" },
    { 403, "forbidden", "Forbidden" },
    { 401, "unauthenticated", "Unauthorized" },
    { 409, "stale", "Conflict" },
    { 409, "conflict", "Conflict" },
    { 429, "rate_limited", "Too Many Requests" },
    { 503, "unavailable", "Service Unavailable" },
    { 405, "method_not_allowed", "Method Not Allowed" },
    { 500, "internal", "Internal Server Error" },
    { 400, "bad_handshake", "Bad Request" },
    { 413, "quota", "Content Too Large" },
    { 507, "no_space", "Insufficient Storage" },
    { 401, "second_factor", "Unauthorized" }
};


static ngx_http_chat_reply_outcome_t  ngx_http_chat_reply_outcomes[] = {
    { ngx_string("not_found"), NGX_HTTP_CHAT_NOT_FOUND, NULL },
    { ngx_string("gone"), NGX_HTTP_CHAT_GONE, NULL },
    { ngx_string("forbidden"), NGX_HTTP_CHAT_FORBIDDEN, NULL },
    { ngx_string("unauthenticated"), NGX_HTTP_CHAT_UNAUTHENTICATED, NULL },
    { ngx_string("blocked"), NGX_HTTP_CHAT_FORBIDDEN,
      "the visitor is blocked" },
    { ngx_string("stale"), NGX_HTTP_CHAT_STALE, NULL },
    { ngx_string("conflict"), NGX_HTTP_CHAT_CONFLICT, NULL },
    { ngx_string("empty"), NGX_HTTP_CHAT_INVALID_FIELD,
      "there is nothing to change" },
    { ngx_string("busy"), NGX_HTTP_CHAT_UNAVAILABLE,
      "the conversation is busy" },
    { ngx_string("quota"), NGX_HTTP_CHAT_QUOTA,
      "too much has been uploaded" },
    { ngx_null_string, NGX_HTTP_CHAT_INTERNAL, NULL }
};


ngx_int_t
ngx_http_chat_reply_json(ngx_http_request_t *r, ngx_uint_t status,
    ngx_str_t *body)
{
    ngx_buf_t    *b;
    ngx_chain_t   cl;

    b = ngx_create_temp_buf(r->pool, body->len);
    if (b == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    b->last = ngx_cpymem(b->last, body->data, body->len);

    cl.buf = b;
    cl.next = NULL;

    return ngx_http_chat_reply_chain(r, status, &cl, (off_t) body->len);
}


ngx_int_t
ngx_http_chat_reply_chain(ngx_http_request_t *r, ngx_uint_t status,
    ngx_chain_t *cl, off_t len)
{
    return ngx_http_chat_reply_content(r, status,
                                       &ngx_http_chat_reply_type_json, cl,
                                       len);
}


ngx_int_t
ngx_http_chat_reply_empty(ngx_http_request_t *r, ngx_uint_t status)
{
    return ngx_http_chat_reply_content(r, status, NULL, NULL, 0);
}


ngx_int_t
ngx_http_chat_reply_content(ngx_http_request_t *r, ngx_uint_t status,
    ngx_str_t *type, ngx_chain_t *cl, off_t len)
{
    ngx_int_t     rc;
    ngx_chain_t  *ln;

    rc = ngx_http_discard_request_body(r);

    if (rc != NGX_OK) {
        return rc;
    }

    if (ngx_exiting) {
        r->keepalive = 0;
    }

    r->headers_out.status = status;
    r->headers_out.content_length_n = len;

    /* an If-Match or If-None-Match means nothing here */
    r->disable_not_modified = 1;

    if (status == 422) {
        ngx_str_set(&r->headers_out.status_line, "422 Unprocessable Content");
    }

    if (type != NULL) {
        r->headers_out.content_type = *type;
        r->headers_out.content_type_len = type->len;

    } else {
        r->header_only = 1;
    }

    if (ngx_http_chat_reply_headers(r) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }

    for (ln = cl; ln->next != NULL; ln = ln->next) { /* void */ }

    ln->buf->last_buf = 1;
    ln->buf->last_in_chain = 1;

    return ngx_http_output_filter(r, cl);
}


static ngx_int_t
ngx_http_chat_reply_headers(ngx_http_request_t *r)
{
    static ngx_str_t  no_store = ngx_string("no-store");
    static ngx_str_t  nosniff = ngx_string("nosniff");

    if (ngx_http_chat_reply_header(r, "Cache-Control", &no_store) != NGX_OK
        || ngx_http_chat_reply_header(r, "X-Content-Type-Options", &nosniff)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_chat_reply_cors(r);
}


ngx_int_t
ngx_http_chat_reply_problem(ngx_http_request_t *r,
    ngx_http_chat_problem_e code, const char *field, const char *detail)
{
    return ngx_http_chat_reply_problem_with(r, code, field, detail, NULL);
}


ngx_int_t
ngx_http_chat_reply_problem_with(ngx_http_request_t *r,
    ngx_http_chat_problem_e code, const char *field, const char *detail,
    ngx_str_t *extra)
{
    return ngx_http_chat_reply_problem_retry(r, code, field, detail, extra,
                                             0);
}


ngx_int_t
ngx_http_chat_reply_later(ngx_http_request_t *r,
    ngx_http_chat_problem_e code, const char *detail, ngx_msec_t wait)
{
    ngx_str_t  extra;
    u_char     buf[sizeof("\"retry_after_ms\":") + NGX_INT_T_LEN];

    extra.data = buf;
    extra.len = ngx_sprintf(buf, "\"retry_after_ms\":%M", wait) - buf;

    return ngx_http_chat_reply_problem_retry(r, code, NULL, detail, &extra,
                                             (wait + 999) / 1000);
}


/* retry: seconds, or 0 for a time drawn at random */

static ngx_int_t
ngx_http_chat_reply_problem_retry(ngx_http_request_t *r,
    ngx_http_chat_problem_e code, const char *field, const char *detail,
    ngx_str_t *extra, ngx_uint_t retry)
{
    u_char                         *p;
    size_t                          len;
    ngx_buf_t                      *b;
    ngx_chain_t                     cl;
    ngx_http_chat_reply_problem_t  *problem;

    problem = &ngx_http_chat_reply_problems[code];

    ngx_log_debug2(NGX_LOG_DEBUG_HTTP, r->connection->log, 0,
                   "chat reply problem %ui %s", problem->status,
                   problem->code);

    if (field != NULL && ngx_strlen(field) > NGX_HTTP_CHAT_REPLY_FIELD) {
        field = NULL;
    }

    len = sizeof("{\"type\":\"about:blank\",\"status\":,}") - 1
          + NGX_INT_T_LEN
          + ngx_http_chat_reply_member_len("title", problem->title)
          + ngx_http_chat_reply_member_len("code", problem->code)
          + ngx_http_chat_reply_member_len("field", field)
          + ngx_http_chat_reply_member_len("detail", detail)
          + (extra != NULL ? extra->len : 0);

    b = ngx_create_temp_buf(r->pool, len);
    if (b == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    p = ngx_cpymem(b->last, "{\"type\":\"about:blank\"",
                   sizeof("{\"type\":\"about:blank\"") - 1);
    p = ngx_http_chat_reply_member(p, "title", problem->title);
    p = ngx_slprintf(p, b->end, ",\"status\":%ui", problem->status);
    p = ngx_http_chat_reply_member(p, "code", problem->code);
    p = ngx_http_chat_reply_member(p, "field", field);
    p = ngx_http_chat_reply_member(p, "detail", detail);

    if (extra != NULL) {
        *p++ = ',';
        p = ngx_cpymem(p, extra->data, extra->len);
    }

    *p++ = '}';
    b->last = p;

    if (ngx_http_chat_reply_hints(r, problem, retry) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    cl.buf = b;
    cl.next = NULL;

    return ngx_http_chat_reply_content(r, problem->status,
                                       &ngx_http_chat_reply_type_problem, &cl,
                                       b->last - b->pos);
}


/* headers that tell a client what to do about a problem */

static ngx_int_t
ngx_http_chat_reply_hints(ngx_http_request_t *r,
    ngx_http_chat_reply_problem_t *problem, ngx_uint_t retry)
{
    ngx_str_t         value;
    static ngx_str_t  bearer = ngx_string("Bearer realm=\"chat\"");

    switch (problem->status) {

    case NGX_HTTP_UNAUTHORIZED:
        return ngx_http_chat_reply_header(r, "WWW-Authenticate", &bearer);

    case NGX_HTTP_SERVICE_UNAVAILABLE:
        ngx_http_chat_counter_add(NGX_HTTP_CHAT_S_UNAVAILABLE, 1);
        break;

    case NGX_HTTP_TOO_MANY_REQUESTS:
        break;

    default:
        return NGX_OK;
    }

    value.data = ngx_pnalloc(r->pool, NGX_INT_T_LEN);
    if (value.data == NULL) {
        return NGX_ERROR;
    }

    if (retry == 0) {
        retry = 1 + (ngx_uint_t) ngx_random() % NGX_HTTP_CHAT_REPLY_RETRY;
    }

    value.len = ngx_sprintf(value.data, "%ui", retry) - value.data;

    return ngx_http_chat_reply_header(r, "Retry-After", &value);
}


/* ,"name":"value"; nothing for NULL */

static u_char *
ngx_http_chat_reply_member(u_char *p, const char *name, const char *value)
{
    if (value == NULL) {
        return p;
    }

    *p++ = ',';
    *p++ = '"';
    p = ngx_cpymem(p, name, ngx_strlen(name));
    *p++ = '"';
    *p++ = ':';
    *p++ = '"';
    p = ngx_http_chat_json_escape(p, (u_char *) value, ngx_strlen(value));
    *p++ = '"';

    return p;
}


static size_t
ngx_http_chat_reply_member_len(const char *name, const char *value)
{
    if (value == NULL) {
        return 0;
    }

    return sizeof(",\"\":\"\"") - 1 + ngx_strlen(name)
           + ngx_http_chat_json_escaped((u_char *) value, ngx_strlen(value));
}


ngx_int_t
ngx_http_chat_reply_outcome(ngx_http_request_t *r, ngx_str_t *outcome)
{
    u_char                         *p;
    size_t                          len;
    u_char                          field[NGX_HTTP_CHAT_REPLY_FIELD + 1];
    ngx_http_chat_reply_outcome_t  *o;

    if (outcome->len > 8 && ngx_strncmp(outcome->data, "invalid:", 8) == 0) {
        len = ngx_min(outcome->len - 8, NGX_HTTP_CHAT_REPLY_FIELD);
        p = ngx_cpymem(field, outcome->data + 8, len);
        *p = '\0';

        return ngx_http_chat_reply_problem(r, NGX_HTTP_CHAT_INVALID_FIELD,
                                           (char *) field,
                                           "the value is not allowed");
    }

    for (o = ngx_http_chat_reply_outcomes; o->outcome.len != 0; o++) {

        if (o->outcome.len == outcome->len
            && ngx_memcmp(o->outcome.data, outcome->data, outcome->len) == 0)
        {
            return ngx_http_chat_reply_problem(r, o->code, NULL, o->detail);
        }
    }

    ngx_log_error(NGX_LOG_ALERT, r->connection->log, 0,
                  "unexpected outcome \"%V\" from PostgreSQL", outcome);

    return ngx_http_chat_reply_problem(r, NGX_HTTP_CHAT_INTERNAL, NULL, NULL);
}


ngx_int_t
ngx_http_chat_reply_preflight(ngx_http_request_t *r)
{
    ngx_uint_t        i;
    ngx_str_t        *origin;
    static ngx_str_t  values[] = {
        ngx_string("GET, POST, PUT, PATCH, DELETE"),
        ngx_string("Authorization, Content-Type, X-Chat-Role"),
        ngx_string("600")
    };
    static const char  *names[] = {
        "Access-Control-Allow-Methods",
        "Access-Control-Allow-Headers",
        "Access-Control-Max-Age"
    };

    origin = ngx_http_chat_reply_origin(r);

    if (origin == NULL) {
        return ngx_http_chat_reply_problem(r, NGX_HTTP_CHAT_FORBIDDEN, NULL,
                                           "the origin is not allowed");
    }

    for (i = 0; i < 3; i++) {
        if (ngx_http_chat_reply_header(r, names[i], &values[i]) != NGX_OK) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }
    }

    return ngx_http_chat_reply_empty(r, NGX_HTTP_NO_CONTENT);
}


ngx_int_t
ngx_http_chat_reply_cors(ngx_http_request_t *r)
{
    ngx_str_t                 *origin;
    ngx_http_chat_loc_conf_t  *conf;
    static ngx_str_t           vary = ngx_string("Origin");
    static ngx_str_t           expose = ngx_string("Retry-After");

    conf = ngx_http_get_module_loc_conf(r, ngx_http_chat_module);

    if (conf->origins == NULL && !conf->origin_settings) {
        return NGX_OK;
    }

    if (ngx_http_chat_reply_header(r, "Vary", &vary) != NGX_OK) {
        return NGX_ERROR;
    }

    origin = ngx_http_chat_reply_origin(r);

    if (origin == NULL) {
        return NGX_OK;
    }

    if (ngx_http_chat_reply_header(r, "Access-Control-Allow-Origin", origin)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_chat_reply_header(r, "Access-Control-Expose-Headers",
                                      &expose);
}


ngx_str_t *
ngx_http_chat_reply_origin(ngx_http_request_t *r)
{
    ngx_str_t                 *origins;
    ngx_uint_t                 i, n;
    ngx_table_elt_t           *h;
    ngx_http_chat_loc_conf_t  *conf;
    static ngx_str_t           name = ngx_string("origin");

    conf = ngx_http_get_module_loc_conf(r, ngx_http_chat_module);

    h = ngx_http_chat_header_find(r, &name, NULL);

    if (h == NULL || ngx_http_chat_header_find(r, &name, h) != NULL) {
        return NULL;
    }

    origins = conf->origins != NULL ? conf->origins->elts : NULL;
    n = conf->origins != NULL ? conf->origins->nelts : 0;

    for (i = 0; i < n; i++) {

        if (origins[i].len == h->value.len
            && ngx_memcmp(origins[i].data, h->value.data, h->value.len)
               == 0)
        {
            return &h->value;
        }
    }

    if (conf->origin_settings
        && ngx_http_chat_site_allows(conf->site, &h->value))
    {
        return &h->value;
    }

    return NULL;
}


ngx_int_t
ngx_http_chat_reply_header(ngx_http_request_t *r, const char *name,
    ngx_str_t *value)
{
    return ngx_http_chat_reply_push(r, name, value) != NULL ? NGX_OK
                                                            : NGX_ERROR;
}


ngx_table_elt_t *
ngx_http_chat_reply_push(ngx_http_request_t *r, const char *name,
    ngx_str_t *value)
{
    ngx_table_elt_t  *h;

    h = ngx_list_push(&r->headers_out.headers);
    if (h == NULL) {
        return NULL;
    }

    h->hash = 1;
    h->key.len = ngx_strlen(name);
    h->key.data = (u_char *) name;
    h->value = *value;
    h->lowcase_key = NULL;

#if (nginx_version >= 1023000)
    h->next = NULL;
#endif

    return h;
}


ngx_int_t
ngx_http_chat_reply_failed(ngx_http_request_t *r, ngx_int_t rc)
{
    const char  *detail;

    if (rc == NGX_ABORT) {
        detail = "the outcome is not known; the request may be repeated";

    } else {
        detail = "the store cannot be reached; the request may be repeated";
    }

    return ngx_http_chat_reply_problem(r, NGX_HTTP_CHAT_UNAVAILABLE, NULL,
                                       detail);
}
