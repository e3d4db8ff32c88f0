#include "privacy/random.h"

#include <malloc.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

static const uint8_t seed[RANDOM_SEED_BYTES] = "thirty-two bytes for the tests!";

/* Keystream of ChaCha20 with an all-zero key, nonce and counter (the first block of the
 * ChaCha papers' and RFC 8439 A.1's test vector 1): 76b8e0ad a0f13d90 ..., of which the
 * first 32 bytes are kept as the next seed and bytes 32.. are handed out. */
static void random__expands_chacha20(void **state)
{
    (void)state;
    const uint8_t zero[RANDOM_SEED_BYTES] = {0};
    const uint8_t expected[32] = {0xda, 0x41, 0x59, 0x7c, 0x51, 0x57, 0x48, 0x8d,
                                  0x77, 0x24, 0xe0, 0x3f, 0xb8, 0xd8, 0x4a, 0x37,
                                  0x6a, 0x43, 0xb8, 0xf4, 0x15, 0x18, 0xa1, 0x1c,
                                  0xc3, 0x87, 0xb6, 0x69, 0xb2, 0xee, 0x65, 0x86};
    struct random *random = random_new_seeded(zero);
    for (size_t i = 0; i < 32; i += 8) {
        uint64_t word = 0;
        for (size_t j = 8; j-- > 0;)
            word = word << 8 | expected[i + j];
        assert_int_equal(random_u64(random), word);
    }
    random_destroy(&random);
    assert_null(random);
    random_destroy(&random);
}

static void random__fills_with_the_stream_low_end_first(void **state)
{
    (void)state;
    struct random *one = random_new_seeded(seed), *two = random_new_seeded(seed);
    uint8_t data[20];
    data[19] = 7;
    random_fill(one, data, 19); /* three words, of the last three bytes */
    for (size_t i = 0; i < 3; i++) {
        uint64_t word = random_u64(two);
        for (size_t j = 0; j < 8 && 8 * i + j < 19; j++)
            assert_int_equal(data[8 * i + j], word >> (8 * j) & 0xff);
    }
    assert_int_equal(data[19], 7);
    assert_int_equal(random_u64(one), random_u64(two));
    random_destroy(&one);
    random_destroy(&two);
}

static void random__bits_are_the_stream_low_end_first(void **state)
{
    (void)state;
    struct random *words = random_new_seeded(seed), *bits = random_new_seeded(seed);
    unsigned widths[] = {1, 0, 7, 8, 13, 64, 35, 3, 61, 64, 64}; /* 320 bits */
    uint64_t expected[6] = {0}, got[6] = {0};
    for (size_t i = 0; i < 5; i++)
        expected[i] = random_u64(words);
    unsigned at = 0;
    for (size_t i = 0; i < sizeof widths / sizeof *widths; i++) {
        uint64_t draw = random_bits(bits, widths[i]);
        for (unsigned j = 0; j < 64; j++, draw >>= 1) {
            if (j < widths[i])
                got[at / 64] |= (draw & 1) << (at % 64), at++;
            else
                assert_int_equal(draw & 1, 0);
        }
    }
    assert_int_equal(at, 320);
    assert_memory_equal(got, expected, 40);
    random_destroy(&words);
    random_destroy(&bits);
}

static void random__blocks_follow_from_the_seed_and_differ(void **state)
{
    (void)state;
    struct random *one = random_new_seeded(seed), *two = random_new_seeded(seed);
    enum { WORDS = 3 * 4096 };
    static uint64_t first[WORDS];
    for (size_t i = 0; i < WORDS; i++) {
        first[i] = random_u64(one);
        assert_int_equal(first[i], random_u64(two));
    }
    assert_memory_not_equal(first, first + 4092, 4092 * 8); /* block 2 is not block 1 */
    random_destroy(&one);
    random_destroy(&two);
}

/* Words of the first three blocks from the all-zero seed, by an implementation of
 * ChaCha20 and of the chain of seeds in another language: every block starts the next
 * one's seed. */
static void random__blocks_are_chained_as_described(void **state)
{
    (void)state;
    const uint8_t zero[RANDOM_SEED_BYTES] = {0};
    struct random *random = random_new_seeded(zero);
    for (size_t i = 0; i <= 8184; i++) {
        uint64_t word = random_u64(random);
        if (i == 4091)
            assert_true(word == 0xa4d9878d78663002);
        if (i == 4092)
            assert_true(word == 0xdb3cb94528adbdaf);
        if (i == 8184)
            assert_true(word == 0x1a6158f577965c83);
    }
    random_destroy(&random);
}

static void random__below_is_uniform(void **state)
{
    (void)state;
    struct random *random = random_new_seeded(seed);
    for (uint64_t n = 1; n <= 17; n++) {
        unsigned count[17] = {0};
        const unsigned draws = 40000;
        for (unsigned i = 0; i < draws; i++) {
            uint64_t draw = random_below(random, n);
            assert_true(draw < n);
            count[draw]++;
        }
        double expected = (double)draws / (double)n, squares = 0;
        for (uint64_t j = 0; j < n; j++)
            squares += (count[j] - expected) * (count[j] - expected) / expected;
        assert_true(squares < 62); /* chi-square of 16 degrees at 1e-6 is 61.8 */
    }
    assert_true(random_below(random, UINT64_MAX) < UINT64_MAX);
    random_destroy(&random);
}

static void random__fresh_streams_differ(void **state)
{
    (void)state;
    struct random *one = NULL, *two = NULL;
    assert_ok(random_new(&one));
    assert_ok(random_new(&two));
    assert_int_not_equal(random_u64(one), random_u64(two));
    uint8_t a[32] = {0}, b[32] = {0};
    random_bytes(a, sizeof a);
    random_bytes(b, sizeof b);
    assert_memory_not_equal(a, b, 32);
    random_destroy(&one);
    random_destroy(&two);
}

/* Neither the first seed nor a word handed out is left anywhere in the stream's memory.
 */
static void random__forgets_what_it_handed_out(void **state)
{
    (void)state;
    struct random *random = random_new_seeded(seed);
    size_t size = malloc_usable_size(random);
    assert_true(size >= 32768);
    for (size_t i = 0; i < 5000; i++) {
        uint64_t word = random_u64(random);
        if (i % 97 == 0)
            assert_null(memmem(random, size, &word, sizeof word));
    }
    assert_null(memmem(random, size, seed, sizeof seed));
    random_destroy(&random);
}

/* A bare clone runs no fork watch: the block at hand is shared, the next one is not. */
static void random__a_bare_clone_draws_its_own_blocks(void **state)
{
    (void)state;
    struct random *random = NULL;
    assert_ok(random_new(&random));
    random_u64(random);
    int pipes[2];
    assert_int_equal(pipe(pipes), 0);
    long child = syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, 0UL);
    assert_true(child >= 0);
    uint64_t mine = 0, theirs = 0;
    for (size_t i = 0; i < 5000; i++)
        mine = random_u64(random);
    if (child == 0)
        _exit(write(pipes[1], &mine, sizeof mine) == sizeof mine ? 0 : 1);
    assert_int_equal(read(pipes[0], &theirs, sizeof theirs), sizeof theirs);
    waitpid((pid_t)child, NULL, 0);
    assert_int_not_equal(mine, theirs);
    close(pipes[0]);
    close(pipes[1]);
    random_destroy(&random);
}

/* The parent and its child draw from copies of one stream in the middle of a block, with
 * bits to spare: neither words nor spare bits may be shared. */
static void random__a_child_draws_its_own(void **state)
{
    (void)state;
    struct random *random = NULL;
    assert_ok(random_new(&random));
    random_bits(random, 3);
    int pipes[2];
    assert_int_equal(pipe(pipes), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    uint64_t mine[2] = {random_bits(random, 60), random_u64(random)};
    if (child == 0)
        _exit(write(pipes[1], mine, sizeof mine) == sizeof mine ? 0 : 1);
    uint64_t theirs[2] = {0};
    assert_int_equal(read(pipes[0], theirs, sizeof theirs), sizeof theirs);
    int status = 1;
    waitpid(child, &status, 0);
    assert_int_equal(status, 0);
    assert_int_not_equal(mine[0], theirs[0]);
    assert_int_not_equal(mine[1], theirs[1]);
    close(pipes[0]);
    close(pipes[1]);
    random_destroy(&random);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random__expands_chacha20),
        cmocka_unit_test(random__fills_with_the_stream_low_end_first),
        cmocka_unit_test(random__bits_are_the_stream_low_end_first),
        cmocka_unit_test(random__blocks_follow_from_the_seed_and_differ),
        cmocka_unit_test(random__blocks_are_chained_as_described),
        cmocka_unit_test(random__below_is_uniform),
        cmocka_unit_test(random__fresh_streams_differ),
        cmocka_unit_test(random__forgets_what_it_handed_out),
        cmocka_unit_test(random__a_child_draws_its_own),
        cmocka_unit_test(random__a_bare_clone_draws_its_own_blocks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
