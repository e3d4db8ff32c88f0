#ifndef MODEL_WATCH_H
#define MODEL_WATCH_H

#include "flow.h"
#include "scan.h"

/* watch - shows scans their courses: eight at once between the steps of a block of
 * lanes, or one that CVODES carries.
 *
 * Of each lane's step it takes the polynomial (numerics/lanes), and runs the program's
 * stream for courses (vector.h) at the times for which the scans ask, each lane at its
 * own. Called by ensemble.c and twin.c. */

struct watch;

struct watch *watch_new(const struct model *model, enum simd simd);
void watch_destroy(struct watch **watch);

/* The ensemble's, by lane. */
struct watch_lanes {
    const struct lanes *lanes;
    struct flow *flows;      /* [LANES] */
    double *registers;       /* [program->registers][LANES] */
    const double *from, *to; /* [LANES] where conditions on time keep their branch */
};

/* The last step of all of these that have a scan [LANES]; NULL: that one has none. */
void watch_step(struct watch *watch, const struct watch_lanes *of,
                struct scan *const *scans);

/* A whole run by the flow's own solver, which was planned with one reading at its end. */
enum err watch_alone(struct watch *watch, struct run *run, struct scan *scan);

#endif
