
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#include "feed_sim.h"
#include "ngx_http_chat_append.h"
#include "ngx_http_chat_bus.h"
#include "ngx_http_chat_counter.h"
#include "ngx_http_chat_feed.h"
#include "ngx_http_chat_store.h"


#define SIM_CALLS     256
#define SIM_MESSAGES  256
#define SIM_EPOCHS    64


typedef struct {
    ngx_http_chat_call_t      call;
    ngx_http_chat_query_e     query;
    ngx_uint_t                conversation;
    ngx_uint_t                agent;
    ngx_uint_t                ended;         /* the credential */
    int64_t                   since;
    ngx_uint_t                tail;
    unsigned                  executed:1;

    /* what it saw */
    int64_t                   first;
    int64_t                   last;
    int64_t                   head;
    ngx_uint_t                more;
    ngx_uint_t                ahead;
    uint64_t                  commits;
    int64_t                   heads[SIM_CONVERSATIONS];
} sim_call_t;


typedef struct {
    ngx_uint_t                conversation;
    int64_t                   seq;           /* 0: somebody is typing */
    ngx_uint_t                epoch;
    unsigned                  local:1;
} sim_message_t;


sim_t  sim;

static uint32_t                          state;
static sim_call_t                       *calls[SIM_CALLS];
static ngx_uint_t                        ncalls;
static sim_message_t                     messages[SIM_MESSAGES];
static ngx_uint_t                        nmessages;
static ngx_uint_t                        unconfirmed[SIM_CONVERSATIONS];
static ngx_uint_t                        ready;
static uint64_t                          commits;
static uint64_t                          changed[SIM_CONVERSATIONS];
static u_char                            epochs[SIM_EPOCHS]
                                               [NGX_HTTP_CHAT_EPOCH_LEN];
static PGresult                          result;

static ngx_http_chat_bus_state_pt        bus_state;
static ngx_http_chat_bus_subscribed_pt   bus_subscribed;
static ngx_http_chat_bus_handler_pt      handlers[NGX_HTTP_CHAT_BUS_TYPES];
static ngx_http_chat_store_state_pt      store_state;

static ngx_log_t                         log;
static ngx_cycle_t                       cycle;

static void sim_epoch(void);
static void sim_execute(sim_call_t *c);
static void sim_select(sim_call_t *c);
static void sim_finish(ngx_uint_t i);
static void sim_rows(sim_call_t *c);
static void sim_swept(sim_call_t *c);
static void sim_text(int row, int col, const char *text);
static void sim_int8(int row, int col, int64_t v);
static void sim_announce(ngx_uint_t i);
static void sim_publish(sim_message_t *m);

void
ngx_http_chat_bus_publish(ngx_http_chat_id_t *topic,
    ngx_http_chat_bus_message_t *message)
{
    if (sim.published != NULL) {
        sim.published(message);
    }
}


void
sim_receive(ngx_http_chat_bus_message_t *message)
{
    handlers[message->type](message);
}


uint32_t
sim_random(uint32_t n)
{
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;

    return state % n;
}


void
sim_init(uint32_t seed)
{
    ngx_uint_t  i;

    static ngx_time_t  now = { 1795327200, 123, 0 };

    ngx_memzero(&sim, sizeof(sim_t));

    sim.seed = seed;
    state = seed * 2654435761u + 1;

    for (i = 0; i < 8; i++) {
        (void) sim_random(2);
    }

    sim.separate = sim_random(2);

    for (i = 0; i < SIM_CONVERSATIONS; i++) {
        sim.heads[i] = 1 + sim_random(12);
        changed[i] = 0;
        unconfirmed[i] = 0;
    }

    ncalls = 0;
    nmessages = 0;
    ready = 1;
    commits = 1000;
    store_state = NULL;

    ngx_memzero(handlers, sizeof(handlers));
    sim_epoch();

    ngx_current_msec = 1000000;
    ngx_cached_time = &now;
    ngx_cycle = &cycle;
    cycle.log = &log;

    (void) ngx_event_timer_init(&log);
}


static void
sim_epoch(void)
{
    ngx_memset(epochs[sim.epoch % SIM_EPOCHS], (int) ('0' + sim.epoch),
               NGX_HTTP_CHAT_EPOCH_LEN);
}


void
sim_start(void)
{
    store_state(1);
}


void
sim_conversation(ngx_http_chat_id_t *id, ngx_uint_t i)
{
    ngx_memset(id->data, 0x71, sizeof(id->data));
    id->data[15] = (u_char) i;
}


ngx_uint_t
sim_which(ngx_http_chat_id_t *id)
{
    return id->data[15];
}


ngx_uint_t
sim_internal(ngx_uint_t conversation, int64_t seq)
{
    uint64_t  h;

    h = (sim.seed * 31 + conversation) * 1000003 + seq;

    if (seq > 6) {
        h += sim.epoch * 7919;
    }

    h *= 0x9e3779b97f4a7c15;

    return seq > 1 && (h >> 60) < 6;
}


void
sim_append(ngx_uint_t conversation)
{
    ngx_uint_t      n;
    sim_message_t  *m;

    sim.heads[conversation]++;
    changed[conversation] = ++commits;

    if (sim.losing && sim_random(6) == 0) {
        return;
    }

    n = sim_random(8) == 0 ? 2 : 1;

    while (n-- > 0 && nmessages < SIM_MESSAGES) {
        m = &messages[nmessages++];

        m->conversation = conversation;
        m->seq = sim.heads[conversation];
        m->epoch = sim.epoch;
        m->local = sim_random(2);
    }
}


void
sim_signal(ngx_uint_t conversation)
{
    sim_message_t  *m;

    if (nmessages < SIM_MESSAGES) {
        m = &messages[nmessages++];

        ngx_memzero(m, sizeof(sim_message_t));
        m->conversation = conversation;
    }
}


void
sim_bus(ngx_uint_t up)
{
    if (ready != up) {
        ready = up;
        bus_state(up);
    }
}


void
sim_failover(void)
{
    ngx_uint_t   i;
    sim_call_t  *c;

    store_state(0);

    for (i = 0; i < ncalls; i++) {
        c = calls[i];

        if (c->query == NGX_HTTP_CHAT_Q_SWEEP) {
            continue;
        }

        if (c->executed) {
            c->call.rc = NGX_ABORT;

        } else if (sim_random(2)) {
            c->executed = 1;
            c->call.rc = NGX_BUSY;
        }
    }

    sim.epoch++;
    sim_epoch();

    commits = 10;

    for (i = 0; i < SIM_CONVERSATIONS; i++) {
        sim.heads[i] -= sim_random((uint32_t) ngx_min(sim.heads[i], 6));
        changed[i] = 0;
    }

    store_state(1);
}


ngx_uint_t
sim_step(void)
{
    ngx_uint_t          i, n;
    ngx_http_chat_id_t  id;

    for (i = 0, n = ncalls + nmessages; i < SIM_CONVERSATIONS; i++) {
        n += unconfirmed[i];
    }

    if (n == 0) {
        return 0;
    }

    n = sim_random(n);

    if (n < ncalls) {

        if (!calls[n]->executed) {
            sim_execute(calls[n]);

        } else {
            sim_finish(n);
        }

        return 1;
    }

    n -= ncalls;

    if (n < nmessages) {
        sim_announce(n);
        return 1;
    }

    for (i = 0; i < SIM_CONVERSATIONS; i++) {

        if (unconfirmed[i]) {
            unconfirmed[i] = 0;
            sim_conversation(&id, i);
            bus_subscribed(&id);
            break;
        }
    }

    return 1;
}


void
sim_wait(ngx_msec_t time)
{
    ngx_msec_t  end, next;

    end = ngx_current_msec + time;

    for ( ;; ) {
        next = ngx_event_find_timer();

        if (next == NGX_TIMER_INFINITE || ngx_current_msec + next > end) {
            break;
        }

        ngx_current_msec += next;
        ngx_event_expire_timers();
    }

    ngx_current_msec = end;
}


/* the statement sees the log as it is now */

static void
sim_execute(sim_call_t *c)
{
    c->executed = 1;

    if (sim.failing && sim_random(8) == 0) {
        c->call.rc = sim_random(2) ? NGX_BUSY : NGX_ABORT;
        return;
    }

    c->call.rc = NGX_OK;

    if (c->query == NGX_HTTP_CHAT_Q_SWEEP) {
        c->commits = commits;
        ngx_memcpy(c->heads, sim.heads, sizeof(sim.heads));

        for (c->first = 0; c->first < SIM_CONVERSATIONS; c->first++) {

            if (changed[c->first] <= (uint64_t) c->since || c->since < 0) {
                c->heads[c->first] = 0;
            }
        }

        return;
    }

    sim_select(c);
}


static void
sim_select(sim_call_t *c)
{
    int64_t     seq;
    ngx_uint_t  n;

    c->head = sim.heads[c->conversation];
    c->ahead = (c->since > c->head);

    if (c->tail || c->ahead) {

        n = 0;

        for (seq = c->head; seq > 0 && n < SIM_PAGE; seq--) {
            n += c->agent || !sim_internal(c->conversation, seq);
        }

        c->first = seq + 1;
        c->last = c->head;
        c->more = (seq > 0 && !c->ahead);
        return;
    }

    n = 0;

    for (seq = c->since + 1; seq <= c->head && n < SIM_PAGE; seq++) {
        n += c->agent || !sim_internal(c->conversation, seq);
    }

    c->first = c->since + 1;
    c->last = seq - 1;

    for (c->more = 0; seq <= c->head; seq++) {
        c->more |= c->agent || !sim_internal(c->conversation, seq);
    }
}


static void
sim_finish(ngx_uint_t i)
{
    sim_call_t  *c;

    c = calls[i];
    calls[i] = calls[--ncalls];

    if (c->call.rc == NGX_OK) {
        pg_result_clear(&result, SIM_PAGE + 1);
        c->call.res = &result;

        if (c->query == NGX_HTTP_CHAT_Q_SWEEP) {
            sim_swept(c);

        } else {
            sim_rows(c);
        }
    }

    if (c->call.owner != NULL) {
        *c->call.owner = NULL;
    }

    c->call.done(&c->call);

    free(c);
}


static void
sim_rows(sim_call_t *c)
{
    int      row;
    int64_t  seq, pub;

    if (c->ended) {
        sim_text(0, NGX_HTTP_CHAT_C_OUTCOME, "unauthenticated");
        result.rows = 1;
        return;
    }

    pub = c->head;

    while (sim_internal(c->conversation, pub)) {
        pub--;
    }

    sim_text(0, NGX_HTTP_CHAT_C_OUTCOME, "ok");
    sim_int8(0, NGX_HTTP_CHAT_C_HEAD, c->head);
    sim_int8(0, NGX_HTTP_CHAT_C_PUB_HEAD, pub);

    if (c->query == NGX_HTTP_CHAT_Q_EVENTS) {
        sim_text(0, NGX_HTTP_CHAT_C_STATE,
                 "{\"version\":7,\"read\":{},\"typing\":[],"
                 "\"presence\":[]}");
        sim_text(0, NGX_HTTP_CHAT_C_MORE, c->more ? "\1" : "\0");
        result.len[0][NGX_HTTP_CHAT_C_MORE] = 1;
        sim_text(0, NGX_HTTP_CHAT_C_BODY, c->agent ? "{\"name\":\"Dana\"}"
                                                   : "{\"name\":\"Alice\"}");

        if (c->ahead) {
            sim_text(0, NGX_HTTP_CHAT_C_REASON, "ahead");
        }
    }

    for (row = 1, seq = c->first; seq <= c->last; seq++) {

        if (sim_internal(c->conversation, seq) && !c->agent) {
            continue;
        }

        sim_int8(row, NGX_HTTP_CHAT_C_EVENT + NGX_HTTP_CHAT_E_SEQ, seq);
        sim_text(row, NGX_HTTP_CHAT_C_EVENT + NGX_HTTP_CHAT_E_TYPE,
                 "message");
        sim_text(row, NGX_HTTP_CHAT_C_EVENT + NGX_HTTP_CHAT_E_ID,
                 "0123456789abcdef");
        sim_text(row, NGX_HTTP_CHAT_C_EVENT + NGX_HTTP_CHAT_E_INTERNAL,
                 sim_internal(c->conversation, seq) ? "\1" : "\0");
        result.len[row][NGX_HTTP_CHAT_C_EVENT + NGX_HTTP_CHAT_E_INTERNAL] = 1;
        row++;
    }

    result.rows = row;
}


static void
sim_swept(sim_call_t *c)
{
    u_char               text[NGX_INT64_LEN + 1], *p;
    ngx_uint_t           i;
    ngx_http_chat_id_t   id;

    p = ngx_sprintf(text, "%uL", c->commits);
    *p = '\0';
    sim_text(0, 0, (char *) text);

    result.rows = 1;

    /* too much to be listed */

    if (c->since >= 0 && c->commits % 5 == 0) {
        sim_int8(0, 3, -1);
        return;
    }

    for (i = 0; i < SIM_CONVERSATIONS; i++) {

        if (c->heads[i] != 0) {
            sim_conversation(&id, i);

            ngx_memcpy(result.cell[result.rows][2], id.data, 16);
            result.len[result.rows][2] = 16;

            ngx_memcpy(result.cell[result.rows][1], "\0\0\0\1", 4);
            result.len[result.rows][1] = 4;

            sim_int8(result.rows, 3, c->heads[i]);
            result.rows++;
        }
    }
}


static void
sim_text(int row, int col, const char *text)
{
    result.len[row][col] = (int) strlen(text);
    ngx_memcpy(result.cell[row][col], text, strlen(text) + 1);
}


static void
sim_int8(int row, int col, int64_t v)
{
    u_char  *p;

    p = (u_char *) result.cell[row][col];
    ngx_http_chat_put_int8(p, v);
    result.len[row][col] = 8;
}


static void
sim_announce(ngx_uint_t i)
{
    sim_message_t  m = messages[i];

    messages[i] = messages[--nmessages];

    /* a carrier keeps histories apart, or what they say is put right */

    if (m.epoch != sim.epoch && (m.local || (m.seq != 0 && sim.separate))) {
        return;
    }

    if (!m.local && (!ready || (sim.losing && sim_random(5) == 0))) {
        return;
    }

    sim_publish(&m);
}


static void
sim_publish(sim_message_t *m)
{
    u_char                       *p;
    u_char                        data[128];
    ngx_str_t                     json = ngx_string("{}");
    ngx_uint_t                    internal;
    ngx_http_chat_id_t            id;
    ngx_http_chat_event_t        *event;
    ngx_http_chat_bus_message_t   b;

    sim_conversation(&id, m->conversation);
    internal = sim_internal(m->conversation, m->seq);

    if (m->local && m->seq != 0) {
        event = ngx_http_chat_event_wrap(&id, 1, m->seq,
                                         internal ? NGX_HTTP_CHAT_AGENT
                                                  : NGX_HTTP_CHAT_MEMBER,
                                         &json);

        ngx_http_chat_feed_publish(event);
        ngx_http_chat_event_release(event);
        return;
    }

    ngx_memzero(&b, sizeof(ngx_http_chat_bus_message_t));
    ngx_memset(b.origin, '1' + sim_random(2), sizeof(b.origin));

    b.id = id;
    b.site = 1;

    if (m->seq == 0) {
        b.type = sim_random(2) ? NGX_HTTP_CHAT_BUS_TYPING
                               : NGX_HTTP_CHAT_BUS_PRESENCE;
        b.n = NGX_HTTP_CHAT_MEMBER;

        p = data;
        *p++ = b.type == NGX_HTTP_CHAT_BUS_TYPING ? "01"[sim_random(2)]
                                                  : "+-"[sim_random(2)];
        *p++ = '0' + NGX_HTTP_CHAT_AGENT;
        p = ngx_http_chat_id_write(p, &id);
        p = ngx_cpymem(p, "{\"name\":\"Eve\"}", 14);

        b.data.data = data;
        b.data.len = p - data;

    } else {
        b.type = NGX_HTTP_CHAT_BUS_EVENT;
        b.n = m->seq * 2 + internal;

        if (sim.separate && m->seq % 3 != 0) {
            b.data = json;
        }
    }

    handlers[b.type](&b);
}


/* the parts below the feed */

ngx_http_chat_call_t *
ngx_http_chat_store_call(ngx_http_chat_lane_e lane,
    ngx_http_chat_query_e query, ngx_http_chat_args_t *args,
    ngx_http_chat_call_pt done, void *data)
{
    ngx_uint_t    at;
    const char   *since;
    sim_call_t   *c;

    sim.calls++;

    if (ncalls == SIM_CALLS || (sim.failing && sim_random(12) == 0)) {
        return NULL;
    }

    c = calloc(1, sizeof(sim_call_t));

    c->call.done = done;
    c->call.data = data;
    c->query = query;

    switch (query) {

    case NGX_HTTP_CHAT_Q_EVENTS:
        at = 5;
        c->agent = (args->values[1][0] == 'a');
        c->ended = c->agent ? args->values[4][0] == SIM_ENDED
                            : args->values[3][7] == SIM_ENDED;
        c->tail = *args->values[8];
        break;

    case NGX_HTTP_CHAT_Q_FEED:
        at = 1;
        c->agent = 1;
        break;

    default:
        at = 0;
    }

    since = at ? args->values[at + 1] : args->values[0];

    if (at == 0) {
        c->since = since == NULL ? -1
                                 : ngx_atoof((u_char *) since,
                                             args->lengths[0]);

    } else {
        c->conversation = (u_char) args->values[at][15];

        for (c->since = 0, at = 0; since != NULL && at < 8; at++) {
            c->since = c->since << 8 | (u_char) since[at];
        }
    }

    calls[ncalls++] = c;

    return &c->call;
}


u_char *
ngx_http_chat_store_epoch(void)
{
    return epochs[sim.epoch % SIM_EPOCHS];
}


ngx_uint_t
ngx_http_chat_store_ready(void)
{
    return 1;
}


void
ngx_http_chat_store_on_state(ngx_http_chat_store_listener_t *listener)
{
    store_state = listener->state;
}


ngx_int_t
ngx_http_chat_bus_init(ngx_cycle_t *cycle, ngx_http_chat_main_conf_t *mcf,
    ngx_http_chat_bus_state_pt on_state,
    ngx_http_chat_bus_subscribed_pt on_subscribed)
{
    bus_state = on_state;
    bus_subscribed = on_subscribed;

    return NGX_OK;
}


void
ngx_http_chat_bus_on(ngx_http_chat_bus_type_e type,
    ngx_http_chat_bus_handler_pt handler)
{
    handlers[type] = handler;
}


ngx_int_t
ngx_http_chat_bus_subscribe(ngx_http_chat_id_t *topic)
{
    if (!sim.separate || !ready || sim_random(3) == 0) {
        return NGX_OK;
    }

    unconfirmed[sim_which(topic)] = 1;

    return NGX_AGAIN;
}


void
ngx_http_chat_bus_unsubscribe(ngx_http_chat_id_t *topic)
{
    unconfirmed[sim_which(topic)] = 0;
}


ngx_uint_t
ngx_http_chat_bus_ready(void)
{
    return ready;
}


ngx_uint_t
ngx_http_chat_bus_separate(void)
{
    return sim.separate;
}
