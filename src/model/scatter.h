#ifndef MODEL_SCATTER_H
#define MODEL_SCATTER_H

#include "places.h"
#include "proposal.h"

/* scatter - places of one patient's posterior, drawn from a proposal, and what each of
 * them weighs: importance sampling.
 *
 * Places come in rounds, each with its own shares of the parts; all of them count as
 * drawn from the mixture of what was drawn in all rounds (Veach and Guibas 1995, the
 * balance heuristic), so that no place weighs more than by the part that found it best.
 * Called by posterior. */

struct scatter {
    struct places *places;
    struct proposal *proposal;
    uint64_t number;                           /* where its own begin */
    size_t count, drawn[PROPOSAL_PARTS_MAX];   /* places, all and of each part */
    double *z, *objective, *mixture, *weights; /* [count][p]; the others [count] */
};

/* `places` must outlive it; the proposal is its own from here on, of the prior alone
 * until the caller adds parts. */
struct scatter *scatter_new(struct places *places, uint64_t number);
void scatter_destroy(struct scatter **scatter);

/* Places more, of each part as many as its share [parts] says, and O there. */
void scatter_add(struct scatter *scatter, const double *shares, size_t count);

/* Weights of all places so far, of sum 1. False: nowhere is anything. */
bool scatter_weigh(struct scatter *scatter);

/* How much of the probability the normal distribution with this centre [p] and covariance
 * [p][p] has in common with the posterior, 0 to 1: the lesser of both weights, summed
 * over the places. Weigh first. */
double scatter_shared(const struct scatter *scatter, const double *centre,
                      const double *spread);

/* `count` draws z [count][p] from among the places, equally likely: by weight at equal
 * distances (Kitagawa 1996). A place that weighs less than a draw is taken once or not at
 * all, as by rejection; one that is taken twice says no more than once. So they are as
 * good as so many independent ones as it returns, count^2 over the sum of squared times.
 * Weigh first. */
double scatter_draw(const struct scatter *scatter, size_t count, double *z);

#endif
