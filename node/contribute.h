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
 * be charged is decided before (node/crowd); the records come through a callback one by
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

    double step;           /* what one integer is worth */
    uint64_t norm_max;     /* of one patient's integers */
    struct random *random; /* where the noise comes from; NULL: fresh */
    size_t threads;        /* 0: one a processor */
    double tolerance;      /* of the solver, of contribute_add; 0: the engine's */

    /* May be NULL. Called under a lock, with the number of patients done. */
    void (*progress)(void *context, size_t done, size_t total);
    bool (*interrupted)(void *context);
    void *context;
};

/* For the hospital's own eyes: nothing of it leaves. */
struct contribute_report {
    size_t patients;  /* all of them are in the sum */
    size_t converged; /* twins whose fit came to rest */
    size_t stayed;    /* fits that did not: counted, teaching nothing */
    size_t unusable;  /* records the model cannot read (a missing covariate): likewise */
    size_t measurements;
    char reason[200]; /* of the first (by index) that stayed or is unusable; "" */
};

/* sum [dimension of the private form] is overwritten: noise of parameter 2^NOISE_LOG2 in
 * every number, structurally zero ones too, drawn before the first record is asked for,
 * and every patient's vector clipped to `norm_max`. ERR_INTERRUPTED, the callback's
 * refusals, ERR_RANGE for steps and bounds; then `sum` is wiped and `report` unchanged.
 */
enum err contribute(const struct contribute_task *task, uint64_t *sum,
                    struct contribute_report *report);

/* One patient's vector as bounded integers. Called by several threads at once. */
typedef enum err contribute_bound(const void *limits, const double *vector,
                                  size_t dimension, int64_t *integers);

/* What contribute is made of: add every patient, in the statistic's layout and under any
 * bound, to what `sum` holds already. It adds no noise. A node comes here through
 * contribute only; gemel-sim has a bound of its own (sim/exact). */
enum err contribute_add(const struct contribute_task *task,
                        const struct statistic *statistic, contribute_bound *bound,
                        const void *limits, uint64_t *sum,
                        struct contribute_report *report);

#endif
