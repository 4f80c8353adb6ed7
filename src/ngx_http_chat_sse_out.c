
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#include "ngx_http_chat_sse.h"
#include "ngx_http_chat_counter.h"


/*
 * Events on their way to the client.  The JSON is sent from the event that
 * all subscribers share; what is around it belongs to the item.
 */


#define NGX_HTTP_CHAT_SSE_TYPE  32           /* of a type that is taken */


struct ngx_http_chat_sse_item_s {
    ngx_http_chat_sse_item_t  *next;
    ngx_http_chat_event_t     *event;        /* counted, or NULL */
    ngx_chain_t               *links;        /* head, JSON, end */
    ngx_chain_t               *end;          /* the last of them */
    size_t                     size;
    u_char                     head[];
};


static ngx_http_chat_sse_item_t *ngx_http_chat_sse_out_item(
    ngx_http_chat_sse_t *s, size_t size);
static ngx_int_t ngx_http_chat_sse_out_part(ngx_http_chat_sse_t *s,
    ngx_http_chat_sse_item_t *item, u_char *data, size_t len);
static void ngx_http_chat_sse_out_append(ngx_http_chat_sse_t *s,
    ngx_http_chat_sse_item_t *item);
static void ngx_http_chat_sse_out_type(ngx_http_chat_event_t *event,
    ngx_str_t *type);
static ngx_chain_t *ngx_http_chat_sse_out_chain(ngx_http_chat_sse_t *s);
static void ngx_http_chat_sse_out_sent(ngx_http_chat_sse_t *s);
static void ngx_http_chat_sse_out_free(ngx_http_chat_sse_t *s,
    ngx_http_chat_sse_item_t *item);
static void ngx_http_chat_sse_out_cleanup(void *data);


static u_char  ngx_http_chat_sse_out_end[] = "\n\n";


ngx_int_t
ngx_http_chat_sse_out_init(ngx_http_chat_sse_t *s)
{
    ngx_pool_cleanup_t  *cln;

    cln = ngx_pool_cleanup_add(s->request->pool, 0);
    if (cln == NULL) {
        return NGX_ERROR;
    }

    cln->handler = ngx_http_chat_sse_out_cleanup;
    cln->data = s;

    s->last = &s->first;

    return NGX_OK;
}


static ngx_http_chat_sse_item_t *
ngx_http_chat_sse_out_item(ngx_http_chat_sse_t *s, size_t size)
{
    ngx_http_chat_sse_item_t  *item;

    item = ngx_alloc(sizeof(ngx_http_chat_sse_item_t) + size,
                     s->request->connection->log);
    if (item == NULL) {
        s->failed = 1;
        return NULL;
    }

    ngx_memzero(item, sizeof(ngx_http_chat_sse_item_t));

    return item;
}


static ngx_int_t
ngx_http_chat_sse_out_part(ngx_http_chat_sse_t *s,
    ngx_http_chat_sse_item_t *item, u_char *data, size_t len)
{
    ngx_buf_t    *b;
    ngx_chain_t  *cl;

    cl = ngx_chain_get_free_buf(s->request->pool, &s->spare);
    if (cl == NULL) {
        s->failed = 1;
        return NGX_ERROR;
    }

    b = cl->buf;

    ngx_memzero(b, sizeof(ngx_buf_t));

    b->pos = data;
    b->last = data + len;
    b->start = b->pos;
    b->end = b->last;
    b->memory = 1;
    b->tag = (ngx_buf_tag_t) &ngx_http_chat_module;

    if (item->links == NULL) {
        item->links = cl;

    } else {
        item->end->next = cl;
    }

    item->end = cl;
    item->size += len;

    return NGX_OK;
}


static void
ngx_http_chat_sse_out_append(ngx_http_chat_sse_t *s,
    ngx_http_chat_sse_item_t *item)
{
    if (s->first == NULL) {
        s->progress = ngx_current_msec;
    }

    *s->last = item;
    s->last = &item->next;

    if (s->unsent == NULL) {
        s->unsent = item;
    }

    s->n++;
    s->queued += item->size;
    s->left += item->size;

    ngx_http_chat_counter_high(NGX_HTTP_CHAT_S_QUEUE_MAX, s->queued);
}


void
ngx_http_chat_sse_out_text(ngx_http_chat_sse_t *s, ngx_str_t *text,
    ngx_uint_t last)
{
    ngx_http_chat_sse_item_t  *item;

    item = ngx_http_chat_sse_out_item(s, text->len);
    if (item == NULL) {
        return;
    }

    ngx_memcpy(item->head, text->data, text->len);

    if (ngx_http_chat_sse_out_part(s, item, item->head, text->len) != NGX_OK)
    {
        ngx_http_chat_sse_out_free(s, item);
        return;
    }

    item->links->buf->last_buf = last ? 1 : 0;
    item->links->buf->last_in_chain = last ? 1 : 0;

    ngx_http_chat_sse_out_append(s, item);
}


void
ngx_http_chat_sse_out_event(ngx_http_chat_sse_t *s,
    ngx_http_chat_event_t *event)
{
    u_char                    *p;
    ngx_str_t                  type;
    ngx_http_chat_sse_item_t  *item;

    item = ngx_http_chat_sse_out_item(s, sizeof("id: \nevent: \ndata: ")
                                         + NGX_HTTP_CHAT_CURSOR_LEN
                                         + NGX_HTTP_CHAT_SSE_TYPE);
    if (item == NULL) {
        return;
    }

    p = item->head;

    if (event->seq != 0) {
        p = ngx_cpymem(p, "id: ", 4);
        p = ngx_http_chat_cursor_write(p, s->feed.epoch,
                                       event->seq);
        *p++ = '\n';
    }

    ngx_http_chat_sse_out_type(event, &type);

    p = ngx_cpymem(p, "event: ", 7);
    p = ngx_cpymem(p, type.data, type.len);
    p = ngx_cpymem(p, "\ndata: ", 7);

    event->refs++;
    item->event = event;

    if (ngx_http_chat_sse_out_part(s, item, item->head, p - item->head)
        != NGX_OK
        || ngx_http_chat_sse_out_part(s, item, event->json.data,
                                      event->json.len)
           != NGX_OK
        || ngx_http_chat_sse_out_part(s, item, ngx_http_chat_sse_out_end, 2)
           != NGX_OK)
    {
        ngx_http_chat_sse_out_free(s, item);
        return;
    }

    if (event->seq != 0) {
        s->seq = event->seq;
    }

    ngx_http_chat_sse_out_append(s, item);
}


/* each event is written with its type first */

static void
ngx_http_chat_sse_out_type(ngx_http_chat_event_t *event, ngx_str_t *type)
{
    u_char      *p, *last;
    static char  begin[] = "{\"type\":\"";

    ngx_str_set(type, "message");

    if (event->json.len < sizeof(begin) - 1
        || ngx_memcmp(event->json.data, begin, sizeof(begin) - 1) != 0)
    {
        return;
    }

    p = event->json.data + sizeof(begin) - 1;
    last = ngx_min(p + NGX_HTTP_CHAT_SSE_TYPE,
                   event->json.data + event->json.len);

    type->data = p;

    while (p < last && ((*p >= 'a' && *p <= 'z') || *p == '_')) {
        p++;
    }

    type->len = p - type->data;
}


ngx_int_t
ngx_http_chat_sse_out_send(ngx_http_chat_sse_t *s)
{
    ngx_int_t            rc;
    ngx_chain_t         *out;
    ngx_connection_t    *c;
    ngx_http_request_t  *r;

    r = s->request;
    c = r->connection;

    if (s->blocked && (!c->write->ready || c->write->delayed)) {
        return NGX_AGAIN;
    }

    out = ngx_http_chat_sse_out_chain(s);

    if (out == NULL && !s->blocked) {
        return NGX_OK;
    }

    rc = ngx_http_output_filter(r, out);

#if (NGX_HTTP_SSL)

    /*
     * The end of a chunk follows the flush, and may stay in the buffer of TLS
     * with nobody to wait for: the socket takes more
     */

    if (rc == NGX_AGAIN && r->http_version < NGX_HTTP_VERSION_20
        && (c->buffered & NGX_SSL_BUFFERED) && c->write->ready
        && !c->write->delayed)
    {
        rc = ngx_http_output_filter(r, NULL);
    }

#endif

    if (rc == NGX_ERROR || c->error) {
        return NGX_ERROR;
    }

    ngx_http_chat_sse_out_sent(s);

    ngx_log_debug4(NGX_LOG_DEBUG_HTTP, c->log, 0,
                   "chat sse sent %i, %uz of %ui items left, buffered %xd",
                   rc, s->left, s->n, c->buffered);

    s->spoke = ngx_current_msec;

    if (r->buffered || c->buffered) {
        s->blocked = 1;

        if (!c->write->delayed
            && ngx_handle_write_event(c->write, 0) != NGX_OK)
        {
            return NGX_ERROR;
        }

        return NGX_AGAIN;
    }

    s->blocked = 0;

#if (NGX_HTTP_SSL)

    /* an idle stream needs none */

    if (r->http_version < NGX_HTTP_VERSION_20 && c->ssl != NULL) {
        ngx_ssl_free_buffer(c);
    }

#endif

    return NGX_OK;
}


/* one chain of all that nginx does not have; filters copy the links */

static ngx_chain_t *
ngx_http_chat_sse_out_chain(ngx_http_chat_sse_t *s)
{
    ngx_chain_t               *out, **ll;
    ngx_http_chat_sse_item_t  *item;

    out = NULL;
    ll = &out;

    for (item = s->unsent; item != NULL; item = item->next) {
        *ll = item->links;
        ll = &item->end->next;

        if (item->next == NULL) {
            item->end->buf->flush = 1;
        }
    }

    *ll = NULL;

    s->unsent = NULL;

    return out;
}


static void
ngx_http_chat_sse_out_sent(ngx_http_chat_sse_t *s)
{
    size_t                     left;
    ngx_chain_t               *cl;
    ngx_http_chat_sse_item_t  *item;

    left = 0;

    while (s->first != NULL) {
        item = s->first;

        left = 0;

        for (cl = item->links; cl != item->end->next; cl = cl->next) {
            left += cl->buf->last - cl->buf->pos;
        }

        if (left != 0) {
            left -= item->size;
            break;
        }

        s->first = item->next;
        s->queued -= item->size;
        s->n--;

        ngx_http_chat_counter_add_cell(NGX_HTTP_CHAT_S_BYTES_OUT,
                                       NGX_HTTP_CHAT_T_SSE, item->size);

        ngx_http_chat_sse_out_free(s, item);
    }

    if (s->first == NULL) {
        s->last = &s->first;
    }

    left += s->queued;

    if (left != s->left) {
        s->left = left;
        s->progress = ngx_current_msec;
    }
}


/*
 * The buffers are not freed: the chunked filter keeps those that it has passed
 * on, and looks at their tags, until there is something new to be sent.
 */

static void
ngx_http_chat_sse_out_free(ngx_http_chat_sse_t *s,
    ngx_http_chat_sse_item_t *item)
{
    if (item->links != NULL) {
        item->end->next = s->spare;
        s->spare = item->links;
    }

    if (item->event != NULL) {
        ngx_http_chat_event_release(item->event);
    }

    ngx_free(item);
}


static void
ngx_http_chat_sse_out_cleanup(void *data)
{
    ngx_http_chat_sse_t  *s = data;

    ngx_http_chat_sse_item_t  *item;

    while (s->first != NULL) {
        item = s->first;
        s->first = item->next;

        ngx_http_chat_sse_out_free(s, item);
    }
}
