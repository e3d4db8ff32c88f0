#ifndef TESTS_MODEL_TRIAL_H
#define TESTS_MODEL_TRIAL_H

/* trial - a model and its patients, as the tests of fitting and learning need them: read
 * from a table of tests/data, or drawn with a fixed seed. */

#include "base/memory.h"
#include "check.h"
#include "model/dataset.h"
#include "model/fit.h"
#include "model/learn.h"
#include "model/posterior.h"
#include "model/update.h"

struct trial {
    struct model *model;
    struct prior_layout layout;
    struct engine *engine;
    struct dataset *dataset;
    struct record **records; /* of patients that are not the dataset's */
    struct twin **twins;
    size_t count, capacity;
};

static inline void trial_model(struct trial *trial, const char *text)
{
    *trial = (struct trial){0};
    assert_ok(model_parse(text, strlen(text), "trial", &trial->model));
    assert_ok(prior_layout(trial->model, &trial->layout));
    trial->engine = engine_new(trial->model, &trial->layout, NULL);
}

static inline void trial_take(struct trial *trial, const struct record *record)
{
    MEM_GROW(trial->twins, trial->count + 1, &trial->capacity);
    assert_ok(
        twin_new(trial->model, &trial->layout, record, &trial->twins[trial->count++]));
}

static inline void trial_read(struct trial *trial, const char *name, const char *spec)
{
    char *path = mem_format("%s/tests/data/%s", SOURCE_DIR, name);
    assert_ok(dataset_read(path, spec, trial->model, &trial->dataset));
    mem_free(path);
    for (size_t i = 0; i < dataset_patients(trial->dataset); i++)
        trial_take(trial, dataset_record(trial->dataset, i));
}

/* What Laplace's approximation says of a twin, whatever that is worth. */
static inline struct posterior *trial_normal(struct trial *trial, const struct twin *twin,
                                             const struct prior *prior)
{
    struct fit *fit;
    assert_ok(fit_new(trial->engine, twin, prior, &fit));
    return posterior_new(trial->engine, twin, prior, fit, 0);
}

static inline void trial_clear(struct trial *trial)
{
    for (size_t i = 0; i < trial->count; i++)
        twin_destroy(&trial->twins[i]);
    mem_free(trial->twins);
    if (trial->dataset)
        dataset_destroy(&trial->dataset);
    engine_destroy(&trial->engine);
    model_destroy(&trial->model);
}

/* -2 log L of all patients. The whitening does not matter to it: the Cholesky factor. */
static inline double trial_cost(struct trial *trial, struct prior *prior)
{
    double total = 0;
    assert_ok(prior_factor(prior, NULL));
    for (size_t i = 0; i < trial->count; i++) {
        struct fit *fit;
        assert_ok(fit_new(trial->engine, trial->twins[i], prior, &fit));
        total += fit->minus2_log_likelihood;
        fit_destroy(&fit);
    }
    return total;
}

static inline void trial_vector(struct trial *trial, size_t i, const struct prior *prior,
                                const struct statistic *statistic, double *vector)
{
    struct fit *fit;
    struct moments *moments = NULL;
    assert_ok(fit_new(trial->engine, trial->twins[i], prior, &fit));
    if (!fit->converged ||
        fit_moments(trial->engine, trial->twins[i], prior, fit, &moments) != ERR_OK ||
        update_vector(trial->twins[i], prior, fit, moments, statistic, vector) != ERR_OK)
        update_uninformed(statistic, twin_x(trial->twins[i]), vector);
    moments_destroy(&moments);
    fit_destroy(&fit);
}

/* A round's sum [statistic->dimension]; caller frees. */
static inline double *trial_sum(struct trial *trial, const struct prior *prior,
                                const struct statistic *statistic)
{
    double *sum = mem_new(statistic->dimension, sizeof *sum);
    double *vector = mem_new(statistic->dimension, sizeof *vector);
    for (size_t i = 0; i < trial->count; i++) {
        trial_vector(trial, i, prior, statistic, vector);
        for (size_t d = 0; d < statistic->dimension; d++)
            sum[d] += vector[d];
    }
    mem_free(vector);
    return sum;
}

#endif
