#include "sim/rehearsal.h"

#include "check.h"

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
            assert_int_equal(r->members[i].charged, 1);
            assert_memory_equal(attempt_survivors(r->members[i].attempt),
                                collection_survivors(r->collection), HASH_BYTES);
        }
        rehearsal_destroy(&r);
    }
}

/* Five hospitals, each of which leaves before one of the five phases or never: 6^5 ways.
 * With q = u_min = 4 the sum over those who sent an input comes out as long as four of
 * them go on to confirm and a threshold of them to unmask. */
static void rehearsal__survives_every_dropout_or_reveals_nothing(void **state)
{
    (void)state;
    enum { N = 5, WAYS = 7776 };
    struct rehearsal *r = consortium_of(N, 1, 3);
    size_t sums = 0;
    for (unsigned way = 0; way < WAYS; way++) {
        enum phase leaves[N];
        size_t left[PHASE_END] = {0};
        for (unsigned i = 0, rest = way; i < N; i++, rest /= 6)
            leaves[i] = rest % 6;
        for (enum phase phase = 0; phase < PHASE_END; phase++)
            for (size_t i = 0; i < N; i++)
                left[phase] += leaves[i] > phase;
        assert_ok(rehearsal_open(r, 1, 1));
        assert_ok(rehearsal_play(r, leaves));
        bool expected = left[PHASE_MASK] >= r->quorum.survivors &&
                        left[PHASE_CONFIRM] >= r->quorum.quorum &&
                        left[PHASE_UNMASK] >= r->quorum.threshold;
        assert_int_equal(collection_succeeded(r->collection), expected);
        if (expected)
            assert_true(rehearsal_sum_is_exact(r, leaves));
        else
            assert_null(collection_sum(r->collection));
        sums += expected;
    }
    assert_true(sums > 0);
    print_message("%zu of %d ways end with a sum\n", sums, WAYS);
    rehearsal_destroy(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rehearsal__sums_exactly_when_all_stay),
        cmocka_unit_test(rehearsal__survives_every_dropout_or_reveals_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
