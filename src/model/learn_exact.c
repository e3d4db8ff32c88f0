#include "learn_exact.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "factor.h"
#include "numerics/linalg.h"

/* The end is near when the step is shorter than a third of a standard error in every
 * number, squared and on average: there the likelihood is as good as quadratic and its
 * curvature is believed. Rounds no farther than that from each other tell more of it by
 * the secants between them, of which at most so many are used. */
#define NEAR 0.1
#define SECANTS_MAX 6

/* In no direction is it believed to be less or more than so many times the expected
 * information; secants may show more. Where two parameters can be exchanged, as two rates
 * of absorption, the expected information has nothing of what tells them apart, and the
 * likelihood has. */
#define CURVATURE_LEAST 0.2
#define CURVATURE_MOST 5.0

/* What is left to gain shrinks from round to round; it is not believed to shrink slower
 * than to so much (a root, as of the step). */
#define RATE_MOST 0.9

/* One step carries no logarithm or logit farther than this, no untransformed typical
 * value farther than so many between-patient sds or so many times itself, no
 * untransformed population parameter farther than the latter (or than that, if less
 * than 1). */
#define FARTHEST_TRANSFORMED 1.5
#define FARTHEST_SDS 30.0
#define FARTHEST_ITSELF 3.0
#define DAMPING_MAX 1e12

/* What is not transformed counts as moved by its own size when it has gone this share of
 * that way: five between-patient sds, or half itself. */
#define SIZE_UNTRANSFORMED (1.0 / 6)

/* A step that may not be long is damped from here up, by this factor at a time. */
#define DAMPING_LEAST 1e-4
#define DAMPING_MORE 2.0
#define HALVINGS_MAX 40

/* Information added to every number, relative to its size: nothing where anything is
 * known, and finite steps and errors where nothing is. */
#define REGULAR 1e-6

/* So many rounds that gained less than this in -2 log L together end it as well. */
#define CRAWL_ROUNDS 12
#define CRAWL_LEAST 0.05

/* How far a step may pass the limit of a variance, as moving sets it, before it is
 * solved again with that variance at the limit. */
#define LIMIT_SLACK 0.02
#define BOUND_SLACK 1e-9 /* and a typical value its bound: rounding */

/* An entry of the diagonal of the covariance's factor is not made less than this share of
 * its spread: a correlation of 1 - 5e-9 is as good as 1. */
#define FACTOR_LEAST 1e-4

/* In those coordinates when the step promises less than this of -2 log L a patient, or
 * less than this altogether. */
#define FACTOR_NEAR 0.1
#define FACTOR_NEAR_LEAST 20.0

/* A step from the best round after one that was worse goes at most this share of the way
 * that one went, and after one that was better no farther than as much more, for as long
 * as that binds. After so many worse ones in a row there is nothing lower to be found:
 * the last of them went less than a hundredth of the first's way. */
#define SHORTER 0.4
#define STALLED_ROUNDS 7

/* Shares of its own diagonal that are added to an information that is not definite. */
#define RIDGE_LEAST 1e-8
#define RIDGE_MOST 1e3

#define RESIDUAL_GONE 9.0 /* of the logarithm: to an eight-thousandth */

/* In comparing rounds a failed fit weighs as much in -2 log L as the average of the
 * others, and this more. */
#define FAILED_COST 100.0

static double cost(const struct view *view)
{
    double fitted = view->patients - view->failed;
    if (fitted <= 0)
        return INFINITY;
    return view->likelihood + view->failed * (view->likelihood / fitted + FAILED_COST);
}

/* One BFGS correction of the curvature b, by a step s and the drop y of the score along
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
    if (sbs > 0 && sy < CURVATURE_LEAST * sbs) {
        double share = (1 - CURVATURE_LEAST) * sbs / (sbs - sy);
        for (size_t i = 0; i < n; i++)
            y[i] = share * y[i] + (1 - share) * bs[i];
        sy = CURVATURE_LEAST * sbs;
    }
    for (size_t i = 0; sbs > 0 && i < n; i++)
        for (size_t j = 0; j < n; j++)
            b[i * n + j] += y[i] * y[j] / sy - bs[i] * bs[j] / sbs;
    mem_free(bs);
    mem_free(y);
}

/* The secant s, y between round i and the base; whether it says something about the
 * curvature at the base. */
static bool secant(const struct history *history, size_t base, const double *curvature,
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
            expected += s[e] * curvature[e * n + f] * s[f];
    return expected < NEAR * (double)n && drop > CURVATURE_LEAST * expected;
}

/* Correct the curvature at the base by all usable secants of the last rounds, oldest
 * first. */
static void use_secants(const struct history *history, size_t base, double *curvature)
{
    size_t n = history->space.count, last = history->count - 1;
    double *s = mem_new(n, sizeof *s), *y = mem_new(n, sizeof *y);
    double *expected = mem_copy(curvature, n * n * sizeof *expected);
    for (size_t i = last > SECANTS_MAX ? last - SECANTS_MAX : 0; i <= last; i++)
        if (i != base && secant(history, base, expected, i, s, y))
            correct(n, curvature, s, y);
    mem_free(s);
    mem_free(y);
    mem_free(expected);
}

/* Of a typical value or effect, or a population parameter. */
static const struct model_parameter *parameter_of(const struct history *history,
                                                  const struct number *one)
{
    const struct prior_layout *layout = history->space.layout;
    return model_parameter(history->model, one->kind == NUMBER_EFFECT
                                               ? layout->individual[one->a]
                                               : layout->population[one->a]);
}

/* Is that a logarithm or logit? */
static bool transformed(const struct history *history, const struct number *one)
{
    return history->model && parameter_of(history, one)->transform != TRANSFORM_IDENTITY;
}

/* How far one step may carry a number whose size the guards of moving do not bound: a
 * typical value or effect, a population parameter. Infinite for the others. */
static double farthest(const struct history *history, const struct prior *prior, size_t e)
{
    const struct number *one = &history->space.numbers[e];
    bool effect = one->kind == NUMBER_EFFECT;
    if (!effect && one->kind != NUMBER_POPULATION)
        return INFINITY;
    if (transformed(history, one))
        return FARTHEST_TRANSFORMED;
    double itself = FARTHEST_ITSELF * fabs(*space_place(&history->space, prior, e));
    return effect
               ? fmax(itself, FARTHEST_SDS * sqrt(prior->omega[one->a * (prior->p + 1)]))
               : fmax(itself, FARTHEST_ITSELF);
}

/* The square of a number's size, in which the length of a way is measured: of logarithms
 * and logits what one step may carry them, of what is not transformed a share of that; of
 * covariances their sds, of log residuals 1. */
static double square_size(const struct history *history, const struct prior *prior,
                          size_t e)
{
    const struct number *one = &history->space.numbers[e];
    if (one->kind == NUMBER_COVARIANCE)
        return prior->omega[one->a * (prior->p + 1)] *
               prior->omega[one->b * (prior->p + 1)];
    if (one->kind == NUMBER_RESIDUAL)
        return 1;
    double size = farthest(history, prior, e) *
                  (transformed(history, one) ? 1 : SIZE_UNTRANSFORMED);
    return size * size;
}

/* How much a step is held back: against the numbers that would go too far, and against
 * every way from the base. */
struct damping {
    double far, all;
};

/* b plus what bounds a step: a trace that makes directions regular of which nothing is
 * known, and the damping. */
static void bounded(const struct history *history, const struct prior *prior,
                    struct damping damping, const double *b, double *out)
{
    size_t n = history->space.count;
    memcpy(out, b, n * n * sizeof *out);
    for (size_t e = 0; e < n; e++) {
        double far = pow(farthest(history, prior, e), 2),
               size = square_size(history, prior, e);
        out[e * (n + 1)] +=
            REGULAR / fmin(size, far) + damping.far / far + damping.all / size;
    }
}

/* Limits that a step has run into: row . step = target, for each. */
struct limits {
    size_t n, count, capacity;
    double *rows; /* [count][n] */
    double *targets;
};

static double *limits_add(struct limits *limits, double target)
{
    size_t n = limits->n, capacity = limits->capacity;
    MEM_GROW(limits->targets, limits->count + 1, &limits->capacity);
    if (limits->capacity != capacity)
        limits->rows = mem_resize(limits->rows, limits->capacity * n, sizeof(double));
    double *row = limits->rows + limits->count * n;
    memset(row, 0, n * sizeof *row);
    limits->targets[limits->count++] = target;
    return row;
}

/* b step = score, where the limits allow it (Lagrange). */
static enum err solve_within(const struct limits *limits, const double *b,
                             const double *score, double *step)
{
    size_t n = limits->n, c = limits->count, sides = c + 1;
    double *solved = mem_new(n * sides, sizeof *solved);
    double *gram = mem_new(c * c, sizeof *gram), *force = mem_new(c, sizeof *force);
    for (size_t e = 0; e < n; e++) {
        solved[e * sides] = score[e];
        for (size_t i = 0; i < c; i++)
            solved[e * sides + 1 + i] = limits->rows[i * n + e];
    }
    enum err err = linalg_spd_solve(n, b, sides, solved);
    for (size_t i = 0; i < c; i++) {
        force[i] = limits->targets[i];
        for (size_t e = 0; e < n; e++) {
            force[i] -= limits->rows[i * n + e] * solved[e * sides];
            for (size_t k = 0; k < c; k++)
                gram[i * c + k] += limits->rows[i * n + e] * solved[e * sides + 1 + k];
        }
    }
    if (err == ERR_OK && c)
        err = linalg_spd_solve(c, gram, 1, force);
    for (size_t e = 0; err == ERR_OK && e < n; e++) {
        step[e] = solved[e * sides];
        for (size_t i = 0; i < c; i++)
            step[e] += force[i] * solved[e * sides + 1 + i];
    }
    mem_free(solved);
    mem_free(gram);
    mem_free(force);
    return err;
}

/* The direction in which the covariance after the step leaves what moving allows, if
 * there is one: a limit on the step along it. */
static bool limit_covariance(const struct history *history, size_t base,
                             const double *step, struct limits *limits)
{
    const struct space *space = &history->space;
    const struct prior *prior = history->rounds[base].prior;
    size_t p = prior->p, worst = SIZE_MAX;
    double *direction = mem_new(p * p, sizeof *direction);
    double *values = mem_new(p, sizeof *values), most = LIMIT_SLACK, target = 0;
    if (!p || history_relative(history, base, step, values, direction) != ERR_OK)
        p = 0;
    for (size_t i = 0; i < p; i++) {
        double low = HISTORY_VARIANCE_LEAST - values[i],
               high = values[i] / HISTORY_VARIANCE_MOST - 1;
        if (fmax(low, high) > most) {
            most = fmax(low, high);
            target = (low > high ? HISTORY_VARIANCE_LEAST : HISTORY_VARIANCE_MOST) - 1;
            worst = i;
        }
    }
    double *row = worst < p ? limits_add(limits, target) : NULL;
    for (size_t e = space->first[NUMBER_COVARIANCE];
         row && e < space->first[NUMBER_RESIDUAL]; e++) {
        const struct number *one = &space->numbers[e];
        row[e] = direction[one->a * p + worst] * direction[one->b * p + worst] *
                 (one->a == one->b ? 1 : 2);
    }
    mem_free(direction);
    mem_free(values);
    return row != NULL;
}

/* The same for residuals, whose step is half a relative change of the variance. */
static bool limit_residual(const struct history *history, const double *step,
                           struct limits *limits)
{
    const struct space *space = &history->space;
    double low = (HISTORY_VARIANCE_LEAST - 1) / 2, high = (HISTORY_VARIANCE_MOST - 1) / 2;
    for (size_t e = space->first[NUMBER_RESIDUAL]; e < space->first[NUMBER_POPULATION];
         e++) {
        if (step[e] < low - LIMIT_SLACK || step[e] > high + LIMIT_SLACK) {
            limits_add(limits, step[e] < low ? low : high)[e] = 1;
            return true;
        }
    }
    return false;
}

/* A bound of the model's text, transformed. */
static double bound_of(const struct model_parameter *parameter, double bound)
{
    if (parameter->transform == TRANSFORM_IDENTITY)
        return bound;
    return parameter->transform == TRANSFORM_LOG && bound > 0 ? log(bound)
           : bound == parameter->high                         ? INFINITY
                                                              : -INFINITY;
}

/* The same for a typical value that would leave its bounds. */
static bool limit_typical(const struct history *history, const struct prior *prior,
                          const double *step, struct limits *limits)
{
    const struct space *space = &history->space;
    for (size_t e = 0; history->model && e < space->count; e++) {
        const struct number *one = &space->numbers[e];
        bool typical = one->kind == NUMBER_EFFECT && one->b == 0;
        if (!typical && one->kind != NUMBER_POPULATION)
            continue;
        const struct model_parameter *parameter = parameter_of(history, one);
        double to = *space_place(space, prior, e) + step[e];
        double low = bound_of(parameter, parameter->low),
               high = bound_of(parameter, parameter->high);
        if (to < low - BOUND_SLACK || to > high + BOUND_SLACK) {
            limits_add(limits, (to < low ? low : high) - to + step[e])[e] = 1;
            return true;
        }
    }
    return false;
}

/* Can correlations run to 1, where steps of the covariance itself get stuck? Only blocks
 * have a factor with the same zeros. */
static bool has_factor(const struct prior_layout *layout)
{
    bool off = false;
    for (size_t a = 0; a < layout->p; a++)
        for (size_t b = 0; b < a; b++)
            off |= layout->correlated[a][b];
    return off && history_in_blocks(layout);
}

/* The first number of a step of the factor that goes farther than it may: a diagonal
 * entry that would change its variance's share by more than moving allows, or be nothing
 * beside its spread. */
static bool limit_factor(const struct factor *factor, const struct prior *prior,
                         const double *step, struct limits *limits)
{
    const struct space *space = factor->space;
    size_t p = prior->p;
    for (size_t e = space->first[NUMBER_COVARIANCE]; e < space->first[NUMBER_RESIDUAL];
         e++) {
        size_t at = space->numbers[e].a * (p + 1);
        double entry = factor->lower[at], spread = sqrt(prior->omega[at]);
        double low = fmax(entry * (sqrt(HISTORY_VARIANCE_LEAST) - 1),
                          fmin(0, FACTOR_LEAST * spread - entry));
        double high = spread * (sqrt(HISTORY_VARIANCE_MOST) - 1);
        if (space->numbers[e].a != space->numbers[e].b)
            continue;
        if (step[e] < low - LIMIT_SLACK * entry || step[e] > high * (1 + LIMIT_SLACK)) {
            limits_add(limits, step[e] < low ? low : high)[e] = 1;
            return true;
        }
    }
    return false;
}

/* The step solved in the covariance's factor. Entries off its diagonal are damped until
 * they move by no more than a between-patient sd. */
static enum err solve_factor(const struct history *history, size_t base, const double *b,
                             const double *score, double *step)
{
    const struct space *space = &history->space;
    const struct prior *prior = history->views[base].prior;
    size_t n = space->count, p = prior->p;
    double *turned = mem_new(n, sizeof *turned), *held = mem_new(n * n, sizeof *held);
    struct factor factor;
    enum err err = factor_init(&factor, space, prior);
    if (err == ERR_OK)
        err = factor_turn(&factor, score, b, turned, held);
    bool far = true;
    for (double damping = 0; err == ERR_OK && far && damping < DAMPING_MAX;) {
        struct limits limits = {.n = n};
        err = solve_within(&limits, held, turned, step);
        while (err == ERR_OK && limits.count < n &&
               (limit_factor(&factor, prior, step, &limits) ||
                limit_residual(history, step, &limits) ||
                limit_typical(history, prior, step, &limits)))
            err = solve_within(&limits, held, turned, step);
        double more = fmax(1, 3 * damping);
        far = false;
        for (size_t e = space->first[NUMBER_COVARIANCE];
             err == ERR_OK && e < space->first[NUMBER_RESIDUAL]; e++) {
            const struct number *one = &space->numbers[e];
            double variance = prior->omega[one->a * (p + 1)];
            far |= one->a != one->b && step[e] * step[e] > variance;
            held[e * (n + 1)] += one->a != one->b ? more / variance : 0;
        }
        damping += more;
        mem_free(limits.rows);
        mem_free(limits.targets);
    }
    if (err == ERR_OK)
        factor_return(&factor, step);
    factor_clear(&factor);
    mem_free(turned);
    mem_free(held);
    return err;
}

/* What a step promises of -2 log L: the score along it. */
static double along(size_t n, const double *score, const double *step)
{
    double sum = 0;
    for (size_t e = 0; e < n; e++)
        sum += score[e] * step[e];
    return sum;
}

/* Is the end near enough for the factor's coordinates? Far from it variances are moved as
 * they are, in which a Fisher step is nearly linear. */
static bool is_near(const struct view *view, size_t n, const double *score,
                    const double *step)
{
    return along(n, score, step) < fmax(FACTOR_NEAR_LEAST, FACTOR_NEAR * view->patients);
}

struct step {
    double *along; /* [count] */
    bool factored; /* solved in the covariance's factor */
    bool far;      /* takes some number farther than it may */
};

/* Does a step take some number farther than it may? */
static bool goes_far(const struct history *history, const struct prior *prior,
                     const double *step)
{
    bool far = false;
    for (size_t e = 0; e < history->space.count; e++)
        far |= fabs(step[e]) > farthest(history, prior, e);
    return far;
}

/* The damped step. Variances that would pass their limits stop there, and the others take
 * it into account. */
static enum err damped(const struct history *history, size_t base, const double *b,
                       const double *score, struct damping damping, struct step *step)
{
    const struct prior *prior = history->views[base].prior;
    size_t n = history->space.count;
    double *held = mem_new(n * n, sizeof *held);
    struct limits limits = {.n = n};
    bounded(history, prior, damping, b, held);
    enum err err = solve_within(&limits, held, score, step->along);
    step->factored = err == ERR_OK && has_factor(history->space.layout) &&
                     is_near(&history->views[base], n, score, step->along) &&
                     limit_covariance(history, base, step->along, &limits);
    if (step->factored)
        err = solve_factor(history, base, held, score, step->along);
    while (err == ERR_OK && !step->factored && limits.count < n &&
           (limit_covariance(history, base, step->along, &limits) ||
            limit_residual(history, step->along, &limits) ||
            limit_typical(history, prior, step->along, &limits)))
        if (solve_within(&limits, held, score, step->along) != ERR_OK)
            break; /* limits that contradict each other: moving will see to it */
    step->far = err == ERR_OK && goes_far(history, prior, step->along);
    mem_free(held);
    mem_free(limits.rows);
    mem_free(limits.targets);
    return err;
}

/* Hold a curvature to the information: in no direction less than CURVATURE_LEAST or more
 * than CURVATURE_MOST times as much. */
static enum err held_to(size_t n, const double *information, double *curvature)
{
    double *c = mem_copy(information, n * n * sizeof *c),
           *values = mem_new(n, sizeof *values);
    double *half = mem_new(n * n, sizeof *half), *q = mem_new(n * n, sizeof *q);
    enum err err = linalg_cholesky(n, c);
    if (err == ERR_OK)
        err = linalg_eigen_relative(n, c, curvature, values, q);
    if (err == ERR_OK) {
        linalg_multiply(n, n, n, c, q, half);
        for (size_t e = 0; e < n * n; e++)
            q[e] = half[e] * fmin(CURVATURE_MOST, fmax(CURVATURE_LEAST, values[e % n]));
        linalg_multiply_nt(n, n, n, q, half, curvature);
    }
    mem_free(c);
    mem_free(values);
    mem_free(half);
    mem_free(q);
    return err;
}

/* The step that minds no limit, halved until it passes none: always uphill. */
static enum err straight(const struct history *history, size_t base, const double *b,
                         struct step *step)
{
    const struct prior *prior = history->views[base].prior;
    size_t n = history->space.count;
    struct limits limits = {.n = n};
    enum err err = solve_within(&limits, b, history->scores + base * n, step->along);
    step->factored = step->far = false;
    for (int i = 0; err == ERR_OK && i < HALVINGS_MAX &&
                    (goes_far(history, prior, step->along) ||
                     limit_covariance(history, base, step->along, &limits) ||
                     limit_residual(history, step->along, &limits) ||
                     limit_typical(history, prior, step->along, &limits));
         i++)
        for (size_t e = 0; e < n; e++)
            step->along[e] /= 2;
    mem_free(limits.rows);
    mem_free(limits.targets);
    return err;
}

/* The step, damped more until nothing goes farther than it may. */
static enum err held_back(const struct history *history, size_t base, const double *b,
                          const double *score, struct damping *damping, struct step *step)
{
    enum err err = damped(history, base, b, score, *damping, step);
    while (err == ERR_OK && step->far && damping->far < DAMPING_MAX) {
        damping->far = fmax(1, 4 * damping->far);
        err = damped(history, base, b, score, *damping, step);
    }
    return err;
}

/* The step of effects alone, [p][k]. */
static enum err move_effects(const struct history *history, size_t base,
                             const double *information, struct damping *damping,
                             struct step *step, double *effects)
{
    const struct space *space = &history->space;
    const double *score = history->scores + base * space->count;
    enum err err = held_back(history, base, information, score, damping, step);
    for (size_t e = 0; e < space->first[NUMBER_COVARIANCE]; e++)
        effects[space->numbers[e].a * history->views[base].prior->k +
                space->numbers[e].b] = step->along[e];
    return err;
}

/* The step, covariances and residuals as they will be once the effects have moved
 * (docs/statistics.md, profile), and what it was solved by, b [n][n]. From afar that is
 * the expected information, which does not depend on how far, with what curvature says of
 * effects and covariances together; near the end the curvature. */
static enum err newton(const struct history *history, size_t base,
                       const double *information, double *b, struct step *step)
{
    const struct space *space = &history->space;
    const struct view *view = &history->views[base];
    const double *score = history->scores + base * space->count;
    size_t n = space->count;
    double *effects = mem_new(view->prior->p * view->prior->k, sizeof *effects);
    double *profiled = mem_copy(score, n * sizeof *profiled);
    struct damping damping = {0};
    memcpy(b, information, n * n * sizeof *b);
    enum err err = move_effects(history, base, information, &damping, step, effects);
    fisher_profile(space, view, effects, profiled);
    fisher_cross(space, view, effects, b);
    if (err == ERR_OK)
        err = held_to(n, information, b);
    use_secants(history, base, b);
    if (err == ERR_OK)
        err = held_back(history, base, b, profiled, &damping, step);
    if (err == ERR_OK && along(n, profiled, step->along) < NEAR * (double)n) {
        if (step->factored) /* at a bound the scores of the covariance are not nothing */
            memcpy(b, information, n * n * sizeof *b);
        else
            fisher_curvature(space, view, effects, b);
        err = held_to(n, information, b);
        use_secants(history, base, b);
        if (err == ERR_OK)
            err = held_back(history, base, b, profiled, &damping, step);
    }
    if (err == ERR_OK && along(n, score, step->along) < 0) /* the profile led astray */
        err = held_back(history, base, information, score, &damping, step);
    mem_free(effects);
    mem_free(profiled);
    return err;
}

/* The length of a step from the base, in sizes. */
static double length_of(const struct history *history, size_t base, const double *step)
{
    double sum = 0;
    for (size_t e = 0; e < history->space.count; e++)
        sum += step[e] * step[e] / square_size(history, history->rounds[base].prior, e);
    return sqrt(sum);
}

/* The length of the way from one round to another. */
static double way(const struct history *history, size_t from, size_t to)
{
    const struct space *space = &history->space;
    double *gone = mem_new(space->count, sizeof *gone);
    for (size_t e = 0; e < space->count; e++)
        gone[e] = *space_place(space, history->rounds[to].prior, e) -
                  *space_place(space, history->rounds[from].prior, e);
    double length = length_of(history, from, gone);
    mem_free(gone);
    return length;
}

/* The step damped until it is no longer than that (Levenberg and Marquardt): what is
 * known least gives way first. */
static enum err nearer(const struct history *history, size_t base, const double *b,
                       double longest, struct step *step)
{
    const double *score = history->scores + base * history->space.count;
    struct damping damping = {.all = DAMPING_LEAST};
    enum err err = ERR_OK;
    while (err == ERR_OK && damping.all < DAMPING_MAX &&
           (step->far || length_of(history, base, step->along) > longest)) {
        err = damped(history, base, b, score, damping, step);
        damping.all *= DAMPING_MORE;
    }
    return err;
}

static enum err go(const struct history *history, size_t base, const struct step *step,
                   struct prior **next)
{
    return step->factored ? history_place(history, base, step->along, next)
                          : history_move(history, base, step->along, next);
}

/* What the way from the base to `to` promises of -2 log L by the score there. */
static double promise(const struct history *history, size_t base, const struct prior *to)
{
    const struct space *space = &history->space;
    double sum = 0;
    for (size_t e = 0; e < space->count; e++)
        sum += history->scores[base * space->count + e] *
               (*space_place(space, to, e) -
                *space_place(space, history->rounds[base].prior, e));
    return sum;
}

/* The newest of the first `count` rounds that are the best to within the tolerance. */
static size_t best_round(const struct history *history, size_t count, double tolerance)
{
    double best = cost(&history->views[0]);
    size_t base = 0;
    for (size_t i = 1; i < count; i++)
        best = fmin(best, cost(&history->views[i]));
    for (size_t i = 0; i < count; i++)
        if (cost(&history->views[i]) <= best + tolerance)
            base = i;
    return base;
}

/* What is left to gain of which the next step promises `gain`, if it goes on shrinking as
 * since the round before the base: where the likelihood is flatter than the information
 * has it, every step goes only part of the way. */
static double still_to_gain(const struct history *history, size_t base, double tolerance,
                            double gain)
{
    if (base == 0)
        return gain;
    size_t before = best_round(history, base, tolerance);
    double promised = promise(history, before, history->rounds[base].prior);
    double rate = promised > 0 ? sqrt(fabs(gain) / promised) : 0;
    return gain / (1 - fmin(RATE_MOST, rate));
}

/* Have the last rounds together gained next to nothing? */
static bool crawls(const struct history *history)
{
    double before = INFINITY, now = INFINITY;
    for (size_t i = 0; i < history->count; i++) {
        now = fmin(now, cost(&history->views[i]));
        if (i + CRAWL_ROUNDS < history->count)
            before = now;
    }
    return isfinite(before) && before - now < CRAWL_LEAST;
}

/* How long the next step may be: a share of the last one that made it worse, and after
 * each that did not as much more again. */
static double trusted(const struct history *history, double tolerance)
{
    double longest = INFINITY;
    for (size_t i = 1; i < history->count; i++) {
        size_t base = best_round(history, i, tolerance);
        bool worse = cost(&history->views[i]) > cost(&history->views[base]) + tolerance;
        longest = worse ? SHORTER * way(history, base, i) : longest / SHORTER;
    }
    return longest;
}

/* The step of the whole promise first, which says how far the end is; then as much of it
 * as may be gone. */
static enum err step_from(const struct history *history, size_t base, double tolerance,
                          const double *information, struct prior **next,
                          struct learn_report *report)
{
    size_t n = history->space.count, worse = history->count - 1 - base;
    struct step step = {.along = mem_new(n, sizeof(double))};
    double *b = mem_new(n * n, sizeof *b);
    enum err err = newton(history, base, information, b, &step);
    if (err == ERR_OK)
        err = go(history, base, &step, next);
    if (err == ERR_OK && promise(history, base, *next) < 0) {
        prior_destroy(next); /* bounds have turned it downhill */
        err = straight(history, base, information, &step);
        if (err == ERR_OK)
            err = go(history, base, &step, next);
    }
    if (err == ERR_OK) {
        report->gain =
            still_to_gain(history, base, tolerance, promise(history, base, *next));
        report->converged = fabs(report->gain) < tolerance;
        report->stepped_back = worse > 0 && !report->converged;
        report->stalled =
            (worse >= STALLED_ROUNDS || crawls(history)) && !report->converged;
    }
    double longest = trusted(history, tolerance);
    if (err == ERR_OK && !report->converged &&
        length_of(history, base, step.along) > longest) {
        prior_destroy(next);
        err = nearer(history, base, b, longest, &step);
        if (err == ERR_OK)
            err = go(history, base, &step, next);
    }
    if (err == ERR_OK && report->stalled) {
        prior_destroy(next);
        *next = prior_copy(history->rounds[base].prior);
        (*next)->patients = history->views[base].patients;
        snprintf(report->reason, sizeof report->reason,
                 "the last %zu rounds found %s better than round %zu, around which the "
                 "likelihood is not smooth or hardly changes",
                 worse >= STALLED_ROUNDS ? worse : (size_t)CRAWL_ROUNDS,
                 worse >= STALLED_ROUNDS ? "nothing" : "hardly anything", base + 1);
    }
    mem_free(step.along);
    mem_free(b);
    return err;
}

/* The inverse of the information [n][n], which gets as much of its own diagonal more as
 * that takes: where patients have too few records, what it is made of (products of means)
 * need not be definite. */
static enum err inverse_of(size_t n, double *information, double *inverse)
{
    double *diagonal = mem_new(n, sizeof *diagonal), share = RIDGE_LEAST;
    for (size_t e = 0; e < n; e++)
        diagonal[e] = fabs(information[e * (n + 1)]);
    enum err err = linalg_spd_inverse(n, information, inverse);
    for (; err == ERR_NUMERIC && share < RIDGE_MOST; share *= 10) {
        for (size_t e = 0; e < n; e++)
            information[e * (n + 1)] += diagonal[e] * share;
        err = linalg_spd_inverse(n, information, inverse);
    }
    mem_free(diagonal);
    return err;
}

/* A residual error that has become this much less than at first is on its way to nothing,
 * and the likelihood to infinity. */
static bool reproduced(const struct history *history, const struct prior *prior)
{
    for (size_t l = 0; l < prior->m; l++)
        if (prior->residual[l] < history->rounds[0].prior->residual[l] - RESIDUAL_GONE)
            return true;
    return false;
}

enum err learn_exactly(const struct history *history, double tolerance,
                       struct prior **next, struct learn_report *report)
{
    size_t n = history->space.count,
           base = best_round(history, history->count, tolerance);
    double *information = mem_new(n * n, sizeof *information);
    double *inverse = mem_new(n * n, sizeof *inverse);
    report->best = base;
    fisher_information(&history->space, &history->views[base], information);
    bounded(history, history->views[base].prior, (struct damping){0}, information,
            inverse);
    memcpy(information, inverse, n * n * sizeof *inverse);
    enum err err = inverse_of(n, information, inverse);
    if (err == ERR_OK)
        err = step_from(history, base, tolerance, information, next, report);
    if (err == ERR_OK)
        history_errors(history, inverse, *next);
    if (err == ERR_OK && reproduced(history, *next)) {
        report->stalled = !report->converged;
        snprintf(report->reason, sizeof report->reason,
                 "a residual error goes to nothing: the model reproduces what was "
                 "measured, and the likelihood has no largest value");
    }
    mem_free(information);
    mem_free(inverse);
    return err;
}
