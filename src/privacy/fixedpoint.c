#include "privacy/fixedpoint.h"

#include <math.h>

static enum err shape_check(size_t dim, double step)
{
    if (dim < 1 || dim > FIXEDPOINT_DIM_MAX)
        return err_set(ERR_RANGE, "a vector of %zu numbers, expected 1 to %zu", dim,
                       FIXEDPOINT_DIM_MAX);
    if (!(step > 0 && isfinite(step)))
        return err_set(ERR_RANGE, "step %g, expected a finite number above 0", step);
    return ERR_OK;
}

/* Precondition: |steps| < 2^62 as doubles compare, hence not NaN.
 * llrint then returns the nearest integer: its argument is inside int64_t, and rounding a
 * double below 2^62 to an integer gives at most 2^62, reached only from doubles that are
 * not below it (doubles of 2^53 and more are integers already). So |result| < 2^62. */
enum err fixedpoint_quantise_exact(const double *vector, size_t dim, double step,
                                   int64_t *integers)
{
    enum err code = shape_check(dim, step);
    if (code)
        return code;
    const double limit = (double)FIXEDPOINT_LIMIT;
    for (size_t j = 0; j < dim; j++)
        if (!(fabs(vector[j] / step) < limit))
            return err_set(ERR_RANGE,
                           "number %zu of %zu is not finite or has 2^62 steps or more", j,
                           dim);
    for (size_t j = 0; j < dim; j++)
        integers[j] = llrint(vector[j] / step);
    return ERR_OK;
}

/* Conversion to uint64_t is reduction modulo 2^64 (C17 6.3.1.3), unsigned addition is
 * addition modulo 2^64 (6.2.5): the sum is the residue of the true sum, in any order. */
void fixedpoint_add(uint64_t *sum, const int64_t *integers, size_t dim)
{
    for (size_t j = 0; j < dim; j++)
        sum[j] += (uint64_t)integers[j];
}

void fixedpoint_add_ring(uint64_t *sum, const uint64_t *other, size_t dim)
{
    for (size_t j = 0; j < dim; j++)
        sum[j] += other[j];
}

/* Below 2^63 the residue is the number. At r >= 2^63 the number is r - 2^64 = -(~r) - 1,
 * where ~r <= 2^63 - 1 fits int64_t and so does every step of the expression. */
void fixedpoint_signed(const uint64_t *sum, size_t dim, int64_t *integers)
{
    for (size_t j = 0; j < dim; j++)
        integers[j] = sum[j] >> 63 ? -(int64_t)(~sum[j]) - 1 : (int64_t)sum[j];
}

void fixedpoint_real(const int64_t *integers, size_t dim, double step, double *vector)
{
    for (size_t j = 0; j < dim; j++)
        vector[j] = (double)integers[j] * step;
}
