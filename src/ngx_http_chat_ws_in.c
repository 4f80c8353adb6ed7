
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#include "ngx_http_chat_ws_private.h"


/* shared by all connections of the worker: each read is worked off at once */
#define NGX_HTTP_CHAT_WS_BUFFER      (16 * 1024)

/* reads before others have their turn */
#define NGX_HTTP_CHAT_WS_READS       16


static ngx_int_t ngx_http_chat_ws_read(ngx_http_chat_ws_t *ws);
static ngx_uint_t ngx_http_chat_ws_wait(ngx_http_chat_ws_t *ws);
static u_char *ngx_http_chat_ws_parse(ngx_http_chat_ws_t *ws, u_char *p,
    u_char *last);
static void ngx_http_chat_ws_frame(ngx_http_chat_ws_t *ws,
    ngx_http_chat_wsframe_message_t *m);
static void ngx_http_chat_ws_client_close(ngx_http_chat_ws_t *ws,
    ngx_uint_t code);


static u_char       ngx_http_chat_ws_buffer[NGX_HTTP_CHAT_WS_BUFFER];


void
ngx_http_chat_ws_read_handler(ngx_event_t *rev)
{
    ngx_connection_t    *c;
    ngx_http_chat_ws_t  *ws;

    c = rev->data;
    ws = c->data;

    ngx_log_debug0(NGX_LOG_DEBUG_HTTP, c->log, 0, "chat ws read handler");

    if (c->close || c->error || ngx_http_chat_ws_read(ws) != NGX_OK
        || ws->broken)
    {
        ngx_http_chat_ws_destroy(ws);
        return;
    }

    if (ngx_handle_read_event(rev, 0) != NGX_OK) {
        ngx_http_chat_ws_destroy(ws);
    }
}


/* NGX_ERROR: the client has gone */

static ngx_int_t
ngx_http_chat_ws_read(ngx_http_chat_ws_t *ws)
{
    u_char            *p, *rest;
    ssize_t            n;
    ngx_uint_t         i;
    ngx_connection_t  *c;

    c = ws->connection;

    if (ws->rest != NULL && !ngx_http_chat_ws_wait(ws)) {

        rest = ws->rest;
        p = rest + ws->nrest;

        ws->rest = NULL;
        ngx_http_chat_ws_feed_bytes(ws, rest, p);
        ngx_free(rest);
    }

    for (i = 0; i < NGX_HTTP_CHAT_WS_READS; i++) {

        if (ws->broken || ngx_http_chat_ws_wait(ws)) {
            return NGX_OK;
        }

        if (!c->read->ready) {
            return NGX_OK;
        }

        n = c->recv(c, ngx_http_chat_ws_buffer, NGX_HTTP_CHAT_WS_BUFFER);

        if (n == NGX_AGAIN) {
            return NGX_OK;
        }

        if (n == NGX_ERROR || n == 0) {

            if (ws->code == 0 && ws->closed) {
                ws->code = NGX_HTTP_CHAT_WS_NORMAL;
            }

            return NGX_ERROR;
        }

        ws->received += n;
        ngx_http_chat_counter_add_cell(NGX_HTTP_CHAT_S_BYTES_IN,
                                       NGX_HTTP_CHAT_T_WS, n);

        ngx_http_chat_ws_feed_bytes(ws, ngx_http_chat_ws_buffer,
                                    ngx_http_chat_ws_buffer + n);
    }

    ngx_post_event(c->read, &ngx_posted_next_events);

    return NGX_OK;
}


/* the client is not read from before something else has happened */

static ngx_uint_t
ngx_http_chat_ws_wait(ngx_http_chat_ws_t *ws)
{
    return !ws->closing
           && (ws->hello || ws->ncalls >= NGX_HTTP_CHAT_WS_CALLS
               || ngx_http_chat_ws_full(ws));
}


void
ngx_http_chat_ws_resume(ngx_http_chat_ws_t *ws)
{
    if (!ngx_http_chat_ws_wait(ws)
        && (ws->rest != NULL || ws->connection->read->ready))
    {
        ngx_post_event(ws->connection->read, &ngx_posted_events);
    }
}


void
ngx_http_chat_ws_feed_bytes(ngx_http_chat_ws_t *ws, u_char *p, u_char *last)
{
    if (p == last || ws->closed || ws->shut) {
        return;
    }

    ws->alive = 1;

    p = ngx_http_chat_ws_parse(ws, p, last);

    if (p == last || ws->closing || ws->broken) {
        return;
    }

    ws->rest = ngx_alloc(last - p, ws->connection->log);
    if (ws->rest == NULL) {
        ws->broken = 1;
        return;
    }

    ngx_memcpy(ws->rest, p, last - p);
    ws->nrest = (uint32_t) (last - p);
}


/* returns where it has stopped */

static u_char *
ngx_http_chat_ws_parse(ngx_http_chat_ws_t *ws, u_char *p, u_char *last)
{
    ngx_int_t                         rc;
    ngx_http_chat_wsframe_t          *f, scratch;
    ngx_http_chat_wsframe_message_t   m;

    f = ws->parser;

    if (f == NULL) {
        f = &scratch;
        ngx_http_chat_wsframe_init(f, ws->echo ? NGX_HTTP_CHAT_WS_ECHO_MAX
                                               : NGX_HTTP_CHAT_WS_MAX,
                                   ws->echo);
    }

    do {
        rc = ngx_http_chat_wsframe_read(f, &p, last, &m);

        if (rc == NGX_OK) {
            ngx_http_chat_ws_frame(ws, &m);

        } else if (rc == NGX_ERROR) {
            ngx_http_chat_ws_close(ws, m.code);
            ws->closed = 1;
        }

    } while (rc == NGX_OK && !ws->closed && !ws->broken
             && !ngx_http_chat_ws_wait(ws));

    if (ws->closed || ngx_http_chat_wsframe_idle(f)) {
        ngx_http_chat_wsframe_free(f);

        if (ws->parser != NULL) {
            ngx_free(ws->parser);
            ws->parser = NULL;
        }

        return ws->closed ? last : p;
    }

    if (f == &scratch) {

        ws->parser = ngx_alloc(sizeof(ngx_http_chat_wsframe_t),
                               ws->connection->log);
        if (ws->parser == NULL) {
            ngx_http_chat_wsframe_free(f);
            ws->broken = 1;
            return p;
        }

        *ws->parser = *f;
    }

    return p;
}


static void
ngx_http_chat_ws_frame(ngx_http_chat_ws_t *ws,
    ngx_http_chat_wsframe_message_t *m)
{
    if (!ws->echo && !ws->closing
        && m->opcode != NGX_HTTP_CHAT_WSFRAME_CLOSE
        && ngx_http_chat_limit_frame(ws->conf->limit, &ws->frames) != 0)
    {
        ngx_http_chat_ws_bye(ws, NGX_HTTP_CHAT_WS_FLOOD);
        return;
    }

    switch (m->opcode) {

    case NGX_HTTP_CHAT_WSFRAME_PING:
        ngx_http_chat_ws_control(ws, NGX_HTTP_CHAT_WSFRAME_PONG,
                                 m->data.data, m->data.len);
        return;

    case NGX_HTTP_CHAT_WSFRAME_PONG:
        if (ws->pinged) {
            ws->pinged = 0;
            ngx_http_chat_counter_observe(NGX_HTTP_CHAT_S_PING_TIME,
                  (uint64_t) 1000 * (NGX_HTTP_CHAT_WS_PONG
                                     - ngx_http_chat_ws_left(ws->pong)));
        }

        return;

    case NGX_HTTP_CHAT_WSFRAME_CLOSE:
        ngx_http_chat_ws_client_close(ws, m->code);
        return;
    }

    if (ws->closing) {
        return;
    }

    if (ws->echo) {
        ngx_http_chat_ws_control(ws, m->opcode, m->data.data, m->data.len);
        return;
    }

    ngx_http_chat_ws_message(ws, &m->data);
}


static void
ngx_http_chat_ws_client_close(ngx_http_chat_ws_t *ws, ngx_uint_t code)
{
    ws->closed = 1;

    if (ws->code == 0) {
        ws->code = (uint16_t) code;
    }

    if (!ws->closing) {
        ngx_http_chat_ws_close_frame(ws, code);
    }

    if (!ws->connection->write->posted) {
        ngx_post_event(ws->connection->write, &ngx_posted_events);
    }
}
