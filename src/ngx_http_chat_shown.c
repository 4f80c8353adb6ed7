
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#include "ngx_http_chat_presence.h"
#include "ngx_http_chat_shown.h"


/* an event has its sender within so many bytes */
#define NGX_HTTP_CHAT_SHOWN_HEAD      384

#define NGX_HTTP_CHAT_SHOWN_ASSIGNED  1
#define NGX_HTTP_CHAT_SHOWN_ANSWERED  2


typedef struct {
    ngx_http_chat_id_t          id;
    uint32_t                    why;         /* 0: not shown any more */
} ngx_http_chat_shown_one_t;


/* most conversations have one or none */

struct ngx_http_chat_shown_s {
    uint32_t                    n;
    ngx_http_chat_shown_one_t   list[];
};


static uint32_t ngx_http_chat_shown_why(ngx_http_chat_shown_t *shown,
    ngx_http_chat_id_t *id);
static ngx_uint_t ngx_http_chat_shown_add(ngx_http_chat_shown_t **shown,
    ngx_http_chat_id_t *id, uint32_t why);
static void ngx_http_chat_shown_ids(ngx_http_chat_shown_t **shown,
    u_char *p, u_char *last, uint32_t why);
static void ngx_http_chat_shown_answer(ngx_http_chat_feed_topic_t *t,
    ngx_str_t *json);
static void ngx_http_chat_shown_assignment(ngx_http_chat_feed_topic_t *t,
    ngx_str_t *json);
static void ngx_http_chat_shown_assigned(ngx_http_chat_feed_topic_t *t,
    ngx_http_chat_id_t *id);


ngx_uint_t
ngx_http_chat_shown(ngx_http_chat_feed_topic_t *t, ngx_http_chat_id_t *agent)
{
    return ngx_http_chat_shown_why(t->shown, agent) != 0;
}


static uint32_t
ngx_http_chat_shown_why(ngx_http_chat_shown_t *shown, ngx_http_chat_id_t *id)
{
    ngx_uint_t  i;

    if (shown == NULL) {
        return 0;
    }

    for (i = 0; i < shown->n; i++) {
        if (ngx_http_chat_id_eq(&shown->list[i].id, id)) {
            return shown->list[i].why;
        }
    }

    return 0;
}


/* 1: not shown before */

static ngx_uint_t
ngx_http_chat_shown_add(ngx_http_chat_shown_t **shown,
    ngx_http_chat_id_t *id, uint32_t why)
{
    uint32_t                    old;
    ngx_uint_t                  i, n;
    ngx_http_chat_shown_t      *s;
    ngx_http_chat_shown_one_t  *one, *room;

    s = *shown;
    n = s == NULL ? 0 : s->n;
    room = NULL;

    for (i = 0; i < n; i++) {
        one = &s->list[i];

        if (ngx_http_chat_id_eq(&one->id, id)) {
            old = one->why;
            one->why |= why;
            return old == 0;
        }

        if (one->why == 0) {
            room = one;
        }
    }

    if (room != NULL) {
        room->id = *id;
        room->why = why;
        return 1;
    }

    if (n == NGX_HTTP_CHAT_SHOWN_MAX) {
        return 0;
    }

    s = ngx_alloc(sizeof(ngx_http_chat_shown_t)
                  + (n + 1) * sizeof(ngx_http_chat_shown_one_t),
                  ngx_cycle->log);
    if (s == NULL) {
        return 0;
    }

    if (n != 0) {
        ngx_memcpy(s->list, (*shown)->list,
                   n * sizeof(ngx_http_chat_shown_one_t));
        ngx_free(*shown);
    }

    s->n = n + 1;
    s->list[n].id = *id;
    s->list[n].why = why;

    *shown = s;

    return 1;
}


void
ngx_http_chat_shown_drop(ngx_http_chat_feed_topic_t *t)
{
    if (t->shown != NULL) {
        ngx_free(t->shown);
        t->shown = NULL;
    }
}


/* chat.state() begins with both, and "read" follows */

void
ngx_http_chat_shown_read(ngx_http_chat_feed_topic_t *t, ngx_str_t *state,
    ngx_uint_t fresh)
{
    u_char                 *assignee, *answered, *last;
    ngx_uint_t              i;
    ngx_http_chat_shown_t  *was, *is;

    assignee = ngx_strnstr(state->data, "\"assignee\"", state->len);
    answered = ngx_strnstr(state->data, "\"answered\"", state->len);
    last = ngx_strnstr(state->data, "\"read\"", state->len);

    if (assignee == NULL || answered == NULL || last == NULL) {
        return;
    }

    is = NULL;

    ngx_http_chat_shown_ids(&is, assignee + sizeof("\"assignee\"") - 1,
                            answered, NGX_HTTP_CHAT_SHOWN_ASSIGNED);
    ngx_http_chat_shown_ids(&is, answered + sizeof("\"answered\"") - 1,
                            last, NGX_HTTP_CHAT_SHOWN_ANSWERED);

    was = t->shown;

    for (i = 0; !fresh && was != NULL && i < was->n; i++) {
        if (was->list[i].why != 0) {
            (void) ngx_http_chat_shown_add(&is, &was->list[i].id,
                                           was->list[i].why);
        }
    }

    t->shown = is;
    t->visited = 1;

    /* other visitors' streams are told of what is another than before */

    for (i = 0; is != NULL && i < is->n; i++) {
        if (ngx_http_chat_shown_why(was, &is->list[i].id) == 0) {
            ngx_http_chat_presence_shown(t, &is->list[i].id, 1);
        }
    }

    for (i = 0; was != NULL && i < was->n; i++) {
        if (was->list[i].why != 0
            && ngx_http_chat_shown_why(is, &was->list[i].id) == 0)
        {
            ngx_http_chat_presence_shown(t, &was->list[i].id, 0);
        }
    }

    if (was != NULL) {
        ngx_free(was);
    }
}


/* the strings between p and last that are UUIDs */

static void
ngx_http_chat_shown_ids(ngx_http_chat_shown_t **shown, u_char *p,
    u_char *last, uint32_t why)
{
    ngx_http_chat_id_t  id;

    while (p < last) {

        if (*p++ == '"' && last - p > NGX_HTTP_CHAT_ID_LEN
            && ngx_http_chat_id_parse(&id, p, NGX_HTTP_CHAT_ID_LEN) == NGX_OK)
        {
            (void) ngx_http_chat_shown_add(shown, &id, why);
            p += NGX_HTTP_CHAT_ID_LEN + 1;
        }
    }
}


/*
 * In strings quotes are escaped, so what is looked for is no part of a text
 * or a name.
 */

void
ngx_http_chat_shown_event(ngx_http_chat_feed_topic_t *t,
    ngx_http_chat_event_t *event)
{
    static ngx_str_t  message = ngx_string("{\"type\":\"message\"");
    static ngx_str_t  assignment = ngx_string("{\"type\":\"assignment\"");

    if (!t->visited || event->json.len < assignment.len) {
        return;
    }

    if (ngx_strncmp(event->json.data, message.data, message.len) == 0) {

        if (!ngx_http_chat_event_internal(event)) {
            ngx_http_chat_shown_answer(t, &event->json);
        }

    } else if (ngx_strncmp(event->json.data, assignment.data,
                           assignment.len)
               == 0)
    {
        ngx_http_chat_shown_assignment(t, &event->json);
    }
}


static void
ngx_http_chat_shown_answer(ngx_http_chat_feed_topic_t *t, ngx_str_t *json)
{
    u_char              *p;
    ngx_http_chat_id_t   id;

    static ngx_str_t  agent =
        ngx_string("\"sender\":{\"kind\":\"agent\",\"id\":\"");

    p = ngx_strnstr(json->data, (char *) agent.data,
                    ngx_min(json->len, NGX_HTTP_CHAT_SHOWN_HEAD));
    if (p == NULL) {
        return;
    }

    p += agent.len;

    if (json->data + json->len - p > NGX_HTTP_CHAT_ID_LEN
        && ngx_http_chat_id_parse(&id, p, NGX_HTTP_CHAT_ID_LEN) == NGX_OK
        && ngx_http_chat_shown_add(&t->shown, &id,
                                   NGX_HTTP_CHAT_SHOWN_ANSWERED))
    {
        ngx_http_chat_presence_shown(t, &id, 1);
    }
}


/* as PostgreSQL writes it: "assignee": {"id": "...", ...} or null */

static void
ngx_http_chat_shown_assignment(ngx_http_chat_feed_topic_t *t,
    ngx_str_t *json)
{
    u_char              *p;
    ngx_http_chat_id_t   id, *assignee;

    static ngx_str_t  name = ngx_string("\"assignee\": ");
    static ngx_str_t  person = ngx_string("{\"id\": \"");

    p = ngx_strnstr(json->data, (char *) name.data, json->len);
    if (p == NULL) {
        return;
    }

    p += name.len;
    assignee = NULL;

    if (json->data + json->len - p
        > (ssize_t) person.len + NGX_HTTP_CHAT_ID_LEN
        && ngx_strncmp(p, person.data, person.len) == 0
        && ngx_http_chat_id_parse(&id, p + person.len, NGX_HTTP_CHAT_ID_LEN)
           == NGX_OK)
    {
        assignee = &id;
    }

    ngx_http_chat_shown_assigned(t, assignee);
}


/* NULL: to nobody */

static void
ngx_http_chat_shown_assigned(ngx_http_chat_feed_topic_t *t,
    ngx_http_chat_id_t *id)
{
    ngx_uint_t                  i;
    ngx_http_chat_shown_one_t  *one;

    for (i = 0; t->shown != NULL && i < t->shown->n; i++) {
        one = &t->shown->list[i];

        if (one->why == 0
            || (id != NULL && ngx_http_chat_id_eq(&one->id, id)))
        {
            continue;
        }

        one->why &= ~NGX_HTTP_CHAT_SHOWN_ASSIGNED;

        if (one->why == 0) {
            ngx_http_chat_presence_shown(t, &one->id, 0);
        }
    }

    if (id != NULL
        && ngx_http_chat_shown_add(&t->shown, id,
                                   NGX_HTTP_CHAT_SHOWN_ASSIGNED))
    {
        ngx_http_chat_presence_shown(t, id, 1);
    }
}
