#ifndef SIM_ESTIMATE_H
#define SIM_ESTIMATE_H

#include <stdbool.h>
#include <stdint.h>

#include "model/dataset.h"
#include "model/learn.h"

/* estimate - a whole study in memory: hospitals contribute, the sums teach the next
 * prior, round after round, with the very code of node and coordinator.
 *
 * Without noise (multiplier 0) sums are exact integers (sim/exact), so that any split of
 * the patients gives the same bits; only here is that possible, and it is no privacy at
 * all. With noise every hospital adds its own, of the full size, so that the stated
 * epsilon holds at each by itself; the budget of T equal rounds is dealt out
 * geometrically. Called by sim/command_estimate. */

#define ESTIMATE_ROUNDS_EXACT 60
#define ESTIMATE_ROUNDS_NOISY 8
#define ESTIMATE_ROUNDS_MAX 1000

struct estimate_options {
    double noise_multiplier; /* of each of `rounds` equal rounds; 0: none */
    double delta;
    uint32_t rounds;     /* at most; with noise exactly */
    double start_factor; /* the start is the model's times this: for trials */
    uint64_t seed;       /* of the noise */
    size_t threads;      /* 0: one a processor */
};

/* What to tell whoever waits; every function may be NULL. */
struct estimate_watch {
    /* `what` is a few words; done == total ends it. */
    void (*progress)(void *context, const char *what, size_t done, size_t total);
    /* After a round: its number from 1, its noise multiplier (0: none), what was learned.
     */
    void (*learned)(void *context, uint32_t round, double multiplier,
                    const struct learn_report *report);
    bool (*interrupted)(void *context);
    void *context;
};

struct estimate {
    struct prior_layout layout;
    struct prior *prior;
    uint32_t rounds;
    bool converged;
    double minus2_log_likelihood; /* at the prior, Laplace, by an exact pass: a simulator
                                     knows it with noise as well */
    double skew;                  /* as in model/learn.h, at the prior */
    size_t hospitals, patients, measurements;
    size_t failed; /* fits that stayed on the prior in that pass, and why the first did */
    char reason[200];
    double mu, epsilon;  /* NaN without noise */
    double noise_stddev; /* in every number of the last sum, all hospitals'; 0 without */
    struct learn_report last;
};

/* `hospital` [patients] gives each patient's hospital, 0 to hospitals - 1; those at
 * HOSPITAL_NONE take no part. ERR_FORMAT
 * when the model cannot read a record, ERR_INTERRUPTED, ERR_RANGE for what the options
 * ask. */
enum err estimate_run(const struct model *model, const struct dataset *dataset,
                      const size_t *hospital, size_t hospitals,
                      const struct estimate_options *options,
                      const struct estimate_watch *watch, struct estimate *estimate);
void estimate_clear(struct estimate *estimate);

#endif
