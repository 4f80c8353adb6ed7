
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#ifndef _NGX_HTTP_CHAT_EVENT_H_INCLUDED_
#define _NGX_HTTP_CHAT_EVENT_H_INCLUDED_


#include "ngx_http_chat.h"
#include <libpq-fe.h>


/* columns of an event row set: a header row, then a row for each event */

#define NGX_HTTP_CHAT_C_OUTCOME      0
#define NGX_HTTP_CHAT_C_HEAD         1
#define NGX_HTTP_CHAT_C_PUB_HEAD     2
#define NGX_HTTP_CHAT_C_OWNER        3
#define NGX_HTTP_CHAT_C_STATE        4
#define NGX_HTTP_CHAT_C_MORE         5
#define NGX_HTTP_CHAT_C_REASON       6
#define NGX_HTTP_CHAT_C_BODY         7
#define NGX_HTTP_CHAT_C_EVENT        8       /* the first of an event's */

/* columns of an event, counted from its first */

#define NGX_HTTP_CHAT_E_SEQ          0
#define NGX_HTTP_CHAT_E_TYPE         1
#define NGX_HTTP_CHAT_E_ID           2
#define NGX_HTTP_CHAT_E_CLIENT_ID    3
#define NGX_HTTP_CHAT_E_SENDER_KIND  4
#define NGX_HTTP_CHAT_E_SENDER_ID    5
#define NGX_HTTP_CHAT_E_SENDER_NAME  6
#define NGX_HTTP_CHAT_E_INTERNAL     7
#define NGX_HTTP_CHAT_E_PUB          8
#define NGX_HTTP_CHAT_E_TEXT         9
#define NGX_HTTP_CHAT_E_DATA         10
#define NGX_HTTP_CHAT_E_CREATED      11


/*
 * One event, immutable, serialized once in a worker for every subscriber and
 * transport.  One allocation outside any pool, counted.  Events without seq
 * (typing, read marks, presence) are not stored.
 */

typedef struct {
    ngx_uint_t                refs;
    ngx_http_chat_id_t        conversation;
    int32_t                   site;
    ngx_uint_t                audience;      /* bits of kinds */
    ngx_http_chat_id_t        sender;        /* of an event without seq */
    int64_t                   seq;           /* 0: not stored */
    int64_t                   created;       /* ms since the epoch */
    ngx_str_t                 json;          /* an object, without newline */
} ngx_http_chat_event_t;


/* what an event is made of; a string without data is absent */

typedef struct {
    ngx_str_t                 type;
    ngx_str_t                 client_id;
    ngx_str_t                 sender_kind;
    ngx_str_t                 sender_name;
    ngx_str_t                 text;
    ngx_str_t                 data;          /* a JSON object */
    ngx_http_chat_id_t        id;
    ngx_http_chat_id_t        sender_id;
    int64_t                   seq;
    int64_t                   created;       /* ms since the epoch */
    unsigned                  internal:1;
    unsigned                  has_sender_id:1;
} ngx_http_chat_event_parts_t;


/* with one reference, copied.  NULL: out of memory. */
ngx_http_chat_event_t *ngx_http_chat_event_build(
    ngx_http_chat_event_parts_t *e, ngx_http_chat_id_t *conversation,
    int32_t site);

/*
 * Makes an event of a row whose event columns begin at col, with one
 * reference.  NULL: out of memory or the row is not an event.
 */
ngx_http_chat_event_t *ngx_http_chat_event_make(PGresult *res,
    ngx_uint_t row, ngx_uint_t col, ngx_http_chat_id_t *conversation,
    int32_t site);

/*
 * One that has been serialized already, with one reference: by another worker
 * or of an event that is not stored.  json is copied.  NULL: out of memory.
 */
ngx_http_chat_event_t *ngx_http_chat_event_wrap(
    ngx_http_chat_id_t *conversation, int32_t site, int64_t seq,
    ngx_uint_t audience, ngx_str_t *json);

#define ngx_http_chat_event_internal(e)                                      \
    (((e)->audience & NGX_HTTP_CHAT_VISITOR) == 0)

/* drops one reference; frees it with the last */
void ngx_http_chat_event_release(ngx_http_chat_event_t *event);


#endif /* _NGX_HTTP_CHAT_EVENT_H_INCLUDED_ */
