#ifndef SIM_BEATS_H
#define SIM_BEATS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "model/model.h"

/* beats - virtual patients of a model that beats, carried over many beats in equal steps
 * (engine_new_equal), and CVODES on some of the same patients for fewer beats, so that
 * time and error stand side by side.
 *
 * Patients are drawn from the model's prior, covariates are its defaults. A state counts
 * the beats. The error is that of a state after some beats, as a share of its size,
 * against CVODES at a tolerance of 1e-10. Called by sim/command_beats. */

#define BEATS_PATIENTS_MAX 1000000
#define BEATS_VIEWS_MAX 64 /* observations */
#define BEATS_CHECKED 20   /* beats after which errors are looked at */

struct beats_plan {
    size_t patients, beats; /* of each patient */
    double step;            /* model time */
    double tolerance;       /* CVODES' */
    size_t beside;          /* patients that CVODES carries, too: the first ones */
    size_t beside_beats;
    size_t counter; /* the state that counts beats */
    uint64_t seed;
};

struct beats_side {
    double beats, seconds, error;
};

/* What an observation was in the last beat: its least, mean and greatest value, averaged
 * over patients. Of one that looks back, which says such things itself: no number. */
struct beats_view {
    double least, mean, greatest;
};

struct beats {
    struct beats_side equal, beside;
    struct beats_view views[BEATS_VIEWS_MAX]; /* [observations] */
};

/* Whether to go on. */
typedef bool beats_progress(void *context, size_t done, size_t total);

enum err beats_run(const struct model *model, const struct beats_plan *plan,
                   beats_progress *progress, void *context, struct beats *beats);

#endif
