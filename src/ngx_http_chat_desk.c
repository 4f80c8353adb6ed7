
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#include "ngx_http_chat_body.h"
#include "ngx_http_chat_endpoint.h"
#include "ngx_http_chat_identity.h"
#include "ngx_http_chat_origin.h"
#include "ngx_http_chat_query.h"
#include "ngx_http_chat_reply.h"
#include "ngx_http_chat_revoke.h"
#include "ngx_http_chat_token.h"


/*
 * What agents manage: one row for each action of chat.desk_1(), which knows
 * who may.  Here fields are checked for their types; the body goes on as the
 * JSON that it is.
 */


/* the answer says a token, of which PostgreSQL gets the hash */
#define NGX_HTTP_CHAT_DESK_TOKEN     0x01
/* of chat.desk_site_1() */
#define NGX_HTTP_CHAT_DESK_SITE      0x02
/* "key" may be a public key */
#define NGX_HTTP_CHAT_DESK_PUBLIC    0x04
/* of chat.desk_key_1() */
#define NGX_HTTP_CHAT_DESK_KEY       0x08
/* the token is an API key */
#define NGX_HTTP_CHAT_DESK_API       0x10
/* there may be "origins", which workers know */
#define NGX_HTTP_CHAT_DESK_ORIGIN    0x20

#define NGX_HTTP_CHAT_DESK_ORIGINS   20

#define NGX_HTTP_CHAT_DESK_NAME      400     /* bytes of 100 characters */


/* where fields are put that are only looked at */

typedef union {
    ngx_str_t                 s;
    int64_t                   n;
    ngx_uint_t                on;
    json_t                   *list;
} ngx_http_chat_desk_value_t;


typedef struct {
    const char               *action;        /* of the route */
    ngx_uint_t                flags;
    ngx_http_chat_field_t    *fields;
    ngx_uint_t                n;
    const char              **query;         /* arguments for the body */
} ngx_http_chat_desk_t;


static ngx_http_chat_desk_t *ngx_http_chat_desk_find(
    ngx_http_chat_ctx_t *ctx);
static ngx_str_t *ngx_http_chat_desk_token(ngx_http_request_t *r,
    ngx_http_chat_desk_t *d, ngx_http_chat_id_t *id, u_char *hash);
static ngx_int_t ngx_http_chat_desk_body(ngx_http_request_t *r,
    ngx_http_chat_ctx_t *ctx, ngx_http_chat_desk_t *d, ngx_str_t *body,
    ngx_int_t *rc);
static ngx_int_t ngx_http_chat_desk_public(ngx_http_request_t *r,
    ngx_http_chat_ctx_t *ctx, ngx_int_t *rc);
static ngx_int_t ngx_http_chat_desk_origins(ngx_http_request_t *r,
    ngx_http_chat_ctx_t *ctx, ngx_int_t *rc);
static json_t *ngx_http_chat_desk_origin(json_t *value);
static json_t *ngx_http_chat_desk_query(ngx_http_request_t *r,
    const char **names, const char **wrong);
static void ngx_http_chat_desk_done(ngx_http_chat_call_t *call);
static ngx_int_t ngx_http_chat_desk_answer(ngx_http_request_t *r,
    ngx_str_t *outcome, ngx_str_t *body, ngx_str_t *token);


static const char  *ngx_http_chat_desk_roles[] = {
    "agent", "supervisor", "admin", NULL
};

static const char  *ngx_http_chat_desk_availabilities[] = {
    "online", "busy", "away", NULL
};

static const char  *ngx_http_chat_desk_policies[] = {
    "manual", "round_robin", "least_loaded", NULL
};

static const char  *ngx_http_chat_desk_pages[] = {
    "before", "limit", NULL
};


#define NGX_HTTP_CHAT_DESK_STRING(name, flags, max)                          \
    { name, NGX_HTTP_CHAT_F_STRING, flags, 0, -1, max, NULL }

#define NGX_HTTP_CHAT_DESK_ENUM(name, values)                                \
    { name, NGX_HTTP_CHAT_F_ENUM, 0, 0, -1, 0, values }

#define NGX_HTTP_CHAT_DESK_LIST(name, max)                                   \
    { name, NGX_HTTP_CHAT_F_LIST, 0, 0, -1, max, NULL }

#define NGX_HTTP_CHAT_DESK_POLICY                                            \
    { "assignment", NGX_HTTP_CHAT_F_ENUM, NGX_HTTP_CHAT_NULLABLE, 0, -1, 0,  \
      ngx_http_chat_desk_policies }

#define NGX_HTTP_CHAT_DESK_CAPACITY                                          \
    { "capacity", NGX_HTTP_CHAT_F_INT, NGX_HTTP_CHAT_NULLABLE, 0, -1, 1000,  \
      NULL }


static ngx_http_chat_field_t  ngx_http_chat_desk_agent_create[] = {
    NGX_HTTP_CHAT_DESK_STRING("email", NGX_HTTP_CHAT_REQUIRED, 254),
    NGX_HTTP_CHAT_DESK_STRING("name", NGX_HTTP_CHAT_REQUIRED,
                              NGX_HTTP_CHAT_DESK_NAME),
    NGX_HTTP_CHAT_DESK_ENUM("role", ngx_http_chat_desk_roles),
    NGX_HTTP_CHAT_DESK_LIST("teams", NGX_HTTP_CHAT_ID_LEN),
    NGX_HTTP_CHAT_DESK_CAPACITY
};

static ngx_http_chat_field_t  ngx_http_chat_desk_agent_change[] = {
    NGX_HTTP_CHAT_DESK_STRING("email", 0, 254),
    NGX_HTTP_CHAT_DESK_STRING("name", 0, NGX_HTTP_CHAT_DESK_NAME),
    NGX_HTTP_CHAT_DESK_ENUM("role", ngx_http_chat_desk_roles),
    NGX_HTTP_CHAT_DESK_ENUM("availability",
                            ngx_http_chat_desk_availabilities),
    NGX_HTTP_CHAT_DESK_LIST("teams", NGX_HTTP_CHAT_ID_LEN),
    NGX_HTTP_CHAT_DESK_CAPACITY,
    { "idle", NGX_HTTP_CHAT_F_BOOL, 0, 0, -1, 0, NULL },
    { "disabled", NGX_HTTP_CHAT_F_BOOL, 0, 0, -1, 0, NULL }
};

static ngx_http_chat_field_t  ngx_http_chat_desk_team_create[] = {
    NGX_HTTP_CHAT_DESK_STRING("name", NGX_HTTP_CHAT_REQUIRED,
                              NGX_HTTP_CHAT_DESK_NAME),
    NGX_HTTP_CHAT_DESK_LIST("members", NGX_HTTP_CHAT_ID_LEN),
    NGX_HTTP_CHAT_DESK_POLICY
};

static ngx_http_chat_field_t  ngx_http_chat_desk_team_change[] = {
    NGX_HTTP_CHAT_DESK_STRING("name", 0, NGX_HTTP_CHAT_DESK_NAME),
    NGX_HTTP_CHAT_DESK_LIST("members", NGX_HTTP_CHAT_ID_LEN),
    NGX_HTTP_CHAT_DESK_POLICY
};


static ngx_http_chat_field_t  ngx_http_chat_desk_label_create[] = {
    NGX_HTTP_CHAT_DESK_STRING("name", NGX_HTTP_CHAT_REQUIRED, 128),
    NGX_HTTP_CHAT_DESK_STRING("color", NGX_HTTP_CHAT_NULLABLE, 7)
};

static ngx_http_chat_field_t  ngx_http_chat_desk_canned_create[] = {
    NGX_HTTP_CHAT_DESK_STRING("shortcut", NGX_HTTP_CHAT_REQUIRED, 128),
    { "text", NGX_HTTP_CHAT_F_TEXT, NGX_HTTP_CHAT_REQUIRED, 0, -1, 0, NULL },
    NGX_HTTP_CHAT_DESK_STRING("title", 0, NGX_HTTP_CHAT_DESK_NAME),
    NGX_HTTP_CHAT_DESK_STRING("locale", NGX_HTTP_CHAT_NULLABLE, 3)
};

static ngx_http_chat_field_t  ngx_http_chat_desk_canned_change[] = {
    NGX_HTTP_CHAT_DESK_STRING("shortcut", 0, 128),
    { "text", NGX_HTTP_CHAT_F_TEXT, 0, 0, -1, 0, NULL },
    NGX_HTTP_CHAT_DESK_STRING("title", 0, NGX_HTTP_CHAT_DESK_NAME),
    NGX_HTTP_CHAT_DESK_STRING("locale", NGX_HTTP_CHAT_NULLABLE, 3)
};


#define NGX_HTTP_CHAT_DESK_ANY(name)                                         \
    { name, NGX_HTTP_CHAT_F_ANY, 0, 0, -1, 0, NULL }

static ngx_http_chat_field_t  ngx_http_chat_desk_site_change[] = {
    { "version", NGX_HTTP_CHAT_F_INT, NGX_HTTP_CHAT_REQUIRED, 0, -1, 0,
      NULL },
    NGX_HTTP_CHAT_DESK_ANY("title"),
    NGX_HTTP_CHAT_DESK_ANY("locale"),
    NGX_HTTP_CHAT_DESK_ANY("theme"),
    NGX_HTTP_CHAT_DESK_ANY("prechat"),
    NGX_HTTP_CHAT_DESK_ANY("away"),
    NGX_HTTP_CHAT_DESK_ANY("consent"),
    NGX_HTTP_CHAT_DESK_ANY("one_conversation"),
    NGX_HTTP_CHAT_DESK_ANY("assignment"),
    NGX_HTTP_CHAT_DESK_ANY("origins"),
    NGX_HTTP_CHAT_DESK_ANY("track_days")
};

static const char  *ngx_http_chat_desk_algorithms[] = {
    "HS256", "ES256", NULL
};

static ngx_http_chat_field_t  ngx_http_chat_desk_site_key_create[] = {
    NGX_HTTP_CHAT_DESK_STRING("kid", NGX_HTTP_CHAT_REQUIRED, 64),
    { "alg", NGX_HTTP_CHAT_F_ENUM, NGX_HTTP_CHAT_REQUIRED, 0, -1, 0,
      ngx_http_chat_desk_algorithms },
    NGX_HTTP_CHAT_DESK_STRING("key", 0, 1024)
};

static ngx_http_chat_field_t  ngx_http_chat_desk_key_create[] = {
    NGX_HTTP_CHAT_DESK_STRING("name", NGX_HTTP_CHAT_REQUIRED,
                              NGX_HTTP_CHAT_DESK_NAME),
    { "scopes", NGX_HTTP_CHAT_F_LIST, NGX_HTTP_CHAT_REQUIRED, 0, -1, 32,
      NULL },
    NGX_HTTP_CHAT_DESK_STRING("expires_at", NGX_HTTP_CHAT_NULLABLE, 40)
};

static ngx_http_chat_field_t  ngx_http_chat_desk_visitor_change[] = {
    NGX_HTTP_CHAT_DESK_STRING("name", 0, NGX_HTTP_CHAT_DESK_NAME),
    NGX_HTTP_CHAT_DESK_STRING("email", 0, 254),
    { "attributes", NGX_HTTP_CHAT_F_OBJECT, 0, 0, -1, 0, NULL }
};


#define ngx_http_chat_desk_fields(f)                                         \
    f, sizeof(f) / sizeof(ngx_http_chat_field_t)

static ngx_http_chat_desk_t  ngx_http_chat_desk_actions[] = {

    { "agents", 0, NULL, 0, NULL },
    { "agent", 0, NULL, 0, NULL },
    { "agent_create", NGX_HTTP_CHAT_DESK_TOKEN,
      ngx_http_chat_desk_fields(ngx_http_chat_desk_agent_create), NULL },
    { "agent_change", 0,
      ngx_http_chat_desk_fields(ngx_http_chat_desk_agent_change), NULL },
    { "agent_invite", NGX_HTTP_CHAT_DESK_TOKEN, NULL, 0, NULL },

    { "sessions", 0, NULL, 0, NULL },
    { "sessions_end", 0, NULL, 0, NULL },
    { "session_revoke", 0, NULL, 0, NULL },

    { "teams", 0, NULL, 0, NULL },
    { "team_create", 0,
      ngx_http_chat_desk_fields(ngx_http_chat_desk_team_create), NULL },
    { "team_change", 0,
      ngx_http_chat_desk_fields(ngx_http_chat_desk_team_change), NULL },
    { "team_delete", 0, NULL, 0, NULL },

    { "labels", 0, NULL, 0, NULL },
    { "label_create", 0,
      ngx_http_chat_desk_fields(ngx_http_chat_desk_label_create), NULL },
    { "label_delete", 0, NULL, 0, NULL },

    { "canned", 0, NULL, 0, NULL },
    { "canned_create", 0,
      ngx_http_chat_desk_fields(ngx_http_chat_desk_canned_create), NULL },
    { "canned_change", 0,
      ngx_http_chat_desk_fields(ngx_http_chat_desk_canned_change), NULL },
    { "canned_delete", 0, NULL, 0, NULL },

    { "site", NGX_HTTP_CHAT_DESK_SITE, NULL, 0, NULL },
    { "site_change", NGX_HTTP_CHAT_DESK_SITE|NGX_HTTP_CHAT_DESK_ORIGIN,
      ngx_http_chat_desk_fields(ngx_http_chat_desk_site_change), NULL },
    { "site_keys", NGX_HTTP_CHAT_DESK_SITE, NULL, 0, NULL },
    { "site_key_create", NGX_HTTP_CHAT_DESK_SITE|NGX_HTTP_CHAT_DESK_PUBLIC,
      ngx_http_chat_desk_fields(ngx_http_chat_desk_site_key_create), NULL },
    { "site_key_revoke", NGX_HTTP_CHAT_DESK_SITE, NULL, 0, NULL },

    { "keys", NGX_HTTP_CHAT_DESK_KEY, NULL, 0, NULL },
    { "key_create", NGX_HTTP_CHAT_DESK_KEY|NGX_HTTP_CHAT_DESK_TOKEN
                    |NGX_HTTP_CHAT_DESK_API,
      ngx_http_chat_desk_fields(ngx_http_chat_desk_key_create), NULL },
    { "key_revoke", NGX_HTTP_CHAT_DESK_KEY, NULL, 0, NULL },

    { "visitor_change", NGX_HTTP_CHAT_DESK_KEY,
      ngx_http_chat_desk_fields(ngx_http_chat_desk_visitor_change), NULL },

    { "audit", 0, NULL, 0, ngx_http_chat_desk_pages },

    { NULL, 0, NULL, 0, NULL }
};


ngx_int_t
ngx_http_chat_desk(ngx_http_request_t *r, ngx_http_chat_ctx_t *ctx)
{
    u_char                 hash[NGX_HTTP_CHAT_SECRET_HASH];
    ngx_int_t              rc;
    ngx_str_t              action, body, *token;
    ngx_http_chat_id_t     id;
    ngx_http_chat_args_t   args;
    ngx_http_chat_query_e  query;
    ngx_http_chat_desk_t  *d;

    d = ngx_http_chat_desk_find(ctx);

    if (d == NULL || ngx_http_chat_id_make(&id) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (ngx_http_chat_desk_body(r, ctx, d, &body, &rc) != NGX_OK) {
        return rc;
    }

    if ((r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD)) == 0
        && ngx_http_chat_query_limit(r, ctx, NGX_HTTP_CHAT_LIMIT_CHANGE, &rc)
           != NGX_OK)
    {
        return rc;
    }

    token = NULL;

    if (d->flags & NGX_HTTP_CHAT_DESK_TOKEN) {

        token = ngx_http_chat_desk_token(r, d, &id, hash);
        if (token == NULL) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }
    }

    ctx->data = token;

    action.data = (u_char *) d->action;
    action.len = ngx_strlen(d->action);

    ngx_http_chat_args_init(&args);
    ngx_http_chat_arg_text(&args, &action);
    ngx_http_chat_arg_actor(&args, &ctx->actor);
    ngx_http_chat_arg_id(&args, ctx->is_id ? &ctx->id : NULL);
    ngx_http_chat_arg_id(&args, &id);

    if (token != NULL) {
        ngx_http_chat_arg_bytes(&args, hash, NGX_HTTP_CHAT_SECRET_HASH);

    } else {
        ngx_http_chat_arg_null(&args);
    }

    ngx_http_chat_arg_text(&args, body.len ? &body : NULL);

    if (d->flags & NGX_HTTP_CHAT_DESK_SITE) {
        query = NGX_HTTP_CHAT_Q_DESK_SITE;

    } else if (d->flags & NGX_HTTP_CHAT_DESK_KEY) {
        query = NGX_HTTP_CHAT_Q_DESK_KEY;

    } else {
        query = NGX_HTTP_CHAT_Q_DESK;
    }

    return ngx_http_chat_query_call(r, ctx, NGX_HTTP_CHAT_SLOW, query, &args,
                                    ngx_http_chat_desk_done);
}


/* NULL on no memory, or no random bytes */

static ngx_str_t *
ngx_http_chat_desk_token(ngx_http_request_t *r, ngx_http_chat_desk_t *d,
    ngx_http_chat_id_t *id, u_char *hash)
{
    ngx_int_t   rc;
    ngx_str_t  *token;

    token = ngx_palloc(r->pool, sizeof(ngx_str_t)
                                + NGX_HTTP_CHAT_API_KEY_LEN);
    if (token == NULL) {
        return NULL;
    }

    token->data = (u_char *) token + sizeof(ngx_str_t);

    if (d->flags & NGX_HTTP_CHAT_DESK_API) {
        token->len = NGX_HTTP_CHAT_API_KEY_LEN;
        rc = ngx_http_chat_token_key_new(id, token->data, hash);

    } else {
        token->len = NGX_HTTP_CHAT_SECRET_LEN;
        rc = ngx_http_chat_token_new(token->data, hash);
    }

    return rc == NGX_OK ? token : NULL;
}


static ngx_http_chat_desk_t *
ngx_http_chat_desk_find(ngx_http_chat_ctx_t *ctx)
{
    ngx_http_chat_desk_t  *d;

    for (d = ngx_http_chat_desk_actions; d->action != NULL; d++) {

        if (ngx_strcmp(d->action, ctx->route->action) == 0) {
            return d;
        }
    }

    return NULL;
}


/* NGX_DECLINED: *rc is the return value of a problem that has been sent */

static ngx_int_t
ngx_http_chat_desk_body(ngx_http_request_t *r, ngx_http_chat_ctx_t *ctx,
    ngx_http_chat_desk_t *d, ngx_str_t *body, ngx_int_t *rc)
{
    json_t                      *json;
    const char                  *wrong;
    ngx_http_chat_desk_value_t   value;

    ngx_str_null(body);

    if (ctx->body != NULL) {

        if (ngx_http_chat_body_take(r, ctx, d->fields, d->n, &value, rc)
            != NGX_OK)
        {
            return NGX_DECLINED;
        }

        if ((d->flags & NGX_HTTP_CHAT_DESK_PUBLIC)
            && ngx_http_chat_desk_public(r, ctx, rc) != NGX_OK)
        {
            return NGX_DECLINED;
        }

        if ((d->flags & NGX_HTTP_CHAT_DESK_ORIGIN)
            && ngx_http_chat_desk_origins(r, ctx, rc) != NGX_OK)
        {
            return NGX_DECLINED;
        }

        json = json_incref(ctx->body);

    } else if (d->query != NULL) {
        wrong = NULL;
        json = ngx_http_chat_desk_query(r, d->query, &wrong);

        if (wrong != NULL) {
            *rc = ngx_http_chat_reply_problem(r, NGX_HTTP_CHAT_INVALID_FIELD,
                                              wrong, "it is not valid");
            return NGX_DECLINED;
        }

    } else {
        return NGX_OK;
    }

    *rc = NGX_HTTP_INTERNAL_SERVER_ERROR;

    if (json == NULL) {
        return NGX_DECLINED;
    }

    if (ngx_http_chat_body_dump(r, json, body) == NGX_OK) {
        *rc = NGX_OK;
    }

    json_decref(json);

    return *rc == NGX_OK ? NGX_OK : NGX_DECLINED;
}


/* whether a "key" for ES256 is one; NGX_DECLINED as above */

static ngx_int_t
ngx_http_chat_desk_public(ngx_http_request_t *r, ngx_http_chat_ctx_t *ctx,
    ngx_int_t *rc)
{
    json_t      *key;
    const char  *alg;

    alg = json_string_value(json_object_get(ctx->body, "alg"));
    key = json_object_get(ctx->body, "key");

    if (alg[0] != 'E'
        || (key != NULL
            && ngx_http_chat_identity_public(
                   (u_char *) json_string_value(key),
                   json_string_length(key))
               == NGX_OK))
    {
        return NGX_OK;
    }

    *rc = ngx_http_chat_reply_problem(r, NGX_HTTP_CHAT_INVALID_FIELD, "key",
                                      "the public key of P-256 in PEM is "
                                      "needed");
    return NGX_DECLINED;
}


/* "origins" as browsers write them; NGX_DECLINED as above */

static ngx_int_t
ngx_http_chat_desk_origins(ngx_http_request_t *r, ngx_http_chat_ctx_t *ctx,
    ngx_int_t *rc)
{
    size_t       i;
    json_t      *list, *made, *origin;
    const char  *wrong;

    list = json_object_get(ctx->body, "origins");

    if (list == NULL || json_is_null(list)) {
        return NGX_OK;
    }

    if (!json_is_array(list)
        || json_array_size(list) > NGX_HTTP_CHAT_DESK_ORIGINS)
    {
        wrong = "an array of at most 20 origins is needed";
        goto refused;
    }

    *rc = NGX_HTTP_INTERNAL_SERVER_ERROR;

    made = json_array();
    if (made == NULL) {
        return NGX_DECLINED;
    }

    for (i = 0; i < json_array_size(list); i++) {

        origin = ngx_http_chat_desk_origin(json_array_get(list, i));

        if (origin == NULL) {
            json_decref(made);
            wrong = "an origin is \"https://\" or \"http://\", a host and "
                    "maybe a port, without wildcard and path";
            goto refused;
        }

        if (json_array_append_new(made, origin) != 0) {
            json_decref(made);
            return NGX_DECLINED;
        }
    }

    return json_object_set_new(ctx->body, "origins", made) == 0
           ? NGX_OK : NGX_DECLINED;

refused:

    *rc = ngx_http_chat_reply_problem(r, NGX_HTTP_CHAT_INVALID_FIELD,
                                      "origins", wrong);
    return NGX_DECLINED;
}


/* a new reference; NULL when it is none */

static json_t *
ngx_http_chat_desk_origin(json_t *value)
{
    u_char  text[NGX_HTTP_CHAT_ORIGIN_LEN], *last;

    if (!json_is_string(value)) {
        return NULL;
    }

    last = ngx_http_chat_origin_write(text,
                                      (u_char *) json_string_value(value),
                                      json_string_length(value));

    return last != NULL ? json_stringn((char *) text, last - text) : NULL;
}


/* a new reference, NULL on no memory, or with *wrong */

static json_t *
ngx_http_chat_desk_query(ngx_http_request_t *r, const char **names,
    const char **wrong)
{
    json_t     *json, *value;
    ngx_str_t   arg;

    json = json_object();

    for ( /* void */ ; json != NULL && *names != NULL; names++) {

        if (ngx_http_chat_query_arg(r, *names, &arg) != NGX_OK) {
            continue;
        }

        value = ngx_strlchr(arg.data, arg.data + arg.len, '\0') == NULL
                ? json_stringn((char *) arg.data, arg.len) : NULL;

        if (value == NULL) {
            *wrong = *names;
        }

        if (value == NULL || json_object_set_new(json, *names, value) != 0) {
            json_decref(json);
            return NULL;
        }
    }

    return json;
}


/* may free r */

static void
ngx_http_chat_desk_done(ngx_http_chat_call_t *call)
{
    ngx_int_t             rc;
    ngx_str_t             body, outcome;
    ngx_http_request_t   *r;
    ngx_http_chat_ctx_t  *ctx;

    r = call->data;

    if (r == NULL) {
        return;
    }

    ctx = ngx_http_get_module_ctx(r, ngx_http_chat_module);

    if (call->rc != NGX_OK) {
        rc = ngx_http_chat_reply_failed(r, call->rc);

    } else {
        ngx_http_chat_col_text(call->res, 0, 0, &outcome);
        ngx_http_chat_col_text(call->res, 0, 1, &body);

        if ((ngx_http_chat_desk_find(ctx)->flags & NGX_HTTP_CHAT_DESK_ORIGIN)
            && outcome.len == 2 && ngx_memcmp(outcome.data, "ok", 2) == 0)
        {
            ngx_http_chat_revoke_settings(ctx->conf->site);
        }

        rc = ngx_http_chat_desk_answer(r, &outcome, &body, ctx->data);
    }

    ngx_http_chat_finalize(r, rc);
}


/* a token comes first in the object */

static ngx_int_t
ngx_http_chat_desk_answer(ngx_http_request_t *r, ngx_str_t *outcome,
    ngx_str_t *body, ngx_str_t *token)
{
    u_char      *p;
    ngx_str_t    text;
    ngx_uint_t   status;

    if (outcome->len == 2 && ngx_memcmp(outcome->data, "ok", 2) == 0) {
        status = NGX_HTTP_OK;

    } else if (outcome->len == 7
               && ngx_memcmp(outcome->data, "created", 7) == 0)
    {
        status = NGX_HTTP_CREATED;

    } else if (outcome->len == 8
               && ngx_memcmp(outcome->data, "conflict", 8) == 0
               && body->len > 2)
    {
        /* with what it is in conflict with */

        text.data = body->data + 1;
        text.len = body->len - 2;

        return ngx_http_chat_reply_problem_with(r, NGX_HTTP_CHAT_CONFLICT,
                                                "version", "it has changed "
                                                "meanwhile", &text);

    } else {
        return ngx_http_chat_reply_outcome(r, outcome);
    }

    if (body->len == 0) {
        return ngx_http_chat_reply_empty(r, NGX_HTTP_NO_CONTENT);
    }

    if (token == NULL || body->data[0] != '{') {
        return ngx_http_chat_reply_json(r, status, body);
    }

    p = ngx_pnalloc(r->pool, body->len + token->len
                             + sizeof("\"token\":\"\",") - 1);
    if (p == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    text.data = p;

    p = ngx_cpymem(p, "{\"token\":\"", sizeof("{\"token\":\"") - 1);
    p = ngx_cpymem(p, token->data, token->len);
    p = ngx_cpymem(p, "\",", 2);
    p = ngx_cpymem(p, body->data + 1, body->len - 1);

    text.len = p - text.data;

    return ngx_http_chat_reply_json(r, status, &text);
}
