/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "load.h"


typedef char  *load_vars_t[LOAD_VARS_MAX];


static size_t load_template_word(load_buf_t *b, const char *word,
    load_conn_t *c, unsigned channel, uint64_t ts, uint32_t n);
static void load_template_id(load_buf_t *b, unsigned channel, uint32_t n,
    int uuid);
static void load_template_pad(load_buf_t *b);
static void load_template_cursor(load_buf_t *b, load_conn_t *c,
    const char *before, const char *after);


static unsigned      load_nvars;
static load_vars_t  *load_vars;


/* one line a channel, its columns are {1} to {9} */

void
load_template_vars(const char *file)
{
    FILE      *f;
    char      *line, *word, *save;
    size_t     size, room;
    unsigned   i;

    f = fopen(file, "r");

    if (f == NULL) {
        load_die("%s: %s", file, strerror(errno));
    }

    line = NULL;
    size = 0;
    room = 0;

    while (getline(&line, &size, f) > 0) {

        if (load_nvars == room) {
            room = room ? room * 2 : 1024;
            load_vars = realloc(load_vars, room * sizeof(load_vars_t));

            if (load_vars == NULL) {
                load_die("out of memory");
            }
        }

        memset(load_vars[load_nvars], 0, sizeof(load_vars_t));
        word = strtok_r(line, " \t\r\n", &save);

        for (i = 0; word != NULL && i < LOAD_VARS_MAX; i++) {
            load_vars[load_nvars][i] = strdup(word);
            word = strtok_r(NULL, " \t\r\n", &save);
        }

        if (i) {
            load_nvars++;
        }
    }

    free(line);
    fclose(f);

    if (load_nvars == 0) {
        load_die("%s: there are no lines", file);
    }
}


void
load_template(load_buf_t *b, const char *text, load_conn_t *c,
    unsigned channel, uint64_t ts, uint32_t n)
{
    size_t       len;
    const char  *p;

    for ( ;; ) {
        p = strchr(text, '{');

        if (p == NULL) {
            load_buf_str(b, text);
            return;
        }

        load_buf_add(b, text, (size_t) (p - text));
        len = load_template_word(b, p, c, channel, ts, n);

        if (len == 0) {
            load_buf_add(b, p, 1);
            len = 1;
        }

        text = p + len;
    }
}


/* the length of what was understood, or 0 */

static size_t
load_template_word(load_buf_t *b, const char *word, load_conn_t *c,
    unsigned channel, uint64_t ts, uint32_t n)
{
    char    *value;
    size_t   len;

    len = strcspn(word, "}") + 1;

    if (strncmp(word, "{i}", 3) == 0) {
        load_buf_num(b, c->index);

    } else if (strncmp(word, "{c}", 3) == 0) {
        load_buf_num(b, channel);

    } else if (strncmp(word, "{n}", 3) == 0) {
        load_buf_num(b, n);

    } else if (strncmp(word, "{ts}", 4) == 0) {
        load_buf_num(b, ts);

    } else if (strncmp(word, "{id}", 4) == 0) {
        load_template_id(b, channel, n, 0);

    } else if (strncmp(word, "{uuid}", 6) == 0) {
        load_template_id(b, channel, n, 1);

    } else if (strncmp(word, "{pad}", 5) == 0) {
        load_template_pad(b);

    } else if (strncmp(word, "{odd}", 5) == 0) {
        load_buf_str(b, n & 1 ? "true" : "false");

    } else if (strncmp(word, "{since}", 7) == 0) {
        load_template_cursor(b, c, ",\"since\":\"", "\"");

    } else if (strncmp(word, "{&since}", 8) == 0) {
        load_template_cursor(b, c, "&since=", "");

    } else if (word[1] >= '1' && word[1] <= '9' && word[2] == '}'
               && load_nvars)
    {
        value = load_vars[channel % load_nvars][word[1] - '1'];
        load_buf_str(b, value ? value : "");

    } else {
        return 0;
    }

    return len;
}


/* unique a message */

static void
load_template_id(load_buf_t *b, unsigned channel, uint32_t n, int uuid)
{
    char  text[64];
    int   len;

    len = snprintf(text, sizeof(text),
                   uuid ? "%08x-%04x-4%03x-8%03x-%04x%08x"
                        : "%08x%04x%03x%03x-%x-%x",
                   (unsigned) (load_shared->start >> 10),
                   channel >> 16, channel >> 4 & 0xfff, channel & 0xf,
                   (unsigned) (load_shared->start >> 42) & 0xffff, n);

    load_buf_add(b, text, (size_t) len);
}


static void
load_template_pad(load_buf_t *b)
{
    size_t             left, len;
    static const char  words[] = "hello, my order has not arrived yet, can "
                                 "you help me please? ";

    for (left = load_options.pad; left; left -= len) {
        len = left < sizeof(words) - 1 ? left : sizeof(words) - 1;
        load_buf_add(b, words, len);
    }
}


/* as the module makes it: the epoch and the last number seen, if any */

static void
load_template_cursor(load_buf_t *b, load_conn_t *c, const char *before,
    const char *after)
{
    if (c->epoch[0] == '\0') {
        return;
    }

    load_buf_str(b, before);
    load_buf_str(b, c->epoch);
    load_buf_add(b, ".", 1);
    load_buf_num(b, c->seq);
    load_buf_str(b, after);
}
