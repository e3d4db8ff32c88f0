#ifndef MODEL_GATE_H
#define MODEL_GATE_H

#include "model/prior.h"

/* gate - whether a population prior may be used at a bedside: it has to stay near the one
 * that the model's text states, which a person has read and approved.
 *
 * Whatever was learned, from whomever, a typical value lies within the model's bounds and
 * not more than `shift_most` between-patient sds of the text away from it, each covariate
 * moves it by no more than that, and no spread is more than `spread_most` times as wide
 * or as narrow: not along any direction, so that correlations cannot make it narrow
 * either. A population parameter has no spread; it counts as one of 50 % (a logit as one
 * of 0.5). The gate does not look for the true value: a prior that passes may be wrong,
 * but no more than patients of the approved population differ. Called by node/studies. */

struct gate_limits {
    double shift_most;  /* in between-patient sds of the model's text */
    double spread_most; /* a factor, of sds */
};

/* `prior` as prior_read gave it. ERR_DENIED with a sentence that names the parameter. */
enum err gate_check(const struct model *model, const struct prior_layout *layout,
                    const struct prior *prior, const struct gate_limits *limits);

#endif
