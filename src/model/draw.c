#include "model/draw.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "base/normal.h"
#include "numerics/linalg.h"

struct draws {
    const struct model *model;
    const struct prior_layout *layout;
    const struct prior *prior;
    const struct posterior *posterior;
    double *root; /* [p][p] of V: eigenvectors times the roots of eigenvalues */
};

enum err draws_new(const struct model *model, const struct prior_layout *layout,
                   const struct prior *prior, const struct posterior *posterior,
                   struct draws **draws)
{
    const struct fit *fit = posterior->fit;
    size_t p = fit->p;
    double *value = mem_new(p, sizeof *value), *vector = mem_new(p * p, sizeof *vector);
    enum err err = p ? linalg_eigen(p, fit->covariance, value, vector) : ERR_OK;
    for (size_t a = 0; err == ERR_OK && a < p; a++)
        for (size_t i = 0; i < p; i++)
            vector[a * p + i] *= sqrt(fmax(value[i], 0));
    mem_free(value);
    if (err != ERR_OK) {
        mem_free(vector);
        return err;
    }
    struct draws *out = mem_new(1, sizeof *out);
    *out = (struct draws){model, layout, prior, posterior, vector};
    *draws = out;
    return ERR_OK;
}

void draws_destroy(struct draws **draws)
{
    struct draws *gone = *draws;
    if (!gone)
        return;
    mem_free(gone->root);
    mem_free(gone);
    *draws = NULL;
}

/* A standard normal number for each index and direction: 52 bits of a counter, mixed
 * (Steele, Lea, Flood: SplitMix, OOPSLA 2014), by inversion. */
static double number(size_t index, size_t direction)
{
    uint64_t mixed = ((uint64_t)index * MODEL_PARAMETERS_MAX + direction + 1) *
                     UINT64_C(0x9e3779b97f4a7c15);
    mixed = (mixed ^ mixed >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    mixed = (mixed ^ mixed >> 27) * UINT64_C(0x94d049bb133111eb);
    mixed ^= mixed >> 31;
    return normal_quantile(ldexp((double)(mixed >> 12) + 0.5, -52));
}

void draws_at(const struct draws *draws, size_t index, double *parameters)
{
    const struct posterior *posterior = draws->posterior;
    size_t p = posterior->fit->p;
    double phi[MODEL_PARAMETERS_MAX], side = index % 2 ? -1 : 1;
    const double *from = posterior->normal
                             ? posterior->fit->phi
                             : posterior->phi + index % posterior->count * p;
    memcpy(phi, from, p * sizeof *phi);
    for (size_t i = 0; posterior->normal && i < p; i++) {
        double z = side * number(index / 2, i);
        for (size_t a = 0; a < p; a++)
            phi[a] += draws->root[a * p + i] * z;
    }
    twin_parameters(draws->model, draws->layout, phi, draws->prior->population,
                    parameters);
}

void draws_mode(const struct draws *draws, double *parameters)
{
    twin_parameters(draws->model, draws->layout, draws->posterior->fit->phi,
                    draws->prior->population, parameters);
}
