#ifndef NODE_CONTRIBUTE_H
#define NODE_CONTRIBUTE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "model/record.h"
#include "model/statistic.h"
#include "privacy/random.h"

/* contribute - what one hospital adds to a round's sum: every patient fitted, bounded,
 * turned into integers and added up modulo 2^64, on top of noise drawn beforehand.
 *
 * It is the daemon's and the simulator's alike: no store, no socket, no ledger. Who may
 * be charged is decided before (node/answer); the records come through a callback one by
 * one, so that a hospital may hold more than fits in memory. Integers make the sum
 * independent of the order of patients and of the number of threads. */

struct contribute_task {
    const struct model *model;
    const struct prior_layout *layout;
    const struct prior *prior;
    size_t patients;

    /* The record of patient `index`, sorted; contribute destroys it. Never called by two
     * threads at once. */
    enum err (*record)(void *source, size_t index, struct record **record);
    void *source;

    bool exact;            /* no clipping and no noise: gemel-sim only */
    double step;           /* what one integer is worth */
    uint64_t norm_max;     /* of one patient's integers; private form */
    struct random *random; /* private form: where the noise comes from; NULL: fresh */
    size_t threads;        /* 0: one a processor */

    /* May be NULL. Called under a lock, with the number of patients done. */
    void (*progress)(void *context, size_t done, size_t total);
    bool (*interrupted)(void *context);
    void *context;
};

struct contribute_report {
    size_t patients;  /* all of them are in the sum */
    size_t converged; /* twins whose fit came to rest */
    size_t stayed;    /* fits that did not: counted, teaching nothing */
    size_t unusable;  /* records the model cannot read (a missing covariate): likewise */
    size_t measurements;
};

/* sum [statistic dimension] is overwritten. In the private form it holds noise of
 * parameter 2^NOISE_LOG2 in every number, structurally zero ones too. ERR_INTERRUPTED,
 * the callback's refusals, ERR_RANGE for steps and bounds; then `sum` is wiped. */
enum err contribute(const struct contribute_task *task, uint64_t *sum,
                    struct contribute_report *report);

#endif
