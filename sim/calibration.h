#ifndef SIM_CALIBRATION_H
#define SIM_CALIBRATION_H

#include "sim/cohort.h"

/* calibration - does a twin know how much it knows? Simulation-based calibration (Talts,
 * Betancourt, Simpson, Vehtari, Gelman 2018) of a twin's posterior (model/posterior), or
 * of Laplace's alone.
 *
 * Patients are drawn from the model's own prior and fitted under it. Where the true
 * parameter lies in its posterior, as a rank between 0 and 1, is then uniform over
 * patients, if the likelihood is right and the posterior is what it says; and an interval
 * of 90 % holds the truth for 90 % of them. A fit that failed counts with what the twin
 * then claims, its prior. Parameters of which a design says nothing are calibrated, too:
 * `known` tells. Of the effects that a parameter has on its occasions each patient gives
 * the rank of one, in turn: ranks of one patient's depend on each other. It is no
 * judgement of whether a model is right for real people. Called by
 * sim/command_calibration. */

#define CALIBRATION_PATIENTS_MIN 20
#define CALIBRATION_PATIENTS_MAX 100000
#define CALIBRATION_BINS_MAX 20 /* of a rank histogram; ten patients or more in each */

#define CALIBRATION_LEVELS 3
extern const double calibration_level[CALIBRATION_LEVELS]; /* 0.80, 0.90 and 0.95 */

struct calibration_parameter {
    size_t parameter; /* of the model */
    bool occasions;   /* of its effects on them */
    double known;     /* 1 - V / Omega, mean over patients: 0 nothing, 1 everything */
    size_t ranks[CALIBRATION_BINS_MAX];
    double p_value; /* of a uniform histogram, by chi-square */
    size_t within[CALIBRATION_LEVELS];
};

struct calibration {
    size_t patients, bins;
    size_t count; /* individual parameters; behind them what varies between occasions */
    size_t not_normal; /* posteriors, of which there are draws */
    size_t failed;     /* fits that stayed on the prior, and why the first did */
    char reason[200];
    struct calibration_parameter parameters[MODEL_PARAMETERS_MAX]; /* [count] */
};

/* Called under a lock, by any thread. */
struct calibration_watch {
    void (*progress)(void *context, const char *what, size_t done, size_t total);
    bool (*interrupted)(void *context);
    void *context;
};

/* `draws` of a posterior that is not normal; 0: whatever it is, Laplace's counts.
 * `threads` 0: one a processor; the result does not depend on how many. ERR_RANGE for too
 * few or too many patients or a model in which nothing differs between them, ERR_NUMERIC
 * when a drawn patient cannot be simulated, ERR_INTERRUPTED. */
enum err calibration_run(const struct model *model, const struct cohort_design *design,
                         size_t draws, size_t threads,
                         const struct calibration_watch *watch,
                         struct calibration *calibration);

/* Is it calibrated: ranks uniform at p > 0.001, 85 to 95 % in the 90 % intervals, and one
 * fit in twenty failed at most? */
bool calibration_holds(const struct calibration *calibration,
                       const struct calibration_parameter *parameter);

#endif
