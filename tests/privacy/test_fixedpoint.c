#include "privacy/fixedpoint.h"

#include "check.h"
#include "privacy/random.h"

static const uint8_t seed[RANDOM_SEED_BYTES] = "fixed point";

static void fixedpoint__rounds_to_nearest(void **state)
{
    (void)state;
    const double vector[] = {0, -0.0, 0.24, -0.26, 0.75, 1e6, -1e6, 0.25, 0x1p60};
    int64_t integers[9];
    assert_ok(fixedpoint_quantise_exact(vector, 9, 0.5, integers));
    const int64_t expected[] = {0, 0, 0, -1, 2, 2000000, -2000000, 0, (int64_t)1 << 61};
    assert_memory_equal(integers, expected, sizeof expected);
    double back[9];
    fixedpoint_real(integers, 9, 0.5, back);
    for (size_t j = 0; j < 9; j++)
        assert_near(back[j], vector[j], 0.25);
}

static void fixedpoint__refuses_what_does_not_fit(void **state)
{
    (void)state;
    int64_t integers[2] = {7, 7};
    const double wrong[] = {NAN, INFINITY, -INFINITY, 0x1p61, -0x1p61, 1e308};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        double vector[2] = {1, wrong[i]};
        assert_refused(ERR_RANGE, "number 1 of 2",
                       fixedpoint_quantise_exact(vector, 2, 0.5, integers));
    }
    double vector[2] = {1, 2};
    assert_refused(ERR_RANGE, "step 0",
                   fixedpoint_quantise_exact(vector, 2, 0, integers));
    assert_refused(ERR_RANGE, "step -1",
                   fixedpoint_quantise_exact(vector, 2, -1, integers));
    assert_refused(ERR_RANGE, "step",
                   fixedpoint_quantise_exact(vector, 2, NAN, integers));
    assert_refused(ERR_RANGE, "0 numbers",
                   fixedpoint_quantise_exact(vector, 0, 1, integers));
    assert_refused(
        ERR_RANGE, "numbers",
        fixedpoint_quantise_exact(vector, FIXEDPOINT_DIM_MAX + 1, 1, integers));
    assert_int_equal(integers[0], 7);
    double largest[1] = {nextafter(0x1p62, 0)};
    assert_ok(fixedpoint_quantise_exact(largest, 1, 1, integers));
    assert_true(integers[0] < FIXEDPOINT_LIMIT);
}

/* The signed sum, in 128 bits, against the ring's, whatever the order and the grouping.
 */
static void fixedpoint__sums_are_exact_in_any_order(void **state)
{
    (void)state;
    enum { PATIENTS = 200, DIM = 5 };
    struct random *random = random_new_seeded(seed);
    static int64_t integers[PATIENTS][DIM];
    __int128 expected[DIM] = {0};
    for (size_t i = 0; i < PATIENTS; i++)
        for (size_t j = 0; j < DIM; j++) {
            integers[i][j] = (int64_t)random_bits(random, 54) - ((int64_t)1 << 53);
            expected[j] += integers[i][j];
        }
    for (size_t shuffle = 0; shuffle < 20; shuffle++) {
        for (size_t i = PATIENTS - 1; i > 0; i--) {
            size_t other = random_below(random, i + 1);
            int64_t swap[DIM];
            memcpy(swap, integers[i], sizeof swap);
            memcpy(integers[i], integers[other], sizeof swap);
            memcpy(integers[other], swap, sizeof swap);
        }
        uint64_t hospitals[3][DIM] = {{0}}, sum[DIM] = {0};
        for (size_t i = 0; i < PATIENTS; i++)
            fixedpoint_add(hospitals[random_below(random, 3)], integers[i], DIM);
        for (size_t h = 0; h < 3; h++)
            fixedpoint_add_ring(sum, hospitals[h], DIM);
        int64_t got[DIM];
        fixedpoint_signed(sum, DIM, got);
        for (size_t j = 0; j < DIM; j++)
            assert_true(got[j] == expected[j]);
    }
    random_destroy(&random);
}

static void fixedpoint__reads_the_signed_extremes(void **state)
{
    (void)state;
    const uint64_t sum[] = {0, 1, UINT64_MAX, (uint64_t)1 << 63, ((uint64_t)1 << 63) - 1};
    int64_t integers[5];
    fixedpoint_signed(sum, 5, integers);
    const int64_t expected[] = {0, 1, -1, INT64_MIN, INT64_MAX};
    assert_memory_equal(integers, expected, sizeof expected);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fixedpoint__rounds_to_nearest),
        cmocka_unit_test(fixedpoint__refuses_what_does_not_fit),
        cmocka_unit_test(fixedpoint__sums_are_exact_in_any_order),
        cmocka_unit_test(fixedpoint__reads_the_signed_extremes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
