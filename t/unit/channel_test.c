
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


/*
 * Sources: t/unit/channel_sim.c t/unit/feed_core.c
 * Sources: src/ngx_http_chat_redis_channel.c
 * Sources: src/ngx_http_chat_tree.c src/ngx_http_chat_id.c
 */


#include "channel_sim.h"
#include "unit.h"


/*
 * Channels of topics, against a server that keeps the protocol: what it has
 * been told in the end is what was wanted, it is never told to leave what it
 * does not send, nor asked twice for the same.
 */

#define MANY       12                        /* at random */
#define STEPS      300
#define SEEDS      2000


static void usual(void);
static void while_leaving(void);
static void while_asking(void);
static void not_asked_yet(void);
static void lost(void);
static void many(void);
static void odd(void);
static void callbacks(void);
static void at_random(void);


int
main(void)
{
    usual();
    while_leaving();
    while_asking();
    not_asked_yet();
    lost();
    many();
    odd();
    callbacks();
    at_random();

    return done();
}


static void
usual(void)
{
    begin(1);
    join();
    settle();
    ok(sim.readies == 1 && sim.server[FIXED] == 1 && sim.server[FIXED + 1] == 1,
       "with no topics it is ready when the fixed channels are confirmed");

    ok(subscribe(1) == NGX_AGAIN, "a new channel");
    ok(subscribe(1) == NGX_AGAIN, "is asked for once");
    settle();
    ok(sim.told[1] && sim.confirmed == 1 && sim.server[1], "it is received");
    ok(subscribe(1) == NGX_OK, "and need not be asked for again");

    ok(says(3, "message", "chat:c:anything", 0) == NGX_OK && sim.messages == 1,
       "a message");

    unsubscribe(1);
    settle();
    ok(!sim.server[1] && agreed(3), "it is left");

    unsubscribe(1);
    unsubscribe(2);
    settle();
    ok(!sim.wrong && !sim.refused, "what is not received need not be left");

    end();
}


static void
while_leaving(void)
{
    begin(1);
    join();
    (void) subscribe(1);
    settle();

    sim.sent = 0;
    unsubscribe(1);
    ok(subscribe(1) == NGX_OK, "wanted again before it was left");
    settle();
    ok(sim.sent == 0 && sim.server[1], "it is not left at all");

    unsubscribe(1);
    flush();
    ok(!sim.server[1], "a channel has been left");
    sim.told[1] = 0;
    ok(subscribe(1) == NGX_AGAIN, "it is wanted again before that is said");
    flush();
    ok(answer() && !sim.told[1], "the answer to UNSUBSCRIBE confirms nothing");
    settle();
    ok(sim.told[1] && agreed(3), "that to SUBSCRIBE does");

    unsubscribe(1);
    unsubscribe(1);
    sim.sent = 0;
    settle();
    ok(sim.sent == 1 && agreed(3), "it is left once");

    end();
}


static void
while_asking(void)
{
    begin(1);
    join();

    (void) subscribe(1);
    flush();
    sim.sent = 0;
    unsubscribe(1);
    flush();
    ok(sim.sent == 0, "what was asked for is not left before it is confirmed");
    settle();
    ok(!sim.server[1] && !sim.told[1] && sim.sent == 1,
       "but then, and nobody is told");

    (void) subscribe(1);
    flush();
    unsubscribe(1);
    ok(subscribe(1) == NGX_AGAIN, "wanted, not wanted, wanted again");
    sim.sent = 0;
    settle();
    ok(sim.sent == 0 && sim.told[1] && sim.confirmed == 1 && agreed(3),
       "is asked for once, and told once");

    unsubscribe(1);
    flush();
    (void) subscribe(1);
    flush();
    unsubscribe(1);
    settle();
    ok(agreed(3), "left, asked for, left");

    end();
}


static void
not_asked_yet(void)
{
    begin(1);

    (void) subscribe(1);
    (void) subscribe(2);
    unsubscribe(1);

    join();
    ok(sim.readies == 0, "it is not ready before what is wanted is received");
    settle();
    ok(sim.readies == 1 && !sim.server[1] && sim.server[2] && agreed(3),
       "what was not wanted any more has not been asked for");
    ok(sim.names == 3, "nor left");

    lose();
    sim.readies = 0;
    (void) subscribe(1);
    unsubscribe(2);
    sim.used = NGX_HTTP_CHAT_REDIS_OUT;
    join();
    while (answer()) { /* void */ }
    unsubscribe(1);
    flush();
    ok(sim.readies == 1,
       "when the last one is not wanted any more it is ready");

    end();
}


/* the connection, while channels are in each of the states */

static void
lost(void)
{
    ngx_uint_t  i;

    begin(1);
    join();

    for (i = 1; i <= 4; i++) {
        (void) subscribe(i);
    }

    settle();                                /* 1 and 2: received */
    unsubscribe(3);                          /* to be left */
    unsubscribe(4);
    flush();                                 /* left */
    unsubscribe(1);
    unsubscribe(3);

    (void) subscribe(5);                     /* asked for */
    (void) subscribe(6);                     /* asked for, not wanted */
    flush();
    unsubscribe(6);
    (void) subscribe(7);                     /* to be asked for */
    (void) subscribe(8);                     /* not wanted any more */
    unsubscribe(8);

    lose();
    ok(!sim.wrong && redis.fixed == 0, "the connection is lost");

    (void) subscribe(9);
    ok(subscribe(2) == NGX_AGAIN, "what was received is to be confirmed");

    ngx_memzero(sim.told, sizeof(sim.told));
    sim.readies = 0;
    sim.names = 0;
    join();
    settle();

    ok(sim.names == 2 + 4, "what is wanted is asked for, and no more");
    ok(sim.told[2] && sim.told[5] && sim.told[7] && sim.told[9],
       "and told again");
    ok(sim.readies == 1 && agreed(12), "then it is ready");

    /* in the middle of the set-up, again and again */

    for (i = 0; i < 8; i++) {
        lose();
        join();
        (void) answer();
    }

    settle();
    ok(agreed(12) && !sim.wrong && !sim.refused,
       "lost while it was being set up");

    end();
}


static void
many(void)
{
    ngx_uint_t  i, full;

    begin(1);
    join();

    for (i = 0; i < CHANNELS; i++) {
        (void) subscribe(i);
    }

    settle();
    ok(sim.confirmed == CHANNELS && agreed(CHANNELS), "10,000 channels");

    lose();
    sim.readies = 0;
    sim.sent = 0;
    sim.names = 0;
    full = 0;
    sim.longest = 0;
    sim.confirmed = 0;
    join();

    /* the socket takes nothing for a while, now and then */

    while (sim.readies == 0) {
        full += (sim.used + 80 * 1024 > NGX_HTTP_CHAT_REDIS_OUT);

        if (!answer()) {
            sim.used = 0;
            redis.flush.posted = 1;
            flush();
        }
    }

    ok(sim.confirmed == CHANNELS && sim.names == CHANNELS + 2,
       "are asked for once when the connection comes back");
    ok(sim.longest == NGX_HTTP_CHAT_REDIS_BATCH && sim.sent == 21,
       "in commands of 512");
    ok(full > 0 && agreed(CHANNELS) && !sim.wrong,
       "also when they do not fit into the buffer at once");

    for (i = 0; i < CHANNELS; i++) {
        unsubscribe(i);
    }

    settle();
    ok(agreed(CHANNELS) && redis.channels.root == redis.channels.sentinel,
       "and all are left");

    end();
}


/* answers to nothing */

static void
odd(void)
{
    char                         name[128];
    ngx_http_chat_id_t           id;
    ngx_http_chat_redis_reply_t  reply;

    begin(1);
    join();
    (void) subscribe(1);
    settle();

    id_of(&id, 2);
    ngx_memcpy(name, conf.prefix.data, conf.prefix.len);
    *ngx_http_chat_id_write((u_char *) name + conf.prefix.len, &id) = '\0';
    ok(says(3, "subscribe", name, 1) == NGX_ERROR,
       "a channel that nobody asked for");

    id_of(&id, 1);
    (void) ngx_http_chat_id_write((u_char *) name + conf.prefix.len, &id);
    ok(says(3, "subscribe", name, 1) == NGX_ERROR,
       "one that is received already");

    unsubscribe(1);
    ok(says(3, "subscribe", name, 1) == NGX_ERROR,
       "one that is about to be left");
    (void) subscribe(1);

    name[conf.prefix.len - 1] = '.';
    ok(says(3, "subscribe", name, 1) == NGX_ERROR, "another prefix");

    name[conf.prefix.len - 1] = ':';
    name[conf.prefix.len] = 'x';
    ok(says(3, "subscribe", name, 1) == NGX_ERROR, "no id");
    ok(says(3, "subscribe", "chat", 1) == NGX_ERROR, "a short name");
    ok(says(3, "psubscribe", name, 1) == NGX_ERROR, "another word");
    ok(says(3, "message", name, 1) == NGX_ERROR, "a number for a message");
    ok(says(3, "subscribe", name, 0) == NGX_ERROR, "a text for a number");
    ok(says(2, "subscribe", name, 1) == NGX_ERROR, "two items");
    ok(says(4, "subscribe", name, 1) == NGX_ERROR, "four");
    ok(says(0, "subscribe", name, 1) == NGX_ERROR, "none");

    ngx_memzero(&reply, sizeof(reply));
    reply.n = 1;
    reply.items[0].type = NGX_HTTP_CHAT_REDIS_FAILURE;
    ngx_str_set(&reply.items[0].text, "NOPERM");
    ok(ngx_http_chat_redis_channel_reply(&redis, &reply) == NGX_ERROR,
       "a refusal");

    ok(sim.refused == 13 && agreed(3),
       "each is a reason to close, and no more");

    lose();
    conf.prefix.len = NGX_HTTP_CHAT_REDIS_NAME;
    ok(ngx_http_chat_redis_channel_pump(&redis) == NGX_ERROR,
       "a prefix that is too long");
    conf.prefix.len = sizeof("chat:c:") - 1;

    join();
    settle();
    (void) subscribe(2);
    unsubscribe(1);
    sim.no_memory = 1;
    ok(ngx_http_chat_redis_channel_pump(&redis) == NGX_ERROR, "no memory");
    sim.no_memory = 0;
    lose();
    join();
    settle();
    ok(agreed(3), "the next connection sets it right");

    end();
}


/* whoever is told may leave, and want others */

static void
callbacks(void)
{
    begin(1);
    join();

    sim.leaves = 1;
    (void) subscribe(1);
    (void) subscribe(3);
    settle();
    sim.leaves = 0;
    settle();

    ok(sim.confirmed == 4 && !sim.wanted[1] && sim.wanted[2] && agreed(5),
       "channels are left and asked for while they are confirmed");

    end();
}


static void
at_random(void)
{
    ngx_uint_t  n, i, channel, good, up;

    good = 0;

    for (n = 1; n <= SEEDS; n++) {
        begin((uint32_t) n);
        up = 0;

        for (i = 0; i < STEPS; i++) {
            channel = rnd(MANY);

            switch (rnd(up ? 12 : 4)) {

            case 0:
                if (up && rnd(8) == 0) {
                    lose();
                    up = 0;

                } else if (!up) {
                    join();
                    up = 1;
                }

                break;

            case 1:
            case 2:
            case 3:
                if (sim.wanted[channel]) {
                    unsubscribe(channel);
                } else {
                    (void) subscribe(channel);
                }

                break;

            case 4:
            case 5:
                flush();
                break;

            case 6:
                sim.used = rnd(2) ? NGX_HTTP_CHAT_REDIS_OUT : 0;
                break;

            default:
                (void) answer();
            }
        }

        if (!up) {
            join();
        }

        settle();

        for (i = 0; i < MANY; i++) {
            sim.wrong += sim.wanted[i] && !sim.told[i];
        }

        good += (agreed(MANY) && !sim.wrong && !sim.refused && !sim.early
                 && redis.state == ngx_http_chat_redis_ready_state);
        end();
    }

    ok(good == SEEDS, "at random: what is wanted is received, and told");
}
