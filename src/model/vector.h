#ifndef MODEL_VECTOR_H
#define MODEL_VECTOR_H

#include "model_impl.h"
#include "numerics/lanes.h"

/* vector - runs a stream for LANES individuals at once, over registers
 * [registers][LANES]: as C where the build made some of it (generated.h), else by
 * interpreting its instructions.
 *
 * The same operations as the evaluator's (operation.h), and the same bits, whichever of
 * the two it is and for every `simd`; but a NaN's sign. Lanes never mix. C leaves in
 * registers only what outlives a stream: its results, and what rests. */

/* Time in a piece that keeps clear of its ends, where conditions on it are about to
 * change. */
LANES_INLINE double vector_time(double t, double from, double to)
{
    double late = t < to ? t : to;
    return late > from ? late : from;
}

void vector_run(const struct stream *stream, double *registers, enum simd simd);

/* Runs a stream of rates and puts its results, those that are fed onto `more`, into
 * `out`: out, more [results][LANES], none of the three part of another. What it leaves in
 * the stream's own registers is nothing anybody may rely on. */
void vector_rates(const struct stream *stream, double *registers, const double *more,
                  double *out, enum simd simd);

#endif
