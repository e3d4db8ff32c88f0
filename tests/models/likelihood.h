#ifndef TESTS_MODELS_LIKELIHOOD_H
#define TESTS_MODELS_LIKELIHOOD_H

/* likelihood - what a model of the house makes of a table of tests/data, beside what
 * another program published. */

#include "trial.h"

/* -2 log L of a model of the house on a table of tests/data, at the prior that `fill`
 * makes of the file's. */
static inline double likelihood(const char *model, const char *data,
                                void (*fill)(struct prior *prior), double *sum_log)
{
    char *path = mem_format("%s/models/%s.twin", SOURCE_DIR, model);
    struct trial trial = {0};
    struct prior *prior;
    assert_ok(model_load(path, &trial.model));
    assert_ok(prior_layout(trial.model, &trial.layout));
    trial.engine = engine_new(trial.model, &trial.layout, NULL);
    trial_read(&trial, data, NULL);
    assert_ok(prior_from_model(trial.model, &prior));
    fill(prior);
    double cost = trial_cost(&trial, prior);
    *sum_log = 0;
    for (size_t i = 0; i < trial.count; i++)
        for (size_t k = 0; k < twin_measurements(trial.twins[i]); k++)
            *sum_log += log(twin_measurement(trial.twins[i], k)->value);
    prior_destroy(&prior);
    trial_clear(&trial);
    mem_free(path);
    return cost;
}

#endif
