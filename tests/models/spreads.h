#ifndef TESTS_MODELS_SPREADS_H
#define TESTS_MODELS_SPREADS_H

/* spreads - what readings tell of a patient: the standard deviations that are left of the
 * parameters that are learned (of their logarithms, where they are learned on that
 * scale), as a table: a model, what is set and given, what is read and when, and the
 * spreads that its head or a paper states. The patient is the typical one, and reads what
 * the model says of that one, so that the mode is known and the spread is the
 * information's. */

#include "check.h"

struct spread {
    const char *model, *set, *doses; /* doses separated by ";" */
    const char *readings; /* "NAME FROM:STEP:TO; NAME T1,T2,...", the model's time */
    const char *expected; /* "NAME SD; NAME*NAME SD": the latter of a product */
    double tolerance;     /* of each of them */
    const char *source;
};

/* Fails with everything that is off, not with the first. */
void spreads_check(const struct spread *spreads, size_t count);

#endif
