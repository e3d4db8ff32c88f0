#include "scatter.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "numerics/linalg.h"

struct scatter *scatter_new(struct places *places, uint64_t number)
{
    struct scatter *out = mem_new(1, sizeof *out);
    out->places = places;
    out->proposal = proposal_new(places->target.p);
    out->number = number;
    return out;
}

void scatter_destroy(struct scatter **scatter)
{
    struct scatter *gone = *scatter;
    if (!gone)
        return;
    proposal_destroy(&gone->proposal);
    mem_free(gone->z);
    mem_free(gone->objective);
    mem_free(gone->mixture);
    mem_free(gone->weights);
    mem_free(gone);
    *scatter = NULL;
}

void scatter_add(struct scatter *scatter, const double *shares, size_t count)
{
    size_t p = scatter->proposal->p, part = 0, before = scatter->count;
    double until = shares[0];
    scatter->count += count;
    scatter->z = mem_resize(scatter->z, scatter->count * p, sizeof(double));
    scatter->objective = mem_resize(scatter->objective, scatter->count, sizeof(double));
    for (size_t i = 0; i < count; i++) {
        while (part + 1 < scatter->proposal->count &&
               (double)i + 0.5 > until * (double)count)
            until += shares[++part];
        scatter->drawn[part]++;
        proposal_draw(scatter->proposal, part, scatter->number + before + i,
                      scatter->z + (before + i) * p);
    }
    places_look(scatter->places, scatter->z + before * p, count,
                scatter->objective + before);
}

/* From logarithms to weights of sum 1; false: nowhere is anything. */
static bool normalise(double *logs, size_t count)
{
    double highest = -INFINITY, sum = 0;
    for (size_t i = 0; i < count; i++)
        highest = fmax(highest, logs[i]);
    if (!isfinite(highest))
        return false;
    for (size_t i = 0; i < count; i++)
        sum += logs[i] = exp(logs[i] - highest);
    for (size_t i = 0; i < count; i++)
        logs[i] /= sum;
    return true;
}

bool scatter_weigh(struct scatter *scatter)
{
    struct proposal *proposal = scatter->proposal;
    size_t count = scatter->count;
    scatter->mixture = mem_resize(scatter->mixture, count, sizeof(double));
    scatter->weights = mem_resize(scatter->weights, count, sizeof(double));
    for (size_t k = 0; k < proposal->count; k++)
        proposal->share[k] = (double)scatter->drawn[k] / (double)count;
    for (size_t i = 0; i < count; i++) {
        scatter->mixture[i] = proposal_density(proposal, scatter->z + i * proposal->p);
        scatter->weights[i] = -0.5 * scatter->objective[i] - scatter->mixture[i];
    }
    return normalise(scatter->weights, count);
}

double scatter_shared(const struct scatter *scatter, const double *centre,
                      const double *spread)
{
    size_t p = scatter->proposal->p, count = scatter->count;
    double *root = mem_copy(spread, p * p * sizeof *root), shared = 0;
    double *weights = mem_new(count, sizeof *weights), off[MODEL_PARAMETERS_MAX];
    bool is = linalg_cholesky(p, root) == ERR_OK;
    for (size_t i = 0; is && i < count; i++) {
        double square = 0;
        for (size_t a = 0; a < p; a++)
            off[a] = scatter->z[i * p + a] - centre[a];
        linalg_lower_solve(p, root, 1, off);
        for (size_t a = 0; a < p; a++)
            square += off[a] * off[a];
        weights[i] = -0.5 * square - scatter->mixture[i];
    }
    if (is && normalise(weights, count))
        for (size_t i = 0; i < count; i++)
            shared += fmin(weights[i], scatter->weights[i]);
    mem_free(weights);
    mem_free(root);
    return shared;
}

double scatter_draw(const struct scatter *scatter, size_t count, double *z)
{
    size_t p = scatter->proposal->p, from = 0, times = 0, squares = 0;
    double offset = proposal_uniform(scatter->number + scatter->count);
    double until = scatter->weights[0];
    for (size_t i = 0; i < count; i++) {
        double at = ((double)i + offset) / (double)count;
        for (; until < at && from + 1 < scatter->count; times = 0)
            until += scatter->weights[++from];
        squares += 2 * times++ + 1; /* the next square is so much more */
        memcpy(z + i * p, scatter->z + from * p, p * sizeof *z);
    }
    return (double)count * (double)count / (double)squares;
}
