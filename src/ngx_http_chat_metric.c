
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_http_chat_metric.h"


static const char  *ngx_http_chat_metric_transports[] = {
    "poll", "sse", "websocket", NULL
};

static const char  *ngx_http_chat_metric_roles[] = {
    "visitor", "agent", NULL
};

static const char  *ngx_http_chat_metric_kinds[] = {
    "durable", "ephemeral", NULL
};

static const char  *ngx_http_chat_metric_codes[] = {
    "1000", "1001", "1002", "1003", "1007", "1009", "1011", "1012", "1013",
    "4001", "4003", "4004", "4005", "4400", "4401", "4403", "4408", "4409",
    "4410", "4429", "other", NULL
};

static const char  *ngx_http_chat_metric_resumes[] = {
    "hot", "read", "reset", "failed", "shared", NULL
};

static const char  *ngx_http_chat_metric_gaps[] = {
    "order", "sweep", NULL
};

const char  *ngx_http_chat_metric_limits[] = {
    "messages", "sustained", "typing", "conversations", "handshakes",
    "streams", "tokens", "address_messages", "address_handshakes",
    "address_streams", "agent", "sign_ins", "address_sign_ins", "failures",
    "subscriptions", "frames", "tracks", NULL
};

static const char  *ngx_http_chat_metric_lanes[] = {
    "fast", "slow", "alone", NULL
};

static const char  *ngx_http_chat_metric_handshakes[] = {
    "accepted", "refused", NULL
};


static ngx_http_chat_label_t  ngx_http_chat_metric_transport = {
    "transport", ngx_http_chat_metric_transports
};

static ngx_http_chat_label_t  ngx_http_chat_metric_role = {
    "role", ngx_http_chat_metric_roles
};

static ngx_http_chat_label_t  ngx_http_chat_metric_kind = {
    "kind", ngx_http_chat_metric_kinds
};

static ngx_http_chat_label_t  ngx_http_chat_metric_code = {
    "code", ngx_http_chat_metric_codes
};

static ngx_http_chat_label_t  ngx_http_chat_metric_resume = {
    "result", ngx_http_chat_metric_resumes
};

static ngx_http_chat_label_t  ngx_http_chat_metric_gap = {
    "source", ngx_http_chat_metric_gaps
};

static ngx_http_chat_label_t  ngx_http_chat_metric_limit = {
    "limit", ngx_http_chat_metric_limits
};

static ngx_http_chat_label_t  ngx_http_chat_metric_lane = {
    "lane", ngx_http_chat_metric_lanes
};

static ngx_http_chat_label_t  ngx_http_chat_metric_handshake = {
    "result", ngx_http_chat_metric_handshakes
};


ngx_uint_t  ngx_http_chat_metric_bounds[NGX_HTTP_CHAT_METRIC_BUCKETS] = {
    500, 1000, 2500, 5000, 10000, 25000, 50000, 100000, 250000, 500000,
    1000000, 2500000, 5000000, 10000000
};


#define ngx_http_chat_metric_counter(name, help, a, b)                       \
    { NGX_HTTP_CHAT_METRIC_COUNTER, name, help, { a, b } }

#define ngx_http_chat_metric_gauge(name, help, a, b)                         \
    { NGX_HTTP_CHAT_METRIC_GAUGE, name, help, { a, b } }

#define ngx_http_chat_metric_high(name, help)                                \
    { NGX_HTTP_CHAT_METRIC_HIGH, name, help, { NULL, NULL } }

#define ngx_http_chat_metric_histogram(name, help)                           \
    { NGX_HTTP_CHAT_METRIC_HISTOGRAM, name, help, { NULL, NULL } }


/* in the order of ngx_http_chat_counter_e */

ngx_http_chat_metric_t  ngx_http_chat_metrics[NGX_HTTP_CHAT_S_N] = {

    ngx_http_chat_metric_counter("requests",
        "Requests to the API.", NULL, NULL),
    ngx_http_chat_metric_counter("messages",
        "Messages stored.", NULL, NULL),
    ngx_http_chat_metric_counter("duplicates",
        "Repeated messages that were stored before.", NULL, NULL),
    ngx_http_chat_metric_counter("append_batches",
        "Transactions that stored messages.", NULL, NULL),
    ngx_http_chat_metric_counter("append_busy",
        "Messages put back because their conversation was locked.",
        NULL, NULL),
    ngx_http_chat_metric_counter("events_out",
        "Events delivered to subscribers.",
        &ngx_http_chat_metric_transport, &ngx_http_chat_metric_kind),
    ngx_http_chat_metric_counter("gap_reads",
        "Reads of events that the bus did not deliver.", NULL, NULL),
    ngx_http_chat_metric_counter("unavailable",
        "Answers with status 503.", NULL, NULL),
    ngx_http_chat_metric_counter("pg_connects",
        "Connections made to PostgreSQL.", NULL, NULL),
    ngx_http_chat_metric_counter("pg_errors",
        "Statements refused by PostgreSQL.", NULL, NULL),
    ngx_http_chat_metric_counter("pg_timeouts",
        "Statements without an answer in time.", NULL, NULL),
    ngx_http_chat_metric_gauge("polls",
        "Long polls that wait.", NULL, NULL),
    ngx_http_chat_metric_gauge("pg_ready",
        "Workers connected to PostgreSQL.", NULL, NULL),

    ngx_http_chat_metric_gauge("connections",
        "Open streams.",
        &ngx_http_chat_metric_transport, &ngx_http_chat_metric_role),
    ngx_http_chat_metric_counter("handshakes",
        "WebSocket handshakes.", &ngx_http_chat_metric_handshake, NULL),
    ngx_http_chat_metric_counter("closes",
        "Streams closed, by close code.", &ngx_http_chat_metric_code, NULL),
    ngx_http_chat_metric_counter("bytes_in",
        "Bytes read from streams.", &ngx_http_chat_metric_transport, NULL),
    ngx_http_chat_metric_counter("bytes_out",
        "Bytes written to streams.", &ngx_http_chat_metric_transport, NULL),
    ngx_http_chat_metric_high("queue_bytes_max",
        "Longest output queue of a stream so far, in bytes."),
    ngx_http_chat_metric_counter("lag_mode_enters",
        "Slow readers that are refilled from the log.",
        &ngx_http_chat_metric_transport, NULL),
    ngx_http_chat_metric_counter("slow_closes",
        "Slow readers that were closed.",
        &ngx_http_chat_metric_transport, NULL),
    ngx_http_chat_metric_histogram("append_seconds",
        "Time from a message's arrival to its commit."),
    ngx_http_chat_metric_histogram("deliver_seconds",
        "Time from an event's commit to its delivery to a subscriber."),
    ngx_http_chat_metric_histogram("ping_seconds",
        "Time from a WebSocket ping to its pong."),
    ngx_http_chat_metric_counter("resumes",
        "Subscriptions of a conversation, by how they began.",
        &ngx_http_chat_metric_resume, NULL),
    ngx_http_chat_metric_counter("recovered_events",
        "Events that subscriptions began with.", NULL, NULL),
    ngx_http_chat_metric_counter("gaps",
        "Events missed by the bus, by how it was noticed.",
        &ngx_http_chat_metric_gap, NULL),
    ngx_http_chat_metric_gauge("pg_calls",
        "Statements that wait for PostgreSQL.",
        &ngx_http_chat_metric_lane, NULL),
    ngx_http_chat_metric_gauge("bus_ready",
        "Workers whose bus works.", NULL, NULL),
    ngx_http_chat_metric_gauge("redis_ready",
        "Workers connected to Redis.", NULL, NULL),
    ngx_http_chat_metric_counter("redis_connects",
        "Connections made to Redis.", NULL, NULL),
    ngx_http_chat_metric_counter("redis_errors",
        "Replies of Redis that are errors or no replies.", NULL, NULL),
    ngx_http_chat_metric_counter("redis_dropped",
        "Publications that Redis did not take.", NULL, NULL),
    ngx_http_chat_metric_histogram("redis_resubscribe_seconds",
        "Time from a connection to Redis to its last subscription."),
    ngx_http_chat_metric_histogram("redis_probe_seconds",
        "Time that a publication takes through Redis."),
    ngx_http_chat_metric_gauge("draining",
        "Workers that wait for their last streams.", NULL, NULL),
    ngx_http_chat_metric_counter("drained",
        "Streams that were asked to reconnect by a worker that leaves.",
        NULL, NULL),
    ngx_http_chat_metric_counter("limited",
        "Calls refused by a limit.", &ngx_http_chat_metric_limit, NULL),
    ngx_http_chat_metric_counter("redis_publishes",
        "Publications sent to Redis.", NULL, NULL),
    ngx_http_chat_metric_counter("redis_degraded",
        "Times a worker had to do without Redis.", NULL, NULL)
};


ngx_uint_t
ngx_http_chat_metric_cells(ngx_http_chat_metric_t *m)
{
    if (m->type == NGX_HTTP_CHAT_METRIC_HISTOGRAM) {
        return NGX_HTTP_CHAT_METRIC_BUCKETS + 2;
    }

    return ngx_http_chat_metric_values(m->labels[0])
           * ngx_http_chat_metric_values(m->labels[1]);
}


ngx_uint_t
ngx_http_chat_metric_values(ngx_http_chat_label_t *label)
{
    ngx_uint_t  n;

    if (label == NULL) {
        return 1;
    }

    for (n = 0; label->values[n] != NULL; n++) { /* void */ }

    return n;
}


ngx_uint_t
ngx_http_chat_metric_bucket(uint64_t us)
{
    ngx_uint_t  i;

    for (i = 0; i < NGX_HTTP_CHAT_METRIC_BUCKETS; i++) {
        if (us <= ngx_http_chat_metric_bounds[i]) {
            break;
        }
    }

    return i;
}


ngx_uint_t
ngx_http_chat_metric_close(ngx_uint_t code)
{
    ngx_uint_t    i;
    const char  **codes;

    codes = ngx_http_chat_metric_codes;

    for (i = 0; codes[i + 1] != NULL; i++) {
        if (ngx_atoi((u_char *) codes[i], 4) == (ngx_int_t) code) {
            break;
        }
    }

    return i;
}
