#include "base/normal.h"

#include "check.h"

#define TOLERANCE 1e-14

/* Phi, log Phi and Mills' ratio from their definitions in 60-digit arithmetic. */
static const struct {
    double x, cdf, log_cdf, mills;
} table[] = {
    {-37.5, 4.605353009581954844e-308, -707.6689893175071911, 5.786254378210513323e+305},
    {-12.25, 8.399796063633417659e-35, -78.46227082737592864, 9.654899989342728328e+32},
    {-11.75, 3.530942395885993259e-32, -72.42115817282069867, 2.393210436407928858e+30},
    {-5, 2.866515718791939117e-7, -15.06499839398872574, 672621.6367228792523},
    {-1, 0.1586552539314570514, -1.841021645009263506, 3.477051811703694467},
    {-0.1, 0.4601721627229710185, -0.7761545927302733208, 1.359930401525616561},
    {0, 0.5, -0.6931471805599453094, 1.253314137315500251},
    {0.3, 0.6179114221889526373, -0.4814101615884811983, 1.00183740099215574},
    {1, 0.8413447460685429486, -0.1727537790234498895, 0.6556795424187984715},
    {2.5, 0.9937903346742238648, -6.229025485860002381e-3, 0.3542651113297936668},
    {6, 0.999999999013412355, -9.865876455243757317e-10, 0.1623776608968674618},
    {11.99, 1, -2.004525837372428088e-33, 0.08283438774347813293},
    {12.01, 1, -1.574225269441109817e-33, 0.08269829641360281559},
    {30, 1, -4.90671392714818706e-198, 0.03329641907249721338},
};

static void normal__matches_its_definition(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        assert_relative(normal_cdf(table[i].x), table[i].cdf, TOLERANCE);
        /* x is a double: log Phi of the double nearest to 11.99 is off by x dx */
        double near =
            TOLERANCE + (table[i].x > 6 ? 4 * table[i].x * table[i].x * 1e-16 : 0);
        assert_relative(normal_log_cdf(table[i].x), table[i].log_cdf, near);
        assert_relative(normal_mills(table[i].x), table[i].mills, TOLERANCE);
        assert_relative(normal_inverse_mills(-table[i].x), 1 / table[i].mills, TOLERANCE);
    }
    assert_relative(normal_log_cdf(-1000), -500007.8266948121843, TOLERANCE);
    assert_relative(normal_inverse_mills(-1000), 1000.000999998, TOLERANCE);
    assert_true(normal_cdf(-40) == 0 && normal_cdf(40) == 1);
    assert_true(isinf(normal_mills(-200)) && normal_inverse_mills(200) == 0);
    assert_true(isnan(normal_mills(NAN)) && isnan(normal_log_cdf(NAN)));
}

static void normal__quantile_matches_published_values_and_its_inverse(void **state)
{
    (void)state;
    assert_relative(normal_quantile(0.01), -2.326347874040841093, TOLERANCE);
    assert_relative(normal_quantile(0.3), -0.524400512708040816, TOLERANCE);
    assert_relative(normal_quantile(0.975), 1.959963984540054, TOLERANCE);
    assert_relative(normal_quantile(1e-12), -7.034483825301131933, TOLERANCE);
    assert_relative(normal_quantile(1e-300), -37.04709629936119924, TOLERANCE);
    assert_true(normal_quantile(0.5) == 0);
    assert_true(normal_quantile(0) == -INFINITY && normal_quantile(1) == INFINITY);
    assert_true(isnan(normal_quantile(-0.1)) && isnan(normal_quantile(NAN)));
    for (double p = 1e-300; p < 0.5; p *= 3.7)
        assert_relative(normal_cdf(normal_quantile(p)), p, 1e-12);
    for (double p = 0.4999; p < 0.5001; p += 1.7e-6)
        assert_near(normal_cdf(normal_quantile(p)), p, 1e-15);
}

/* Between -11.99 and 12.01 two formulas meet; M' = xM - 1 must hold across, here as the
 * trapezoid of M' over steps of 2^-10. */
static void normal__mills_follows_its_differential_equation(void **state)
{
    (void)state;
    const double step = 0x1p-10;
    for (double x = -3; x < 20; x += step) {
        double here = normal_mills(x), next = normal_mills(x + step);
        double slope = (x * here - 1 + (x + step) * next - 1) / 2;
        assert_near((next - here) / step, slope, 1e-5 * fabs(slope) + 1e-12);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(normal__matches_its_definition),
        cmocka_unit_test(normal__quantile_matches_published_values_and_its_inverse),
        cmocka_unit_test(normal__mills_follows_its_differential_equation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
