
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#include "ngx_http_chat_bus.h"
#include "ngx_http_chat_pg.h"
#include "ngx_http_chat_store.h"


/*
 * The carrier over PostgreSQL: one connection of a worker listens on one
 * channel, items go out by NOTIFY on the slow lane, as many in one as fit,
 * one NOTIFY at a time.
 */


#define NGX_HTTP_CHAT_BUS_CHANNEL    "chat"

/* NOTIFY takes less than 8000 bytes */
#define NGX_HTTP_CHAT_BUS_PAYLOAD    7900

/* items that wait for the NOTIFY in flight */
#define NGX_HTTP_CHAT_BUS_QUEUE      (512 * 1024)


typedef struct {
    ngx_http_chat_pg_t       *pg;
    ngx_http_chat_pg_conf_t   conf;
    ngx_log_t                *log;
    u_char                   *buf;           /* items, each after its length */
    size_t                    len;
    ngx_event_t               flush;
    unsigned                  inflight:1;
    unsigned                  ready:1;
} ngx_http_chat_bus_pg_t;


static ngx_int_t ngx_http_chat_bus_pg_init(ngx_cycle_t *cycle,
    ngx_http_chat_main_conf_t *mcf);
static void ngx_http_chat_bus_pg_start(void);
static void ngx_http_chat_bus_pg_exit(void);
static ngx_uint_t ngx_http_chat_bus_pg_ready(void);
static ngx_int_t ngx_http_chat_bus_pg_subscribe(ngx_http_chat_id_t *topic);
static void ngx_http_chat_bus_pg_unsubscribe(ngx_http_chat_id_t *topic);
static void ngx_http_chat_bus_pg_publish(ngx_http_chat_id_t *topic,
    u_char *item, size_t len);
static void ngx_http_chat_bus_pg_setup(ngx_http_chat_pg_t *pg, void *data);
static void ngx_http_chat_bus_pg_listening(ngx_http_chat_pg_t *pg,
    PGresult *res, void *data);
static void ngx_http_chat_bus_pg_state(ngx_http_chat_pg_t *pg,
    ngx_uint_t ready, void *data);
static void ngx_http_chat_bus_pg_flush(ngx_event_t *ev);
static void ngx_http_chat_bus_pg_sent(ngx_http_chat_call_t *call);
static void ngx_http_chat_bus_pg_notify(ngx_http_chat_pg_t *pg,
    const char *channel, const char *payload, void *data);


ngx_http_chat_bus_carrier_t  ngx_http_chat_bus_pg = {
    "postgres",
    0,
    ngx_http_chat_bus_pg_init,
    ngx_http_chat_bus_pg_start,
    ngx_http_chat_bus_pg_exit,
    ngx_http_chat_bus_pg_ready,
    ngx_http_chat_bus_pg_subscribe,
    ngx_http_chat_bus_pg_unsubscribe,
    ngx_http_chat_bus_pg_publish
};


static ngx_http_chat_bus_pg_t  ngx_http_chat_bus_pg_state_data;


static ngx_int_t
ngx_http_chat_bus_pg_init(ngx_cycle_t *cycle, ngx_http_chat_main_conf_t *mcf)
{
    ngx_http_chat_bus_pg_t  *bus;

    bus = &ngx_http_chat_bus_pg_state_data;

    ngx_memzero(bus, sizeof(ngx_http_chat_bus_pg_t));

    bus->buf = ngx_alloc(NGX_HTTP_CHAT_BUS_QUEUE, cycle->log);
    if (bus->buf == NULL) {
        return NGX_ERROR;
    }

    bus->log = cycle->log;
    bus->flush.handler = ngx_http_chat_bus_pg_flush;
    bus->flush.log = cycle->log;

    ngx_str_set(&bus->conf.name, "listen");
    bus->conf.conninfo = mcf->postgres;
    bus->conf.max_ops = 1;
    bus->conf.max_inflight = 1;
    bus->conf.connect_timeout = 3000;
    bus->conf.connect_wait = 800;
    bus->conf.op_timeout = 4000;
    bus->conf.setup = ngx_http_chat_bus_pg_setup;
    bus->conf.on_state = ngx_http_chat_bus_pg_state;
    bus->conf.on_notify = ngx_http_chat_bus_pg_notify;

    return NGX_OK;
}


static void
ngx_http_chat_bus_pg_start(void)
{
    ngx_http_chat_bus_pg_t  *bus;

    bus = &ngx_http_chat_bus_pg_state_data;

    if (bus->pg != NULL) {
        ngx_http_chat_pg_retry(bus->pg);
        return;
    }

    bus->pg = ngx_http_chat_pg_create(&bus->conf, bus->log);
}


static void
ngx_http_chat_bus_pg_exit(void)
{
    ngx_http_chat_bus_pg_t  *bus;

    bus = &ngx_http_chat_bus_pg_state_data;

    if (bus->pg != NULL) {
        ngx_http_chat_pg_destroy(bus->pg);
        bus->pg = NULL;
    }

    if (bus->buf != NULL) {
        ngx_free(bus->buf);
        bus->buf = NULL;
    }
}


static ngx_uint_t
ngx_http_chat_bus_pg_ready(void)
{
    return ngx_http_chat_bus_pg_state_data.ready;
}


/* there is one channel for everything */

static ngx_int_t
ngx_http_chat_bus_pg_subscribe(ngx_http_chat_id_t *topic)
{
    return NGX_OK;
}


static void
ngx_http_chat_bus_pg_unsubscribe(ngx_http_chat_id_t *topic)
{
    /* void */
}


static void
ngx_http_chat_bus_pg_setup(ngx_http_chat_pg_t *pg, void *data)
{
    ngx_http_chat_pg_query(pg, "LISTEN " NGX_HTTP_CHAT_BUS_CHANNEL, 3000,
                           ngx_http_chat_bus_pg_listening);
}


static void
ngx_http_chat_bus_pg_listening(ngx_http_chat_pg_t *pg, PGresult *res,
    void *data)
{
    if (PQresultStatus(res) != PGRES_COMMAND_OK) {
        ngx_http_chat_pg_fail(pg, PQresultErrorMessage(res));
        return;
    }

    ngx_http_chat_pg_ready(pg);
}


static void
ngx_http_chat_bus_pg_state(ngx_http_chat_pg_t *pg, ngx_uint_t ready,
    void *data)
{
    ngx_http_chat_bus_pg_state_data.ready = ready;
    ngx_http_chat_bus_state(ready);
}


static void
ngx_http_chat_bus_pg_publish(ngx_http_chat_id_t *topic, u_char *item,
    size_t len)
{
    u_char                  *p;
    uint16_t                 n;
    ngx_http_chat_bus_pg_t  *bus;

    bus = &ngx_http_chat_bus_pg_state_data;

    if (bus->buf == NULL
        || len > NGX_HTTP_CHAT_BUS_PAYLOAD
        || bus->len + sizeof(n) + len > NGX_HTTP_CHAT_BUS_QUEUE)
    {
        return;
    }

    n = (uint16_t) len;

    p = ngx_cpymem(bus->buf + bus->len, &n, sizeof(n));
    p = ngx_cpymem(p, item, len);

    bus->len = p - bus->buf;

    if (!bus->inflight && !bus->flush.posted) {
        ngx_post_event(&bus->flush, &ngx_posted_events);
    }
}


static void
ngx_http_chat_bus_pg_flush(ngx_event_t *ev)
{
    u_char                   payload[NGX_HTTP_CHAT_BUS_PAYLOAD], *p, *src;
    uint16_t                 n;
    ngx_http_chat_args_t     args;
    ngx_http_chat_bus_pg_t  *bus;

    bus = &ngx_http_chat_bus_pg_state_data;

    if (bus->inflight || bus->len == 0) {
        return;
    }

    p = payload;
    src = bus->buf;

    while (src < bus->buf + bus->len) {

        ngx_memcpy(&n, src, sizeof(n));

        if (n > payload + NGX_HTTP_CHAT_BUS_PAYLOAD - p) {
            break;
        }

        p = ngx_cpymem(p, src + sizeof(n), n);
        src += sizeof(n) + n;
    }

    bus->len -= src - bus->buf;
    ngx_memmove(bus->buf, src, bus->len);

    ngx_http_chat_args_init(&args);
    ngx_http_chat_arg_bytes(&args, payload, p - payload);

    if (ngx_http_chat_store_call(NGX_HTTP_CHAT_SLOW, NGX_HTTP_CHAT_Q_NOTIFY,
                                 &args, ngx_http_chat_bus_pg_sent, NULL)
        != NULL)
    {
        bus->inflight = 1;
        return;
    }

    /* the others' sweeps will find it */

    bus->len = 0;
}


static void
ngx_http_chat_bus_pg_sent(ngx_http_chat_call_t *call)
{
    ngx_http_chat_bus_pg_t  *bus;

    bus = &ngx_http_chat_bus_pg_state_data;

    bus->inflight = 0;

    if (bus->len != 0 && !bus->flush.posted) {
        ngx_post_event(&bus->flush, &ngx_posted_events);
    }
}


static void
ngx_http_chat_bus_pg_notify(ngx_http_chat_pg_t *pg, const char *channel,
    const char *payload, void *data)
{
    ngx_http_chat_bus_received((u_char *) payload, ngx_strlen(payload));
}
