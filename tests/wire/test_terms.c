#include "wire/terms.h"

#include "check.h"
#include "consortium.h"

/* ---- terms ---- */

static void terms__come_back_as_they_were_signed(void **state)
{
    const struct consortium *c = *state;
    struct terms terms;
    uint8_t hash[HASH_BYTES];
    struct arena *arena = arena_new(1 << 20);
    assert_ok(
        terms_open(codec_view(&c->terms_bytes), c->coordinator_key, arena, &terms, hash));
    assert_memory_equal(hash, c->terms_hash, HASH_BYTES);
    assert_string_equal(terms.name, "pressure");
    assert_int_equal(terms.dimension, 20);
    assert_true(terms.noise_multipliers.items[2] == 8);
    assert_int_equal(
        terms_open(codec_view(&c->terms_bytes), c->stranger_key, arena, &terms, hash),
        ERR_VERIFY);
    assert_int_equal(
        terms_open(codec_view(&c->plan_bytes), c->coordinator_key, arena, &terms, hash),
        ERR_VERIFY);
    arena_destroy(&arena);
}

static void terms_refused(const struct consortium *c, const struct terms *terms,
                          const char *says)
{
    struct bytes object = {0}, bytes = {0};
    struct terms got;
    uint8_t hash[HASH_BYTES];
    assert_refused(ERR_RANGE, says, terms_sign(c->coordinator, terms, &bytes, hash));
    assert_int_equal(bytes.size, 0);
    assert_ok(codec_encode_terms(terms, &object));
    assert_ok(
        envelope_sign(c->coordinator, "gemel/terms/1", codec_view(&object), &bytes));
    struct arena *arena = codec_arena(bytes.size);
    assert_refused(ERR_RANGE, says,
                   terms_open(codec_view(&bytes), c->coordinator_key, arena, &got, hash));
    arena_destroy(&arena);
    bytes_free(&object);
    bytes_free(&bytes);
}

static void terms__fields_fit_together(void **state)
{
    struct consortium *c = *state;
    const struct terms good = c->terms;
    struct terms terms = good;
    memset(terms.study, 0, STUDY_BYTES);
    terms_refused(c, &terms, "all zeros");
    terms = good;
    terms.rounds = 4;
    terms_refused(c, &terms, "3 noise multipliers for 4 rounds");
    terms = good;
    terms.hospitals_min = 6;
    terms_refused(c, &terms, "5 participants, at least 6 are required");
    terms = good;
    terms.colluders = 2;
    terms_refused(c, &terms, "sums of 3 hospitals, 2 of which may collude");
}

static void terms__include_exactly_their_participants(void **state)
{
    const struct consortium *c = *state;
    for (size_t count = 0; count <= HOSPITALS; count++) {
        struct keys keys = {c->keys, count};
        for (size_t i = 0; i < HOSPITALS; i++)
            assert_int_equal(terms_include(&keys, c->keys + i * KEY_BYTES), i < count);
        assert_false(terms_include(&keys, c->stranger_key));
    }
}

/* ---- plan ---- */

static struct plan_context context_of(const struct consortium *c)
{
    return (struct plan_context){.terms = &c->terms,
                                 .terms_hash = c->terms_hash,
                                 .roster = c->roster,
                                 .chain_head = c->terms_hash,
                                 .own_key = c->keys,
                                 .now = NOW};
}

static void plan__opens_only_as_signed(void **state)
{
    const struct consortium *c = *state;
    struct plan plan;
    uint8_t hash[HASH_BYTES];
    struct arena *arena = arena_new(1 << 20);
    assert_ok(
        plan_open(codec_view(&c->plan_bytes), c->coordinator_key, arena, &plan, hash));
    assert_memory_equal(hash, c->plan_hash, HASH_BYTES);
    assert_int_equal(plan.norm_max, 151348);
    struct bytes bytes = {0};
    bytes_append(&bytes, c->plan_bytes.data, c->plan_bytes.size);
    for (size_t at = 0; at < bytes.size; at++) {
        bytes.data[at] ^= 4;
        enum err result =
            plan_open(codec_view(&bytes), c->coordinator_key, arena, &plan, hash);
        assert_true(result == ERR_FORMAT || result == ERR_VERIFY);
        bytes.data[at] ^= 4;
    }
    bytes_free(&bytes);
    arena_destroy(&arena);
}

/* Every field of the plan in turn made wrong, alone. */
static void plan__every_field_is_held_against_what_is_known(void **state)
{
    struct consortium *c = *state;
    const struct plan good = c->plan;
    const struct plan_context context = context_of(c);
    struct plan plan = good;
    assert_int_equal(plan_check(&plan, &context), REASON_NONE);
#define WRONG(change, reason, says)                                                      \
    change;                                                                              \
    assert_int_equal(plan_check(&plan, &context), reason);                               \
    assert_non_null(strstr(err_text(), says));                                           \
    assert_non_null(strstr(err_text(), reason_sentence(reason)));                        \
    plan = good
    WRONG(plan.study[0] ^= 1, REASON_UNKNOWN_STUDY, "study");
    WRONG(plan.terms[0] ^= 1, REASON_WRONG_TERMS, "terms");
    WRONG(plan.roster[0] ^= 1, REASON_STALE_ROSTER, "roster");
    WRONG(plan.round = 4, REASON_WRONG_ROUND, "round");
    WRONG(plan.round = 2, REASON_WRONG_ROUND, "round");
    WRONG(plan.chain_head[31] ^= 1, REASON_WRONG_CHAIN, "chain_head");
    WRONG(plan.deadline = NOW, REASON_LATE, "deadline");
    WRONG(plan.dimension = 21, REASON_WRONG_LENGTH, "dimension");
    WRONG(plan.norm_max = 227024, REASON_WRONG_TERMS, "norm_max");
    WRONG(plan.norm_max = 151349, REASON_WRONG_TERMS,
          "norm_max is too large for the noise");
    WRONG(plan.noise_multiplier = 11.999999, REASON_WRONG_TERMS, "noise_multiplier");
    WRONG(plan.noise_log2 = 19, REASON_WRONG_TERMS, "noise_log2");
    WRONG(plan.survivors = 2, REASON_WRONG_TERMS, "hospitals_min");
    WRONG(plan.colluders = 0, REASON_WRONG_TERMS, "colluders");
    WRONG((plan.colluders = 2, plan.threshold = 4), REASON_WRONG_TERMS,
          "norm_max"); /* sound, with more noise */
    WRONG(plan.colluders = 2, REASON_WEAK_PLAN, "two sums of a round");
    WRONG(plan.colluders = 3, REASON_WEAK_PLAN, "plan");
    WRONG(plan.quorum = 3, REASON_WEAK_PLAN, "plan");
    WRONG(plan.threshold = 1, REASON_WEAK_PLAN, "plan");
    WRONG(plan.survivors = 3, REASON_WEAK_PLAN, "plan");
    WRONG(plan.participants.count = 4, REASON_WEAK_PLAN, "plan");
    WRONG((plan.commitments = (struct view){c->keys, 5 * HASH_BYTES}), REASON_WEAK_PLAN,
          "commitments");
    uint8_t keys[HOSPITALS * KEY_BYTES];
    memcpy(keys, c->keys, sizeof keys);
    keys[2 * KEY_BYTES + 31] ^= 1;
    WRONG(plan.participants.items = keys, REASON_WRONG_TERMS, "participants");
    WRONG((plan.participants = (struct keys){c->keys + KEY_BYTES, 4}),
          REASON_NOT_PARTICIPANT, "participants");
#undef WRONG
}

/* More noise, a smaller bound, fewer hospitals (still enough): a plan may be stricter. */
static void plan__may_be_on_the_safer_side_of_the_terms(void **state)
{
    struct consortium *c = *state;
    const struct plan_context context = context_of(c);
    struct plan plan = c->plan;
    plan.noise_multiplier = 20;
    plan.norm_max = 50000;
    plan.participants.count = 4; /* of whom all must survive */
    plan.degree = 3;
    assert_int_equal(plan_check(&plan, &context), REASON_NONE);
    plan.survivors = plan.quorum = 4;
    assert_int_equal(plan_check(&plan, &context), REASON_NONE);
    plan.noise_log2 = 21;
    assert_int_equal(plan_check(&plan, &context), REASON_NONE);
}

/* 2^k >= multiplier * norm_max, decided exactly: at the bound, a hair inside and outside.
 */
static void plan__noise_against_norm_is_exact(void **state)
{
    struct consortium *c = *state;
    const struct plan_context context = context_of(c);
    struct plan plan = c->plan;
    c->multipliers[0] = 1e-3;
    c->terms.norm_max = WIRE_NORM_MAX;
    plan.survivors = 5; /* four noises: exactly twice one of them */
    plan.noise_log2 = 39;
    plan.norm_max = (uint64_t)1 << 30;
    plan.noise_multiplier = 1024;
    assert_int_equal(plan_check(&plan, &context), REASON_NONE);
    plan.noise_multiplier = nextafter(1024, INFINITY);
    assert_int_equal(plan_check(&plan, &context), REASON_WRONG_TERMS);
    plan.noise_multiplier = 1024;
    plan.norm_max++;
    assert_int_equal(plan_check(&plan, &context), REASON_WRONG_TERMS);
    plan.norm_max = 3;
    plan.noise_multiplier = 0x1p40 / 3; /* rounds down: three times it is below 2^40 */
    assert_true(plan.noise_multiplier * 3 <= 0x1p40);
    assert_int_equal(plan_check(&plan, &context), REASON_NONE);
    plan.noise_multiplier = nextafter(plan.noise_multiplier, INFINITY);
    assert_int_equal(plan_check(&plan, &context), REASON_WRONG_TERMS);
    plan.norm_max = ((uint64_t)1 << 53) + 1; /* no double holds it */
    plan.noise_multiplier = WIRE_NOISE_MULTIPLIER_MIN;
    assert_int_equal(plan_check(&plan, &context), REASON_WRONG_TERMS);
}

static void plan__rounds_and_attempts_only_go_up(void **state)
{
    struct consortium *c = *state;
    struct plan_context context = context_of(c);
    struct plan plan = c->plan;
    context.last_round = 1;
    context.last_attempt = 1;
    assert_int_equal(plan_check(&plan, &context), REASON_STALE_ATTEMPT);
    plan.attempt = 2;
    assert_int_equal(plan_check(&plan, &context), REASON_NONE);
    context.last_attempt = 3;
    assert_int_equal(plan_check(&plan, &context), REASON_STALE_ATTEMPT);
    context.last_round = 2;
    assert_int_equal(plan_check(&plan, &context), REASON_WRONG_ROUND);
    context.last_round = 0;
    context.chain_length = 1;
    assert_int_equal(plan_check(&plan, &context), REASON_WRONG_ROUND);
    plan.round = 2;
    assert_int_equal(plan_check(&plan, &context), REASON_NONE);
    context.chain_length = 3; /* all three rounds are over */
    plan.round = 4;
    assert_int_equal(plan_check(&plan, &context), REASON_WRONG_ROUND);
    assert_non_null(strstr(err_text(), "not one of the study's"));
}

static void plan__counts_only_members_of_the_roster_in_force(void **state)
{
    struct consortium *c = *state;
    struct plan_context context = context_of(c);
    struct plan plan = c->plan;
    context.now = NOW + 100000; /* everybody's entry is over */
    plan.deadline = NOW + 200000;
    assert_int_equal(plan_check(&plan, &context), REASON_EXPIRED);
    context.now = NOW;
    c->fields.members.count = 4;
    c->roster_bytes.size = 0;
    assert_ok(roster_sign(c->governance, &c->fields, &c->roster_bytes));
    roster_destroy(&c->roster);
    assert_ok(roster_new(codec_view(&c->roster_bytes), c->governance_key, &c->roster));
    context.roster = c->roster;
    assert_int_equal(plan_check(&plan, &context), REASON_STALE_ROSTER);
    memcpy(plan.roster, roster_hash(c->roster), HASH_BYTES);
    assert_int_equal(plan_check(&plan, &context), REASON_NOT_IN_ROSTER);
    plan.participants.count = 4;
    plan.degree = 3;
    assert_int_equal(plan_check(&plan, &context), REASON_NONE);
    c->terms.consortium[0] ^= 1;
    assert_int_equal(plan_check(&plan, &context), REASON_WRONG_CONSORTIUM);
}

/* ---- messages of the phases ---- */

static void plan__concerns_only_messages_about_it(void **state)
{
    const struct consortium *c = *state;
    struct envelope good = {.kind = MESSAGE_ADVERT, .round = 1, .attempt = 1};
    memcpy(good.study, c->plan.study, STUDY_BYTES);
    memcpy(good.sender, c->keys + 2 * KEY_BYTES, KEY_BYTES);
    struct envelope envelope = good;
    assert_int_equal(plan_concerns(&c->plan, &envelope), REASON_NONE);
#define WRONG(change, reason)                                                            \
    change;                                                                              \
    assert_int_equal(plan_concerns(&c->plan, &envelope), reason);                        \
    envelope = good
    WRONG(envelope.study[0] ^= 1, REASON_UNKNOWN_STUDY);
    WRONG(memcpy(envelope.sender, c->stranger_key, KEY_BYTES), REASON_NOT_PARTICIPANT);
    WRONG(envelope.round = 2, REASON_WRONG_ROUND);
    WRONG(envelope.attempt = 2, REASON_STALE_ATTEMPT);
#undef WRONG
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST_WITH_CONSORTIUM(terms__come_back_as_they_were_signed),
        TEST_WITH_CONSORTIUM(terms__fields_fit_together),
        TEST_WITH_CONSORTIUM(terms__include_exactly_their_participants),
        TEST_WITH_CONSORTIUM(plan__opens_only_as_signed),
        TEST_WITH_CONSORTIUM(plan__every_field_is_held_against_what_is_known),
        TEST_WITH_CONSORTIUM(plan__may_be_on_the_safer_side_of_the_terms),
        TEST_WITH_CONSORTIUM(plan__noise_against_norm_is_exact),
        TEST_WITH_CONSORTIUM(plan__rounds_and_attempts_only_go_up),
        TEST_WITH_CONSORTIUM(plan__counts_only_members_of_the_roster_in_force),
        TEST_WITH_CONSORTIUM(plan__concerns_only_messages_about_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
