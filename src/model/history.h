#ifndef MODEL_HISTORY_H
#define MODEL_HISTORY_H

#include "fisher.h"
#include "model/learn.h"

/* history - the rounds so far, read; and how a prior is moved from one of them.
 *
 * It decides no step: learn_exact and learn_private do, and both move a prior through it,
 * so that the guards on a covariance are in one place. Private to model/learn. */

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
 * a quarter or more than four, zeros of Omega stay zero, and the factor is rotated so
 * that the round's mean information is diagonal. Caller destroys `next`. */
enum err history_move(const struct history *history, size_t round, const double *step,
                      struct prior **next);

/* The standard errors of `prior` from the covariance [space.count][space.count] of its
 * free numbers. */
void history_errors(const struct history *history, const double *covariance,
                    struct prior *prior);

#endif
