#ifndef MODEL_GENERATE_H
#define MODEL_GENERATE_H

#include "model_impl.h"

/* generate - a model's program as C, for the build (generate_main.c); no compiler ever
 * runs beside a patient.
 *
 * A function a stream: one loop over the lanes, in it a line an instruction, each a call
 * of the very function that the interpreter's loop is made of (operation.h). The lines
 * stand in another order, result by result, so that few values are alive at once; every
 * value is the same bits. */

/* Longer streams stay with the interpreter: gcc takes six seconds for one of 1,200
 * instructions, a tenth of them exponentials; of models/, only second derivatives are
 * longer. */
#define GENERATE_INSTRUCTIONS_MAX ((size_t)1000)

/* Appends a C source that defines the constant `symbol`, a struct generated. */
void generate(const struct model *model, const char *symbol, struct bytes *source);

#endif
