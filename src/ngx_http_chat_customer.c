
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#include "ngx_http_chat_endpoint.h"
#include "ngx_http_chat_query.h"
#include "ngx_http_chat_reply.h"


/* What agents see of a visitor, and do with him. */


#define NGX_HTTP_CHAT_CUSTOMER_PAGE  50


static ngx_int_t ngx_http_chat_customer_page(ngx_http_request_t *r,
    ngx_http_chat_args_t *args, ngx_int_t *rc);


ngx_int_t
ngx_http_chat_customer_conversations(ngx_http_request_t *r,
    ngx_http_chat_ctx_t *ctx)
{
    ngx_int_t             rc;
    ngx_http_chat_args_t  args;

    ngx_http_chat_args_init(&args);
    ngx_http_chat_arg_actor(&args, &ctx->actor);
    ngx_http_chat_arg_id(&args, &ctx->id);

    if (ngx_http_chat_customer_page(r, &args, &rc) != NGX_OK) {
        return rc;
    }

    ngx_http_chat_arg_epoch(&args);

    return ngx_http_chat_query_answer(r, ctx, NGX_HTTP_CHAT_SLOW,
                                      NGX_HTTP_CHAT_Q_CUSTOMER_CONVERSATIONS,
                                      &args);
}


ngx_int_t
ngx_http_chat_customer_track(ngx_http_request_t *r,
    ngx_http_chat_ctx_t *ctx)
{
    ngx_int_t             rc;
    ngx_http_chat_args_t  args;

    ngx_http_chat_args_init(&args);
    ngx_http_chat_arg_actor(&args, &ctx->actor);
    ngx_http_chat_arg_id(&args, &ctx->id);

    if (ngx_http_chat_customer_page(r, &args, &rc) != NGX_OK) {
        return rc;
    }

    return ngx_http_chat_query_answer(r, ctx, NGX_HTTP_CHAT_SLOW,
                                      NGX_HTTP_CHAT_Q_CUSTOMER_TRACK, &args);
}


/* POST blocks, DELETE lets in again */

ngx_int_t
ngx_http_chat_customer_block(ngx_http_request_t *r, ngx_http_chat_ctx_t *ctx)
{
    ngx_int_t             rc;
    ngx_http_chat_args_t  args;

    if (ngx_http_chat_query_limit(r, ctx, NGX_HTTP_CHAT_LIMIT_CHANGE, &rc)
        != NGX_OK)
    {
        return rc;
    }

    ngx_http_chat_args_init(&args);
    ngx_http_chat_arg_actor(&args, &ctx->actor);
    ngx_http_chat_arg_id(&args, &ctx->id);
    ngx_http_chat_arg_bool(&args, r->method == NGX_HTTP_POST);

    return ngx_http_chat_query_answer(r, ctx, NGX_HTTP_CHAT_SLOW,
                                      NGX_HTTP_CHAT_Q_VISITOR_BLOCK, &args);
}


ngx_int_t
ngx_http_chat_customer_erase(ngx_http_request_t *r, ngx_http_chat_ctx_t *ctx)
{
    ngx_int_t             rc;
    ngx_http_chat_args_t  args;

    if (ngx_http_chat_query_limit(r, ctx, NGX_HTTP_CHAT_LIMIT_CHANGE, &rc)
        != NGX_OK)
    {
        return rc;
    }

    ngx_http_chat_args_init(&args);
    ngx_http_chat_arg_actor(&args, &ctx->actor);
    ngx_http_chat_arg_id(&args, &ctx->id);

    return ngx_http_chat_query_answer(r, ctx, NGX_HTTP_CHAT_SLOW,
                                      NGX_HTTP_CHAT_Q_VISITOR_ERASE, &args);
}


/* NGX_ERROR: *rc is the return value of a 422 that has been sent */

static ngx_int_t
ngx_http_chat_customer_page(ngx_http_request_t *r,
    ngx_http_chat_args_t *args, ngx_int_t *rc)
{
    int64_t    limit;
    ngx_str_t  before;

    limit = NGX_HTTP_CHAT_CUSTOMER_PAGE;

    if (ngx_http_chat_query_number(r, "limit", NGX_MAX_INT32_VALUE, &limit,
                                   rc)
        == NGX_ERROR)
    {
        return NGX_ERROR;
    }

    ngx_http_chat_arg_int4(args, (int32_t) limit);
    ngx_http_chat_arg_text(args,
        ngx_http_chat_query_arg(r, "before", &before) == NGX_OK
        ? &before : NULL);

    return NGX_OK;
}
