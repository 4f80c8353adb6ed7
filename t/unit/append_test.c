
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


/*
 * Sources: t/unit/feed_core.c t/unit/pg_result.c
 * Sources: src/ngx_http_chat_append.c
 * Sources: src/ngx_http_chat_batch.c src/ngx_http_chat_event.c
 * Sources: src/ngx_http_chat_row.c src/ngx_http_chat_id.c
 * Sources: src/ngx_http_chat_json.c
 */


#include "ngx_http_chat_append.h"
#include "ngx_http_chat_counter.h"
#include "ngx_http_chat_store.h"
#include "pg_result.h"
#include "unit.h"


/*
 * Appends of a worker: what goes out together, what goes out again, and in
 * which order their answers come.
 */

#define ROWS  PG_RESULT_ROWS


/* a batch on its way, and what it is about */

typedef struct {
    ngx_http_chat_call_t      call;
    ngx_http_chat_lane_e      lane;
    ngx_uint_t                n;
    char                      text[ROWS][16];
    ngx_uint_t                data[ROWS];    /* is not NULL */
    ngx_uint_t                alone;
} batch_t;


static batch_t                batches[8];
static ngx_uint_t             nbatches;
static ngx_uint_t             refuse[NGX_HTTP_CHAT_LANES];
static PGresult               result;

static char                   answers[65536];  /* in the order they come */
static ngx_uint_t             nanswers;
static const char            *again;         /* sent when one comes */

static ngx_http_chat_site_t   site;
static ngx_http_chat_actor_t  visitor, agent;

ngx_queue_t                   ngx_posted_events;
ngx_queue_t                   ngx_posted_next_events;


static void begin(void);
static ngx_http_chat_append_t *say(ngx_uint_t conversation,
    const char *text);
static void iteration(void);
static void loop(void);
static void answer(batch_t *b, const char *outcomes);
static void fail(batch_t *b, ngx_int_t rc);
static ngx_uint_t is(batch_t *b, const char *texts);
static ngx_uint_t said(const char *expected);
static void on_event(ngx_http_chat_event_t *event);
static void on_done(ngx_http_chat_append_t *a);

static void together(void);
static void next(void);
static void busy(void);
static void no_room_alone(void);
static void away(void);
static void bounds(void);


int
main(void)
{
    together();
    next();
    busy();
    no_room_alone();
    away();
    bounds();

    return done();
}


static void
begin(void)
{
    static ngx_log_t    log;
    static ngx_time_t   now = { 1795327200, 123, 0 };
    static ngx_cycle_t  cycle;

    ngx_cached_time = &now;
    ngx_cycle = &cycle;
    cycle.log = &log;

    site.id = 7;

    visitor.kind = NGX_HTTP_CHAT_VISITOR;
    visitor.site = &site;
    agent.kind = NGX_HTTP_CHAT_AGENT;
    agent.site = &site;

    ngx_queue_init(&ngx_posted_events);
    ngx_queue_init(&ngx_posted_next_events);
    ngx_memzero(batches, sizeof(batches));
    ngx_memzero(refuse, sizeof(refuse));

    nbatches = 0;
    nanswers = 0;
    answers[0] = '\0';
    again = NULL;

    ngx_http_chat_append_init(on_event);
}


static void
together(void)
{
    begin();

    (void) say(1, "a");
    (void) say(2, "b");
    (void) say(1, "c");
    ok(nbatches == 0, "nothing goes out before the end of the iteration");

    loop();
    ok(nbatches == 1 && is(&batches[0], "abc") && !batches[0].alone,
       "then all of it, in one batch");
    ok(ngx_http_chat_append_pending() == 3, "three are pending");

    answer(&batches[0], "ccd");
    ok(said("[a][b] a:created1 b:created2 c:duplicate3 "),
       "events first, then whoever waits for them");
    ok(ngx_http_chat_append_pending() == 0, "nothing is pending");

    loop();
    ok(nbatches == 1, "and nothing goes out");
}


static void
next(void)
{
    ngx_uint_t  i;

    begin();

    (void) say(1, "a");
    loop();

    for (i = 0; i < 200; i++) {
        (void) say(1 + i % 5, "x");
    }

    loop();
    ok(nbatches == 1, "one batch at a time");

    again = "z";
    answer(&batches[0], "c");
    again = NULL;
    loop();
    ok(nbatches == 2 && batches[1].n == 128, "what has come since is next");

    answer(&batches[1], "");
    loop();
    ok(nbatches == 3 && batches[2].n == 73 && batches[2].text[72][0] == 'z',
       "and the rest, with what an answer has sent, behind it");

    answer(&batches[2], "");
    ok(ngx_http_chat_append_pending() == 0, "until nothing is left");

    begin();

    (void) say(1, "a");
    iteration();
    (void) say(2, "b");
    answer(&batches[0], "c");
    iteration();
    ok(nbatches == 1, "the next one waits for a turn of the loop");

    (void) say(3, "c");
    iteration();
    ok(nbatches == 2 && is(&batches[1], "bc"),
       "and takes along what has come in it");

    answer(&batches[1], "");
    loop();
    (void) say(4, "d");
    iteration();
    ok(nbatches == 3 && is(&batches[2], "d"),
       "if nothing waits, nothing is waited for");
    answer(&batches[2], "");
}


static void
busy(void)
{
    begin();

    (void) say(1, "a");
    (void) say(2, "b");
    (void) say(1, "c");
    loop();
    (void) say(1, "d");
    (void) say(3, "e");

    answer(&batches[0], "BcB");
    loop();
    ok(said("[b] b:created2 "), "a row that is locked is not answered");
    ok(is(&batches[1], "acde"), "it goes again before what came later");

    answer(&batches[1], "BBBc");
    loop();
    ok(is(&batches[2], "acd"), "and again");

    answer(&batches[2], "BBB");
    loop();
    ok(nbatches == 4 && batches[3].lane == NGX_HTTP_CHAT_ALONE
       && batches[3].alone && is(&batches[3], "a"),
       "after three tries it waits for the lock, alone");

    (void) say(2, "f");
    (void) say(1, "g");
    loop();
    ok(nbatches == 5 && is(&batches[4], "f"),
       "only its conversation waits with it");

    answer(&batches[4], "c");
    answer(&batches[3], "c");
    loop();
    ok(nbatches == 6 && batches[5].lane == NGX_HTTP_CHAT_ALONE
       && is(&batches[5], "c"), "then the next one of it");

    answer(&batches[5], "B");
    ok(strstr(answers, "c:busy") != NULL, "who waited in vain is told");

    loop();
    ok(is(&batches[6], "dg") && !batches[6].alone,
       "the others go together again");
    answer(&batches[6], "cc");

    ok(ngx_http_chat_append_pending() == 0, "none is forgotten");
}


static void
no_room_alone(void)
{
    ngx_uint_t  i;

    begin();
    refuse[NGX_HTTP_CHAT_ALONE] = 1;

    (void) say(1, "a");
    (void) say(1, "b");
    loop();

    for (i = 0; i < 4; i++) {
        answer(&batches[i], "BB");
        loop();
    }

    ok(nbatches == 5 && is(&batches[4], "ab"),
       "no room to wait alone: it goes on with the others, in its order");

    answer(&batches[4], "cc");
    ok(said("[a][b] a:created1 b:created2 "), "till it is stored");
}


static void
away(void)
{
    begin();

    (void) say(1, "a");
    loop();
    (void) say(1, "b");
    fail(&batches[0], NGX_ABORT);
    ok(said("a:-6 "), "a connection that broke: unknown");

    loop();
    ok(is(&batches[1], "b"), "what was not sent goes out");
    (void) say(2, "c");
    fail(&batches[1], NGX_BUSY);
    ok(said("a:-6 b:-3 c:-3 "), "no connection: all that wait are told");
    ok(ngx_http_chat_append_pending() == 0, "and nothing is kept");

    begin();
    refuse[NGX_HTTP_CHAT_FAST] = 1;
    (void) say(1, "a");
    (void) say(2, "b");
    loop();
    ok(said("a:-3 b:-3 "), "a queue that is full: likewise");
    ok(ngx_http_chat_append_pending() == 0, "nothing is kept either");
}


static void
bounds(void)
{
    char        *text;
    ngx_uint_t   n;

    begin();

    for (n = 0; say(1, "x") != NULL; n++) { /* void */ }

    ok(n == 4096, "so many wait at the most");

    refuse[NGX_HTTP_CHAT_FAST] = 1;
    loop();
    ok(ngx_http_chat_append_pending() == 0, "all of them are told");

    text = malloc(16385);
    memset(text, 't', 16384);
    text[16384] = '\0';

    begin();

    for (n = 0; say(1, text) != NULL; n++) { /* void */ }

    ok(n > 900 && n < 1024, "and so much of text");

    refuse[NGX_HTTP_CHAT_FAST] = 1;
    loop();
    free(text);
}


static ngx_http_chat_append_t *
say(ngx_uint_t conversation, const char *text)
{
    ngx_str_t                     client_id, t, json;
    ngx_http_chat_id_t            id;
    ngx_http_chat_append_args_t   args;

    ngx_memzero(&args, sizeof(args));
    ngx_memset(id.data, (int) conversation, 16);

    ngx_str_set(&client_id, "id");
    ngx_str_set(&json, "{}");

    t.data = (u_char *) text;
    t.len = ngx_strlen(text);

    args.actor = conversation % 2 ? &visitor : &agent;
    args.conversation = &id;
    args.client_id = &client_id;
    args.text = &t;
    args.data = text[0] == 'b' ? &json : NULL;
    args.expected = -1;

    return ngx_http_chat_append_send(&args, on_done, NULL);
}


/* until nothing is to be done */

static void
loop(void)
{
    do {
        iteration();
    } while (!ngx_queue_empty(&ngx_posted_events));
}


/* what was posted for this one; then that of the next one is due */

static void
iteration(void)
{
    ngx_event_t  *ev;
    ngx_queue_t  *q;

    while (!ngx_queue_empty(&ngx_posted_events)) {
        q = ngx_queue_head(&ngx_posted_events);
        ev = ngx_queue_data(q, ngx_event_t, queue);

        ngx_delete_posted_event(ev);
        ev->handler(ev);
    }

    while (!ngx_queue_empty(&ngx_posted_next_events)) {
        q = ngx_queue_head(&ngx_posted_next_events);

        ngx_queue_remove(q);
        ngx_queue_insert_tail(&ngx_posted_events, q);
    }
}


static void
cell(int row, int col, const void *data, int len)
{
    result.len[row][col] = len;
    memcpy(result.cell[row][col], data, len);
}


/* c: created, d: duplicate, B: busy; what is not named is created */

static void
answer(batch_t *b, const char *outcomes)
{
    u_char      number[8];
    ngx_uint_t  i, c, conversation;

    pg_result_clear(&result, ROWS);
    result.rows = (int) b->n;

    for (i = 0; i < b->n; i++) {
        c = *outcomes != '\0' ? (ngx_uint_t) *outcomes++ : 'c';

        ngx_http_chat_put_int4(number, i + 1);
        cell((int) i, 0, number, 4);

        conversation = b->text[i][8];
        memset(number, (int) conversation, 8);
        cell((int) i, 2, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 16);
        memset(result.cell[i][2], (int) conversation, 16);

        ngx_http_chat_put_int8(number, (int64_t) i + 1);

        if (c == 'B') {
            cell((int) i, 1, "busy", 4);
            continue;
        }

        cell((int) i, 1, c == 'c' ? "created" : "duplicate",
             c == 'c' ? 7 : 9);
        cell((int) i, 5 + NGX_HTTP_CHAT_E_SEQ, number, 8);
        cell((int) i, 5 + NGX_HTTP_CHAT_E_TYPE, "message", 7);
        cell((int) i, 5 + NGX_HTTP_CHAT_E_ID, "0123456789abcdef", 16);
        cell((int) i, 5 + NGX_HTTP_CHAT_E_TEXT, b->text[i], 1);
    }

    b->call.rc = NGX_OK;
    b->call.res = &result;
    (b->call.done)(&b->call);
}


static void
fail(batch_t *b, ngx_int_t rc)
{
    b->call.rc = rc;
    b->call.res = NULL;
    (b->call.done)(&b->call);
}


static ngx_uint_t
is(batch_t *b, const char *texts)
{
    ngx_uint_t  i;

    if (b->n != strlen(texts)) {
        return 0;
    }

    for (i = 0; i < b->n; i++) {

        if (b->text[i][0] != texts[i]
            || b->data[i] != (texts[i] == 'b'))
        {
            return 0;
        }
    }

    return 1;
}


static ngx_uint_t
said(const char *expected)
{
    if (strcmp(answers, expected) != 0) {
        printf("# %s\n", answers);
    }

    return strcmp(answers, expected) == 0;
}


static void
on_event(ngx_http_chat_event_t *event)
{
    const char  *p;

    p = strstr((char *) event->json.data, "\"text\":\"");

    nanswers += snprintf(answers + nanswers, sizeof(answers) - nanswers,
                         "[%c]", p == NULL ? '?' : p[8]);
}


static void
on_done(ngx_http_chat_append_t *a)
{
    const char  *space;

    space = nanswers > 0 && answers[nanswers - 1] == ']' ? " " : "";

    if (a->rc != NGX_OK) {
        nanswers += snprintf(answers + nanswers, sizeof(answers) - nanswers,
                             "%s%c:%d ", space, a->text.data[0],
                             (int) a->rc);

    } else {
        nanswers += snprintf(answers + nanswers, sizeof(answers) - nanswers,
                             "%s%c:%.*s%d ", space, a->text.data[0],
                             (int) a->outcome.len, a->outcome.data,
                             (int) a->seq);
    }

    if (again != NULL) {
        (void) say(9, again);
    }
}


/* one element of an array; NULL: SQL NULL */

static const char *
element(const char *p, const char **data, int *len)
{
    *len = p[0] & 0x80 ? -1 : (u_char) p[2] << 8 | (u_char) p[3];
    *data = *len < 0 ? NULL : p + 4;

    return p + 4 + (*len < 0 ? 0 : *len);
}


ngx_http_chat_call_t *
ngx_http_chat_store_call(ngx_http_chat_lane_e lane,
    ngx_http_chat_query_e query, ngx_http_chat_args_t *args,
    ngx_http_chat_call_pt done, void *data)
{
    int          len;
    batch_t     *b;
    ngx_uint_t   i;
    const char  *text, *json, *conversation, *v;

    if (refuse[lane]) {
        return NULL;
    }

    b = &batches[nbatches++];

    b->lane = lane;
    b->call.done = done;
    b->call.data = data;
    b->alone = *args->values[12];

    text = args->values[9];
    json = args->values[10];
    conversation = args->values[5];

    b->n = (u_char) text[14] << 8 | (u_char) text[15];

    text += 20;
    json += 20;
    conversation += 20;

    for (i = 0; i < b->n; i++) {
        text = element(text, &v, &len);
        b->text[i][0] = v[0];

        conversation = element(conversation, &v, &len);
        b->text[i][8] = v[0];

        json = element(json, &v, &len);
        b->data[i] = (v != NULL);
    }

    return &b->call;
}


u_char *ngx_http_chat_store_epoch(void) { return NULL; }
uint64_t ngx_http_chat_counter_clock(void) { return 0; }
void ngx_http_chat_counter_add(ngx_http_chat_counter_e counter,
    ngx_int_t n) { }
void ngx_http_chat_counter_observe(ngx_http_chat_counter_e counter,
    uint64_t n) { }
