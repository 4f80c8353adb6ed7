
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#include "ngx_http_chat_header.h"
#include "ngx_http_chat_reply.h"
#include "ngx_http_chat_ticket.h"
#include "ngx_http_chat_ws_private.h"

#include <ngx_sha1.h>


/*
 * The handshake and the life of a connection.  Once the answer has been sent
 * the request is freed, in an event of its own since the phases of nginx hold
 * it until then.
 */

#define NGX_HTTP_CHAT_WS_KEY      16     /* bytes */
#define NGX_HTTP_CHAT_WS_ACCEPT   28     /* characters */


typedef struct {
    ngx_event_t               event;
    ngx_http_request_t       *request;
    unsigned                  echo:1;
} ngx_http_chat_ws_switch_t;


static ngx_int_t ngx_http_chat_ws_ticketed(ngx_http_request_t *r,
    ngx_http_chat_ctx_t *ctx);
static ngx_int_t ngx_http_chat_ws_answer(ngx_http_request_t *r,
    ngx_http_chat_ctx_t *ctx, struct sockaddr *sa);
static ngx_int_t ngx_http_chat_ws_limited(ngx_http_request_t *r,
    ngx_http_chat_ctx_t *ctx, ngx_http_chat_limit_action_e action,
    struct sockaddr *sa, ngx_int_t *rc);
static ngx_int_t ngx_http_chat_ws_ticket(ngx_http_request_t *r,
    ngx_str_t *ticket);
static ngx_uint_t ngx_http_chat_ws_has(ngx_http_request_t *r, ngx_str_t *name,
    const char *token);
static ngx_uint_t ngx_http_chat_ws_token(ngx_str_t *list, const char *token);
static ngx_int_t ngx_http_chat_ws_protocol(ngx_http_request_t *r);
static void ngx_http_chat_ws_switch_cleanup(void *data);
static void ngx_http_chat_ws_switch_write(ngx_http_request_t *r);
static void ngx_http_chat_ws_switch_handler(ngx_event_t *ev);
static ngx_http_chat_ws_t *ngx_http_chat_ws_create(ngx_http_request_t *r);
static void ngx_http_chat_ws_start(ngx_http_chat_ws_t *ws, u_char *p,
    u_char *last);
static void ngx_http_chat_ws_count(ngx_http_chat_ws_t *ws, ngx_int_t n);
static void ngx_http_chat_ws_revoked(ngx_http_chat_watch_t *w,
    ngx_uint_t code);


ngx_http_chat_keys_t  *ngx_http_chat_ws_keys;

static ngx_str_t  ngx_http_chat_ws_protocol_name = ngx_string("chat.v1");

static ngx_str_t  ngx_http_chat_ws_protocols =
    ngx_string("sec-websocket-protocol");
static ngx_str_t  ngx_http_chat_ws_key_name =
    ngx_string("sec-websocket-key");


ngx_uint_t
ngx_http_chat_ws_wanted(ngx_http_request_t *r)
{
    return r->http_version <= NGX_HTTP_VERSION_11
           && r->headers_in.upgrade != NULL
           && ngx_http_chat_ws_token(&r->headers_in.upgrade->value,
                                     "websocket");
}


ngx_int_t
ngx_http_chat_ws(ngx_http_request_t *r, ngx_http_chat_ctx_t *ctx)
{
    ngx_int_t    rc;
    ngx_str_t    ticket;
    const char  *wrong;

    static ngx_str_t  version = ngx_string("13");

    ctx->transport = "ws";

    wrong = ngx_http_chat_ws_check(r);

    if (wrong != NULL) {
        ngx_http_chat_counter_add_cell(NGX_HTTP_CHAT_S_HANDSHAKES, 1, 1);

        if (ngx_http_chat_reply_header(r, "Sec-WebSocket-Version", &version)
            != NGX_OK)
        {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        return ngx_http_chat_reply_problem(r, NGX_HTTP_CHAT_BAD_HANDSHAKE,
                                           NULL, wrong);
    }

    if (ngx_http_chat_ws_ticket(r, &ticket) != NGX_OK) {
        return ngx_http_chat_ws_answer(r, ctx, r->connection->sockaddr);
    }

    if (ngx_http_chat_ws_limited(r, ctx, NGX_HTTP_CHAT_LIMIT_TICKET,
                                 r->connection->sockaddr, &rc)
        != NGX_OK)
    {
        return rc;
    }

    return ngx_http_chat_ticket_take(r, ctx, &ticket,
                                     ngx_http_chat_ws_ticketed);
}


/* the address has been asked before the ticket was looked up */

static ngx_int_t
ngx_http_chat_ws_ticketed(ngx_http_request_t *r, ngx_http_chat_ctx_t *ctx)
{
    return ngx_http_chat_ws_answer(r, ctx, NULL);
}


/* who it is has been found out, or will be with the first frame */

static ngx_int_t
ngx_http_chat_ws_answer(ngx_http_request_t *r, ngx_http_chat_ctx_t *ctx,
    struct sockaddr *sa)
{
    ngx_int_t  rc;

    if (ngx_http_chat_auth_handshake(r, ctx) != NGX_OK) {
        ngx_http_chat_counter_add_cell(NGX_HTTP_CHAT_S_HANDSHAKES, 1, 1);

        return ngx_http_chat_reply_problem(r, NGX_HTTP_CHAT_FORBIDDEN, NULL,
                                           "the request comes from another "
                                           "origin");
    }

    if (ngx_exiting) {
        return ngx_http_chat_reply_failed(r, NGX_BUSY);
    }

    if (ngx_http_chat_ws_limited(r, ctx, NGX_HTTP_CHAT_LIMIT_HANDSHAKE, sa,
                                 &rc)
        != NGX_OK)
    {
        return rc;
    }

    if (ngx_http_chat_ws_protocol(r) != NGX_OK
        || ngx_http_chat_ws_accept(r) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_chat_ws_switch(r, 0);
}


/* NGX_DECLINED: has been answered with *rc */

static ngx_int_t
ngx_http_chat_ws_limited(ngx_http_request_t *r, ngx_http_chat_ctx_t *ctx,
    ngx_http_chat_limit_action_e action, struct sockaddr *sa, ngx_int_t *rc)
{
    ngx_msec_t  wait;

    wait = ngx_http_chat_limit_take(ctx->conf->limit, action, &ctx->actor,
                                    sa);
    if (wait == 0) {
        return NGX_OK;
    }

    ngx_http_chat_counter_add_cell(NGX_HTTP_CHAT_S_HANDSHAKES, 1, 1);

    *rc = ngx_http_chat_reply_later(r, NGX_HTTP_CHAT_RATE_LIMITED,
                                    "too many handshakes", wait);

    return NGX_DECLINED;
}


/* RFC 6455, section 4.2.1; NULL, or what is wrong */

const char *
ngx_http_chat_ws_check(ngx_http_request_t *r)
{
    u_char            buf[NGX_HTTP_CHAT_WS_KEY + 2];
    ngx_str_t         raw;
    ngx_table_elt_t  *h;

    static ngx_str_t  connection = ngx_string("connection");
    static ngx_str_t  version = ngx_string("sec-websocket-version");

    if (r->method != NGX_HTTP_GET
        || r->http_version != NGX_HTTP_VERSION_11
        || !ngx_http_chat_ws_has(r, &connection, "upgrade"))
    {
        return "a WebSocket needs GET, HTTP/1.1 and \"Connection: Upgrade\"";
    }

    h = ngx_http_chat_header_find(r, &version, NULL);

    if (h == NULL || h->value.len != 2
        || ngx_memcmp(h->value.data, "13", 2) != 0)
    {
        return "\"Sec-WebSocket-Version\" has to be 13";
    }

    h = ngx_http_chat_header_find(r, &ngx_http_chat_ws_key_name, NULL);
    raw.data = buf;

    if (h == NULL || h->value.len != 24
        || ngx_http_chat_header_find(r, &ngx_http_chat_ws_key_name, h) != NULL
        || ngx_decode_base64(&raw, &h->value) != NGX_OK
        || raw.len != NGX_HTTP_CHAT_WS_KEY)
    {
        return "\"Sec-WebSocket-Key\" has to be 16 bytes in base64";
    }

    if (ngx_http_chat_header_find(r, &ngx_http_chat_ws_protocols, NULL)
        != NULL
        && !ngx_http_chat_ws_has(r, &ngx_http_chat_ws_protocols, "chat.v1"))
    {
        return "the subprotocol is \"chat.v1\"";
    }

    return NULL;
}


/* one of the headers of that name has the token */

static ngx_uint_t
ngx_http_chat_ws_has(ngx_http_request_t *r, ngx_str_t *name,
    const char *token)
{
    ngx_table_elt_t  *h;

    h = ngx_http_chat_header_find(r, name, NULL);

    while (h != NULL) {

        if (ngx_http_chat_ws_token(&h->value, token)) {
            return 1;
        }

        h = ngx_http_chat_header_find(r, name, h);
    }

    return 0;
}


/* a list of tokens, separated by commas, has this one, in either case */

static ngx_uint_t
ngx_http_chat_ws_token(ngx_str_t *list, const char *token)
{
    u_char  *p, *last, *start, *end;
    size_t   len;

    len = ngx_strlen(token);
    p = list->data;
    last = p + list->len;

    while (p < last) {

        while (p < last && (*p == ' ' || *p == '\t' || *p == ',')) {
            p++;
        }

        start = p;

        while (p < last && *p != ',') {
            p++;
        }

        end = p;

        while (end > start && (end[-1] == ' ' || end[-1] == '\t')) {
            end--;
        }

        if ((size_t) (end - start) == len
            && ngx_strncasecmp(start, (u_char *) token, len) == 0)
        {
            return 1;
        }
    }

    return 0;
}


/* "ticket.<value>" among the subprotocols, where browsers can put it */

static ngx_int_t
ngx_http_chat_ws_ticket(ngx_http_request_t *r, ngx_str_t *ticket)
{
    u_char           *p, *last;
    ngx_table_elt_t  *h;

    h = ngx_http_chat_header_find(r, &ngx_http_chat_ws_protocols, NULL);

    while (h != NULL) {

        last = h->value.data + h->value.len;
        p = ngx_strlcasestrn(h->value.data, last, (u_char *) "ticket.",
                             sizeof("ticket.") - 2);

        if (p != NULL) {
            p += sizeof("ticket.") - 1;
            ticket->data = p;

            while (p < last && *p != ',' && *p != ' ' && *p != '\t') {
                p++;
            }

            ticket->len = p - ticket->data;
            return NGX_OK;
        }

        h = ngx_http_chat_header_find(r, &ngx_http_chat_ws_protocols, h);
    }

    return NGX_DECLINED;
}


/* chosen only if the client has offered any */

static ngx_int_t
ngx_http_chat_ws_protocol(ngx_http_request_t *r)
{
    if (ngx_http_chat_header_find(r, &ngx_http_chat_ws_protocols, NULL)
        == NULL)
    {
        return NGX_OK;
    }

    return ngx_http_chat_reply_header(r, "Sec-WebSocket-Protocol",
                                      &ngx_http_chat_ws_protocol_name);
}


ngx_int_t
ngx_http_chat_ws_accept(ngx_http_request_t *r)
{
    u_char            digest[20];
    ngx_str_t         value, raw;
    ngx_sha1_t        sha1;
    ngx_table_elt_t  *key;

    static ngx_str_t  upgrade = ngx_string("websocket");
    static ngx_str_t  guid =
        ngx_string("258EAFA5-E914-47DA-95CA-C5AB0DC85B11");

    key = ngx_http_chat_header_find(r, &ngx_http_chat_ws_key_name, NULL);

    ngx_sha1_init(&sha1);
    ngx_sha1_update(&sha1, key->value.data, key->value.len);
    ngx_sha1_update(&sha1, guid.data, guid.len);
    ngx_sha1_final(digest, &sha1);

    value.data = ngx_pnalloc(r->pool, NGX_HTTP_CHAT_WS_ACCEPT);
    if (value.data == NULL) {
        return NGX_ERROR;
    }

    raw.data = digest;
    raw.len = sizeof(digest);

    ngx_encode_base64(&value, &raw);

    if (ngx_http_chat_reply_header(r, "Upgrade", &upgrade) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_http_chat_reply_header(r, "Sec-WebSocket-Accept", &value);
}


/* answers 101, which nginx completes with "Connection: upgrade" */

ngx_int_t
ngx_http_chat_ws_switch(ngx_http_request_t *r, ngx_uint_t echo)
{
    ngx_int_t                   rc;
    ngx_http_cleanup_t         *cln;
    ngx_http_chat_ws_switch_t  *s;

    s = ngx_pcalloc(r->pool, sizeof(ngx_http_chat_ws_switch_t));
    if (s == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    cln = ngx_http_cleanup_add(r, 0);
    if (cln == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    cln->handler = ngx_http_chat_ws_switch_cleanup;
    cln->data = s;

    s->request = r;
    s->echo = echo;
    s->event.data = s;
    s->event.handler = ngx_http_chat_ws_switch_handler;
    s->event.log = r->connection->log;

    r->keepalive = 0;
    r->header_only = 1;
    r->headers_out.status = NGX_HTTP_SWITCHING_PROTOCOLS;
    ngx_str_set(&r->headers_out.status_line, "101 Switching Protocols");
    r->headers_out.content_length_n = -1;

    rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK) {
        return rc;
    }

    if (ngx_http_send_special(r, NGX_HTTP_FLUSH) == NGX_ERROR) {
        return NGX_ERROR;
    }

    r->read_event_handler = ngx_http_block_reading;
    r->write_event_handler = ngx_http_chat_ws_switch_write;

    ngx_post_event(&s->event, &ngx_posted_events);

    ((ngx_http_chat_ctx_t *)
        ngx_http_get_module_ctx(r, ngx_http_chat_module))->data = s;

    return NGX_DONE;
}


static void
ngx_http_chat_ws_switch_cleanup(void *data)
{
    ngx_http_chat_ws_switch_t  *s = data;

    s->request = NULL;

    if (s->event.posted) {
        ngx_delete_posted_event(&s->event);
    }
}


/* the socket did not take the whole answer at once */

static void
ngx_http_chat_ws_switch_write(ngx_http_request_t *r)
{
    ngx_event_t                *wev;
    ngx_http_chat_ctx_t        *ctx;
    ngx_http_chat_ws_switch_t  *s;

    ctx = ngx_http_get_module_ctx(r, ngx_http_chat_module);
    s = ctx->data;
    wev = r->connection->write;

    if (wev->timedout
        || ngx_http_output_filter(r, NULL) == NGX_ERROR
        || ngx_handle_write_event(wev, 0) != NGX_OK)
    {
        ngx_http_finalize_request(r, NGX_ERROR);
        return;
    }

    if (!s->event.posted) {
        ngx_post_event(&s->event, &ngx_posted_events);
    }
}


/* frees the request */

static void
ngx_http_chat_ws_switch_handler(ngx_event_t *ev)
{
    u_char                     *p, *last;
    ngx_buf_t                  *b;
    ngx_connection_t           *c;
    ngx_http_request_t         *r;
    ngx_http_chat_ws_t         *ws;
    ngx_http_connection_t      *hc;
    ngx_http_chat_ws_switch_t  *s;

    s = ev->data;
    r = s->request;
    c = r->connection;
    hc = r->http_connection;

    ngx_http_set_log_request(c->log, r);

    ngx_log_debug2(NGX_LOG_DEBUG_HTTP, c->log, 0,
                   "chat ws switch count:%d buffered:%d", r->count,
                   c->buffered);

    if (c->buffered || r->postponed || r->out != NULL) {

        if (!c->write->timer_set) {
            ngx_add_timer(c->write, NGX_HTTP_CHAT_WS_HELLO);
        }

        return;
    }

    ws = c->error ? NULL : ngx_http_chat_ws_create(r);

    if (ws == NULL) {
        ngx_http_finalize_request(r, NGX_ERROR);
        ngx_http_run_posted_requests(c);
        return;
    }

    ws->echo = s->echo;

    if (c->write->timer_set) {
        ngx_del_timer(c->write);
    }

    if (c->read->timer_set) {
        ngx_del_timer(c->read);
    }

    /* what came with the handshake; the buffer is not the request's */

    b = r->header_in;
    p = b->pos;
    last = b->last;

    ngx_http_free_request(r, 0);

    c->data = ws;
    c->destroyed = 0;
    c->log->action = "chatting with client";

    ngx_http_chat_ws_start(ws, p, last);
    ngx_http_chat_ws_release(c, hc);
}


static ngx_http_chat_ws_t *
ngx_http_chat_ws_create(ngx_http_request_t *r)
{
    ngx_http_chat_ws_t   *ws;
    ngx_http_chat_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_chat_module);

    ws = ngx_calloc(sizeof(ngx_http_chat_ws_t), r->connection->log);
    if (ws == NULL) {
        return NULL;
    }

    ngx_http_chat_counter_add_cell(NGX_HTTP_CHAT_S_HANDSHAKES, 0, 1);

    ws->connection = r->connection;
    ws->conf = ctx->conf;
    ws->actor = ctx->actor;
    ws->expires = ctx->expires;
    ws->last = &ws->first;
    ws->started = ngx_http_chat_ws_at(0);

    /* the address that the realip module gave goes with the request */

    ngx_http_chat_limit_keep(&ws->peer, r->connection->sockaddr);

    return ws;
}


static void
ngx_http_chat_ws_start(ngx_http_chat_ws_t *ws, u_char *p, u_char *last)
{
    ngx_connection_t  *c;

    c = ws->connection;

    c->read->handler = ngx_http_chat_ws_read_handler;
    c->write->handler = ngx_http_chat_ws_write_handler;

    ws->alive = 1;
    ws->next = ngx_http_chat_ws_at(NGX_HTTP_CHAT_WS_HELLO);

    ngx_http_chat_ws_timer_add(ws);

    if (ngx_tcp_nodelay(c) != NGX_OK) {
        ws->broken = 1;
    }

    if (!ws->echo
        && ngx_http_chat_limit_open(&ws->stream, ws->conf->limit, &ws->actor,
                                    &ws->peer.sockaddr)
           != NGX_OK)
    {
        ngx_http_chat_ws_bye(ws, NGX_HTTP_CHAT_WS_TOO_MANY);

    } else if (ws->actor.kind != 0 && !ws->echo) {
        ngx_http_chat_ws_enter(ws, NULL);
    }

    ngx_http_chat_ws_feed_bytes(ws, p, last);

    /* its handlers look after everything else */

    ngx_post_event(c->read, &ngx_posted_events);

    if (!c->write->posted) {
        ngx_post_event(c->write, &ngx_posted_events);
    }
}


void
ngx_http_chat_ws_enter(ngx_http_chat_ws_t *ws, const u_char *ref)
{
    u_char      *p;
    ngx_msec_t   heartbeat;

    heartbeat = ws->conf->heartbeat;

    p = ngx_http_chat_ws_text(ws, sizeof("{\"type\":\"welcome\",\"ref\":,"
                                         "\"version\":1,\"heartbeat\":,"
                                         "\"now\":\"\",\"max_message\":}")
                                  + NGX_HTTP_CHAT_WS_REF + 2 * NGX_INT64_LEN
                                  + NGX_HTTP_CHAT_TIME_LEN);
    if (p == NULL) {
        return;
    }

    p = ngx_cpymem(p, "{\"type\":\"welcome\"",
                   sizeof("{\"type\":\"welcome\"") - 1);
    p = ngx_http_chat_ws_ref(p, ref);
    p = ngx_sprintf(p, ",\"version\":1,\"heartbeat\":%M,\"now\":\"",
                    (heartbeat + 999) / 1000);
    p = ngx_http_chat_time_write(p, ngx_http_chat_time_now());
    p = ngx_sprintf(p, "\",\"max_message\":%uz}", ws->conf->max_message);

    ngx_http_chat_ws_trim(ws, p);

    ngx_http_chat_revoke_watch(&ws->watch, &ws->actor,
                               ngx_http_chat_ws_revoked);

    if (!ws->counted) {
        ws->counted = 1;
        ngx_http_chat_ws_count(ws, 1);
    }

    /* a random phase, so that pings of many connections do not coincide */

    ws->pinged = 0;
    ws->next = ngx_http_chat_ws_at(heartbeat / 2
                                   + (ngx_msec_t) ngx_random()
                                     % (heartbeat / 2 + 1));

    ngx_http_chat_ws_timer_set(ws);
}


static void
ngx_http_chat_ws_count(ngx_http_chat_ws_t *ws, ngx_int_t n)
{
    ngx_http_chat_counter_add_cell(NGX_HTTP_CHAT_S_CONNECTIONS,
               ngx_http_chat_counter_stream(NGX_HTTP_CHAT_T_WS,
                                            ws->actor.kind), n);
}


void
ngx_http_chat_ws_destroy(ngx_http_chat_ws_t *ws)
{
    ngx_connection_t  *c;

    c = ws->connection;

    ngx_log_error(NGX_LOG_INFO, c->log, 0,
                  "chat: websocket closed with %ui after %M ms, "
                  "received: %O, sent: %O, events: %uD",
                  (ngx_uint_t) (ws->code ? ws->code
                                         : NGX_HTTP_CHAT_WS_ABNORMAL),
                  (ngx_msec_t) -ngx_http_chat_ws_left(ws->started),
                  ws->received, c->sent, ws->events);

    ngx_http_chat_counter_close(ws->code ? ws->code
                                         : NGX_HTTP_CHAT_WS_ABNORMAL);

    if (ws->counted) {
        ngx_http_chat_ws_count(ws, -1);
    }

    ngx_http_chat_revoke_unwatch(&ws->watch);
    ngx_http_chat_limit_close(&ws->stream);
    ngx_http_chat_ws_timer_del(ws);
    ngx_http_chat_ws_leave(ws);
    ngx_http_chat_ws_inbox_leave(ws);
    ngx_http_chat_ws_abandon(ws);
    ngx_http_chat_ws_discard(ws);

    if (ws->parser != NULL) {
        ngx_http_chat_wsframe_free(ws->parser);
        ngx_free(ws->parser);
    }

    if (ws->rest != NULL) {
        ngx_free(ws->rest);
    }

    ngx_free(ws);

    ngx_http_close_connection(c);
}


ngx_int_t
ngx_http_chat_ws_init(ngx_cycle_t *cycle, ngx_http_chat_main_conf_t *mcf)
{
    ngx_http_chat_ws_keys = mcf->keys;

    return ngx_http_chat_ws_timer_init(cycle, mcf);
}


static void
ngx_http_chat_ws_revoked(ngx_http_chat_watch_t *w, ngx_uint_t code)
{
    ngx_http_chat_ws_t  *ws;

    ws = (ngx_http_chat_ws_t *)
             ((u_char *) w - offsetof(ngx_http_chat_ws_t, watch));

    ngx_http_chat_ws_bye(ws, code);
}
