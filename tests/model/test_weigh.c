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

/* Six rounds of noise 12 are worth one of 12 / sqrt 6 = 4.9, not the last alone. */
static void weigh__every_round_counts(void **state)
{
    (void)state;
    struct outcome many = learn_with(12, 77), quiet = learn_with(12 / sqrt(6), 77),
                   least = learn_with(1e-3, 77);
    double noise =
        many.mean_error * many.mean_error - least.mean_error * least.mean_error;
    double alone =
        quiet.mean_error * quiet.mean_error - least.mean_error * least.mean_error;
    assert_true(noise < 9 * alone && noise > 3 * alone);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(weigh__stated_errors_are_the_real_ones),
        cmocka_unit_test(weigh__every_round_counts),
    };
    return cmocka_run_group_tests_name("weigh", tests, NULL, NULL);
}
