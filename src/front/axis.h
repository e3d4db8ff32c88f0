#ifndef FRONT_AXIS_H
#define FRONT_AXIS_H

#include <stddef.h>

/* axis - from values to places between 0 and 1, with ticks where people expect them. */

#define AXIS_TICKS_MAX ((size_t)32)
#define AXIS_LABEL_SIZE 24

struct axis {
    double low, high; /* low < high, both finite */
};

/* Of values from `low` to `high`: an axis with some room at both ends. Without any value
 * (low > high) it goes from 0 to 1. */
struct axis axis_around(double low, double high, double room);

/* 0 at low, 1 at high. */
double axis_place(const struct axis *axis, double value);

/* Multiples of 1, 2 or 5 times a power of ten inside the axis, at most about `most`. */
size_t axis_ticks(const struct axis *axis, size_t most, double ticks[AXIS_TICKS_MAX]);

/* With just the digits that tell neighbouring ticks apart. `step`: the distance between
 * two of them, 0 for a lone number. */
void axis_label(double value, double step, char label[AXIS_LABEL_SIZE]);

#endif
