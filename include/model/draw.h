#ifndef MODEL_DRAW_H
#define MODEL_DRAW_H

#include "model/posterior.h"

/* draw - a patient's parameters as they may be, given what was measured: draws from the
 * posterior.
 *
 * Where that is normal, phi ~ N(phi_hat, V) on the transformed scale, the same draws for
 * everybody: numbers 2i and 2i + 1 lie on opposite sides of the mode, and the mean of an
 * even count of them is the mode itself. Where it is not they are the posterior's own,
 * which begin anew when there are no more. Either way a number is the same draw for ever,
 * so that alternatives for one patient are compared on the same draws. A fit that failed
 * has the prior's. The standard errors of the prior are not in it. Called by node/. */

struct draws;

/* All of it must outlive it. ERR_NUMERIC for a covariance that is none. */
enum err draws_new(const struct model *model, const struct prior_layout *layout,
                   const struct prior *prior, const struct posterior *posterior,
                   struct draws **draws);
void draws_destroy(struct draws **draws);

/* Natural-scale parameters [model parameters] of a draw, and of the mode. */
void draws_at(const struct draws *draws, size_t index, double *parameters);
void draws_mode(const struct draws *draws, double *parameters);

#endif
