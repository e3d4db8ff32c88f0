#include "weigh.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "numerics/linalg.h"

/* How uncertain the start is, before any round: typical values and effects in its
 * between-patient sds; the common scale of its variances and their shape, relative; a
 * residual variance, relative; a population parameter, transformed, in units of itself.
 */
#define START_EFFECT 1.0
#define START_SCALE 1.0
#define START_SHAPE 0.4
#define START_RESIDUAL 1.5
#define START_POPULATION 1.0

/* What a patient knows of a parameter, I - V, before any round: so much on average, give
 * or take; one direction differs from another by so much. */
#define KNOWN_MIDDLE 0.75
#define KNOWN_SPREAD 0.25
#define KNOWN_APART 0.1
#define KNOWN_LOW 0.05
#define KNOWN_HIGH 0.999
/* And patients differ: mean(a a') exceeds mean(a) mean(a)' by at most this. */
#define KNOWN_UNEVEN 0.25
#define KNOWN_UNEVEN_SPREAD 0.05

/* The number of patients may differ from round to round by this share. */
#define PATIENTS_SPREAD 0.1

/* A private form without noise (a trial) is weighed as if it had this much. */
#define NOISE_LEAST 1e-6

/* Of several residual errors one whose information is less than so many standard
 * deviations of its noise is of what nobody has measured. It keeps this much, a patient,
 * so that the whole stays regular. */
#define MEASURED 2.0
#define UNMEASURED 1e-9

/* Of a Fisher step this share may be wrong because the scores are not linear. */
#define STEP_WRONG 0.25

/* Noise above this, relative to what is estimated: hold (privacy study, refuse rule). */
#define HOLD_COVARIANCE 0.5
#define HOLD_EFFECT 1.0
#define HOLD_RESIDUAL 1.0

/* Precision, relative likewise, of what is not told of at all: that is as at the start.
 */
#define TOLD_NOTHING 1e-6

/* --- pooling what does not change between rounds ----------------------------------- */

static double noise_of(const struct statistic *s, const struct learn_round *round,
                       enum statistic_block block)
{
    return fmax(round->noise_stddev, NOISE_LEAST) / s->factor[block];
}

/* Every round's count: the average of all, but for what a round of its own can tell. */
static double pool_patients(const struct statistic *s, const struct learn_round *rounds,
                            struct view *views, size_t count)
{
    double sum = 0, weight = 0;
    for (size_t i = 0; i < count; i++) {
        double noise = noise_of(s, &rounds[i], STATISTIC_COUNT);
        sum += views[i].patients / (noise * noise);
        weight += 1 / (noise * noise);
    }
    double mean = fmax(sum / weight, 1);
    for (size_t i = 0; i < count; i++) {
        double noise = noise_of(s, &rounds[i], STATISTIC_COUNT);
        double spread = PATIENTS_SPREAD * mean, share = spread * spread;
        share /= share + noise * noise;
        views[i].patients = fmax(1, share * views[i].patients + (1 - share) * mean);
    }
    return mean;
}

/* Replace a block of every view by its per-patient average over the rounds, times the
 * round's patients. */
static void pool(const struct statistic *s, const struct learn_round *rounds,
                 struct view *views, size_t count, enum statistic_block block,
                 size_t size, double *(*of)(struct view *))
{
    double *mean = mem_new(size, sizeof *mean), weight = 0;
    for (size_t i = 0; i < count; i++) {
        double noise = noise_of(s, &rounds[i], block) / views[i].patients;
        for (size_t e = 0; e < size; e++)
            mean[e] += of(&views[i])[e] / views[i].patients / (noise * noise);
        weight += 1 / (noise * noise);
    }
    for (size_t i = 0; i < count; i++)
        for (size_t e = 0; e < size; e++)
            of(&views[i])[e] = mean[e] / weight * views[i].patients;
    mem_free(mean);
}

static double *covariates_of(struct view *view)
{
    return view->covariates;
}

static double *residual_information_of(struct view *view)
{
    return view->residual_information;
}

static double *residual_shape_of(struct view *view)
{
    return view->residual_shape;
}

static double *population_information_of(struct view *view)
{
    return view->population_information;
}

static double *population_cross_of(struct view *view)
{
    return view->population_cross;
}

/* Hold the eigenvalues of a symmetric matrix within [low, high]. */
static enum err hold_between(size_t n, double *matrix, double low, double high)
{
    if (n == 0)
        return ERR_OK;
    double *values = mem_new(n, sizeof *values), *v = mem_new(n * n, sizeof *v);
    enum err err = linalg_eigen(n, matrix, values, v);
    for (size_t a = 0; err == ERR_OK && a < n; a++) {
        for (size_t b = 0; b < n; b++) {
            double sum = 0;
            for (size_t i = 0; i < n; i++)
                sum += v[a * n + i] * fmin(high, fmax(low, values[i])) * v[b * n + i];
            matrix[a * n + b] = sum;
        }
    }
    mem_free(values);
    mem_free(v);
    return err;
}

/* Which residual errors are of what somebody has measured; pooled, every round says the
 * same. The only one there is, is. */
static void find_measured(const struct statistic *s, const struct learn_round *rounds,
                          const struct view *views, size_t count, bool *measured)
{
    double weight = 0;
    for (size_t i = 0; i < count; i++) {
        double noise = noise_of(s, &rounds[i], STATISTIC_RESIDUAL_INFORMATION);
        weight += views[i].patients * views[i].patients / (noise * noise);
    }
    for (size_t l = 0; l < s->m; l++) {
        double told = views[0].residual_information[l * (s->m + 1)] / views[0].patients;
        measured[l] = s->m == 1 || told > MEASURED / sqrt(weight);
    }
}

/* What is said of the others is noise. */
static void leave_unmeasured(const struct statistic *s, const bool *measured,
                             struct view *view)
{
    size_t m = s->m, square = s->p * s->p;
    for (size_t l = 0; l < m; l++) {
        if (measured[l])
            continue;
        for (size_t k = 0; k < m; k++)
            view->residual_information[l * m + k] =
                view->residual_information[k * m + l] = 0;
        view->residual_information[l * m + l] = UNMEASURED * view->patients;
        memset(view->residual_shape + l * square, 0, square * sizeof(double));
    }
}

static enum err pool_constants(const struct statistic *s,
                               const struct learn_round *rounds, struct view *views,
                               size_t count)
{
    size_t p = s->p, k = s->k, q = s->q, m = s->m;
    if (k > 1)
        pool(s, rounds, views, count, STATISTIC_COVARIATES, k * k, covariates_of);
    pool(s, rounds, views, count, STATISTIC_RESIDUAL_INFORMATION, m * m,
         residual_information_of);
    pool(s, rounds, views, count, STATISTIC_RESIDUAL_SHAPE, m * p * p, residual_shape_of);
    pool(s, rounds, views, count, STATISTIC_POPULATION_INFORMATION, q * q,
         population_information_of);
    pool(s, rounds, views, count, STATISTIC_POPULATION_CROSS, q * p * k,
         population_cross_of);
    bool *measured = mem_new(m, sizeof *measured);
    find_measured(s, rounds, views, count, measured);
    enum err err = ERR_OK;
    for (size_t i = 0; err == ERR_OK && i < count; i++) {
        double n = views[i].patients;
        views[i].covariates[0] = n; /* x_0 = 1 */
        err = hold_between(k, views[i].covariates, 0.02 * n, INFINITY);
        if (err == ERR_OK)
            err = hold_between(m, views[i].residual_information, 0.1 * n, INFINITY);
        if (err == ERR_OK)
            err = hold_between(q, views[i].population_information, 0, INFINITY);
        leave_unmeasured(s, measured, &views[i]);
    }
    mem_free(measured);
    return err;
}

/* --- what a patient knows ---------------------------------------------------------- */

static double trace(size_t p, const double *matrix)
{
    double sum = 0;
    for (size_t a = 0; a < p; a++)
        sum += matrix[a * p + a];
    return sum;
}

/* The mean eigenvalue of Omega_i relative to the last round's. */
static double scale_of(const struct view *last, const struct prior *prior)
{
    size_t p = prior->p;
    double *half = mem_new(p * p, sizeof *half), *all = mem_new(p * p, sizeof *all);
    linalg_multiply(p, p, p, last->inverse, prior->omega, half);
    linalg_multiply_nt(p, p, p, half, last->inverse, all);
    double scale = trace(p, all) / (double)p;
    mem_free(half);
    mem_free(all);
    return scale;
}

/* The noise in an entry of the mean of I - V. */
static double known_noise(const struct statistic *s, const struct learn_round *round,
                          const struct view *view)
{
    return noise_of(s, round, STATISTIC_INFORMATION) / view->patients;
}

/* A patient who knows a share a under the last prior has records of precision nu = a /
 * (1 - a) there, and knows 1 / (1 + 1 / (nu scale)) under a prior of another scale. The
 * nu that fits all rounds' traces best. */
static double precision_of_records(const struct statistic *s,
                                   const struct learn_round *rounds,
                                   const struct view *views, const double *scales,
                                   size_t count)
{
    double best = 1, least = INFINITY, p = (double)s->p;
    for (double logarithm = -4; logarithm <= 6; logarithm += 0.05) {
        double nu = exp(logarithm);
        double off = (1 / (1 + 1 / nu) - KNOWN_MIDDLE) / KNOWN_SPREAD, misfit = off * off;
        for (size_t i = 0; i < count; i++) {
            double seen = trace(s->p, views[i].information) / p / views[i].patients;
            double noise = known_noise(s, &rounds[i], &views[i]) / sqrt(p);
            off = (1 / (1 + 1 / (nu * scales[i])) - seen) / noise;
            misfit += off * off;
        }
        if (misfit < least) {
            least = misfit;
            best = nu;
        }
    }
    return best;
}

/* By how much mean(a a') exceeds mean(a) mean(a)', on average over its entries. */
static double unevenness(const struct statistic *s, const struct learn_round *rounds,
                         const struct view *views, size_t count)
{
    double p = (double)s->p, sum = 0;
    double weight = 1 / (KNOWN_UNEVEN_SPREAD * KNOWN_UNEVEN_SPREAD);
    for (size_t i = 0; i < count; i++) {
        double n = views[i].patients, mean = 0;
        double seen = trace(s->p, views[i].information) / p / n;
        double noise = noise_of(s, &rounds[i], STATISTIC_INFORMATION_SQUARE) / n / p;
        double other = 2 * seen * known_noise(s, &rounds[i], &views[i]) / sqrt(p);
        for (size_t e = 0; e < s->p * s->p; e++)
            mean += views[i].square[e] / n / (p * p);
        sum += (mean - seen * seen) / (noise * noise + other * other);
        weight += 1 / (noise * noise + other * other);
    }
    return fmin(KNOWN_UNEVEN, fmax(0, sum / weight));
}

/* mean(a a') near mean(a) mean(a)' plus the unevenness, but for what its own block can
 * tell; `information` is the mean of I - V here. */
static void mend_square(const struct statistic *s, const struct learn_round *round,
                        struct view *view, double uneven)
{
    size_t p = s->p;
    double n = view->patients,
           noise = noise_of(s, round, STATISTIC_INFORMATION_SQUARE) / n;
    double share = KNOWN_APART * KNOWN_APART;
    share /= share + noise * noise;
    for (size_t a = 0; a < p; a++) {
        for (size_t b = 0; b < p; b++) {
            double *entry = &view->square[a * p + b];
            double near =
                view->information[a * (p + 1)] * view->information[b * (p + 1)] + uneven;
            double told = near + share * (*entry / n - near);
            *entry = n * fmin(1, fmax(KNOWN_LOW * KNOWN_LOW, told));
        }
    }
}

static enum err mend_known(const struct statistic *s, const struct learn_round *rounds,
                           struct view *views, size_t count)
{
    size_t p = s->p;
    double *scales = mem_new(count, sizeof *scales);
    for (size_t i = 0; i < count; i++)
        scales[i] = scale_of(&views[count - 1], rounds[i].prior);
    double nu = precision_of_records(s, rounds, views, scales, count);
    double uneven = unevenness(s, rounds, views, count);
    enum err err = ERR_OK;
    for (size_t i = 0; err == ERR_OK && i < count; i++) {
        struct view *view = &views[i];
        double n = view->patients, mean = 1 / (1 + 1 / (nu * scales[i]));
        double seen = trace(p, view->information) / (double)p / n;
        double noise = known_noise(s, &rounds[i], view);
        double share = KNOWN_APART * KNOWN_APART;
        share /= share + noise * noise;
        for (size_t e = 0; e < p * p; e++) {
            double one = e % (p + 1) == 0;
            view->information[e] =
                one * mean + share * (view->information[e] / n - one * seen);
        }
        err = hold_between(p, view->information, KNOWN_LOW, KNOWN_HIGH);
        mend_square(s, &rounds[i], view, uneven);
        for (size_t e = 0; e < p * p; e++)
            view->information[e] *= n;
        view_naturalise(view);
    }
    mem_free(scales);
    return err;
}

/* What shortening did to a round's scores, as if every patient knew the mean of what they
 * know and left the room of a typical one: in `slopes`; divided out of the view. */
static enum err mend_scores(const struct statistic *s, struct view *view,
                            struct shortening *slopes)
{
    size_t p = s->p, k = s->k;
    const double *c = view->prior->scale;
    double *values = mem_new(p, sizeof *values), *v = mem_new(p * p, sizeof *v);
    double *kappa = mem_new(p, sizeof *kappa);
    double *known = mem_copy(view->information, p * p * sizeof *known);
    for (size_t e = 0; e < p * p; e++)
        known[e] *= c[e / p] * c[e % p] / view->patients;
    enum err err = linalg_eigen(p, known, values, v);
    if (err == ERR_OK) {
        double x2 = trace(k, view->covariates) / view->patients;
        *slopes =
            statistic_typical(p, values, statistic_reach(s, values, x2, s->room, kappa));
        for (size_t i = 0; i < p * k; i++)
            view->effect_score[i] /= slopes->mean_slope;
        double middle = 0;
        for (size_t a = 0; a < p; a++)
            middle += c[a] * c[a] * view->omega_score[a * (p + 1)] / (double)p;
        for (size_t e = 0; e < p * p; e++) {
            double scale = e % (p + 1) == 0 ? middle / (c[e / p] * c[e / p]) : 0;
            view->omega_score[e] = (view->omega_score[e] - scale) / slopes->shape_slope +
                                   scale / slopes->scale_slope;
        }
    }
    mem_free(values);
    mem_free(v);
    mem_free(kappa);
    mem_free(known);
    return err;
}

/* --- averaging --------------------------------------------------------------------- */

/* One group of numbers (typical values and population parameters, or covariances and
 * residuals): numbers from `first` and from `second` of the space. */
struct group {
    size_t n;
    size_t *numbers;         /* [n] which of the space */
    double *start_precision; /* [n][n] */
    double *start;           /* [n] */
    /* of each round: */
    size_t count;
    double *at;          /* [count][n] the round's prior */
    double *information; /* [count][n][n] J */
    double *drive;       /* [count][n] J S^-1 score */
    double *precision;   /* [count][n][n] J S^-1 J */
    /* the result: */
    double *value;     /* [n] */
    double *total;     /* [n][n] precision, the start's included */
    double *of_rounds; /* [n][n] without */
};

static void group_init(struct group *group, const struct space *space, size_t count,
                       enum number_kind first, enum number_kind second)
{
    size_t n = 0;
    *group = (struct group){.count = count};
    group->numbers = mem_new(space->count, sizeof *group->numbers);
    for (size_t i = 0; i < space->count; i++)
        if (space->numbers[i].kind == first || space->numbers[i].kind == second)
            group->numbers[n++] = i;
    group->n = n;
    group->start_precision = mem_new(n * n, sizeof(double));
    group->start = mem_new(n, sizeof(double));
    group->at = mem_new(count * n, sizeof(double));
    group->information = mem_new(count * n * n, sizeof(double));
    group->drive = mem_new(count * n, sizeof(double));
    group->precision = mem_new(count * n * n, sizeof(double));
    group->value = mem_new(n, sizeof(double));
    group->total = mem_new(n * n, sizeof(double));
    group->of_rounds = mem_new(n * n, sizeof(double));
}

static void group_clear(struct group *group)
{
    double *all[] = {group->start_precision, group->start, group->at,
                     group->information,     group->drive, group->precision,
                     group->value,           group->total, group->of_rounds};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        mem_free(all[i]);
    mem_free(group->numbers);
}

/* Enter round `i` with its score [n] and the covariance of that score's noise [n][n]. */
static enum err group_enter(struct group *group, size_t i, const double *score,
                            const double *noise)
{
    size_t n = group->n;
    const double *j = group->information + i * n * n;
    double *half = mem_copy(j, n * n * sizeof *half);
    enum err err = linalg_spd_solve(n, noise, n, half); /* S^-1 J */
    if (err == ERR_OK) {
        linalg_multiply(n, n, n, j, half, group->precision + i * n * n);
        linalg_multiply_tn(n, n, 1, half, score, group->drive + i * n);
    }
    mem_free(half);
    return err;
}

/* The average with respect to `about`: value, total, of_rounds. */
static enum err group_average(struct group *group, const double *about)
{
    size_t n = group->n;
    double *right = mem_new(n, sizeof *right), *pull = mem_new(n, sizeof *pull);
    memset(group->of_rounds, 0, n * n * sizeof(double));
    linalg_multiply(n, n, 1, group->start_precision, group->start, right);
    for (size_t i = 0; i < group->count; i++) {
        const double *at = group->at + i * n, *precision = group->precision + i * n * n;
        double *far = mem_new(n, sizeof *far), distance = 0;
        for (size_t e = 0; e < n; e++)
            far[e] = about[e] - at[e];
        linalg_multiply(n, n, 1, precision, far, pull);
        for (size_t e = 0; e < n; e++)
            distance += far[e] * pull[e] / (double)n;
        double weight = 1 / (1 + STEP_WRONG * STEP_WRONG * distance);
        linalg_multiply(n, n, 1, precision, at, pull);
        for (size_t e = 0; e < n; e++)
            right[e] += weight * (pull[e] + group->drive[i * n + e]);
        for (size_t e = 0; e < n * n; e++)
            group->of_rounds[e] += weight * precision[e];
        mem_free(far);
    }
    for (size_t e = 0; e < n * n; e++)
        group->total[e] = group->start_precision[e] + group->of_rounds[e];
    memcpy(group->value, right, n * sizeof *right);
    enum err err = linalg_spd_solve(n, group->total, 1, group->value);
    mem_free(right);
    mem_free(pull);
    return err;
}

/* About the last round's prior first, then about what that gave. */
static enum err group_settle(struct group *group)
{
    size_t n = group->n;
    double *about = mem_copy(group->at + (group->count - 1) * n, n * sizeof *about);
    enum err err = group_average(group, about);
    if (err == ERR_OK) {
        memcpy(about, group->value, n * sizeof *about);
        err = group_average(group, about);
    }
    mem_free(about);
    return err;
}

/* The rows and columns of `whole` [n][n] that may move. Returns how many. */
static size_t moving(size_t n, const bool *moves, const double *whole, double *part)
{
    size_t count = 0, at = 0;
    for (size_t e = 0; e < n; e++)
        count += moves[e];
    for (size_t e = 0; e < n; e++)
        for (size_t f = 0; f < n; f++)
            if (moves[e] && moves[f])
                part[at++] = whole[e * n + f];
    return count;
}

/* How far the values that may move are from the start, squared, in the precision of
 * both, is a number that noise alone makes tr(total^-1 of_rounds) on average, how many
 * numbers the rounds tell of. By that share of it the way is shortened, and what goes no
 * farther than noise alone stays at the start (James and Stein 1961, positive part).
 * `anything`: whether something goes farther. */
static enum err group_shorten(struct group *group, const bool *moves, bool *anything)
{
    size_t n = group->n, at = 0;
    double *total = mem_new(n * n, sizeof *total), *told = mem_new(n * n, sizeof *told);
    double *step = mem_new(n, sizeof *step), *pull = mem_new(n, sizeof *pull);
    size_t count = moving(n, moves, group->total, total);
    moving(n, moves, group->of_rounds, told);
    for (size_t e = 0; e < n; e++)
        if (moves[e])
            step[at++] = group->value[e] - group->start[e];
    double square = 0, noise = 0;
    linalg_multiply(count, count, 1, total, step, pull);
    enum err err = count ? linalg_spd_solve(count, total, count, told) : ERR_OK;
    for (size_t e = 0; err == ERR_OK && e < count; e++) {
        square += step[e] * pull[e];
        noise += told[e * (count + 1)];
    }
    *anything = square > noise;
    for (size_t e = 0; err == ERR_OK && e < n; e++)
        if (moves[e])
            group->value[e] = group->start[e] + (*anything ? 1 - noise / square : 0) *
                                                    (group->value[e] - group->start[e]);
    mem_free(total);
    mem_free(told);
    mem_free(step);
    mem_free(pull);
    return err;
}

/* The values of the numbers that may move when the others stay at the last prior. */
static enum err group_restrict(struct group *group, const bool *moves)
{
    size_t n = group->n, free_count = 0;
    const double *last = group->at + (group->count - 1) * n;
    double *right = mem_new(n, sizeof *right), *part = mem_new(n * n, sizeof *part);
    linalg_multiply(n, n, 1, group->total, group->value, right);
    for (size_t e = 0; e < n; e++)
        free_count += moves[e];
    for (size_t e = 0, row = 0; e < n; e++) {
        if (!moves[e])
            continue;
        double side = right[e];
        for (size_t f = 0, column = 0; f < n; f++) {
            if (moves[f])
                part[row * free_count + column++] = group->total[e * n + f];
            else
                side -= group->total[e * n + f] * last[f];
        }
        right[row++] = side;
    }
    enum err err = free_count ? linalg_spd_solve(free_count, part, 1, right) : ERR_OK;
    for (size_t e = 0, row = 0; e < n; e++)
        group->value[e] = moves[e] ? right[row++] : last[e];
    mem_free(right);
    mem_free(part);
    return err;
}

/* --- typical values, effects and population parameters ----------------------------- */

/* L^-1 of a view with its rows divided by the scale: how noise of the scaled scores, one
 * variance in every entry, reaches the scores of the free numbers. Caller frees. */
static double *noise_inverse(const struct view *view)
{
    size_t p = view->prior->p;
    double *out = mem_copy(view->inverse, p * p * sizeof *out);
    for (size_t e = 0; e < p * p; e++)
        out[e] /= view->prior->scale[e / p];
    return out;
}

/* Omega^-1 (x) I over the effects, times `precision`; [n][n]. */
static void effect_metric(const struct space *space, const struct group *group,
                          const double *inverse, size_t p, double precision, double *out)
{
    for (size_t e = 0; e < group->n; e++) {
        const struct number *one = &space->numbers[group->numbers[e]];
        for (size_t f = 0; f < group->n; f++) {
            const struct number *two = &space->numbers[group->numbers[f]];
            if (one->kind != NUMBER_EFFECT || two->kind != NUMBER_EFFECT ||
                one->b != two->b)
                continue;
            double sum = 0;
            for (size_t a = 0; a < p; a++)
                sum += inverse[a * p + one->a] * inverse[a * p + two->a];
            out[e * group->n + f] = precision * sum;
        }
    }
}

static void copy_information(const struct space *space, const struct view *view,
                             const struct group *group, double *out)
{
    size_t n = group->n, all = space->count;
    double *information = mem_new(all * all, sizeof *information);
    fisher_information(space, view, information);
    for (size_t e = 0; e < n; e++)
        for (size_t f = 0; f < n; f++)
            out[e * n + f] = information[group->numbers[e] * all + group->numbers[f]];
    mem_free(information);
}

static enum err weigh_location(const struct space *space, const struct statistic *s,
                               const struct learn_round *rounds, const struct view *views,
                               const struct shortening *slopes, struct group *group)
{
    size_t n = group->n, p = s->p;
    double *score = mem_new(space->count, sizeof *score),
           *mine = mem_new(n, sizeof *mine);
    double *noise = mem_new(n * n, sizeof *noise);
    enum err err = ERR_OK;
    for (size_t i = 0; err == ERR_OK && i < group->count; i++) {
        double effect = noise_of(s, &rounds[i], STATISTIC_EFFECT_SCORE);
        double population = noise_of(s, &rounds[i], STATISTIC_POPULATION_SCORE);
        effect /= slopes[i].mean_slope;
        fisher_score(space, &views[i], score);
        copy_information(space, &views[i], group, group->information + i * n * n);
        memset(noise, 0, n * n * sizeof *noise);
        double *inverse = noise_inverse(&views[i]);
        effect_metric(space, group, inverse, p, effect * effect, noise);
        mem_free(inverse);
        for (size_t e = 0; e < n; e++) {
            size_t number = group->numbers[e];
            group->at[i * n + e] = *space_place(space, rounds[i].prior, number);
            mine[e] = score[number];
            if (space->numbers[number].kind == NUMBER_POPULATION)
                noise[e * n + e] = population * population;
        }
        err = group_enter(group, i, mine, noise);
    }
    effect_metric(space, group, views[0].inverse, p, 1 / (START_EFFECT * START_EFFECT),
                  group->start_precision);
    memcpy(group->start, group->at, n * sizeof(double));
    for (size_t e = 0; e < n; e++) {
        double size = START_POPULATION * fmax(1, fabs(group->start[e]));
        if (space->numbers[group->numbers[e]].kind == NUMBER_POPULATION)
            group->start_precision[e * n + e] = 1 / (size * size);
    }
    mem_free(score);
    mem_free(mine);
    mem_free(noise);
    return err == ERR_OK ? group_settle(group) : err;
}

/* --- covariances and residual variances -------------------------------------------- */

/* Rows svec(L^-1 E L^-T) of the covariance entries of a group: [n][p (p + 1) / 2]; rows
 * of residuals are zero. */
static double *whitened_directions(const struct space *space, const struct group *group,
                                   const double *inverse, size_t p)
{
    size_t size = LINALG_SVEC_DIM(p);
    double *out = mem_new(group->n * size, sizeof *out), *m = mem_new(p * p, sizeof *m);
    for (size_t e = 0; e < group->n; e++) {
        const struct number *one = &space->numbers[group->numbers[e]];
        if (one->kind != NUMBER_COVARIANCE)
            continue;
        fisher_direction(p, inverse, one, m);
        linalg_svec(p, m, out + e * size);
    }
    mem_free(m);
    return out;
}

/* T (shape (I - t t') + scale t t') T' with t = svec(I) / sqrt p; [n][n]. */
static void shape_and_scale(size_t n, size_t p, const double *directions, double shape,
                            double scale, double *out)
{
    size_t size = LINALG_SVEC_DIM(p);
    double *along = mem_new(n, sizeof *along);
    for (size_t e = 0; e < n; e++)
        for (size_t a = 0, at = 0; a < p; a++, at += a + 1)
            along[e] += directions[e * size + at] / sqrt((double)p);
    for (size_t e = 0; e < n; e++) {
        for (size_t f = 0; f < n; f++) {
            double sum = 0;
            for (size_t i = 0; i < size; i++)
                sum += directions[e * size + i] * directions[f * size + i];
            out[e * n + f] = shape * sum + (scale - shape) * along[e] * along[f];
        }
    }
    mem_free(along);
}

/* A residual parameter counts by its variance v, in which a step is linear: d log sd =
 * dv / 2v. */
static double variance_of(const struct space *space, const struct prior *prior,
                          size_t number)
{
    return exp(2 * *space_place(space, prior, number));
}

static enum err enter_spread(const struct space *space, const struct statistic *s,
                             const struct learn_round *round, const struct view *view,
                             const struct shortening *slopes, const double *effects,
                             struct group *group, size_t i)
{
    size_t n = group->n, p = s->p;
    double *score = mem_new(space->count, sizeof *score),
           *mine = mem_new(n, sizeof *mine);
    double *noise = mem_new(n * n, sizeof *noise), *j = group->information + i * n * n;
    double *inverse = noise_inverse(view);
    double *directions = whitened_directions(space, group, inverse, p);
    double second = noise_of(s, round, STATISTIC_OMEGA_SCORE) / 2; /* scores have 1/2 */
    double shape = second / slopes->shape_slope, scale = second / slopes->scale_slope;
    double residual = noise_of(s, round, STATISTIC_RESIDUAL_SCORE);
    fisher_score(space, view, score);
    fisher_profile(space, view, effects, score);
    copy_information(space, view, group, j);
    shape_and_scale(n, p, directions, shape * shape, scale * scale, noise);
    for (size_t e = 0; e < n; e++) {
        size_t number = group->numbers[e];
        mine[e] = score[number];
        group->at[i * n + e] = *space_place(space, round->prior, number);
        if (space->numbers[number].kind != NUMBER_RESIDUAL)
            continue;
        double variance = variance_of(space, round->prior, number);
        group->at[i * n + e] = variance;
        mine[e] /= 2 * variance;
        noise[e * n + e] = residual * residual / (4 * variance * variance);
        for (size_t f = 0; f < n; f++) {
            j[e * n + f] /= 2 * variance;
            j[f * n + e] /= 2 * variance;
        }
    }
    enum err err = group_enter(group, i, mine, noise);
    mem_free(score);
    mem_free(mine);
    mem_free(noise);
    mem_free(inverse);
    mem_free(directions);
    return err;
}

static void start_spread(const struct space *space, const struct view *first,
                         struct group *group)
{
    size_t n = group->n, p = first->prior->p;
    double *directions = whitened_directions(space, group, first->inverse, p);
    shape_and_scale(n, p, directions, 1 / (START_SHAPE * START_SHAPE),
                    1 / (START_SCALE * START_SCALE * (double)p), group->start_precision);
    memcpy(group->start, group->at, n * sizeof(double));
    for (size_t e = 0; e < n; e++) {
        double size = START_RESIDUAL * group->start[e];
        if (space->numbers[group->numbers[e]].kind == NUMBER_RESIDUAL)
            group->start_precision[e * n + e] = 1 / (size * size);
    }
    mem_free(directions);
}

/* `effects`: from each round's prior to the averaged typical values, [count][p][k]. */
static enum err weigh_spread(const struct space *space, const struct statistic *s,
                             const struct learn_round *rounds, const struct view *views,
                             const struct shortening *slopes,
                             const struct group *location, struct group *group)
{
    size_t p = s->p, k = s->k;
    double *effects = mem_new(p * k, sizeof *effects);
    enum err err = ERR_OK;
    for (size_t i = 0; err == ERR_OK && i < group->count; i++) {
        for (size_t e = 0; e < location->n; e++) {
            const struct number *one = &space->numbers[location->numbers[e]];
            if (one->kind == NUMBER_EFFECT)
                effects[one->a * k + one->b] =
                    location->value[e] - location->at[i * location->n + e];
        }
        err =
            enter_spread(space, s, &rounds[i], &views[i], &slopes[i], effects, group, i);
    }
    mem_free(effects);
    if (err != ERR_OK)
        return err;
    start_spread(space, &views[0], group);
    return group_settle(group);
}

/* --- holding what noise would decide ----------------------------------------------- */

/* Mean square, over the p parameters, of the noise that rounds leave in the covariance,
 * whitened by the last prior: over all its entries or the diagonal alone. Infinite when
 * they say nothing about one. */
static double covariance_noise(const struct space *space, const struct group *group,
                               const struct view *last, bool diagonal)
{
    size_t p = last->prior->p, n = 0, size = LINALG_SVEC_DIM(p);
    double *directions = whitened_directions(space, group, last->inverse, p);
    double *precision = mem_new(group->n * group->n, sizeof *precision), total = 0;
    double *rows = mem_new(group->n * size, sizeof *rows);
    size_t *which = mem_new(group->n, sizeof *which);
    for (size_t e = 0; e < group->n; e++) {
        const struct number *one = &space->numbers[group->numbers[e]];
        if (one->kind == NUMBER_COVARIANCE && (!diagonal || one->a == one->b))
            which[n++] = e;
    }
    for (size_t e = 0; e < n; e++) {
        memcpy(rows + e * size, directions + which[e] * size, size * sizeof *rows);
        for (size_t f = 0; f < n; f++)
            precision[e * n + f] = group->of_rounds[which[e] * group->n + which[f]];
    }
    double *spread = mem_copy(rows, n * size * sizeof *rows);
    if (linalg_spd_solve(n, precision, size, spread) != ERR_OK)
        total = INFINITY;
    for (size_t e = 0; e < n * size; e++)
        total += rows[e] * spread[e];
    mem_free(directions);
    mem_free(precision);
    mem_free(rows);
    mem_free(spread);
    mem_free(which);
    return total / (double)p;
}

static enum err hold_spread(const struct space *space, const struct statistic *s,
                            const struct view *last, struct group *group,
                            struct weighed *out)
{
    size_t n = group->n;
    bool *moves = mem_new(n, sizeof *moves), any = false;
    double limit = HOLD_COVARIANCE * HOLD_COVARIANCE;
    out->covariance = s->p == 0 ? LEARN_ABSENT
                      : covariance_noise(space, group, last, false) <= limit ? LEARN_MOVED
                      : covariance_noise(space, group, last, true) <= limit
                          ? LEARN_DIAGONAL
                          : LEARN_HELD;
    out->residual = s->m ? LEARN_HELD : LEARN_ABSENT;
    for (size_t e = 0; e < n; e++) {
        const struct number *one = &space->numbers[group->numbers[e]];
        if (one->kind == NUMBER_COVARIANCE) {
            moves[e] = out->covariance == LEARN_MOVED ||
                       (out->covariance == LEARN_DIAGONAL && one->a == one->b);
        } else {
            double at = group->at[(group->count - 1) * n + e];
            double told = group->of_rounds[e * n + e] * at * at;
            moves[e] = told > 1 / (HOLD_RESIDUAL * HOLD_RESIDUAL);
            if (moves[e])
                out->residual = LEARN_MOVED;
            moves[e] |= told < TOLD_NOTHING;
        }
        any |= !moves[e];
    }
    bool anything = true;
    enum err err = any ? group_restrict(group, moves) : ERR_OK;
    if (err == ERR_OK)
        err = group_shorten(group, moves, &anything);
    if (!anything && s->p)
        out->covariance = LEARN_HELD;
    if (!anything && s->m)
        out->residual = LEARN_HELD;
    mem_free(moves);
    return err;
}

/* Typical values are damped by the start's weight; when the rounds say less than that
 * about most of them, none is moved. */
static enum err hold_location(const struct space *space, const struct statistic *s,
                              struct group *group, struct weighed *out)
{
    size_t n = group->n, told = 0, effects = 0;
    bool *moves = mem_new(n, sizeof *moves), any = false;
    for (size_t e = 0; e < n; e++) {
        bool effect = space->numbers[group->numbers[e]].kind == NUMBER_EFFECT;
        moves[e] = group->of_rounds[e * n + e] * HOLD_EFFECT * HOLD_EFFECT >
                   group->start_precision[e * n + e];
        effects += effect;
        told += effect && moves[e];
    }
    out->effects = !s->p ? LEARN_ABSENT : 2 * told >= effects ? LEARN_MOVED : LEARN_HELD;
    out->population = s->q ? LEARN_HELD : LEARN_ABSENT;
    for (size_t e = 0; e < n; e++) {
        if (space->numbers[group->numbers[e]].kind == NUMBER_EFFECT)
            moves[e] = out->effects == LEARN_MOVED;
        else if (moves[e])
            out->population = LEARN_MOVED;
        any |= !moves[e];
    }
    bool anything = true;
    enum err err = any ? group_restrict(group, moves) : ERR_OK;
    if (err == ERR_OK)
        err = group_shorten(group, moves, &anything);
    if (!anything && s->p)
        out->effects = LEARN_HELD;
    if (!anything && s->q)
        out->population = LEARN_HELD;
    mem_free(moves);
    return err;
}

/* --- all together ------------------------------------------------------------------ */

static enum err mend(const struct statistic *s, const struct learn_round *rounds,
                     struct view *views, size_t count, struct shortening *slopes,
                     double *patients)
{
    *patients = pool_patients(s, rounds, views, count);
    enum err err = pool_constants(s, rounds, views, count);
    if (err == ERR_OK && s->p)
        err = mend_known(s, rounds, views, count);
    for (size_t i = 0; err == ERR_OK && s->p && i < count; i++)
        err = mend_scores(s, &views[i], &slopes[i]);
    return err;
}

static enum err deliver(const struct group *group, size_t all, struct weighed *out)
{
    size_t n = group->n;
    double *noise = mem_new(n * n, sizeof *noise);
    enum err err = n ? linalg_spd_inverse(n, group->total, noise) : ERR_OK;
    for (size_t e = 0; err == ERR_OK && e < n; e++) {
        out->value[group->numbers[e]] = group->value[e];
        for (size_t f = 0; f < n; f++)
            out->noise[group->numbers[e] * all + group->numbers[f]] = noise[e * n + f];
    }
    mem_free(noise);
    return err;
}

enum err weigh_rounds(const struct space *space, const struct statistic *s,
                      const struct learn_round *rounds, struct view *views, size_t count,
                      struct weighed *weighed)
{
    size_t n = space->count;
    *weighed = (struct weighed){.value = mem_new(n, sizeof(double)),
                                .noise = mem_new(n * n, sizeof(double))};
    struct shortening *slopes = mem_new(count, sizeof *slopes);
    struct group location, spread;
    group_init(&location, space, count, NUMBER_EFFECT, NUMBER_POPULATION);
    group_init(&spread, space, count, NUMBER_COVARIANCE, NUMBER_RESIDUAL);
    enum err err = mend(s, rounds, views, count, slopes, &weighed->patients);
    if (err == ERR_OK && location.n)
        err = weigh_location(space, s, rounds, views, slopes, &location);
    if (err == ERR_OK && location.n)
        err = hold_location(space, s, &location, weighed);
    if (err == ERR_OK && spread.n)
        err = weigh_spread(space, s, rounds, views, slopes, &location, &spread);
    if (err == ERR_OK && spread.n)
        err = hold_spread(space, s, &views[count - 1], &spread, weighed);
    if (err == ERR_OK)
        err = deliver(&location, n, weighed);
    if (err == ERR_OK)
        err = deliver(&spread, n, weighed);
    weighed->last = slopes[count - 1];
    group_clear(&location);
    group_clear(&spread);
    mem_free(slopes);
    return err;
}

void weighed_clear(struct weighed *weighed)
{
    mem_free(weighed->value);
    mem_free(weighed->noise);
    *weighed = (struct weighed){0};
}
