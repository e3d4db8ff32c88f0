#ifndef MODEL_STATISTIC_H
#define MODEL_STATISTIC_H

#include <stdbool.h>
#include <stddef.h>

#include "model/prior.h"

/* statistic - the layout of what one patient adds to a round's sum: which numbers stand
 * where, how they are bounded and how the clipping norm is shared out between them.
 *
 * It holds no patient's number: hospital and coordinator both need it, to write the
 * vector (model/update) and to read the sum (model/learn). In the exact form (simulator,
 * no noise) nothing is clipped and every factor is 1. In the private form no vector is
 * longer than 1, the clipping norm: the blocks that describe the records (who, how much
 * they know) have bounds and shares of their own, and what a patient leaves of them is
 * the room of the two scores of z. Factors are public constants of the layout: they never
 * depend on data.
 *
 * In both scores z is scaled (prior.h), more along directions of which little is known.
 * It is then shortened to the longest z for which the room cannot be exceeded. That
 * length, the reach, depends on records and covariates, not on where they put z; and in
 * the eigenvectors of I - V, scaled, z of a right prior is normal with independent parts
 * whose variances are the eigenvalues, so that what shortening leaves of their squares is
 * known: a share kappa each. That takes the place of the I in the second moment, and the
 * scores still vanish at the right prior.
 * Blocks with a known middle are centred on it, which halves their bound.
 *
 * Blocks, in whitened coordinates (docs/statistics.md): */

#define STATISTIC_LIST(X)                                                                \
    X(COUNT, "1")                                                                        \
    X(COVARIATES, "svec(x x')")                                                          \
    X(EFFECT_SCORE, "z (x) x")                                                           \
    X(OMEGA_SCORE, "svec(z z' + W - I)")                                                 \
    X(INFORMATION, "svec(I - V)")                                                        \
    X(INFORMATION_SQUARE, "svec(a a'), a = diag(I - V); private form only")              \
    X(INFORMATION_PAIRS, "svec(x x') (x) svec(v v'), v = svec(I - V); exact")            \
    X(EFFECT_INFORMATION, "svec(x x') (x) svec(I - V); exact form only")                 \
    X(EFFECT_CURVATURE, "z (x) x (x) svec(I - V); exact form only")                      \
    X(OMEGA_CURVATURE, "svec(z z') (x) svec(I - V); exact form only")                    \
    X(RESIDUAL_CURVATURE, "svec of what their score loses; exact form only")             \
    X(POPULATION_CURVATURE, "their cross-information with z (x) z; exact form only")     \
    X(RESIDUAL_SCORE, "score of each log residual parameter")                            \
    X(RESIDUAL_INFORMATION, "svec of their information")                                 \
    X(RESIDUAL_SHAPE, "their cross-information with Omega; private: its diagonals")      \
    X(POPULATION_SCORE, "score of the parameters that do not differ between patients")   \
    X(POPULATION_INFORMATION, "svec of their information")                               \
    X(POPULATION_CROSS, "their cross-information with the typical values, times x")      \
    X(LIKELIHOOD, "-2 log L, skew, 1 if the fit failed; exact form only")

enum statistic_block {
#define STATISTIC_NAME(name, meaning) STATISTIC_##name,
    STATISTIC_LIST(STATISTIC_NAME)
#undef STATISTIC_NAME
        STATISTIC_BLOCKS
};

struct statistic {
    bool exact;
    size_t p, k, q, m, dimension;
    size_t offset[STATISTIC_BLOCKS], size[STATISTIC_BLOCKS];
    double factor[STATISTIC_BLOCKS]; /* vector entry = block's number * factor */
    double bound[STATISTIC_BLOCKS];  /* largest norm of each block; infinite if exact */
    double room; /* for the scores of z: what a typical patient leaves of the norm's
                    square; 1 if exact */
    double information_cap; /* private form: a patient counts for at most this
                               much residual or population information */
};

/* Largest dimension a study may have. */
#define STATISTIC_DIMENSION_MAX ((size_t)1 << 20)

/* Of the layout and its constants, as terms state it: nodes refuse another. */
#define STATISTIC_VERSION 4

void statistic_layout(const struct prior_layout *layout, bool exact,
                      struct statistic *statistic);
/* What shortening a standard normal zeta in n dimensions, any real number of them, to
 * norm `reach` does to its moments (Huber 1981, 8.2). */
struct shortening {
    double kappa;       /* E zeta zeta' = kappa I */
    double mean_slope;  /* d E zeta by a shift of zeta's mean, against 1 */
    double shape_slope; /* d E (zeta zeta' - kappa I) by a covariance I + D, against D:
                           its part without a trace ... */
    double scale_slope; /* ... and its trace */
    double mean_loss, shape_loss; /* variance of the estimates that solve these scores,
                                     against that without shortening: 1 or more */
};
struct shortening statistic_shortening(double n, double reach);

/* Distribution function of a chi-square X with `dof` > 0 degrees of freedom, any real
 * number of them. */
double statistic_chi_square(double dof, double x);

/* E min(X, limit) of a chi-square X with `dof` > 0 degrees of freedom, any real number of
 * them; `slope`: its derivative by a factor on X, against dof. A residual score is such a
 * sum of squares and is cut at its upper end in the private form. */
double statistic_truncated(double dof, double limit, double *slope);

/* How far a patient's z may reach whose scaled I - V has the eigenvalues `known` [p], 0
 * where nothing is known, whose x'x is x2, and of whose vector's squared norm the scores
 * of z may use `room`; and what share of the square of z's every part such shortening
 * leaves on average, kappa [p]. With K the diagonal kappa_a known_a
 *
 *     |effect block|^2 + |second moment block|^2
 *         <= f^2 x2 r^2 + g^2 (tr K^2 + r^2 max(0, r^2 - 2 min K)) = room,
 *
 * r the reach, f and g the blocks' factors, min K the least that is not 0
 * (docs/statistics.md proves it). Infinite, kappa 1, in the exact form. */
double statistic_reach(const struct statistic *statistic, const double *known, double x2,
                       double room, double *kappa);

/* What such a reach does to the z of a patient who knows so much: as of a zeta in as many
 * equal directions as these come to. */
struct shortening statistic_typical(size_t p, const double *known, double length);

/* An eigenvalue of I - V below this is a direction the records say nothing about. */
#define STATISTIC_KNOWN_NONE 1e-9

/* The middles that the private form takes off every patient's I - V (this times I) and
 * a a' (this times 1 1'); 0 in the exact form. */
double statistic_middle(const struct statistic *statistic, enum statistic_block block);

const char *statistic_name(enum statistic_block block);
const char *statistic_meaning(enum statistic_block block);

#endif
