#include "privacy/clip.h"

#include <float.h>

#include "check.h"
#include "privacy/random.h"

#define DIM_MAX 300

static const uint8_t seed[RANDOM_SEED_BYTES] = "clip";

/* Independent of the code under test: 64-bit halves of the sum of squares. */
static int norm_is_within(const int64_t *integers, size_t dim, uint64_t norm_max)
{
    uint64_t high = 0, low = 0;
    for (size_t j = 0; j < dim; j++) {
        __int128 square = (__int128)integers[j] * integers[j];
        uint64_t before = low;
        low += (uint64_t)square;
        high += (uint64_t)(square >> 64) + (low < before);
    }
    unsigned __int128 bound = (unsigned __int128)norm_max * norm_max;
    uint64_t bound_high = (uint64_t)(bound >> 64), bound_low = (uint64_t)bound;
    return high < bound_high || (high == bound_high && low <= bound_low);
}

static double any_number(struct random *random)
{
    static const double odd[] = {0,       -0.0,     1,         -1,         DBL_MAX,
                                 DBL_MIN, -DBL_MAX, 0x1p-1074, -0x1p-1070, 1e300,
                                 1e-300,  0.5,      NAN,       INFINITY,   -INFINITY};
    if (random_below(random, 64) == 0)
        return odd[random_below(random, sizeof odd / sizeof *odd)];
    double mantissa = (double)random_bits(random, 53) * 0x1p-53 - 0.5;
    int exponent = random_below(random, 8) == 0 ? (int)random_below(random, 2000) - 1000
                                                : (int)random_below(random, 12) - 6;
    return ldexp(mantissa, exponent);
}

static void clip__no_record_exceeds_the_bound(void **state)
{
    (void)state;
    struct random *random = random_new_seeded(seed);
    static double vector[DIM_MAX];
    static int64_t integers[DIM_MAX];
    for (size_t trial = 0; trial < 30000; trial++) {
        size_t dim = 1 + random_below(random, trial % 10 == 0 ? DIM_MAX : 12);
        uint64_t norm_max = ((uint64_t)1 << random_below(random, 61));
        norm_max -= random_below(random, 1 + norm_max / 2);
        double step = ldexp(1 + (double)random_bits(random, 20),
                            (int)random_below(random, 60) - 50);
        for (size_t j = 0; j < dim; j++)
            vector[j] = any_number(random);
        assert_ok(clip_quantise(vector, dim, step, norm_max, 0, integers));
        assert_true(norm_is_within(integers, dim, norm_max));
    }
    random_destroy(&random);
}

static long double length(const int64_t *integers, size_t dim)
{
    long double squares = 0;
    for (size_t j = 0; j < dim; j++)
        squares += (long double)integers[j] * integers[j];
    return sqrtl(squares);
}

/* Vectors as long as they come, filled with what is worst for rounding, for the norm's
 * computation and for overflow: equal numbers one unit in the last place around the
 * bound, the smallest and the largest doubles, one giant among dwarfs. */
static void clip__holds_for_long_and_adversarial_vectors(void **state)
{
    (void)state;
    const size_t dims[] = {1, 2, 3, 255, 4096, 65536, FIXEDPOINT_DIM_MAX};
    double *vector = calloc(FIXEDPOINT_DIM_MAX, sizeof *vector);
    int64_t *integers = calloc(FIXEDPOINT_DIM_MAX, sizeof *integers);
    for (size_t i = 0; i < sizeof dims / sizeof *dims; i++)
        for (unsigned log2_norm = 0; log2_norm <= 60; log2_norm += 15) {
            uint64_t norm_max = (uint64_t)1 << log2_norm;
            double even = (double)norm_max / sqrt((double)dims[i]);
            const double fills[] = {
                even,    nextafter(even, 0), nextafter(even, INFINITY),
                DBL_MAX, 0x1p-1074,          -2 * even};
            for (size_t f = 0; f < sizeof fills / sizeof *fills; f++) {
                for (size_t j = 0; j < dims[i]; j++)
                    vector[j] = fills[f];
                assert_ok(clip_quantise(vector, dims[i], 1, norm_max, 0, integers));
                assert_true(norm_is_within(integers, dims[i], norm_max));
                long double root = sqrtl((long double)dims[i]);
                long double whole = fminl(fabsl(fills[f]) * root, (long double)norm_max);
                assert_true(length(integers, dims[i]) >= whole * (1 - 1e-8L) - root);
                vector[dims[i] / 2] = -DBL_MAX;
                assert_ok(clip_quantise(vector, dims[i], 1, norm_max, 0, integers));
                assert_true(norm_is_within(integers, dims[i], norm_max));
                assert_true(length(integers, dims[i]) >=
                            (long double)norm_max * (1 - 1e-8L) - root);
            }
        }
    free(vector);
    free(integers);
}

static void clip__one_record_moves_the_sum_by_at_most_the_bound(void **state)
{
    (void)state;
    enum { DIM = 40, PATIENTS = 50 };
    const uint64_t norm_max = 1 << 17;
    struct random *random = random_new_seeded(seed);
    for (size_t trial = 0; trial < 200; trial++) {
        uint64_t with[DIM] = {0}, without[DIM] = {0};
        for (size_t i = 0; i < PATIENTS; i++) {
            double vector[DIM];
            int64_t integers[DIM];
            for (size_t j = 0; j < DIM; j++)
                vector[j] = any_number(random);
            vector[0] = 0.125;
            assert_ok(clip_quantise(vector, DIM, 0x1p-18, norm_max, 0.125, integers));
            fixedpoint_add(with, integers, DIM);
            if (i != trial % PATIENTS)
                fixedpoint_add(without, integers, DIM);
        }
        int64_t change[DIM];
        for (size_t j = 0; j < DIM; j++)
            with[j] -= without[j];
        fixedpoint_signed(with, DIM, change);
        assert_true(norm_is_within(change, DIM, norm_max));
    }
    random_destroy(&random);
}

static void clip__leaves_what_fits_alone(void **state)
{
    (void)state;
    const double vector[] = {3, -4, 0.3, -0.6};
    int64_t integers[4], exact[4];
    assert_ok(fixedpoint_quantise_exact(vector, 2, 1, exact));
    assert_ok(clip_quantise(vector, 2, 1, 5, 1, integers)); /* exactly on the bound */
    assert_memory_equal(integers, exact, 2 * sizeof *exact);
    assert_ok(fixedpoint_quantise_exact(vector, 4, 0x1p-20, exact));
    assert_ok(clip_quantise(vector, 4, 0x1p-20, 6 << 20, 1, integers));
    assert_memory_equal(integers, exact, sizeof exact);
}

/* A clipped vector keeps its direction and loses no length but the rounding's. */
static void clip__scales_onto_the_bound(void **state)
{
    (void)state;
    struct random *random = random_new_seeded(seed);
    const double sizes[] = {1e-3, 1, 1e10, 1e200, 1e300};
    for (size_t trial = 0; trial < 500; trial++) {
        enum { DIM = 20 };
        double vector[DIM], dot = 0, norm = 0, clipped = 0;
        int64_t integers[DIM];
        for (size_t j = 0; j < DIM; j++)
            vector[j] =
                sizes[trial % 5] * ((double)random_bits(random, 40) * 0x1p-39 - 1);
        assert_ok(clip_quantise(vector, DIM, 1e-12, 1 << 24, 0, integers));
        for (size_t j = 0; j < DIM; j++) {
            double v = vector[j] / sizes[trial % 5], q = (double)integers[j];
            dot += v * q;
            norm += v * v;
            clipped += q * q;
        }
        assert_in_range((uint64_t)sqrt(clipped), (1 << 24) - 20, 1 << 24);
        assert_near(dot / sqrt(norm * clipped), 1, 1e-11);
    }
    random_destroy(&random);
}

/* Clipping bites: unclipped, these would be 100 times the bound. The sabotaged build that
 * leaves the bound out fails here. */
static void clip__an_extreme_patient_counts_like_any_other(void **state)
{
    (void)state;
    const double vector[3] = {100, 0, 0};
    int64_t integers[3];
    assert_ok(clip_quantise(vector, 3, 0x1p-20, 1 << 20, 1, integers));
    assert_true(norm_is_within(integers, 3, 1 << 20));
    assert_in_range((uint64_t)integers[0], (1 << 20) - 2, 1 << 20);
}

static void clip__counts_a_patient_whose_numbers_are_not_finite(void **state)
{
    (void)state;
    const double odd[] = {NAN, INFINITY, -INFINITY};
    for (size_t i = 0; i < 9; i++) {
        double vector[3] = {0.25, 1e9, -2};
        vector[i / 3] = odd[i % 3];
        int64_t integers[3] = {9, 9, 9};
        assert_ok(clip_quantise(vector, 3, 0x1p-20, 1 << 20, 0.25, integers));
        const int64_t expected[3] = {1 << 18, 0, 0};
        assert_memory_equal(integers, expected, sizeof expected);
    }
}

static void clip__refuses_a_plan_that_makes_no_sense(void **state)
{
    (void)state;
    const double vector[2] = {1, NAN};
    int64_t integers[2] = {7, 7};
    assert_refused(ERR_RANGE, "0 numbers", clip_quantise(vector, 0, 1, 5, 1, integers));
    assert_refused(ERR_RANGE, "numbers",
                   clip_quantise(vector, FIXEDPOINT_DIM_MAX + 1, 1, 5, 1, integers));
    assert_refused(ERR_RANGE, "step -1", clip_quantise(vector, 2, -1, 5, 1, integers));
    assert_refused(ERR_RANGE, "step inf",
                   clip_quantise(vector, 2, INFINITY, 5, 1, integers));
    assert_refused(ERR_RANGE, "step", clip_quantise(vector, 2, NAN, 5, 1, integers));
    assert_refused(ERR_RANGE, "norm bound", clip_quantise(vector, 2, 1, 0, 0, integers));
    assert_refused(ERR_RANGE, "norm bound",
                   clip_quantise(vector, 2, 1, CLIP_NORM_MAX + 1, 1, integers));
    assert_refused(ERR_RANGE, "count 6", clip_quantise(vector, 2, 1, 5, 6, integers));
    assert_refused(ERR_RANGE, "count -1", clip_quantise(vector, 2, 1, 5, -1, integers));
    assert_refused(ERR_RANGE, "count", clip_quantise(vector, 2, 1, 5, NAN, integers));
    assert_refused(ERR_RANGE, "count",
                   clip_quantise(vector, 2, 1, 5, INFINITY, integers));
    uint64_t odd = ((uint64_t)1 << 59) + 1; /* as a double it rounds to 2^59 */
    assert_ok(clip_quantise(vector, 2, 1, odd, 0x1p59, integers));
    assert_refused(ERR_RANGE, "count",
                   clip_quantise(vector, 2, 1, odd - 2, 0x1p59, integers));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clip__no_record_exceeds_the_bound),
        cmocka_unit_test(clip__holds_for_long_and_adversarial_vectors),
        cmocka_unit_test(clip__one_record_moves_the_sum_by_at_most_the_bound),
        cmocka_unit_test(clip__leaves_what_fits_alone),
        cmocka_unit_test(clip__scales_onto_the_bound),
        cmocka_unit_test(clip__an_extreme_patient_counts_like_any_other),
        cmocka_unit_test(clip__counts_a_patient_whose_numbers_are_not_finite),
        cmocka_unit_test(clip__refuses_a_plan_that_makes_no_sense),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
