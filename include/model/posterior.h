#ifndef MODEL_POSTERIOR_H
#define MODEL_POSTERIOR_H

#include "model/fit.h"

/* posterior - what a patient's parameters may be, given what was measured: the normal
 * distribution that a fit leaves where that is right, draws where it is not.
 *
 * The likelihood may have kinks (a lag time that passes a sample), bends (two rates of
 * which the slower one decides), several modes or a long tail; a mode and a curvature
 * then say too little. So the mode is searched for once more from likely draws of the
 * prior, and O is looked at in places drawn around all modes found and from the prior,
 * weighted for how they were drawn (scatter.h). What of the probability the normal
 * distribution has in common with the posterior is `shared`: no interval is wrong by more
 * than 1 - shared. Where that is little enough the normal distribution stands, which is
 * exact in a linear model. Elsewhere there are draws, of any shape: by weight, of more
 * such places, and where too few places have all the weight by tempering (temper.h).
 *
 * It depends on nothing but record, prior and how many draws are wanted. The standard
 * errors of the prior are not in it, and nothing is learned from it: what a hospital
 * contributes is the Laplace likelihood's. Called by model/draw, model/forecast, node/
 * and sim/. */

#define POSTERIOR_SHARED_ENOUGH 0.97

struct posterior {
    struct fit *fit; /* mode and covariance; all there is to know where `normal` */
    bool normal;
    double shared; /* with the fit's normal distribution, 0 to 1 */
    size_t modes;  /* found, 1 or more; 0: the fit failed, and this is the prior */

    size_t count;     /* of draws, 0 where `normal` */
    double *phi;      /* [count][fit's p], transformed, equally likely */
    double effective; /* so many independent ones are they worth */
};

/* Of a twin and its fit under the prior, which becomes the posterior's. `wanted`: so many
 * draws will be made of it; 0: the normal distribution counts, whatever it is worth. A
 * fit that failed leaves the prior. */
struct posterior *posterior_new(struct engine *engine, const struct twin *twin,
                                const struct prior *prior, struct fit *fit,
                                size_t wanted);
void posterior_destroy(struct posterior **posterior);

/* How probable it is that the parameter in row `a` of phi is below this, transformed:
 * between 0 and 1, both excluded. */
double posterior_below(const struct posterior *posterior, size_t a, double phi);

/* The value, transformed, below which it is with this probability. */
double posterior_quantile(const struct posterior *posterior, size_t a,
                          double probability);

#endif
