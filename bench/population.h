#ifndef BENCH_POPULATION_H
#define BENCH_POPULATION_H

#include <stdbool.h>

/* population - whole populations fitted as `gemel-sim pooled` does, on one thread, beside
 * the seconds that nlmixr2 took for the same model and data.
 *
 * Data and seconds are those of the folder ../shared/data beside the project, where that
 * is. Called by bench/engine. */

struct population {
    const char *name, *model, *data, *reference; /* a line of its reference_fits.csv */
};
extern const struct population populations[2];

struct population_pace {
    double seconds, minus2_log_likelihood;
    double peer_seconds, peer_minus2_log_likelihood;
};

/* False: the data are not there. */
bool population_measure(const struct population *population, int repeats,
                        struct population_pace *pace);

#endif
