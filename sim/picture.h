#ifndef SIM_PICTURE_H
#define SIM_PICTURE_H

#include "front/json.h"
#include "front/plot.h"

/* picture - the plots in what came of a trial (`gemel-sim run --json`), for a terminal
 * and for a page alike: forecasts of one quantity of the people kept out, a group of bars
 * for each number of known measurements, a bar for each prior. Caller destroys. Called by
 * sim/outcome and sim/page. */

/* The k-th quantity that was forecast; NULL past the last. */
const char *picture_quantity(const struct json *result, size_t index);

struct plot *picture_errors(const struct json *result, const char *quantity);
/* How often intervals of 80 % held; NULL for what has none. */
struct plot *picture_coverage(const struct json *result, const char *quantity);

#endif
