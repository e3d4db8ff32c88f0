#include "model/observe.h"

#include "base/normal.h"
#include "check.h"

#define STEP 1e-5

static double minus2ll(struct residual residual, double y, enum censoring c, double f)
{
    struct observed out;
    assert_ok(observe(&residual, y, c, f, &out));
    return out.minus2_log_likelihood;
}

static struct residual scaled(struct residual residual, int which, double log_factor)
{
    *(which ? &residual.proportional : &residual.additive) *= exp(log_factor);
    return residual;
}

static struct observed at(struct residual residual, double y, enum censoring c, double f)
{
    struct observed out;
    assert_ok(observe(&residual, y, c, f, &out));
    return out;
}

/* Every stated derivative against central differences of the stated value. */
static void check_derivatives(struct residual residual, double y, enum censoring c,
                              double f)
{
    struct observed out = at(residual, y, c, f);
    double h = STEP * fabs(f), scale = 1 + fabs(out.d_prediction);
    assert_near(out.d_prediction,
                (minus2ll(residual, y, c, f + h) - minus2ll(residual, y, c, f - h)) /
                    (2 * h),
                1e-6 * scale);
    if (residual.kind == RESIDUAL_BERNOULLI)
        return;
    for (int k = 0; k < 2; k++) {
        struct residual up = scaled(residual, k, STEP), down = scaled(residual, k, -STEP);
        struct observed a = at(up, y, c, f), b = at(down, y, c, f);
        double two = 2 * STEP;
        assert_near(out.d_log_residual[k],
                    (a.minus2_log_likelihood - b.minus2_log_likelihood) / two,
                    1e-6 * (1 + fabs(out.d_log_residual[k])));
        assert_near(out.dd_log_residual[k], (a.d_prediction - b.d_prediction) / two,
                    1e-6 * (scale + fabs(out.dd_log_residual[k])));
        assert_near(out.d_information[k], (a.information - b.information) / two,
                    1e-6 * (1 + fabs(out.information) + fabs(out.d_information[k])));
    }
}

static void observe__derivatives_agree_with_differences(void **state)
{
    (void)state;
    const struct residual residuals[] = {
        {RESIDUAL_ADDITIVE, 0.7, 0, 0},    {RESIDUAL_PROPORTIONAL, 0, 0.2, 0},
        {RESIDUAL_COMBINED1, 0.3, 0.1, 0}, {RESIDUAL_COMBINED2, 0.3, 0.1, 0},
        {RESIDUAL_LOGNORMAL, 0.15, 0, 0},
    };
    for (size_t i = 0; i < sizeof residuals / sizeof *residuals; i++) {
        for (double f = 0.4; f < 12; f *= 2.3) {
            check_derivatives(residuals[i], 2.5, CENSORED_NOT, f);
            check_derivatives(residuals[i], 2.5, CENSORED_BELOW, f);
            check_derivatives(residuals[i], 2.5, CENSORED_ABOVE, f);
        }
    }
    struct residual binary = {RESIDUAL_BERNOULLI, 0, 0, 0};
    check_derivatives(binary, 1, CENSORED_NOT, 0.3);
    check_derivatives(binary, 0, CENSORED_NOT, 0.3);
}

/* Known closed forms: the normal density at two points, and P(y < f) = 1/2. */
static void observe__values_are_the_textbook_ones(void **state)
{
    (void)state;
    struct residual additive = {RESIDUAL_ADDITIVE, 2, 0, 0};
    assert_relative(minus2ll(additive, 5, CENSORED_NOT, 1), log(8 * M_PI) + 4, 1e-15);
    assert_relative(minus2ll(additive, 5, CENSORED_BELOW, 5), 2 * log(2), 1e-15);
    struct residual logarithm = {RESIDUAL_LOGNORMAL, 0.5, 0, 0};
    double z = log(3.0 / 2) / 0.5;
    assert_relative(minus2ll(logarithm, 3, CENSORED_NOT, 2),
                    -2 * log(exp(-z * z / 2) / (3 * 0.5 * sqrt(2 * M_PI))), 1e-14);
    struct residual binary = {RESIDUAL_BERNOULLI, 0, 0, 0};
    assert_relative(minus2ll(binary, 1, CENSORED_NOT, 0.25), 2 * log(4), 1e-15);
}

/* The information is the expected second derivative: the variance of the score. */
static void observe__information_is_the_variance_of_the_score(void **state)
{
    (void)state;
    struct residual combined = {RESIDUAL_COMBINED2, 0.3, 0.2, 0};
    double f = 2, sd = observe_sd(&combined, f), sum = 0, weight = 0;
    for (double z = -9; z <= 9; z += 1e-3) {
        struct observed out = at(combined, f + sd * z, CENSORED_NOT, f);
        double w = exp(-z * z / 2);
        sum += w * out.d_prediction * out.d_prediction / 4;
        weight += w;
    }
    assert_relative(at(combined, 2, CENSORED_NOT, f).information, sum / weight, 1e-9);
}

static void observe__far_tails_stay_finite(void **state)
{
    (void)state;
    struct residual additive = {RESIDUAL_ADDITIVE, 0.01, 0, 0};
    struct observed out =
        at(additive, 1, CENSORED_BELOW, 10); /* 900 sds above the limit */
    assert_relative(out.minus2_log_likelihood, 810000.0, 1e-4);
    assert_relative(out.information, 1e4, 1e-4);
}

/* What is nothing is below any limit, where an error in proportion is nothing, too: the
 * end of what small predictions come to. Above one it cannot be. */
static void observe__nothing_is_surely_below_a_limit(void **state)
{
    (void)state;
    const struct residual residuals[] = {{RESIDUAL_PROPORTIONAL, 0, 0.2, 0},
                                         {RESIDUAL_LOGNORMAL, 0.2, 0, 0},
                                         {RESIDUAL_COMBINED2, 0, 0.2, 0},
                                         {RESIDUAL_COMBINED1, 0, 0.2, 0}};
    for (size_t i = 0; i < 4; i++)
        for (double f = 1e-3; f >= 0; f = f > 1e-9 ? f / 1e3 : f > 0 ? 0 : -1) {
            struct observed out = at(residuals[i], 1, CENSORED_BELOW, f);
            assert_near(out.minus2_log_likelihood, 0, 1e-12);
            assert_near(out.d_prediction, 0, 1e-12);
            assert_near(out.information, 0, 1e-12);
            assert_false(out.variance <= 0);
        }
    assert_near(minus2ll(residuals[1], 1, CENSORED_BELOW, -1e-15), 0, 0);
    struct observed out;
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(observe(&residuals[i], 1, CENSORED_ABOVE, 0, &out), ERR_NUMERIC);
}

static void observe__refuses_what_has_no_likelihood(void **state)
{
    (void)state;
    struct observed out;
    struct residual proportional = {RESIDUAL_PROPORTIONAL, 0, 0.2, 0};
    struct residual logarithm = {RESIDUAL_LOGNORMAL, 0.2, 0, 0};
    struct residual binary = {RESIDUAL_BERNOULLI, 0, 0, 0};
    assert_refused(ERR_NUMERIC, "zero", observe(&proportional, 1, CENSORED_NOT, 0, &out));
    assert_refused(ERR_NUMERIC, "finite",
                   observe(&proportional, 1, CENSORED_NOT, NAN, &out));
    assert_refused(ERR_NUMERIC, "lognormal",
                   observe(&logarithm, 1, CENSORED_NOT, -1, &out));
    assert_refused(ERR_NUMERIC, "lognormal",
                   observe(&logarithm, 0, CENSORED_NOT, 1, &out));
    assert_refused(ERR_NUMERIC, "probability",
                   observe(&binary, 1, CENSORED_NOT, 1, &out));
    assert_refused(ERR_NUMERIC, "neither", observe(&binary, 2, CENSORED_NOT, 0.5, &out));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(observe__derivatives_agree_with_differences),
        cmocka_unit_test(observe__values_are_the_textbook_ones),
        cmocka_unit_test(observe__information_is_the_variance_of_the_score),
        cmocka_unit_test(observe__far_tails_stay_finite),
        cmocka_unit_test(observe__nothing_is_surely_below_a_limit),
        cmocka_unit_test(observe__refuses_what_has_no_likelihood),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
