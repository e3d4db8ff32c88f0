#include "privacy/edwards.h"

#include <sodium.h>

#include "check.h"
#include "privacy/random.h"

typedef uint8_t bytes32[EDWARDS_BYTES];

static const uint8_t seed[RANDOM_SEED_BYTES] = "test_edwards";

/* L - 1, little-endian (RFC 8032 5.1). */
static const bytes32 minus_one = {0xec, 0xd3, 0xf5, 0x5c, 0x1a,       0x63,
                                  0x12, 0x58, 0xd6, 0x9c, 0xf7,       0xa2,
                                  0xde, 0xf9, 0xde, 0x14, [31] = 0x10};

static const bytes32 one = {1};

static void draw_scalar(struct random *random, bytes32 scalar)
{
    uint8_t wide[crypto_core_ed25519_NONREDUCEDSCALARBYTES];
    random_fill(random, wide, sizeof wide);
    crypto_core_ed25519_scalar_reduce(scalar, wide);
}

static void draw_point(struct random *random, bytes32 point)
{
    bytes32 uniform;
    random_fill(random, uniform, sizeof uniform);
    assert_int_equal(crypto_core_ed25519_from_uniform(point, uniform), 0);
}

static struct edwards_term term(const bytes32 point, const bytes32 scalar)
{
    struct edwards_term result = {.point = point};
    memcpy(result.scalar, scalar, EDWARDS_BYTES);
    return result;
}

/* The last term takes off what libsodium says that the others add up to. */
static void edwards__sums_are_libsodiums(void **state)
{
    (void)state;
    struct random *random = random_new_seeded(seed);
    for (size_t count = 1; count < EDWARDS_TERMS_MAX; count += 1 + count / 16) {
        struct edwards_term terms[EDWARDS_TERMS_MAX];
        bytes32 points[EDWARDS_TERMS_MAX], scalar, sum, multiple;
        for (size_t i = 0; i < count; i++) {
            draw_point(random, points[i]);
            draw_scalar(random, scalar);
            assert_int_equal(
                crypto_scalarmult_ed25519_noclamp(i ? multiple : sum, scalar, points[i]),
                0);
            if (i > 0)
                assert_int_equal(crypto_core_ed25519_add(sum, sum, multiple), 0);
            terms[i] = term(points[i], scalar);
        }
        terms[count] = term(sum, minus_one);
        assert_true(edwards_cancel(terms, count + 1));
        size_t which = random_below(random, count + 1);
        uint8_t *byte = &terms[which].scalar[random_below(random, EDWARDS_BYTES - 1)];
        *byte ^= (uint8_t)(1U << random_below(random, 8));
        assert_false(edwards_cancel(terms, count + 1));
    }
    random_destroy(&random);
}

/* Scalars whose digits are as long as they come, from runs of ones to a single one. */
static void edwards__takes_every_scalar(void **state)
{
    (void)state;
    for (int low = 0; low < 252; low++)
        for (int high = low; high < 252; high += 11) {
            bytes32 scalar = {0}, rest;
            for (int bit = low; bit <= high; bit++)
                scalar[bit / 8] |= (uint8_t)(1U << bit % 8);
            crypto_core_ed25519_scalar_negate(rest, scalar);
            struct edwards_term terms[] = {term(edwards_base, scalar),
                                           term(edwards_base, rest)};
            assert_true(edwards_cancel(terms, 2));
            terms[1].scalar[low / 8] ^= (uint8_t)(1U << low % 8);
            assert_false(edwards_cancel(terms, 2));
        }
    bytes32 base;
    assert_int_equal(crypto_scalarmult_ed25519_base_noclamp(base, one), 0);
    assert_memory_equal(base, edwards_base, sizeof base);
    assert_true(edwards_cancel(NULL, 0));
}

/* Below p = 2^255 - 19. */
static bool is_canonical(const bytes32 point)
{
    bool high = (point[31] & 0x7f) == 0x7f;
    for (int i = 1; i < 31; i++)
        high = high && point[i] == 0xff;
    return !high || point[0] < 0xed;
}

/* By libsodium, which takes encodings that are not canonical. */
static bool is_on_curve_and_large(const bytes32 point)
{
    static const bytes32 neutral = {1};
    bytes32 multiple;
    memcpy(multiple, point, sizeof multiple);
    for (int i = 0; i < 3; i++)
        if (crypto_core_ed25519_add(multiple, multiple, multiple) != 0)
            return false;
    return memcmp(multiple, neutral, sizeof neutral) != 0;
}

/* P + (L - 1) P is neutral up to small order for every point. */
static bool is_taken(const bytes32 point)
{
    const struct edwards_term terms[] = {term(point, one), term(point, minus_one)};
    return edwards_cancel(terms, 2);
}

static void compare(const bytes32 point, int *taken)
{
    bool expected = is_canonical(point) && is_on_curve_and_large(point);
    assert_int_equal(is_taken(point), expected);
    *taken += expected;
}

/* Around 0 and p with either sign, and at random: half of all numbers are a y. */
static void edwards__takes_the_points_that_libsodium_takes(void **state)
{
    (void)state;
    struct random *random = random_new_seeded(seed);
    int taken = 0;
    for (int i = 0; i < 1024; i++) {
        bytes32 point = {(uint8_t)i, [31] = (uint8_t)(i / 256 % 2 ? 0x80 : 0)};
        if (i >= 512) {
            memset(point, 0xff, sizeof point);
            point[0] = (uint8_t)i;
            point[31] = (uint8_t)(i / 256 % 2 ? 0xff : 0x7f);
        }
        compare(point, &taken);
    }
    for (int i = 0; i < 4000; i++) {
        bytes32 point;
        random_fill(random, point, sizeof point);
        compare(point, &taken);
    }
    assert_in_range(taken, 2300, 2700);
    random_destroy(&random);
}

/* The eight of them (RFC 7748's curve has the same), as test_identity derives keys. */
static void edwards__refuses_small_order_and_ignores_it_in_a_sum(void **state)
{
    (void)state;
    static const char *const small[] = {
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0000000000000000000000000000000000000000000000000000000000000080",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
    };
    for (size_t i = 0; i < 8; i++) {
        bytes32 torsion, mixed;
        assert_int_equal(
            sodium_hex2bin(torsion, sizeof torsion, small[i], 64, NULL, NULL, NULL), 0);
        assert_false(is_taken(torsion));
        assert_int_equal(crypto_core_ed25519_add(mixed, edwards_base, torsion), 0);
        const struct edwards_term terms[] = {term(mixed, one),
                                             term(edwards_base, minus_one)};
        assert_true(edwards_cancel(terms, 2));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(edwards__sums_are_libsodiums),
        cmocka_unit_test(edwards__takes_every_scalar),
        cmocka_unit_test(edwards__takes_the_points_that_libsodium_takes),
        cmocka_unit_test(edwards__refuses_small_order_and_ignores_it_in_a_sum),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
