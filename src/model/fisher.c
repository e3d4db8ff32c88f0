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

/* Where svec has entry (a, b). */
static size_t svec_at(size_t a, size_t b)
{
    return a > b ? a * (a + 1) / 2 + b : b * (b + 1) / 2 + a;
}

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

/* [k (k + 1) / 2][p (p + 1) / 2]^2 */
static double *pairs(const struct statistic *statistic, const double *sum)
{
    size_t each = statistic->size[STATISTIC_INFORMATION];
    size_t by = LINALG_SVEC_DIM(statistic->k), size = LINALG_SVEC_DIM(each);
    double *packed = block(statistic, sum, STATISTIC_INFORMATION_PAIRS);
    double *out = mem_new(by * each * each, sizeof *out);
    for (size_t c = 0; c < by; c++)
        linalg_svec_unpack(each, packed + c * size, out + c * each * each);
    mem_free(packed);
    return out;
}

static double *residual_shape(const struct statistic *statistic, const double *sum)
{
    size_t p = statistic->p, m = statistic->m, each = LINALG_SVEC_DIM(p);
    double *packed = block(statistic, sum, STATISTIC_RESIDUAL_SHAPE);
    double *out = mem_new(m * p * p, sizeof *out);
    for (size_t l = 0; l < m; l++)
        if (statistic->exact)
            linalg_svec_unpack(p, packed + l * each, out + l * p * p);
        else
            for (size_t a = 0; a < p; a++)
                out[(l * p + a) * p + a] = packed[l * p + a];
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
    for (size_t i = 0; !s->exact && i < s->p * s->p; i++) {
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
    if (s->exact)
        view->pairs = pairs(s, sum);
    else
        view->square = square(s, sum, STATISTIC_INFORMATION_SQUARE, s->p);
    view->effect_curvature = block(s, sum, STATISTIC_EFFECT_CURVATURE);
    view->omega_curvature = block(s, sum, STATISTIC_OMEGA_CURVATURE);
    view->population_curvature = block(s, sum, STATISTIC_POPULATION_CURVATURE);
    if (s->exact)
        view->residual_curvature = square(s, sum, STATISTIC_RESIDUAL_CURVATURE, s->m);
    if (s->size[STATISTIC_EFFECT_INFORMATION])
        view->by_covariates = block(s, sum, STATISTIC_EFFECT_INFORMATION);
    view->residual_score = block(s, sum, STATISTIC_RESIDUAL_SCORE);
    view->residual_information = square(s, sum, STATISTIC_RESIDUAL_INFORMATION, s->m);
    view->residual_shape = residual_shape(s, sum);
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
                     view->pairs,
                     view->by_covariates,
                     view->effect_curvature,
                     view->omega_curvature,
                     view->residual_curvature,
                     view->population_curvature,
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

/* sum (I - V)_ab u_cd of a packed pair of symmetric matrices. */
static double pair_at(const double *pairs, size_t each, size_t a, size_t b, size_t c,
                      size_t d)
{
    return pairs[svec_at(c, d) * each + svec_at(a, b)] * (a == b ? 1 : M_SQRT1_2) *
           (c == d ? 1 : M_SQRT1_2);
}

/* Add `share` sum (I - V) M (I - V) of any M [p][p] to `out`, from its pairs. */
static void add_around(size_t p, const double *pairs, double share, const double *m,
                       double *out)
{
    for (size_t a = 0; a < p; a++)
        for (size_t b = 0; b < p; b++)
            for (size_t c = 0; c < p; c++)
                for (size_t d = 0; d < p; d++)
                    out[a * p + d] += share *
                                      pair_at(pairs, LINALG_SVEC_DIM(p), a, b, c, d) *
                                      m[b * p + c];
}

/* The pairs that go with x_c x_d, and what makes them so. */
static const double *pairs_by(const struct view *view, size_t c, size_t d, double *share)
{
    size_t each = LINALG_SVEC_DIM(view->prior->p);
    *share = c == d ? 1 : M_SQRT1_2;
    return view->pairs + svec_at(c, d) * each * each;
}

/* sum (I - V) E x x' E' (I - V), E [p][k]; in the private form of means. */
static void effects_around(const struct view *view, const double *e, const double *spread,
                           double *out)
{
    size_t p = view->prior->p, k = view->prior->k;
    double *m = mem_new(p * p, sizeof *m), share;
    memset(out, 0, p * p * sizeof *out);
    if (!view->pairs) {
        congruence(p, view->information, spread, out);
        for (size_t i = 0; i < p * p; i++)
            out[i] /= view->patients * view->patients;
    }
    for (size_t i = 0; view->pairs && i < k * k; i++) {
        size_t c = i / k, d = i % k;
        const double *by = pairs_by(view, c, d, &share);
        for (size_t f = 0; f < p * p; f++)
            m[f] = e[f / p * k + c] * e[f % p * k + d];
        add_around(p, by, share, m, out);
    }
    mem_free(m);
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
    effects_around(view, e, spread, g);
    for (size_t i = 0; i < p * p; i++)
        g[i] = view->omega_score[i] - g[i];
    prior_scores(space, view, g, scores);
    size_t first = space->first[NUMBER_COVARIANCE];
    memcpy(score + first, scores + first,
           (space->first[NUMBER_RESIDUAL] - first) * sizeof *score);
    for (size_t l = 0; l < m; l++)
        for (size_t i = 0; i < p * p; i++)
            score[space->first[NUMBER_RESIDUAL] + l] -=
                view->residual_shape[l * p * p + i] * spread[i] / n;
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

/* sum (I - V) M (I - V) as the information of covariances has it: in the private form
 * only what the rotated diagonals tell. */
static void known_about(const struct view *view, const double *m, double *out)
{
    size_t p = view->prior->p;
    for (size_t e = 0; e < p * p; e++)
        out[e] = view->pairs ? 0 : view->square[e] * m[e];
    if (view->pairs)
        add_around(p, view->pairs, 1, m, out);
}

/* Between covariances: sum tr(P M_i P M_j) / 2, P = I - V; with residual l:
 * tr(shape_l M_i). */
static void covariance_information(const struct space *space, const struct view *view,
                                   double *out)
{
    size_t p = view->prior->p, m = view->prior->m, n = space->count;
    size_t first = space->first[NUMBER_COVARIANCE],
           residual = space->first[NUMBER_RESIDUAL];
    size_t entries = residual - first;
    double *directions = mem_new(entries * p * p, sizeof *directions);
    double *known = mem_new(p * p, sizeof *known);
    for (size_t i = 0; i < entries; i++)
        fisher_direction(p, view->inverse, &space->numbers[first + i],
                         directions + i * p * p);
    for (size_t i = 0; i < entries; i++) {
        const double *mi = directions + i * p * p;
        known_about(view, mi, known);
        for (size_t j = 0; j <= i; j++) {
            const double *mj = directions + j * p * p;
            double sum = 0;
            for (size_t e = 0; e < p * p; e++)
                sum += known[e] * mj[e];
            out[(first + i) * n + first + j] = out[(first + j) * n + first + i] = sum / 2;
        }
        for (size_t l = 0; l < m; l++) {
            double sum = 0;
            for (size_t e = 0; e < p * p; e++)
                sum += view->residual_shape[l * p * p + e] * mi[e];
            out[(first + i) * n + residual + l] = out[(residual + l) * n + first + i] =
                sum;
        }
    }
    mem_free(directions);
    mem_free(known);
}

/* Between effects: sum (I - V) (x) x x', in natural coordinates. */
static void effect_information(const struct space *space, const struct view *view,
                               double *out)
{
    size_t p = view->prior->p, k = view->prior->k, n = space->count;
    double *whitened = mem_new(p * p, sizeof *whitened);
    double *natural = mem_new(k * k * p * p, sizeof *natural);
    for (size_t c = 0; c < k; c++) {
        for (size_t d = 0; d < k; d++) {
            double *to = natural + (c * k + d) * p * p;
            const double *from = view->by_covariates + svec_at(c, d) * LINALG_SVEC_DIM(p);
            if (view->by_covariates)
                linalg_svec_unpack(p, from, whitened);
            double share = view->by_covariates
                               ? (c == d ? 1 : M_SQRT1_2)
                               : view->covariates[c * k + d] / view->patients;
            congruence(p, view->inverse,
                       view->by_covariates ? whitened : view->information, to);
            for (size_t e = 0; e < p * p; e++)
                to[e] *= share;
        }
    }
    for (size_t i = 0; i < space->first[NUMBER_COVARIANCE]; i++) {
        for (size_t j = 0; j < space->first[NUMBER_COVARIANCE]; j++) {
            const struct number *one = &space->numbers[i], *two = &space->numbers[j];
            out[i * n + j] = natural[((one->b * k + two->b) * p + one->a) * p + two->a];
        }
    }
    mem_free(whitened);
    mem_free(natural);
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
    size_t m = view->prior->m, n = space->count;
    size_t residual = space->first[NUMBER_RESIDUAL];
    memset(information, 0, n * n * sizeof *information);
    effect_information(space, view, information);
    covariance_information(space, view, information);
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < m; j++)
            information[(residual + i) * n + residual + j] =
                view->residual_information[i * m + j];
    population_information(space, view, information);
}

/* --- curvature --------------------------------------------------------------------- */

/* [p][k][p][p]: sum x_c (I - V)_ab (z - (I - V) E x)_d. */
static double *residual_pairs(const struct view *view, const double *effects)
{
    size_t p = view->prior->p, k = view->prior->k, each = LINALG_SVEC_DIM(p);
    double *out = mem_new(p * k * p * p, sizeof *out), *e = mem_new(p * k, sizeof *e);
    linalg_multiply(p, p, k, view->inverse, effects, e);
    for (size_t i = 0; i < p * k * p * p; i++) {
        size_t a = i / (k * p * p), c = i / (p * p) % k, b = i / p % p, d = i % p;
        out[i] = view->effect_curvature[(d * k + c) * each + svec_at(a, b)] *
                 (a == b ? 1 : M_SQRT1_2);
        for (size_t f = 0; f < k; f++) {
            double share;
            const double *by = pairs_by(view, c, f, &share);
            for (size_t g = 0; g < p; g++)
                out[i] -= share * pair_at(by, each, a, b, d, g) * e[g * k + f];
        }
    }
    mem_free(e);
    return out;
}

void fisher_cross(const struct space *space, const struct view *view,
                  const double *effects, double *information)
{
    size_t p = view->prior->p, k = view->prior->k, n = space->count;
    size_t population = space->first[NUMBER_POPULATION];
    double *pairs = residual_pairs(view, effects), *m = mem_new(p * p, sizeof *m);
    double *along = mem_new(p * k, sizeof *along),
           *natural = mem_new(p * k, sizeof *natural);
    for (size_t j = space->first[NUMBER_COVARIANCE]; j < space->first[NUMBER_RESIDUAL];
         j++) {
        fisher_direction(p, view->inverse, &space->numbers[j], m);
        for (size_t i = 0; i < p * k; i++) {
            along[i] = 0;
            for (size_t e = 0; e < p * p; e++)
                along[i] += pairs[i * p * p + e] * m[e];
        }
        linalg_multiply_tn(p, p, k, view->inverse, along, natural);
        for (size_t i = 0; i < space->first[NUMBER_COVARIANCE]; i++) {
            const struct number *one = &space->numbers[i];
            information[i * n + j] += natural[one->a * k + one->b];
            information[j * n + i] = information[i * n + j];
        }
        for (size_t i = population; i < n; i++) {
            const double *spread = view->population_curvature + (i - population) * p * p;
            for (size_t e = 0; e < p * p; e++)
                information[i * n + j] += spread[e] * m[e];
            information[j * n + i] = information[i * n + j];
        }
    }
    mem_free(pairs);
    mem_free(m);
    mem_free(along);
    mem_free(natural);
}

/* Between covariances: sum z' M_i (I - V) M_j z in the place of half of tr (I - V) M_i
 * (I - V) M_j, twice. */
static void covariance_curvature(const struct space *space, const struct view *view,
                                 double *curvature)
{
    size_t p = view->prior->p, n = space->count, each = LINALG_SVEC_DIM(p);
    size_t first = space->first[NUMBER_COVARIANCE], end = space->first[NUMBER_RESIDUAL];
    double *mi = mem_new(p * p, sizeof *mi), *mj = mem_new(p * p, sizeof *mj);
    double *half = mem_new(p * p, sizeof *half); /* sum z_b z_c M_i,ba (I - V)_ad */
    for (size_t i = first; i < end; i++) {
        fisher_direction(p, view->inverse, &space->numbers[i], mi);
        memset(half, 0, p * p * sizeof *half);
        for (size_t a = 0; a < p; a++)
            for (size_t b = 0; b < p; b++)
                for (size_t c = 0; c < p; c++)
                    for (size_t d = 0; d < p; d++)
                        half[d * p + c] += mi[b * p + a] * pair_at(view->omega_curvature,
                                                                   each, a, d, b, c);
        for (size_t j = first; j < end; j++) {
            double sum = 0;
            fisher_direction(p, view->inverse, &space->numbers[j], mj);
            for (size_t e = 0; e < p * p; e++)
                sum += half[e] * mj[e];
            curvature[i * n + j] = sum - curvature[i * n + j];
        }
    }
    mem_free(mi);
    mem_free(mj);
    mem_free(half);
}

void fisher_curvature(const struct space *space, const struct view *view,
                      const double *effects, double *curvature)
{
    size_t n = space->count, m = view->prior->m, residual = space->first[NUMBER_RESIDUAL];
    fisher_information(space, view, curvature);
    covariance_curvature(space, view, curvature);
    fisher_cross(space, view, effects, curvature);
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < m; j++)
            curvature[(residual + i) * n + residual + j] =
                view->residual_curvature[i * m + j];
}
