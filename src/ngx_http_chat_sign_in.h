
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#ifndef _NGX_HTTP_CHAT_SIGN_IN_H_INCLUDED_
#define _NGX_HTTP_CHAT_SIGN_IN_H_INCLUDED_


#include "ngx_http_chat.h"
#include "ngx_http_chat_auth.h"
#include "ngx_http_chat_totp.h"
#include "ngx_http_chat_verify.h"

#include <openssl/evp.h>


/*
 * Sign-in of an agent: the row by e-mail, the password on the thread pool,
 * the session.  An unknown e-mail takes the same steps but the last.  One
 * whom the configuration identifies begins with the session.
 */

typedef struct {
    ngx_str_t                 email;         /* owned by the body */
    ngx_str_t                 password;
    ngx_str_t                 mode;
    ngx_str_t                 code;

    u_char                    hash[EVP_MAX_MD_SIZE];   /* of the e-mail */
    ngx_uint_t                known;         /* the e-mail is an agent's */
    ngx_http_chat_id_t        agent;
    ngx_str_t                 stored;        /* text form of the hash */
    ngx_http_chat_totp_t      totp;          /* no "sealed": one factor */
    ngx_uint_t                recovery;      /* "code" stands in for one */
    u_char                    recovered[EVP_MAX_MD_SIZE];
    ngx_uint_t                second;        /* the password was right */
    ngx_http_chat_verify_t   *verify;        /* NULL when it is not running */

    ngx_str_t                 name;          /* by "chat_agent_identity" */
    ngx_str_t                 role;          /* by "chat_agent_role" */

    u_char                    token[NGX_HTTP_CHAT_AGENT_TOKEN_LEN];
    ngx_http_request_t       *request;
} ngx_http_chat_sign_in_t;


#define ngx_http_chat_sign_in_counted(ctx)                                   \
    (!(ctx)->conf->limit->off                                                \
     && (ctx)->conf->limit->rates[NGX_HTTP_CHAT_LIMIT_FAILURES].n != 0)


/* all of these return what finalizes the request, or NGX_DONE */

/* the session of s->agent, whose password was that of s->stored */
ngx_int_t ngx_http_chat_sign_in_session(ngx_http_request_t *r,
    ngx_http_chat_sign_in_t *s);

/* of whom "chat_agent_identity" says who it is; s is zeroed but for "mode" */
ngx_int_t ngx_http_chat_sign_in_identity(ngx_http_request_t *r,
    ngx_http_chat_ctx_t *ctx, ngx_http_chat_sign_in_t *s);

/* what is wrong counts */
ngx_int_t ngx_http_chat_sign_in_failed(ngx_http_request_t *r);
ngx_int_t ngx_http_chat_sign_in_refuse(ngx_http_request_t *r);

/* forgets the failures; nobody waits for that */
void ngx_http_chat_sign_in_passed(ngx_http_request_t *r,
    ngx_http_chat_sign_in_t *s);

/*
 * NGX_OK; NGX_DECLINED: too many attempts by s->email or from the address at
 * once, or NGX_ERROR: *rc is the answer.  Sets s->hash.
 */
ngx_int_t ngx_http_chat_sign_in_guard(ngx_http_request_t *r,
    ngx_http_chat_ctx_t *ctx, ngx_http_chat_sign_in_t *s, ngx_int_t *rc);


#endif /* _NGX_HTTP_CHAT_SIGN_IN_H_INCLUDED_ */
