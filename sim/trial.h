#ifndef SIM_TRIAL_H
#define SIM_TRIAL_H

#include "sim/arms.h"
#include "sim/cohort.h"

/* trial - a virtual trial: patients drawn as a cohort, what an outcome of the model comes
 * to in each arm, or what is read of them at visits, and whether a trial of this size
 * would show it.
 *
 * Every patient is drawn once and goes through every arm, so that arms differ by what
 * they do and by nothing else (common random numbers): that gives the means and the
 * paired differences. As a trial sees it each patient belongs to one arm, in turn, which
 * for patients drawn independently is as good as by lot, and arms are compared with the
 * first by Welch's t, two-sided. Outcomes are those of the true course; readings at
 * visits have the model's errors, the same ones in every arm, and arms may have rules by
 * them (sim/visits). A course is from the first dose that anybody gets, or the first time
 * if that is earlier, to the last time. It is not a trial of a learned prior: people are
 * the model's own. Called by sim/command_trial. */

#define TRIAL_PATIENTS_MAX 10000000 /* of all trials together */
#define TRIAL_LEVEL 0.05            /* of a two-sided test; intervals of 95 % */
#define TRIAL_VISITS_MAX ((size_t)1000)

enum trial_endpoint {                /* what arms are compared by */
                      TRIAL_OUTCOME, /* of the true course, one that is no series */
                      TRIAL_READING, /* of an observation at the last visit */
                      TRIAL_CHANGE,  /* that, less the reading at the first visit */
};

struct trial_design {
    const struct cohort_design *cohort; /* the patients of one trial */
    const struct arms *arms;            /* two or more; the first is compared with */
    enum trial_endpoint endpoint;
    size_t of;            /* that outcome or observation of the model */
    const double *visits; /* ascending, model time, within the course */
    size_t visit_count;
    size_t trials;
    double dropout; /* hazard, 1/model time: whoever leaves before the end has no value
                       in the trial, whatever the arm */
    size_t threads; /* 0: one a processor; nothing depends on how many */
    bool (*progress)(void *context, size_t done); /* patients; false stops; may be NULL */
    void *context;
};

struct trial_mean {  /* of an arm, over all patients of all trials */
    size_t patients; /* who have a value: the outcome may never happen */
    double mean, sd;
    size_t met;     /* whom one of the arm's conditions lets in */
    size_t changed; /* for whom one of its rules changed something */
};

struct trial_difference {     /* of an arm and the first */
    size_t pairs;             /* patients with both values */
    double paired, paired_se; /* mean of their differences, and its standard error */
    size_t patients, others;  /* of the first trial, with a value: in the arm, in the
                                 first arm */
    double difference, low, high, p; /* of the first trial, interval of 95 %; NaN with
                                        fewer than two values in an arm */
    size_t significant;              /* trials with p < TRIAL_LEVEL */
};

struct trial {
    double from, until; /* model time: the course of everybody in every arm */
    struct trial_mean means[ARMS_MAX];
    struct trial_difference differences[ARMS_MAX]; /* [0] means nothing */
};

/* ERR_USAGE or ERR_RANGE for a design that makes no sense, ERR_NUMERIC for a course that
 * cannot be computed, ERR_INTERRUPTED. */
enum err trial_run(const struct model *model, const struct trial_design *design,
                   struct trial *trial);

#endif
