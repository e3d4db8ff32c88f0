#include "privacy/noise.h"

#include "check.h"
#include "golden.h"

static const uint8_t seed[RANDOM_SEED_BYTES] = "discrete gaussian";

/* The chi-square statistic that `degrees` of freedom exceed with probability 1e-6
 * (Wilson and Hilferty; within 0.5 % from 5 degrees on). */
static double chi_square_limit(double degrees)
{
    double a = 2 / (9 * degrees);
    return degrees * pow(1 - a + 4.7534 * sqrt(a), 3);
}

struct bins {
    double expected[64];
    uint64_t count[64];
    size_t size;
};

static void bins_check(const struct bins *bins, uint64_t draws)
{
    double squares = 0, degrees = -1;
    for (size_t i = 0; i < bins->size; i++) {
        double expected = bins->expected[i] * (double)draws;
        if (expected < 50)
            continue;
        double off = (double)bins->count[i] - expected;
        squares += off * off / expected;
        degrees++;
    }
    assert_true(degrees >= 5);
    if (!(squares < chi_square_limit(degrees)))
        fail_msg("chi-square %g with %g degrees of freedom", squares, degrees);
}

/* -5 .. 5 one by one, then 6 .. 9 and 10 .. on either side: 15 bins. */
static size_t small_bin(int64_t x)
{
    int64_t size = x < 0 ? -x : x;
    int64_t bin = size <= 5 ? size : size < 10 ? 6 : 7;
    return (size_t)(x < 0 ? 7 - bin : 7 + bin);
}

static void noise__follows_the_exact_probabilities(void **state)
{
    (void)state;
    struct random *random = random_new_seeded(seed);
    struct golden golden = golden_open("discrete_gaussian_pmf.csv");
    int checked = 0;
    while (golden_next(&golden)) {
        double parameter = golden_number(&golden, "sigma_param");
        if (parameter != 1 && parameter != 2 && parameter != 4)
            continue;
        struct bins bins = {.size = 15};
        for (int x = 0; x <= 5; x++) {
            char name[3] = {'p', (char)('0' + x), 0};
            bins.expected[7 + x] = bins.expected[7 - x] = golden_number(&golden, name);
        }
        double ten = golden_number(&golden, "P_ge10");
        double six = golden_number(&golden, "P_ge5") - golden_number(&golden, "p5") - ten;
        bins.expected[1] = bins.expected[13] = six;
        bins.expected[0] = bins.expected[14] = ten;
        const uint64_t draws = 1000000;
        for (uint64_t i = 0; i < draws; i++)
            bins.count[small_bin(noise_draw(random, (unsigned)log2(parameter)))]++;
        bins_check(&bins, draws);
        checked++;
    }
    assert_int_equal(checked, 3);
    random_destroy(&random);
}

/* At 2^20 a step is 1e-6 of the standard deviation: the bins' probabilities are those of
 * the normal distribution with the edges moved by half a step. */
static void noise__follows_the_normal_curve_at_full_resolution(void **state)
{
    (void)state;
    struct random *random = random_new_seeded(seed);
    const unsigned log2_stddevs[] = {10, 20, 40};
    for (size_t s = 0; s < 3; s++) {
        struct bins bins = {.size = 42}; /* -inf, -5, -4.75 .. 5, inf */
        double scale = ldexp(1, (int)log2_stddevs[s]);
        for (size_t i = 0; i < 42; i++) {
            double from = (-5 + 0.25 * ((double)i - 1)) - 0.5 / scale;
            double to = (-5 + 0.25 * (double)i) - 0.5 / scale;
            double below = i == 0 ? 0 : erfc(-from / sqrt(2)) / 2;
            bins.expected[i] = (i == 41 ? 1 : erfc(-to / sqrt(2)) / 2) - below;
        }
        const uint64_t draws = 300000;
        for (uint64_t i = 0; i < draws; i++) {
            double x = (double)noise_draw(random, log2_stddevs[s]) / scale;
            double bin = floor((x + 5) * 4) + 1;
            bins.count[(size_t)fmin(fmax(bin, 0), 41)]++;
        }
        bins_check(&bins, draws);
    }
    random_destroy(&random);
}

/* T2: with 1e6 draws, sum x^2 / (N variance) leaves [0.99310, 1.00693] once in a million
 * runs; half the noise or none is far outside. Mean, kurtosis and the correlation of
 * neighbours within 4.9 standard errors. */
static void noise__has_the_variance_it_states(void **state)
{
    (void)state;
    struct random *random = random_new_seeded(seed);
    enum { DRAWS = 1000000 };
    int64_t *noise = calloc(DRAWS, sizeof *noise);
    for (unsigned k = 0; k <= 40; k += 20) {
        assert_ok(noise_fill(random, k, DRAWS, noise));
        double sum = 0, squares = 0, fourths = 0, lag = 0, scale = ldexp(1, (int)k);
        for (size_t i = 0; i < DRAWS; i++) {
            double x = (double)noise[i] / scale;
            sum += x;
            squares += x * x;
            fourths += x * x * x * x;
            lag += i == 0 ? 0 : x * (double)noise[i - 1] / scale;
        }
        double variance = k == 0 ? 0.999999788767728 : 1;
        assert_in_range((uint64_t)(squares / DRAWS / variance * 1e5), 99310, 100693);
        assert_near(sum / DRAWS, 0, 4.9e-3);
        assert_near(lag / DRAWS, 0, 4.9e-3);
        assert_near(fourths / DRAWS, 3, 4.9 * sqrt(96.0 / DRAWS));
    }
    free(noise);
    random_destroy(&random);
}

/* Equal to an implementation in rational arithmetic, written from the paper and the
 * stream's description alone. */
static void noise__repeats_its_known_answers(void **state)
{
    (void)state;
    const int64_t expected[4][6] = {
        {1, 0, 1, -1, 0, 1},
        {10, -3, -1, -3, 12, 7},
        {-398503, -2519308, 1254328, 592944, -1748879, -1415932},
        {1033506213034, -910147001705, 1777129946553, -888000664955, 3941256755,
         -849163882016},
    };
    const unsigned log2_stddevs[4] = {0, 3, 20, 40};
    for (size_t s = 0; s < 4; s++) {
        struct random *random = random_new_seeded(seed);
        int64_t noise[6];
        assert_ok(noise_fill(random, log2_stddevs[s], 6, noise));
        for (size_t i = 0; i < 6; i++)
            if (noise[i] != expected[s][i])
                fail_msg("k = %u, draw %zu: %lld", log2_stddevs[s], i,
                         (long long)noise[i]);
        random_destroy(&random);
    }
}

static void noise__step_follows_from_the_noise(void **state)
{
    (void)state;
    double step = 7;
    assert_ok(noise_step(3.7, &step));
    assert_true(step * 1048576 == 3.7);
    const double wrong[] = {0, -1, NAN, INFINITY, 1e-101, 1e101};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_refused(ERR_RANGE, "standard deviation", noise_step(wrong[i], &step));
    assert_true(step * 1048576 == 3.7);
    assert_refused(ERR_RANGE, "2^41", noise_fill(NULL, 41, 0, NULL));
}

static void noise__norm_bound_never_costs_more_than_the_multiplier(void **state)
{
    (void)state;
    struct random *random = random_new_seeded(seed);
    for (size_t i = 0; i < 100000; i++) {
        double z = ldexp(1 + (double)random_bits(random, 52) * 0x1p-52,
                         (int)random_below(random, 49) - 30);
        uint64_t norm_max = 0;
        assert_ok(noise_norm_max(z, 1, &norm_max));
        /* z = m 2^e exactly: compare norm_max m with 2^(20 - e) in integers */
        int e;
        uint64_t m = (uint64_t)ldexp(frexp(z, &e), 53);
        unsigned __int128 scale = (unsigned __int128)1 << (20 + 53 - e);
        assert_true((unsigned __int128)norm_max * m <= scale);
        assert_true((unsigned __int128)(norm_max + 1) * m > scale);
    }
    for (uint32_t shares = 1; shares < 3000; shares += shares < 20 ? 1 : 97) {
        double pooled = noise_pooled(shares);
        /* the square of the largest double not above the root, exactly */
        assert_true(fma(pooled, pooled, -(double)shares) <= 0);
        double above = nextafter(pooled, INFINITY);
        assert_true(fma(above, above, -(double)shares) > 0);
        uint64_t alone = 0, together = 0;
        assert_ok(noise_norm_max(7.3, 1, &alone));
        assert_ok(noise_norm_max(7.3, shares, &together));
        assert_relative((double)together, pooled * (double)alone, 1e-4);
        assert_true((double)together * 7.3 <= pooled * 0x1p20);
    }
    uint64_t norm_max = 0;
    assert_ok(noise_norm_max(1, 1, &norm_max));
    assert_int_equal(norm_max, 1 << 20);
    const double wrong[] = {0, -1, NAN, INFINITY, 0x1p-31, 0x1p20};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_refused(ERR_RANGE, "multiplier", noise_norm_max(wrong[i], 1, &norm_max));
    random_destroy(&random);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(noise__follows_the_exact_probabilities),
        cmocka_unit_test(noise__follows_the_normal_curve_at_full_resolution),
        cmocka_unit_test(noise__has_the_variance_it_states),
        cmocka_unit_test(noise__repeats_its_known_answers),
        cmocka_unit_test(noise__step_follows_from_the_noise),
        cmocka_unit_test(noise__norm_bound_never_costs_more_than_the_multiplier),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
