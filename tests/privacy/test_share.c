#include "privacy/share.h"

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <sodium.h>

#include "base/bytes.h"
#include "check.h"
#include "golden.h"
#include "privacy/random.h"

typedef uint8_t scalar[SCALAR_BYTES];
typedef const uint8_t (*scalars)[SCALAR_BYTES];

static const uint8_t seed[RANDOM_SEED_BYTES] = "test_share";

/* L, little-endian (RFC 9496 section 4). */
static const scalar order = {0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58,       0xd6,
                             0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, [31] = 0x10};

/* --- the same arithmetic the slow way: doubling, adding, subtracting L --- */

static void slow_add(scalar sum, const scalar other)
{
    unsigned carry = 0;
    for (size_t i = 0; i < SCALAR_BYTES; i++) {
        carry += (unsigned)sum[i] + other[i];
        sum[i] = (uint8_t)carry;
        carry >>= 8;
    }
    size_t at = SCALAR_BYTES - 1;
    while (at > 0 && sum[at] == order[at])
        at--;
    if (sum[at] < order[at])
        return;
    int borrow = 0;
    for (size_t i = 0; i < SCALAR_BYTES; i++) {
        borrow += sum[i] - order[i];
        sum[i] = (uint8_t)borrow;
        borrow >>= 8;
    }
}

/* Of a number of any size, bit by bit from the top. */
static void slow_reduce(const uint8_t *number, size_t size, scalar out)
{
    scalar sum = {0}, one = {1};
    for (size_t bit = 8 * size; bit-- > 0;) {
        scalar twice;
        memcpy(twice, sum, sizeof twice);
        slow_add(sum, twice);
        if (number[bit / 8] >> bit % 8 & 1)
            slow_add(sum, one);
    }
    memcpy(out, sum, sizeof sum);
}

static void slow_times(scalar product, const scalar factor, unsigned small)
{
    scalar sum = {0};
    for (unsigned bit = 16; bit-- > 0;) {
        scalar twice;
        memcpy(twice, sum, sizeof twice);
        slow_add(sum, twice);
        if (small >> bit & 1)
            slow_add(sum, factor);
    }
    memcpy(product, sum, sizeof sum);
}

static void slow_polynomial(const scalar *coefficients, size_t count, unsigned x,
                            scalar value)
{
    memset(value, 0, SCALAR_BYTES);
    for (size_t i = count; i-- > 0;) {
        slow_times(value, value, x);
        slow_add(value, coefficients[i]);
    }
}

/* --- the golden table --- */

struct example {
    size_t n, t;
    scalar coefficients[20], shares[20], factors[20]; /* factors: of the last t points */
};

static size_t examples_read(struct example *examples, size_t room)
{
    struct golden golden = golden_open("shamir_mod_L.csv");
    size_t count = 0;
    while (golden_next(&golden)) {
        size_t n = (size_t)golden_number(&golden, "n");
        if (count == 0 || examples[count - 1].n != n) {
            assert_true(count < room && n <= 20);
            examples[count++].n = n;
        }
        struct example *example = &examples[count - 1];
        example->t = (size_t)golden_number(&golden, "t");
        const char *kind = golden_text(&golden, "kind");
        size_t index = (size_t)golden_number(&golden, "index");
        uint8_t *value = strcmp(kind, "coefficient") == 0 ? example->coefficients[index]
                         : strcmp(kind, "share") == 0
                             ? example->shares[index - 1]
                             : example->factors[index - 1 - (n - example->t)];
        assert_ok(bytes_from_hex(golden_text(&golden, "value_hex_little_endian"), value,
                                 SCALAR_BYTES));
    }
    assert_int_equal(golden.rows, 81);
    return count;
}

/* A basis' factors, by joining unit vectors. */
static void factor_of(const struct share_basis *basis, size_t count, size_t i,
                      scalar factor)
{
    scalar *unit = calloc(count, sizeof *unit);
    unit[i][0] = 1;
    assert_ok(share_join(basis, (scalars)unit, factor));
    free(unit);
}

static void join_at(const uint16_t *points, size_t count, scalar *shares, scalar secret)
{
    struct share_basis *basis = NULL;
    assert_ok(share_basis_new(points, count, &basis));
    assert_ok(share_join(basis, (scalars)shares, secret));
    share_basis_free(&basis);
    assert_null(basis);
}

static void share__joins_the_golden_shares(void **state)
{
    (void)state;
    static struct example examples[4];
    size_t count = examples_read(examples, 4);
    assert_int_equal(count, 4);
    for (size_t e = 0; e < count; e++) {
        const struct example *example = &examples[e];
        size_t n = example->n, t = example->t;
        uint16_t points[20];
        struct share_basis *basis = NULL;
        for (size_t i = 0; i < t; i++)
            points[i] = (uint16_t)(n - t + 1 + i);
        assert_ok(share_basis_new(points, t, &basis));
        for (size_t i = 0; i < t; i++) {
            scalar factor;
            factor_of(basis, t, i, factor);
            assert_memory_equal(factor, example->factors[i], SCALAR_BYTES);
        }
        share_basis_free(&basis);
        for (uint32_t set = 0; set < (uint32_t)1 << n; set++) {
            if ((size_t)__builtin_popcount(set) != t || (n == 20 && set % 977 != 0))
                continue;
            scalar shares[20], secret;
            size_t taken = 0;
            for (size_t i = 0; i < n; i++)
                if (set >> i & 1) {
                    points[taken] = (uint16_t)(i + 1);
                    memcpy(shares[taken++], example->shares[i], SCALAR_BYTES);
                }
            join_at(points, t, shares, secret);
            assert_memory_equal(secret, example->coefficients[0], SCALAR_BYTES);
        }
    }
    share_basis_free(&(struct share_basis *){NULL});
}

/* The golden shares check the slow arithmetic; that checks what split makes of the
 * stream: coefficient k is the k-th 512 bits reduced. */
static void share__splits_by_the_polynomial_it_drew(void **state)
{
    (void)state;
    static struct example examples[4];
    size_t count = examples_read(examples, 4);
    for (size_t e = 0; e < count; e++)
        for (size_t i = 0; i < examples[e].n; i++) {
            scalar value;
            slow_polynomial(examples[e].coefficients, examples[e].t, (unsigned)i + 1,
                            value);
            assert_memory_equal(value, examples[e].shares[i], SCALAR_BYTES);
        }
    struct random *random = random_new_seeded(seed), *same = random_new_seeded(seed);
    static const size_t thresholds[] = {1, 2, 3, 6, 24, 25, 26, 27, 50, 51, 52, 64};
    uint16_t points[64];
    for (size_t i = 0; i < 64; i++)
        points[i] = (uint16_t)(SHARE_POINTS_MAX - 16 * i);
    for (size_t c = 0; c < sizeof thresholds / sizeof *thresholds; c++) {
        size_t t = thresholds[c];
        scalar coefficients[64], shares[64], value;
        uint8_t wide[64];
        scalar_draw(random, coefficients[0]);
        for (size_t k = 0; k < t; k++) {
            random_fill(same, wide, sizeof wide);
            slow_reduce(wide, sizeof wide, coefficients[k]);
        }
        assert_ok(share_split(coefficients[0], t, points, 64, random, shares));
        for (size_t i = 0; i < 64; i += 9) {
            slow_polynomial(coefficients, t, points[i], value);
            assert_memory_equal(shares[i], value, SCALAR_BYTES);
        }
    }
    random_destroy(&random);
    random_destroy(&same);
}

static void share__any_threshold_of_them_give_the_secret(void **state)
{
    (void)state;
    struct random *random = random_new_seeded(seed);
    static const uint16_t points[] = {9, 1, 1024, 3, 300, 8, 2};
    for (size_t t = 1; t <= 7; t++) {
        scalar secret, shares[7], taken[7], got;
        scalar_draw(random, secret);
        assert_ok(share_split(secret, t, points, 7, random, shares));
        for (unsigned set = 1; set < 1u << 7; set++) {
            uint16_t at[7];
            size_t count = 0;
            for (size_t i = 0; i < 7; i++)
                if (set >> i & 1) {
                    at[count] = points[i];
                    memcpy(taken[count++], shares[i], SCALAR_BYTES);
                }
            join_at(at, count, taken, got);
            if (count >= t)
                assert_memory_equal(got, secret, SCALAR_BYTES);
            else
                assert_memory_not_equal(got, secret, SCALAR_BYTES);
        }
    }
    random_destroy(&random);
}

/* Exactly: for the t - 1 shares of one secret and any other secret there is one share
 * that completes them to it, so all secrets explain them equally well. */
static void share__fewer_than_threshold_say_nothing(void **state)
{
    (void)state;
    struct random *random = random_new_seeded(seed);
    static const uint16_t points[] = {1, 2, 3, 4, 5, 6, 7, 8};
    for (size_t t = 2; t <= 8; t++)
        for (int again = 0; again < 20; again++) {
            scalar secret, other, shares[8], known, factor, missing;
            struct share_basis *basis = NULL;
            scalar_draw(random, secret);
            scalar_draw(random, other);
            assert_ok(share_split(secret, t, points, 8, random, shares));
            join_at(points, t - 1, shares, known);
            assert_memory_not_equal(known, secret, SCALAR_BYTES);
            /* missing = (other - sum of what is known) / factor of the last point */
            assert_ok(share_basis_new(points, t, &basis));
            factor_of(basis, t, t - 1, factor);
            memset(shares[t - 1], 0, SCALAR_BYTES);
            assert_ok(share_join(basis, (scalars)shares, known));
            crypto_core_ristretto255_scalar_sub(missing, other, known);
            assert_int_equal(crypto_core_ristretto255_scalar_invert(factor, factor), 0);
            crypto_core_ristretto255_scalar_mul(shares[t - 1], missing, factor);
            assert_ok(share_join(basis, (scalars)shares, known));
            assert_memory_equal(known, other, SCALAR_BYTES);
            share_basis_free(&basis);
        }
    random_destroy(&random);
}

/* Two secrets split with the same coefficients differ by the same number in every share;
 * with fresh ones one share of a fixed secret is uniform: chi-square of its low byte. */
static void share__one_share_is_uniform_whatever_the_secret(void **state)
{
    (void)state;
    struct random *random = random_new_seeded(seed);
    static const uint16_t points[] = {1, 2};
    const scalar secrets[2] = {{0}, {7, 7, 7}};
    for (int which = 0; which < 2; which++) {
        double counts[256] = {0}, chi2 = 0;
        for (int i = 0; i < 12800; i++) {
            scalar shares[2];
            assert_ok(share_split(secrets[which], 2, points, 2, random, shares));
            counts[shares[i % 2][i % 31]]++;
        }
        for (int i = 0; i < 256; i++)
            chi2 += (counts[i] - 50) * (counts[i] - 50) / 50;
        assert_in_range((uint64_t)chi2, 160, 380); /* 255 +- 5.5 standard deviations */
    }
    random_destroy(&random);
}

static void share__a_large_consortium_comes_back(void **state)
{
    (void)state;
    struct random *random = random_new_seeded(seed);
    static uint16_t points[1000];
    static scalar shares[1000];
    scalar secret, got;
    for (size_t i = 0; i < 1000; i++)
        points[i] = (uint16_t)(i + 1);
    scalar_draw(random, secret);
    assert_ok(share_split(secret, 501, points, 1000, random, shares));
    join_at(points + 250, 501, shares + 250, got);
    assert_memory_equal(got, secret, SCALAR_BYTES);
    join_at(points, 1000, shares, got);
    assert_memory_equal(got, secret, SCALAR_BYTES);
    join_at(points, 500, shares, got);
    assert_memory_not_equal(got, secret, SCALAR_BYTES);
    random_destroy(&random);
}

/* Any half of what there is beyond the threshold, wherever it stands, and nothing more.
 */
static void correct_some(struct random *random, size_t count, size_t threshold,
                         size_t mistakes)
{
    uint16_t points[64];
    scalar shares[64], secret, out = {1}, kept;
    bool made[64] = {false}, found[64];
    for (size_t i = 0; i < count; i++)
        points[i] = (uint16_t)(1 + 7 * i);
    scalar_draw(random, secret);
    assert_ok(share_split(secret, threshold, points, count, random, shares));
    for (size_t left = mistakes; left > 0;) {
        size_t at = random_below(random, count);
        if (made[at])
            continue;
        made[at] = true;
        scalar_draw(random, shares[at]);
        left--;
    }
    memcpy(kept, out, sizeof kept);
    enum err code = share_correct(points, (scalars)shares, count, threshold, out, found);
    if (2 * mistakes <= count - threshold) {
        assert_int_equal(code, ERR_OK);
        assert_memory_equal(out, secret, sizeof secret);
        assert_memory_equal(found, made, count * sizeof *made);
    } else { /* other mistakes than random ones could look like another secret */
        assert_int_equal(code, ERR_VERIFY);
        assert_memory_equal(out, kept, sizeof kept);
    }
}

static void share__wrong_ones_are_corrected_and_named(void **state)
{
    (void)state;
    struct random *random = random_new_seeded(seed);
    static const size_t counts[] = {1, 2, 3, 5, 8, 16, 33, 64};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
        for (size_t threshold = 1; threshold <= counts[i]; threshold += 1 + counts[i] / 6)
            for (size_t mistakes = 0;
                 mistakes <= (counts[i] - threshold) / 2 + (threshold < counts[i]);
                 mistakes += 1 + mistakes / 2)
                if (mistakes < counts[i])
                    correct_some(random, counts[i], threshold, mistakes);
    random_destroy(&random);
}

/* Shares that are all the same are of that secret: a polynomial of degree 0, or none. */
static void share__corrects_shares_of_zero(void **state)
{
    (void)state;
    static const uint16_t points[] = {1, 2, 3, 4, 5};
    scalar shares[5] = {{0}}, out = {1}, zero = {0};
    bool wrong[5];
    assert_ok(share_correct(points, (scalars)shares, 5, 3, out, wrong));
    assert_memory_equal(out, zero, sizeof zero);
    shares[4][0] = 9;
    assert_ok(share_correct(points, (scalars)shares, 5, 3, out, wrong));
    assert_memory_equal(out, zero, sizeof zero);
    assert_true(wrong[4] && !wrong[0]);
}

static void share__refuses_points_that_are_no_points(void **state)
{
    (void)state;
    struct random *random = random_new_seeded(seed);
    struct share_basis *basis = NULL;
    const scalar secret = {5};
    scalar shares[3] = {{1}, {2}, {3}};
    const struct {
        uint16_t points[3];
        const char *part;
    } bad[] = {{{0, 1, 2}, "point 0"},
               {{1, 2, 0}, "point 0"},
               {{1, 2, SHARE_POINTS_MAX + 1}, "point 1025"},
               {{65535, 2, 3}, "point 65535"},
               {{4, 3, 4}, "point 4 to share at: there twice"}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_refused(ERR_RANGE, bad[i].part,
                       share_split(secret, 2, bad[i].points, 3, random, shares));
        assert_refused(ERR_RANGE, bad[i].part, share_basis_new(bad[i].points, 3, &basis));
    }
    const uint16_t good[3] = {1, 2, 3};
    assert_refused(ERR_RANGE, "0 points",
                   share_split(secret, 1, good, 0, random, shares));
    assert_refused(ERR_RANGE, "0 points", share_basis_new(good, 0, &basis));
    assert_refused(ERR_RANGE, "1025 points", share_basis_new(good, 1025, &basis));
    assert_refused(ERR_RANGE, "threshold 0",
                   share_split(secret, 0, good, 3, random, shares));
    assert_refused(ERR_RANGE, "threshold 4",
                   share_split(secret, 4, good, 3, random, shares));
    assert_null(basis);
    for (uint8_t i = 0; i < 3; i++)
        assert_int_equal(shares[i][0], i + 1);
    random_destroy(&random);
}

static void share__refuses_numbers_that_are_not_canonical(void **state)
{
    (void)state;
    struct random *random = random_new_seeded(seed);
    static const uint16_t points[] = {4, 5};
    scalar shares[2] = {{1}, {2}}, secret = {9}, number = {0};
    assert_true(scalar_is_canonical(number));
    memcpy(number, order, sizeof number);
    number[0]--;
    assert_true(scalar_is_canonical(number)); /* L - 1 */
    struct share_basis *basis = NULL;
    assert_ok(share_basis_new(points, 2, &basis));
    for (int i = 0; i < 4; i++) {
        memcpy(number, order, sizeof number);
        if (i == 1)
            number[0]++;
        if (i == 2)
            number[31] = 0x80;
        if (i == 3)
            memset(number, 0xff, sizeof number);
        assert_false(scalar_is_canonical(number));
        assert_refused(ERR_RANGE, "below L",
                       share_split(number, 2, points, 2, random, shares));
        memcpy(shares[1], number, sizeof number);
        assert_refused(ERR_RANGE, "point 5", share_join(basis, (scalars)shares, secret));
        memcpy(shares[1], (scalar){2}, sizeof number);
    }
    assert_int_equal(shares[0][0], 1);
    assert_int_equal(secret[0], 9);
    share_basis_free(&basis);
    random_destroy(&random);
}

static void scalar__is_drawn_below_the_order_and_differs(void **state)
{
    (void)state;
    struct random *random = random_new_seeded(seed);
    scalar last = {0}, drawn;
    int top = 0;
    for (int i = 0; i < 10000; i++) {
        scalar_draw(random, drawn);
        assert_true(scalar_is_canonical(drawn));
        assert_memory_not_equal(drawn, last, sizeof drawn);
        memcpy(last, drawn, sizeof last);
        top += drawn[31] >> 3 & 1; /* bit 251: half of them */
    }
    assert_in_range((uint64_t)top, 4700, 5300);
    random_destroy(&random);
}

#ifndef __SANITIZE_ADDRESS__ /* which turns mlock into nothing */
/* In a child that may not lock a byte. Root may lock past the limit, so it stops being
 * root first. */
static void share__coefficients_are_locked(void **state)
{
    (void)state;
    static const uint16_t points[] = {1, 2, 3};
    const scalar secret = {1};
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct random *random = random_new_seeded(seed);
        struct rlimit none = {0, 0};
        scalar shares[3] = {{0}}, untouched[3] = {{0}};
        if (setrlimit(RLIMIT_MEMLOCK, &none) != 0 ||
            (geteuid() == 0 && setuid(65534) != 0))
            _exit(2);
        enum err code = share_split(secret, 2, points, 3, random, shares);
        _exit(code == ERR_STORAGE && strstr(err_text(), "coefficients of 3 shares") &&
                      memcmp(shares, untouched, sizeof shares) == 0
                  ? 0
                  : 1);
    }
    int status;
    waitpid(child, &status, 0);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(share__joins_the_golden_shares),
        cmocka_unit_test(share__splits_by_the_polynomial_it_drew),
        cmocka_unit_test(share__any_threshold_of_them_give_the_secret),
        cmocka_unit_test(share__fewer_than_threshold_say_nothing),
        cmocka_unit_test(share__one_share_is_uniform_whatever_the_secret),
        cmocka_unit_test(share__a_large_consortium_comes_back),
        cmocka_unit_test(share__wrong_ones_are_corrected_and_named),
        cmocka_unit_test(share__corrects_shares_of_zero),
        cmocka_unit_test(share__refuses_points_that_are_no_points),
        cmocka_unit_test(share__refuses_numbers_that_are_not_canonical),
#ifndef __SANITIZE_ADDRESS__
        cmocka_unit_test(share__coefficients_are_locked),
#endif
        cmocka_unit_test(scalar__is_drawn_below_the_order_and_differs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
