
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#include "ngx_http_chat_body.h"
#include "ngx_http_chat_command.h"
#include "ngx_http_chat_endpoint.h"
#include "ngx_http_chat_page.h"
#include "ngx_http_chat_query.h"
#include "ngx_http_chat_reply.h"


#define NGX_HTTP_CHAT_LIST_MAX  200
#define NGX_HTTP_CHAT_LIST      50

/* characters, each of at most four bytes */
#define NGX_HTTP_CHAT_REASON    1000


typedef struct {
    ngx_http_chat_message_t   message;
    ngx_str_t                 visibility;
    int64_t                   expected;
    ngx_uint_t                has_expected;
} ngx_http_chat_send_t;


typedef struct {
    int64_t                   version;
    ngx_uint_t                has_version;
    ngx_str_t                 reason;

    /* looked at only: PostgreSQL gets the JSON */
    ngx_str_t                 text;
    ngx_http_chat_id_t        id;
    json_t                   *labels;
} ngx_http_chat_patch_t;


typedef struct {
    int64_t                   seq;
} ngx_http_chat_mark_t;


typedef struct {
    ngx_uint_t                on;
    ngx_str_t                 visibility;
} ngx_http_chat_typing_t;


/* bounds of a page of events */

typedef struct {
    int64_t                   since;
    int64_t                   before;
    ngx_uint_t                tail;
} ngx_http_chat_bounds_t;


static void ngx_http_chat_conversation_page(ngx_http_chat_call_t *call);
static ngx_int_t ngx_http_chat_conversation_answer(ngx_http_request_t *r,
    ngx_http_chat_ctx_t *ctx, ngx_http_chat_page_t *page);
static void ngx_http_chat_conversation_sent(ngx_http_chat_command_t *cmd);
static ngx_int_t ngx_http_chat_conversation_stale(ngx_http_request_t *r,
    ngx_http_chat_command_t *cmd);
static void ngx_http_chat_conversation_marked(ngx_http_chat_command_t *cmd);
static ngx_int_t ngx_http_chat_conversation_reason(ngx_http_request_t *r,
    ngx_http_chat_ctx_t *ctx, ngx_str_t *reason, ngx_int_t *rc);
static void ngx_http_chat_conversation_changed(ngx_http_chat_command_t *cmd);
static ngx_int_t ngx_http_chat_conversation_conflict(ngx_http_request_t *r,
    ngx_str_t *body);


static const char  *ngx_http_chat_visibilities[] = {
    "public", "internal", NULL
};

static const char  *ngx_http_chat_statuses[] = {
    "open", "pending", "snoozed", "resolved", NULL
};

static const char  *ngx_http_chat_priorities[] = {
    "low", "high", "urgent", NULL
};


static ngx_http_chat_field_t  ngx_http_chat_send_fields[] = {

    { "client_msg_id", NGX_HTTP_CHAT_F_CLIENT_ID, NGX_HTTP_CHAT_REQUIRED,
      offsetof(ngx_http_chat_send_t, message.client_id), -1, 0, NULL },

    { "text", NGX_HTTP_CHAT_F_TEXT, NGX_HTTP_CHAT_UNLESS_NEXT,
      offsetof(ngx_http_chat_send_t, message.text), -1, 0, NULL },

    { "attachments", NGX_HTTP_CHAT_F_IDS, 0,
      offsetof(ngx_http_chat_send_t, message.files), -1,
      NGX_HTTP_CHAT_FILES_MAX, NULL },

    { "card", NGX_HTTP_CHAT_F_CARD, 0,
      offsetof(ngx_http_chat_send_t, message.card), -1, 0, NULL },

    { "mentions", NGX_HTTP_CHAT_F_IDS, 0,
      offsetof(ngx_http_chat_send_t, message.mentions), -1,
      NGX_HTTP_CHAT_MENTIONS_MAX, NULL },

    { "visibility", NGX_HTTP_CHAT_F_ENUM, 0,
      offsetof(ngx_http_chat_send_t, visibility), -1, 0,
      ngx_http_chat_visibilities },

    { "expected_seq", NGX_HTTP_CHAT_F_INT, 0,
      offsetof(ngx_http_chat_send_t, expected),
      offsetof(ngx_http_chat_send_t, has_expected), NGX_MAX_INT_T_VALUE,
      NULL }
};


static ngx_http_chat_field_t  ngx_http_chat_patch_fields[] = {

    { "version", NGX_HTTP_CHAT_F_INT, 0,
      offsetof(ngx_http_chat_patch_t, version),
      offsetof(ngx_http_chat_patch_t, has_version), NGX_MAX_INT32_VALUE,
      NULL },

    { "status", NGX_HTTP_CHAT_F_ENUM, 0,
      offsetof(ngx_http_chat_patch_t, text), -1, 0,
      ngx_http_chat_statuses },

    { "assignee", NGX_HTTP_CHAT_F_UUID, NGX_HTTP_CHAT_NULLABLE,
      offsetof(ngx_http_chat_patch_t, id), -1, 0, NULL },

    { "team", NGX_HTTP_CHAT_F_UUID, NGX_HTTP_CHAT_NULLABLE,
      offsetof(ngx_http_chat_patch_t, id), -1, 0, NULL },

    { "priority", NGX_HTTP_CHAT_F_ENUM, NGX_HTTP_CHAT_NULLABLE,
      offsetof(ngx_http_chat_patch_t, text), -1, 0,
      ngx_http_chat_priorities },

    { "labels", NGX_HTTP_CHAT_F_LIST, 0,
      offsetof(ngx_http_chat_patch_t, labels), -1, 128, NULL },

    { "snoozed_until", NGX_HTTP_CHAT_F_STRING, NGX_HTTP_CHAT_NULLABLE,
      offsetof(ngx_http_chat_patch_t, text), -1, 40, NULL },

    { "reason", NGX_HTTP_CHAT_F_TEXT, 0,
      offsetof(ngx_http_chat_patch_t, reason), -1,
      4 * NGX_HTTP_CHAT_REASON, NULL }
};


static ngx_http_chat_field_t  ngx_http_chat_mark_fields[] = {

    { "seq", NGX_HTTP_CHAT_F_INT, NGX_HTTP_CHAT_REQUIRED,
      offsetof(ngx_http_chat_mark_t, seq), -1, NGX_MAX_INT_T_VALUE, NULL }
};


static ngx_http_chat_field_t  ngx_http_chat_typing_fields[] = {

    { "on", NGX_HTTP_CHAT_F_BOOL, NGX_HTTP_CHAT_REQUIRED,
      offsetof(ngx_http_chat_typing_t, on), -1, 0, NULL },

    { "visibility", NGX_HTTP_CHAT_F_ENUM, 0,
      offsetof(ngx_http_chat_typing_t, visibility), -1, 0,
      ngx_http_chat_visibilities }
};


ngx_int_t
ngx_http_chat_conversation_list(ngx_http_request_t *r,
    ngx_http_chat_ctx_t *ctx)
{
    int64_t                limit;
    ngx_str_t              value[7];
    ngx_int_t              rc;
    ngx_uint_t             i;
    ngx_http_chat_args_t   args;

    static const char  *names[] = {
        "status", "assignee", "team", "label", "q", "order"
    };

    limit = NGX_HTTP_CHAT_LIST;

    if (ngx_http_chat_query_number(r, "limit", NGX_MAX_INT32_VALUE, &limit,
                                   &rc)
        == NGX_ERROR)
    {
        return rc;
    }

    limit = ngx_max(1, ngx_min(limit, NGX_HTTP_CHAT_LIST_MAX));

    ngx_http_chat_args_init(&args);
    ngx_http_chat_arg_actor(&args, &ctx->actor);

    if (ctx->actor.kind == NGX_HTTP_CHAT_AGENT) {
        for (i = 0; i < 6; i++) {
            ngx_http_chat_arg_text(&args,
                ngx_http_chat_query_arg(r, names[i], &value[i]) == NGX_OK
                ? &value[i] : NULL);
        }
    }

    ngx_http_chat_arg_int4(&args, (int32_t) limit);
    ngx_http_chat_arg_text(&args,
        ngx_http_chat_query_arg(r, "before", &value[6]) == NGX_OK
        ? &value[6] : NULL);
    ngx_http_chat_arg_epoch(&args);

    return ngx_http_chat_query_answer(r, ctx, NGX_HTTP_CHAT_SLOW,
                                      ctx->actor.kind == NGX_HTTP_CHAT_AGENT
                                      ? NGX_HTTP_CHAT_Q_CONVERSATIONS_AGENT
                                      : NGX_HTTP_CHAT_Q_CONVERSATIONS_VISITOR,
                                      &args);
}


ngx_int_t
ngx_http_chat_conversation_get(ngx_http_request_t *r,
    ngx_http_chat_ctx_t *ctx)
{
    ngx_http_chat_args_t  args;

    ctx->conversation = 1;

    ngx_http_chat_args_init(&args);
    ngx_http_chat_arg_actor(&args, &ctx->actor);
    ngx_http_chat_arg_id(&args, &ctx->id);
    ngx_http_chat_arg_epoch(&args);

    return ngx_http_chat_query_answer(r, ctx, NGX_HTTP_CHAT_FAST,
                                      NGX_HTTP_CHAT_Q_CONVERSATION_GET,
                                      &args);
}


ngx_int_t
ngx_http_chat_conversation_events(ngx_http_request_t *r,
    ngx_http_chat_ctx_t *ctx)
{
    int64_t                  limit;
    ngx_int_t                rc;
    ngx_http_chat_args_t     args;
    ngx_http_chat_bounds_t  *b;

    ctx->conversation = 1;

    b = ngx_palloc(r->pool, sizeof(ngx_http_chat_bounds_t));
    if (b == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    b->before = -1;
    limit = 50;

    if (ngx_http_chat_query_cursor(r, "since", &b->since, &b->tail, &rc)
        == NGX_ERROR
        || ngx_http_chat_query_number(r, "before", NGX_MAX_INT_T_VALUE,
                                      &b->before, &rc)
           == NGX_ERROR
        || ngx_http_chat_query_number(r, "limit", NGX_MAX_INT32_VALUE,
                                      &limit, &rc)
           == NGX_ERROR)
    {
        return rc;
    }

    if (b->since >= 0 && b->before >= 0) {
        return ngx_http_chat_reply_problem(r, NGX_HTTP_CHAT_INVALID_FIELD,
                                           "before", "it cannot be given "
                                           "together with \"since\"");
    }

    limit = ngx_max(1, ngx_min(limit, NGX_HTTP_CHAT_PAGE_EVENTS));

    ctx->data = b;

    ngx_http_chat_args_init(&args);
    ngx_http_chat_arg_actor(&args, &ctx->actor);
    ngx_http_chat_arg_id(&args, &ctx->id);

    if (b->since < 0 || b->tail) {
        ngx_http_chat_arg_null(&args);
    } else {
        ngx_http_chat_arg_int8(&args, b->since);
    }

    if (b->before < 0) {
        ngx_http_chat_arg_null(&args);
    } else {
        ngx_http_chat_arg_int8(&args, b->before);
    }

    ngx_http_chat_arg_bool(&args, b->tail);
    ngx_http_chat_arg_int4(&args, b->tail ? 50 : (int32_t) limit);
    ngx_http_chat_arg_epoch(&args);

    return ngx_http_chat_query_call(r, ctx, NGX_HTTP_CHAT_FAST,
                                    NGX_HTTP_CHAT_Q_EVENTS, &args,
                                    ngx_http_chat_conversation_page);
}


/* may free r */

static void
ngx_http_chat_conversation_page(ngx_http_chat_call_t *call)
{
    ngx_int_t              rc;
    ngx_http_request_t    *r;
    ngx_http_chat_ctx_t   *ctx;
    ngx_http_chat_page_t   page;

    r = call->data;

    if (r == NULL) {
        return;
    }

    ctx = ngx_http_get_module_ctx(r, ngx_http_chat_module);

    if (call->rc != NGX_OK) {
        rc = ngx_http_chat_reply_failed(r, call->rc);

    } else if (ngx_http_chat_page_read(&page, call->res, &ctx->id,
                                       ctx->actor.site->id)
               != NGX_OK)
    {
        rc = NGX_HTTP_INTERNAL_SERVER_ERROR;

    } else {
        rc = ngx_http_chat_conversation_answer(r, ctx, &page);
        ngx_http_chat_page_free(&page);
    }

    ngx_http_chat_finalize(r, rc);
}


static ngx_int_t
ngx_http_chat_conversation_answer(ngx_http_request_t *r,
    ngx_http_chat_ctx_t *ctx, ngx_http_chat_page_t *page)
{
    ngx_str_t                body;
    ngx_http_chat_bounds_t  *b;
    ngx_http_chat_answer_t   answer;

    if (!ngx_http_chat_page_is(page, "ok")) {
        return ngx_http_chat_reply_outcome(r, &page->outcome);
    }

    b = ctx->data;

    ngx_memzero(&answer, sizeof(ngx_http_chat_answer_t));

    answer.events = page->events;
    answer.n = page->n;
    answer.more = page->more;
    answer.reason = page->reason;

    if (b->tail) {
        ngx_str_set(&answer.reason, "epoch");
        answer.more = 0;
    }

    if (page->n != 0) {
        answer.next = page->events[page->n - 1]->seq;

    } else {
        answer.next = b->since > 0 && answer.reason.len == 0 ? b->since : 0;
    }

    if (ngx_http_chat_page_answer(r->pool, &answer, &body) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_chat_reply_json(r, NGX_HTTP_OK, &body);
}


ngx_int_t
ngx_http_chat_conversation_send(ngx_http_request_t *r,
    ngx_http_chat_ctx_t *ctx)
{
    ngx_int_t                 rc;
    ngx_http_chat_send_t     *s;
    ngx_http_chat_command_t  *cmd;

    ctx->conversation = 1;

    s = ngx_pcalloc(r->pool, sizeof(ngx_http_chat_send_t));
    if (s == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (ngx_http_chat_body_take(r, ctx, ngx_http_chat_send_fields, 7, s, &rc)
        != NGX_OK
        || ngx_http_chat_query_limit(r, ctx, NGX_HTTP_CHAT_LIMIT_SEND, &rc)
           != NGX_OK)
    {
        return rc;
    }

    if ((s->message.card.len != 0 || s->message.mentions.n != 0)
        && ctx->actor.kind != NGX_HTTP_CHAT_AGENT)
    {
        return ngx_http_chat_reply_problem(r, NGX_HTTP_CHAT_FORBIDDEN,
                                           s->message.card.len != 0
                                           ? "card" : "mentions",
                                           "it is for agents");
    }

    ctx->data = s;

    s->message.expected = s->has_expected ? s->expected : -1;
    s->message.internal = s->visibility.len != 0
                          && s->visibility.data[0] == 'i';

    if (s->message.mentions.n != 0 && !s->message.internal) {
        return ngx_http_chat_reply_problem(r, NGX_HTTP_CHAT_INVALID_FIELD,
                                           "mentions", "it is for notes");
    }

    cmd = ngx_http_chat_command_send(&ctx->actor, &ctx->id, &s->message,
                                     ngx_http_chat_conversation_sent, NULL);
    return ngx_http_chat_query_command(r, ctx, cmd);
}


/* may free r */

static void
ngx_http_chat_conversation_sent(ngx_http_chat_command_t *cmd)
{
    ngx_int_t              rc;
    ngx_http_request_t    *r;
    ngx_http_chat_ctx_t   *ctx;
    ngx_http_chat_send_t  *s;

    r = cmd->data;

    if (r == NULL) {
        return;
    }

    ctx = ngx_http_get_module_ctx(r, ngx_http_chat_module);
    s = ctx->data;

    if (cmd->rc != NGX_OK) {
        rc = ngx_http_chat_reply_failed(r, cmd->rc);

    } else if (ngx_http_chat_command_is(cmd, "created")
               || ngx_http_chat_command_is(cmd, "duplicate"))
    {
        rc = ngx_http_chat_query_receipt(r, cmd, &cmd->id,
                                         &s->message.client_id);

    } else if (ngx_http_chat_command_is(cmd, "stale")) {
        rc = ngx_http_chat_conversation_stale(r, cmd);

    } else {
        rc = ngx_http_chat_reply_outcome(r, &cmd->outcome);
    }

    ngx_http_chat_finalize(r, rc);
}


/* 409 carries what the agent has not seen */

static ngx_int_t
ngx_http_chat_conversation_stale(ngx_http_request_t *r,
    ngx_http_chat_command_t *cmd)
{
    ngx_str_t  missed;

    if (ngx_http_chat_command_missed(cmd, r->pool, &missed) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_chat_reply_problem_with(r, NGX_HTTP_CHAT_STALE,
                                            "expected_seq",
                                            "another agent has answered",
                                            &missed);
}


ngx_int_t
ngx_http_chat_conversation_read(ngx_http_request_t *r,
    ngx_http_chat_ctx_t *ctx)
{
    ngx_int_t                 rc;
    ngx_http_chat_mark_t      mark;
    ngx_http_chat_command_t  *cmd;

    ctx->conversation = 1;

    if (ngx_http_chat_body_take(r, ctx, ngx_http_chat_mark_fields, 1, &mark,
                                &rc)
        != NGX_OK)
    {
        return rc;
    }

    cmd = ngx_http_chat_command_read(&ctx->actor, &ctx->id, mark.seq,
                                     ngx_http_chat_conversation_marked, NULL);
    return ngx_http_chat_query_command(r, ctx, cmd);
}


ngx_int_t
ngx_http_chat_conversation_typing(ngx_http_request_t *r,
    ngx_http_chat_ctx_t *ctx)
{
    ngx_int_t                 rc;
    ngx_uint_t                internal;
    ngx_http_chat_typing_t    t;
    ngx_http_chat_command_t  *cmd;

    ctx->conversation = 1;

    ngx_memzero(&t, sizeof(ngx_http_chat_typing_t));

    if (ngx_http_chat_body_take(r, ctx, ngx_http_chat_typing_fields, 2, &t,
                                &rc)
        != NGX_OK)
    {
        return rc;
    }

    internal = t.visibility.len != 0 && t.visibility.data[0] == 'i';

    if (internal && ctx->actor.kind != NGX_HTTP_CHAT_AGENT) {
        return ngx_http_chat_reply_problem(r, NGX_HTTP_CHAT_FORBIDDEN,
                                           "visibility", "it is for agents");
    }

    if (ngx_http_chat_query_limit(r, ctx, NGX_HTTP_CHAT_LIMIT_TYPE, &rc)
        != NGX_OK)
    {
        return rc;
    }

    rc = ngx_http_chat_command_typing(&ctx->actor, &ctx->id, t.on, internal,
                                      ngx_http_chat_conversation_marked,
                                      NULL, &cmd);

    if (rc == NGX_OK) {
        return ngx_http_chat_reply_empty(r, NGX_HTTP_NO_CONTENT);
    }

    return ngx_http_chat_query_command(r, ctx, rc == NGX_AGAIN ? cmd : NULL);
}


/* may free r */

static void
ngx_http_chat_conversation_marked(ngx_http_chat_command_t *cmd)
{
    ngx_int_t            rc;
    ngx_http_request_t  *r;

    r = cmd->data;

    if (r == NULL) {
        return;
    }

    if (cmd->rc != NGX_OK) {
        rc = ngx_http_chat_reply_failed(r, cmd->rc);

    } else if (ngx_http_chat_command_is(cmd, "ok")) {
        rc = ngx_http_chat_reply_empty(r, NGX_HTTP_NO_CONTENT);

    } else {
        rc = ngx_http_chat_reply_outcome(r, &cmd->outcome);
    }

    ngx_http_chat_finalize(r, rc);
}


ngx_int_t
ngx_http_chat_conversation_change(ngx_http_request_t *r,
    ngx_http_chat_ctx_t *ctx)
{
    ngx_int_t                 rc;
    ngx_http_chat_patch_t     p;
    ngx_http_chat_change_t    change;
    ngx_http_chat_command_t  *cmd;

    ctx->conversation = 1;

    ngx_memzero(&p, sizeof(ngx_http_chat_patch_t));

    if (ngx_http_chat_body_take(r, ctx, ngx_http_chat_patch_fields,
                                sizeof(ngx_http_chat_patch_fields)
                                / sizeof(ngx_http_chat_field_t), &p, &rc)
        != NGX_OK
        || ngx_http_chat_conversation_reason(r, ctx, &p.reason, &rc)
           != NGX_OK
        || ngx_http_chat_query_limit(r, ctx, NGX_HTTP_CHAT_LIMIT_CHANGE, &rc)
           != NGX_OK)
    {
        return rc;
    }

    ngx_memzero(&change, sizeof(ngx_http_chat_change_t));

    change.version = p.has_version ? p.version : -1;

    if (ngx_http_chat_body_dump(r, ctx->body, &change.patch) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    cmd = ngx_http_chat_command_change(&ctx->actor, &ctx->id, &change,
                                       ngx_http_chat_conversation_changed,
                                       NULL);
    return ngx_http_chat_query_command(r, ctx, cmd);
}


/* puts it back into the body as it is stored; NGX_DECLINED: *rc is set */

static ngx_int_t
ngx_http_chat_conversation_reason(ngx_http_request_t *r,
    ngx_http_chat_ctx_t *ctx, ngx_str_t *reason, ngx_int_t *rc)
{
    if (reason->len == 0) {
        return NGX_OK;
    }

    if (ngx_utf8_length(reason->data, reason->len) > NGX_HTTP_CHAT_REASON) {
        *rc = ngx_http_chat_reply_problem(r, NGX_HTTP_CHAT_INVALID_FIELD,
                                          "reason", "the text is too long");
        return NGX_DECLINED;
    }

    if (json_object_get(ctx->body, "team") == NULL
        && json_object_get(ctx->body, "assignee") == NULL
        && json_object_get(ctx->body, "priority") == NULL)
    {
        *rc = ngx_http_chat_reply_problem(r, NGX_HTTP_CHAT_INVALID_FIELD,
                                          "reason", "it goes with a change "
                                          "of team, assignee or priority");
        return NGX_DECLINED;
    }

    if (json_object_set_new(ctx->body, "reason",
                            json_stringn((char *) reason->data, reason->len))
        != 0)
    {
        *rc = NGX_HTTP_INTERNAL_SERVER_ERROR;
        return NGX_DECLINED;
    }

    return NGX_OK;
}


/* may free r */

static void
ngx_http_chat_conversation_changed(ngx_http_chat_command_t *cmd)
{
    ngx_int_t            rc;
    ngx_http_request_t  *r;

    r = cmd->data;

    if (r == NULL) {
        return;
    }

    if (cmd->rc != NGX_OK) {
        rc = ngx_http_chat_reply_failed(r, cmd->rc);

    } else if (ngx_http_chat_command_is(cmd, "ok")) {
        rc = ngx_http_chat_reply_json(r, NGX_HTTP_OK, &cmd->page->body);

    } else if (ngx_http_chat_command_is(cmd, "conflict")) {
        rc = ngx_http_chat_conversation_conflict(r, &cmd->page->body);

    } else if (ngx_http_chat_command_is(cmd, "invalid:reason")) {
        rc = ngx_http_chat_reply_problem(r, NGX_HTTP_CHAT_INVALID_FIELD,
                                         "reason", "neither team nor assignee "
                                         "nor priority changes");

    } else {
        rc = ngx_http_chat_reply_outcome(r, &cmd->outcome);
    }

    ngx_http_chat_finalize(r, rc);
}


/* 409 carries the conversation as it is */

static ngx_int_t
ngx_http_chat_conversation_conflict(ngx_http_request_t *r, ngx_str_t *body)
{
    u_char     *p;
    ngx_str_t   extra;

    p = ngx_pnalloc(r->pool, sizeof("\"conversation\":") + body->len);
    if (p == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    extra.data = p;
    extra.len = ngx_sprintf(p, "\"conversation\":%V", body) - p;

    return ngx_http_chat_reply_problem_with(r, NGX_HTTP_CHAT_CONFLICT,
                                            "version", "the conversation "
                                            "has changed meanwhile", &extra);
}


ngx_int_t
ngx_http_chat_conversation_mentions(ngx_http_request_t *r,
    ngx_http_chat_ctx_t *ctx)
{
    ngx_http_chat_args_t  args;

    ngx_http_chat_args_init(&args);
    ngx_http_chat_arg_actor(&args, &ctx->actor);

    return ngx_http_chat_query_answer(r, ctx, NGX_HTTP_CHAT_SLOW,
                                      NGX_HTTP_CHAT_Q_MENTIONS, &args);
}
