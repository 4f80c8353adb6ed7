
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#ifndef _NGX_HTTP_CHAT_SSE_H_INCLUDED_
#define _NGX_HTTP_CHAT_SSE_H_INCLUDED_


#include "ngx_http_chat_inbox.h"
#include "ngx_http_chat_limit.h"
#include "ngx_http_chat_revoke.h"
#include "ngx_http_chat_stream.h"


/* what has not been sent: signals are dropped above, events read later */
#define NGX_HTTP_CHAT_SSE_SOFT       (64 * 1024)
#define NGX_HTTP_CHAT_SSE_HARD       (256 * 1024)
#define NGX_HTTP_CHAT_SSE_ITEMS      256

/* the close code of one that ends for no reason but its age */
#define NGX_HTTP_CHAT_SSE_NORMAL     1000

/* and of one whose credential has expired */
#define NGX_HTTP_CHAT_SSE_EXPIRED    4004


typedef struct ngx_http_chat_sse_item_s  ngx_http_chat_sse_item_t;


/*
 * One stream, in r->pool.  Its items are malloc'ed and hold a reference to
 * their event: nginx may send from them as long as the pool lives, also after
 * the cleanup handlers of the request.  Their buffers are of the pool and
 * used again, since filters look at those that have been sent.
 */

typedef struct {
    ngx_http_request_t          *request;
    ngx_http_chat_ctx_t         *ctx;

    ngx_http_chat_stream_args_t  args;
    ngx_http_chat_feed_t         feed;
    ngx_http_chat_inbox_t        inbox;
    ngx_http_chat_limit_stream_t  stream;
    ngx_http_chat_watch_t        watch;
    int64_t                      seq;        /* the last one queued */

    ngx_http_chat_sse_item_t    *first;
    ngx_http_chat_sse_item_t   **last;
    ngx_http_chat_sse_item_t    *unsent;     /* not given to nginx yet */
    ngx_chain_t                 *spare;      /* of items that were sent */
    ngx_uint_t                   n;
    size_t                       queued;     /* bytes, with those of nginx */
    size_t                       left;       /* of them, not sent */
    ngx_msec_t                   progress;
    ngx_msec_t                   spoke;      /* the last output */

    ngx_event_t                  post;       /* output of this iteration */
    ngx_event_t                  timer;
    ngx_msec_t                   end;

    ngx_uint_t                   opening;    /* feed and inbox */
    unsigned                     inbox_opened:1;
    unsigned                     started:1;  /* the header has been sent */
    unsigned                     blocked:1;  /* the client does not read */
    unsigned                     reading:1;  /* a page, for the feed */
    unsigned                     behind:1;   /* a page is to be read */
    unsigned                     stale:1;    /* signals have been dropped */
    unsigned                     lost:1;     /* to be subscribed again */
    unsigned                     draining:1;
    unsigned                     ending:1;   /* "bye" has been queued */
    unsigned                     refused:1;  /* revoked before it began */
    unsigned                     failed:1;   /* something could not be */
} ngx_http_chat_sse_t;


/*
 * Output (ngx_http_chat_sse_out.c).  The functions that queue something set
 * s->failed when there is no memory: the stream ends then, and the client
 * resumes.
 */

/* releases everything with r->pool; before anything is queued.  NGX_ERROR */
ngx_int_t ngx_http_chat_sse_out_init(ngx_http_chat_sse_t *s);

/* the text of whole fields, copied; last: of the stream */
void ngx_http_chat_sse_out_text(ngx_http_chat_sse_t *s, ngx_str_t *text,
    ngx_uint_t last);

/* a durable event with its id, or a signal without one */
void ngx_http_chat_sse_out_event(ngx_http_chat_sse_t *s,
    ngx_http_chat_event_t *event);

/*
 * Gives nginx what is queued.  NGX_OK: all has been sent; NGX_AGAIN: the
 * client has to read first, s->blocked is set; NGX_ERROR.
 */
ngx_int_t ngx_http_chat_sse_out_send(ngx_http_chat_sse_t *s);


/* what comes in (ngx_http_chat_sse_in.c): sets the callbacks of both */
void ngx_http_chat_sse_in_init(ngx_http_chat_sse_t *s);

/* nothing had to be read to subscribe: tells the client */
void ngx_http_chat_sse_at_head(ngx_http_chat_sse_t *s);


/*
 * Its life (ngx_http_chat_sse.c).
 */

/* output has been queued: it is sent at the end of this iteration */
void ngx_http_chat_sse_post(ngx_http_chat_sse_t *s);

/* what the timer looks at has changed */
void ngx_http_chat_sse_schedule(ngx_http_chat_sse_t *s);

/* a close code of hub.h: at once, or within "chat_drain"; may free r */
void ngx_http_chat_sse_close(ngx_http_chat_sse_t *s, ngx_uint_t code);

/* tells the client, and ends */
void ngx_http_chat_sse_bye(ngx_http_chat_sse_t *s, ngx_uint_t code);

/* finalizes the request with rc; may free r, and s with it */
void ngx_http_chat_sse_end(ngx_http_chat_sse_t *s, ngx_int_t rc);


#endif /* _NGX_HTTP_CHAT_SSE_H_INCLUDED_ */
