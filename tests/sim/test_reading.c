#include "check.h"

#include "sim/reading.h"

static const char text[] = "model m version 1\ntime h\n"
                           "[parameters]\na = 1 1 normal sd 1\n"
                           "[equations]\ny = a\np = expit(a)\n"
                           "[observations]\nplain : y ~ add(2) limits -1 .. 20 1\n"
                           "share : y ~ prop(0.1)\nskew : y ~ lognormal(0.3)\n"
                           "kept : y ~ add(1) correlated over 2 h\n"
                           "event : p ~ bernoulli\n";

static struct model *model;
static struct prior_layout layout;
static struct prior *prior;
static struct reader reader;

static int begin(void **state)
{
    (void)state;
    if (model_parse(text, strlen(text), "m", &model) != ERR_OK ||
        prior_layout(model, &layout) != ERR_OK ||
        prior_from_model(model, &prior) != ERR_OK)
        return 1;
    reader = (struct reader){model, &layout, prior};
    return 0;
}

static int end(void **state)
{
    (void)state;
    prior_destroy(&prior);
    model_destroy(&model);
    return 0;
}

static const double one_sd = 0.84134474606854294859; /* the normal integral at 1 */

static double read(size_t observation, double prediction, double uniform)
{
    struct reading reading;
    double error = 0;
    assert_true(reading_of(&reader, observation, prediction, uniform, INFINITY, &error,
                           &reading));
    assert_int_equal(reading.censoring, CENSORED_NOT);
    return reading.value;
}

static void reading__is_off_by_the_models_error(void **state)
{
    (void)state;
    assert_near(read(0, 5, 0.5), 5, 1e-12);
    assert_near(read(0, 5, one_sd), 5 + 2, 1e-9);
    assert_near(read(1, 5, one_sd), 5 + 0.5, 1e-9);
    assert_near(read(1, 5, 1 - one_sd), 5 - 0.5, 1e-9);
    assert_near(read(2, 5, one_sd), 5 * exp(0.3), 1e-9);
    assert_true(read(4, 0.3, 0.29) == 1 && read(4, 0.3, 0.31) == 0);
}

/* After 2 h a share of 1/e is left of an error, and the rest is new. */
static void reading__remembers_where_errors_are_correlated(void **state)
{
    (void)state;
    struct reading reading;
    double error = 0.7;
    assert_true(reading_of(&reader, 3, 10, 0.5, 2, &error, &reading));
    assert_near(error, 0.7 * exp(-1), 1e-12);
    assert_near(reading.value, 10 + error, 1e-12);
    assert_true(reading_of(&reader, 3, 10, one_sd, 2, &error, &reading));
    assert_near(error, 0.7 * exp(-2) + sqrt(1 - exp(-2)), 1e-9);
}

static void reading__stops_at_the_limits(void **state)
{
    (void)state;
    struct reading reading;
    double error = 0;
    assert_true(reading_of(&reader, 0, 0, 1 - one_sd, INFINITY, &error, &reading));
    assert_true(reading.value == -1 && reading.censoring == CENSORED_BELOW);
    assert_true(reading_of(&reader, 0, 19, one_sd, INFINITY, &error, &reading));
    assert_true(reading.value == 20 && reading.censoring == CENSORED_ABOVE);
    assert_false(reading_of(&reader, 0, NAN, 0.5, INFINITY, &error, &reading));
    assert_true(isnan(reading.value));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reading__is_off_by_the_models_error),
        cmocka_unit_test(reading__remembers_where_errors_are_correlated),
        cmocka_unit_test(reading__stops_at_the_limits),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
