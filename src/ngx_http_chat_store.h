
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#ifndef _NGX_HTTP_CHAT_STORE_H_INCLUDED_
#define _NGX_HTTP_CHAT_STORE_H_INCLUDED_


#include "ngx_http_chat.h"
#include "ngx_http_chat_pg.h"


/* one for each function of the schema, in the order of the statement table */

typedef enum {
    NGX_HTTP_CHAT_Q_SESSION_START = 0,
    NGX_HTTP_CHAT_Q_AGENT_LOGIN,
    NGX_HTTP_CHAT_Q_AGENT_SESSION_CREATE,
    NGX_HTTP_CHAT_Q_AGENT_SESSION_GET,
    NGX_HTTP_CHAT_Q_AGENT_SESSION_END,
    NGX_HTTP_CHAT_Q_CONVERSATION_CREATE,
    NGX_HTTP_CHAT_Q_APPEND,
    NGX_HTTP_CHAT_Q_CONVERSATIONS_VISITOR,
    NGX_HTTP_CHAT_Q_CONVERSATIONS_AGENT,
    NGX_HTTP_CHAT_Q_INBOX,
    NGX_HTTP_CHAT_Q_CONVERSATION_GET,
    NGX_HTTP_CHAT_Q_EVENTS,
    NGX_HTTP_CHAT_Q_FEED,
    NGX_HTTP_CHAT_Q_MEMBER,
    NGX_HTTP_CHAT_Q_READ,
    NGX_HTTP_CHAT_Q_CHANGE,
    NGX_HTTP_CHAT_Q_TICKET_PUT,
    NGX_HTTP_CHAT_Q_TICKET_USE,
    NGX_HTTP_CHAT_Q_SWEEP,
    NGX_HTTP_CHAT_Q_NOTIFY,
    NGX_HTTP_CHAT_Q_PING,
    NGX_HTTP_CHAT_Q_SIGN_IN_CHECK,
    NGX_HTTP_CHAT_Q_SIGN_IN_FAILED,
    NGX_HTTP_CHAT_Q_SIGN_IN_PASSED,
    NGX_HTTP_CHAT_Q_REVOKED,
    NGX_HTTP_CHAT_Q_VISITOR_PUT,
    NGX_HTTP_CHAT_Q_SESSION_END,
    NGX_HTTP_CHAT_Q_AGENTS_SEEN,
    NGX_HTTP_CHAT_Q_DESK,
    NGX_HTTP_CHAT_Q_SETUP_FIRST,
    NGX_HTTP_CHAT_Q_SETUP_GET,
    NGX_HTTP_CHAT_Q_SETUP_USE,
    NGX_HTTP_CHAT_Q_APPEND_FILES,
    NGX_HTTP_CHAT_Q_APPEND_MENTIONS,
    NGX_HTTP_CHAT_Q_CREATE_FILES,
    NGX_HTTP_CHAT_Q_ATTACHMENT_BEGIN,
    NGX_HTTP_CHAT_Q_ATTACHMENT_END,
    NGX_HTTP_CHAT_Q_ATTACHMENT_DROP,
    NGX_HTTP_CHAT_Q_ATTACHMENT_GET,
    NGX_HTTP_CHAT_Q_ATTACHMENT_EXPIRED,
    NGX_HTTP_CHAT_Q_ATTACHMENT_FORGET,
    NGX_HTTP_CHAT_Q_TICK,
    NGX_HTTP_CHAT_Q_RESPOND,
    NGX_HTTP_CHAT_Q_IDENTITY_KEYS,
    NGX_HTTP_CHAT_Q_TRACK,
    NGX_HTTP_CHAT_Q_DESK_SITE,
    NGX_HTTP_CHAT_Q_DESK_KEY,
    NGX_HTTP_CHAT_Q_API_KEY_GET,
    NGX_HTTP_CHAT_Q_WORK,
    NGX_HTTP_CHAT_Q_AGENT_IDENTIFY,
    NGX_HTTP_CHAT_Q_TOTP_BEGIN,
    NGX_HTTP_CHAT_Q_TOTP_GET,
    NGX_HTTP_CHAT_Q_TOTP_CONFIRM,
    NGX_HTTP_CHAT_Q_TOTP_PASSWORD,
    NGX_HTTP_CHAT_Q_TOTP_END,
    NGX_HTTP_CHAT_Q_CUSTOMER_CONVERSATIONS,
    NGX_HTTP_CHAT_Q_CUSTOMER_TRACK,
    NGX_HTTP_CHAT_Q_EDIT,
    NGX_HTTP_CHAT_Q_EVENT_HISTORY,
    NGX_HTTP_CHAT_Q_VISITOR_BLOCK,
    NGX_HTTP_CHAT_Q_VISITOR_ERASE,
    NGX_HTTP_CHAT_Q_MENTIONS,
    NGX_HTTP_CHAT_Q_N
} ngx_http_chat_query_e;


typedef enum {
    NGX_HTTP_CHAT_FAST = 0,                  /* appends, single rows, pages */
    NGX_HTTP_CHAT_SLOW,                      /* lists, searches, NOTIFY */
    NGX_HTTP_CHAT_ALONE,                     /* appends that wait for a lock */
    NGX_HTTP_CHAT_LANES
} ngx_http_chat_lane_e;


/* parameters of a statement, in its order; values are borrowed */

#define NGX_HTTP_CHAT_MAX_ARGS  NGX_HTTP_CHAT_PG_MAX_PARAMS

typedef struct {
    const char               *values[NGX_HTTP_CHAT_MAX_ARGS];
    int                       lengths[NGX_HTTP_CHAT_MAX_ARGS];
    u_char                    numbers[NGX_HTTP_CHAT_MAX_ARGS][8];
    ngx_uint_t                n;
} ngx_http_chat_args_t;

#define ngx_http_chat_args_init(a)  (a)->n = 0

/* dimensions, flags, type, length, lower bound, then each with its length */
#define ngx_http_chat_ids_len(n)    (20 + (n) * (4 + 16))

/* integers in network order */

#define ngx_http_chat_put_int4(p, v)                                         \
    (p)[0] = (u_char) ((uint32_t) (v) >> 24);                                \
    (p)[1] = (u_char) ((uint32_t) (v) >> 16);                                \
    (p)[2] = (u_char) ((uint32_t) (v) >> 8);                                 \
    (p)[3] = (u_char) (v)

#define ngx_http_chat_put_int8(p, v)                                         \
    ngx_http_chat_put_int4(p, (uint64_t) (v) >> 32);                         \
    ngx_http_chat_put_int4((p) + 4, (uint64_t) (v))

void ngx_http_chat_arg_int4(ngx_http_chat_args_t *a, int32_t v);
void ngx_http_chat_arg_int8(ngx_http_chat_args_t *a, int64_t v);
void ngx_http_chat_arg_bool(ngx_http_chat_args_t *a, ngx_uint_t v);
void ngx_http_chat_arg_null(ngx_http_chat_args_t *a);
/* NULL pointers give SQL NULL */
void ngx_http_chat_arg_id(ngx_http_chat_args_t *a, ngx_http_chat_id_t *id);
/* an array of UUIDs, written to p: bytes of ngx_http_chat_ids_len() */
void ngx_http_chat_arg_ids(ngx_http_chat_args_t *a, u_char *p,
    ngx_http_chat_ids_t *ids);
void ngx_http_chat_arg_text(ngx_http_chat_args_t *a, ngx_str_t *s);
void ngx_http_chat_arg_bytes(ngx_http_chat_args_t *a, u_char *p, size_t len);
/* site, kind, id, issued, session */
void ngx_http_chat_arg_actor(ngx_http_chat_args_t *a,
    ngx_http_chat_actor_t *actor);
/* the epoch of the installation, as last read */
void ngx_http_chat_arg_epoch(ngx_http_chat_args_t *a);


/* columns of a result (binary); NULL gives 0 or an empty string */

int32_t ngx_http_chat_col_int4(PGresult *res, ngx_uint_t row, ngx_uint_t col);
int64_t ngx_http_chat_col_int8(PGresult *res, ngx_uint_t row, ngx_uint_t col);
ngx_uint_t ngx_http_chat_col_bool(PGresult *res, ngx_uint_t row,
    ngx_uint_t col);
/* points into res: valid as long as res */
void ngx_http_chat_col_text(PGresult *res, ngx_uint_t row, ngx_uint_t col,
    ngx_str_t *s);
/* NGX_DECLINED on NULL, NGX_ERROR when it is no uuid */
ngx_int_t ngx_http_chat_col_id(PGresult *res, ngx_uint_t row, ngx_uint_t col,
    ngx_http_chat_id_t *id);


/*
 * One statement on one lane.  Allocated by ngx_http_chat_store_call(), freed
 * after done(); the result is valid only inside done().  data is the
 * caller's: a request sets it through ngx_http_chat_wait(), which clears it
 * when the request goes away, and done() must then do without.
 */

typedef void (*ngx_http_chat_call_pt)(ngx_http_chat_call_t *call);

struct ngx_http_chat_call_s {
    ngx_http_chat_pg_op_t     op;
    ngx_http_chat_call_pt     done;
    void                     *data;
    ngx_http_chat_call_t    **owner;         /* cleared before done() */
    ngx_http_chat_lane_e      lane;
    ngx_int_t                 rc;            /* as in ngx_http_chat_pg.h */
    PGresult                 *res;           /* NULL unless rc is NGX_OK */
};

/*
 * NULL: out of memory or the queue is full; done() will not be called, and
 * the caller answers 503.
 */
ngx_http_chat_call_t *ngx_http_chat_store_call(ngx_http_chat_lane_e lane,
    ngx_http_chat_query_e query, ngx_http_chat_args_t *args,
    ngx_http_chat_call_pt done, void *data);

/*
 * Schema, migrations, sites and epoch: the set-up of each connection of the
 * fast lane (ngx_http_chat_migrate.c).  The characters of the
 * epoch and of the installation's UUID are written when they are known.
 */
void ngx_http_chat_migrate(ngx_http_chat_pg_t *pg,
    ngx_http_chat_main_conf_t *mcf, u_char *epoch, u_char *installation,
    ngx_log_t *log);

/* called with 1 and 0 as the fast lane comes and goes; static, of its owner */

typedef struct ngx_http_chat_store_listener_s  ngx_http_chat_store_listener_t;
typedef void (*ngx_http_chat_store_state_pt)(ngx_uint_t ready);

struct ngx_http_chat_store_listener_s {
    ngx_http_chat_store_state_pt     state;
    ngx_http_chat_store_listener_t  *next;   /* the store's */
};

/* they are called in the order in which they were added */
void ngx_http_chat_store_on_state(ngx_http_chat_store_listener_t *listener);

/* life of a worker */
ngx_int_t ngx_http_chat_store_init(ngx_cycle_t *cycle,
    ngx_http_chat_main_conf_t *mcf);
void ngx_http_chat_store_exit(void);

/* schema, sites and epoch are known, and the fast lane is connected */
ngx_uint_t ngx_http_chat_store_ready(void);

/* it has been so once: ids of sites and epoch are known */
ngx_uint_t ngx_http_chat_store_known(void);

/*
 * NGX_HTTP_CHAT_EPOCH_LEN characters; zeros until the first connect.  Another
 * epoch is another address, and the text of an earlier one stays a while.
 */
u_char *ngx_http_chat_store_epoch(void);

/* NGX_HTTP_CHAT_ID_LEN characters, likewise */
u_char *ngx_http_chat_store_installation(void);

/* operations queued or in flight over all lanes */
ngx_uint_t ngx_http_chat_store_pending(void);

ngx_http_chat_pg_stats_t *ngx_http_chat_store_stats(
    ngx_http_chat_lane_e lane);


#endif /* _NGX_HTTP_CHAT_STORE_H_INCLUDED_ */
