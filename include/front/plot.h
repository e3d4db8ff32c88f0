#ifndef FRONT_PLOT_H
#define FRONT_PLOT_H

#include <stdbool.h>
#include <stddef.h>

/* plot - what a picture shows: lines, points, bands or bars over two axes.
 *
 * It knows neither pixels nor characters: front/svg draws it for a page, front/sketch for
 * a terminal. Everything handed in is copied. Values that are not finite are gaps. Up to
 * PLOT_SERIES_MAX series have colours and signs that differ (Okabe and Ito's palette,
 * which people with colour-blindness tell apart); more is a bug and aborts. Called by the
 * programs. */

#define PLOT_SERIES_MAX ((size_t)6)

struct plot;

/* Labels say the quantity and its unit; NULL for none. */
struct plot *plot_new(const char *title, const char *x_label, const char *y_label);
void plot_destroy(struct plot **plot);

/* `name` for the legend; NULL for none. Order is from back to front. */
void plot_line(struct plot *plot, const char *name, const double *x, const double *y,
               size_t count);
void plot_points(struct plot *plot, const char *name, const double *x, const double *y,
                 size_t count);
/* The area between `low` and `high`. It does not use up a colour: it has that of the
 * series after it, whose uncertainty it usually is. */
void plot_band(struct plot *plot, const char *name, const double *x, const double *low,
               const double *high, size_t count);
/* A horizontal line at `y`. */
void plot_rule(struct plot *plot, const char *name, double y);

/* One bar a category, from 0; a second call sets its bars beside the first's and names
 * the same categories. With bars there is no x axis, hence no lines, points or bands. */
void plot_bars(struct plot *plot, const char *name, const char *const *categories,
               const double *values, size_t count);

#endif
