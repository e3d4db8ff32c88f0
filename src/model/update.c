#include "model/update.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "numerics/linalg.h"

/* Of a residual score's bound; the rest is for what is given back. */
#define RESIDUAL_ROOM 0.9

static double *block(const struct statistic *statistic, double *vector,
                     enum statistic_block which)
{
    return vector + statistic->offset[which];
}

static double square_of(const struct statistic *statistic, const double *vector,
                        enum statistic_block which)
{
    const double *entry = vector + statistic->offset[which];
    double square = 0;
    for (size_t i = 0; i < statistic->size[which]; i++)
        square += entry[i] * entry[i];
    return square;
}

static bool of_z(enum statistic_block which)
{
    return which == STATISTIC_EFFECT_SCORE || which == STATISTIC_OMEGA_SCORE;
}

/* Scale a block, and shorten one that is past its bound all the same (rounding). */
static void scale_block(const struct statistic *statistic, double *vector,
                        enum statistic_block which)
{
    double norm = sqrt(square_of(statistic, vector, which));
    double scale = statistic->factor[which], *entry = block(statistic, vector, which);
    if (norm > statistic->bound[which])
        scale *= statistic->bound[which] / norm;
    for (size_t i = 0; i < statistic->size[which]; i++)
        entry[i] *= scale;
}

static void scale_records(const struct statistic *statistic, double *vector)
{
    for (enum statistic_block b = 0; b < STATISTIC_BLOCKS; b++)
        if (!of_z(b))
            scale_block(statistic, vector, b);
}

/* What the other blocks leave to the scores of z. Where y decides how much a block takes,
 * its whole share counts: the reach must not depend on where the records put z. */
static double room_for_scores(const struct statistic *statistic, const double *vector)
{
    double room = 1;
    for (enum statistic_block b = 0; b < STATISTIC_BLOCKS; b++) {
        double most = statistic->factor[b] * statistic->bound[b];
        bool score = b == STATISTIC_RESIDUAL_SCORE || b == STATISTIC_POPULATION_SCORE;
        if (statistic->size[b] && !of_z(b))
            room -= score ? most * most : square_of(statistic, vector, b);
    }
    return room;
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

/* What of z remains in the private form: scaled, z stands in the range of I - V scaled,
 * in whose eigenvectors its squares have the expectations that statistic.h says; those
 * go to `middle` [p][p]. */
static void shorten(const struct statistic *statistic, const double *scale,
                    const struct moments *moments, double x2, double room, double *z,
                    double *middle)
{
    size_t p = statistic->p;
    double known[MODEL_PARAMETERS_MAX * MODEL_PARAMETERS_MAX],
        value[MODEL_PARAMETERS_MAX], kappa[MODEL_PARAMETERS_MAX];
    double *vector = mem_new(p * p, sizeof *vector), square = 0;
    for (size_t i = 0; i < p * p; i++)
        known[i] =
            scale[i / p] * scale[i % p] * ((i % (p + 1) == 0) - moments->posterior[i]);
    memset(z, 0, p * sizeof *z);
    memset(middle, 0, p * p * sizeof *middle);
    if (linalg_eigen(p, known, value, vector) != ERR_OK)
        memset(value, 0, p * sizeof *value);
    for (size_t i = 0; i < p; i++)
        if (value[i] < STATISTIC_KNOWN_NONE)
            value[i] = 0;
    double length = statistic_reach(statistic, value, x2, room, kappa);
    for (size_t i = 0; i < p; i++) {
        double part = 0;
        for (size_t a = 0; a < p && value[i] > 0; a++)
            part += vector[a * p + i] * scale[a] * moments->z[a];
        square += part * part;
        for (size_t a = 0; a < p; a++)
            z[a] += vector[a * p + i] * part;
        for (size_t e = 0; e < p * p; e++)
            middle[e] +=
                kappa[i] * value[i] * vector[e / p * p + i] * vector[e % p * p + i];
    }
    double share = square > length * length ? length / sqrt(square) : 1;
    for (size_t a = 0; a < p; a++)
        z[a] *= share;
    mem_free(vector);
}

/* How the scores change with what they are taken at, in a model linearised at the mode:
 * that z shrinks by (I - V) e where typical values move by e, by (I - V) M z where the
 * covariance does by M, by `cross` where a population parameter does. */
static void write_curvature(const struct statistic *statistic,
                            const struct moments *moments, const double *x,
                            double *vector)
{
    size_t p = statistic->p, k = statistic->k, q = statistic->q;
    size_t each = statistic->size[STATISTIC_INFORMATION];
    const double *known = block(statistic, vector, STATISTIC_INFORMATION);
    const double *z = moments->z;
    double *effect = block(statistic, vector, STATISTIC_EFFECT_CURVATURE);
    double *omega = block(statistic, vector, STATISTIC_OMEGA_CURVATURE);
    double *population = block(statistic, vector, STATISTIC_POPULATION_CURVATURE);
    double *square = mem_new(p * p, sizeof *square),
           *packed = mem_new(each, sizeof *packed);
    for (size_t a = 0; a < p; a++)
        for (size_t b = 0; b < p; b++)
            square[a * p + b] = z[a] * z[b];
    linalg_svec(p, square, packed);
    for (size_t i = 0; i < each; i++) {
        for (size_t j = 0; j < each; j++)
            omega[i * each + j] = packed[i] * known[j];
        for (size_t a = 0; a < p; a++)
            for (size_t c = 0; c < k; c++)
                effect[(a * k + c) * each + i] = z[a] * x[c] * known[i];
    }
    for (size_t i = 0; i < q; i++)
        for (size_t a = 0; a < p; a++)
            for (size_t b = 0; b < p; b++)
                population[(i * p + a) * p + b] =
                    moments->population_cross[i * p + a] * z[b];
    linalg_svec(statistic->m, moments->residual_curvature,
                block(statistic, vector, STATISTIC_RESIDUAL_CURVATURE));
    mem_free(square);
    mem_free(packed);
}

static void write_scores(const struct statistic *statistic, const double *scale,
                         const struct moments *moments, const double *x, double room,
                         double *vector)
{
    size_t p = statistic->p, k = statistic->k;
    double square[MODEL_PARAMETERS_MAX * MODEL_PARAMETERS_MAX], z[MODEL_PARAMETERS_MAX];
    double middle[MODEL_PARAMETERS_MAX * MODEL_PARAMETERS_MAX], x2 = 0;
    for (size_t c = 0; c < k; c++)
        x2 += x[c] * x[c];
    memcpy(z, moments->z, p * sizeof *z);
    for (size_t i = 0; i < p * p; i++)
        middle[i] = (i % (p + 1) == 0) - moments->posterior[i];
    if (!statistic->exact && p)
        shorten(statistic, scale, moments, x2, room, z, middle);
    double *effect = block(statistic, vector, STATISTIC_EFFECT_SCORE);
    for (size_t a = 0; a < p; a++) {
        for (size_t c = 0; c < k; c++)
            effect[a * k + c] = z[a] * x[c];
        for (size_t b = 0; b < p; b++) { /* W - I = (W - V) - (I - V) */
            double skew = moments->w[a * p + b] - moments->posterior[a * p + b];
            double both = statistic->exact ? 1 : scale[a] * scale[b];
            square[a * p + b] = z[a] * z[b] + both * skew - middle[a * p + b];
        }
    }
    linalg_svec(p, square, block(statistic, vector, STATISTIC_OMEGA_SCORE));
    scale_block(statistic, vector, STATISTIC_EFFECT_SCORE);
    scale_block(statistic, vector, STATISTIC_OMEGA_SCORE);
}

/* What the exact form sends of I - V, svec `known`: its products with itself and with
 * those of the covariates. */
static void write_pairs(const struct statistic *statistic, const double *known,
                        const double *x, double *vector)
{
    size_t each = statistic->size[STATISTIC_INFORMATION], k = statistic->k;
    size_t size = LINALG_SVEC_DIM(each), by = LINALG_SVEC_DIM(k);
    bool several = statistic->size[STATISTIC_EFFECT_INFORMATION] > 0;
    double *effect = block(statistic, vector, STATISTIC_EFFECT_INFORMATION);
    double *pairs = block(statistic, vector, STATISTIC_INFORMATION_PAIRS);
    double *products = mem_new(each * each, sizeof *products);
    double *packed = mem_new(size, sizeof *packed);
    double square[(MODEL_COVARIATES_MAX + 1) * (MODEL_COVARIATES_MAX + 1)];
    double covariates[LINALG_SVEC_DIM(MODEL_COVARIATES_MAX + 1)];
    for (size_t c = 0; c < k * k; c++)
        square[c] = x[c / k] * x[c % k];
    linalg_svec(k, square, covariates);
    for (size_t i = 0; i < each * each; i++)
        products[i] = known[i / each] * known[i % each];
    linalg_svec(each, products, packed);
    for (size_t c = 0; c < by; c++) {
        for (size_t i = 0; i < size; i++)
            pairs[c * size + i] = covariates[c] * packed[i];
        for (size_t i = 0; several && i < each; i++)
            effect[c * each + i] = covariates[c] * known[i];
    }
    mem_free(products);
    mem_free(packed);
}

/* `posterior` V [p][p]; NULL: I, of a patient of whom nothing is known. */
static void write_information(const struct statistic *statistic, const double *posterior,
                              const double *x, double *vector)
{
    size_t p = statistic->p;
    double square[MODEL_PARAMETERS_MAX * MODEL_PARAMETERS_MAX], a[MODEL_PARAMETERS_MAX];
    double middle = statistic_middle(statistic, STATISTIC_INFORMATION);
    for (size_t i = 0; i < p * p; i++) {
        double one = i % (p + 1) == 0;
        square[i] = one * (1 - middle) - (posterior ? posterior[i] : one);
    }
    double *known = block(statistic, vector, STATISTIC_INFORMATION);
    linalg_svec(p, square, known);
    if (statistic->exact) {
        write_pairs(statistic, known, x, vector);
        return;
    }
    for (size_t i = 0; i < p; i++)
        a[i] = 1 - (posterior ? posterior[i * (p + 1)] : 1);
    middle = statistic_middle(statistic, STATISTIC_INFORMATION_SQUARE);
    for (size_t i = 0; i < p; i++)
        for (size_t j = 0; j < p; j++)
            square[i * p + j] = a[i] * a[j] - middle;
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

static void write_capped(const struct statistic *statistic,
                         enum statistic_block score_block,
                         enum statistic_block information_block, double weight,
                         size_t size, const double *score, const double *information,
                         double *vector)
{
    double square[PRIOR_RESIDUALS_MAX * PRIOR_RESIDUALS_MAX];
    double *out = block(statistic, vector, score_block);
    for (size_t i = 0; i < size; i++)
        out[i] = weight * score[i];
    for (size_t i = 0; i < size * size; i++)
        square[i] = weight * information[i];
    linalg_svec(size, square, block(statistic, vector, information_block));
}

/* A residual score is Q - E Q, Q near a multiple c of chi-square with the mean and (the
 * information being the score's variance) the variance of Q. In the private form Q is cut
 * where the score would pass its share of the bound, and what cutting takes from the
 * expectation is given back, so that it still vanishes at the right prior; what it takes
 * from the slope goes off the information. */
static void cut_residual(const struct statistic *statistic, double weight,
                         const double *mean, double *score, double *information,
                         double *slope)
{
    size_t m = statistic->m;
    double most = statistic->bound[STATISTIC_RESIDUAL_SCORE] / sqrt((double)m) *
                  RESIDUAL_ROOM / weight;
    for (size_t l = 0; l < m; l++) {
        double c = information[l * m + l] / (2 * mean[l]);
        slope[l] = 1;
        if (!(mean[l] > 0 && c > 0))
            continue;
        double expected =
            statistic_truncated(mean[l] / c, (mean[l] + most) / c, &slope[l]);
        score[l] = fmin(score[l], most) - (c * expected - mean[l]);
    }
    for (size_t k = 0; k < m; k++)
        for (size_t l = 0; l < m; l++)
            information[k * m + l] *= sqrt(slope[k] * slope[l]);
}

static void write_residual(const struct statistic *statistic,
                           const struct moments *moments, double *vector)
{
    size_t p = statistic->p, m = statistic->m;
    double weight = capped_weight(statistic, m, moments->residual_information);
    double slope[PRIOR_RESIDUALS_MAX];
    double *score = mem_copy(moments->residual_score, m * sizeof *score);
    double *information =
        mem_copy(moments->residual_information, m * m * sizeof *information);
    for (size_t l = 0; l < m; l++)
        slope[l] = 1;
    if (!statistic->exact)
        cut_residual(statistic, weight, moments->residual_squares, score, information,
                     slope);
    write_capped(statistic, STATISTIC_RESIDUAL_SCORE, STATISTIC_RESIDUAL_INFORMATION,
                 weight, m, score, information, vector);
    double *shape = block(statistic, vector, STATISTIC_RESIDUAL_SHAPE);
    for (size_t l = 0; l < m; l++) {
        const double *whole = moments->residual_shape + l * p * p;
        if (statistic->exact)
            linalg_svec(p, whole, shape + l * LINALG_SVEC_DIM(p));
        else
            for (size_t a = 0; a < p; a++)
                shape[l * p + a] = weight * slope[l] * whole[a * p + a];
    }
    mem_free(score);
    mem_free(information);
}

static void write_population(const struct statistic *statistic,
                             const struct moments *moments, const double *x,
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

enum err update_vector(const struct twin *twin, const struct prior *prior,
                       const struct fit *fit, const struct moments *moments,
                       const struct statistic *statistic, double *vector)
{
    const double *x = twin_x(twin);
    memset(vector, 0, statistic->dimension * sizeof(double));
    write_covariates(statistic, x, vector);
    write_information(statistic, moments->posterior, x, vector);
    write_residual(statistic, moments, vector);
    write_population(statistic, moments, x, vector);
    if (statistic->size[STATISTIC_LIKELIHOOD]) {
        double *likelihood = block(statistic, vector, STATISTIC_LIKELIHOOD);
        likelihood[0] = fit->minus2_log_likelihood;
        likelihood[1] = moments->skew;
    }
    if (statistic->exact)
        write_curvature(statistic, moments, x, vector);
    scale_records(statistic, vector);
    write_scores(statistic, prior->scale, moments, x, room_for_scores(statistic, vector),
                 vector);
    for (size_t i = 0; i < statistic->dimension; i++)
        if (!isfinite(vector[i]))
            return err_set(ERR_NUMERIC, "number %zu of the update is not finite", i);
    return ERR_OK;
}

void update_uninformed(const struct statistic *statistic, const double *x, double *vector)
{
    memset(vector, 0, statistic->dimension * sizeof(double));
    write_covariates(statistic, x, vector);
    write_information(statistic, NULL, x, vector);
    if (statistic->size[STATISTIC_LIKELIHOOD])
        block(statistic, vector, STATISTIC_LIKELIHOOD)[2] = 1;
    scale_records(statistic, vector);
}
