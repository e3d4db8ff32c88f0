#ifndef MODEL_PROPOSAL_H
#define MODEL_PROPOSAL_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* proposal - where to look when a patient's posterior is explored: a mixture of the prior
 * and of multivariate t distributions, in whitened coordinates z, where the prior is a
 * standard normal.
 *
 * The first part is the prior itself: the posterior is the prior times a likelihood, so
 * that no weight is larger than the largest likelihood over the prior's share (a
 * defensive mixture: Hesterberg 1995). The others are what Laplace's approximation has at
 * each mode, with PROPOSAL_FREEDOM degrees of freedom. Numbers are a counter's: the same
 * for ever. It evaluates no model. Called by scatter, posterior and temper. */

#define PROPOSAL_PARTS_MAX ((size_t)17)
#define PROPOSAL_FREEDOM 8 /* even, for how they are drawn */

struct proposal {
    size_t p, count; /* parts, the prior being number 0 */
    double share[PROPOSAL_PARTS_MAX]; /* the caller's to set; of sum 1 */
    struct proposal_part {
        double *centre; /* [p] */
        double *root;   /* [p][p] of the scale matrix, lower triangle */
        double log_top; /* of the density at the centre */
    } parts[PROPOSAL_PARTS_MAX];
};

/* The prior alone. */
struct proposal *proposal_new(size_t p);
void proposal_destroy(struct proposal **proposal);

/* One part more around `centre` [p] with the scale matrix `spread` [p][p], with a share
 * of 0 as yet. ERR_NUMERIC for a matrix that is none. */
enum err proposal_add(struct proposal *proposal, const double *centre,
                      const double *spread);

/* A place z [p] of a part: the one with this number, which decides it. */
void proposal_draw(const struct proposal *proposal, size_t part, uint64_t number,
                   double *z);

/* Logarithm of the density. */
double proposal_density(const struct proposal *proposal, const double *z);

/* A number without regard to which one goes in (Steele, Lea, Flood: SplitMix, OOPSLA
 * 2014); and 52 bits of it as a fair number between 0 and 1, both excluded. */
uint64_t proposal_mix(uint64_t number);
double proposal_uniform(uint64_t number);

#endif
