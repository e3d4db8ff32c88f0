#ifndef FRONT_SVG_H
#define FRONT_SVG_H

#include "base/err.h"
#include "front/plot.h"

/* svg - a plot as one SVG element, 720 by 400, that scales.
 *
 * It stands alone as a file and inside a page; it carries its own style, light and dark,
 * and no script. Text in it is escaped. Caller frees. Called by front/report and the
 * programs. */
char *svg_plot(const struct plot *plot);

/* ERR_USAGE unless the name ends in .svg: nobody should find an SVG in picture.png. */
enum err svg_named(const char *path);

#endif
