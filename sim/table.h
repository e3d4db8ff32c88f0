#ifndef SIM_TABLE_H
#define SIM_TABLE_H

#include "front/json.h"

/* table - the tables in what came of a trial (`gemel-sim run --json`), as cells of text
 * for a terminal and for a page alike. Called by sim/outcome and sim/page. */

#define TABLE_COLUMNS_MAX ((size_t)8)

struct table {
    size_t columns, rows;
    size_t capacity;
    char **cells; /* [1 + rows][columns]; first the headings */
};

const char *table_cell(const struct table *table, size_t row, size_t column);
void table_destroy(struct table **table);

/* Caller destroys. */
struct table *table_hospitals(const struct json *result);
struct table *
table_numbers(const struct json *result); /* the prior beside the pooled fit */
struct table *table_held_out(const struct json *result); /* of forecasts */

/* Of a prior in `held_out`, in words; caller frees. */
char *table_prior_name(const struct json *result, const char *prior);

#endif
