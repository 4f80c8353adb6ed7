
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>
#include <ngx_thread_pool.h>

#include "ngx_http_chat_verify.h"


#define NGX_HTTP_CHAT_VERIFY_TIME  60000


/*
 * malloc'ed: it outlives the request.  The thread reads pw, text and len and
 * writes rc and pw; all else belongs to the event loop.
 */

struct ngx_http_chat_verify_s {
    ngx_thread_task_t            task;
    ngx_queue_t                  queue;
    void                        *pool;
    ngx_http_chat_verify_pt      done;         /* NULL: cancelled */
    void                        *data;
    ngx_http_chat_password_t     pw;
    ngx_http_chat_password_t    *made;         /* NULL: to verify */
    ngx_int_t                    rc;
    ngx_uint_t                   running;
    size_t                       len;
    u_char                       text[1];
};


static ngx_http_chat_verify_t *ngx_http_chat_verify_add(void *pool,
    ngx_http_chat_password_t *pw, ngx_http_chat_password_t *made,
    ngx_str_t *text, ngx_http_chat_verify_pt done, void *data);
static ngx_int_t ngx_http_chat_verify_post(ngx_http_chat_verify_t *v);
static void ngx_http_chat_verify_thread(void *data, ngx_log_t *log);
static void ngx_http_chat_verify_event(ngx_event_t *ev);
static void ngx_http_chat_verify_next(void);
static void ngx_http_chat_verify_finish(ngx_http_chat_verify_t *v);


static ngx_uint_t   ngx_http_chat_verify_running;
static ngx_uint_t   ngx_http_chat_verify_waiting;
static ngx_queue_t  ngx_http_chat_verify_queue;


ngx_uint_t
ngx_http_chat_verify_full(void)
{
    return ngx_http_chat_verify_running >= NGX_HTTP_CHAT_VERIFY_RUNNING
           && ngx_http_chat_verify_waiting >= NGX_HTTP_CHAT_VERIFY_WAITING;
}


ngx_http_chat_verify_t *
ngx_http_chat_verify_start(void *pool, ngx_http_chat_password_t *pw,
    ngx_str_t *text, ngx_http_chat_verify_pt done, void *data)
{
    return ngx_http_chat_verify_add(pool, pw, NULL, text, done, data);
}


ngx_http_chat_verify_t *
ngx_http_chat_verify_make(void *pool, ngx_http_chat_password_t *pw,
    ngx_str_t *text, ngx_http_chat_verify_pt done, void *data)
{
    ngx_http_chat_password_t  fresh;

    if (ngx_http_chat_password_new(&fresh) != NGX_OK) {
        return NULL;
    }

    return ngx_http_chat_verify_add(pool, &fresh, pw, text, done, data);
}


static ngx_http_chat_verify_t *
ngx_http_chat_verify_add(void *pool, ngx_http_chat_password_t *pw,
    ngx_http_chat_password_t *made, ngx_str_t *text,
    ngx_http_chat_verify_pt done, void *data)
{
    ngx_http_chat_verify_t  *v;

    if (ngx_http_chat_verify_full()) {
        return NULL;
    }

    v = ngx_calloc(sizeof(ngx_http_chat_verify_t) + text->len,
                   ngx_cycle->log);
    if (v == NULL) {
        return NULL;
    }

    v->pool = pool;
    v->done = done;
    v->data = data;
    v->pw = *pw;
    v->made = made;
    v->len = text->len;
    ngx_memcpy(v->text, text->data, text->len);

    v->task.ctx = v;
    v->task.handler = ngx_http_chat_verify_thread;
    v->task.event.data = v;
    v->task.event.handler = ngx_http_chat_verify_event;
    v->task.event.log = ngx_cycle->log;

    if (ngx_http_chat_verify_running < NGX_HTTP_CHAT_VERIFY_RUNNING) {

        if (ngx_http_chat_verify_post(v) != NGX_OK) {
            ngx_free(v);
            return NULL;
        }

        return v;
    }

    if (ngx_http_chat_verify_waiting == 0) {
        ngx_queue_init(&ngx_http_chat_verify_queue);
    }

    ngx_queue_insert_tail(&ngx_http_chat_verify_queue, &v->queue);
    ngx_http_chat_verify_waiting++;

    return v;
}


void
ngx_http_chat_verify_cancel(ngx_http_chat_verify_t *v)
{
    v->done = NULL;

    if (!v->running) {
        ngx_queue_remove(&v->queue);
        ngx_http_chat_verify_waiting--;

        ngx_http_chat_verify_finish(v);
    }
}


static ngx_int_t
ngx_http_chat_verify_post(ngx_http_chat_verify_t *v)
{
    if (ngx_thread_task_post(v->pool, &v->task) != NGX_OK) {
        return NGX_ERROR;
    }

    v->running = 1;
    ngx_http_chat_verify_running++;

    /* a worker that is told to quit stays for the answer */

    ngx_add_timer(&v->task.event, NGX_HTTP_CHAT_VERIFY_TIME);

    return NGX_OK;
}


static void
ngx_http_chat_verify_thread(void *data, ngx_log_t *log)
{
    ngx_http_chat_verify_t *v = data;

    v->rc = v->made != NULL
            ? ngx_http_chat_password_derive(&v->pw, v->text, v->len)
            : ngx_http_chat_password_verify(&v->pw, v->text, v->len);
}


static void
ngx_http_chat_verify_event(ngx_event_t *ev)
{
    ngx_http_chat_verify_t *v = ev->data;

    if (ev->timedout) {
        ev->timedout = 0;

        ngx_log_error(NGX_LOG_ALERT, ev->log, 0,
                      "verification of a password took too long");
        return;
    }

    if (ev->timer_set) {
        ngx_del_timer(ev);
    }

    ngx_log_debug1(NGX_LOG_DEBUG_CORE, ev->log, 0,
                   "chat verify: %i", v->rc);

    ngx_http_chat_verify_running--;
    ngx_http_chat_verify_next();

    ngx_http_chat_verify_finish(v);
}


/* starts those that have waited for a place */

static void
ngx_http_chat_verify_next(void)
{
    ngx_queue_t             *q;
    ngx_http_chat_verify_t  *v;

    while (ngx_http_chat_verify_waiting > 0
           && ngx_http_chat_verify_running < NGX_HTTP_CHAT_VERIFY_RUNNING)
    {
        q = ngx_queue_head(&ngx_http_chat_verify_queue);

        ngx_queue_remove(q);
        ngx_http_chat_verify_waiting--;

        v = ngx_queue_data(q, ngx_http_chat_verify_t, queue);

        if (ngx_http_chat_verify_post(v) != NGX_OK) {
            v->rc = NGX_ERROR;
            ngx_http_chat_verify_finish(v);
        }
    }
}


static void
ngx_http_chat_verify_finish(ngx_http_chat_verify_t *v)
{
    void                     *data;
    ngx_int_t                 rc;
    ngx_http_chat_verify_pt   done;

    rc = v->rc;
    done = v->done;
    data = v->data;

    if (v->made != NULL && done != NULL) {
        *v->made = v->pw;
    }

    ngx_explicit_memzero(v, sizeof(ngx_http_chat_verify_t) + v->len);
    ngx_free(v);

    if (done != NULL) {
        done(data, rc);
    }
}
