#ifndef MODEL_OUTCOME_H
#define MODEL_OUTCOME_H

#include "model/twin.h"

/* outcome - what a whole course comes to: minimum, time in range, area, time of the nadir
 * and whatever else a model declares under [outcomes], and whether it is [plausible].
 *
 * All of the course is looked at, not readings of it: by the solver's own interpolant,
 * where extremes and the moments at which conditions turn are searched for, and integrals
 * are Gauss and Kronrod's, each piece of it as fine as its formulas ask for. Jumps at
 * doses are seen from both sides. The engine carries courses as it does all others: many
 * at once, each with the bits it has alone. No derivatives: an extreme has none where it
 * moves from one peak to another. Called by node/ and sim/. */

struct outcome_series { /* of one outcome: one value, or one for each whole period */
    size_t count;
    double *from, *to; /* [count] its windows, model time */
    double *values;    /* [count] NaN: the window is not all within the course, or what is
                          asked for (the first time that ...) never happens */
};

struct outcomes {
    struct outcome_series *of; /* [model_outcomes] */
    bool *plausible;           /* [model_plausibles] */
};

/* The course of these natural-scale parameters [model parameters] from `from` until
 * `until`, which comes later. Windows of a period begin at its multiples. The twin's run
 * begins with its first row, or at `from` if that is earlier: where it is not, what was
 * before counts for nothing but the states. */
struct outcome_course {
    const struct twin *twin;
    const double *parameters;
    double from, until;
    struct outcomes *outcomes; /* out; NULL after an error; caller destroys */
    /* out; ERR_NUMERIC when the course, or what an outcome looks at, is not finite,
     * ERR_RANGE for windows that make no sense */
    enum err err;
};
void outcomes_all(struct engine *engine, struct outcome_course *courses, size_t count);

/* Of one, from the twin's first row on, or `from` if that is earlier. */
enum err outcomes_new(struct engine *engine, const struct twin *twin,
                      const double *parameters, double from, double until,
                      struct outcomes **outcomes);
void outcomes_destroy(const struct model *model, struct outcomes **outcomes);

/* Whether every plausible line holds. */
bool outcomes_plausible(const struct model *model, const struct outcomes *outcomes);

#endif
