
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#include "ngx_http_chat_json.h"
#include "ngx_http_chat_ws_private.h"


/*
 * Frames of the client: each type has a row, a handler and a table of fields.
 * "type" and "ref" are everybody's.
 */

#define NGX_HTTP_CHAT_WS_POOL        1024


typedef void (*ngx_http_chat_ws_handler_pt)(ngx_http_chat_ws_frame_t *frame);

typedef struct {
    const char                   *type;
    ngx_http_chat_ws_handler_pt   handler;
} ngx_http_chat_ws_type_t;


typedef struct {
    ngx_http_chat_id_t            conversation;
    ngx_http_chat_message_t       message;
    ngx_str_t                     visibility;
    int64_t                       expected;
    ngx_uint_t                    has_expected;
} ngx_http_chat_ws_send_t;


typedef struct {
    ngx_http_chat_id_t            conversation;
    int64_t                       seq;
} ngx_http_chat_ws_mark_t;


typedef struct {
    ngx_http_chat_id_t            conversation;
    ngx_uint_t                    on;
    ngx_str_t                     visibility;
} ngx_http_chat_ws_typing_t;


static ngx_int_t ngx_http_chat_ws_take_ref(ngx_http_chat_ws_frame_t *frame);
static void ngx_http_chat_ws_dispatch(ngx_http_chat_ws_frame_t *frame,
    const char *type);
static void ngx_http_chat_ws_send_frame(ngx_http_chat_ws_frame_t *frame);
static void ngx_http_chat_ws_sent(ngx_http_chat_command_t *cmd);
static void ngx_http_chat_ws_receipt(ngx_http_chat_ws_call_t *call,
    ngx_http_chat_command_t *cmd);
static void ngx_http_chat_ws_stale(ngx_http_chat_ws_call_t *call,
    ngx_http_chat_command_t *cmd);
static void ngx_http_chat_ws_mark(ngx_http_chat_ws_frame_t *frame);
static void ngx_http_chat_ws_marked(ngx_http_chat_command_t *cmd);
static void ngx_http_chat_ws_typing(ngx_http_chat_ws_frame_t *frame);
static void ngx_http_chat_ws_heartbeat(ngx_http_chat_ws_frame_t *frame);
static void ngx_http_chat_ws_command(ngx_http_chat_ws_call_t *call,
    ngx_http_chat_command_t *cmd);
static void ngx_http_chat_ws_problem(ngx_http_chat_ws_t *ws,
    const u_char *ref, const char *code, const char *field,
    const char *detail, ngx_msec_t retry);


static const char  *ngx_http_chat_ws_visibilities[] = {
    "public", "internal", NULL
};


static ngx_http_chat_field_t  ngx_http_chat_ws_send_fields[] = {

    { "conversation", NGX_HTTP_CHAT_F_UUID, NGX_HTTP_CHAT_REQUIRED,
      offsetof(ngx_http_chat_ws_send_t, conversation), -1, 0, NULL },

    { "client_msg_id", NGX_HTTP_CHAT_F_CLIENT_ID, NGX_HTTP_CHAT_REQUIRED,
      offsetof(ngx_http_chat_ws_send_t, message.client_id), -1, 0, NULL },

    { "text", NGX_HTTP_CHAT_F_TEXT, NGX_HTTP_CHAT_UNLESS_NEXT,
      offsetof(ngx_http_chat_ws_send_t, message.text), -1, 0, NULL },

    { "attachments", NGX_HTTP_CHAT_F_IDS, 0,
      offsetof(ngx_http_chat_ws_send_t, message.files), -1,
      NGX_HTTP_CHAT_FILES_MAX, NULL },

    { "card", NGX_HTTP_CHAT_F_CARD, 0,
      offsetof(ngx_http_chat_ws_send_t, message.card), -1, 0, NULL },

    { "mentions", NGX_HTTP_CHAT_F_IDS, 0,
      offsetof(ngx_http_chat_ws_send_t, message.mentions), -1,
      NGX_HTTP_CHAT_MENTIONS_MAX, NULL },

    { "visibility", NGX_HTTP_CHAT_F_ENUM, 0,
      offsetof(ngx_http_chat_ws_send_t, visibility), -1, 0,
      ngx_http_chat_ws_visibilities },

    { "expected_seq", NGX_HTTP_CHAT_F_INT, 0,
      offsetof(ngx_http_chat_ws_send_t, expected),
      offsetof(ngx_http_chat_ws_send_t, has_expected), NGX_MAX_INT_T_VALUE,
      NULL }
};


static ngx_http_chat_field_t  ngx_http_chat_ws_mark_fields[] = {

    { "conversation", NGX_HTTP_CHAT_F_UUID, NGX_HTTP_CHAT_REQUIRED,
      offsetof(ngx_http_chat_ws_mark_t, conversation), -1, 0, NULL },

    { "seq", NGX_HTTP_CHAT_F_INT, NGX_HTTP_CHAT_REQUIRED,
      offsetof(ngx_http_chat_ws_mark_t, seq), -1, NGX_MAX_INT_T_VALUE, NULL }
};


static ngx_http_chat_field_t  ngx_http_chat_ws_typing_fields[] = {

    { "conversation", NGX_HTTP_CHAT_F_UUID, NGX_HTTP_CHAT_REQUIRED,
      offsetof(ngx_http_chat_ws_typing_t, conversation), -1, 0, NULL },

    { "on", NGX_HTTP_CHAT_F_BOOL, NGX_HTTP_CHAT_REQUIRED,
      offsetof(ngx_http_chat_ws_typing_t, on), -1, 0, NULL },

    { "visibility", NGX_HTTP_CHAT_F_ENUM, 0,
      offsetof(ngx_http_chat_ws_typing_t, visibility), -1, 0,
      ngx_http_chat_ws_visibilities }
};


static ngx_http_chat_ws_type_t  ngx_http_chat_ws_types[] = {
    { "send", ngx_http_chat_ws_send_frame },
    { "typing", ngx_http_chat_ws_typing },
    { "read", ngx_http_chat_ws_mark },
    { "heartbeat", ngx_http_chat_ws_heartbeat },
    { "subscribe", ngx_http_chat_ws_subscribe },
    { "unsubscribe", ngx_http_chat_ws_unsubscribe },
    { NULL, NULL }
};


void
ngx_http_chat_ws_message(ngx_http_chat_ws_t *ws, ngx_str_t *text)
{
    json_t                    *type;
    const char                *detail;
    ngx_http_chat_ws_frame_t   frame;

    frame.ws = ws;
    frame.object = ngx_http_chat_fields_load(text->data, text->len, &detail);

    if (frame.object == NULL) {
        ngx_http_chat_ws_close(ws, detail != NULL
                                   ? NGX_HTTP_CHAT_WS_BAD_FRAME
                                   : NGX_HTTP_CHAT_WS_ERROR);
        return;
    }

    type = json_object_get(frame.object, "type");

    if (!json_is_string(type)) {
        ngx_http_chat_ws_close(ws, NGX_HTTP_CHAT_WS_BAD_FRAME);
        json_decref(frame.object);
        return;
    }

    (void) json_incref(type);
    (void) json_object_del(frame.object, "type");

    frame.pool = ngx_create_pool(NGX_HTTP_CHAT_WS_POOL, ws->connection->log);

    if (frame.pool == NULL) {
        ngx_http_chat_ws_close(ws, NGX_HTTP_CHAT_WS_ERROR);

    } else {

        if (ngx_http_chat_ws_take_ref(&frame) == NGX_OK) {
            ngx_http_chat_ws_dispatch(&frame, json_string_value(type));
        }

        ngx_destroy_pool(frame.pool);
    }

    json_decref(type);
    json_decref(frame.object);
}


/* the JSON text of "ref" is what is echoed */

static ngx_int_t
ngx_http_chat_ws_take_ref(ngx_http_chat_ws_frame_t *frame)
{
    size_t   n;
    json_t  *ref;

    frame->ref[0] = '\0';

    ref = json_object_get(frame->object, "ref");

    if (ref == NULL) {
        return NGX_OK;
    }

    n = 0;

    if (json_is_integer(ref) || json_is_string(ref)) {
        n = json_dumpb(ref, (char *) frame->ref, NGX_HTTP_CHAT_WS_REF,
                       JSON_ENCODE_ANY|JSON_COMPACT);
    }

    if (n == 0 || n > NGX_HTTP_CHAT_WS_REF) {
        ngx_http_chat_ws_error(frame->ws, NULL, "invalid_field", "ref",
                               "it has to be an integer or a short string");
        return NGX_ERROR;
    }

    frame->ref[n] = '\0';

    (void) json_object_del(frame->object, "ref");

    return NGX_OK;
}


static void
ngx_http_chat_ws_dispatch(ngx_http_chat_ws_frame_t *frame, const char *type)
{
    ngx_http_chat_ws_type_t  *t;

    ngx_log_debug1(NGX_LOG_DEBUG_HTTP, frame->ws->connection->log, 0,
                   "chat ws frame \"%s\"", type);

    if (ngx_strcmp(type, "hello") == 0) {
        ngx_http_chat_ws_hello(frame);
        return;
    }

    if (frame->ws->actor.kind == 0) {
        ngx_http_chat_ws_close(frame->ws, NGX_HTTP_CHAT_WS_NO_AUTH);
        return;
    }

    for (t = ngx_http_chat_ws_types; t->type != NULL; t++) {

        if (ngx_strcmp(t->type, type) == 0) {
            t->handler(frame);
            return;
        }
    }

    ngx_http_chat_ws_error(frame->ws, frame->ref, "invalid_field", "type",
                           "the type is unknown");
}


static void
ngx_http_chat_ws_send_frame(ngx_http_chat_ws_frame_t *frame)
{
    ngx_http_chat_ws_t       *ws;
    ngx_http_chat_command_t  *cmd;
    ngx_http_chat_ws_call_t  *call;
    ngx_http_chat_ws_send_t   s;

    ws = frame->ws;

    ngx_memzero(&s, sizeof(ngx_http_chat_ws_send_t));

    if (ngx_http_chat_ws_take(frame, ngx_http_chat_ws_send_fields, 8, &s)
        != NGX_OK)
    {
        return;
    }

    if ((s.message.card.len != 0 || s.message.mentions.n != 0)
        && ws->actor.kind != NGX_HTTP_CHAT_AGENT)
    {
        ngx_http_chat_ws_error(ws, frame->ref, "forbidden",
                               s.message.card.len != 0 ? "card" : "mentions",
                               "it is for agents");
        return;
    }

    if (ngx_http_chat_ws_limit(frame, NGX_HTTP_CHAT_LIMIT_SEND) != NGX_OK) {
        return;
    }

    s.message.expected = s.has_expected ? s.expected : -1;
    s.message.internal = s.visibility.len != 0
                         && s.visibility.data[0] == 'i';

    if (s.message.mentions.n != 0 && !s.message.internal) {
        ngx_http_chat_ws_error(ws, frame->ref, "invalid_field", "mentions",
                               "it is for notes");
        return;
    }

    call = ngx_http_chat_ws_call(frame);
    if (call == NULL) {
        return;
    }

    ngx_memcpy(call->client_id, s.message.client_id.data,
               s.message.client_id.len);

    cmd = ngx_http_chat_command_send(&ws->actor, &s.conversation, &s.message,
                                     ngx_http_chat_ws_sent, call);

    ngx_http_chat_ws_command(call, cmd);
}


static void
ngx_http_chat_ws_sent(ngx_http_chat_command_t *cmd)
{
    ngx_http_chat_ws_t       *ws;
    ngx_http_chat_ws_call_t  *call;

    call = cmd->data;

    if (call == NULL) {
        return;
    }

    ws = call->ws;

    if (cmd->rc != NGX_OK) {
        ngx_http_chat_ws_error(ws, call->ref, "unavailable", NULL, NULL);

    } else if (ngx_http_chat_command_is(cmd, "created")
               || ngx_http_chat_command_is(cmd, "duplicate"))
    {
        ngx_http_chat_ws_receipt(call, cmd);

    } else if (ngx_http_chat_command_is(cmd, "stale")) {
        ngx_http_chat_ws_stale(call, cmd);

    } else {
        ngx_http_chat_ws_outcome(ws, call->ref, &cmd->outcome);
    }

    ngx_http_chat_ws_call_end(call);
    ngx_http_chat_ws_resume(ws);
}


static void
ngx_http_chat_ws_receipt(ngx_http_chat_ws_call_t *call,
    ngx_http_chat_command_t *cmd)
{
    u_char  *p;

    p = ngx_http_chat_ws_text(call->ws,
                              sizeof("{\"type\":\"sent\",\"ref\":,"
                                     "\"client_msg_id\":\"\",\"seq\":,"
                                     "\"id\":\"\",\"created_at\":\"\","
                                     "\"duplicate\":false}")
                              + NGX_HTTP_CHAT_WS_REF
                              + sizeof(call->client_id) + NGX_INT64_LEN
                              + NGX_HTTP_CHAT_ID_LEN
                              + NGX_HTTP_CHAT_TIME_LEN);
    if (p == NULL) {
        return;
    }

    p = ngx_cpymem(p, "{\"type\":\"sent\"", sizeof("{\"type\":\"sent\"") - 1);
    p = ngx_http_chat_ws_ref(p, call->ref);
    p = ngx_sprintf(p, ",\"client_msg_id\":\"%s\",\"seq\":%L,\"id\":\"",
                    call->client_id, cmd->seq);
    p = ngx_http_chat_id_write(p, &cmd->id);
    p = ngx_cpymem(p, "\",\"created_at\":\"",
                   sizeof("\",\"created_at\":\"") - 1);
    p = ngx_http_chat_time_write(p, cmd->created);
    p = ngx_sprintf(p, "\",\"duplicate\":%s}",
                    ngx_http_chat_command_is(cmd, "duplicate") ? "true"
                                                               : "false");

    ngx_http_chat_ws_trim(call->ws, p);
}


/* as 409 by HTTP, with what the agent has not seen */

static void
ngx_http_chat_ws_stale(ngx_http_chat_ws_call_t *call,
    ngx_http_chat_command_t *cmd)
{
    u_char              *p;
    ngx_str_t            missed;
    ngx_pool_t          *pool;
    ngx_http_chat_ws_t  *ws;

    ws = call->ws;

    pool = ngx_create_pool(NGX_HTTP_CHAT_WS_POOL, ws->connection->log);

    if (pool == NULL
        || ngx_http_chat_command_missed(cmd, pool, &missed) != NGX_OK)
    {
        ngx_http_chat_ws_error(ws, call->ref, "unavailable", NULL, NULL);

    } else {
        p = ngx_http_chat_ws_text(ws,
                                  sizeof("{\"type\":\"error\",\"ref\":,"
                                         "\"code\":\"stale\","
                                         "\"field\":\"expected_seq\",}")
                                  + NGX_HTTP_CHAT_WS_REF + missed.len);
        if (p != NULL) {
            p = ngx_sprintf(p, "{\"type\":\"error\"");
            p = ngx_http_chat_ws_ref(p, call->ref);
            p = ngx_sprintf(p, ",\"code\":\"stale\","
                               "\"field\":\"expected_seq\",%V}", &missed);

            ngx_http_chat_ws_trim(ws, p);
        }
    }

    if (pool != NULL) {
        ngx_destroy_pool(pool);
    }
}


static void
ngx_http_chat_ws_mark(ngx_http_chat_ws_frame_t *frame)
{
    ngx_http_chat_command_t  *cmd;
    ngx_http_chat_ws_call_t  *call;
    ngx_http_chat_ws_mark_t   m;

    ngx_memzero(&m, sizeof(ngx_http_chat_ws_mark_t));

    if (ngx_http_chat_ws_take(frame, ngx_http_chat_ws_mark_fields, 2, &m)
        != NGX_OK)
    {
        return;
    }

    call = ngx_http_chat_ws_call(frame);
    if (call == NULL) {
        return;
    }

    cmd = ngx_http_chat_command_read(&frame->ws->actor, &m.conversation,
                                     m.seq, ngx_http_chat_ws_marked, call);

    ngx_http_chat_ws_command(call, cmd);
}


/* nobody waits for the answer but in bad weather */

static void
ngx_http_chat_ws_marked(ngx_http_chat_command_t *cmd)
{
    ngx_http_chat_ws_t       *ws;
    ngx_http_chat_ws_call_t  *call;

    call = cmd->data;

    if (call == NULL) {
        return;
    }

    ws = call->ws;

    if (cmd->rc != NGX_OK) {
        ngx_http_chat_ws_error(ws, call->ref, "unavailable", NULL, NULL);

    } else if (!ngx_http_chat_command_is(cmd, "ok")) {
        ngx_http_chat_ws_outcome(ws, call->ref, &cmd->outcome);
    }

    ngx_http_chat_ws_call_end(call);
    ngx_http_chat_ws_resume(ws);
}


static void
ngx_http_chat_ws_typing(ngx_http_chat_ws_frame_t *frame)
{
    ngx_int_t                   rc;
    ngx_uint_t                  internal;
    ngx_http_chat_command_t    *cmd;
    ngx_http_chat_ws_call_t    *call;
    ngx_http_chat_ws_typing_t   t;

    ngx_memzero(&t, sizeof(ngx_http_chat_ws_typing_t));

    if (ngx_http_chat_ws_take(frame, ngx_http_chat_ws_typing_fields, 3, &t)
        != NGX_OK)
    {
        return;
    }

    internal = t.visibility.len != 0 && t.visibility.data[0] == 'i';

    if (internal && frame->ws->actor.kind != NGX_HTTP_CHAT_AGENT) {
        ngx_http_chat_ws_error(frame->ws, frame->ref, "forbidden",
                               "visibility", NULL);
        return;
    }

    if (ngx_http_chat_ws_limit(frame, NGX_HTTP_CHAT_LIMIT_TYPE) != NGX_OK) {
        return;
    }

    call = ngx_http_chat_ws_call(frame);
    if (call == NULL) {
        return;
    }

    cmd = NULL;

    rc = ngx_http_chat_command_typing(&frame->ws->actor, &t.conversation,
                                      t.on, internal,
                                      ngx_http_chat_ws_marked, call, &cmd);
    if (rc == NGX_OK) {
        ngx_http_chat_ws_call_end(call);
        return;
    }

    ngx_http_chat_ws_command(call, cmd);
}


static void
ngx_http_chat_ws_heartbeat(ngx_http_chat_ws_frame_t *frame)
{
    (void) ngx_http_chat_ws_take(frame, NULL, 0, NULL);
}


ngx_int_t
ngx_http_chat_ws_take(ngx_http_chat_ws_frame_t *frame,
    ngx_http_chat_field_t *fields, ngx_uint_t n, void *data)
{
    ngx_str_t    outcome;
    const char  *field, *detail;

    if (ngx_http_chat_fields_take(frame->object, fields, n, data,
                                  frame->ws->conf->max_message, frame->pool,
                                  &field, &detail)
        == NGX_OK)
    {
        return NGX_OK;
    }

    if (field == NULL) {
        ngx_http_chat_ws_close(frame->ws, NGX_HTTP_CHAT_WS_ERROR);
        return NGX_ERROR;
    }

    /* an id that is none is like one that is unknown */

    if (ngx_strcmp(field, "conversation") == 0
        && json_is_string(json_object_get(frame->object, field)))
    {
        ngx_str_set(&outcome, "not_found");
        ngx_http_chat_ws_outcome(frame->ws, frame->ref, &outcome);
        return NGX_ERROR;
    }

    ngx_http_chat_ws_error(frame->ws, frame->ref, "invalid_field", field,
                           detail);
    return NGX_ERROR;
}


/* ties a command to its frame; NULL: the queue is full */

static void
ngx_http_chat_ws_command(ngx_http_chat_ws_call_t *call,
    ngx_http_chat_command_t *cmd)
{
    if (cmd == NULL) {
        ngx_http_chat_ws_error(call->ws, call->ref, "unavailable", NULL,
                               NULL);
        ngx_http_chat_ws_call_end(call);
        return;
    }

    call->command = cmd;
    cmd->owner = &call->command;
}


ngx_http_chat_ws_call_t *
ngx_http_chat_ws_call(ngx_http_chat_ws_frame_t *frame)
{
    ngx_http_chat_ws_t       *ws;
    ngx_http_chat_ws_call_t  *call;

    ws = frame->ws;

    call = ngx_calloc(sizeof(ngx_http_chat_ws_call_t), ws->connection->log);
    if (call == NULL) {
        ngx_http_chat_ws_error(ws, frame->ref, "unavailable", NULL, NULL);
        return NULL;
    }

    call->ws = ws;
    ngx_memcpy(call->ref, frame->ref, sizeof(call->ref));

    call->next = ws->calls;
    ws->calls = call;
    ws->ncalls++;

    return call;
}


void
ngx_http_chat_ws_call_end(ngx_http_chat_ws_call_t *call)
{
    ngx_http_chat_ws_call_t  **p;

    for (p = &call->ws->calls; *p != call; p = &(*p)->next) { /* void */ }

    *p = call->next;
    call->ws->ncalls--;

    ngx_free(call);
}


void
ngx_http_chat_ws_abandon(ngx_http_chat_ws_t *ws)
{
    ngx_http_chat_ws_call_t  *call;

    while (ws->calls != NULL) {
        call = ws->calls;

        if (call->command != NULL) {
            ngx_http_chat_command_abandon(call->command);
        }

        if (call->call != NULL) {
            call->call->data = NULL;
            call->call->owner = NULL;
        }

        ngx_http_chat_ws_call_end(call);
    }
}


u_char *
ngx_http_chat_ws_ref(u_char *p, const u_char *ref)
{
    if (ref == NULL || ref[0] == '\0') {
        return p;
    }

    return ngx_sprintf(p, ",\"ref\":%s", ref);
}


ngx_int_t
ngx_http_chat_ws_limit(ngx_http_chat_ws_frame_t *frame,
    ngx_http_chat_limit_action_e action)
{
    ngx_msec_t           wait;
    ngx_http_chat_ws_t  *ws;

    ws = frame->ws;

    wait = ngx_http_chat_limit_take(ws->conf->limit, action, &ws->actor,
                                    &ws->peer.sockaddr);
    if (wait == 0) {
        return NGX_OK;
    }

    ngx_http_chat_ws_problem(ws, frame->ref, "rate_limited", NULL, "too fast",
                             wait);
    return NGX_DECLINED;
}


void
ngx_http_chat_ws_error(ngx_http_chat_ws_t *ws, const u_char *ref,
    const char *code, const char *field, const char *detail)
{
    ngx_msec_t  retry;

    retry = 0;

    if (ngx_strcmp(code, "unavailable") == 0) {
        retry = 500 + (ngx_msec_t) ngx_random() % 1500;
    }

    ngx_http_chat_ws_problem(ws, ref, code, field, detail, retry);
}


static void
ngx_http_chat_ws_problem(ngx_http_chat_ws_t *ws, const u_char *ref,
    const char *code, const char *field, const char *detail, ngx_msec_t retry)
{
    u_char  *p;
    size_t   len;

    /* a field of the client's own making may be long */

    if (field != NULL && ngx_strlen(field) > 64) {
        field = NULL;
    }

    len = sizeof("{\"type\":\"error\",\"ref\":,\"code\":\"\","
                 "\"field\":\"\",\"detail\":\"\",\"retry_after_ms\":}")
          + NGX_HTTP_CHAT_WS_REF + ngx_strlen(code) + NGX_INT_T_LEN
          + (field != NULL ? 6 * ngx_strlen(field) : 0)
          + (detail != NULL ? 6 * ngx_strlen(detail) : 0);

    p = ngx_http_chat_ws_text(ws, len);
    if (p == NULL) {
        return;
    }

    p = ngx_cpymem(p, "{\"type\":\"error\"",
                   sizeof("{\"type\":\"error\"") - 1);
    p = ngx_http_chat_ws_ref(p, ref);
    p = ngx_sprintf(p, ",\"code\":\"%s\"", code);

    if (field != NULL) {
        p = ngx_cpymem(p, ",\"field\":\"", sizeof(",\"field\":\"") - 1);
        p = ngx_http_chat_json_escape(p, (u_char *) field,
                                      ngx_strlen(field));
        *p++ = '"';
    }

    if (detail != NULL) {
        p = ngx_cpymem(p, ",\"detail\":\"", sizeof(",\"detail\":\"") - 1);
        p = ngx_http_chat_json_escape(p, (u_char *) detail,
                                      ngx_strlen(detail));
        *p++ = '"';
    }

    if (retry != 0) {
        p = ngx_sprintf(p, ",\"retry_after_ms\":%M", retry);
    }

    *p++ = '}';

    ngx_http_chat_ws_trim(ws, p);
}


void
ngx_http_chat_ws_outcome(ngx_http_chat_ws_t *ws, const u_char *ref,
    ngx_str_t *outcome)
{
    u_char       *last;
    u_char        name[65];
    ngx_uint_t    i;

    static const char  *codes[] = {
        "not_found", "gone", "forbidden", "stale", "conflict", NULL
    };

    last = ngx_cpystrn(name, outcome->data,
                       ngx_min(outcome->len + 1, sizeof(name)));

    if (last - name > 8 && ngx_strncmp(name, "invalid:", 8) == 0) {
        ngx_http_chat_ws_error(ws, ref, "invalid_field",
                               (const char *) name + 8,
                               "the value is not allowed");
        return;
    }

    if (ngx_strcmp(name, "unauthenticated") == 0) {

        /* whatever it was, the connection has lost its right to be */

        ngx_http_chat_ws_bye(ws, NGX_HTTP_CHAT_WS_NO_AUTH);
        return;
    }

    for (i = 0; codes[i] != NULL; i++) {
        if (ngx_strcmp(name, codes[i]) == 0) {
            ngx_http_chat_ws_error(ws, ref, codes[i], NULL, NULL);
            return;
        }
    }

    ngx_http_chat_ws_error(ws, ref, "unavailable", NULL, NULL);
}
