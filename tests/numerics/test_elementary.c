#include "numerics/elementary.h"

#include <stdbool.h>

#include "check.h"

/* Distance from the true value in units of its last place. */
static double ulps(double ours, long double truth)
{
    double near = (double)truth;
    int exponent;
    frexp(near, &exponent);
    double unit = ldexp(1, exponent < -1021 ? -1074 : exponent - 53);
    return (double)(fabsl((long double)ours - truth) / (long double)unit);
}

static double spread(size_t i)
{
    double whole;
    return modf(0.5 + 0.6180339887498949 * (double)(i + 1), &whole);
}

static void elementary__exp_and_log_are_right_to_an_ulp_and_a_half(void **state)
{
    (void)state;
    for (size_t i = 0; i < 1000000; i++) {
        double x = 1420 * spread(i) - 712, near = 2 * spread(i) - 1;
        if (x < 709.7)
            assert_true(ulps(elementary_exp(x), expl(x)) < 1.5);
        assert_true(ulps(elementary_exp(near), expl(near)) < 1.5);
        double y = elementary_exp(x < 709 ? x : 709);
        assert_true(ulps(elementary_log(y), logl(y)) < 1.5);
        y = 1 + near * 0.4;
        assert_true(ulps(elementary_log(y), logl(y)) < 1.5);
    }
}

static void elementary__power_errs_as_it_says(void **state)
{
    (void)state;
    for (size_t i = 0; i < 1000000; i++) {
        double a = exp(40 * spread(i) - 20), b = 20 * spread(3 * i + 1) - 10;
        double bound = 2 + 2 * fabs(b * log(a));
        assert_true(ulps(elementary_power(a, b), powl(a, b)) < bound);
    }
}

static bool same(double x, double y)
{
    return isnan(x) ? isnan(y) : x == y && signbit(x) == signbit(y);
}

/* As C's functions have it. */
static void elementary__edges_are_those_of_c(void **state)
{
    (void)state;
    static const double x[] = {0,      1,     -1,       2,         -2,  0.5,  3,
                               1e-310, 1e308, INFINITY, -INFINITY, 710, -746, 5e-324};
    for (size_t i = 0; i < sizeof x / sizeof x[0]; i++) {
        if (fabs(x[i]) < 1 || fabs(x[i]) > 700)
            assert_true(fabs(x[i]) < 1 || same(elementary_exp(x[i]), exp(x[i])));
        if (x[i] <= 0 || isinf(x[i]))
            assert_true(same(elementary_log(x[i]), log(x[i])));
        else
            assert_near(elementary_log(x[i]), log(x[i]), 1e-13);
        for (size_t k = 0; k < 7 && x[i] > -INFINITY; k++) {
            double ours = elementary_power(x[i], x[k]), theirs = pow(x[i], x[k]);
            bool close = fabs(ours - theirs) <= 1e-12 * fabs(theirs);
            assert_true(close || same(ours, theirs));
        }
    }
    assert_true(isnan(elementary_exp(NAN)));
    assert_true(isnan(elementary_log(NAN)));
    assert_true(isnan(elementary_power(NAN, 2)));
    assert_true(isnan(elementary_power(2, NAN)));
}

static void elementary__floor_is_the_c_librarys(void **state)
{
    (void)state;
    static const double x[] = {
        0,        -0.0,         0.5,           -0.5,         1,
        -1,       0x1p51 + 0.5, -0x1p51 - 0.5, 0x1p52 - 0.5, 0x1p53,
        -0x1p53,  1e308,        5e-324,        -5e-324,      INFINITY,
        -INFINITY};
    for (size_t i = 0; i < sizeof x / sizeof x[0]; i++)
        assert_true(same(elementary_floor(x[i]), floor(x[i])));
    for (size_t i = 0; i < 1000000; i++) {
        double y = ldexp(2 * spread(i) - 1, (int)(i % 60));
        assert_true(same(elementary_floor(y), floor(y)));
    }
    assert_true(isnan(elementary_floor(NAN)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(elementary__floor_is_the_c_librarys),
        cmocka_unit_test(elementary__exp_and_log_are_right_to_an_ulp_and_a_half),
        cmocka_unit_test(elementary__power_errs_as_it_says),
        cmocka_unit_test(elementary__edges_are_those_of_c),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
