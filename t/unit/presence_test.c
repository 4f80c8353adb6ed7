
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


/*
 * Sources: t/unit/feed_sim.c t/unit/feed_core.c t/unit/feed_stub.c
 * Sources: t/unit/pg_result.c
 * Sources: src/ngx_http_chat_tree.c
 * Sources: src/ngx_http_chat_hub.c src/ngx_http_chat_topic.c
 * Sources: src/ngx_http_chat_feed.c src/ngx_http_chat_feed_read.c
 * Sources: src/ngx_http_chat_state.c src/ngx_http_chat_publish.c
 * Sources: src/ngx_http_chat_sweep.c src/ngx_http_chat_page.c
 * Sources: src/ngx_http_chat_event.c src/ngx_http_chat_presence.c
 * Sources: src/ngx_http_chat_participant.c src/ngx_http_chat_shown.c
 * Sources: src/ngx_http_chat_row.c
 * Sources: src/ngx_http_chat_id.c src/ngx_http_chat_json.c
 */


#include "feed_sim.h"
#include "ngx_http_chat_feed.h"
#include "ngx_http_chat_participant.h"
#include "ngx_http_chat_presence.h"
#include "unit.h"


/*
 * Who is there, as an agent's stream in this worker is told of it: others
 * have theirs in other workers, which end in every way.
 */

#define MINUTE  60000


static ngx_http_chat_feed_t   feed;
static ngx_http_chat_actor_t  reader;
static ngx_http_chat_site_t   site;
static ngx_uint_t             online[256];   /* by the number of the agent */
static ngx_msec_t             changed[256];
static ngx_uint_t             alive, farewell, asked, told;


static void begin(void);
static void end(void);
static void killed(void);
static void left(void);
static void typing(void);
static void crowd(void);
static void workers(void);
static void renamed(void);
static void longest(void);
static void back(void);
static void bye(void);
static ngx_uint_t offline_after(ngx_uint_t agent, ngx_msec_t since);
static void wait_with(u_char worker, ngx_msec_t time);
static void says(u_char worker, ngx_http_chat_bus_type_e type, u_char op,
    ngx_uint_t agent);
static void worker_says(u_char worker, ngx_uint_t lives);
static void opened(ngx_http_chat_feed_t *f, ngx_http_chat_page_t *page);
static void event(ngx_http_chat_feed_t *f, ngx_http_chat_event_t *e);
static void signalled(ngx_http_chat_feed_t *f, ngx_http_chat_event_t *e);
static void closed(ngx_http_chat_feed_t *f, ngx_uint_t code);
static void published(ngx_http_chat_bus_message_t *m);


static const ngx_http_chat_feed_calls_t  handlers = {
    opened, event, signalled, closed
};


int
main(void)
{
    killed();
    left();
    typing();
    crowd();
    workers();
    renamed();
    longest();
    back();
    bye();

    return done();
}


static void
begin(void)
{
    static ngx_http_chat_main_conf_t  mcf;

    sim_init(1);
    sim.separate = 0;
    sim.published = published;

    ngx_memzero(&feed, sizeof(feed));
    ngx_memzero(online, sizeof(online));
    alive = 0;
    farewell = 0;
    asked = 0;
    told = 0;
    site.id = 1;

    (void) ngx_http_chat_feed_init((ngx_cycle_t *) ngx_cycle, &mcf);
    sim_start();

    reader.kind = NGX_HTTP_CHAT_AGENT;
    reader.site = &site;
    reader.issued = SIM_ENDED + 1;
    ngx_memset(reader.id.data, 'A', 16);

    feed.calls = &handlers;
    feed.actor = &reader;
    feed.since = sim.heads[0];
    sim_conversation(&feed.conversation, 0);

    (void) ngx_http_chat_feed_subscribe(&feed, NULL);

    while (sim_step()) { /* void */ }

    worker_says('a', 1);
    worker_says('b', 1);
}


static void
end(void)
{
    ngx_http_chat_feed_leave(&feed);
    ngx_http_chat_feed_exit();
    ngx_http_chat_topic_exit();
}


static void
killed(void)
{
    ngx_msec_t  since;

    begin();

    says('a', NGX_HTTP_CHAT_BUS_PRESENCE, '+', 1);
    says('a', NGX_HTTP_CHAT_BUS_PRESENCE, '+', 2);
    says('b', NGX_HTTP_CHAT_BUS_PRESENCE, '+', 2);
    says('b', NGX_HTTP_CHAT_BUS_PRESENCE, '+', 3);

    ok(online[1] && online[2] && online[3], "members of other workers");

    since = ngx_current_msec;
    wait_with('b', MINUTE);

    ok(offline_after(1, since) <= MINUTE,
       "a worker killed: its ghosts are gone within a minute");
    ok(online[2], "who has a stream elsewhere stays");
    ok(online[3], "who was elsewhere stays");

    end();
}


static void
left(void)
{
    ngx_msec_t  since;

    begin();

    says('a', NGX_HTTP_CHAT_BUS_PRESENCE, '+', 1);
    worker_says('a', 0);

    since = ngx_current_msec;
    wait_with('b', 14000);
    ok(online[1], "a farewell: a while for its members to come back");

    wait_with('b', 4000);
    ok(offline_after(1, since) <= 18000, "then they are gone");

    says('b', NGX_HTTP_CHAT_BUS_PRESENCE, '+', 2);
    says('b', NGX_HTTP_CHAT_BUS_PRESENCE, '-', 2);
    wait_with('b', 10000);
    says('b', NGX_HTTP_CHAT_BUS_PRESENCE, '-', 2);
    wait_with('b', 8000);
    ok(!online[2], "a repeated end does not put it off");

    end();
}


static void
typing(void)
{
    begin();

    says('a', NGX_HTTP_CHAT_BUS_PRESENCE, '+', 1);
    says('a', NGX_HTTP_CHAT_BUS_TYPING, '1', 1);
    worker_says('a', 0);

    wait_with('b', 13000);
    ok(online[1], "who was typing when his worker ended has a while, too");

    wait_with('b', 5000);
    ok(!online[1], "and no more");

    end();
}


/* places are for those who are there */

static void
crowd(void)
{
    ngx_uint_t  i;

    begin();

    for (i = 1; i < NGX_HTTP_CHAT_PARTICIPANTS; i++) {
        says('a', NGX_HTTP_CHAT_BUS_PRESENCE, '+', i);
    }

    says('a', NGX_HTTP_CHAT_BUS_PRESENCE, '+', 200);
    ok(!online[200], "a topic that is full");

    for (i = 1; i < NGX_HTTP_CHAT_PARTICIPANTS; i++) {
        says('a', NGX_HTTP_CHAT_BUS_PRESENCE, '-', i);
    }

    worker_says('a', 1);
    wait_with('b', 20000);
    says('b', NGX_HTTP_CHAT_BUS_PRESENCE, '+', 200);
    ok(online[200], "has room when they have gone");

    end();
}


/* one member by way of many workers */

static void
workers(void)
{
    u_char  w;

    begin();

    for (w = 'a'; w <= 'z'; w++) {
        says(w, NGX_HTTP_CHAT_BUS_PRESENCE, '+', 1);
        says(w, NGX_HTTP_CHAT_BUS_PRESENCE, '+', 1);
    }

    for (w = 'z'; w > 'a'; w--) {
        says(w, NGX_HTTP_CHAT_BUS_PRESENCE, '-', 1);
    }

    wait_with('a', 20000);
    ok(online[1], "who has a stream left of many is there");

    says('a', NGX_HTTP_CHAT_BUS_PRESENCE, '-', 1);
    wait_with('a', 20000);
    ok(!online[1], "who has none left is not");

    end();
}


static void
renamed(void)
{
    u_char                        who[NGX_HTTP_CHAT_WHO];
    ngx_str_t                     name;
    ngx_http_chat_participant_t  *p;

    begin();

    says('a', NGX_HTTP_CHAT_BUS_PRESENCE, '+', 1);
    says('a', NGX_HTTP_CHAT_BUS_TYPING, '1', 1);

    ngx_str_set(&name, "{\"kind\":\"agent\",\"name\" : \"Maximilian \\\"M\"}");

    p = ngx_http_chat_topic_of(feed.subscriber.topic)->participants;
    p = ngx_http_chat_participant_get(p->topic, p->kind, &p->id, &name);

    *ngx_http_chat_participant_who(p, who) = '\0';

    ok(strstr((char *) who, "\"name\":\"Maximilian \\\"M\"}") != NULL,
       "a longer name");

    wait_with('a', 20000);
    says('a', NGX_HTTP_CHAT_BUS_PRESENCE, '-', 1);
    wait_with('b', 20000);
    ok(!online[1], "of somebody who goes then");

    ngx_str_set(&name, "{\"kind\":\"agent\"}");
    ok(ngx_http_chat_participant_get(p->topic, NGX_HTTP_CHAT_VISITOR,
                                     &reader.id, &name)
       == NULL, "no name, no member");

    end();
}


/* whoever says it, what is written of a member fits where it is written */

static void
longest(void)
{
    u_char                       *d;
    size_t                        len, most;
    ngx_http_chat_id_t            id;
    u_char                        who[2 * NGX_HTTP_CHAT_WHO];
    u_char                        text[NGX_HTTP_CHAT_WHO];
    ngx_str_t                     name;
    ngx_http_chat_participant_t  *p;

    begin();

    most = 0;
    p = NULL;
    ngx_memset(id.data, 0x55, sizeof(id.data));

    for (len = NGX_HTTP_CHAT_WHO / 2; len <= NGX_HTTP_CHAT_WHO; len++) {

        ngx_memset(text, 'x', len);
        ngx_memcpy(text, "{\"name\":\"", sizeof("{\"name\":\"") - 1);
        text[len - 2] = '"';
        text[len - 1] = '}';

        name.data = text;
        name.len = len;
        id.data[14] = (u_char) (len >> 8);
        id.data[15] = (u_char) len;

        p = ngx_http_chat_participant_get(
                           ngx_http_chat_topic_of(feed.subscriber.topic),
                           NGX_HTTP_CHAT_VISITOR, &id, &name);
        if (p != NULL) {
            d = ngx_http_chat_participant_who(p, who);
            most = ngx_max(most, (size_t) (d - who));
        }
    }

    ok(most > NGX_HTTP_CHAT_WHO / 2 && most <= NGX_HTTP_CHAT_WHO,
       "a long name");
    ok(p == NULL, "one that is too long is nobody's");

    end();
}


/* a bus that was away for long: everybody says again who is there */

static void
back(void)
{
    begin();

    sim_bus(0);
    wait_with(0, 2 * MINUTE);

    asked = 0;
    told = 0;

    sim_bus(1);
    ok(alive != 0, "the bus comes back: this worker says that it lives");

    wait_with('b', 3000);
    ok(asked == 1 && told == 1, "asks who is there, and says who is here");

    wait_with('b', 5000);
    ok(asked == 1 && told == 1, "once");

    end();
}


static void
bye(void)
{
    begin();

    ngx_exiting = 1;
    ngx_http_chat_feed_leave(&feed);
    ok(farewell == 1, "the last stream of a worker that leaves: a farewell");

    alive = 0;
    wait_with(0, 2 * MINUTE);
    ok(alive == 0 && farewell == 1, "and nothing after it");

    ngx_exiting = 0;
    end();
}


static ngx_uint_t
offline_after(ngx_uint_t agent, ngx_msec_t since)
{
    return online[agent] ? NGX_MAX_INT32_VALUE : changed[agent] - since;
}


/* time passes, and this worker goes on living */

static void
wait_with(u_char worker, ngx_msec_t time)
{
    ngx_msec_t  step;

    while (time != 0) {
        step = ngx_min(time, 5000);
        time -= step;

        sim_wait(step);

        while (sim_step()) { /* void */ }

        if (worker != 0) {
            worker_says(worker, 1);
        }
    }
}


static void
says(u_char worker, ngx_http_chat_bus_type_e type, u_char op,
    ngx_uint_t agent)
{
    u_char                       *p;
    u_char                        data[128];
    ngx_http_chat_id_t            id;
    ngx_http_chat_bus_message_t   m;

    ngx_memzero(&m, sizeof(m));
    ngx_memset(m.origin, worker, sizeof(m.origin));

    m.type = type;
    m.site = 1;
    m.id = feed.conversation;
    m.n = NGX_HTTP_CHAT_MEMBER;

    ngx_memset(id.data, 0x77, 16);
    id.data[15] = (u_char) agent;

    p = data;
    *p++ = op;
    *p++ = '0' + NGX_HTTP_CHAT_AGENT;
    p = ngx_http_chat_id_write(p, &id);
    p = ngx_cpymem(p, "{\"name\":\"Eve\"}", 14);

    m.data.data = data;
    m.data.len = p - data;

    sim_receive(&m);
}


static void
worker_says(u_char worker, ngx_uint_t lives)
{
    ngx_http_chat_bus_message_t  m;

    ngx_memzero(&m, sizeof(m));
    ngx_memset(m.origin, worker, sizeof(m.origin));

    m.type = NGX_HTTP_CHAT_BUS_WORKER;
    m.n = lives;

    sim_receive(&m);
}


static void
opened(ngx_http_chat_feed_t *f, ngx_http_chat_page_t *page)
{
}


static void
event(ngx_http_chat_feed_t *f, ngx_http_chat_event_t *e)
{
}


static void
signalled(ngx_http_chat_feed_t *f, ngx_http_chat_event_t *e)
{
    ngx_uint_t  agent;

    if (ngx_strnstr(e->json.data, "\"presence\"", e->json.len) == NULL) {
        return;
    }

    agent = e->sender.data[15];

    online[agent] = (ngx_strnstr(e->json.data, "\"online\":true",
                                 e->json.len)
                     != NULL);
    changed[agent] = ngx_current_msec;
}


static void
closed(ngx_http_chat_feed_t *f, ngx_uint_t code)
{
}


static void
published(ngx_http_chat_bus_message_t *m)
{
    if (m->type == NGX_HTTP_CHAT_BUS_WORKER) {
        alive += (m->n != 0);
        farewell += (m->n == 0);
    }

    if (m->type == NGX_HTTP_CHAT_BUS_PRESENCE) {
        asked += (m->data.data[0] == '?');
        told += (m->data.data[0] == '+');
    }
}
