/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#include <string.h>

#include "load.h"


static void load_report_sum(load_stats_t *sum);
static void load_report_hist(const char *name, const load_hist_t *h);
static void load_report_subs(const load_stats_t *t, const load_result_t *r);
static void load_report_pub(const load_stats_t *t, double window);
static void load_report_deliver(const load_stats_t *t, double window);
static void load_report_cpu(const load_stats_t *t, const load_result_t *r);


#define load_u(n)  (unsigned long long) (n)


/* acknowledged messages, each as often as its channel has subscribers */

uint64_t
load_report_expected(void)
{
    unsigned  i;
    uint64_t  n;

    n = 0;

    for (i = 0; i < load_options.channels; i++) {
        n += (uint64_t) load_channels[i].acked * load_channels[i].subs;
    }

    return n;
}


void
load_report_print(const load_result_t *r)
{
    unsigned             i, n;
    static load_stats_t  t;

    load_report_sum(&t);

    printf("{\"label\":\"%s\",\"procs\":%u,\"channels\":%u,"
           "\"failed\":%s,\"window_s\":%.3f,\"bytes_in\":%llu,",
           load_options.label ? load_options.label : "", load_options.procs,
           load_options.channels, r->failed ? "true" : "false", r->window,
           load_u(t.bytes_in));

    load_report_subs(&t, r);
    load_report_pub(&t, r->window);
    load_report_deliver(&t, r->window);

    printf("\"http_status\":{");

    n = 0;

    for (i = 0; i < LOAD_STATUS_MAX; i++) {
        if (t.status[i]) {
            printf("%s\"%u\":%llu", n++ ? "," : "", i, load_u(t.status[i]));
        }
    }

    printf("},");

    load_report_cpu(&t, r);

    printf("}\n");
}


static void
load_report_sum(load_stats_t *sum)
{
    unsigned             i, k;
    uint64_t            *to;
    const uint64_t      *from;
    const load_stats_t  *s;

    for (i = 0; i < load_options.procs; i++) {
        s = &load_shared->stats[i];
        to = (uint64_t *) sum;
        from = (const uint64_t *) s;

        /* the counters are in front */

        for (k = 0; k < offsetof(load_stats_t, inflight) / sizeof(uint64_t);
             k++)
        {
            to[k] += from[k];
        }

        load_hist_merge(&sum->handshake, &s->handshake);
        load_hist_merge(&sum->resume, &s->resume);
        load_hist_merge(&sum->ack, &s->ack);
        load_hist_merge(&sum->latency, &s->latency);
    }
}


static void
load_report_hist(const char *name, const load_hist_t *h)
{
    printf("\"%s\":{\"n\":%llu", name, load_u(h->n));

    if (h->n) {
        printf(",\"mean\":%.1f,\"p50\":%.1f,\"p90\":%.1f,\"p99\":%.1f,"
               "\"p999\":%.1f,\"max\":%.1f",
               (double) h->sum / (double) h->n / 1e3, load_hist_us(h, 0.5),
               load_hist_us(h, 0.9), load_hist_us(h, 0.99),
               load_hist_us(h, 0.999), (double) h->max / 1e3);
    }

    printf("}");
}


static void
load_report_subs(const load_stats_t *t, const load_result_t *r)
{
    printf("\"subs\":{\"wanted\":%u,\"open\":%llu,\"failed\":%llu,"
           "\"closed\":%llu,\"resumed\":%llu,\"polls\":%llu,\"pings\":%llu,"
           "\"close_frames\":%llu,\"connect_s\":%.2f,\"slab_kb\":%ld,",
           load_options.nsubs, load_u(t->sub_open), load_u(t->sub_failed),
           load_u(t->sub_closed), load_u(t->sub_resumed), load_u(t->polls),
           load_u(t->pings), load_u(t->closes), r->connect,
           r->slab[1] - r->slab[0]);

    load_report_hist("handshake_us", &t->handshake);
    printf(",");
    load_report_hist("resume_us", &t->resume);
    printf("},");
}


static void
load_report_pub(const load_stats_t *t, double window)
{
    printf("\"pub\":{\"open\":%llu,\"failed_to_connect\":%llu,"
           "\"sent\":%llu,\"acked\":%llu,\"failed\":%llu,"
           "\"reconnects\":%llu,\"per_s\":%.1f,",
           load_u(t->pub_open), load_u(t->pub_failed), load_u(t->sent),
           load_u(t->acked), load_u(t->failed), load_u(t->pub_reconnects),
           window > 0 ? (double) t->win_acked / window : 0);

    load_report_hist("ack_us", &t->ack);
    printf("},");
}


static void
load_report_deliver(const load_stats_t *t, double window)
{
    uint64_t  expected, n;

    expected = load_report_expected();
    n = load_options.count ? t->counted : t->unique;

    printf("\"deliver\":{\"seen\":%llu,\"unique\":%llu,\"counted\":%llu,"
           "\"expected\":%llu,\"lost\":%lld,\"dup\":%llu,"
           "\"out_of_order\":%llu,\"stale\":%llu,\"foreign\":%llu,"
           "\"per_s\":%.1f,",
           load_u(t->seen), load_u(t->unique), load_u(t->counted),
           load_u(expected), (long long) expected - (long long) n,
           load_u(t->dup), load_u(t->disorder), load_u(t->stale),
           load_u(t->foreign),
           window > 0 ? (double) (load_options.count ? t->win_counted
                                                     : t->win_seen) / window
                      : 0);

    load_report_hist("latency_us", &t->latency);
    printf("},");
}


/* in cores, over the measured time */

static void
load_report_cpu(const load_stats_t *t, const load_result_t *r)
{
    double    cpu, sum, max;
    unsigned  i;
    uint64_t  delivered;

    delivered = load_options.count ? t->win_counted : t->win_seen;
    sum = 0;
    max = 0;

    for (i = 0; i < load_options.procs && r->slice > 0; i++) {
        cpu = (r->run1.cpu[i] - r->run0.cpu[i]) / r->slice;
        sum += cpu;
        max = cpu > max ? cpu : max;
    }

    printf("\"cpu\":{\"machine\":%.3f,\"generator\":%.3f,"
           "\"generator_max\":%.3f},\"watch\":{",
           r->slice > 0 ? (r->run1.busy - r->run0.busy) / r->slice : 0,
           sum, max);

    for (i = 0; i < load_options.nwatch; i++) {
        cpu = r->run1.watch[i].cpu - r->run0.watch[i].cpu;

        printf("%s\"%s\":{\"procs\":%u,\"pss_before_kb\":%ld,"
               "\"pss_held_kb\":%ld,\"pss_after_kb\":%ld",
               i ? "," : "", load_options.watch[i].name,
               r->held.watch[i].n, r->before.watch[i].pss,
               r->held.watch[i].pss, r->after.watch[i].pss);

        if (t->sub_open) {
            printf(",\"pss_per_sub\":%.0f",
                   1024.0 * (double) (r->held.watch[i].pss
                                      - r->before.watch[i].pss)
                   / (double) t->sub_open);
        }

        if (r->slice > 0) {
            printf(",\"cpu\":%.3f,\"us_per_delivery\":%.2f,"
                   "\"us_per_publish\":%.2f", cpu / r->slice,
                   delivered ? 1e6 * cpu / (double) delivered : 0,
                   t->win_acked ? 1e6 * cpu / (double) t->win_acked : 0);
        }

        printf("}");
    }

    printf("}");
}
