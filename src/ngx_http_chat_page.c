
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#include "ngx_http_chat_page.h"
#include "ngx_http_chat_store.h"


ngx_int_t
ngx_http_chat_page_read(ngx_http_chat_page_t *page, PGresult *res,
    ngx_http_chat_id_t *conversation, int32_t site)
{
    ngx_uint_t              i, n;
    ngx_http_chat_event_t  *event;

    ngx_memzero(page, offsetof(ngx_http_chat_page_t, events));

    n = (ngx_uint_t) PQntuples(res);

    if (n == 0) {
        return NGX_ERROR;
    }

    ngx_http_chat_col_text(res, 0, NGX_HTTP_CHAT_C_OUTCOME, &page->outcome);
    ngx_http_chat_col_text(res, 0, NGX_HTTP_CHAT_C_STATE, &page->state);
    ngx_http_chat_col_text(res, 0, NGX_HTTP_CHAT_C_REASON, &page->reason);
    ngx_http_chat_col_text(res, 0, NGX_HTTP_CHAT_C_BODY, &page->body);
    (void) ngx_http_chat_col_id(res, 0, NGX_HTTP_CHAT_C_OWNER, &page->owner);

    page->head = ngx_http_chat_col_int8(res, 0, NGX_HTTP_CHAT_C_HEAD);
    page->pub_head = ngx_http_chat_col_int8(res, 0,
                                            NGX_HTTP_CHAT_C_PUB_HEAD);
    page->more = ngx_http_chat_col_bool(res, 0, NGX_HTTP_CHAT_C_MORE);

    for (i = 1; i < n && page->n < NGX_HTTP_CHAT_PAGE_EVENTS; i++) {

        event = ngx_http_chat_event_make(res, i, NGX_HTTP_CHAT_C_EVENT,
                                         conversation, site);
        if (event == NULL) {
            ngx_http_chat_page_free(page);
            return NGX_ERROR;
        }

        page->events[page->n++] = event;
    }

    return NGX_OK;
}


void
ngx_http_chat_page_free(ngx_http_chat_page_t *page)
{
    ngx_uint_t  i;

    for (i = 0; i < page->n; i++) {
        ngx_http_chat_event_release(page->events[i]);
    }

    page->n = 0;
}


ngx_uint_t
ngx_http_chat_page_is(ngx_http_chat_page_t *page, const char *outcome)
{
    return page->outcome.len == ngx_strlen(outcome)
           && ngx_memcmp(page->outcome.data, outcome, page->outcome.len) == 0;
}


int64_t
ngx_http_chat_page_version(ngx_str_t *state)
{
    u_char   *p, *last;
    int64_t   n;

    last = state->data + state->len;

    p = ngx_strlcasestrn(state->data, last, (u_char *) "\"version\"",
                         sizeof("\"version\"") - 2);
    if (p == NULL) {
        return -1;
    }

    p += sizeof("\"version\"") - 1;

    while (p < last && (*p == ' ' || *p == ':')) {
        p++;
    }

    if (p == last || *p < '0' || *p > '9') {
        return -1;
    }

    for (n = 0; p < last && *p >= '0' && *p <= '9'; p++) {
        n = n * 10 + (*p - '0');
    }

    return n;
}


ngx_int_t
ngx_http_chat_page_answer(ngx_pool_t *pool, ngx_http_chat_answer_t *a,
    ngx_str_t *out)
{
    u_char      *p;
    size_t       len;
    ngx_uint_t   i;

    len = sizeof("{\"events\":[],\"next\":\"\",\"complete\":false,"
                 "\"reason\":\"\",\"more\":false,\"state\":}")
          + NGX_HTTP_CHAT_CURSOR_LEN + a->reason.len + a->state.len;

    for (i = 0; i < a->n; i++) {
        len += a->events[i]->json.len + 1;
    }

    p = ngx_pnalloc(pool, len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    out->data = p;

    if (!a->bare) {
        *p++ = '{';
    }

    p = ngx_cpymem(p, "\"events\":[", sizeof("\"events\":[") - 1);

    for (i = 0; i < a->n; i++) {
        if (i > 0) {
            *p++ = ',';
        }

        p = ngx_cpymem(p, a->events[i]->json.data, a->events[i]->json.len);
    }

    p = ngx_cpymem(p, "],\"next\":\"", sizeof("],\"next\":\"") - 1);
    p = ngx_http_chat_cursor_write(p, a->epoch != NULL
                                      ? a->epoch
                                      : ngx_http_chat_store_epoch(),
                                   a->next);

    p = ngx_sprintf(p, "\",\"complete\":%s",
                    a->reason.len ? "false" : "true");

    if (a->reason.len) {
        p = ngx_sprintf(p, ",\"reason\":\"%V\"", &a->reason);
    }

    p = ngx_sprintf(p, ",\"more\":%s", a->more ? "true" : "false");

    if (a->state.len) {
        p = ngx_sprintf(p, ",\"state\":%V", &a->state);
    }

    if (!a->bare) {
        *p++ = '}';
    }

    out->len = p - out->data;

    return NGX_OK;
}
