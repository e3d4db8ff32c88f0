#include "node/contribute.h"

#include "base/memory.h"
#include "check.h"
#include "model/fit.h"
#include "model/update.h"
#include "privacy/fixedpoint.h"
#include "privacy/noise.h"

#define PEOPLE 40
#define MULTIPLIER 4.0

static const char text[] = "model bp version 1 \"t\"\ntime a\n"
                           "[parameters]\n"
                           "level = 4.8 1 normal sd 0.15 on AGE\n"
                           "slope = 0 1 normal sd 0.15\n"
                           "[covariates]\nAGE a centre 60 scale 40\n"
                           "[equations]\np = exp(level + slope*time/(10 a))*1 mm[Hg]\n"
                           "[observations]\nSBP : p ~ lognormal(0.15)\n";

/* A hospital in memory; records are made up by their index. */
struct hospital {
    struct model *model;
    struct prior_layout layout;
    struct prior *prior;
    bool backwards;
    size_t without_age, refuse_at, stop_at; /* an index; PEOPLE and above: nobody */
    size_t given;
};

static struct record *person(const struct hospital *hospital, size_t index)
{
    struct record *record = record_new("x", "a");
    if (index != hospital->without_age)
        assert_ok(record_covariate(record, -3, "AGE", NULL, 40 + (double)index, 0));
    for (size_t i = 0; i < 4; i++) {
        double time = -3 + 2 * (double)i;
        double shift = 0.02 * (double)(index * 7 % 13) + 0.03 * (double)(i * index % 5);
        assert_ok(record_measurement(record, time, "SBP", "mm[Hg]",
                                     exp(4.7 + shift + 0.01 * time), CENSORED_NOT,
                                     i + 1));
    }
    record_sort(record);
    return record;
}

static enum err give(void *source, size_t index, struct record **record)
{
    struct hospital *hospital = source;
    if (index == hospital->refuse_at)
        return err_set(ERR_STORAGE, "page 7 cannot be read");
    hospital->given++;
    *record = person(hospital, hospital->backwards ? PEOPLE - 1 - index : index);
    return ERR_OK;
}

static bool stopped(void *context)
{
    const struct hospital *hospital = context;
    return hospital->given >= hospital->stop_at;
}

static void open_hospital(struct hospital *hospital)
{
    *hospital = (struct hospital){
        .without_age = PEOPLE, .refuse_at = PEOPLE, .stop_at = SIZE_MAX};
    assert_ok(model_parse(text, sizeof text - 1, "t.twin", &hospital->model));
    assert_ok(prior_layout(hospital->model, &hospital->layout));
    assert_ok(prior_from_model(hospital->model, &hospital->prior));
}

static void close_hospital(struct hospital *hospital)
{
    prior_destroy(&hospital->prior);
    model_destroy(&hospital->model);
}

static struct contribute_task task_of(struct hospital *hospital, bool exact)
{
    struct contribute_task task = {.model = hospital->model,
                                   .layout = &hospital->layout,
                                   .prior = hospital->prior,
                                   .patients = PEOPLE,
                                   .record = give,
                                   .source = hospital,
                                   .exact = exact,
                                   .step = ldexp(1, -32),
                                   .threads = 1,
                                   .interrupted = stopped,
                                   .context = hospital};
    if (!exact) {
        assert_ok(noise_step(MULTIPLIER, &task.step));
        assert_ok(noise_norm_max(MULTIPLIER, &task.norm_max));
    }
    return task;
}

/* The sum under a fixed seed; caller frees. */
static uint64_t *sum_of(struct contribute_task task, struct contribute_report *report,
                        struct statistic *statistic)
{
    const uint8_t seed[RANDOM_SEED_BYTES] = {42};
    statistic_layout(task.layout, task.exact, statistic);
    uint64_t *sum = mem_new(statistic->dimension, sizeof *sum);
    if (!task.exact)
        task.random = random_new_seeded(seed);
    assert_ok(contribute(&task, sum, report));
    random_destroy(&task.random);
    return sum;
}

/* What is left of a sum under that seed without its noise. */
static int64_t *without_noise(const uint64_t *sum, size_t dimension)
{
    const uint8_t seed[RANDOM_SEED_BYTES] = {42};
    struct random *random = random_new_seeded(seed);
    int64_t *rest = mem_new(dimension, sizeof *rest);
    assert_ok(noise_fill(random, NOISE_LOG2, dimension, rest));
    for (size_t i = 0; i < dimension; i++)
        rest[i] = (int64_t)(sum[i] - (uint64_t)rest[i]);
    random_destroy(&random);
    return rest;
}

static void contribute__does_not_depend_on_threads_or_order(void **state)
{
    (void)state;
    struct hospital hospital;
    struct contribute_report report;
    struct statistic statistic;
    open_hospital(&hospital);
    for (int exact = 0; exact < 2; exact++) {
        struct contribute_task task = task_of(&hospital, exact);
        hospital.backwards = false;
        uint64_t *first = sum_of(task, &report, &statistic);
        for (size_t threads = 1; threads <= 7; threads += 3) {
            task.threads = threads;
            hospital.backwards = !hospital.backwards;
            uint64_t *other = sum_of(task, &report, &statistic);
            assert_memory_equal(first, other, statistic.dimension * sizeof *first);
            assert_int_equal(report.patients, PEOPLE);
            assert_int_equal(report.measurements, 4 * PEOPLE);
            mem_free(other);
        }
        mem_free(first);
    }
    close_hospital(&hospital);
}

/* The patients' vectors added up as doubles, one after the other. */
static void contribute__exact_is_the_sum_of_the_vectors(void **state)
{
    (void)state;
    struct hospital hospital;
    struct contribute_report report;
    struct statistic s;
    open_hospital(&hospital);
    struct contribute_task task = task_of(&hospital, true);
    uint64_t *sum = sum_of(task, &report, &s);
    assert_int_equal(report.converged, PEOPLE);
    double *expected = mem_new(s.dimension, sizeof *expected),
           *vector = mem_new(s.dimension, sizeof *vector);
    struct engine *engine = engine_new(hospital.model, &hospital.layout, NULL);
    for (size_t i = 0; i < PEOPLE; i++) {
        struct record *record = person(&hospital, i);
        struct twin *twin;
        struct fit *fit;
        assert_ok(twin_new(hospital.model, &hospital.layout, record, &twin));
        assert_ok(fit_new(engine, twin, hospital.prior, &fit));
        assert_ok(update_vector(engine, twin, hospital.prior, fit, &s, vector));
        for (size_t d = 0; d < s.dimension; d++)
            expected[d] += vector[d];
        fit_destroy(&fit);
        twin_destroy(&twin);
        record_destroy(&record);
    }
    for (size_t d = 0; d < s.dimension; d++)
        assert_near((double)(int64_t)sum[d] * task.step, expected[d],
                    PEOPLE * task.step + 1e-12 * fabs(expected[d]));
    assert_near((double)(int64_t)sum[s.offset[STATISTIC_COUNT]] * task.step, PEOPLE, 0);
    engine_destroy(&engine);
    mem_free(expected);
    mem_free(vector);
    mem_free(sum);
    close_hospital(&hospital);
}

/* Neighbouring hospitals: the last patient more or less moves the sum by no more than the
 * norm bound that the noise covers; also by a bound that cuts everybody short. */
static void contribute__a_patient_moves_it_by_the_bound_at_most(void **state)
{
    (void)state;
    struct hospital hospital;
    struct contribute_report report;
    struct statistic s;
    open_hospital(&hospital);
    for (uint64_t part = 1; part <= 4; part += 3) {
        struct contribute_task task = task_of(&hospital, false);
        double longest = 0;
        task.norm_max /= part;
        uint64_t *before = sum_of(task, &report, &s);
        while (task.patients > 0) {
            task.patients--;
            uint64_t *after = sum_of(task, &report, &s);
            double square = 0;
            for (size_t d = 0; d < s.dimension; d++)
                square += pow((double)(int64_t)(before[d] - after[d]), 2);
            assert_true(square > 0 && square <= pow((double)task.norm_max, 2));
            longest = fmax(longest, sqrt(square) / (double)task.norm_max);
            mem_free(before);
            before = after;
        }
        assert_true(part == 1 || longest > 0.99); /* and the room is used */
        mem_free(before);
    }
    close_hospital(&hospital);
}

/* Noise stands in every number, and without patients in the sum there is nothing else. */
static void contribute__adds_the_noise_once(void **state)
{
    (void)state;
    struct hospital hospital;
    struct contribute_report report;
    struct statistic s;
    open_hospital(&hospital);
    struct contribute_task task = task_of(&hospital, false);
    task.patients = 0;
    uint64_t *sum = sum_of(task, &report, &s);
    int64_t *rest = without_noise(sum, s.dimension);
    for (size_t d = 0; d < s.dimension; d++) {
        assert_int_equal(rest[d], 0);
        assert_true(sum[d] != 0);
    }
    mem_free(sum);
    mem_free(rest);
    /* And a fresh draw differs each time. */
    uint64_t *one = mem_new(s.dimension, sizeof *one),
             *two = mem_new(s.dimension, sizeof *two);
    assert_ok(contribute(&task, one, &report));
    assert_ok(contribute(&task, two, &report));
    assert_memory_not_equal(one, two, s.dimension * sizeof *one);
    mem_free(one);
    mem_free(two);
    close_hospital(&hospital);
}

/* Whether a record can be used must not show in the number of patients. */
static void contribute__counts_patients_of_no_use_like_others(void **state)
{
    (void)state;
    struct hospital hospital;
    struct contribute_report report;
    struct statistic s;
    int64_t count[2];
    open_hospital(&hospital);
    for (int without = 0; without < 2; without++) {
        if (without)
            hospital.without_age = 11;
        uint64_t *sum = sum_of(task_of(&hospital, false), &report, &s);
        int64_t *rest = without_noise(sum, s.dimension);
        count[without] = rest[s.offset[STATISTIC_COUNT]];
        assert_int_equal(report.unusable, without);
        assert_int_equal(report.patients, PEOPLE);
        mem_free(sum);
        mem_free(rest);
    }
    assert_true(count[0] > 0);
    assert_int_equal(count[0], count[1]);
    assert_int_equal(count[0] % PEOPLE, 0); /* the same for everybody */
    close_hospital(&hospital);
}

static void contribute__wipes_what_it_cannot_finish(void **state)
{
    (void)state;
    struct hospital hospital;
    struct contribute_report report;
    struct statistic s;
    open_hospital(&hospital);
    statistic_layout(&hospital.layout, false, &s);
    uint64_t *sum = mem_new(s.dimension, sizeof *sum);
    for (size_t threads = 1; threads <= 4; threads += 3) {
        struct contribute_task task = task_of(&hospital, false);
        task.threads = threads;
        hospital.refuse_at = 25;
        assert_refused(ERR_STORAGE, "page 7 cannot be read",
                       contribute(&task, sum, &report));
        for (size_t d = 0; d < s.dimension; d++)
            assert_true(sum[d] == 0);
        hospital.refuse_at = PEOPLE;
        hospital.given = 0;
        hospital.stop_at = 10;
        assert_refused(ERR_INTERRUPTED, "nothing was sent",
                       contribute(&task, sum, &report));
        for (size_t d = 0; d < s.dimension; d++)
            assert_true(sum[d] == 0);
        assert_int_equal(hospital.given, 10);
        hospital.stop_at = SIZE_MAX;
    }
    mem_free(sum);
    close_hospital(&hospital);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(contribute__does_not_depend_on_threads_or_order),
        cmocka_unit_test(contribute__exact_is_the_sum_of_the_vectors),
        cmocka_unit_test(contribute__a_patient_moves_it_by_the_bound_at_most),
        cmocka_unit_test(contribute__adds_the_noise_once),
        cmocka_unit_test(contribute__counts_patients_of_no_use_like_others),
        cmocka_unit_test(contribute__wipes_what_it_cannot_finish),
    };
    return cmocka_run_group_tests_name("contribute", tests, NULL, NULL);
}
