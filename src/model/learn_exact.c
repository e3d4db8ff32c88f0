#include "learn_exact.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "numerics/linalg.h"

/* Secants of at most so many of the last rounds correct the Fisher information at the
 * best one, those within reach: a variance may differ by half, an effect by one of its
 * standard deviations, and the score may have dropped by a fifth to five times what was
 * expected. */
#define SECANTS_MAX 6
#define NEAR_VARIANCE 0.6
#define NEAR_EFFECT 1.0
#define SECANT_LEAST 0.2
#define SECANT_MOST 5.0

/* One step carries no logarithm or logit farther than this, no untransformed typical
 * value farther than so many between-patient sds, no untransformed population parameter
 * farther than so many times itself. */
#define FARTHEST_TRANSFORMED 1.5
#define FARTHEST_SDS 30.0
#define FARTHEST_POPULATION 3.0
#define DAMPING_MAX 1e12

/* Information added to every number, relative to its size: nothing where anything is
 * known, and finite steps and errors where nothing is. */
#define REGULAR 1e-6

/* In comparing rounds a failed fit weighs as much as this in -2 log L. */
#define FAILED_COST 100.0

static double cost(const struct view *view)
{
    return view->likelihood + FAILED_COST * view->failed;
}

/* One BFGS correction of the information b, by a step s and the drop y of the score along
 * it; less than a fifth of the expected drop counts as a fifth (Powell 1978). */
static void correct(size_t n, double *b, const double *s, const double *y_seen)
{
    double *bs = mem_new(n, sizeof *bs), *y = mem_copy(y_seen, n * sizeof *y);
    double sbs = 0, sy = 0;
    linalg_multiply(n, n, 1, b, s, bs);
    for (size_t i = 0; i < n; i++) {
        sbs += s[i] * bs[i];
        sy += s[i] * y[i];
    }
    if (sbs > 0 && sy < SECANT_LEAST * sbs) {
        double share = (1 - SECANT_LEAST) * sbs / (sbs - sy);
        for (size_t i = 0; i < n; i++)
            y[i] = share * y[i] + (1 - share) * bs[i];
        sy = SECANT_LEAST * sbs;
    }
    for (size_t i = 0; sbs > 0 && i < n; i++)
        for (size_t j = 0; j < n; j++)
            b[i * n + j] += y[i] * y[j] / sy - bs[i] * bs[j] / sbs;
    mem_free(bs);
    mem_free(y);
}

static bool within_reach(const struct prior *a, const struct prior *b)
{
    for (size_t i = 0; i < a->p; i++) {
        double variance = b->omega[i * a->p + i];
        if (fabs(log(a->omega[i * a->p + i] / variance)) > NEAR_VARIANCE)
            return false;
        for (size_t c = 0; c < a->k; c++)
            if (fabs(a->effects[i * a->k + c] - b->effects[i * a->k + c]) >
                NEAR_EFFECT * sqrt(variance))
                return false;
    }
    for (size_t l = 0; l < a->m; l++)
        if (fabs(a->residual[l] - b->residual[l]) > NEAR_VARIANCE / 2)
            return false;
    return true;
}

/* The secant s, y between round i and the base; whether it says something about the
 * curvature at the base. */
static bool secant(const struct history *history, size_t base, const double *information,
                   size_t i, double *s, double *y)
{
    const struct space *space = &history->space;
    size_t n = space->count;
    double drop = 0, expected = 0;
    for (size_t e = 0; e < n; e++) {
        s[e] = *space_place(space, history->rounds[i].prior, e) -
               *space_place(space, history->rounds[base].prior, e);
        y[e] = history->scores[base * n + e] - history->scores[i * n + e];
        drop += s[e] * y[e];
    }
    for (size_t e = 0; e < n; e++)
        for (size_t f = 0; f < n; f++)
            expected += s[e] * information[e * n + f] * s[f];
    return within_reach(history->rounds[i].prior, history->rounds[base].prior) &&
           drop > SECANT_LEAST * expected && drop < SECANT_MOST * expected;
}

/* Correct the information at the base by all usable secants of the last rounds, oldest
 * first. Whether the very last round's is among them (or is the base). */
static bool use_secants(const struct history *history, size_t base, double *information)
{
    size_t n = history->space.count, last = history->count - 1;
    double *s = mem_new(n, sizeof *s), *y = mem_new(n, sizeof *y);
    double *expected = mem_copy(information, n * n * sizeof *expected);
    bool used = base == last;
    for (size_t i = last > SECANTS_MAX ? last - SECANTS_MAX : 0; i <= last; i++) {
        if (i == base || !secant(history, base, expected, i, s, y))
            continue;
        correct(n, information, s, y);
        used |= i == last;
    }
    mem_free(s);
    mem_free(y);
    mem_free(expected);
    return used;
}

/* Back from the last round towards the better base: to the lowest point of the parabola
 * through both costs with the base's slope, within a tenth and a half of the way. */
static void step_back(const struct history *history, size_t base, double *step)
{
    const struct space *space = &history->space;
    size_t last = history->count - 1, n = space->count;
    double slope = 0;
    for (size_t e = 0; e < n; e++) {
        step[e] = *space_place(space, history->rounds[last].prior, e) -
                  *space_place(space, history->rounds[base].prior, e);
        slope -= 2 * step[e] * history->scores[base * n + e];
    }
    double rise = cost(&history->views[last]) - cost(&history->views[base]);
    double share = slope < 0 ? -slope / (2 * (rise - slope)) : 0.1;
    share = fmin(0.5, fmax(0.1, share));
    for (size_t e = 0; e < n; e++) {
        step[e] *= share;
        if (space->numbers[e].kind == NUMBER_RESIDUAL) /* as moving takes it */
            step[e] = (exp(2 * step[e]) - 1) / 2;
    }
}

/* How far one step may carry a number whose size the guards of moving do not bound: a
 * typical value or effect, a population parameter. Infinite for the others. */
static double farthest(const struct history *history, const struct prior *prior, size_t e)
{
    const struct number *one = &history->space.numbers[e];
    const struct prior_layout *layout = history->space.layout;
    bool effect = one->kind == NUMBER_EFFECT;
    if (!effect && one->kind != NUMBER_POPULATION)
        return INFINITY;
    size_t parameter = effect ? layout->individual[one->a] : layout->population[one->a];
    if (history->model &&
        model_parameter(history->model, parameter)->transform != TRANSFORM_IDENTITY)
        return FARTHEST_TRANSFORMED;
    return effect ? FARTHEST_SDS * sqrt(prior->omega[one->a * (prior->p + 1)])
                  : FARTHEST_POPULATION * fmax(1, fabs(prior->population[one->a]));
}

/* b plus what bounds a step: a trace that makes directions regular of which nothing is
 * known, and `damping` against the numbers that would go too far. */
static void bounded(const struct history *history, const struct prior *prior,
                    double damping, const double *b, double *out)
{
    size_t n = history->space.count, p = prior->p;
    memcpy(out, b, n * n * sizeof *out);
    for (size_t e = 0; e < n; e++) {
        const struct number *one = &history->space.numbers[e];
        double size = farthest(history, prior, e), scale = 1;
        if (one->kind == NUMBER_COVARIANCE)
            scale = prior->omega[one->a * (p + 1)] * prior->omega[one->b * (p + 1)];
        out[e * (n + 1)] +=
            isfinite(size) ? (REGULAR + damping) / (size * size) : REGULAR / scale;
    }
}

/* Newton's step with the information b, covariances and residuals as they will be once
 * the effects have moved (docs/statistics.md, profile); damped until nothing goes farther
 * than it may. */
static enum err newton(const struct history *history, size_t base, const double *b,
                       double *step)
{
    const struct space *space = &history->space;
    const struct view *view = &history->views[base];
    const double *score = history->scores + base * space->count;
    size_t n = space->count, k = view->prior->k;
    double *effects = mem_new(view->prior->p * k, sizeof *effects);
    double *held = mem_new(n * n, sizeof *held), damping = 0;
    enum err err = ERR_OK;
    for (bool far = true; err == ERR_OK && far && damping < DAMPING_MAX;) {
        bounded(history, view->prior, damping, b, held);
        memcpy(step, score, n * sizeof *step);
        err = linalg_spd_solve(n, held, 1, step);
        far = false;
        for (size_t e = 0; e < n; e++)
            far |= fabs(step[e]) > farthest(history, view->prior, e);
        damping = fmax(1, 4 * damping);
    }
    for (size_t e = 0; e < space->first[NUMBER_COVARIANCE]; e++)
        effects[space->numbers[e].a * k + space->numbers[e].b] = step[e];
    memcpy(step, score, n * sizeof *step);
    fisher_profile(space, view, effects, step);
    if (err == ERR_OK)
        err = linalg_spd_solve(n, held, 1, step);
    mem_free(effects);
    mem_free(held);
    return err;
}

enum err learn_exactly(const struct history *history, double tolerance,
                       struct prior **next, struct learn_report *report)
{
    size_t n = history->space.count, last = history->count - 1, base = 0;
    for (size_t i = 1; i <= last; i++)
        if (cost(&history->views[i]) <= cost(&history->views[base]) + tolerance)
            base = i;
    double *information = mem_new(n * n, sizeof *information);
    double *inverse = mem_new(n * n, sizeof *inverse), *step = mem_new(n, sizeof *step);
    fisher_information(&history->space, &history->views[base], information);
    bounded(history, history->views[base].prior, 0, information, inverse);
    memcpy(information, inverse, n * n * sizeof *inverse);
    enum err err = linalg_spd_inverse(n, information, inverse);
    if (err == ERR_OK) {
        report->stepped_back = !use_secants(history, base, information);
        err = newton(history, base, information, step);
    }
    if (err == ERR_OK && report->stepped_back)
        step_back(history, base, step);
    if (err == ERR_OK)
        err = history_move(history, base, step, next);
    if (err == ERR_OK) {
        history_errors(history, inverse, *next);
        for (size_t e = 0; e < n; e++)
            report->gain +=
                history->scores[base * n + e] *
                (*space_place(&history->space, *next, e) -
                 *space_place(&history->space, history->rounds[base].prior, e));
        report->converged = !report->stepped_back && report->gain < tolerance;
    }
    mem_free(information);
    mem_free(inverse);
    mem_free(step);
    return err;
}
