#include "history.h"

#include <math.h>

#include "base/memory.h"
#include "numerics/linalg.h"

/* Directions in which a patient's records have less than this share of the say are not
 * made narrower: a variance on its way to zero would never arrive. */
#define KNOWN_LEAST 1e-6

/* Noise alone makes directions differ by so much in what is known of them. */
#define SCALE_FROM 1.5

/* --- the rounds so far ------------------------------------------------------------- */

enum err history_init(struct history *history, const struct model *model,
                      const struct prior_layout *layout,
                      const struct statistic *statistic, const struct learn_round *rounds,
                      size_t count)
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

void history_clear(struct history *history)
{
    for (size_t i = 0; i < history->count; i++)
        view_clear(&history->views[i]);
    mem_free(history->views);
    mem_free(history->scores);
    space_clear(&history->space);
}

/* --- moving a prior ---------------------------------------------------------------- */

bool history_in_blocks(const struct prior_layout *layout)
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
        err = linalg_eigen_relative(p, c, next->omega, values, q);
    for (size_t i = 0; err == ERR_OK && i < p; i++) {
        double share = 0;
        for (size_t a = 0; a < p; a++)
            for (size_t b = 0; b < p; b++)
                share += q[a * p + i] * known[a * p + b] * q[b * p + i];
        double low = share < KNOWN_LEAST ? 1 : HISTORY_VARIANCE_LEAST;
        double held = fmin(HISTORY_VARIANCE_MOST, fmax(low, values[i]));
        if (held != values[i])
            reach = fmin(reach, (held - 1) / (values[i] - 1));
        values[i] = held;
    }
    if (err == ERR_OK)
        linalg_multiply(p, p, p, c, q, cq);
    bool blocks = history_in_blocks(layout);
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

/* Whiten with L = C R: R the eigenvectors of what a patient knows under C. The noise of
 * a score costs a direction as much more as less is known of it; scaling it up spares
 * noise there, and shortens who knows more of it than others. The cube root is between
 * no scale and the one that makes all directions alike. */
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
    for (size_t a = 0; err == ERR_OK && a < p; a++)
        next->scale[a] = fmax(
            1, fmin(PRIOR_SCALE_MOST,
                    cbrt(values[p - 1] / fmax(values[a], KNOWN_LEAST) / SCALE_FROM)));
    mem_free(known);
    mem_free(values);
    mem_free(vectors);
    return err;
}

enum err history_relative(const struct history *history, size_t round, const double *step,
                          double *values, double *directions)
{
    const struct space *space = &history->space;
    const struct prior *prior = history->rounds[round].prior;
    size_t p = prior->p;
    struct prior *to = prior_copy(prior);
    double *c = mem_copy(prior->omega, p * p * sizeof *c);
    for (size_t e = space->first[NUMBER_COVARIANCE]; e < space->first[NUMBER_RESIDUAL];
         e++) {
        const struct number *one = &space->numbers[e];
        to->omega[one->a * p + one->b] += step[e];
        to->omega[one->b * p + one->a] = to->omega[one->a * p + one->b];
    }
    enum err err = linalg_cholesky(p, c);
    if (err == ERR_OK)
        err = linalg_eigen_relative(p, c, to->omega, values, directions);
    if (err == ERR_OK)
        linalg_lower_transposed_solve(p, c, p, directions);
    mem_free(c);
    prior_destroy(&to);
    return err;
}

/* The numbers moved; it is a residual's variance, not its logarithm, that a Fisher step
 * is linear in. */
static struct prior *step_along(const struct space *space, const struct view *view,
                                const double *step)
{
    struct prior *to = prior_copy(view->prior);
    for (size_t i = 0; i < space->count; i++) {
        const struct number *one = &space->numbers[i];
        double *value = space_place(space, to, i);
        if (one->kind == NUMBER_RESIDUAL)
            *value += 0.5 * log(fmin(HISTORY_VARIANCE_MOST,
                                     fmax(HISTORY_VARIANCE_LEAST, 1 + 2 * step[i])));
        else
            *value += step[i];
        if (one->kind == NUMBER_COVARIANCE)
            to->omega[one->b * to->p + one->a] = *value;
    }
    to->patients = view->patients;
    return to;
}

enum err history_place(const struct history *history, size_t round, const double *step,
                       struct prior **next)
{
    const struct view *view = &history->views[round];
    *next = step_along(&history->space, view, step);
    enum err err = (*next)->p ? rotate(view, *next) : ERR_OK;
    if (err != ERR_OK)
        prior_destroy(next);
    return err;
}

enum err history_move(const struct history *history, size_t round, const double *step,
                      struct prior **next)
{
    const struct view *view = &history->views[round];
    *next = step_along(&history->space, view, step);
    enum err err = ERR_OK;
    if ((*next)->p &&
        (err = guard_covariance(history->space.layout, view, *next)) == ERR_OK)
        err = rotate(view, *next);
    if (err != ERR_OK)
        prior_destroy(next);
    return err;
}

void history_errors(const struct history *history, const double *covariance,
                    struct prior *prior)
{
    const struct space *space = &history->space;
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
