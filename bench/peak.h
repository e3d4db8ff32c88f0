#ifndef BENCH_PEAK_H
#define BENCH_PEAK_H

#include "numerics/lanes.h"

/* peak - the most that a core's fused multiply-adds can do: additions and products a
 * second of processor time, with the vector registers of `simd`. Called by bench/engine.
 */

double peak_flops(enum simd simd);

#endif
