
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


/*
 * Sources: src/ngx_http_chat_ws_command.c src/ngx_http_chat_ws_hello.c
 * Sources: src/ngx_http_chat_ws_subscribe.c src/ngx_http_chat_ws_inbox.c
 * Sources: src/ngx_http_chat_inbox.c
 * Sources: src/ngx_http_chat_card.c
 * Sources: src/ngx_http_chat_fields.c src/ngx_http_chat_json.c
 * Sources: src/ngx_http_chat_id.c src/ngx_http_chat_key.c
 * Sources: src/ngx_http_chat_base64.c t/unit/feed_core.c
 * Libraries: -ljansson -no-pie -Wl,--unresolved-symbols=ignore-all
 */


#include "ngx_http_chat_ws_private.h"


/*
 * Text messages of a client, parted by line feeds, on one connection of
 * nobody, a visitor or an agent, as the first byte says.  Every frame that is
 * answered is JSON and fits into what was asked for.  What is not called here
 * is not linked.
 */

#define BLOCKS  1024


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static ngx_int_t command(ngx_http_chat_command_pt done, void *data,
    ngx_http_chat_command_t **cmd);
static void *block(size_t size);


static u_char                    epoch[] = "0123456789abcdef";

static ngx_log_t                 log;
static ngx_cycle_t               cycle;
static ngx_connection_t          connection;
static ngx_http_chat_site_t      site;
static ngx_http_chat_loc_conf_t  conf;
static ngx_http_chat_ws_t        ws;
static u_char                   *answer;
static size_t                    room;
static ngx_uint_t                random_bit;

static void                     *blocks[BLOCKS];
static ngx_uint_t                nblocks;

ngx_http_chat_keys_t            *ngx_http_chat_ws_keys;
ngx_uint_t                       ngx_exiting;


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    u_char     *p, *lf;
    ngx_str_t   text;

    static ngx_uint_t  kinds[] = {
        0, NGX_HTTP_CHAT_VISITOR, NGX_HTTP_CHAT_AGENT
    };

    if (size == 0) {
        return 0;
    }

    ngx_memzero(&ws, sizeof(ngx_http_chat_ws_t));

    cycle.log = &log;
    ngx_cycle = &cycle;
    connection.log = &log;
    conf.halves = NGX_HTTP_CHAT_MEMBER;
    conf.max_message = 16384;
    conf.site = &site;

    ws.connection = &connection;
    ws.conf = &conf;
    ws.last = &ws.first;
    ws.actor.kind = kinds[data[0] % 3];
    ws.actor.site = &site;

    for (data++, size--; size != 0; data += text.len, size -= text.len) {
        lf = memchr(data, '\n', size);
        text.len = lf != NULL ? (size_t) (lf - data) : size;
        random_bit = text.len & 1;

        /* of the exact size, so that reading on is seen */

        p = malloc(text.len);

        if (p == NULL) {
            break;
        }

        ngx_memcpy(p, data, text.len);
        text.data = p;

        ngx_http_chat_ws_message(&ws, &text);
        free(p);

        if (ws.closing || ws.broken
            || ws.ncalls >= NGX_HTTP_CHAT_WS_CALLS
            || nblocks > BLOCKS / 2)
        {
            break;
        }

        if (lf != NULL) {
            text.len++;
        }
    }

    ngx_http_chat_ws_leave(&ws);
    ngx_http_chat_ws_inbox_leave(&ws);
    ngx_http_chat_ws_abandon(&ws);

    if (ws.subs != NULL || ws.calls != NULL || ws.ncalls != 0
        || ws.nsubs != 0)
    {
        __builtin_trap();
    }

    free(answer);
    answer = NULL;

    while (nblocks != 0) {
        free(blocks[--nblocks]);
    }

    return 0;
}


static void *
block(size_t size)
{
    if (nblocks == BLOCKS) {
        __builtin_trap();
    }

    blocks[nblocks] = calloc(1, size);

    return blocks[nblocks++];
}


/* of nginx, what the sources need */

ngx_pool_t *
ngx_create_pool(size_t size, ngx_log_t *l)
{
    return (ngx_pool_t *) &log;
}


void
ngx_destroy_pool(ngx_pool_t *pool)
{
}


void *
ngx_pnalloc(ngx_pool_t *pool, size_t size)
{
    return block(size);
}


u_char *
ngx_cpystrn(u_char *dst, u_char *src, size_t n)
{
    while (n > 1 && *src != '\0') {
        *dst++ = *src++;
        n--;
    }

    if (n != 0) {
        *dst = '\0';
    }

    return dst;
}


/* of the module: connections */

u_char *
ngx_http_chat_ws_text(ngx_http_chat_ws_t *w, size_t len)
{
    if (ws.closing || ws.broken) {
        return NULL;
    }

    free(answer);

    answer = malloc(len);
    room = len;

    return answer;
}


void
ngx_http_chat_ws_trim(ngx_http_chat_ws_t *w, u_char *end)
{
    json_t  *object;

    if (end < answer || end > answer + room) {
        __builtin_trap();
    }

    object = json_loadb((char *) answer, end - answer,
                        JSON_REJECT_DUPLICATES, NULL);

    if (object == NULL || !json_is_string(json_object_get(object, "type"))) {
        __builtin_trap();
    }

    json_decref(object);
}


void
ngx_http_chat_ws_close(ngx_http_chat_ws_t *w, ngx_uint_t code)
{
    ws.closing = 1;
}


void
ngx_http_chat_ws_bye(ngx_http_chat_ws_t *w, ngx_uint_t code)
{
    ws.closing = 1;
}


void
ngx_http_chat_ws_bye_after(ngx_http_chat_ws_t *w, ngx_uint_t code,
    ngx_msec_t after)
{
    ws.closing = 1;
}


ngx_msec_t
ngx_http_chat_limit_take(ngx_http_chat_limit_conf_t *c,
    ngx_http_chat_limit_action_e action, ngx_http_chat_actor_t *actor,
    struct sockaddr *sa)
{
    return random_bit;
}


ngx_msec_t
ngx_http_chat_limit_enter(ngx_http_chat_limit_conf_t *c,
    ngx_http_chat_actor_t *actor, struct sockaddr *sa)
{
    return 0;
}


ngx_int_t
ngx_http_chat_limit_open(ngx_http_chat_limit_stream_t *s,
    ngx_http_chat_limit_conf_t *c, ngx_http_chat_actor_t *actor,
    struct sockaddr *sa)
{
    return random_bit ? NGX_BUSY : NGX_OK;
}


void
ngx_http_chat_limit_close(ngx_http_chat_limit_stream_t *s)
{
}


void
ngx_http_chat_ws_enter(ngx_http_chat_ws_t *w, const u_char *ref)
{
}


void
ngx_http_chat_ws_resume(ngx_http_chat_ws_t *w)
{
}


void
ngx_http_chat_ws_timer_set(ngx_http_chat_ws_t *w)
{
}


/* feed and store: half of all calls have no room */

ngx_int_t
ngx_http_chat_feed_subscribe(ngx_http_chat_feed_t *f,
    ngx_http_chat_limit_conf_t *limit)
{
    return random_bit ? NGX_AGAIN : NGX_ERROR;
}


void
ngx_http_chat_feed_leave(ngx_http_chat_feed_t *f)
{
}


ngx_int_t
ngx_http_chat_feed_inbox(ngx_http_chat_subscriber_t *s,
    ngx_http_chat_site_t *of)
{
    return random_bit ? NGX_OK : NGX_ERROR;
}


void
ngx_http_chat_feed_inbox_leave(ngx_http_chat_subscriber_t *s)
{
}


u_char *
ngx_http_chat_store_epoch(void)
{
    return epoch;
}


void
ngx_http_chat_arg_int4(ngx_http_chat_args_t *args, int32_t value)
{
}


void
ngx_http_chat_arg_actor(ngx_http_chat_args_t *args,
    ngx_http_chat_actor_t *actor)
{
}


void
ngx_http_chat_arg_text(ngx_http_chat_args_t *args, ngx_str_t *value)
{
    if (value != NULL && value->len != 0
        && memchr(value->data, '\0', value->len) != NULL)
    {
        __builtin_trap();
    }
}


void
ngx_http_chat_arg_epoch(ngx_http_chat_args_t *args)
{
}


void
ngx_http_chat_arg_bytes(ngx_http_chat_args_t *args, u_char *p, size_t len)
{
}


ngx_http_chat_call_t *
ngx_http_chat_store_call(ngx_http_chat_lane_e lane,
    ngx_http_chat_query_e query, ngx_http_chat_args_t *args,
    ngx_http_chat_call_pt done, void *data)
{
    return random_bit ? block(sizeof(ngx_http_chat_call_t)) : NULL;
}


ngx_int_t
ngx_http_chat_auth_token(ngx_http_chat_loc_conf_t *c,
    ngx_http_chat_keys_t *keys, ngx_str_t *token,
    ngx_http_chat_actor_t *actor, int64_t *expires, u_char *hash)
{
    if (token->len == 92) {
        return NGX_AGAIN;
    }

    if (token->len != 43) {
        return NGX_DECLINED;
    }

    ngx_memzero(actor, sizeof(ngx_http_chat_actor_t));

    actor->kind = NGX_HTTP_CHAT_VISITOR;
    actor->site = &site;
    *expires = 0;

    return NGX_OK;
}


/* commands: what they are given is within bounds */

static ngx_int_t
command(ngx_http_chat_command_pt done, void *data,
    ngx_http_chat_command_t **cmd)
{
    *cmd = random_bit ? block(sizeof(ngx_http_chat_command_t)) : NULL;

    if (*cmd != NULL) {
        (*cmd)->data = data;
    }

    return NGX_AGAIN;
}


void
ngx_http_chat_command_abandon(ngx_http_chat_command_t *cmd)
{
}


ngx_http_chat_command_t *
ngx_http_chat_command_send(ngx_http_chat_actor_t *actor,
    ngx_http_chat_id_t *conversation, ngx_http_chat_message_t *m,
    ngx_http_chat_command_pt done, void *data)
{
    ngx_http_chat_command_t  *cmd;

    if (m->text.len == 0 || m->text.len > conf.max_message
        || m->client_id.len == 0 || m->client_id.len > 64
        || m->expected < -1)
    {
        __builtin_trap();
    }

    (void) command(done, data, &cmd);

    return cmd;
}


ngx_http_chat_command_t *
ngx_http_chat_command_read(ngx_http_chat_actor_t *actor,
    ngx_http_chat_id_t *conversation, int64_t seq,
    ngx_http_chat_command_pt done, void *data)
{
    ngx_http_chat_command_t  *cmd;

    if (seq < 0) {
        __builtin_trap();
    }

    (void) command(done, data, &cmd);

    return cmd;
}


ngx_int_t
ngx_http_chat_command_typing(ngx_http_chat_actor_t *actor,
    ngx_http_chat_id_t *conversation, ngx_uint_t on, ngx_uint_t internal,
    ngx_http_chat_command_pt done, void *data,
    ngx_http_chat_command_t **cmd)
{
    if (internal && actor->kind != NGX_HTTP_CHAT_AGENT) {
        __builtin_trap();
    }

    return command(done, data, cmd);
}
