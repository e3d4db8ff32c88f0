#ifndef MODEL_PLACES_H
#define MODEL_PLACES_H

#include "target.h"

/* places - O of one patient at many places z at once, in lanes, without derivatives. It
 * keeps nothing but whether the patient is stiff. Called by scatter and temper. */

struct places {
    struct target target;
    struct engine *engine; /* its own, to PLACES_TOLERANCE */
    bool stiff;
};

/* O is then right to about a hundredth, and the weight of a place to half of that. */
#define PLACES_TOLERANCE 1e-5

void places_init(struct places *places, const struct engine *like,
                 const struct twin *twin, const struct prior *prior);
void places_clear(struct places *places);

/* Objectives [count] at z [count][p]; +inf where there is none. */
void places_look(struct places *places, const double *z, size_t count,
                 double *objectives);

#endif
