#ifndef SIM_VERDICT_H
#define SIM_VERDICT_H

#include "sim/estimate.h"

#include "front/json.h"

/* verdict - what a trial's published prior is worth: beside the pooled fit of the same
 * records, which no hospital would allow, and in forecasts of people who taught nothing,
 * beside the model file's own prior and what the smallest hospital learns alone. Called
 * by sim/command_run. */

struct verdict_case {
    const struct model *model;
    const struct dataset *dataset;
    const size_t *hospital; /* [patients]; HOSPITAL_NONE: kept out */
    size_t hospitals, clinic;
    const char *clinic_name;
    const char *prior_path; /* the published prior */
    bool held_out;          /* is anybody kept out? */
    struct estimate_watch watch;
};

/* Adds to `result` the keys `pooled` (as `gemel-sim pooled` prints it), `comparison`
 * (sim/comparison) and `held_out`, null or: `people` kept out, `clinic`,
 * `clinic_patients`, `clinic_note` (why the clinic could not learn, else null), and
 * `errors`, a row for each `prior` (shared, start, clinic), `quantity` and number of
 * `known` measurements: `scale`
 * ("log", "probability" or a unit), `count`, `rmse`, `mae`, `within_80`,
 * `within_95` (null for a probability). */
enum err verdict_add(const struct verdict_case *verdict, struct json *result);

#endif
