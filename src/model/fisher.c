#include "fisher.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "numerics/linalg.h"

static void space_add(struct space *space, enum number_kind kind, size_t a, size_t b)
{
    space->numbers[space->count++] = (struct number){kind, a, b};
}

void space_init(struct space *space, const struct prior_layout *layout)
{
    size_t p = layout->p, k = layout->k;
    *space = (struct space){.layout = layout};
    space->numbers = mem_new(p * k + LINALG_SVEC_DIM(p) + layout->m + layout->q,
                             sizeof *space->numbers);
    for (size_t a = 0; a < p; a++)
        for (size_t c = 0; c < k; c++)
            if (layout->effect[a][c])
                space_add(space, NUMBER_EFFECT, a, c);
    space->first[NUMBER_COVARIANCE] = space->count;
    for (size_t a = 0; a < p; a++)
        for (size_t b = 0; b <= a; b++)
            if (layout->correlated[a][b])
                space_add(space, NUMBER_COVARIANCE, a, b);
    space->first[NUMBER_RESIDUAL] = space->count;
    for (size_t l = 0; l < layout->m; l++)
        space_add(space, NUMBER_RESIDUAL, l, 0);
    space->first[NUMBER_POPULATION] = space->count;
    for (size_t i = 0; i < layout->q; i++)
        space_add(space, NUMBER_POPULATION, i, 0);
    space->first[NUMBER_POPULATION + 1] = space->count;
}

void space_clear(struct space *space)
{
    mem_free(space->numbers);
    space->numbers = NULL;
}

double *space_place(const struct space *space, const struct prior *prior, size_t index)
{
    const struct number *one = &space->numbers[index];
    switch (one->kind) {
    case NUMBER_EFFECT:
        return &prior->effects[one->a * prior->k + one->b];
    case NUMBER_COVARIANCE:
        return &prior->omega[one->a * prior->p + one->b];
    case NUMBER_RESIDUAL:
        return &prior->residual[one->a];
    case NUMBER_POPULATION:
        break;
    }
    return &prior->population[one->a];
}

/* --- the blocks of a sum ----------------------------------------------------------- */

static double *block(const struct statistic *statistic, const double *sum,
                     enum statistic_block which)
{
    double *out = mem_new(statistic->size[which], sizeof *out);
    for (size_t i = 0; i < statistic->size[which]; i++)
        out[i] = sum[statistic->offset[which] + i] / statistic->factor[which];
    return out;
}

static double *square(const struct statistic *statistic, const double *sum,
                      enum statistic_block which, size_t n)
{
    double *packed = block(statistic, sum, which), *out = mem_new(n * n, sizeof *out);
    linalg_svec_unpack(n, packed, out);
    mem_free(packed);
    return out;
}

/* B' M B */
static void congruence(size_t p, const double *b, const double *m, double *out)
{
    double *half = mem_new(p * p, sizeof *half);
    linalg_multiply_tn(p, p, p, b, m, half);
    linalg_multiply(p, p, p, half, b, out);
    mem_free(half);
}

/* The scores of z without the scale that the private form gives them. */
static void view_unscale(struct view *view, const struct statistic *s)
{
    const double *scale = view->prior->scale;
    for (size_t i = 0; !s->exact && i < s->p * s->k; i++)
        view->effect_score[i] /= scale[i / s->k];
    for (size_t i = 0; !s->exact && i < s->p * s->p; i++)
        view->omega_score[i] /= scale[i / s->p] * scale[i % s->p];
}

/* Give the blocks that are centred in the private form their middles back. */
static void view_uncentre(struct view *view, const struct statistic *s)
{
    double information = view->patients * statistic_middle(s, STATISTIC_INFORMATION);
    double in_square = view->patients * statistic_middle(s, STATISTIC_INFORMATION_SQUARE);
    for (size_t i = 0; i < s->p * s->p; i++) {
        view->information[i] += i % (s->p + 1) == 0 ? information : 0;
        view->square[i] += in_square;
    }
}

void view_naturalise(struct view *view)
{
    congruence(view->prior->p, view->inverse, view->information, view->precision);
}

static enum err view_invert(struct view *view)
{
    size_t p = view->prior->p;
    view->inverse = mem_new(p * p, sizeof *view->inverse);
    view->precision = mem_new(p * p, sizeof *view->precision);
    for (size_t a = 0; a < p; a++)
        view->inverse[a * p + a] = 1;
    if (p && linalg_solve(p, view->prior->factor, p, view->inverse) != ERR_OK)
        return err_wrap("the prior's factor");
    view_naturalise(view);
    return ERR_OK;
}

enum err view_init(struct view *view, const struct statistic *s,
                   const struct prior *prior, const double *sum)
{
    *view = (struct view){.prior = prior};
    for (size_t i = 0; i < s->dimension; i++)
        if (!isfinite(sum[i]))
            return err_set(ERR_NUMERIC, "number %zu of the sum is not finite", i);
    view->patients = sum[s->offset[STATISTIC_COUNT]] / s->factor[STATISTIC_COUNT];
    if (s->size[STATISTIC_COVARIATES])
        view->covariates = square(s, sum, STATISTIC_COVARIATES, s->k);
    else
        view->covariates = mem_copy(&view->patients, sizeof(double));
    view->effect_score = block(s, sum, STATISTIC_EFFECT_SCORE);
    view->omega_score = square(s, sum, STATISTIC_OMEGA_SCORE, s->p);
    view->information = square(s, sum, STATISTIC_INFORMATION, s->p);
    view->square = square(s, sum, STATISTIC_INFORMATION_SQUARE, s->p);
    view->residual_score = block(s, sum, STATISTIC_RESIDUAL_SCORE);
    view->residual_information = square(s, sum, STATISTIC_RESIDUAL_INFORMATION, s->m);
    view->residual_shape = block(s, sum, STATISTIC_RESIDUAL_SHAPE);
    view->population_score = block(s, sum, STATISTIC_POPULATION_SCORE);
    view->population_information = square(s, sum, STATISTIC_POPULATION_INFORMATION, s->q);
    view->population_cross = block(s, sum, STATISTIC_POPULATION_CROSS);
    if (s->size[STATISTIC_LIKELIHOOD]) {
        const double *likelihood = sum + s->offset[STATISTIC_LIKELIHOOD];
        view->likelihood = likelihood[0];
        view->skew = likelihood[1];
        view->failed = likelihood[2];
    }
    view_uncentre(view, s);
    view_unscale(view, s);
    return view_invert(view);
}

void view_clear(struct view *view)
{
    double *all[] = {view->covariates,
                     view->effect_score,
                     view->omega_score,
                     view->information,
                     view->precision,
                     view->square,
                     view->residual_score,
                     view->residual_information,
                     view->residual_shape,
                     view->population_score,
                     view->population_information,
                     view->population_cross,
                     view->inverse};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        mem_free(all[i]);
    *view = (struct view){0};
}

/* --- score ------------------------------------------------------------------------- */

/* d log L / dB = L^-T sum z x'; d log L / d Omega = L^-T (sum z z' + W - I) L^-1 / 2, of
 * which an entry off the diagonal counts twice. */
static void prior_scores(const struct space *space, const struct view *view,
                         const double *omega_score, double *score)
{
    size_t p = view->prior->p, k = view->prior->k;
    double *effect = mem_new(p * k, sizeof *effect),
           *omega = mem_new(p * p, sizeof *omega);
    linalg_multiply_tn(p, p, k, view->inverse, view->effect_score, effect);
    congruence(p, view->inverse, omega_score, omega);
    for (size_t i = 0; i < space->first[NUMBER_RESIDUAL]; i++) {
        const struct number *one = &space->numbers[i];
        if (one->kind == NUMBER_EFFECT)
            score[i] = effect[one->a * k + one->b];
        else
            score[i] = omega[one->a * p + one->b] * (one->a == one->b ? 0.5 : 1);
    }
    mem_free(effect);
    mem_free(omega);
}

void fisher_score(const struct space *space, const struct view *view, double *score)
{
    size_t m = view->prior->m, q = view->prior->q;
    prior_scores(space, view, view->omega_score, score);
    memcpy(score + space->first[NUMBER_RESIDUAL], view->residual_score,
           m * sizeof *score);
    memcpy(score + space->first[NUMBER_POPULATION], view->population_score,
           q * sizeof *score);
}

void fisher_profile(const struct space *space, const struct view *view,
                    const double *effects, double *score)
{
    size_t p = view->prior->p, k = view->prior->k, m = view->prior->m;
    double n = view->patients;
    double *e = mem_new(p * k, sizeof *e), *moved = mem_new(p * k, sizeof *moved);
    double *spread = mem_new(p * p, sizeof *spread), *g = mem_new(p * p, sizeof *g);
    double *scores = mem_copy(score, space->count * sizeof *score);
    linalg_multiply(p, p, k, view->inverse, effects, e);
    linalg_multiply(p, k, k, e, view->covariates, moved);
    linalg_multiply_nt(p, k, p, moved, e, spread); /* sum (E x)(E x)' */
    congruence(p, view->information, spread, g);
    for (size_t i = 0; i < p * p; i++)
        g[i] = view->omega_score[i] - g[i] / (n * n);
    prior_scores(space, view, g, scores);
    size_t first = space->first[NUMBER_COVARIANCE];
    memcpy(score + first, scores + first,
           (space->first[NUMBER_RESIDUAL] - first) * sizeof *score);
    for (size_t l = 0; l < m; l++)
        for (size_t a = 0; a < p; a++)
            score[space->first[NUMBER_RESIDUAL] + l] -=
                view->residual_shape[l * p + a] * spread[a * p + a] / n;
    mem_free(e);
    mem_free(moved);
    mem_free(spread);
    mem_free(g);
    mem_free(scores);
}

/* --- information ------------------------------------------------------------------- */

void fisher_direction(size_t p, const double *inverse, const struct number *one,
                      double *m)
{
    for (size_t r = 0; r < p; r++) {
        for (size_t c = 0; c < p; c++) {
            m[r * p + c] = inverse[r * p + one->a] * inverse[c * p + one->b];
            if (one->a != one->b)
                m[r * p + c] += inverse[r * p + one->b] * inverse[c * p + one->a];
        }
    }
}

/* Between covariances: sum_ab a_a a_b (M_i)_ab (M_j)_ab / 2; with residual l:
 * sum_a shape_la (M_i)_aa. */
static void covariance_information(const struct space *space, const struct view *view,
                                   double *out)
{
    size_t p = view->prior->p, m = view->prior->m, n = space->count;
    size_t first = space->first[NUMBER_COVARIANCE],
           residual = space->first[NUMBER_RESIDUAL];
    size_t entries = residual - first;
    double *directions = mem_new(entries * p * p, sizeof *directions);
    for (size_t i = 0; i < entries; i++)
        fisher_direction(p, view->inverse, &space->numbers[first + i],
                         directions + i * p * p);
    for (size_t i = 0; i < entries; i++) {
        const double *mi = directions + i * p * p;
        for (size_t j = 0; j <= i; j++) {
            const double *mj = directions + j * p * p;
            double sum = 0;
            for (size_t e = 0; e < p * p; e++)
                sum += view->square[e] * mi[e] * mj[e];
            out[(first + i) * n + first + j] = out[(first + j) * n + first + i] = sum / 2;
        }
        for (size_t l = 0; l < m; l++) {
            double sum = 0;
            for (size_t a = 0; a < p; a++)
                sum += view->residual_shape[l * p + a] * mi[a * p + a];
            out[(first + i) * n + residual + l] = out[(residual + l) * n + first + i] =
                sum;
        }
    }
    mem_free(directions);
}

static void population_information(const struct space *space, const struct view *view,
                                   double *out)
{
    size_t p = view->prior->p, k = view->prior->k, q = view->prior->q, n = space->count;
    size_t first = space->first[NUMBER_POPULATION];
    for (size_t i = 0; i < q; i++) {
        for (size_t j = 0; j < q; j++)
            out[(first + i) * n + first + j] = view->population_information[i * q + j];
        for (size_t e = 0; e < space->first[NUMBER_COVARIANCE]; e++) {
            const struct number *one = &space->numbers[e];
            double sum = 0;
            for (size_t a = 0; a < p; a++)
                sum += view->inverse[a * p + one->a] *
                       view->population_cross[(i * p + a) * k + one->b];
            out[(first + i) * n + e] = out[e * n + first + i] = sum;
        }
    }
}

void fisher_information(const struct space *space, const struct view *view,
                        double *information)
{
    size_t p = view->prior->p, k = view->prior->k, m = view->prior->m, n = space->count;
    size_t residual = space->first[NUMBER_RESIDUAL];
    memset(information, 0, n * n * sizeof *information);
    for (size_t i = 0; i < space->first[NUMBER_COVARIANCE]; i++) {
        for (size_t j = 0; j < space->first[NUMBER_COVARIANCE]; j++) {
            const struct number *one = &space->numbers[i], *two = &space->numbers[j];
            information[i * n + j] = view->precision[one->a * p + two->a] *
                                     view->covariates[one->b * k + two->b] /
                                     view->patients;
        }
    }
    covariance_information(space, view, information);
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < m; j++)
            information[(residual + i) * n + residual + j] =
                view->residual_information[i * m + j];
    population_information(space, view, information);
}
