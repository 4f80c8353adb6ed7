
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#ifndef _NGX_HTTP_CHAT_COMMAND_H_INCLUDED_
#define _NGX_HTTP_CHAT_COMMAND_H_INCLUDED_


#include "ngx_http_chat.h"
#include "ngx_http_chat_page.h"


/*
 * What a member can do, the same for a request and for a frame: identity and
 * parameters in, done() out, from the event loop, after the commit.  What the
 * command made has been published by then, whether or not anybody waits.
 */

typedef void (*ngx_http_chat_command_pt)(ngx_http_chat_command_t *cmd);


/* freed after done() */

struct ngx_http_chat_command_s {
    ngx_http_chat_command_pt  done;
    void                     *data;          /* the caller's; may be NULL */
    ngx_http_chat_command_t **owner;         /* cleared before done() */

    ngx_http_chat_actor_t     actor;
    ngx_http_chat_id_t        conversation;

    /* result; strings and page are valid inside done() */
    ngx_int_t                 rc;            /* as in ngx_http_chat_pg.h */
    ngx_str_t                 outcome;
    ngx_http_chat_id_t        id;            /* of the event */
    int64_t                   seq;
    int64_t                   created;       /* ms since the epoch */
    unsigned                  on:1;          /* typing */
    unsigned                  internal:1;
    int64_t                   expected;      /* send; -1: none */
    ngx_http_chat_page_t     *page;          /* create, change, stale */
};


typedef struct {
    ngx_str_t                 client_id;
    ngx_str_t                 text;          /* empty only with files */
    ngx_http_chat_ids_t       files;         /* NGX_HTTP_CHAT_FILES_MAX */
    ngx_http_chat_ids_t       mentions;      /* NGX_HTTP_CHAT_MENTIONS_MAX */
    ngx_str_t                 card;          /* {"card": ...}; empty: none */
    int64_t                   expected;      /* -1: none */
    unsigned                  internal:1;
} ngx_http_chat_message_t;


typedef struct {
    int64_t                   version;       /* -1: whatever it is */
    ngx_str_t                 patch;         /* JSON of what to change,
                                              * of types checked */
} ngx_http_chat_change_t;


/*
 * Each returns NULL when the queue is full or there is no memory: nothing has
 * happened, and done() is not called.  Arguments are copied.
 */

ngx_http_chat_command_t *ngx_http_chat_command_send(
    ngx_http_chat_actor_t *actor, ngx_http_chat_id_t *conversation,
    ngx_http_chat_message_t *message, ngx_http_chat_command_pt done,
    void *data);

/*
 * Of a send that was "stale", when it is done: the members "events", "next",
 * "complete" and "more", with what the sender has not seen.  NGX_ERROR
 */
ngx_int_t ngx_http_chat_command_missed(ngx_http_chat_command_t *cmd,
    ngx_pool_t *pool, ngx_str_t *text);

/* a new conversation with its first message; cmd->conversation is set */
ngx_http_chat_command_t *ngx_http_chat_command_create(
    ngx_http_chat_actor_t *actor, ngx_http_chat_message_t *message,
    ngx_http_chat_command_pt done, void *data);

/* response (JSON) to the card of the message seq; cmd->id is the event's */
ngx_http_chat_command_t *ngx_http_chat_command_respond(
    ngx_http_chat_actor_t *actor, ngx_http_chat_id_t *conversation,
    int64_t seq, ngx_str_t *client_id, ngx_str_t *response,
    ngx_http_chat_command_pt done, void *data);

/* the message seq gets another text, or is redacted: text is NULL */
ngx_http_chat_command_t *ngx_http_chat_command_edit(
    ngx_http_chat_actor_t *actor, ngx_http_chat_id_t *conversation,
    int64_t seq, ngx_str_t *text, ngx_http_chat_command_pt done, void *data);

ngx_http_chat_command_t *ngx_http_chat_command_read(
    ngx_http_chat_actor_t *actor, ngx_http_chat_id_t *conversation,
    int64_t seq, ngx_http_chat_command_pt done, void *data);

/*
 * Not stored.  NGX_OK: said, without asking anybody, since the actor has a
 * stream of the conversation here; NGX_AGAIN: done() will be called;
 * NGX_ERROR: as NULL above.  internal: for agents only.
 */
ngx_int_t ngx_http_chat_command_typing(ngx_http_chat_actor_t *actor,
    ngx_http_chat_id_t *conversation, ngx_uint_t on, ngx_uint_t internal,
    ngx_http_chat_command_pt done, void *data,
    ngx_http_chat_command_t **cmd);

ngx_http_chat_command_t *ngx_http_chat_command_change(
    ngx_http_chat_actor_t *actor, ngx_http_chat_id_t *conversation,
    ngx_http_chat_change_t *change, ngx_http_chat_command_pt done,
    void *data);

/* the caller goes away: the command runs on, done() is called without data */
void ngx_http_chat_command_abandon(ngx_http_chat_command_t *cmd);

ngx_uint_t ngx_http_chat_command_is(ngx_http_chat_command_t *cmd,
    const char *outcome);


#endif /* _NGX_HTTP_CHAT_COMMAND_H_INCLUDED_ */
