#include "privacy/noise.h"

#include <math.h>
#include <stdbool.h>

#define NOISE_STDDEV_MIN 1e-100
#define NOISE_STDDEV_MAX 1e+100

/* A Laplace draw ends here. It would be kept by the Gaussian with probability below
 * exp(-2^30), and the bound keeps every product below inside its type. */
#define SCALES_MAX ((uint64_t)1 << 16)

/* True with probability numerator / 2^bits.
 *
 * Precondition: numerator < 2^bits, bits <= 120.
 * Derivation: an infinite string of fair bits is a uniform U on [0, 1); U < p is decided
 * at the first byte where the strings of U and p differ, or is false once p has only
 * zeros left. The shift keeps numerator * 2^(128 - bits) < 2^128. Conclusion:
 * exact; 1.004 bytes on average. */
static bool bernoulli_dyadic(struct random *random, unsigned __int128 numerator,
                             unsigned bits)
{
    if (numerator == 0)
        return false;
    unsigned __int128 rest = numerator << (128 - bits); /* bits >= 1, as 0 < numerator */
    while (rest) {
        uint64_t draw = random_bits(random, 8), digit = (uint64_t)(rest >> 120);
        if (draw != digit)
            return draw < digit;
        rest <<= 8;
    }
    return false;
}

/* True with probability exp(-g), g = numerator / 2^bits < 1 (Algorithm 1, first case).
 * K ends odd with probability sum over odd K of g^(K-1)/(K-1)! - g^K/K! = exp(-g). The
 * trial of g/K is one of 1/K and one of g, both exact. */
static bool bernoulli_exp(struct random *random, unsigned __int128 numerator,
                          unsigned bits)
{
    uint64_t trials = 1; /* the trial of 1/1 needs no draw */
    while (bernoulli_dyadic(random, numerator, bits))
        if (random_below(random, ++trials) != 0)
            break;
    return trials % 2 == 1;
}

/* True with probability exp(-1): the same series at g = 1. */
static bool bernoulli_exp_one(struct random *random)
{
    uint64_t trials = 2;
    while (random_below(random, trials) == 0)
        trials++;
    return trials % 2 == 1;
}

/* Discrete Laplace of scale t = 2^k (Algorithm 2): size U + t V, where U is uniform below
 * t and kept with probability exp(-U/t), V counts successes of exp(-1). Zero is met under
 * both signs and kept under one. Size < 2^k (2^16 + 1) < 2^57. */
static void laplace_draw(struct random *random, unsigned k, uint64_t *size,
                         bool *negative)
{
    for (;;) {
        uint64_t low = random_bits(random, k);
        if (!bernoulli_exp(random, low, k))
            continue;
        uint64_t scales = 0;
        while (scales < SCALES_MAX && bernoulli_exp_one(random))
            scales++;
        *size = low + (scales << k);
        *negative = random_bits(random, 1) == 1;
        if (*negative && *size == 0)
            continue;
        return;
    }
}

/* Discrete Gaussian of parameter s = 2^k (Algorithm 3 with t = s): keep a Laplace draw Y
 * with probability exp(-(|Y| - s)^2 / (2 s^2)).
 *
 * Precondition: k <= 40.
 * Derivation: with m = |Y| - 2^k the exponent is m^2 / 2^(2k+1). |m| < 2^57, so m^2 <
 * 2^114 fits; its whole part (< 2^31, as |m| <= 2^(k+16)) needs that many successes of
 * exp(-1), its fraction is a dyadic number of 2k + 1 <= 81 bits. Conclusion: exact but
 * for SCALES_MAX, a statistical distance below exp(-2^16). */
int64_t noise_draw(struct random *random, unsigned log2_stddev)
{
    unsigned k = log2_stddev, bits = 2 * k + 1;
    for (;;) {
        uint64_t size = 0;
        bool negative = false;
        laplace_draw(random, k, &size, &negative);
        int64_t from_scale = (int64_t)size - ((int64_t)1 << k);
        uint64_t m = (uint64_t)(from_scale < 0 ? -from_scale : from_scale);
        unsigned __int128 square = (unsigned __int128)m * m;
        uint64_t whole = (uint64_t)(square >> bits);
        bool keep = true;
        for (uint64_t i = 0; keep && i < whole; i++)
            keep = bernoulli_exp_one(random);
        unsigned __int128 fraction = square - ((unsigned __int128)whole << bits);
        if (keep && bernoulli_exp(random, fraction, bits))
            return negative ? -(int64_t)size : (int64_t)size;
    }
}

enum err noise_fill(struct random *random, unsigned log2_stddev, size_t dim,
                    int64_t *noise)
{
    if (log2_stddev > NOISE_LOG2_MAX)
        return err_set(ERR_RANGE, "noise of 2^%u steps, at most 2^%d", log2_stddev,
                       NOISE_LOG2_MAX);
    for (size_t j = 0; j < dim; j++)
        noise[j] = noise_draw(random, log2_stddev);
    return ERR_OK;
}

enum err noise_step(double noise_stddev, double *step)
{
    if (!(noise_stddev >= NOISE_STDDEV_MIN && noise_stddev <= NOISE_STDDEV_MAX))
        return err_set(ERR_RANGE, "noise standard deviation %g outside [%g, %g]",
                       noise_stddev, NOISE_STDDEV_MIN, NOISE_STDDEV_MAX);
    *step = ldexp(noise_stddev, -NOISE_LOG2);
    return ERR_OK;
}

/* s^2 <= shares for the largest double s: the fma's sign is that of the exact difference.
 */
double noise_pooled(uint32_t shares)
{
    double s = sqrt(shares);
    return fma(s, s, -(double)shares) > 0 ? nextafter(s, 0) : s;
}

/* 2^20 s / z is at least 2 and at most 2^56; z and the candidate are multiplied exactly:
 * the fma's sign is that of the exact difference. */
enum err noise_norm_max(double noise_multiplier, uint32_t shares, uint64_t *norm_max)
{
    if (!(noise_multiplier >= NOISE_MULTIPLIER_MIN &&
          noise_multiplier <= NOISE_MULTIPLIER_MAX))
        return err_set(ERR_RANGE, "noise multiplier %g outside [2^-30, 2^19]",
                       noise_multiplier);
    const double scale = ldexp(noise_pooled(shares), NOISE_LOG2);
    double candidate = floor(scale / noise_multiplier);
    while (fma(candidate, noise_multiplier, -scale) > 0)
        candidate--;
    *norm_max = (uint64_t)candidate;
    return ERR_OK;
}
