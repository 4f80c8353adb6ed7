/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#include <string.h>
#include <unistd.h>

#include "load.h"


#define LOAD_TREE_MAX  512


static unsigned load_proc_tree(pid_t root, pid_t *pids, unsigned n);
static double load_proc_cpu(pid_t pid);
static long load_proc_pss(pid_t pid);
static double load_proc_busy(void);


/*
 * What the watched processes, with their descendants, and the generator's
 * own have used.  Reading the memory of a large process takes a while.
 */

void
load_proc_sample(load_samples_t *s, pid_t *kids, int memory)
{
    pid_t           pids[LOAD_TREE_MAX];
    unsigned        i, k, n;
    load_sample_t  *w;

    memset(s, 0, sizeof(load_samples_t));

    for (i = 0; i < load_options.nwatch; i++) {
        w = &s->watch[i];
        n = load_proc_tree(load_options.watch[i].pid, pids, 0);

        for (k = 0; k < n; k++) {
            w->cpu += load_proc_cpu(pids[k]);
            w->pss += memory ? load_proc_pss(pids[k]) : 0;
        }

        w->n = n;
    }

    for (i = 0; kids && i < load_options.procs; i++) {
        s->cpu[i] = load_proc_cpu(kids[i]);
    }

    s->busy = load_proc_busy();
}


static unsigned
load_proc_tree(pid_t root, pid_t *pids, unsigned n)
{
    int    pid;
    char   path[64];
    FILE  *f;

    if (n == LOAD_TREE_MAX) {
        return n;
    }

    pids[n++] = root;

    snprintf(path, sizeof(path), "/proc/%d/task/%d/children", root, root);
    f = fopen(path, "r");

    if (f == NULL) {
        return n;
    }

    while (fscanf(f, "%d", &pid) == 1) {
        n = load_proc_tree(pid, pids, n);
    }

    fclose(f);

    return n;
}


/* seconds, of all threads */

static double
load_proc_cpu(pid_t pid)
{
    int            rc;
    char           path[64], line[1024];
    char          *p;
    FILE          *f;
    unsigned long  user, system;

    snprintf(path, sizeof(path), "/proc/%d/stat", pid);
    f = fopen(path, "r");

    if (f == NULL) {
        return 0;
    }

    rc = 0;
    p = fgets(line, sizeof(line), f);

    /* the name in parentheses may have spaces */

    if (p != NULL) {
        p = strrchr(line, ')');
    }

    if (p != NULL) {
        rc = sscanf(p + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u "
                           "%lu %lu", &user, &system);
    }

    fclose(f);

    return rc == 2 ? (double) (user + system)
                     / (double) sysconf(_SC_CLK_TCK) : 0;
}


static long
load_proc_pss(pid_t pid)
{
    char   path[64], line[256];
    long   pss;
    FILE  *f;

    snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", pid);
    f = fopen(path, "r");

    if (f == NULL) {
        return 0;
    }

    pss = 0;

    while (fgets(line, sizeof(line), f) != NULL) {
        if (sscanf(line, "Pss: %ld kB", &pss) == 1) {
            break;
        }
    }

    fclose(f);

    return pss;
}


/* the machine's, but for idle and waiting */

static double
load_proc_busy(void)
{
    int            n;
    FILE          *f;
    unsigned long  t[8];

    f = fopen("/proc/stat", "r");

    if (f == NULL) {
        return 0;
    }

    n = fscanf(f, "cpu %lu %lu %lu %lu %lu %lu %lu %lu", &t[0], &t[1], &t[2],
               &t[3], &t[4], &t[5], &t[6], &t[7]);
    fclose(f);

    if (n != 8) {
        return 0;
    }

    return (double) (t[0] + t[1] + t[2] + t[5] + t[6])
           / (double) sysconf(_SC_CLK_TCK);
}


/* what the kernel has for sockets is in no process */

long
load_proc_slab(void)
{
    char   line[128];
    long   kb;
    FILE  *f;

    f = fopen("/proc/meminfo", "r");

    if (f == NULL) {
        return 0;
    }

    kb = 0;

    while (fgets(line, sizeof(line), f) != NULL) {
        if (sscanf(line, "Slab: %ld", &kb) == 1) {
            break;
        }
    }

    fclose(f);

    return kb;
}
