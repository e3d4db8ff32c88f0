#include "check.h"

#include "sim/exact.h"

#include "model/fit.h"
#include "model/update.h"
#include "privacy/fixedpoint.h"

static const char line_text[] = "model line version 1 \"t\"\n"
                                "time a\n"
                                "[parameters]\n"
                                "level = 100 mm[Hg] normal sd 15\n"
                                "[equations]\n"
                                "f = level*exp(0*time/(1 a))\n"
                                "[observations]\n"
                                "SBP : f ~ add(5 mm[Hg])\n";

static struct model *model;
static struct prior_layout layout;
static struct prior *prior;
static struct statistic statistic;

static int setup(void **state)
{
    (void)state;
    if (model_parse(line_text, strlen(line_text), "line", &model) != ERR_OK ||
        prior_layout(model, &layout) != ERR_OK ||
        prior_from_model(model, &prior) != ERR_OK) {
        print_error("%s\n", err_text());
        return -1;
    }
    statistic_layout(&layout, true, &statistic);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    prior_destroy(&prior);
    model_destroy(&model);
    return 0;
}

/* However many patients, each as large as its grade allows: the ring holds the sum. */
static void exact__no_sum_leaves_the_ring(void **state)
{
    (void)state;
    for (size_t patients = 1; patients < ((size_t)1 << 40); patients = patients * 3 + 1)
        for (unsigned grade = 0; grade < EXACT_GRADES; grade++) {
            struct exact exact = exact_grade(patients, grade);
            int exponent;
            assert_true(frexp(exact.step, &exponent) == 0.5); /* a power of two */
            assert_true((__int128)exact.limit * patients <= (__int128)1 << 62);
            assert_near((double)exact.limit * exact.step, ldexp(1, 20 + 16 * (int)grade),
                        0);
        }
    /* Rounding of 7,023 patients in the mean of any statistic: far below 1e-9. */
    assert_true(exact_grade(7023, 0).step / sqrt(12 * 7023.0) < 1e-11);
}

static enum err lend(void *context, size_t index, struct record **record)
{
    struct record **records = context;
    *record = record_copy(records[index]);
    return ERR_OK;
}

static void exact__sums_plain_vectors_and_refuses_what_is_too_large(void **state)
{
    (void)state;
    struct record *records[3];
    uint64_t *sum = calloc(statistic.dimension, sizeof *sum);
    int64_t *integers = calloc(statistic.dimension, sizeof *integers);
    double *plain = calloc(statistic.dimension, sizeof *plain);
    double *vector = calloc(statistic.dimension, sizeof *vector);
    struct engine *engine = engine_new(model, &layout, NULL);
    for (size_t i = 0; i < 3; i++) {
        struct twin *twin;
        struct fit *fit;
        records[i] = record_new("p", "a");
        assert_ok(record_measurement(records[i], 0, "SBP", NULL, 90 + 10 * (double)i,
                                     CENSORED_NOT, 0));
        assert_ok(twin_new(model, &layout, records[i], &twin));
        assert_ok(fit_new(engine, twin, prior, &fit));
        struct moments *moments;
        assert_ok(fit_moments(engine, twin, prior, fit, &moments));
        assert_ok(update_vector(twin, prior, fit, moments, &statistic, vector));
        moments_destroy(&moments);
        for (size_t j = 0; j < statistic.dimension; j++)
            plain[j] += vector[j];
        fit_destroy(&fit);
        twin_destroy(&twin);
    }
    struct contribute_task task = {.model = model,
                                   .layout = &layout,
                                   .prior = prior,
                                   .patients = 3,
                                   .record = lend,
                                   .source = records,
                                   .threads = 1};
    struct exact exact = exact_grade(3, 0);
    struct contribute_report report;
    memset(sum, 0xff, statistic.dimension * sizeof *sum);
    assert_ok(exact_sum(&task, &statistic, &exact, sum, &report));
    fixedpoint_signed(sum, statistic.dimension, integers);
    for (size_t j = 0; j < statistic.dimension; j++)
        assert_near((double)integers[j] * exact.step, plain[j], 3 * exact.step);
    assert_near((double)integers[0] * exact.step, 3, 0);

    assert_ok(record_measurement(records[1], 1, "SBP", NULL, 1e5, CENSORED_NOT, 1));
    assert_refused(ERR_RANGE, "number ",
                   exact_sum(&task, &statistic, &exact, sum, &report));
    exact = exact_grade((size_t)1 << 20, 0); /* the limit, long before integers end */
    assert_refused(ERR_RANGE, "is too large",
                   exact_sum(&task, &statistic, &exact, sum, &report));
    exact = exact_grade(3, 1);
    assert_ok(exact_sum(&task, &statistic, &exact, sum, &report));
    for (size_t i = 0; i < 3; i++)
        record_destroy(&records[i]);
    engine_destroy(&engine);
    free(sum), free(integers), free(plain), free(vector);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exact__no_sum_leaves_the_ring),
        cmocka_unit_test(exact__sums_plain_vectors_and_refuses_what_is_too_large),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
