#ifndef SIM_HOSPITALS_H
#define SIM_HOSPITALS_H

#include <stdint.h>

#include "model/dataset.h"

/* hospitals - which patient is at which hospital, read from a hospitals table
 * (docs/formats.md). Called by sim/command_estimate and
 * sim/command_run. */

#define HOSPITAL_NONE SIZE_MAX /* of a patient who is at none of them: kept out */

/* Numbers the labels of `column` (NULL: the first beside ID) in their order, numbers in
 * them by value: hospital [patients]. `names`, if not NULL, gets [hospitals] labels; the
 * caller frees all. */
enum err hospitals_read(const struct dataset *dataset, const char *path,
                        const char *column, size_t *hospital, size_t *hospitals,
                        char ***names);

#endif
