#ifndef SIM_COHORT_H
#define SIM_COHORT_H

#include <stdint.h>
#include <stdio.h>

#include "base/err.h"
#include "model/model.h"
#include "model/record.h"

/* cohort - virtual patients: parameters drawn from a model's prior, covariates from
 * simple distributions, measurements with their residual error, one by one or written as
 * a data table.
 *
 * It draws from the model's own start, not from a learned prior, and it is seeded: the
 * same seed and design give the same patients everywhere. Normal numbers come by
 * inversion from 52 fair bits. As many threads compute as there are processors; who comes
 * out does not depend on them. What it writes, model/dataset reads without a spec. Called
 * by sim/calibration, sim/trial and sim/command_cohort. */

#define COHORT_PATIENTS_MAX 10000000

#define COHORT_TRIES_MAX 1000 /* of a binomial covariate */

enum cohort_kind {
    COHORT_FIXED,
    COHORT_NORMAL,
    COHORT_UNIFORM,
    COHORT_BERNOULLI,
    COHORT_BINOMIAL,
};
struct cohort_covariate {
    enum cohort_kind kind;
    double a, b;  /* value; mean and sd; low and high; probability; tries and probability
                     of each */
    size_t taken; /* of the tries so many are gone as covariate `taken` - 1 says, which
                     stands before this one in the model; 0: none are */
};

/* A covariate that is drawn once more, for the time from then on. */
struct cohort_change {
    size_t covariate;
    double time; /* of the model */
    struct cohort_covariate drawn;
};

struct cohort_design {
    size_t patients;
    const struct record *doses; /* only its doses count; time in the model's unit */
    const double *times;        /* ascending, model time */
    size_t time_count;
    const bool *observed;                      /* [observations] */
    const struct cohort_covariate *covariates; /* [covariates] */
    const struct cohort_change *changes; /* ascending times, after the first of `times` */
    size_t change_count;
    uint64_t seed;
    bool plausible;   /* whom the model calls implausible is drawn anew: [plausible], over
                         the course from the first dose or time to the last time */
    size_t *rejected; /* out, how many were; of a cohort that is `plausible` */
};

/* "NAME VALUE", "NAME normal MEAN SD", "NAME uniform LOW HIGH", "NAME bernoulli P",
 * "NAME binomial N P" (alleles of a gene), "NAME binomial N-OTHER P" (as many of N
 * fewer as OTHER is, for a gene of three alleles): the index of the covariate and how it
 * is drawn. ERR_USAGE, ERR_NOT_FOUND for the name. */
enum err cohort_covariate(const struct model *model, const char *phrase, size_t *index,
                          struct cohort_covariate *covariate);

/* The same followed by "@ TIME UNIT". ERR_RANGE where the model has it constant. */
enum err cohort_change(const struct model *model, const char *phrase,
                       struct cohort_change *change);

/* A patient as drawn. */
struct cohort_patient {
    size_t id;                               /* from 1 */
    double covariates[MODEL_COVARIATES_MAX]; /* at the beginning */
    double phi[MODEL_PARAMETERS_MAX];        /* individual ones, transformed */
    double parameters[MODEL_PARAMETERS_MAX]; /* all of the model's, natural scale */
    struct record *record;                   /* doses, covariates and measurements */
};

/* Every patient in turn to `take`, whose first error ends it; the record is the cohort's
 * again afterwards. ERR_NUMERIC when a drawn patient cannot be simulated. */
typedef enum err cohort_take(void *context, const struct cohort_patient *patient);
enum err cohort_each(const struct model *model, const struct cohort_design *design,
                     cohort_take *take, void *context);

typedef bool cohort_progress(void *context, size_t done);

/* The table to `out`, the true individual parameters to `truth` (may be NULL). `progress`
 * may be NULL; when it returns false the drawing stops with ERR_INTERRUPTED. ERR_NUMERIC
 * when a drawn patient cannot be simulated, ERR_STORAGE when writing fails. */
enum err cohort_draw(const struct model *model, const struct cohort_design *design,
                     FILE *out, FILE *truth, cohort_progress *progress, void *context);

#endif
