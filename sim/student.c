#include "sim/student.h"

#include <math.h>

#define TERMS_MAX 10000
#define HALVINGS 200

/* The continued fraction from its front, by Lentz's method, for x below the middle of the
 * distribution, where it converges fast. */
static double fraction(double a, double b, double x)
{
    const double tiny = 1e-300;
    double c = 1, d = 1 - (a + b) * x / (a + 1);
    d = 1 / (fabs(d) < tiny ? tiny : d);
    double value = d;
    for (int m = 1; m < TERMS_MAX; m++) {
        double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
        double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
        d = 1 / (1 + even * d);
        c = 1 + even / c;
        value *= c * d;
        d = 1 / (1 + odd * d);
        c = 1 + odd / c;
        value *= c * d;
        if (fabs(c * d - 1) < 1e-15)
            break;
    }
    return value;
}

/* lgamma(a + 1/2) - lgamma(a), by Stirling's series where the two would cancel (next term
 * 1/(640 a^5)). */
static double half_step(double a)
{
    return a < 200 ? lgamma(a + 0.5) - lgamma(a)
                   : log(a) / 2 - 1 / (8 * a) + 1 / (192 * a * a * a);
}

/* I_x(a, 1/2), `rest` = 1 - x without its rounding. */
static double incomplete_beta(double a, double x, double rest)
{
    if (x <= 0)
        return 0;
    if (rest <= 0)
        return 1;
    double front = exp(half_step(a) - log(M_PI) / 2 +
                       a * (rest < 0.5 ? log1p(-rest) : log(x)) + log(rest) / 2);
    return x < (a + 1) / (a + 2.5) ? front * fraction(a, 0.5, x) / a
                                   : 1 - 2 * front * fraction(0.5, a, rest);
}

double student_two_sided(double dof, double t)
{
    if (isnan(dof) || isnan(t))
        return NAN;
    double square = t * t;
    return isinf(square)
               ? 0
               : incomplete_beta(dof / 2, dof / (dof + square), square / (dof + square));
}

double student_quantile(double dof, double p)
{
    if (isnan(dof) || isnan(p))
        return NAN;
    double low = 0, high = 1;
    while (student_two_sided(dof, high) > p && high < 1e150)
        high *= 2;
    for (int i = 0; i < HALVINGS && low < high; i++) {
        double middle = low + (high - low) / 2;
        if (middle <= low || middle >= high)
            break;
        if (student_two_sided(dof, middle) > p)
            low = middle;
        else
            high = middle;
    }
    return high;
}
