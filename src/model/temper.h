#ifndef MODEL_TEMPER_H
#define MODEL_TEMPER_H

#include <stdint.h>

#include "places.h"

/* temper - draws from a patient's posterior, whatever its shape: a crowd of places drawn
 * from the prior, led to the posterior through powers of the likelihood from 0 to 1.
 *
 * Sequential Monte Carlo (Del Moral, Doucet, Jasra 2006): each stage takes as much more of
 * the likelihood as leaves the crowd half its worth (by the sum of squared weights),
 * draws who stays by weight, and moves everybody by Metropolis' rule until little is
 * remembered of where they stood. A move is along the difference of two others, who
 * belong to the half that stands still meanwhile (differential evolution: ter Braak
 * 2006), so that steps are as long and as correlated as the posterior is wide, and now and
 * then from one mode to another. It needs no mode, no derivative and no normal
 * distribution. Called by posterior. */

#define TEMPER_MOST ((size_t)4000)

/* `count` draws z [count][p], which are as good as so many independent ones as it returns;
 * 0: nowhere of what it drew from the prior can the model be evaluated. Numbers from
 * `number` on. */
double temper_draw(struct places *places, uint64_t number, size_t count, double *z);

#endif
