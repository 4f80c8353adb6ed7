
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#include "ngx_http_chat_counter.h"
#include "ngx_http_chat_limit.h"


#define NGX_HTTP_CHAT_LIMIT_ITEMS  4

/* the key is an address, not an actor: in "kind" of an item */
#define NGX_HTTP_CHAT_LIMIT_OF_ADDRESS  0x100


typedef struct {
    ngx_uint_t                   n;
    ngx_http_chat_bucket_item_t  items[NGX_HTTP_CHAT_LIMIT_ITEMS];
} ngx_http_chat_limit_list_t;


static void ngx_http_chat_limit_visitor(ngx_http_chat_limit_list_t *l,
    ngx_http_chat_limit_conf_t *conf, ngx_http_chat_limit_action_e action,
    ngx_http_chat_actor_t *actor, struct sockaddr *sa);
static void ngx_http_chat_limit_add(ngx_http_chat_limit_list_t *l,
    ngx_http_chat_limit_conf_t *conf, ngx_http_chat_limit_e limit,
    u_char *key);
static void ngx_http_chat_limit_add_address(ngx_http_chat_limit_list_t *l,
    ngx_http_chat_limit_conf_t *conf, ngx_http_chat_limit_e limit,
    struct sockaddr *sa);
static ngx_msec_t ngx_http_chat_limit_list(ngx_http_chat_limit_list_t *l);
static void ngx_http_chat_limit_give(ngx_http_chat_limit_list_t *l);
static void ngx_http_chat_limit_refused(ngx_uint_t kind);
static void ngx_http_chat_limit_attempt(ngx_http_chat_limit_list_t *l,
    ngx_http_chat_limit_conf_t *conf, u_char *hash, struct sockaddr *sa);
static ngx_int_t ngx_http_chat_limit_open_one(uint64_t *held,
    ngx_http_chat_limit_conf_t *conf, ngx_http_chat_limit_e limit,
    u_char *key, uint32_t kind);


/* of this worker */
static int64_t  ngx_http_chat_limit_admitted;


#define ngx_http_chat_limit_now()  ((int64_t) ngx_http_chat_counter_clock())

#define ngx_http_chat_limit_known(actor)                                     \
    ((actor) != NULL && (actor)->kind != 0)


ngx_msec_t
ngx_http_chat_limit_take(ngx_http_chat_limit_conf_t *conf,
    ngx_http_chat_limit_action_e action, ngx_http_chat_actor_t *actor,
    struct sockaddr *sa)
{
    ngx_http_chat_limit_list_t  l;

    if (conf->off) {
        return 0;
    }

    l.n = 0;

    if (action == NGX_HTTP_CHAT_LIMIT_TOKEN) {
        ngx_http_chat_limit_add_address(&l, conf,
                                        NGX_HTTP_CHAT_LIMIT_TOKENS, sa);

    } else if (action == NGX_HTTP_CHAT_LIMIT_TICKET) {
        ngx_http_chat_limit_add_address(&l, conf,
                                        NGX_HTTP_CHAT_LIMIT_ADDRESS_HANDSHAKES,
                                        sa);

    } else if (!ngx_http_chat_limit_known(actor)) {
        ngx_http_chat_limit_add_address(&l, conf,
                                        NGX_HTTP_CHAT_LIMIT_HANDSHAKES, sa);

    } else if (action == NGX_HTTP_CHAT_LIMIT_HANDSHAKE) {
        ngx_http_chat_limit_add(&l, conf, NGX_HTTP_CHAT_LIMIT_HANDSHAKES,
                                actor->id.data);
        ngx_http_chat_limit_add_address(&l, conf,
                                        NGX_HTTP_CHAT_LIMIT_ADDRESS_HANDSHAKES,
                                        sa);

    } else if (actor->kind == NGX_HTTP_CHAT_AGENT) {
        ngx_http_chat_limit_add(&l, conf, NGX_HTTP_CHAT_LIMIT_AGENT,
                                actor->id.data);

    } else {
        ngx_http_chat_limit_visitor(&l, conf, action, actor, sa);
    }

    return ngx_http_chat_limit_list(&l);
}


static void
ngx_http_chat_limit_visitor(ngx_http_chat_limit_list_t *l,
    ngx_http_chat_limit_conf_t *conf, ngx_http_chat_limit_action_e action,
    ngx_http_chat_actor_t *actor, struct sockaddr *sa)
{
    if (action == NGX_HTTP_CHAT_LIMIT_TYPE) {
        ngx_http_chat_limit_add(l, conf, NGX_HTTP_CHAT_LIMIT_TYPING,
                                actor->id.data);
        return;
    }

    if (action == NGX_HTTP_CHAT_LIMIT_TRACK) {
        ngx_http_chat_limit_add(l, conf, NGX_HTTP_CHAT_LIMIT_TRACKS,
                                actor->id.data);
        return;
    }

    if (action == NGX_HTTP_CHAT_LIMIT_CREATE) {
        ngx_http_chat_limit_add(l, conf, NGX_HTTP_CHAT_LIMIT_CONVERSATIONS,
                                actor->id.data);
    }

    ngx_http_chat_limit_add(l, conf, NGX_HTTP_CHAT_LIMIT_MESSAGES,
                            actor->id.data);
    ngx_http_chat_limit_add(l, conf, NGX_HTTP_CHAT_LIMIT_SUSTAINED,
                            actor->id.data);
    ngx_http_chat_limit_add_address(l, conf,
                                    NGX_HTTP_CHAT_LIMIT_ADDRESS_MESSAGES, sa);
}


static void
ngx_http_chat_limit_add(ngx_http_chat_limit_list_t *l,
    ngx_http_chat_limit_conf_t *conf, ngx_http_chat_limit_e limit,
    u_char *key)
{
    ngx_http_chat_bucket_item_t  *item;

    if (conf->rates[limit].n == 0) {
        return;
    }

    item = &l->items[l->n++];

    item->rate = &conf->rates[limit];
    item->kind = limit;
    ngx_memcpy(item->key, key, NGX_HTTP_CHAT_BUCKET_KEY);
}


static void
ngx_http_chat_limit_add_address(ngx_http_chat_limit_list_t *l,
    ngx_http_chat_limit_conf_t *conf, ngx_http_chat_limit_e limit,
    struct sockaddr *sa)
{
    u_char      key[NGX_HTTP_CHAT_BUCKET_KEY];
    ngx_uint_t  n;

    if (ngx_http_chat_limit_address(sa, key) != NGX_OK) {
        return;
    }

    n = l->n;

    ngx_http_chat_limit_add(l, conf, limit, key);

    if (l->n != n) {
        l->items[n].kind |= NGX_HTTP_CHAT_LIMIT_OF_ADDRESS;
    }
}


ngx_int_t
ngx_http_chat_limit_address(struct sockaddr *sa, u_char *key)
{
    struct sockaddr_in   *sin;
#if (NGX_HAVE_INET6)
    struct sockaddr_in6  *sin6;
#endif

    ngx_memzero(key, NGX_HTTP_CHAT_BUCKET_KEY);

    if (sa == NULL) {
        return NGX_DECLINED;
    }

    if (sa->sa_family == AF_INET) {
        sin = (struct sockaddr_in *) sa;
        ngx_memcpy(key, &sin->sin_addr, 4);
        key[15] = 4;

        return NGX_OK;
    }

#if (NGX_HAVE_INET6)

    if (sa->sa_family == AF_INET6) {
        sin6 = (struct sockaddr_in6 *) sa;

        if (IN6_IS_ADDR_V4MAPPED(&sin6->sin6_addr)) {
            ngx_memcpy(key, &sin6->sin6_addr.s6_addr[12], 4);
            key[15] = 4;

        } else {
            ngx_memcpy(key, &sin6->sin6_addr, 8);
            key[15] = 6;
        }

        return NGX_OK;
    }

#endif

    return NGX_DECLINED;
}


void
ngx_http_chat_limit_keep(ngx_http_chat_limit_peer_t *peer,
    struct sockaddr *sa)
{
    ngx_memzero(peer, sizeof(ngx_http_chat_limit_peer_t));

    if (sa->sa_family == AF_INET) {
        peer->in = *(struct sockaddr_in *) sa;

#if (NGX_HAVE_INET6)
    } else if (sa->sa_family == AF_INET6) {
        peer->in6 = *(struct sockaddr_in6 *) sa;
#endif
    }
}


static ngx_msec_t
ngx_http_chat_limit_list(ngx_http_chat_limit_list_t *l)
{
    int64_t                   now;
    ngx_msec_t                wait;
    ngx_uint_t                refused;
    ngx_http_chat_buckets_t  *t;

    if (l->n == 0) {
        return 0;
    }

    now = ngx_http_chat_limit_now();
    refused = 0;

    t = ngx_http_chat_limit_lock();
    if (t == NULL) {
        return 0;
    }

    wait = ngx_http_chat_buckets_take(t, l->items, l->n, now, &refused);

    ngx_http_chat_limit_unlock();

    if (wait != 0) {
        ngx_http_chat_limit_refused(l->items[refused].kind
                                    & ~NGX_HTTP_CHAT_LIMIT_OF_ADDRESS);
    }

    return wait;
}


static void
ngx_http_chat_limit_refused(ngx_uint_t kind)
{
    ngx_log_debug1(NGX_LOG_DEBUG_HTTP, ngx_cycle->log, 0,
                   "chat limit %ui refused", kind);

    ngx_http_chat_counter_add_cell(NGX_HTTP_CHAT_S_LIMITED, kind, 1);
}


ngx_msec_t
ngx_http_chat_limit_enter(ngx_http_chat_limit_conf_t *conf,
    ngx_http_chat_actor_t *actor, struct sockaddr *sa)
{
    ngx_msec_t                   wait;
    ngx_http_chat_limit_list_t   l;

    wait = ngx_http_chat_limit_take(conf, NGX_HTTP_CHAT_LIMIT_HANDSHAKE,
                                    actor, sa);

    if (wait != 0 || conf->off) {
        return wait;
    }

    l.n = 0;

    ngx_http_chat_limit_add_address(&l, conf, NGX_HTTP_CHAT_LIMIT_HANDSHAKES,
                                    sa);
    ngx_http_chat_limit_give(&l);

    return 0;
}


ngx_msec_t
ngx_http_chat_limit_frame(ngx_http_chat_limit_conf_t *conf, int64_t *full)
{
    int64_t                now;
    ngx_msec_t             wait;
    ngx_http_chat_rate_t  *rate;

    rate = &conf->rates[NGX_HTTP_CHAT_LIMIT_FRAMES];

    if (conf->off || rate->n == 0) {
        return 0;
    }

    /* the time of this iteration will do */

    now = (int64_t) ngx_current_msec * 1000;
    wait = ngx_http_chat_bucket_wait(rate, *full, now);

    if (wait == 0) {
        *full = ngx_http_chat_bucket_take(rate, *full, now);

    } else {
        ngx_http_chat_limit_refused(NGX_HTTP_CHAT_LIMIT_FRAMES);
    }

    return wait;
}


ngx_msec_t
ngx_http_chat_limit_admit(ngx_http_chat_limit_conf_t *conf)
{
    int64_t                now;
    ngx_msec_t             wait;
    ngx_http_chat_rate_t  *rate;

    if (conf == NULL || conf->off) {
        return 0;
    }

    now = ngx_http_chat_limit_now();
    rate = &conf->rates[NGX_HTTP_CHAT_LIMIT_SUBSCRIPTIONS];

    wait = ngx_http_chat_bucket_wait(rate, ngx_http_chat_limit_admitted, now);

    if (wait == 0) {
        ngx_http_chat_limit_admitted =
            ngx_http_chat_bucket_take(rate, ngx_http_chat_limit_admitted,
                                      now);

    } else {
        ngx_http_chat_limit_refused(NGX_HTTP_CHAT_LIMIT_SUBSCRIPTIONS);
    }

    return wait;
}


ngx_msec_t
ngx_http_chat_limit_sign_in(ngx_http_chat_limit_conf_t *conf, u_char *hash,
    struct sockaddr *sa)
{
    ngx_http_chat_limit_list_t  l;

    ngx_http_chat_limit_attempt(&l, conf, hash, sa);

    return ngx_http_chat_limit_list(&l);
}


void
ngx_http_chat_limit_signed_in(ngx_http_chat_limit_conf_t *conf, u_char *hash,
    struct sockaddr *sa)
{
    ngx_http_chat_limit_list_t  l;

    ngx_http_chat_limit_attempt(&l, conf, hash, sa);
    ngx_http_chat_limit_give(&l);
}


static void
ngx_http_chat_limit_give(ngx_http_chat_limit_list_t *l)
{
    int64_t                   now;
    ngx_uint_t                i;
    ngx_http_chat_buckets_t  *t;

    now = ngx_http_chat_limit_now();

    t = ngx_http_chat_limit_lock();
    if (t == NULL) {
        return;
    }

    for (i = 0; i < l->n; i++) {
        ngx_http_chat_buckets_give(t, &l->items[i], now);
    }

    ngx_http_chat_limit_unlock();
}


/* an e-mail is tried from one address; elsewhere its owner may sign in */

static void
ngx_http_chat_limit_attempt(ngx_http_chat_limit_list_t *l,
    ngx_http_chat_limit_conf_t *conf, u_char *hash, struct sockaddr *sa)
{
    u_char      key[NGX_HTTP_CHAT_BUCKET_KEY];
    ngx_uint_t  i;

    l->n = 0;

    if (conf->off) {
        return;
    }

    (void) ngx_http_chat_limit_address(sa, key);

    for (i = 0; i < NGX_HTTP_CHAT_BUCKET_KEY; i++) {
        key[i] ^= hash[i];
    }

    ngx_http_chat_limit_add(l, conf, NGX_HTTP_CHAT_LIMIT_SIGN_INS, key);
    ngx_http_chat_limit_add_address(l, conf,
                                    NGX_HTTP_CHAT_LIMIT_ADDRESS_SIGN_INS, sa);
}


ngx_int_t
ngx_http_chat_limit_open(ngx_http_chat_limit_stream_t *s,
    ngx_http_chat_limit_conf_t *conf, ngx_http_chat_actor_t *actor,
    struct sockaddr *sa)
{
    u_char                 key[NGX_HTTP_CHAT_BUCKET_KEY];
    ngx_http_chat_limit_e  limit;

    s->held[0] = 0;
    s->held[1] = 0;

    if (conf->off) {
        return NGX_OK;
    }

    limit = NGX_HTTP_CHAT_LIMIT_STREAMS;

    if (ngx_http_chat_limit_known(actor)) {

        if (ngx_http_chat_limit_open_one(&s->held[0], conf, limit,
                                         actor->id.data, 0)
            != NGX_OK)
        {
            return NGX_BUSY;
        }

        limit = NGX_HTTP_CHAT_LIMIT_ADDRESS_STREAMS;
    }

    if (ngx_http_chat_limit_address(sa, key) == NGX_OK
        && ngx_http_chat_limit_open_one(&s->held[1], conf, limit, key,
                                        NGX_HTTP_CHAT_LIMIT_OF_ADDRESS)
           != NGX_OK)
    {
        ngx_http_chat_limit_close(s);
        return NGX_BUSY;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_chat_limit_open_one(uint64_t *held, ngx_http_chat_limit_conf_t *conf,
    ngx_http_chat_limit_e limit, u_char *key, uint32_t kind)
{
    uint64_t    hash;
    ngx_uint_t  most;

    most = conf->rates[limit].n;

    if (most == 0) {
        return NGX_OK;
    }

    hash = ngx_http_chat_limit_hash(key, (uint32_t) limit | kind);

    if (ngx_http_chat_limit_count(hash) >= most) {
        ngx_http_chat_limit_refused(limit);
        return NGX_BUSY;
    }

    if (ngx_http_chat_limit_hold(hash) == NGX_OK) {
        *held = hash;
    }

    return NGX_OK;
}


void
ngx_http_chat_limit_close(ngx_http_chat_limit_stream_t *s)
{
    ngx_uint_t  i;

    for (i = 0; i < 2; i++) {

        if (s->held[i] != 0) {
            ngx_http_chat_limit_drop(s->held[i]);
            s->held[i] = 0;
        }
    }
}
