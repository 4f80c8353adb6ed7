
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#ifndef _NGX_HTTP_CHAT_FEED_H_INCLUDED_
#define _NGX_HTTP_CHAT_FEED_H_INCLUDED_


#include "ngx_http_chat.h"
#include "ngx_http_chat_hub.h"
#include "ngx_http_chat_page.h"


/*
 * Subscribing without losing anything: what has been stored is read from
 * PostgreSQL, what is stored later comes live, and nothing comes twice, out
 * of order or with a hole.
 */

typedef struct ngx_http_chat_feed_s       ngx_http_chat_feed_t;
typedef struct ngx_http_chat_feed_read_s  ngx_http_chat_feed_read_t;


/* what a transport does with it; one table for all of its feeds */

typedef struct {

    /*
     * A page has been read: page is valid during the call; NULL when
     * PostgreSQL did not answer.  Unless the outcome is "ok" the
     * subscription has ended.  When "live" is not set, there is more after
     * f->sent: the owner goes on with ngx_http_chat_feed_read().
     */
    void                    (*opened)(ngx_http_chat_feed_t *f,
                                ngx_http_chat_page_t *page);

    /* the next event that the actor may see; add a reference to keep it */
    void                    (*event)(ngx_http_chat_feed_t *f,
                                ngx_http_chat_event_t *event);

    /*
     * typing, a read mark or presence: an event without seq, which may be
     * left out when the reader is slow
     */
    void                    (*signal)(ngx_http_chat_feed_t *f,
                                ngx_http_chat_event_t *event);

    /* a close code of hub.h; the subscription has not been left yet */
    void                    (*close)(ngx_http_chat_feed_t *f,
                                ngx_uint_t code);
} ngx_http_chat_feed_calls_t;


/*
 * Embedded in a transport's object, which owns it, fills in the first part
 * and calls ngx_http_chat_feed_leave() before it goes away.  Each callback
 * may do so.
 */

struct ngx_http_chat_feed_s {
    const ngx_http_chat_feed_calls_t  *calls;
    ngx_http_chat_actor_t    *actor;         /* the owner's; may be renewed */
    ngx_http_chat_id_t        conversation;
    int64_t                   since;         /* -1: the last events */
    u_char                   *epoch;         /* of since and sent, as
                                              * store.h has it; NULL: now's */
    unsigned                  tail:1;        /* another epoch: the last 50 */
    unsigned                  stateful:1;    /* wants the state at once */
    unsigned                  transport:2;   /* as in counter.h */

    /* the owner's own */
    unsigned                  state:2;
    unsigned                  answered:1;    /* the client knows of it */
    unsigned                  more:1;        /* as the client was told */

    /* the feed's own */
    unsigned                  live:1;
    unsigned                  present:1;
    unsigned                  counted:1;     /* as a resume */
    uint32_t                  wait;          /* of NGX_BUSY: ms */
    ngx_http_chat_subscriber_t  subscriber;
    ngx_http_chat_feed_read_t  *read;        /* that it waits for */
    ngx_queue_t               readers;       /* of it */
    int64_t                   sent;          /* all up to it has been seen */
};


ngx_int_t ngx_http_chat_feed_init(ngx_cycle_t *cycle,
    ngx_http_chat_main_conf_t *mcf);
void ngx_http_chat_feed_exit(void);

/*
 * NGX_OK: there is nothing after "since", live events follow, and the state,
 * if it is wanted, is that of ngx_http_chat_feed_state().
 * NGX_AGAIN: opened() will be called.  NGX_ERROR: PostgreSQL is away or out
 * of memory; nothing has been subscribed.  NGX_BUSY: likewise, since too many
 * subscribe that have to be read for; in f->wait ms there is room.  A limit
 * of NULL is none.
 */
ngx_int_t ngx_http_chat_feed_subscribe(ngx_http_chat_feed_t *f,
    ngx_http_chat_limit_conf_t *limit);

/*
 * The state as the actor may see it, without a read; malloc'ed, the caller
 * frees it.  NGX_DECLINED: it has to be read; NGX_ERROR: no memory.
 */
ngx_int_t ngx_http_chat_feed_state(ngx_http_chat_feed_t *f,
    ngx_str_t *state);

/*
 * Reads what comes after f->sent: the next page, or what a slow reader has
 * missed since ngx_http_chat_feed_pause(), or the state alone.  opened() is
 * called as above, once when a read is under way already.  Those who want
 * the same at the same time share one statement.  If the log has
 * another epoch by now it is the last events, with a reason.  NGX_ERROR:
 * nothing has changed, try later.
 */
ngx_int_t ngx_http_chat_feed_read(ngx_http_chat_feed_t *f);

/* no event() from now on, until a read has caught up */
void ngx_http_chat_feed_pause(ngx_http_chat_feed_t *f);

/* idempotent */
void ngx_http_chat_feed_leave(ngx_http_chat_feed_t *f);

/* wakes s (with a NULL event) whenever something changes in the site */
ngx_int_t ngx_http_chat_feed_inbox(ngx_http_chat_subscriber_t *s,
    ngx_http_chat_site_t *site);
void ngx_http_chat_feed_inbox_leave(ngx_http_chat_subscriber_t *s);

/* an event that this worker has stored: to its subscribers and to others */
void ngx_http_chat_feed_publish(ngx_http_chat_event_t *event);

/* an event without seq, whose sender is set: likewise */
void ngx_http_chat_feed_signal(ngx_http_chat_event_t *event);


#endif /* _NGX_HTTP_CHAT_FEED_H_INCLUDED_ */
