#include "wire/phase.h"

#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "consortium.h"

static struct advert advert_of(const struct consortium *c, size_t hospital)
{
    struct advert advert = {.ledger_length = 7};
    memcpy(advert.plan, c->plan_hash, HASH_BYTES);
    memcpy(advert.member, c->keys + hospital * KEY_BYTES, KEY_BYTES);
    memset(advert.mask_key, 1, KEY_BYTES);
    memset(advert.seal_key, 2, KEY_BYTES);
    memset(advert.commitment, 3, HASH_BYTES);
    memset(advert.seed, 4, HASH_BYTES);
    memset(advert.ledger_head, 5, HASH_BYTES);
    return advert;
}

static void phase__believes_what_a_member_signed_for_this_plan(void **state)
{
    const struct consortium *c = *state;
    struct arena *arena = codec_arena(4096);
    struct advert sent = advert_of(c, 2), got;
    struct bytes bytes = {0};
    assert_ok(phase_sign_advert(c->hospitals[2], &sent, &bytes));
    assert_int_equal(phase_open_advert(codec_view(&bytes), c->plan_hash, arena, &got),
                     REASON_NONE);
    assert_memory_equal(&sent, &got, sizeof sent);
    assert_int_equal(phase_open_advert(codec_view(&bytes), c->terms_hash, arena, &got),
                     REASON_WRONG_PLAN);
    bytes.data[bytes.size - 1] ^= 1; /* in the signature */
    assert_int_equal(phase_open_advert(codec_view(&bytes), c->plan_hash, arena, &got),
                     REASON_BAD_SIGNATURE);
    bytes.size--;
    assert_int_equal(phase_open_advert(codec_view(&bytes), c->plan_hash, arena, &got),
                     REASON_MALFORMED);
    bytes.size = 0;
    assert_ok(phase_sign_advert(c->hospitals[1], &sent, &bytes)); /* by another */
    assert_int_equal(phase_open_advert(codec_view(&bytes), c->plan_hash, arena, &got),
                     REASON_BAD_SIGNATURE);
    bytes_free(&bytes);
    arena_destroy(&arena);
}

/* A confirm and a dealing of the same bytes are not each other. */
static void phase__signs_each_kind_under_a_tag_of_its_own(void **state)
{
    const struct consortium *c = *state;
    struct arena *arena = codec_arena(4096);
    struct dealing dealing = {.bundle = {1}};
    struct bytes object = {0}, bytes = {0};
    memcpy(dealing.plan, c->plan_hash, HASH_BYTES);
    memcpy(dealing.member, c->keys, KEY_BYTES);
    assert_ok(codec_encode_dealing(&dealing, &object));
    static const char *const tags[] = {"SA1/shares", "SA1/adv", "SA1/input", "SA1/cons",
                                       "gemel/plan/1"};
    for (size_t i = 0; i < 5; i++) {
        bytes.size = 0;
        assert_ok(envelope_sign(c->hospitals[0], tags[i], codec_view(&object), &bytes));
        assert_int_equal(
            phase_open_dealing(codec_view(&bytes), c->plan_hash, arena, &dealing),
            i == 0 ? REASON_NONE : REASON_BAD_SIGNATURE);
    }
    bytes_free(&object);
    bytes_free(&bytes);
    arena_destroy(&arena);
}

static void phase__asks_and_answers_with_kinds_of_its_own(void **state)
{
    (void)state;
    for (enum phase phase = 0; phase < PHASE_END; phase++) {
        assert_int_equal(phase_question(phase), MESSAGE_ADVERT + 2 * (uint32_t)phase);
        assert_true(phase_answer(phase) != phase_question(phase));
    }
    assert_string_equal(phase_name(PHASE_MASK), "mask");
    assert_int_equal(phase_question(PHASE_END), 0);
}

/* ---- hashes ---- */

#define DIFFERS(change, undo, hash_it)                                                   \
    do {                                                                                 \
        uint8_t before[HASH_BYTES], after[HASH_BYTES], again[HASH_BYTES];                \
        uint8_t *hash = before;                                                          \
        hash_it;                                                                         \
        change;                                                                          \
        hash = after;                                                                    \
        hash_it;                                                                         \
        undo;                                                                            \
        hash = again;                                                                    \
        hash_it;                                                                         \
        assert_memory_not_equal(before, after, HASH_BYTES);                              \
        assert_memory_equal(before, again, HASH_BYTES);                                  \
    } while (0)

static void phase__binds_everything_that_came_before(void **state)
{
    (void)state;
    uint8_t context[HASH_BYTES] = {1}, bundle[HASH_BYTES] = {2},
            dealers[HASH_BYTES] = {3};
    uint8_t items[2 * KEY_BYTES] = {4, 5}, parts[2][3] = {{6}, {7}};
    struct keys keys = {items, 2};
    struct view views_of[] = {{parts[0], 3}, {parts[1], 3}};
    struct views views = {views_of, 2};
    struct input inputs[2] = {{.member = {8}, .vector_hash = {9}}, {.member = {10}}};
    DIFFERS(parts[1][2]++, parts[1][2]--, phase_bundle_hash(&views, hash));
    DIFFERS(views.count = 1, views.count = 2, phase_bundle_hash(&views, hash));
    DIFFERS((views_of[0].size = 2, views_of[1].data--, views_of[1].size = 4),
            (views_of[0].size = 3, views_of[1].data++, views_of[1].size = 3),
            phase_parcels_hash(&views, hash));
    DIFFERS(context[31]++, context[31]--,
            phase_dealers_hash(context, bundle, &keys, hash));
    DIFFERS(bundle[0]++, bundle[0]--, phase_dealers_hash(context, bundle, &keys, hash));
    DIFFERS(items[63]++, items[63]--, phase_dealers_hash(context, bundle, &keys, hash));
    DIFFERS(keys.count = 1, keys.count = 2,
            phase_dealers_hash(context, bundle, &keys, hash));
#define H3 phase_survivors_hash(context, bundle, dealers, inputs, 2, hash)
    DIFFERS(context[0]++, context[0]--, H3);
    DIFFERS(bundle[0]++, bundle[0]--, H3);
    DIFFERS(dealers[0]++, dealers[0]--, H3);
    DIFFERS(inputs[1].member[31]++, inputs[1].member[31]--, H3);
    DIFFERS(inputs[0].vector_hash[31]++, inputs[0].vector_hash[31]--, H3);
    struct advert adverts[2] = {{.seed = {1}}, {.seed = {2}}};
    DIFFERS(adverts[1].seed[31]++, adverts[1].seed[31]--,
            phase_graph_seed(context, adverts, 2, hash));
    DIFFERS(context[0]++, context[0]--, phase_graph_seed(context, adverts, 2, hash));
    uint8_t study[STUDY_BYTES] = {11}, member[KEY_BYTES] = {12}, seed[HASH_BYTES] = {13};
#define COMMIT phase_seed_commitment(study, member, seed, hash)
    DIFFERS(study[15]++, study[15]--, COMMIT);
    DIFFERS(member[31]++, member[31]--, COMMIT);
    DIFFERS(seed[31]++, seed[31]--, COMMIT);
    uint64_t numbers[] = {1, UINT64_MAX};
    struct words words = {numbers, 2};
    DIFFERS(numbers[1]--, numbers[1]++, phase_vector_hash(&words, hash));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST_WITH_CONSORTIUM(phase__believes_what_a_member_signed_for_this_plan),
        TEST_WITH_CONSORTIUM(phase__signs_each_kind_under_a_tag_of_its_own),
        cmocka_unit_test(phase__asks_and_answers_with_kinds_of_its_own),
        cmocka_unit_test(phase__binds_everything_that_came_before),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
