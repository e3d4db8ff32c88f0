#ifndef TESTS_MODELS_COURSES_H
#define TESTS_MODELS_COURSES_H

/* courses - the derivatives of the models of a folder, along a course for each, through
 * whatever doses, lags, infusions and covariates it has: against differences in extended
 * precision, between the two solvers, and against CVODES alone. tests/model/test_twin.c
 * has the stops that move with a parameter. */

#include "check.h"

#define COURSES_TIMES_MAX 8

struct courses_one {
    const char *model, *set, *doses; /* doses separated by ";" */
    double times[COURSES_TIMES_MAX]; /* ascending, up to the first 0 */
};

/* Every model of models/`folder`/ has a course, and every course a model there. */
void courses_cover(const struct courses_one *courses, size_t count, const char *folder);

void courses_agree_with_differences(const struct courses_one *courses, size_t count);
void courses_agree_between_solvers(const struct courses_one *courses, size_t count);
void courses_agree_with_cvodes_alone(const struct courses_one *courses, size_t count);

#endif
