#ifndef TESTS_MODELS_PEEL_H
#define TESTS_MODELS_PEEL_H

/* peel - curve stripping, as on semilogarithmic paper: the half-life of the slowest
 * exponential of a course, by two points so late that nothing else is left, and the
 * course without it. Twice peeled, the next. */

#include <math.h>
#include <stddef.h>

/* Of y [count], `step` apart, by the points `a` and `b`. */
static inline double peel(double *y, size_t count, double step, size_t a, size_t b)
{
    double rate = log(y[a] / y[b]) / (step * (double)(b - a));
    double size = y[b] * exp(rate * step * (double)b);
    for (size_t i = 0; i < count; i++)
        y[i] -= size * exp(-rate * step * (double)i);
    return log(2) / rate;
}

#endif
