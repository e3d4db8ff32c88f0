#ifndef MODEL_HISTORY_H
#define MODEL_HISTORY_H

#include "fisher.h"
#include "model/learn.h"

/* history - the rounds so far, read; and how a prior is moved from one of them.
 *
 * It decides no step: learn_exact and learn_private do, and both move a prior through it,
 * so that the guards on a covariance are in one place. Private to model/learn. */

/* One step multiplies no variance by less or more than this. */
#define HISTORY_VARIANCE_LEAST 0.25
#define HISTORY_VARIANCE_MOST 4.0

struct history {
    const struct model *model; /* NULL: of unknown transforms */
    struct space space;
    const struct learn_round *rounds;
    size_t count;
    struct view *views; /* [count] */
    double *scores;     /* [count][space.count] */
};

/* ERR_NUMERIC for a sum that is not finite. Clear after use, also after an error. */
enum err history_init(struct history *history, const struct model *model,
                      const struct prior_layout *layout,
                      const struct statistic *statistic, const struct learn_round *rounds,
                      size_t count);
void history_clear(struct history *history);

/* The prior of `round` moved by `step` [space.count] along the free numbers, a residual's
 * step being relative (half that of its variance). No variance is multiplied by less than
 * HISTORY_VARIANCE_LEAST or more than HISTORY_VARIANCE_MOST, zeros of Omega stay zero,
 * and the factor is rotated so that the round's mean information is diagonal. Caller
 * destroys `next`. */
enum err history_move(const struct history *history, size_t round, const double *step,
                      struct prior **next);

/* The same without holding the covariance, which has to stay one: ERR_NUMERIC when it
 * does not. */
enum err history_place(const struct history *history, size_t round, const double *step,
                       struct prior **next);

/* Does "may correlate" split the parameters into blocks? */
bool history_in_blocks(const struct prior_layout *layout);

/* What a step would do to the covariance of `round`: by how much it would multiply the
 * variance along each of p directions w [p][p] (columns) that are uncorrelated before and
 * after, of variance 1 before. ERR_NUMERIC: a covariance that is not one. */
enum err history_relative(const struct history *history, size_t round, const double *step,
                          double *values, double *directions);

/* The standard errors of `prior` from the covariance [space.count][space.count] of its
 * free numbers. */
void history_errors(const struct history *history, const double *covariance,
                    struct prior *prior);

#endif
