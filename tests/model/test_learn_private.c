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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(learn_private__noise_alone_is_refused),
    };
    return cmocka_run_group_tests_name("learn_private", tests, NULL, NULL);
}
