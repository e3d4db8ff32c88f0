#include "proposal.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "model/model.h"
#include "numerics/linalg.h"

#define LOG_TWO_PI 1.83787706640934548356

/* Of the counter: so many to a draw. */
#define NUMBERS_OF_A_DRAW (2 * MODEL_PARAMETERS_MAX)

struct proposal *proposal_new(size_t p)
{
    struct proposal *out = mem_new(1, sizeof *out);
    out->p = p;
    out->count = 1;
    out->share[0] = 1;
    out->parts[0].log_top = -0.5 * (double)p * LOG_TWO_PI;
    return out;
}

void proposal_destroy(struct proposal **proposal)
{
    struct proposal *gone = *proposal;
    if (!gone)
        return;
    for (size_t k = 0; k < gone->count; k++) {
        mem_free(gone->parts[k].centre);
        mem_free(gone->parts[k].root);
    }
    mem_free(gone);
    *proposal = NULL;
}

enum err proposal_add(struct proposal *proposal, const double *centre,
                      const double *spread)
{
    size_t p = proposal->p;
    double *root = mem_copy(spread, p * p * sizeof *root);
    enum err err = linalg_cholesky(p, root);
    if (err != ERR_OK) {
        mem_free(root);
        return err;
    }
    struct proposal_part *part = &proposal->parts[proposal->count];
    double half = 0.5 * PROPOSAL_FREEDOM;
    part->centre = mem_copy(centre, p * sizeof *centre);
    part->root = root;
    part->log_top = lgamma(half + 0.5 * (double)p) - lgamma(half) -
                    0.5 * (double)p * log(PROPOSAL_FREEDOM * M_PI) -
                    0.5 * linalg_lower_log_det(p, root);
    proposal->share[proposal->count++] = 0;
    return ERR_OK;
}

/* --- drawing ------------------------------------------------------------------------ */

uint64_t proposal_mix(uint64_t number)
{
    uint64_t mixed = (number + 1) * UINT64_C(0x9e3779b97f4a7c15);
    mixed = (mixed ^ mixed >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    mixed = (mixed ^ mixed >> 27) * UINT64_C(0x94d049bb133111eb);
    return mixed ^ mixed >> 31;
}

double proposal_uniform(uint64_t number)
{
    return ldexp((double)(proposal_mix(number) >> 12) + 0.5, -52);
}

/* By pairs (Box and Muller 1958). The chi-square of an even number of degrees of freedom
 * is the logarithm of a product of uniforms. */
void proposal_draw(const struct proposal *proposal, size_t part, uint64_t number,
                   double *z)
{
    size_t p = proposal->p;
    uint64_t at = number * NUMBERS_OF_A_DRAW;
    double normal[MODEL_PARAMETERS_MAX + 1], product = 1;
    for (size_t i = 0; i < p; i += 2) {
        double r = sqrt(-2 * log(proposal_uniform(at++)));
        double angle = 2 * M_PI * proposal_uniform(at++);
        normal[i] = r * cos(angle);
        normal[i + 1] = r * sin(angle);
    }
    if (part == 0) {
        memcpy(z, normal, p * sizeof *z);
        return;
    }
    for (size_t i = 0; i < PROPOSAL_FREEDOM / 2; i++)
        product *= proposal_uniform(at++);
    double wide = sqrt(PROPOSAL_FREEDOM / (-2 * log(product)));
    const struct proposal_part *of = &proposal->parts[part];
    for (size_t a = 0; a < p; a++) {
        z[a] = of->centre[a];
        for (size_t b = 0; b <= a; b++)
            z[a] += wide * of->root[a * p + b] * normal[b];
    }
}

/* --- densities ---------------------------------------------------------------------- */

/* (z - m)' S^-1 (z - m) by forward substitution; of the prior |z|^2. */
static double distance(const struct proposal_part *part, size_t p, const double *z)
{
    double off[MODEL_PARAMETERS_MAX], square = 0;
    for (size_t a = 0; a < p; a++) {
        off[a] = z[a];
        if (part->root) {
            off[a] -= part->centre[a];
            for (size_t b = 0; b < a; b++)
                off[a] -= part->root[a * p + b] * off[b];
            off[a] /= part->root[a * p + a];
        }
        square += off[a] * off[a];
    }
    return square;
}

static double log_density(const struct proposal_part *part, size_t p, double square)
{
    if (!part->root)
        return part->log_top - 0.5 * square;
    return part->log_top - 0.5 * (PROPOSAL_FREEDOM + (double)p) *
                               log1p(square / PROPOSAL_FREEDOM);
}

double proposal_density(const struct proposal *proposal, const double *z)
{
    double parts[PROPOSAL_PARTS_MAX], highest = -INFINITY, sum = 0;
    for (size_t k = 0; k < proposal->count; k++) {
        const struct proposal_part *part = &proposal->parts[k];
        double square = distance(part, proposal->p, z);
        parts[k] = log(proposal->share[k]) + log_density(part, proposal->p, square);
        highest = fmax(highest, parts[k]);
    }
    for (size_t k = 0; k < proposal->count; k++)
        sum += exp(parts[k] - highest);
    return highest + log(sum);
}
