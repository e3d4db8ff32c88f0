#ifndef MODEL_FIT_H
#define MODEL_FIT_H

#include "model/prior.h"
#include "model/twin.h"

/* fit - a patient's parameters under a population prior: the maximum a posteriori by
 * damped Gauss-Newton on forward sensitivities, and the Laplace covariance around it.
 *
 * O(phi) = sum of -2 log likelihoods + (phi - B x)' Omega^-1 (phi - B x). The curvature
 * is A = Omega^-1 + sum of information_j f_j' f_j'^T, half the expected Hessian of O; V =
 * A^-1. The Laplace (FOCEI) marginal is O(phi_hat) + log det Omega + log det A (Wang
 * 2007; constants included). It always starts at B x (and, along parameters that move
 * doses or switches in time, one and two standard deviations to either side), so that a
 * result depends on nothing but the record and the prior. Called by model/update, node/
 * and sim/. */

struct fit {
    size_t p, n;
    double *phi;        /* [p] the mode */
    double *covariance; /* V [p][p] */
    double minus2_log_likelihood;
    double objective; /* O at the mode */
    size_t evaluations;
    bool converged; /* false: the patient stays on the prior: phi = B x, V = Omega, and
                       `reason` says why */
    char reason[200];
};

/* Never fails for a patient's sake: a fit that does not come to rest is a value
 * (converged false). Errors are only misuse. Caller destroys. */
enum err fit_new(struct engine *engine, const struct twin *twin,
                 const struct prior *prior, struct fit **fit);
void fit_destroy(struct fit **fit);

/* What the population step needs beyond the fit, in the whitened coordinates z =
 * L^-1 (phi - B x) of the prior's factor L.
 *
 * The score of the Laplace likelihood has, besides the derivative of O, that of log det
 * A, also through the mode's own dependence on the prior. With S half the Hessian of O, c
 * the gradient of log det A and u = S^-1 c, all at the mode z_hat, the total derivatives
 * by the typical values and by Omega are exactly those of a patient with mean z = z_hat -
 * u / 2 and covariance W = V - u u' / 4: mean score z, covariance score (z z' + W - I) /
 * 2 (derived in docs/statistics.md). S and c come from central differences of the
 * gradient and of log det A along each direction. */
struct fit_moments {
    double *z;                    /* [p] corrected mean */
    double *w;                    /* [p][p] corrected covariance */
    double *posterior;            /* [p][p] V, whitened: information is I - V */
    double *residual_score;       /* [m] of log residual parameters */
    double *residual_information; /* [m][m] */
    double *residual_curvature; /* [m][m] the observed information: what a score loses */
    double *residual_squares;   /* [m] a score is a sum of squares less this, its mean */
    double *residual_shape;     /* [m][p][p] cross-information with Omega */
    double *population_score;   /* [q] */
    double *population_information; /* [q][q], the random effects profiled out */
    double *population_cross;       /* [q][p] cross-information with the typical values */
    double skew; /* u' A u / 4: how far the mean is from the mode, squared, in posterior
                    standard deviations; Laplace's approximation wants it small */
};
enum err fit_moments(struct engine *engine, const struct twin *twin,
                     const struct prior *prior, const struct fit *fit,
                     struct fit_moments **moments);
void fit_moments_destroy(struct fit_moments **moments);

#endif
