
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#include "ngx_http_chat_bus.h"
#include "ngx_http_chat_pg.h"
#include "ngx_http_chat_store.h"

#include <openssl/rand.h>


/*
 * The carrier over PostgreSQL: one connection of a worker listens, hints go
 * out by NOTIFY on the slow lane, as many in one as fit, one at a time.
 *
 * A payload is "<origin> <item> <item> ...", an item "<type><id>:<n>:<site>"
 * with the id as 36 characters.
 */


#define NGX_HTTP_CHAT_BUS_CHANNEL    "chat"

/* NOTIFY takes less than 8000 bytes */
#define NGX_HTTP_CHAT_BUS_PAYLOAD    7900
#define NGX_HTTP_CHAT_BUS_ITEM       (2 + NGX_HTTP_CHAT_ID_LEN + 2           \
                                      + 2 * NGX_INT64_LEN)
#define NGX_HTTP_CHAT_BUS_ORIGIN     16

/* items that wait for the NOTIFY in flight: 64 payloads */
#define NGX_HTTP_CHAT_BUS_QUEUE      (64 * NGX_HTTP_CHAT_BUS_PAYLOAD)


typedef struct {
    ngx_http_chat_pg_t            *pg;
    ngx_http_chat_pg_conf_t        conf;
    ngx_log_t                     *log;
    ngx_http_chat_bus_state_pt     on_state;
    ngx_http_chat_bus_handler_pt   handlers[NGX_HTTP_CHAT_BUS_TYPES];
    u_char                         origin[NGX_HTTP_CHAT_BUS_ORIGIN];
    u_char                        *buf;
    size_t                         len;
    ngx_event_t                    flush;
    unsigned                       inflight:1;
    unsigned                       ready:1;
} ngx_http_chat_bus_t;


static void ngx_http_chat_bus_setup(ngx_http_chat_pg_t *pg, void *data);
static void ngx_http_chat_bus_listening(ngx_http_chat_pg_t *pg,
    PGresult *res, void *data);
static void ngx_http_chat_bus_state(ngx_http_chat_pg_t *pg, ngx_uint_t ready,
    void *data);
static void ngx_http_chat_bus_flush(ngx_event_t *ev);
static void ngx_http_chat_bus_sent(ngx_http_chat_call_t *call);
static void ngx_http_chat_bus_notify(ngx_http_chat_pg_t *pg,
    const char *channel, const char *payload, void *data);
static ngx_int_t ngx_http_chat_bus_parse(u_char *p, u_char *last,
    ngx_http_chat_bus_message_t *m);


static const u_char  ngx_http_chat_bus_letters[] = "eks";

static ngx_http_chat_bus_t  ngx_http_chat_bus;


ngx_int_t
ngx_http_chat_bus_init(ngx_cycle_t *cycle, ngx_http_chat_main_conf_t *mcf,
    ngx_http_chat_bus_state_pt on_state)
{
    u_char                random[NGX_HTTP_CHAT_BUS_ORIGIN / 2];
    ngx_http_chat_bus_t  *bus;

    bus = &ngx_http_chat_bus;

    ngx_memzero(bus, sizeof(ngx_http_chat_bus_t));

    if (RAND_bytes(random, sizeof(random)) != 1) {
        return NGX_ERROR;
    }

    ngx_hex_dump(bus->origin, random, sizeof(random));

    bus->buf = ngx_alloc(NGX_HTTP_CHAT_BUS_QUEUE, cycle->log);
    if (bus->buf == NULL) {
        return NGX_ERROR;
    }

    bus->log = cycle->log;
    bus->on_state = on_state;
    bus->flush.handler = ngx_http_chat_bus_flush;
    bus->flush.log = cycle->log;

    ngx_str_set(&bus->conf.name, "listen");
    bus->conf.conninfo = mcf->postgres;
    bus->conf.max_ops = 1;
    bus->conf.max_inflight = 1;
    bus->conf.connect_timeout = 3000;
    bus->conf.connect_wait = 800;
    bus->conf.op_timeout = 4000;
    bus->conf.setup = ngx_http_chat_bus_setup;
    bus->conf.on_state = ngx_http_chat_bus_state;
    bus->conf.on_notify = ngx_http_chat_bus_notify;

    return NGX_OK;
}


void
ngx_http_chat_bus_start(void)
{
    ngx_http_chat_bus_t  *bus;

    bus = &ngx_http_chat_bus;

    if (bus->pg == NULL) {
        bus->pg = ngx_http_chat_pg_create(&bus->conf, bus->log);
    }
}


void
ngx_http_chat_bus_exit(void)
{
    ngx_http_chat_bus_t  *bus;

    bus = &ngx_http_chat_bus;

    if (bus->pg != NULL) {
        ngx_http_chat_pg_destroy(bus->pg);
        bus->pg = NULL;
    }

    if (bus->buf != NULL) {
        ngx_free(bus->buf);
        bus->buf = NULL;
    }
}


void
ngx_http_chat_bus_on(ngx_http_chat_bus_type_e type,
    ngx_http_chat_bus_handler_pt handler)
{
    ngx_http_chat_bus.handlers[type] = handler;
}


ngx_uint_t
ngx_http_chat_bus_ready(void)
{
    return ngx_http_chat_bus.ready;
}


static void
ngx_http_chat_bus_setup(ngx_http_chat_pg_t *pg, void *data)
{
    ngx_http_chat_pg_query(pg, "LISTEN " NGX_HTTP_CHAT_BUS_CHANNEL, 3000,
                           ngx_http_chat_bus_listening);
}


static void
ngx_http_chat_bus_listening(ngx_http_chat_pg_t *pg, PGresult *res,
    void *data)
{
    if (PQresultStatus(res) != PGRES_COMMAND_OK) {
        ngx_http_chat_pg_fail(pg, PQresultErrorMessage(res));
        return;
    }

    ngx_http_chat_pg_ready(pg);
}


static void
ngx_http_chat_bus_state(ngx_http_chat_pg_t *pg, ngx_uint_t ready, void *data)
{
    ngx_http_chat_bus.ready = ready;
    ngx_http_chat_bus.on_state(ready);
}


void
ngx_http_chat_bus_publish(ngx_http_chat_bus_message_t *m)
{
    u_char               *p;
    ngx_http_chat_bus_t  *bus;

    bus = &ngx_http_chat_bus;

    if (bus->buf == NULL
        || bus->len + NGX_HTTP_CHAT_BUS_ITEM > NGX_HTTP_CHAT_BUS_QUEUE)
    {
        return;
    }

    p = bus->buf + bus->len;

    *p++ = ' ';
    *p++ = ngx_http_chat_bus_letters[m->type];
    p = ngx_http_chat_id_write(p, &m->id);
    p = ngx_sprintf(p, ":%L:%D", m->n, m->site);

    bus->len = p - bus->buf;

    if (!bus->inflight && !bus->flush.posted) {
        ngx_post_event(&bus->flush, &ngx_posted_events);
    }
}


static void
ngx_http_chat_bus_flush(ngx_event_t *ev)
{
    size_t                 len;
    u_char                 payload[NGX_HTTP_CHAT_BUS_PAYLOAD], *p;
    ngx_http_chat_bus_t   *bus;
    ngx_http_chat_args_t   args;

    bus = &ngx_http_chat_bus;

    if (bus->inflight || bus->len == 0) {
        return;
    }

    /* whole items only */

    len = bus->len;

    if (len > NGX_HTTP_CHAT_BUS_PAYLOAD - NGX_HTTP_CHAT_BUS_ORIGIN) {
        len = NGX_HTTP_CHAT_BUS_PAYLOAD - NGX_HTTP_CHAT_BUS_ORIGIN;

        while (bus->buf[len] != ' ') {
            len--;
        }
    }

    p = ngx_cpymem(payload, bus->origin, NGX_HTTP_CHAT_BUS_ORIGIN);
    p = ngx_cpymem(p, bus->buf, len);

    bus->len -= len;
    ngx_memmove(bus->buf, bus->buf + len, bus->len);

    ngx_http_chat_args_init(&args);
    ngx_http_chat_arg_bytes(&args, payload, p - payload);

    if (ngx_http_chat_store_call(NGX_HTTP_CHAT_SLOW, NGX_HTTP_CHAT_Q_NOTIFY,
                                 &args, ngx_http_chat_bus_sent, NULL)
        != NULL)
    {
        bus->inflight = 1;
        return;
    }

    /* the others' sweeps will find it */

    bus->len = 0;
}


static void
ngx_http_chat_bus_sent(ngx_http_chat_call_t *call)
{
    ngx_http_chat_bus_t  *bus;

    bus = &ngx_http_chat_bus;

    bus->inflight = 0;

    if (bus->len != 0 && !bus->flush.posted) {
        ngx_post_event(&bus->flush, &ngx_posted_events);
    }
}


static void
ngx_http_chat_bus_notify(ngx_http_chat_pg_t *pg, const char *channel,
    const char *payload, void *data)
{
    u_char                       *p, *last, *end;
    ngx_http_chat_bus_t          *bus;
    ngx_http_chat_bus_message_t   m;

    bus = &ngx_http_chat_bus;

    p = (u_char *) payload;
    last = p + ngx_strlen(p);

    if (last - p < NGX_HTTP_CHAT_BUS_ORIGIN
        || ngx_memcmp(p, bus->origin, NGX_HTTP_CHAT_BUS_ORIGIN) == 0)
    {
        return;
    }

    p += NGX_HTTP_CHAT_BUS_ORIGIN;

    while (p < last && *p == ' ') {

        p++;
        end = ngx_strlchr(p, last, ' ');
        end = end ? end : last;

        if (ngx_http_chat_bus_parse(p, end, &m) != NGX_OK) {
            ngx_log_error(NGX_LOG_WARN, bus->log, 0,
                          "chat bus: an item of %z bytes was not understood",
                          (size_t) (end - p));

        } else if (bus->handlers[m.type] != NULL) {
            bus->handlers[m.type](&m);
        }

        p = end;
    }
}


static ngx_int_t
ngx_http_chat_bus_parse(u_char *p, u_char *last,
    ngx_http_chat_bus_message_t *m)
{
    off_t        n;
    u_char      *colon;
    ngx_int_t    site;
    ngx_uint_t   type;

    if (last - p < 1 + NGX_HTTP_CHAT_ID_LEN + 4) {
        return NGX_ERROR;
    }

    for (type = 0; type < NGX_HTTP_CHAT_BUS_TYPES; type++) {
        if (*p == ngx_http_chat_bus_letters[type]) {
            break;
        }
    }

    if (type == NGX_HTTP_CHAT_BUS_TYPES) {
        return NGX_ERROR;
    }

    p++;

    if (ngx_http_chat_id_parse(&m->id, p, NGX_HTTP_CHAT_ID_LEN) != NGX_OK) {
        return NGX_ERROR;
    }

    p += NGX_HTTP_CHAT_ID_LEN;

    if (*p++ != ':') {
        return NGX_ERROR;
    }

    colon = ngx_strlchr(p, last, ':');
    if (colon == NULL) {
        return NGX_ERROR;
    }

    n = ngx_atoof(p, colon - p);
    site = ngx_atoi(colon + 1, last - colon - 1);

    if (n == NGX_ERROR || site == NGX_ERROR) {
        return NGX_ERROR;
    }

    m->type = type;
    m->n = (int64_t) n;
    m->site = (int32_t) site;

    return NGX_OK;
}
