/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>


/*
 * What the kernel alone costs: a process with nothing but sockets.
 *
 * floor fanout <connections> <bytes> <seconds>   writes to each, in turn
 * floor relay <connections> <bytes> <seconds>    reads from one, writes to
 *                                                the next
 *
 * The other ends belong to another process, which reads what comes and, in a
 * relay, writes at its own pace.  Prints one JSON object: the writes, and the
 * CPU time of the first process for each.
 */


#define FLOOR_EVENTS  512


typedef struct {
    int        n;
    int        relay;
    size_t     bytes;
    double     seconds;
    int       *fds;
} floor_t;


static void floor_connect(floor_t *f, int *far);
static void floor_far(floor_t *f, int *far);
static uint64_t floor_fanout(floor_t *f);
static uint64_t floor_relay(floor_t *f);
static void floor_write(int fd, char *buf, size_t len);
static double floor_clock(clockid_t id);
static void floor_die(const char *what);


int
main(int argc, char **argv)
{
    int            *far;
    pid_t           pid;
    double          cpu;
    floor_t         f;
    uint64_t        n;
    struct rlimit   rl;

    if (argc != 5) {
        floor_die("usage: floor fanout|relay connections bytes seconds");
    }

    f.relay = strcmp(argv[1], "relay") == 0;
    f.n = atoi(argv[2]);
    f.bytes = (size_t) atoi(argv[3]);
    f.seconds = atof(argv[4]);

    if (f.n < 2 || f.bytes < 8 || f.bytes > 65536) {
        floor_die("bad number");
    }

    getrlimit(RLIMIT_NOFILE, &rl);
    rl.rlim_cur = rl.rlim_max;
    setrlimit(RLIMIT_NOFILE, &rl);

    f.fds = calloc((size_t) f.n, sizeof(int));
    far = calloc((size_t) f.n, sizeof(int));

    if (f.fds == NULL || far == NULL) {
        floor_die("out of memory");
    }

    floor_connect(&f, far);

    pid = fork();

    if (pid == -1) {
        floor_die("fork");
    }

    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        floor_far(&f, far);
    }

    cpu = floor_clock(CLOCK_PROCESS_CPUTIME_ID);
    n = f.relay ? floor_relay(&f) : floor_fanout(&f);
    cpu = floor_clock(CLOCK_PROCESS_CPUTIME_ID) - cpu;

    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);

    printf("{\"connections\":%d,\"bytes\":%zu,\"writes\":%llu,"
           "\"per_s\":%.1f,\"cpu\":%.3f,\"us_per_write\":%.3f}\n",
           f.n, f.bytes, (unsigned long long) n, (double) n / f.seconds,
           cpu / f.seconds, 1e6 * cpu / (double) n);

    return 0;
}


static void
floor_connect(floor_t *f, int *far)
{
    int                 i, fd, one;
    socklen_t           len;
    struct sockaddr_in  sin;

    fd = socket(AF_INET, SOCK_STREAM, 0);
    len = sizeof(sin);
    one = 1;

    memset(&sin, 0, sizeof(sin));
    sin.sin_family = AF_INET;
    sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);

    if (fd == -1
        || bind(fd, (struct sockaddr *) &sin, sizeof(sin)) == -1
        || listen(fd, 1024) == -1
        || getsockname(fd, (struct sockaddr *) &sin, &len) == -1)
    {
        floor_die("cannot listen");
    }

    for (i = 0; i < f->n; i++) {
        far[i] = socket(AF_INET, SOCK_STREAM, 0);

        if (far[i] == -1
            || connect(far[i], (struct sockaddr *) &sin, sizeof(sin)) == -1)
        {
            floor_die("cannot connect");
        }

        f->fds[i] = accept4(fd, NULL, NULL, SOCK_NONBLOCK);

        if (f->fds[i] == -1) {
            floor_die("cannot accept");
        }

        setsockopt(far[i], IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
        setsockopt(f->fds[i], IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    }

    close(fd);
}


/* the other ends: in a relay each even one writes, and each odd one reads */

static void
floor_far(floor_t *f, int *far)
{
    int                 i, n, epoll;
    char                buf[65536];
    struct epoll_event  ev, events[FLOOR_EVENTS];

    epoll = epoll_create1(0);

    memset(&ev, 0, sizeof(ev));
    memset(buf, 'x', sizeof(buf));

    for (i = 0; i < f->n; i++) {
        close(f->fds[i]);

        ev.events = EPOLLIN;
        ev.data.u32 = (uint32_t) i;
        epoll_ctl(epoll, EPOLL_CTL_ADD, far[i], &ev);

        if (f->relay && i % 2 == 0) {
            floor_write(far[i], buf, f->bytes);
        }
    }

    for ( ;; ) {
        n = epoll_wait(epoll, events, FLOOR_EVENTS, -1);

        while (n-- > 0) {
            i = (int) events[n].data.u32;

            if (recv(far[i], buf, sizeof(buf), 0) <= 0) {
                _exit(0);
            }

            if (f->relay) {
                floor_write(far[i - 1], buf, f->bytes);
            }
        }
    }
}


static uint64_t
floor_fanout(floor_t *f)
{
    int       i;
    char      buf[65536];
    double    end;
    uint64_t  n;

    memset(buf, 'x', sizeof(buf));

    end = floor_clock(CLOCK_MONOTONIC) + f->seconds;
    n = 0;

    while (floor_clock(CLOCK_MONOTONIC) < end) {
        for (i = 0; i < f->n; i++) {
            floor_write(f->fds[i], buf, f->bytes);
        }

        n += (uint64_t) f->n;
    }

    return n;
}


static uint64_t
floor_relay(floor_t *f)
{
    int                 i, n, epoll;
    char                buf[65536];
    double              end;
    ssize_t             len;
    uint64_t            done;
    struct epoll_event  ev, events[FLOOR_EVENTS];

    epoll = epoll_create1(0);
    memset(&ev, 0, sizeof(ev));

    for (i = 0; i < f->n; i += 2) {
        ev.events = EPOLLIN|EPOLLET;
        ev.data.u32 = (uint32_t) i;
        epoll_ctl(epoll, EPOLL_CTL_ADD, f->fds[i], &ev);
    }

    end = floor_clock(CLOCK_MONOTONIC) + f->seconds;
    done = 0;

    while (floor_clock(CLOCK_MONOTONIC) < end) {
        n = epoll_wait(epoll, events, FLOOR_EVENTS, 10);

        while (n-- > 0) {
            i = (int) events[n].data.u32;
            len = recv(f->fds[i], buf, sizeof(buf), 0);

            if (len > 0) {
                floor_write(f->fds[i + 1], buf, (size_t) len);
                done++;
            }
        }
    }

    return done ? done : 1;
}


/* as nginx writes a frame: its header and its payload are two pieces */

static void
floor_write(int fd, char *buf, size_t len)
{
    struct iovec  iov[2];

    iov[0].iov_base = buf;
    iov[0].iov_len = 4;
    iov[1].iov_base = buf + 4;
    iov[1].iov_len = len - 4;

    while (writev(fd, iov, 2) == -1) {

        /* the reader is behind: let it run */

        sched_yield();
    }
}


static double
floor_clock(clockid_t id)
{
    struct timespec  ts;

    clock_gettime(id, &ts);

    return (double) ts.tv_sec + (double) ts.tv_nsec / 1e9;
}


static void
floor_die(const char *what)
{
    fprintf(stderr, "floor: %s\n", what);
    exit(2);
}
