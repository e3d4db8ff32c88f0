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
    assert_true(isinf(s.radius));
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(statistic__blocks_follow_each_other),
        cmocka_unit_test(statistic__exact_form_scales_nothing),
        cmocka_unit_test(statistic__layout_is_public_and_fixed),
    };
    return cmocka_run_group_tests_name("statistic", tests, NULL, NULL);
}
