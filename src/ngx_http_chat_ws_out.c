
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#include "ngx_http_chat_ws_private.h"
#include "ngx_http_chat_counter.h"


/* buffers of one send: head and payload of 64 frames */
#define NGX_HTTP_CHAT_WS_CHAIN       128

/* bytes of a frame up to which it is copied */
#define NGX_HTTP_CHAT_WS_SMALL       2048


static ngx_int_t ngx_http_chat_ws_send(ngx_http_chat_ws_t *ws);
static ngx_int_t ngx_http_chat_ws_send_small(ngx_http_chat_ws_t *ws);
static ngx_int_t ngx_http_chat_ws_send_chain(ngx_http_chat_ws_t *ws);
static ngx_chain_t *ngx_http_chat_ws_chain(ngx_http_chat_ws_t *ws);
static void ngx_http_chat_ws_sent(ngx_http_chat_ws_t *ws, size_t n);
static ngx_int_t ngx_http_chat_ws_shut(ngx_http_chat_ws_t *ws);
static ngx_http_chat_ws_out_t *ngx_http_chat_ws_queue(ngx_http_chat_ws_t *ws,
    ngx_uint_t opcode, ngx_http_chat_event_t *event, size_t len);


static ngx_buf_t    ngx_http_chat_ws_bufs[NGX_HTTP_CHAT_WS_CHAIN];
static ngx_chain_t  ngx_http_chat_ws_links[NGX_HTTP_CHAT_WS_CHAIN];


void
ngx_http_chat_ws_write_handler(ngx_event_t *wev)
{
    ngx_connection_t    *c;
    ngx_http_chat_ws_t  *ws;

    c = wev->data;
    ws = c->data;

    ngx_log_debug2(NGX_LOG_DEBUG_HTTP, c->log, 0,
                   "chat ws write handler, frames:%uD bytes:%uz",
                   ws->nout, ws->queued);

    if (c->close || c->error || ws->broken
        || ngx_http_chat_ws_send(ws) != NGX_OK)
    {
        ngx_http_chat_ws_destroy(ws);
    }
}


/* NGX_ERROR: it is over */

static ngx_int_t
ngx_http_chat_ws_send(ngx_http_chat_ws_t *ws)
{
    size_t             queued;
    ngx_int_t          rc;
    ngx_uint_t         progress;
    ngx_connection_t  *c;

    c = ws->connection;
    queued = ws->queued;
    rc = NGX_OK;

    while (rc == NGX_OK
           && c->write->ready
           && (ws->first != NULL || c->buffered))
    {
        rc = ngx_http_chat_ws_send_small(ws);

        if (rc == NGX_DECLINED) {
            rc = ngx_http_chat_ws_send_chain(ws);
        }

        if (rc == NGX_ERROR) {
            return NGX_ERROR;
        }
    }

    progress = (ws->queued != queued);

    if (ngx_handle_write_event(c->write, 0) != NGX_OK) {
        return NGX_ERROR;
    }

    if (ws->first != NULL || c->buffered) {

        if (!ws->stuck) {
            ngx_http_chat_counter_high(NGX_HTTP_CHAT_S_QUEUE_MAX,
                                       ws->queued);
        }

        if (progress || !ws->stuck) {
            ws->stuck = 1;
            ws->stalled = ngx_http_chat_ws_at(NGX_HTTP_CHAT_WS_STALL);
            ngx_http_chat_ws_timer_set(ws);
        }

    } else {
        ws->stuck = 0;

#if (NGX_HTTP_SSL)
        if (c->ssl != NULL) {
            ngx_ssl_free_buffer(c);
        }
#endif

        if (ws->closing) {
            return ngx_http_chat_ws_shut(ws);
        }
    }

    if (progress && !ws->closing) {
        ngx_http_chat_ws_refill(ws);
        ngx_http_chat_ws_resume(ws);
    }

    return ws->broken ? NGX_ERROR : NGX_OK;
}


/* a frame by itself costs less as one piece; NGX_DECLINED: it is not such */

static ngx_int_t
ngx_http_chat_ws_send_small(ngx_http_chat_ws_t *ws)
{
    u_char                   buf[NGX_HTTP_CHAT_WS_SMALL], *p;
    ssize_t                  n;
    ngx_connection_t        *c;
    ngx_http_chat_ws_out_t  *out;

    c = ws->connection;
    out = ws->first;

    if (out == NULL
        || out->next != NULL
        || ws->offset != 0
        || c->buffered
#if (NGX_HTTP_SSL)
        || c->ssl != NULL
#endif
        || out->nhead + out->len > sizeof(buf))
    {
        return NGX_DECLINED;
    }

    p = ngx_cpymem(buf, out->head, out->nhead);
    p = ngx_cpymem(p, out->event != NULL ? out->event->json.data : out->data,
                   out->len);

    n = c->send(c, buf, p - buf);

    if (n == NGX_ERROR || n == NGX_AGAIN) {
        return n;
    }

    ngx_http_chat_ws_sent(ws, n);

    return NGX_OK;
}


static ngx_int_t
ngx_http_chat_ws_send_chain(ngx_http_chat_ws_t *ws)
{
    size_t             n;
    ngx_chain_t       *cl, *rest;
    ngx_connection_t  *c;

    c = ws->connection;
    cl = ngx_http_chat_ws_chain(ws);

    rest = c->send_chain(c, cl, 0);

    if (rest == NGX_CHAIN_ERROR) {
        return NGX_ERROR;
    }

    for (n = 0; cl != NULL; cl = cl->next) {
        n += cl->buf->pos - cl->buf->start;
    }

    ngx_http_chat_ws_sent(ws, n);

    return rest == NULL ? NGX_OK : NGX_AGAIN;
}


/* what is queued, as far as the worker's buffers go */

static ngx_chain_t *
ngx_http_chat_ws_chain(ngx_http_chat_ws_t *ws)
{
    size_t                   skip;
    ngx_buf_t               *b;
    ngx_uint_t               n;
    ngx_http_chat_ws_out_t  *out;

    n = 0;
    skip = ws->offset;

    for (out = ws->first; out != NULL; out = out->next) {

        if (n + 2 > NGX_HTTP_CHAT_WS_CHAIN) {
            break;
        }

        if (skip < out->nhead) {
            b = &ngx_http_chat_ws_bufs[n++];
            ngx_memzero(b, sizeof(ngx_buf_t));
            b->pos = out->head + skip;
            b->last = out->head + out->nhead;
            b->memory = 1;
            skip = 0;

        } else {
            skip -= out->nhead;
        }

        if (out->len > skip) {
            b = &ngx_http_chat_ws_bufs[n++];
            ngx_memzero(b, sizeof(ngx_buf_t));
            b->pos = (out->event != NULL ? out->event->json.data : out->data)
                     + skip;
            b->last = b->pos + (out->len - skip);
            b->memory = 1;
        }

        skip = 0;
    }

    if (n == 0) {
        return NULL;
    }

    ngx_http_chat_ws_bufs[n - 1].flush = 1;
    ngx_http_chat_ws_links[n - 1].next = NULL;

    while (n-- > 0) {
        b = &ngx_http_chat_ws_bufs[n];
        b->start = b->pos;
        ngx_http_chat_ws_links[n].buf = b;

        if (n > 0) {
            ngx_http_chat_ws_links[n - 1].next = &ngx_http_chat_ws_links[n];
        }
    }

    return ngx_http_chat_ws_links;
}


/* drops n bytes that have been sent */

static void
ngx_http_chat_ws_sent(ngx_http_chat_ws_t *ws, size_t n)
{
    size_t                   len;
    ngx_http_chat_ws_out_t  *out;

    if (n == 0) {
        return;
    }

    ngx_http_chat_counter_add_cell(NGX_HTTP_CHAT_S_BYTES_OUT,
                                   NGX_HTTP_CHAT_T_WS, n);

    ws->queued -= n;
    n += ws->offset;

    while (ws->first != NULL) {
        out = ws->first;
        len = out->nhead + out->len;

        if (n < len) {
            break;
        }

        n -= len;
        ws->first = out->next;
        ws->nout--;

        if (out->event != NULL) {
            ngx_http_chat_event_release(out->event);
        }

        ngx_free(out);
    }

    if (ws->first == NULL) {
        ws->last = &ws->first;
    }

    ws->offset = (uint32_t) n;
}


/*
 * The close frame has been sent.  The client's is waited for, but what it has
 * sent before is read: closing with bytes unread would make the kernel send a
 * reset, which may overtake the frame.
 */

static ngx_int_t
ngx_http_chat_ws_shut(ngx_http_chat_ws_t *ws)
{
    ngx_connection_t  *c;

    c = ws->connection;

    if (ws->shut) {
        return NGX_OK;
    }

    ws->shut = 1;

#if (NGX_HTTP_SSL)
    if (c->ssl != NULL) {
        if (ws->closed) {
            return NGX_ERROR;
        }

    } else
#endif

    if (ngx_shutdown_socket(c->fd, NGX_WRITE_SHUTDOWN) == -1) {
        return NGX_ERROR;
    }

    if (!ws->draining) {
        ws->next = ngx_http_chat_ws_at(NGX_HTTP_CHAT_WS_LINGER);
        ngx_http_chat_ws_timer_set(ws);
    }

    return NGX_OK;
}


/* zeroed but for the head; NULL: broken */

static ngx_http_chat_ws_out_t *
ngx_http_chat_ws_queue(ngx_http_chat_ws_t *ws, ngx_uint_t opcode,
    ngx_http_chat_event_t *event, size_t len)
{
    ngx_connection_t        *c;
    ngx_http_chat_ws_out_t  *out;

    c = ws->connection;

    out = ngx_alloc(sizeof(ngx_http_chat_ws_out_t)
                    + (event == NULL ? len : 0), c->log);

    if (!c->write->posted) {
        ngx_post_event(c->write, &ngx_posted_events);
    }

    if (out == NULL) {
        ws->broken = 1;
        return NULL;
    }

    out->next = NULL;
    out->event = event;
    out->len = (uint32_t) len;
    out->nhead = (u_char) (ngx_http_chat_wsframe_head(out->head, opcode, len)
                           - out->head);

    *ws->last = out;
    ws->last = &out->next;
    ws->nout++;
    ws->queued += out->nhead + len;

    return out;
}


u_char *
ngx_http_chat_ws_text(ngx_http_chat_ws_t *ws, size_t len)
{
    ngx_http_chat_ws_out_t  *out;

    if (ws->closing || ws->broken) {
        return NULL;
    }

    out = ngx_http_chat_ws_queue(ws, NGX_HTTP_CHAT_WSFRAME_TEXT, NULL, len);

    return out != NULL ? out->data : NULL;
}


void
ngx_http_chat_ws_trim(ngx_http_chat_ws_t *ws, u_char *end)
{
    ngx_http_chat_ws_out_t  *out;

    out = (ngx_http_chat_ws_out_t *)
              ((u_char *) ws->last - offsetof(ngx_http_chat_ws_out_t, next));

    ws->queued -= out->nhead + out->len;

    out->len = (uint32_t) (end - out->data);
    out->nhead = (u_char) (ngx_http_chat_wsframe_head(out->head,
                                          NGX_HTTP_CHAT_WSFRAME_TEXT,
                                          out->len)
                           - out->head);

    ws->queued += out->nhead + out->len;
}


void
ngx_http_chat_ws_control(ngx_http_chat_ws_t *ws, ngx_uint_t opcode,
    u_char *p, size_t len)
{
    ngx_http_chat_ws_out_t  *out;

    if (ws->closing || ws->broken) {
        return;
    }

    out = ngx_http_chat_ws_queue(ws, opcode, NULL, len);

    if (out != NULL && len != 0) {
        ngx_memcpy(out->data, p, len);
    }
}


void
ngx_http_chat_ws_event(ngx_http_chat_ws_t *ws, ngx_http_chat_event_t *event)
{
    if (ws->closing || ws->broken) {
        return;
    }

    if (ngx_http_chat_ws_queue(ws, NGX_HTTP_CHAT_WSFRAME_TEXT, event,
                               event->json.len)
        != NULL)
    {
        event->refs++;
        ws->events++;
    }
}


void
ngx_http_chat_ws_close(ngx_http_chat_ws_t *ws, ngx_uint_t code)
{
    if (ws->code == 0) {
        ws->code = (uint16_t) code;
    }

    if (!ws->closing && !ws->broken) {
        ngx_http_chat_ws_close_frame(ws, code);
    }
}


void
ngx_http_chat_ws_close_frame(ngx_http_chat_ws_t *ws, ngx_uint_t code)
{
    size_t                   len;
    ngx_http_chat_ws_out_t  *out;

    /* a client that closes without a status is answered without one */

    len = ngx_http_chat_wsframe_code(code) ? 2 : 0;

    out = ngx_http_chat_ws_queue(ws, NGX_HTTP_CHAT_WSFRAME_CLOSE, NULL, len);

    if (out == NULL) {
        return;
    }

    if (len != 0) {
        out->data[0] = (u_char) (code >> 8);
        out->data[1] = (u_char) code;
    }

    ws->closing = 1;

    ws->next = ngx_http_chat_ws_at(ws->draining ? NGX_HTTP_CHAT_WS_LEAVE
                                                : NGX_HTTP_CHAT_WS_STALL);
    ngx_http_chat_ws_timer_set(ws);
}


void
ngx_http_chat_ws_bye(ngx_http_chat_ws_t *ws, ngx_uint_t code)
{
    ngx_http_chat_ws_bye_after(ws, code, 100);
}


void
ngx_http_chat_ws_bye_after(ngx_http_chat_ws_t *ws, ngx_uint_t code,
    ngx_msec_t after)
{
    u_char  *p;

    if (ws->closing || ws->broken) {
        return;
    }

    /* so that clients of a worker that leaves do not come back at once */

    after += (ngx_msec_t) ngx_random() % 2000;

    p = ngx_http_chat_ws_text(ws, sizeof("{\"type\":\"bye\",\"code\":,"
                                         "\"after_ms\":}")
                                  + 2 * NGX_INT_T_LEN);
    if (p == NULL) {
        return;
    }

    p = ngx_sprintf(p, "{\"type\":\"bye\",\"code\":%ui,\"after_ms\":%M}",
                    code, after);

    ngx_http_chat_ws_trim(ws, p);
    ngx_http_chat_ws_close(ws, code);
}


void
ngx_http_chat_ws_discard(ngx_http_chat_ws_t *ws)
{
    ngx_http_chat_ws_out_t  *out;

    while (ws->first != NULL) {
        out = ws->first;
        ws->first = out->next;

        if (out->event != NULL) {
            ngx_http_chat_event_release(out->event);
        }

        ngx_free(out);
    }
}
