
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#include "ngx_http_chat_append.h"
#include "ngx_http_chat_command.h"
#include "ngx_http_chat_feed.h"
#include "ngx_http_chat_presence.h"
#include "ngx_http_chat_counter.h"
#include "ngx_http_chat_store.h"


/* events that go with the refusal of a stale send */
#define NGX_HTTP_CHAT_COMMAND_MISSED  50

/* an array of two UUIDs in PostgreSQL's binary format */
#define NGX_HTTP_CHAT_IDS      3
#define NGX_HTTP_CHAT_IDS_LEN  (20 + NGX_HTTP_CHAT_IDS * (4 + 16))


static ngx_http_chat_command_t *ngx_http_chat_command_make(
    ngx_http_chat_actor_t *actor, ngx_http_chat_id_t *conversation,
    ngx_http_chat_command_pt done, void *data);
static ngx_http_chat_command_t *ngx_http_chat_command_begin(
    ngx_http_chat_actor_t *actor, ngx_http_chat_id_t *conversation,
    ngx_http_chat_args_t *args, ngx_http_chat_command_pt done, void *data);
static ngx_http_chat_command_t *ngx_http_chat_command_call(
    ngx_http_chat_command_t *cmd, ngx_http_chat_query_e query,
    ngx_http_chat_args_t *args, ngx_http_chat_call_pt done);
static ngx_http_chat_command_t *ngx_http_chat_command_answered(
    ngx_http_chat_call_t *call, ngx_http_chat_page_t *page);
static void ngx_http_chat_command_end(ngx_http_chat_command_t *cmd);
static void ngx_http_chat_command_sent(ngx_http_chat_append_t *a);
static void ngx_http_chat_command_stale(ngx_http_chat_command_t *cmd);
static void ngx_http_chat_command_newer(ngx_http_chat_call_t *call);
static void ngx_http_chat_command_created(ngx_http_chat_call_t *call);
static void ngx_http_chat_command_changed(ngx_http_chat_call_t *call);
static void ngx_http_chat_command_page(ngx_http_chat_command_t *cmd,
    ngx_http_chat_page_t *page);
static void ngx_http_chat_command_responded(ngx_http_chat_call_t *call);
static ngx_int_t ngx_http_chat_command_which(PGresult *res,
    ngx_http_chat_id_t *id);
static void ngx_http_chat_command_typed(ngx_http_chat_call_t *call);
static void ngx_http_chat_command_was_read(ngx_http_chat_call_t *call);
static void ngx_http_chat_command_mark(ngx_http_chat_command_t *cmd,
    ngx_uint_t audience, int64_t seq, ngx_str_t *reader);
static ngx_int_t ngx_http_chat_command_ids(u_char *p);


static ngx_http_chat_command_t *
ngx_http_chat_command_make(ngx_http_chat_actor_t *actor,
    ngx_http_chat_id_t *conversation, ngx_http_chat_command_pt done,
    void *data)
{
    ngx_http_chat_command_t  *cmd;

    cmd = ngx_calloc(sizeof(ngx_http_chat_command_t), ngx_cycle->log);
    if (cmd == NULL) {
        return NULL;
    }

    cmd->done = done;
    cmd->data = data;
    cmd->actor = *actor;
    cmd->conversation = *conversation;

    return cmd;
}


/* of a statement whose parameters begin with the actor and the conversation */

static ngx_http_chat_command_t *
ngx_http_chat_command_begin(ngx_http_chat_actor_t *actor,
    ngx_http_chat_id_t *conversation, ngx_http_chat_args_t *args,
    ngx_http_chat_command_pt done, void *data)
{
    ngx_http_chat_command_t  *cmd;

    cmd = ngx_http_chat_command_make(actor, conversation, done, data);
    if (cmd == NULL) {
        return NULL;
    }

    ngx_http_chat_args_init(args);
    ngx_http_chat_arg_actor(args, &cmd->actor);
    ngx_http_chat_arg_id(args, &cmd->conversation);

    return cmd;
}


static ngx_http_chat_command_t *
ngx_http_chat_command_call(ngx_http_chat_command_t *cmd,
    ngx_http_chat_query_e query, ngx_http_chat_args_t *args,
    ngx_http_chat_call_pt done)
{
    if (ngx_http_chat_store_call(NGX_HTTP_CHAT_FAST, query, args, done, cmd)
        == NULL)
    {
        ngx_free(cmd);
        return NULL;
    }

    return cmd;
}


/* the page is the caller's to free; NULL: the command has ended without it */

static ngx_http_chat_command_t *
ngx_http_chat_command_answered(ngx_http_chat_call_t *call,
    ngx_http_chat_page_t *page)
{
    ngx_http_chat_command_t  *cmd;

    cmd = call->data;
    cmd->rc = call->rc;

    if (call->rc == NGX_OK
        && ngx_http_chat_page_read(page, call->res, &cmd->conversation,
                                   cmd->actor.site->id)
           != NGX_OK)
    {
        cmd->rc = NGX_ERROR;
    }

    if (cmd->rc != NGX_OK) {
        ngx_http_chat_command_end(cmd);
        return NULL;
    }

    return cmd;
}


static void
ngx_http_chat_command_end(ngx_http_chat_command_t *cmd)
{
    if (cmd->owner != NULL) {
        *cmd->owner = NULL;
    }

    cmd->done(cmd);

    ngx_free(cmd);
}


void
ngx_http_chat_command_abandon(ngx_http_chat_command_t *cmd)
{
    cmd->data = NULL;
    cmd->owner = NULL;
}


ngx_uint_t
ngx_http_chat_command_is(ngx_http_chat_command_t *cmd, const char *outcome)
{
    return cmd->outcome.len == ngx_strlen(outcome)
           && ngx_memcmp(cmd->outcome.data, outcome, cmd->outcome.len) == 0;
}


ngx_http_chat_command_t *
ngx_http_chat_command_send(ngx_http_chat_actor_t *actor,
    ngx_http_chat_id_t *conversation, ngx_http_chat_message_t *message,
    ngx_http_chat_command_pt done, void *data)
{
    ngx_http_chat_command_t      *cmd;
    ngx_http_chat_append_args_t   args;

    cmd = ngx_http_chat_command_make(actor, conversation, done, data);
    if (cmd == NULL) {
        return NULL;
    }

    cmd->expected = message->expected;

    args.actor = &cmd->actor;
    args.conversation = &cmd->conversation;
    args.client_id = &message->client_id;
    args.text = &message->text;
    args.files = &message->files;
    args.mentions = &message->mentions;
    args.data = message->card.len != 0 ? &message->card : NULL;
    args.expected = message->expected;
    args.internal = message->internal;

    if (ngx_http_chat_append_send(&args, ngx_http_chat_command_sent, cmd)
        == NULL)
    {
        ngx_free(cmd);
        return NULL;
    }

    return cmd;
}


static void
ngx_http_chat_command_sent(ngx_http_chat_append_t *a)
{
    ngx_http_chat_command_t  *cmd;

    cmd = a->data;

    cmd->rc = a->rc;
    cmd->outcome = a->outcome;
    cmd->id = a->event_id;
    cmd->seq = a->seq;
    cmd->created = a->created;

    if (a->rc == NGX_OK) {

        if (ngx_http_chat_command_is(cmd, "created")) {
            ngx_http_chat_counter_add(NGX_HTTP_CHAT_S_MESSAGES, 1);

        } else if (ngx_http_chat_command_is(cmd, "duplicate")) {
            ngx_http_chat_counter_add(NGX_HTTP_CHAT_S_DUPLICATES, 1);

        } else if (cmd->data != NULL
                   && ngx_http_chat_command_is(cmd, "stale"))
        {
            ngx_http_chat_command_stale(cmd);
            return;
        }
    }

    ngx_http_chat_command_end(cmd);
}


/* what the sender has not seen goes with the answer */

static void
ngx_http_chat_command_stale(ngx_http_chat_command_t *cmd)
{
    ngx_http_chat_args_t  args;

    ngx_http_chat_args_init(&args);
    ngx_http_chat_arg_actor(&args, &cmd->actor);
    ngx_http_chat_arg_id(&args, &cmd->conversation);
    ngx_http_chat_arg_int8(&args, cmd->expected);
    ngx_http_chat_arg_null(&args);
    ngx_http_chat_arg_bool(&args, 0);
    ngx_http_chat_arg_int4(&args, NGX_HTTP_CHAT_COMMAND_MISSED);
    ngx_http_chat_arg_epoch(&args);

    if (ngx_http_chat_store_call(NGX_HTTP_CHAT_FAST, NGX_HTTP_CHAT_Q_EVENTS,
                                 &args, ngx_http_chat_command_newer, cmd)
        == NULL)
    {
        cmd->rc = NGX_BUSY;
        ngx_http_chat_command_end(cmd);
    }
}


static void
ngx_http_chat_command_newer(ngx_http_chat_call_t *call)
{
    ngx_http_chat_page_t      page;
    ngx_http_chat_command_t  *cmd;

    cmd = ngx_http_chat_command_answered(call, &page);
    if (cmd == NULL) {
        return;
    }

    if (ngx_http_chat_page_is(&page, "ok")) {
        ngx_str_set(&cmd->outcome, "stale");

    } else {
        cmd->outcome = page.outcome;
    }

    cmd->page = &page;

    ngx_http_chat_command_end(cmd);
    ngx_http_chat_page_free(&page);
}


ngx_int_t
ngx_http_chat_command_missed(ngx_http_chat_command_t *cmd, ngx_pool_t *pool,
    ngx_str_t *text)
{
    ngx_http_chat_page_t    *page;
    ngx_http_chat_answer_t   answer;

    page = cmd->page;

    ngx_memzero(&answer, sizeof(ngx_http_chat_answer_t));

    answer.events = page->events;
    answer.n = page->n;
    answer.more = page->more;
    answer.bare = 1;

    if (page->n != 0) {
        answer.next = page->events[page->n - 1]->seq;
    }

    return ngx_http_chat_page_answer(pool, &answer, text);
}


ngx_http_chat_command_t *
ngx_http_chat_command_create(ngx_http_chat_actor_t *actor,
    ngx_http_chat_message_t *message, ngx_http_chat_command_pt done,
    void *data)
{
    u_char                    files[ngx_http_chat_ids_len(
                                        NGX_HTTP_CHAT_FILES_MAX)];
    ngx_http_chat_id_t        conversation, id;
    ngx_http_chat_args_t      args;
    ngx_http_chat_query_e     query;
    ngx_http_chat_command_t  *cmd;

    if (ngx_http_chat_id_make(&conversation) != NGX_OK
        || ngx_http_chat_id_make(&id) != NGX_OK)
    {
        return NULL;
    }

    cmd = ngx_http_chat_command_begin(actor, &conversation, &args, done,
                                      data);
    if (cmd == NULL) {
        return NULL;
    }

    ngx_http_chat_arg_id(&args, &id);
    ngx_http_chat_arg_text(&args, &message->client_id);
    ngx_http_chat_arg_text(&args, &message->text);
    ngx_http_chat_arg_epoch(&args);

    query = NGX_HTTP_CHAT_Q_CONVERSATION_CREATE;

    if (message->files.n != 0) {
        query = NGX_HTTP_CHAT_Q_CREATE_FILES;
        ngx_http_chat_arg_ids(&args, files, &message->files);
    }

    return ngx_http_chat_command_call(cmd, query, &args,
                                      ngx_http_chat_command_created);
}


static void
ngx_http_chat_command_created(ngx_http_chat_call_t *call)
{
    ngx_http_chat_page_t      page;
    ngx_http_chat_command_t  *cmd;

    cmd = call->data;

    if (call->rc == NGX_OK
        && ngx_http_chat_command_which(call->res, &cmd->conversation)
           != NGX_OK)
    {
        call->rc = NGX_ERROR;
    }

    cmd = ngx_http_chat_command_answered(call, &page);
    if (cmd == NULL) {
        return;
    }

    if (ngx_http_chat_page_is(&page, "created")) {
        ngx_http_chat_counter_add(NGX_HTTP_CHAT_S_MESSAGES, 1);
    }

    ngx_http_chat_command_page(cmd, &page);
}


ngx_http_chat_command_t *
ngx_http_chat_command_respond(ngx_http_chat_actor_t *actor,
    ngx_http_chat_id_t *conversation, int64_t seq, ngx_str_t *client_id,
    ngx_str_t *response, ngx_http_chat_command_pt done, void *data)
{
    ngx_http_chat_id_t        id;
    ngx_http_chat_args_t      args;
    ngx_http_chat_command_t  *cmd;

    if (ngx_http_chat_id_make(&id) != NGX_OK) {
        return NULL;
    }

    cmd = ngx_http_chat_command_begin(actor, conversation, &args, done, data);
    if (cmd == NULL) {
        return NULL;
    }

    ngx_http_chat_arg_id(&args, &id);
    ngx_http_chat_arg_text(&args, client_id);
    ngx_http_chat_arg_int8(&args, seq);
    ngx_http_chat_arg_text(&args, response);

    return ngx_http_chat_command_call(cmd, NGX_HTTP_CHAT_Q_RESPOND, &args,
                                      ngx_http_chat_command_responded);
}


static void
ngx_http_chat_command_responded(ngx_http_chat_call_t *call)
{
    ngx_http_chat_page_t      page;
    ngx_http_chat_command_t  *cmd;

    cmd = call->data;

    if (call->rc == NGX_OK
        && ngx_http_chat_command_which(call->res, &cmd->id) != NGX_OK)
    {
        call->rc = NGX_ERROR;
    }

    cmd = ngx_http_chat_command_answered(call, &page);

    if (cmd != NULL) {
        ngx_http_chat_command_page(cmd, &page);
    }
}


/* a repeat gives what is there already: {"id": "..."} */

static ngx_int_t
ngx_http_chat_command_which(PGresult *res, ngx_http_chat_id_t *id)
{
    u_char     *p, *last;
    ngx_str_t   body;

    ngx_http_chat_col_text(res, 0, NGX_HTTP_CHAT_C_BODY, &body);

    if (body.len == 0) {
        return NGX_OK;
    }

    last = body.data + body.len;

    p = ngx_strlchr(body.data, last, ':');
    if (p == NULL) {
        return NGX_ERROR;
    }

    p = ngx_strlchr(p, last, '"');
    if (p == NULL || last - ++p < NGX_HTTP_CHAT_ID_LEN) {
        return NGX_ERROR;
    }

    return ngx_http_chat_id_parse(id, p, NGX_HTTP_CHAT_ID_LEN);
}


ngx_http_chat_command_t *
ngx_http_chat_command_change(ngx_http_chat_actor_t *actor,
    ngx_http_chat_id_t *conversation, ngx_http_chat_change_t *change,
    ngx_http_chat_command_pt done, void *data)
{
    u_char                    ids[NGX_HTTP_CHAT_IDS_LEN];
    ngx_http_chat_args_t      args;
    ngx_http_chat_command_t  *cmd;

    if (ngx_http_chat_command_ids(ids) != NGX_OK) {
        return NULL;
    }

    cmd = ngx_http_chat_command_begin(actor, conversation, &args, done, data);
    if (cmd == NULL) {
        return NULL;
    }

    if (change->version < 0) {
        ngx_http_chat_arg_null(&args);

    } else {
        ngx_http_chat_arg_int4(&args, (int32_t) change->version);
    }

    ngx_http_chat_arg_text(&args, &change->patch);
    ngx_http_chat_arg_bytes(&args, ids, NGX_HTTP_CHAT_IDS_LEN);
    ngx_http_chat_arg_epoch(&args);

    return ngx_http_chat_command_call(cmd, NGX_HTTP_CHAT_Q_CHANGE, &args,
                                      ngx_http_chat_command_changed);
}


/* ids for the events that a change may make */

static ngx_int_t
ngx_http_chat_command_ids(u_char *p)
{
    ngx_uint_t          i;
    ngx_http_chat_id_t  id;

    ngx_http_chat_put_int4(p, 1);
    ngx_http_chat_put_int4(p + 4, 0);
    ngx_http_chat_put_int4(p + 8, 2950);
    ngx_http_chat_put_int4(p + 12, NGX_HTTP_CHAT_IDS);
    ngx_http_chat_put_int4(p + 16, 1);

    p += 20;

    for (i = 0; i < NGX_HTTP_CHAT_IDS; i++) {

        if (ngx_http_chat_id_make(&id) != NGX_OK) {
            return NGX_ERROR;
        }

        ngx_http_chat_put_int4(p, sizeof(id.data));
        p = ngx_cpymem(p + 4, id.data, sizeof(id.data));
    }

    return NGX_OK;
}


static void
ngx_http_chat_command_changed(ngx_http_chat_call_t *call)
{
    ngx_http_chat_page_t      page;
    ngx_http_chat_command_t  *cmd;

    cmd = ngx_http_chat_command_answered(call, &page);
    if (cmd == NULL) {
        return;
    }

    ngx_http_chat_command_page(cmd, &page);
}


ngx_http_chat_command_t *
ngx_http_chat_command_edit(ngx_http_chat_actor_t *actor,
    ngx_http_chat_id_t *conversation, int64_t seq, ngx_str_t *text,
    ngx_http_chat_command_pt done, void *data)
{
    ngx_http_chat_id_t        id;
    ngx_http_chat_args_t      args;
    ngx_http_chat_command_t  *cmd;

    if (ngx_http_chat_id_make(&id) != NGX_OK) {
        return NULL;
    }

    cmd = ngx_http_chat_command_begin(actor, conversation, &args, done, data);
    if (cmd == NULL) {
        return NULL;
    }

    ngx_http_chat_arg_id(&args, &id);
    ngx_http_chat_arg_int8(&args, seq);
    ngx_http_chat_arg_text(&args, text);

    return ngx_http_chat_command_call(cmd, NGX_HTTP_CHAT_Q_EDIT, &args,
                                      ngx_http_chat_command_changed);
}


/* publishes what was made, tells the caller, frees the page */

static void
ngx_http_chat_command_page(ngx_http_chat_command_t *cmd,
    ngx_http_chat_page_t *page)
{
    ngx_uint_t  i;

    cmd->page = page;
    cmd->outcome = page->outcome;

    if (page->n != 0) {
        cmd->seq = page->events[0]->seq;
        cmd->created = page->events[0]->created;
    }

    if (!ngx_http_chat_page_is(page, "duplicate")) {
        for (i = 0; i < page->n; i++) {
            ngx_http_chat_feed_publish(page->events[i]);
        }
    }

    ngx_http_chat_command_end(cmd);
    ngx_http_chat_page_free(page);
}


ngx_http_chat_command_t *
ngx_http_chat_command_read(ngx_http_chat_actor_t *actor,
    ngx_http_chat_id_t *conversation, int64_t seq,
    ngx_http_chat_command_pt done, void *data)
{
    ngx_http_chat_args_t      args;
    ngx_http_chat_command_t  *cmd;

    cmd = ngx_http_chat_command_begin(actor, conversation, &args, done, data);
    if (cmd == NULL) {
        return NULL;
    }

    ngx_http_chat_arg_int8(&args, seq);

    return ngx_http_chat_command_call(cmd, NGX_HTTP_CHAT_Q_READ, &args,
                                      ngx_http_chat_command_was_read);
}


static void
ngx_http_chat_command_was_read(ngx_http_chat_call_t *call)
{
    ngx_str_t                 reader;
    ngx_http_chat_command_t  *cmd;

    cmd = call->data;
    cmd->rc = call->rc;

    if (call->rc == NGX_OK) {
        ngx_http_chat_col_text(call->res, 0, 0, &cmd->outcome);
        cmd->seq = ngx_http_chat_col_int8(call->res, 0, 1);

        if (ngx_http_chat_col_bool(call->res, 0, 2)) {
            ngx_http_chat_col_text(call->res, 0, 4, &reader);

            ngx_http_chat_command_mark(cmd, NGX_HTTP_CHAT_AGENT, cmd->seq,
                                       &reader);
            ngx_http_chat_command_mark(cmd, NGX_HTTP_CHAT_VISITOR,
                                       ngx_http_chat_col_int8(call->res, 0,
                                                              3),
                                       &reader);
        }
    }

    ngx_http_chat_command_end(cmd);
}


/* a visitor is told of the last public event at or below the mark */

static void
ngx_http_chat_command_mark(ngx_http_chat_command_t *cmd, ngx_uint_t audience,
    int64_t seq, ngx_str_t *reader)
{
    u_char                 *p;
    ngx_str_t               json;
    ngx_http_chat_event_t  *event;

    json.len = sizeof("{\"type\":\"read\",\"conversation\":\"\","
                      "\"sender\":,\"upto\":}")
               + NGX_HTTP_CHAT_ID_LEN + NGX_INT64_LEN + reader->len;

    json.data = ngx_alloc(json.len, ngx_cycle->log);
    if (json.data == NULL) {
        return;
    }

    p = ngx_sprintf(json.data, "{\"type\":\"read\",\"conversation\":\"");
    p = ngx_http_chat_id_write(p, &cmd->conversation);
    p = ngx_sprintf(p, "\",\"sender\":%V,\"upto\":%L}", reader, seq);

    json.len = p - json.data;

    event = ngx_http_chat_event_wrap(&cmd->conversation,
                                     cmd->actor.site->id, 0, audience, &json);
    ngx_free(json.data);

    if (event == NULL) {
        return;
    }

    event->sender = cmd->actor.id;

    ngx_http_chat_feed_signal(event);
    ngx_http_chat_event_release(event);
}


ngx_int_t
ngx_http_chat_command_typing(ngx_http_chat_actor_t *actor,
    ngx_http_chat_id_t *conversation, ngx_uint_t on, ngx_uint_t internal,
    ngx_http_chat_command_pt done, void *data, ngx_http_chat_command_t **cmd)
{
    ngx_str_t                 who;
    ngx_http_chat_args_t      args;
    ngx_http_chat_command_t  *c;

    if (ngx_http_chat_presence_here(conversation, actor)) {
        ngx_str_null(&who);
        ngx_http_chat_presence_typing(conversation, actor, &who, on,
                                      internal ? NGX_HTTP_CHAT_AGENT
                                               : NGX_HTTP_CHAT_MEMBER);
        return NGX_OK;
    }

    c = ngx_http_chat_command_begin(actor, conversation, &args, done, data);
    if (c == NULL) {
        return NGX_ERROR;
    }

    c->on = on;
    c->internal = internal;

    *cmd = ngx_http_chat_command_call(c, NGX_HTTP_CHAT_Q_MEMBER, &args,
                                      ngx_http_chat_command_typed);

    return *cmd == NULL ? NGX_ERROR : NGX_AGAIN;
}


static void
ngx_http_chat_command_typed(ngx_http_chat_call_t *call)
{
    ngx_str_t                 who;
    ngx_http_chat_command_t  *cmd;

    cmd = call->data;
    cmd->rc = call->rc;

    if (call->rc == NGX_OK) {
        ngx_http_chat_col_text(call->res, 0, 0, &cmd->outcome);
        ngx_http_chat_col_text(call->res, 0, 1, &who);

        if (ngx_http_chat_command_is(cmd, "ok")) {
            ngx_http_chat_presence_typing(&cmd->conversation, &cmd->actor,
                                          &who, cmd->on, cmd->internal
                                          ? NGX_HTTP_CHAT_AGENT
                                          : NGX_HTTP_CHAT_MEMBER);
        }
    }

    ngx_http_chat_command_end(cmd);
}
