#ifndef NUMERICS_ELEMENTARY_H
#define NUMERICS_ELEMENTARY_H

#include <math.h>
#include <stdint.h>
#include <string.h>

/* elementary - exp, log and power of this house: the same bits on every machine, whatever
 * instructions it has, and without a branch, so that a loop over them becomes vector
 * code.
 *
 * Only additions, products and integer operations on the bits of doubles, each rounded as
 * IEEE 754 says; compile without contraction (-ffp-contract=off). Errors, measured by
 * tests/numerics/test_elementary.c against long double: exp and log below 1.5 ulp, power
 * below 2 + 2 |b ln a| ulp. Called by numerics/lanes and model/vector. */

inline uint64_t elementary_bits(double x)
{
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

inline double elementary_from_bits(uint64_t bits)
{
    double x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* Adding this leaves a whole number in the low bits, rounded to nearest. */
#define ELEMENTARY_SHIFT 0x1.8p52

/* e^x = 2^k e^r with k = round(x / ln 2), |r| <= ln 2 / 2, e^r by its series: the rest
 * after r^13 is below 4e-18. 2^k in two factors, because one could be beyond a double. */
inline double elementary_exp(double x)
{
    double in = x > 800 ? 800 : x;
    in = in < -800 ? -800 : in;
    double shifted = in * 0x1.71547652b82fep0 + ELEMENTARY_SHIFT;
    double k = shifted - ELEMENTARY_SHIFT;
    double halved = k * 0.5 + ELEMENTARY_SHIFT, half = halved - ELEMENTARY_SHIFT;
    double rest = k - half + ELEMENTARY_SHIFT;
    double r = in - k * 0x1.62e42feep-1;
    r = r - k * 0x1.a39ef35793c76p-33;
    double s = r * r;
    double low = 1.0 / 2 + r * (1.0 / 6) + s * (1.0 / 24 + r * (1.0 / 120));
    double middle = 1.0 / 720 + r * (1.0 / 5040) + s * (1.0 / 40320 + r * (1.0 / 362880));
    double high = 1.0 / 3628800 + r * (1.0 / 39916800) +
                  s * (1.0 / 479001600 + r * (1.0 / 6227020800));
    double tail = low + s * s * (middle + s * s * high);
    double value = 1 + (r + s * tail);
    double first = elementary_from_bits((elementary_bits(halved) + 1023) << 52);
    double second = elementary_from_bits((elementary_bits(rest) + 1023) << 52);
    return value * first * second;
}

/* log x = k ln 2 + log(1 + f) with 1 + f between sqrt 1/2 and sqrt 2. With s = f/(2 + f),
 * log(1 + f) = 2 artanh s = f - (f^2/2 - s (f^2/2 + R)), R = 2 s^2/3 + 2 s^4/5 + ...: the
 * rest after s^22 is below 1e-18. */
inline double elementary_log(double x)
{
    double scaled = x < 0x1p-1022 ? x * 0x1p54 : x;
    double added = x < 0x1p-1022 ? -54.0 : 0.0;
    uint64_t bits = elementary_bits(scaled);
    uint64_t k = (bits - 0x3fe6a09e667f3bcdu + (uint64_t)0x3ff0000000000000u) >> 52;
    double f = elementary_from_bits(bits - ((k - 1023) << 52)) - 1;
    double whole =
        elementary_from_bits(k | 0x4330000000000000u) - (0x1p52 + 1023) + added;
    double s = f / (2 + f), z = s * s, w = z * z;
    double even =
        2.0 / 3 +
        w * (2.0 / 7 + w * (2.0 / 11 + w * (2.0 / 15 + w * (2.0 / 19 + w * (2.0 / 23)))));
    double odd =
        2.0 / 5 + w * (2.0 / 9 + w * (2.0 / 13 + w * (2.0 / 17 + w * (2.0 / 21))));
    double series = z * (even + z * odd), square = 0.5 * f * f;
    double low = s * (square + series) + whole * 0x1.a39ef35793c76p-33;
    double value = whole * 0x1.62e42feep-1 - ((square - low) - f);
    value = x == 0 ? -INFINITY : value;
    value = x < 0 ? NAN : value;
    return x < INFINITY ? value : x; /* infinity, and what is no number */
}

/* a^b as e^(b log |a|), with the sign that a whole b gives a negative a. */
inline double elementary_power(double a, double b)
{
    double size = elementary_exp(b * elementary_log(fabs(a)));
    double half = b * 0.5;
    double whole = floor(b) == b ? 1.0 : 0.0, odd = floor(half) == half ? 1.0 : -1.0;
    double negative = whole > 0 ? size * odd : NAN;
    double value = a < 0 ? negative : size;
    return b == 0 || a == 1 ? 1.0 : value;
}

#endif
