#include "learn_exact.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "factor.h"
#include "numerics/linalg.h"

/* The end is near when the step is shorter than a third of a standard error in every
 * number, squared and on average: there the likelihood is as good as quadratic, its
 * curvature is believed, and rounds no farther than that from each other tell more of it
 * by the secants between them, of which at most so many are used. */
#define NEAR 0.1
#define SECANTS_MAX 6

/* In no direction is it believed to be less or more than so many times the expected
 * information. */
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

/* An entry of the diagonal of the covariance's factor is not made less than this share of
 * its spread: a correlation of 1 - 5e-9 is as good as 1. */
#define FACTOR_LEAST 1e-4

/* In those coordinates when the step promises less than this of -2 log L a patient, or
 * less than this altogether. */
#define FACTOR_NEAR 0.1
#define FACTOR_NEAR_LEAST 20.0

/* A step from the best round after one that was worse goes at most this share of the way
 * that one went, in the metric of the information. After so many in a row there is
 * nothing lower to be found: the last of them went less than a hundredth of the first's
 * way. */
#define SHORTER 0.4
#define STALLED_ROUNDS 7

/* Shares of its own diagonal that are added to an information that is not definite. */
#define RIDGE_LEAST 1e-8
#define RIDGE_MOST 1e3

#define RESIDUAL_GONE 9.0 /* of the logarithm: to an eight-thousandth */

/* In comparing rounds a failed fit weighs as much as this in -2 log L. */
#define FAILED_COST 100.0

static double cost(const struct view *view)
{
    return view->likelihood + FAILED_COST * view->failed;
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
    return expected < NEAR * (double)n && drop > CURVATURE_LEAST * expected &&
           drop < CURVATURE_MOST * expected;
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
    double itself = FARTHEST_ITSELF * fabs(*space_place(&history->space, prior, e));
    return effect
               ? fmax(itself, FARTHEST_SDS * sqrt(prior->omega[one->a * (prior->p + 1)]))
               : fmax(itself, FARTHEST_ITSELF);
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
        while (err == ERR_OK && limits.count < p + prior->m &&
               (limit_factor(&factor, prior, step, &limits) ||
                limit_residual(history, step, &limits)))
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
                       const double *score, double damping, struct step *step)
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
    while (err == ERR_OK && !step->factored && limits.count < 2 * prior->p + prior->m &&
           (limit_covariance(history, base, step->along, &limits) ||
            limit_residual(history, step->along, &limits)))
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
    if (err == ERR_OK) {
        linalg_lower_solve(n, c, n, curvature);
        for (size_t e = 0; e < n; e++)
            for (size_t f = 0; f < n; f++)
                half[e * n + f] = curvature[f * n + e];
        linalg_lower_solve(n, c, n, half);
        err = linalg_eigen(n, half, values, q);
    }
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
    size_t n = history->space.count;
    struct limits limits = {.n = n};
    enum err err = solve_within(&limits, b, history->scores + base * n, step->along);
    step->factored = step->far = false;
    for (int i = 0; err == ERR_OK && i < HALVINGS_MAX &&
                    (goes_far(history, history->views[base].prior, step->along) ||
                     limit_covariance(history, base, step->along, &limits) ||
                     limit_residual(history, step->along, &limits));
         i++)
        for (size_t e = 0; e < n; e++)
            step->along[e] /= 2;
    mem_free(limits.rows);
    mem_free(limits.targets);
    return err;
}

/* The step of effects alone, [p][k], damped until nothing goes farther than it may. */
static enum err move_effects(const struct history *history, size_t base,
                             const double *information, double *damping,
                             struct step *step, double *effects)
{
    const struct space *space = &history->space;
    const double *score = history->scores + base * space->count;
    enum err err = damped(history, base, information, score, *damping, step);
    while (err == ERR_OK && step->far && *damping < DAMPING_MAX) {
        *damping = fmax(1, 4 * *damping);
        err = damped(history, base, information, score, *damping, step);
    }
    for (size_t e = 0; e < space->first[NUMBER_COVARIANCE]; e++)
        effects[space->numbers[e].a * history->views[base].prior->k +
                space->numbers[e].b] = step->along[e];
    return err;
}

/* The step, covariances and residuals as they will be once the effects have moved
 * (docs/statistics.md, profile). From afar by the expected information, which does not
 * depend on how far, with what curvature says of effects and covariances together; near
 * the end by the curvature. */
static enum err newton(const struct history *history, size_t base,
                       const double *information, struct step *step)
{
    const struct space *space = &history->space;
    const struct view *view = &history->views[base];
    const double *score = history->scores + base * space->count;
    size_t n = space->count;
    double *effects = mem_new(view->prior->p * view->prior->k, sizeof *effects);
    double *profiled = mem_copy(score, n * sizeof *profiled), damping = 0;
    double *b = mem_copy(information, n * n * sizeof *b);
    enum err err = move_effects(history, base, information, &damping, step, effects);
    fisher_profile(space, view, effects, profiled);
    fisher_cross(space, view, effects, b);
    if (err == ERR_OK)
        err = held_to(n, information, b);
    if (err == ERR_OK)
        err = damped(history, base, b, profiled, damping, step);
    if (err == ERR_OK && along(n, profiled, step->along) < NEAR * (double)n) {
        if (step->factored) /* at a bound the scores of the covariance are not nothing */
            memcpy(b, information, n * n * sizeof *b);
        else
            fisher_curvature(space, view, effects, b);
        err = held_to(n, information, b);
        use_secants(history, base, b);
        if (err == ERR_OK)
            err = damped(history, base, b, profiled, damping, step);
    }
    if (err == ERR_OK && along(n, score, step->along) < 0) /* the profile led astray */
        err = damped(history, base, information, score, damping, step);
    mem_free(effects);
    mem_free(profiled);
    mem_free(b);
    return err;
}

/* s' B s */
static double square_length(size_t n, const double *b, const double *s)
{
    double sum = 0;
    for (size_t e = 0; e < n; e++)
        for (size_t f = 0; f < n; f++)
            sum += s[e] * b[e * n + f] * s[f];
    return sum;
}

/* Shorten the step to less than the way the last round went from the better base. */
static void shorten(const struct history *history, size_t base, const double *b,
                    double *step)
{
    const struct space *space = &history->space;
    size_t n = space->count;
    double *gone = mem_new(n, sizeof *gone);
    for (size_t e = 0; e < n; e++)
        gone[e] = *space_place(space, history->rounds[history->count - 1].prior, e) -
                  *space_place(space, history->rounds[base].prior, e);
    double share = SHORTER * sqrt(square_length(n, b, gone) / square_length(n, b, step));
    for (size_t e = 0; share < 1 && e < n; e++)
        step[e] *= share;
    mem_free(gone);
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

/* The step of the whole promise first, which says how far the end is; then as much of it
 * as may be gone. */
static enum err step_from(const struct history *history, size_t base, double tolerance,
                          const double *information, struct prior **next,
                          struct learn_report *report)
{
    size_t n = history->space.count, worse = history->count - 1 - base;
    struct step step = {.along = mem_new(n, sizeof(double))};
    enum err err = newton(history, base, information, &step);
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
    if (err == ERR_OK && report->stepped_back) {
        prior_destroy(next);
        shorten(history, base, information, step.along);
        err = go(history, base, &step, next);
    }
    if (err == ERR_OK && report->stalled) {
        prior_destroy(next);
        *next = prior_copy(history->rounds[base].prior);
        (*next)->patients = history->views[base].patients;
        snprintf(report->reason, sizeof report->reason,
                 "the last %zu rounds found %s better than round %zu, around which the "
                 "likelihood is not smooth",
                 worse >= STALLED_ROUNDS ? worse : (size_t)CRAWL_ROUNDS,
                 worse >= STALLED_ROUNDS ? "nothing" : "hardly anything", base + 1);
    }
    mem_free(step.along);
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
    bounded(history, history->views[base].prior, 0, information, inverse);
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
