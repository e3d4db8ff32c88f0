#ifndef MODEL_LEARN_EXACT_H
#define MODEL_LEARN_EXACT_H

#include "history.h"

/* learn_exact - the step after rounds without noise: Fisher scoring on the Laplace
 * likelihood from the best round so far, near the end by its observed curvature.
 *
 * Private to model/learn. Fills in the report's gain, converged and stepped_back. */

/* Caller destroys `next`. ERR_NUMERIC: nothing can be made of these sums. */
enum err learn_exactly(const struct history *history, double tolerance,
                       struct prior **next, struct learn_report *report);

#endif
