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

static void elementary__log10_and_log1p_err_as_they_say(void **state)
{
    (void)state;
    for (size_t i = 0; i < 1000000; i++) {
        double u = spread(i), wide = exp(1400 * u - 700), near = 0.7 + 0.7 * u;
        assert_true(ulps(elementary_log10(wide), log10l(wide)) < 1);
        assert_true(ulps(elementary_log10(near), log10l(near)) < 1);
        double small = 2 * u - 1 + 1e-9, tiny = (2 * u - 1) * 1e-7, large = exp(700 * u);
        assert_true(ulps(elementary_log1p(small), log1pl(small)) < 1.5);
        assert_true(ulps(elementary_log1p(tiny), log1pl(tiny)) < 1.5);
        assert_true(ulps(elementary_log1p(large), log1pl(large)) < 1.5);
    }
    for (int i = -307; i <= 308; i++) {
        char text[16];
        snprintf(text, sizeof text, "1e%d", i);
        assert_true(elementary_log10(strtod(text, NULL)) == i);
    }
}

/* log p - log(1 - p) loses what it is about to, in the middle; this does not. */
static long double logit(double p)
{
    long double exact = p;
    return fabs(p - 0.5) < 0.25 ? log1pl((2 * exact - 1) / (1 - exact))
                                : logl(exact / (1 - exact));
}

static void elementary__logit_and_tanh_err_as_they_say(void **state)
{
    (void)state;
    for (size_t i = 0; i < 1000000; i++) {
        double u = spread(i);
        const double shares[] = {u, exp(-600 * u), 0.5 + 0.01 * (u - 0.5),
                                 1 - exp(-30 * u)};
        for (size_t k = 0; k < 4; k++)
            assert_true(ulps(elementary_logit(shares[k]), logit(shares[k])) < 4);
        const double sizes[] = {40 * u - 20, 2 * u - 1, exp(-600 * u)};
        for (size_t k = 0; k < 3; k++)
            assert_true(ulps(elementary_tanh(sizes[k]), tanhl(sizes[k])) < 3);
    }
}

/* The last two: where the function goes through 0, and all that is left is what the
 * reduction of the angle left. */
static void elementary__sine_and_cosine_err_as_they_say(void **state)
{
    (void)state;
    for (size_t i = 0; i < 1000000; i++) {
        double u = spread(i), pi = 3.14159265358979323846;
        const double x[] = {
            20 * u - 10,   2e6 * u - 1e6,       0x1p41 * u - 0x1p40,        exp(-600 * u),
            exp(27.7 * u), floor(2e9 * u) * pi, (floor(2e5 * u) + 0.5) * pi};
        for (size_t k = 0; k < sizeof x / sizeof x[0]; k++) {
            assert_true(ulps(elementary_sin(x[k]), sinl(x[k])) < 2);
            assert_true(ulps(elementary_cos(x[k]), cosl(x[k])) < 2);
        }
    }
    assert_true(isnan(elementary_sin(0x1.1p40)) && isnan(elementary_cos(-0x1p41)));
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
    static const double odd[] = {0, -0.0, 1, -1, 5e-324, INFINITY, -INFINITY, NAN};
    for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++) {
        assert_true(same(elementary_log10(odd[i]), log10(odd[i])));
        assert_near(isfinite(log1p(odd[i])) ? elementary_log1p(odd[i]) - log1p(odd[i])
                                            : 0,
                    0, 1e-15);
        assert_true(isfinite(log1p(odd[i])) ||
                    same(elementary_log1p(odd[i]), log1p(odd[i])));
        assert_near(isnan(odd[i]) ? 0 : elementary_tanh(odd[i]) - tanh(odd[i]), 0, 1e-15);
        assert_true(isfinite(odd[i]) || isnan(elementary_sin(odd[i])));
        assert_true(isfinite(odd[i]) || isnan(elementary_cos(odd[i])));
    }
    assert_true(same(elementary_tanh(-0.0), -0.0) && same(elementary_sin(-0.0), -0.0));
    assert_true(same(elementary_log1p(-0.0), -0.0) && isnan(elementary_tanh(NAN)));
    assert_true(elementary_cos(0) == 1 && elementary_tanh(INFINITY) == 1);
    assert_true(same(elementary_logit(0), -INFINITY) &&
                same(elementary_logit(1), INFINITY));
    assert_true(elementary_logit(0.5) == 0 && isnan(elementary_logit(-0.1)));
    assert_true(isnan(elementary_logit(1.1)));
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
        cmocka_unit_test(elementary__log10_and_log1p_err_as_they_say),
        cmocka_unit_test(elementary__logit_and_tanh_err_as_they_say),
        cmocka_unit_test(elementary__sine_and_cosine_err_as_they_say),
        cmocka_unit_test(elementary__power_errs_as_it_says),
        cmocka_unit_test(elementary__edges_are_those_of_c),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
