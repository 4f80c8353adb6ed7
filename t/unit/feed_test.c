
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


/*
 * Sources: t/unit/feed_sim.c t/unit/feed_core.c t/unit/feed_stub.c
 * Sources: src/ngx_http_chat_hub.c src/ngx_http_chat_topic.c
 * Sources: src/ngx_http_chat_feed.c src/ngx_http_chat_feed_read.c
 * Sources: src/ngx_http_chat_state.c src/ngx_http_chat_publish.c
 * Sources: src/ngx_http_chat_sweep.c src/ngx_http_chat_page.c
 * Sources: src/ngx_http_chat_event.c src/ngx_http_chat_presence.c
 * Sources: src/ngx_http_chat_participant.c src/ngx_http_chat_shown.c
 * Sources: src/ngx_http_chat_row.c src/ngx_http_chat_tree.c
 * Sources: src/ngx_http_chat_id.c src/ngx_http_chat_json.c t/unit/pg_result.c
 */


#include "feed_sim.h"
#include "ngx_http_chat_feed.h"
#include "ngx_http_chat_hub.h"
#include "unit.h"

#include <sanitizer/lsan_interface.h>


/*
 * R3, R4.  Whatever happens on the way, in the end each subscriber has the
 * record that it may see: no gap, no repeat, in order, nothing internal for a
 * visitor.
 *
 * feed_test [first seed [number]]
 */

#define RUNS   20000
#define STEPS  80
#define SUBS   8

/* longer than a topic is kept; ms */
#define LINGER 70000

typedef enum {
    FREE = 0,
    AWAY,                                    /* to be subscribed again */
    READING,
    LIVE,
    BEHIND
} sub_state_e;


/* a transport */

typedef struct {
    ngx_http_chat_feed_t      feed;
    ngx_http_chat_actor_t     actor;
    sub_state_e               state;
    ngx_uint_t                slot;
    ngx_uint_t                conversation;
    ngx_uint_t                agent;
    ngx_uint_t                ended;         /* its credential */
    ngx_uint_t                who;
    ngx_uint_t                epoch;
    int64_t                   last;          /* seen so far; -1: nothing */
} sub_t;


static sub_t                 *subs[SUBS];
static const char            *failure;
static ngx_uint_t             calm;          /* transports only listen */
static ngx_http_chat_site_t   site;


static void run(uint32_t seed);
static void act(void);
static void settle(void);
static void settled(sub_t *s);
static void gone(void);
static void subscribe(void);
static void storm(void);
static sub_t *add(void);
static void shared(void);
static void come_back(void);
static ngx_uint_t live(void);
static void start(sub_t *s);
static void end(sub_t *s);
static void read_on(sub_t *s);
static void opened(ngx_http_chat_feed_t *f, ngx_http_chat_page_t *page);
static void event(ngx_http_chat_feed_t *f, ngx_http_chat_event_t *e);
static void signalled(ngx_http_chat_feed_t *f, ngx_http_chat_event_t *e);
static void closed(ngx_http_chat_feed_t *f, ngx_uint_t code);
static void see(sub_t *s, int64_t seq);
static void all_seen(sub_t *s, int64_t head);
static void count(ngx_http_chat_topic_t *topic, void *data);
static void failed(const char *what);


static const ngx_http_chat_feed_calls_t  handlers = {
    opened, event, signalled, closed
};


int
main(int argc, char **argv)
{
    uint32_t  seed, first, n;

    first = argc > 1 ? atoi(argv[1]) : 1;
    n = argc > 2 ? atoi(argv[2]) : (argc > 1 ? 1 : RUNS);

    for (seed = first; seed < first + n; seed++) {
        run(seed);

        if (failure != NULL) {
            printf("# seed %u: %s\n", seed, failure);
            break;
        }
    }

    ok(failure == NULL, "every subscriber has the record it may see");

    shared();

    ok(__lsan_do_recoverable_leak_check() == 0, "nothing leaks");

    return done();
}


static void
run(uint32_t seed)
{
    ngx_uint_t  i;

    static ngx_http_chat_main_conf_t  mcf;

    failure = NULL;
    site.id = 1;

    sim_init(seed);
    ngx_memzero(subs, sizeof(subs));

    if (ngx_http_chat_feed_init((ngx_cycle_t *) ngx_cycle, &mcf) != NGX_OK) {
        failed("it does not start");
        return;
    }

    sim_start();

    for (i = 0; i < STEPS && failure == NULL; i++) {
        sim.failing = (i % 32 < 16);
        sim.losing = 1;

        act();
    }

    settle();
    gone();

    ngx_http_chat_feed_exit();
}


static void
act(void)
{
    sub_t       *s;
    ngx_uint_t   n;

    s = subs[sim_random(SUBS)];

    switch (sim_random(20)) {

    case 0:
    case 1:
    case 2:
    case 3:
        sim_append(sim_random(SIM_CONVERSATIONS));
        break;

    case 4:
        subscribe();
        break;

    case 5:
        storm();
        break;

    case 6:

        if (s != NULL) {
            end(s);
        }

        break;

    case 7:

        if (s != NULL && s->state == LIVE) {
            ngx_http_chat_feed_pause(&s->feed);
            s->state = BEHIND;
        }

        break;

    case 8:

        /* the state is read anew */

        if (s != NULL && s->state == LIVE) {
            read_on(s);
        }

        break;

    case 9:
        sim_signal(sim_random(SIM_CONVERSATIONS));
        break;

    case 10:
        n = sim_random(24);

        if (n < 4) {
            sim_bus(n % 2);

        } else if (n == 4) {
            sim_failover();
        }

        break;

    case 11:
        sim_wait(1 + sim_random(60));
        break;

    case 12:
        sim_wait(1 + sim_random(sim_random(20) ? 800 : 40000));
        break;

    case 13:

        if (s != NULL && s->state == AWAY) {
            start(s);

        } else if (s != NULL && s->state == BEHIND) {
            read_on(s);
        }

        break;

    default:
        (void) sim_step();
    }
}


/* resumes of one conversation, and what they cost */

static void
shared(void)
{
    ngx_uint_t  i, calls;

    static ngx_http_chat_main_conf_t  mcf;

    failure = NULL;
    sim_init(1);
    sim.separate = 0;
    calm = 1;
    ngx_memzero(subs, sizeof(subs));

    (void) ngx_http_chat_feed_init((ngx_cycle_t *) ngx_cycle, &mcf);
    sim_start();
    while (sim_step()) { /* void */ }
    calls = sim.calls;

    for (i = 0; i < SUBS; i++) {
        (void) add();
        subs[i]->conversation = 0;
        subs[i]->agent = (i % 2);
        subs[i]->ended = 0;
        subs[i]->last = sim.heads[0];
        subs[i]->who = (i % 2) ? '0' : 'A';

        start(subs[i]);
    }

    ok(sim.calls == calls + 2, "one read for visitors, one for agents");
    ok(live() == 0, "all of them wait for it");

    end(subs[0]);
    while (sim_step()) { /* void */ }
    ok(live() == SUBS - 1, "and are live then, without the first of them");

    come_back();

    ok(live() == SUBS - 1 && sim.calls == calls + 2, "at the head nothing is");

    sim_append(0);

    come_back();
    while (sim_step()) { /* void */ }

    all_seen(subs[1], sim.heads[0]);
    all_seen(subs[2], sim.heads[0]);
    ok(live() == SUBS - 1 && failure == NULL, "whatever is stored then comes");

    gone();
    ngx_http_chat_feed_exit();
}


static void
come_back(void)
{
    ngx_uint_t  i;

    for (i = 1; i < SUBS; i++) {
        ngx_http_chat_feed_leave(&subs[i]->feed);
        start(subs[i]);
    }
}


static ngx_uint_t
live(void)
{
    ngx_uint_t  i, n;

    for (i = 0, n = 0; i < SUBS; i++) {
        n += (subs[i] != NULL && subs[i]->state == LIVE);
    }

    return n;
}


/* the weather is fine again */

static void
settle(void)
{
    ngx_uint_t  i, n, calls;

    sim.failing = 0;
    sim.losing = 0;
    sim_bus(1);

    calls = sim.calls;

    for (n = 0; n < 80 && failure == NULL; n++) {

        while (sim_step() && failure == NULL) {

            if (sim.calls - calls > 1000) {
                failed("it reads for ever");
            }
        }

        for (i = 0; i < SUBS && failure == NULL; i++) {

            if (subs[i] != NULL && subs[i]->state == AWAY) {
                start(subs[i]);

            } else if (subs[i] != NULL && subs[i]->state == BEHIND) {
                read_on(subs[i]);
            }
        }

        sim_wait(100);
    }

    for (i = 0; i < SUBS && failure == NULL; i++) {
        if (subs[i] != NULL) {
            settled(subs[i]);
        }
    }
}


static void
settled(sub_t *s)
{
    if (s->state != LIVE || !s->feed.live) {
        failed(s->state == READING ? "a reader waits for ever"
                                   : "a reader is not live");
        return;
    }

    all_seen(s, sim.heads[s->conversation]);
}


/* a while after the last one has left nothing is kept */

static void
gone(void)
{
    ngx_uint_t  i, n;

    for (i = 0; i < SUBS; i++) {
        if (subs[i] != NULL) {
            end(subs[i]);
        }
    }

    sim_wait(LINGER);

    while (sim_step()) { /* void */ }

    n = 0;
    ngx_http_chat_hub_topics(count, &n);

    if (failure == NULL && n + ngx_http_chat_hub_count() != 0) {
        failed("a topic is kept");
    }

    ngx_http_chat_hub_exit();
}


static void
count(ngx_http_chat_topic_t *topic, void *data)
{
    ngx_uint_t *n = data;

    (*n)++;
}


static void
subscribe(void)
{
    sub_t  *s;

    s = add();

    if (s != NULL) {
        start(s);
    }
}


/* several of one kind come at once, from the same event */

static void
storm(void)
{
    sub_t       *s, *first;
    ngx_uint_t   n;

    first = add();

    if (first == NULL) {
        return;
    }

    for (n = 1 + sim_random(SUBS - 1); n > 0; n--) {
        s = add();

        if (s == NULL) {
            break;
        }

        s->conversation = first->conversation;
        s->agent = first->agent;
        s->who = s->agent && sim_random(2) ? '0' + s->slot : first->who;
        s->last = first->last;
    }

    for (n = 0; n < SUBS; n++) {
        if (subs[n] != NULL && subs[n]->state == FREE) {
            start(subs[n]);
        }
    }
}


static sub_t *
add(void)
{
    sub_t       *s;
    ngx_uint_t   i;

    for (i = 0; i < SUBS && subs[i] != NULL; i++) { /* void */ }

    if (i == SUBS) {
        return NULL;
    }

    s = calloc(1, sizeof(sub_t));

    subs[i] = s;
    s->slot = i;
    s->conversation = sim_random(SIM_CONVERSATIONS);
    s->agent = sim_random(2);
    s->who = s->agent ? '0' + i : 'A';
    s->ended = (sim_random(8) == 0);
    s->last = (int64_t) sim_random(sim.heads[s->conversation] + 3) - 1;
    s->epoch = sim.epoch;

    if (s->last >= 0 && sim_random(3) == 0) {
        s->last = sim.heads[s->conversation];
    }

    return s;
}


static void
start(sub_t *s)
{
    ngx_http_chat_feed_t  *f;

    f = &s->feed;

    s->actor.kind = s->agent ? NGX_HTTP_CHAT_AGENT : NGX_HTTP_CHAT_VISITOR;
    s->actor.site = &site;
    ngx_memset(s->actor.id.data, s->agent ? '0' + (int) s->slot : 'A', 16);
    ngx_memset(s->actor.id.data, (int) s->who, 16);
    s->actor.issued = s->ended ? SIM_ENDED
                               : SIM_ENDED + 1 + (calm ? 0 : sim_random(2));
    s->actor.session.data[0] = s->ended ? SIM_ENDED : SIM_ENDED + 1;

    sim_conversation(&f->conversation, s->conversation);

    f->since = s->last;
    f->stateful = sim_random(2);
    f->tail = (s->epoch != sim.epoch && s->last >= 0);
    f->calls = &handlers;
    f->actor = &s->actor;
    if (!f->tail) {
        s->epoch = sim.epoch;
    }

    switch (ngx_http_chat_feed_subscribe(f, NULL)) {

    case NGX_OK:
        s->state = LIVE;

        if (s->ended && !s->agent) {
            failed("a credential that has ended lets in");
        }

        break;

    case NGX_AGAIN:
        s->state = READING;
        break;

    default:
        s->state = AWAY;
    }
}


static void
end(sub_t *s)
{
    ngx_http_chat_feed_leave(&s->feed);

    subs[s->slot] = NULL;
    free(s);
}


static void
read_on(sub_t *s)
{
    if (ngx_http_chat_feed_read(&s->feed) == NGX_OK) {
        s->state = READING;
    }
}


static void
opened(ngx_http_chat_feed_t *f, ngx_http_chat_page_t *page)
{
    sub_t       *s;
    ngx_uint_t   i, more;

    s = (sub_t *) f;

    if (s->state != READING) {
        failed("a page that nobody has asked for");
        return;
    }

    if (page == NULL) {
        s->state = AWAY;
        return;
    }

    if (page->outcome.len != 2) {

        if (!s->ended) {
            failed("an unexpected outcome");
        }

        end(s);
        return;
    }

    if (s->ended && !s->agent) {
        failed("a credential that has ended reads");
    }

    more = page->more;

    if (page->reason.len != 0) {
        s->last = -1;
    }

    if (s->last < 0) {
        s->epoch = sim.epoch;
    }

    if (s->epoch != sim.epoch) {
        failed("a page of another history");
        return;
    }

    if (s->last < 0) {

        /* what comes before the last events is asked for otherwise */

        more = 0;
    }

    for (i = 0; i < page->n; i++) {
        see(s, page->events[i]->seq);
    }

    if (!more) {
        all_seen(s, page->head);
    }

    if (s->last < 0) {
        s->last = 0;
    }

    s->state = f->live ? LIVE : BEHIND;

    if (!calm && sim_random(16) == 0) {
        end(s);

    } else if (s->state == BEHIND && (calm || sim_random(4) == 0)) {
        read_on(s);
    }
}


static void
event(ngx_http_chat_feed_t *f, ngx_http_chat_event_t *e)
{
    sub_t  *s;

    s = (sub_t *) f;

    if (s->state != LIVE) {
        failed("an event for a reader that is not live");
        return;
    }

    if (s->epoch != sim.epoch) {
        failed("an event of another history");
        return;
    }

    if ((ngx_http_chat_event_internal(e) != 0)
        != sim_internal(s->conversation, e->seq))
    {
        failed("an event is not what was stored");
        return;
    }

    see(s, e->seq);

    switch (calm ? 15 : sim_random(16)) {

    case 0:
        end(s);
        break;

    case 1:
        ngx_http_chat_feed_pause(f);
        s->state = BEHIND;
        break;

    case 2:

        /* another one goes away */

        if (subs[(s->slot + 1) % SUBS] != NULL) {
            end(subs[(s->slot + 1) % SUBS]);
        }

        break;

    case 3:
        subscribe();
        break;
    }
}


static void
signalled(ngx_http_chat_feed_t *f, ngx_http_chat_event_t *e)
{
    if (!calm && sim_random(16) == 0) {
        end((sub_t *) f);
    }
}


/* leaves now or a little later; till then it may read on */

static void
closed(ngx_http_chat_feed_t *f, ngx_uint_t code)
{
    sub_t  *s;

    s = (sub_t *) f;

    if (code != NGX_HTTP_CHAT_CLOSE_RELOAD) {
        failed("an unexpected close");
        return;
    }

    switch (sim_random(3)) {

    case 0:
        end(s);
        break;

    case 1:
        ngx_http_chat_feed_leave(f);
        s->state = AWAY;
        break;

    default:

        if (s->state == LIVE) {
            ngx_http_chat_feed_pause(f);
            s->state = BEHIND;
        }
    }
}


static void
see(sub_t *s, int64_t seq)
{
    int64_t  n;

    if (!s->agent && sim_internal(s->conversation, seq)) {
        failed("something internal for a visitor");
    }

    if (seq > sim.heads[s->conversation]) {
        failed("an event that is not there");
    }

    if (s->last >= 0) {

        if (seq <= s->last) {
            failed("an event comes twice or late");
        }

        for (n = s->last + 1; n < seq; n++) {
            if (s->agent || !sim_internal(s->conversation, n)) {
                failed("a gap");
            }
        }
    }

    s->last = seq;
}


static void
all_seen(sub_t *s, int64_t head)
{
    int64_t  n;

    for (n = s->last + 1; n <= head; n++) {
        if (n > 0 && (s->agent || !sim_internal(s->conversation, n))) {
            failed("an event is missing");
        }
    }
}


static void
failed(const char *what)
{
    if (failure == NULL) {
        failure = what;
    }
}
