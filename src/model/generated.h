#ifndef MODEL_GENERATED_H
#define MODEL_GENERATED_H

#include "model_impl.h"

/* generated - finds the C that the build made of a model's streams (generate.h).
 *
 * A model is looked for by its program, which has to be, instruction by instruction and
 * constant by constant, the one that the C was made of. So a text with another prior, other
 * bounds or words has it as well; whatever differs in the equations (or another C library
 * that folds a constant to another last bit) runs in the interpreter, with the same results
 * to every bit. Called by model.c. */

struct generated {
    uint8_t program[HASH_BYTES];                /* program_hash when the C was made */
    generated_stream *streams[PROGRAM_STREAMS]; /* but those of rates */
    generated_rates *rate, *rate_slopes;
    generated_step *rate_step, *rate_slopes_step;
};

/* The models of models/ and bench/, as built; NULL ends it. */
extern const struct generated *const generated_models[];

/* Of all that the C depends on. */
void program_hash(const struct program *program, uint8_t hash[HASH_BYTES]);

/* Lets the model's streams run as C where `among` has it. */
void generated_attach(struct model *model, const struct generated *const *among);

#endif
