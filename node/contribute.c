#include "node/contribute.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "model/fit.h"
#include "model/update.h"
#include "privacy/clip.h"
#include "privacy/fixedpoint.h"
#include "privacy/noise.h"

#define THREADS_MAX 256

/* What the threads share; everything below `lock` is under it. */
struct pool {
    const struct contribute_task *task;
    struct statistic statistic;
    pthread_mutex_t lock;
    size_t next, done;
    uint64_t *sum;
    struct contribute_report report;
    enum err
        failed; /* the first refusal, with its sentence: err's text is a thread's own */
    char text[1024];
};

static void keep_failure(struct pool *pool, enum err code)
{
    if (pool->failed == ERR_OK) {
        pool->failed = code;
        snprintf(pool->text, sizeof pool->text, "%s", err_text());
    }
}

/* The next patient's record; false: none left, or somebody failed. */
static bool take(struct pool *pool, struct record **record)
{
    const struct contribute_task *task = pool->task;
    bool taken = false;
    pthread_mutex_lock(&pool->lock);
    if (pool->failed == ERR_OK && task->interrupted && task->interrupted(task->context))
        keep_failure(pool,
                     err_set(ERR_INTERRUPTED, "stopped; nothing was sent or charged"));
    if (pool->failed == ERR_OK && pool->next < task->patients) {
        enum err err = task->record(task->source, pool->next++, record);
        if (err == ERR_OK)
            taken = true;
        else
            keep_failure(pool, err);
    }
    pthread_mutex_unlock(&pool->lock);
    return taken;
}

static void give(struct pool *pool, const int64_t *integers, enum err err,
                 const struct contribute_report *one)
{
    const struct contribute_task *task = pool->task;
    pthread_mutex_lock(&pool->lock);
    if (err != ERR_OK)
        keep_failure(pool, err);
    else
        fixedpoint_add(pool->sum, integers, pool->statistic.dimension);
    pool->report.converged += one->converged;
    pool->report.stayed += one->stayed;
    pool->report.unusable += one->unusable;
    pool->report.measurements += one->measurements;
    pool->done++;
    if (task->progress)
        task->progress(task->context, pool->done, task->patients);
    pthread_mutex_unlock(&pool->lock);
}

/* Whatever goes wrong with one patient's numbers, the patient is in the sum and counts.
 */
static void fill_vector(struct pool *pool, struct engine *engine,
                        const struct record *record, double *vector,
                        struct contribute_report *one)
{
    const struct contribute_task *task = pool->task;
    struct twin *twin = NULL;
    struct fit *fit = NULL;
    if (twin_new(task->model, task->layout, record, &twin) != ERR_OK) {
        double centre[MODEL_COVARIATES_MAX + 1] = {
            1}; /* covariates unknown: the middle */
        update_uninformed(&pool->statistic, centre, vector);
        one->unusable = 1;
        return;
    }
    one->measurements = twin_measurements(twin);
    if (fit_new(engine, twin, task->prior, &fit) != ERR_OK || !fit->converged ||
        update_vector(engine, twin, task->prior, fit, &pool->statistic, vector) !=
            ERR_OK) {
        update_uninformed(&pool->statistic, twin_x(twin), vector);
        one->stayed = 1;
    } else {
        one->converged = 1;
    }
    fit_destroy(&fit);
    twin_destroy(&twin);
}

static void *work(void *argument)
{
    struct pool *pool = argument;
    const struct contribute_task *task = pool->task;
    size_t dimension = pool->statistic.dimension;
    double *vector = mem_new(dimension, sizeof *vector);
    int64_t *integers = mem_new(dimension, sizeof *integers);
    struct engine *engine = engine_new(task->model, task->layout, NULL);
    struct record *record = NULL;
    while (take(pool, &record)) {
        struct contribute_report one = {0};
        enum err err;
        fill_vector(pool, engine, record, vector, &one);
        record_destroy(&record);
        if (task->exact)
            err = fixedpoint_quantise_exact(vector, dimension, task->step, integers);
        else
            err = clip_quantise(vector, dimension, task->step, task->norm_max,
                                pool->statistic.factor[STATISTIC_COUNT], integers);
        give(pool, integers, err, &one);
    }
    engine_destroy(&engine);
    bytes_wipe(vector, dimension * sizeof *vector);
    bytes_wipe(integers, dimension * sizeof *integers);
    mem_free(vector);
    mem_free(integers);
    return NULL;
}

/* Before any record is opened, so that nothing about the draw depends on one. */
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

static size_t thread_count(const struct contribute_task *task)
{
    long online = sysconf(_SC_NPROCESSORS_ONLN);
    size_t threads = task->threads ? task->threads : online > 0 ? (size_t)online : 1;
    if (threads > task->patients)
        threads = task->patients ? task->patients : 1;
    return threads < THREADS_MAX ? threads : THREADS_MAX;
}

static void run_threads(struct pool *pool)
{
    pthread_t threads[THREADS_MAX];
    size_t count = thread_count(pool->task), started = 0;
    while (started + 1 < count &&
           pthread_create(&threads[started], NULL, work, pool) == 0)
        started++;
    work(pool); /* this thread works too, so that none at all is enough */
    for (size_t i = 0; i < started; i++)
        pthread_join(threads[i], NULL);
}

enum err contribute(const struct contribute_task *task, uint64_t *sum,
                    struct contribute_report *report)
{
    struct pool pool = {.task = task, .sum = sum};
    statistic_layout(task->layout, task->exact, &pool.statistic);
    size_t dimension = pool.statistic.dimension;
    memset(sum, 0, dimension * sizeof *sum);
    enum err err = task->exact ? ERR_OK : draw_noise(task, dimension, sum);
    if (err == ERR_OK) {
        pthread_mutex_init(&pool.lock, NULL);
        run_threads(&pool);
        pthread_mutex_destroy(&pool.lock);
        if (pool.failed != ERR_OK)
            err = err_set(pool.failed, "%s", pool.text);
    }
    if (err != ERR_OK) {
        bytes_wipe(sum, dimension * sizeof *sum);
        return err;
    }
    pool.report.patients = task->patients;
    *report = pool.report;
    return ERR_OK;
}
