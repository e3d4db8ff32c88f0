#ifndef FRONT_DRAWING_H
#define FRONT_DRAWING_H

#include "front/plot.h"

/* drawing - a plot laid out on a sheet of DRAWING_WIDTH by DRAWING_HEIGHT, and told to a
 * pen.
 *
 * It decides where everything lies; what a mark looks like, and into which file it goes,
 * is the pen's: front/svg and front/pdf. Coordinates grow to the right and downward. */

#define DRAWING_WIDTH 720
#define DRAWING_HEIGHT 400
#define DRAWING_LINE 18.0 /* height of a line of text, whose letters are 12 high */
#define DRAWING_DASHES 4  /* numbers of a dash pattern */

enum mark {
    MARK_AXIS,
    MARK_GRID,
    MARK_LINE,
    MARK_RULE,
    MARK_SIGNS, /* strokes of signs */
    MARK_DOTS,  /* strokes of no length of a thick round pen */
    MARK_BAND,  /* areas */
    MARK_BAR,
};

enum lettering { LETTERS_TITLE, LETTERS_USUAL, LETTERS_SMALL };
enum anchor { ANCHOR_START, ANCHOR_MIDDLE, ANCHOR_END };

/* A mark is begun, consists of runs of places, each begun by `move`, and is ended. `look`
 * is the series' colour. `dashes`: lengths of strokes and gaps by turns, 0 where there
 * are no more. */
struct pen {
    void *context;
    void (*begin)(void *context, enum mark mark, size_t look,
                  const double dashes[DRAWING_DASHES]);
    void (*move)(void *context, double x, double y);
    void (*line)(void *context, double x, double y);
    void (*close)(void *context); /* back to the run's first place */
    void (*end)(void *context);
    /* On the baseline at x, y, turned by `degrees` clockwise about that place. */
    void (*text)(void *context, double x, double y, enum lettering lettering,
                 enum anchor anchor, double degrees, const char *text);
};

void drawing_plot(const struct plot *plot, const struct pen *pen);

#endif
