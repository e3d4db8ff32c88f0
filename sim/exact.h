#ifndef SIM_EXACT_H
#define SIM_EXACT_H

#include "node/contribute.h"

/* exact - sums without noise and without clipping: only the simulator has them.
 *
 * A vector in the exact form becomes integers of a step that depends on nothing but how
 * many patients there are in all, so that every split into hospitals, every order and
 * every number of threads gives the same bits. Steps are powers of two: far below 1e-9 of
 * any sum that a fit turns on, and coarse enough that no sum leaves the ring. */

/* How large one number of one patient may be: EXACT_LIMIT(0) = 2^20 for the finest. Far
 * from the optimum scores can be larger; then the whole round is done again one grade
 * coarser. */
#define EXACT_GRADES 3u

struct exact {
    double step;    /* what one integer is worth */
    uint64_t limit; /* of one number of one patient, in steps */
};

/* `patients`: of all hospitals together, at least 1; grade below EXACT_GRADES. */
struct exact exact_grade(size_t patients, unsigned grade);

/* contribute_add in the exact form, from a sum of zero. ERR_RANGE: a number is above the
 * grade's limit. */
enum err exact_sum(const struct contribute_task *task, const struct statistic *statistic,
                   const struct exact *exact, uint64_t *sum,
                   struct contribute_report *report);

#endif
