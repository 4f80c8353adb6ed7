
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#include "ngx_http_chat_limit.h"
#include "ngx_http_chat_metric.h"


/*
 * chat_limit off | <name>=<n>r/<time> | <name>=<n> | <name>=off
 *            [burst=<n>] ...
 */


#define NGX_HTTP_CHAT_LIMIT_MOST    1000000
#define NGX_HTTP_CHAT_LIMIT_PERIOD  86400000


#define ngx_http_chat_limit_unset(rate)                                      \
    ((rate)->burst == NGX_CONF_UNSET_UINT)

/* it is a number of something, not a rate */
#define ngx_http_chat_limit_number(limit)                                    \
    ((limit) == NGX_HTTP_CHAT_LIMIT_STREAMS                                  \
     || (limit) == NGX_HTTP_CHAT_LIMIT_ADDRESS_STREAMS                       \
     || (limit) == NGX_HTTP_CHAT_LIMIT_FAILURES)


static char *ngx_http_chat_limit_one(ngx_conf_t *cf, ngx_str_t *word,
    ngx_http_chat_limit_conf_t *lc, ngx_http_chat_rate_t **rate);
static char *ngx_http_chat_limit_value(ngx_conf_t *cf, ngx_str_t *word,
    ngx_str_t *value, ngx_uint_t limit, ngx_http_chat_rate_t *rate);
static char *ngx_http_chat_limit_burst(ngx_conf_t *cf, ngx_str_t *word,
    ngx_http_chat_rate_t *rate);
static ngx_int_t ngx_http_chat_limit_period(ngx_str_t *s);
static char *ngx_http_chat_limit_invalid(ngx_conf_t *cf, ngx_str_t *word,
    const char *allowed);


/* in the order of ngx_http_chat_limit_e: docs/directives */

static ngx_http_chat_rate_t  ngx_http_chat_limit_defaults[] = {
    { 1, 1000, 10 },                         /* messages */
    { 60, 300000, 60 },                      /* sustained */
    { 1, 3000, 5 },                          /* typing */
    { 5, 3600000, 5 },                       /* conversations */
    { 30, 60000, 30 },                       /* handshakes */
    { 20, 0, 0 },                            /* streams */
    { 30, 3600000, 100 },                    /* tokens */
    { 1200, 60000, 1200 },                   /* address_messages */
    { 300, 60000, 1000 },                    /* address_handshakes */
    { 1000, 0, 0 },                          /* address_streams */
    { 20, 1000, 40 },                        /* agent */
    { 5, 60000, 5 },                         /* sign_ins */
    { 20, 60000, 20 },                       /* address_sign_ins */
    { 5, 0, 0 },                             /* failures */
    { 2000, 1000, 4000 },                    /* subscriptions */
    { 50, 1000, 500 },                       /* frames */
    { 1, 1000, 20 }                          /* tracks */
};


char *
ngx_http_chat_limit_directive(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    char  *p = conf;

    char                         *rv;
    ngx_str_t                    *value;
    ngx_uint_t                    i;
    ngx_http_chat_rate_t         *rate;
    ngx_http_chat_limit_conf_t  **field, *lc;

    field = (ngx_http_chat_limit_conf_t **) (p + cmd->offset);
    lc = *field;
    value = cf->args->elts;

    if (lc != NGX_CONF_UNSET_PTR
        && (lc->off || ngx_strcmp(value[1].data, "off") == 0))
    {
        return "is duplicate: \"off\" stands alone";
    }

    if (lc == NGX_CONF_UNSET_PTR) {
        lc = ngx_pcalloc(cf->pool, sizeof(ngx_http_chat_limit_conf_t));
        if (lc == NULL) {
            return NGX_CONF_ERROR;
        }

        for (i = 0; i < NGX_HTTP_CHAT_LIMIT_N; i++) {
            lc->rates[i].burst = NGX_CONF_UNSET_UINT;
        }

        *field = lc;
    }

    if (cf->args->nelts == 2 && ngx_strcmp(value[1].data, "off") == 0) {
        lc->off = 1;
        return NGX_CONF_OK;
    }

    rate = NULL;

    for (i = 1; i < cf->args->nelts; i++) {

        if (ngx_strncmp(value[i].data, "burst=", 6) == 0) {
            rv = ngx_http_chat_limit_burst(cf, &value[i], rate);
            rate = NULL;

        } else {
            rv = ngx_http_chat_limit_one(cf, &value[i], lc, &rate);
        }

        if (rv != NGX_CONF_OK) {
            return rv;
        }
    }

    return NGX_CONF_OK;
}


/* *rate is what a "burst=" after it belongs to */

static char *
ngx_http_chat_limit_one(ngx_conf_t *cf, ngx_str_t *word,
    ngx_http_chat_limit_conf_t *lc, ngx_http_chat_rate_t **rate)
{
    u_char      *p, *last;
    size_t       len;
    ngx_str_t    value;
    ngx_uint_t   i;
    const char  *name;

    last = word->data + word->len;

    p = ngx_strlchr(word->data, last, '=');
    if (p == NULL) {
        return ngx_http_chat_limit_invalid(cf, word, "\"off\" alone, or "
                                   "limits such as \"messages=1r/s\"");
    }

    len = p - word->data;

    for (i = 0; i < NGX_HTTP_CHAT_LIMIT_N; i++) {
        name = ngx_http_chat_metric_limits[i];

        if (ngx_strlen(name) == len
            && ngx_strncmp(name, word->data, len) == 0)
        {
            break;
        }
    }

    if (i == NGX_HTTP_CHAT_LIMIT_N) {
        return ngx_http_chat_limit_invalid(cf, word, "one of the limits "
                                   "messages, sustained, typing, "
                                   "conversations, handshakes, streams, "
                                   "tokens, address_messages, "
                                   "address_handshakes, address_streams, "
                                   "agent, sign_ins, address_sign_ins, "
                                   "failures, subscriptions, frames and "
                                   "tracks");
    }

    if (!ngx_http_chat_limit_unset(&lc->rates[i])) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"chat_limit\" directive: \"%s\" is duplicate",
                           ngx_http_chat_metric_limits[i]);
        return NGX_CONF_ERROR;
    }

    value.data = p + 1;
    value.len = last - value.data;

    *rate = ngx_http_chat_limit_number(i) ? NULL : &lc->rates[i];

    return ngx_http_chat_limit_value(cf, word, &value, i, &lc->rates[i]);
}


static char *
ngx_http_chat_limit_value(ngx_conf_t *cf, ngx_str_t *word, ngx_str_t *value,
    ngx_uint_t limit, ngx_http_chat_rate_t *rate)
{
    u_char     *p;
    ngx_int_t   n, ms;
    ngx_str_t   period;

    ngx_memzero(rate, sizeof(ngx_http_chat_rate_t));

    if (value->len == 3 && ngx_strncmp(value->data, "off", 3) == 0) {
        return NGX_CONF_OK;
    }

    if (ngx_http_chat_limit_number(limit)) {
        n = ngx_atoi(value->data, value->len);

        if (n <= 0 || n > 65535) {
            return ngx_http_chat_limit_invalid(cf, word, "a number from 1 "
                                       "to 65535, or \"off\"");
        }

        rate->n = n;

        return NGX_CONF_OK;
    }

    p = ngx_strlchr(value->data, value->data + value->len, 'r');

    if (p != NULL && p[1] == '/') {
        n = ngx_atoi(value->data, p - value->data);

        period.data = p + 2;
        period.len = value->data + value->len - period.data;

        ms = ngx_http_chat_limit_period(&period);

        if (n > 0 && n <= NGX_HTTP_CHAT_LIMIT_MOST
            && ms > 0 && ms <= NGX_HTTP_CHAT_LIMIT_PERIOD && n <= ms * 1000)
        {
            rate->n = n;
            rate->period = ms;
            rate->burst = n;

            return NGX_CONF_OK;
        }
    }

    return ngx_http_chat_limit_invalid(cf, word, "a rate such as \"1r/s\", "
                               "\"30r/m\" or \"60r/5m\", at most 1000000 "
                               "in at most 24h, or \"off\"");
}


/* "s" is "1s" */

static ngx_int_t
ngx_http_chat_limit_period(ngx_str_t *s)
{
    u_char     buf[16];
    ngx_str_t  t;

    if (s->len == 0 || s->len > sizeof(buf) - 1) {
        return NGX_ERROR;
    }

    t.data = buf;
    t.len = s->len;

    if (s->data[0] >= '0' && s->data[0] <= '9') {

        /* a number alone would be seconds: what is meant is not clear */

        if (s->data[s->len - 1] >= '0' && s->data[s->len - 1] <= '9') {
            return NGX_ERROR;
        }

        ngx_memcpy(buf, s->data, s->len);

    } else {
        buf[0] = '1';
        ngx_memcpy(&buf[1], s->data, s->len);
        t.len++;
    }

    return ngx_parse_time(&t, 0);
}


static char *
ngx_http_chat_limit_burst(ngx_conf_t *cf, ngx_str_t *word,
    ngx_http_chat_rate_t *rate)
{
    ngx_int_t  n;

    if (rate == NULL || rate->n == 0) {
        return ngx_http_chat_limit_invalid(cf, word, "right after the rate "
                                   "that it belongs to");
    }

    n = ngx_atoi(word->data + 6, word->len - 6);

    if (n <= 0 || n > NGX_HTTP_CHAT_LIMIT_MOST) {
        return ngx_http_chat_limit_invalid(cf, word, "a number from 1 to "
                                   "1000000");
    }

    rate->burst = n;

    return NGX_CONF_OK;
}


static char *
ngx_http_chat_limit_invalid(ngx_conf_t *cf, ngx_str_t *word,
    const char *allowed)
{
    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "\"chat_limit\" directive: invalid value \"%V\", "
                       "it must be %s", word, allowed);

    return NGX_CONF_ERROR;
}


ngx_int_t
ngx_http_chat_limit_merge(ngx_conf_t *cf, ngx_http_chat_limit_conf_t *prev,
    ngx_http_chat_limit_conf_t **conf)
{
    ngx_uint_t                   i;
    ngx_http_chat_limit_conf_t  *lc;

    if (*conf == NGX_CONF_UNSET_PTR && prev != NGX_CONF_UNSET_PTR) {
        *conf = prev;
    }

    if (*conf == NGX_CONF_UNSET_PTR) {
        *conf = ngx_pcalloc(cf->pool, sizeof(ngx_http_chat_limit_conf_t));
        if (*conf == NULL) {
            return NGX_ERROR;
        }

        ngx_memcpy((*conf)->rates, ngx_http_chat_limit_defaults,
                   sizeof(ngx_http_chat_limit_defaults));
        return NGX_OK;
    }

    /* a level that names some gets the others from above */

    lc = *conf;

    for (i = 0; i < NGX_HTTP_CHAT_LIMIT_N; i++) {

        if (!ngx_http_chat_limit_unset(&lc->rates[i])) {
            continue;
        }

        if (prev != NGX_CONF_UNSET_PTR && prev->off) {
            ngx_memzero(&lc->rates[i], sizeof(ngx_http_chat_rate_t));

        } else if (prev != NGX_CONF_UNSET_PTR
                   && !ngx_http_chat_limit_unset(&prev->rates[i]))
        {
            lc->rates[i] = prev->rates[i];

        } else {
            lc->rates[i] = ngx_http_chat_limit_defaults[i];
        }
    }

    return NGX_OK;
}
