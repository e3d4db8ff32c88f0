/* peers - sixteen faults that were found in the code of other systems for federated
 * learning, each of which this one must not have, tried on the protocol's own state
 * machines where that is where it would be. */

#include "base/memory.h"
#include "check.h"
#include "node/attempt_impl.h"
#include "node/contribute.h"
#include "privacy/clip.h"
#include "privacy/identity.h"
#include "privacy/mask.h"
#include "privacy/noise.h"
#include "sim/rehearsal.h"
#include "sim/spoils.h"
#include "sim/storm.h"

#include "../node/others.h"

enum { N = 5, DIM = 8 };

static struct rehearsal *five(uint32_t dimension)
{
    struct quorum quorum;
    struct rehearsal *r;
    assert_ok(quorum_choose(N, 1, 0, &quorum));
    assert_ok(rehearsal_new(&quorum, dimension, 1, &r));
    assert_ok(rehearsal_open(r, 1, 1));
    return r;
}

/* Everybody's message of every phase before `phase`; the answers to the last of them are
 * not fetched yet. */
static void play_up_to(struct rehearsal *r, enum phase phase)
{
    bool moved;
    while (collection_phase(r->collection) < phase) {
        for (size_t i = 0; i < N; i++) {
            const struct attempt *attempt = r->members[i].attempt;
            if (attempt && attempt_phase(attempt) < collection_phase(r->collection))
                assert_ok(rehearsal_receive(r, i));
            rehearsal_send(r, i);
        }
        assert_ok(collection_advance(r->collection, true, &moved));
    }
}

static struct view message(const struct rehearsal *r, size_t member)
{
    uint32_t kind;
    struct view body;
    assert_ok(attempt_message(r->members[member].attempt, &kind, &body));
    return body;
}

/* The answer that waits for a member, to be changed on the way. */
static void fetch(const struct rehearsal *r, size_t member, uint32_t *kind,
                  struct bytes *body)
{
    uint32_t asked;
    struct view view;
    assert_ok(attempt_message(r->members[member].attempt, &asked, &view));
    assert_ok(
        collection_answer(r->collection, r->members[member].key, asked, kind, body));
}

/* --- masks
 * ---------------------------------------------------------------------------- */

/* Member 0's masked numbers, after `change` was done to its secrets. */
static void masked_after(size_t byte, size_t other, uint64_t *words)
{
    struct rehearsal *r = five(DIM);
    struct arena *arena = codec_arena(WIRE_FRAME_MAX);
    struct masked_input masked;
    play_up_to(r, PHASE_MASK);
    uint8_t *scalar = r->members[0].attempt->secrets->keys.self_scalar;
    if (byte != other) {
        scalar[byte] ^= 1;
        scalar[other] ^= 1;
    }
    assert_ok(rehearsal_receive(r, 0));
    assert_ok(codec_decode_masked_input(message(r, 0), arena, &masked));
    memcpy(words, masked.vector.items, DIM * sizeof *words);
    arena_destroy(&arena);
    rehearsal_destroy(&r);
}

/* Flower SecAgg+: a key of 256 bits folded to 32 by exclusive or. Two changes that such a
 * fold takes for none change every number, in a member's scalar and in a mask's seed. */
static void peers__01_seeds_are_not_folded(void **state)
{
    (void)state;
    uint64_t base[DIM], changed[DIM], plain[DIM] = {0};
    uint8_t seed[MASK_SEED_BYTES] = "of two hundred and fifty-six";
    masked_after(0, 0, base);
    mask_add(seed, plain, DIM);
    for (size_t byte = 0; byte + 4 < SCALAR_BYTES; byte += 4) {
        uint64_t masked[DIM] = {0};
        masked_after(byte, byte + 4, changed);
        seed[byte] ^= 1;
        seed[byte + 4] ^= 1;
        mask_add(seed, masked, DIM);
        for (size_t i = 0; i < DIM; i++) {
            assert_true(changed[i] != base[i]);
            assert_true(masked[i] != plain[i]);
        }
    }
}

/* Flower: randint(0, mod - 1) never gives mod - 1. Of a million words of masks alone,
 * since what one generator leaves out the sum of several does not, some are at either end
 * of what 16 bits can be, at the top and at the bottom (16 of each are expected). */
static void peers__02_masks_take_every_value(void **state)
{
    (void)state;
    enum { LONG = 65536, SEEDS = 16 };
    size_t ends[4] = {0};
    uint64_t *words = mem_new(LONG, sizeof *words);
    for (uint8_t seed = 0; seed < SEEDS; seed++) {
        const uint8_t key[PAIRKEY_SEED_BYTES] = {seed};
        memset(words, 0, LONG * sizeof *words);
        mask_add(key, words, LONG);
        for (size_t k = 0; k < LONG; k++) {
            ends[0] += words[k] >> 48 == 0;
            ends[1] += words[k] >> 48 == 0xffff;
            ends[2] += (words[k] & 0xffff) == 0;
            ends[3] += (words[k] & 0xffff) == 0xffff;
        }
    }
    for (size_t i = 0; i < 4; i++)
        assert_in_range(ends[i], 1, 40);
    mem_free(words);
}

/* Flower: whoever asks for both kinds of share gets both. Here one share goes out for
 * each member that dealt, of the kind that its fate asks for. */
static void peers__03_one_share_for_each_member(void **state)
{
    (void)state;
    struct rehearsal *r = five(DIM);
    struct spoils *spoils = spoils_new();
    play_up_to(r, PHASE_MASK);
    for (size_t i = 0; i < N; i++) {
        assert_ok(rehearsal_receive(r, i));
        spoils_watch(spoils, r->members[i].attempt);
    }
    rehearsal_leave(r, 3); /* dealt, sent nothing */
    play_up_to(r, PHASE_UNMASK);
    for (size_t i = 0; i < N; i++) {
        if (i == 3)
            continue;
        struct unmask unmask;
        struct arena *arena = codec_arena(WIRE_FRAME_MAX);
        assert_ok(rehearsal_receive(r, i));
        assert_ok(codec_decode_unmask(message(r, i), arena, &unmask));
        assert_int_equal(unmask.self_shares.count, N - 1);
        assert_int_equal(unmask.mask_shares.count, 1);
        spoils_hear(spoils, MESSAGE_UNMASK, message(r, i));
        arena_destroy(&arena);
    }
    assert_int_equal(spoils_bared(spoils), 0);
    spoils_destroy(&spoils);
    rehearsal_destroy(&r);
}

/* --- whom a node believes
 * -------------------------------------------------------------------- */

static void sign_plan_with(struct rehearsal *r, const struct identity *signer,
                           uint32_t threshold)
{
    struct plan plan;
    uint8_t hash[HASH_BYTES];
    struct arena *arena = codec_arena(r->signed_plan.size);
    struct bytes anew = {0};
    assert_ok(rehearsal_sign_plan(r, 1, 2));
    assert_ok(
        plan_open(codec_view(&r->signed_plan), r->coordinator_key, arena, &plan, hash));
    plan.threshold = threshold;
    assert_ok(plan_sign(signer, &plan, &anew, hash));
    bytes_free(&r->signed_plan);
    r->signed_plan = anew;
    arena_destroy(&arena);
}

/* Flower: the server says how many shares are enough. */
static void peers__04_a_threshold_is_judged_by_the_node(void **state)
{
    (void)state;
    struct rehearsal *r = five(DIM);
    for (uint32_t threshold = 1; threshold <= N; threshold++) {
        sign_plan_with(r, r->coordinator, threshold);
        bool sound = threshold > r->quorum.colluders && threshold <= r->quorum.quorum &&
                     r->quorum.survivors + threshold > N + r->quorum.colluders;
        assert_int_equal(rehearsal_enter(r, 0), sound ? ERR_OK : ERR_DENIED);
    }
    rehearsal_destroy(&r);
}

/* Flower, Fed-BioMed, vantage6: keys relayed by the server, signed by nobody. */
static void peers__05_keys_are_signed_by_who_holds_them(void **state)
{
    (void)state;
    struct rehearsal *r = five(DIM);
    struct bytes body = {0}, own = {0};
    uint32_t kind;
    play_up_to(r, PHASE_SHARE);
    struct view advert = message(r, 1);
    bytes_append(&own, advert.data, advert.size);
    fetch(r, 0, &kind, &body);
    for (size_t i = 0; i + own.size <= body.size; i++)
        if (memcmp(body.data + i, own.data, own.size) == 0)
            body.data[i + own.size - 1] ^= 1;
    assert_int_equal(attempt_take(r->members[0].attempt, kind, codec_view(&body)),
                     ERR_VERIFY);
    assert_int_equal(attempt_reason(r->members[0].attempt), REASON_BAD_SIGNATURE);
    bytes_free(&body);
    bytes_free(&own);
    rehearsal_destroy(&r);
}

/* Fed-BioMed 6.3.3: whatever certificate the server shows this time. */
static void peers__06_the_coordinator_is_the_one_it_was(void **state)
{
    (void)state;
    struct rehearsal *r = five(DIM);
    sign_plan_with(r, r->members[1].identity, r->quorum.threshold);
    assert_int_equal(rehearsal_enter(r, 0), ERR_VERIFY);
    rehearsal_destroy(&r);
}

/* Whether `thief` opens what `sender` sealed for `receiver`, by all that the coordinator
 * and the thief know: the sealed bytes, everybody's keys and one's own secrets. */
static bool opens(const struct attempt *thief, const uint8_t receiver[KEY_BYTES],
                  size_t sender, const uint8_t *sealed)
{
    const struct advert *from = &thief->adverts[sender];
    const struct advert *to = &thief->adverts[attempt_find(thief, receiver)];
    struct pairkey keys = thief->secrets->keys;
    struct pairkey_parcel parcel;
    uint8_t agreed[PAIRKEY_BYTES], note[PAIRKEY_NOTE_BYTES];
    struct pairkey_place place = attempt_place(thief, sender);
    place.own = receiver;
    memcpy(keys.seal_key, to->seal_key, KEY_BYTES);
    assert_ok(pairkey_agree(&keys, from->seal_key, agreed));
    return pairkey_unseal(&place, &keys, from->seal_key, agreed,
                          attempt_point(thief, receiver), sealed, &parcel,
                          note) == ERR_OK;
}

/* NVFlare: one key for all who decrypt. What was sealed for one opens for no other, who
 * may have asked the coordinator for it, and for the one it does. */
static void peers__07_what_is_sealed_for_one_opens_for_nobody_else(void **state)
{
    (void)state;
    struct rehearsal *r = five(DIM);
    struct arena *arena = codec_arena(WIRE_FRAME_MAX);
    struct delivery delivery;
    struct bytes body = {0};
    uint32_t kind;
    play_up_to(r, PHASE_MASK);
    fetch(r, 1, &kind, &body); /* of members 0, 2, 3 and 4, in this order */
    assert_ok(codec_decode_delivery(codec_view(&body), arena, &delivery));
    for (size_t thief = 0; thief < N; thief++)
        for (size_t i = 0, sender = 0; sender < N; i += sender++ != 1)
            if (sender != 1 && sender != thief)
                assert_int_equal(opens(r->members[thief].attempt, r->members[1].key,
                                       sender, delivery.parcels.items[i].data),
                                 thief == 1);
    attempt_take(r->members[0].attempt, kind, codec_view(&body));
    assert_int_equal(attempt_reason(r->members[0].attempt), REASON_BAD_PARCEL);
    arena_destroy(&arena);
    bytes_free(&body);
    rehearsal_destroy(&r);
}

/* --- noise and bounds
 * ------------------------------------------------------------------------- */

static struct random *stream(uint8_t number)
{
    const uint8_t seed[RANDOM_SEED_BYTES] = {number};
    return random_new_seeded(seed);
}

/* Everybody in health: floating-point noise of a generator that is not cryptographic.
 * Here integers with the exact probabilities exp(-k^2/2)/sum: chi-square over nine bins
 * and the rest, p = 1e-6 at 9 degrees of freedom is 45.1. */
static void peers__08_noise_is_exact(void **state)
{
    (void)state;
    enum { DRAWS = 200000 };
    struct random *random = stream(8);
    double counts[10] = {0}, total = 0, rest = 1, chi = 0;
    for (int k = -20; k <= 20; k++)
        total += exp(-k * k / 2.0);
    for (size_t i = 0; i < DRAWS; i++) {
        int64_t x = noise_draw(random, 0);
        counts[x >= -4 && x <= 4 ? x + 4 : 9]++;
    }
    for (int k = 0; k <= 9; k++) {
        double p = k < 9 ? exp(-(k - 4) * (k - 4) / 2.0) / total : rest;
        rest -= p;
        chi += (counts[k] - p * DRAWS) * (counts[k] - p * DRAWS) / (p * DRAWS);
    }
    assert_true(chi < 45.1);
    random_destroy(&random);
}

/* Fed-BioMed: each tensor clipped by itself, so that many add up to more. One bound holds
 * over the whole vector. */
static void peers__09_one_bound_for_the_whole(void **state)
{
    (void)state;
    enum { LONG = 400, BOUND = 1 << 20 };
    double vector[LONG];
    int64_t integers[LONG];
    double squares = 0;
    for (size_t i = 0; i < LONG; i++)
        vector[i] = (double)BOUND * 0.9; /* every number by itself would pass */
    assert_ok(clip_quantise(vector, LONG, 1, BOUND, 0, integers));
    for (size_t i = 0; i < LONG; i++)
        squares += (double)integers[i] * (double)integers[i];
    assert_true(squares <= (double)BOUND * BOUND);
    assert_true(squares > 0.9 * (double)BOUND * BOUND);
}

/* One hospital's numbers with nobody in it: what the daemon adds to its patients'. */
static void nobodys_numbers(const struct hospital *h, struct random *random,
                            uint64_t *sum)
{
    struct prior_layout layout;
    struct contribute_report report;
    assert_ok(prior_layout(h->model, &layout));
    const struct contribute_task task = {.model = h->model,
                                         .layout = &layout,
                                         .prior = h->prior,
                                         .step = 1,
                                         .norm_max = 1,
                                         .random = random,
                                         .threads = 1};
    assert_ok(contribute(&task, sum, &report));
}

/* Noise twice, or at every site as if it were alone: the sum of what five hospitals'
 * daemons add has five variances, within 4.9 standard deviations. That a plan asks of
 * each for no more than its part is rounds__noise_is_sized_for_all_who_stay. */
static void peers__10_noise_is_added_once(void **state)
{
    const struct hospital *h = *state;
    size_t dimension = h->c->terms.dimension, count = 20000 / dimension * dimension;
    struct rehearsal *r = five((uint32_t)count);
    double squares = 0;
    for (size_t i = 0; i < N; i++)
        for (size_t k = 0; k < count; k += dimension)
            nobodys_numbers(h, r->members[i].random, r->members[i].integers + k);
    assert_ok(rehearsal_open(r, 1, 1));
    assert_ok(rehearsal_play(r, NULL));
    for (size_t i = 0; i < count; i++) {
        double x = (double)(int64_t)collection_sum(r->collection)[i];
        squares += pow(ldexp(x, -NOISE_LOG2), 2) / (double)count;
    }
    assert_near(squares / N, 1, 4.9 * sqrt(2.0 / (double)count));
    rehearsal_destroy(&r);
}

/* --- what is kept
 * ------------------------------------------------------------------------ */

/* Fed-BioMed: what was spent is forgotten with the process. Every node crashes after each
 * step; the storm's first invariant is that no input leaves unless the disk counts it and
 * all before. */
static void peers__11_what_was_spent_stays_spent(void **state)
{
    (void)state;
    struct storm_op ops[60] = {0};
    struct storm_result result;
    for (size_t i = 0; i < 60; i++)
        ops[i] = i % 6 < 4 ? (struct storm_op){STORM_WORK, 0, 0}
                           : (struct storm_op){STORM_KILL, (uint32_t)i, 0};
    storm_play(11, N, ops, 60, &result);
    assert_string_equal(result.failure, "");
    assert_true(result.sent > result.rounds * N); /* some were lost, and paid for */
}

/* What a hospital of so many patients sends from its poll to the end of an attempt, as it
 * is seen without opening a mask: the size of every frame, and what its input shows. */
struct seen {
    size_t sizes[1 + PHASE_END];
    uint64_t ledger_length;
};

static struct seen watch(size_t patients)
{
    struct hospital *h;
    struct seen seen = {0};
    struct node_exchange exchange;
    struct bytes frame = {0};
    struct part *part;
    struct others others;
    struct input input;
    void *state;
    assert_int_equal(hospital_set_up(&state), 0);
    h = state;
    struct node_study *study = hospital_approved(h);
    struct plan plan = hospital_plan(h);
    hospital_patients(h, patients);
    assert_ok(node_exchange_ask(h->node, &exchange, study, &frame));
    seen.sizes[PHASE_END] = frame.size;
    assert_ok(enter(h, &plan, &part));
    others_enter(h, &plan, &others);
    for (enum phase phase = 0; phase < PHASE_END; phase++) {
        frame.size = 0;
        assert_ok(part_ask(part, &exchange, &frame));
        seen.sizes[phase] = frame.size;
        assert_ok(play_phase(h, part, &others));
    }
    struct arena *arena = codec_arena(WIRE_SIGNED_SMALL_MAX);
    assert_ok(collection_input(others.collection, h->c->keys, arena, &input));
    seen.ledger_length = input.ledger_length;
    arena_destroy(&arena);
    bytes_free(&frame);
    part_destroy(&part);
    others_leave(&others);
    node_study_destroy(&study);
    assert_int_equal(hospital_tear_down(&state), 0);
    return seen;
}

/* FATE, Fed-BioMed: how many patients a site has, in the clear. A hospital of 200 says
 * nothing that one of 6 would not; the count is a number of the vector, masked like all
 * others. */
static void peers__12_nobody_sees_how_many_patients(void **state)
{
    (void)state;
    struct seen few = watch(6), many = watch(200);
    for (size_t i = 0; i <= PHASE_END; i++)
        assert_int_equal(few.sizes[i], many.sizes[i]);
    assert_int_equal(few.ledger_length, many.ledger_length);
    uint64_t words[DIM];
    masked_after(0, 0, words);
    struct rehearsal *r = five(DIM);
    for (size_t k = 0; k < DIM; k++)
        assert_true(words[k] != r->members[0].integers[k]);
    rehearsal_destroy(&r);
}

/* vantage6: encrypted, but anybody can change what comes out. */
static void peers__13_what_is_sealed_cannot_be_changed(void **state)
{
    (void)state;
    for (size_t byte = 0; byte < PAIRKEY_PARCEL_BYTES; byte += 7) {
        struct rehearsal *r = five(DIM);
        struct bytes body = {0};
        uint32_t kind;
        play_up_to(r, PHASE_MASK);
        fetch(r, 0, &kind, &body);
        body.data[body.size - 1 - byte] ^= 0x10;
        attempt_take(r->members[0].attempt, kind, codec_view(&body));
        assert_int_equal(attempt_reason(r->members[0].attempt), REASON_BAD_PARCEL);
        bytes_free(&body);
        rehearsal_destroy(&r);
    }
}

/* Fed-BioMed: what does not fit the quantiser is cut off at +-3 with a warning, and
 * counts as that. Here nothing wraps, whatever comes in: it is scaled onto the bound, or
 * zero. */
static void peers__14_nothing_overflows(void **state)
{
    (void)state;
    const double strange[] = {1e308, -1e308, INFINITY, -INFINITY, NAN, 5e-324, -0.0};
    int64_t integers[3];
    for (size_t i = 0; i < sizeof strange / sizeof *strange; i++) {
        const double vector[3] = {1, strange[i], -strange[i]};
        double squares = 0;
        assert_ok(clip_quantise(vector, 3, 0x1p-20, 1 << 22, 1, integers));
        for (size_t k = 0; k < 3; k++)
            squares += (double)integers[k] * (double)integers[k];
        assert_true(squares <= ldexp(1, 44));
        assert_true(isfinite(strange[i]) || integers[0] == 1 << 20);
    }
}

/* All: a log that its owner can write anew. The ledger's head is signed into adverts and
 * inputs, so that what was shown once can be held against it. */
static void peers__15_the_ledger_is_shown_with_every_input(void **state)
{
    (void)state;
    struct rehearsal *r = five(DIM);
    struct arena *arena = codec_arena(WIRE_FRAME_MAX);
    struct masked_input masked;
    struct input input;
    play_up_to(r, PHASE_MASK);
    assert_ok(rehearsal_receive(r, 0));
    assert_ok(codec_decode_masked_input(message(r, 0), arena, &masked));
    assert_ok(phase_read_input(masked.input, arena, &input));
    assert_int_equal(input.ledger_length, 1);
    uint8_t *changed = mem_copy(masked.input.data, masked.input.size);
    const struct view view = {changed, masked.input.size};
    changed[view.size - SIGNATURE_BYTES - 3] ^= 1; /* the last of the head */
    assert_ok(phase_read_input(view, arena, &input));
    assert_int_equal(input.ledger_head[HASH_BYTES - 1], 1);
    assert_int_equal(
        phase_open_input(view, collection_context(r->collection), arena, &input),
        REASON_BAD_SIGNATURE);
    mem_free(changed);
    arena_destroy(&arena);
    rehearsal_destroy(&r);
}

/* Fed-BioMed: the researcher sends the seed. Nothing random follows from a plan: entered
 * twice it gives other keys, and everything else follows from those. */
static void peers__16_no_seed_comes_from_outside(void **state)
{
    (void)state;
    struct rehearsal *r = five(DIM);
    struct arena *arena = codec_arena(WIRE_FRAME_MAX);
    struct advert one, other;
    assert_ok(phase_read_advert(message(r, 0), arena, &one));
    assert_ok(rehearsal_enter(r, 0));
    assert_ok(phase_read_advert(message(r, 0), arena, &other));
    assert_memory_equal(one.plan, other.plan, HASH_BYTES);
    assert_memory_not_equal(one.mask_key, other.mask_key, KEY_BYTES);
    assert_memory_not_equal(one.seal_key, other.seal_key, KEY_BYTES);
    assert_memory_not_equal(one.commitment, other.commitment, HASH_BYTES);
    arena_destroy(&arena);
    rehearsal_destroy(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(peers__01_seeds_are_not_folded),
        cmocka_unit_test(peers__02_masks_take_every_value),
        cmocka_unit_test(peers__03_one_share_for_each_member),
        cmocka_unit_test(peers__04_a_threshold_is_judged_by_the_node),
        cmocka_unit_test(peers__05_keys_are_signed_by_who_holds_them),
        cmocka_unit_test(peers__06_the_coordinator_is_the_one_it_was),
        cmocka_unit_test(peers__07_what_is_sealed_for_one_opens_for_nobody_else),
        cmocka_unit_test(peers__08_noise_is_exact),
        cmocka_unit_test(peers__09_one_bound_for_the_whole),
        IN_HOSPITAL(peers__10_noise_is_added_once),
        cmocka_unit_test(peers__11_what_was_spent_stays_spent),
        cmocka_unit_test(peers__12_nobody_sees_how_many_patients),
        cmocka_unit_test(peers__13_what_is_sealed_cannot_be_changed),
        cmocka_unit_test(peers__14_nothing_overflows),
        cmocka_unit_test(peers__15_the_ledger_is_shown_with_every_input),
        cmocka_unit_test(peers__16_no_seed_comes_from_outside),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
