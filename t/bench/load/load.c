/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "load.h"


static void load_start(pid_t *kids);
static int load_connect(pid_t *kids);
static int load_died(pid_t *kids);
static void load_run(pid_t *kids, load_result_t *r);
static void load_drain(void);
static int load_odd(void);
static void load_wait(double seconds);
static void load_stop(int signo);


load_options_t   load_options = {
    .procs = 1,
    .channels = 1,
    .inflight = 128,
    .pad = 64,
    .connect_rate = 5000,
    .settle = 0.3,
    .warmup = 1,
    .drain = 10,
    .pub_mode = LOAD_HTTP,
    .pub_method = "POST",
    .body = "@{ts} #{n} {pad}",
    .ts = "@",
    .n = "#"
};

load_shared_t   *load_shared;
load_channel_t  *load_channels;
load_stats_t    *load_stats;


static volatile sig_atomic_t  load_stopped;


int
main(int argc, char **argv)
{
    size_t                size;
    pid_t                 kids[LOAD_PROCS_MAX];
    uint64_t              t;
    unsigned              i;
    struct rlimit         rl;
    static load_result_t  r;

    load_options_parse(argc, argv);

    getrlimit(RLIMIT_NOFILE, &rl);
    rl.rlim_cur = rl.rlim_max;
    setrlimit(RLIMIT_NOFILE, &rl);

    if ((load_options.nsubs + load_options.npubs) / load_options.procs + 16
        > rl.rlim_cur)
    {
        load_die("a process may have %lu descriptors: raise --procs",
                 (unsigned long) rl.rlim_cur);
    }

    size = sizeof(load_shared_t)
           + load_options.channels * sizeof(load_channel_t);

    load_shared = mmap(NULL, size, PROT_READ|PROT_WRITE,
                       MAP_SHARED|MAP_ANONYMOUS, -1, 0);

    if (load_shared == MAP_FAILED) {
        load_die("mmap: %s", strerror(errno));
    }

    load_channels = (load_channel_t *) (load_shared + 1);
    load_shared->start = load_now();
    load_shared->budget = (int64_t) load_options.messages;

    load_proc_sample(&r.before, NULL, 1);
    r.slab[0] = load_proc_slab();

    load_start(kids);

    t = load_now();
    r.failed = load_connect(kids);
    r.connect = (double) (load_now() - t) / 1e9;

    load_shared->phase = LOAD_PHASE_READY;
    load_wait(load_options.settle);
    r.slab[1] = load_proc_slab();

    if (load_options.on_ready && !r.failed
        && system(load_options.on_ready) != 0)
    {
        r.failed = 1;
    }

    load_wait(load_options.hold);
    load_proc_sample(&r.held, kids, 1);

    if (!r.failed && load_options.duration > 0) {
        load_run(kids, &r);
    }

    if (load_options.on_done && system(load_options.on_done) != 0) {
        r.failed = 1;
    }

    load_proc_sample(&r.after, kids, 1);
    load_shared->phase = LOAD_PHASE_DONE;

    for (i = 0; i < load_options.procs; i++) {
        waitpid(kids[i], NULL, 0);
    }

    load_report_print(&r);

    return r.failed;
}


static void
load_start(pid_t *kids)
{
    unsigned          i;
    struct sigaction  sa;

    fflush(stdout);

    for (i = 0; i < load_options.procs; i++) {
        kids[i] = fork();

        if (kids[i] == -1) {
            load_die("fork: %s", strerror(errno));
        }

        if (kids[i] == 0) {
            load_conn_child(i);
        }
    }

    memset(&sa, 0, sizeof(sa));
    sa.sa_handler = load_stop;
    sigaction(SIGINT, &sa, NULL);
    sigaction(SIGTERM, &sa, NULL);
}


/* not 0 if not everybody could connect */

static int
load_connect(pid_t *kids)
{
    double    seconds;
    unsigned  i, ready;
    uint64_t  limit;

    seconds = 60 + 5 * load_options.nsubs / load_options.connect_rate;
    limit = load_now() + (uint64_t) (seconds * 1e9);

    for ( ;; ) {
        ready = 0;

        for (i = 0; i < load_options.procs; i++) {
            ready += load_shared->stats[i].ready;
        }

        if (ready == load_options.procs) {
            break;
        }

        if (load_stopped || load_died(kids) || load_now() > limit) {
            fprintf(stderr, "load: not everybody could connect\n");
            return 1;
        }

        load_wait(0.005);
    }

    for (i = 0; i < load_options.procs; i++) {
        if (load_shared->stats[i].sub_failed
            || load_shared->stats[i].pub_failed)
        {
            fprintf(stderr, "load: not everybody was let in\n");
            return 1;
        }
    }

    return 0;
}


static int
load_died(pid_t *kids)
{
    unsigned  i;

    for (i = 0; i < load_options.procs; i++) {
        if (waitpid(kids[i], NULL, WNOHANG) == kids[i]) {
            fprintf(stderr, "load: a process of the generator has ended\n");
            return 1;
        }
    }

    return 0;
}


static void
load_run(pid_t *kids, load_result_t *r)
{
    uint64_t  now, t;

    t = load_now();

    load_shared->run = t;
    load_shared->begin = t + (uint64_t) (load_options.warmup * 1e9);
    load_shared->end = load_shared->begin
                       + (uint64_t) (load_options.duration * 1e9);
    load_shared->phase = LOAD_PHASE_RUN;

    load_wait(load_options.warmup);
    load_proc_sample(&r->run0, kids, 0);
    t = load_now();

    for ( ;; ) {
        now = load_now();

        if (load_stopped || now >= load_shared->end) {
            break;
        }

        if (load_options.messages && load_shared->budget <= 0) {

            /* the last one has been taken, and is perhaps not stamped yet */

            load_wait(0.01);
            load_shared->end = load_now();
            break;
        }

        load_wait(0.01);
    }

    load_proc_sample(&r->run1, kids, 0);
    r->slice = (double) (load_now() - t) / 1e9;
    r->window = (double) (load_shared->end - load_shared->begin) / 1e9;

    load_shared->phase = LOAD_PHASE_DRAIN;
    load_drain();
}


/*
 * Until everything has come, and a little longer, for duplicates; or until
 * nothing has come for as long as it may take.
 */

static void
load_drain(void)
{
    unsigned       i;
    int64_t        inflight;
    uint64_t       limit, unique, last, away, left;
    load_stats_t  *s;

    last = 0;
    left = 0;
    limit = load_now() + (uint64_t) (load_options.drain * 1e9);

    while (!load_stopped && load_now() < limit) {
        inflight = 0;
        unique = 0;
        away = 0;

        for (i = 0; i < load_options.procs; i++) {
            s = &load_shared->stats[i];
            inflight += s->inflight;
            unique += load_options.count ? s->counted : s->unique;
            away += s->sub_open - s->sub_resumed;
        }

        if (inflight == 0 && unique >= load_report_expected()
            && !load_odd() && (away == 0 || !load_options.storm))
        {
            break;
        }

        if (unique != last || away != left) {
            last = unique;
            left = away;
            limit = load_now() + (uint64_t) (load_options.drain * 1e9);
        }

        load_wait(0.005);
    }

    load_wait(0.05);
}


/* whether a pair of what is counted is not complete */

static int
load_odd(void)
{
    unsigned  i;

    for (i = 0; load_options.count && i < load_options.channels; i++) {
        if (load_channels[i].next & 1) {
            return 1;
        }
    }

    return 0;
}


static void
load_wait(double seconds)
{
    double           left;
    uint64_t         now, end;
    struct timespec  ts;

    end = load_now() + (uint64_t) (seconds * 1e9);

    for ( ;; ) {
        now = load_now();

        if (load_stopped || now >= end) {
            return;
        }

        left = (double) (end - now);
        ts.tv_sec = 0;
        ts.tv_nsec = left > 5e7 ? 50000000 : (long) left;

        nanosleep(&ts, NULL);
    }
}


static void
load_stop(int signo)
{
    (void) signo;

    load_stopped = 1;
}
