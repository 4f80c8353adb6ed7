
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


/*
 * An allocator that fails once, at the k-th call: loaded before the C
 * library's by LD_PRELOAD.  The file in FAULT_OOM is shared with the test:
 * "left" is the number of calls until one fails, 0 when none is to, and
 * "calls" counts those that were made since it was set.
 */


#define _GNU_SOURCE

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>


typedef struct {
    volatile int32_t   left;
    volatile int32_t   calls;
    volatile int32_t   failed;
    volatile int32_t   pid;      /* of the process that is meant */
} fault_oom_t;


static fault_oom_t *
fault_oom_map(void)
{
    int                  fd;
    char                *path;
    void                *p;
    static fault_oom_t  *oom;

    if (oom != NULL) {
        return oom;
    }

    path = getenv("FAULT_OOM");
    if (path == NULL) {
        return NULL;
    }

    fd = open(path, O_RDWR);
    if (fd == -1) {
        return NULL;
    }

    p = mmap(NULL, sizeof(fault_oom_t), PROT_READ|PROT_WRITE, MAP_SHARED, fd,
             0);
    (void) close(fd);

    if (p != MAP_FAILED) {
        oom = p;
    }

    return oom;
}


static int
fault_oom_now(void)
{
    fault_oom_t  *oom;

    oom = fault_oom_map();

    if (oom == NULL || oom->pid != (int32_t) getpid()) {
        return 0;
    }

    oom->calls++;

    if (oom->left > 0 && --oom->left == 0) {
        oom->failed++;
        errno = ENOMEM;
        return 1;
    }

    return 0;
}


void *
malloc(size_t size)
{
    extern void  *__libc_malloc(size_t size);

    return fault_oom_now() ? NULL : __libc_malloc(size);
}


void *
calloc(size_t n, size_t size)
{
    extern void  *__libc_calloc(size_t n, size_t size);

    return fault_oom_now() ? NULL : __libc_calloc(n, size);
}


void *
realloc(void *p, size_t size)
{
    extern void  *__libc_realloc(void *p, size_t size);

    return fault_oom_now() ? NULL : __libc_realloc(p, size);
}


int
posix_memalign(void **p, size_t alignment, size_t size)
{
    extern void  *__libc_memalign(size_t alignment, size_t size);

    if (fault_oom_now()) {
        return ENOMEM;
    }

    *p = __libc_memalign(alignment, size);
    return *p ? 0 : ENOMEM;
}
