#ifndef SIM_VISITS_H
#define SIM_VISITS_H

#include "model/twin.h"
#include "sim/arms.h"
#include "sim/reading.h"

/* visits - patients who are seen at given times: what is read of them then, and what
 * their arms make of it.
 *
 * A visit comes before whatever is given or changes at its time. All observations are
 * read, with the model's errors, which come from numbers that the caller drew, so that a
 * patient has the same ones in every arm. It neither draws nor compares (sim/trial does).
 */

struct visitor { /* a patient in an arm */
    const struct arm *arm;
    const double *covariates; /* as drawn, at the beginning */
    const double *parameters;
    const double *uniforms; /* [visits][observations] in (0, 1) */
    struct record *record;  /* in order; the arm's rules change it */
    struct twin *twin;      /* of the record, also where that changed */
    size_t observation;     /* of which `first` and `last` are */
    double first, last;     /* out: readings at those visits, NaN: none */
    bool changed;           /* out: a rule changed something */
    enum err err;           /* out; ERR_NUMERIC when the course cannot be computed */
};

/* At `times` (ascending, model time), many at once, each as if it were alone. */
void visits_all(struct engine *engine, const struct reader *reader, const double *times,
                size_t count, struct visitor *visitors, size_t visitor_count);

#endif
