
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#include <string.h>

#include "pg_result.h"


void
pg_result_clear(PGresult *res, int rows)
{
    res->rows = 0;
    memset(res->len, 0xff, rows * sizeof(res->len[0]));
}


/* libpq */

int PQntuples(const PGresult *res) { return res->rows; }
int PQnfields(const PGresult *res) { return PG_RESULT_COLUMNS; }

int
PQgetisnull(const PGresult *res, int row, int col)
{
    return res->len[row][col] < 0;
}


int
PQgetlength(const PGresult *res, int row, int col)
{
    return res->len[row][col];
}


char *
PQgetvalue(const PGresult *res, int row, int col)
{
    return (char *) res->cell[row][col];
}
