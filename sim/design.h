#ifndef SIM_DESIGN_H
#define SIM_DESIGN_H

#include "front/cli.h"
#include "sim/cohort.h"

/* design - what virtual patients are given and when they are measured, as options of a
 * command line say it: --patients, --at, --observe, --dose, --covariate and --seed; what
 * the line does not say, the study in the model's file does (model/example).
 *
 * Called by sim/command_cohort, sim/command_calibration and sim/command_trial. */

#define DESIGN_CHANGES_MAX ((size_t)64)

struct design {
    struct model *model;
    struct cohort_design cohort; /* points at the rest */
    struct record *doses;
    double *times;
    bool *observed;
    bool measured; /* or nobody is */
    struct cohort_covariate covariates[MODEL_COVARIATES_MAX];
    struct cohort_change changes[DESIGN_CHANGES_MAX];
};

/* The model of --model, and the study of it: patients from `fewest` to `most`. ERR_USAGE
 * or ERR_NOT_FOUND for what cannot be; clear it in any case. */
enum err design_read(struct cli *cli, int64_t fewest, int64_t most,
                     struct design *design);
/* The same of patients who are not measured, for a command without --observe. */
enum err design_read_unmeasured(struct cli *cli, int64_t fewest, int64_t most,
                                struct design *design);
void design_clear(struct design *design);

#endif
