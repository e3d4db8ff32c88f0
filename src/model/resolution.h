#ifndef MODEL_RESOLUTION_H
#define MODEL_RESOLUTION_H

#include "flow.h"
#include "model/observe.h"

/* resolution - how far a prediction can be off, because its solver keeps states no better
 * than to its tolerance.
 *
 * What falls far below its own peak is, in the end, rounding: a reading of it whose error
 * is in proportion to the prediction is fitted to digits that nobody computed. It knows
 * no patient, and says nothing of a solver with steps of one length, whose error no
 * tolerance decides. Called by ensemble and twin, which know where a solver is, by fit,
 * which decides, and by track, which does both. */

/* Each state moved by what counts as an error of one there (ABSOLUTE_FRACTION), the sum
 * of what that does to the prediction of `observation` at x [states] and t, what its
 * functionals have come to being `values`. Infinite where it is then no number. */
double resolution(const struct flow *flow, double tolerance, double t, const double *x,
                  size_t observation, const double *values);

/* Can predictions with this error be too small to be resolved? */
bool resolution_matters(const struct residual *residual);

/* Is a prediction that can be off by so much good enough to weigh this reading by? An
 * error of `off` is often one of five times that, and is not to be more than a tenth of
 * the reading's own standard deviation, as what it says of the prediction has it: one
 * beyond a limit says little, and a limit far above the prediction nothing. Nor, where
 * the reading has no likelihood there, of the prediction itself. */
bool resolution_suffices(const struct residual *residual, double value,
                         enum censoring censoring, double prediction, double off);

#endif
