#include "wire/quorum.h"

#include "check.h"
#include "golden.h"
#include "wire/codec.h"
#include "wire/graph.h"

static struct quorum chosen(uint32_t members, uint32_t colluders)
{
    struct quorum quorum;
    assert_ok(quorum_choose(members, colluders, 0, &quorum));
    return quorum;
}

static void quorum__agrees_with_every_golden_row(void **state)
{
    (void)state;
    struct golden golden = golden_open("secagg_fullgraph_thresholds.csv");
    while (golden_next(&golden)) {
        uint32_t members = (uint32_t)golden_number(&golden, "n");
        uint32_t colluders = (uint32_t)golden_number(&golden, "max_corrupt_clients");
        if (colluders == 0)
            continue; /* the house counts one at least */
        struct quorum quorum = chosen(members, colluders);
        assert_int_equal(quorum.quorum, golden_number(&golden, "consistency_quorum_q"));
        assert_int_equal(members - quorum.quorum,
                         golden_number(&golden, "max_dropouts_by_quorum"));
        if (members > QUORUM_COMPLETE_MAX)
            continue;
        assert_in_range(quorum.threshold,
                        golden_number(&golden, "shamir_t_min_with_quorum"),
                        quorum.quorum);
    }
    assert_int_equal(golden.rows, 66);
}

/* The table of the design: n, c, q, t, u_min. */
static void quorum__gives_the_numbers_people_expect(void **state)
{
    (void)state;
    static const uint32_t rows[][5] = {{3, 1, 3, 2, 3},    {4, 1, 3, 3, 4},
                                       {5, 1, 4, 3, 4},    {8, 2, 6, 5, 7},
                                       {16, 3, 10, 9, 13}, {64, 15, 40, 33, 52}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct quorum quorum = chosen(rows[i][0], rows[i][1]);
        assert_int_equal(quorum.quorum, rows[i][2]);
        assert_int_equal(quorum.threshold, rows[i][3]);
        assert_int_equal(quorum.survivors, rows[i][4]);
        assert_int_equal(quorum.degree, rows[i][0] - 1);
    }
    struct quorum quorum;
    assert_ok(quorum_choose(16, 3, 15, &quorum));
    assert_int_equal(quorum.survivors, 15);
    assert_ok(quorum_choose(16, 3, 2, &quorum));
    assert_int_equal(quorum.survivors, 13);
}

static void quorum__two_quorums_share_an_honest_member(void **state)
{
    (void)state;
    for (uint32_t n = 3; n <= 64; n++)
        for (uint32_t c = 1; c <= n - 2; c++) {
            struct quorum quorum = chosen(n, c);
            assert_true(2 * quorum.quorum > n + c);
            assert_true(2 * (quorum.quorum - 1) <=
                        n + c); /* and asks no more than that */
            assert_true(quorum.threshold > c);
            assert_ok(quorum_check(&quorum));
        }
}

/* The same by looking at every pair of quorums: however the colluders are placed, they do
 * not cover what two quorums have in common. */
static void quorum__two_quorums_share_an_honest_member_in_every_set(void **state)
{
    (void)state;
    for (uint32_t n = 3; n <= 9; n++)
        for (uint32_t c = 1; c <= n - 2; c++) {
            int q = (int)chosen(n, c).quorum, least = (int)n;
            for (unsigned a = 0; a < 1u << n; a++)
                for (unsigned b = 0; b < 1u << n; b++)
                    if (__builtin_popcount(a) == q && __builtin_popcount(b) == q &&
                        __builtin_popcount(a & b) < least)
                        least = __builtin_popcount(a & b);
            assert_true(least > (int)c);
        }
}

static void quorum__check_names_the_number_that_is_too_weak(void **state)
{
    (void)state;
    /* Everything as weak as is sound: 2q = n + c + 1, u_min = q, u_min + t = n + c + 1.
     */
    const struct quorum tight = {12, 3, 8, 8, 8, 11};
    assert_ok(quorum_check(&tight));
    struct quorum plan = tight;
    plan.members = 13;
    assert_refused(ERR_DENIED, "13 members", quorum_check(&plan));
    plan = tight;
    plan.colluders = 4;
    assert_refused(ERR_DENIED, "4 colluders", quorum_check(&plan));
    plan = tight;
    plan.colluders = 0;
    assert_refused(ERR_DENIED, "0 colluders", quorum_check(&plan));
    plan = tight;
    plan.quorum = 7;
    assert_refused(ERR_DENIED, "quorum of 7", quorum_check(&plan));
    plan = tight;
    plan.threshold = 3;
    assert_refused(ERR_DENIED, "threshold of 3", quorum_check(&plan));
    plan.threshold = 9;
    assert_refused(ERR_DENIED, "threshold of 9", quorum_check(&plan));
    plan.threshold = 7;
    assert_refused(ERR_DENIED, "two sums of a round could differ", quorum_check(&plan));
    plan = tight;
    plan.survivors = 7;
    assert_refused(ERR_DENIED, "7 survivors", quorum_check(&plan));
    plan.survivors = 13;
    assert_refused(ERR_DENIED, "13 survivors", quorum_check(&plan));
    plan = tight;
    plan.degree = 10;
    assert_refused(ERR_DENIED, "degree of 10", quorum_check(&plan));
    plan.degree = 12;
    assert_refused(ERR_DENIED, "degree of 12", quorum_check(&plan));
    plan = (struct quorum){UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX, 0};
    assert_refused(ERR_DENIED, "members", quorum_check(&plan));
    plan = (struct quorum){12, UINT32_MAX, UINT32_MAX, 5, UINT32_MAX, 11};
    assert_refused(ERR_DENIED, "survivors", quorum_check(&plan));
    plan = (struct quorum){0};
    assert_int_equal(quorum_check(&plan), ERR_DENIED);
}

static void quorum__keeps_two_honest_inputs_in_every_sum(void **state)
{
    (void)state;
    struct quorum quorum = {.members = 99};
    assert_refused(ERR_RANGE, "2 members", quorum_choose(2, 1, 0, &quorum));
    assert_non_null(strstr(err_hint_text(), "find another hospital"));
    assert_refused(ERR_RANGE, "1 member,", quorum_choose(1, 1, 0, &quorum));
    assert_int_equal(quorum_choose(0, 1, 0, &quorum), ERR_RANGE);
    assert_refused(ERR_RANGE, "3 colluders", quorum_choose(4, 3, 0, &quorum));
    assert_non_null(strstr(err_hint_text(), "at most 2"));
    assert_refused(ERR_RANGE, "colluders", quorum_choose(4, UINT32_MAX, 0, &quorum));
    assert_int_equal(quorum.members, 99);
    /* Two of two, three of four colluding: all else is sound. */
    assert_refused(ERR_DENIED, "2 survivors with 1 colluder",
                   quorum_check(&(struct quorum){2, 1, 2, 2, 2, 1}));
    assert_refused(ERR_DENIED, "4 survivors with 3 colluders",
                   quorum_check(&(struct quorum){4, 3, 4, 4, 4, 3}));
    for (uint32_t n = 3; n <= 64; n++)
        for (uint32_t c = 1; c <= n - 2; c++)
            assert_true(chosen(n, c).survivors >= c + 2);
}

/* Whoever gave shares for one sum and is honest enters no attempt at one too near. Among
 * as many as must enter that there is such a one, for any who gave the shares of the
 * first: t of everybody, or so many that each of u secrets has t among its holders, which
 * no set of fewer than their even part can be. Counted without the formula's help: the
 * largest set that could enter a second attempt is too small. */
static void quorum__leaves_no_second_sum_of_a_round(void **state)
{
    (void)state;
    for (uint32_t n = 3; n <= 64; n++)
        for (uint32_t c = 1; c <= n - 2; c++) {
            struct quorum q = chosen(n, c), less = q;
            /* t gave shares, of whom c lie about it; who gave none, and they, enter. */
            uint32_t honest_givers = q.threshold - c, may_enter = n - honest_givers;
            assert_true(may_enter < q.survivors);
            assert_true(q.threshold <= q.quorum);
            less.threshold = n + c - q.survivors;
            if (less.threshold > c)
                assert_refused(ERR_DENIED, "could differ", quorum_check(&less));
        }
    static const uint32_t rows[][2] = {{257, 1}, {257, 60}, {300, 90}, {1000, 241}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct quorum q = chosen(rows[i][0], rows[i][1]);
        assert_true(q.degree < q.members - 1);
        /* Each giver serves degree + 1 secrets at most. */
        uint32_t givers = 0;
        while ((uint64_t)givers * (q.degree + 1) < (uint64_t)q.survivors * q.threshold)
            givers++;
        assert_true(q.members - (givers - q.colluders) < q.survivors);
        assert_ok(quorum_check(&q));
        /* More than the least had to stay. */
        assert_true(q.survivors > q.members - q.members / 5);
    }
}

/* Above QUORUM_COMPLETE_MAX members. */
static void quorum__large_plans_have_a_graph_that_suffices(void **state)
{
    (void)state;
    static const uint32_t rows[][2] = {{257, 42}, {300, 1}, {300, 50}, {1000, 166}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct quorum large = chosen(rows[i][0], rows[i][1]), plan;
        uint32_t missing = large.members - large.survivors;
        assert_int_equal(large.survivors, large.members - large.members / 5);
        assert_true(large.degree < large.members - 1);
        assert_true(graph_suffices(large.members, large.colluders, missing, large.degree,
                                   large.threshold));
        assert_ok(quorum_check(&large));
        plan = large;
        plan.degree -= 2;
        assert_refused(ERR_DENIED, "a degree of", quorum_check(&plan));
        plan = large;
        plan.degree += 1;
        assert_refused(ERR_DENIED, "a degree of", quorum_check(&plan));
        plan = large;
        plan.degree = plan.members;
        assert_refused(ERR_DENIED, "a degree of", quorum_check(&plan));
        plan = large;
        plan.colluders += 2;
        plan.quorum += 1;
        assert_refused(ERR_DENIED, "a degree of", quorum_check(&plan));
        plan = large;
        plan.survivors -= 2;
        assert_refused(ERR_DENIED, "a degree of", quorum_check(&plan));
        plan = large;
        while (graph_suffices(plan.members, plan.colluders, missing, plan.degree,
                              plan.threshold))
            plan.threshold--;
        assert_refused(ERR_DENIED, "with a threshold of", quorum_check(&plan));
        /* Everybody is never too many. */
        plan = large;
        plan.degree = plan.members - 1;
        plan.threshold = missing + plan.colluders + 1;
        assert_ok(quorum_check(&plan));
        plan.threshold--;
        assert_refused(ERR_DENIED, "could differ", quorum_check(&plan));
        plan.threshold = plan.colluders;
        assert_refused(ERR_DENIED, "threshold", quorum_check(&plan));
    }
    assert_int_equal(chosen(256, 42).degree, 255);
    struct quorum small = chosen(100, 16);
    assert_ok(graph_parameters(100, 16, 20, &small.degree, &small.threshold));
    assert_refused(ERR_DENIED, "a degree of", quorum_check(&small));
}

/* No graph but the complete one is left where nearly everybody colludes. */
static void quorum__large_plans_fall_back_to_everybody(void **state)
{
    (void)state;
    struct quorum plan = chosen(300, 297);
    assert_int_equal(plan.degree, 299);
    assert_int_equal(plan.threshold, 299);
    assert_ok(quorum_check(&plan));
}

static void quorum__refuses_what_cannot_be(void **state)
{
    (void)state;
    struct quorum quorum;
    assert_refused(ERR_RANGE, "no colluders", quorum_choose(5, 0, 0, &quorum));
    assert_refused(ERR_RANGE, "at least 6 inputs", quorum_choose(5, 1, 6, &quorum));
    assert_refused(ERR_RANGE, "1025 members", quorum_choose(1025, 1, 0, &quorum));
    assert_int_equal(QUORUM_MEMBERS_MAX, WIRE_PARTICIPANTS_MAX);
}

static void quorum__allows_for_one_colluder_in_six(void **state)
{
    (void)state;
    static const uint32_t rows[][2] = {{1, 1}, {3, 1}, {11, 1}, {12, 2}, {1000, 166}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_int_equal(quorum_colluders(rows[i][0]), rows[i][1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quorum__agrees_with_every_golden_row),
        cmocka_unit_test(quorum__gives_the_numbers_people_expect),
        cmocka_unit_test(quorum__two_quorums_share_an_honest_member),
        cmocka_unit_test(quorum__two_quorums_share_an_honest_member_in_every_set),
        cmocka_unit_test(quorum__check_names_the_number_that_is_too_weak),
        cmocka_unit_test(quorum__keeps_two_honest_inputs_in_every_sum),
        cmocka_unit_test(quorum__leaves_no_second_sum_of_a_round),
        cmocka_unit_test(quorum__large_plans_have_a_graph_that_suffices),
        cmocka_unit_test(quorum__large_plans_fall_back_to_everybody),
        cmocka_unit_test(quorum__refuses_what_cannot_be),
        cmocka_unit_test(quorum__allows_for_one_colluder_in_six),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
