#include "wire/chain.h"

#include "check.h"
#include "consortium.h"

/* The link of round `round` after `head`, with a prior of its own. */
static struct chain_link link_after(const struct consortium *c, const uint8_t *head,
                                    uint64_t round, const char *prior)
{
    struct chain_link link = {.round = round,
                              .contributions = 5,
                              .prior = {(const uint8_t *)prior, strlen(prior)}};
    memcpy(link.study, c->terms.study, STUDY_BYTES);
    memcpy(link.previous, head, HASH_BYTES);
    memcpy(link.plan, c->plan_hash, HASH_BYTES);
    return link;
}

static void chain__grows_link_by_link_from_the_terms(void **state)
{
    const struct consortium *c = *state;
    struct chain chain = chain_start(&c->terms, c->terms_hash);
    assert_int_equal(chain.length, 0);
    assert_memory_equal(chain.head, c->terms_hash, HASH_BYTES);
    struct arena *arena = arena_new(1 << 20);
    struct bytes bytes = {0};
    static const char *const priors[] = {"first", "second", "third"};
    for (uint64_t round = 1; round <= 3; round++) {
        struct chain_link link = link_after(c, chain.head, round, priors[round - 1]), got;
        uint8_t hash[HASH_BYTES];
        bytes.size = 0;
        assert_ok(chain_sign(c->coordinator, &link, &bytes, hash));
        assert_int_equal(
            chain_extend(&chain, codec_view(&bytes), c->coordinator_key, arena, &got),
            REASON_NONE);
        assert_int_equal(chain.length, round);
        assert_memory_equal(chain.head, hash, HASH_BYTES);
        assert_memory_equal(got.prior.data, priors[round - 1], got.prior.size);
        /* the same link again does not fit any more */
        assert_int_equal(
            chain_extend(&chain, codec_view(&bytes), c->coordinator_key, arena, &got),
            REASON_WRONG_ROUND);
        assert_int_equal(chain.length, round);
    }
    arena_destroy(&arena);
    bytes_free(&bytes);
}

static void chain__refuses_what_does_not_continue_it(void **state)
{
    const struct consortium *c = *state;
    const struct chain start = chain_start(&c->terms, c->terms_hash);
    struct chain chain = start;
    struct arena *arena = arena_new(1 << 20);
    struct bytes bytes = {0};
    const struct chain_link good = link_after(c, start.head, 1, "first");
    struct chain_link link = good, got = {.round = 77};
    uint8_t hash[HASH_BYTES];
#define WRONG(change, signer, reason)                                                    \
    change;                                                                              \
    bytes.size = 0;                                                                      \
    assert_ok(chain_sign(signer, &link, &bytes, hash));                                  \
    assert_int_equal(                                                                    \
        chain_extend(&chain, codec_view(&bytes), c->coordinator_key, arena, &got),       \
        reason);                                                                         \
    assert_memory_equal(&chain, &start, sizeof chain);                                   \
    assert_int_equal(got.round, 77);                                                     \
    link = good
    WRONG(link.study[0] ^= 1, c->coordinator, REASON_UNKNOWN_STUDY);
    WRONG(link.round = 2, c->coordinator, REASON_WRONG_ROUND);
    WRONG(link.previous[0] ^= 1, c->coordinator, REASON_WRONG_CHAIN);
    WRONG((void)0, c->governance, REASON_BAD_SIGNATURE);
#undef WRONG
    bytes.size = 0;
    assert_ok(chain_sign(c->coordinator, &link, &bytes, hash));
    for (size_t at = 0; at < bytes.size; at++) {
        bytes.data[at] ^= 1;
        enum reason reason =
            chain_extend(&chain, codec_view(&bytes), c->coordinator_key, arena, &got);
        assert_true(reason == REASON_BAD_SIGNATURE || reason == REASON_MALFORMED);
        bytes.data[at] ^= 1;
    }
    assert_memory_equal(&chain, &start, sizeof chain);
    arena_destroy(&arena);
    bytes_free(&bytes);
}

static struct bytes signed_link(const struct consortium *c, const uint8_t *head,
                                uint64_t round, const char *prior,
                                const struct identity *signer)
{
    struct bytes bytes = {0};
    uint8_t hash[HASH_BYTES];
    struct chain_link link = link_after(c, head, round, prior);
    assert_ok(chain_sign(signer, &link, &bytes, hash));
    return bytes;
}

static void chain__two_links_for_one_place_are_evidence(void **state)
{
    const struct consortium *c = *state;
    static const uint8_t elsewhere[HASH_BYTES] = {9};
    struct bytes links[] = {
        signed_link(c, c->terms_hash, 1, "first", c->coordinator),
        signed_link(c, c->terms_hash, 1, "other", c->coordinator), /* same place */
        signed_link(c, elsewhere, 1, "first", c->coordinator),     /* same round */
        signed_link(c, c->terms_hash, 2, "first", c->coordinator), /* same head */
        signed_link(c, elsewhere, 2, "first", c->coordinator),     /* neither */
        signed_link(c, c->terms_hash, 1, "other",
                    c->stranger), /* not the coordinator's */
    };
    static const bool expected[] = {false, true, true, true, false, false};
    for (size_t i = 0; i < 6; i++) {
        assert_int_equal(chain_equivocates(codec_view(&links[0]), codec_view(&links[i]),
                                           c->coordinator_key),
                         expected[i]);
        assert_int_equal(chain_equivocates(codec_view(&links[i]), codec_view(&links[0]),
                                           c->coordinator_key),
                         expected[i]);
    }
    assert_false(chain_equivocates(codec_view(&links[0]), codec_view(&c->terms_bytes),
                                   c->coordinator_key));
    for (size_t i = 0; i < 6; i++)
        bytes_free(&links[i]);
}

/* Taken with python3: hashlib.blake2b(field(tag) + field(words), digest_size=32). */
static void chain__a_sum_is_named_by_its_numbers(void **state)
{
    (void)state;
    static const uint64_t numbers[] = {1, UINT64_MAX, 0x0123456789abcdef};
    uint8_t hash[HASH_BYTES], shorter[HASH_BYTES];
    char text[2 * HASH_BYTES + 1];
    chain_sum_hash(&(struct words){numbers, 3}, hash);
    bytes_to_hex(hash, HASH_BYTES, text);
    assert_string_equal(
        text, "9cf8f97460f925f344bbaf58899af488a5592c33fa759cf59bc0a4ad0a130440");
    chain_sum_hash(&(struct words){numbers, 2}, shorter);
    assert_memory_not_equal(hash, shorter, HASH_BYTES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST_WITH_CONSORTIUM(chain__grows_link_by_link_from_the_terms),
        TEST_WITH_CONSORTIUM(chain__refuses_what_does_not_continue_it),
        TEST_WITH_CONSORTIUM(chain__two_links_for_one_place_are_evidence),
        cmocka_unit_test(chain__a_sum_is_named_by_its_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
