#ifndef MODEL_INNOVATION_H
#define MODEL_INNOVATION_H

#include "model/moments.h"
#include "target.h"

/* innovation - what a patient says of residual errors that are correlated in time, and of
 * spreads between occasions: scores, information and curvature of all their logarithms.
 *
 * It is moments' part for models in which an error remembers or a parameter varies; for
 * others moments has closed forms, which this agrees with where nothing does. Nothing is
 * predicted anew: models are linearised at the mode. Scores and curvature are differences
 * of what target_weigh makes of other residual errors. Information is the trace form of
 * docs/statistics.md in innovations, in which the errors' covariance is the identity, in
 * as many operations as there are measurements. Called by moments. */

/* `here` at the mode z, `posterior` V [p][p] and u [p] as in moments.h: fills what is
 * called residual_ in `moments`, but for scores that cannot be told (0). */
void innovation_moments(const struct target *target, const struct detail *here,
                        const double *z, const double *posterior, const double *u,
                        struct moments *moments);

#endif
