#include "sim/exact.h"

#include <math.h>
#include <string.h>

#include "privacy/fixedpoint.h"

#define VALUE_LOG2_FIRST 20 /* a number of one patient is below 2^20, 2^36 or 2^52 */
#define VALUE_LOG2_MORE 16
#define RING_LOG2 62 /* half of what the ring holds */

struct exact exact_grade(size_t patients, unsigned grade)
{
    int value = VALUE_LOG2_FIRST + (int)grade * VALUE_LOG2_MORE, crowd = 0;
    while (crowd < 40 && (size_t)1 << crowd < patients)
        crowd++;
    /* patients * 2^value / step <= 2^RING_LOG2, so the sum stays in the ring. */
    return (struct exact){.step = ldexp(1, value + crowd - RING_LOG2),
                          .limit = (uint64_t)1 << (RING_LOG2 - crowd)};
}

static enum err within(const void *limits, const double *vector, size_t dimension,
                       int64_t *integers)
{
    const struct exact *exact = limits;
    enum err err = fixedpoint_quantise_exact(vector, dimension, exact->step, integers);
    if (err != ERR_OK)
        return err;
    for (size_t i = 0; i < dimension; i++)
        if (integers[i] > (int64_t)exact->limit || integers[i] < -(int64_t)exact->limit)
            return err_set(ERR_RANGE, "number %zu of a patient's vector is too large", i);
    return ERR_OK;
}

enum err exact_sum(const struct contribute_task *task, const struct statistic *statistic,
                   const struct exact *exact, uint64_t *sum,
                   struct contribute_report *report)
{
    memset(sum, 0, statistic->dimension * sizeof *sum);
    return contribute_add(task, statistic, within, exact, sum, report);
}
