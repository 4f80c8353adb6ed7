
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#include "ngx_http_chat_command.h"
#include "ngx_http_chat_query.h"
#include "ngx_http_chat_reply.h"


static void ngx_http_chat_query_done(ngx_http_chat_call_t *call);
static ngx_int_t ngx_http_chat_query_invalid(ngx_http_request_t *r,
    const char *name, const char *detail, ngx_int_t *rc);


ngx_int_t
ngx_http_chat_query_call(ngx_http_request_t *r, ngx_http_chat_ctx_t *ctx,
    ngx_http_chat_lane_e lane, ngx_http_chat_query_e query,
    ngx_http_chat_args_t *args, ngx_http_chat_call_pt done)
{
    ngx_http_chat_call_t  *call;

    call = ngx_http_chat_store_call(lane, query, args, done, NULL);
    if (call == NULL) {
        return ngx_http_chat_reply_failed(r, NGX_BUSY);
    }

    (void) ngx_http_chat_wait(r, ctx, call);

    return NGX_DONE;
}


ngx_int_t
ngx_http_chat_query_command(ngx_http_request_t *r, ngx_http_chat_ctx_t *ctx,
    ngx_http_chat_command_t *cmd)
{
    if (cmd == NULL) {
        return ngx_http_chat_reply_failed(r, NGX_BUSY);
    }

    (void) ngx_http_chat_wait_command(r, ctx, cmd);

    return NGX_DONE;
}


ngx_int_t
ngx_http_chat_query_receipt(ngx_http_request_t *r,
    ngx_http_chat_command_t *cmd, ngx_http_chat_id_t *id,
    ngx_str_t *client_id)
{
    u_char      *p;
    ngx_str_t    body;
    ngx_uint_t   duplicate;

    p = ngx_pnalloc(r->pool, sizeof("{\"id\":\"\",\"seq\":,"
                                    "\"client_msg_id\":\"\","
                                    "\"created_at\":\"\","
                                    "\"duplicate\":false,\"next\":\"\"}")
                             + NGX_HTTP_CHAT_ID_LEN + NGX_INT64_LEN
                             + client_id->len + NGX_HTTP_CHAT_TIME_LEN
                             + NGX_HTTP_CHAT_CURSOR_LEN);
    if (p == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    duplicate = ngx_http_chat_command_is(cmd, "duplicate");

    body.data = p;

    p = ngx_cpymem(p, "{\"id\":\"", sizeof("{\"id\":\"") - 1);
    p = ngx_http_chat_id_write(p, id);
    p = ngx_cpymem(p, "\",\"seq\":", sizeof("\",\"seq\":") - 1);
    p = ngx_http_chat_number_write(p, (uint64_t) cmd->seq);
    p = ngx_cpymem(p, ",\"client_msg_id\":\"",
                   sizeof(",\"client_msg_id\":\"") - 1);
    p = ngx_cpymem(p, client_id->data, client_id->len);
    p = ngx_cpymem(p, "\",\"created_at\":\"",
                   sizeof("\",\"created_at\":\"") - 1);
    p = ngx_http_chat_time_write(p, cmd->created);

    if (duplicate) {
        p = ngx_cpymem(p, "\",\"duplicate\":true,\"next\":\"",
                       sizeof("\",\"duplicate\":true,\"next\":\"") - 1);

    } else {
        p = ngx_cpymem(p, "\",\"duplicate\":false,\"next\":\"",
                       sizeof("\",\"duplicate\":false,\"next\":\"") - 1);
    }

    p = ngx_http_chat_cursor_write(p, ngx_http_chat_store_epoch(), cmd->seq);
    *p++ = '"';
    *p++ = '}';

    body.len = p - body.data;

    return ngx_http_chat_reply_json(r, duplicate ? NGX_HTTP_OK
                                                 : NGX_HTTP_CREATED, &body);
}


ngx_int_t
ngx_http_chat_query_answer(ngx_http_request_t *r, ngx_http_chat_ctx_t *ctx,
    ngx_http_chat_lane_e lane, ngx_http_chat_query_e query,
    ngx_http_chat_args_t *args)
{
    return ngx_http_chat_query_call(r, ctx, lane, query, args,
                                    ngx_http_chat_query_done);
}


ngx_int_t
ngx_http_chat_query_limit(ngx_http_request_t *r, ngx_http_chat_ctx_t *ctx,
    ngx_http_chat_limit_action_e action, ngx_int_t *rc)
{
    ngx_msec_t  wait;

    wait = ngx_http_chat_limit_take(ctx->conf->limit, action, &ctx->actor,
                                    r->connection->sockaddr);
    if (wait == 0) {
        return NGX_OK;
    }

    *rc = ngx_http_chat_reply_later(r, NGX_HTTP_CHAT_RATE_LIMITED,
                                    "too fast", wait);

    return NGX_DECLINED;
}


/* may free r */

static void
ngx_http_chat_query_done(ngx_http_chat_call_t *call)
{
    ngx_int_t            rc;
    ngx_str_t            body, outcome;
    ngx_http_request_t  *r;

    r = call->data;

    if (r == NULL) {
        return;
    }

    if (call->rc != NGX_OK) {
        rc = ngx_http_chat_reply_failed(r, call->rc);
        ngx_http_chat_finalize(r, rc);
        return;
    }

    ngx_http_chat_col_text(call->res, 0, 0, &outcome);
    ngx_http_chat_col_text(call->res, 0, 1, &body);

    if (outcome.len == 2 && ngx_memcmp(outcome.data, "ok", 2) == 0) {
        rc = body.len != 0 ? ngx_http_chat_reply_json(r, NGX_HTTP_OK, &body)
                           : ngx_http_chat_reply_empty(r,
                                                       NGX_HTTP_NO_CONTENT);

    } else {
        rc = ngx_http_chat_reply_outcome(r, &outcome);
    }

    ngx_http_chat_finalize(r, rc);
}


ngx_int_t
ngx_http_chat_query_arg(ngx_http_request_t *r, const char *name,
    ngx_str_t *value)
{
    size_t      i;
    u_char     *dst, *src;
    ngx_str_t   raw;

    if (ngx_http_arg(r, (u_char *) name, ngx_strlen(name), &raw) != NGX_OK
        || raw.len == 0)
    {
        return NGX_DECLINED;
    }

    dst = ngx_pnalloc(r->pool, raw.len);
    if (dst == NULL) {
        return NGX_DECLINED;
    }

    value->data = dst;
    src = dst;

    /* application/x-www-form-urlencoded: "+" is a blank, before the rest */

    for (i = 0; i < raw.len; i++) {
        dst[i] = raw.data[i] == '+' ? ' ' : raw.data[i];
    }

    ngx_unescape_uri(&dst, &src, raw.len, 0);

    value->len = dst - value->data;

    return value->len ? NGX_OK : NGX_DECLINED;
}


static ngx_int_t
ngx_http_chat_query_invalid(ngx_http_request_t *r, const char *name,
    const char *detail, ngx_int_t *rc)
{
    *rc = ngx_http_chat_reply_problem(r, NGX_HTTP_CHAT_INVALID_FIELD, name,
                                      detail);
    return NGX_ERROR;
}


ngx_int_t
ngx_http_chat_query_number(ngx_http_request_t *r, const char *name,
    int64_t max, int64_t *value, ngx_int_t *rc)
{
    off_t      n;
    ngx_str_t  arg;

    if (ngx_http_chat_query_arg(r, name, &arg) != NGX_OK) {
        return NGX_DECLINED;
    }

    n = ngx_atoof(arg.data, arg.len);

    if (n == (off_t) NGX_ERROR || (int64_t) n > max) {
        return ngx_http_chat_query_invalid(r, name,
                                           "it must be a whole number", rc);
    }

    *value = (int64_t) n;

    return NGX_OK;
}


ngx_int_t
ngx_http_chat_query_cursor(ngx_http_request_t *r, const char *name,
    int64_t *seq, ngx_uint_t *tail, ngx_int_t *rc)
{
    ngx_str_t  value;

    *seq = -1;
    *tail = 0;

    if (ngx_http_chat_query_arg(r, name, &value) != NGX_OK) {
        return NGX_OK;
    }

    return ngx_http_chat_query_cursor_value(r, name, &value, seq, tail, rc);
}


ngx_int_t
ngx_http_chat_query_cursor_value(ngx_http_request_t *r, const char *name,
    ngx_str_t *value, int64_t *seq, ngx_uint_t *tail, ngx_int_t *rc)
{
    ngx_http_chat_cursor_t  cursor;

    if (ngx_http_chat_cursor_parse(&cursor, value->data, value->len)
        != NGX_OK)
    {
        return ngx_http_chat_query_invalid(r, name, "it must be a cursor",
                                           rc);
    }

    *seq = cursor.seq;

    *tail = ngx_memcmp(cursor.epoch, ngx_http_chat_store_epoch(),
                       NGX_HTTP_CHAT_EPOCH_LEN)
            != 0;

    return NGX_OK;
}
