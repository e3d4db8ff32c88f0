#ifndef MODEL_MOMENTS_IMPL_H
#define MODEL_MOMENTS_IMPL_H

#include "model/moments.h"
#include "target.h"

/* moments, as model/fit makes them: a survey of O around a patient's mode, as questions
 * and answers.
 *
 * First it wants predictions and derivatives at the mode, then O at places around it, a
 * little to both sides along each direction. Called by fit. */

struct survey {
    const struct target *target;
    double step;        /* of differences, in posterior standard deviations */
    double *z;          /* [p] the mode */
    struct detail here; /* first question: f and jacobian at z, by phi and gamma */
    struct moments *moments;

    /* The second: O at `count` places (z [count][p], gamma [count][q]). */
    size_t count;
    double *places, *gammas, *sides; /* and the half distances [count / 2] */
    struct point *answers;
};

/* Around the transformed parameters phi [p], by answers of this tolerance. ERR_NUMERIC:
 * not a place of this prior. */
enum err survey_begin(struct survey *survey, const struct target *target,
                      const double *phi, double tolerance);
/* After the first answer. ERR_NUMERIC: O is nothing there. */
enum err survey_go_on(struct survey *survey);
/* After the second; the caller's. */
struct moments *survey_end(struct survey *survey);
void survey_clear(struct survey *survey);

/* Of a patient who stays on the prior: nothing is known. */
struct moments *moments_nothing(size_t p, size_t q, size_t m);

#endif
