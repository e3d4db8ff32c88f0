#ifndef PRIVACY_FIXEDPOINT_H
#define PRIVACY_FIXEDPOINT_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* fixedpoint - real vectors as integer multiples of a step, and sums of them modulo 2^64.
 *
 * From here to the published sum everything is an integer, so that neither the order of
 * patients, nor threads, nor rounding can change a sum or its sensitivity (Casacuberta et
 * al. 2022). It bounds nobody: what a patient may add is privacy/clip's business, and a
 * sum leaves a hospital only after privacy/noise. Called by clip, by the programs'
 * rounds, and for sums without noise by gemel-sim. Proofs: src/privacy/PROOFS.md,
 * "fixedpoint". */

#define FIXEDPOINT_DIM_MAX ((size_t)1 << 20)
#define FIXEDPOINT_LIMIT ((int64_t)1 << 62) /* every integer here is below it in size */

/* integers[j] = vector[j] / step, rounded to nearest (ties to even).
 *
 * For sums without noise: it refuses what does not fit instead of bounding it.
 * ERR_RANGE  dim outside 1 .. FIXEDPOINT_DIM_MAX, step not finite and positive, a value
 * not finite or of FIXEDPOINT_LIMIT steps or more (the sentence names its index). On an
 * error `integers` is unchanged. */
enum err fixedpoint_quantise_exact(const double *vector, size_t dim, double step,
                                   int64_t *integers);

/* sum[j] += integers[j] modulo 2^64. Addition there is exact, commutative and
 * associative. */
void fixedpoint_add(uint64_t *sum, const int64_t *integers, size_t dim);

/* sum[j] += other[j] modulo 2^64. */
void fixedpoint_add_ring(uint64_t *sum, const uint64_t *other, size_t dim);

/* The signed representative, -2^63 .. 2^63 - 1: the true sum whenever that is in there. */
void fixedpoint_signed(const uint64_t *sum, size_t dim, int64_t *integers);

/* vector[j] = integers[j] * step, to 2^-52 relative and the same on every machine. */
void fixedpoint_real(const int64_t *integers, size_t dim, double step, double *vector);

#endif
