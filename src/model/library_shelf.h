#ifndef MODEL_LIBRARY_SHELF_H
#define MODEL_LIBRARY_SHELF_H

#include "model/library.h"

/* library_shelf - what library_main makes of models/: sorted by name, ended by one
 * without. Called by library.c. */
extern const struct library_model library_shelf[];

#endif
