/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>

#include "load.h"


/* an example of RFC 6455, so that the answer is known beforehand */
#define LOAD_WS_KEY     "dGhlIHNhbXBsZSBub25jZQ=="
#define LOAD_WS_ACCEPT  "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="

#define LOAD_HEAD_MAX   65536


static void load_http_nchan(load_conn_t *c);
static int load_http_head(load_conn_t *c, char *head);
static char *load_http_header(char *head, const char *name);
static int load_http_headed(load_conn_t *c);
static int load_http_body(load_conn_t *c);
static int load_http_chunk(load_conn_t *c);
static void load_http_lines(load_conn_t *c);
static int load_http_done(load_conn_t *c);
static int load_http_poll_done(load_conn_t *c, const char *data, size_t len);


/* the request that makes a subscriber, or a WebSocket of a publisher */

void
load_http_start(load_conn_t *c)
{
    unsigned           i, n, channel;
    load_buf_t        *b;
    const char       **headers;
    const load_url_t  *url;

    b = &c->out;
    url = c->group ? &c->group->url : &load_options.pub_url;
    headers = c->group ? c->group->headers : load_options.pub_headers;
    n = c->group ? c->group->nheaders : load_options.npub_headers;
    channel = c->index % load_options.channels;

    c->in_body = 0;
    c->closing = 0;
    c->state = LOAD_HANDSHAKE;

    load_buf_str(b, "GET ");
    load_template(b, url->path, c, channel, 0, 0);
    load_buf_str(b, " HTTP/1.1\r\nHost: ");
    load_buf_str(b, url->host);
    load_buf_str(b, "\r\n");

    for (i = 0; i < n; i++) {
        load_template(b, headers[i], c, channel, 0, 0);
        load_buf_str(b, "\r\n");
    }

    if (c->mode == LOAD_WS) {
        load_buf_str(b, "Connection: Upgrade\r\nUpgrade: websocket\r\n"
                        "Sec-WebSocket-Version: 13\r\n"
                        "Sec-WebSocket-Key: " LOAD_WS_KEY "\r\n");

    } else if (c->mode == LOAD_SSE) {
        load_buf_str(b, "Accept: text/event-stream\r\n");

    } else if (c->mode == LOAD_POLL) {
        load_stats->polls++;

        if (load_options.nchan) {
            load_http_nchan(c);
        }
    }

    load_buf_str(b, "\r\n");

    if (!load_conn_flush(c)) {
        return;
    }

    /* the first poll of a server without cursors does not answer by itself */

    if (c->mode == LOAD_POLL && (load_options.nchan || c->counted)) {
        load_conn_ready(c);
    }
}


static void
load_http_nchan(load_conn_t *c)
{
    if (c->modified) {
        load_buf_str(&c->out, "If-Modified-Since: ");
        load_buf_str(&c->out, c->modified);
        load_buf_str(&c->out, "\r\n");
    }

    if (c->etag) {
        load_buf_str(&c->out, "If-None-Match: ");
        load_buf_str(&c->out, c->etag);
        load_buf_str(&c->out, "\r\n");
    }
}


int
load_http_read(load_conn_t *c)
{
    int    rc;
    char  *p, *end;

    for ( ;; ) {

        if (!c->in_body) {
            p = c->in.data + c->in.off;
            end = c->in.len ? memmem(p, c->in.len, "\r\n\r\n", 4) : NULL;

            if (end == NULL) {
                if (c->in.len < LOAD_HEAD_MAX) {
                    return 1;
                }

                load_conn_lost(c, "header too long");
                return 0;
            }

            end[2] = '\0';

            if (!load_http_head(c, p)) {
                return 0;
            }

            load_buf_eat(&c->in, (size_t) (end + 4 - p));

            if (c->status >= 100 && c->status < 200 && c->status != 101) {
                continue;
            }

            if (!load_http_headed(c)) {
                return 0;
            }

            if (c->mode == LOAD_WS) {
                return load_conn_flush(c) && load_ws_read(c);
            }

            c->in_body = 1;
        }

        rc = load_http_body(c);

        if (rc < 0) {
            load_conn_lost(c, "bad chunk");
            return 0;
        }

        if (c->mode == LOAD_SSE) {
            load_http_lines(c);
        }

        if (rc == 0) {
            return 1;
        }

        if (!load_http_done(c)) {
            return 0;
        }
    }
}


static int
load_http_head(load_conn_t *c, char *head)
{
    char  *v;

    if (strncmp(head, "HTTP/1.", 7) != 0 || strlen(head) < 12) {
        load_conn_lost(c, "not HTTP");
        return 0;
    }

    c->status = (unsigned) atoi(head + 9);
    c->chunked = 0;
    c->chunk = 0;
    c->left = -1;

    if (c->status < LOAD_STATUS_MAX) {
        load_stats->status[c->status]++;
    }

    v = load_http_header(head, "Connection");
    c->closing = v && strncasecmp(v, "close", 5) == 0;
    free(v);

    v = load_http_header(head, "Transfer-Encoding");
    c->chunked = v && strncasecmp(v, "chunked", 7) == 0;
    free(v);

    v = load_http_header(head, "Content-Length");
    c->left = v ? atoll(v) : -1;
    free(v);

    if (c->status == 204 || c->status == 304) {
        c->left = 0;
        c->chunked = 0;
    }

    if (c->mode == LOAD_POLL && load_options.nchan && c->status == 200) {
        free(c->etag);
        free(c->modified);
        c->etag = load_http_header(head, "Etag");
        c->modified = load_http_header(head, "Last-Modified");
    }

    if (c->mode == LOAD_WS) {
        v = load_http_header(head, "Sec-WebSocket-Accept");

        if (c->status != 101 || v == NULL || strcmp(v, LOAD_WS_ACCEPT) != 0) {
            free(v);
            load_conn_lost(c, head);
            return 0;
        }

        free(v);
    }

    return 1;
}


/* a copy of the value, or NULL */

static char *
load_http_header(char *head, const char *name)
{
    char    *p, *end;
    size_t   len;

    len = strlen(name);

    for (p = strstr(head, "\r\n"); p != NULL; p = strstr(p, "\r\n")) {
        p += 2;

        if (strncasecmp(p, name, len) != 0 || p[len] != ':') {
            continue;
        }

        p += len + 1;
        p += strspn(p, " \t");
        end = strstr(p, "\r\n");

        return strndup(p, end ? (size_t) (end - p) : strlen(p));
    }

    return NULL;
}


/* the header has come */

static int
load_http_headed(load_conn_t *c)
{
    if (c->mode == LOAD_WS) {
        c->state = LOAD_OPEN;
        load_ws_hello(c);

    } else if (c->mode == LOAD_SSE) {

        if (c->status != 200) {
            load_conn_lost(c, "not a stream");
            return 0;
        }

        if (c->group->ready) {
            c->state = LOAD_ASKED;

        } else {
            load_conn_ready(c);
        }
    }

    return 1;
}


/* to c->body; 1: it is complete, 0: more will come, -1: it is malformed */

static int
load_http_body(load_conn_t *c)
{
    int     rc;
    size_t  n;

    if (!c->chunked) {
        n = c->in.len;

        if (c->left >= 0 && n > (size_t) c->left) {
            n = (size_t) c->left;
        }

        load_buf_add(&c->body, c->in.data + c->in.off, n);
        load_buf_eat(&c->in, n);

        if (c->left < 0) {
            return 0;
        }

        c->left -= (int64_t) n;

        return c->left == 0;
    }

    for ( ;; ) {
        rc = load_http_chunk(c);

        if (rc != 2) {
            return rc;
        }
    }
}


/* one line or one chunk; 2: to be called again */

static int
load_http_chunk(load_conn_t *c)
{
    char    *p, *end;
    size_t   n;

    if (c->in.len == 0) {
        return 0;
    }

    p = c->in.data + c->in.off;

    if (c->chunk == 1) {
        n = c->in.len < (size_t) c->left ? c->in.len : (size_t) c->left;

        load_buf_add(&c->body, p, n);
        load_buf_eat(&c->in, n);
        c->left -= (int64_t) n;

        if (c->left == 0) {
            c->chunk = 2;
        }

        return 2;
    }

    end = memchr(p, '\n', c->in.len);

    if (end == NULL) {
        return 0;
    }

    n = (size_t) (end - p) + 1;

    if (c->chunk == 0) {
        c->left = strtoll(p, NULL, 16);
        c->chunk = c->left > 0 ? 1 : 3;

        if (c->left < 0) {
            return -1;
        }

    } else if (c->chunk == 2) {
        c->chunk = 0;

    } else if (n <= 2) {
        load_buf_eat(&c->in, n);
        return 1;
    }

    load_buf_eat(&c->in, n);

    return 2;
}


static void
load_http_lines(load_conn_t *c)
{
    char    *p, *end;
    size_t   n;

    while (c->body.len) {
        p = c->body.data + c->body.off;
        end = memchr(p, '\n', c->body.len);

        if (end == NULL) {
            return;
        }

        n = (size_t) (end - p);

        if (n > 5 && memcmp(p, "data:", 5) == 0) {

            if (c->state == LOAD_ASKED
                && load_check_find(p, end, c->group->ready) != NULL)
            {
                load_conn_ready(c);
            }

            load_check_payload(c, p + 5, n - 5);
        }

        load_buf_eat(&c->body, n + 1);
    }

    load_buf_trim(&c->body);
}


/* a whole response is there */

static int
load_http_done(load_conn_t *c)
{
    int          ok;
    size_t       len;
    const char  *data;

    data = c->body.data + c->body.off;
    len = c->body.len;
    ok = c->status >= 200 && c->status < 300;

    c->in_body = 0;

    if (c->group == NULL) {

        if (ok && load_options.pub_ack && len) {
            ok = load_check_find(data, data + len, load_options.pub_ack)
                 != NULL;
        }

        load_buf_eat(&c->body, len);
        load_pub_done(c, ok);

        if (c->closing) {
            load_stats->pub_reconnects++;
            load_conn_open(c);
            return 0;
        }

        load_pub_next(c);

        return c->state == LOAD_OPEN;
    }

    if (c->mode == LOAD_POLL) {
        return load_http_poll_done(c, data, len);
    }

    load_buf_free(&c->body);

    if (c->mode != LOAD_IDLE || !ok) {
        load_conn_lost(c, "not what was asked for");
        return 0;
    }

    load_conn_ready(c);

    return 1;
}


static int
load_http_poll_done(load_conn_t *c, const char *data, size_t len)
{
    if (c->status >= 400 && c->status != 408) {

        /* not again, it would be refused for ever */

        load_conn_reset(c);
        c->state = LOAD_CLOSED;
        load_stats->sub_closed++;

        return 0;
    }

    if (c->status == 200 && len) {
        load_check_payload(c, data, len);
    }

    load_conn_ready(c);
    load_buf_free(&c->body);

    if (load_shared->phase == LOAD_PHASE_DONE) {
        return 0;
    }

    if (c->closing) {
        load_conn_open(c);
        return 0;
    }

    load_http_start(c);

    return c->state != LOAD_CLOSED;
}
