/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#ifndef _LOAD_H_INCLUDED_
#define _LOAD_H_INCLUDED_


#include <netinet/in.h>
#include <openssl/ssl.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>


/*
 * A load generator for chat and push servers: t/bench/README.md says how it
 * is used.  One process per --procs, each with its own epoll loop; the parent
 * tells the phases, samples other processes, and prints one JSON object.
 */


#define LOAD_PROCS_MAX    32
#define LOAD_GROUPS_MAX   8
#define LOAD_HEADERS_MAX  8
#define LOAD_WATCH_MAX    16
#define LOAD_VARS_MAX     9
#define LOAD_STATUS_MAX   600
#define LOAD_CHUNK        (128 * 1024)
#define LOAD_MESSAGE_MAX  (64 * 1024 * 1024)

/* duplicates are found among so many 64-bit words of sequence numbers */
#define LOAD_WINDOW       8

/* 2^7 steps an octave: a value is known to 0.8 % */
#define LOAD_HIST_BITS    7
#define LOAD_HIST_SIZE    ((64 - LOAD_HIST_BITS + 1) << LOAD_HIST_BITS)


typedef struct load_conn_s  load_conn_t;


typedef struct {
    char                *data;
    size_t               off;
    size_t               len;
    size_t               cap;
} load_buf_t;


typedef struct {
    uint64_t             n;
    uint64_t             max;
    uint64_t             sum;
    uint64_t             buckets[LOAD_HIST_SIZE];
} load_hist_t;


typedef enum {
    LOAD_WS = 0,
    LOAD_SSE,
    LOAD_POLL,
    LOAD_IDLE,
    LOAD_HTTP
} load_mode_e;


typedef enum {
    LOAD_CONNECTING = 0,
    LOAD_HANDSHAKE,
    LOAD_ASKED,
    LOAD_OPEN,
    LOAD_CLOSED
} load_state_e;


typedef enum {
    LOAD_PHASE_CONNECT = 0,
    LOAD_PHASE_READY,
    LOAD_PHASE_RUN,
    LOAD_PHASE_DRAIN,
    LOAD_PHASE_DONE
} load_phase_e;


typedef struct {
    char                *host;
    char                *path;
    int                  tls;
    struct sockaddr_in   addr;
} load_url_t;


/* subscribers first .. first + count - 1 */

typedef struct {
    load_mode_e          mode;
    unsigned             count;
    unsigned             first;
    unsigned             aside;       /* is not in rates and latencies */
    double               pause;
    unsigned             nheaders;
    const char          *headers[LOAD_HEADERS_MAX];
    const char          *hello;
    const char          *ready;
    load_url_t           url;
} load_group_t;


typedef struct {
    const char          *name;
    pid_t                pid;
} load_watch_t;


typedef struct {
    unsigned             procs;
    unsigned             channels;
    unsigned             ngroups;
    unsigned             nsubs;
    unsigned             npubs;
    unsigned             inflight;
    unsigned             pad;
    unsigned             nwatch;
    unsigned             npub_headers;
    unsigned             verbose;
    unsigned             nchan;
    unsigned             storm;
    double               connect_rate;
    double               settle;
    double               hold;
    double               warmup;
    double               duration;
    double               drain;
    double               away;
    double               rate;
    uint64_t             messages;
    load_mode_e          pub_mode;
    const char          *pub_method;
    const char          *pub_ack;
    const char          *pub_hello;
    const char          *body;
    const char          *ts;
    const char          *n;
    const char          *count;
    const char          *label;
    const char          *on_ready;
    const char          *on_done;
    const char          *pub_headers[LOAD_HEADERS_MAX];
    load_url_t           pub_url;
    load_watch_t         watch[LOAD_WATCH_MAX];
    load_group_t         groups[LOAD_GROUPS_MAX];
} load_options_t;


/* what one subscriber has seen of its channel: the lowest bit is max */

typedef struct {
    uint32_t             max;
    uint64_t             seen[LOAD_WINDOW];
} load_track_t;


typedef struct {
    uint64_t             sub_open;
    uint64_t             sub_failed;
    uint64_t             sub_closed;
    uint64_t             sub_resumed;
    uint64_t             polls;
    uint64_t             bytes_in;
    uint64_t             pub_open;
    uint64_t             pub_failed;
    uint64_t             pub_reconnects;
    uint64_t             seen;
    uint64_t             unique;
    uint64_t             dup;
    uint64_t             disorder;
    uint64_t             stale;
    uint64_t             foreign;
    uint64_t             win_seen;
    uint64_t             sent;
    uint64_t             acked;
    uint64_t             failed;
    uint64_t             win_acked;
    uint64_t             counted;
    uint64_t             win_counted;
    uint64_t             pings;
    uint64_t             closes;
    uint64_t             status[LOAD_STATUS_MAX];
    _Atomic int64_t      inflight;
    _Atomic int          ready;
    load_hist_t          handshake;
    load_hist_t          resume;
    load_hist_t          ack;
    load_hist_t          latency;
} load_stats_t;


typedef struct {
    _Atomic int          phase;
    _Atomic uint64_t     run;         /* start of publishing */
    _Atomic uint64_t     begin;       /* of what is measured */
    _Atomic uint64_t     end;
    _Atomic int64_t      budget;
    uint64_t             start;       /* of the program */
    load_stats_t         stats[LOAD_PROCS_MAX];
} load_shared_t;


/* a channel's next number, its acknowledged messages and its subscribers */

typedef struct {
    _Atomic uint32_t     next;
    _Atomic uint32_t     acked;
    _Atomic uint32_t     subs;
} load_channel_t;


struct load_conn_s {
    int                  fd;
    unsigned             index;
    unsigned             channel;
    unsigned             tries;
    unsigned             status;
    load_mode_e          mode;
    load_state_e         state;
    load_group_t        *group;       /* NULL: a publisher */
    SSL                 *ssl;
    load_buf_t           in;
    load_buf_t           out;
    load_buf_t           body;
    load_track_t         track;
    int64_t              left;        /* of the body, -1: until the end */
    uint64_t             since;
    uint64_t             due;
    uint64_t             sent;
    uint64_t             pick;
    uint64_t             seq;
    char                *etag;
    char                *modified;
    char                 epoch[24];
    unsigned             chunk:2;
    unsigned             counted:1;
    unsigned             busy:1;
    unsigned             want_out:1;
    unsigned             deaf:1;
    unsigned             closing:1;
    unsigned             chunked:1;
    unsigned             in_body:1;
    unsigned             fragment:1;
    unsigned             tls_out:1;
    unsigned             away:1;
    unsigned             pending:1;
};


typedef struct {
    double               cpu;         /* seconds */
    long                 pss;         /* KiB */
    unsigned             n;
} load_sample_t;


typedef struct {
    double               cpu[LOAD_PROCS_MAX];
    double               busy;        /* of the machine, seconds */
    load_sample_t        watch[LOAD_WATCH_MAX];
} load_samples_t;


/* what the report needs beside the counters */

typedef struct {
    int                  failed;
    double               connect;
    double               window;
    double               slice;       /* between run0 and run1 */
    long                 slab[2];
    load_samples_t       before;
    load_samples_t       held;
    load_samples_t       after;
    load_samples_t       run0;
    load_samples_t       run1;
} load_result_t;


extern load_options_t   load_options;
extern load_shared_t   *load_shared;
extern load_channel_t  *load_channels;

/* of this process */
extern load_stats_t    *load_stats;


/* ends the program with status 2 */
void load_die(const char *fmt, ...);
uint64_t load_now(void);
void *load_alloc(size_t size);

void load_buf_free(load_buf_t *b);
void load_buf_room(load_buf_t *b, size_t size);
void load_buf_add(load_buf_t *b, const void *data, size_t len);
void load_buf_str(load_buf_t *b, const char *s);
void load_buf_num(load_buf_t *b, uint64_t n);
void load_buf_eat(load_buf_t *b, size_t len);
void load_buf_trim(load_buf_t *b);

void load_hist_add(load_hist_t *h, uint64_t ns);
void load_hist_merge(load_hist_t *to, const load_hist_t *from);
/* the value, in microseconds, that the share q of all does not exceed */
double load_hist_us(const load_hist_t *h, double q);

void load_options_parse(int argc, char **argv);

/* expands a template for a connection; ts and n are those of the message */
void load_template(load_buf_t *b, const char *text, load_conn_t *c,
    unsigned channel, uint64_t ts, uint32_t n);
void load_template_vars(const char *file);

/* finds out what a delivered payload is, and accounts for it */
void load_check_payload(load_conn_t *c, const char *data, size_t len);
void load_check_message(load_conn_t *c, uint64_t ts, uint64_t n,
    uint64_t now);
const char *load_check_find(const char *data, const char *end,
    const char *marker);

/* all of these return 0 if the connection is gone, 1 otherwise */
int load_conn_flush(load_conn_t *c);
int load_ws_read(load_conn_t *c);
int load_http_read(load_conn_t *c);

void load_conn_loop(void);
void load_conn_open(load_conn_t *c);
void load_conn_lost(load_conn_t *c, const char *why);
void load_conn_ready(load_conn_t *c);
void load_conn_watch(load_conn_t *c);
void load_conn_reset(load_conn_t *c);
void load_conn_child(unsigned n);

void load_ws_send(load_conn_t *c, unsigned opcode, const char *data,
    size_t len);
void load_ws_hello(load_conn_t *c);
void load_http_start(load_conn_t *c);

void load_pub_next(load_conn_t *c);
void load_pub_done(load_conn_t *c, int ok);

void load_proc_sample(load_samples_t *s, pid_t *kids, int memory);
long load_proc_slab(void);

uint64_t load_report_expected(void);
void load_report_print(const load_result_t *r);


#endif /* _LOAD_H_INCLUDED_ */
