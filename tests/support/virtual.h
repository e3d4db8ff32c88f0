#ifndef TESTS_SUPPORT_VIRTUAL_H
#define TESTS_SUPPORT_VIRTUAL_H

/* virtual - well-specified virtual patients with a fixed seed, for tests of fits and for
 * bench/engine: truth drawn around the prior's centre, readings with the model's own
 * residual error. */

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"
#include "base/normal.h"
#include "model/fit.h"

struct virtual_study {
    struct model *model;
    struct prior_layout layout;
    struct prior *prior;
    size_t count;
    struct record **records; /* [count] */
    struct twin **twins;
    double (*truth)[MODEL_PARAMETERS_MAX]; /* natural scale */
    uint64_t chance;
};

static inline void virtual_must(enum err err)
{
    if (err == ERR_OK)
        return;
    fprintf(stderr, "error: %s\n", err_text());
    exit(1);
}

/* Uniform in (0, 1): xorshift64. */
static inline double virtual_uniform(struct virtual_study *study)
{
    uint64_t *state = &study->chance;
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return ((double)(*state >> 12) + 0.5) * 0x1p-52;
}

static inline void virtual_give(struct record *record, const char *input, double time,
                                double amount, size_t order)
{
    virtual_must(record_dose(record, time, input, NULL, amount, -1, order));
}

/* Of bench/hovorka.twin: three meals, boluses and basal rates of one's own. */
static inline void virtual_glucose_day(struct virtual_study *study, struct record *record)
{
    for (size_t i = 0; i < 3; i++) {
        double meal = 420 + 330 * (double)i + 60 * virtual_uniform(study);
        double grams = 40 + 40 * virtual_uniform(study);
        virtual_give(record, "meal", meal, grams, 2 * i + 1);
        virtual_give(record, "insulin", meal - 10 * virtual_uniform(study), grams / 12,
                     2 * i + 2);
        virtual_must(record_covariate(record, 480 * (double)i, "basal", NULL,
                                      8 + 4 * virtual_uniform(study), 100 + i));
    }
}

/* Of models/drugs/theophylline.twin. */
static inline void virtual_oral_dose(struct virtual_study *study, struct record *record)
{
    (void)study;
    virtual_give(record, "oral", 0, 320, 1);
}

/* Patient i's readings: predictions f [count][everything] and noise. */
static inline void virtual_read(struct virtual_study *study, size_t i, const double *f,
                                const double *times, size_t count)
{
    const struct model *model = study->model;
    const struct model_observation *observation = model_observation(model, 0);
    size_t width = model_states(model) + model_derived(model) + model_observations(model);
    size_t column = model_states(model) + model_derived(model);
    for (size_t j = 0; j < count; j++) {
        double noise = normal_quantile(virtual_uniform(study));
        virtual_must(
            record_measurement(study->records[i], times[j], observation->name, NULL,
                               f[j * width + column] + observation->additive * noise,
                               CENSORED_NOT, 1000 + j));
    }
    record_sort(study->records[i]);
}

/* `count` patients whose truth lies `spread` prior standard deviations about the centre,
 * with readings of the first observation at these times. */
static inline void virtual_open(struct virtual_study *study, const char *path,
                                void (*regimen)(struct virtual_study *, struct record *),
                                size_t count, double spread, const double *times,
                                size_t time_count)
{
    *study = (struct virtual_study){.count = count, .chance = 88172645463325252u};
    virtual_must(model_load(path, &study->model));
    virtual_must(prior_layout(study->model, &study->layout));
    virtual_must(prior_from_model(study->model, &study->prior));
    const struct model *model = study->model;
    size_t width = model_states(model) + model_derived(model) + model_observations(model);
    struct engine *engine = engine_new(model, &study->layout, NULL);
    double *f = mem_new(time_count * width, sizeof *f);
    study->records = mem_new(count, sizeof(struct record *));
    study->twins = mem_new(count, sizeof(struct twin *));
    study->truth = mem_new(count, sizeof *study->truth);
    for (size_t i = 0; i < count; i++) {
        struct record *record = study->records[i] =
            record_new("virtual", model_time_unit(model));
        regimen(study, record);
        for (size_t k = 0; k < model_parameters(model); k++) {
            const struct model_parameter *one = model_parameter(model, k);
            double phi = transform_forward(one, one->typical);
            double off = spread * one->between_sd;
            study->truth[i][k] =
                transform_back(one, phi + off * normal_quantile(virtual_uniform(study)));
        }
        record_sort(record);
        virtual_must(twin_new(model, &study->layout, record, &study->twins[i]));
        virtual_must(twin_simulate(engine, study->twins[i], study->truth[i], times,
                                   time_count, f));
        twin_destroy(&study->twins[i]);
        virtual_read(study, i, f, times, time_count);
        virtual_must(twin_new(model, &study->layout, record, &study->twins[i]));
    }
    mem_free(f);
    engine_destroy(&engine);
}

static inline void virtual_close(struct virtual_study *study)
{
    for (size_t i = 0; i < study->count; i++) {
        twin_destroy(&study->twins[i]);
        record_destroy(&study->records[i]);
    }
    mem_free(study->records);
    mem_free(study->twins);
    mem_free(study->truth);
    prior_destroy(&study->prior);
    model_destroy(&study->model);
}

#endif
