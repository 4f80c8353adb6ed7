
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#ifndef _NGX_HTTP_CHAT_PAGE_H_INCLUDED_
#define _NGX_HTTP_CHAT_PAGE_H_INCLUDED_


#include "ngx_http_chat.h"
#include "ngx_http_chat_event.h"


#define NGX_HTTP_CHAT_PAGE_EVENTS    200


/*
 * What a statement with an event row set answered.  Strings point into the
 * result; events are references that ngx_http_chat_page_free() drops.
 */

typedef struct {
    ngx_str_t                 outcome;
    ngx_str_t                 state;         /* JSON object */
    ngx_str_t                 reason;        /* of an incomplete answer */
    ngx_str_t                 body;
    ngx_http_chat_id_t        owner;
    int64_t                   head;
    int64_t                   pub_head;
    unsigned                  more:1;
    ngx_uint_t                n;
    ngx_http_chat_event_t    *events[NGX_HTTP_CHAT_PAGE_EVENTS];
} ngx_http_chat_page_t;


/* NGX_ERROR: no header row, or no memory; nothing is held then */
ngx_int_t ngx_http_chat_page_read(ngx_http_chat_page_t *page, PGresult *res,
    ngx_http_chat_id_t *conversation, int32_t site);

void ngx_http_chat_page_free(ngx_http_chat_page_t *page);

ngx_uint_t ngx_http_chat_page_is(ngx_http_chat_page_t *page,
    const char *outcome);

/* the "version" of a state object, -1 when it has none */
int64_t ngx_http_chat_page_version(ngx_str_t *state);


/* the answer of v1/conversations/{id}/events and of a long poll */

typedef struct {
    ngx_http_chat_event_t   **events;
    ngx_uint_t                n;
    int64_t                   next;
    u_char                   *epoch;         /* of "next"; NULL: as it is */
    unsigned                  more:1;
    unsigned                  bare:1;        /* members without braces */
    ngx_str_t                 reason;        /* empty: complete */
    ngx_str_t                 state;         /* empty: none */
} ngx_http_chat_answer_t;

/* copies the JSON into pool; NGX_ERROR */
ngx_int_t ngx_http_chat_page_answer(ngx_pool_t *pool,
    ngx_http_chat_answer_t *answer, ngx_str_t *out);


#endif /* _NGX_HTTP_CHAT_PAGE_H_INCLUDED_ */
