#include "noisy.h"

/* A sum that is all noise teaches nothing: the start stays, and the report says so. */
static void learn_private__noise_alone_is_refused(void **state)
{
    (void)state;
    struct outcome out = learn_with(1e5, 3);
    assert_int_equal(out.report.covariance, LEARN_HELD);
    assert_int_equal(out.report.effects, LEARN_HELD);
    assert_true(strlen(out.report.reason) > 0);
    for (size_t a = 0; a < P; a++) {
        assert_near(out.mean[a], 1, 1e-9);
        assert_near(out.omega[a * (P + 1)], 2.56, 1e-9);
    }
    /* Between the two, variances can be learned before correlations. */
    bool diagonal = false;
    for (double noise = 5; noise < 400 && !diagonal; noise *= 1.2)
        diagonal = learn_with(noise, 11).report.covariance == LEARN_DIAGONAL;
    assert_true(diagonal);
}

/* Noise in the cross-information of a residual error can leave the information of a small
 * cohort indefinite. Then the errors are not known, but the step stands. */
static void learn_private__a_step_outlives_its_errors(void **state)
{
    (void)state;
    struct prior_layout layout = layout_full();
    layout.m = 1;
    struct statistic s;
    statistic_layout(&layout, false, &s);
    struct prior *prior = prior_new(&layout), *next;
    for (size_t a = 0; a < P; a++)
        prior->effects[a] = prior->omega[a * (P + 1)] = 1;
    prior->residual[0] = log(RESIDUAL2) / 2;
    assert_ok(prior_factor(prior, NULL));
    uint64_t seed = 5;
    double *y = mem_new(PATIENTS * P, sizeof *y);
    for (size_t i = 0; i < PATIENTS * P; i++)
        y[i] = sqrt(1 + RESIDUAL2) * normal(&seed);
    for (int absurd = 0; absurd < 2; absurd++) {
        double *sum = round_sum(&s, prior, y, 1e-3, &seed);
        sum[s.offset[STATISTIC_RESIDUAL_INFORMATION]] =
            2 * PATIENTS * s.factor[STATISTIC_RESIDUAL_INFORMATION];
        for (size_t a = 0; a < P; a++)
            sum[s.offset[STATISTIC_RESIDUAL_SHAPE] + a] =
                absurd * PATIENTS * s.factor[STATISTIC_RESIDUAL_SHAPE];
        struct learn_round round = {prior, sum, 1e-3};
        struct learn_report report;
        assert_ok(learn_step(NULL, &layout, &s, &round, 1, NULL, &next, &report));
        assert_int_equal(report.effects, LEARN_MOVED);
        for (size_t a = 0; a < P; a++) {
            assert_near(next->effects[a], 0, 0.3);
            assert_int_equal(isnan(next->standard_error[a]), absurd);
        }
        prior_destroy(&next);
        mem_free(sum);
    }
    prior_destroy(&prior);
    mem_free(y);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(learn_private__noise_alone_is_refused),
        cmocka_unit_test(learn_private__a_step_outlives_its_errors),
    };
    return cmocka_run_group_tests_name("learn_private", tests, NULL, NULL);
}
