
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#ifndef _NGX_HTTP_CHAT_H_INCLUDED_
#define _NGX_HTTP_CHAT_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>
#include <nginx.h>
#include <jansson.h>

#include "ngx_http_chat_id.h"
#include "ngx_http_chat_key.h"


#define NGX_HTTP_CHAT_VERSION        "0.1.0"

/* halves of a location and kinds of an actor: bits */
#define NGX_HTTP_CHAT_OFF            0
#define NGX_HTTP_CHAT_VISITOR        1
#define NGX_HTTP_CHAT_AGENT          2
#define NGX_HTTP_CHAT_MEMBER         (NGX_HTTP_CHAT_VISITOR                  \
                                      |NGX_HTTP_CHAT_AGENT)

/* attachments of a message */
#define NGX_HTTP_CHAT_FILES_MAX      10
#define NGX_HTTP_CHAT_MENTIONS_MAX   20

#define NGX_HTTP_CHAT_SECURE_AUTO    0
#define NGX_HTTP_CHAT_SECURE_ON      1
#define NGX_HTTP_CHAT_SECURE_OFF     2


/* set up by "chat_site"; one for each name, shared by all locations */

typedef struct {
    ngx_str_t                 name;
    u_char                    hash[8];       /* SHA-256 of name, begin */
    ngx_uint_t                index;         /* in main conf's sites */
    int32_t                   id;            /* 0 until PostgreSQL said */
    ngx_str_t                 console;       /* location of agents; empty */
    int32_t                   version;       /* of the settings, or 0 */
    ngx_str_t                 origins;       /* by them (site.h) */
} ngx_http_chat_site_t;


typedef struct {
    ngx_str_t                 postgres;      /* conninfo, NUL-terminated */
    void                     *redis;         /* ngx_http_chat_redis_server_t *,
                                              * NULL: no "chat_redis" */
    ngx_http_chat_keys_t     *keys;          /* NULL: no "chat_key" */
    ngx_flag_t                migrate;
    ngx_msec_t                drain;
    ngx_array_t               sites;         /* ngx_http_chat_site_t * */
    void                     *thread_pool;   /* ngx_thread_pool_t * */
    ngx_path_t               *upload_path;   /* NULL: no attachments */
    ngx_uint_t                used;          /* locations with chat on */
    ngx_str_t                 first;         /* name of the first of them */
    ngx_uint_t                status;        /* locations with chat_status */
} ngx_http_chat_main_conf_t;


/* ngx_http_chat_limit.h */
typedef struct ngx_http_chat_limit_conf_s  ngx_http_chat_limit_conf_t;


typedef struct {
    ngx_uint_t                halves;        /* bits; 0 is off */
    ngx_http_chat_site_t     *site;
    ngx_array_t              *origins;       /* ngx_str_t; NULL is none */
    ngx_uint_t                origin_settings;  /* and those of the site */
    ngx_uint_t                secure;
    ngx_msec_t                poll_timeout;
    ngx_msec_t                heartbeat;
    size_t                    max_message;   /* bytes of UTF-8 */
    size_t                    max_upload;    /* bytes of a file */
    size_t                    upload_quota;  /* of a visitor in a day */
    off_t                     max_body;      /* client_max_body_size */
    ngx_http_chat_limit_conf_t  *limit;
    ngx_http_complex_value_t *identity;      /* three: id, name, e-mail; NULL
                                              * is none; an unset one is
                                              * without lengths and value */
    ngx_http_complex_value_t *agent_identity;  /* two: address, name; NULL
                                              * is none, unset as above */
    ngx_http_complex_value_t *agent_role;    /* NULL is none */
    ngx_uint_t                agent_create;
    ngx_str_t                 prefix;        /* "/support/": location name */
} ngx_http_chat_loc_conf_t;


/*
 * Who acts.  Made by the authenticator alone; every statement gets it and
 * checks it again in its WHERE.
 */

typedef struct {
    ngx_uint_t                kind;          /* one bit; 0 is nobody */
    ngx_http_chat_site_t     *site;
    ngx_http_chat_id_t        id;
    int64_t                   issued;        /* visitor: ms since the epoch */
    ngx_http_chat_id_t        session;       /* agent */
} ngx_http_chat_actor_t;


typedef struct ngx_http_chat_ctx_s    ngx_http_chat_ctx_t;
typedef struct ngx_http_chat_route_s  ngx_http_chat_route_t;
typedef struct ngx_http_chat_call_s   ngx_http_chat_call_t;

typedef struct ngx_http_chat_command_s  ngx_http_chat_command_t;


/*
 * Answers or starts something.  Returns what ngx_http_finalize_request()
 * takes, or NGX_DONE when ngx_http_chat_finalize() is called later.
 */
typedef ngx_int_t (*ngx_http_chat_handler_pt)(ngx_http_request_t *r,
    ngx_http_chat_ctx_t *ctx);


/* who may call: bits of kinds, or anyone */
#define NGX_HTTP_CHAT_ANYONE         0

/* flags of a route */
#define NGX_HTTP_CHAT_BODY           0x01    /* takes a JSON body */
#define NGX_HTTP_CHAT_BODY_OPT       0x02    /* an empty body is fine too */
#define NGX_HTTP_CHAT_SIGN_IN        0x04    /* makes a credential */
#define NGX_HTTP_CHAT_PUBLIC         0x08    /* asset: no origin rules */
#define NGX_HTTP_CHAT_STREAM         0x10
#define NGX_HTTP_CHAT_SETUP          0x20    /* the body has a credential */
#define NGX_HTTP_CHAT_FILE           0x40    /* the handler reads the body */
#define NGX_HTTP_CHAT_SHOWN          0x80    /* by pages, which can set no
                                              * header: "role" in the query */
#define NGX_HTTP_CHAT_ARRAY          0x100   /* the body is an array */

/*
 * The scope by which an API key may call a route: bits of its flags, one at
 * most.  Where there is none, no key may.
 */
#define NGX_HTTP_CHAT_SCOPE_READ      0x010000  /* conversations:read */
#define NGX_HTTP_CHAT_SCOPE_WRITE     0x020000  /* conversations:write */
#define NGX_HTTP_CHAT_SCOPE_VISITORS  0x040000  /* visitors:write */
#define NGX_HTTP_CHAT_SCOPE_PEOPLE    0x080000  /* people:read */
#define NGX_HTTP_CHAT_SCOPE_SETTINGS  0x100000  /* settings:read */
#define NGX_HTTP_CHAT_SCOPE_CHANGE    0x200000  /* settings:write */
#define NGX_HTTP_CHAT_SCOPE_AUDIT     0x400000  /* audit:read */
#define NGX_HTTP_CHAT_SCOPES          0x7f0000

/* the credential is a key, whatever its scopes */
#define NGX_HTTP_CHAT_SCOPE_KEY       0x800000

struct ngx_http_chat_route_s {
    ngx_uint_t                method;        /* NGX_HTTP_GET, ... */
    const char               *pattern;       /* "/v1/conversations/{id}" */
    ngx_uint_t                halves;        /* location must serve one */
    ngx_uint_t                who;
    ngx_uint_t                flags;
    size_t                    max_body;
    ngx_http_chat_handler_pt  handler;
    const char               *action;        /* $chat_action */
};


/*
 * Context of a request, in r->pool.  "call" or "command" is what the request
 * waits for; it is NULL again when its done() is called, and when the request
 * goes away first, done() finds its data NULL.
 */

struct ngx_http_chat_ctx_s {
    ngx_http_request_t       *request;
    ngx_http_chat_route_t    *route;
    ngx_http_chat_loc_conf_t *conf;
    ngx_str_t                 path;          /* after the prefix, "/v1/..." */
    ngx_str_t                 name;          /* value of {name} */
    ngx_http_chat_id_t        id;            /* value of {id} */
    ngx_http_chat_actor_t     actor;
    int64_t                   expires;       /* of the credential, ms; 0 */
    ngx_uint_t                scopes;        /* bits of a key; 0: a person */
    json_t                   *body;          /* object, or NULL */
    ngx_http_chat_call_t     *call;
    ngx_http_chat_command_t  *command;
    ngx_http_chat_handler_pt  next;          /* after what it waits for */
    ngx_queue_t               queue;         /* early: no connection yet */
    ngx_msec_t                since;
    void                     *data;          /* handler's own */
    const char               *transport;     /* "http", "poll", ... */
    unsigned                  early:1;
    unsigned                  is_id:1;       /* {id} was a UUID */
    unsigned                  conversation:1;  /* id is a conversation's */
    unsigned                  bearer:1;      /* credential was a bearer */
};


/* module */
extern ngx_module_t  ngx_http_chat_module;

/* adds $chat_site, $chat_role, ...; preconfiguration */
ngx_int_t ngx_http_chat_variables(ngx_conf_t *cf);

/* route: content handler of a location with "chat" on */
ngx_int_t ngx_http_chat_route_handler(ngx_http_request_t *r);

/*
 * Ends a request from a foreign event: finalizes and runs posted requests.
 * May free r.
 */
void ngx_http_chat_finalize(ngx_http_request_t *r, ngx_int_t rc);

/*
 * Ties a call or a command to r: its data is r, and becomes NULL when r goes
 * away.  From then on the client's going away ends r.  NGX_OK.
 */
ngx_int_t ngx_http_chat_wait(ngx_http_request_t *r, ngx_http_chat_ctx_t *ctx,
    ngx_http_chat_call_t *call);
ngx_int_t ngx_http_chat_wait_command(ngx_http_request_t *r,
    ngx_http_chat_ctx_t *ctx, ngx_http_chat_command_t *cmd);
ngx_int_t ngx_http_chat_wait_client(ngx_http_request_t *r);

/* the request does not wait for ctx->call any more */
void ngx_http_chat_unwait(ngx_http_chat_ctx_t *ctx);


#endif /* _NGX_HTTP_CHAT_H_INCLUDED_ */
