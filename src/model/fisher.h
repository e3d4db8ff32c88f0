#ifndef MODEL_FISHER_H
#define MODEL_FISHER_H

#include "model/prior.h"
#include "model/statistic.h"

/* fisher - a round's sum read as the score of the Laplace likelihood by every free number
 * of the prior, and the information about them.
 *
 * It decides no step (model/learn does). Free numbers are, in this order: effects B that
 * the model declares, covariance entries (a >= b) that it lets be other than zero,
 * logarithms of residual parameters, population parameters; each as the prior stores it.
 * Derivations: docs/statistics.md. Private to model/learn and its tests. */

enum number_kind { NUMBER_EFFECT, NUMBER_COVARIANCE, NUMBER_RESIDUAL, NUMBER_POPULATION };

struct number {
    enum number_kind kind;
    size_t a, b; /* row and column; a alone for residual and population ones */
};

struct space {
    const struct prior_layout *layout;
    struct number *numbers;
    size_t count;
    size_t first[5]; /* of each kind; first[4] = count */
};

void space_init(struct space *space, const struct prior_layout *layout);
void space_clear(struct space *space);
double *space_place(const struct space *space, const struct prior *prior, size_t index);

/* The blocks of a sum, scaled back: sums over patients. Clear after use. */
struct view {
    const struct prior *prior; /* under which it was made; not owned */
    double patients;
    double *covariates;   /* sum x x' [k][k] */
    double *effect_score; /* sum z x' [p][k] */
    double *omega_score;  /* sum z z' + W - I [p][p] */
    double *information;  /* sum I - V [p][p], whitened */
    double *precision;    /* L^-T (I - V) L^-1, summed: the same in natural coordinates */
    double *square;       /* sum a a' [p][p]; NULL in the exact form, which has: */
    double *pairs;        /* sum of svec(x x') (x) v v', v = svec(I - V) */
    double *by_covariates;    /* sum of svec(x x') (x) svec(I - V); NULL too when k = 1 */
    double *effect_curvature; /* sum of z (x) x (x) svec(I - V) */
    double *omega_curvature;  /* sum of svec(z z') (x) svec(I - V) */
    double *residual_curvature;      /* [m][m] */
    double *population_curvature;    /* [q][p][p] */
    double *residual_score;          /* [m] */
    double *residual_information;    /* [m][m] */
    double *residual_shape;          /* [m][p][p] */
    double *population_score;        /* [q] */
    double *population_information;  /* [q][q] */
    double *population_cross;        /* [q][p][k] */
    double likelihood, skew, failed; /* sums; 0 in the private form */
    double *inverse;                 /* L^-1 [p][p] */
};

/* ERR_NUMERIC when the prior's factor is singular or the sum not finite. */
enum err view_init(struct view *view, const struct statistic *statistic,
                   const struct prior *prior, const double *sum);
void view_clear(struct view *view);

/* d log L by every free number [count]. */
void fisher_score(const struct space *space, const struct view *view, double *score);

/* Expected information [count][count]. Effects and population parameters are orthogonal
 * to covariances and residuals, as in a linear model; between (I - V) and x, and within
 * (I - V) (x) (I - V) off the rotated diagonal, products of means stand for means of
 * products. */
void fisher_information(const struct space *space, const struct view *view,
                        double *information);

/* What the scores lose as the numbers move, in models linearised at the modes, once a
 * step `effects` has been taken: the observed information; exact form only. Not always
 * positive definite. */
void fisher_curvature(const struct space *space, const struct view *view,
                      const double *effects, double *curvature);

/* Add to an information what it has between effects or population parameters and
 * covariances once a step `effects` [p][k] has been taken. */
void fisher_cross(const struct space *space, const struct view *view,
                  const double *effects, double *information);

/* M = L^-1 E L^-T [p][p], the change of the whitened covariance with entry (a, b): E is 1
 * there and at (b, a). `inverse` is L^-1. */
void fisher_direction(size_t p, const double *inverse, const struct number *one,
                      double *m);

/* `precision` anew, after `information` was changed. */
void view_naturalise(struct view *view);

/* Take from the scores of covariances and residuals what a step `effects` [p][k] of B
 * will take from them to second order: (z - A E x) in the place of z, with E = L^-1 step.
 */
void fisher_profile(const struct space *space, const struct view *view,
                    const double *effects, double *score);

#endif
