/* bench/engine - how fast twins are calibrated and simulated, beside the same model, the
 * same patients and the same search by CVODES (the distribution's package) in the same
 * process.
 *
 *   build/bench/engine [--json]
 *
 * Virtual patients: a day of glucose (bench/hovorka.twin: ten states, six parameters,
 * three meals, three boluses and three basal rates each, a reading every five minutes),
 * and an oral drug (models/theophylline.twin, ten readings). A fit is the product's own:
 * mode, Laplace covariance, and a look around the mode. Processor time of one thread; the
 * mean over the patients that both did. Objectives have to be equal, or there is no row.
 */

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/memory.h"
#include "base/normal.h"
#include "model/fit.h"
#include "numerics/lanes.h"

#define PATIENTS 200 /* ours */
#define PEERS 6      /* of them, by CVODES */
#define DAY 1440.0
#define READINGS 288

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static void check(enum err err)
{
    if (err == ERR_OK)
        return;
    fprintf(stderr, "error: %s\n", err_text());
    exit(1);
}

/* --- virtual patients -----------------------------------------------------------------
 */

static uint64_t chance_state = 88172645463325252u;

static double uniform(void)
{
    chance_state ^= chance_state << 13;
    chance_state ^= chance_state >> 7;
    chance_state ^= chance_state << 17;
    return ((double)(chance_state >> 12) + 0.5) * 0x1p-52;
}

struct study {
    struct model *model;
    struct prior_layout layout;
    struct prior *prior;
    struct record *records[PATIENTS];
    struct twin *twins[PATIENTS];
    double truth[PATIENTS][MODEL_PARAMETERS_MAX];
};

static void give(struct record *record, const char *input, double time, double amount,
                 size_t order)
{
    check(record_dose(record, time, input, NULL, amount, -1, order));
}

static void glucose_day(struct record *record)
{
    for (size_t i = 0; i < 3; i++) {
        double meal = 420 + 330 * (double)i + 60 * uniform(), grams = 40 + 40 * uniform();
        give(record, "meal", meal, grams, 2 * i + 1);
        give(record, "insulin", meal - 10 * uniform(), grams / 12, 2 * i + 2);
        check(record_covariate(record, 480 * (double)i, "basal", NULL, 8 + 4 * uniform(),
                               100 + i));
    }
}

static void oral_dose(struct record *record)
{
    give(record, "oral", 0, 320, 1);
}

/* Readings of the model's first observation at these times, of a truth at half a prior
 * standard deviation. */
static void study_open(struct study *study, const char *path,
                       void (*regimen)(struct record *), const double *times,
                       size_t count)
{
    *study = (struct study){0};
    check(model_load(path, &study->model));
    check(prior_layout(study->model, &study->layout));
    check(prior_from_model(study->model, &study->prior));
    struct engine *engine = engine_new(study->model, &study->layout, NULL);
    const struct model *model = study->model;
    size_t width = model_states(model) + model_derived(model) + model_observations(model);
    size_t column = model_states(model) + model_derived(model);
    double *out = mem_new(count * width, sizeof *out);
    double sd = model_observation(model, 0)->additive;
    for (size_t i = 0; i < PATIENTS; i++) {
        struct record *record = study->records[i] =
            record_new("virtual", model_time_unit(model));
        regimen(record);
        for (size_t k = 0; k < model_parameters(model); k++) {
            const struct model_parameter *one = model_parameter(model, k);
            double phi = transform_forward(one, one->typical);
            study->truth[i][k] = transform_back(
                one, phi + 0.5 * one->between_sd * normal_quantile(uniform()));
        }
        record_sort(record);
        check(twin_new(model, &study->layout, record, &study->twins[i]));
        check(twin_simulate(engine, study->twins[i], study->truth[i], times, count, out));
        twin_destroy(&study->twins[i]);
        for (size_t j = 0; j < count; j++)
            check(record_measurement(
                record, times[j], model_observation(model, 0)->name, NULL,
                out[j * width + column] + sd * normal_quantile(uniform()), CENSORED_NOT,
                1000 + j));
        record_sort(record);
        check(twin_new(model, &study->layout, record, &study->twins[i]));
    }
    mem_free(out);
    engine_destroy(&engine);
}

static void study_close(struct study *study)
{
    for (size_t i = 0; i < PATIENTS; i++) {
        twin_destroy(&study->twins[i]);
        record_destroy(&study->records[i]);
    }
    prior_destroy(&study->prior);
    model_destroy(&study->model);
}

/* --- work ------------------------------------------------------------------------------
 */

struct pace {
    double each; /* seconds */
    double objective;
};

static struct pace fit_study(const struct study *study, enum engine_solver solver,
                             double tolerance, size_t count)
{
    struct engine_options options = {solver, tolerance};
    struct engine *engine = engine_new(study->model, &study->layout, &options);
    struct fit *fits[PATIENTS];
    struct pace pace = {0, 0};
    double begun = seconds();
    fit_all(engine, study->prior, (const struct twin *const *)study->twins, count, fits);
    pace.each = (seconds() - begun) / (double)count;
    for (size_t i = 0; i < count; i++) {
        if (!fits[i]->converged) {
            fprintf(stderr, "error: patient %zu: %s\n", i, fits[i]->reason);
            exit(1);
        }
        if (i < PEERS)
            pace.objective += fits[i]->objective;
        fit_destroy(&fits[i]);
    }
    engine_destroy(&engine);
    return pace;
}

static struct pace simulate_all(const struct study *study, enum engine_solver solver,
                                size_t count, const double *times, size_t time_count)
{
    const struct model *model = study->model;
    struct engine_options options = {solver, 1e-6};
    struct engine *engine = engine_new(model, &study->layout, &options);
    size_t width = model_states(model) + model_derived(model) + model_observations(model);
    double *out = mem_new(count * time_count * width, sizeof *out);
    struct twin_course courses[PATIENTS];
    struct pace pace = {0, 0};
    for (size_t i = 0; i < count; i++)
        courses[i] = (struct twin_course){study->twins[i], study->truth[i],
                                          out + i * time_count * width, ERR_OK};
    double begun = seconds();
    twin_simulate_all(engine, courses, count, times, time_count);
    pace.each = (seconds() - begun) / (double)count;
    for (size_t i = 0; i < PEERS; i++) {
        check(courses[i].err);
        for (size_t j = 0; j < time_count; j++)
            pace.objective += courses[i].out[j * width + width - 1];
    }
    mem_free(out);
    engine_destroy(&engine);
    return pace;
}

/* --- rows ------------------------------------------------------------------------------
 */

static bool json, first_row = true;

/* Both solved the same problem to its tolerance. */
static void print_row(const char *work, const char *against, struct pace ours,
                      struct pace peer, double equal)
{
    if (!(fabs(ours.objective - peer.objective) <= equal * fabs(peer.objective))) {
        fprintf(stderr, "error: %s: objectives %.9g and %.9g\n", work, ours.objective,
                peer.objective);
        exit(1);
    }
    if (json)
        printf("%s\n  {\"work\": \"%s\", \"engine\": \"interpreter\", \"against\": "
               "\"%s_package\", \"ratio\": %.4g, \"ours\": %.4g, \"peer\": %.4g, "
               "\"unit\": \"us\"}",
               first_row ? "" : ",", work, against, peer.each / ours.each,
               1e6 * ours.each, 1e6 * peer.each);
    else
        printf("%-18s %-13s %10.1f us %12.1f us %8.1f\n", work, against, 1e6 * ours.each,
               1e6 * peer.each, peer.each / ours.each);
    first_row = false;
}

static double fit_rows(const struct study *study, const char *work, double tolerance)
{
    struct pace ours = fit_study(study, ENGINE_LANES, tolerance, PATIENTS);
    print_row(work, "cvodes_adams", ours, fit_study(study, ENGINE_ADAMS, tolerance, PEERS),
              100 * tolerance);
    print_row(work, "cvodes_bdf", ours, fit_study(study, ENGINE_BDF, tolerance, PEERS),
              100 * tolerance);
    return 1 / ours.each;
}

int main(int count, char **arguments)
{
    static const double hours[] = {0.25, 0.5, 1, 2, 3.5, 5, 7, 9, 12, 24};
    double times[READINGS], rates[4];
    struct study *glucose = mem_new(1, sizeof *glucose), *oral = mem_new(1, sizeof *oral);
    json = count == 2 && strcmp(arguments[1], "--json") == 0;
    if (count > 1 && !json) {
        fprintf(stderr, "usage: engine [--json]\n");
        return 2;
    }
    for (size_t i = 0; i < READINGS; i++)
        times[i] = DAY / READINGS * (double)(i + 1);
    study_open(glucose, SOURCE_DIR "/bench/hovorka.twin", glucose_day, times, READINGS);
    study_open(oral, SOURCE_DIR "/models/theophylline.twin", oral_dose, hours, 10);
    if (json)
        printf("{\"simd\": \"%s\", \"rows\": [", simd_name(simd_best()));
    else
        printf("%-18s %-13s %13s %15s %8s   (%s)\n", "work", "against", "ours", "peer",
               "ratio", simd_name(simd_best()));
    rates[0] = fit_rows(glucose, "glucose_map_1e-6", 1e-6);
    rates[1] = fit_rows(glucose, "glucose_map_1e-4", 1e-4);
    rates[2] = fit_rows(oral, "pk_map_1e-6", 1e-6);
    struct pace ours = simulate_all(glucose, ENGINE_LANES, PATIENTS, times, READINGS);
    rates[3] = 1 / ours.each;
    print_row("glucose_simulate", "cvodes_adams", ours,
              simulate_all(glucose, ENGINE_ADAMS, PEERS, times, READINGS), 1e-4);
    print_row("glucose_simulate", "cvodes_bdf", ours,
              simulate_all(glucose, ENGINE_BDF, PEERS, times, READINGS), 1e-4);
    if (json)
        printf("],\n \"patients_per_second\": {\"glucose_map_1e-6\": %.4g, "
               "\"glucose_map_1e-4\": %.4g, \"pk_map_1e-6\": %.4g, \"glucose_simulate\": "
               "%.4g}, \"peak_share\": null}\n",
               rates[0], rates[1], rates[2], rates[3]);
    study_close(glucose);
    study_close(oral);
    mem_free(glucose);
    mem_free(oral);
    return 0;
}
