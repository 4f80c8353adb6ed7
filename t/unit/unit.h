
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#ifndef _UNIT_H_INCLUDED_
#define _UNIT_H_INCLUDED_


#include <stdio.h>


/*
 * A test program prints TAP: ok() for each check, and ends with
 * "return done();".
 */

static int  unit_tests;
static int  unit_failed;


static void
unit_ok(int passed, const char *name, const char *file, int line)
{
    unit_tests++;

    printf("%sok %d - %s\n", passed ? "" : "not ", unit_tests, name);

    if (!passed) {
        unit_failed++;
        printf("# failed at %s:%d\n", file, line);
    }
}


static int
unit_done(void)
{
    printf("1..%d\n", unit_tests);

    return unit_failed ? 1 : 0;
}


#define ok(condition, name)                                                  \
    unit_ok((condition) ? 1 : 0, name, __FILE__, __LINE__)
#define done()  unit_done()


#endif /* _UNIT_H_INCLUDED_ */
