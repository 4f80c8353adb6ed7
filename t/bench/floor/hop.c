/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>


/*
 * What a hop over Redis takes:
 *
 * hop <port> <bytes> <seconds>
 *
 * One message at a time, from PUBLISH on one connection until it has come on
 * another one.  Prints one JSON object.
 */


#define HOP_MAX     1000000
#define HOP_BUF     (128 * 1024)


static int hop_connect(int port);
static void hop_write(int fd, const char *buf, size_t len);
static void hop_read(int fd, size_t len);
static uint64_t hop_now(void);
static int hop_cmp(const void *one, const void *two);
static void hop_die(const char *what);


int
main(int argc, char **argv)
{
    int                    pub, sub;
    char                  *payload;
    size_t                 bytes, len, n;
    double                 seconds;
    uint64_t               end, t;
    static char            command[HOP_BUF], answer[HOP_BUF];
    static const char      listen[] = "*2\r\n$9\r\nSUBSCRIBE\r\n$3\r\nhop\r\n";
    static const char      listens[] = "*3\r\n$9\r\nsubscribe\r\n$3\r\nhop\r\n"
                                       ":1\r\n";
    static uint64_t        times[HOP_MAX];

    if (argc != 4) {
        hop_die("usage: hop port bytes seconds");
    }

    bytes = (size_t) atoi(argv[2]);
    seconds = atof(argv[3]);

    if (bytes < 1 || bytes > 65536 || seconds <= 0) {
        hop_die("bad number");
    }

    pub = hop_connect(atoi(argv[1]));
    sub = hop_connect(atoi(argv[1]));

    hop_write(sub, listen, sizeof(listen) - 1);
    hop_read(sub, sizeof(listens) - 1);

    payload = malloc(bytes + 1);

    if (payload == NULL) {
        hop_die("out of memory");
    }

    memset(payload, 'x', bytes);
    payload[bytes] = '\0';

    len = (size_t) snprintf(command, sizeof(command),
                            "*3\r\n$7\r\nPUBLISH\r\n$3\r\nhop\r\n$%zu\r\n"
                            "%s\r\n", bytes, payload);
    n = (size_t) snprintf(answer, sizeof(answer),
                          "*3\r\n$7\r\nmessage\r\n$3\r\nhop\r\n$%zu\r\n%s\r\n",
                          bytes, payload);
    bytes = n;
    end = hop_now() + (uint64_t) (seconds * 1e9);

    for (n = 0; n < HOP_MAX && hop_now() < end; n++) {
        t = hop_now();

        hop_write(pub, command, len);
        hop_read(sub, bytes);
        times[n] = hop_now() - t;

        hop_read(pub, sizeof(":1\r\n") - 1);
    }

    qsort(times, n, sizeof(uint64_t), hop_cmp);

    printf("{\"n\":%zu,\"per_s\":%.1f,\"p50_ms\":%.4f,\"p99_ms\":%.4f}\n", n,
           (double) n / seconds, (double) times[n / 2] / 1e6,
           (double) times[n * 99 / 100] / 1e6);

    return 0;
}


static int
hop_connect(int port)
{
    int                 fd, one;
    struct sockaddr_in  sin;

    fd = socket(AF_INET, SOCK_STREAM, 0);
    one = 1;

    memset(&sin, 0, sizeof(sin));
    sin.sin_family = AF_INET;
    sin.sin_port = htons((uint16_t) port);
    sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);

    if (fd == -1
        || connect(fd, (struct sockaddr *) &sin, sizeof(sin)) == -1)
    {
        hop_die("cannot connect");
    }

    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));

    return fd;
}


static void
hop_write(int fd, const char *buf, size_t len)
{
    ssize_t  n;

    while (len) {
        n = send(fd, buf, len, MSG_NOSIGNAL);

        if (n <= 0) {
            hop_die("cannot send");
        }

        buf += n;
        len -= (size_t) n;
    }
}


/* that many bytes, and no more: nothing is on its way but the answer */

static void
hop_read(int fd, size_t len)
{
    ssize_t      n;
    static char  buf[HOP_BUF];

    while (len) {
        n = recv(fd, buf, len < HOP_BUF ? len : HOP_BUF, 0);

        if (n <= 0) {
            hop_die("the connection is closed");
        }

        len -= (size_t) n;
    }
}


static uint64_t
hop_now(void)
{
    struct timespec  ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);

    return (uint64_t) ts.tv_sec * 1000000000 + (uint64_t) ts.tv_nsec;
}


static int
hop_cmp(const void *one, const void *two)
{
    uint64_t  a, b;

    a = *(const uint64_t *) one;
    b = *(const uint64_t *) two;

    return (a > b) - (a < b);
}


static void
hop_die(const char *what)
{
    fprintf(stderr, "hop: %s\n", what);
    exit(2);
}
