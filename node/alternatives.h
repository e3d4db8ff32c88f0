#ifndef NODE_ALTERNATIVES_H
#define NODE_ALTERNATIVES_H

#include "model/twin.h"

/* alternatives - what else might be done with one patient from now on: the plan on
 * record, and others, as a command line says them.
 *
 * Only what the model lists under [what-if] may be tried, within its range and by its
 * steps; other words are refused with the range. It simulates nothing (node/whatif does).
 */

#define ALTERNATIVES_MAX ((size_t)201)

struct alternative {
    char *name;            /* "as planned", or what is other in it, in words */
    struct record *record; /* what is given and known */
    double swept;          /* the value of what is swept; NaN: nothing is */
    size_t *set;           /* [set_count] parameters that are not the patient's, */
    double *values;        /* and what they are instead */
    size_t set_count;
};

struct alternatives_question {
    const struct model *model;
    const struct record *record; /* with what is planned; sorted */
    double now;                  /* model time: what is not earlier lies ahead */
    /* Each a whole regimen, its doses separated by ';', in place of all doses that lie
     * ahead; none: those on record. */
    const char *const *doses;
    size_t dose_count;
    const char *const *sets; /* [set_count] "NAME=VALUE", in all of them */
    size_t set_count;
    const char *sweep; /* "NAME" or "NAME=FROM..TO": each with each of its values; or
                          NULL: of a dose, the amount of all that lie ahead */
};

/* The first is the plan on record. ERR_NOT_FOUND for what is not under [what-if],
 * ERR_RANGE for a value that is not in its range, ERR_USAGE for other words. Caller
 * frees.
 */
enum err alternatives_new(const struct alternatives_question *question,
                          struct alternative **alternatives, size_t *count);
void alternatives_free(struct alternative *alternatives, size_t count);

/* What is swept, and its unit; NULL for a name that is not under [what-if]. */
const struct model_range *alternatives_range(const struct model *model, const char *name,
                                             size_t size);

#endif
