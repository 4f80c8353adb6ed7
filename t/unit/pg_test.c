
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


/*
 * Sources: t/unit/feed_core.c src/ngx_http_chat_pg.c
 * Sources: src/ngx_http_chat_pg_queue.c src/ngx_http_chat_pg_connect.c
 * Sources: src/ngx_http_chat_peer.c
 * Libraries: -no-pie -Wl,--unresolved-symbols=ignore-all
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>
#include "ngx_http_chat_pg_private.h"
#include "unit.h"


/*
 * The engine on a libpq that says what a test wants: whose answer is whose
 * after libpq itself has failed, and when it tries to connect.
 */

#define CONNS    4
#define OPS      3
#define MINUTE   60000


/* results to come, a letter each: see result() */

struct pg_conn {
    ngx_connection_t          connection;
    ngx_event_t               read;
    ngx_event_t               write;
    char                      results[64];
    ngx_uint_t                used;
    ngx_uint_t                connected;
    ngx_uint_t                preparing;
};


struct pg_result {
    ExecStatusType            status;
    const char               *state;
    ngx_uint_t                number;        /* of tuples, in their order */
};


static PGconn                    conns[CONNS];
static ngx_uint_t                up;
static ngx_uint_t                attempts;
static ngx_msec_t                last, longest;  /* attempt, pause */
static ngx_uint_t                tuples;
static ngx_uint_t                results;    /* not cleared yet */
static ngx_uint_t                ndone;
static ngx_uint_t                answered[OPS];  /* which tuples it had */

static ngx_http_chat_pg_stmt_t   stmts[] = { { "one", "SELECT 1", 0, NULL } };
static ngx_http_chat_pg_op_t     ops[OPS];

static ngx_http_chat_pg_conf_t   conf = {
    .name = ngx_string("test"),
    .conninfo = ngx_string(""),
    .stmts = stmts,
    .nstmts = 1,
    .max_ops = 16,
    .max_bytes = 65536,
    .max_inflight = 8,
    .connect_timeout = 5000,
    .connect_wait = 1000,
    .op_timeout = 4000
};

ngx_queue_t                      ngx_posted_events;
ngx_event_actions_t              ngx_event_actions;
ngx_uint_t                       ngx_exiting;
static ngx_atomic_t              counter;
ngx_atomic_t                    *ngx_connection_counter = &counter;


static void begin(ngx_uint_t is_up);
static ngx_http_chat_pg_t *make(void);
static void turn(void);
static void pass(ngx_msec_t time);
static void call(ngx_http_chat_pg_t *pg, ngx_uint_t n);
static void on_done(ngx_http_chat_pg_op_t *op);
static void answer(const char *letters);
static ngx_int_t on_event(ngx_event_t *ev, ngx_int_t event,
    ngx_uint_t flags);
static ngx_int_t off_event(ngx_event_t *ev, ngx_int_t event,
    ngx_uint_t flags);

static void answers(void);
static void refused(void);
static void no_memory(void);
static void backoff(void);
static void try_again(void);
static void waits(void);


int
main(void)
{
    answers();
    refused();
    no_memory();
    backoff();
    try_again();
    waits();

    return done();
}


static void
begin(ngx_uint_t is_up)
{
    static ngx_cycle_t  cycle;

    ngx_cycle = &cycle;
    ngx_current_msec = 1000000;
    srandom(1);

    ngx_queue_init(&ngx_posted_events);
    ngx_event_timer_init(NULL);

    ngx_event_actions.add = on_event;
    ngx_event_actions.del = off_event;

    ngx_memzero(conns, sizeof(conns));
    ngx_memzero(ops, sizeof(ops));
    ngx_memzero(answered, sizeof(answered));

    up = is_up;
    attempts = 0;
    last = ngx_current_msec;
    longest = 0;
    tuples = 0;
    ndone = 0;
}


static ngx_http_chat_pg_t *
make(void)
{
    ngx_http_chat_pg_t  *pg;
    static ngx_log_t     log;

    pg = ngx_http_chat_pg_create(&conf, &log);
    turn();

    return pg;
}


/* each has the answer to its own statement */

static void
answers(void)
{
    ngx_http_chat_pg_t  *pg;

    begin(1);
    pg = make();
    ok(ngx_http_chat_pg_is_ready(pg), "connected and prepared");

    call(pg, OPS);
    answer("t0st0s");
    ok(ndone == 2 && answered[0] == 1 && answered[1] == 2,
       "two have answers, each its own");

    answer("t0s");
    ok(ndone == 3 && answered[2] == 3, "the last one has its own too");

    ngx_http_chat_pg_destroy(pg);
    ok(results == 0, "no result is left");
}


/* what the server refuses ends that operation alone */

static void
refused(void)
{
    ngx_http_chat_pg_t  *pg;

    begin(1);
    pg = make();

    call(pg, OPS);
    answer("t0se0st0s");

    ok(ops[0].rc == NGX_OK && ops[1].rc == NGX_ERROR && ops[2].rc == NGX_OK
       && answered[0] == 1 && answered[2] == 2,
       "the server refuses one, the others are done");
    ok(ngx_strcmp(ops[1].sqlstate, "40001") == 0, "with its SQLSTATE");
    ok(ngx_http_chat_pg_is_ready(pg), "and the connection stays");

    ngx_http_chat_pg_destroy(pg);
    ok(results == 0, "no result is left");
}


/* libpq has no memory: that may stand in the place of anything, also a Sync */

static void
no_memory(void)
{
    ngx_uint_t           i;
    ngx_http_chat_pg_t  *pg;

    static const char  *cases[] = {
        "t0st0mt0s",                         /* for the Sync of the second */
        "t0sm0st0s",                         /* for its tuples */
        "t0smt0st0s"                         /* before them */
    };

    for (i = 0; i < 3; i++) {
        begin(1);
        pg = make();

        call(pg, OPS);
        answer(cases[i]);

        ok(ndone == OPS && ops[0].rc == NGX_OK && answered[0] == 1,
           "what came before libpq was out of memory counts");
        ok(ops[1].rc == NGX_ABORT && ops[2].rc == NGX_ABORT
           && answered[1] == 0 && answered[2] == 0,
           "nobody has an answer of somebody else: outcomes are unknown");
        ok(!ngx_http_chat_pg_is_ready(pg), "the connection is given up");

        pass(3000);
        ok(ngx_http_chat_pg_is_ready(pg), "and another one made");

        ndone = 0;
        call(pg, 1);
        answer("t0s");
        ok(ndone == 1 && ops[0].rc == NGX_OK, "which works");

        ngx_http_chat_pg_destroy(pg);
        ok(results == 0, "no result is left");
    }
}


/* pauses grow to 2 s and no further */

static void
backoff(void)
{
    ngx_uint_t           n;
    ngx_msec_t           first;
    ngx_http_chat_pg_t  *pg;

    begin(0);
    pg = make();
    ok(attempts == 1, "one attempt at once");

    pass(1000);
    ok(attempts > 3, "some in the first second");
    first = longest;

    pass(10 * MINUTE);
    ok(longest <= 2000, "never more than 2 s until the next one");
    ok(longest > first && longest > 1500, "after pauses that have grown");

    n = attempts;
    pass(10 * MINUTE);
    ok(attempts - n < 1200, "one a second on average, not more");

    up = 1;
    pass(2000);
    ok(ngx_http_chat_pg_is_ready(pg), "connected 2 s after the server is up");

    /* a server that takes connections and drops them is not a healthy one */

    n = attempts;
    conns[0].used = 0;
    longest = 0;

    ngx_http_chat_pg_fail(pg, "dropped");
    turn();
    ok(attempts == n, "not tried again from where it was lost");

    pass(2000);
    ok(ngx_http_chat_pg_is_ready(pg), "but soon");

    ngx_http_chat_pg_destroy(pg);
}


/* another lane has connected: nobody waits for his own time */

static void
try_again(void)
{
    ngx_http_chat_pg_t  *pg;

    begin(0);
    pg = make();
    pass(MINUTE);

    up = 1;
    ok(!ngx_http_chat_pg_is_ready(pg), "waits for its next attempt");

    ngx_http_chat_pg_retry(pg);
    turn();
    ok(ngx_http_chat_pg_is_ready(pg), "and is told not to");

    /* what it has failed before is forgotten */

    up = 0;
    longest = 0;
    last = ngx_current_msec;
    ngx_http_chat_pg_fail(pg, "gone");
    turn();
    pass(100);
    ok(longest != 0 && longest <= 100, "its pauses begin anew");

    ngx_http_chat_pg_destroy(pg);
}


/* who waits for a connection is not held longer than connect_wait */

static void
waits(void)
{
    ngx_http_chat_pg_t  *pg;

    begin(0);
    pg = make();

    call(pg, 1);
    pass(900);
    ok(ndone == 0, "an operation waits for the server");

    pass(200);
    ok(ndone == 1 && ops[0].rc == NGX_BUSY, "for a second");

    ndone = 0;
    call(pg, 1);
    up = 1;

    /* the present pause is below 2 s, who waits is not: asked for again */

    ngx_http_chat_pg_retry(pg);
    turn();
    answer("t0s");
    ok(ndone == 1 && ops[0].rc == NGX_OK, "and goes out once it is there");

    ngx_http_chat_pg_destroy(pg);
    ok(results == 0, "no result is left");
}


static void
call(ngx_http_chat_pg_t *pg, ngx_uint_t n)
{
    ngx_uint_t                 i;
    ngx_http_chat_pg_params_t  params = { NULL, NULL, 0 };

    for (i = 0; i < n; i++) {
        ops[i].done = on_done;
        answered[i] = 0;
        ok(ngx_http_chat_pg_send(pg, &ops[i], &params) == NGX_OK, "taken");
    }

    turn();
}


static void
on_done(ngx_http_chat_pg_op_t *op)
{
    ndone++;

    if (op->result != NULL) {
        answered[op - ops] = op->result->number;
    }
}


/* says it on the connection that is there */

static void
answer(const char *letters)
{
    ngx_uint_t  i;

    for (i = 0; i < CONNS; i++) {
        if (conns[i].connected) {
            ngx_memcpy(conns[i].results, letters, ngx_strlen(letters) + 1);
        }
    }

    turn();
}


/* the event loop, until there is nothing to do at this moment */

static void
turn(void)
{
    ngx_uint_t    i, again;
    ngx_event_t  *ev;
    ngx_queue_t  *q;

    do {
        again = 0;

        for (i = 0; i < CONNS; i++) {

            if (conns[i].write.active && !conns[i].connected) {
                again = 1;
                conns[i].write.handler(&conns[i].write);

            } else if (conns[i].read.active && conns[i].results[0] != '\0') {
                again = 1;
                conns[i].read.handler(&conns[i].read);
            }
        }

        while (!ngx_queue_empty(&ngx_posted_events)) {
            again = 1;
            q = ngx_queue_head(&ngx_posted_events);
            ev = ngx_queue_data(q, ngx_event_t, queue);

            ngx_delete_posted_event(ev);
            ev->handler(ev);
        }

    } while (again);
}


static void
pass(ngx_msec_t time)
{
    ngx_msec_t  next, end;

    end = ngx_current_msec + time;

    for ( ;; ) {
        next = ngx_event_find_timer();

        if (next == NGX_TIMER_INFINITE || ngx_current_msec + next > end) {
            break;
        }

        ngx_current_msec += next;
        ngx_event_expire_timers();
        turn();
    }

    ngx_current_msec = end;
}


static ngx_int_t
on_event(ngx_event_t *ev, ngx_int_t event, ngx_uint_t flags)
{
    ev->active = 1;

    return NGX_OK;
}


static ngx_int_t
off_event(ngx_event_t *ev, ngx_int_t event, ngx_uint_t flags)
{
    ev->active = 0;

    return NGX_OK;
}


ngx_connection_t *
ngx_get_connection(ngx_socket_t s, ngx_log_t *log)
{
    PGconn  *conn;

    conn = &conns[s];

    ngx_memzero(&conn->read, sizeof(ngx_event_t));
    ngx_memzero(&conn->write, sizeof(ngx_event_t));

    conn->connection.fd = s;
    conn->connection.read = &conn->read;
    conn->connection.write = &conn->write;
    conn->read.data = &conn->connection;
    conn->write.data = &conn->connection;
    conn->write.write = 1;

    return &conn->connection;
}


void
ngx_close_connection(ngx_connection_t *c)
{
    c->read->active = 0;
    c->write->active = 0;
}


/* texts are for logs alone */

u_char *
ngx_snprintf(u_char *buf, size_t max, const char *fmt, ...)
{
    *buf = '\0';

    return buf;
}


u_char *
ngx_cpystrn(u_char *dst, u_char *src, size_t n)
{
    (void) snprintf((char *) dst, n, "%s", (char *) src);

    return dst + ngx_strlen(dst);
}


/* libpq */

PGconn *
PQconnectStart(const char *conninfo)
{
    ngx_uint_t  i;

    attempts++;

    longest = ngx_max(longest, ngx_current_msec - last);
    last = ngx_current_msec;

    for (i = 0; conns[i].used; i++) {
        /* void */
    }

    ngx_memzero(&conns[i], sizeof(PGconn));
    conns[i].used = 1;

    return &conns[i];
}


ConnStatusType
PQstatus(const PGconn *conn)
{
    return up ? CONNECTION_OK : CONNECTION_BAD;
}


int
PQsocket(const PGconn *conn)
{
    return (int) (conn - conns);
}


PostgresPollingStatusType
PQconnectPoll(PGconn *conn)
{
    conn->connected = 1;

    return PGRES_POLLING_OK;
}


int
PQenterPipelineMode(PGconn *conn)
{
    conn->preparing = 1;

    return 1;
}


int
PQsendPrepare(PGconn *conn, const char *name, const char *query, int n,
    const Oid *types)
{
    return 1;
}


int
PQpipelineSync(PGconn *conn)
{
    if (conn->preparing) {
        conn->preparing = 0;
        ngx_memcpy(conn->results, "c0s", sizeof("c0s"));
    }

    return 1;
}


int
PQsendPipelineSync(PGconn *conn)
{
    return 1;
}


int
PQsendQueryPrepared(PGconn *conn, const char *name, int n,
    const char *const *values, const int *lengths, const int *formats,
    int format)
{
    return 1;
}


int
PQisBusy(PGconn *conn)
{
    return conn->results[0] == '\0';
}


/*
 * t tuples, c a command, 0 the end of either, s a Sync, e the server refuses,
 * m libpq itself is out of memory
 */

PGresult *
PQgetResult(PGconn *conn)
{
    char       letter;
    PGresult  *res;

    letter = conn->results[0];
    ngx_memmove(conn->results, conn->results + 1,
                ngx_strlen(conn->results));

    if (letter == '0') {
        return NULL;
    }

    res = calloc(1, sizeof(PGresult));

    if (res == NULL) {
        exit(1);
    }

    results++;

    switch (letter) {

    case 't':
        res->status = PGRES_TUPLES_OK;
        res->number = ++tuples;
        break;

    case 'c':
        res->status = PGRES_COMMAND_OK;
        break;

    case 's':
        res->status = PGRES_PIPELINE_SYNC;
        break;

    default:
        res->status = PGRES_FATAL_ERROR;
        res->state = letter == 'e' ? "40001" : NULL;
    }

    return res;
}


ExecStatusType
PQresultStatus(const PGresult *res)
{
    return res->status;
}


char *
PQresultErrorField(const PGresult *res, int field)
{
    return field == PG_DIAG_SQLSTATE ? (char *) res->state : NULL;
}


void
PQclear(PGresult *res)
{
    if (res != NULL) {
        results--;
        free(res);
    }
}


void
PQfinish(PGconn *conn)
{
    conn->used = 0;
    conn->connected = 0;
}


char *
PQresultErrorMessage(const PGresult *res)
{
    return "out of memory";
}


char *
PQerrorMessage(const PGconn *conn)
{
    return "away";
}


const char *
PQparameterStatus(const PGconn *conn, const char *name)
{
    return "15";
}


PQnoticeReceiver
PQsetNoticeReceiver(PGconn *conn, PQnoticeReceiver proc, void *arg)
{
    return NULL;
}


char *
PQhost(const PGconn *conn)
{
    return NULL;
}


char *
PQport(const PGconn *conn)
{
    return NULL;
}


int
PQsetnonblocking(PGconn *conn, int on)
{
    return 0;
}


int
PQconsumeInput(PGconn *conn)
{
    return 1;
}


int
PQsslInUse(PGconn *conn)
{
    return 0;
}


int
PQflush(PGconn *conn)
{
    return 0;
}


PGnotify *
PQnotifies(PGconn *conn)
{
    return NULL;
}

