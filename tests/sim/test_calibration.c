#include "check.h"

#include "sim/calibration.h"

/* One number a patient, measured three times: posterior and all are known by hand. */
static const char line_text[] = "model line version 1 \"t\"\n"
                                "time h\n"
                                "[parameters]\n"
                                "a = 10 mg/L normal sd 2 mg/L\n"
                                "b = 1 mg/L normal sd 1 mg/L\n"
                                "[equations]\n"
                                "f = if(time < 9 h, a, b)\n"
                                "[observations]\n"
                                "level : f ~ add(1 mg/L)\n";

static const char days_text[] = "model days version 1 \"t\"\n"
                                "time h\n"
                                "[parameters]\n"
                                "a = 10 mg/L normal sd 2 occasions 2 per 1.5 h sd 2\n"
                                "[equations]\n"
                                "f = a\n"
                                "[observations]\n"
                                "level : f ~ add(1 mg/L)\n";

/* Where Laplace's approximation fails: three answers, yes or no, of people who differ. */
static const char binary_text[] = "model binary version 1 \"t\"\n"
                                  "time h\n"
                                  "[parameters]\n"
                                  "level = -2 1 normal sd 5\n"
                                  "[equations]\n"
                                  "p = 1/(1 + exp(-level))\n"
                                  "[observations]\n"
                                  "well : p ~ bernoulli\n";

static const char same_text[] = "model same version 1 \"t\"\n"
                                "time h\n"
                                "[parameters]\n"
                                "a = 10 mg/L estimated\n"
                                "[equations]\n"
                                "f = a\n"
                                "[observations]\n"
                                "level : f ~ add(1 mg/L)\n";

static enum err calibrate(const char *text, size_t patients, size_t draws, size_t threads,
                          const struct calibration_watch *watch,
                          struct calibration *calibration)
{
    struct model *model;
    struct record *doses = record_new("cohort", "h");
    const double times[] = {0, 1, 2};
    const bool observed[] = {true};
    assert_ok(model_parse(text, strlen(text), "text", &model));
    const struct cohort_design design = {.patients = patients,
                                         .doses = doses,
                                         .times = times,
                                         .time_count = 3,
                                         .observed = observed,
                                         .seed = 1};
    enum err err = calibration_run(model, &design, draws, threads, watch, calibration);
    record_destroy(&doses);
    model_destroy(&model);
    return err;
}

/* Of 5,000 patients every count is within four sds of what it should be. */
static void assert_exact(const struct calibration *c,
                         const struct calibration_parameter *one)
{
    size_t sum = 0;
    double patients = (double)c->patients, each = patients / (double)c->bins;
    assert_int_equal(c->bins, 20);
    assert_true(one->p_value > 0.01 && one->p_value < 0.999);
    assert_true(calibration_holds(c, one));
    for (size_t i = 0; i < c->bins; i++) {
        sum += one->ranks[i];
        assert_near((double)one->ranks[i], each, 4 * sqrt(each));
    }
    assert_int_equal(sum, c->patients);
    for (size_t l = 0; l < CALIBRATION_LEVELS; l++) {
        double level = calibration_level[l];
        assert_near((double)one->within[l], level * patients,
                    4 * sqrt(level * (1 - level) * patients));
    }
}

/* V = 1 / (1/4 + 3) of the first, nothing known of the second; both exact. */
static void calibration__of_a_linear_model_is_exact(void **state)
{
    (void)state;
    struct calibration c;
    assert_ok(calibrate(line_text, 5000, 0, 1, NULL, &c));
    assert_int_equal(c.patients, 5000);
    assert_int_equal(c.failed, 0);
    assert_int_equal(c.count, 2);
    assert_near(c.parameters[0].known, 12.0 / 13, 1e-9);
    assert_near(c.parameters[1].known, 0, 1e-9);
    for (size_t i = 0; i < 2; i++)
        assert_exact(&c, &c.parameters[i]);
}

/* A level a + kappa, read twice on the first of two occasions and once on the second. The
 * first two have the mean u, with var u = 4 + 4 + 1/2, var y = 4 + 4 + 1, cov(u, y) = 4: what
 * is known of a is 9.5 / det times 4, of the kappas 9 / det and 8.5 / det times 4. Posteriors
 * of one patient's kappas are correlated; one of them, in turn, is as exact as the rest. */
static void calibration__ranks_one_occasion_of_each_patient(void **state)
{
    (void)state;
    struct calibration c;
    assert_ok(calibrate(days_text, 5000, 0, 1, NULL, &c));
    assert_int_equal(c.failed, 0);
    assert_int_equal(c.count, 2);
    assert_true(!c.parameters[0].occasions && c.parameters[1].occasions);
    assert_int_equal(c.parameters[1].parameter, c.parameters[0].parameter);
    const double det = 8.5 * 9 - 4 * 4;
    assert_near(c.parameters[0].known, 4 * 9.5 / det, 1e-9);
    assert_near(c.parameters[1].known, 4 * (9 + 8.5) / 2 / det, 1e-9);
    for (size_t i = 0; i < 2; i++)
        assert_exact(&c, &c.parameters[i]);
}

static void calibration__finds_where_laplace_fails(void **state)
{
    (void)state;
    struct calibration c;
    assert_ok(calibrate(binary_text, 2000, 0, 1, NULL, &c));
    assert_true(c.parameters[0].p_value < 1e-6);
    assert_false(calibration_holds(&c, &c.parameters[0]));
    assert_int_equal(c.not_normal, 0);
}

/* The same people by draws, where a normal distribution will not do: many, because there are
 * four records, and who has the same has the same draws. */
static void calibration__holds_by_draws_where_laplace_fails(void **state)
{
    (void)state;
    struct calibration c;
    assert_ok(calibrate(binary_text, 2000, 399, 1, NULL, &c));
    assert_true(c.not_normal > 1000);
    for (size_t l = 0; l < CALIBRATION_LEVELS; l++)
        assert_near((double)c.parameters[0].within[l] / 2000, calibration_level[l],
                    0.02);
}

static void calibration__holds_by_p_and_by_coverage(void **state)
{
    (void)state;
    static const struct {
        double p_value;
        size_t within;
        bool holds;
    } cases[] = {{0.5, 180, true}, {0.0011, 180, true}, {0.0009, 180, false},
                 {0.5, 170, true}, {0.5, 169, false},   {0.5, 190, true},
                 {0.5, 191, false}};
    const struct calibration c = {.patients = 200};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct calibration_parameter one = {.p_value = cases[i].p_value,
                                                  .within = {0, cases[i].within, 0}};
        assert_int_equal(calibration_holds(&c, &one), cases[i].holds);
    }
    /* Patients whose fits fail keep the prior, which is as often right as it says. */
    const struct calibration_parameter sound = {.p_value = 0.5, .within = {0, 180, 0}};
    const struct calibration few = {.patients = 200, .failed = 10},
                             many = {.patients = 200, .failed = 11};
    assert_true(calibration_holds(&few, &sound));
    assert_false(calibration_holds(&many, &sound));
}

static void calibration__does_not_depend_on_threads(void **state)
{
    (void)state;
    struct calibration c[2];
    memset(c, 0, sizeof c);
    assert_ok(calibrate(binary_text, 500, 19, 1, NULL, &c[0]));
    assert_ok(calibrate(binary_text, 500, 19, 4, NULL, &c[1]));
    assert_memory_equal(c[0].parameters, c[1].parameters, sizeof c[0].parameters);
}

static bool at_once(void *context)
{
    (void)context;
    return true;
}

static void calibration__refuses_and_stops(void **state)
{
    (void)state;
    struct calibration c;
    const struct calibration_watch watch = {NULL, at_once, NULL};
    assert_refused(ERR_RANGE, "19 patients", calibrate(line_text, 19, 0, 1, NULL, &c));
    assert_refused(ERR_RANGE, "nothing differs", calibrate(same_text, 20, 0, 1, NULL, &c));
    assert_refused(ERR_INTERRUPTED, "stopped", calibrate(line_text, 20, 0, 1, &watch, &c));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(calibration__of_a_linear_model_is_exact),
        cmocka_unit_test(calibration__ranks_one_occasion_of_each_patient),
        cmocka_unit_test(calibration__finds_where_laplace_fails),
        cmocka_unit_test(calibration__holds_by_draws_where_laplace_fails),
        cmocka_unit_test(calibration__holds_by_p_and_by_coverage),
        cmocka_unit_test(calibration__does_not_depend_on_threads),
        cmocka_unit_test(calibration__refuses_and_stops),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
