/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#include <arpa/inet.h>
#include <getopt.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "load.h"


typedef enum {
    LOAD_O_UNSIGNED = 0,
    LOAD_O_DOUBLE,
    LOAD_O_STRING,
    LOAD_O_FLAG,
    LOAD_O_MODE,
    LOAD_O_URL,
    LOAD_O_HEADER,
    LOAD_O_MESSAGES,
    LOAD_O_WATCH,
    LOAD_O_VARS
} load_option_e;


/* one of a group is at an offset in the last group */

typedef struct {
    const char     *name;
    load_option_e   type;
    unsigned        group;
    size_t          offset;
} load_option_t;


static void load_option_set(const load_option_t *o, char *value);
static double load_option_number(const char *value);
static void load_option_header(const load_option_t *o, char *value);
static void load_option_watch(char *value);
static void load_option_url(load_url_t *url, const char *value);
static load_mode_e load_option_mode(const char *value);
static void load_option_check(void);


#define load_o(name, type, member)                                           \
    { name, LOAD_O_##type, 0, offsetof(load_options_t, member) }
#define load_g(name, type, member)                                           \
    { name, LOAD_O_##type, 1, offsetof(load_group_t, member) }


static const load_option_t  load_option_table[] = {
    load_g("sub-url", URL, url),
    load_g("sub-mode", MODE, mode),
    load_g("sub-header", HEADER, headers),
    load_g("sub-hello", STRING, hello),
    load_g("sub-ready", STRING, ready),
    load_g("sub-aside", FLAG, aside),
    load_g("sub-pause", DOUBLE, pause),
    load_g("subs", UNSIGNED, count),
    load_o("pub-url", URL, pub_url),
    load_o("pub-mode", MODE, pub_mode),
    load_o("pub-header", HEADER, pub_headers),
    load_o("pub-method", STRING, pub_method),
    load_o("pub-hello", STRING, pub_hello),
    load_o("pub-ack", STRING, pub_ack),
    load_o("pubs", UNSIGNED, npubs),
    load_o("rate", DOUBLE, rate),
    load_o("messages", MESSAGES, messages),
    load_o("body", STRING, body),
    load_o("pad", UNSIGNED, pad),
    load_o("ts", STRING, ts),
    load_o("n", STRING, n),
    load_o("count", STRING, count),
    load_o("channels", UNSIGNED, channels),
    load_o("vars", VARS, channels),
    load_o("nchan", FLAG, nchan),
    load_o("procs", UNSIGNED, procs),
    load_o("connect-rate", DOUBLE, connect_rate),
    load_o("connect-inflight", UNSIGNED, inflight),
    load_o("settle", DOUBLE, settle),
    load_o("hold", DOUBLE, hold),
    load_o("warmup", DOUBLE, warmup),
    load_o("duration", DOUBLE, duration),
    load_o("drain", DOUBLE, drain),
    load_o("storm", FLAG, storm),
    load_o("away", DOUBLE, away),
    load_o("watch", WATCH, watch),
    load_o("on-ready", STRING, on_ready),
    load_o("on-done", STRING, on_done),
    load_o("label", STRING, label),
    load_o("verbose", FLAG, verbose)
};

#define LOAD_NOPTIONS                                                        \
    (sizeof(load_option_table) / sizeof(load_option_t))


void
load_options_parse(int argc, char **argv)
{
    int            i;
    unsigned       k;
    struct option  names[LOAD_NOPTIONS + 1];

    memset(names, 0, sizeof(names));

    for (k = 0; k < LOAD_NOPTIONS; k++) {
        names[k].name = load_option_table[k].name;
        names[k].has_arg = load_option_table[k].type != LOAD_O_FLAG;
        names[k].val = (int) k + 1;
    }

    for ( ;; ) {
        i = getopt_long(argc, argv, "", names, NULL);

        if (i == -1) {
            break;
        }

        if (i < 1 || i > (int) LOAD_NOPTIONS) {
            exit(2);
        }

        load_option_set(&load_option_table[i - 1], optarg);
    }

    if (optind < argc) {
        load_die("unexpected argument \"%s\"", argv[optind]);
    }

    load_option_check();
}


static void
load_option_set(const load_option_t *o, char *value)
{
    char          *p;
    load_group_t  *g;

    p = (char *) &load_options + o->offset;

    if (o->group) {

        if (strcmp(o->name, "sub-url") == 0) {

            if (load_options.ngroups == LOAD_GROUPS_MAX) {
                load_die("too many groups of subscribers");
            }

            g = &load_options.groups[load_options.ngroups++];
            g->count = 1;
        }

        if (load_options.ngroups == 0) {
            load_die("--%s before any --sub-url", o->name);
        }

        p = (char *) &load_options.groups[load_options.ngroups - 1]
            + o->offset;
    }

    switch (o->type) {

    case LOAD_O_UNSIGNED:
        *(unsigned *) p = (unsigned) load_option_number(value);
        break;

    case LOAD_O_DOUBLE:
        *(double *) p = load_option_number(value);
        break;

    case LOAD_O_MESSAGES:
        *(uint64_t *) p = (uint64_t) load_option_number(value);
        break;

    case LOAD_O_STRING:
        *(const char **) p = value;
        break;

    case LOAD_O_FLAG:
        *(unsigned *) p = 1;
        break;

    case LOAD_O_MODE:
        *(load_mode_e *) p = load_option_mode(value);
        break;

    case LOAD_O_URL:
        load_option_url((load_url_t *) p, value);
        break;

    case LOAD_O_HEADER:
        load_option_header(o, value);
        break;

    case LOAD_O_WATCH:
        load_option_watch(value);
        break;

    case LOAD_O_VARS:
        load_template_vars(value);
        break;
    }
}


static double
load_option_number(const char *value)
{
    char    *end;
    double   n;

    n = strtod(value, &end);

    if (end == value || *end || !(n >= 0 && n < 1e12)) {
        load_die("\"%s\" is not a number", value);
    }

    return n;
}


static void
load_option_header(const load_option_t *o, char *value)
{
    unsigned      *n;
    load_group_t  *g;

    g = &load_options.groups[load_options.ngroups - (o->group ? 1 : 0)];
    n = o->group ? &g->nheaders : &load_options.npub_headers;

    if (*n == LOAD_HEADERS_MAX) {
        load_die("too many headers");
    }

    if (o->group) {
        g->headers[(*n)++] = value;

    } else {
        load_options.pub_headers[(*n)++] = value;
    }
}


/* <name>:<pid>,... */

static void
load_option_watch(char *value)
{
    char          *pid, *save;
    load_watch_t  *w;

    for (value = strtok_r(value, ",", &save);
         value != NULL;
         value = strtok_r(NULL, ",", &save))
    {
        pid = strchr(value, ':');

        if (pid == NULL || load_options.nwatch == LOAD_WATCH_MAX) {
            load_die("\"%s\" is not <name>:<pid>, or too many", value);
        }

        *pid = '\0';

        w = &load_options.watch[load_options.nwatch++];
        w->name = value;
        w->pid = (pid_t) load_option_number(pid + 1);
    }
}


static void
load_option_url(load_url_t *url, const char *value)
{
    char        *name, *colon;
    size_t       len;
    const char  *p;

    p = strstr(value, "://");
    url->tls = strncmp(value, "https:", 6) == 0;

    p = p ? p + 3 : value;
    len = strcspn(p, "/");

    url->host = strndup(p, len);
    url->path = strdup(p[len] ? p + len : "/");

    name = strdup(url->host);
    colon = strchr(name, ':');

    if (colon == NULL) {
        load_die("there is no port in \"%s\"", value);
    }

    *colon = '\0';

    url->addr.sin_family = AF_INET;
    url->addr.sin_port = htons((uint16_t) atoi(colon + 1));

    if (inet_pton(AF_INET, name, &url->addr.sin_addr) != 1) {
        load_die("the address in \"%s\" is not that of IPv4", value);
    }

    free(name);
}


static load_mode_e
load_option_mode(const char *value)
{
    unsigned            i;
    static const char  *names[] = { "ws", "sse", "poll", "idle", "http" };

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(value, names[i]) == 0) {
            return (load_mode_e) i;
        }
    }

    load_die("unknown mode \"%s\"", value);

    return LOAD_WS;
}


static void
load_option_check(void)
{
    unsigned  i;

    if (load_options.ngroups == 0 && load_options.npubs == 0) {
        load_die("nothing to do");
    }

    if (load_options.procs == 0 || load_options.procs > LOAD_PROCS_MAX
        || load_options.channels == 0)
    {
        load_die("bad number of processes or channels");
    }

    if (load_options.npubs && load_options.pub_url.host == NULL) {
        load_die("--pubs without --pub-url");
    }

    if (load_options.npubs && load_options.pub_mode == LOAD_WS
        && load_options.pub_ack == NULL && load_options.rate == 0)
    {
        load_die("a closed loop over WebSocket needs --pub-ack");
    }

    for (i = 0; i < load_options.ngroups; i++) {
        load_options.groups[i].first = load_options.nsubs;
        load_options.nsubs += load_options.groups[i].count;
    }
}
