#include "check.h"

#include <unistd.h>

#include "model/fit.h"
#include "model/update.h"
#include "node/contribute.h"
#include "privacy/clip.h"
#include "privacy/fixedpoint.h"
#include "privacy/noise.h"

/* A straight line with a lognormal error and a covariate: quick to fit. */
static const char line_text[] = "model line version 1 \"t\"\n"
                                "time a\n"
                                "[parameters]\n"
                                "level = 4.8 1 normal sd 0.15 on AGE\n"
                                "slope = 0 1/a normal sd 0.05\n"
                                "[covariates]\n"
                                "AGE a centre 60 scale 40\n"
                                "[equations]\n"
                                "f = exp(level + slope*time)*1 mm[Hg]\n"
                                "[observations]\n"
                                "SBP : f ~ lognormal(0.15)\n";

#define PATIENTS 40
#define MULTIPLIER 2.0

static struct model *model;
static struct prior_layout layout;
static struct prior *prior;
static struct statistic statistic;
static struct record *records[PATIENTS];
static double step;
static uint64_t norm_max;

static int setup(void **state)
{
    (void)state;
    if (model_parse(line_text, strlen(line_text), "line", &model) != ERR_OK ||
        prior_layout(model, &layout) != ERR_OK ||
        prior_from_model(model, &prior) != ERR_OK ||
        noise_step(MULTIPLIER, &step) != ERR_OK ||
        noise_norm_max(MULTIPLIER, 1, &norm_max) != ERR_OK) {
        print_error("%s\n", err_text());
        return -1;
    }
    statistic_layout(&layout, false, &statistic);
    for (int i = 0; i < PATIENTS; i++) {
        records[i] = record_new("p", "a");
        record_covariate(records[i], 0, "AGE", NULL, 30 + i, 0);
        for (int j = 0; j <= i % 4; j++)
            record_measurement(records[i], j, "SBP", NULL, 100 + (i * 37 + j * 11) % 60,
                               CENSORED_NOT, (size_t)j + 1);
    }
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    for (size_t i = 0; i < PATIENTS; i++)
        record_destroy(&records[i]);
    prior_destroy(&prior);
    model_destroy(&model);
    return 0;
}

/* A hospital in memory: records in any order, a refusal or a draw on the way. */
struct source {
    struct record **records;
    size_t count;
    bool reversed;
    size_t refuse_at; /* SIZE_MAX: never */
    struct random *random;
    uint64_t drawn; /* from `random` when the first record is asked for */
    size_t asked;
};

static enum err lend(void *context, size_t index, struct record **record)
{
    struct source *source = context;
    if (source->random && source->asked++ == 0)
        source->drawn = random_u64(source->random);
    if (index == source->refuse_at)
        return err_set(ERR_STORAGE, "the disk is gone");
    *record = record_copy(
        source->records[source->reversed ? source->count - 1 - index : index]);
    return ERR_OK;
}

static struct random *seeded(uint8_t seed)
{
    const uint8_t bytes[RANDOM_SEED_BYTES] = {seed};
    return random_new_seeded(bytes);
}

static struct contribute_task task_of(struct source *source, struct random *random)
{
    return (struct contribute_task){
        .model = model,
        .layout = &layout,
        .prior = prior,
        .patients = source->count,
        .record = lend,
        .source = source,
        .step = step,
        .norm_max = norm_max,
        .random = random,
        .threads = 1,
    };
}

static struct source everybody(void)
{
    return (struct source){.records = records, .count = PATIENTS, .refuse_at = SIZE_MAX};
}

static void contribute_seeded(struct source *source, uint8_t seed, size_t threads,
                              uint64_t *sum, struct contribute_report *report)
{
    struct random *random = seeded(seed);
    struct contribute_task task = task_of(source, random);
    task.threads = threads;
    assert_ok(contribute(&task, sum, report));
    random_destroy(&random);
}

static void contribute__adds_clipped_vectors_to_the_noise(void **state)
{
    (void)state;
    size_t dimension = statistic.dimension;
    uint64_t *sum = calloc(dimension, sizeof *sum);
    uint64_t *expected = calloc(dimension, sizeof *expected);
    int64_t *integers = calloc(dimension, sizeof *integers);
    double *vector = calloc(dimension, sizeof *vector);
    struct source source = everybody();
    struct contribute_report report;
    contribute_seeded(&source, 7, 1, sum, &report);

    struct random *random = seeded(7);
    assert_ok(noise_fill(random, NOISE_LOG2, dimension, integers));
    fixedpoint_add(expected, integers, dimension);
    struct engine *engine = engine_new(model, &layout, NULL);
    for (size_t i = 0; i < PATIENTS; i++) {
        struct twin *twin;
        struct fit *fit;
        assert_ok(twin_new(model, &layout, records[i], &twin));
        assert_ok(fit_new(engine, twin, prior, &fit));
        struct moments *moments;
        assert_ok(fit_moments(engine, twin, prior, fit, &moments));
        assert_ok(update_vector(twin, prior, fit, moments, &statistic, vector));
        moments_destroy(&moments);
        assert_ok(clip_quantise(vector, dimension, step, norm_max, vector[0], integers));
        fixedpoint_add(expected, integers, dimension);
        fit_destroy(&fit);
        twin_destroy(&twin);
    }
    assert_memory_equal(sum, expected, dimension * sizeof *sum);
    assert_int_equal(report.patients, PATIENTS);
    assert_int_equal(report.converged, PATIENTS);
    assert_int_equal(report.stayed + report.unusable, 0);
    assert_int_equal(report.measurements, PATIENTS / 4 * (1 + 2 + 3 + 4));
    assert_string_equal(report.reason, "");
    engine_destroy(&engine);
    random_destroy(&random);
    free(sum), free(expected), free(integers), free(vector);
}

static void contribute__order_and_threads_change_no_bit(void **state)
{
    (void)state;
    size_t size = statistic.dimension * sizeof(uint64_t);
    uint64_t *first = calloc(1, size), *other = calloc(1, size);
    struct contribute_report report;
    struct source source = everybody();
    contribute_seeded(&source, 1, 1, first, &report);
    for (size_t threads = 0; threads <= 5; threads++) {
        source.reversed = !source.reversed;
        contribute_seeded(&source, 1, threads, other, &report);
        assert_memory_equal(first, other, size);
    }
    contribute_seeded(&source, 2, 1, other, &report); /* another seed, another noise */
    assert_memory_not_equal(first, other, size);
    free(first), free(other);
}

static void contribute__draws_noise_before_a_record_is_asked_for(void **state)
{
    (void)state;
    uint64_t *sum = calloc(statistic.dimension, sizeof *sum);
    int64_t *noise = calloc(statistic.dimension, sizeof *noise);
    struct random *random = seeded(3), *beside = seeded(3);
    struct source source = everybody();
    struct contribute_report report;
    source.random = random;
    struct contribute_task task = task_of(&source, random);
    assert_ok(contribute(&task, sum, &report));
    assert_ok(noise_fill(beside, NOISE_LOG2, statistic.dimension, noise));
    assert_true(source.drawn == random_u64(beside));
    random_destroy(&random);
    random_destroy(&beside);
    free(sum), free(noise);
}

static void contribute__fresh_noise_is_never_the_same(void **state)
{
    (void)state;
    size_t size = statistic.dimension * sizeof(uint64_t);
    uint64_t *a = calloc(1, size), *b = calloc(1, size);
    struct source source = everybody();
    struct contribute_task task = task_of(&source, NULL);
    struct contribute_report report;
    assert_ok(contribute(&task, a, &report));
    assert_ok(contribute(&task, b, &report));
    for (size_t i = 0; i < statistic.dimension; i++)
        assert_true(a[i] != b[i]); /* twice the same: about 2^-20 a number */
    free(a), free(b);
}

/* What cannot be fitted or even read counts like everybody else, and moves the sum no
 * more than the bound allows. */
static void contribute__everybody_counts_and_nobody_counts_more(void **state)
{
    (void)state;
    struct record *odd[] = {records[0], record_new("q", "a"), record_new("r", "a"),
                            record_new("s", "a")};
    record_covariate(odd[1], 0, "AGE", NULL, 1e300, 0);
    for (size_t i = 0; i < 50; i++) /* far out and well measured */
        record_measurement(odd[1], (double)i, "SBP", NULL, 1e9, CENSORED_NOT, i);
    record_measurement(odd[2], 0, "SBP", NULL, 120, CENSORED_NOT, 0); /* no AGE */
    record_covariate(odd[3], 0, "AGE", NULL, 50, 0);
    record_measurement(odd[3], 0, "SBP", NULL, -1, CENSORED_NOT, 0); /* no logarithm */
    int64_t *noise = calloc(statistic.dimension, sizeof *noise);
    uint64_t *sum = calloc(statistic.dimension, sizeof *sum);
    struct contribute_report report;
    struct random *random = seeded(5);
    assert_ok(noise_fill(random, NOISE_LOG2, statistic.dimension, noise));
    for (size_t i = 0; i < 4; i++) {
        struct source one = {.records = &odd[i], .count = 1, .refuse_at = SIZE_MAX};
        contribute_seeded(&one, 5, 1, sum, &report);
        __int128 square = 0;
        for (size_t j = 0; j < statistic.dimension; j++) {
            int64_t own = (int64_t)(sum[j] - (uint64_t)noise[j]);
            square += (__int128)own * own;
        }
        assert_true(square <= (__int128)norm_max * norm_max);
        if (i != 1) /* only far out is anything scaled down */
            assert_true((int64_t)(sum[0] - (uint64_t)noise[0]) ==
                        (int64_t)llrint(statistic.factor[STATISTIC_COUNT] / step));
        assert_int_equal(report.unusable, i == 2);
        assert_int_equal(report.stayed, i == 3);
    }
    struct source all = {.records = odd, .count = 4, .refuse_at = SIZE_MAX};
    contribute_seeded(&all, 5, 2, sum, &report);
    assert_int_equal(report.unusable, 1);
    assert_int_equal(report.stayed, 1);
    assert_int_equal(report.patients, 4);
    assert_non_null(
        strstr(report.reason, "AGE")); /* the first one's, whoever came first */
    random_destroy(&random);
    for (size_t i = 1; i < 4; i++)
        record_destroy(&odd[i]);
    free(noise), free(sum);
}

/* Neighbouring hospitals: the last patient more or less moves the sum by no more than the
 * bound that the noise covers; also by one so tight that it cuts everybody short. */
static void contribute__neighbours_differ_by_the_bound_at_most(void **state)
{
    (void)state;
    size_t dimension = statistic.dimension;
    uint64_t *before = calloc(dimension, sizeof *before);
    uint64_t *after = calloc(dimension, sizeof *after);
    struct contribute_report report;
    const uint64_t whole = norm_max;
    for (uint64_t part = 1; part <= 4; part += 3) {
        struct source source = everybody();
        double longest = 0;
        norm_max = whole / part;
        contribute_seeded(&source, 9, 1, before, &report);
        while (source.count > 0) {
            source.count--;
            contribute_seeded(&source, 9, 1, after, &report);
            __int128 square = 0;
            for (size_t j = 0; j < dimension; j++) {
                int64_t moved = (int64_t)(before[j] - after[j]);
                square += (__int128)moved * moved;
            }
            assert_true(square > 0 && square <= (__int128)norm_max * norm_max);
            longest = fmax(longest, sqrt((double)square) / (double)norm_max);
            memcpy(before, after, dimension * sizeof *before);
        }
        assert_true(part == 1 || longest > 0.99); /* and the room is used */
    }
    norm_max = whole;
    free(before), free(after);
}

/* Where `sum` lies between the others' alone (0) and theirs with one patient more (1), by
 * whoever knows all of them: the best that can be told of that patient. */
static double likeness(const uint64_t *sum, const uint64_t *others, const int64_t *own)
{
    double along = 0, square = 0;
    for (size_t j = 0; j < statistic.dimension; j++) {
        along += (double)(int64_t)(sum[j] - others[j]) * (double)own[j];
        square += (double)own[j] * (double)own[j];
    }
    return along / square;
}

/* A sum is not anonymous for being a sum: what is known of it and of everybody else shows
 * whether somebody is in it, were it not for the noise. With it the best guess is right
 * as often as Gaussian noise of mu = |vector| / 2^20 lets it be, Phi(mu / 2) (Dong, Roth
 * and Su 2022), within 4.9 standard deviations; without it, always. */
static void contribute__one_in_the_sum_is_told_no_better_than_claimed(void **state)
{
    (void)state;
    enum { RUNS = 4000, OTHERS = 2 };
    size_t dimension = statistic.dimension, right = 0;
    uint64_t *others = calloc(dimension, sizeof *others);
    uint64_t *sum = calloc(dimension, sizeof *sum);
    int64_t *own = calloc(dimension, sizeof *own);
    struct contribute_report report;
    struct source none = everybody(), without = everybody(), with = everybody();
    struct random *random = seeded(8);
    none.count = 0, without.count = OTHERS, with.count = OTHERS + 1;
    double square = 0;
    uint64_t *noise = calloc(dimension, sizeof *noise);
    contribute_seeded(&none, 7, 1, noise, &report); /* the same noise in all three */
    contribute_seeded(&without, 7, 1, others, &report);
    contribute_seeded(&with, 7, 1, sum, &report);
    for (size_t j = 0; j < dimension; j++) {
        own[j] = (int64_t)(sum[j] - others[j]);
        others[j] -= noise[j];
        square += (double)own[j] * (double)own[j];
    }
    for (size_t run = 0; run < RUNS; run++) {
        bool in = run % 2;
        struct contribute_task task = task_of(in ? &with : &without, random);
        assert_ok(contribute(&task, sum, &report));
        right += (likeness(sum, others, own) > 0.5) == in;
    }
    double mu = sqrt(square) * 0x1p-20, chance = erfc(-mu / 2 / sqrt(2)) / 2;
    print_message("mu %.3f: told rightly %.3f of the time, claimed %.3f\n", mu,
                  (double)right / RUNS, chance);
    assert_true(mu > 0.1 && mu <= 0.5); /* neither nothing nor beyond the bound */
    assert_near((double)right / RUNS, chance, 4.9 * sqrt(0.25 / RUNS));
    random_destroy(&random);
    free(others), free(sum), free(own), free(noise);
}

static bool at_once(void *context)
{
    (void)context;
    return true;
}

static void contribute__refusals_leave_nothing_behind(void **state)
{
    (void)state;
    uint64_t *sum = calloc(statistic.dimension, sizeof *sum);
    struct contribute_report report = {.patients = 77};
    for (size_t threads = 1; threads <= 2; threads++)
        for (size_t kind = 0; kind < 4; kind++) {
            struct source source = everybody();
            struct contribute_task task = task_of(&source, NULL);
            task.threads = threads;
            source.refuse_at = kind == 0 ? 3 : SIZE_MAX;
            if (kind == 1)
                task.interrupted = at_once;
            if (kind == 2)
                task.step = NAN;
            if (kind == 3)
                task.norm_max = 0;
            enum err err = contribute(&task, sum, &report);
            assert_int_equal(err, kind == 0   ? ERR_STORAGE
                                  : kind == 1 ? ERR_INTERRUPTED
                                              : ERR_RANGE);
            assert_int_equal(err_code(), err); /* in this thread, whoever refused */
            if (kind == 0)
                assert_string_equal(err_text(), "the disk is gone");
            for (size_t i = 0; i < statistic.dimension; i++)
                assert_true(sum[i] == 0);
        }
    assert_int_equal(report.patients, 77);
    free(sum);
}

struct seen {
    size_t calls, last;
    bool ended;
};

static void count_progress(void *context, size_t done, size_t total)
{
    struct seen *seen = context;
    assert_int_equal(done, seen->last + 1);
    seen->last = done;
    seen->calls++;
    seen->ended = done == total;
}

static void contribute__progress_counts_everybody_once(void **state)
{
    (void)state;
    uint64_t *sum = calloc(statistic.dimension, sizeof *sum);
    struct source source = everybody();
    struct contribute_task task = task_of(&source, NULL);
    struct contribute_report report;
    struct seen seen = {0};
    task.threads = 3;
    task.progress = count_progress;
    task.context = &seen;
    assert_ok(contribute(&task, sum, &report));
    assert_int_equal(seen.calls, PATIENTS);
    assert_true(seen.ended);
    source.count = task.patients = 0; /* a hospital without patients sends noise alone */
    assert_ok(contribute(&task, sum, &report));
    assert_int_equal(report.patients, 0);
    free(sum);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(contribute__adds_clipped_vectors_to_the_noise),
        cmocka_unit_test(contribute__order_and_threads_change_no_bit),
        cmocka_unit_test(contribute__draws_noise_before_a_record_is_asked_for),
        cmocka_unit_test(contribute__fresh_noise_is_never_the_same),
        cmocka_unit_test(contribute__everybody_counts_and_nobody_counts_more),
        cmocka_unit_test(contribute__neighbours_differ_by_the_bound_at_most),
        cmocka_unit_test(contribute__one_in_the_sum_is_told_no_better_than_claimed),
        cmocka_unit_test(contribute__refusals_leave_nothing_behind),
        cmocka_unit_test(contribute__progress_counts_everybody_once),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
