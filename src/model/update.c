#include "model/update.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "numerics/linalg.h"

static double *block(const struct statistic *statistic, double *vector,
                     enum statistic_block which)
{
    return vector + statistic->offset[which];
}

static void scale_blocks(const struct statistic *statistic, double *vector)
{
    for (size_t b = 0; b < STATISTIC_BLOCKS; b++)
        for (size_t i = 0; i < statistic->size[b]; i++)
            vector[statistic->offset[b] + i] *= statistic->factor[b];
}

static void write_covariates(const struct statistic *statistic, const double *x,
                             double *vector)
{
    double square[(MODEL_COVARIATES_MAX + 1) * (MODEL_COVARIATES_MAX + 1)];
    size_t k = statistic->k;
    block(statistic, vector, STATISTIC_COUNT)[0] = 1;
    for (size_t i = 0; i < k; i++)
        for (size_t j = 0; j < k; j++)
            square[i * k + j] = x[i] * x[j];
    if (statistic->size[STATISTIC_COVARIATES])
        linalg_svec(k, square, block(statistic, vector, STATISTIC_COVARIATES));
}

static void write_scores(const struct statistic *statistic,
                         const struct fit_moments *moments, const double *x,
                         double *vector)
{
    size_t p = statistic->p, k = statistic->k;
    double square[MODEL_PARAMETERS_MAX * MODEL_PARAMETERS_MAX], norm = 0;
    for (size_t a = 0; a < p; a++)
        norm += moments->z[a] * moments->z[a];
    norm = sqrt(norm);
    double shrink = norm > statistic->radius ? statistic->radius / norm : 1;
    double *effect = block(statistic, vector, STATISTIC_EFFECT_SCORE);
    for (size_t a = 0; a < p; a++) {
        double z = shrink * moments->z[a];
        for (size_t c = 0; c < k; c++)
            effect[a * k + c] = z * x[c];
        for (size_t b = 0; b < p; b++)
            square[a * p + b] =
                z * shrink * moments->z[b] + moments->w[a * p + b] - (a == b);
    }
    linalg_svec(p, square, block(statistic, vector, STATISTIC_OMEGA_SCORE));
}

static void write_information(const struct statistic *statistic,
                              const struct fit_moments *moments, double *vector)
{
    size_t p = statistic->p;
    double square[MODEL_PARAMETERS_MAX * MODEL_PARAMETERS_MAX];
    for (size_t i = 0; i < p * p; i++)
        square[i] = (i % (p + 1) == 0) - moments->posterior[i];
    linalg_svec(p, square, block(statistic, vector, STATISTIC_INFORMATION));
    double a[MODEL_PARAMETERS_MAX];
    for (size_t i = 0; i < p; i++)
        a[i] = square[i * p + i];
    for (size_t i = 0; i < p; i++)
        for (size_t j = 0; j < p; j++)
            square[i * p + j] = a[i] * a[j];
    linalg_svec(p, square, block(statistic, vector, STATISTIC_INFORMATION_SQUARE));
}

/* The patient's weight in a group of scores [size] with information [size][size]: less
 * than 1 where the information exceeds the cap, so that score and information shrink
 * together and the zero of the summed score stays where it is. */
static double capped_weight(const struct statistic *statistic, size_t size,
                            const double *information)
{
    double norm = 0;
    for (size_t i = 0; i < size * size; i++)
        norm += information[i] * information[i];
    norm = sqrt(norm);
    return norm > statistic->information_cap ? statistic->information_cap / norm : 1;
}

/* Scores at most three of their own standard deviations, at the cap. */
static void write_capped(const struct statistic *statistic,
                         enum statistic_block score_block,
                         enum statistic_block information_block, double weight,
                         size_t size, const double *score, const double *information,
                         double *vector)
{
    double *out = block(statistic, vector, score_block), norm = 0;
    for (size_t i = 0; i < size; i++)
        norm += weight * weight * score[i] * score[i];
    double limit = 3 * sqrt(statistic->information_cap);
    double shrink = sqrt(norm) > limit ? limit / sqrt(norm) : 1;
    for (size_t i = 0; i < size; i++)
        out[i] = weight * shrink * score[i];
    double square[4 * MODEL_PARAMETERS_MAX * MODEL_PARAMETERS_MAX];
    for (size_t i = 0; i < size * size; i++)
        square[i] = weight * information[i];
    linalg_svec(size, square, block(statistic, vector, information_block));
}

static void write_residual(const struct statistic *statistic,
                           const struct fit_moments *moments, double *vector)
{
    size_t p = statistic->p, m = statistic->m;
    double weight = capped_weight(statistic, m, moments->residual_information);
    write_capped(statistic, STATISTIC_RESIDUAL_SCORE, STATISTIC_RESIDUAL_INFORMATION,
                 weight, m, moments->residual_score, moments->residual_information,
                 vector);
    double *shape = block(statistic, vector, STATISTIC_RESIDUAL_SHAPE);
    for (size_t l = 0; l < m; l++)
        for (size_t a = 0; a < p; a++)
            shape[l * p + a] = weight * moments->residual_shape[l * p * p + a * p + a];
}

static void write_population(const struct statistic *statistic,
                             const struct fit_moments *moments, const double *x,
                             double *vector)
{
    size_t p = statistic->p, q = statistic->q, k = statistic->k;
    double weight = capped_weight(statistic, q, moments->population_information);
    write_capped(statistic, STATISTIC_POPULATION_SCORE, STATISTIC_POPULATION_INFORMATION,
                 weight, q, moments->population_score, moments->population_information,
                 vector);
    double *cross = block(statistic, vector, STATISTIC_POPULATION_CROSS);
    for (size_t i = 0; i < q; i++)
        for (size_t a = 0; a < p; a++)
            for (size_t c = 0; c < k; c++)
                cross[(i * p + a) * k + c] =
                    weight * moments->population_cross[i * p + a] * x[c];
}

enum err update_vector(struct engine *engine, const struct twin *twin,
                       const struct prior *prior, const struct fit *fit,
                       const struct statistic *statistic, double *vector)
{
    struct fit_moments *moments = NULL;
    enum err err = fit_moments(engine, twin, prior, fit, &moments);
    if (err != ERR_OK)
        return err;
    const double *x = twin_x(twin);
    memset(vector, 0, statistic->dimension * sizeof(double));
    write_covariates(statistic, x, vector);
    write_scores(statistic, moments, x, vector);
    write_information(statistic, moments, vector);
    write_residual(statistic, moments, vector);
    write_population(statistic, moments, x, vector);
    if (statistic->size[STATISTIC_LIKELIHOOD]) {
        double *likelihood = block(statistic, vector, STATISTIC_LIKELIHOOD);
        likelihood[0] = fit->minus2_log_likelihood;
        likelihood[1] = moments->skew;
    }
    scale_blocks(statistic, vector);
    fit_moments_destroy(&moments);
    for (size_t i = 0; i < statistic->dimension; i++)
        if (!isfinite(vector[i]))
            return err_set(ERR_NUMERIC, "number %zu of the update is not finite", i);
    return ERR_OK;
}

void update_uninformed(const struct statistic *statistic, const double *x, double *vector)
{
    memset(vector, 0, statistic->dimension * sizeof(double));
    write_covariates(statistic, x, vector);
    if (statistic->size[STATISTIC_LIKELIHOOD])
        block(statistic, vector, STATISTIC_LIKELIHOOD)[2] = 1;
    scale_blocks(statistic, vector);
}
