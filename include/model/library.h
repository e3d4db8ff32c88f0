#ifndef MODEL_LIBRARY_H
#define MODEL_LIBRARY_H

#include <stddef.h>

#include "base/bytes.h"
#include "base/err.h"
#include "model/model.h"

/* library - the models that come with the program: their texts, inside it, so that a name
 * is enough wherever a model's file is asked for.
 *
 * It holds what models/ held when the program was built, comments included, sorted by
 * name. It reads files as well, but knows nothing of what a text means (model_parse).
 * Called by the programs. */

struct library_model {
    const char *name; /* "drugs/theophylline": folder and file of models/ */
    const char *text; /* of the file */
};

size_t library_models(void);
const struct library_model *library_model(size_t index);

/* The text of what somebody calls a model: a file, or else a model of the library by its
 * name, with or without the folder. Appends to `text` without a closing 0. ERR_NOT_FOUND,
 * with the nearest name as a hint, for what is neither; other errors are file_read's. */
enum err library_read(const char *which, struct bytes *text);

/* The same, understood; errors are library_read's and model_parse's. */
enum err library_load(const char *which, struct model **model);

#endif
