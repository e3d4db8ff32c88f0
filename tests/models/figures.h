#ifndef TESTS_MODELS_FIGURES_H
#define TESTS_MODELS_FIGURES_H

/* figures - published figures of the models of the house, as a table: a model, what is
 * set and given, a functional of one output or an outcome that the model declares, what
 * is expected within which tolerance, and who says so (a paper, or a closed form). */

#include "check.h"

enum functional {
    VALUE, /* at `from` */
    LARGEST,
    TIME_OF_LARGEST,
    SMALLEST,
    TIME_OF_SMALLEST,
    LAST_RISE_THROUGH, /* the time at which it last rises through `level` */
    TIME_BELOW,        /* `level` */
    TIME_ABOVE,
    MEAN_ABOVE, /* over the time in which it is above `level` */
    AREA,
    MEAN,
    RANGE,     /* largest less smallest */
    FRACTION,  /* of the largest, what the range is */
    HALF_LIFE, /* of the decline from `from` to `to` */
    OUTCOME,   /* a line of [outcomes], of the course from `from` to `to`; the last of a
                  series */
};

struct figure {
    const char *model, *set, *doses; /* doses separated by ";" */
    const char *output;
    enum functional functional;
    double from, step, to; /* model time */
    double expected, tolerance;
    double level;
    const char *source;
};

/* Fails with every row that is off, not with the first. Rows of one model, set and doses
 * on one grid that follow one another are computed once. */
void figures_check(const struct figure *figures, size_t count);

#endif
