
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#ifndef _PG_RESULT_H_INCLUDED_
#define _PG_RESULT_H_INCLUDED_


#include <libpq-fe.h>


/* a result of libpq, as tests make it; a cell of a length below 0 is NULL */

#define PG_RESULT_ROWS     128
#define PG_RESULT_COLUMNS  20
#define PG_RESULT_CELL     400

struct pg_result {
    int                       rows;
    int                       len[PG_RESULT_ROWS][PG_RESULT_COLUMNS];
    char                      cell[PG_RESULT_ROWS][PG_RESULT_COLUMNS]
                                  [PG_RESULT_CELL];
};


/* no rows; so many of them, which may follow, are NULL */
void pg_result_clear(PGresult *res, int rows);


#endif /* _PG_RESULT_H_INCLUDED_ */
