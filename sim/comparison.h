#ifndef SIM_COMPARISON_H
#define SIM_COMPARISON_H

#include "front/json.h"
#include "model/prior.h"

/* comparison - two priors and where both began, number by number. Called by
 * sim/command_run. */

/* An array with a row for every number that is learned: `name` ("level", "AGE on level",
 * "between sd of level", "correlation of level and slope", "residual error of SBP"),
 * `unit`, and `start`, `shared`, `pooled`; `shared_low` and `shared_high` are the 95 %
 * interval of the shared one, noise included, null where it is not known. Typical values
 * and residual errors are on the natural scale, effects and spreads on the transformed.
 */
struct json *comparison_json(const struct model *model, const struct prior_layout *layout,
                             const struct prior *start, const struct prior *shared,
                             const struct prior *pooled);

#endif
