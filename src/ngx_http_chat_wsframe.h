
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#ifndef _NGX_HTTP_CHAT_WSFRAME_H_INCLUDED_
#define _NGX_HTTP_CHAT_WSFRAME_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


/*
 * Frames of RFC 6455, the server's side: no connection and no I/O.  Input may
 * be cut anywhere.  What is wrong is told at the byte that makes it wrong.
 */

#define NGX_HTTP_CHAT_WSFRAME_CONTINUATION  0x0
#define NGX_HTTP_CHAT_WSFRAME_TEXT          0x1
#define NGX_HTTP_CHAT_WSFRAME_BINARY        0x2
#define NGX_HTTP_CHAT_WSFRAME_CLOSE         0x8
#define NGX_HTTP_CHAT_WSFRAME_PING          0x9
#define NGX_HTTP_CHAT_WSFRAME_PONG          0xa

#define NGX_HTTP_CHAT_WSFRAME_CONTROL       125  /* the longest, bytes */
#define NGX_HTTP_CHAT_WSFRAME_HEAD          10   /* of a frame to a client */

/* close codes of section 7.4 that the parser gives */
#define NGX_HTTP_CHAT_WSFRAME_PROTOCOL      1002
#define NGX_HTTP_CHAT_WSFRAME_UNSUPPORTED   1003
#define NGX_HTTP_CHAT_WSFRAME_NO_STATUS     1005
#define NGX_HTTP_CHAT_WSFRAME_BAD_TEXT      1007
#define NGX_HTTP_CHAT_WSFRAME_TOO_BIG       1009
#define NGX_HTTP_CHAT_WSFRAME_INTERNAL      1011


/*
 * The parser of one connection.  Between messages it holds nothing, so that
 * many connections can share one: see ngx_http_chat_wsframe_idle().
 */

typedef struct {
    size_t                    max;           /* bytes of a message */
    size_t                    left;          /* of the frame's payload */
    u_char                   *data;          /* the message so far; malloc */
    size_t                    len;
    size_t                    size;
    u_char                    head[14];
    u_char                    have;          /* bytes of the head */
    u_char                    need;          /* 0: not known yet */
    u_char                    opcode;        /* of the frame */
    u_char                    message;       /* opcode of what is in parts */
    u_char                    phase;         /* of the mask */
    u_char                    rest;          /* UTF-8: bytes to come */
    u_char                    lower;         /* and the next one's range */
    u_char                    upper;
    u_char                    ncontrol;
    u_char                    control[NGX_HTTP_CHAT_WSFRAME_CONTROL];
    unsigned                  fin:1;
    unsigned                  binary:1;      /* such messages are taken */
} ngx_http_chat_wsframe_t;


/* a whole message or control frame; data lives until the next call */

typedef struct {
    ngx_uint_t                opcode;
    ngx_str_t                 data;          /* of CLOSE: the reason */
    ngx_uint_t                code;          /* of CLOSE, or of NGX_ERROR */
} ngx_http_chat_wsframe_message_t;


/* max: bytes of a message; binary: take binary ones, do not refuse them */
void ngx_http_chat_wsframe_init(ngx_http_chat_wsframe_t *f, size_t max,
    ngx_uint_t binary);

/* frees what it holds */
void ngx_http_chat_wsframe_free(ngx_http_chat_wsframe_t *f);

/* there is no frame or message begun */
ngx_uint_t ngx_http_chat_wsframe_idle(ngx_http_chat_wsframe_t *f);

/*
 * Reads from *pos, which it moves, and unmasks in place.  NGX_OK: a message.
 * NGX_AGAIN: all has been read.  NGX_ERROR: close the connection with m->code.
 */
ngx_int_t ngx_http_chat_wsframe_read(ngx_http_chat_wsframe_t *f,
    u_char **pos, u_char *last, ngx_http_chat_wsframe_message_t *m);

/* head of a whole frame, NGX_HTTP_CHAT_WSFRAME_HEAD at most; the end */
u_char *ngx_http_chat_wsframe_head(u_char *p, ngx_uint_t opcode, size_t len);

/* an endpoint may send this code in a close frame */
ngx_uint_t ngx_http_chat_wsframe_code(ngx_uint_t code);


#endif /* _NGX_HTTP_CHAT_WSFRAME_H_INCLUDED_ */
