#ifndef PRIVACY_CLIP_H
#define PRIVACY_CLIP_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "privacy/fixedpoint.h"

/* clip - bound what one patient can add to a sum, exactly, in integers.
 *
 * Called once a patient by the node's round, before anything is added up. It is not the
 * noise (privacy/noise.h) and does not choose the bound: the plan states it and the
 * node's policy accepts or refuses it. Proof: src/privacy/PROOFS.md, "clip". */

#define CLIP_NORM_MAX ((uint64_t)1 << 60) /* steps */

/* Quantise `vector` to multiples of `step` and bound its Euclidean norm.
 *
 * Claim: on ERR_OK, sum of integers[j]^2 <= norm_max^2 as an inequality of integers, for
 * every input whatsoever. If the nearest integers already satisfy it they are the result
 * (the same ones as fixedpoint_quantise_exact's). Otherwise the whole vector, coordinate
 * 0 included, is scaled onto the bound and truncated toward zero.
 *
 * A vector with a NaN or an infinity anywhere becomes zero, except coordinate 0, which is
 * `count` / step rounded: coordinate 0 is the constant by which patients are counted
 * (vector[0] = count for everybody), and a patient whose fit failed must be counted like
 * any other, or the sum would tell that it failed.
 *
 * ERR_RANGE is about the plan's numbers only, never about the patient's: dim outside
 * 1 .. FIXEDPOINT_DIM_MAX, step not finite and positive, norm_max outside 1 ..
 * CLIP_NORM_MAX, count not finite, negative or above norm_max steps. On an error
 * `integers` is unchanged. `integers` must not overlap `vector`. */
enum err clip_quantise(const double *vector, size_t dim, double step, uint64_t norm_max,
                       double count, int64_t *integers);

#endif
