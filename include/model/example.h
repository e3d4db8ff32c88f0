#ifndef MODEL_EXAMPLE_H
#define MODEL_EXAMPLE_H

#include <stddef.h>

#include "base/err.h"

/* example - what a model's file shows of itself in the comment at its head, as options of a
 * command: a run worth looking at (`gemel-node model plot`), and a study in which the model
 * can be learned (`gemel-sim calibration`, `gemel-sim cohort`).
 *
 *     # Example: 320 mg by mouth
 *     #   --dose 'oral 320 mg @ 0 h'
 *     #   --at 0:0.25:24
 *     # Study: ten samples over a day
 *     #   --dose 'oral 320 mg @ 0 h'
 *     #   --at 0.25,0.5,1,2,4,6,8,12,18,24
 *
 * Comments are no part of a model, of its canonical text and of its hash; so is this. A
 * text may come from anybody, so it says what a run is made of and nothing else: at, dose,
 * set, over, show, covariate, observe, no file. Called by node/ and sim/. */

struct example_option {
    char *name, *value; /* without dashes and quotes; "" for an option without a value */
};

struct example {
    char *caption; /* NULL: the file has none */
    struct example_option *options;
    size_t count;
};

/* What stands below `heading`, "Example" or "Study". ERR_FORMAT, with the line, for a line
 * of it that is no option. */
enum err example_read(const char *text, size_t size, const char *heading,
                      struct example *example);
void example_clear(struct example *example);

#endif
