#include "base/normal.h"

#include <math.h>

#define ROOT_TWO 1.41421356237309504880L
#define ROOT_HALF_PI 1.25331413731550025121L
#define LOG_ROOT_TWO_PI 0.918938533204672741780L
#define FRACTION_FROM 12 /* from here on the continued fraction, before it erfc */
#define FRACTION_LEVELS 40

double normal_cdf(double x)
{
    return (double)(erfcl(-x / ROOT_TWO) / 2);
}

/* Below FRACTION_FROM by the definition: rounding x / sqrt 2 costs erfc a relative x^2
 * units in the last place, at most 144 of long double. From there on Laplace's continued
 * fraction 1/(x + 1/(x + 2/(x + 3/(x + ...)))) (Abramowitz and Stegun 26.2.14): 40 levels
 * leave less than 1e-19 at 12 and less beyond. */
double normal_mills(double x)
{
    if (!(x >= FRACTION_FROM)) {
        long double wide = x;
        return (double)(ROOT_HALF_PI * expl(wide * wide / 2) * erfcl(wide / ROOT_TWO));
    }
    double rest = x;
    for (int level = FRACTION_LEVELS; level >= 1; level--)
        rest = x + level / rest;
    return 1 / rest;
}

double normal_inverse_mills(double x)
{
    return 1 / normal_mills(-x);
}

/* From -5 down Phi(x) = phi(x) M(-x), whose logarithm neither underflows nor cancels. */
double normal_log_cdf(double x)
{
    if (x > 0)
        return log1p(-normal_cdf(-x));
    if (x > -5)
        return log(normal_cdf(x));
    return (double)(-(long double)x * x / 2 - LOG_ROOT_TWO_PI + logl(normal_mills(-x)));
}

/* Newton on log Phi, which is concave and increasing: from the left of the root every
 * step stays left of it and the convergence is monotone, quadratic at the end. The start
 * is left of it because Phi(-t) <= exp(-t^2/2) / 2. Above 1/2 by symmetry, where 1 - p is
 * exact. */
double normal_quantile(double p)
{
    if (!(p >= 0 && p <= 1))
        return NAN;
    if (p > 0.5)
        return -normal_quantile(1 - p);
    if (p == 0)
        return -INFINITY;
    if (p == 0.5)
        return 0;
    double target = log(p), x = -sqrt(-2 * target);
    for (int i = 0; i < 60; i++) {
        double change = (target - normal_log_cdf(x)) / normal_inverse_mills(x);
        x += change;
        if (fabs(change) <= 0x1p-52 * fabs(x))
            break;
    }
    return x;
}
