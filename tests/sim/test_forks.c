/* forks - a coordinator that shows a round of one roster to some and of another to
 * others, or a list in which somebody is missing or stands twice. Masks between halves do
 * not cancel, a half alone is too small, and nobody goes on with a list that is wrong: at
 * most the one sum comes out that the protocol is for. */

#include "stage.h"

static size_t tried;

/* --- two rosters
 * ---------------------------------------------------------------------------- */

static void other_roster(struct plan *plan)
{
    plan->roster[5] ^= 1;
}

static void other_terms(struct plan *plan)
{
    plan->terms[5] ^= 1;
}

static size_t size_of(uint64_t set)
{
    size_t size = 0;
    for (; set; set &= set - 1)
        size++;
    return size;
}

/* Honest members of `side` in the first scene, the others in the second, the colluder in
 * both. Each is told everything that fits: of its own half, or, once, of everybody. */
static void split(uint64_t side, void (*change)(struct plan *plan), bool everybody)
{
    struct stage s = stage_of(N, 1, 1u << COLLUDER, 1);
    uint64_t sides[2] = {side, WITHOUT(COLLUDER) & ~side};
    size_t smallest;
    for (size_t scene = 0; scene < 2; scene++) {
        for (size_t i = 0; i < N; i++)
            if (i == COLLUDER || sides[scene] >> i & 1)
                assert_ok(liar_enter(s.liar, scene, i));
        change_plan(s.r, change);
    }
    for (size_t scene = 0; scene < 2; scene++) {
        uint64_t shown = everybody ? ALL : sides[scene] | 1u << COLLUDER;
        const struct liar_view view = {shown, shown, shown, shown};
        enum reason reason =
            liar_lead(s.liar, scene, sides[scene] | 1u << COLLUDER, &view, PHASE_UNMASK);
        size_t members = size_of(shown);
        if (everybody)
            assert_int_equal(reason, REASON_WRONG_PLAN);
        else
            assert_int_equal(reason, members < s.r->quorum.survivors ? REASON_TOO_FEW
                                                                     : REASON_NONE);
    }
    assert_one_sum(&s, "forked", side);
    bool whole = !everybody && size_of(side) != 2;
    assert_int_equal(spoils_sums(s.liar->spoils, &smallest),
                     whole); /* of three and one */
    leave(&s);
    tried++;
}

static void forks__of_a_roster_give_one_sum_at_most(void **state)
{
    (void)state;
    tried = 0;
    for (uint64_t side = 1; side < WITHOUT(COLLUDER); side++) {
        split(side, other_roster, false);
        split(side, other_terms, true);
    }
    print_message("%zu forks\n", tried);
    assert_true(tried >= 20);
}

/* --- somebody left out
 * ---------------------------------------------------------------------- */

/* From a phase on, in everything that anybody is told: it goes no further itself, and the
 * others' sum is theirs. */
static void forks__leave_somebody_out(void **state)
{
    (void)state;
    tried = 0;
    for (size_t victim = 0; victim < COLLUDER; victim++)
        for (enum phase from = PHASE_ADVERTISE; from <= PHASE_MASK; from++) {
            struct stage s = from ? five_after(from - 1) : five();
            const uint64_t less = WITHOUT(victim);
            const struct liar_view view = {from <= PHASE_ADVERTISE ? less : ALL,
                                           from <= PHASE_SHARE ? less : ALL, less, less};
            size_t smallest;
            assert_int_equal(liar_tell(s.liar, 0, victim, &view), REASON_NOT_INCLUDED);
            assert_int_equal(liar_lead(s.liar, 0, less, &view, PHASE_UNMASK),
                             REASON_NONE);
            assert_one_sum(&s, "left out", victim);
            assert_int_equal(spoils_sums(s.liar->spoils, &smallest), 1);
            assert_int_equal(smallest, 3);
            leave(&s);
            tried++;
        }
    assert_int_equal(tried, 12);
}

/* --- somebody twice
 * ------------------------------------------------------------------------- */

/* A bundle, survivors and confirmations are lists of Signed in one field. */
static void double_item(struct bytes *body, size_t index)
{
    struct bytes doubled = {0};
    struct arena *arena = codec_arena(body->size);
    struct bundle bundle;
    struct view items[N + 1];
    assert_ok(codec_decode_bundle(codec_view(body), arena, &bundle));
    for (size_t i = 0; i <= bundle.adverts.count; i++)
        items[i] = bundle.adverts.items[i - (i > index)];
    bundle.adverts = (struct views){items, bundle.adverts.count + 1};
    assert_ok(codec_encode_bundle(&bundle, &doubled));
    arena_destroy(&arena);
    bytes_free(body);
    *body = doubled;
}

static void forks__count_somebody_twice(void **state)
{
    (void)state;
    static const enum phase phases[] = {PHASE_ADVERTISE, PHASE_MASK, PHASE_CONFIRM};
    tried = 0;
    for (size_t i = 0; i < 3; i++)
        for (size_t victim = 0; victim < 4; victim++) {
            struct stage s = phases[i] ? five_after(phases[i] - 1) : five();
            struct bytes body = {0};
            assert_ok(liar_compose(s.liar, 0, 0, phases[i], &honest, &body));
            double_item(&body, victim);
            assert_string_equal(reason_name(liar_hand(s.liar, 0, 0, codec_view(&body))),
                                reason_name(REASON_MALFORMED));
            assert_nothing_out(&s);
            bytes_free(&body);
            leave(&s);
            tried++;
        }
    assert_int_equal(tried, 12);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(forks__of_a_roster_give_one_sum_at_most),
        cmocka_unit_test(forks__leave_somebody_out),
        cmocka_unit_test(forks__count_somebody_twice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
