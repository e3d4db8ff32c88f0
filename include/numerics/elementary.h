#ifndef NUMERICS_ELEMENTARY_H
#define NUMERICS_ELEMENTARY_H

#include <math.h>
#include <stdint.h>
#include <string.h>

/* elementary - exp, log, power and floor of this house: the same bits on every machine,
 * whatever instructions it has, and without a branch, so that a loop over them becomes
 * vector code.
 *
 * Only additions, products and integer operations on the bits of doubles, each rounded as
 * IEEE 754 says; compile without contraction (-ffp-contract=off). Errors, measured by
 * tests/numerics/test_elementary.c against long double: exp and log below 1.5 ulp, power
 * below 2 + 2 |b ln a| ulp. Called by numerics/lanes and
 * model/operation. */

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

/* Adding this leaves a whole number in the low bits, rounded to nearest. */
#define ELEMENTARY_SHIFT 0x1.8p52

/* e^x = 2^k e^r with k = round(x / ln 2), |r| <= ln 2 / 2, e^r by its series: the rest
 * after r^13 is below 4e-18. 2^k in two factors, because one could be beyond a double. */
ELEMENTARY double elementary_exp(double x)
{
    double in = elementary_if(x > 800, 800, x);
    in = elementary_if(in < -800, -800, in);
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
ELEMENTARY double elementary_log(double x)
{
    double scaled = elementary_if(x < 0x1p-1022, x * 0x1p54, x);
    double added = elementary_if(x < 0x1p-1022, -54, 0);
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
    value = elementary_if(x == 0, -INFINITY, value);
    value = elementary_if(x < 0, NAN, value);
    return elementary_if(x < INFINITY, value, x); /* infinity, and what is no number */
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
