#ifndef PRIVACY_ACCOUNTANT_H
#define PRIVACY_ACCOUNTANT_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* accountant - what charges cost together, as mu (Gaussian differential privacy) and as
 * (epsilon, delta).
 *
 * Gaussian noise of multiplier z on a sum costs mu = 1/z, exactly; costs add as squares,
 * also when a round is chosen after seeing the ones before (Dong, Roth, Su 2022; Balle,
 * Wang 2018; Smith, Thakurta 2022). Neighbours are data sets with one patient more or
 * less; replacing one doubles mu. It keeps no books (privacy/ledger) and adds no noise.
 * Called by the ledger, the node's policy and `budget plan`, the coordinator's planning,
 * gemel-sim. Proof: docs/privacy.md, claims 2 to 7; src/privacy/PROOFS.md. */

/* What one kind of release costs. Kinds are never removed and never change meaning. */
enum charge_kind {
    CHARGE_GAUSSIAN = 1, /* Gaussian noise on a sum bounded in Euclidean norm */
};

struct charge {
    enum charge_kind kind;
    double noise_multiplier; /* noise standard deviation / clipping norm, above 0 */
    uint32_t count;          /* so many such releases */
};

#define ACCOUNTANT_ROUNDS_MAX 10000
#define ACCOUNTANT_MU_MAX 1000.0

/* What one release with a multiplier above 0 costs, 1 / multiplier^2, and two costs
 * together: the smallest doubles that are not below the true numbers, so that rounding
 * never lets anybody spend more than a cap. The ledger adds these up. */
double accountant_cost(double noise_multiplier);
double accountant_sum(double mu2, double more);

/* mu^2 of all charges together, rounded up in the same way. ERR_RANGE for a kind it does
 * not know (never approximated) or a multiplier that is not finite and positive. */
enum err accountant_mu2(const struct charge *charges, size_t count, double *mu2);

/* The exact curve, both ways: delta(epsilon) = Phi(-epsilon/mu + mu/2) - e^epsilon
 * Phi(-epsilon/mu - mu/2). ERR_RANGE unless 0 <= mu <= ACCOUNTANT_MU_MAX, epsilon >= 0,
 * 1e-300 <= delta < 1. Relative accuracy 1e-12. */
enum err accountant_delta(double mu, double epsilon, double *delta);
enum err accountant_epsilon(double mu, double delta, double *epsilon);

/* The largest mu that (epsilon, delta) allows. */
enum err accountant_mu(double epsilon, double delta, double *mu);

/* The multiplier with which `rounds` equal rounds spend (epsilon, delta), rounded up by
 * 2^-38 so that their charges fit under a cap of the same (epsilon, delta) in the ledger.
 */
enum err accountant_noise_multiplier(double epsilon, double delta, uint32_t rounds,
                                     double *noise_multiplier);

/* The ratio below that a study has unless it asks for another: of what a round gets, over
 * the next one's. */
#define ACCOUNTANT_BUDGET_RATIO 0.6

/* Geometric shares of mu^2: round t of T = `rounds` gets a part proportional to
 * ratio^(T-t), 0 < ratio <= 1, most of it last. multipliers[t-1] is its z, rounded up as
 * above. ERR_RANGE also when a round would get a multiplier above 2^19. */
enum err accountant_shares(double mu, double ratio, uint32_t rounds, double *multipliers);

/* The curve above is of continuous noise; ours lives on integers. A release of `dim`
 * numbers with `noise_shares` independent discrete Gaussians of parameter 2^noise_log2
 * each costs at most this much more (rounded up): add `epsilon` to epsilon, multiply
 * delta by exp(log_delta). Over several releases both fields add. ERR_RANGE for dim
 * outside 1 .. 2^20, noise_log2 outside 2 .. 40, noise_shares outside 1 .. 10,000. */
struct discretisation {
    double epsilon, log_delta;
};
enum err accountant_discretisation(size_t dim, unsigned noise_log2, uint32_t noise_shares,
                                   struct discretisation *discretisation);

/* The largest mu that (epsilon, delta) allows releases with this correction together:
 * what accountant_loss then states of mu^2 is at most `epsilon`. ERR_RANGE also when the
 * correction alone is more. */
enum err accountant_mu_within(double epsilon, double delta,
                              const struct discretisation *discretisation, double *mu);

/* What may be told about a total: the correction is inside epsilon, and whoever guesses
 * membership from all releases is right as stated at best. */
struct privacy_loss {
    double mu, epsilon, delta;
    double attack_auc;     /* area under the attacker's ROC curve: Phi(mu / sqrt 2) */
    double attack_tpr_1pc; /* members found at 1 % false alarms: Phi(Phi^-1(0.01) + mu) */
};
/* `discretisation` NULL: of continuous noise, for planning. ERR_RANGE for delta below
 * 1e-30 or an epsilon above 100: that would protect nobody. */
enum err accountant_loss(double mu2, const struct discretisation *discretisation,
                         double delta, struct privacy_loss *loss);

/* Members found at a false alarm rate 0 < fpr < 1, at best. */
double accountant_tpr(double mu, double fpr);

#endif
