#ifndef MODEL_LEARN_H
#define MODEL_LEARN_H

#include <stdbool.h>
#include <stddef.h>

#include "model/prior.h"
#include "model/statistic.h"

/* learn - from the rounds' sums to the next population prior: federated Fisher scoring.
 *
 * It sees sums over patients and nothing of a patient; it runs at the coordinator and in
 * the simulator. It keeps no state: the next prior is a function of the rounds so far, so
 * that a restarted coordinator, or anybody who holds the same sums, comes to the same
 * prior. What it does to a noisy sum is post-processing and costs no privacy.
 *
 * Exact form (noise_stddev 0): Fisher scoring on the Laplace likelihood, near the end by
 * its curvature, always from the best round so far and shorter after one that turned out
 * worse. Private form: one Fisher step a round; the one-step
 * estimates of the rounds are averaged by their precision, steps are damped by the noise
 * known to be in them, and what noise would swamp is not learned but held
 * (docs/statistics.md). Called by coordinator/ and sim/. */

struct learn_round {
    const struct prior *prior; /* under which the patients were fitted */
    const double *sum;         /* [statistic->dimension] */
    double noise_stddev;       /* of the noise in every number of the sum; 0: exact */
};

struct learn_options {
    double patients_min; /* fewer (by the noisy count) and nothing is learned */
    double tolerance;    /* converged when a step promises less gain in -2 log L */
};
#define LEARN_PATIENTS_MIN 2.0
#define LEARN_TOLERANCE 5e-3

/* Real sets: 0.004 to 0.05 where Laplace's approximation agrees with quadrature, 0.35
 * (toenail, binary) and 0.5 to 1 (tumour sizes) where it is known to fail. */
#define LEARN_SKEW_MAX 0.1

/* What became of a group of numbers in this step. */
enum learn_verdict {
    LEARN_MOVED,    /* by its Fisher step, damped where noise asks for it */
    LEARN_DIAGONAL, /* covariance only: variances moved, correlations held */
    LEARN_HELD,     /* kept as it was: noise or too few patients would decide */
    LEARN_ABSENT,   /* the model has none */
};

struct learn_report {
    double patients; /* counted in this round (noisy in the private form) */
    double failed;   /* of them, fits that stayed on the prior; NaN: not known */
    double minus2_log_likelihood; /* Laplace, at the round's prior, all constants; NaN in
                                     the private form */
    double skew; /* mean squared distance of the posterior mean from the mode, in its
                    standard deviations; NaN in the private form */
    bool laplace_doubtful; /* skew above LEARN_SKEW_MAX: the likelihood itself is doubtful
                            */
    double gain;       /* in -2 log L that the full step promises: distance to the end */
    bool converged;    /* gain below the tolerance; exact form only */
    bool stepped_back; /* the round was worse than the best before */
    bool stalled;      /* so were all of the last few: `next` is the best one's prior and
                          further rounds are no use; exact form only */
    size_t best;       /* the round with the lowest -2 log L, from 0; exact form only */
    enum learn_verdict effects, covariance, residual, population;
    char reason[200]; /* why something was held or doubted; "" */
};

const char *learn_verdict_name(enum learn_verdict verdict); /* "moved", ... */

/* The prior after the rounds [count >= 1, oldest first; the last is the one just summed],
 * with standard errors that include the noise. Never fails for what a sum holds: a sum
 * nothing can be learned from gives the old prior and says why in the report. ERR_RANGE
 * for sizes that do not belong together, ERR_NUMERIC for a sum that is not finite. Caller
 * destroys `next`. `options` NULL: the defaults above. */
enum err learn_step(const struct model *model, const struct prior_layout *layout,
                    const struct statistic *statistic, const struct learn_round *rounds,
                    size_t count, const struct learn_options *options,
                    struct prior **next, struct learn_report *report);

#endif
