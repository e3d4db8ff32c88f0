#ifndef MODEL_LEARN_PRIVATE_H
#define MODEL_LEARN_PRIVATE_H

#include "history.h"

/* learn_private - the step after noisy rounds: to the average of their one-step estimates
 * (weigh), with standard errors that include the noise.
 *
 * Private to model/learn. Fills in the report's patients, verdicts and reason. */

/* Caller destroys `next`. ERR_NUMERIC: too few patients, or nothing can be made of these
 * sums. */
enum err learn_privately(const struct history *history, const struct statistic *statistic,
                         double patients_min, struct prior **next,
                         struct learn_report *report);

#endif
