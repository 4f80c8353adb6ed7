
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#ifndef _FEED_SIM_H_INCLUDED_
#define _FEED_SIM_H_INCLUDED_


#include "ngx_http_chat.h"
#include "ngx_http_chat_bus.h"
#include "ngx_http_chat_store.h"
#include "pg_result.h"


/*
 * A world for one worker: PostgreSQL as a log of each conversation, a bus
 * that loses, delays, swaps and repeats, and a clock.  Everything that waits
 * is done later, in an order that the seed decides.
 */

#define SIM_CONVERSATIONS  2
#define SIM_PAGE           4                 /* events of a full page */
#define SIM_ENDED          1                 /* an agent's session begins with
                                              * it, a visitor's token is as
                                              * old: it has ended */


typedef struct {
    uint32_t                  seed;
    ngx_uint_t                epoch;
    int64_t                   heads[SIM_CONVERSATIONS];
    ngx_uint_t                calls;         /* made so far */
    void                    (*published)(ngx_http_chat_bus_message_t *m);
    unsigned                  failing:1;     /* calls may fail */
    unsigned                  losing:1;      /* messages may get lost */
    unsigned                  separate:1;    /* as the carriers have it */
} sim_t;

extern sim_t  sim;


uint32_t sim_random(uint32_t n);

void sim_init(uint32_t seed);

/* PostgreSQL is there */
void sim_start(void);

void sim_conversation(ngx_http_chat_id_t *id, ngx_uint_t i);
ngx_uint_t sim_which(ngx_http_chat_id_t *id);

/* a function of the epoch, the conversation and the number */
ngx_uint_t sim_internal(ngx_uint_t conversation, int64_t seq);

/* a row is stored, by this worker or by another, and announced or not */
void sim_append(ngx_uint_t conversation);

/* a member is typing elsewhere */
void sim_signal(ngx_uint_t conversation);

/* the bus is lost or comes back */
void sim_bus(ngx_uint_t ready);

/* another history: the last rows are gone, or replaced by others */
void sim_failover(void);

/* the bus brings a message */
void sim_receive(ngx_http_chat_bus_message_t *message);

/* something that waits is done; 0: nothing waits */
ngx_uint_t sim_step(void);

void sim_wait(ngx_msec_t time);


#endif /* _FEED_SIM_H_INCLUDED_ */
