
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#ifndef _NGX_HTTP_CHAT_POLL_H_INCLUDED_
#define _NGX_HTTP_CHAT_POLL_H_INCLUDED_


#include "ngx_http_chat_inbox.h"
#include "ngx_http_chat_limit.h"
#include "ngx_http_chat_revoke.h"
#include "ngx_http_chat_stream.h"


/* what has not been read is looked at again after; ms */
#define NGX_HTTP_CHAT_POLL_DELAY     100

/* no poll ends earlier for the state alone; ms */
#define NGX_HTTP_CHAT_POLL_STATE     1000

/* what could not be read is tried again after; ms */
#define NGX_HTTP_CHAT_POLL_RETRY     500


/* one poll, in r->pool */

typedef struct {
    ngx_http_request_t          *request;
    ngx_http_chat_ctx_t         *ctx;

    ngx_http_chat_feed_t         feed;
    ngx_http_chat_inbox_t        inbox;
    ngx_http_chat_limit_stream_t  stream;
    ngx_http_chat_watch_t        watch;

    ngx_http_chat_stream_args_t  args;
    ngx_str_t                    page;       /* of the inbox */

    ngx_http_chat_event_t      **events;
    ngx_uint_t                   n;
    ngx_str_t                    state;
    ngx_str_t                    reason;
    int64_t                      next;
    int64_t                      version;    /* of the state; -1: unknown */

    ngx_msec_t                   began;
    ngx_event_t                  timer;      /* end of the wait */
    ngx_event_t                  delay;
    ngx_event_t                  answer;

    unsigned                     opening:1;  /* the first page is awaited */
    unsigned                     lost:1;     /* left the feed: joins again */
    unsigned                     more:1;
    unsigned                     news:1;
    unsigned                     over:1;     /* waited long enough */
    unsigned                     expires:1;  /* its credential, before */
    unsigned                     refused:1;  /* not authorised any more */
    unsigned                     state_moved:1;
} ngx_http_chat_poll_t;


/* what comes in (ngx_http_chat_poll_in.c): sets the callbacks */
void ngx_http_chat_poll_in_init(ngx_http_chat_poll_t *p);

/* the state, without a read; NGX_DECLINED: it has to be read */
ngx_int_t ngx_http_chat_poll_at_head(ngx_http_chat_poll_t *p);


/*
 * Its life (ngx_http_chat_poll.c).
 */

/* looks at what has not been read, after the delay in ms or earlier */
void ngx_http_chat_poll_later(ngx_http_chat_poll_t *p, ngx_msec_t delay);

/* the ms until it may end for the state alone */
ngx_msec_t ngx_http_chat_poll_young(ngx_http_chat_poll_t *p);

/* answers at the end of this iteration if there is anything, or it is over */
void ngx_http_chat_poll_ready(ngx_http_chat_poll_t *p);

/* may free r, and p with it */
void ngx_http_chat_poll_end(ngx_http_chat_poll_t *p, ngx_int_t rc);


#endif /* _NGX_HTTP_CHAT_POLL_H_INCLUDED_ */
