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

#endif
