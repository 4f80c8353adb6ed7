
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#include "feed_sim.h"
#include "ngx_http_chat_append.h"
#include "ngx_http_chat_bus.h"
#include "ngx_http_chat_counter.h"


/* what the feed talks to, where that does nothing */

ngx_uint_t  ngx_exiting;


void ngx_http_chat_bus_start(void) { }
void ngx_http_chat_bus_exit(void) { }
void ngx_http_chat_append_init(ngx_http_chat_append_event_pt on_event) { }
void ngx_http_chat_counter_add(ngx_http_chat_counter_e counter,
    ngx_int_t n) { }
void ngx_http_chat_counter_add_cell(ngx_http_chat_counter_e counter,
    ngx_uint_t cell, ngx_int_t n) { }
void ngx_http_chat_counter_observe(ngx_http_chat_counter_e counter,
    uint64_t n) { }
