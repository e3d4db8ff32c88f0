#ifndef MODEL_EXAMPLE_H
#define MODEL_EXAMPLE_H

#include <stddef.h>

#include "base/err.h"

/* example - what a model's file shows of itself: a run worth looking at, written as
 * options of `gemel-node model plot` in the comment at its head.
 *
 *     # Example: 320 mg by mouth
 *     #   --dose 'oral 320 mg @ 0 h'
 *     #   --at 0:0.25:24
 *
 * Comments are no part of a model, of its canonical text and of its hash; so is this. It
 * does not know which options there are. Called by node/. */

struct example_option {
    char *name, *value; /* without dashes and quotes; "" for an option without a value */
};

struct example {
    char *caption; /* NULL: the file has no example */
    struct example_option *options;
    size_t count;
};

/* ERR_FORMAT, with the line, for a line of the example that is no option. */
enum err example_read(const char *text, size_t size, struct example *example);
void example_clear(struct example *example);

#endif
