#ifndef MODEL_FACTOR_H
#define MODEL_FACTOR_H

#include "fisher.h"

/* factor - a step of the covariance in the coordinates of its Cholesky factor.
 *
 * Omega + step is a covariance only near Omega; (C + E)(C + E)' is one for every lower
 * triangular E, and reaches those of less than full rank (a correlation of 1, a spread of
 * 0) as easily as others (Pinheiro and Bates, Statistics and Computing 6:289, 1996). The
 * entries of E take the places of the covariance numbers of a space, whose zeros have to
 * be in blocks, so that C has the same. Private to model/learn. */

struct factor {
    const struct space *space;
    size_t p;
    double *lower;  /* C [p][p] */
    double *change; /* [count][count] numbers by first-order change of (E, the others) */
};

/* ERR_NUMERIC: not a covariance. Clear after use. */
enum err factor_init(struct factor *factor, const struct space *space,
                     const struct prior *prior);
void factor_clear(struct factor *factor);

/* Score and information [count], [count][count] of the numbers, to those of (E, the
 * others). The information has in it what the second-order change E E' costs where the
 * score is against it. */
enum err factor_turn(const struct factor *factor, const double *score,
                     const double *information, double *turned_score,
                     double *turned_information);

/* A step of (E, the others) to the exact step of the numbers, in place. */
void factor_return(const struct factor *factor, double *step);

#endif
