#ifndef PRIVACY_NOISE_H
#define PRIVACY_NOISE_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "privacy/random.h"

/* noise - exact discrete Gaussian numbers, and the lattice they live on.
 *
 * The sampler of Canonne, Kamath and Steinke (NeurIPS 2020, Algorithms 1-3) with
 * parameter 2^k: every probability is then a dyadic fraction decided by fair bits, with
 * no floating point and no division. Its running time depends on what it draws (Jin et
 * al. 2022), so noise is drawn before a patient's record is opened, used once and wiped;
 * it is not sent through any log and never kept for a second attempt. It does not decide
 * how much noise is enough (privacy/accountant). Called by the node's round and by
 * gemel-sim. Proof: src/privacy/PROOFS.md, "noise". */

#define NOISE_LOG2_MAX 40
#define NOISE_LOG2 20 /* the house's resolution: a step is 2^-20 of the noise */
#define NOISE_MULTIPLIER_MIN 0x1p-30
#define NOISE_MULTIPLIER_MAX 0x1p19

/* One draw: P(X = x) proportional to exp(-x^2 / (2 * 4^k)) over the integers, k =
 * log2_stddev <= NOISE_LOG2_MAX. The variance is 4^k for k >= 1 (within 1e-30) and
 * 0.9999998 for k = 0. |X| < 2^57. */
int64_t noise_draw(struct random *random, unsigned log2_stddev);

/* `dim` independent draws. ERR_RANGE for log2_stddev above NOISE_LOG2_MAX. */
enum err noise_fill(struct random *random, unsigned log2_stddev, size_t dim,
                    int64_t *noise);

/* The lattice of a release whose real sums get noise of `noise_stddev`: step =
 * noise_stddev / 2^20 exactly, so that 2^NOISE_LOG2 steps are that noise. The step
 * follows from the noise, never the other way round. ERR_RANGE unless noise_stddev is
 * within [1e-100, 1e100]. */
enum err noise_step(double noise_stddev, double *step);

/* What `shares` >= 1 independent noises of one size are together, in units of one of
 * them: sqrt(shares), rounded down. */
double noise_pooled(uint32_t shares);

/* The integer norm bound that `shares` noises of 2^20 steps each cover together at
 * `noise_multiplier`: the largest norm_max with norm_max * noise_multiplier <= 2^20 *
 * noise_pooled(shares), so that a release with this bound costs at most what the
 * multiplier says. ERR_RANGE unless the multiplier is within NOISE_MULTIPLIER_MIN and
 * _MAX. */
enum err noise_norm_max(double noise_multiplier, uint32_t shares, uint64_t *norm_max);

#endif
