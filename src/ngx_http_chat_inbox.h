
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#ifndef _NGX_HTTP_CHAT_INBOX_H_INCLUDED_
#define _NGX_HTTP_CHAT_INBOX_H_INCLUDED_


#include "ngx_http_chat.h"
#include "ngx_http_chat_hub.h"
#include "ngx_http_chat_store.h"


/*
 * The inbox of an agent on a stream: its list, then the conversations in
 * which something has happened, each as it is then.
 */

/* between two reads: each conversation comes at most once in it; ms */
#define NGX_HTTP_CHAT_INBOX_DELAY    500

/* an epoch and a snapshot with a few transactions in progress */
#define NGX_HTTP_CHAT_INBOX_CURSOR   512


typedef struct ngx_http_chat_inbox_s  ngx_http_chat_inbox_t;


/* what a transport does with it; one table for all of its inboxes */

typedef struct {

    /*
     * What chat.inbox_1() says: "conversations", "more", "complete", "next";
     * valid during the call.  Not called when there is nothing new, except
     * for the first time.
     */
    void                      (*page)(ngx_http_chat_inbox_t *i,
                                  json_t *page);

    /*
     * It has been left: the outcome of the statement, or NULL when PostgreSQL
     * did not answer the first.
     */
    void                      (*failed)(ngx_http_chat_inbox_t *i,
                                  ngx_str_t *outcome);

    /* a close code of hub.h; it has not been left yet */
    void                      (*close)(ngx_http_chat_inbox_t *i,
                                  ngx_uint_t code);
} ngx_http_chat_inbox_calls_t;


/*
 * Embedded in a transport's object, which owns it, fills in the first part
 * and calls ngx_http_chat_inbox_leave() before it goes away.  Each callback
 * may do so.
 */

struct ngx_http_chat_inbox_s {
    const ngx_http_chat_inbox_calls_t  *calls;
    ngx_http_chat_actor_t      *actor;       /* the owner's */
    ngx_str_t                  *filter;      /* status, assignee, team, label;
                                              * owner's memory, or empty */
    ngx_str_t                   cursor;      /* likewise; empty: the list */

    /* the inbox' own */
    ngx_http_chat_subscriber_t  subscriber;
    ngx_http_chat_call_t       *call;
    ngx_event_t                 delay;
    ngx_msec_t                  since;       /* of the last read */
    u_char                      next[NGX_HTTP_CHAT_INBOX_CURSOR];
    unsigned                    opened:1;
    unsigned                    news:1;      /* the page has some */
    unsigned                    moved:1;
    unsigned                    paused:1;
};


/* page() will be called.  NGX_ERROR: nothing has been subscribed */
ngx_int_t ngx_http_chat_inbox_open(ngx_http_chat_inbox_t *i);

/* no page() from now on, until it is resumed: the reader is slow */
void ngx_http_chat_inbox_pause(ngx_http_chat_inbox_t *i);
void ngx_http_chat_inbox_resume(ngx_http_chat_inbox_t *i);

/* idempotent, also for one that has never been opened */
void ngx_http_chat_inbox_leave(ngx_http_chat_inbox_t *i);


#endif /* _NGX_HTTP_CHAT_INBOX_H_INCLUDED_ */
