
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#ifndef _NGX_HTTP_CHAT_PASSWORD_H_INCLUDED_
#define _NGX_HTTP_CHAT_PASSWORD_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


/*
 * Passwords at rest: scrypt (RFC 7914), in the text form
 * "$scrypt$ln=<log2 N>,r=<r>,p=<p>$<salt>$<hash>", salt and hash in base64
 * without padding.
 */

#define NGX_HTTP_CHAT_PASSWORD_SALT  16
#define NGX_HTTP_CHAT_PASSWORD_HASH  32

/* of new passwords: 32 MiB and about 0.3 s */
#define NGX_HTTP_CHAT_PASSWORD_LN    15
#define NGX_HTTP_CHAT_PASSWORD_R     8
#define NGX_HTTP_CHAT_PASSWORD_P     3


typedef struct {
    ngx_uint_t                ln;
    ngx_uint_t                r;
    ngx_uint_t                p;
    u_char                    salt[NGX_HTTP_CHAT_PASSWORD_SALT];
    u_char                    hash[NGX_HTTP_CHAT_PASSWORD_HASH];
} ngx_http_chat_password_t;


/*
 * NGX_ERROR when it is not the text form, or asks for more than 128 MiB or
 * 16 times the work of a new password.
 */
ngx_int_t ngx_http_chat_password_parse(ngx_http_chat_password_t *pw,
    u_char *p, size_t len);

/* a hash that no password has, at the cost of a new one */
void ngx_http_chat_password_dummy(ngx_http_chat_password_t *pw);

/*
 * Derives the hash of a text with the salt and parameters of pw and compares:
 * NGX_OK, NGX_DECLINED or NGX_ERROR.  Blocks for the time of the work, and may
 * be called in any thread.
 */
ngx_int_t ngx_http_chat_password_verify(ngx_http_chat_password_t *pw,
    u_char *text, size_t len);


/* "$scrypt$ln=15,r=8,p=3$", salt, "$", hash */
#define NGX_HTTP_CHAT_PASSWORD_TEXT  128

/* a new salt, and the parameters of a new password; NGX_ERROR */
ngx_int_t ngx_http_chat_password_new(ngx_http_chat_password_t *pw);

/*
 * Derives pw->hash of a text; NGX_OK or NGX_ERROR.  Blocks and may be called
 * as ngx_http_chat_password_verify().
 */
ngx_int_t ngx_http_chat_password_derive(ngx_http_chat_password_t *pw,
    u_char *text, size_t len);

/* writes the text form, NGX_HTTP_CHAT_PASSWORD_TEXT at most; returns the end */
u_char *ngx_http_chat_password_write(u_char *p,
    ngx_http_chat_password_t *pw);


#endif /* _NGX_HTTP_CHAT_PASSWORD_H_INCLUDED_ */
