#ifndef MODEL_WEIGH_H
#define MODEL_WEIGH_H

#include "fisher.h"
#include "model/learn.h"

/* weigh - what noisy rounds say together about the free numbers.
 *
 * Every round gives a one-step estimate: its prior moved by its Fisher step. The scores
 * carry noise of known covariance S, so that the estimate has the precision J S^-1 J, J
 * the information; directions of which J knows nothing weigh nothing. The estimates are
 * averaged by precision together with the starting prior, which counts as a guess with
 * stated uncertainty: that is what damps early rounds. A round far from the average, in
 * units of its noise, counts less, because a Fisher step is only linear. What noise would
 * still swamp is held. All of it is post-processing of noisy sums and uses no other
 * knowledge (docs/statistics.md). Private to model/learn and its tests. */

struct weighed {
    double *value; /* [count] each free number; of residual parameters the variance */
    double *noise; /* [count][count] covariance of `value` that the noise leaves */
    double patients;
    struct shortening last; /* what it did in the last round */
    enum learn_verdict effects, covariance, residual, population;
};

/* The views are mended in place: slopes of shortening divided out, information pooled
 * over the rounds and held to what it can be. ERR_NUMERIC when nothing can be made of
 * them. */
enum err weigh_rounds(const struct space *space, const struct statistic *statistic,
                      const struct learn_round *rounds, struct view *views, size_t count,
                      struct weighed *weighed);
void weighed_clear(struct weighed *weighed);

#endif
