#ifndef NUMERICS_ELIMINATION_H
#define NUMERICS_ELIMINATION_H

#include <stddef.h>
#include <stdint.h>

#include "numerics/lanes.h"

/* elimination - solves (shift I - J) x = b for a matrix J in each lane, all of one
 * pattern of zeros: Gauss' elimination on the diagonal, its order chosen once so that few
 * zeros are filled (Markowitz, Management Science 3:255, 1957), and nothing done for the
 * others.
 *
 * It does not exchange rows as it goes, because lanes would have to do so together: for a
 * shift large beside J that is sound, and whoever steps through time can make it so by a
 * smaller step. A pivot of 0 makes that lane's solution no number. Called by
 * numerics/rosenbrock. */

struct elimination;

/* J [states][states] can differ from 0 at these entries [count] alone. */
struct elimination *elimination_new(size_t states, const struct lanes_entry *entries,
                                    size_t count, enum simd simd);
void elimination_destroy(struct elimination **elimination);

/* How many factors it keeps, and how many of them J does not have. */
size_t elimination_factors(const struct elimination *elimination);

/* Of J, values [entries][LANES]. */
void elimination_factor(struct elimination *elimination,
                        const double *shift /* [LANES] */, const double *values);

/* One way to solve: component i of b and x is row row_of[i] of what is given, or 0 and in
 * no row (ELIMINATION_NONE) where J leads from no component that has a row to it. */
struct elimination_plan;
#define ELIMINATION_NONE SIZE_MAX
struct elimination_plan *elimination_plan(const struct elimination *elimination,
                                          const size_t *row_of /* [states] */);
void elimination_plan_free(struct elimination_plan *plan);

/* b in these rows becomes x. */
void elimination_solve(const struct elimination *elimination,
                       const struct elimination_plan *plan, double *rows);

#endif
