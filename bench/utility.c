/* bench/utility - what privacy costs the statistics: error of mean and covariance of a
 * population learned from virtual patients, beside the error without privacy on the same
 * patients and the frontier of the study the house was planned on.
 *
 *   build/bench/utility [--studies N] [--cell C] [--json]
 *
 * The whole path: twins, fits, private vectors, integer clipping, exact discrete Gaussian
 * noise, ten rounds that share epsilon geometrically (delta 1e-6), learning. Patients
 * know themselves with reliability 0.7; the start is off by one standard deviation in
 * every mean, and 1.6 times too wide. The mean's error is the root mean square over
 * parameters in between-patient sds, the covariance's the Frobenius norm of Omega - I.
 *
 * `here` and `without` (maximum likelihood) are medians over the studies, +- one standard
 * error of that median. The frontier is a median of 24 studies, its +- what a median of
 * 24 of ours would have. `excess` is what privacy adds, study by study on the same
 * patients: the root of the mean of here^2 - without^2. Verdicts: `met`, at or below the
 * frontier; `noise`, above by less than two standard errors of the difference; `no`. */

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "model/learn.h"
#include "model/update.h"
#include "numerics/linalg.h"
#include "privacy/accountant.h"
#include "privacy/clip.h"
#include "privacy/noise.h"

enum { ROUNDS = 10, PARAMETERS_MAX = 6, STUDIES = 100, FRONTIER_STUDIES = 24 };
#define DELTA 1e-6
#define RELIABILITY 0.7
#define START_WIDTH 1.6

static const struct cell {
    size_t p, patients;
    double epsilon, frontier_mean, frontier_covariance;
} cells[] = {
    {3, 1000, 1, 0.0387, 0.2198}, {3, 1000, 3, 0.0385, 0.1509},
    {3, 5000, 1, 0.0152, 0.0747}, {3, 5000, 3, 0.0127, 0.0733},
    {6, 1000, 1, 0.0414, 0.4788}, {6, 1000, 3, 0.0388, 0.3235},
    {6, 5000, 1, 0.0168, 0.1532}, {6, 5000, 3, 0.0129, 0.1283},
};
#define CELLS (sizeof cells / sizeof *cells)

static void check(enum err err)
{
    if (err == ERR_OK)
        return;
    fprintf(stderr, "error: %s\n", err_text());
    exit(1);
}

static double normal(struct random *random)
{
    double u = ((double)(random_u64(random) >> 11) + 0.5) * 0x1p-53;
    double v = (double)(random_u64(random) >> 11) * 0x1p-53;
    return sqrt(-2 * log(u)) * cos(2 * M_PI * v);
}

/* p parameters, each seen once with a known error. */
static struct model *model_of(size_t p)
{
    char text[2048] = "", names[256] = "";
    struct model *model;
    size_t at = (size_t)snprintf(text, sizeof text,
                                 "model virtual version 1 \"virtual patients\"\ntime h\n"
                                 "[parameters]\n");
    for (size_t a = 0; a < p; a++) {
        at += (size_t)snprintf(text + at, sizeof text - at,
                               "a%zu = 1 1 (-99, 99) normal sd %g\n", a, START_WIDTH);
        size_t used = strlen(names);
        snprintf(names + used, sizeof names - used, "%sa%zu", a ? ", " : "", a);
    }
    at += (size_t)snprintf(text + at, sizeof text - at,
                           "[population]\ncorrelated %s 0\n[equations]\n", names);
    for (size_t a = 0; a < p; a++)
        at += (size_t)snprintf(text + at, sizeof text - at, "f%zu = a%zu\n", a, a);
    at += (size_t)snprintf(text + at, sizeof text - at, "[observations]\n");
    for (size_t a = 0; a < p; a++)
        at += (size_t)snprintf(text + at, sizeof text - at,
                               "y%zu : f%zu ~ add(%.17g 1 fixed)\n", a, a,
                               sqrt(1 / RELIABILITY - 1));
    check(model_parse(text, strlen(text), "virtual", &model));
    return model;
}

struct errors {
    double mean, covariance;
};

static struct errors errors_of(size_t p, const double *mean, const double *covariance)
{
    struct errors out = {0, 0};
    for (size_t a = 0; a < p; a++) {
        out.mean += mean[a] * mean[a] / (double)p;
        for (size_t b = 0; b < p; b++) {
            double off = covariance[a * p + b] - (a == b);
            out.covariance += off * off;
        }
    }
    return (struct errors){sqrt(out.mean), sqrt(out.covariance)};
}

/* Maximum likelihood on the same patients, in closed form. */
static struct errors without_privacy(size_t p, size_t patients, const double *y)
{
    double mean[PARAMETERS_MAX] = {0}, covariance[PARAMETERS_MAX * PARAMETERS_MAX] = {0};
    for (size_t i = 0; i < patients; i++)
        for (size_t a = 0; a < p; a++)
            mean[a] += y[i * p + a] / (double)patients;
    for (size_t i = 0; i < patients; i++)
        for (size_t a = 0; a < p; a++)
            for (size_t b = 0; b < p; b++)
                covariance[a * p + b] += (y[i * p + a] - mean[a]) *
                                         (y[i * p + b] - mean[b]) / (double)patients;
    for (size_t a = 0; a < p; a++)
        covariance[a * (p + 1)] -= 1 / RELIABILITY - 1;
    return errors_of(p, mean, covariance);
}

struct study {
    struct model *model;
    struct prior_layout layout;
    struct statistic statistic;
    struct engine *engine;
    struct twin **twins;
    size_t patients;
};

/* One round of a study, patient by patient. */
struct round {
    const struct study *study;
    const struct prior *prior;
    size_t next;
    double step;
    uint64_t norm_max;
    double *vector;
    int64_t *integers, *sum;
};

static bool next_patient(void *context, struct fit_patient *patient)
{
    struct round *round = context;
    if (round->next == round->study->patients)
        return false;
    *patient = (struct fit_patient){.twin = round->study->twins[round->next++]};
    return true;
}

static bool patient_done(void *context, struct fit_patient *patient)
{
    struct round *round = context;
    const struct statistic *s = &round->study->statistic;
    if (!patient->moments || update_vector(patient->twin, round->prior, patient->fit,
                                           patient->moments, s, round->vector) != ERR_OK)
        update_uninformed(s, twin_x(patient->twin), round->vector);
    check(clip_quantise(round->vector, s->dimension, round->step, round->norm_max,
                        s->factor[STATISTIC_COUNT], round->integers));
    for (size_t d = 0; d < s->dimension; d++)
        round->sum[d] += round->integers[d];
    moments_destroy(&patient->moments);
    fit_destroy(&patient->fit);
    return true;
}

/* One round as its hospitals would add it up, with the noise; [dimension]. */
static double *round_sum(const struct study *study, const struct prior *prior,
                         double multiplier, struct random *random)
{
    size_t dimension = study->statistic.dimension;
    struct round round = {.study = study,
                          .prior = prior,
                          .vector = mem_new(dimension, sizeof(double)),
                          .integers = mem_new(dimension, sizeof(int64_t)),
                          .sum = mem_new(dimension, sizeof(int64_t))};
    const struct fit_crowd crowd = {prior, true, next_patient, patient_done, &round};
    check(noise_step(multiplier, &round.step)); /* the clipping norm is 1 */
    check(noise_norm_max(multiplier, 1, &round.norm_max));
    check(noise_fill(random, NOISE_LOG2, dimension, round.sum));
    fit_crowd(study->engine, &crowd);
    for (size_t d = 0; d < dimension; d++)
        round.vector[d] = (double)round.sum[d] * round.step;
    mem_free(round.integers);
    mem_free(round.sum);
    return round.vector;
}

static void study_patients(struct study *study, struct random *random, double *y)
{
    size_t p = study->layout.p;
    for (size_t i = 0; i < study->patients; i++) {
        struct record *record = record_new("virtual", "h");
        for (size_t a = 0; a < p; a++) {
            char name[8];
            snprintf(name, sizeof name, "y%zu", a);
            y[i * p + a] = normal(random) + sqrt(1 / RELIABILITY - 1) * normal(random);
            check(
                record_measurement(record, 0, name, NULL, y[i * p + a], CENSORED_NOT, a));
        }
        check(twin_new(study->model, &study->layout, record, &study->twins[i]));
        record_destroy(&record);
    }
}

static struct errors learn(const struct study *study, const double *multipliers,
                           struct random *random)
{
    struct learn_round rounds[ROUNDS];
    struct prior *prior;
    check(prior_from_model(study->model, &prior));
    for (size_t t = 0; t < ROUNDS; t++) {
        struct learn_report report;
        rounds[t] = (struct learn_round){
            prior, round_sum(study, prior, multipliers[t], random), multipliers[t]};
        check(learn_step(study->model, &study->layout, &study->statistic, rounds, t + 1,
                         NULL, &prior, &report));
    }
    struct errors errors = errors_of(study->layout.p, prior->effects, prior->omega);
    prior_destroy(&prior);
    for (size_t t = 0; t < ROUNDS; t++) {
        prior = (struct prior *)rounds[t].prior;
        prior_destroy(&prior);
        mem_free((double *)rounds[t].sum);
    }
    return errors;
}

static void run(const struct cell *cell, struct random *random, struct errors *with,
                struct errors *without)
{
    double mu, multipliers[ROUNDS];
    struct study study = {.patients = cell->patients};
    study.model = model_of(cell->p);
    check(prior_layout(study.model, &study.layout));
    statistic_layout(&study.layout, false, &study.statistic);
    study.engine = engine_new(study.model, &study.layout, NULL);
    study.twins = mem_new(cell->patients, sizeof *study.twins);
    double *y = mem_new(cell->patients * cell->p, sizeof *y);
    study_patients(&study, random, y);
    check(accountant_mu(cell->epsilon, DELTA, &mu));
    check(accountant_shares(mu, ACCOUNTANT_BUDGET_RATIO, ROUNDS, multipliers));
    *with = learn(&study, multipliers, random);
    *without = without_privacy(cell->p, cell->patients, y);
    for (size_t i = 0; i < cell->patients; i++)
        twin_destroy(&study.twins[i]);
    mem_free(study.twins);
    mem_free(y);
    engine_destroy(&study.engine);
    model_destroy(&study.model);
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The median and its standard error: half of what lies between the order statistics one
 * binomial standard deviation to either side. */
struct median {
    double value, error;
};

static struct median median(const double *values, size_t count)
{
    double *sorted = mem_copy(values, count * sizeof *sorted);
    qsort(sorted, count, sizeof *sorted, ascending);
    size_t low = (size_t)fmax(0, floor(((double)count - sqrt((double)count)) / 2));
    struct median out = {(sorted[(count - 1) / 2] + sorted[count / 2]) / 2,
                         (sorted[count - 1 - low] - sorted[low]) / 2};
    mem_free(sorted);
    return out;
}

/* One of the two errors over all studies. */
struct outcome {
    struct median here, without;
    double frontier, frontier_error, excess, excess_error;
    const char *verdict;
};

static struct outcome outcome_of(const double *here, const double *without, size_t count,
                                 double frontier)
{
    struct outcome out = {.here = median(here, count),
                          .without = median(without, count),
                          .frontier = frontier};
    double n = (double)count, sum = 0, squares = 0;
    for (size_t i = 0; i < count; i++) {
        double more = here[i] * here[i] - without[i] * without[i];
        sum += more / n;
        squares += more * more / n;
    }
    double error = sqrt(fmax(0, squares - sum * sum) / n);
    out.excess = sqrt(fmax(0, sum));
    out.excess_error = error / (2 * fmax(out.excess, sqrt(error)));
    out.frontier_error = out.here.error * sqrt(n / FRONTIER_STUDIES);
    double above = out.here.value - frontier;
    out.verdict = above <= 0                                              ? "met"
                  : above < 2 * hypot(out.here.error, out.frontier_error) ? "noise"
                                                                          : "no";
    return out;
}

static void print_json(const char *name, const struct outcome *o)
{
    printf(", \"%s\": %.4f, \"%s_error\": %.4f, \"%s_frontier\": %.4f, "
           "\"%s_frontier_error\": %.4f, \"%s_without\": %.4f, \"%s_excess\": %.4f, "
           "\"%s_excess_error\": %.4f, \"%s_verdict\": \"%s\"",
           name, o->here.value, name, o->here.error, name, o->frontier, name,
           o->frontier_error, name, o->without.value, name, o->excess, name,
           o->excess_error, name, o->verdict);
}

static void print_text(const struct cell *cell, const char *name, const struct outcome *o)
{
    printf("%10zu %8zu %7g  %-10s %7.4f +- %.4f %7.4f +- %.4f %8.4f %7.4f +- %.4f  %s\n",
           cell->p, cell->patients, cell->epsilon, name, o->here.value, o->here.error,
           o->frontier, o->frontier_error, o->without.value, o->excess, o->excess_error,
           o->verdict);
}

static void print_cell(const struct cell *cell, const struct outcome *mean,
                       const struct outcome *covariance, bool json, bool last)
{
    if (json) {
        printf("  {\"parameters\": %zu, \"patients\": %zu, \"epsilon\": %g", cell->p,
               cell->patients, cell->epsilon);
        print_json("mean", mean);
        print_json("covariance", covariance);
        printf("}%s\n", last ? "" : ",");
    } else {
        print_text(cell, "mean", mean);
        print_text(cell, "covariance", covariance);
    }
    fflush(stdout);
}

/* The studies of one cell. */
static void run_cell(size_t c, size_t studies, bool json, bool last)
{
    /* Drawn once, after the private form's constants were settled, on other cells. */
    uint8_t seed[RANDOM_SEED_BYTES] = "reach settled, drawn once";
    seed[RANDOM_SEED_BYTES - 1] = (uint8_t)c;
    struct random *random = random_new_seeded(seed);
    double *values[4];
    for (int i = 0; i < 4; i++)
        values[i] = mem_new(studies, sizeof *values[i]);
    for (size_t i = 0; i < studies; i++) {
        struct errors with, without;
        run(&cells[c], random, &with, &without);
        values[0][i] = with.mean;
        values[1][i] = with.covariance;
        values[2][i] = without.mean;
        values[3][i] = without.covariance;
    }
    struct outcome mean =
        outcome_of(values[0], values[2], studies, cells[c].frontier_mean);
    struct outcome covariance =
        outcome_of(values[1], values[3], studies, cells[c].frontier_covariance);
    print_cell(&cells[c], &mean, &covariance, json, last);
    for (int i = 0; i < 4; i++)
        mem_free(values[i]);
    random_destroy(&random);
}

int main(int argc, char **argv)
{
    bool json = false, bad = false;
    size_t studies = STUDIES, only = 0;
    for (int i = 1; i < argc && !bad; i++) {
        bool number = i + 1 < argc;
        if (strcmp(argv[i], "--json") == 0)
            json = true;
        else if (number && strcmp(argv[i], "--studies") == 0)
            bad = (studies = strtoul(argv[++i], NULL, 10)) - 2 > 9998;
        else if (number && strcmp(argv[i], "--cell") == 0)
            bad = (only = strtoul(argv[++i], NULL, 10)) - 1 >= CELLS;
        else
            bad = true;
    }
    if (bad) {
        fprintf(stderr, "usage: utility [--studies 2..10000] [--cell 1..%zu] [--json]\n",
                CELLS);
        return 2;
    }
    printf(json ? "[\n"
                : "parameters patients epsilon  of            here             "
                  "frontier          without  excess            verdict\n");
    for (size_t c = 0; c < CELLS; c++)
        if (!only || c + 1 == only)
            run_cell(c, studies, json, only || c + 1 == CELLS);
    if (json)
        printf("]\n");
    return 0;
}
