
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#include "ngx_http_chat_drain.h"
#include "ngx_http_chat_ws_private.h"


/*
 * One timer for all connections: a wheel of slots of a second, in which each
 * waits for the nearest of its deadlines.  The timer cannot be canceled while
 * there is a connection, or a worker that leaves would not stay for them.
 */

#define NGX_HTTP_CHAT_WS_SLOTS       64
#define NGX_HTTP_CHAT_WS_TICK        1000
#define NGX_HTTP_CHAT_WS_DRAIN_TICK  100


static void ngx_http_chat_ws_timer_handler(ngx_event_t *ev);
static void ngx_http_chat_ws_timer_insert(ngx_http_chat_ws_t *ws,
    int32_t left);
static void ngx_http_chat_ws_timer_run(ngx_http_chat_ws_t *ws);
static void ngx_http_chat_ws_timer_next(ngx_http_chat_ws_t *ws);
static ngx_uint_t ngx_http_chat_ws_timer_dead(ngx_http_chat_ws_t *ws);
static void ngx_http_chat_ws_timer_ping(ngx_http_chat_ws_t *ws);
static u_char *ngx_http_chat_ws_timer_heads(u_char *p,
    ngx_http_chat_ws_t *ws);
static void ngx_http_chat_ws_timer_drain(void);
static void ngx_http_chat_ws_timer_drain_one(ngx_http_chat_ws_t *ws,
    void *data);


typedef struct {
    ngx_queue_t               slots[NGX_HTTP_CHAT_WS_SLOTS];
    ngx_uint_t                n;
    ngx_msec_t                tick;
    ngx_msec_t                turn;          /* the last that was looked at */
    ngx_msec_t                drain;
    ngx_event_t               event;
    ngx_connection_t          dummy;
} ngx_http_chat_ws_timer_t;


static ngx_http_chat_ws_timer_t  ngx_http_chat_ws_wheel;


ngx_int_t
ngx_http_chat_ws_timer_init(ngx_cycle_t *cycle,
    ngx_http_chat_main_conf_t *mcf)
{
    ngx_uint_t                 i;
    ngx_http_chat_ws_timer_t  *w;

    w = &ngx_http_chat_ws_wheel;

    ngx_memzero(w, sizeof(ngx_http_chat_ws_timer_t));

    for (i = 0; i < NGX_HTTP_CHAT_WS_SLOTS; i++) {
        ngx_queue_init(&w->slots[i]);
    }

    w->drain = mcf->drain;
    w->tick = NGX_HTTP_CHAT_WS_TICK;
    w->turn = ngx_current_msec / w->tick;

    w->dummy.fd = (ngx_socket_t) -1;
    w->event.data = &w->dummy;
    w->event.handler = ngx_http_chat_ws_timer_handler;
    w->event.log = cycle->log;

    ngx_http_chat_drain_on(ngx_http_chat_ws_timer_drain);

    return NGX_OK;
}


void
ngx_http_chat_ws_timer_add(ngx_http_chat_ws_t *ws)
{
    int32_t                    left;
    ngx_http_chat_ws_timer_t  *w;

    w = &ngx_http_chat_ws_wheel;

    if (w->n++ == 0) {
        w->turn = ngx_current_msec / w->tick;
    }

    if (!w->event.timer_set) {
        ngx_add_timer(&w->event, w->tick);
    }

    left = ngx_http_chat_ws_left(ws->next);

    if (w->tick == NGX_HTTP_CHAT_WS_DRAIN_TICK) {
        ngx_http_chat_ws_timer_drain_one(ws, w);
        left = ngx_http_chat_ws_left(ws->drain);
    }

    ngx_http_chat_ws_timer_insert(ws, left);
}


void
ngx_http_chat_ws_timer_del(ngx_http_chat_ws_t *ws)
{
    ngx_http_chat_ws_timer_t  *w;

    w = &ngx_http_chat_ws_wheel;

    ngx_queue_remove(&ws->wheel);

    if (--w->n == 0 && w->event.timer_set) {
        ngx_del_timer(&w->event);
    }
}


/* a slot that is far away is only where it is looked at again */

static void
ngx_http_chat_ws_timer_insert(ngx_http_chat_ws_t *ws, int32_t left)
{
    ngx_msec_t                 turn;
    ngx_http_chat_ws_timer_t  *w;

    w = &ngx_http_chat_ws_wheel;

    turn = (ngx_current_msec + left) / w->tick + 1;

    if ((ngx_msec_int_t) (turn - w->turn) < 1) {
        turn = w->turn + 1;
    }

    if (turn - w->turn >= NGX_HTTP_CHAT_WS_SLOTS) {
        turn = w->turn + NGX_HTTP_CHAT_WS_SLOTS - 1;
    }

    ngx_queue_insert_tail(&w->slots[turn % NGX_HTTP_CHAT_WS_SLOTS],
                          &ws->wheel);
}


void
ngx_http_chat_ws_timer_set(ngx_http_chat_ws_t *ws)
{
    int32_t  left;
    int64_t  life;

#define ngx_http_chat_ws_sooner(ms)                                          \
    if ((ms) < left) {                                                       \
        left = (ms);                                                         \
    }

    left = ngx_http_chat_ws_left(ws->next);

    if (ws->pinged && !ws->closing) {
        ngx_http_chat_ws_sooner(ngx_http_chat_ws_left(ws->pong));
    }

    if (ws->stuck) {
        ngx_http_chat_ws_sooner(ngx_http_chat_ws_left(ws->stalled));
    }

    if (ws->draining && !ws->closing) {
        ngx_http_chat_ws_sooner(ngx_http_chat_ws_left(ws->drain));
    }

    /* with the next turn of the wheel */

    if (ws->retry) {
        ngx_http_chat_ws_sooner(0);
    }

    if (ws->expires != 0 && !ws->closing) {
        life = ws->expires - ngx_http_chat_time_now();

        if (life < 60000) {
            life = ngx_max(life, 0);
            ngx_http_chat_ws_sooner((int32_t) life);
        }
    }

    ngx_queue_remove(&ws->wheel);
    ngx_http_chat_ws_timer_insert(ws, left);
}


static void
ngx_http_chat_ws_timer_handler(ngx_event_t *ev)
{
    ngx_msec_t                 now;
    ngx_queue_t               *q, *slot, local;
    ngx_uint_t                 i;
    ngx_http_chat_ws_timer_t  *w;

    w = &ngx_http_chat_ws_wheel;

    now = ngx_current_msec / w->tick;

    for (i = 0; w->turn != now && i < NGX_HTTP_CHAT_WS_SLOTS; i++) {

        w->turn++;
        slot = &w->slots[w->turn % NGX_HTTP_CHAT_WS_SLOTS];

        if (ngx_queue_empty(slot)) {
            continue;
        }

        ngx_queue_init(&local);
        ngx_queue_add(&local, slot);
        ngx_queue_init(slot);

        while (!ngx_queue_empty(&local)) {
            q = ngx_queue_head(&local);
            ngx_http_chat_ws_timer_run(ngx_queue_data(q, ngx_http_chat_ws_t,
                                                      wheel));
        }
    }

    w->turn = now;

    if (w->n != 0 && !ev->timer_set) {
        ngx_add_timer(ev, w->tick);
    }
}


/* puts it into another slot, or frees it */

static void
ngx_http_chat_ws_timer_run(ngx_http_chat_ws_t *ws)
{
    if (ws->broken || ws->connection->error) {
        ngx_http_chat_ws_destroy(ws);
        return;
    }

    if (ws->stuck && ngx_http_chat_ws_left(ws->stalled) <= 0) {

        /* there is no room for a close frame either */

        if (ws->code == 0) {
            ws->code = NGX_HTTP_CHAT_WS_SLOW;
            ngx_http_chat_counter_add_cell(NGX_HTTP_CHAT_S_SLOW_CLOSES,
                                           NGX_HTTP_CHAT_T_WS, 1);
        }

        ngx_http_chat_ws_destroy(ws);
        return;
    }

    if (ws->closing) {

        if (ngx_http_chat_ws_left(ws->next) <= 0) {
            ngx_http_chat_ws_destroy(ws);
            return;
        }

        ngx_http_chat_ws_timer_set(ws);
        return;
    }

    if (ws->draining && ngx_http_chat_ws_left(ws->drain) <= 0) {
        ngx_http_chat_ws_bye(ws, NGX_HTTP_CHAT_WS_RELOAD);

    } else if (ws->expires != 0 && ws->expires <= ngx_http_chat_time_now()) {
        ngx_http_chat_ws_bye(ws, NGX_HTTP_CHAT_WS_EXPIRED);

    } else if (ngx_http_chat_ws_timer_dead(ws)) {
        ngx_http_chat_ws_close(ws, NGX_HTTP_CHAT_WS_NO_PONG);

    } else if (ngx_http_chat_ws_left(ws->next) <= 0) {
        ngx_http_chat_ws_timer_next(ws);
    }

    if (ws->retry) {
        ws->retry = 0;
        ngx_http_chat_ws_refill(ws);
    }

    ngx_http_chat_ws_timer_set(ws);
}


/* the hello has not come, or it is time for a ping */

static void
ngx_http_chat_ws_timer_next(ngx_http_chat_ws_t *ws)
{
    ngx_msec_t  heartbeat;

    heartbeat = ws->conf->heartbeat;

    if (ws->echo) {
        ws->next = ngx_http_chat_ws_at(heartbeat);
        return;
    }

    if (ws->hello) {

        /* PostgreSQL is asked who it is; it answers in time or not at all */

        ws->next = ngx_http_chat_ws_at(NGX_HTTP_CHAT_WS_HELLO);
        return;
    }

    if (ws->actor.kind == 0) {
        ngx_http_chat_ws_close(ws, NGX_HTTP_CHAT_WS_NO_HELLO);
        return;
    }

    ws->next = ngx_http_chat_ws_at(heartbeat * 9 / 10
                                   + (ngx_msec_t) ngx_random()
                                     % (heartbeat / 5 + 1));

    /* for a client that has enough to read there is the clock of slow ones */

    if (ngx_http_chat_ws_full(ws)) {
        return;
    }

    ngx_http_chat_ws_timer_ping(ws);

    if (!ws->pinged) {
        ws->pinged = 1;
        ws->alive = 0;
        ws->pong = ngx_http_chat_ws_at(NGX_HTTP_CHAT_WS_PONG);
    }
}


/* whatever has come is as good as a pong */

static ngx_uint_t
ngx_http_chat_ws_timer_dead(ngx_http_chat_ws_t *ws)
{
    if (!ws->pinged) {
        return 0;
    }

    if (ws->alive) {
        ws->pinged = 0;
        return 0;
    }

    if (ngx_http_chat_ws_left(ws->pong) > 0) {
        return 0;
    }

    /*
     * a ping that stands behind much else may be answered late: that is for
     * the clock of slow readers; and bytes that wait to be looked at are a
     * sign of life
     */

    if (ws->stuck || ws->rest != NULL || ws->connection->read->ready) {
        ws->pong = ngx_http_chat_ws_at(NGX_HTTP_CHAT_WS_PONG);
        return 0;
    }

    return 1;
}


/* a ping for the connection, a heartbeat for scripts, which see no pings */

static void
ngx_http_chat_ws_timer_ping(ngx_http_chat_ws_t *ws)
{
    u_char  *p;

    ngx_http_chat_ws_control(ws, NGX_HTTP_CHAT_WSFRAME_PING, NULL, 0);

    p = ngx_http_chat_ws_text(ws, sizeof("{\"type\":\"heartbeat\","
                                         "\"heads\":{}}")
                                  + ws->nsubs
                                    * (sizeof(",\"\":\"\"") - 1
                                       + NGX_HTTP_CHAT_ID_LEN
                                       + NGX_HTTP_CHAT_CURSOR_LEN));
    if (p == NULL) {
        return;
    }

    p = ngx_cpymem(p, "{\"type\":\"heartbeat\",\"heads\":{",
                   sizeof("{\"type\":\"heartbeat\",\"heads\":{") - 1);
    p = ngx_http_chat_ws_timer_heads(p, ws);
    *p++ = '}';
    *p++ = '}';

    ngx_http_chat_ws_trim(ws, p);
}


static u_char *
ngx_http_chat_ws_timer_heads(u_char *p, ngx_http_chat_ws_t *ws)
{
    ngx_uint_t               n;
    ngx_http_chat_ws_sub_t  *sub;

    n = 0;

    for (sub = ws->subs; sub != NULL; sub = sub->next) {

        if (!sub->feed.answered) {
            continue;
        }

        if (n++ > 0) {
            *p++ = ',';
        }

        *p++ = '"';
        p = ngx_http_chat_id_write(p, &sub->feed.conversation);
        *p++ = '"';
        *p++ = ':';
        *p++ = '"';
        p = ngx_http_chat_cursor_write(p, sub->feed.epoch, sub->feed.since);
        *p++ = '"';
    }

    return p;
}


void
ngx_http_chat_ws_timer_each(
    void (*each)(ngx_http_chat_ws_t *ws, void *data), void *data)
{
    ngx_queue_t               *q, *slot, local;
    ngx_uint_t                 i;
    ngx_http_chat_ws_t        *ws;
    ngx_http_chat_ws_timer_t  *w;

    w = &ngx_http_chat_ws_wheel;

    /* all of them first, since each() may move what it is given */

    ngx_queue_init(&local);

    for (i = 0; i < NGX_HTTP_CHAT_WS_SLOTS; i++) {
        slot = &w->slots[i];

        if (!ngx_queue_empty(slot)) {
            ngx_queue_add(&local, slot);
            ngx_queue_init(slot);
        }
    }

    while (!ngx_queue_empty(&local)) {
        q = ngx_queue_head(&local);
        ws = ngx_queue_data(q, ngx_http_chat_ws_t, wheel);

        each(ws, data);
        ngx_http_chat_ws_timer_set(ws);
    }
}


/*
 * The worker leaves: each connection at a time of its own within chat_drain,
 * and goes on receiving until then.
 */

static void
ngx_http_chat_ws_timer_drain(void)
{
    ngx_http_chat_ws_timer_t  *w;

    w = &ngx_http_chat_ws_wheel;

    w->tick = NGX_HTTP_CHAT_WS_DRAIN_TICK;
    w->turn = ngx_current_msec / w->tick;

    if (w->n == 0) {
        return;
    }

    ngx_add_timer(&w->event, w->tick);

    ngx_http_chat_ws_timer_each(ngx_http_chat_ws_timer_drain_one, w);
}


static void
ngx_http_chat_ws_timer_drain_one(ngx_http_chat_ws_t *ws, void *data)
{
    ngx_http_chat_ws_timer_t  *w = data;

    ws->draining = 1;

    if (ws->closing) {
        ws->next = ngx_http_chat_ws_at(NGX_HTTP_CHAT_WS_LEAVE);
    }

    ws->drain = ngx_http_chat_ws_at((ngx_msec_t) ngx_random()
                                    % (w->drain + 1));
}
