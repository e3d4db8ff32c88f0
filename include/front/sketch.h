#ifndef FRONT_SKETCH_H
#define FRONT_SKETCH_H

#include <stdbool.h>
#include <stddef.h>

#include "front/plot.h"

/* sketch - a plot as lines of text for a terminal.
 *
 * Lines and points are drawn in dots of braille where one series stands alone or colours
 * tell them apart, otherwise with one sign a series; bars in blocks. Without `unicode` it
 * is plain ASCII, without `colour` no escape sequence is written. Called by the programs.
 */

struct sketch_paper {
    size_t width, height; /* columns and rows for everything; at least 40 by 8 are used.
                             Bars take as many rows as there are. */
    bool unicode, colour;
};

/* Ends with a newline; no line is wider than the paper. Caller frees. */
char *sketch_plot(const struct plot *plot, const struct sketch_paper *paper);

#endif
