
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#ifndef _NGX_HTTP_CHAT_WS_PRIVATE_H_INCLUDED_
#define _NGX_HTTP_CHAT_WS_PRIVATE_H_INCLUDED_


#include "ngx_http_chat_auth.h"
#include "ngx_http_chat_command.h"
#include "ngx_http_chat_counter.h"
#include "ngx_http_chat_feed.h"
#include "ngx_http_chat_fields.h"
#include "ngx_http_chat_inbox.h"
#include "ngx_http_chat_limit.h"
#include "ngx_http_chat_revoke.h"
#include "ngx_http_chat_store.h"
#include "ngx_http_chat_ws.h"
#include "ngx_http_chat_wsframe.h"


/* bytes of a frame or of a message in parts */
#define NGX_HTTP_CHAT_WS_MAX         (64 * 1024)
#define NGX_HTTP_CHAT_WS_ECHO_MAX    (32 * 1024 * 1024)

/* queue of a connection: signals are dropped above, events read later */
#define NGX_HTTP_CHAT_WS_SOFT        (64 * 1024)
#define NGX_HTTP_CHAT_WS_HARD        (256 * 1024)
#define NGX_HTTP_CHAT_WS_FRAMES      256

/* a client's frames that wait for PostgreSQL; then it is not read from */
#define NGX_HTTP_CHAT_WS_CALLS       64

/* subscriptions of a connection, and pages being read for it at once */
#define NGX_HTTP_CHAT_WS_SUBS        256
#define NGX_HTTP_CHAT_WS_OPENING     4

/* "ref": JSON text of a number or a string */
#define NGX_HTTP_CHAT_WS_REF         64

/* ms */
#define NGX_HTTP_CHAT_WS_HELLO       10000
#define NGX_HTTP_CHAT_WS_PONG        10000
#define NGX_HTTP_CHAT_WS_LINGER      5000
#define NGX_HTTP_CHAT_WS_LEAVE       1000    /* both, in a worker that leaves */

/* shorter in the build for tests */
#ifndef NGX_HTTP_CHAT_WS_STALL
#define NGX_HTTP_CHAT_WS_STALL       30000
#endif

/* close codes of docs/protocol.md */
#define NGX_HTTP_CHAT_WS_NORMAL      1000
#define NGX_HTTP_CHAT_WS_ABNORMAL    1006    /* never sent */
#define NGX_HTTP_CHAT_WS_ERROR       1011
#define NGX_HTTP_CHAT_WS_RELOAD      1012
#define NGX_HTTP_CHAT_WS_BUSY        1013
#define NGX_HTTP_CHAT_WS_SLOW        4001
#define NGX_HTTP_CHAT_WS_NO_PONG     4003
#define NGX_HTTP_CHAT_WS_EXPIRED     4004
#define NGX_HTTP_CHAT_WS_NO_STORE    4005
#define NGX_HTTP_CHAT_WS_BAD_FRAME   4400
#define NGX_HTTP_CHAT_WS_NO_AUTH     4401
#define NGX_HTTP_CHAT_WS_NO_HELLO    4408
#define NGX_HTTP_CHAT_WS_TOO_MANY    4409
#define NGX_HTTP_CHAT_WS_GONE        4410
#define NGX_HTTP_CHAT_WS_FLOOD       4429


typedef struct ngx_http_chat_ws_s        ngx_http_chat_ws_t;
typedef struct ngx_http_chat_ws_out_s    ngx_http_chat_ws_out_t;
typedef struct ngx_http_chat_ws_sub_s    ngx_http_chat_ws_sub_t;
typedef struct ngx_http_chat_ws_call_s   ngx_http_chat_ws_call_t;
typedef struct ngx_http_chat_ws_inbox_s  ngx_http_chat_ws_inbox_t;


/*
 * One connection, from malloc, freed by ngx_http_chat_ws_destroy(), which
 * only handlers of its own events call: everybody else asks for it with
 * ngx_http_chat_ws_close() or by "broken".  What an idle one does not need
 * is a pointer.
 */

struct ngx_http_chat_ws_s {
    ngx_connection_t          *connection;
    ngx_http_chat_loc_conf_t  *conf;
    ngx_http_chat_actor_t      actor;        /* kind 0: no hello yet */

    ngx_http_chat_wsframe_t   *parser;       /* NULL between messages */
    u_char                    *rest;         /* read, but not looked at */
    uint32_t                   nrest;
    uint32_t                   next;         /* hello, ping, linger */

    ngx_http_chat_ws_out_t    *first;        /* to be sent */
    ngx_http_chat_ws_out_t   **last;
    uint32_t                   nout;
    uint32_t                   offset;       /* sent of the first */
    uint32_t                   queued;       /* bytes */

    unsigned                   alive:1;      /* heard of since the ping */
    unsigned                   pinged:1;
    unsigned                   stuck:1;      /* "stalled" is valid */
    unsigned                   draining:1;
    unsigned                   closing:1;    /* a close frame is queued */
    unsigned                   closed:1;     /* the client's has come */
    unsigned                   shut:1;       /* nothing more is sent */
    unsigned                   broken:1;     /* to be destroyed */
    unsigned                   hello:1;      /* a token is looked up */
    unsigned                   retry:1;      /* subscriptions, a second on */
    unsigned                   echo:1;
    unsigned                   counted:1;    /* as a connection */

    ngx_http_chat_ws_sub_t    *subs;
    ngx_http_chat_ws_call_t   *calls;
    ngx_http_chat_ws_inbox_t  *inbox;
    uint16_t                   nsubs;
    uint16_t                   ncalls;
    uint16_t                   opening;
    uint16_t                   code;         /* it ends with */

    ngx_queue_t                wheel;
    uint32_t                   pong;         /* these, and next, as ws_at()
                                              * has them */
    uint32_t                   stalled;      /* no progress until then */
    uint32_t                   drain;
    uint32_t                   started;
    int64_t                    expires;      /* ms since the epoch; 0 */

    int64_t                    frames;       /* bucket of limit "frames" */
    ngx_http_chat_limit_stream_t  stream;
    ngx_http_chat_limit_peer_t    peer;
    uint32_t                   events;
    ngx_http_chat_watch_t      watch;

    off_t                      received;
};


/* a time in so many ms, and the ms that are left until one, or negative */
#define ngx_http_chat_ws_at(ms)    ((uint32_t) (ngx_current_msec + (ms)))
#define ngx_http_chat_ws_left(t)                                             \
    ((int32_t) ((t) - (uint32_t) ngx_current_msec))


/* a frame to be sent */

struct ngx_http_chat_ws_out_s {
    ngx_http_chat_ws_out_t    *next;
    ngx_http_chat_event_t     *event;        /* counted; NULL: own data */
    uint32_t                   len;          /* of the payload */
    u_char                     nhead;
    u_char                     head[NGX_HTTP_CHAT_WSFRAME_HEAD];
    u_char                     data[];
};


/* what a subscription needs */
typedef enum {
    NGX_HTTP_CHAT_WS_NEW = 0,                /* to be subscribed */
    NGX_HTTP_CHAT_WS_OPENING_PAGE,           /* a page is being read */
    NGX_HTTP_CHAT_WS_BEHIND,                 /* the next page */
    NGX_HTTP_CHAT_WS_LIVE
} ngx_http_chat_ws_sub_e;

/*
 * The feed's actor is that of the connection, its "since" what the client
 * has, and its "state" one of the above.
 */

struct ngx_http_chat_ws_sub_s {
    ngx_http_chat_feed_t       feed;
    ngx_http_chat_ws_sub_t    *next;
    u_char                    *ref;          /* malloc; NUL-terminated */
};

#define ngx_http_chat_ws_of(sub)                                             \
    ((ngx_http_chat_ws_t *)                                                  \
        ((u_char *) (sub)->feed.actor - offsetof(ngx_http_chat_ws_t, actor)))


/* a frame of the client that waits for its answer */

struct ngx_http_chat_ws_call_s {
    ngx_http_chat_ws_t        *ws;
    ngx_http_chat_ws_call_t   *next;
    ngx_http_chat_command_t   *command;
    ngx_http_chat_call_t      *call;
    u_char                     ref[NGX_HTTP_CHAT_WS_REF + 1];
    u_char                     client_id[65];
    u_char                     hash[NGX_HTTP_CHAT_AGENT_HASH];
};


/* what is being answered */

typedef struct {
    ngx_http_chat_ws_t        *ws;
    json_t                    *object;       /* without type and ref */
    ngx_pool_t                *pool;
    u_char                     ref[NGX_HTTP_CHAT_WS_REF + 1];
} ngx_http_chat_ws_frame_t;


/* ws: life of a connection */

extern ngx_http_chat_keys_t  *ngx_http_chat_ws_keys;

/* steps of a handshake: NULL or what is wrong, headers, 101 and the end of r */
const char *ngx_http_chat_ws_check(ngx_http_request_t *r);
ngx_int_t ngx_http_chat_ws_accept(ngx_http_request_t *r);
ngx_int_t ngx_http_chat_ws_switch(ngx_http_request_t *r, ngx_uint_t echo);

void ngx_http_chat_ws_destroy(ngx_http_chat_ws_t *ws);

/* ws_release: frees what the request has left in the connection's pool */
void ngx_http_chat_ws_release(ngx_connection_t *c,
    ngx_http_connection_t *hc);

/* is somebody now: welcome, and the clock of the hello stops */
void ngx_http_chat_ws_enter(ngx_http_chat_ws_t *ws, const u_char *ref);


/* ws_io: bytes */

void ngx_http_chat_ws_read_handler(ngx_event_t *rev);
void ngx_http_chat_ws_write_handler(ngx_event_t *wev);

/* looks at bytes that have been read already; unmasks them in place */
void ngx_http_chat_ws_feed_bytes(ngx_http_chat_ws_t *ws, u_char *p,
    u_char *last);

/* goes on reading when something that it waited for is over */
void ngx_http_chat_ws_resume(ngx_http_chat_ws_t *ws);

/* queues a text frame of len bytes, which the caller writes; NULL: broken */
u_char *ngx_http_chat_ws_text(ngx_http_chat_ws_t *ws, size_t len);

/* the frame that was written last became shorter */
void ngx_http_chat_ws_trim(ngx_http_chat_ws_t *ws, u_char *end);

void ngx_http_chat_ws_control(ngx_http_chat_ws_t *ws, ngx_uint_t opcode,
    u_char *p, size_t len);
void ngx_http_chat_ws_event(ngx_http_chat_ws_t *ws,
    ngx_http_chat_event_t *event);

/* a close frame, and the end once it has been sent; idempotent */
void ngx_http_chat_ws_close(ngx_http_chat_ws_t *ws, ngx_uint_t code);

/* queues the frame alone */
void ngx_http_chat_ws_close_frame(ngx_http_chat_ws_t *ws, ngx_uint_t code);

/* the same, with a "bye" before it */
void ngx_http_chat_ws_bye(ngx_http_chat_ws_t *ws, ngx_uint_t code);

/* the same; the client comes back after so many ms, or a bit later */
void ngx_http_chat_ws_bye_after(ngx_http_chat_ws_t *ws, ngx_uint_t code,
    ngx_msec_t after);

/* frees what is to be sent */
void ngx_http_chat_ws_discard(ngx_http_chat_ws_t *ws);

#define ngx_http_chat_ws_full(ws)                                            \
    ((ws)->queued >= NGX_HTTP_CHAT_WS_HARD                                   \
     || (ws)->nout >= NGX_HTTP_CHAT_WS_FRAMES)


/* ws_command: frames of the client */

void ngx_http_chat_ws_message(ngx_http_chat_ws_t *ws, ngx_str_t *text);

/* answers with an error; field and ref may be NULL */
void ngx_http_chat_ws_error(ngx_http_chat_ws_t *ws, const u_char *ref,
    const char *code, const char *field, const char *detail);

/*
 * Asks the limits for what the frame wants.  NGX_DECLINED: an error has been
 * answered that says when to come back.
 */
ngx_int_t ngx_http_chat_ws_limit(ngx_http_chat_ws_frame_t *frame,
    ngx_http_chat_limit_action_e action);

/* the error of an outcome of an SQL function */
void ngx_http_chat_ws_outcome(ngx_http_chat_ws_t *ws, const u_char *ref,
    ngx_str_t *outcome);

/* fills data as ngx_http_chat_fields_take(); NGX_ERROR: has been answered */
ngx_int_t ngx_http_chat_ws_take(ngx_http_chat_ws_frame_t *frame,
    ngx_http_chat_field_t *fields, ngx_uint_t n, void *data);

/* NULL: out of memory, answered */
ngx_http_chat_ws_call_t *ngx_http_chat_ws_call(
    ngx_http_chat_ws_frame_t *frame);
void ngx_http_chat_ws_call_end(ngx_http_chat_ws_call_t *call);
void ngx_http_chat_ws_abandon(ngx_http_chat_ws_t *ws);

/* ,"ref":<ref> */
u_char *ngx_http_chat_ws_ref(u_char *p, const u_char *ref);


/* ws_hello */

void ngx_http_chat_ws_hello(ngx_http_chat_ws_frame_t *frame);


/* ws_subscribe */

void ngx_http_chat_ws_subscribe(ngx_http_chat_ws_frame_t *frame);
void ngx_http_chat_ws_unsubscribe(ngx_http_chat_ws_frame_t *frame);

/* starts what can be started: the queue has drained, a page has arrived */
void ngx_http_chat_ws_refill(ngx_http_chat_ws_t *ws);

/* nothing more is taken in: the log will have it */
void ngx_http_chat_ws_lag(ngx_http_chat_ws_t *ws);

void ngx_http_chat_ws_leave(ngx_http_chat_ws_t *ws);


/* ws_inbox */

void ngx_http_chat_ws_inbox(ngx_http_chat_ws_frame_t *frame, json_t *filter);
void ngx_http_chat_ws_inbox_leave(ngx_http_chat_ws_t *ws);

/* the queue has drained */
void ngx_http_chat_ws_inbox_resume(ngx_http_chat_ws_t *ws);


/* ws_timer: one wheel for all connections of the worker */

ngx_int_t ngx_http_chat_ws_timer_init(ngx_cycle_t *cycle,
    ngx_http_chat_main_conf_t *mcf);
void ngx_http_chat_ws_timer_add(ngx_http_chat_ws_t *ws);
void ngx_http_chat_ws_timer_del(ngx_http_chat_ws_t *ws);

/* a deadline has changed */
void ngx_http_chat_ws_timer_set(ngx_http_chat_ws_t *ws);

void ngx_http_chat_ws_timer_each(
    void (*each)(ngx_http_chat_ws_t *ws, void *data), void *data);


#endif /* _NGX_HTTP_CHAT_WS_PRIVATE_H_INCLUDED_ */
