#include "factor.h"

#include <string.h>

#include "base/memory.h"
#include "numerics/linalg.h"

enum err factor_init(struct factor *factor, const struct space *space,
                     const struct prior *prior)
{
    size_t p = prior->p, n = space->count;
    *factor = (struct factor){.space = space, .p = p};
    factor->lower = mem_copy(prior->omega, p * p * sizeof *factor->lower);
    factor->change = mem_new(n * n, sizeof *factor->change);
    enum err err = linalg_cholesky(p, factor->lower);
    size_t first = space->first[NUMBER_COVARIANCE], end = space->first[NUMBER_RESIDUAL];
    const double *c = factor->lower;
    for (size_t e = 0; e < n; e++)
        factor->change[e * n + e] = e < first || e >= end;
    /* E_ij moves row and column i of Omega by column j of C. */
    for (size_t e = first; e < end; e++) {
        const struct number *to = &space->numbers[e];
        for (size_t f = first; f < end; f++) {
            const struct number *by = &space->numbers[f];
            factor->change[e * n + f] = (to->a == by->a) * c[to->b * p + by->b] +
                                        (to->b == by->a) * c[to->a * p + by->b];
        }
    }
    return err;
}

void factor_clear(struct factor *factor)
{
    mem_free(factor->lower);
    mem_free(factor->change);
    *factor = (struct factor){0};
}

/* The part of the covariance's score G [p][p], of a change dOmega tr(G dOmega), that is
 * negative definite, with the sign turned. */
static enum err against(const struct factor *factor, const double *score, double *out)
{
    const struct space *space = factor->space;
    size_t p = factor->p;
    double *g = mem_new(p * p, sizeof *g), *values = mem_new(p, sizeof *values);
    double *vectors = mem_new(p * p, sizeof *vectors);
    for (size_t e = space->first[NUMBER_COVARIANCE]; e < space->first[NUMBER_RESIDUAL];
         e++) {
        const struct number *one = &space->numbers[e];
        g[one->a * p + one->b] = score[e] / (one->a == one->b ? 1 : 2);
        g[one->b * p + one->a] = g[one->a * p + one->b];
    }
    enum err err = linalg_eigen(p, g, values, vectors);
    memset(out, 0, p * p * sizeof *out);
    for (size_t i = 0; err == ERR_OK && i < p && values[i] < 0; i++)
        for (size_t a = 0; a < p; a++)
            for (size_t b = 0; b < p; b++)
                out[a * p + b] -= vectors[a * p + i] * values[i] * vectors[b * p + i];
    mem_free(g);
    mem_free(values);
    mem_free(vectors);
    return err;
}

enum err factor_turn(const struct factor *factor, const double *score,
                     const double *information, double *turned_score,
                     double *turned_information)
{
    const struct space *space = factor->space;
    size_t n = space->count, p = factor->p;
    double *half = mem_new(n * n, sizeof *half), *cost = mem_new(p * p, sizeof *cost);
    linalg_multiply_tn(n, n, 1, factor->change, score, turned_score);
    linalg_multiply_tn(n, n, n, factor->change, information, half);
    linalg_multiply(n, n, n, half, factor->change, turned_information);
    enum err err = against(factor, score, cost);
    size_t first = space->first[NUMBER_COVARIANCE], end = space->first[NUMBER_RESIDUAL];
    for (size_t e = first; err == ERR_OK && e < end; e++)
        for (size_t f = first; f < end; f++)
            if (space->numbers[e].b == space->numbers[f].b)
                turned_information[e * n + f] +=
                    2 * cost[space->numbers[e].a * p + space->numbers[f].a];
    mem_free(half);
    mem_free(cost);
    return err;
}

void factor_return(const struct factor *factor, double *step)
{
    const struct space *space = factor->space;
    size_t p = factor->p, first = space->first[NUMBER_COVARIANCE];
    size_t end = space->first[NUMBER_RESIDUAL];
    double *before = mem_new(p * p, sizeof *before),
           *after = mem_new(p * p, sizeof *after);
    double *moved = mem_copy(factor->lower, p * p * sizeof *moved);
    for (size_t e = first; e < end; e++)
        moved[space->numbers[e].a * p + space->numbers[e].b] += step[e];
    linalg_multiply_nt(p, p, p, factor->lower, factor->lower, before);
    linalg_multiply_nt(p, p, p, moved, moved, after);
    for (size_t e = first; e < end; e++) {
        size_t at = space->numbers[e].a * p + space->numbers[e].b;
        step[e] = after[at] - before[at];
    }
    mem_free(before);
    mem_free(after);
    mem_free(moved);
}
