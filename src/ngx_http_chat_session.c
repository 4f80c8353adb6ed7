
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#include "ngx_http_chat_auth.h"
#include "ngx_http_chat_body.h"
#include "ngx_http_chat_endpoint.h"
#include "ngx_http_chat_query.h"
#include "ngx_http_chat_reply.h"


/*
 * The session of a visitor: what he says of himself, what the page tells of
 * him, and its end.
 */


/* events of one request, bytes of what is said of one */
#define NGX_HTTP_CHAT_SESSION_TRACKS  10
#define NGX_HTTP_CHAT_SESSION_DATA    2048


typedef struct {
    ngx_str_t                 name;
    ngx_str_t                 email;
    ngx_str_t                 consent;
    ngx_str_t                 locale;
    json_t                   *attributes;
} ngx_http_chat_contact_t;


typedef struct {
    ngx_str_t                 name;
    ngx_str_t                 url;
    ngx_str_t                 at;
    json_t                   *data;
} ngx_http_chat_track_t;


static ngx_int_t ngx_http_chat_session_track_one(ngx_http_request_t *r,
    ngx_http_chat_ctx_t *ctx, json_t *event, ngx_int_t *rc);
static void ngx_http_chat_session_tracked(ngx_http_chat_call_t *call);
static void ngx_http_chat_session_ended(ngx_http_chat_call_t *call);


static ngx_http_chat_field_t  ngx_http_chat_contact_fields[] = {

    { "name", NGX_HTTP_CHAT_F_STRING, 0,
      offsetof(ngx_http_chat_contact_t, name), -1, 400, NULL },

    { "email", NGX_HTTP_CHAT_F_STRING, 0,
      offsetof(ngx_http_chat_contact_t, email), -1, 254, NULL },

    { "consent", NGX_HTTP_CHAT_F_STRING, 0,
      offsetof(ngx_http_chat_contact_t, consent), -1, 32, NULL },

    { "locale", NGX_HTTP_CHAT_F_STRING, 0,
      offsetof(ngx_http_chat_contact_t, locale), -1, 35, NULL },

    { "attributes", NGX_HTTP_CHAT_F_OBJECT, 0,
      offsetof(ngx_http_chat_contact_t, attributes), -1, 0, NULL }
};


static ngx_http_chat_field_t  ngx_http_chat_track_fields[] = {

    { "name", NGX_HTTP_CHAT_F_CLIENT_ID, NGX_HTTP_CHAT_REQUIRED,
      offsetof(ngx_http_chat_track_t, name), -1, 0, NULL },

    { "url", NGX_HTTP_CHAT_F_STRING, 0,
      offsetof(ngx_http_chat_track_t, url), -1, 2048, NULL },

    { "at", NGX_HTTP_CHAT_F_STRING, 0,
      offsetof(ngx_http_chat_track_t, at), -1, 32, NULL },

    { "data", NGX_HTTP_CHAT_F_OBJECT, 0,
      offsetof(ngx_http_chat_track_t, data), -1, 0, NULL }
};


ngx_int_t
ngx_http_chat_session_put(ngx_http_request_t *r, ngx_http_chat_ctx_t *ctx)
{
    ngx_str_t                 attributes;
    ngx_int_t                 rc;
    ngx_http_chat_args_t      args;
    ngx_http_chat_contact_t   c;

    ngx_memzero(&c, sizeof(ngx_http_chat_contact_t));

    if (ngx_http_chat_body_take(r, ctx, ngx_http_chat_contact_fields, 5, &c,
                                &rc)
        != NGX_OK
        || ngx_http_chat_query_limit(r, ctx, NGX_HTTP_CHAT_LIMIT_SEND, &rc)
           != NGX_OK)
    {
        return rc;
    }

    if (c.attributes != NULL
        && ngx_http_chat_body_dump(r, c.attributes, &attributes) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_http_chat_args_init(&args);
    ngx_http_chat_arg_actor(&args, &ctx->actor);
    ngx_http_chat_arg_text(&args, c.name.data ? &c.name : NULL);
    ngx_http_chat_arg_text(&args, c.email.data ? &c.email : NULL);
    ngx_http_chat_arg_text(&args, c.attributes ? &attributes : NULL);
    ngx_http_chat_arg_text(&args, c.consent.data ? &c.consent : NULL);
    ngx_http_chat_arg_text(&args, c.locale.data ? &c.locale : NULL);

    return ngx_http_chat_query_answer(r, ctx, NGX_HTTP_CHAT_FAST,
                                      NGX_HTTP_CHAT_Q_VISITOR_PUT, &args);
}


ngx_int_t
ngx_http_chat_session_track(ngx_http_request_t *r, ngx_http_chat_ctx_t *ctx)
{
    size_t                i, n;
    ngx_int_t             rc;
    ngx_str_t             events;
    ngx_http_chat_args_t  args;

    n = json_array_size(ctx->body);

    if (n == 0 || n > NGX_HTTP_CHAT_SESSION_TRACKS) {
        return ngx_http_chat_reply_problem(r, NGX_HTTP_CHAT_INVALID_FIELD,
                                           NULL, "there have to be 1 to 10 "
                                           "events");
    }

    for (i = 0; i < n; i++) {
        if (ngx_http_chat_session_track_one(r, ctx,
                                            json_array_get(ctx->body, i),
                                            &rc)
            != NGX_OK)
        {
            return rc;
        }
    }

    if (ngx_http_chat_query_limit(r, ctx, NGX_HTTP_CHAT_LIMIT_TRACK, &rc)
        != NGX_OK)
    {
        return rc;
    }

    if (ngx_http_chat_body_dump(r, ctx->body, &events) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_http_chat_args_init(&args);
    ngx_http_chat_arg_actor(&args, &ctx->actor);
    ngx_http_chat_arg_text(&args, &events);

    return ngx_http_chat_query_call(r, ctx, NGX_HTTP_CHAT_SLOW,
                                    NGX_HTTP_CHAT_Q_TRACK, &args,
                                    ngx_http_chat_session_tracked);
}


/* NGX_DECLINED when a problem has been sent: *rc is its return value */

static ngx_int_t
ngx_http_chat_session_track_one(ngx_http_request_t *r,
    ngx_http_chat_ctx_t *ctx, json_t *event, ngx_int_t *rc)
{
    const char             *field, *detail;
    ngx_http_chat_track_t   t;

    ngx_memzero(&t, sizeof(ngx_http_chat_track_t));

    field = "";
    detail = "an event has to be an object";

    if (json_is_object(event)
        && ngx_http_chat_fields_take(event, ngx_http_chat_track_fields, 4,
                                     &t, ctx->conf->max_message, r->pool,
                                     &field, &detail)
           == NGX_OK)
    {
        if (t.at.data != NULL
            && (t.at.len != NGX_HTTP_CHAT_TIME_LEN
                || ngx_http_chat_time_parse(t.at.data) < 0))
        {
            field = "at";
            detail = "it is not a time";

        } else if (t.data != NULL
                   && json_dumpb(t.data, NULL, 0, JSON_COMPACT)
                      > NGX_HTTP_CHAT_SESSION_DATA)
        {
            field = "data";
            detail = "it is too long";

        } else {
            return NGX_OK;
        }
    }

    *rc = ngx_http_chat_reply_problem(r, NGX_HTTP_CHAT_INVALID_FIELD, field,
                                      detail);
    return NGX_DECLINED;
}


/* may free r */

static void
ngx_http_chat_session_tracked(ngx_http_chat_call_t *call)
{
    ngx_int_t            rc;
    ngx_str_t            outcome;
    ngx_http_request_t  *r;

    r = call->data;

    if (r == NULL) {
        return;
    }

    if (call->rc != NGX_OK) {
        rc = ngx_http_chat_reply_failed(r, call->rc);

    } else {
        ngx_http_chat_col_text(call->res, 0, 0, &outcome);

        rc = outcome.len == 2
             ? ngx_http_chat_reply_empty(r, NGX_HTTP_NO_CONTENT)
             : ngx_http_chat_reply_outcome(r, &outcome);
    }

    ngx_http_chat_finalize(r, rc);
}


ngx_int_t
ngx_http_chat_session_end(ngx_http_request_t *r, ngx_http_chat_ctx_t *ctx)
{
    ngx_http_chat_args_t  args;

    ngx_http_chat_args_init(&args);
    ngx_http_chat_arg_actor(&args, &ctx->actor);

    return ngx_http_chat_query_call(r, ctx, NGX_HTTP_CHAT_FAST,
                                    NGX_HTTP_CHAT_Q_SESSION_END, &args,
                                    ngx_http_chat_session_ended);
}


/* may free r */

static void
ngx_http_chat_session_ended(ngx_http_chat_call_t *call)
{
    ngx_int_t             rc;
    ngx_str_t             outcome, none;
    ngx_http_request_t   *r;
    ngx_http_chat_ctx_t  *ctx;

    r = call->data;

    if (r == NULL) {
        return;
    }

    ctx = ngx_http_get_module_ctx(r, ngx_http_chat_module);

    if (call->rc != NGX_OK) {
        ngx_http_chat_finalize(r, ngx_http_chat_reply_failed(r, call->rc));
        return;
    }

    ngx_http_chat_col_text(call->res, 0, 0, &outcome);
    ngx_str_null(&none);

    if (outcome.len != 2) {
        rc = ngx_http_chat_reply_outcome(r, &outcome);

    } else if (!ctx->bearer
               && ngx_http_chat_auth_cookie(r, ctx, NGX_HTTP_CHAT_VISITOR,
                                            &none)
                  != NGX_OK)
    {
        rc = NGX_HTTP_INTERNAL_SERVER_ERROR;

    } else {
        rc = ngx_http_chat_reply_empty(r, NGX_HTTP_NO_CONTENT);
    }

    ngx_http_chat_finalize(r, rc);
}
