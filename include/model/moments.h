#ifndef MODEL_MOMENTS_H
#define MODEL_MOMENTS_H

#include <stddef.h>

/* moments - what a patient teaches the population beyond its fit, in the whitened
 * coordinates z = L^-1 (phi - B x) of the prior's factor L.
 *
 * The score of the Laplace likelihood has, besides the derivative of O, that of log det
 * A, also through the mode's own dependence on the prior. With S half the Hessian of O, c
 * the gradient of log det A and u = S^-1 c, all at the mode z_hat, the total derivatives
 * by the typical values and by Omega are exactly those of a patient with mean z = z_hat -
 * u / 2 and covariance W = V - u u' / 4: mean score z, covariance score (z z' + W - I) /
 * 2 (derived in docs/statistics.md). S and c come from central differences of the
 * gradient and of log det A along each direction. Plain values, made by model/fit; called
 * by model/update. */
struct moments {
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
void moments_destroy(struct moments **moments);

#endif
