#include "sim/rehearsal.h"

#include "base/memory.h"
#include "check.h"
#include "verified.h"

static struct rehearsal *consortium_of(uint32_t members, uint32_t colluders,
                                       uint32_t dimension)
{
    struct quorum quorum;
    struct rehearsal *r = NULL;
    assert_ok(quorum_choose(members, colluders, 0, &quorum));
    assert_ok(rehearsal_new(&quorum, dimension, 1, &r));
    return r;
}

static void rehearsal__sums_exactly_when_all_stay(void **state)
{
    (void)state;
    for (uint32_t members = 3; members <= 12; members++) {
        struct rehearsal *r = consortium_of(members, 1, 17);
        assert_ok(rehearsal_open(r, 1, 1));
        assert_ok(rehearsal_play(r, NULL));
        assert_true(collection_succeeded(r->collection));
        assert_int_equal(collection_survivor_count(r->collection), members);
        assert_true(rehearsal_sum_is_exact(r, NULL));
        for (uint32_t i = 0; i < members; i++) {
            assert_true(attempt_succeeded(r->members[i].attempt));
            assert_int_equal(r->members[i].world.charged, 1);
            assert_memory_equal(attempt_survivors(r->members[i].attempt),
                                collection_survivors(r->collection), HASH_BYTES);
        }
        rehearsal_destroy(&r);
    }
}

/* --- who leaves when
 * ---------------------------------------------------------------------- */

/* What must come of it, from the numbers alone: the sum over those who sent an input, as
 * long as enough of them go on to confirm and to unmask. */
static bool ends_with_a_sum(const struct quorum *quorum, const enum phase *leaves)
{
    size_t left[PHASE_END] = {0};
    for (enum phase phase = 0; phase < PHASE_END; phase++)
        for (size_t i = 0; i < quorum->members; i++)
            left[phase] += leaves[i] > phase;
    return left[PHASE_MASK] >= quorum->survivors &&
           left[PHASE_CONFIRM] >= quorum->quorum &&
           left[PHASE_UNMASK] >= quorum->threshold;
}

static void play_and_judge(struct rehearsal *r, const enum phase *leaves)
{
    assert_ok(rehearsal_open(r, 1, 1));
    assert_ok(rehearsal_play(r, leaves));
    bool expected = ends_with_a_sum(&r->quorum, leaves);
    assert_int_equal(collection_succeeded(r->collection), expected);
    if (expected)
        assert_true(rehearsal_sum_is_exact(r, leaves));
    else
        assert_null(collection_sum(r->collection));
}

enum { FIVE = 5, WAYS = 7776 }; /* 6^5 */

/* A way seen up to the end of a phase: whoever leaves later has not left. */
static unsigned way_until(unsigned way, enum phase phase)
{
    unsigned seen = 0;
    for (unsigned i = 0, place = 1; i < FIVE; i++, way /= 6, place *= 6)
        seen += place * (way % 6 > phase ? phase + 1 : way % 6);
    return seen;
}

/* Whether a way that agrees with this one up to the end of a phase was given up in it:
 * what follows that phase was then never reached, here neither. */
static bool given_up_before(const bool (*given_up)[WAYS], unsigned way)
{
    for (enum phase phase = 0; phase < PHASE_END; phase++)
        if (given_up[phase][way_until(way, phase)])
            return true;
    return false;
}

/* Five hospitals, each of which leaves before one of the five phases or never. */
static void rehearsal__survives_every_dropout_or_reveals_nothing(void **state)
{
    (void)state;
    static bool given_up[PHASE_END][WAYS];
    struct rehearsal *r = consortium_of(FIVE, 1, 3);
    size_t sums = 0, played = 0;
    for (unsigned way = 0; way < WAYS; way++) {
        enum phase leaves[FIVE];
        for (unsigned i = 0, rest = way; i < FIVE; i++, rest /= 6)
            leaves[i] = rest % 6;
        if (given_up_before((const bool(*)[WAYS])given_up, way)) {
            assert_false(ends_with_a_sum(&r->quorum, leaves));
            continue;
        }
        play_and_judge(r, leaves);
        if (r->ended == PHASE_END)
            sums++;
        else
            given_up[r->ended][way_until(way, r->ended)] = true;
        played++;
    }
    print_message("%zu of %d ways end with a sum; %zu differ before they end\n", sums,
                  WAYS, played);
    /* All five send and confirm, three or more of them unmask: 16 ways. Four do, in the
     * fifth's 5 * 4 ways, three or more of them unmask: 20 * 5. */
    assert_int_equal(sums, 116);
    rehearsal_destroy(&r);
}

/* Everybody leaves before some phase with a probability that makes the numbers come out
 * on either side of what is required. */
static void draw_leaves(struct random *random, const struct quorum *quorum,
                        enum phase *leaves)
{
    uint64_t spare = quorum->members - quorum->survivors;
    uint64_t leavers = random_below(random, 2 * spare + 2);
    for (size_t i = 0; i < quorum->members; i++)
        leaves[i] = PHASE_END;
    for (uint64_t i = 0; i < leavers; i++)
        leaves[random_below(random, quorum->members)] =
            (enum phase)random_below(random, PHASE_END);
}

static void play_random(uint32_t members, size_t schedules, uint64_t seed)
{
    uint8_t bytes[RANDOM_SEED_BYTES] = {0};
    memcpy(bytes, &seed, sizeof seed);
    struct random *random = random_new_seeded(bytes);
    struct rehearsal *r = consortium_of(members, quorum_colluders(members), 5);
    enum phase *leaves = mem_new(members, sizeof *leaves);
    size_t sums = 0;
    for (size_t i = 0; i < schedules; i++) {
        draw_leaves(random, &r->quorum, leaves);
        play_and_judge(r, leaves);
        sums += r->ended == PHASE_END;
    }
    print_message("%u members, %u neighbours each, seed %llu: %zu of %zu ended with a "
                  "sum\n",
                  members, r->quorum.degree, (unsigned long long)seed, sums, schedules);
    mem_free(leaves);
    random_destroy(&random);
    rehearsal_destroy(&r);
}

static void rehearsal__survives_random_dropout(void **state)
{
    (void)state;
    play_random(10, 40, 1);
    play_random(23, 10, 2);
    play_random(64, 2, 3);
    play_random(QUORUM_COMPLETE_MAX + 1, 1, 4);
}

/* Half an hour; with the sparse graph from 257 members up. */
static void rehearsal__survives_ten_thousand_random_dropouts(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 90; seed++)
        play_random((uint32_t)(10 + seed % 23), 110, seed);
    for (uint64_t seed = 100; seed < 110; seed++)
        play_random((uint32_t)(20 * (seed - 95)), 9, seed);
    play_random(400, 6, 200);
    play_random(700, 2, 201);
    play_random(1000, 2, 202);
}

/* --- what was mended
 * ------------------------------------------------------------------------ */

static void change_plan(struct rehearsal *r, void (*change)(struct plan *plan))
{
    struct plan plan;
    uint8_t hash[HASH_BYTES];
    struct arena *arena = codec_arena(r->signed_plan.size);
    struct bytes changed = {0};
    assert_ok(
        plan_open(codec_view(&r->signed_plan), r->coordinator_key, arena, &plan, hash));
    change(&plan);
    assert_ok(plan_sign(r->coordinator, &plan, &changed, hash));
    bytes_free(&r->signed_plan);
    r->signed_plan = changed;
    arena_destroy(&arena);
}

static void no_commitments(struct plan *plan)
{
    plan->commitments.size = 0;
}

static void one_commitment_short(struct plan *plan)
{
    plan->commitments.size -= HASH_BYTES;
}

static void a_commitment(struct plan *plan)
{
    static const uint8_t seed[HASH_BYTES] = {1};
    plan->commitments = (struct view){seed, sizeof seed};
}

/* A sparse graph whose seeds nobody is bound to would be the coordinator's choice; a list
 * of another length would be read past its end. */
static void rehearsal__asks_for_seeds_that_were_committed_to(void **state)
{
    (void)state;
    struct rehearsal *sparse = consortium_of(QUORUM_COMPLETE_MAX + 1, 5, 1);
    struct rehearsal *complete = consortium_of(3, 1, 1);
    const char *sentence = reason_sentence(REASON_WEAK_PLAN);
    assert_true(sparse->quorum.degree < QUORUM_COMPLETE_MAX);
    assert_ok(rehearsal_sign_plan(sparse, 1, 1));
    change_plan(sparse, one_commitment_short);
    assert_refused(ERR_DENIED, sentence, rehearsal_enter(sparse, 0));
    change_plan(sparse, no_commitments);
    assert_refused(ERR_DENIED, sentence, rehearsal_enter(sparse, 0));
    assert_false(sparse->members[0].world.entered);
    assert_ok(rehearsal_sign_plan(sparse, 1, 1));
    sparse->members[0].graph_seed[3] ^= 1; /* not the one that it committed to */
    assert_refused(ERR_VERIFY, reason_sentence(REASON_BAD_SEED),
                   rehearsal_enter(sparse, 0));
    assert_false(sparse->members[0].world.entered);
    const struct attempt_world world =
        agreeable_world(&sparse->members[1].world, sparse->members[1].identity,
                        sparse->members[1].random);
    const struct attempt_start seedless = {.signed_plan =
                                               codec_view(&sparse->signed_plan),
                                           .coordinator_key = sparse->coordinator_key};
    assert_refused(ERR_VERIFY, reason_sentence(REASON_BAD_SEED),
                   attempt_new(&seedless, &world, &sparse->members[1].attempt));
    assert_ok(rehearsal_sign_plan(complete, 1, 1));
    change_plan(complete, a_commitment);
    assert_refused(ERR_DENIED, sentence, rehearsal_enter(complete, 0));
    rehearsal_destroy(&sparse);
    rehearsal_destroy(&complete);
}

/* An advert with another seed than its sender committed to would draw another graph: the
 * coordinator does not take it, and a node that is shown it ends its attempt. */
static void rehearsal__draws_no_graph_from_other_seeds(void **state)
{
    (void)state;
    struct rehearsal *r = consortium_of(QUORUM_COMPLETE_MAX + 1, 5, 1);
    struct bundle bundle = {.adverts.count = r->quorum.members};
    struct view *views = mem_new(bundle.adverts.count, sizeof *views);
    struct arena *arena = codec_arena(WIRE_SIGNED_SMALL_MAX);
    struct bytes lie = {0}, body = {0};
    struct advert advert;
    uint32_t kind;
    bool fresh;
    enum err failure;
    assert_ok(rehearsal_open(r, 1, 1));
    for (size_t i = 0; i < bundle.adverts.count; i++)
        assert_ok(attempt_message(r->members[i].attempt, &kind, &views[i]));
    assert_ok(phase_read_advert(views[9], arena, &advert));
    advert.seed[0] ^= 1;
    assert_ok(phase_sign_advert(r->members[9].identity, &advert, &lie));
    assert_int_equal(collection_take(r->collection, r->members[9].key, kind,
                                     codec_view(&lie), &fresh, &failure),
                     REASON_BAD_SEED);
    views[9] = codec_view(&lie);
    bundle.adverts.items = views;
    assert_ok(codec_encode_bundle(&bundle, &body));
    assert_int_equal(
        attempt_take(r->members[0].attempt, MESSAGE_BUNDLE, codec_view(&body)),
        ERR_VERIFY);
    assert_int_equal(attempt_reason(r->members[0].attempt), REASON_BAD_SEED);
    bytes_free(&lie);
    bytes_free(&body);
    mem_free(views);
    arena_destroy(&arena);
    rehearsal_destroy(&r);
}

/* Take the advert of member `index` with other keys in it, signed by that member. */
static enum reason advertise(struct rehearsal *r, size_t index, const uint8_t *mask_key,
                             const uint8_t *seal_key)
{
    struct advert advert;
    struct bytes lie = {0};
    struct arena *arena = codec_arena(WIRE_SIGNED_SMALL_MAX);
    uint32_t kind;
    struct view body;
    bool fresh;
    enum err failure;
    assert_ok(attempt_message(r->members[index].attempt, &kind, &body));
    assert_ok(phase_read_advert(body, arena, &advert));
    if (mask_key)
        memcpy(advert.mask_key, mask_key, KEY_BYTES);
    if (seal_key)
        memcpy(advert.seal_key, seal_key, KEY_BYTES);
    assert_ok(phase_sign_advert(r->members[index].identity, &advert, &lie));
    enum reason reason = collection_take(r->collection, r->members[index].key, kind,
                                         codec_view(&lie), &fresh, &failure);
    bytes_free(&lie);
    arena_destroy(&arena);
    return reason;
}

/* In a sparse graph as many members as the threshold can have given their shares in time
 * when few of them are any one's neighbours: no sum, and nothing of one. */
static void rehearsal__ends_when_too_few_hold_a_secret(void **state)
{
    (void)state;
    struct rehearsal *r = consortium_of(QUORUM_COMPLETE_MAX + 1, 5, 1);
    enum phase *leaves = mem_new(r->quorum.members, sizeof *leaves);
    for (uint32_t i = 0; i < r->quorum.members; i++)
        leaves[i] = i < r->quorum.threshold ? PHASE_END : PHASE_UNMASK;
    assert_ok(rehearsal_open(r, 1, 1));
    assert_ok(rehearsal_play(r, leaves));
    assert_int_equal(r->ended, PHASE_UNMASK);
    assert_int_equal(collection_reason(r->collection), REASON_TOO_FEW);
    assert_null(collection_sum(r->collection));
    mem_free(leaves);
    rehearsal_destroy(&r);
}

/* A key of low order, one that is not canonical, or another member's: each would make all
 * others end the attempt at the sight of it, so none gets into the bundle. */
static void rehearsal__one_lying_advert_stops_nobody(void **state)
{
    (void)state;
    enum { N = 5 };
    static const uint8_t low[KEY_BYTES] = {1}, zero[KEY_BYTES];
    uint8_t prime[KEY_BYTES], other[KEY_BYTES];
    struct advert advert;
    struct arena *arena = codec_arena(WIRE_SIGNED_SMALL_MAX);
    struct rehearsal *r = consortium_of(N, 1, 1);
    uint32_t kind;
    struct view body;
    memset(prime, 0xff, sizeof prime);
    prime[0] = 0xed;
    prime[KEY_BYTES - 1] = 0x7f;
    assert_ok(rehearsal_open(r, 1, 1));
    assert_int_equal(rehearsal_send(r, 0), REASON_NONE);
    assert_ok(attempt_message(r->members[0].attempt, &kind, &body));
    assert_ok(phase_read_advert(body, arena, &advert));
    memcpy(other, advert.mask_key, KEY_BYTES);
    const uint8_t *const bad[] = {low, zero, prime};
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(advertise(r, 1, bad[i], NULL), REASON_BAD_KEY);
        assert_int_equal(advertise(r, 1, NULL, bad[i]), REASON_BAD_KEY);
    }
    assert_int_equal(advertise(r, 1, other, NULL), REASON_DUPLICATE_KEY);
    assert_int_equal(advertise(r, 1, NULL, other), REASON_DUPLICATE_KEY);
    assert_int_equal(advertise(r, 1, advert.seal_key, advert.mask_key),
                     REASON_DUPLICATE_KEY);
    other[5] ^= 1; /* a key like any other, but twice in one advert */
    assert_int_equal(advertise(r, 1, other, other), REASON_DUPLICATE_KEY);
    rehearsal_leave(r, 1);
    assert_ok(rehearsal_play(r, NULL));
    assert_true(collection_succeeded(r->collection));
    assert_int_equal(collection_survivor_count(r->collection), N - 1);
    arena_destroy(&arena);
    rehearsal_destroy(&r);
}

/* The same message again is fine, also after its phase; another in its place is not: of
 * large messages every byte counts, too. */
static void rehearsal__a_message_is_taken_once_and_known_again(void **state)
{
    (void)state;
    struct rehearsal *r = consortium_of(4, 1, 5);
    struct bytes said[PHASE_UNMASK + 1] = {0};
    assert_ok(rehearsal_open(r, 1, 1));
    for (enum phase phase = 0; phase <= PHASE_UNMASK; phase++) {
        bool moved, fresh;
        enum err failure;
        uint32_t kind;
        struct view body;
        assert_ok(attempt_message(r->members[0].attempt, &kind, &body));
        bytes_append(&said[phase], body.data, body.size);
        for (uint32_t i = 0; i < 4; i++)
            assert_int_equal(rehearsal_send(r, i), REASON_NONE);
        assert_int_equal(rehearsal_send(r, 0), REASON_NONE);
        assert_int_equal(collection_received(r->collection), 4);
        assert_ok(collection_advance(r->collection, false, &moved));
        assert_true(moved);
        for (uint32_t i = 0; i < 4; i++)
            assert_ok(rehearsal_receive(r, i));
        for (enum phase past = 0; past <= phase; past++)
            for (size_t at = 0; at <= said[past].size; at++) {
                bool changed = at < said[past].size;
                if (changed)
                    said[past].data[at] ^= 1;
                assert_int_equal(collection_take(r->collection, r->members[0].key,
                                                 phase_question(past),
                                                 codec_view(&said[past]), &fresh,
                                                 &failure),
                                 changed ? REASON_ANSWERED : REASON_NONE);
                assert_false(fresh);
                if (changed)
                    said[past].data[at] ^= 1;
            }
    }
    assert_true(rehearsal_sum_is_exact(r, NULL));
    for (enum phase phase = 0; phase <= PHASE_UNMASK; phase++)
        bytes_free(&said[phase]);
    rehearsal_destroy(&r);
}

int main(int count, char **arguments)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rehearsal__sums_exactly_when_all_stay),
        cmocka_unit_test(rehearsal__a_message_is_taken_once_and_known_again),
        cmocka_unit_test(rehearsal__survives_every_dropout_or_reveals_nothing),
        cmocka_unit_test(rehearsal__survives_random_dropout),
        cmocka_unit_test(rehearsal__asks_for_seeds_that_were_committed_to),
        cmocka_unit_test(rehearsal__draws_no_graph_from_other_seeds),
        cmocka_unit_test(rehearsal__ends_when_too_few_hold_a_secret),
        cmocka_unit_test(rehearsal__one_lying_advert_stops_nobody),
    };
    const struct CMUnitTest nightly[] = {
        cmocka_unit_test(rehearsal__survives_ten_thousand_random_dropouts),
    };
    if (count > 1 && strcmp(arguments[1], "nightly") == 0)
        return cmocka_run_group_tests(nightly, NULL, NULL);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
