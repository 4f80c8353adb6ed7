/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#include <string.h>

#include "load.h"


static int load_ws_frame(load_conn_t *c, unsigned opcode, int fin,
    const char *data, size_t len);
static int load_ws_message(load_conn_t *c, const char *data, size_t len);


/* the mask is zero, which is as good as any other here and costs no pass */

void
load_ws_send(load_conn_t *c, unsigned opcode, const char *data, size_t len)
{
    size_t         n;
    unsigned       i;
    unsigned char  h[14];

    h[0] = (unsigned char) (0x80 | opcode);
    n = 2;

    if (len < 126) {
        h[1] = (unsigned char) (0x80 | len);

    } else if (len < 65536) {
        h[1] = 0x80 | 126;
        h[2] = (unsigned char) (len >> 8);
        h[3] = (unsigned char) len;
        n = 4;

    } else {
        h[1] = 0x80 | 127;
        n = 10;

        for (i = 0; i < 8; i++) {
            h[2 + i] = (unsigned char) ((uint64_t) len >> (56 - 8 * i));
        }
    }

    memset(h + n, 0, 4);

    load_buf_add(&c->out, h, n + 4);
    load_buf_add(&c->out, data, len);
}


/* what a client says first; without an answer to wait for it is open */

void
load_ws_hello(load_conn_t *c)
{
    const char  *hello;
    load_buf_t   b;

    hello = c->group ? c->group->hello : load_options.pub_hello;

    if (hello != NULL) {
        memset(&b, 0, sizeof(load_buf_t));
        load_template(&b, hello, c, c->index % load_options.channels, 0, 0);
        load_ws_send(c, 1, b.data, b.len);
        load_buf_free(&b);
    }

    if (c->group && c->group->ready) {
        c->state = LOAD_ASKED;
        return;
    }

    load_conn_ready(c);
}


int
load_ws_read(load_conn_t *c)
{
    size_t          header;
    unsigned        i;
    uint64_t        len;
    unsigned char  *p;

    while (c->in.len >= 2) {
        p = (unsigned char *) c->in.data + c->in.off;
        len = p[1] & 0x7f;
        header = len == 126 ? 4 : len == 127 ? 10 : 2;

        if (p[1] & 0x80 || p[0] & 0x70) {
            load_conn_lost(c, "bad frame");
            return 0;
        }

        if (c->in.len < header) {
            return 1;
        }

        if (header > 2) {
            len = 0;

            for (i = 2; i < header; i++) {
                len = len << 8 | p[i];
            }
        }

        if (len > LOAD_MESSAGE_MAX) {
            load_conn_lost(c, "frame too long");
            return 0;
        }

        if (c->in.len < header + len) {
            return 1;
        }

        if (!load_ws_frame(c, p[0] & 0x0f, p[0] & 0x80,
                           (char *) p + header, len))
        {
            return 0;
        }

        load_buf_eat(&c->in, header + len);

        if (c->group == NULL && !c->busy) {
            load_pub_next(c);

            if (c->state != LOAD_OPEN) {
                return 0;
            }
        }
    }

    return 1;
}


static int
load_ws_frame(load_conn_t *c, unsigned opcode, int fin, const char *data,
    size_t len)
{
    int  rc;

    switch (opcode) {

    case 0:
    case 1:
    case 2:

        if ((opcode == 0) != c->fragment) {
            load_conn_lost(c, "bad continuation");
            return 0;
        }

        if (fin && opcode) {
            return load_ws_message(c, data, len);
        }

        load_buf_add(&c->body, data, len);
        c->fragment = !fin;

        if (!fin) {
            return 1;
        }

        rc = load_ws_message(c, c->body.data + c->body.off, c->body.len);

        if (rc) {
            load_buf_free(&c->body);
        }

        return rc;

    case 8:
        load_stats->closes++;
        load_ws_send(c, 8, data, len < 2 ? 0 : 2);

        if (load_conn_flush(c)) {
            load_conn_lost(c, "close frame");
        }

        return 0;

    case 9:
        load_stats->pings++;
        load_ws_send(c, 10, data, len);

        return load_conn_flush(c);

    case 10:
        return 1;

    default:
        load_conn_lost(c, "unknown opcode");
        return 0;
    }
}


static int
load_ws_message(load_conn_t *c, const char *data, size_t len)
{
    const char  *end;

    end = data + len;

    if (c->group) {

        if (c->state == LOAD_ASKED
            && load_check_find(data, end, c->group->ready) != NULL)
        {
            load_conn_ready(c);
        }

        load_check_payload(c, data, len);

        return 1;
    }

    if (load_options.pub_ack
        && load_check_find(data, end, load_options.pub_ack) != NULL)
    {
        load_pub_done(c, 1);

    } else if (load_check_find(data, end, "\"type\":\"error\"") != NULL) {
        load_pub_done(c, 0);
    }

    return 1;
}
