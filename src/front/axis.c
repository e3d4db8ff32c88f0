#include "axis.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define VALUE_MAX                                                                        \
    1e150 /* what is further out lies outside the axis: no overflow within */

struct axis axis_around(double low, double high, double room)
{
    low = fmax(low, -VALUE_MAX);
    high = fmin(high, VALUE_MAX);
    if (!(low <= high))
        return (struct axis){0, 1};
    double more = low < high ? (high - low) * room : low == 0.0 ? 1 : fabs(low) / 2;
    return (struct axis){low - more, high + more};
}

double axis_place(const struct axis *axis, double value)
{
    return (value - axis->low) / (axis->high - axis->low);
}

/* The smallest of 1, 2, 5 times a power of ten that is not below `least`. */
static double nice_step(double least)
{
    double power = pow(10, floor(log10(least)));
    const double steps[] = {1, 2, 5};
    for (size_t i = 0; i < 3; i++) {
        if (steps[i] * power >= least * (1 - 1e-9))
            return steps[i] * power;
    }
    return 10 * power;
}

size_t axis_ticks(const struct axis *axis, size_t most, double ticks[AXIS_TICKS_MAX])
{
    most = most < 1 ? 1 : most > AXIS_TICKS_MAX - 2 ? AXIS_TICKS_MAX - 2 : most;
    double step = nice_step((axis->high - axis->low) / (double)most);
    size_t count = 0;
    double first = ceil(axis->low / step - 1e-9);
    for (double n = first; n * step <= axis->high + 1e-9 * step; n++) {
        if (count == AXIS_TICKS_MAX)
            break;
        ticks[count++] = n * step == 0.0 ? 0 : n * step; /* no -0 */
    }
    return count;
}

/* Four digits; 1e+05 as 1e5. */
static void short_number(double value, char label[AXIS_LABEL_SIZE])
{
    snprintf(label, AXIS_LABEL_SIZE, "%.4g", value);
    char *exponent = strchr(label, 'e');
    if (!exponent)
        return;
    char *digit = exponent + 2 + strspn(exponent + 2, "0");
    char *to = exponent + 1 + (exponent[1] == '-');
    memmove(to, digit, strlen(digit) + 1);
}

void axis_label(double value, double step, char label[AXIS_LABEL_SIZE])
{
    int decimals = step > 0 ? (int)-floor(log10(step) + 1e-9) : 0;
    if (step > 0 && decimals <= 4 && fabs(value) < 1e6)
        snprintf(label, AXIS_LABEL_SIZE, "%.*f", decimals > 0 ? decimals : 0, value);
    else
        short_number(value, label);
}
