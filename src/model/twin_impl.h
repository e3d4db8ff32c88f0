#ifndef MODEL_TWIN_IMPL_H
#define MODEL_TWIN_IMPL_H

#include "ensemble.h"
#include "model/twin.h"

/* twin, as model/fit sees it: what an engine is asked about a twin, and an engine at work
 * on whatever comes. */

/* The times and observations of the twin's measurements, and its schedule. What is wanted
 * of them, and parameters, are the caller's to add. */
struct request twin_request(const struct twin *twin);
const struct twin_measurement *twin_measured(const struct twin *twin);
/* Their values, if all are uncensored and of one observation; else NULL. */
const double *twin_values(const struct twin *twin);

/* Are the measurements of `known` the first of `whole`? */
bool twin_begins(const struct twin *whole, const struct twin *known);

double engine_tolerance(const struct engine *engine);
/* Does that decide its steps? Not where the text gives their length, or nothing moves. */
bool engine_adapts(const struct engine *engine);

/* What is wanted: values, with derivatives or without, to the engine's tolerance; or the
 * same to COARSE_TOLERANCE if that is coarser: a glance and, on the approach to a mode,
 * derivatives. */
enum engine_want {
    ENGINE_VALUES,
    ENGINE_DERIVATIVES,
    ENGINE_GLANCE,
    ENGINE_APPROACH,
    ENGINE_WANTS
};
#define COARSE_TOLERANCE 1e-4

/* Of an approach; the engine's where no tolerance decides its steps, and with CVODES, by
 * which lanes are judged: it goes the whole way as exactly as it ends. */
double engine_coarse_tolerance(const struct engine *engine);

/* Answers requests until there are none: in lanes where there are any, by another method
 * what is too stiff for the first. After a failure err_text() says why while `done` is
 * called. */
void engine_run(struct engine *engine, enum engine_want want,
                const struct supply *supply);

#endif
