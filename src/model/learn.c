#include "model/learn.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "fisher.h"
#include "numerics/linalg.h"
#include "weigh.h"

/* One step multiplies no variance by less or more than this. */
#define EIGEN_LOW 0.25
#define EIGEN_HIGH 4.0

/* Directions in which a patient's records have less than this share of the say are not
 * made narrower: a variance on its way to zero would never arrive. */
#define KNOWN_LEAST 1e-6

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

const char *learn_verdict_name(enum learn_verdict verdict)
{
    static const char *const names[] = {
        [LEARN_MOVED] = "moved",
        [LEARN_DIAGONAL] = "variances moved, correlations held",
        [LEARN_HELD] = "held",
        [LEARN_ABSENT] = "absent",
    };
    return names[verdict];
}

/* --- moving a prior ---------------------------------------------------------------- */

/* Does "may correlate" split the parameters into blocks? */
static bool in_blocks(const struct prior_layout *layout)
{
    for (size_t a = 0; a < layout->p; a++)
        for (size_t b = 0; b < layout->p; b++)
            for (size_t c = 0; c < layout->p; c++)
                if (layout->correlated[a][b] && layout->correlated[b][c] &&
                    !layout->correlated[a][c])
                    return false;
    return true;
}

/* What one patient is known to know, I - V averaged, in the coordinates of the Cholesky
 * factor of `omega`. */
static enum err known_under(const struct view *view, const double *omega, double *known)
{
    size_t p = view->prior->p;
    double *c = mem_copy(omega, p * p * sizeof *c), *half = mem_new(p * p, sizeof *half);
    enum err err = linalg_cholesky(p, c);
    if (err == ERR_OK) {
        linalg_multiply_tn(p, p, p, c, view->precision, half);
        linalg_multiply(p, p, p, half, c, known);
        for (size_t i = 0; i < p * p; i++)
            known[i] /= view->patients;
    }
    mem_free(c);
    mem_free(half);
    return err;
}

/* D = C^-1 Omega C^-T = Q diag(values) Q'; vectors Q. */
static enum err relative(size_t p, const double *c, const double *omega, double *values,
                         double *vectors)
{
    double *half = mem_copy(omega, p * p * sizeof *half);
    double *d = mem_new(p * p, sizeof *d);
    linalg_lower_solve(p, c, p, half);
    for (size_t a = 0; a < p; a++)
        for (size_t b = 0; b < p; b++)
            d[a * p + b] = half[b * p + a];
    linalg_lower_solve(p, c, p, d);
    enum err err = linalg_eigen(p, d, values, vectors);
    mem_free(half);
    mem_free(d);
    return err;
}

/* Hold the eigenvalues of the new covariance relative to the old within the guard. A
 * function of a matrix keeps its blocks, and so the zeros between them; where the pattern
 * of zeros is another, the whole step is shortened instead. */
static enum err guard_covariance(const struct prior_layout *layout,
                                 const struct view *view, struct prior *next)
{
    size_t p = next->p;
    const double *old = view->prior->omega;
    double *c = mem_copy(old, p * p * sizeof *c), *known = mem_new(p * p, sizeof *known);
    double *q = mem_new(p * p, sizeof *q), *cq = mem_new(p * p, sizeof *cq);
    double *values = mem_new(p, sizeof *values), reach = 1;
    enum err err = linalg_cholesky(p, c);
    if (err == ERR_OK)
        err = known_under(view, old, known);
    if (err == ERR_OK)
        err = relative(p, c, next->omega, values, q);
    for (size_t i = 0; err == ERR_OK && i < p; i++) {
        double share = 0;
        for (size_t a = 0; a < p; a++)
            for (size_t b = 0; b < p; b++)
                share += q[a * p + i] * known[a * p + b] * q[b * p + i];
        double low = share < KNOWN_LEAST ? 1 : EIGEN_LOW;
        double held = fmin(EIGEN_HIGH, fmax(low, values[i]));
        if (held != values[i])
            reach = fmin(reach, (held - 1) / (values[i] - 1));
        values[i] = held;
    }
    if (err == ERR_OK)
        linalg_multiply(p, p, p, c, q, cq);
    bool blocks = in_blocks(layout);
    for (size_t a = 0; err == ERR_OK && a < p; a++) {
        for (size_t b = 0; b <= a; b++) {
            double entry =
                old[a * p + b] + reach * (next->omega[a * p + b] - old[a * p + b]);
            for (size_t i = 0; blocks && i < p; i++)
                entry = (i ? entry : 0) + cq[a * p + i] * values[i] * cq[b * p + i];
            next->omega[a * p + b] = next->omega[b * p + a] =
                layout->correlated[a][b] ? entry : 0;
        }
    }
    mem_free(c);
    mem_free(known);
    mem_free(q);
    mem_free(cq);
    mem_free(values);
    return err;
}

/* Whiten with L = C R: R the eigenvectors of what a patient knows under C. */
static enum err rotate(const struct view *view, struct prior *next)
{
    size_t p = next->p;
    double *known = mem_new(p * p, sizeof *known), *values = mem_new(p, sizeof *values);
    double *vectors = mem_new(p * p, sizeof *vectors);
    enum err err = known_under(view, next->omega, known);
    if (err == ERR_OK)
        err = linalg_eigen(p, known, values, vectors);
    if (err == ERR_OK)
        err = prior_factor(next, vectors);
    mem_free(known);
    mem_free(values);
    mem_free(vectors);
    return err;
}

/* The view's prior moved by `step` along the free numbers, guarded. It is a residual's
 * variance, not its logarithm, that a Fisher step is linear in. */
static enum err move(const struct space *space, const struct view *view,
                     const double *step, struct prior **next)
{
    struct prior *to = prior_copy(view->prior);
    for (size_t i = 0; i < space->count; i++) {
        const struct number *one = &space->numbers[i];
        double *value = space_place(space, to, i);
        if (one->kind == NUMBER_RESIDUAL)
            *value += 0.5 * log(fmin(EIGEN_HIGH, fmax(EIGEN_LOW, 1 + 2 * step[i])));
        else
            *value += step[i];
        if (one->kind == NUMBER_COVARIANCE)
            to->omega[one->b * to->p + one->a] = *value;
    }
    enum err err = ERR_OK;
    if (to->p && (err = guard_covariance(space->layout, view, to)) == ERR_OK)
        err = rotate(view, to);
    to->patients = view->patients;
    if (err != ERR_OK)
        prior_destroy(&to);
    *next = to;
    return err;
}

/* --- the rounds so far ------------------------------------------------------------- */

struct history {
    const struct model *model; /* NULL: of unknown transforms */
    struct space space;
    const struct learn_round *rounds;
    size_t count;
    struct view *views;
    double *scores; /* [count][space.count] */
};

static enum err history_init(struct history *history, const struct model *model,
                             const struct prior_layout *layout,
                             const struct statistic *statistic,
                             const struct learn_round *rounds, size_t count)
{
    *history = (struct history){.model = model, .rounds = rounds, .count = count};
    space_init(&history->space, layout);
    history->views = mem_new(count, sizeof *history->views);
    history->scores = mem_new(count * history->space.count, sizeof(double));
    for (size_t i = 0; i < count; i++) {
        enum err err =
            view_init(&history->views[i], statistic, rounds[i].prior, rounds[i].sum);
        if (err != ERR_OK)
            return err_wrap("round %zu", i + 1);
        fisher_score(&history->space, &history->views[i],
                     history->scores + i * history->space.count);
    }
    return ERR_OK;
}

static void history_clear(struct history *history)
{
    for (size_t i = 0; i < history->count; i++)
        view_clear(&history->views[i]);
    mem_free(history->views);
    mem_free(history->scores);
    space_clear(&history->space);
}

/* --- the exact form ---------------------------------------------------------------- */

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
        if (space->numbers[e].kind == NUMBER_RESIDUAL) /* as `move` takes it */
            step[e] = (exp(2 * step[e]) - 1) / 2;
    }
}

/* How far one step may carry a number whose size the guards of `move` do not bound: a
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

static void errors_of(const struct space *space, const double *covariance,
                      struct prior *prior)
{
    size_t p = prior->p, k = prior->k, q = prior->q, m = prior->m, n = space->count;
    for (size_t e = 0; e < n; e++) {
        const struct number *one = &space->numbers[e];
        double error = sqrt(covariance[e * n + e]);
        if (one->kind == NUMBER_EFFECT)
            prior->standard_error[one->a * k + one->b] = error;
        else if (one->kind == NUMBER_POPULATION)
            prior->standard_error[p * k + one->a] = error;
        else if (one->kind == NUMBER_RESIDUAL)
            prior->standard_error[p * k + q + one->a] = error;
        else if (one->a == one->b)
            prior->standard_error[p * k + q + m + one->a] =
                error / (2 * sqrt(prior->omega[one->a * (p + 1)]));
    }
}

static enum err learn_exactly(const struct history *history, double tolerance,
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
        err = move(&history->space, &history->views[base], step, next);
    if (err == ERR_OK) {
        errors_of(&history->space, inverse, *next);
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

/* --- the private form
 * ------------------------------------------------------------------- */

/* Sampling and noise together: the inverse information of the last round, what shortening
 * lost included, plus what the noise leaves. */
static enum err private_errors(const struct history *history, const struct statistic *s,
                               const struct weighed *weighed, struct prior *next)
{
    const struct space *space = &history->space;
    const struct view *last = &history->views[history->count - 1];
    size_t n = space->count;
    double *information = mem_new(n * n, sizeof *information);
    double *covariance = mem_new(n * n, sizeof *covariance);
    struct shortening loss = statistic_shortening(s->p, s->reach);
    fisher_information(space, last, information);
    enum err err = linalg_spd_inverse(n, information, covariance);
    for (size_t e = 0; err == ERR_OK && e < n; e++) {
        enum number_kind kind = space->numbers[e].kind;
        double *variance = &covariance[e * n + e], noise = weighed->noise[e * n + e];
        if (kind == NUMBER_EFFECT)
            *variance *= loss.mean_loss;
        if (kind == NUMBER_COVARIANCE)
            *variance *= loss.shape_loss;
        if (kind == NUMBER_RESIDUAL) /* noise of a variance, error of a logarithm */
            noise /= 4 * weighed->value[e] * weighed->value[e];
        *variance += noise;
    }
    if (err == ERR_OK)
        errors_of(space, covariance, next);
    mem_free(information);
    mem_free(covariance);
    return err;
}

static enum err learn_privately(const struct history *history, const struct statistic *s,
                                double patients_min, struct prior **next,
                                struct learn_report *report)
{
    const struct space *space = &history->space;
    const struct view *last = &history->views[history->count - 1];
    size_t n = space->count;
    struct weighed weighed;
    double *step = mem_new(n, sizeof *step);
    enum err err =
        weigh_rounds(space, s, history->rounds, history->views, history->count, &weighed);
    report->patients = weighed.patients;
    if (err == ERR_OK && weighed.patients < patients_min)
        err = err_set(ERR_NUMERIC, "too few patients");
    for (size_t e = 0; err == ERR_OK && e < n; e++) {
        double at = *space_place(space, last->prior, e);
        step[e] = weighed.value[e] - at;
        if (space->numbers[e].kind == NUMBER_RESIDUAL)
            step[e] = (weighed.value[e] / exp(2 * at) - 1) / 2;
    }
    if (err == ERR_OK)
        err = move(space, last, step, next);
    if (err == ERR_OK) {
        (*next)->patients = weighed.patients;
        report->effects = weighed.effects;
        report->covariance = weighed.covariance;
        report->residual = weighed.residual;
        report->population = weighed.population;
        if (weighed.effects == LEARN_HELD || weighed.covariance == LEARN_HELD ||
            weighed.covariance == LEARN_DIAGONAL || weighed.residual == LEARN_HELD ||
            weighed.population == LEARN_HELD)
            snprintf(report->reason, sizeof report->reason,
                     "held what noise would decide so far");
        err = private_errors(history, s, &weighed, *next);
        if (err != ERR_OK)
            prior_destroy(next);
    }
    mem_free(step);
    weighed_clear(&weighed);
    return err;
}

/* --- the step ---------------------------------------------------------------------- */

static enum err check(const struct prior_layout *layout,
                      const struct statistic *statistic, const struct learn_round *rounds,
                      size_t count)
{
    if (count == 0)
        return err_set(ERR_RANGE, "no round to learn from");
    if (statistic->p != layout->p || statistic->k != layout->k ||
        statistic->q != layout->q || statistic->m != layout->m)
        return err_set(ERR_RANGE, "the statistic is of another model");
    for (size_t i = 0; i < count; i++)
        if (rounds[i].prior->p != layout->p || rounds[i].prior->k != layout->k ||
            rounds[i].prior->q != layout->q || rounds[i].prior->m != layout->m)
            return err_set(ERR_RANGE, "the prior of round %zu is of another model",
                           i + 1);
    return ERR_OK;
}

static struct prior *hold(const struct prior *prior, struct learn_report *report,
                          const char *reason)
{
    report->effects = report->covariance = report->residual = report->population =
        LEARN_HELD;
    snprintf(report->reason, sizeof report->reason, "%s", reason);
    return prior_copy(prior);
}

enum err learn_step(const struct model *model, const struct prior_layout *layout,
                    const struct statistic *statistic, const struct learn_round *rounds,
                    size_t count, const struct learn_options *options,
                    struct prior **next, struct learn_report *report)
{
    struct learn_options chosen =
        options ? *options : (struct learn_options){LEARN_PATIENTS_MIN, LEARN_TOLERANCE};
    enum err err = check(layout, statistic, rounds, count);
    if (err != ERR_OK)
        return err;
    struct history history;
    *report = (struct learn_report){
        .covariance = layout->p ? LEARN_MOVED : LEARN_ABSENT,
        .effects = layout->p ? LEARN_MOVED : LEARN_ABSENT,
        .residual = layout->m ? LEARN_MOVED : LEARN_ABSENT,
        .population = layout->q ? LEARN_MOVED : LEARN_ABSENT,
    };
    err = history_init(&history, model, layout, statistic, rounds, count);
    const struct view *view = &history.views[count - 1];
    if (err == ERR_OK && statistic->exact) {
        report->patients = view->patients;
        report->failed = view->failed;
        report->minus2_log_likelihood = view->likelihood;
        report->skew = view->patients > 0 ? view->skew / view->patients : NAN;
        report->laplace_doubtful = report->skew > LEARN_SKEW_MAX;
        if (view->patients < chosen.patients_min)
            *next = hold(view->prior, report, "too few patients");
        else if (learn_exactly(&history, chosen.tolerance, next, report) != ERR_OK)
            *next = hold(view->prior, report, err_text());
    } else if (err == ERR_OK) {
        report->failed = report->minus2_log_likelihood = report->skew = report->gain =
            NAN;
        if (learn_privately(&history, statistic, chosen.patients_min, next, report) !=
            ERR_OK)
            *next = hold(view->prior, report, err_text());
    }
    history_clear(&history);
    return err;
}
