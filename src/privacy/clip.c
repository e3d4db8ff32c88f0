#include "privacy/clip.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

/* Room for the rounding of the norm below (PROOFS.md, "clip", step 3). */
#define CLIP_MARGIN (1.0 - 0x1p-30)

static enum err clip_check(size_t dim, double step, uint64_t norm_max, double count)
{
    if (dim < 1 || dim > FIXEDPOINT_DIM_MAX)
        return err_set(ERR_RANGE, "contribution of %zu numbers, expected 1 to %zu", dim,
                       FIXEDPOINT_DIM_MAX);
    if (!(step > 0 && isfinite(step)))
        return err_set(ERR_RANGE, "step %g, expected a finite number above 0", step);
    if (norm_max < 1 || norm_max > CLIP_NORM_MAX)
        return err_set(ERR_RANGE, "norm bound of %llu steps, expected 1 to 2^60",
                       (unsigned long long)norm_max);
    double steps = count / step;
    if (!(steps >= 0 && steps < 0x1p61) || (uint64_t)llrint(steps) > norm_max)
        return err_set(ERR_RANGE, "count %g is not between 0 and the norm bound of %g",
                       count, (double)norm_max * step);
    return ERR_OK;
}

/* Is the integer norm within the bound?
 *
 * Precondition: norm_max <= 2^60; nothing about `integers`.
 * Derivation: every square is at most 2^126 (|-2^63| = 2^63 as a uint64_t). Before an
 * addition the sum is at most norm_max^2 <= 2^120, so it stays below 2^127 and does not
 * wrap; as soon as it exceeds norm_max^2 the answer is no, because squares only add.
 * Conclusion: true if and only if the sum of squares is <= norm_max^2. */
static bool norm_within(const int64_t *integers, size_t dim, uint64_t norm_max)
{
    unsigned __int128 bound = (unsigned __int128)norm_max * norm_max, squares = 0;
    for (size_t j = 0; j < dim; j++) {
        uint64_t size =
            integers[j] < 0 ? 0 - (uint64_t)integers[j] : (uint64_t)integers[j];
        squares += (unsigned __int128)size * size;
        if (squares > bound)
            return false;
    }
    return true;
}

/* The largest size in `vector`, or NaN when one of its numbers is not finite. */
static double largest_size(const double *vector, size_t dim)
{
    double largest = 0;
    for (size_t j = 0; j < dim; j++) {
        if (!isfinite(vector[j]))
            return NAN;
        if (fabs(vector[j]) > largest)
            largest = fabs(vector[j]);
    }
    return largest;
}

/* Scale onto the bound: vector / largest has norm r between 1 and sqrt(dim), computed
 * without overflow. Every |product| is below norm_max <= 2^60, so the conversion, which
 * truncates toward zero and thereby never lengthens, is defined. */
static void scale_down(const double *vector, size_t dim, double largest,
                       uint64_t norm_max, int64_t *integers)
{
    double squares = 0;
    for (size_t j = 0; j < dim; j++)
        squares += (vector[j] / largest) * (vector[j] / largest);
    double factor = (double)norm_max / sqrt(squares) * CLIP_MARGIN;
    for (size_t j = 0; j < dim; j++)
        integers[j] = (int64_t)(vector[j] / largest * factor);
}

enum err clip_quantise(const double *vector, size_t dim, double step, uint64_t norm_max,
                       double count, int64_t *integers)
{
    enum err code = clip_check(dim, step, norm_max, count);
    if (code)
        return code;
    double largest = largest_size(vector, dim);
    bool finite = !isnan(largest);
    if (finite && largest / step <= (double)norm_max) {
        for (size_t j = 0; j < dim; j++)
            integers[j] = llrint(vector[j] / step);
        if (norm_within(integers, dim, norm_max))
            return ERR_OK;
    }
    if (finite && largest > 0) {
        scale_down(vector, dim, largest, norm_max, integers);
        if (norm_within(integers, dim, norm_max))
            return ERR_OK;
    }
    /* Not finite. Nothing else comes here (PROOFS.md), and if it did it would be safe. */
    memset(integers, 0, dim * sizeof *integers);
    integers[0] = llrint(count / step);
    return ERR_OK;
}
