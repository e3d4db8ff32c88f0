#include "sim/calibration.h"

#include <math.h>
#include <pthread.h>
#include <string.h>

#include "base/memory.h"
#include "base/threads.h"
#include "base/normal.h"
#include "model/posterior.h"
#include "model/statistic.h"

/* Of the fits: whoever learned nothing is right as often as the prior. */
#define FAILED_MOST 0.05
#define P_VALUE_LEAST 0.001
#define COVERAGE_LEAST 0.85 /* of the 90 % intervals */
#define COVERAGE_MOST 0.95

const double calibration_level[CALIBRATION_LEVELS] = {0.80, 0.90, 0.95};

/* --- drawing ------------------------------------------------------------------------ */

struct subject {
    struct twin *twin;
    double truth[MODEL_PARAMETERS_MAX]; /* phi */
    struct posterior *posterior;
};

struct trial {
    const struct model *model;
    const struct calibration_watch *watch;
    struct prior_layout layout;
    struct prior *prior;
    struct subject *subjects; /* [count] */
    size_t count, drawn, draws;

    pthread_mutex_t lock; /* of what follows */
    size_t next, done;
    bool stopped;
};

static bool interrupted(const struct trial *trial)
{
    const struct calibration_watch *watch = trial->watch;
    return watch && watch->interrupted && watch->interrupted(watch->context);
}

static void tell(const struct trial *trial, const char *what, size_t done)
{
    const struct calibration_watch *watch = trial->watch;
    if (watch && watch->progress)
        watch->progress(watch->context, what, done, trial->count);
}

static enum err keep_patient(void *context, const struct cohort_patient *patient)
{
    struct trial *trial = context;
    struct subject *subject = &trial->subjects[trial->drawn++];
    memcpy(subject->truth, patient->phi, sizeof subject->truth);
    tell(trial, "drawing patients", trial->drawn);
    if (interrupted(trial))
        return err_set(ERR_INTERRUPTED, "stopped; nothing was kept");
    return twin_new(trial->model, &trial->layout, patient->record, &subject->twin);
}

/* --- fitting ------------------------------------------------------------------------ */

struct worker {
    struct trial *trial;
    struct engine *engine;
};

static bool next_subject(void *context, struct fit_patient *patient)
{
    struct trial *trial = ((const struct worker *)context)->trial;
    pthread_mutex_lock(&trial->lock);
    bool is = !trial->stopped && trial->next < trial->count;
    if (is) {
        struct subject *subject = &trial->subjects[trial->next++];
        *patient = (struct fit_patient){.twin = subject->twin, .owner = subject};
    }
    pthread_mutex_unlock(&trial->lock);
    return is;
}

static bool take_fit(void *context, struct fit_patient *patient)
{
    const struct worker *worker = context;
    struct trial *trial = worker->trial;
    struct subject *subject = patient->owner;
    subject->posterior = posterior_new(worker->engine, subject->twin, trial->prior,
                                       patient->fit, trial->draws);
    pthread_mutex_lock(&trial->lock);
    tell(trial, "fitting patients", ++trial->done);
    trial->stopped = trial->stopped || interrupted(trial);
    bool go_on = !trial->stopped;
    pthread_mutex_unlock(&trial->lock);
    return go_on;
}

static void fit_subjects(void *context, size_t index)
{
    (void)index; /* whoever is next is anybody's */
    struct trial *trial = context;
    struct worker worker = {trial, engine_new(trial->model, &trial->layout, NULL)};
    const struct fit_crowd crowd = {trial->prior, false, next_subject, take_fit, &worker};
    fit_crowd(worker.engine, &crowd);
    engine_destroy(&worker.engine);
}

static enum err fit_everybody(struct trial *trial, size_t threads)
{
    pthread_mutex_init(&trial->lock, NULL);
    threads_run(threads_wanted(threads), fit_subjects, trial);
    pthread_mutex_destroy(&trial->lock);
    return trial->stopped ? err_set(ERR_INTERRUPTED, "stopped; nothing was kept")
                          : ERR_OK;
}

/* --- counting ----------------------------------------------------------------------- */

/* The row of phi that a patient gives a rank of: of occasions' effects one, in turn. */
static size_t row_of(const struct trial *trial, const struct calibration_parameter *one,
                     size_t row, size_t patient)
{
    const struct prior_layout *layout = &trial->layout;
    size_t first = 0;
    if (!one->occasions)
        return row;
    while (model_parameter(trial->model, layout->occasional[first])->owner !=
           one->parameter)
        first++;
    return layout->p + first +
           patient % model_parameter(trial->model, one->parameter)->occasions;
}

/* Before anything was measured. */
static double prior_variance(const struct trial *trial, size_t row)
{
    const struct prior_layout *layout = &trial->layout;
    return row < layout->p
               ? trial->prior->omega[row * layout->p + row]
               : exp(2 * trial->prior->residual[layout->between[row - layout->p]]);
}

static void count_subject(const struct trial *trial, size_t index,
                          struct calibration *out)
{
    const struct subject *subject = &trial->subjects[index];
    const struct fit *fit = subject->posterior->fit;
    size_t p = fit->p;
    out->not_normal += !subject->posterior->normal;
    if (!fit->converged && out->failed++ == 0)
        memcpy(out->reason, fit->reason, sizeof out->reason);
    for (size_t i = 0; i < out->count; i++) {
        struct calibration_parameter *one = &out->parameters[i];
        size_t a = row_of(trial, one, i, index);
        double variance = fit->covariance[a * p + a];
        double rank = posterior_below(subject->posterior, a, subject->truth[a]);
        size_t bin = (size_t)(rank * (double)out->bins);
        one->ranks[bin < out->bins ? bin : out->bins - 1]++;
        one->known += (1 - variance / prior_variance(trial, a)) / (double)trial->count;
        for (size_t l = 0; l < CALIBRATION_LEVELS; l++)
            one->within[l] += fabs(2 * rank - 1) <= calibration_level[l];
    }
}

/* Pearson's test that every bin is as likely as any other. */
static double uniform_p_value(const size_t *ranks, size_t bins, size_t count)
{
    double expected = (double)count / (double)bins, sum = 0;
    for (size_t i = 0; i < bins; i++) {
        double off = (double)ranks[i] - expected;
        sum += off * off / expected;
    }
    return 1 - statistic_chi_square((double)bins - 1, sum);
}

static void count_up(const struct trial *trial, struct calibration *out)
{
    const struct prior_layout *layout = &trial->layout;
    size_t bins = trial->count / 10;
    *out = (struct calibration){
        .patients = trial->count,
        .bins = bins < CALIBRATION_BINS_MAX ? bins : CALIBRATION_BINS_MAX,
    };
    for (size_t a = 0; a < layout->p; a++)
        out->parameters[out->count++].parameter = layout->individual[a];
    for (size_t i = 0; i < layout->r; i++) {
        const struct model_parameter *one =
            model_parameter(trial->model, layout->occasional[i]);
        if (one->occasion == 1)
            out->parameters[out->count++] = (struct calibration_parameter){
                .parameter = one->owner, .occasions = true};
    }
    for (size_t i = 0; i < trial->count; i++)
        count_subject(trial, i, out);
    for (size_t i = 0; i < out->count; i++)
        out->parameters[i].p_value =
            uniform_p_value(out->parameters[i].ranks, out->bins, out->patients);
}

/* --- from outside ------------------------------------------------------------------- */

enum err calibration_run(const struct model *model, const struct cohort_design *design,
                         size_t draws, size_t threads,
                         const struct calibration_watch *watch,
                         struct calibration *calibration)
{
    struct trial trial = {
        .model = model, .watch = watch, .count = design->patients, .draws = draws};
    if (design->patients < CALIBRATION_PATIENTS_MIN ||
        design->patients > CALIBRATION_PATIENTS_MAX)
        return err_set(ERR_RANGE, "%zu patients: it takes %d to %d", design->patients,
                       CALIBRATION_PATIENTS_MIN, CALIBRATION_PATIENTS_MAX);
    if (prior_layout(model, &trial.layout) != ERR_OK)
        return err_code();
    if (trial.layout.p == 0)
        return err_set(ERR_RANGE, "model %s: nothing differs between patients",
                       model_name(model));
    if (prior_from_model(model, &trial.prior) != ERR_OK)
        return err_code();
    trial.subjects = mem_new(trial.count, sizeof *trial.subjects);
    enum err err = cohort_each(model, design, keep_patient, &trial);
    if (err == ERR_OK)
        err = fit_everybody(&trial, threads);
    if (err == ERR_OK)
        count_up(&trial, calibration);
    for (size_t i = 0; i < trial.count; i++) {
        posterior_destroy(&trial.subjects[i].posterior);
        twin_destroy(&trial.subjects[i].twin);
    }
    mem_free(trial.subjects);
    prior_destroy(&trial.prior);
    return err;
}

bool calibration_holds(const struct calibration *calibration,
                       const struct calibration_parameter *parameter)
{
    double within = (double)parameter->within[1] / (double)calibration->patients;
    return (double)calibration->failed <= FAILED_MOST * (double)calibration->patients &&
           parameter->p_value > P_VALUE_LEAST && within >= COVERAGE_LEAST &&
           within <= COVERAGE_MOST;
}
