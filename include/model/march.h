#ifndef MODEL_MARCH_H
#define MODEL_MARCH_H

#include "model/model.h"
#include "numerics/lanes.h"

/* march - LANES individuals of one model carried far in equal steps by the classical
 * Runge-Kutta method of order 4: for what repeats itself for a long time, as a heart
 * does, whose fastest rate is known and where a step by error control is a step of that
 * size.
 *
 * No doses, no covariates that change, no derivatives, no control of error: whoever calls
 * knows the step, or compares with an engine (model/twin.h). A model whose rates switch
 * at times that can be foretold is refused, because equal steps would step over them.
 * Lanes never mix, and give the same bits for every `simd`. Called by sim/beats. */

struct march;

/* `step` in the model's time. ERR_USAGE without states. */
enum err march_new(const struct model *model, double step, enum simd simd,
                   struct march **march);
void march_destroy(struct march **march);

/* An individual at time 0: natural-scale parameters [model parameters] and covariates
 * [model covariates]. Every lane wants one before the first step. ERR_USAGE for a model
 * that switches before `until`, ERR_NUMERIC for one that has no start. */
enum err march_begin(struct march *march, size_t lane, const double *parameters,
                     const double *covariates, double until);

void march_steps(struct march *march, size_t count);

/* Every state now: [states][LANES]. */
const double *march_states(const struct march *march);

/* Every observation's prediction now: out [observations][LANES]. */
void march_observe(struct march *march, double *out);

#endif
