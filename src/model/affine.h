#ifndef MODEL_AFFINE_H
#define MODEL_AFFINE_H

#include "model_impl.h"

/* affine - whether a model's rates are A y + b with A and b at rest between two stops, as
 * its instructions are written. Called by ensemble.c. */

/* Of a stream of rates: no state and no sensitivity is multiplied by another one, or goes
 * through anything but sums and products with what rests; and nobody looks at time. */
bool rates_are_affine(const struct program *program, const struct stream *rates);

#endif
