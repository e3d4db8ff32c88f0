#ifndef MODEL_ENSEMBLE_H
#define MODEL_ENSEMBLE_H

#include "flow.h"
#include "numerics/lanes.h"

/* ensemble - carries many individuals through one model at once, LANES at a time: a lane
 * that is through with one takes the next from the queue.
 *
 * Between stops the block of lanes steps (numerics/lanes) over the program's streams
 * (vector.h); at a stop its one lane becomes a flow, to which happens what flow.h says,
 * and goes on. An individual's result depends in no bit on its lane, its neighbours, its
 * place in the queue or the kind of machine. Used by one thread at a time. Called by
 * twin.c. */

/* What is asked about one individual. */
struct request {
    const struct schedule *schedule;
    const double *parameters; /* natural scale */
    double start;
    const double *reads; /* [read_count] times, ascending */
    const size_t *read_order;
    size_t read_count;
    const size_t *observation; /* [read_count] which at each; NULL: everything there is */
    /* Of one observation: f [read_count], and with derivatives d_f [read_count][d].
     * Everything: f [read_count][states + derived + observations]. */
    double *f, *d_f;
    bool *moving; /* [d] or NULL: set where a stop's time depends on a direction */
    /* False: too stiff for lanes, or not everywhere finite. What `f` holds is nothing. */
    bool done;
};

struct ensemble;

/* `model` has states and must outlive it. */
struct ensemble *ensemble_new(const struct model *model, bool derivatives,
                              double tolerance, enum simd simd);
void ensemble_destroy(struct ensemble **ensemble);

void ensemble_run(struct ensemble *ensemble, struct request *requests, size_t count);

#endif
