#ifndef MODEL_FEED_H
#define MODEL_FEED_H

#include "flow.h"
#include "scan.h"

/* feed - shows scans their courses: eight at once between the steps of a block of
 * lanes, or one that CVODES carries; and scans of readings their windows.
 *
 * Of each lane's step it takes the polynomial (numerics/lanes), and runs the program's
 * stream for courses (vector.h) at the times for which the scans ask, each lane at its
 * own. Called by ensemble.c and twin.c. */

struct feed;

struct feed *feed_new(const struct model *model, bool derivatives, enum simd simd);
void feed_destroy(struct feed **feed);

/* The ensemble's, by lane. */
struct feed_lanes {
    const struct lanes *lanes;
    struct flow *flows;      /* [LANES] */
    double *registers;       /* [program->registers][LANES] */
    const double *from, *to; /* [LANES] where conditions on time keep their branch */
};

/* The last step of all of these that have a scan [LANES]; NULL: that one has none. */
void feed_step(struct feed *feed, const struct feed_lanes *of, struct scan *const *scans);

/* A whole run by the flow's own solver. */
enum err feed_alone(struct feed *feed, struct run *run, struct scan *scan,
                    read_function *read, void *context);

/* --- readings of what looks back ---------------------------------------------------- */

/* Is any of these [count] (NULL: all there are) of a window? */
bool feed_looks_back(const struct model *model, const size_t *observation, size_t count);
/* Nobody wants those that are: they have no value (NaN). */
void feed_nothing_back(struct flow *flow);
/* The windows of a run's readings, of these observations (NULL: each time of all), before
 * it begins. ERR_RANGE where a window of one that was measured begins before the run, or
 * is none. */
enum err feed_plan(struct run *run, const size_t *observation, struct scan *scan);
/* run_stop, and what that means to a scan of readings (NULL: there is none). */
enum err feed_stop(struct feed *feed, struct run *run, struct scan *scan);

/* And run_turn. */
enum err feed_turn(struct feed *feed, struct run *run, struct scan *scan,
                   const struct crossing *crossing);

#endif
