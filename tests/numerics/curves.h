#ifndef TESTS_CURVES_H
#define TESTS_CURVES_H

#include "check.h"
#include "numerics/lanes.h"

/* The polynomials of a step are what lanes_between gives, row by row, in every lane whose
 * step stands; `stage` is the system's, with `rows` rows. Returns how many lanes' did. */
#define CURVES_ROWS_MAX ((size_t)4)

static inline size_t curves_agree(struct lanes *lanes, const double *stage, size_t rows)
{
    static const size_t all[CURVES_ROWS_MAX] = {0, 1, 2, 3};
    static const double shares[] = {0, 0.21, 0.5, 0.93};
    double c[CURVES_ROWS_MAX * (LANES_DEGREE + 1) * LANES];
    double begun[LANES], taken[LANES], t[LANES];
    lane_set stand = lanes_curves(lanes, all, rows, c, begun, taken);
    for (size_t i = 0; i < sizeof shares / sizeof *shares; i++) {
        EACH_LANE t[l] = begun[l] + shares[i] * taken[l];
        lanes_between(lanes, t, all, rows);
        EACH_OF(stand)
        for (size_t r = 0; r < rows; r++) {
            double theta = (t[l] - begun[l]) / taken[l], sum = 0, size = 0;
            for (size_t m = LANES_DEGREE + 1; m-- > 0;) {
                double one = c[(r * (LANES_DEGREE + 1) + m) * LANES + l];
                sum = sum * theta + one;
                size += fabs(one);
            }
            assert_near(sum, stage[r * LANES + l], 1e-14 * size);
        }
    }
    return (size_t)__builtin_popcount(stand);
}

#endif
