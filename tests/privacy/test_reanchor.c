#include "privacy/reanchor.h"

#include "base/memory.h"
#include "check.h"

static const uint8_t SECRET[2][IDENTITY_SECRET_BYTES] = {{1}, {2}};

struct fixture {
    struct identity *officers[2];
    struct reanchor reanchor; /* two claims, unsigned */
};

static int setup(void **state)
{
    struct fixture *fixture = mem_new(1, sizeof *fixture);
    for (size_t i = 0; i < 2; i++)
        if (identity_read(SECRET[i], &fixture->officers[i]) != ERR_OK)
            return -1;
    fixture->reanchor = (struct reanchor){.node = {9},
                                          .after = 3,
                                          .head = {3},
                                          .number = 6,
                                          .issued = 1764000000,
                                          .claim_count = 2};
    fixture->reanchor.claims = mem_new(2, sizeof *fixture->reanchor.claims);
    fixture->reanchor.claims[0] = (struct reanchor_claim){4, {4}, 2, 35, 20};
    fixture->reanchor.claims[1] = (struct reanchor_claim){5, {5}, 0, 0, 0};
    *state = fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    for (size_t i = 0; i < 2; i++)
        identity_destroy(&fixture->officers[i]);
    reanchor_clear(&fixture->reanchor);
    mem_free(fixture);
    return 0;
}

static void sign(struct fixture *fixture)
{
    for (size_t i = 0; i < 2; i++)
        assert_ok(reanchor_sign(&fixture->reanchor, fixture->officers[i]));
}

static void reanchor__reads_back_what_it_writes(void **state)
{
    struct fixture *fixture = *state;
    for (size_t signatures = 0; signatures <= 2; signatures++) {
        struct bytes bytes = {0}, again = {0};
        struct reanchor read;
        reanchor_write(&fixture->reanchor, &bytes);
        assert_ok(reanchor_read(bytes.data, bytes.size, &read));
        assert_int_equal(read.signature_count, signatures);
        assert_int_equal(read.claims[0].length, 4);
        assert_true(read.claims[0].noise_multiplier == 2);
        reanchor_write(&read, &again);
        assert_int_equal(bytes.size, again.size);
        assert_memory_equal(bytes.data, again.data, bytes.size);
        reanchor_clear(&read);
        bytes_free(&bytes);
        bytes_free(&again);
        if (signatures < 2)
            assert_ok(
                reanchor_sign(&fixture->reanchor, fixture->officers[signatures]));
    }
}

static void reanchor__refuses_bytes_of_another_form(void **state)
{
    struct fixture *fixture = *state;
    struct bytes bytes = {0};
    struct reanchor read;
    sign(fixture);
    reanchor_write(&fixture->reanchor, &bytes);
    for (size_t size = 0; size < bytes.size; size++)
        assert_refused(ERR_FORMAT, "not a re-anchoring",
                       reanchor_read(bytes.data, size, &read));
    bytes_u8(&bytes, 0);
    assert_refused(ERR_FORMAT, "", reanchor_read(bytes.data, bytes.size, &read));
    bytes.size = 0;
    fixture->reanchor.number = 5; /* a claim's, which it has to be behind */
    reanchor_write(&fixture->reanchor, &bytes);
    assert_refused(ERR_FORMAT, "entry 5, not 6",
                   reanchor_read(bytes.data, bytes.size, &read));
    bytes_free(&bytes);
}

static void reanchor__takes_two_different_keys(void **state)
{
    struct fixture *fixture = *state;
    assert_refused(ERR_VERIFY, "needs 2 signatures, this one has 0",
                   reanchor_check(&fixture->reanchor));
    assert_ok(reanchor_sign(&fixture->reanchor, fixture->officers[0]));
    assert_refused(ERR_VERIFY, "has 1", reanchor_check(&fixture->reanchor));
    assert_refused(ERR_STATE, "this key already",
                   reanchor_sign(&fixture->reanchor, fixture->officers[0]));
    fixture->reanchor.signatures[1] = fixture->reanchor.signatures[0];
    fixture->reanchor.signature_count = 2;
    assert_refused(ERR_VERIFY, "the same key", reanchor_check(&fixture->reanchor));
    fixture->reanchor.signature_count = 1;
    assert_ok(reanchor_sign(&fixture->reanchor, fixture->officers[1]));
    assert_ok(reanchor_check(&fixture->reanchor));
    struct identity *third;
    assert_ok(identity_new(&third));
    assert_refused(ERR_STATE, "by two already", reanchor_sign(&fixture->reanchor, third));
    identity_destroy(&third);
}

/* Whatever is changed after both have signed, a byte at a time. */
static void reanchor__says_nothing_that_was_not_signed(void **state)
{
    struct fixture *fixture = *state;
    struct bytes bytes = {0};
    struct reanchor read;
    sign(fixture);
    reanchor_write(&fixture->reanchor, &bytes);
    for (size_t at = 0; at < bytes.size; at++) {
        bytes.data[at] ^= 1;
        if (reanchor_read(bytes.data, bytes.size, &read) == ERR_OK) {
            if (reanchor_check(&read) == ERR_OK)
                fail_msg("byte %zu can be changed", at);
            reanchor_clear(&read);
        }
        bytes.data[at] ^= 1;
    }
    bytes_free(&bytes);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(reanchor__reads_back_what_it_writes),
        TEST(reanchor__refuses_bytes_of_another_form),
        TEST(reanchor__takes_two_different_keys),
        TEST(reanchor__says_nothing_that_was_not_signed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
