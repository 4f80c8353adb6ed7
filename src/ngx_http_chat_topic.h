
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#ifndef _NGX_HTTP_CHAT_TOPIC_H_INCLUDED_
#define _NGX_HTTP_CHAT_TOPIC_H_INCLUDED_


#include "ngx_http_chat.h"
#include "ngx_http_chat_bus.h"
#include "ngx_http_chat_event.h"
#include "ngx_http_chat_hub.h"
#include "ngx_http_chat_store.h"


/* a topic keeps its head so long after its last subscriber; ms */
#define NGX_HTTP_CHAT_TOPIC_LINGER   30000

/* an actor that was seen to own a conversation need not be asked again; s */
#define NGX_HTTP_CHAT_TOPIC_TRUST    60

/* two workers may publish in swapped order; ms */
#define NGX_HTTP_CHAT_TOPIC_GAP      20

/* a read that failed is tried again after; ms */
#define NGX_HTTP_CHAT_TOPIC_RETRY    500


typedef struct ngx_http_chat_feed_topic_s  ngx_http_chat_feed_topic_t;
typedef struct ngx_http_chat_state_s       ngx_http_chat_state_t;
typedef struct ngx_http_chat_shown_s       ngx_http_chat_shown_t;


/* the feed's half of a topic: how far this worker has seen its log */

struct ngx_http_chat_feed_topic_s {
    ngx_http_chat_topic_t     topic;
    ngx_queue_t               queue;         /* of those where nobody listens,
                                              * or that miss an event */
    uint32_t                  since;         /* ms: idle, or when due */
    uint32_t                  trusted;       /* s: until then */
    int32_t                   site;

    unsigned                  begun:1;
    unsigned                  confirmed:1;   /* the bus receives it */
    unsigned                  is_idle:1;
    unsigned                  has_gap:1;
    unsigned                  reading:1;
    unsigned                  visited:1;     /* shown is known */
    unsigned                  nparticipants:8;

    int64_t                   head;          /* -1: unknown */
    int64_t                   pub_head;
    int64_t                   hint;          /* the highest seq heard of */
    uint32_t                  heard;         /* rises with each news */
    uint32_t                  asked;         /* "heard" when a gap was read */
    uint32_t                  doubt;         /* reads before it say nothing */
    uint32_t                  moved;         /* rises with the state */
    ngx_http_chat_state_t    *states;        /* state.h: NULL: unknown */
    struct ngx_http_chat_feed_read_s  *reads;  /* under way */

    ngx_http_chat_id_t        owner;         /* the visitor last seen */
    int64_t                   issued;

    struct ngx_http_chat_participant_s  *participants;  /* presence.h */
    ngx_http_chat_shown_t    *shown;         /* shown.h */
};


/* a read that was sent when "heard" was this may have been too early */
#define ngx_http_chat_topic_doubts(t, heard)                                 \
    ((int32_t) ((t)->doubt - (heard)) > 0)

#define ngx_http_chat_topic_of(t)  ((ngx_http_chat_feed_topic_t *) (t))


void ngx_http_chat_topic_init(ngx_cycle_t *cycle);

/* frees all of them; of a process that ends, when nothing is under way */
void ngx_http_chat_topic_exit(void);

/* is told of each topic before it is freed */
void ngx_http_chat_topic_on_drop(
    void (*handler)(ngx_http_chat_feed_topic_t *t));

/* and of each that the bus receives from now on */
void ngx_http_chat_topic_on_begin(
    void (*handler)(ngx_http_chat_feed_topic_t *t));

/* finds or makes it; NULL: out of memory */
ngx_http_chat_feed_topic_t *ngx_http_chat_topic_get(ngx_http_chat_id_t *id,
    int32_t site);

/* the id of a site's inbox */
void ngx_http_chat_topic_inbox(ngx_http_chat_id_t *id, int32_t site);

void ngx_http_chat_topic_join(ngx_http_chat_feed_topic_t *t,
    ngx_http_chat_subscriber_t *s);
void ngx_http_chat_topic_leave(ngx_http_chat_subscriber_t *s);

/*
 * n subscribers that are not live have read up to head; heard is that of the
 * topic when the read was sent
 */
void ngx_http_chat_topic_read(ngx_http_chat_feed_topic_t *t, int64_t head,
    int64_t pub_head, uint32_t heard, ngx_uint_t n);

/* an event that this worker or another has stored */
void ngx_http_chat_topic_dispatch(ngx_http_chat_feed_topic_t *t,
    ngx_http_chat_event_t *event);

/* what PostgreSQL has said of the state does not hold any more */
void ngx_http_chat_topic_moved(ngx_http_chat_feed_topic_t *t);

/* there is an event with this seq: reads what is missing, if anybody cares */
void ngx_http_chat_topic_hint(ngx_http_chat_feed_topic_t *t, int64_t seq);
void ngx_http_chat_topic_fill(ngx_http_chat_feed_topic_t *t);

/* the bus receives it, or this would take too long */
void ngx_http_chat_topic_subscribed(ngx_http_chat_id_t *id);

/* messages of other workers */
void ngx_http_chat_topic_on_event(ngx_http_chat_bus_message_t *m);
void ngx_http_chat_topic_on_signal(ngx_http_chat_bus_message_t *m);

/* an event without seq, to the subscribers of this worker */
void ngx_http_chat_topic_signal(ngx_http_chat_event_t *event);

/* something has changed in a site: to its inbox */
void ngx_http_chat_topic_wake(int32_t site);

/* a conversation's log has reached seq */
void ngx_http_chat_topic_changed(ngx_http_chat_id_t *id, int32_t site,
    int64_t seq);

/* too much has changed to be listed: looks at every topic */
void ngx_http_chat_topic_check(void);

/* messages may have been lost */
void ngx_http_chat_topic_forget(void);

/*
 * Somebody's right to read has ended: what was read before now says nothing
 * about who may read a topic.
 */
void ngx_http_chat_topic_distrust(void);

/* somebody was let in by a read that was sent then, as this clock has it */
uint32_t ngx_http_chat_topic_seconds(void);
void ngx_http_chat_topic_trust(ngx_http_chat_feed_topic_t *t, uint32_t sent);
ngx_uint_t ngx_http_chat_topic_trusted(ngx_http_chat_feed_topic_t *t);

/* another history: nothing that was known holds */
void ngx_http_chat_topic_reset(void);


#endif /* _NGX_HTTP_CHAT_TOPIC_H_INCLUDED_ */
