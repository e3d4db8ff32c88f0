#include "node/contribute.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "base/threads.h"
#include "model/fit.h"
#include "model/update.h"
#include "privacy/clip.h"
#include "privacy/fixedpoint.h"
#include "privacy/noise.h"

/* What the threads share; everything below `lock` is under it. */
struct pool {
    const struct contribute_task *task;
    const struct statistic *statistic;
    contribute_bound *bound;
    const void *limits;
    pthread_mutex_t lock;
    size_t next, done;
    uint64_t *sum;
    struct contribute_report report;
    size_t reason_index; /* whose reason the report holds */
    enum err failed; /* the first refusal, with its sentence: err's text is a thread's */
    char text[1024];
};

/* What became of one patient. */
struct outcome {
    size_t index, measurements;
    bool converged, unusable;
    char reason[200];
};

static void keep_failure(struct pool *pool, enum err code)
{
    if (pool->failed == ERR_OK) {
        pool->failed = code;
        snprintf(pool->text, sizeof pool->text, "%s", err_text());
    }
}

/* The next patient's record; false: none left, or somebody failed. */
static bool take(struct pool *pool, struct record **record, size_t *index)
{
    const struct contribute_task *task = pool->task;
    bool taken = false;
    pthread_mutex_lock(&pool->lock);
    if (pool->failed == ERR_OK && task->interrupted && task->interrupted(task->context))
        keep_failure(pool,
                     err_set(ERR_INTERRUPTED, "stopped; nothing was sent or charged"));
    if (pool->failed == ERR_OK && pool->next < task->patients) {
        *index = pool->next++;
        enum err err = task->record(task->source, *index, record);
        if (err == ERR_OK)
            taken = true;
        else
            keep_failure(pool, err);
    }
    pthread_mutex_unlock(&pool->lock);
    return taken;
}

static void give(struct pool *pool, const int64_t *integers, enum err err,
                 const struct outcome *outcome)
{
    const struct contribute_task *task = pool->task;
    struct contribute_report *report = &pool->report;
    pthread_mutex_lock(&pool->lock);
    if (err != ERR_OK)
        keep_failure(pool, err);
    else
        fixedpoint_add(pool->sum, integers, pool->statistic->dimension);
    report->measurements += outcome->measurements;
    report->converged += outcome->converged;
    report->unusable += outcome->unusable;
    report->stayed += !outcome->converged && !outcome->unusable;
    if (*outcome->reason && (!*report->reason || outcome->index < pool->reason_index)) {
        memcpy(report->reason, outcome->reason, sizeof report->reason);
        pool->reason_index = outcome->index;
    }
    pool->done++;
    if (task->progress)
        task->progress(task->context, pool->done, task->patients);
    pthread_mutex_unlock(&pool->lock);
}

/* One thread's share: as many patients at once as its engine has room for. */
struct worker {
    struct pool *pool;
    double *vector;
    int64_t *integers;
};

struct patient {
    struct twin *twin;
    struct outcome outcome;
};

static void give_vector(struct worker *worker, const struct outcome *outcome)
{
    struct pool *pool = worker->pool;
    enum err err = pool->bound(pool->limits, worker->vector, pool->statistic->dimension,
                               worker->integers);
    give(pool, worker->integers, err, outcome);
}

/* The next whose record the model can read; the others are in the sum and count. */
static bool next_patient(void *context, struct fit_patient *patient)
{
    struct worker *worker = context;
    const struct contribute_task *task = worker->pool->task;
    struct record *record = NULL;
    struct twin *twin = NULL;
    struct outcome outcome = {0};
    while (!twin && take(worker->pool, &record, &outcome.index)) {
        if (twin_new(task->model, task->layout, record, &twin) != ERR_OK) {
            double middle[MODEL_COVARIATES_MAX + 1] = {1}; /* covariates unknown */
            update_uninformed(worker->pool->statistic, middle, worker->vector);
            outcome.unusable = true;
            snprintf(outcome.reason, sizeof outcome.reason, "%s", err_text());
            give_vector(worker, &outcome);
            outcome = (struct outcome){0};
        }
        record_destroy(&record);
    }
    if (!twin)
        return false;
    outcome.measurements = twin_measurements(twin);
    struct patient *owner = mem_new(1, sizeof *owner);
    *owner = (struct patient){twin, outcome};
    patient->twin = twin;
    patient->owner = owner;
    return true;
}

/* Whatever goes wrong with one patient's numbers, the patient is in the sum and counts.
 */
static void fill_vector(struct worker *worker, const struct fit_patient *patient,
                        struct outcome *outcome)
{
    const struct pool *pool = worker->pool;
    enum err err = patient->err;
    if (patient->moments)
        err = update_vector(patient->twin, pool->task->prior, patient->fit,
                            patient->moments, pool->statistic, worker->vector);
    outcome->converged = err == ERR_OK && patient->fit->converged;
    if (outcome->converged)
        return;
    update_uninformed(pool->statistic, twin_x(patient->twin), worker->vector);
    snprintf(outcome->reason, sizeof outcome->reason, "%s",
             err == ERR_OK ? patient->fit->reason : err_text());
}

static bool patient_done(void *context, struct fit_patient *patient)
{
    struct worker *worker = context;
    struct pool *pool = worker->pool;
    struct patient *owner = patient->owner;
    pthread_mutex_lock(&pool->lock);
    bool wanted = pool->failed == ERR_OK;
    pthread_mutex_unlock(&pool->lock);
    if (wanted) {
        fill_vector(worker, patient, &owner->outcome);
        give_vector(worker, &owner->outcome);
    }
    fit_destroy(&patient->fit);
    moments_destroy(&patient->moments);
    twin_destroy(&owner->twin);
    mem_free(owner);
    return wanted;
}

static void work(void *context, size_t index)
{
    (void)index; /* whoever is next is anybody's */
    struct pool *pool = context;
    const struct contribute_task *task = pool->task;
    size_t dimension = pool->statistic->dimension;
    struct worker worker = {pool, mem_new(dimension, sizeof(double)),
                            mem_new(dimension, sizeof(int64_t))};
    const struct fit_crowd crowd = {task->prior, true, next_patient, patient_done,
                                    &worker};
    const struct engine_options options = {ENGINE_LANES, task->tolerance};
    struct engine *engine = engine_new(task->model, task->layout, &options);
    fit_crowd(engine, &crowd);
    engine_destroy(&engine);
    bytes_wipe(worker.vector, dimension * sizeof *worker.vector);
    bytes_wipe(worker.integers, dimension * sizeof *worker.integers);
    mem_free(worker.vector);
    mem_free(worker.integers);
}

static size_t thread_count(const struct contribute_task *task)
{
    size_t threads = threads_wanted(task->threads);
    if (threads > task->patients)
        threads = task->patients ? task->patients : 1;
    return threads;
}

enum err contribute_add(const struct contribute_task *task,
                        const struct statistic *statistic, contribute_bound *bound,
                        const void *limits, uint64_t *sum,
                        struct contribute_report *report)
{
    struct pool pool = {.task = task,
                        .statistic = statistic,
                        .bound = bound,
                        .limits = limits,
                        .sum = sum};
    pthread_mutex_init(&pool.lock, NULL);
    threads_run(thread_count(task), work, &pool);
    pthread_mutex_destroy(&pool.lock);
    if (pool.failed != ERR_OK) {
        bytes_wipe(sum, statistic->dimension * sizeof *sum);
        return err_set(pool.failed, "%s", pool.text);
    }
    pool.report.patients = task->patients;
    *report = pool.report;
    return ERR_OK;
}

/* --- the private form ----------------------------------------------------------------
 */

/* What is to drown in noise needs no more digits: a mode moves by less than a hundredth
 * of its posterior standard deviation, and a solver takes a quarter of the steps. */
#define PRIVATE_TOLERANCE 1e-6

struct limits {
    double step, count;
    uint64_t norm_max;
};

static enum err clipped(const void *limits, const double *vector, size_t dimension,
                        int64_t *integers)
{
    const struct limits *l = limits;
    return clip_quantise(vector, dimension, l->step, l->norm_max, l->count, integers);
}

static enum err draw_noise(const struct contribute_task *task, size_t dimension,
                           uint64_t *sum)
{
    struct random *fresh = NULL;
    int64_t *noise = mem_new(dimension, sizeof *noise);
    enum err err = task->random ? ERR_OK : random_new(&fresh);
    if (err == ERR_OK)
        err =
            noise_fill(task->random ? task->random : fresh, NOISE_LOG2, dimension, noise);
    if (err == ERR_OK)
        fixedpoint_add(sum, noise, dimension);
    random_destroy(&fresh);
    bytes_wipe(noise, dimension * sizeof *noise);
    mem_free(noise);
    return err;
}

enum err contribute(const struct contribute_task *task, uint64_t *sum,
                    struct contribute_report *report)
{
    struct statistic statistic;
    struct contribute_task coarse = *task;
    coarse.tolerance = PRIVATE_TOLERANCE;
    statistic_layout(task->layout, false, &statistic);
    struct limits limits = {task->step, statistic.factor[STATISTIC_COUNT],
                            task->norm_max};
    memset(sum, 0, statistic.dimension * sizeof *sum);
    /* Before any record is opened, so that nothing about the draw depends on one. */
    enum err err = draw_noise(task, statistic.dimension, sum);
    if (err != ERR_OK) {
        bytes_wipe(sum, statistic.dimension * sizeof *sum);
        return err;
    }
    return contribute_add(&coarse, &statistic, clipped, &limits, sum, report);
}
