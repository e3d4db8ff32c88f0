#ifndef SIM_HOSPITALS_H
#define SIM_HOSPITALS_H

#include <stdint.h>

#include "model/dataset.h"

/* hospitals - which patient is at which hospital: by a hospitals table (docs/formats.md),
 * or dealt to so many in turn. Called by sim/command_estimate and sim/command_run. */

#define HOSPITAL_NONE SIZE_MAX /* of a patient who is at none of them: kept out */

/* `where` is a table, or how many hospitals there are, in digits. Of a table the labels
 * of `column` (NULL: the first beside ID) are numbered in their order, numbers in them by
 * value: hospital [patients]. `names`, if not NULL, gets [hospitals] labels; the caller
 * frees all. ERR_USAGE for a number with a column, or of no hospital or more than
 * patients. */
enum err hospitals_read(const struct dataset *dataset, const char *where,
                        const char *column, size_t *hospital, size_t *hospitals,
                        char ***names);

#endif
