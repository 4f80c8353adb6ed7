/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#define _GNU_SOURCE
#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include "load.h"


/* with one source address there are some 28,000 ports to one server */
#define LOAD_PORTS   20000
#define LOAD_EVENTS  512
#define LOAD_RETRIES 3

/* what a subscriber that pauses lets the kernel take for it */
#define LOAD_RCVBUF  4096


static void load_conn_make(unsigned n);
static void load_conn_step(unsigned *opened);
static void load_conn_connect(unsigned *opened, uint64_t now);
static uint64_t load_conn_publish(uint64_t now);
static void load_conn_storm(uint64_t now);
static void load_conn_listen(uint64_t now);
static void load_conn_pending(load_conn_t *c, unsigned pending);
static void load_conn_event(load_conn_t *c, uint32_t events);
static void load_conn_connected(load_conn_t *c);
static int load_conn_tls(load_conn_t *c);
static ssize_t load_conn_recv(load_conn_t *c, char *buf, size_t size);
static ssize_t load_conn_send(load_conn_t *c, const char *buf, size_t size);
static ssize_t load_conn_tls_result(load_conn_t *c, int n);


static int           load_epoll;
static char         *load_chunk;
static SSL_CTX      *load_tls;
static unsigned      load_nsubs;
static unsigned      load_npubs;
static unsigned      load_unresolved;    /* not connected and not given up */
static unsigned      load_pending;       /* connecting */
static unsigned      load_returning;     /* to connect after a storm */
static unsigned      load_gone;
static unsigned      load_started;
static unsigned      load_paused;
static uint64_t      load_back;
static uint64_t      load_first;
static load_conn_t  *load_subs;
static load_conn_t  *load_pubs;


void
load_conn_child(unsigned n)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);

    load_stats = &load_shared->stats[n];
    load_chunk = load_alloc(LOAD_CHUNK);
    load_epoll = epoll_create1(EPOLL_CLOEXEC);

    load_tls = SSL_CTX_new(TLS_client_method());

    if (load_epoll == -1 || load_tls == NULL) {
        load_die("cannot start");
    }

    SSL_CTX_set_mode(load_tls, SSL_MODE_RELEASE_BUFFERS
                               | SSL_MODE_ENABLE_PARTIAL_WRITE
                               | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);

    load_conn_make(n);
    load_conn_loop();

    _exit(0);
}


static void
load_conn_make(unsigned n)
{
    unsigned       i;
    load_conn_t   *c;
    load_group_t  *g;

    load_subs = load_alloc((load_options.nsubs / load_options.procs + 1)
                           * sizeof(load_conn_t));
    load_pubs = load_alloc((load_options.npubs / load_options.procs + 1)
                           * sizeof(load_conn_t));

    for (i = n; i < load_options.nsubs; i += load_options.procs) {

        g = load_options.groups;

        while (i >= g->first + g->count) {
            g++;
        }

        c = &load_subs[load_nsubs++];
        c->fd = -1;
        c->group = g;
        c->index = i - g->first;
        c->mode = g->mode;
    }

    for (i = n; i < load_options.npubs; i += load_options.procs) {
        c = &load_pubs[load_npubs++];
        c->fd = -1;
        c->index = i;
        c->mode = load_options.pub_mode;
    }

    load_unresolved = load_nsubs + load_npubs;
}


void
load_conn_loop(void)
{
    int                 i, n;
    unsigned            opened;
    uint64_t            now, wake;
    struct timespec     timeout;
    struct epoll_event  events[LOAD_EVENTS];

    opened = 0;
    load_first = load_now();

    while (load_shared->phase != LOAD_PHASE_DONE) {
        load_conn_step(&opened);

        now = load_now();
        wake = now + 20000000;

        if (opened < load_nsubs || load_returning) {
            wake = now + 1000000;
        }

        if (load_shared->phase == LOAD_PHASE_RUN
            || (load_options.count
                && load_shared->phase == LOAD_PHASE_DRAIN))
        {
            wake = load_conn_publish(now);
        }

        now = load_now();
        wake = wake > now ? wake - now : 0;

        timeout.tv_sec = (time_t) (wake / 1000000000);
        timeout.tv_nsec = (long) (wake % 1000000000);

        n = epoll_pwait2(load_epoll, events, LOAD_EVENTS, &timeout, NULL);

        for (i = 0; i < n; i++) {
            load_conn_event(events[i].data.ptr, events[i].events);
        }
    }
}


static void
load_conn_step(unsigned *opened)
{
    unsigned  i;
    uint64_t  now;

    now = load_now();

    if (*opened < load_nsubs) {
        load_conn_connect(opened, now);

    } else if (load_unresolved == load_npubs && load_first) {
        load_first = 0;

        for (i = 0; i < load_npubs; i++) {
            load_conn_open(&load_pubs[i]);
        }
    }

    if (load_unresolved == 0) {
        load_stats->ready = 1;
    }

    if (load_shared->phase >= LOAD_PHASE_RUN) {
        load_conn_storm(now);
        load_conn_listen(now);
    }
}


static void
load_conn_connect(unsigned *opened, uint64_t now)
{
    uint64_t  allowed;

    allowed = 1 + (uint64_t) ((double) (now - load_first) / 1e9
                              * load_options.connect_rate
                              / load_options.procs);

    while (*opened < load_nsubs && *opened < allowed
           && load_pending < load_options.inflight)
    {
        load_conn_open(&load_subs[(*opened)++]);
    }
}


/* publishes what is due, and tells when the next is */

static uint64_t
load_conn_publish(uint64_t now)
{
    unsigned      i;
    uint64_t      wake, was;
    load_conn_t  *c;

    wake = now + (load_returning ? 1000000 : 20000000);

    if (load_options.rate == 0) {

        if (!load_started) {
            for (i = 0; i < load_npubs; i++) {
                load_pub_next(&load_pubs[i]);
            }
        }

        load_started = 1;

        return wake;
    }

    for (i = 0; i < load_npubs; i++) {
        c = &load_pubs[i];

        /* without acknowledgements several may be due at once */

        do {
            was = c->due;

            if (c->due <= now) {
                load_pub_next(c);
            }

        } while (c->due != was && was && !c->busy && c->due <= now);

        if (!c->busy && c->due > now && c->due < wake) {
            wake = c->due;
        }
    }

    return wake;
}


/* everybody goes at the start of the run, and comes back at once after it */

static void
load_conn_storm(uint64_t now)
{
    unsigned      i;
    load_conn_t  *c;

    if (!load_options.storm) {
        return;
    }

    if (!load_back) {
        load_back = load_shared->run + (uint64_t) (load_options.away * 1e9);
        load_returning = load_nsubs;
        load_gone = 0;

        for (i = 0; i < load_nsubs; i++) {
            load_conn_reset(&load_subs[i]);
            load_subs[i].away = 1;
        }
    }

    while (now >= load_back && load_returning
           && load_pending < load_options.inflight)
    {
        c = &load_subs[load_gone++];
        load_returning--;

        if (c->state != LOAD_CLOSED) {
            load_conn_open(c);
        }
    }
}


static void
load_conn_listen(uint64_t now)
{
    unsigned      i;
    load_conn_t  *c;

    if (load_paused == load_nsubs) {
        return;
    }

    load_paused = 0;

    for (i = 0; i < load_nsubs; i++) {
        c = &load_subs[i];

        if (c->group->pause == 0
            || now >= load_shared->run
                      + (uint64_t) (c->group->pause * 1e9))
        {
            load_paused++;
            c->deaf = 0;

        } else {
            c->deaf = 1;
        }

        if (c->group->pause > 0) {
            load_conn_watch(c);
        }
    }
}


void
load_conn_open(load_conn_t *c)
{
    int                 one, size;
    unsigned            address;
    load_url_t         *url;
    struct linger       linger;
    struct epoll_event  ev;
    struct sockaddr_in  from;

    url = c->group ? &c->group->url : &load_options.pub_url;

    load_conn_reset(c);
    c->state = LOAD_CONNECTING;
    c->since = load_now();
    load_conn_pending(c, 1);

    c->fd = socket(AF_INET, SOCK_STREAM|SOCK_NONBLOCK|SOCK_CLOEXEC, 0);

    if (c->fd == -1) {
        load_conn_lost(c, strerror(errno));
        return;
    }

    /* with a reset at the end no port is left in TIME_WAIT */

    one = 1;
    linger.l_onoff = 1;
    linger.l_linger = 0;

    setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));

    if (c->group && c->group->pause > 0) {
        size = LOAD_RCVBUF;
        setsockopt(c->fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
    }

    address = c->index / LOAD_PORTS;

    if (address) {
        memset(&from, 0, sizeof(from));
        from.sin_family = AF_INET;
        from.sin_addr.s_addr = htonl(INADDR_LOOPBACK + address);

        setsockopt(c->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one,
                   sizeof(one));

        if (bind(c->fd, (struct sockaddr *) &from, sizeof(from)) == -1) {
            load_conn_lost(c, strerror(errno));
            return;
        }
    }

    if (connect(c->fd, (struct sockaddr *) &url->addr, sizeof(url->addr))
        == -1
        && errno != EINPROGRESS)
    {
        load_conn_lost(c, strerror(errno));
        return;
    }

    ev.events = EPOLLIN|EPOLLOUT;
    ev.data.ptr = c;
    c->want_out = 1;

    if (epoll_ctl(load_epoll, EPOLL_CTL_ADD, c->fd, &ev) == -1) {
        load_die("epoll_ctl: %s", strerror(errno));
    }
}


static void
load_conn_pending(load_conn_t *c, unsigned pending)
{
    if (pending && !c->pending) {
        load_pending++;

    } else if (!pending && c->pending) {
        load_pending--;
    }

    c->pending = pending;
}


/* forgets the transport and keeps what was seen */

void
load_conn_reset(load_conn_t *c)
{
    if (c->ssl) {
        SSL_free(c->ssl);
        c->ssl = NULL;
    }

    if (c->fd != -1) {
        close(c->fd);
    }

    c->fd = -1;
    load_conn_pending(c, 0);

    load_buf_free(&c->in);
    load_buf_free(&c->out);
    load_buf_free(&c->body);

    c->want_out = 0;
    c->in_body = 0;
    c->closing = 0;
    c->chunked = 0;
    c->chunk = 0;
    c->fragment = 0;
    c->tls_out = 0;
}


/* usable, for the first time or again */

void
load_conn_ready(load_conn_t *c)
{
    uint64_t  now;

    load_conn_pending(c, 0);
    c->state = LOAD_OPEN;

    if (c->away) {
        c->away = 0;
        now = load_now();
        load_stats->sub_resumed++;
        load_hist_add(&load_stats->resume,
                      now > load_back ? now - load_back : 0);
    }

    if (c->counted) {
        return;
    }

    c->counted = 1;
    load_unresolved--;

    if (c->group == NULL) {
        load_stats->pub_open++;
        return;
    }

    load_stats->sub_open++;
    load_hist_add(&load_stats->handshake, load_now() - c->since);

    atomic_fetch_add(&load_channels[c->index % load_options.channels].subs,
                     1);
}


void
load_conn_lost(load_conn_t *c, const char *why)
{
    int  open, phase;

    open = c->state == LOAD_OPEN;
    phase = load_shared->phase;

    if (load_options.verbose) {
        fprintf(stderr, "load: %s %u, state %d: %.300s\n",
                c->group ? "subscriber" : "publisher", c->index, c->state,
                why);
    }

    load_conn_reset(c);
    c->state = LOAD_CLOSED;

    if (c->group == NULL) {
        load_pub_done(c, 0);
    }

    if (phase == LOAD_PHASE_DONE) {
        return;
    }

    if (open && c->group != NULL && c->mode != LOAD_POLL) {
        load_stats->sub_closed++;
        return;
    }

    if (!open && ++c->tries > LOAD_RETRIES) {

        if (!c->counted) {
            c->counted = 1;
            load_unresolved--;

            if (c->group) {
                load_stats->sub_failed++;

            } else {
                load_stats->pub_failed++;
            }

        } else if (c->group) {
            load_stats->sub_closed++;
        }

        return;
    }

    if (c->group == NULL) {
        load_stats->pub_reconnects++;
    }

    load_conn_open(c);
}


void
load_conn_watch(load_conn_t *c)
{
    unsigned            out;
    struct epoll_event  ev;

    if (c->fd == -1) {
        return;
    }

    out = c->state == LOAD_CONNECTING || c->out.len > 0 || c->tls_out;

    if (out == c->want_out && (!c->group || c->group->pause == 0)) {
        return;
    }

    c->want_out = out;

    ev.events = (c->deaf ? 0 : EPOLLIN) | (out ? EPOLLOUT : 0);
    ev.data.ptr = c;

    epoll_ctl(load_epoll, EPOLL_CTL_MOD, c->fd, &ev);
}


int
load_conn_flush(load_conn_t *c)
{
    ssize_t  n;

    while (c->out.len) {
        n = load_conn_send(c, c->out.data + c->out.off, c->out.len);

        if (n >= 0) {
            load_buf_eat(&c->out, (size_t) n);
            continue;
        }

        if (errno == EAGAIN) {
            break;
        }

        if (errno != EINTR) {
            load_conn_lost(c, strerror(errno));
            return 0;
        }
    }

    if (c->group) {
        load_buf_trim(&c->out);
    }

    load_conn_watch(c);

    return 1;
}


static void
load_conn_event(load_conn_t *c, uint32_t events)
{
    int      alive, round;
    ssize_t  n;

    if (c->fd == -1) {
        return;
    }

    if (c->state == LOAD_CONNECTING) {

        if (events & (EPOLLOUT|EPOLLERR|EPOLLHUP) || c->ssl) {
            load_conn_connected(c);
        }

        return;
    }

    if (events & EPOLLOUT && !load_conn_flush(c)) {
        return;
    }

    if (!(events & (EPOLLIN|EPOLLHUP|EPOLLERR)) || c->deaf) {
        return;
    }

    for (round = 0; round < 4; round++) {
        n = load_conn_recv(c, load_chunk, LOAD_CHUNK);

        if (n < 0) {
            if (errno != EAGAIN && errno != EINTR) {
                load_conn_lost(c, strerror(errno));
            }

            return;
        }

        if (n == 0) {
            load_conn_lost(c, "closed by the server");
            return;
        }

        load_stats->bytes_in += (uint64_t) n;
        load_buf_add(&c->in, load_chunk, (size_t) n);

        alive = c->mode == LOAD_WS && c->state >= LOAD_ASKED
                ? load_ws_read(c) : load_http_read(c);

        if (!alive || c->fd == -1) {
            return;
        }

        if (c->group) {
            load_buf_trim(&c->in);
            load_buf_trim(&c->body);
        }

        if (n < LOAD_CHUNK && c->ssl == NULL) {
            return;
        }
    }
}


static void
load_conn_connected(load_conn_t *c)
{
    int        err;
    socklen_t  len;

    err = 0;
    len = sizeof(err);

    getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &err, &len);

    if (err) {
        load_conn_lost(c, strerror(err));
        return;
    }

    if ((c->group ? c->group->url.tls : load_options.pub_url.tls)
        && !load_conn_tls(c))
    {
        return;
    }

    if (c->group == NULL && c->mode == LOAD_HTTP) {
        load_conn_ready(c);
        load_conn_watch(c);
        load_pub_next(c);

    } else {
        load_http_start(c);
    }
}


/* 1 when the handshake is done */

static int
load_conn_tls(load_conn_t *c)
{
    ssize_t             rc;
    struct epoll_event  ev;

    if (c->ssl == NULL) {
        c->ssl = SSL_new(load_tls);

        if (c->ssl == NULL || SSL_set_fd(c->ssl, c->fd) == 0) {
            load_die("out of memory");
        }

        SSL_set_connect_state(c->ssl);
    }

    rc = load_conn_tls_result(c, SSL_do_handshake(c->ssl));

    if (rc > 0) {
        return 1;
    }

    if (rc == 0 || errno != EAGAIN) {
        load_conn_lost(c, "TLS handshake");
        return 0;
    }

    ev.events = c->tls_out ? EPOLLOUT : EPOLLIN;
    ev.data.ptr = c;

    epoll_ctl(load_epoll, EPOLL_CTL_MOD, c->fd, &ev);

    return 0;
}


static ssize_t
load_conn_recv(load_conn_t *c, char *buf, size_t size)
{
    if (c->ssl == NULL) {
        return recv(c->fd, buf, size, 0);
    }

    return load_conn_tls_result(c, SSL_read(c->ssl, buf, (int) size));
}


static ssize_t
load_conn_send(load_conn_t *c, const char *buf, size_t size)
{
    if (c->ssl == NULL) {
        return send(c->fd, buf, size, MSG_NOSIGNAL);
    }

    return load_conn_tls_result(c, SSL_write(c->ssl, buf, (int) size));
}


/* as recv() and send() tell it */

static ssize_t
load_conn_tls_result(load_conn_t *c, int n)
{
    c->tls_out = 0;

    if (n > 0) {
        return n;
    }

    switch (SSL_get_error(c->ssl, n)) {

    case SSL_ERROR_WANT_WRITE:
        c->tls_out = 1;
        /* fall through */

    case SSL_ERROR_WANT_READ:
        errno = EAGAIN;
        return -1;

    case SSL_ERROR_ZERO_RETURN:
        return 0;

    default:
        errno = ECONNRESET;
        return -1;
    }
}
