
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#ifndef _CHANNEL_SIM_H_INCLUDED_
#define _CHANNEL_SIM_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_http_chat_redis_private.h"


/*
 * A server that keeps the protocol, and somebody who wants channels of it and
 * does not want them any more: the rest of the engine between them.
 */

#define CHANNELS   10000
#define FIXED      CHANNELS                  /* control and all */


typedef struct {
    uint32_t                  seed;

    u_char                    server[CHANNELS + 2];  /* what it sends */
    ngx_uint_t                sent;          /* commands */
    ngx_uint_t                names;         /* in them */
    ngx_uint_t                longest;       /* command, in names */
    ngx_uint_t                wrong;         /* what it was told is odd */
    size_t                    used;          /* of the buffer */
    ngx_uint_t                no_memory;

    u_char                    wanted[CHANNELS];
    u_char                    told[CHANNELS];  /* on_subscribed(), since */
    ngx_uint_t                confirmed;     /* calls of it */
    ngx_uint_t                early;         /* that were not true */
    ngx_uint_t                leaves;        /* odd ones, in it */
    ngx_uint_t                readies;
    ngx_uint_t                refused;
    ngx_uint_t                messages;
} channel_sim_t;

extern ngx_http_chat_redis_t       redis;
extern ngx_http_chat_redis_conf_t  conf;
extern channel_sim_t               sim;


void begin(uint32_t with);
void end(void);

/* connected: what a connection begins with is sent; and its loss */
void join(void);
void lose(void);

/* the loop comes to the posted event, the socket takes what it can */
void flush(void);

/* the server's next answer; 0: there is none */
ngx_uint_t answer(void);

/* until nothing is left to be done */
void settle(void);

ngx_int_t subscribe(ngx_uint_t channel);
void unsubscribe(ngx_uint_t channel);

/* of the first n channels the server sends what is wanted */
ngx_uint_t agreed(ngx_uint_t n);

ngx_uint_t rnd(ngx_uint_t n);
void id_of(ngx_http_chat_id_t *id, ngx_uint_t channel);

/* an array of n: the last of three is 1, or a text when it is to be none */
ngx_int_t says(ngx_uint_t n, const char *what, const char *channel,
    ngx_uint_t integer);


#endif /* _CHANNEL_SIM_H_INCLUDED_ */
