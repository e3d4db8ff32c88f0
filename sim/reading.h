#ifndef SIM_READING_H
#define SIM_READING_H

#include <stdbool.h>

#include "model/model.h"
#include "model/prior.h"
#include "model/record.h"

/* reading - what is read of a virtual patient where a model predicts something: the
 * prediction with its residual error, and no more than the detection limits let be seen.
 *
 * It draws nothing: the error is that of a uniform number, by inversion, so that one
 * number has one error whatever is predicted. It predicts nothing either. Called by
 * sim/cohort and sim/visits. */

struct reader { /* whose errors they are */
    const struct model *model;
    const struct prior_layout *layout;
    const struct prior *prior;
};

struct reading {
    double value; /* in the observation's unit; the limit itself when censored */
    enum censoring censoring;
};

/* Of `uniform` in (0, 1). Where errors are correlated in time, `error` is the standard
 * normal one `dt` (model time, infinite: there is none) before, and then this one. False,
 * and a value of NaN, where nothing can be read. */
bool reading_of(const struct reader *reader, size_t observation, double prediction,
                double uniform, double dt, double *error, struct reading *reading);

#endif
