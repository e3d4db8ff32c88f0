#ifndef SIM_ESTIMATE_H
#define SIM_ESTIMATE_H

#include <stdbool.h>

#include "front/cli.h"
#include "model/dataset.h"
#include "model/learn.h"

/* estimate - a whole study in memory: hospitals contribute, the sums teach the next
 * prior, round after round, with the very code of node and coordinator.
 *
 * Without noise (multiplier 0) sums are exact integers of one step for all hospitals, so
 * that any split of the patients gives the same bits; only here is that possible, and it
 * is no privacy at all. With noise every hospital adds its own, of the full size, and the
 * budget of T equal rounds is dealt out geometrically. Called by sim/command_estimate. */

#define ESTIMATE_ROUNDS_EXACT 60
#define ESTIMATE_ROUNDS_NOISY 8
#define ESTIMATE_BUDGET_RATIO 0.6

struct estimate_options {
    double noise_multiplier; /* of each of `rounds` equal rounds; 0: none */
    double delta;
    uint32_t rounds;     /* at most; with noise exactly */
    double start_factor; /* the start is the model's times this: for trials */
    uint64_t seed;
    size_t threads;
};

struct estimate {
    struct prior_layout layout;
    struct prior *prior;
    uint32_t rounds;
    bool converged;
    double minus2_log_likelihood,
        quadrature; /* at the prior, Laplace and by quadrature */
    size_t measurements, patients, failed, unusable;
    double mu, epsilon; /* NaN without noise */
    struct learn_report last;
};

/* `hospital` [patients] gives each patient's hospital, 0 to hospitals - 1. */
enum err estimate_run(struct cli *cli, const struct model *model,
                      const struct dataset *dataset, const size_t *hospital,
                      size_t hospitals, const struct estimate_options *options,
                      struct estimate *estimate);
void estimate_clear(struct estimate *estimate);

#endif
