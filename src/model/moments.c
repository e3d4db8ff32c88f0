#include "moments_impl.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "innovation.h"
#include "numerics/linalg.h"

/* Central-difference step in posterior standard deviations, by the cube root of the
 * solver's tolerance: truncation is of the step's square, rounding the tolerance over the
 * step, so that 1e-9 leaves 4e-6 and 5e-7, 1e-6 leaves 4e-4 and 5e-5. */
#define DIFFERENCE_STEP(tolerance) (2 * cbrt(tolerance))

/* Where differences straddle a kink, u can be anything: a mean that would be farther from
 * the mode than two posterior standard deviations is brought back to there. Sparse binary
 * records reach 1.5 without one, so that less than that would spoil the score. */
#define SKEW_MAX 4.0

/* A place nearer to the mode than what a step promises below this is moved onto it. */
#define PROMISE_ENOUGH 1e-6

struct moments *moments_nothing(size_t p, size_t q, size_t m)
{
    struct moments *moments = mem_new(1, sizeof *moments);
    moments->z = mem_new(p, sizeof(double));
    moments->w = mem_new(p * p, sizeof(double));
    moments->posterior = mem_new(p * p, sizeof(double));
    moments->residual_score = mem_new(m, sizeof(double));
    moments->residual_information = mem_new(m * m, sizeof(double));
    moments->residual_curvature = mem_new(m * m, sizeof(double));
    moments->residual_squares = mem_new(m, sizeof(double));
    moments->residual_shape = mem_new(m * p * p, sizeof(double));
    moments->population_score = mem_new(q, sizeof(double));
    moments->population_information = mem_new(q * q, sizeof(double));
    moments->population_cross = mem_new(q * p, sizeof(double));
    for (size_t a = 0; a < p; a++)
        moments->w[a * p + a] = moments->posterior[a * p + a] = 1;
    return moments;
}

void moments_destroy(struct moments **moments)
{
    if (!*moments)
        return;
    mem_free((*moments)->z);
    mem_free((*moments)->w);
    mem_free((*moments)->posterior);
    mem_free((*moments)->residual_score);
    mem_free((*moments)->residual_information);
    mem_free((*moments)->residual_curvature);
    mem_free((*moments)->residual_squares);
    mem_free((*moments)->residual_shape);
    mem_free((*moments)->population_score);
    mem_free((*moments)->population_information);
    mem_free((*moments)->population_cross);
    mem_free(*moments);
    *moments = NULL;
}

/* Differences of the half gradient and of log det A between two points 2 h apart. */
struct difference {
    double gradient[MODEL_PARAMETERS_MAX];
    double log_det;
    bool usable;
};

static double log_det(size_t p, const double *curvature)
{
    double lower[MODEL_PARAMETERS_MAX * MODEL_PARAMETERS_MAX];
    memcpy(lower, curvature, p * p * sizeof(double));
    if (p == 0 || linalg_cholesky(p, lower) != ERR_OK)
        return p == 0 ? 0 : NAN;
    return linalg_lower_log_det(p, lower);
}

/* Between the places 2 i and 2 i + 1. */
static struct difference difference(const struct survey *survey, size_t i)
{
    const struct point *up = &survey->answers[2 * i], *down = up + 1;
    size_t p = survey->target->p;
    double h = survey->sides[i];
    struct difference out = {.usable = up->err == ERR_OK && down->err == ERR_OK};
    if (!out.usable)
        return out;
    for (size_t a = 0; a < p; a++)
        out.gradient[a] = (up->gradient[a] - down->gradient[a]) / (2 * h);
    out.log_det = (log_det(p, up->curvature) - log_det(p, down->curvature)) / (2 * h);
    out.usable = isfinite(out.log_det);
    return out;
}

/* u' A u / 4, held by shortening u. */
static double tame(size_t p, const double *curvature, double *u)
{
    double square = 0;
    for (size_t a = 0; a < p; a++)
        for (size_t b = 0; b < p; b++)
            square += u[a] * curvature[a * p + b] * u[b] / 4;
    for (size_t a = 0; square > SKEW_MAX && a < p; a++)
        u[a] *= sqrt(SKEW_MAX / square);
    return fmin(square, SKEW_MAX);
}

/* u = S^-1 c and what is left to go to the very mode, S^-1 gradient, which z is moved by.
 * Returns the skew of u. Where S is not positive definite the curvature A stands in for
 * it; where a neighbouring point cannot be evaluated nothing is corrected (u = 0). */
static double correction(struct survey *survey, double *u)
{
    const struct detail *here = &survey->here;
    size_t p = survey->target->p;
    double s[MODEL_PARAMETERS_MAX * MODEL_PARAMETERS_MAX] = {0};
    double sides[2 * MODEL_PARAMETERS_MAX] = {0}, rest = 0;
    bool usable = true;
    for (size_t k = 0; k < p && usable; k++) {
        struct difference by = difference(survey, k);
        usable = by.usable;
        sides[2 * k] = by.log_det;
        sides[2 * k + 1] = here->point.gradient[k];
        for (size_t a = 0; a < p; a++)
            s[a * p + k] = by.gradient[a];
    }
    for (size_t a = 0; usable && a < p; a++)
        for (size_t b = 0; b < a; b++)
            s[a * p + b] = s[b * p + a] = (s[a * p + b] + s[b * p + a]) / 2;
    usable = usable && (linalg_spd_solve(p, s, 2, sides) == ERR_OK ||
                        linalg_spd_solve(p, here->point.curvature, 2, sides) == ERR_OK);
    for (size_t k = 0; usable && k < p; k++) {
        u[k] = sides[2 * k];
        rest += sides[2 * k + 1] * here->point.gradient[k];
    }
    for (size_t k = 0; usable && rest < PROMISE_ENOUGH && k < p; k++)
        survey->z[k] -= sides[2 * k + 1];
    return tame(p, here->point.curvature, u);
}

/* Score of log residual parameter l: -1/2 of d(O + log det A) at the fixed mode, and
 * through the mode -1/2 u' (d gradient). */
static void residual_scores(const struct target *target, const struct detail *here,
                            const double *posterior, const double *u,
                            struct moments *moments)
{
    const struct prior_layout *layout = target->layout;
    size_t p = target->p, d = p + target->q;
    for (size_t l = 0; l < layout->m; l++) {
        int which = layout->residual[l].which;
        double total = 0;
        for (size_t j = 0; j < target->n; j++) {
            if (twin_measurement(target->twin, j)->observation !=
                layout->residual[l].observation)
                continue;
            const struct observed *o = &here->observed[j];
            const double *row = here->jacobian + j * d;
            double spread = 0, along = 0;
            for (size_t a = 0; a < p; a++) {
                along += u[a] * row[a];
                for (size_t b = 0; b < p; b++)
                    spread += row[a] * posterior[a * p + b] * row[b];
            }
            total += o->d_log_residual[which] + o->d_information[which] * spread -
                     0.5 * o->dd_log_residual[which] * along;
        }
        moments->residual_score[l] = -0.5 * total;
    }
}

/* The derivative of the score of log residual k by l, with the sign turned, in a model
 * linearised at the mode: directly, sum_j 2 s_kj s_lj (e_j^2 / g_j^2 + h_j) - 2 s_kj
 * (1[k = l] - s_lj) (e_j^2 / g_j^2 - 1 + h_j), e the residuals and h the hat values;
 * through the mode, - c_k' V c_l / 4, c the derivative of dO/dz; through log det A,
 * - 2 tr V Q_k V Q_l. */
static void residual_curvature(const struct target *target, const struct detail *here,
                               const double *posterior, const double *vq,
                               struct moments *moments)
{
    const struct prior_layout *layout = target->layout;
    size_t p = target->p, d = p + target->q, m = layout->m;
    double *c = mem_new(m * p, sizeof *c), *out = moments->residual_curvature;
    for (size_t j = 0; j < target->n; j++) {
        const struct observed *o = &here->observed[j];
        const double *row = here->jacobian + j * d;
        double hat = 0;
        for (size_t a = 0; a < p; a++)
            for (size_t b = 0; b < p; b++)
                hat += row[a] * posterior[a * p + b] * row[b] / o->variance;
        for (size_t k = 0; k < m; k++) {
            double share = o->share[layout->residual[k].which];
            if (twin_measurement(target->twin, j)->observation !=
                    layout->residual[k].observation ||
                share == 0)
                continue;
            double square = 1 - o->d_log_residual[layout->residual[k].which] / share / 2;
            for (size_t a = 0; a < p; a++)
                c[k * p + a] += o->dd_log_residual[layout->residual[k].which] * row[a];
            for (size_t l = 0; l < m; l++) {
                double other = o->share[layout->residual[l].which];
                if (layout->residual[l].observation == layout->residual[k].observation)
                    out[k * m + l] += 2 * share * other * (square + hat) -
                                      2 * share * ((k == l) - other) * (square - 1 + hat);
            }
        }
    }
    for (size_t k = 0; k < m; k++)
        for (size_t l = 0; l < m; l++)
            for (size_t a = 0; a < p; a++)
                for (size_t b = 0; b < p; b++)
                    out[k * m + l] -=
                        c[k * p + a] * posterior[a * p + b] * c[l * p + b] / 4 +
                        2 * vq[k * p * p + a * p + b] * vq[l * p * p + b * p + a];
    mem_free(c);
}

/* With M = I - G V G', G_j = f_j' / g_j, the marginal information of log residual
 * parameters k and l is 2 sum_ij s_ki M_ij^2 s_lj, s the shares d log g: the trace form
 * of a Gaussian linearised at the mode. With Q_l = sum_j s_lj G_j G_j' that is 2 (sum_j
 * s_kj s_lj (1 - 2 G_j' V G_j) + tr V Q_k V Q_l). Their cross-information with Omega is V
 * Q_l V. */
static void residual_information(const struct target *target, const struct detail *here,
                                 const double *posterior, struct moments *moments)
{
    const struct prior_layout *layout = target->layout;
    size_t p = target->p, d = p + target->q, m = layout->m;
    double *vq = mem_new(m * p * p, sizeof *vq), *q = mem_new(p * p, sizeof *q);
    double *information = moments->residual_information;
    for (size_t l = 0; l < m; l++) {
        memset(q, 0, p * p * sizeof *q);
        for (size_t j = 0; j < target->n; j++) {
            const struct observed *o = &here->observed[j];
            const double *row = here->jacobian + j * d;
            double share = o->share[layout->residual[l].which], hat = 0;
            if (twin_measurement(target->twin, j)->observation !=
                layout->residual[l].observation)
                continue;
            for (size_t a = 0; a < p; a++)
                for (size_t b = 0; b < p; b++) {
                    q[a * p + b] += share * row[a] * row[b] / o->variance;
                    hat += row[a] * posterior[a * p + b] * row[b] / o->variance;
                }
            moments->residual_squares[l] += share * (1 - hat);
            for (size_t k = 0; k < m; k++)
                if (layout->residual[k].observation == layout->residual[l].observation)
                    information[k * m + l] +=
                        2 * share * (1 - 2 * hat) * o->share[layout->residual[k].which];
        }
        linalg_multiply(p, p, p, posterior, q, vq + l * p * p);
        linalg_multiply(p, p, p, vq + l * p * p, posterior,
                        moments->residual_shape + l * p * p);
    }
    for (size_t k = 0; k < m; k++)
        for (size_t l = 0; l < m; l++)
            for (size_t a = 0; a < p; a++)
                for (size_t b = 0; b < p; b++)
                    information[k * m + l] +=
                        2 * vq[k * p * p + a * p + b] * vq[l * p * p + b * p + a];
    residual_curvature(target, here, posterior, vq, moments);
    mem_free(vq);
    mem_free(q);
}

/* Information of (z, gamma) at the mode, J = sum information_j f_j' f_j'^T, with the
 * random effects profiled out: J_gg - J_gz V J_zg, and V J_zg across to the typical
 * values. */
static void population_information(const struct target *target, const struct detail *here,
                                   const double *posterior, struct moments *moments)
{
    size_t p = target->p, q = target->q, d = p + q;
    double *joint = mem_new(q * d, sizeof(double)); /* rows of J for gamma */
    for (size_t j = 0; j < target->n; j++) {
        const double *row = here->jacobian + j * d;
        for (size_t i = 0; i < q; i++)
            for (size_t a = 0; a < d; a++)
                joint[i * d + a] += here->observed[j].information * row[p + i] * row[a];
        if (!here->before || here->before[j] == DETAIL_FIRST)
            continue;
        const double *other = here->jacobian + here->before[j] * d;
        for (size_t i = 0; i < q; i++)
            for (size_t a = 0; a < d; a++)
                joint[i * d + a] +=
                    here->shared[j] * (row[p + i] * other[a] + other[p + i] * row[a]);
    }
    for (size_t i = 0; i < q; i++)
        for (size_t a = 0; a < p; a++)
            for (size_t b = 0; b < p; b++)
                moments->population_cross[i * p + a] +=
                    joint[i * d + b] * posterior[b * p + a];
    for (size_t i = 0; i < q; i++) {
        for (size_t k = 0; k < q; k++) {
            double value = joint[i * d + p + k];
            for (size_t a = 0; a < p; a++)
                value -= moments->population_cross[i * p + a] * joint[k * d + a];
            moments->population_information[i * q + k] = value;
        }
    }
    mem_free(joint);
}

static void population_scores(const struct survey *survey, const double *u,
                              struct moments *moments)
{
    const struct target *target = survey->target;
    const struct detail *here = &survey->here;
    size_t p = target->p, q = target->q, d = p + q;
    for (size_t i = 0; i < q; i++) {
        struct difference by = difference(survey, p + i);
        double direct = 0, through = 0;
        for (size_t j = 0; j < target->n; j++)
            direct += here->observed[j].d_prediction * here->jacobian[j * d + p + i];
        for (size_t a = 0; by.usable && a < p; a++)
            through += u[a] * by.gradient[a];
        moments->population_score[i] =
            -0.5 * (direct + (by.usable ? by.log_det - through : 0));
    }
}

/* --- questions and answers --------------------------------------------------------- */

enum err survey_begin(struct survey *survey, const struct target *target,
                      const double *phi, double tolerance)
{
    *survey = (struct survey){
        .target = target,
        .step = DIFFERENCE_STEP(tolerance),
        .z = mem_copy(phi, target->p * sizeof *phi),
        .here = detail_new(target),
        .moments = moments_nothing(target->p, target->q, target->prior->m)};
    return target_whiten(target, survey->z);
}

/* How far to either side of a population parameter: a step of what this patient
 * can tell, but not a large step on the parameter's own scale when that is little. */
static double population_side(const struct survey *survey, size_t i)
{
    const struct target *target = survey->target;
    size_t d = target->p + target->q;
    double curvature = 0, size = fmax(1, fabs(target->prior->population[i]));
    for (size_t j = 0; j < target->n; j++) {
        double slope = survey->here.jacobian[j * d + target->p + i];
        curvature += survey->here.observed[j].information * slope * slope;
    }
    return survey->step * fmin(size, 1 / sqrt(curvature + 1e-300));
}

enum err survey_go_on(struct survey *survey)
{
    const struct target *target = survey->target;
    size_t p = target->p, q = target->q, count = 2 * (p + q);
    double *posterior = survey->moments->posterior;
    enum err err = target_detail(target, survey->z, &survey->here);
    if (err == ERR_OK && p)
        err = linalg_spd_inverse(p, survey->here.point.curvature, posterior);
    if (err != ERR_OK)
        return err;
    survey->count = count;
    survey->places = mem_new(count * p, sizeof(double));
    survey->gammas = mem_new(count * q, sizeof(double));
    survey->sides = mem_new(p + q, sizeof(double));
    survey->answers = mem_new(count, sizeof *survey->answers);
    for (size_t i = 0; i < count; i++) {
        size_t k = i / 2;
        double *z = survey->places + i * p, *gamma = survey->gammas + i * q;
        memcpy(z, survey->z, p * sizeof *z);
        memcpy(gamma, target->prior->population, q * sizeof *gamma);
        double side = k < p ? survey->step * sqrt(posterior[k * p + k])
                            : population_side(survey, k - p);
        *(k < p ? &z[k] : &gamma[k - p]) += i % 2 ? -side : side;
        survey->sides[k] = side;
        survey->answers[i] = point_new(p);
    }
    return ERR_OK;
}

/* The rows and columns of what does not differ between occasions: what is left of the
 * others is in the residual part. */
static struct moments *without_occasions(const struct target *target, struct moments *all)
{
    size_t p = target->prior->p, whole = target->p, q = target->q, m = target->prior->m;
    struct moments *out = moments_nothing(p, q, m);
    memcpy(out->z, all->z, p * sizeof(double));
    for (size_t a = 0; a < p; a++)
        for (size_t b = 0; b < p; b++) {
            out->w[a * p + b] = all->w[a * whole + b];
            out->posterior[a * p + b] = all->posterior[a * whole + b];
            for (size_t l = 0; l < m; l++)
                out->residual_shape[(l * p + a) * p + b] =
                    all->residual_shape[(l * whole + a) * whole + b];
        }
    memcpy(out->residual_score, all->residual_score, m * sizeof(double));
    memcpy(out->residual_information, all->residual_information, m * m * sizeof(double));
    memcpy(out->residual_curvature, all->residual_curvature, m * m * sizeof(double));
    memcpy(out->residual_squares, all->residual_squares, m * sizeof(double));
    memcpy(out->population_score, all->population_score, q * sizeof(double));
    memcpy(out->population_information, all->population_information,
           q * q * sizeof(double));
    for (size_t i = 0; i < q; i++)
        memcpy(out->population_cross + i * p, all->population_cross + i * whole,
               p * sizeof(double));
    out->skew = all->skew;
    moments_destroy(&all);
    return out;
}

struct moments *survey_end(struct survey *survey)
{
    const struct target *target = survey->target;
    const struct detail *here = &survey->here;
    struct moments *out = survey->moments;
    size_t p = target->p;
    double u[MODEL_PARAMETERS_MAX] = {0};
    out->skew = correction(survey, u);
    for (size_t a = 0; a < p; a++) {
        out->z[a] = survey->z[a] - u[a] / 2;
        for (size_t b = 0; b < p; b++)
            out->w[a * p + b] = out->posterior[a * p + b] - u[a] * u[b] / 4;
    }
    if (here->before) {
        innovation_moments(target, here, survey->z, out->posterior, u, out);
    } else {
        residual_scores(target, here, out->posterior, u, out);
        residual_information(target, here, out->posterior, out);
    }
    population_information(target, here, out->posterior, out);
    population_scores(survey, u, out);
    survey->moments = NULL;
    return target->layout->r ? without_occasions(target, out) : out;
}

void survey_clear(struct survey *survey)
{
    if (!survey->target)
        return;
    for (size_t i = 0; i < survey->count; i++)
        point_clear(&survey->answers[i]);
    mem_free(survey->answers);
    mem_free(survey->places);
    mem_free(survey->gammas);
    mem_free(survey->sides);
    mem_free(survey->z);
    detail_clear(&survey->here);
    moments_destroy(&survey->moments);
    survey->target = NULL;
}
