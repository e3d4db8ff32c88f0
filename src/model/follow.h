#ifndef MODEL_FOLLOW_H
#define MODEL_FOLLOW_H

#include "model/model.h"

/* follow - a model as a filter sees it, compiled from the same text: parameters that
 * differ between patients are moved by one more state each, L, off on the transformed
 * scale, with dL/dt = -L/tau for one that drifts and is called back, and 0 otherwise; all
 * states begin anywhere, and where they begin is the only direction there is, so that
 * with a unit matrix in the place of sensitivities the evaluator's derivatives of outputs
 * and of jumps are those by the states.
 *
 * Not moved are parameters with occasions and those that decide what stands behind a dose
 * or when a condition on time switches; and none but those that drift, where there is no
 * room for more. Outcomes, what is plausible and what may be tried are not in it, nor
 * steps of one length and a period before the beginning: that is the model's own. Called
 * by track. */

struct follow {
    struct model *model; /* states: those of the original, then one for each moved */
    size_t states, moved, drifts;
    size_t
        moves[MODEL_PARAMETERS_MAX]; /* the original's parameters; drifting ones first */
    size_t written;                  /* parameters of the text */
    size_t first;        /* direction of the first state's beginning; the others follow */
    struct arena *arena; /* of what was added to the text */
};

/* ERR_RANGE where text and states together are more than a model holds. */
enum err follow_new(const struct model *model, struct follow **follow);
void follow_destroy(struct follow **follow);

/* The parameters of its model [model_parameters] from those of the original, natural
 * scale, and from where its states begin [states]. */
void follow_parameters(const struct follow *follow, const struct model *original,
                       const double *parameters, const double *states, double *out);

#endif
