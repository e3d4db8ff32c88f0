#ifndef FRONT_PLOT_IMPL_H
#define FRONT_PLOT_IMPL_H

/* What a plot holds, for those who draw it: svg and sketch. */

#include "front/plot.h"

#include "axis.h"

enum series_kind { SERIES_LINE, SERIES_POINTS, SERIES_BAND, SERIES_RULE, SERIES_BARS };

struct series {
    enum series_kind kind;
    char *name;    /* NULL: not in the legend */
    double *x, *y; /* [count]; bars have no x */
    double *high;  /* [count] of a band, whose low is y */
    size_t count;
    size_t look; /* its colour and sign, 0 ... PLOT_SERIES_MAX - 1 */
};

struct plot {
    char *title, *x_label, *y_label; /* labels may be NULL */
    struct series *series;
    size_t series_count, series_capacity, looks;
    char **categories; /* [category_count]; of bars */
    size_t category_count;
};

/* The axes that hold all of it. Bars always stand on 0. */
void plot_axes(const struct plot *plot, struct axis *x, struct axis *y);
size_t plot_bar_count(const struct plot *plot); /* series of bars */

/* How many bands of its colour lie at or under a band, itself included: an inner interval
 * is drawn over the outer one, and a legend shows it as dense as it becomes. */
size_t plot_bands_under(const struct plot *plot, const struct series *band);

#endif
