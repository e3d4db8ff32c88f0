#ifndef TESTS_MODEL_STUDY_H
#define TESTS_MODEL_STUDY_H

#include "trial.h"

/* study - a model, its patients and rounds of exact learning until they have converged.
 */

static const char boys[] = "model boys version 1 \"t\"\ntime a\n"
                           "[parameters]\n"
                           "a = 75 cm (-999, 999) normal sd 16 cm\n"
                           "b = 13 cm/a (-99, 99) normal sd 0.8 cm/a\n"
                           "[population]\ncorrelated a, b 0\n"
                           "[equations]\nH = a + b*time\n"
                           "[observations]\nheight : H ~ add(1.3 cm)\n";

/* Rounds until converged, at most `most`; the last prior (NULL statistic sums freed). */
struct study {
    struct trial trial;
    struct statistic statistic;
    struct learn_round rounds[40];
    size_t count;
    struct learn_report report;
    struct prior *prior; /* the newest */
};

/* `data` NULL: the patients are still to be taken. */
static inline void study_begin(struct study *study, const char *text, const char *data)
{
    memset(study, 0, sizeof *study);
    trial_model(&study->trial, text);
    if (data)
        trial_read(&study->trial, data, NULL);
    statistic_layout(&study->trial.layout, true, &study->statistic);
    assert_ok(prior_from_model(study->trial.model, &study->prior));
}

/* Closer than the default, for comparisons to the last digit. */
static const struct learn_options study_exactly = {LEARN_PATIENTS_MIN, 1e-3};

static inline void study_run(struct study *study, size_t most)
{
    struct trial *trial = &study->trial;
    while (study->count < most && !study->report.converged) {
        double *sum = trial_sum(trial, study->prior, &study->statistic);
        study->rounds[study->count++] = (struct learn_round){study->prior, sum, 0};
        assert_ok(learn_step(trial->model, &trial->layout, &study->statistic,
                             study->rounds, study->count, &study_exactly, &study->prior,
                             &study->report));
    }
}

static inline void study_end(struct study *study)
{
    for (size_t i = 0; i < study->count; i++) {
        struct prior *prior = (struct prior *)study->rounds[i].prior;
        prior_destroy(&prior);
        mem_free((double *)study->rounds[i].sum);
    }
    prior_destroy(&study->prior);
    trial_clear(&study->trial);
}

#endif
