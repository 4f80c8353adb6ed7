
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#include "ngx_http_chat_bus.h"

#include <openssl/rand.h>


/*
 * The bus above its carriers.  An item is
 *
 *     <origin><type><id>:<n>:<site>:<length of data>:<data>
 *
 * with the origin as 16 and the id as 36 characters, the numbers decimal.
 * Items may follow each other without a separator.
 */


#define NGX_HTTP_CHAT_BUS_HEAD       (NGX_HTTP_CHAT_BUS_ORIGIN + 1           \
                                      + NGX_HTTP_CHAT_ID_LEN + 4             \
                                      + NGX_INT64_LEN + 2 * NGX_INT32_LEN)


typedef struct {
    ngx_http_chat_bus_carrier_t     *carrier;
    ngx_log_t                       *log;
    ngx_http_chat_bus_state_pt       on_state;
    ngx_http_chat_bus_subscribed_pt  on_subscribed;
    ngx_http_chat_bus_handler_pt     handlers[NGX_HTTP_CHAT_BUS_TYPES];
    u_char                           origin[NGX_HTTP_CHAT_BUS_ORIGIN];
} ngx_http_chat_bus_t;


static u_char *ngx_http_chat_bus_parse(u_char *p, u_char *last,
    ngx_http_chat_bus_message_t *m);
static u_char *ngx_http_chat_bus_number(u_char *p, u_char *last, int64_t *n);


/* one letter for each type */

static const u_char  ngx_http_chat_bus_types[] = "estpxwlo";

static ngx_http_chat_bus_t  ngx_http_chat_bus;


ngx_int_t
ngx_http_chat_bus_init(ngx_cycle_t *cycle, ngx_http_chat_main_conf_t *mcf,
    ngx_http_chat_bus_state_pt on_state,
    ngx_http_chat_bus_subscribed_pt on_subscribed)
{
    u_char                random[NGX_HTTP_CHAT_BUS_ORIGIN / 2];
    ngx_http_chat_bus_t  *bus;

    bus = &ngx_http_chat_bus;

    ngx_memzero(bus, sizeof(ngx_http_chat_bus_t));

    if (RAND_bytes(random, sizeof(random)) != 1) {
        return NGX_ERROR;
    }

    ngx_hex_dump(bus->origin, random, sizeof(random));

    bus->log = cycle->log;
    bus->on_state = on_state;
    bus->on_subscribed = on_subscribed;
    bus->carrier = mcf->redis != NULL ? &ngx_http_chat_bus_redis
                                      : &ngx_http_chat_bus_pg;

    return bus->carrier->init(cycle, mcf);
}


void
ngx_http_chat_bus_start(void)
{
    ngx_http_chat_bus.carrier->start();
}


void
ngx_http_chat_bus_exit(void)
{
    ngx_http_chat_bus.carrier->exit();
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
    return ngx_http_chat_bus.carrier->ready();
}


u_char *
ngx_http_chat_bus_origin(void)
{
    return ngx_http_chat_bus.origin;
}


ngx_int_t
ngx_http_chat_bus_subscribe(ngx_http_chat_id_t *topic)
{
    return ngx_http_chat_bus.carrier->subscribe(topic);
}


void
ngx_http_chat_bus_unsubscribe(ngx_http_chat_id_t *topic)
{
    ngx_http_chat_bus.carrier->unsubscribe(topic);
}


void
ngx_http_chat_bus_state(ngx_uint_t ready)
{
    ngx_http_chat_bus.on_state(ready);
}


void
ngx_http_chat_bus_subscribed(ngx_http_chat_id_t *topic)
{
    ngx_http_chat_bus.on_subscribed(topic);
}


ngx_uint_t
ngx_http_chat_bus_separate(void)
{
    return ngx_http_chat_bus.carrier->separate;
}


void
ngx_http_chat_bus_publish(ngx_http_chat_id_t *topic,
    ngx_http_chat_bus_message_t *m)
{
    u_char      item[NGX_HTTP_CHAT_BUS_HEAD + NGX_HTTP_CHAT_BUS_INLINE], *p;
    ngx_str_t   data;

    data = m->data;

    if (data.len > NGX_HTTP_CHAT_BUS_INLINE) {
        data.len = 0;
    }

    p = ngx_cpymem(item, ngx_http_chat_bus.origin, NGX_HTTP_CHAT_BUS_ORIGIN);
    *p++ = ngx_http_chat_bus_types[m->type];
    p = ngx_http_chat_id_write(p, &m->id);
    *p++ = ':';
    p = ngx_http_chat_number_write(p, (uint64_t) m->n);
    *p++ = ':';
    p = ngx_http_chat_number_write(p, (uint64_t) m->site);
    *p++ = ':';
    p = ngx_http_chat_number_write(p, data.len);
    *p++ = ':';
    p = ngx_cpymem(p, data.data, data.len);

    ngx_http_chat_bus.carrier->publish(topic, item, p - item);
}


void
ngx_http_chat_bus_received(u_char *p, size_t len)
{
    u_char                       *last;
    ngx_http_chat_bus_message_t   m;

    last = p + len;

    while (p < last) {

        p = ngx_http_chat_bus_parse(p, last, &m);

        if (p == NULL) {
            ngx_log_error(NGX_LOG_WARN, ngx_http_chat_bus.log, 0,
                          "chat bus: a message of %uz bytes was not "
                          "understood", len);
            return;
        }

        if (ngx_memcmp(m.origin, ngx_http_chat_bus.origin,
                       NGX_HTTP_CHAT_BUS_ORIGIN)
            == 0)
        {
            continue;
        }

        if (ngx_http_chat_bus.handlers[m.type] != NULL) {
            ngx_http_chat_bus.handlers[m.type](&m);
        }
    }
}


/* returns what follows the item, NULL when it is none */

static u_char *
ngx_http_chat_bus_parse(u_char *p, u_char *last,
    ngx_http_chat_bus_message_t *m)
{
    u_char   *type;
    int64_t   n;

    if (last - p < NGX_HTTP_CHAT_BUS_ORIGIN + 1 + NGX_HTTP_CHAT_ID_LEN + 1) {
        return NULL;
    }

    ngx_memcpy(m->origin, p, NGX_HTTP_CHAT_BUS_ORIGIN);
    p += NGX_HTTP_CHAT_BUS_ORIGIN;

    type = ngx_strlchr((u_char *) ngx_http_chat_bus_types,
                       (u_char *) ngx_http_chat_bus_types
                       + NGX_HTTP_CHAT_BUS_TYPES, *p++);

    if (type == NULL
        || ngx_http_chat_id_parse(&m->id, p, NGX_HTTP_CHAT_ID_LEN) != NGX_OK)
    {
        return NULL;
    }

    m->type = type - ngx_http_chat_bus_types;
    p += NGX_HTTP_CHAT_ID_LEN;

    if (*p++ != ':') {
        return NULL;
    }

    p = ngx_http_chat_bus_number(p, last, &m->n);
    if (p == NULL) {
        return NULL;
    }

    p = ngx_http_chat_bus_number(p, last, &n);
    if (p == NULL || n > NGX_MAX_INT32_VALUE) {
        return NULL;
    }

    m->site = (int32_t) n;

    p = ngx_http_chat_bus_number(p, last, &n);
    if (p == NULL || n > last - p) {
        return NULL;
    }

    m->data.data = p;
    m->data.len = (size_t) n;

    return p + n;
}


/* a decimal number and a colon */

static u_char *
ngx_http_chat_bus_number(u_char *p, u_char *last, int64_t *n)
{
    off_t    value;
    u_char  *colon;

    colon = ngx_strlchr(p, last, ':');
    if (colon == NULL) {
        return NULL;
    }

    value = ngx_atoof(p, colon - p);
    if (value == (off_t) NGX_ERROR) {
        return NULL;
    }

    *n = (int64_t) value;

    return colon + 1;
}
