#ifndef MODEL_UPDATE_H
#define MODEL_UPDATE_H

#include "model/fit.h"
#include "model/statistic.h"

/* update - what one patient teaches the population, as a plain vector in the statistic's
 * layout.
 *
 * It adds nothing up, clips nothing in integers and adds no noise (privacy/clip,
 * privacy/noise do, in the node). The private form stays within the norm by itself, but
 * for rounding and very skew fits, so that the integer clip has little to do; its theorem
 * does not depend on that. A patient whose fit failed teaches nothing but counts. Called
 * by node/ and sim/. */

/* Write the vector [statistic->dimension] of this fitted patient. ERR_NUMERIC when it is
 * not finite; the caller then sends update_uninformed, as where there are no moments. */
enum err update_vector(const struct twin *twin, const struct prior *prior,
                       const struct fit *fit, const struct moments *moments,
                       const struct statistic *statistic, double *vector);

/* The vector of a patient of whom nothing is known but that there is one: count and
 * covariates x [k]. */
void update_uninformed(const struct statistic *statistic, const double *x,
                       double *vector);

#endif
