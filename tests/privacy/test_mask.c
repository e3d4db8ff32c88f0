#include "privacy/mask.h"

#include "base/bytes.h"
#include "base/memory.h"
#include "check.h"
#include "privacy/random.h"

#define BLOCK 512 /* words */

static uint64_t *zeros(size_t count)
{
    return mem_new(count, sizeof(uint64_t));
}

/* RFC 8439 A.1, tests 1 and 2: key 0, nonce 0, counters 0 and 1. */
static void mask__is_the_published_keystream(void **state)
{
    (void)state;
    static const char stream[] =
        "76b8e0ada0f13d90405d6ae55386bd28bdd219b8a08ded1aa836efcc8b770dc7"
        "da41597c5157488d7724e03fb8d84a376a43b8f41518a11cc387b669b2ee6586"
        "9f07e7be5551387a98ba977c732d080dcb0f29a048e3656912c6533e32ee7aed"
        "29b721769ce64e43d57133b074d839d531ed1f28510afb45ace10a1f4b794d6f";
    uint8_t seed[MASK_SEED_BYTES] = {0}, expected[128];
    uint64_t vector[16] = {0};
    assert_ok(bytes_from_hex(stream, expected, sizeof expected));
    mask_add(seed, vector, 16);
    for (size_t i = 0; i < 16; i++)
        for (size_t j = 0; j < 8; j++) /* the lowest byte comes first */
            assert_int_equal(vector[i] >> (8 * j) & 0xff, expected[8 * i + j]);
    mask_subtract(seed, vector, 16);
    for (size_t i = 0; i < 16; i++)
        assert_true(vector[i] == 0);
}

/* RFC 8439 A.1, test 3: key ...01, counter 1, so words 8 to 15. */
static void mask__depends_on_the_last_byte_of_the_seed(void **state)
{
    (void)state;
    uint8_t seed[MASK_SEED_BYTES] = {[31] = 1}, bytes[8];
    uint64_t vector[16] = {0};
    mask_add(seed, vector, 16);
    assert_ok(bytes_from_hex("3aeb5224ecf84992", bytes, sizeof bytes));
    for (size_t j = 0; j < 8; j++)
        assert_int_equal(vector[8] >> (8 * j) & 0xff, bytes[j]);
}

static const size_t counts[] = {
    0, 1, 7, 8, 9, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK, 3 * BLOCK + 5, 100003};
#define COUNTS (sizeof counts / sizeof *counts)

static void mask__comes_off_again(void **state)
{
    (void)state;
    const uint8_t seed[MASK_SEED_BYTES] = "test_mask";
    struct random *random = random_new_seeded(seed);
    for (size_t c = 0; c < COUNTS; c++) {
        size_t count = counts[c];
        uint64_t *vector = zeros(count + 1), *kept = zeros(count + 1);
        for (size_t i = 0; i <= count; i++)
            kept[i] = vector[i] = random_u64(random);
        mask_add(seed, vector, count);
        assert_true(vector[count] == kept[count]); /* and not a word more */
        if (count > 0)
            assert_memory_not_equal(vector, kept, count * sizeof *kept);
        mask_subtract(seed, vector, count);
        assert_memory_equal(vector, kept, (count + 1) * sizeof *kept);
        mem_free(vector);
        mem_free(kept);
    }
    random_destroy(&random);
}

/* A short mask is the beginning of a long one, whatever blocks it is made in. */
static void mask__does_not_depend_on_the_count(void **state)
{
    (void)state;
    const uint8_t seed[MASK_SEED_BYTES] = "test_mask";
    size_t most = counts[COUNTS - 1];
    uint64_t *long_one = zeros(most);
    mask_add(seed, long_one, most);
    for (size_t c = 0; c < COUNTS; c++) {
        uint64_t *vector = zeros(counts[c]);
        mask_add(seed, vector, counts[c]);
        assert_memory_equal(vector, long_one, counts[c] * sizeof *vector);
        mem_free(vector);
    }
    mem_free(long_one);
}

/* Masks of many seeds add up and come off in any order. */
static void mask__of_many_cancel(void **state)
{
    (void)state;
    uint64_t *vector = zeros(5000);
    uint8_t seed[MASK_SEED_BYTES] = "test_mask";
    for (uint8_t i = 0; i < 10; i++) {
        seed[20] = i;
        mask_add(seed, vector, 5000);
    }
    for (uint8_t i = 10; i-- > 0;) {
        seed[20] = (uint8_t)((i * 7) % 10);
        mask_subtract(seed, vector, 5000);
    }
    for (size_t i = 0; i < 5000; i++)
        assert_true(vector[i] == 0);
    mem_free(vector);
}

#define WORDS ((size_t)1 << 20)

/* A vector of zeros and one of large numbers look alike: every byte value and every bit
 * of the word is equally likely, neighbours are not alike. */
static void mask__looks_uniform_whatever_it_hides(void **state)
{
    (void)state;
    const uint8_t seed[MASK_SEED_BYTES] = "uniform";
    const uint64_t hidden[] = {0, UINT64_MAX, 1, (uint64_t)1 << 63};
    uint64_t *vector = zeros(WORDS);
    for (size_t h = 0; h < 4; h++) {
        static double bytes[8][256];
        double bits[64] = {0}, same = 0;
        memset(bytes, 0, sizeof bytes);
        for (size_t i = 0; i < WORDS; i++)
            vector[i] = hidden[h];
        mask_add(seed, vector, WORDS);
        for (size_t i = 0; i < WORDS; i++) {
            for (size_t j = 0; j < 8; j++)
                bytes[j][vector[i] >> (8 * j) & 0xff]++;
            for (size_t j = 0; j < 64; j++)
                bits[j] += (double)(vector[i] >> j & 1);
            same += i > 0 ? __builtin_popcountll(vector[i] ^ vector[i - 1]) : 0;
        }
        for (size_t j = 0; j < 8; j++) {
            double chi2 = 0, each = (double)WORDS / 256;
            for (size_t value = 0; value < 256; value++)
                chi2 += (bytes[j][value] - each) * (bytes[j][value] - each) / each;
            assert_near(chi2, 255, 5 * sqrt(2 * 255));
        }
        for (size_t j = 0; j < 64; j++)
            assert_near(bits[j], WORDS / 2, 5 * sqrt(WORDS / 4));
        assert_near(same, 32.0 * (WORDS - 1), 5 * sqrt(16.0 * WORDS));
    }
    mem_free(vector);
}

/* Each of the 256 bits of the seed changes about half of the mask: no part of it is
 * unused, and masks of near seeds are unlike. */
static void mask__every_bit_of_the_seed_matters(void **state)
{
    (void)state;
    const uint8_t seed[MASK_SEED_BYTES] = "independent";
    uint64_t first[1024] = {0};
    mask_add(seed, first, 1024);
    for (size_t bit = 0; bit < 256; bit++) {
        uint8_t other[MASK_SEED_BYTES];
        uint64_t second[1024] = {0};
        double differ = 0;
        memcpy(other, seed, sizeof other);
        other[bit / 8] ^= (uint8_t)(1u << bit % 8);
        mask_add(other, second, 1024);
        for (size_t i = 0; i < 1024; i++)
            differ += __builtin_popcountll(first[i] ^ second[i]);
        assert_near(differ, 32768, 5 * 128); /* 65,536 bits */
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mask__is_the_published_keystream),
        cmocka_unit_test(mask__depends_on_the_last_byte_of_the_seed),
        cmocka_unit_test(mask__comes_off_again),
        cmocka_unit_test(mask__does_not_depend_on_the_count),
        cmocka_unit_test(mask__of_many_cancel),
        cmocka_unit_test(mask__looks_uniform_whatever_it_hides),
        cmocka_unit_test(mask__every_bit_of_the_seed_matters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
