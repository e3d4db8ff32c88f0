#ifndef SIM_CONDITION_H
#define SIM_CONDITION_H

#include <stdbool.h>

#include "base/err.h"
#include "model/model.h"

/* condition - "NAME<NUMBER and NAME>=NUMBER": of a patient's covariates, or of what is
 * read of one at a visit.
 *
 * It compares numbers and knows nobody. A value that is NaN meets nothing. Called by
 * sim/arms and sim/rule. */

#define CONDITIONS_MAX ((size_t)16)

enum comparison { LESS, LESS_OR_EQUAL, MORE, MORE_OR_EQUAL, EQUAL };

struct conditions {
    struct {
        size_t of; /* that covariate or observation of the model */
        enum comparison comparison;
        double value; /* in its unit */
    } one[CONDITIONS_MAX];
    size_t count;
};

enum condition_of { CONDITION_OF_COVARIATES, CONDITION_OF_READINGS };

/* Reads `text`, which it takes apart. ERR_USAGE, ERR_NOT_FOUND or ERR_RANGE with what is
 * wrong. */
enum err conditions_read(const struct model *model, enum condition_of of, char *text,
                         struct conditions *conditions);

/* Do all of them hold of these values, of all covariates or of all observations? */
bool conditions_hold(const struct conditions *conditions, const double *values);

/* Without the blanks around it, in place: for phrases of which these are parts. */
char *condition_trimmed(char *text);

#endif
