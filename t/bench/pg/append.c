/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#include <libpq-fe.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>


/*
 * Appends messages through libpq, in batches, each connection from a thread
 * of its own with one batch in flight:
 *
 * append <conninfo> plain|function <rows> <seconds> <connections> <vars>
 *
 * "function" is chat.append_2() as the module calls it; "plain" stores the
 * same rows by one statement without asking who may: it locks in order,
 * counts, and inserts.  A line of vars has a token, a conversation and its
 * visitor.  Prints one JSON object.
 */


#define APPEND_ROWS     128
#define APPEND_COLUMNS  12
#define APPEND_ARRAY    (20 + APPEND_ROWS * (4 + 128))
#define APPEND_TEXT                                                          \
    "hello, my order has not arrived yet, can you help me please? hello"


/* OIDs of PostgreSQL's types, which never change */

typedef enum {
    APPEND_BOOL = 16,
    APPEND_INT8 = 20,
    APPEND_INT4 = 23,
    APPEND_TEXT_OID = 25,
    APPEND_UUID = 2950
} append_oid_e;


typedef struct {
    char            conversation[16];
    char            visitor[16];
} append_who_t;


typedef struct {
    unsigned        number;
    pthread_t       thread;
    uint64_t        random;
    uint64_t        batches;
    uint64_t        done;
    uint64_t        nlatency;
    double         *latency;
    uint32_t        who[APPEND_ROWS];
    char            ids[APPEND_ROWS][16];
    char            keys[APPEND_ROWS][24];
    char            arrays[APPEND_COLUMNS][APPEND_ARRAY];
} append_t;


static void *append_run(void *data);
static void append_batch(append_t *a, PGconn *c);
static int append_array(append_t *a, unsigned column, char *p);
static size_t append_value(append_t *a, unsigned column, unsigned row,
    char *p);
static void append_load(const char *file);
static void append_uuid(const char *text, char *id);
static uint64_t append_random(append_t *a);
static char *append_put(char *p, uint64_t n, unsigned size);
static double append_now(void);
static int append_compare(const void *one, const void *two);
static void append_die(const char *what, const char *why);


static const append_oid_e  append_types[APPEND_COLUMNS] = {
    APPEND_INT4, APPEND_TEXT_OID, APPEND_UUID, APPEND_INT8, APPEND_UUID,
    APPEND_UUID, APPEND_UUID, APPEND_TEXT_OID, APPEND_BOOL, APPEND_TEXT_OID,
    APPEND_TEXT_OID, APPEND_INT8
};

static const char  append_function[] =
    "SELECT * FROM chat.append_2($1::integer[], $2::text[], $3::uuid[],"
    " $4::bigint[], $5::uuid[], $6::uuid[], $7::uuid[], $8::text[],"
    " $9::boolean[], $10::text[], $11::text[], $12::bigint[], false)";

static const char  append_plain[] =
    "WITH i AS (SELECT *, row_number() OVER (PARTITION BY conversation"
    " ORDER BY o) AS n FROM unnest($1::integer[], $2::text[], $3::uuid[],"
    " $4::bigint[], $5::uuid[], $6::uuid[], $7::uuid[], $8::text[],"
    " $9::boolean[], $10::text[], $11::text[], $12::bigint[])"
    " WITH ORDINALITY t (site, kind, sender, issued, session, conversation,"
    " id, key, internal, text, data, expected, o)),"
    " l AS (SELECT id FROM plain.conversation WHERE id = ANY ($6::uuid[])"
    " ORDER BY id FOR UPDATE),"
    " u AS (UPDATE plain.conversation c SET last_seq = c.last_seq + g.n"
    " FROM (SELECT conversation, count(*) AS n FROM i GROUP BY 1) g"
    " JOIN l ON l.id = g.conversation WHERE c.id = g.conversation"
    " RETURNING c.id, c.last_seq - g.n AS base)"
    " INSERT INTO plain.event (site, conversation, seq, id, type, internal,"
    " sender_kind, sender_id, client_msg_id, pub, vis, text, created_at)"
    " SELECT i.site, i.conversation, u.base + i.n, i.id, 'message',"
    " i.internal, i.kind, i.sender, i.key, u.base + i.n, u.base + i.n,"
    " i.text, now() FROM i JOIN u ON u.id = i.conversation"
    " RETURNING conversation, seq";


static const char    *append_conninfo;
static int            append_is_function;
static int            append_rows;
static uint32_t       append_nwho;
static append_who_t  *append_who;
static double         append_end;
static uint64_t       append_start;


int
main(int argc, char **argv)
{
    int        i, n;
    double     seconds, began, *all;
    append_t  *a;
    uint64_t   done, batches, latencies;

    if (argc != 7) {
        append_die("usage", "append conninfo plain|function rows seconds "
                            "connections vars");
    }

    append_conninfo = argv[1];
    append_is_function = strcmp(argv[2], "function") == 0;
    append_rows = atoi(argv[3]);
    seconds = atof(argv[4]);
    n = atoi(argv[5]);

    if (append_rows < 1 || append_rows > APPEND_ROWS || n < 1 || n > 64) {
        append_die("bad number", argv[3]);
    }

    append_load(argv[6]);

    a = calloc((size_t) n, sizeof(append_t));

    if (a == NULL) {
        append_die("calloc", "out of memory");
    }

    began = append_now();
    append_start = (uint64_t) (began * 1e6);
    append_end = began + seconds;

    for (i = 0; i < n; i++) {
        a[i].number = (unsigned) i;
        a[i].random = append_start ^ ((uint64_t) (i + 1) << 48);

        if (pthread_create(&a[i].thread, NULL, append_run, &a[i]) != 0) {
            append_die("pthread_create", argv[5]);
        }
    }

    done = 0;
    batches = 0;
    latencies = 0;

    for (i = 0; i < n; i++) {
        pthread_join(a[i].thread, NULL);
        done += a[i].done;
        batches += a[i].batches;
        latencies += a[i].nlatency;
    }

    seconds = append_now() - began;
    all = calloc(latencies, sizeof(double));
    latencies = 0;

    for (i = 0; i < n; i++) {
        memcpy(all + latencies, a[i].latency,
               a[i].nlatency * sizeof(double));
        latencies += a[i].nlatency;
    }

    qsort(all, latencies, sizeof(double), append_compare);

    printf("{\"mode\":\"%s\",\"rows\":%d,\"connections\":%d,\"per_s\":%.1f,"
           "\"batches_per_s\":%.1f,\"p50_us\":%.1f,\"p99_us\":%.1f}\n",
           argv[2], append_rows, n, (double) done / seconds,
           (double) batches / seconds, 1e6 * all[latencies / 2],
           1e6 * all[latencies * 99 / 100]);

    return 0;
}


static void *
append_run(void *data)
{
    double     t;
    size_t     room;
    append_t  *a;
    PGconn    *c;
    PGresult  *r;

    a = data;
    c = PQconnectdb(append_conninfo);

    if (PQstatus(c) != CONNECTION_OK) {
        append_die("connect", PQerrorMessage(c));
    }

    r = PQprepare(c, "append", append_is_function ? append_function
                                                  : append_plain, 0, NULL);

    if (PQresultStatus(r) != PGRES_COMMAND_OK) {
        append_die("prepare", PQerrorMessage(c));
    }

    PQclear(r);
    room = 0;

    while (append_now() < append_end) {
        t = append_now();
        append_batch(a, c);

        if (a->nlatency == room) {
            room = room ? room * 2 : 4096;
            a->latency = realloc(a->latency, room * sizeof(double));

            if (a->latency == NULL) {
                append_die("realloc", "out of memory");
            }
        }

        a->latency[a->nlatency++] = append_now() - t;
    }

    PQfinish(c);

    return NULL;
}


static void
append_batch(append_t *a, PGconn *c)
{
    int          i, created, lengths[APPEND_COLUMNS];
    int          formats[APPEND_COLUMNS];
    PGresult    *r;
    const char  *values[APPEND_COLUMNS];

    for (i = 0; i < append_rows; i++) {
        a->who[i] = (uint32_t) (append_random(a) % append_nwho);
        append_put(append_put(a->ids[i], append_random(a), 8),
                   append_random(a), 8);
        snprintf(a->keys[i], sizeof(a->keys[i]), "%llx-%x-%llx",
                 (unsigned long long) append_start & 0xffffffff, a->number,
                 (unsigned long long) a->batches * APPEND_ROWS
                 + (unsigned) i);
    }

    for (i = 0; i < APPEND_COLUMNS; i++) {
        lengths[i] = append_array(a, (unsigned) i, a->arrays[i]);
        values[i] = a->arrays[i];
        formats[i] = 1;
    }

    r = PQexecPrepared(c, "append", APPEND_COLUMNS, values, lengths, formats,
                       1);

    if (PQresultStatus(r) != PGRES_TUPLES_OK || PQntuples(r) < append_rows) {
        append_die("append", PQerrorMessage(c));
    }

    /* two connections may want one conversation at once */

    created = 0;

    for (i = 0; i < append_rows; i++) {
        created += !append_is_function
                   || strcmp(PQgetvalue(r, i, 1), "created") == 0;
    }

    if (created < append_rows / 2) {
        append_die("append", PQgetvalue(r, 0, 1));
    }

    a->done += (uint64_t) created;
    a->batches++;

    PQclear(r);
}


/* an array as array_send() makes it */

static int
append_array(append_t *a, unsigned column, char *p)
{
    int     i;
    char   *start;
    size_t  len;

    start = p;

    p = append_put(p, 1, 4);
    p = append_put(p, column == 4 || column == 10, 4);
    p = append_put(p, (uint64_t) append_types[column], 4);
    p = append_put(p, (uint64_t) append_rows, 4);
    p = append_put(p, 1, 4);

    for (i = 0; i < append_rows; i++) {

        if (column == 4 || column == 10) {
            p = append_put(p, UINT32_MAX, 4);
            continue;
        }

        len = append_value(a, column, (unsigned) i, p + 4);
        append_put(p, len, 4);
        p += 4 + len;
    }

    return (int) (p - start);
}


/* its length */

static size_t
append_value(append_t *a, unsigned column, unsigned row, char *p)
{
    size_t         len;
    append_who_t  *who;

    who = &append_who[a->who[row]];

    switch (column) {

    case 0:
        append_put(p, 1, 4);
        return 4;

    case 1:
        memcpy(p, "visitor", 7);
        return 7;

    case 2:
        memcpy(p, who->visitor, 16);
        return 16;

    case 3:
        append_put(p, 4102444800000, 8);
        return 8;

    case 5:
        memcpy(p, who->conversation, 16);
        return 16;

    case 6:
        memcpy(p, a->ids[row], 16);
        return 16;

    case 7:
        len = strlen(a->keys[row]);
        memcpy(p, a->keys[row], len);
        return len;

    case 8:
        p[0] = 0;
        return 1;

    case 9:
        memcpy(p, APPEND_TEXT, sizeof(APPEND_TEXT) - 1);
        return sizeof(APPEND_TEXT) - 1;

    default:
        append_put(p, UINT64_MAX, 8);
        return 8;
    }
}


static void
append_load(const char *file)
{
    char    conversation[64], visitor[64];
    FILE   *f;
    size_t  room;

    f = fopen(file, "r");

    if (f == NULL) {
        append_die("cannot open", file);
    }

    room = 0;

    while (fscanf(f, "%*s %63s %63s", conversation, visitor) == 2) {

        if (append_nwho == room) {
            room = room ? room * 2 : 1024;
            append_who = realloc(append_who, room * sizeof(append_who_t));

            if (append_who == NULL) {
                append_die("realloc", "out of memory");
            }
        }

        append_uuid(conversation, append_who[append_nwho].conversation);
        append_uuid(visitor, append_who[append_nwho].visitor);
        append_nwho++;
    }

    fclose(f);

    if (append_nwho == 0) {
        append_die("nothing in", file);
    }
}


static void
append_uuid(const char *text, char *id)
{
    int       i;
    unsigned  byte;

    for (i = 0; i < 16; i++) {
        text += *text == '-';

        if (sscanf(text, "%2x", &byte) != 1) {
            append_die("not a UUID", text);
        }

        id[i] = (char) byte;
        text += 2;
    }
}


static uint64_t
append_random(append_t *a)
{
    a->random ^= a->random << 13;
    a->random ^= a->random >> 7;
    a->random ^= a->random << 17;

    return a->random;
}


static char *
append_put(char *p, uint64_t n, unsigned size)
{
    unsigned  i;

    for (i = 0; i < size; i++) {
        p[i] = (char) (n >> 8 * (size - 1 - i));
    }

    return p + size;
}


static double
append_now(void)
{
    struct timespec  ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);

    return (double) ts.tv_sec + (double) ts.tv_nsec / 1e9;
}


static int
append_compare(const void *one, const void *two)
{
    double  a, b;

    a = *(const double *) one;
    b = *(const double *) two;

    return a < b ? -1 : a > b;
}


static void
append_die(const char *what, const char *why)
{
    fprintf(stderr, "append: %s: %s\n", what, why);
    exit(2);
}
