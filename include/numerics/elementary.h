#ifndef NUMERICS_ELEMENTARY_H
#define NUMERICS_ELEMENTARY_H

#include <math.h>
#include <stdint.h>
#include <string.h>

/* elementary - the elementary functions of this house: the same bits on every machine,
 * whatever instructions it has, and without a branch, so that a loop over them becomes
 * vector code.
 *
 * Only additions, products, quotients, fma (which C defines to the bit) and integer
 * operations on the bits of doubles, each rounded as IEEE 754 says; compile without
 * contraction
 * (-ffp-contract=off). Errors, held by tests/numerics/test_elementary.c to long double,
 * in units in the last place:
 *
 *     exp, log, log1p              1.5
 *     log10                        1        powers of ten are exact
 *     sin, cos                     2        up to 2^40; beyond it no number
 *     tanh                         3
 *     logit                        4        of p as it is given
 *     power                        2 + 2 |b ln a|
 *     floor                        none
 *
 * Called by numerics/lanes and model/operation. */

/* Inline wherever it is called, be the caller as large as it likes: a call in a loop
 * would keep it from becoming vector code. */
#define ELEMENTARY inline __attribute__((always_inline))

ELEMENTARY uint64_t elementary_bits(double x)
{
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

ELEMENTARY double elementary_from_bits(uint64_t bits)
{
    double x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* x if `condition` is not 0, else y: by a mask, so that no compiler makes a branch of it,
 * which would end a loop's life as vector code. */
ELEMENTARY double elementary_if(int condition, double x, double y)
{
    uint64_t mask = -(uint64_t)(condition != 0);
    return elementary_from_bits((elementary_bits(x) & mask) |
                                (elementary_bits(y) & ~mask));
}

/* -x by its sign bit: of -fma(a, b, c) gcc makes -(a b) - c, which is another zero where
 * a b = -c. */
ELEMENTARY double elementary_negative(double x)
{
    return elementary_from_bits(elementary_bits(x) ^ (uint64_t)1 << 63);
}

/* Adding this leaves a whole number in the low bits, rounded to nearest. */
#define ELEMENTARY_SHIFT 0x1.8p52

/* e^x = 2^k (1 + rest) with k = round(x / ln 2), e^r = 1 + rest by its series for
 * |r| <= ln 2 / 2, of which what follows r^13 is below 4e-18. 2^k in two factors, because
 * one could be beyond a double. */
struct elementary_power_of_e {
    double rest, first, second;
};

ELEMENTARY struct elementary_power_of_e elementary_exp_parts(double x)
{
    double in = elementary_if(x > 800, 800, x);
    in = elementary_if(in < -800, -800, in);
    double shifted = in * 0x1.71547652b82fep0 + ELEMENTARY_SHIFT;
    double k = shifted - ELEMENTARY_SHIFT;
    double halved = k * 0.5 + ELEMENTARY_SHIFT, half = halved - ELEMENTARY_SHIFT;
    double other = k - half + ELEMENTARY_SHIFT;
    double r = in - k * 0x1.62e42feep-1;
    r = r - k * 0x1.a39ef35793c76p-33;
    double s = r * r;
    double low = 1.0 / 2 + r * (1.0 / 6) + s * (1.0 / 24 + r * (1.0 / 120));
    double middle = 1.0 / 720 + r * (1.0 / 5040) + s * (1.0 / 40320 + r * (1.0 / 362880));
    double high = 1.0 / 3628800 + r * (1.0 / 39916800) +
                  s * (1.0 / 479001600 + r * (1.0 / 6227020800));
    double tail = low + s * s * (middle + s * s * high);
    struct elementary_power_of_e out = {
        r + s * tail, elementary_from_bits((elementary_bits(halved) + 1023) << 52),
        elementary_from_bits((elementary_bits(other) + 1023) << 52)};
    return out;
}

ELEMENTARY double elementary_exp(double x)
{
    struct elementary_power_of_e e = elementary_exp_parts(x);
    return (1 + e.rest) * e.first * e.second;
}

/* With e = e^(-2|x|) - 1 = (2^k - 1) + 2^k rest, k <= 0: tanh |x| = -e/(2 + e). */
ELEMENTARY double elementary_tanh(double x)
{
    struct elementary_power_of_e parts = elementary_exp_parts(-2 * fabs(x));
    double scale = parts.first * parts.second, e = (scale - 1) + scale * parts.rest;
    return copysign(e / (2 + e), x);
}

/* log(1 + f) = f - square + low for 1 + f between sqrt 1/2 and sqrt 2, square = f^2/2.
 * With s = f/(2 + f) it is 2 artanh s = f - (square - s (square + R)), R = 2 s^2/3 + 2
 * s^4/5 + ...: the rest after s^22 is below 1e-18. */
ELEMENTARY double elementary_log_low(double f)
{
    double s = f / (2 + f), z = s * s, w = z * z;
    double even =
        2.0 / 3 +
        w * (2.0 / 7 + w * (2.0 / 11 + w * (2.0 / 15 + w * (2.0 / 19 + w * (2.0 / 23)))));
    double odd =
        2.0 / 5 + w * (2.0 / 9 + w * (2.0 / 13 + w * (2.0 / 17 + w * (2.0 / 21))));
    return s * (0.5 * f * f + z * (even + z * odd));
}

/* x = 2^k (1 + f), 1 + f between sqrt 1/2 and sqrt 2, of a positive x. */
struct elementary_split {
    double k, f;
};

ELEMENTARY struct elementary_split elementary_split_of(double x)
{
    double scaled = elementary_if(x < 0x1p-1022, x * 0x1p54, x);
    double added = elementary_if(x < 0x1p-1022, -54, 0);
    uint64_t bits = elementary_bits(scaled);
    uint64_t k = (bits - 0x3fe6a09e667f3bcdu + (uint64_t)0x3ff0000000000000u) >> 52;
    struct elementary_split out = {elementary_from_bits(k | 0x4330000000000000u) -
                                       (0x1p52 + 1023) + added,
                                   elementary_from_bits(bits - ((k - 1023) << 52)) - 1};
    return out;
}

/* What a logarithm of x is where `value`, of a positive and finite x, is not. */
ELEMENTARY double elementary_log_edges(double x, double value)
{
    value = elementary_if(x == 0, -INFINITY, value);
    value = elementary_if(x < 0, NAN, value);
    return elementary_if(x < INFINITY, value, x); /* infinity, and what is no number */
}

/* log x = k ln 2 + log(1 + f), ln 2 in two parts. */
ELEMENTARY double elementary_log(double x)
{
    struct elementary_split of = elementary_split_of(x);
    double low = elementary_log_low(of.f) + of.k * 0x1.a39ef35793c76p-33;
    double value = of.k * 0x1.62e42feep-1 - ((0.5 * of.f * of.f - low) - of.f);
    return elementary_log_edges(x, value);
}

/* log10 x = k log10 2 + log(1 + f) log10 e: log(1 + f) as high + low, both constants in
 * two parts, the larger of the first short enough for an exact product with k. */
ELEMENTARY double elementary_log10(double x)
{
    struct elementary_split of = elementary_split_of(x);
    double square = 0.5 * of.f * of.f, high = of.f - square;
    double low = ((of.f - high) - square) + elementary_log_low(of.f);
    double part = high * 0x1.bcb7b1526e50ep-2;
    double lost = fma(high, 0x1.bcb7b1526e50ep-2, -part) + high * 0x1.95355baaafad3p-57;
    double whole = of.k * 0x1.34413509f6p-2, sum = whole + part;
    double below = ((whole - sum) + part) + (lost + low * 0x1.bcb7b1526e50ep-2);
    return elementary_log_edges(x, sum + (below + of.k * 0x1.9fef311f12b36p-42));
}

/* log(1 + x) = log u + c/u, u = 1 + x as rounded and c what that lost; near 0 of x
 * itself. */
ELEMENTARY double elementary_log1p(double x)
{
    double u = 1 + x, lost = elementary_if(fabs(x) < 1, x - (u - 1), 1 - (u - x));
    struct elementary_split of = elementary_split_of(u);
    double f = elementary_if(of.k == 0, x, of.f);
    double correction = elementary_if(of.k == 0, 0, lost / u);
    double low = elementary_log_low(f) + (of.k * 0x1.a39ef35793c76p-33 + correction);
    double value = of.k * 0x1.62e42feep-1 - ((0.5 * f * f - low) - f);
    return elementary_if(x == 0, x, elementary_log_edges(u, value));
}

/* log(p/(1 - p)); about 1/2, where that goes through 0, as log(1 + (2p - 1)/(1 - p)). */
ELEMENTARY double elementary_logit(double p)
{
    double outside = elementary_log(p / (1 - p));
    double inside = elementary_log1p((2 * p - 1) / (1 - p));
    return elementary_if(fabs(p - 0.5) <= 0.25, inside, outside);
}

/* x = n pi/2 + r + low, |r| up to pi/4 and a rounding, for |x| <= 2^40; beyond, r is no
 * number. pi/2 in three parts of 53 bits: x - n p1 is exact, because both are multiples
 * of the last place of p1, or of x, and the difference is below 1. */
struct elementary_angle {
    uint64_t n;
    double r, low;
};

ELEMENTARY struct elementary_angle elementary_angle_of(double x)
{
    double in = elementary_if(fabs(x) <= 0x1p40, x, NAN);
    double shifted = in * 0x1.45f306dc9c883p-1 + ELEMENTARY_SHIFT;
    double n = shifted - ELEMENTARY_SHIFT;
    double first = fma(-n, 0x1.921fb54442d18p+0, in), second = n * 0x1.1a62633145c07p-54;
    double lost = fma(n, 0x1.1a62633145c07p-54, -second) - n * 0x1.f1976b7ed8fbcp-110;
    double r = first - second, back = r - first; /* and what that loses, Knuth's way */
    struct elementary_angle out = {elementary_bits(shifted), r,
                                   ((first - (r - back)) - (second + back)) - lost};
    return out;
}

/* The sine of n quarter turns and r + low, by the series of both functions: what follows
 * r^17 and r^16 is below 3e-18. */
ELEMENTARY double elementary_turn(uint64_t n, double r, double low)
{
    double z = r * r, w = z * z;
    double odd = -1.0 / 6 + z * (1.0 / 120) +
                 w * (-1.0 / 5040 + z * (1.0 / 362880) +
                      w * (-1.0 / 39916800 + z * (1.0 / 6227020800) +
                           w * (-1.0 / 1307674368000 + z * (1.0 / 355687428096000))));
    double sine = r + (low + (r * z * odd - 0.5 * z * low));
    double even = 1.0 / 24 - z * (1.0 / 720) +
                  w * (1.0 / 40320 - z * (1.0 / 3628800) +
                       w * (1.0 / 479001600 - z * (1.0 / 87178291200) +
                            w * (1.0 / 20922789888000)));
    double half = 0.5 * z, one = 1 - half;
    double cosine = one + (((1 - one) - half) + (w * even - r * low));
    uint64_t sign = (n & 2) << 62;
    double value = elementary_if((int)(n & 1), cosine, sine);
    return elementary_from_bits(elementary_bits(value) ^ sign);
}

ELEMENTARY double elementary_sin(double x)
{
    struct elementary_angle at = elementary_angle_of(x);
    return elementary_if(x == 0, x, elementary_turn(at.n, at.r, at.low));
}

ELEMENTARY double elementary_cos(double x)
{
    struct elementary_angle at = elementary_angle_of(x);
    return elementary_turn(at.n + 1, at.r, at.low);
}

/* The C library's, bit for bit, which compilers do not vectorise where it could raise a
 * flag. Beyond 2^52 everything is whole. */
ELEMENTARY double elementary_floor(double x)
{
    double size = fabs(x), near = copysign((size + 0x1p52) - 0x1p52, x);
    double whole = elementary_if(near > x, near - 1, near);
    return elementary_if(size < 0x1p52, whole, x);
}

/* a^b as e^(b log |a|), with the sign that a whole b gives a negative a. */
ELEMENTARY double elementary_power(double a, double b)
{
    double size = elementary_exp(b * elementary_log(fabs(a)));
    double half = b * 0.5;
    double odd = elementary_if(elementary_floor(half) == half, 1, -1);
    double root = elementary_if(a < -0x1.fffffffffffffp1023, size, NAN);
    double negative = elementary_if(elementary_floor(b) == b, size * odd, root);
    double value = elementary_if(a < 0, negative, size);
    int one = (b == 0) | (a == 1) | ((a == -1) & (fabs(b) > 0x1p53));
    return elementary_if(one, 1, value);
}

#endif
