#ifndef MODEL_PRIOR_H
#define MODEL_PRIOR_H

#include <stdbool.h>
#include <stddef.h>

#include "base/bytes.h"
#include "model/model.h"

/* prior - the population prior: what all patients together have taught.
 *
 * phi_i = B x_i + eta_i with eta_i ~ N(0, Omega): typical values and covariate effects B,
 * between-patient covariance Omega, the parameters that do not differ between patients,
 * and the residual errors. It holds no patient. Plain values: copying is memcpy of its
 * arrays. Called by model/fit, model/update, model/learn, node/, coordinator/ and sim/.
 *
 * Where parameters vary between occasions there are effects kappa ~ N(0, sd^2) more, one
 * for each of them and occasion; the logarithms of their sds are counted among the
 * residual errors, whose likelihood has the same form.
 *
 * Sizes: p individual parameters, k covariates including the constant 1, q population
 * parameters, m free residual parameters, all fixed by the model. */

#define PRIOR_BYTES_MAX ((size_t)1 << 20)
#define PRIOR_RESIDUALS_MAX (2 * MODEL_PARAMETERS_MAX)

/* Which number is which: the model's parameters seen from the prior. */
struct prior_layout {
    size_t p, k, q, m;
    size_t individual[MODEL_PARAMETERS_MAX]; /* model parameter of row a of B */
    size_t population[MODEL_PARAMETERS_MAX]; /* model parameter of population entry */
    size_t covariate[MODEL_COVARIATES_MAX];  /* model covariate of column c, c >= 1 */
    struct {
        size_t observation;
        int which; /* 0 additive, 1 proportional, 2 correlation time; 3 sd between occasions */
        size_t parameter; /* 3: of this parameter of the model, and no observation's */
    } residual[PRIOR_RESIDUALS_MAX];
    size_t r;                              /* occasions' effects kappa, behind phi's p */
    size_t occasional[MODEL_PARAMETERS_MAX]; /* model parameter of kappa */
    size_t between[MODEL_PARAMETERS_MAX];    /* its sd, among residual */
    bool effect[MODEL_PARAMETERS_MAX]
               [MODEL_COVARIATES_MAX + 1]; /* B entries not held 0 */
    bool correlated[MODEL_PARAMETERS_MAX][MODEL_PARAMETERS_MAX]; /* Omega likewise */
};
enum err prior_layout(const struct model *model, struct prior_layout *layout);

struct prior {
    size_t p, k, q, m;
    double *effects;    /* B [p][k]; column 0 the typical values, transformed */
    double *omega;      /* [p][p] */
    double *factor;     /* L [p][p], L L' = Omega: the whitening of this round, chosen so
                           that the mean information of the last round is diagonal */
    double *scale;      /* [p] of a patient's scores along the factor's columns, in the
                           private form (statistic.h): 1 to PRIOR_SCALE_MOST */
    double *population; /* [q] transformed */
    double *residual;   /* [m] logarithms */
    double
        *standard_error; /* [p k + q + m + p] of effects, population, residual (as stored)
                            and of the between-patient sds; NaN where not known */
    double patients; /* how many taught it, as far as is known; 0 for a starting prior */
};

#define PRIOR_SCALE_MOST 2.0

struct prior *prior_new(const struct prior_layout *layout); /* zeros, scale 1 */
void prior_destroy(struct prior **prior);
struct prior *prior_copy(const struct prior *prior);

/* The starting prior the model file states. */
enum err prior_from_model(const struct model *model, struct prior **prior);

/* Canonical bytes ("GEMEL/prior/2", sizes, numbers as IEEE 754 little-endian) and back.
 * Reading checks sizes against the layout, that numbers are finite, Omega symmetric
 * positive definite with zeros where the model says so, L L' = Omega to 1e-9, and the
 * scale. */
void prior_write(const struct prior *prior, struct bytes *bytes);
enum err prior_read(const struct prior_layout *layout, const uint8_t *data, size_t size,
                    struct prior **prior);

/* Set `factor` from `omega`: its Cholesky factor times the rotation (p x p orthogonal;
 * NULL for none), and `scale` to 1. ERR_NUMERIC when Omega is not positive definite. */
enum err prior_factor(struct prior *prior, const double *rotation);

/* The scaled covariate vector x [k] of covariate values [model covariates]:
 * x_0 = 1, x_c = clip((value - centre) / scale, -1, 1). */
void prior_covariates(const struct model *model, const struct prior_layout *layout,
                      const double *values, double *x);

/* The residual error of one observation under this prior. */
struct residual;
void prior_residual(const struct model *model, const struct prior_layout *layout,
                    const struct prior *prior, size_t observation,
                    struct residual *residual);

/* Natural scale, for people: the typical value of individual parameter `row` (x =
 * constant only), or of population parameter `row` when it is past the individual ones.
 */
double prior_typical(const struct model *model, const struct prior_layout *layout,
                     const struct prior *prior, size_t row);

#endif
