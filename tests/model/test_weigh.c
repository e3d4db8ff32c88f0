#include "noisy.h"

#include "weigh.h"

/* 40 studies: estimates within their stated errors of the truth, no more and no less. */
static void weigh__stated_errors_are_the_real_ones(void **state)
{
    (void)state;
    for (int much = 0; much < 2; much++) {
        double mean2 = 0, sd2 = 0, bias = 0;
        enum { STUDIES = 40 };
        for (uint64_t study = 1; study <= STUDIES; study++) {
            struct outcome out = learn_with(much ? 12 : 1, 1234567 * study);
            assert_int_equal(out.report.covariance, LEARN_MOVED);
            for (size_t a = 0; a < P; a++) {
                double mean = out.mean[a] / out.mean_error;
                double sd = (sqrt(out.omega[a * (P + 1)]) - 1) / out.sd_error;
                mean2 += mean * mean / (P * STUDIES);
                sd2 += sd * sd / (P * STUDIES);
                bias += sd / (P * STUDIES);
            }
        }
        /* 120 squares of standard normals: 1 +- 0.13. */
        assert_true(mean2 > 0.6 && mean2 < 1.5);
        assert_true(sd2 > 0.55 && sd2 < 1.7);
        assert_true(fabs(bias) < 0.4);
    }
}

/* What noise leaves goes with its square, six times for noise of 12 and of 12 / sqrt 6,
 * or somewhat more, because early rounds then count for less; one study alone says
 * little. */
static void weigh__noise_left_goes_with_its_square(void **state)
{
    (void)state;
    double noise = 0, alone = 0;
    for (uint64_t study = 77; study < 87; study++) {
        struct outcome many = learn_with(12, study), least = learn_with(1e-3, study),
                       quiet = learn_with(12 / sqrt(6), study);
        noise += many.mean_error * many.mean_error - least.mean_error * least.mean_error;
        alone +=
            quiet.mean_error * quiet.mean_error - least.mean_error * least.mean_error;
    }
    assert_true(noise < 12 * alone && noise > 5 * alone);
}

/* Parameters of which patients know a third, two thirds and nine tenths: still unbiased,
 * with errors as stated. */
static void weigh__unequal_knowledge_is_not_pulled_together(void **state)
{
    (void)state;
    static const double sd[P] = {1, 0.5, 2};
    for (int much = 0; much < 2; much++) {
        double bias[P] = {0}, square = 0;
        enum { STUDIES = 40 };
        for (uint64_t study = 1; study <= STUDIES; study++) {
            struct outcome out = learn_on(sd, much ? 4 : 1e-3, 7654321 * study);
            for (size_t a = 0; a < P; a++) {
                double off = sqrt(out.omega[a * (P + 1)]) - sd[a];
                bias[a] += off / sd[a] / STUDIES;
                square +=
                    off * off / (out.errors[P + a] * out.errors[P + a]) / (P * STUDIES);
            }
        }
        for (size_t a = 0; a < P; a++)
            assert_near(bias[a], 0, 0.03);
        assert_true(square > 0.55 && square < 1.7);
    }
}

/* The variance of the first mean after one round at the right prior, whose scores come
 * scaled. */
static double variance_of_first(double scale, double noise)
{
    struct prior_layout layout = layout_full();
    struct statistic s;
    statistic_layout(&layout, false, &s);
    struct prior *prior = prior_new(&layout), *next;
    for (size_t a = 0; a < P; a++)
        prior->omega[a * (P + 1)] = 1;
    assert_ok(prior_factor(prior, NULL));
    prior->scale[0] = scale;
    uint64_t seed = 8;
    double *y = mem_new(PATIENTS * P, sizeof *y);
    for (size_t i = 0; i < PATIENTS * P; i++)
        y[i] = sqrt(1 + RESIDUAL2) * normal(&seed);
    double *sum = round_sum(&s, prior, y, noise, &seed);
    struct learn_round round = {prior, sum, noise};
    struct learn_report report;
    assert_ok(learn_step(NULL, &layout, &s, &round, 1, NULL, &next, &report));
    double error = next->standard_error[0];
    prior_destroy(&next);
    prior_destroy(&prior);
    mem_free(sum);
    mem_free(y);
    return error * error;
}

/* Twice the scale is half the noise, but for what the shorter reach costs. */
static void weigh__scaled_scores_carry_less_noise(void **state)
{
    (void)state;
    double plain = variance_of_first(1, 8) - variance_of_first(1, 1e-3);
    double scaled = variance_of_first(2, 8) - variance_of_first(2, 1e-3);
    assert_true(scaled > 0.25 * plain && scaled < 0.6 * plain);
}

/* One round at the right prior, under noise of a tenth of a standard deviation in each
 * mean. Noise alone goes no farther than three numbers go on average, chi-square with
 * three degrees of freedom below 3, in 61 % of the studies: then the start stands. */
static void weigh__what_noise_alone_would_do_is_not_done(void **state)
{
    (void)state;
    enum { STUDIES = 60 };
    struct prior_layout layout = layout_full();
    struct statistic s;
    statistic_layout(&layout, false, &s);
    size_t held = 0;
    double square = 0;
    for (uint64_t study = 1; study <= STUDIES; study++) {
        struct prior *prior = prior_new(&layout), *next;
        for (size_t a = 0; a < P; a++)
            prior->omega[a * (P + 1)] = 1;
        assert_ok(prior_factor(prior, NULL));
        uint64_t seed = 7654321 * study;
        double *y = mem_new(PATIENTS * P, sizeof *y), noise = 30;
        for (size_t i = 0; i < PATIENTS * P; i++)
            y[i] = sqrt(1 + RESIDUAL2) * normal(&seed);
        double *sum = round_sum(&s, prior, y, noise, &seed);
        struct learn_round round = {prior, sum, noise};
        struct learn_report report;
        assert_ok(learn_step(NULL, &layout, &s, &round, 1, NULL, &next, &report));
        held += report.effects == LEARN_HELD;
        for (size_t a = 0; a < P; a++) {
            if (report.effects == LEARN_HELD)
                assert_near(next->effects[a], 0, 0);
            square += next->effects[a] * next->effects[a] /
                      (next->standard_error[a] * next->standard_error[a]);
        }
        prior_destroy(&next);
        prior_destroy(&prior);
        mem_free(sum);
        mem_free(y);
    }
    assert_true((double)held > 0.42 * STUDIES &&
                (double)held < 0.8 * STUDIES); /* +- 3 sds */
    assert_true(square < 0.5 * P * STUDIES);   /* all of it: 1 */
}

/* Of two residual errors nobody measures the second: its score and information are noise.
 * The first is learned, the second stays to the digit, round after round. */
static void weigh__what_nobody_measures_stays(void **state)
{
    (void)state;
    struct prior_layout layout = layout_full();
    layout.m = 2;
    struct statistic s;
    statistic_layout(&layout, false, &s);
    for (uint64_t study = 1; study <= 8; study++) {
        struct prior *prior = prior_new(&layout);
        for (size_t a = 0; a < P; a++)
            prior->omega[a * (P + 1)] = 1;
        prior->residual[0] = log(RESIDUAL2) / 2;
        prior->residual[1] = 0.3;
        assert_ok(prior_factor(prior, NULL));
        uint64_t seed = 7654321 * study;
        double *y = mem_new(PATIENTS * P, sizeof *y), noise = 4;
        for (size_t i = 0; i < PATIENTS * P; i++)
            y[i] = sqrt(1 + RESIDUAL2) * normal(&seed);
        struct learn_round rounds[ROUNDS];
        struct learn_report report;
        for (size_t t = 0; t < ROUNDS; t++) {
            double *sum = round_sum(&s, prior, y, noise, &seed);
            sum[s.offset[STATISTIC_RESIDUAL_SCORE]] +=
                PATIENTS * 0.5 * s.factor[STATISTIC_RESIDUAL_SCORE];
            sum[s.offset[STATISTIC_RESIDUAL_INFORMATION]] +=
                PATIENTS * 4 * s.factor[STATISTIC_RESIDUAL_INFORMATION];
            rounds[t] = (struct learn_round){prior, sum, noise};
            assert_ok(
                learn_step(NULL, &layout, &s, rounds, t + 1, NULL, &prior, &report));
        }
        assert_int_equal(report.residual, LEARN_MOVED);
        assert_true(prior->residual[0] - rounds[0].prior->residual[0] > 0.05);
        assert_near(prior->residual[1], 0.3, 1e-7);
        assert_true(isfinite(prior->standard_error[0]));
        prior_destroy(&prior);
        rounds_clear(rounds);
        mem_free(y);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(weigh__stated_errors_are_the_real_ones),
        cmocka_unit_test(weigh__noise_left_goes_with_its_square),
        cmocka_unit_test(weigh__scaled_scores_carry_less_noise),
        cmocka_unit_test(weigh__unequal_knowledge_is_not_pulled_together),
        cmocka_unit_test(weigh__what_noise_alone_would_do_is_not_done),
        cmocka_unit_test(weigh__what_nobody_measures_stays),
    };
    return cmocka_run_group_tests_name("weigh", tests, NULL, NULL);
}
