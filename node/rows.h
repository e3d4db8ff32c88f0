#ifndef NODE_ROWS_H
#define NODE_ROWS_H

#include <stdbool.h>

#include "model/record.h"
#include "node/node.h"

/* rows - patients' doses, covariates and measurements as the store keeps them for people:
 * a table of each kind, a row a fact.
 *
 * They are the truth: what the engine reads (node/signals) is made of them. Whoever puts
 * rows in has the signals follow, in the same transaction. It knows neither consent nor
 * files: node/patients does. */

/* The times between which rows of a kind stand; none when `first` is after `last`. */
struct rows_span {
    double first, last;
};
#define ROWS_NONE ((struct rows_span){INFINITY, -INFINITY})
#define ROWS_ALL ((struct rows_span){-INFINITY, INFINITY})

struct rows_added {
    size_t added, known;
    struct rows_span spans[RECORD_KINDS]; /* of what was added */
};

/* Put in what the store does not hold already, of a record that is sorted: a row equal in
 * every field is not stored twice, and rows alike within the record are as many as it
 * says. `fresh`: this patient has no rows, and none is asked for. ERR_RANGE when they would
 * be more than a record holds. */
enum err rows_add(struct node *node, int64_t patient, bool fresh,
                  const struct record *record, struct rows_added *added);

/* Append a patient's rows in these spans to `record`, and sort it: of equal time, rank and
 * name they stand as they were put in. */
enum err rows_read(struct node *node, int64_t patient,
                   const struct rows_span spans[RECORD_KINDS], struct record *record);

#endif
