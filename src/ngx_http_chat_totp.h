
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#ifndef _NGX_HTTP_CHAT_TOTP_H_INCLUDED_
#define _NGX_HTTP_CHAT_TOTP_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_http_chat_id.h"
#include "ngx_http_chat_key.h"


/*
 * One-time passwords by time: RFC 6238 with SHA-1, 30 s and 6 digits, and the
 * codes that replace them once.
 */

#define NGX_HTTP_CHAT_TOTP_SECRET    20
#define NGX_HTTP_CHAT_TOTP_TEXT      32      /* of a secret, base32 */
#define NGX_HTTP_CHAT_TOTP_STEP      30      /* seconds */

/* AES-256-GCM: id of the key, nonce, secret, tag */
#define NGX_HTTP_CHAT_TOTP_SEALED    (4 + 12 + NGX_HTTP_CHAT_TOTP_SECRET + 16)

#define NGX_HTTP_CHAT_TOTP_CODES     10
#define NGX_HTTP_CHAT_TOTP_CODE      19      /* "abcd-efgh-ijkl-mnop" */
#define NGX_HTTP_CHAT_TOTP_HASH      32


typedef struct {
    ngx_str_t                 sealed;        /* as it is stored */
    int64_t                   last;          /* step of the last code used */
    int64_t                   step;
    u_char                    again[NGX_HTTP_CHAT_TOTP_SEALED];
    ngx_uint_t                moved;
} ngx_http_chat_totp_t;


/*
 * A new secret of an agent: sealed by the first key for what is stored, and
 * as the text that is shown once.  NGX_ERROR.
 */
ngx_int_t ngx_http_chat_totp_new(ngx_http_chat_keys_t *keys,
    ngx_http_chat_id_t *agent, u_char *sealed, u_char *text);

/*
 * Whether a code is that of now (seconds since the epoch), or of the step
 * before or after, and of a later step than the last that was used; then
 * t->step is that one, and if the secret was not sealed by the first key,
 * t->again is sealed by it and t->moved is set.  NGX_DECLINED: it is not;
 * NGX_ABORT: the key by which it was sealed is not there any more; NGX_ERROR.
 */
ngx_int_t ngx_http_chat_totp_check(ngx_http_chat_keys_t *keys,
    ngx_http_chat_id_t *agent, ngx_http_chat_totp_t *t, ngx_str_t *code,
    int64_t now);

/* a code in place of one of six digits: its text, and its hash.  NGX_ERROR. */
ngx_int_t ngx_http_chat_totp_recovery(u_char *text, u_char *hash);

/* the hash of what somebody has typed in; NGX_DECLINED: it is no such code */
ngx_int_t ngx_http_chat_totp_recovery_hash(ngx_str_t *text, u_char *hash);


#endif /* _NGX_HTTP_CHAT_TOTP_H_INCLUDED_ */
