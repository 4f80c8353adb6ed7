
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#include "ngx_http_chat_state.h"


struct ngx_http_chat_state_s {
    ngx_queue_t                  queue;      /* the oldest first */
    ngx_http_chat_feed_topic_t  *topic;
    ngx_http_chat_state_t       *next;       /* of the other kind */
    uint32_t                     len;
    u_char                       kind;
    u_char                       text[];
};


static void ngx_http_chat_state_drop(ngx_http_chat_state_t *state);


static ngx_queue_t  ngx_http_chat_states;
static ngx_uint_t   ngx_http_chat_nstates;


void
ngx_http_chat_state_init(void)
{
    ngx_queue_init(&ngx_http_chat_states);
    ngx_http_chat_nstates = 0;
}


void
ngx_http_chat_state_exit(void)
{
    while (!ngx_queue_empty(&ngx_http_chat_states)) {
        ngx_http_chat_state_drop(
                    ngx_queue_data(ngx_queue_head(&ngx_http_chat_states),
                                   ngx_http_chat_state_t, queue));
    }
}


void
ngx_http_chat_state_put(ngx_http_chat_feed_topic_t *t, ngx_uint_t kind,
    ngx_str_t *text)
{
    ngx_http_chat_state_t  *state, *next;

    for (state = t->states; state != NULL; state = next) {
        next = state->next;

        if (state->kind == kind) {
            ngx_http_chat_state_drop(state);
        }
    }

    state = ngx_alloc(sizeof(ngx_http_chat_state_t) + text->len,
                      ngx_cycle->log);
    if (state == NULL) {
        return;
    }

    state->topic = t;
    state->kind = (u_char) kind;
    state->len = (uint32_t) text->len;
    ngx_memcpy(state->text, text->data, text->len);

    state->next = t->states;
    t->states = state;

    ngx_queue_insert_tail(&ngx_http_chat_states, &state->queue);
    ngx_http_chat_nstates++;

    if (ngx_http_chat_nstates > NGX_HTTP_CHAT_STATES) {
        ngx_http_chat_state_drop(
                    ngx_queue_data(ngx_queue_head(&ngx_http_chat_states),
                                   ngx_http_chat_state_t, queue));
    }
}


ngx_int_t
ngx_http_chat_state_get(ngx_http_chat_feed_topic_t *t, ngx_uint_t kind,
    ngx_str_t *text)
{
    ngx_http_chat_state_t  *state;

    for (state = t->states; state != NULL; state = state->next) {

        if (state->kind == kind) {
            text->data = state->text;
            text->len = state->len;
            return NGX_OK;
        }
    }

    return NGX_DECLINED;
}


void
ngx_http_chat_state_forget(ngx_http_chat_feed_topic_t *t)
{
    while (t->states != NULL) {
        ngx_http_chat_state_drop(t->states);
    }
}


static void
ngx_http_chat_state_drop(ngx_http_chat_state_t *state)
{
    ngx_http_chat_state_t  **p;

    p = &state->topic->states;

    while (*p != state) {
        p = &(*p)->next;
    }

    *p = state->next;

    ngx_queue_remove(&state->queue);
    ngx_http_chat_nstates--;

    ngx_free(state);
}
