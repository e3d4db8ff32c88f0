#ifndef MODEL_VECTOR_H
#define MODEL_VECTOR_H

#include "model_impl.h"
#include "numerics/lanes.h"

/* vector - runs a stream for LANES individuals at once, over registers
 * [registers][LANES].
 *
 * The same instructions as the evaluator's, in the same order, with this house's own exp,
 * log and power (numerics/elementary.h) instead of the C library's: the same to rounding,
 * and the same bits for every `simd`. Lanes never mix. */

void vector_run(const struct stream *stream, double *registers, enum simd simd);

/* The stream's first results onto `more`: out, more [count][LANES]. */
void vector_results(const struct stream *stream, const double *registers, size_t count,
                    const double *more, double *out, enum simd simd);

#endif
