#include "check.h"

#include "model/statistic.h"

static struct prior_layout layout_of(size_t p, size_t k, size_t q, size_t m)
{
    return (struct prior_layout){.p = p, .k = k, .q = q, .m = m};
}

static void statistic__blocks_follow_each_other(void **state)
{
    (void)state;
    for (int exact = 0; exact < 2; exact++) {
        struct prior_layout layout = layout_of(4, 3, 2, 3);
        struct statistic s;
        statistic_layout(&layout, exact, &s);
        size_t at = 0;
        for (size_t b = 0; b < STATISTIC_BLOCKS; b++) {
            assert_int_equal(s.offset[b], at);
            at += s.size[b];
            assert_non_null(statistic_name((enum statistic_block)b));
            assert_non_null(statistic_meaning((enum statistic_block)b));
        }
        assert_int_equal(s.dimension, at);
        assert_int_equal(s.size[STATISTIC_LIKELIHOOD], exact ? 3 : 0);
    }
}

static void statistic__exact_form_scales_nothing(void **state)
{
    (void)state;
    struct prior_layout layout = layout_of(3, 2, 1, 2);
    struct statistic s;
    statistic_layout(&layout, true, &s);
    for (size_t b = 0; b < STATISTIC_BLOCKS; b++)
        assert_near(s.factor[b], 1, 0);
    assert_true(isinf(s.radius) && isinf(s.reach));
}

/* What a model does not have takes no share of the clipping norm. */
static void statistic__layout_is_public_and_fixed(void **state)
{
    (void)state;
    struct prior_layout layout = layout_of(3, 1, 0, 1);
    struct statistic a, b;
    statistic_layout(&layout, false, &a);
    statistic_layout(&layout, false, &b);
    assert_memory_equal(&a, &b, sizeof a);
    assert_int_equal(a.size[STATISTIC_COVARIATES], 0);
    assert_int_equal(a.size[STATISTIC_POPULATION_SCORE], 0);
    assert_true(a.factor[STATISTIC_COUNT] > 0 && a.factor[STATISTIC_COUNT] < 1);
}

/* E f(r^2) for a standard normal vector in p dimensions, by the trapezium rule. */
static double expected(size_t p, double (*f)(double r2, double reach2), double reach2)
{
    double sum = 0, total = 0, n = (double)p;
    for (double r = 5e-4; r < 14; r += 1e-3) {
        double weight = pow(r, n - 1) * exp(-r * r / 2);
        sum += weight * f(r * r, reach2);
        total += weight;
    }
    return sum / total;
}

static double cut(double r2, double reach2)
{
    return fmin(r2, reach2);
}

static double outside(double r2, double reach2)
{
    return r2 > reach2;
}

static double squared(double r2, double reach2)
{
    return cut(r2, reach2) * cut(r2, reach2);
}

/* d E zeta by a shift: E (w + r w' / p) with w = min(1, reach / r). */
static double shifted_in(double r2, double reach2)
{
    return r2 > reach2 ? sqrt(reach2 / r2) : 1;
}

static double shifted_out(double r2, double reach2)
{
    return r2 > reach2 ? sqrt(reach2 / r2) : 0;
}

static void statistic__shortening_agrees_with_integrals(void **state)
{
    (void)state;
    for (size_t p = 1; p <= 9; p++) {
        double n = (double)p, reach2 = 0.9 * n;
        struct shortening got = statistic_shortening(p, sqrt(reach2));
        double kappa = expected(p, cut, reach2) / n, out = expected(p, outside, reach2);
        assert_near(got.kappa, kappa, 2e-3);
        assert_near(
            got.mean_slope,
            expected(p, shifted_in, reach2) - expected(p, shifted_out, reach2) / n, 2e-3);
        assert_near(got.scale_slope, kappa - reach2 * out / n, 2e-3);
        assert_near(got.shape_slope, kappa - 2 * reach2 * out / (n * (n + 2)), 2e-3);
        double fourth = expected(p, squared, reach2) / (n * (n + 2));
        assert_relative(got.shape_loss, fourth / (got.shape_slope * got.shape_slope),
                        5e-3);
        assert_true(got.mean_loss >= 1 && got.shape_loss >= 1);
    }
    double slope;
    for (double dof = 0.5; dof < 9; dof *= 1.7) { /* by the same rule, over x */
        double limit = 1.3 * dof, mean = 0, total = 0;
        for (double u = 5e-5; u < 9; u += 1e-4) { /* x = u^2 tames the origin */
            double weight = pow(u, dof - 1) * exp(-u * u / 2);
            mean += weight * fmin(u * u, limit);
            total += weight;
        }
        assert_near(statistic_truncated(dof, limit, &slope), mean / total, 5e-3 * dof);
        assert_true(slope > 0 && slope < 1);
    }
    struct shortening none = statistic_shortening(4, INFINITY);
    assert_near(none.kappa, 1, 0);
    assert_near(statistic_shortening(4, 40).mean_slope, 1, 1e-12);
}

/* No shortened z z' - kappa (I - V) is longer than the bound says: random eigenvalues, z
 * of all lengths; and some come near. */
static void statistic__second_moment_bound_holds(void **state)
{
    (void)state;
    uint64_t seed = 9;
    for (size_t p = 1; p <= 8; p++) {
        struct prior_layout layout = layout_of(p, 1, 0, 0);
        struct statistic s;
        statistic_layout(&layout, false, &s);
        double longest = 0;
        for (int draw = 0; draw < 20000; draw++) {
            double known[8], z[8], largest = 0, zeta2 = 0, z2 = 0, norm = 0;
            size_t rank = 0;
            for (size_t a = 0; a < p; a++) {
                seed = seed * 6364136223846793005u + 1442695040888963407u;
                known[a] = (double)(seed >> 11) * 0x1p-53;
                if (draw % 3 == 0)
                    known[a] = known[0];
                if (a > 0 && draw % 5 < 2) /* records that say nothing of it */
                    known[a] = 0;
                rank += known[a] > 0;
                largest = fmax(largest, known[a]);
                seed = seed * 6364136223846793005u + 1442695040888963407u;
                z[a] =
                    ((double)(seed >> 11) * 0x1p-53 - 0.5) * sqrt(known[a]) * (draw % 40);
                zeta2 += known[a] > 0 ? z[a] * z[a] / known[a] : 0;
            }
            double reach = statistic_reach(&s, largest);
            double share = fmin(1, reach / sqrt(zeta2 + 1e-300));
            double kappa = statistic_shortening(rank, reach).kappa;
            for (size_t a = 0; a < p; a++) {
                z2 += share * z[a] * share * z[a];
                for (size_t b = 0; b < p; b++) {
                    double m = share * z[a] * share * z[b] - (a == b) * kappa * known[a];
                    norm += m * m;
                }
            }
            assert_true(sqrt(z2) <= s.radius * (1 + 1e-12));
            assert_true(sqrt(norm) <= s.bound[STATISTIC_OMEGA_SCORE] * (1 + 1e-12));
            longest = fmax(longest, sqrt(norm));
        }
        assert_true(longest > 0.8 * s.bound[STATISTIC_OMEGA_SCORE]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(statistic__blocks_follow_each_other),
        cmocka_unit_test(statistic__exact_form_scales_nothing),
        cmocka_unit_test(statistic__layout_is_public_and_fixed),
        cmocka_unit_test(statistic__shortening_agrees_with_integrals),
        cmocka_unit_test(statistic__second_moment_bound_holds),
    };
    return cmocka_run_group_tests_name("statistic", tests, NULL, NULL);
}
